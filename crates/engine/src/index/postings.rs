//! Who says a word and how well, in memory: one list for each term that was asked for.
//!
//! The engine's index of words gives its best results cheaply and all of them dearly: each is a record of hundreds of bytes that is
//! hashed and sorted on its way. But who is found at all, how many that are and what they cost (totals, facets, sorting by value)
//! needs all of them, and one of a shop's common words is said by half of the catalogue. So a term's list is fetched from the
//! engine when the term is first asked for, kept by row of the [`Table`], and follows every write. A search then adds up numbers.
//!
//! The score is the engine's own, BM25F: `Σ weight · idf · value`, `idf = ln((N − n + 0.5) / (n + 0.5) + 1)` for `n` of `N`
//! products. Values are kept in steps of 1/4096 (the largest is 2.2), so that a value that came from the engine, divided by what the
//! engine multiplied it with, is the same as one that came from a write.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use qdrant_edge::SparseVector;
use roaring::RoaringBitmap;

use super::table::Table;
use super::words::Term;

/// Steps of a value in 1.
const STEPS: f32 = 4096.0;
/// Most lists that are kept.
const MOST_LISTS: usize = 4_096;
/// Most entries of all lists together, of about 4 bytes each: 128 MiB.
const MOST_ENTRIES: usize = 32 << 20;

/// Lists of terms; see the module. Whoever reads or changes them holds the table's lock in the same way.
#[derive(Debug, Default)]
pub(super) struct Postings {
    lists: HashMap<Term, Kept>,
    entries: usize,
    clock: AtomicU64,
}

#[derive(Debug)]
struct Kept {
    list: Arc<List>,
    /// When it was last asked for.
    used: AtomicU64,
}

/// The rows that say a term, and how well, in the order of rows.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct List {
    rows: RoaringBitmap,
    values: Vec<u16>,
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
        let there = rows & &self.rows;
        there.iter().map(|row| self.scores[row as usize]).fold(f32::MIN_POSITIVE, f32::max)
    }
}

fn steps(value: f32) -> u16 {
    // Saturates: no value is near.
    (value * STEPS).round() as u16
}

impl List {
    /// Entries in any order; of two of one row, the later counts.
    pub(super) fn of(mut entries: Vec<(u32, f32)>) -> Self {
        entries.sort_by_key(|(row, _)| *row);
        let mut list = Self::default();
        for (row, value) in entries {
            list.put(row, value);
        }
        list
    }

    fn put(&mut self, row: u32, value: f32) {
        let new = self.rows.insert(row);
        let at = self.rows.rank(row) as usize - 1;
        if new {
            self.values.insert(at, steps(value));
        } else {
            self.values[at] = steps(value);
        }
    }

    fn remove(&mut self, row: u32) -> bool {
        let at = self.rows.rank(row) as usize;
        if !self.rows.remove(row) {
            return false;
        }
        self.values.remove(at - 1);
        true
    }

    /// How many products say it.
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// Adds to each row's score what this term brings.
    fn add_to(&self, said: &mut Said, products: usize, weight: f32) {
        let (all, saying) = (products as f32, self.len() as f32);
        let factor = weight * ((all - saying + 0.5) / (saying + 0.5) + 1.0).ln() / STEPS;
        for (row, steps) in self.rows.iter().zip(&self.values) {
            if let Some(score) = said.scores.get_mut(row as usize) {
                *score += factor * f32::from(*steps);
            }
        }
        said.rows |= &self.rows;
    }
}

impl Postings {
    /// The list of a term, where it is kept.
    pub(super) fn get(&self, term: Term) -> Option<Arc<List>> {
        let kept = self.lists.get(&term)?;
        kept.used.store(self.clock.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        Some(Arc::clone(&kept.list))
    }

    /// Keeps the list of a term; lists that were not asked for longest make room.
    pub(super) fn keep(&mut self, term: Term, list: Arc<List>) {
        if list.len() > MOST_ENTRIES / 2 {
            return;
        }
        let used = AtomicU64::new(self.clock.fetch_add(1, Ordering::Relaxed));
        self.entries += list.len();
        if let Some(before) = self.lists.insert(term, Kept { list, used }) {
            self.entries -= before.list.len();
        }
        if self.lists.len() > MOST_LISTS || self.entries > MOST_ENTRIES {
            let mut by_use: Vec<(u64, Term)> =
                self.lists.iter().map(|(term, kept)| (kept.used.load(Ordering::Relaxed), *term)).collect();
            by_use.sort_unstable();
            // Half of what is allowed, so that this is rare.
            for (_, term) in by_use {
                if self.lists.len() <= MOST_LISTS / 2 && self.entries <= MOST_ENTRIES / 2 {
                    break;
                }
                if let Some(gone) = self.lists.remove(&term) {
                    self.entries -= gone.list.len();
                }
            }
        }
    }

    /// Notes what a product says that has a row from now on.
    pub(super) fn put(&mut self, row: u32, words: &SparseVector) {
        for (term, value) in words.indices.iter().zip(&words.values) {
            if let Some(kept) = self.lists.get_mut(term) {
                let before = kept.list.len();
                Arc::make_mut(&mut kept.list).put(row, *value);
                self.entries += kept.list.len() - before;
            }
        }
    }

    /// Forgets what the product of a row said. Its words are no longer known, so that every list is looked into.
    pub(super) fn remove(&mut self, row: u32) {
        for kept in self.lists.values_mut().filter(|kept| kept.list.rows.contains(row)) {
            if Arc::make_mut(&mut kept.list).remove(row) {
                self.entries -= 1;
            }
        }
    }

    /// Forgets all lists.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// Adds up lists, each with its term's weight in the query.
pub(super) fn add_up(table: &Table, lists: &[(Arc<List>, f32)]) -> Said {
    let mut said = Said { rows: RoaringBitmap::new(), scores: vec![0.0; table.rows_used()] };
    for (list, weight) in lists {
        list.add_to(&mut said, table.len(), *weight);
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector(entries: &[(u32, f32)]) -> SparseVector {
        let (indices, values) = entries.iter().copied().unzip();
        SparseVector { indices, values }
    }

    #[test]
    fn lists_follow_writes() {
        let mut postings = Postings::default();
        postings.keep(7, Arc::new(List::of(vec![(90_000, 1.5), (3, 0.5)])));
        postings.keep(8, Arc::default());
        postings.put(5, &vector(&[(7, 2.0), (8, 1.0), (9, 1.0)]));
        postings.put(3, &vector(&[(7, 0.75)]));
        postings.remove(90_000);
        postings.remove(4);
        assert_eq!(*postings.get(7).unwrap(), List::of(vec![(3, 0.75), (5, 2.0)]));
        assert_eq!(*postings.get(8).unwrap(), List::of(vec![(5, 1.0)]));
        assert_eq!(postings.get(9), None, "nobody asked for it");
        assert_eq!(postings.entries, 3);
    }

    #[test]
    fn lists_that_nobody_asks_for_make_room() {
        let mut postings = Postings::default();
        for term in 0..=MOST_LISTS as Term {
            postings.keep(term, Arc::new(List::of(vec![(1, 1.0)])));
            postings.get(0);
        }
        assert!(postings.get(0).is_some() && postings.get(1).is_none());
        assert_eq!(postings.lists.len(), MOST_LISTS / 2);
        assert_eq!(postings.entries, MOST_LISTS / 2);
    }
}
