//! People in the loop: events of shoppers, reviews of matches, and which to review next.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use vetrina_engine::engine::{Event, Forgotten, ReviewInput, Sampling};

use super::body;
use super::parameters::{InPath, InQuery, Page, catalogue, limit};
use super::problem::Problem;
use super::schema;
use super::state::App;

/// Most events in one request.
const MOST_EVENTS: usize = 1_000;
/// Most reviews in one answer.
const MOST_REVIEWS: usize = 1_000;

/// Tell what shoppers did: one event, or one a line
///
/// A photo is kept when it is sent with an event, and only then: ask the shopper first. A line that cannot be used does not stop the others.
#[utoipa::path(post, path = "/v1/catalogues/{catalogue}/events", tag = "people",
    params(("catalogue" = String, Path, description = "Name of the catalogue")),
    request_body(description = "One event, or one a line",
        content((schema::Event = "application/json"), (schema::Event = "application/x-ndjson"))),
    responses(
        (status = 200, body = schema::EventOutcomes),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
        (status = 503, body = schema::Problem, content_type = "application/problem+json"),
    ))]
pub async fn events(
    State(app): State<Arc<App>>,
    InPath(name): InPath<String>,
    request: Request,
) -> Result<Json<Value>, Problem> {
    let catalogue = catalogue(&name)?;
    let held = app.permits.body()?;
    let one = body::is(request.headers(), "application/json");
    let bytes = body::whole(request, app.settings.request_bytes).await?;
    // Whatever it is called: a document over several lines is one event, else each line is one.
    let parsed: Vec<Result<Event, Problem>> = if one {
        vec![Ok(body::json(&bytes, "event")?)]
    } else {
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
        lines.enumerate().map(|(number, line)| body::json(line, &format!("line {}", number + 1))).collect()
    };
    if parsed.is_empty() || parsed.len() > MOST_EVENTS {
        let detail = format!("{} events came; 1 to {MOST_EVENTS} can be sent at once", parsed.len());
        return Err(Problem::bad_request("bad-request", detail));
    }
    let good: Vec<Event> = parsed.iter().filter_map(|event| event.as_ref().ok().cloned()).collect();
    let permit = app.permits.work()?;
    let recorded = app
        .work(permit, move |engine| {
            let _held = held;
            engine.record_events(&catalogue, good)
        })
        .await?;
    let mut recorded = recorded.into_iter();
    let mut accepted = 0;
    let outcomes: Vec<Value> = parsed
        .into_iter()
        .enumerate()
        .map(|(number, parsed)| {
            let outcome = parsed.and_then(|_| match recorded.next() {
                Some(outcome) => outcome.map_err(Problem::from),
                None => Err(Problem::internal(&"an outcome is missing")),
            });
            match outcome {
                Ok(photo) => {
                    accepted += 1;
                    json!({"line": number + 1, "photo": photo})
                }
                Err(problem) => json!({"line": number + 1, "error": problem}),
            }
        })
        .collect();
    Ok(Json(json!({"accepted": accepted, "outcomes": outcomes})))
}

/// Who is to be forgotten.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfShopper {
    user: String,
}

/// Forget a shopper: events, photos, and the reviews of these photos
///
/// Photos that an event of another shopper has stay, and so do pictures that a product shows. Spaces that were trained before keep what they learned.
#[utoipa::path(delete, path = "/v1/catalogues/{catalogue}/events", tag = "people",
    params(
        ("catalogue" = String, Path, description = "Name of the catalogue"),
        ("user" = String, Query, description = "The shopper, as events call them"),
    ),
    responses(
        (status = 200, body = schema::Forgotten),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
        (status = 503, body = schema::Problem, content_type = "application/problem+json"),
    ))]
pub async fn forget(
    State(app): State<Arc<App>>,
    InPath(name): InPath<String>,
    InQuery(OfShopper { user }): InQuery<OfShopper>,
) -> Result<Json<Forgotten>, Problem> {
    let catalogue = catalogue(&name)?;
    Ok(Json(app.read(move |engine| engine.forget_shopper(&catalogue, &user)).await?))
}

