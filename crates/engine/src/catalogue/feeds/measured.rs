//! A stream that counts its lines and refuses records without end.

use std::io::{self, BufRead, BufReader, Read};

/// Bytes read at once.
const AT_ONCE: usize = 64 << 10;
/// What the error of a record without end says.
pub(super) const TOO_LONG: &str = "the record is too long";

/// Counts the lines that were consumed, and the bytes since the last record. When there are too many of those it fails: a
/// quote or tag that is never closed would otherwise bring the whole feed into memory.
pub(super) struct Measured {
    inner: BufReader<Box<dyn Read + Send>>,
    lines: u64,
    since: u64,
    max: u64,
}

impl Measured {
    /// `max` is the most bytes of one record.
    pub(super) fn new(bytes: Box<dyn Read + Send>, max: u64) -> Self {
        Self { inner: BufReader::with_capacity(AT_ONCE, bytes), lines: 0, since: 0, max: max.max(1 << 10) }
    }

    /// 1-based line of what is read next.
    pub(super) fn line(&self) -> u64 {
        self.lines + 1
    }

    /// A record begins here.
    pub(super) fn begin(&mut self) {
        self.since = 0;
    }
}

impl Read for Measured {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for Measured {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.since > self.max {
            return Err(io::Error::new(io::ErrorKind::InvalidData, TOO_LONG));
        }
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        let consumed = self.inner.buffer().get(..amount).unwrap_or_default();
        self.lines += memchr::memchr_iter(b'\n', consumed).count() as u64;
        self.since += amount as u64;
        self.inner.consume(amount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_and_endless_records_refused() {
        let mut reader = Measured::new(Box::new(io::Cursor::new(b"a\nb\nc".to_vec())), 1 << 10);
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        assert_eq!(reader.line(), 2);
        let mut endless = Measured::new(Box::new(io::repeat(b'x')), 1 << 20);
        assert_eq!(endless.read_until(b'\n', &mut Vec::new()).unwrap_err().to_string(), TOO_LONG);
    }
}
