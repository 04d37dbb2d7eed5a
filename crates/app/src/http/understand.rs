//! What a picture shows.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use vetrina_engine::understand::Understood;

use super::body;
use super::parameters::{InPath, catalogue};
use super::problem::Problem;
use super::schema;
use super::state::App;

/// What a picture shows: regions, categories, attributes, colours, names, quality
#[utoipa::path(post, path = "/v1/catalogues/{catalogue}/understand", tag = "search",
    params(("catalogue" = String, Path, description = "Name of the catalogue whose categories and attributes are guessed")),
    request_body(
        description = "multipart/form-data with one file `image`",
        content((schema::ImageForm = "multipart/form-data")),
    ),
    responses(
        (status = 200, body = schema::Understood),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
        (status = 503, description = "all permits are taken; Retry-After says when to come again", body = schema::Problem, content_type = "application/problem+json"),
    ))]
pub async fn understand(
    State(app): State<Arc<App>>,
    InPath(name): InPath<String>,
    request: Request,
) -> Result<Json<Understood>, Problem> {
    let catalogue = catalogue(&name)?;
    let held = app.permits.body()?;
    if !body::is(request.headers(), "multipart/form-data") {
        return Err(Problem::bad_request("bad-multipart", "the body is not multipart/form-data")
            .hint("send the picture as a part called `image`"));
    }
    let parts = body::parts(request, app.settings.request_bytes, app.settings.engine.limits.file_bytes).await?;
    let [image]: [_; 1] = parts.images.try_into().map_err(|images: Vec<_>| {
        Problem::bad_request("bad-multipart", format!("{} pictures came; one is expected", images.len()))
            .item("image")
            .hint("send one part called `image`")
    })?;
    if parts.query.is_some() {
        return Err(Problem::bad_request("bad-multipart", "there is no part `query` here").item("query"));
    }
    let turn = app.permits.photo()?;
    let understood = app
        .compute(turn, move |engine| {
            let _held = held;
            engine.understand(Some(&catalogue), &image)
        })
        .await?;
    Ok(Json(understood))
}
