//! When the columns of an index are brought to disk.
//!
//! The file of the columns spares a start a look at every product (see `index/columns.rs`), and writing it costs half a second
//! at a million products. So it stays as it is while few products change: these are applied again at the next start, and up to
//! then the truth keeps what an index of the file's age needs. When many have changed it is written anew, which may take a
//! hundredth of the time; in an import, which changes more than that allows, it is removed until the import is over.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::EngineError;
use crate::index::Index;

/// Changed products, at least, that are left for the next start.
const FEW: u64 = 500;
/// One in so many of a catalogue's products may be left as well.
const SHARE: u64 = 200;
/// Which part of the time writing may take.
const PART: u32 = 100;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Keeping {
    /// Products changed since the file was written.
    changed: AtomicU64,
    /// When it was written last, and how long that took.
    last: Mutex<Option<(Instant, Duration)>>,
}

impl Keeping {
    /// Counts products that were put in or taken out.
    pub(super) fn wrote(&self, count: u64) {
        self.changed.fetch_add(count, Ordering::Relaxed);
    }

    /// Whether the file is missing or does not know every change.
    pub(super) fn is_behind(&self, index: &Index) -> bool {
        self.changed.load(Ordering::Relaxed) > 0 || index.columns_kept().is_none()
    }

    /// Whether the file is missing and may be written.
    pub(super) fn wants(&self, index: &Index) -> bool {
        index.columns_kept().is_none() && self.is_due()
    }

    fn is_due(&self) -> bool {
        self.last.lock().is_none_or(|(at, took)| at.elapsed() >= took * PART)
    }

    /// Decides about the file after everything up to the revision `reached` was brought to disk. Returns the revision that index and file
    /// together answer for. `writing` is held by those who commit; `at_once` when it is to be written in any case.
    pub(super) fn keep(
        &self,
        index: &Index,
        reached: i64,
        writing: &Mutex<()>,
        at_once: bool,
    ) -> Result<i64, EngineError> {
        let changed = self.changed.load(Ordering::Relaxed);
        let kept = index.columns_kept();
        if let Some(kept) = kept
            && (kept == reached || !at_once && changed <= FEW.max(index.table().len() as u64 / SHARE))
        {
            return Ok(kept);
        }
        if at_once || self.is_due() {
            let begun = Instant::now();
            let _order = writing.lock();
            let changed = self.changed.load(Ordering::Relaxed);
            index.keep_columns(reached)?;
            self.changed.fetch_sub(changed, Ordering::Relaxed);
            *self.last.lock() = Some((Instant::now(), begun.elapsed()));
        } else if kept.is_some() {
            index.forget_columns()?;
        }
        Ok(reached)
    }
}
