//! Tables: CSV and TSV with a header, read as a stream.

use std::io::Read;
use std::sync::Arc;

use parking_lot::Mutex;

use super::columns::folded;
use super::measured::TOO_LONG;
use super::padding::Unpadded;
use super::text::Text;
use super::{FeedError, FeedOptions, FeedRow, RowProblem};

/// A table whose header has been read.
pub(super) struct Table {
    /// Names of the columns as compared (see [`folded`]).
    pub(super) columns: Vec<String>,
    /// Names of the columns as written.
    pub(super) written: Vec<String>,
    rows: Records,
}

/// One record of a table.
pub(super) struct Record {
    /// 1-based line on which it begins.
    pub(super) line: u64,
    pub(super) cells: Vec<String>,
}

/// Records, and at the end of a broken table the reason.
pub(super) struct Records {
    reader: csv::Reader<Metered>,
    meter: Arc<Mutex<Meter>>,
    delimiter: u8,
    max_record_bytes: u64,
    width: Option<usize>,
    /// Whether whole records, and records with fewer cells than the header, have come by: see `is_cut`.
    whole_ones: bool,
    short_ones: bool,
    ended: bool,
}

impl Table {
    pub(super) fn open(mut text: Text, delimiter: u8, name: &str, options: &FeedOptions) -> Result<Self, FeedError> {
        if Unpadded::pads(&text.beginning, delimiter) {
            text.reader = Box::new(Unpadded::new(text.reader, delimiter));
        }
        let mut rows = Records::new(text, delimiter, options, None);
        let header = match rows.next() {
            Some(Ok(header)) => header.cells,
            Some(Err(rejected)) => {
                let reason =
                    if let FeedRow::Rejected { problem, .. } = rejected { problem.reason } else { String::new() };
                return Err(FeedError::Unreadable { name: name.to_owned(), reason });
            }
            None => return Err(FeedError::Empty { name: name.to_owned() }),
        };
        rows.width = Some(header.len());
        let columns = header.iter().map(|column| folded(column)).collect();
        let written = header.iter().map(|column| column.trim().to_owned()).collect();
        Ok(Self { columns, written, rows })
    }

    /// Number of the first column that has one of these names.
    pub(super) fn column(&self, names: &[&str]) -> Option<usize> {
        names.iter().find_map(|name| self.columns.iter().position(|column| column == name))
    }

    /// The records; the table's header stays behind.
    pub(super) fn into_rows(self) -> Records {
        self.rows
    }
}

impl Records {
    /// Records of a table that has no header.
    pub(super) fn new(text: Text, delimiter: u8, options: &FeedOptions, width: Option<usize>) -> Self {
        let meter = Arc::new(Mutex::new(Meter::default()));
        let max = options.max_record_bytes.max(1 << 10);
        let metered = Metered { inner: text.reader, meter: Arc::clone(&meter), max: max + READ_AHEAD };
        let mut builder = csv::ReaderBuilder::new();
        builder.delimiter(delimiter).has_headers(false).flexible(true).buffer_capacity(READ_AHEAD as usize);
        // TSV has no quotes by its own rules, but exports of spreadsheets do; a quote inside a cell stays as it is.
        let reader = builder.from_reader(metered);
        Self {
            reader,
            meter,
            delimiter,
            max_record_bytes: max,
            width,
            whole_ones: false,
            short_ones: false,
            ended: false,
        }
    }
}

impl Iterator for Records {
    type Item = Result<Record, FeedRow>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            self.meter.lock().since = 0;
            let mut record = csv::StringRecord::new();
            let line = self.reader.position().line();
            match self.reader.read_record(&mut record) {
                Ok(false) => self.ended = true,
                Ok(true) => {
                    let line = record.position().map_or(line, csv::Position::line);
                    let start = record.position().map_or(0, csv::Position::byte);
                    if self.is_cut(start, record.len()) {
                        self.ended = true;
                        let problem = RowProblem::new(
                            "feed-cut",
                            None,
                            "the feed ends in the middle of this record",
                            "export the feed again, or fetch it again",
                        );
                        return Some(Err(FeedRow::Rejected { line, id: None, problem }));
                    }
                    if record.iter().all(|cell| cell.trim().is_empty()) {
                        continue;
                    }
                    let cells: Vec<String> = record.iter().map(|cell| cell.trim().to_owned()).collect();
                    if let Some(problem) = self.misfit(&cells) {
                        return Some(Err(FeedRow::Rejected { line, id: None, problem }));
                    }
                    return Some(Ok(Record { line, cells }));
                }
                Err(error) => {
                    self.ended = true;
                    return Some(Err(FeedRow::Rejected { line, id: None, problem: self.end(&error) }));
                }
            }
        }
        None
    }
}

