//! Who says a word, and how well: an inverted index of the catalogue's terms, by row of the [`Table`].
//!
//! Who is found at all, how many that are and what they cost (totals, facets, sorting by value) needs all products that say a
//! word, and one of a shop's common words is said by half of the catalogue; an engine of vectors gives its best results cheaply and
//! all of them dearly, and takes longer for each write the more products say the same. So the lists are our own, built as
//! those of a text search engine (Lucene's segments): what is new is kept in memory ([`fresh`]); when that is much, it becomes a file that
//! is never changed ([`run`]), and files of like size become one ([`merge`]). A row whose product changed or went is stale in every
//! part that was there before. Reading a list is reading a piece of each part.
//!
//! Nothing here has to survive: the terms of each product lie in its payload too ([`stored`]), and the file of the columns has all lists
//! for the next start.
//!
//! The score is BM25F as Qdrant counts it: `Σ weight · idf · value`, `idf = ln((N − n + 0.5) / (n + 0.5) + 1)` for `n` of `N`
//! products. Values are kept in steps of 1/4096 (the largest is 2.2).

mod fresh;
mod list;
mod merge;
mod run;
pub(super) mod stored;
#[cfg(test)]
mod tests;

use std::io;
use std::path::Path;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use roaring::RoaringBitmap;

use self::fresh::Fresh;
pub(super) use self::merge::merge;
pub(super) use self::run::{Directory, Run};
use super::IndexError;
use super::table::Table;
use super::words::{Term, Terms};

/// Steps of a value in 1.
const STEPS: f32 = 4096.0;
/// Entries in memory that become a file: with their overhead some 40 MB.
const MOST_FRESH: usize = 2 << 20;

/// A row that says a term, and how well, in steps.
pub(super) type Entry = (u32, u16);

/// The lists of all terms; see the module. Locked after the table, and what it says changes only while that is held for writing.
#[derive(Debug, Default)]
pub(super) struct Postings {
    /// Oldest first.
    parts: Vec<Part>,
    fresh: Fresh,
}

/// Lists that do not change, and the rows whose products have changed since.
#[derive(Debug, Clone)]
pub(super) struct Part {
    contents: Arc<Contents>,
    stale: RoaringBitmap,
}

#[derive(Debug)]
enum Contents {
    Memory(Fresh),
    File(Run),
}

/// Products that say words.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Said {
    /// Their rows.
    pub rows: RoaringBitmap,
    /// BM25F by row; 0 for rows that say none of the words.
    pub scores: Vec<f32>,
}

impl Said {
    /// The best score among rows, or the smallest number above 0.
    #[must_use]
    pub fn best(&self, rows: &RoaringBitmap) -> f32 {
        if self.rows.is_subset(rows) {
            // All scores, as many at a time as fit a register; who says nothing has 0.
            let (groups, rest) = self.scores.as_chunks::<16>();
            let mut best = [f32::MIN_POSITIVE; 16];
            for group in groups {
                best.iter_mut().zip(group).for_each(|(best, score)| *best = best.max(*score));
            }
            return best.iter().chain(rest).copied().fold(f32::MIN_POSITIVE, f32::max);
        }
        let there = rows & &self.rows;
        there.iter().map(|row| self.scores[row as usize]).fold(f32::MIN_POSITIVE, f32::max)
    }
}

/// A term's value in steps.
pub(super) fn steps(value: f32) -> u16 {
    // Saturates: no value is near.
    (value * STEPS).round() as u16
}

impl Contents {
    fn len(&self) -> usize {
        match self {
            Self::Memory(fresh) => fresh.len(),
            Self::File(run) => run.len(),
        }
    }
}

impl Part {
    /// Of entries that were read from this part, those from a place on, takes out what is stale.
    fn leave_out_stale(&self, list: &mut Vec<Entry>, from: usize) {
        if self.stale.is_empty() {
            return;
        }
        let mut at = from;
        for place in from..list.len() {
            if !self.stale.contains(list[place].0) {
                list[at] = list[place];
                at += 1;
            }
        }
        list.truncate(at);
    }
}

impl Postings {
    /// Lists that were kept in a file.
    pub(super) fn of(run: Run) -> Self {
        let part = Part { contents: Arc::new(Contents::File(run)), stale: RoaringBitmap::new() };
        Self { parts: vec![part], fresh: Fresh::default() }
    }

    /// Notes what the product of a row says that said nothing before.
    pub(super) fn put(&mut self, row: u32, terms: &[(Term, u16)]) {
        self.fresh.put(row, terms);
    }

