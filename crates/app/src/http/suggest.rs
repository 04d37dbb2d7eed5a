//! Suggestions while somebody types.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use vetrina_engine::search::{MOST_SUGGESTIONS, Suggestions};

use super::parameters::{InPath, InQuery, catalogue, limit};
use super::problem::Problem;
use super::schema;
use super::state::App;

/// Longest text, in characters: more is pasted, not typed.
const LONGEST_TEXT: usize = 200;

/// What has been typed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Typed {
    q: String,
    limit: Option<usize>,
}

/// Words, categories, brands and products for what has been typed so far
#[utoipa::path(get, path = "/v1/catalogues/{catalogue}/suggest", tag = "search",
    params(
        ("catalogue" = String, Path, description = "Name of the catalogue"),
        ("q" = String, Query, description = "What has been typed; 200 characters at most"),
        ("limit" = Option<usize>, Query, description = "How many; 8 unless told, 20 at most"),
    ),
    responses(
        (status = 200, body = schema::Suggestions),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
        (status = 503, body = schema::Problem, content_type = "application/problem+json"),
    ))]
pub async fn suggest(
    State(app): State<Arc<App>>,
    InPath(name): InPath<String>,
    InQuery(typed): InQuery<Typed>,
) -> Result<Json<Suggestions>, Problem> {
    let catalogue = catalogue(&name)?;
    let limit = limit(typed.limit, 8, MOST_SUGGESTIONS)?;
    let length = typed.q.chars().count();
    if length > LONGEST_TEXT {
        let detail = format!("q has {length} characters; {LONGEST_TEXT} is the most");
        return Err(Problem::bad_request("bad-parameter", detail).item("q"));
    }
    Ok(Json(app.read(move |engine| engine.suggest(&catalogue, &typed.q, limit)).await?))
}
