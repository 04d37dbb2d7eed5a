//! Problem documents (RFC 9457): the one place where errors become answers.

use std::any::Any;
use std::fmt::Write as _;
use std::ops::{Deref, DerefMut};

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use serde::Serialize;
use vetrina_engine::EngineError;
use vetrina_engine::engine::ErrorKind;

/// Media type of a problem document.
pub const MEDIA_TYPE: &str = "application/problem+json";
/// Seconds after which a client may come again.
const RETRY_AFTER: u32 = 1;

/// What went wrong with a request. Boxed, so that a result that went well is not as large as one that did not.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub struct Problem(Box<Document>);

/// The problem document.
#[derive(Debug, Clone, Serialize)]
pub struct Document {
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    /// What happened.
    pub detail: String,
    /// The item at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// Kebab-case name that programs can rely on.
    pub code: String,
    /// What to do.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub hint: String,
    /// Column of the filter that is at fault, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
    #[serde(skip)]
    retry_after: Option<u32>,
}

impl Deref for Problem {
    type Target = Document;

    fn deref(&self) -> &Document {
        &self.0
    }
}

impl DerefMut for Problem {
    fn deref_mut(&mut self) -> &mut Document {
        &mut self.0
    }
}

impl Problem {
    /// A problem of a status, with a name for programs and words for people.
    pub fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
        Self(Box::new(Document {
            kind: format!("urn:vetrina:problem:{code}"),
            title: title(status),
            status: status.as_u16(),
            detail: detail.into(),
            item: None,
            code: code.to_owned(),
            hint: String::new(),
            column: None,
            retry_after: None,
        }))
    }

    /// The request is not of the form.
    pub fn bad_request(code: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// No such thing.
    pub fn not_found(code: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, detail)
    }

    /// Of the right form, but it cannot be used.
    pub fn unusable(code: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
    }

    /// Too long.
    pub fn too_large(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail)
    }

    /// Not now, but soon: clients may come again by themselves.
    pub fn soon(code: &str, detail: impl Into<String>) -> Self {
        let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail);
        problem.retry_after = Some(RETRY_AFTER);
        problem
    }

    /// Every permit is taken.
    pub fn busy() -> Self {
        Self::soon("busy", "the server has as much work as it can do").hint("come again when Retry-After says")
    }

    /// Something of ours broke; what, is in the log and not for strangers.
    pub fn internal(why: &dyn std::fmt::Display) -> Self {
        tracing::error!("internal error: {why}");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "something went wrong inside the server")
            .hint("the server's log says what; its lines carry the x-request-id of this answer")
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// Names the item at fault.
    #[must_use]
    pub fn item(mut self, item: impl Into<String>) -> Self {
        self.item = Some(item.into());
        self
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

fn title(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST => "The request is not of the form",
        StatusCode::NOT_FOUND => "There is no such thing",
        StatusCode::METHOD_NOT_ALLOWED => "Not with this method",
        StatusCode::REQUEST_TIMEOUT => "The request came too slowly",
        StatusCode::CONFLICT => "In the way of something that runs",
        StatusCode::PAYLOAD_TOO_LARGE => "Too large",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "Of a kind that cannot be read",
        StatusCode::UNPROCESSABLE_ENTITY => "It cannot be used",
        StatusCode::BAD_GATEWAY => "Another server did not give what was asked for",
        StatusCode::SERVICE_UNAVAILABLE => "Not now",
        _ => "Something went wrong",
    }
}

fn status_of(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::BadRequest => StatusCode::BAD_REQUEST,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::Conflict => StatusCode::CONFLICT,
        ErrorKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorKind::NotAPicture => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ErrorKind::Unusable => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorKind::Upstream => StatusCode::BAD_GATEWAY,
        ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        let kind = error.kind();
        if kind == ErrorKind::Internal {
            let mut problem = Self::internal(&chain(&error));
            error.code().clone_into(&mut problem.code);
            return problem;
        }
        let mut problem = Self::new(status_of(kind), error.code(), error.to_string()).hint(error.hint());
        problem.item = error.item();
        if let EngineError::Search(search) = &error {
            problem.column = search.column();
            problem.item = problem.item.take().or_else(|| search.field().map(str::to_owned));
        }
        problem
    }
}

/// An error with its causes, for the log.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let _ = write!(text, ": {inner}");
        cause = inner.source();
    }
    text
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        Self::bad_request("bad-path", rejection.body_text()).hint("write it in UTF-8, percent-encoded")
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::bad_request("bad-parameter", rejection.body_text()).hint("/openapi.json says which parameters there are")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response<Body> {
        let retry_after = self.retry_after;
        let mut response = (self.status(), Json(&self)).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// The answer to a request whose work panicked.
pub fn of_panic(panic: Box<dyn Any + Send + 'static>) -> Response<Body> {
    let why = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without words");
    Problem::internal(&why).into_response()
}
