//! Tables whose cells are padded with spaces so that they stand below each other, as Vendure's documentation shows them.

use std::io::{self, Read};

/// Leaves out the spaces between a separator and a quote: `, "a, b"` is one quoted cell.
pub(super) struct Unpadded {
    inner: Box<dyn Read + Send>,
    delimiter: u8,
    /// At the beginning of a cell, with as many spaces that wait to be told apart.
    waiting: Option<usize>,
    quoted: bool,
    /// A quoted cell has just ended, or a doubled quote is in the middle.
    closed: bool,
    out: Vec<u8>,
    given: usize,
}

impl Unpadded {
    pub(super) fn new(inner: Box<dyn Read + Send>, delimiter: u8) -> Self {
        Self { inner, delimiter, waiting: Some(0), quoted: false, closed: false, out: Vec::new(), given: 0 }
    }

    /// Whether a header has spaces after its separators.
    pub(super) fn pads(header: &str, delimiter: u8) -> bool {
        let line = header.lines().next().unwrap_or_default();
        let cells: Vec<&str> = line.split(char::from(delimiter)).skip(1).collect();
        !cells.is_empty() && cells.iter().all(|cell| cell.starts_with(' '))
    }

    fn take(&mut self, byte: u8) {
        if let Some(spaces) = self.waiting {
            if byte == b' ' {
                // A million spaces in a row are no padding.
                if spaces < 100_000 {
                    self.waiting = Some(spaces + 1);
                    return;
                }
            } else if byte == b'"' {
                self.waiting = None;
                self.quoted = true;
                self.out.push(byte);
                return;
            }
            self.out.resize(self.out.len() + spaces, b' ');
            self.waiting = None;
        }
        // A doubled quote closes and opens again at once.
        let reopened = std::mem::take(&mut self.closed) && byte == b'"';
        if reopened {
            self.quoted = true;
        } else if self.quoted {
            self.closed = byte == b'"';
            self.quoted = !self.closed;
        } else if byte == self.delimiter || byte == b'\n' {
            self.waiting = Some(0);
        }
        self.out.push(byte);
    }
}

impl Read for Unpadded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given == self.out.len() {
            self.out.clear();
            self.given = 0;
            let mut bytes = [0; 8 << 10];
            let read = self.inner.read(&mut bytes)?;
            if read == 0 {
                let spaces = self.waiting.replace(0).unwrap_or(0);
                self.out.resize(self.out.len() + spaces, b' ');
                break;
            }
            bytes.iter().take(read).for_each(|byte| self.take(*byte));
        }
        let read = (&self.out[self.given..]).read(buffer)?;
        self.given += read;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        let mut out = String::new();
        Unpadded::new(Box::new(io::Cursor::new(text.to_owned())), b',').read_to_string(&mut out).unwrap();
        out
    }

    #[test]
    fn only_spaces_before_a_quote_that_opens_a_cell_go() {
        assert_eq!(
            read("a , b\n 1,  \"x,  \"\" \"\"y\"  , c \n"),
            " a , b\n 1,\"x,  \"\" \"\"y\"  , c \n".trim_start()
        );
        assert_eq!(read("a, 5\" tall,  \"b\" "), "a, 5\" tall,\"b\" ");
        let long = format!("x,{}\"{}\"", " ".repeat(10_000), "é, ".repeat(10_000));
        assert_eq!(read(&long), format!("x,\"{}\"", "é, ".repeat(10_000)));
        assert!(Unpadded::pads("name   , slug , b", b','));
        assert!(!Unpadded::pads("name,slug,b", b',') && !Unpadded::pads("name", b','));
    }
}
