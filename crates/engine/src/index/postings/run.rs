//! Lists in a file: written once, one list after another in the order of their terms.
//!
//! A list is, for each of its rows, the step from the row before (LEB128) and the value (two bytes, little-endian).

use std::fs::File;
use std::io::{self, BufWriter};
use std::ops::Range;
use std::path::Path;

use integer_encoding::VarInt;
use serde::{Deserialize, Serialize};

use super::Entry;
use crate::index::words::Term;

const BUFFER: usize = 1 << 20;
/// Fewest bytes of an entry.
const LEAST: usize = 3;

/// Where the list of each term is.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::index) struct Directory {
    /// In rising order.
    terms: Vec<Term>,
    /// Where each list ends; the first begins at 0.
    ends: Vec<u64>,
    /// How many entries all lists have together.
    entries: usize,
}

impl Directory {
    /// Notes a list of `entries` that follows the others.
    pub(super) fn push(&mut self, term: Term, bytes: usize, entries: usize) {
        self.entries += entries;
        self.terms.push(term);
        self.ends.push(self.length() + bytes as u64);
    }

    /// Bytes of all lists.
    pub(in crate::index) fn length(&self) -> u64 {
        self.ends.last().copied().unwrap_or_default()
    }

    /// Whether it can be the directory of lists of `length` bytes.
    pub(in crate::index) fn fits(&self, length: u64) -> bool {
        self.terms.len() == self.ends.len()
            && self.length() == length
            && self.terms.is_sorted_by(|a, b| a < b)
            && self.ends.is_sorted()
    }

    /// The term of a place in the order of terms, and where its list is.
    pub(super) fn get(&self, place: usize) -> Option<(Term, Range<u64>)> {
        let (term, end) = (*self.terms.get(place)?, *self.ends.get(place)?);
        let start = place.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or_default();
        Some((term, start..end))
    }
}

/// Lists in a file. Reading moves no cursor, so that any number of threads may.
#[derive(Debug)]
pub(in crate::index) struct Run {
    file: File,
    /// Where in the file the lists begin.
    at: u64,
    directory: Directory,
}

impl Run {
    /// The lists that begin at `at` of a file.
    pub(in crate::index) fn new(file: File, at: u64, directory: Directory) -> Self {
        Self { file, at, directory }
    }

    /// Lists in a file under `dir` that has no name, so that it is gone when nobody has it open.
    pub(super) fn temporary(
        dir: &Path,
        contents: impl FnOnce(&mut BufWriter<File>) -> io::Result<Directory>,
    ) -> io::Result<Self> {
        let mut out = BufWriter::with_capacity(BUFFER, tempfile::tempfile_in(dir)?);
        let directory = contents(&mut out)?;
        let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok(Self { file, at: 0, directory })
    }

    /// How many entries all lists have together.
    pub(super) fn len(&self) -> usize {
        self.directory.entries
    }

    pub(super) fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Appends who says a term, in the order of rows.
    pub(super) fn read(&self, term: Term, list: &mut Vec<Entry>) -> io::Result<()> {
        let Ok(place) = self.directory.terms.binary_search(&term) else { return Ok(()) };
        let Some((_, range)) = self.directory.get(place) else { return Ok(()) };
        let bytes = self.bytes(range)?;
        list.reserve(bytes.len() / LEAST);
        decode(&bytes, list)
    }

    /// A piece of the lists.
    pub(super) fn bytes(&self, range: Range<u64>) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; (range.end - range.start) as usize];
        read_exact_at(&self.file, &mut bytes, self.at + range.start)?;
        Ok(bytes)
    }
}

/// Appends a list's bytes; `list` is in the order of rows.
pub(super) fn encode(list: &[Entry], bytes: &mut Vec<u8>) {
    let (mut before, mut buffer) = (0, [0; 5]);
    for &(row, steps) in list {
        let length = (row - before).encode_var(&mut buffer);
        bytes.extend_from_slice(&buffer[..length]);
        bytes.extend_from_slice(&steps.to_le_bytes());
        before = row;
    }
}

/// Appends a list from its bytes.
pub(super) fn decode(mut bytes: &[u8], list: &mut Vec<Entry>) -> io::Result<()> {
    let broken = || io::Error::new(io::ErrorKind::InvalidData, "a list of words was changed after it was written");
    let mut row = 0_u32;
    while !bytes.is_empty() {
        // Nearly all steps in a long list are of one byte.
        let (step, rest) = match bytes {
            [byte, rest @ ..] if *byte < 0x80 => (u32::from(*byte), rest),
            _ => {
                let (step, length) = u32::decode_var(bytes).ok_or_else(broken)?;
                (step, bytes.get(length..).ok_or_else(broken)?)
            }
        };
        let ([low, high], rest) = rest.split_first_chunk().ok_or_else(broken)?;
        row = row.checked_add(step).ok_or_else(broken)?;
        list.push((row, u16::from_le_bytes([*low, *high])));
        bytes = rest;
    }
    Ok(())
}

#[cfg(unix)]
fn read_exact_at(file: &File, bytes: &mut [u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, at)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut bytes: &mut [u8], mut at: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, bytes, at)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                bytes = &mut bytes[read..];
                at += read as u64;
            }
        }
    }
    Ok(())
}
