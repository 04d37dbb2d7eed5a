//! One product of `docs/api.md` a line, as JSON.

use std::io::{BufRead as _, BufReader, Read};

use serde_json::Value;

use super::columns::{attribute_name, category};
use super::json_values::cut;
use super::text::Text;
use super::{FeedRow, Reading, RowProblem};
use crate::catalogue::Product;

/// Longest line, bytes; a `data:` URI of a picture may be in it.
const LONGEST_LINE: u64 = 64 << 20;

pub(super) fn read(text: Text) -> Reading {
    let rows = Lines { reader: BufReader::new(text.reader), line: 0, ended: false };
    Reading { rows: Box::new(rows), fields: vec!["id".into(), "title".into(), "…".into()], unknown: Vec::new() }
}

struct Lines {
    reader: BufReader<Box<dyn Read + Send>>,
    line: u64,
    ended: bool,
}

impl Iterator for Lines {
    type Item = FeedRow;

    fn next(&mut self) -> Option<FeedRow> {
        while !self.ended {
            let mut bytes = Vec::new();
            let read = self.reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut bytes);
            self.line += 1;
            let end = |code, reason: String, hint: &str| {
                Some(FeedRow::Rejected {
                    line: self.line,
                    id: None,
                    problem: RowProblem::new(code, None, reason, hint),
                })
            };
            match read {
                Ok(0) => break,
                Ok(_) if bytes.len() as u64 == LONGEST_LINE && bytes.last() != Some(&b'\n') => {
                    self.ended = true;
                    let reason = format!("the line is longer than {LONGEST_LINE} bytes");
                    return end("record-too-long", reason, "write one product a line");
                }
                Ok(_) => {}
                Err(error) => {
                    self.ended = true;
                    return end(
                        "feed-unreadable",
                        format!("the rest cannot be read: {error}"),
                        "export the feed again",
                    );
                }
            }
            let text = String::from_utf8_lossy(&bytes);
            let text = text.trim();
            if text.is_empty() {
                continue;
            }
            // A line without an end that ends within its object is where the feed was cut.
            let ends_inside = || serde_json::from_str::<serde::de::IgnoredAny>(text).is_err_and(|error| error.is_eof());
            if bytes.last() != Some(&b'\n') && ends_inside() {
                self.ended = true;
                return Some(FeedRow::Rejected { line: self.line, id: None, problem: cut() });
            }
            return Some(row(self.line, text));
        }
        None
    }
}

fn row(line: u64, text: &str) -> FeedRow {
    let rejected = |id, problem| FeedRow::Rejected { line, id, problem };
    let bad =
        |reason: String| RowProblem::new("bad-json", None, reason, "write one product of docs/api.md on each line");
    let mut value: Value = match serde_json::from_str(text) {
        Ok(value) => value,
        Err(error) => return rejected(None, bad(format!("it is not JSON: {}", position(&error)))),
    };
    let id = value.get("id").and_then(Value::as_str).map(str::to_owned);
    // A path as text is as good as a list.
    if let Some(path) = value.get("category").and_then(Value::as_str) {
        value["category"] = category(path).into();
    }
    match serde_json::from_value::<Product>(value) {
        Err(error) => {
            let mut problem = bad(error.to_string());
            problem.code = "bad-product";
            problem.field = error.to_string().split('`').nth(1).map(str::to_owned);
            rejected(id, problem)
        }
        Ok(mut product) => {
            let attributes = std::mem::take(&mut product.attributes);
            product.attributes = attributes.into_iter().map(|(name, value)| (attribute_name(&name), value)).collect();
            match super::columns::need(&product) {
                Ok(()) => FeedRow::Product { line, product, warnings: Vec::new() },
                Err(problem) => rejected(id, problem),
            }
        }
    }
}

/// What serde says without its line number, which is always 1.
fn position(error: &serde_json::Error) -> String {
    error.to_string().replace(" at line 1 column ", ", column ")
}
