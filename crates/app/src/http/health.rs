//! For the operator: alive, ready, and figures.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use metrics::gauge;
use serde_json::{Value, json};

use super::problem::Problem;
use super::schema;
use super::state::App;

/// The process answers
#[utoipa::path(get, path = "/healthz", tag = "operation", responses((status = 200, body = schema::Health)))]
pub async fn healthz() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

/// Data folder open and model loaded: send requests here
#[utoipa::path(get, path = "/readyz", tag = "operation", responses(
    (status = 200, body = schema::Health),
    (status = 503, description = "not yet, or not without help", body = schema::Problem, content_type = "application/problem+json"),
))]
pub async fn readyz(State(app): State<Arc<App>>) -> Result<Json<Value>, Problem> {
    app.ready()?;
    Ok(Json(json!({"status": "ready"})))
}

/// Counters and times for Prometheus
#[utoipa::path(get, path = "/metrics", tag = "operation", responses((status = 200, content_type = "text/plain", body = String)))]
pub async fn metrics(State(app): State<Arc<App>>) -> impl IntoResponse {
    let (all, free) = app.permits.count();
    gauge!("vetrina_permits").set(all as f64);
    gauge!("vetrina_permits_free").set(free as f64);
    // While the folder is opened there is nothing to count; the figures of the process are there all the same.
    if let Ok(catalogues) = app.read(|engine| engine.catalogues()).await {
        for info in catalogues {
            let label = [("catalogue", info.name.to_string())];
            gauge!("vetrina_catalogue_products", &label).set(info.products as f64);
            gauge!("vetrina_catalogue_images", &label).set(info.images as f64);
        }
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], app.metrics.render())
}
