//! HTTP: one file per resource. What is here reads requests, lets the engine work on a blocking thread, and writes answers.

mod batch;
mod body;
mod catalogues;
mod docs;
mod health;
mod images;
mod imports;
mod jobs;
mod linger;
mod observe;
mod other_sites;
mod page;
mod parameters;
mod people;
mod permits;
mod problem;
mod products;
mod schema;
mod search;
mod serve;
mod spaces;
mod state;
mod suggest;
mod understand;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::IntoResponse;
use axum::{Router, middleware};
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate};
use tower_http::request_id::{PropagateRequestIdLayer, SetRequestIdLayer};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use problem::Problem;
pub use serve::bind;
use state::App;

/// Name of the header that a request is known by.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Every resource. The description at `/openapi.json` is made of the same list, so that neither can have what the other lacks.
fn resources() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(docs::about())
        .routes(routes!(search::search))
        .routes(routes!(suggest::suggest))
        .routes(routes!(understand::understand))
        .routes(routes!(products::list, batch::put))
        .routes(routes!(products::get, products::put, products::delete))
        .routes(routes!(products::similar))
        .routes(routes!(imports::start))
        .routes(routes!(jobs::list))
        .routes(routes!(jobs::get))
        .routes(routes!(jobs::errors))
        .routes(routes!(jobs::cancel))
        .routes(routes!(jobs::resume))
        .routes(routes!(catalogues::list))
        .routes(routes!(catalogues::put, catalogues::delete))
        .routes(routes!(spaces::list, spaces::train))
        .routes(routes!(spaces::get))
        .routes(routes!(spaces::promote))
        .routes(routes!(spaces::rollback))
        .routes(routes!(people::events, people::forget))
        .routes(routes!(people::reviews, people::review))
        .routes(routes!(people::next))
        .routes(routes!(people::take_back))
        .routes(routes!(images::get))
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(health::metrics))
}

/// The whole server: resources, page, description, and what every request goes through.
fn router(app: Arc<App>) -> Router {
    let (resources, description) = resources().split_for_parts();
    // Pictures are compressed already, and a line of a stream has to leave when it is written.
    let compress = DefaultPredicate::new().and(NotForContentType::const_new(batch::NDJSON));
    let around = ServiceBuilder::new()
        .layer(SetRequestIdLayer::new(REQUEST_ID, observe::RequestIds::default()))
        .layer(PropagateRequestIdLayer::new(REQUEST_ID))
        .layer(middleware::from_fn(observe::watch))
        .layer(middleware::from_fn(harden))
        .layer(CompressionLayer::new().compress_when(compress))
        .layer(middleware::from_fn(linger::linger))
        .layer(CatchPanicLayer::custom(problem::of_panic))
        .layer(DefaultBodyLimit::disable());
    resources
        .merge(docs::routes(description))
        .merge(page::routes())
        .method_not_allowed_fallback(no_such_method)
        .fallback(no_such_route)
        .layer(middleware::from_fn_with_state(Arc::clone(&app), other_sites::guard))
        .layer(other_sites::cors(&app.settings.public_keys))
        .layer(middleware::from_fn(observe::note_route))
        .layer(around)
        .with_state(app)
}

async fn no_such_route(request: axum::extract::Request) -> Problem {
    Problem::not_found("no-such-route", format!("there is nothing at {}", request.uri().path()))
        .hint("GET /openapi.json describes what there is")
}

async fn no_such_method(request: axum::extract::Request) -> Problem {
    Problem::new(
        axum::http::StatusCode::METHOD_NOT_ALLOWED,
        "method-not-allowed",
        format!("{} does not take {}", request.uri().path(), request.method()),
    )
    .hint("the header `Allow` names the methods it takes")
}

/// What every answer says to a browser: take the media type as it is, tell nobody where you came from.
async fn harden(request: axum::extract::Request, next: middleware::Next) -> impl IntoResponse {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::REFERRER_POLICY).or_insert(HeaderValue::from_static("same-origin"));
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    response
}