    /// Forgets what the product of a row said.
    pub(super) fn remove(&mut self, row: u32) {
        for part in &mut self.parts {
            part.stale.insert(row);
        }
        self.fresh.remove(row);
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Who says a term, in the order of rows.
    fn list(&self, term: Term) -> io::Result<Vec<Entry>> {
        let mut list = Vec::new();
        for part in &self.parts {
            let from = list.len();
            match &*part.contents {
                Contents::Memory(fresh) => fresh.read(term, &mut list),
                Contents::File(run) => run.read(term, &mut list)?,
            }
            part.leave_out_stale(&mut list, from);
        }
        let kept = list.len();
        self.fresh.read(term, &mut list);
        if list.len() > kept && kept > 0 || self.parts.len() > 1 {
            // A sort that knows runs: each part is in order.
            list.sort_by_key(|(row, _)| *row);
        }
        Ok(list)
    }

    /// All parts as they are; what is in memory does not change from here on.
    pub(super) fn freeze(&mut self) -> Vec<Part> {
        if self.fresh.len() > 0 {
            let contents = Arc::new(Contents::Memory(std::mem::take(&mut self.fresh)));
            self.parts.push(Part { contents, stale: RoaringBitmap::new() });
        }
        self.parts.clone()
    }

    /// Puts a file in the place of the parts that were merged into it. Left as it is where these are not there any more.
    pub(super) fn replace(&mut self, merged: &[Part], run: Run) {
        let Some(first) = merged.first() else { return };
        let Some(at) = self.parts.iter().position(|part| Arc::ptr_eq(&part.contents, &first.contents)) else { return };
        let Some(there) = self.parts.get(at..at + merged.len()) else { return };
        if !there.iter().zip(merged).all(|(one, other)| Arc::ptr_eq(&one.contents, &other.contents)) {
            return;
        }
        // What became stale while they were merged.
        let since = there.iter().zip(merged).map(|(now, then)| &now.stale - &then.stale);
        let stale = since.fold(RoaringBitmap::new(), |all, rows| all | rows);
        let part = Part { contents: Arc::new(Contents::File(run)), stale };
        self.parts.splice(at..at + merged.len(), [part]);
    }
}

/// The last parts that are together as large as the one before them: merged, they leave few parts, and each entry is written few times.
fn to_merge(parts: &[Part]) -> &[Part] {
    let mut from = parts.len();
    let mut len = 0;
    while from > 0 && (len == 0 || parts[from - 1].contents.len() <= len) {
        from -= 1;
        len += parts[from].contents.len();
    }
    &parts[from..]
}

/// Moves what is in memory into a file under `dir`, when it is much. The file has no name and goes with this process. Where the
/// disk refuses, it stays in memory and is tried again when there is more. Searches go on meanwhile.
pub(super) fn spill(postings: &RwLock<Postings>, alone: &Mutex<()>, dir: &Path) {
    if postings.read().fresh.len() < MOST_FRESH {
        return;
    }
    let _alone = alone.lock();
    let parts = postings.write().freeze();
    let parts = to_merge(&parts);
    match Run::temporary(dir, |out| merge(parts, out)) {
        Ok(run) => postings.write().replace(parts, run),
        Err(error) => {
            tracing::warn!(dir = %dir.display(), %error, "lists of words cannot be written and stay in memory");
        }
    }
}

/// Adds up what each term of a query brings.
///
/// # Errors
/// When the disk refuses, or a file was changed.
pub(super) fn add_up(postings: &Postings, table: &Table, query: &Terms, dir: &Path) -> Result<Said, IndexError> {
    let mut said = Said { rows: RoaringBitmap::new(), scores: vec![0.0; table.rows_used()] };
    for &(term, weight) in &query.entries {
        let list = postings.list(term).map_err(IndexError::io("cannot read the words of", dir))?;
        let (all, saying) = (table.len() as f32, list.len() as f32);
        let factor = weight * ((all - saying + 0.5) / (saying + 0.5) + 1.0).ln() / STEPS;
        for &(row, steps) in &list {
            if let Some(score) = said.scores.get_mut(row as usize) {
                *score += factor * f32::from(steps);
            }
        }
        let rows = RoaringBitmap::from_sorted_iter(list.iter().map(|(row, _)| *row));
        said.rows |= rows.map_err(|_| {
            let reason = format!("the list of term {term} is not in order");
            IndexError::Engine { doing: "searching words", reason }
        })?;
    }
    Ok(said)
}
