//! Search.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use vetrina_engine::Engine;
use vetrina_engine::search::{SearchRequest, SearchResponse};

use super::body;
use super::parameters::{InPath, catalogue};
use super::problem::Problem;
use super::schema;
use super::state::App;

/// Search by photo, by words, by product
#[utoipa::path(post, path = "/v1/catalogues/{catalogue}/search", tag = "search",
    params(("catalogue" = String, Path, description = "Name of the catalogue")),
    request_body(
        description = "JSON, or multipart/form-data with files `image` (repeatable) and a part `query` (the JSON)",
        content((schema::SearchRequest = "application/json"), (schema::SearchForm = "multipart/form-data")),
    ),
    responses(
        (status = 200, body = schema::SearchResponse),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
        (status = 503, description = "all permits are taken; Retry-After says when to come again", body = schema::Problem, content_type = "application/problem+json"),
    ))]
pub async fn search(
    State(app): State<Arc<App>>,
    InPath(name): InPath<String>,
    request: Request,
) -> Result<Json<SearchResponse>, Problem> {
    let catalogue = catalogue(&name)?;
    let held = app.permits.body()?;
    let most = app.settings.request_bytes;
    let (query, parts) = if body::is(request.headers(), "multipart/form-data") {
        let parts = body::parts(request, most, app.settings.engine.limits.file_bytes).await?;
        let query: SearchRequest = if let Some(query) = &parts.query {
            body::json(query, "query")?
        } else {
            // A photo alone is a question too.
            let images: Vec<_> = (0..parts.images.len()).map(|part| serde_json::json!({"part": part})).collect();
            body::json(serde_json::json!({"images": images}).to_string().as_bytes(), "query")?
        };
        (query, parts.images.into_iter().map(Vec::from).collect())
    } else {
        let bytes = body::whole(request, most).await?;
        (body::json(&bytes, "query")?, Vec::new())
    };
    // Photos take turns; what needs no model is answered beside them, and who waits for another server keeps nobody from computing.
    let in_turn = !query.images.is_empty() && query.images.iter().all(|image| image.url.is_none());
    let search = move |engine: &Arc<Engine>| {
        let _held = held;
        engine.search(&catalogue, &query, &parts)
    };
    let response = if in_turn {
        app.compute(app.permits.photo()?, search).await?
    } else {
        app.work(app.permits.work()?, search).await?
    };
    Ok(Json(response))
}
