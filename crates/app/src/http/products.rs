//! Products.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::Value;
use vetrina_engine::catalogue::Product;
use vetrina_engine::engine::{Outcome, ProductPage};
use vetrina_engine::search::SearchResponse;

use super::body;
use super::parameters::{InPath, InQuery, Page, catalogue, limit};
use super::problem::Problem;
use super::schema;
use super::state::App;

/// Most products in one answer.
const MOST: usize = 1000;

/// Products in the order in which they came
#[utoipa::path(get, path = "/v1/catalogues/{catalogue}/products", tag = "products",
    params(
        ("catalogue" = String, Path, description = "Name of the catalogue"),
        ("limit" = Option<usize>, Query, description = "How many; 24 unless told, 1000 at most"),
        ("offset" = Option<usize>, Query, description = "How many to leave out at the start"),
    ),
    responses(
        (status = 200, body = schema::ProductPage),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ))]
pub async fn list(
    State(app): State<Arc<App>>,
    InPath(name): InPath<String>,
    InQuery(page): InQuery<Page>,
) -> Result<Json<ProductPage>, Problem> {
    let catalogue = catalogue(&name)?;
    let limit = page.limit(24, MOST)?;
    Ok(Json(app.read(move |engine| engine.products(&catalogue, limit, page.offset)).await?))
}

/// One product
#[utoipa::path(get, path = "/v1/catalogues/{catalogue}/products/{id}", tag = "products",
    params(
        ("catalogue" = String, Path, description = "Name of the catalogue"),
        ("id" = String, Path, description = "The product's id, percent-encoded"),
    ),
    responses(
        (status = 200, body = schema::Product),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ))]
pub async fn get(
    State(app): State<Arc<App>>,
    InPath((name, id)): InPath<(String, String)>,
) -> Result<Json<Product>, Problem> {
    let catalogue = catalogue(&name)?;
    Ok(Json(app.read(move |engine| engine.product(&catalogue, &id)).await?))
}

/// Write one product; answers once it can be found
///
/// The catalogue is made when it is not there. Pictures are addresses or `data:` URIs.
#[utoipa::path(put, path = "/v1/catalogues/{catalogue}/products/{id}", tag = "products",
    params(
        ("catalogue" = String, Path, description = "Name of the catalogue"),
        ("id" = String, Path, description = "The product's id, percent-encoded"),
    ),
    request_body = schema::Product,
    responses(
        (status = 200, description = "changed, or as it was", body = schema::Written),
        (status = 201, description = "new", body = schema::Written),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
        (status = 503, body = schema::Problem, content_type = "application/problem+json"),
    ))]
pub async fn put(
    State(app): State<Arc<App>>,
    InPath((name, id)): InPath<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let catalogue = catalogue(&name)?;
    let held = app.permits.body()?;
    let bytes = body::whole(request, app.settings.request_bytes).await?;
    let mut product: Product = product(&bytes)?;
    if product.id.is_empty() {
        product.id.clone_from(&id);
    } else if product.id != id {
        let detail = format!("the product's id is `{}`, the address says `{id}`", product.id);
        return Err(Problem::unusable("id-differs", detail)
            .item("id")
            .hint("leave the id out of the body, or write the same"));
    }
    let place = address(&name, &id);
    let permit = app.permits.work()?;
    let written = app
        .work(permit, move |engine| {
            let _held = held;
            engine.put_products(&catalogue, vec![product])
        })
        .await?;
    let Some(written) = written.into_iter().next() else {
        return Err(Problem::internal(&"the engine gave no outcome for a product"));
    };
    let written = written?;
    if written.outcome == Outcome::Created {
        let place = HeaderValue::from_str(&place).map_err(|error| Problem::internal(&error))?;
        return Ok((StatusCode::CREATED, [(header::LOCATION, place)], Json(written)).into_response());
    }
    Ok(Json(written).into_response())
}

/// Reads a product, with an error that names the product where it can.
///
/// # Errors
/// 400 when it is not JSON, 422 when it is not a product.
pub fn product(bytes: &[u8]) -> Result<Product, Problem> {
    serde_json::from_slice(bytes).map_err(|error| {
        let mut problem = if error.is_data() {
            Problem::unusable("bad-product", format!("this is not a product: {error}"))
        } else {
            Problem::bad_request("bad-json", format!("the product is not JSON: {error}"))
        };
        problem = problem.hint("docs/api.md says what a product looks like");
        let id =
            serde_json::from_slice::<Value>(bytes).ok().and_then(|value| Some(value.get("id")?.as_str()?.to_owned()));
        problem.item = id;
        problem
    })
}

fn address(catalogue: &str, id: &str) -> String {
    format!("/v1/catalogues/{catalogue}/products/{}", utf8_percent_encode(id, NON_ALPHANUMERIC))
}

/// Remove one product; answers once it is no longer found
#[utoipa::path(delete, path = "/v1/catalogues/{catalogue}/products/{id}", tag = "products",
    params(
        ("catalogue" = String, Path, description = "Name of the catalogue"),
        ("id" = String, Path, description = "The product's id, percent-encoded"),
    ),
    responses(
        (status = 204, description = "gone"),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ))]
pub async fn delete(
    State(app): State<Arc<App>>,
    InPath((name, id)): InPath<(String, String)>,
) -> Result<StatusCode, Problem> {
    let catalogue = catalogue(&name)?;
    let permit = app.permits.work()?;
    let missing =
        Problem::not_found("no-such-product", format!("there is no product `{id}` in catalogue `{name}`")).item(&id);
    let gone = app.work(permit, move |engine| engine.delete_product(&catalogue, &id)).await?;
    if gone { Ok(StatusCode::NO_CONTENT) } else { Err(missing) }
}

/// How many products like one are wanted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alike {
    limit: Option<usize>,
}

/// Products like one, itself left out
#[utoipa::path(get, path = "/v1/catalogues/{catalogue}/products/{id}/similar", tag = "search",
    params(
        ("catalogue" = String, Path, description = "Name of the catalogue"),
        ("id" = String, Path, description = "The product's id, percent-encoded"),
        ("limit" = Option<usize>, Query, description = "How many; 12 unless told, 100 at most"),
    ),
    responses(
        (status = 200, body = schema::SearchResponse),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
        (status = 503, body = schema::Problem, content_type = "application/problem+json"),
    ))]
pub async fn similar(
    State(app): State<Arc<App>>,
    InPath((name, id)): InPath<(String, String)>,
    InQuery(alike): InQuery<Alike>,
) -> Result<Json<SearchResponse>, Problem> {
    let catalogue = catalogue(&name)?;
    let limit = limit(alike.limit, 12, 100)?;
    let permit = app.permits.work()?;
    Ok(Json(app.work(permit, move |engine| engine.similar(&catalogue, &id, limit)).await?))
}
