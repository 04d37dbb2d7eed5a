//! Images: thumbnails, and pictures as they came.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use vetrina_engine::image::ImageHash;

use super::parameters::{InPath, InQuery};
use super::problem::Problem;
use super::schema;
use super::state::App;

/// What is known by the hash of its bytes never changes.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// Widest thumbnail.
const WIDEST: u32 = 2048;

/// How wide a thumbnail is wanted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Width {
    w: Option<u32>,
}

/// An image: a JPEG at most `w` pixels wide, or without `w` the file as it came
#[utoipa::path(get, path = "/v1/images/{hash}", tag = "images",
    params(
        ("hash" = String, Path, description = "The image's hash"),
        ("w" = Option<u32>, Query, description = "Width in pixels, 1 to 2048"),
    ),
    responses(
        (status = 200, description = "the picture", content_type = "image/jpeg", body = Vec<u8>),
        (status = 304, description = "the client has it already"),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ))]
pub async fn get(
    State(app): State<Arc<App>>,
    InPath(name): InPath<String>,
    InQuery(width): InQuery<Width>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let hash: ImageHash = name.parse().map_err(|_| {
        Problem::not_found("no-such-image", format!("`{name}` is not the hash of an image")).item(&name)
    })?;
    if let Some(w) = width.w.filter(|w| !(1..=WIDEST).contains(w)) {
        return Err(Problem::bad_request("bad-parameter", format!("w is {w}; it goes from 1 to {WIDEST}")).item("w"));
    }
    let tag = width.w.map_or_else(|| format!("\"{name}\""), |w| format!("\"{name}-{w}\""));
    let tag = HeaderValue::from_str(&tag).map_err(|error| Problem::internal(&error))?;
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let ours = tag.to_str().unwrap_or_default();
    if known.flat_map(|value| value.split(',')).any(|value| value.trim().trim_start_matches("W/") == ours) {
        let headers = [(header::ETAG, tag), (header::CACHE_CONTROL, HeaderValue::from_static(FOR_EVER))];
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    let permit = app.permits.thumbnail().await?;
    let (bytes, media_type) = app
        .work(permit, move |engine| match width.w {
            Some(w) => engine.thumbnail(&hash, w).map(|bytes| (bytes, "image/jpeg")),
            None => engine.image(&hash).map(|image| (image.bytes, image.media_type)),
        })
        .await?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static(FOR_EVER)),
        (header::ETAG, tag),
    ];
    Ok((headers, bytes).into_response())
}
