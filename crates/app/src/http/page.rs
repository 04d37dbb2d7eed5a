//! The page: plain files, inside the binary.

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use rust_embed::RustEmbed;

use super::parameters::InPath;
use super::problem::Problem;
use super::state::App;

/// Only what is of the page itself: its own scripts, styles and pictures, photos from the shopper's machine, and this server's HTTP.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; \
    connect-src 'self' blob:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

#[derive(RustEmbed)]
#[folder = "../../web/"]
#[include = "*.html"]
#[include = "*.js"]
#[include = "*.css"]
#[include = "*.svg"]
#[exclude = "tests/*"]
struct Web;

/// The pages and what they are made of.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/", get(|headers: HeaderMap| async move { file("index.html", &headers) }))
        .route("/import", get(|headers: HeaderMap| async move { file("import.html", &headers) }))
        .route("/label", get(|headers: HeaderMap| async move { file("label.html", &headers) }))
        .route("/sample-shop", get(|headers: HeaderMap| async move { file("sample-shop.html", &headers) }))
        .route(
            "/assets/{*path}",
            get(|InPath(path): InPath<String>, headers: HeaderMap| async move { file(&path, &headers) }),
        )
}

fn file(path: &str, headers: &HeaderMap) -> Result<Response, Problem> {
    let Some(file) = Web::get(path) else {
        return Err(Problem::not_found("no-such-file", format!("there is no file {path}")));
    };
    let hash = file.metadata.sha256_hash();
    let half = hash.first_chunk().map_or(0, |half: &[u8; 16]| u128::from_be_bytes(*half));
    let tag = format!("\"{half:032x}\"");
    // A new binary may bring new files under the old names, so the browser asks; the tag makes that cheap.
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let status = if known.contains(&tag) { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
    let mut response = match status {
        StatusCode::NOT_MODIFIED => status.into_response(),
        _ => file.data.into_owned().into_response(),
    };
    let media_type = mime_guess::from_path(path).first_or_octet_stream();
    let media_type = match media_type.type_().as_str() {
        "text" => format!("{media_type}; charset=utf-8"),
        _ => media_type.to_string(),
    };
    for (name, value) in [
        (header::CONTENT_TYPE, media_type.as_str()),
        (header::ETAG, tag.as_str()),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        // The widget's modules are loaded by shops' own pages; what is inside the binary is no secret.
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    }
    Ok(response)
}
