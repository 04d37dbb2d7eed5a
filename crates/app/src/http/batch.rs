//! Many products at once: NDJSON in, NDJSON out, one outcome a line, in order.
//!
//! Nothing grows with the length of the stream: a line is read when the lines before it are written, and an outcome is made when the client has
//! taken the outcomes before it. A client therefore reads while it writes.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use vetrina_engine::catalogue::Product;
use vetrina_engine::engine::CatalogueName;

use super::parameters::{InPath, catalogue};
use super::permits::Permit;
use super::problem::Problem;
use super::products::product;
use super::schema;
use super::state::App;

/// Media type of one JSON value a line.
pub const NDJSON: &str = "application/x-ndjson";
/// Products that are written together: many enough for one transaction to be worth it, few enough to answer soon.
const TOGETHER: usize = 256;
/// How long the next bytes may take, and how long the client may take to read an outcome.
const PATIENCE: Duration = Duration::from_mins(2);
/// How often it is asked whether the index has caught up.
const ASK_AGAIN: Duration = Duration::from_millis(200);

/// Write many products: NDJSON in, NDJSON out, one outcome a line, in order
#[utoipa::path(post, path = "/v1/catalogues/{catalogue}/products", tag = "products",
    params(("catalogue" = String, Path, description = "Name of the catalogue; made when it is not there")),
    request_body(content = schema::Product, content_type = "application/x-ndjson", description = "One product a line"),
    responses(
        (status = 200, description = "one outcome a line", body = schema::BatchOutcome, content_type = "application/x-ndjson"),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
        (status = 503, body = schema::Problem, content_type = "application/problem+json"),
    ))]
pub async fn put(
    State(app): State<Arc<App>>,
    InPath(name): InPath<String>,
    request: Request,
) -> Result<Response, Problem> {
    let catalogue = catalogue(&name)?;
    app.engine()?;
    // Refused now or never: a stream that has begun waits its turn.
    let held = app.permits.body()?;
    drop(app.permits.work()?);
    let (sender, receiver) = mpsc::channel(2);
    tokio::spawn(run(app, catalogue, request.into_body().into_data_stream(), sender, held));
    let headers = [(header::CONTENT_TYPE, HeaderValue::from_static(NDJSON))];
    Ok((headers, Body::from_stream(ReceiverStream::new(receiver))).into_response())
}

type Outcomes = mpsc::Sender<Result<Bytes, std::io::Error>>;

async fn run(app: Arc<App>, catalogue: CatalogueName, mut body: BodyDataStream, outcomes: Outcomes, _held: Permit) {
    let mut lines = Lines::new(usize::try_from(app.settings.request_bytes).unwrap_or(usize::MAX));
    loop {
        let (last, broken) = match tokio::time::timeout(PATIENCE, body.next()).await {
            Ok(Some(Ok(bytes))) => {
                lines.push(&bytes);
                (false, None)
            }
            Ok(Some(Err(error))) => (true, Some(format!("the body broke off: {error}"))),
            Ok(None) => (true, None),
            Err(_) => (true, Some(format!("nothing came for {} seconds", PATIENCE.as_secs()))),
        };
        if last && broken.is_none() {
            lines.end();
        }
        loop {
            let together: Vec<Line> = std::iter::from_fn(|| lines.next()).take(TOGETHER).collect();
            if together.is_empty() {
                break;
            }
            let text = write(&app, &catalogue, together).await;
            match tokio::time::timeout(PATIENCE, outcomes.send(Ok(text))).await {
                Ok(Ok(())) => {}
                // The client has gone, or takes nothing any more; what was acknowledged stays.
                Ok(Err(_)) | Err(_) => return,
            }
        }
        if let Some(detail) = broken {
            let line = json!({"line": lines.number + 1, "error": {"code": "broken-off", "detail": detail}});
            let _ = outcomes.send(Ok(text_of(&[line]))).await;
        }
        if last {
            return;
        }
    }
}

/// Writes some lines' products and gives their outcomes, a line each.
async fn write(app: &Arc<App>, catalogue: &CatalogueName, lines: Vec<Line>) -> Bytes {
    let mut outcomes: Vec<Value> = Vec::with_capacity(lines.len());
    let mut products: Vec<Product> = Vec::new();
    let mut places: Vec<usize> = Vec::new();
    for line in lines {
        match line.product() {
            Ok(product) => {
                places.push(outcomes.len());
                outcomes.push(json!({"line": line.number, "id": product.id}));
                products.push(product);
            }
            Err(problem) => outcomes.push(failed(json!({"line": line.number}), &problem)),
        }
    }
    if !products.is_empty() {
        let catalogue = catalogue.clone();
        // Without a permit: searches go on meanwhile, and the client is slowed down by what is not read.
        while app.engine().is_ok_and(|engine| engine.index_is_behind(&catalogue)) {
            tokio::time::sleep(ASK_AGAIN).await;
        }
        let written = match app.permits.work_in_turn().await {
            Ok(permit) => app.work(permit, move |engine| engine.put_products(&catalogue, products)).await,
            Err(problem) => Err(problem),
        };
        match written {
            Ok(results) => {
                let mut results = results.into_iter();
                for place in places {
                    let Some(outcome) = outcomes.get_mut(place) else { continue };
                    match results.next() {
                        Some(Ok(written)) => {
                            outcome["outcome"] = json!(written.outcome);
                            if !written.warnings.is_empty() {
                                outcome["warnings"] = json!(written.warnings);
                            }
                        }
                        Some(Err(error)) => *outcome = failed(outcome.take(), &Problem::from(error)),
                        None => *outcome = failed(outcome.take(), &Problem::internal(&"an outcome is missing")),
                    }
                }
            }
            Err(problem) => {
                for place in places {
                    if let Some(outcome) = outcomes.get_mut(place) {
                        *outcome = failed(outcome.take(), &problem);
                    }
                }
            }
        }
    }
    text_of(&outcomes)
}