/// Say whether a photo, or another product, shows a product
#[utoipa::path(post, path = "/v1/catalogues/{catalogue}/reviews", tag = "people",
    params(("catalogue" = String, Path, description = "Name of the catalogue")),
    request_body = schema::ReviewRequest,
    responses(
        (status = 201, body = schema::Review),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
        (status = 503, body = schema::Problem, content_type = "application/problem+json"),
    ))]
pub async fn review(
    State(app): State<Arc<App>>,
    InPath(name): InPath<String>,
    request: Request,
) -> Result<Response, Problem> {
    let catalogue = catalogue(&name)?;
    let held = app.permits.body()?;
    let review: ReviewInput = body::json(&body::whole(request, app.settings.request_bytes).await?, "review")?;
    let permit = app.permits.work()?;
    let review = app
        .work(permit, move |engine| {
            let _held = held;
            engine.add_review(&catalogue, review)
        })
        .await?;
    Ok((StatusCode::CREATED, Json(review)).into_response())
}

/// Reviews, latest first
#[utoipa::path(get, path = "/v1/catalogues/{catalogue}/reviews", tag = "people",
    params(
        ("catalogue" = String, Path, description = "Name of the catalogue"),
        ("limit" = Option<usize>, Query, description = "How many; 100 unless told, 1000 at most"),
        ("offset" = Option<usize>, Query, description = "How many to leave out at the start"),
    ),
    responses(
        (status = 200, body = schema::Reviews),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ))]
pub async fn reviews(
    State(app): State<Arc<App>>,
    InPath(name): InPath<String>,
    InQuery(page): InQuery<Page>,
) -> Result<Json<Value>, Problem> {
    let catalogue = catalogue(&name)?;
    let limit = page.limit(100, MOST_REVIEWS)?;
    let (reviews, total) = app.read(move |engine| engine.reviews(&catalogue, limit, page.offset)).await?;
    Ok(Json(json!({"reviews": reviews, "total": total})))
}

/// Take a review back: what was said of the pair before counts again
#[utoipa::path(delete, path = "/v1/catalogues/{catalogue}/reviews/{id}", tag = "people",
    params(
        ("catalogue" = String, Path, description = "Name of the catalogue"),
        ("id" = i64, Path, description = "The review's id"),
    ),
    responses(
        (status = 204, description = "gone"),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ))]
pub async fn take_back(
    State(app): State<Arc<App>>,
    InPath((name, id)): InPath<(String, i64)>,
) -> Result<StatusCode, Problem> {
    let catalogue = catalogue(&name)?;
    match app.read(move |engine| engine.remove_review(&catalogue, id)).await? {
        Some(_) => Ok(StatusCode::NO_CONTENT),
        None => {
            let detail = format!("there is no review {id} of catalogue `{name}`");
            Err(Problem::not_found("no-such-review", detail).item(id.to_string()))
        }
    }
}

/// How many questions are wanted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Next {
    limit: Option<usize>,
    #[serde(default)]
    random: bool,
}

/// The pairs whose answer would teach most
#[utoipa::path(get, path = "/v1/catalogues/{catalogue}/reviews/next", tag = "people",
    params(
        ("catalogue" = String, Path, description = "Name of the catalogue"),
        ("limit" = Option<usize>, Query, description = "How many; 10 unless told, 100 at most"),
        ("random" = Option<bool>, Query, description = "Any pairs instead, to compare with"),
    ),
    responses(
        (status = 200, body = schema::Questions),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
        (status = 503, body = schema::Problem, content_type = "application/problem+json"),
    ))]
pub async fn next(
    State(app): State<Arc<App>>,
    InPath(name): InPath<String>,
    InQuery(next): InQuery<Next>,
) -> Result<Json<Value>, Problem> {
    let catalogue = catalogue(&name)?;
    let limit = limit(next.limit, 10, 100)?;
    let sampling = if next.random { Sampling::Random } else { Sampling::MostTelling };
    let permit = app.permits.work()?;
    let (questions, progress) =
        app.work(permit, move |engine| engine.next_reviews(&catalogue, limit, sampling)).await?;
    Ok(Json(json!({"questions": questions, "progress": progress})))
}
