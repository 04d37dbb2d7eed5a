//! The words of products that an index already had when it was opened.
//!
//! An index on disk has vectors, not words; the lexicon lives in memory. It is read from what was kept beside the columns, and
//! made from the truth where that is missing or has not all: of small catalogues at once, of large ones by the keeper while
//! searches go on. Until it is through, slips of words not read yet are not corrected and suggestions miss them. Nothing else
//! waits for it.

use std::sync::atomic::Ordering;

use parking_lot::Mutex;

use super::EngineError;
use super::snapshot::Snapshot;
use crate::catalogue::Store;
use crate::index::IndexPoint;

/// Catalogues up to this many products are read while they are opened: about 0.1 s.
const AT_ONCE: usize = 2_000;
/// Products that are read under one lock.
const PAGE: usize = 256;

impl Snapshot {
    /// Reads the words of a small catalogue; leaves those of a large one to the keeper. `writing` is held by those who commit.
    ///
    /// # Errors
    /// When the store fails.
    pub(super) fn read_few_words(&self, store: &Store, writing: &Mutex<()>) -> Result<(), EngineError> {
        if self.index.count(None)? <= AT_ONCE { self.read_words(store, writing, || false) } else { Ok(()) }
    }

    /// Reads the words of all products that the lexicon does not have, until `stop` says so.
    ///
    /// # Errors
    /// When the store fails; what was read stays.
    pub(super) fn read_words(
        &self,
        store: &Store,
        writing: &Mutex<()>,
        stop: impl Fn() -> bool,
    ) -> Result<(), EngineError> {
        if self.index.read_kept_words() {
            self.words_read.store(true, Ordering::Release);
        }
        let mut after = 0;
        while !self.words_read.load(Ordering::Acquire) && !stop() {
            // While a page is read nothing is written, so that an old product never replaces a newer one.
            let _order = writing.lock();
            let page = store.page_of_products(self.catalogue, after, PAGE)?;
            let Some(last) = page.last() else {
                self.words_read.store(true, Ordering::Release);
                return Ok(());
            };
            after = last.key;
            let points: Vec<IndexPoint> =
                page.iter().map(|stored| IndexPoint::of(&stored.product, stored.key, Vec::new())).collect();
            self.index.learn_words(&points);
        }
        Ok(())
    }
}