fn failed(mut outcome: Value, problem: &Problem) -> Value {
    if outcome.get("id").is_none()
        && let Some(item) = &problem.item
    {
        outcome["id"] = item.as_str().into();
    }
    outcome["error"] = json!({"code": problem.code, "status": problem.status().as_u16(), "detail": problem.detail});
    if !problem.hint.is_empty() {
        outcome["error"]["hint"] = problem.hint.as_str().into();
    }
    outcome
}

fn text_of(values: &[Value]) -> Bytes {
    let mut text = String::new();
    for value in values {
        text.push_str(&value.to_string());
        text.push('\n');
    }
    text.into()
}

/// One line that is not blank.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    /// Its number, from 1, blank lines counted.
    number: u64,
    /// Its bytes; none when there were too many.
    bytes: Option<Vec<u8>>,
}

impl Line {
    fn product(&self) -> Result<Product, Problem> {
        let Some(bytes) = &self.bytes else {
            return Err(
                Problem::too_large("the line is too long").hint("name pictures by address instead of sending them")
            );
        };
        let product = product(bytes)?;
        if product.id.is_empty() {
            return Err(Problem::unusable("no-id", "the product has no id"));
        }
        Ok(product)
    }
}

/// Cuts a stream of bytes into lines, holding no more than one line and what came last.
#[derive(Debug)]
struct Lines {
    held: Vec<u8>,
    /// Where the next line begins in `held`.
    start: usize,
    /// Up to where `held` was looked through.
    seen: usize,
    number: u64,
    most: usize,
    too_long: bool,
    ended: bool,
}

impl Lines {
    fn new(most: usize) -> Self {
        Self { held: Vec::new(), start: 0, seen: 0, number: 0, most, too_long: false, ended: false }
    }

    fn push(&mut self, bytes: &[u8]) {
        self.held.drain(..self.start);
        self.seen -= self.start;
        self.start = 0;
        self.held.extend_from_slice(bytes);
    }

    /// No more bytes will come: what is left is a line.
    fn end(&mut self) {
        self.ended = true;
    }

    fn next(&mut self) -> Option<Line> {
        loop {
            let end = self.held.get(self.seen..).unwrap_or_default().iter().position(|byte| *byte == b'\n');
            let end = match end {
                Some(at) => self.seen + at,
                None if self.ended && self.start < self.held.len() => self.held.len(),
                None if self.ended && self.too_long => self.held.len(),
                None => {
                    if self.held.len() - self.start > self.most {
                        self.too_long = true;
                        self.start = self.held.len();
                    }
                    self.seen = self.held.len();
                    return None;
                }
            };
            self.number += 1;
            let line = self.held.get(self.start..end).unwrap_or_default().trim_ascii();
            let too_long = std::mem::take(&mut self.too_long) || line.len() > self.most;
            let line = if too_long { None } else { Some(line.to_vec()) };
            self.start = (end + 1).min(self.held.len());
            self.seen = self.start;
            if line.as_ref().is_some_and(Vec::is_empty) {
                continue;
            }
            return Some(Line { number: self.number, bytes: line });
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(chunks: &[&[u8]], most: usize) -> Vec<Line> {
        let mut lines = Lines::new(most);
        let mut found = Vec::new();
        for chunk in chunks {
            lines.push(chunk);
            found.extend(std::iter::from_fn(|| lines.next()));
        }
        lines.end();
        found.extend(std::iter::from_fn(|| lines.next()));
        found
    }

    #[test]
    fn blank_lines_count_but_are_none_and_the_last_needs_no_end() {
        let lines = all(&[b"a\r\n\n  \nb"], 10);
        let seen: Vec<_> = lines.iter().map(|line| (line.number, line.bytes.as_deref().unwrap())).collect();
        assert_eq!(seen, [(1, &b"a"[..]), (4, &b"b"[..])]);
    }

    #[test]
    fn a_line_that_is_too_long_is_given_up_and_not_held() {
        let mut lines = Lines::new(4);
        for _ in 0..1000 {
            lines.push(b"xxxxxxxx");
            assert_eq!(lines.next(), None);
            assert!(lines.held.len() <= 16);
        }
        lines.push(b"\nok\n");
        assert_eq!(lines.next(), Some(Line { number: 1, bytes: None }));
        assert_eq!(lines.next(), Some(Line { number: 2, bytes: Some(b"ok".to_vec()) }));
        assert_eq!(all(&[b"xxxxxxxxx"], 4), [Line { number: 1, bytes: None }]);
        assert_eq!(all(&[b"xxxxx", b"xxxx"], 4), [Line { number: 1, bytes: None }]);
    }

    proptest! {
        #[test]
        fn how_the_bytes_come_makes_no_difference(text in "[ab\n]{0,60}", size in 1_usize..9) {
            let whole = all(&[text.as_bytes()], 100);
            let chunks: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
            prop_assert_eq!(&all(&chunks, 100), &whole);
            prop_assert_eq!(whole.len(), text.split('\n').filter(|line| !line.is_empty()).count());
        }
    }
}
