//! JSON values of a stream, one after the other: lines, a sequence of documents, or the elements of one top-level array.
//!
//! Only one of them is in memory at a time, and one that is broken does not break the others.

use std::io::BufRead as _;

use super::RowProblem;
use super::measured::{Measured, TOO_LONG};
use super::text::Text;

/// A value as it is written.
pub(super) struct Raw {
    /// 1-based line on which it begins.
    pub(super) line: u64,
    pub(super) bytes: Vec<u8>,
}

pub(super) struct Values {
    reader: Measured,
    /// Inside of a top-level array.
    array: bool,
    ended: bool,
    max: u64,
}

/// Where in a value the scanner is.
#[derive(Default)]
struct Scan {
    depth: usize,
    string: bool,
    escaped: bool,
}

impl Scan {
    /// Whether the value ends with this byte.
    fn ends(&mut self, byte: u8) -> bool {
        if self.string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.string = false,
                _ => {}
            }
            return !self.string && self.depth == 0;
        }
        match byte {
            b'"' => self.string = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => return false,
        }
        self.depth == 0 && !self.string
    }
}

impl Values {
    /// `max` is the most bytes of one value.
    pub(super) fn new(text: Text, max: u64) -> Self {
        Self { reader: Measured::new(text.reader, max), array: false, ended: false, max }
    }

    /// The next byte that is no space, not consumed; nothing at the end.
    fn peek(&mut self) -> std::io::Result<Option<u8>> {
        loop {
            let buffer = self.reader.fill_buf()?;
            if buffer.is_empty() {
                return Ok(None);
            }
            let spaces = buffer.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            let found = buffer.get(spaces).copied();
            self.reader.consume(spaces);
            self.reader.begin();
            if found.is_some() {
                return Ok(found);
            }
        }
    }

    fn value(&mut self) -> std::io::Result<Option<Result<Raw, RowProblem>>> {
        loop {
            match self.peek()? {
                None if self.array => return Ok(Some(Err(cut()))),
                None => return Ok(None),
                Some(b',') if self.array => self.reader.consume(1),
                Some(b']') if self.array => {
                    self.array = false;
                    self.reader.consume(1);
                }
                Some(b'[') if !self.array => {
                    self.array = true;
                    self.reader.consume(1);
                }
                Some(_) => break,
            }
        }
        let (line, mut bytes, mut scan) = (self.reader.line(), Vec::new(), Scan::default());
        loop {
            let buffer = self.reader.fill_buf()?;
            if buffer.is_empty() {
                let whole = scan.depth == 0 && !scan.string && !self.array;
                return Ok(Some(if whole { Ok(Raw { line, bytes }) } else { Err(cut()) }));
            }
            let structured = matches!(bytes.first().or(buffer.first()), Some(b'{' | b'[' | b'"'));
            let end = if structured {
                buffer.iter().position(|byte| scan.ends(*byte)).map(|at| at + 1)
            } else {
                // A number, a word, or no JSON at all.
                buffer.iter().position(|byte| byte.is_ascii_whitespace() || matches!(byte, b',' | b']' | b'{' | b'['))
            };
            let taken = end.unwrap_or(buffer.len());
            bytes.extend_from_slice(&buffer[..taken]);
            // A lone `}` and its like are taken, or nothing would ever move on.
            let stuck = taken == 0 && bytes.is_empty();
            if stuck {
                bytes.extend(buffer.first());
            }
            self.reader.consume(taken + usize::from(stuck));
            if end.is_some() {
                return Ok(Some(Ok(Raw { line, bytes })));
            }
        }
    }
}

impl Iterator for Values {
    /// A value; or, with the line, why the rest is not read.
    type Item = Result<Raw, (u64, RowProblem)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let line = self.reader.line();
        let problem = match self.value() {
            Ok(None) => {
                self.ended = true;
                return None;
            }
            Ok(Some(Ok(raw))) => return Some(Ok(raw)),
            Ok(Some(Err(problem))) => problem,
            Err(error) if error.to_string() == TOO_LONG => {
                let reason = format!("a document, or an element of the array, is longer than {} bytes", self.max);
                let hint = "write one product a line, or a top-level array of products";
                RowProblem::new("record-too-long", None, reason, hint)
            }
            Err(error) => {
                let reason = format!("the rest cannot be read: {error}");
                RowProblem::new("feed-unreadable", None, reason, "export the feed again")
            }
        };
        self.ended = true;
        Some(Err((line, problem)))
    }
}

pub(super) fn cut() -> RowProblem {
    RowProblem::new("feed-cut", None, "the feed ends in the middle", "export the feed again, or fetch it again")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, max: u64) -> Vec<Result<(u64, String), &'static str>> {
        let text =
            Text { beginning: String::new(), reader: Box::new(std::io::Cursor::new(text.to_owned())), binary: None };
        Values::new(text, max)
            .map(|value| match value {
                Ok(raw) => Ok((raw.line, String::from_utf8(raw.bytes).unwrap())),
                Err((_, problem)) => Err(problem.code),
            })
            .collect()
    }

    #[test]
    fn arrays_lines_and_documents_are_taken_apart() {
        let ok = |line, text: &str| Ok((line, text.to_owned()));
        assert_eq!(read("{\"a\": \"}\\\"\"}\n{}\n", 5_000), [ok(1, "{\"a\": \"}\\\"\"}"), ok(2, "{}")]);
        assert_eq!(
            read(" [\n{\"a\": [1]},\n\n{} , 5,\"x\"]", 5_000),
            [ok(2, "{\"a\": [1]}"), ok(4, "{}"), ok(4, "5"), ok(4, "\"x\"")]
        );
        assert_eq!(read("[{}, {\"a\": ", 5_000), [ok(1, "{}"), Err("feed-cut")]);
        assert_eq!(read("[{}", 5_000), [ok(1, "{}"), Err("feed-cut")]);
        assert_eq!(read("{} } {}", 5_000), [ok(1, "{}"), ok(1, "}"), ok(1, "{}")]);
        assert_eq!(read("", 5_000), []);
    }

    #[test]
    fn a_document_without_end_does_not_fill_the_memory() {
        let endless = format!("[{{}},{{\"a\": \"{}", "x".repeat(300_000));
        assert_eq!(read(&endless, 100_000), [Ok((1, "{}".to_owned())), Err("record-too-long")]);
    }
}
