//! Bodies of requests, within their limits.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::multipart::{Multipart, MultipartError};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use super::problem::Problem;

/// How long a body that is held in memory may take to come in.
const PATIENCE: Duration = Duration::from_mins(1);

/// Whether the body is of a media type; parameters such as `charset` are ignored.
pub fn is(headers: &HeaderMap, media_type: &str) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|own| own.trim().eq_ignore_ascii_case(media_type))
}

/// The whole body.
///
/// # Errors
/// 413 when it is longer than `most` bytes, 408 when it comes too slowly, 400 when it breaks off.
pub async fn whole(request: Request, most: u64) -> Result<Bytes, Problem> {
    announced(request.headers(), most)?;
    let body = Limited::new(request.into_body(), usize::try_from(most).unwrap_or(usize::MAX));
    match in_time(body.collect()).await? {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(longer(most)),
        Err(error) => Err(Problem::bad_request("broken-off", format!("the body broke off: {error}"))),
    }
}

/// Waits for a body, not for ever.
async fn in_time<T>(coming: impl Future<Output = T>) -> Result<T, Problem> {
    tokio::time::timeout(PATIENCE, coming).await.map_err(|_| {
        let detail = format!("the body did not come within {} seconds", PATIENCE.as_secs());
        Problem::new(StatusCode::REQUEST_TIMEOUT, "too-slow", detail)
    })
}

/// Refuses a body whose announced length is too much, before a byte of it is read.
fn announced(headers: &HeaderMap, most: u64) -> Result<(), Problem> {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > most) { Err(longer(most)) } else { Ok(()) }
}

fn longer(most: u64) -> Problem {
    Problem::too_large(format!("the body is longer than {most} bytes"))
        .hint("send less, or let the operator raise `limits.request_mib`")
}

/// JSON of a form.
///
/// # Errors
/// 400 with line and column of what is wrong.
pub fn json<T: DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T, Problem> {
    serde_json::from_slice(bytes).map_err(|error| {
        let hint = match meant(&error.to_string()) {
            Some(name) => format!("did you mean `{name}`?"),
            None => "docs/api.md and /openapi.json say what it looks like".to_owned(),
        };
        let detail = format!("{what} is not what is expected here: {error}");
        Problem::bad_request("bad-json", detail).hint(hint).item(what)
    })
}

/// The field that an unknown one was probably meant to be, from serde's message: "unknown field `a`, expected one of `b`, `c`".
fn meant(message: &str) -> Option<&str> {
    let mut names = message.strip_prefix("unknown field ")?.split('`').skip(1).step_by(2);
    let given = names.next()?;
    let likeness = |name: &str| strsim::normalized_damerau_levenshtein(given, name);
    names.filter(|name| likeness(name) > 0.5).max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
}

/// The parts of a multipart search: pictures in their order, and the query.
#[derive(Debug, Default)]
pub struct Parts {
    /// Files of the parts called `image`.
    pub images: Vec<Bytes>,
    /// The part called `query`.
    pub query: Option<Bytes>,
}

/// Most pictures in one request.
const MOST_IMAGES: usize = 16;

/// Reads a multipart body.
///
/// # Errors
/// 413 when it, or one picture, is too long; 400 when it is not of the form.
pub async fn parts(request: Request, most: u64, most_of_image: u64) -> Result<Parts, Problem> {
    announced(request.headers(), most)?;
    let (head, body) = request.into_parts();
    let body = Body::new(Limited::new(body, usize::try_from(most).unwrap_or(usize::MAX)));
    let multipart = Multipart::from_request(Request::from_parts(head, body), &()).await.map_err(|rejection| {
        Problem::bad_request("bad-multipart", rejection.body_text()).hint("send multipart/form-data with a boundary")
    })?;
    in_time(all_parts(multipart, most, most_of_image)).await?
}

async fn all_parts(mut multipart: Multipart, most: u64, most_of_image: u64) -> Result<Parts, Problem> {
    let mut parts = Parts::default();
    let broken = |error: MultipartError| {
        if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
            longer(most)
        } else {
            Problem::bad_request("bad-multipart", error.body_text())
        }
    };
    while let Some(field) = multipart.next_field().await.map_err(broken)? {
        match field.name().unwrap_or_default() {
            "image" => {
                let item = format!("image {}", parts.images.len());
                let bytes = field.bytes().await.map_err(broken)?;
                if bytes.len() as u64 > most_of_image {
                    let detail = format!("the picture has {} bytes; {most_of_image} are the most", bytes.len());
                    return Err(Problem::too_large(detail).item(item).hint("send a smaller one"));
                }
                if parts.images.len() == MOST_IMAGES {
                    let detail = format!("more than {MOST_IMAGES} pictures in one request");
                    return Err(Problem::too_large(detail).item(item));
                }
                parts.images.push(bytes);
            }
            "query" if parts.query.is_none() => parts.query = Some(field.bytes().await.map_err(broken)?),
            "query" => return Err(Problem::bad_request("bad-multipart", "there are two parts `query`").item("query")),
            other => {
                let detail = format!("there is no part `{other}`");
                return Err(Problem::bad_request("bad-multipart", detail)
                    .item(other)
                    .hint("parts are `image` and `query`"));
            }
        }
    }
    Ok(parts)
}
