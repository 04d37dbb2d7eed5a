//! Lists in memory.

use std::collections::BTreeMap;

use super::Entry;
use super::list::List;
use crate::index::words::Term;

/// Who says what, both ways: by term for those who search, by row so that a product can be taken back. Trees, because searches
/// would wait while a hash table of 100,000 rows grows (45 ms).
#[derive(Debug, Default)]
pub(super) struct Fresh {
    lists: BTreeMap<Term, List>,
    said: BTreeMap<u32, Box<[Term]>>,
    len: usize,
}

impl Fresh {
    /// How many entries all lists have together.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Notes what a row says that said nothing before.
    pub(super) fn put(&mut self, row: u32, terms: &[(Term, u16)]) {
        if terms.is_empty() {
            return;
        }
        for &(term, steps) in terms {
            self.lists.entry(term).or_default().insert(row, steps);
        }
        self.len += terms.len();
        self.said.insert(row, terms.iter().map(|(term, _)| *term).collect());
    }

    pub(super) fn remove(&mut self, row: u32) {
        let Some(terms) = self.said.remove(&row) else { return };
        self.len -= terms.len();
        for term in terms {
            let Some(list) = self.lists.get_mut(&term) else { continue };
            list.remove(row);
            if list.is_empty() {
                self.lists.remove(&term);
            }
        }
    }

    /// Appends who says a term, in the order of rows.
    pub(super) fn read(&self, term: Term, to: &mut Vec<Entry>) {
        if let Some(list) = self.lists.get(&term) {
            list.read(to);
        }
    }

    /// All terms, in rising order.
    pub(super) fn terms(&self) -> Vec<Term> {
        self.lists.keys().copied().collect()
    }
}
