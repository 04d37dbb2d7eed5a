//! How far an index's writes are ahead of its optimisation.
//!
//! What was written since an optimisation began is in no graph: every search scans it, and the vector engine holds its filter fields in
//! memory. An import of pictures that are known already writes two thousand products a second, and the optimisation of a large index
//! takes minutes; without a limit, memory and searches would pay for the difference.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::index::Merging;

/// Products that may come in while an optimisation runs.
const MOST_MEANWHILE: u64 = 100_000;

/// Products between two questions that are more than the daily changes of a shop.
const MANY: u64 = 1_000;

/// See the module.
#[derive(Debug)]
pub(super) struct Backlog {
    /// Products written since the last optimisation began.
    written: AtomicU64,
    /// Of those, how many it was when it was last asked what is due.
    asked: AtomicU64,
    optimising: AtomicBool,
    /// Graphs were built beside those that there were.
    apart: AtomicBool,
}

impl Backlog {
    /// The backlog of an index that was just opened. Whether it was optimised when the last process ended is not known; asking costs next to
    /// nothing.
    pub(super) fn unknown() -> Self {
        Self {
            written: AtomicU64::new(1),
            asked: AtomicU64::new(0),
            optimising: AtomicBool::new(false),
            apart: AtomicBool::new(false),
        }
    }

    /// Counts products that were put in.
    pub(super) fn wrote(&self, count: u64) {
        self.written.fetch_add(count, Ordering::Relaxed);
    }

    /// Products written since the last optimisation began.
    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Whether an optimisation runs and so many products came in meanwhile that more should wait for its end.
    pub(super) fn is_overtaken(&self) -> bool {
        self.optimising.load(Ordering::Acquire) && self.written() >= MOST_MEANWHILE
    }

    /// How the index should be optimised, if at all; asked every few seconds. While it `grows`, or many products come in between two
    /// questions, graphs are built of `least` new products and more, beside those that there are. Otherwise everything is brought together.
    pub(super) fn due(&self, grows: bool, least: u64) -> Option<Merging> {
        let written = self.written();
        let lately = written.saturating_sub(self.asked.swap(written, Ordering::Relaxed));
        if written >= least {
            return Some(Merging::Later);
        }
        let rests = !grows && lately < MANY;
        (rests && (written > 0 || self.apart.load(Ordering::Relaxed))).then_some(Merging::Now)
    }

    /// Runs an optimisation; what was written before it has to be optimised still where it fails.
    pub(super) fn optimising<T, E>(&self, merging: Merging, optimise: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let before = self.written.swap(0, Ordering::Relaxed);
        self.asked.store(0, Ordering::Relaxed);
        self.optimising.store(true, Ordering::Release);
        let done = optimise();
        self.optimising.store(false, Ordering::Release);
        self.apart.store(merging == Merging::Later || done.is_err(), Ordering::Relaxed);
        if done.is_err() {
            self.wrote(before);
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_wait_for_a_running_optimisation_only() {
        let backlog = Backlog::unknown();
        assert_eq!(backlog.written(), 1);
        backlog.wrote(MOST_MEANWHILE);
        assert!(!backlog.is_overtaken(), "nothing runs that would end");
        let failed = backlog.optimising(Merging::Now, || {
            assert_eq!((backlog.written(), backlog.is_overtaken()), (0, false));
            backlog.wrote(MOST_MEANWHILE);
            assert!(backlog.is_overtaken());
            Err::<(), _>("full disk")
        });
        assert!(failed.is_err() && !backlog.is_overtaken());
        assert_eq!(backlog.written(), 2 * MOST_MEANWHILE + 1);
        backlog.optimising(Merging::Now, || Ok::<_, ()>(())).unwrap();
        assert_eq!(backlog.written(), 0);
    }

    #[test]
    fn graphs_are_brought_together_when_an_index_no_longer_grows() {
        let backlog = Backlog::unknown();
        let done = || Ok::<_, ()>(());
        assert_eq!((backlog.due(true, 20), backlog.due(false, 20)), (None, Some(Merging::Now)));
        backlog.wrote(MANY);
        assert_eq!(backlog.due(false, 2 * MANY), None, "more may come");
        assert_eq!(backlog.due(false, 2 * MANY), Some(Merging::Now), "no more came");
        assert_eq!((backlog.due(true, 20), backlog.due(false, 20)), (Some(Merging::Later), Some(Merging::Later)));
        backlog.optimising(Merging::Later, done).unwrap();
        assert_eq!((backlog.due(true, 20), backlog.due(false, 20)), (None, Some(Merging::Now)));
        backlog.optimising(Merging::Now, done).unwrap();
        assert_eq!((backlog.due(true, 20), backlog.due(false, 20)), (None, None));
        backlog.wrote(1);
        assert_eq!((backlog.due(true, 20), backlog.due(false, 20)), (None, Some(Merging::Now)));
    }
}
