//! Jobs: how imports stand, and their ledgers of failed items.

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use vetrina_engine::engine::Job;

use super::parameters::{InPath, InQuery, limit};
use super::problem::Problem;
use super::schema;
use super::state::App;
use crate::output::ledger_csv;

/// Most items of a ledger in one answer, and at a time in a download.
const MOST: usize = 1000;

/// All jobs, latest first
#[utoipa::path(get, path = "/v1/jobs", tag = "jobs", responses((status = 200, body = schema::Jobs)))]
pub async fn list(State(app): State<Arc<App>>) -> Result<Json<Value>, Problem> {
    let jobs = app.read(|engine| engine.jobs()).await?;
    Ok(Json(json!({"jobs": jobs})))
}

/// One job
#[utoipa::path(get, path = "/v1/jobs/{id}", tag = "jobs",
    params(("id" = String, Path, description = "The job's id")),
    responses(
        (status = 200, body = schema::Job),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ))]
pub async fn get(State(app): State<Arc<App>>, InPath(id): InPath<String>) -> Result<Json<Job>, Problem> {
    Ok(Json(app.read(move |engine| engine.job(&id)).await?))
}

/// Stop a job; what it has done stays
#[utoipa::path(post, path = "/v1/jobs/{id}/cancel", tag = "jobs",
    params(("id" = String, Path, description = "The job's id")),
    responses(
        (status = 200, body = schema::Job),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ))]
pub async fn cancel(State(app): State<Arc<App>>, InPath(id): InPath<String>) -> Result<Json<Job>, Problem> {
    Ok(Json(app.read(move |engine| engine.cancel_job(&id)).await?))
}

/// Go on with a job that was cancelled, interrupted or failed
#[utoipa::path(post, path = "/v1/jobs/{id}/resume", tag = "jobs",
    params(("id" = String, Path, description = "The job's id")),
    responses(
        (status = 200, body = schema::Job),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ))]
pub async fn resume(State(app): State<Arc<App>>, InPath(id): InPath<String>) -> Result<Json<Job>, Problem> {
    Ok(Json(app.read(move |engine| engine.resume_job(&id)).await?))
}

/// Which part of a ledger is wanted, and how.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    limit: Option<usize>,
    #[serde(default)]
    offset: usize,
    #[serde(default)]
    format: Format,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Json,
    Csv,
}

/// A job's ledger: items that could not be used, or not wholly
#[utoipa::path(get, path = "/v1/jobs/{id}/errors", tag = "jobs",
    params(
        ("id" = String, Path, description = "The job's id"),
        ("limit" = Option<usize>, Query, description = "How many; 100 unless told, 1000 at most"),
        ("offset" = Option<usize>, Query, description = "How many to leave out at the start"),
        ("format" = Option<String>, Query, description = "`json`, or `csv` for the whole ledger as a file"),
    ),
    responses(
        (status = 200, content((schema::Ledger = "application/json"), (String = "text/csv"))),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ))]
pub async fn errors(
    State(app): State<Arc<App>>,
    InPath(id): InPath<String>,
    InQuery(ledger): InQuery<Ledger>,
) -> Result<Response, Problem> {
    if ledger.format == Format::Csv {
        return download(app, id).await;
    }
    let limit = limit(ledger.limit, 100, MOST)?;
    let (errors, total) = app.read(move |engine| engine.job_errors(&id, limit, ledger.offset)).await?;
    Ok(Json(json!({"errors": errors, "total": total})).into_response())
}

/// The whole ledger as CSV, read as fast as the client takes it.
async fn download(app: Arc<App>, id: String) -> Result<Response, Problem> {
    let wanted = id.clone();
    let job = app.read(move |engine| engine.job(&wanted)).await?;
    let (sender, receiver) = mpsc::channel::<Result<Bytes, std::io::Error>>(2);
    tokio::spawn(async move {
        let mut offset = 0;
        loop {
            let wanted = id.clone();
            let page = app.read(move |engine| engine.job_errors(&wanted, MOST, offset)).await;
            let (chunk, last) = match page {
                Ok((page, _)) => (ledger_csv(&page, offset == 0).map(Bytes::from), page.len() < MOST),
                Err(problem) => (Err(std::io::Error::other(problem.detail.clone())), true),
            };
            if sender.send(chunk).await.is_err() || last {
                return;
            }
            offset += MOST;
        }
    });
    let name = format!("attachment; filename=\"vetrina-{}-errors.csv\"", job.id);
    let name = HeaderValue::from_str(&name).unwrap_or(HeaderValue::from_static("attachment"));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8")),
        (header::CONTENT_DISPOSITION, name),
    ];
    Ok((headers, Body::from_stream(ReceiverStream::new(receiver))).into_response())
}
