//! Spaces of a catalogue: what it is searched in, trained, compared, promoted, rolled back.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use vetrina_engine::engine::{Job, Learned, PromoteRequest, SpaceInfo, TrainRequest, WithWords};

use super::body;
use super::parameters::{InPath, catalogue};
use super::problem::Problem;
use super::schema;
use super::state::App;

/// Longest body of a wish.
const LONGEST: u64 = 64 << 10;

/// The spaces of a catalogue: the default one, then the trained ones, latest first
#[utoipa::path(get, path = "/v1/catalogues/{catalogue}/spaces", tag = "spaces",
    params(("catalogue" = String, Path, description = "Name of the catalogue")),
    responses(
        (status = 200, body = schema::Spaces),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ))]
pub async fn list(State(app): State<Arc<App>>, InPath(name): InPath<String>) -> Result<Json<Value>, Problem> {
    let catalogue = catalogue(&name)?;
    let spaces = app.read(move |engine| engine.spaces(&catalogue)).await?;
    Ok(Json(json!({"spaces": spaces})))
}

/// One space, with where it comes from and how it compared
#[utoipa::path(get, path = "/v1/catalogues/{catalogue}/spaces/{id}", tag = "spaces",
    params(
        ("catalogue" = String, Path, description = "Name of the catalogue"),
        ("id" = String, Path, description = "The space's id, `default` or `active`"),
    ),
    responses(
        (status = 200, body = schema::Space),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ))]
pub async fn get(
    State(app): State<Arc<App>>,
    InPath((name, id)): InPath<(String, String)>,
) -> Result<Json<SpaceInfo>, Problem> {
    let catalogue = catalogue(&name)?;
    Ok(Json(app.read(move |engine| engine.space_of(&catalogue, &id)).await?))
}

/// What to learn from.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools, reason = "fields of the interface are what they are")]
struct Wish {
    labels: Option<String>,
    #[serde(default)]
    confirmed: bool,
    #[serde(default)]
    unsupervised: bool,
    #[serde(default)]
    words: bool,
    #[serde(default)]
    promote: bool,
}

/// Train a space
///
/// Learns from what is stored, compares the new space with the one in use on this catalogue, and keeps it. Nothing changes for shoppers until it is
/// promoted. The job's `result` has `space` and `report`. `words` alone brings words into the active space; when they find more than chance would, searches by
/// words use them from then on.
#[utoipa::path(post, path = "/v1/catalogues/{catalogue}/spaces", tag = "spaces",
    params(("catalogue" = String, Path, description = "Name of the catalogue")),
    request_body = schema::TrainRequest,
    responses(
        (status = 202, description = "the training runs", body = schema::StartedJob),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
        (status = 503, body = schema::Problem, content_type = "application/problem+json"),
    ))]
pub async fn train(
    State(app): State<Arc<App>>,
    InPath(name): InPath<String>,
    request: Request,
) -> Result<Response, Problem> {
    let catalogue = catalogue(&name)?;
    let wish: Wish = body::json(&body::whole(request, LONGEST).await?, "body")?;
    let labelled = wish.labels.is_some() || wish.confirmed;
    let words = match (wish.words, labelled || wish.unsupervised) {
        (false, _) => WithWords::No,
        (true, true) => WithWords::Also,
        (true, false) => WithWords::Only,
    };
    if wish.unsupervised == labelled && words != WithWords::Only {
        let detail = if wish.unsupervised {
            "a training without labels learns from the pictures alone"
        } else {
            "it was not said what to learn from"
        };
        return Err(Problem::bad_request("bad-request", detail)
            .hint("`labels`, `confirmed` or both; or `unsupervised` alone; `words` with any of these, or alone"));
    }
    let learned = Learned { labels: wish.labels, confirmed: wish.confirmed };
    let request = TrainRequest { catalogue, learned, promote: wish.promote, words };
    let permit = app.permits.work()?;
    started(&app.work(permit, move |engine| engine.start_training(request)).await?)
}

/// How to promote.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Force {
    #[serde(default)]
    force: bool,
}

/// Make a space the active one
///
/// Searches go on all the while; each is answered wholly in the space it began in. 409 when the space was found to be worse than the one in use;
/// `force` does it all the same.
#[utoipa::path(post, path = "/v1/catalogues/{catalogue}/spaces/{id}/promote", tag = "spaces",
    params(
        ("catalogue" = String, Path, description = "Name of the catalogue"),
        ("id" = String, Path, description = "The space's id, or `default`"),
    ),
    request_body(content = Option<schema::PromoteRequest>),
    responses(
        (status = 202, description = "its index is being filled; then it becomes the active one", body = schema::StartedJob),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
        (status = 503, body = schema::Problem, content_type = "application/problem+json"),
    ))]
pub async fn promote(
    State(app): State<Arc<App>>,
    InPath((name, id)): InPath<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let catalogue = catalogue(&name)?;
    let bytes = body::whole(request, LONGEST).await?;
    let wish: Force = if bytes.is_empty() { Force::default() } else { body::json(&bytes, "body")? };
    let request = PromoteRequest { catalogue, space: id, force: wish.force };
    let permit = app.permits.work()?;
    started(&app.work(permit, move |engine| engine.start_promotion(request)).await?)
}

/// Go back to the space before the last promotion; done when it answers
#[utoipa::path(post, path = "/v1/catalogues/{catalogue}/spaces/rollback", tag = "spaces",
    params(("catalogue" = String, Path, description = "Name of the catalogue")),
    responses(
        (status = 200, body = schema::RolledBack),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
        (status = 503, body = schema::Problem, content_type = "application/problem+json"),
    ))]
pub async fn rollback(State(app): State<Arc<App>>, InPath(name): InPath<String>) -> Result<Json<Value>, Problem> {
    let catalogue = catalogue(&name)?;
    let permit = app.permits.work()?;
    let space = app.work(permit, move |engine| engine.rollback_space(&catalogue)).await?;
    Ok(Json(json!({"space": space})))
}

/// The answer to a wish that a job works on.
fn started(job: &Job) -> Result<Response, Problem> {
    let place = HeaderValue::from_str(&format!("/v1/jobs/{}", job.id)).map_err(|error| Problem::internal(&error))?;
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, place)], Json(json!({"job": job}))).into_response())
}
