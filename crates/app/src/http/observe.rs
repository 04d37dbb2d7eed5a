//! What can be seen of a running server: a span and a log line for each request, counters and times for Prometheus.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use axum::extract::{MatchedPath, Request};
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::Response;
use metrics::{counter, gauge, histogram};
use tower_http::request_id::{MakeRequestId, RequestId};
use tracing::Instrument as _;

use super::REQUEST_ID;

/// Upper ends of the buckets of times, seconds.
pub const SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// Names for requests that bring none: start of the process and a number.
#[derive(Debug, Clone)]
pub struct RequestIds {
    start: u64,
    next: std::sync::Arc<AtomicU64>,
}

impl Default for RequestIds {
    fn default() -> Self {
        let start = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
        Self { start, next: std::sync::Arc::default() }
    }
}

impl MakeRequestId for RequestIds {
    fn make_request_id<B>(&mut self, _: &axum::http::Request<B>) -> Option<RequestId> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        HeaderValue::from_str(&format!("{:x}-{number:x}", self.start)).ok().map(RequestId::new)
    }
}

/// The pattern a request was matched by; it is in the answer's extensions.
#[derive(Debug, Clone)]
struct Route(MatchedPath);

/// Notes the matched pattern, which is known only behind the router.
pub async fn note_route(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    if let Some(route) = route {
        response.extensions_mut().insert(Route(route));
    }
    response
}

/// Measures a request.
pub async fn watch(request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let id = request.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok()).unwrap_or_default();
    let span = tracing::info_span!("request", id, %method, path);
    let started = Instant::now();
    gauge!("vetrina_requests_in_flight").increment(1.0);
    let guard = InFlight;
    let response = next.run(request).instrument(span.clone()).await;
    drop(guard);
    let took = started.elapsed();
    let status = response.status().as_u16();
    // The pattern and not the path: ids would make a series each.
    let route = response.extensions().get::<Route>().map_or("none", |route| route.0.as_str()).to_owned();
    let labels = [("method", method.to_string()), ("route", route), ("status", status.to_string())];
    counter!("vetrina_requests_total", &labels).increment(1);
    histogram!("vetrina_request_seconds", &labels[..2]).record(took.as_secs_f64());
    let ms = took.as_micros() as f64 / 1000.0;
    span.in_scope(|| tracing::info!(status, ms, "answered"));
    response
}

/// Counts down also when the client goes away before the answer.
struct InFlight;

impl Drop for InFlight {
    fn drop(&mut self) {
        gauge!("vetrina_requests_in_flight").decrement(1.0);
    }
}
