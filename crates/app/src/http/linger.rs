//! A refusal that reaches the client: the rest of a refused body is read and thrown away.
//!
//! A server that answers and closes while the client still sends resets the connection, and the client never sees why. So the answer
//! goes out at once, and what is still on its way is taken in and forgotten, up to a limit.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::header;
use axum::middleware::Next;
use axum::response::Response;
use http_body_util::BodyExt as _;

/// Most bytes that are thrown away.
const MOST: usize = 128 << 20;
/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A body that the handler reads, and that can be read on when the handler has let go of it.
#[derive(Clone)]
struct Shared(Arc<Mutex<Body>>);

impl Shared {
    fn with<T>(&self, act: impl FnOnce(&mut Body) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl HttpBody for Shared {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, axum::Error>>> {
        self.with(|body| Pin::new(body).poll_frame(context))
    }

    fn is_end_stream(&self) -> bool {
        self.with(|body| body.is_end_stream())
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.with(|body| body.size_hint())
    }
}

/// Reads on what a refused request still sends.
pub async fn linger(request: Request, next: Next) -> Response {
    if request.body().is_end_stream() || request.headers().contains_key(header::EXPECT) {
        // Nothing is sent, or only after we ask for it.
        return next.run(request).await;
    }
    let (head, body) = request.into_parts();
    let shared = Shared(Arc::new(Mutex::new(body)));
    let mut rest = shared.clone();
    let response = next.run(Request::from_parts(head, Body::new(shared))).await;
    let refused = response.status().is_client_error() || response.status().is_server_error();
    if refused && !rest.is_end_stream() {
        tokio::spawn(tokio::time::timeout(PATIENCE, async move {
            let mut thrown = 0;
            while let Some(Ok(frame)) = rest.frame().await {
                thrown += frame.data_ref().map_or(0, Bytes::len);
                if thrown > MOST {
                    return;
                }
            }
        }));
    }
    response
}
