//! Several parts into one file, in one pass over each.

use std::io::{self, Write};

use super::run::{Directory, Run, decode, encode};
use super::{Contents, Entry, Part};
use crate::index::words::Term;

/// Bytes that are read of a file at once, at least; a list may be longer.
const PIECE: u64 = 1 << 20;

/// Writes the lists of all parts, without what is stale, and says where each is.
pub(in crate::index) fn merge(parts: &[Part], out: &mut impl Write) -> io::Result<Directory> {
    let mut cursors: Vec<Cursor<'_>> = parts.iter().map(Cursor::new).collect();
    let mut directory = Directory::default();
    let (mut list, mut bytes) = (Vec::new(), Vec::new());
    while let Some(term) = cursors.iter().filter_map(Cursor::term).min() {
        list.clear();
        for (cursor, part) in cursors.iter_mut().zip(parts).filter(|(cursor, _)| cursor.term() == Some(term)) {
            let from = list.len();
            cursor.take(&mut list)?;
            part.leave_out_stale(&mut list, from);
        }
        if list.is_empty() {
            continue;
        }
        list.sort_by_key(|(row, _)| *row);
        bytes.clear();
        encode(&list, &mut bytes);
        out.write_all(&bytes)?;
        directory.push(term, bytes.len(), list.len());
    }
    Ok(directory)
}

/// The lists of a part, one after another.
enum Cursor<'p> {
    Memory { contents: &'p super::Fresh, terms: Vec<Term>, next: usize },
    File { run: &'p Run, next: usize, piece: Vec<u8>, at: u64 },
}

impl<'p> Cursor<'p> {
    fn new(part: &'p Part) -> Self {
        match &*part.contents {
            Contents::Memory(contents) => Self::Memory { terms: contents.terms(), contents, next: 0 },
            Contents::File(run) => Self::File { run, next: 0, piece: Vec::new(), at: 0 },
        }
    }

    /// Whose list is next.
    fn term(&self) -> Option<Term> {
        match self {
            Self::Memory { terms, next, .. } => terms.get(*next).copied(),
            Self::File { run, next, .. } => run.directory().get(*next).map(|(term, _)| term),
        }
    }

    /// Appends the next list.
    fn take(&mut self, list: &mut Vec<Entry>) -> io::Result<()> {
        match self {
            Self::Memory { contents, terms, next } => {
                if let Some(term) = terms.get(*next) {
                    contents.read(*term, list);
                }
                *next += 1;
            }
            Self::File { run, next, piece, at } => {
                let Some((_, range)) = run.directory().get(*next) else { return Ok(()) };
                if range.end > *at + piece.len() as u64 {
                    let end = range.end.max((range.start + PIECE).min(run.directory().length()));
                    *piece = run.bytes(range.start..end)?;
                    *at = range.start;
                }
                decode(&piece[(range.start - *at) as usize..(range.end - *at) as usize], list)?;
                *next += 1;
            }
        }
        Ok(())
    }
}
