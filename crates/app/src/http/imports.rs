//! Imports: a feed as body, streamed to disk, or the address of one.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;
use tempfile::NamedTempFile;
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use vetrina_engine::engine::{FeedSource, ImportRequest};

use super::body;
use super::parameters::{InPath, InQuery, catalogue};
use super::problem::Problem;
use super::schema;
use super::state::App;

/// Folder under the data folder where feeds come in.
pub const INCOMING: &str = "incoming";
/// How long the next bytes may take.
const PATIENCE: Duration = Duration::from_mins(1);
/// Longest body that is looked at as `{"url": …}`.
const LONGEST_ADDRESS: u64 = 64 << 10;

/// How to import.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    dry_run: bool,
    sync: bool,
    force: bool,
    dialect: Option<String>,
    name: Option<String>,
}

/// A feed by its address.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ByAddress {
    url: String,
}

/// Import a feed
///
/// The feed is the body, as it is; or the body is `{"url": …}`. With `dry_run` nothing is written and the answer says what the feed would bring.
#[utoipa::path(post, path = "/v1/catalogues/{catalogue}/imports", tag = "jobs",
    params(
        ("catalogue" = String, Path, description = "Name of the catalogue; made when it is not there"),
        ("dry_run" = Option<bool>, Query, description = "Look into the feed only"),
        ("sync" = Option<bool>, Query, description = "Remove products that the feed no longer has"),
        ("force" = Option<bool>, Query, description = "With `sync`: remove them even when the feed breaks off, is empty, or has nothing of what is there"),
        ("dialect" = Option<String>, Query, description = "Kind of feed; `auto` unless told"),
        ("name" = Option<String>, Query, description = "The feed's file name, for people and for recognition"),
    ),
    request_body(description = "The feed's bytes, or its address",
        content((Vec<u8> = "application/octet-stream"), (schema::FeedAddress = "application/json"))),
    responses(
        (status = 200, description = "what the feed would bring (`dry_run`)", body = schema::DryRun),
        (status = 202, description = "the import runs", body = schema::StartedJob),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
        (status = 503, body = schema::Problem, content_type = "application/problem+json"),
    ))]
pub async fn start(
    State(app): State<Arc<App>>,
    InPath(name): InPath<String>,
    InQuery(options): InQuery<Options>,
    request: Request,
) -> Result<Response, Problem> {
    let catalogue = catalogue(&name)?;
    let held = app.permits.body()?;
    let folder = app.engine()?.options().data.join(INCOMING);
    let as_json = body::is(request.headers(), "application/json");
    let file = receive(request.into_body(), folder, app.settings.feed_bytes).await?;
    let address = if as_json { address_in(&file)? } else { None };
    let feed = match address {
        Some(url) => FeedSource::Url(url),
        None => FeedSource::Upload { name: options.name.clone().unwrap_or_default(), file: file.path().to_owned() },
    };
    let import = ImportRequest {
        catalogue,
        feed,
        dialect: options.dialect.unwrap_or_else(|| "auto".to_owned()),
        images: None,
        sync: options.sync,
        force: options.force,
        currency: None,
    };
    let permit = app.permits.work()?;
    if options.dry_run {
        let report = app
            .work(permit, move |engine| {
                // The feed is read from the file, which goes afterwards.
                let (_held, _file) = (held, file);
                engine.inspect(&import)
            })
            .await?;
        return Ok(Json(report).into_response());
    }
    let job = app
        .work(permit, move |engine| {
            // When the engine has taken the file, there is nothing left to remove.
            let (_held, _file) = (held, file);
            engine.start_import(import)
        })
        .await?;
    let place = HeaderValue::from_str(&format!("/v1/jobs/{}", job.id)).map_err(|error| Problem::internal(&error))?;
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, place)], Json(json!({"job": job}))).into_response())
}

/// The address in a body of JSON; none when the body is a feed that happens to be JSON.
fn address_in(file: &NamedTempFile) -> Result<Option<String>, Problem> {
    let length = file.as_file().metadata().map_err(|error| disk(&error))?.len();
    if length > LONGEST_ADDRESS {
        return Ok(None);
    }
    let bytes = std::fs::read(file.path()).map_err(|error| disk(&error))?;
    Ok(serde_json::from_slice::<ByAddress>(&bytes).ok().map(|by| by.url))
}

/// Writes a body to a file as it comes; as fast as the disk takes it, and no faster.
async fn receive(body: Body, folder: PathBuf, most: u64) -> Result<NamedTempFile, Problem> {
    let (sender, receiver) = mpsc::channel::<Bytes>(4);
    let writer = tokio::task::spawn_blocking(move || store(&folder, receiver));
    let mut stream = body.into_data_stream();
    let mut length: u64 = 0;
    let mut trouble = None;
    loop {
        match tokio::time::timeout(PATIENCE, stream.next()).await {
            Ok(Some(Ok(bytes))) => {
                length += bytes.len() as u64;
                if length > most {
                    let detail = format!("the feed is longer than {most} bytes");
                    trouble = Some(
                        Problem::too_large(detail)
                            .hint("let the operator raise `limits.feed_mib`, or import it by command"),
                    );
                    break;
                }
                if sender.send(bytes).await.is_err() {
                    break; // The writer says why.
                }
            }
            Ok(Some(Err(error))) => {
                trouble = Some(Problem::bad_request("broken-off", format!("the feed broke off: {error}")));
                break;
            }
            Ok(None) => break,
            Err(_) => {
                let detail = format!("nothing came for {} seconds", PATIENCE.as_secs());
                trouble = Some(Problem::new(StatusCode::REQUEST_TIMEOUT, "too-slow", detail));
                break;
            }
        }
    }
    drop(sender);
    let file = writer.await.map_err(|error| Problem::internal(&error))?.map_err(|error| disk(&error))?;
    match trouble {
        Some(problem) => Err(problem),
        None if length == 0 => {
            Err(Problem::bad_request("empty-feed", "the body is empty").hint("send the feed, or {\"url\": …}"))
        }
        None => Ok(file),
    }
}

fn store(folder: &Path, mut chunks: mpsc::Receiver<Bytes>) -> std::io::Result<NamedTempFile> {
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::Builder::new().prefix("feed-").tempfile_in(folder)?;
    while let Some(chunk) = chunks.blocking_recv() {
        file.write_all(&chunk)?;
    }
    file.flush()?;
    Ok(file)
}

fn disk(error: &std::io::Error) -> Problem {
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "disk-full", "the feed does not fit on the server's disk")
                .hint("make room in the data folder")
        }
        _ => Problem::internal(error),
    }
}
