//! Catalogues.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::parameters::{InPath, catalogue};
use super::problem::Problem;
use super::schema;
use super::state::App;

/// All catalogues with their sizes
#[utoipa::path(get, path = "/v1/catalogues", tag = "catalogues", responses((status = 200, body = schema::Catalogues)))]
pub async fn list(State(app): State<Arc<App>>) -> Result<Json<Value>, Problem> {
    let catalogues = app.read(|engine| engine.catalogues()).await?;
    Ok(Json(json!({"catalogues": catalogues})))
}

/// Make a catalogue, empty; one that is there stays as it is
#[utoipa::path(put, path = "/v1/catalogues/{catalogue}", tag = "catalogues",
    params(("catalogue" = String, Path, description = "Name: small letters, digits, `_`, `-`; 63 at most")),
    responses(
        (status = 200, description = "it was there", body = schema::CatalogueName),
        (status = 201, description = "it was made", body = schema::CatalogueName),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ))]
pub async fn put(State(app): State<Arc<App>>, InPath(name): InPath<String>) -> Result<Response, Problem> {
    let catalogue = catalogue(&name)?;
    let permit = app.permits.work()?;
    let made = app.work(permit, move |engine| engine.create_catalogue(&catalogue)).await?;
    let status = if made { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(json!({"name": name}))).into_response())
}

/// Remove a catalogue with all its products
#[utoipa::path(delete, path = "/v1/catalogues/{catalogue}", tag = "catalogues",
    params(("catalogue" = String, Path, description = "Name of the catalogue")),
    responses(
        (status = 204, description = "gone"),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ))]
pub async fn delete(State(app): State<Arc<App>>, InPath(name): InPath<String>) -> Result<StatusCode, Problem> {
    let catalogue = catalogue(&name)?;
    let permit = app.permits.work()?;
    if app.work(permit, move |engine| engine.drop_catalogue(&catalogue)).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::not_found("no-such-catalogue", format!("there is no catalogue `{name}`")).item(name))
    }
}
