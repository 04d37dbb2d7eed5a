//! The description of the interface: `/openapi.json` for programs, `/docs` for people.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::Config;

use super::parameters::InPath;
use super::problem::Problem;
use super::schema;
use super::state::App;

/// Swagger UI sets styles from its script.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "Vetrina", description = "A visual search engine for shops. Errors are problem documents (RFC 9457).",
        license(name = "Apache-2.0", identifier = "Apache-2.0")),
    tags(
        (name = "search", description = "By photo, by words, by product"),
        (name = "products", description = "What the shop sells"),
        (name = "jobs", description = "Imports"),
        (name = "catalogues", description = "All products of one shop"),
        (name = "images", description = "Pictures of products"),
        (name = "operation", description = "For the operator"),
    ),
    components(schemas(schema::Problem)),
)]
struct About;

/// What the description says of the whole.
pub fn about() -> OpenApi {
    About::openapi()
}

/// `/openapi.json` and `/docs`.
pub fn routes(description: OpenApi) -> Router<Arc<App>> {
    let text = Bytes::from(description.to_pretty_json().unwrap_or_default());
    let config = Arc::new(Config::new(["/openapi.json"]).use_base_layout());
    let index = Arc::clone(&config);
    Router::new()
        .route(
            "/openapi.json",
            get(move || async move { ([(header::CONTENT_TYPE, "application/json")], text.clone()) }),
        )
        .route("/docs", get(|| async { Redirect::permanent("/docs/") }))
        .route("/docs/", get(move || async move { file("", index) }))
        .route("/docs/{*path}", get(move |InPath(path): InPath<String>| async move { file(&path, config) }))
}

fn file(path: &str, config: Arc<Config<'static>>) -> Result<Response, Problem> {
    let file = utoipa_swagger_ui::serve(path, config).map_err(|error| Problem::internal(&error))?;
    let Some(file) = file else {
        return Err(Problem::not_found("no-such-file", format!("there is no file docs/{path}")));
    };
    let mut response = file.bytes.into_owned().into_response();
    if let Ok(media_type) = HeaderValue::from_str(&file.content_type) {
        response.headers_mut().insert(header::CONTENT_TYPE, media_type);
    }
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    Ok(response)
}