impl Records {
    /// Whether the record just read, which began at byte `start`, is the last one and no whole one: it has no end of line, and
    /// a quote is open or cells are missing that no record before it lacked.
    fn is_cut(&mut self, start: u64, cells: usize) -> bool {
        let missing = self.width.is_some_and(|width| cells < width);
        let meter = self.meter.lock();
        let last = meter.ended
            && self.reader.position().byte() >= meter.read
            && !meter.tail.ends_with(b"\n")
            && !meter.tail.ends_with(b"\r");
        if !last {
            self.short_ones |= missing;
            self.whole_ones |= !missing && self.width.is_some();
            return false;
        }
        let held = meter.read - meter.tail.len() as u64;
        let raw = start.checked_sub(held).and_then(|start| meter.tail.get(start as usize..)).unwrap_or_default();
        let raw = raw.trim_ascii_start();
        (missing && self.whole_ones && !self.short_ones) || quote_is_open(raw, self.delimiter)
    }

    /// More cells than the header has: a separator stands in a text without quotes.
    fn misfit(&self, cells: &[String]) -> Option<RowProblem> {
        let width = self.width?;
        let extra = cells.get(width..).is_some_and(|extra| extra.iter().any(|cell| !cell.is_empty()));
        // Vendure and spreadsheets leave out empty cells at the end, so short records are read; the fields decide.
        extra.then(|| {
            let reason = format!("it has {} cells and the header {width}", cells.len());
            RowProblem::new("too-many-cells", None, reason, "put texts that hold the separator into quotes")
        })
    }

    fn end(&self, error: &csv::Error) -> RowProblem {
        let text = error.to_string();
        if text.contains(TOO_LONG) {
            let reason = format!("a record is longer than {} bytes", self.max_record_bytes);
            return RowProblem::new("record-too-long", None, reason, "look for a quote that is never closed");
        }
        RowProblem::new("feed-unreadable", None, format!("the rest cannot be read: {text}"), "export the feed again")
    }
}

/// Whether a record ends inside of a quoted cell.
fn quote_is_open(record: &[u8], delimiter: u8) -> bool {
    let (mut quoted, mut begins) = (false, true);
    let mut bytes = record.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' if quoted && bytes.peek() == Some(&b'"') => {
                bytes.next();
            }
            b'"' if quoted => quoted = false,
            b'"' if begins => quoted = true,
            _ => {}
        }
        begins = !quoted && byte == delimiter;
    }
    quoted
}

/// Bytes the CSV reader reads ahead.
const READ_AHEAD: u64 = 64 << 10;

/// What has been read.
#[derive(Default)]
struct Meter {
    /// Bytes since the last record.
    since: u64,
    /// Bytes in all.
    read: u64,
    /// The last of them, at most as many as are read ahead.
    tail: Vec<u8>,
    /// There is no more.
    ended: bool,
}

/// Counts what is read since the last record and refuses to go on when it is too much: a quote that is never closed would
/// otherwise make one record of the whole feed, in memory.
struct Metered {
    inner: Box<dyn Read + Send>,
    meter: Arc<Mutex<Meter>>,
    max: u64,
}

impl Read for Metered {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let mut meter = self.meter.lock();
        meter.ended |= read == 0 && !buffer.is_empty();
        meter.since += read as u64;
        meter.read += read as u64;
        if meter.since > self.max {
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, TOO_LONG));
        }
        let kept = (READ_AHEAD as usize).saturating_sub(read);
        let drop = meter.tail.len().saturating_sub(kept);
        meter.tail.drain(..drop);
        meter.tail.extend_from_slice(&buffer[..read]);
        Ok(read)
    }
}

/// The separator of a table: the one that cuts the first line into most cells.
pub(super) fn delimiter(text: &str) -> u8 {
    let candidates = [b'\t', b',', b';', b'|'];
    let cells = |delimiter: &u8| first_record(text, *delimiter).len();
    // The first of equals: a line without any is a table of one column.
    candidates.iter().copied().fold(b',', |best, each| if cells(&each) > cells(&best) { each } else { best })
}

/// The cells of the first record of a text.
pub(super) fn first_record(text: &str, delimiter: u8) -> Vec<String> {
    let mut builder = csv::ReaderBuilder::new();
    let mut reader = builder.delimiter(delimiter).has_headers(false).flexible(true).from_reader(text.as_bytes());
    let first = reader.records().next().and_then(Result::ok);
    first.map(|record| record.iter().map(str::to_owned).collect()).unwrap_or_default()
}

/// A cell, or nothing.
pub(super) fn cell(cells: &[String], column: Option<usize>) -> &str {
    column.and_then(|column| cells.get(column)).map_or("", String::as_str)
}
