//! Threads that look after things while everything else goes on: one brings indexes to disk, one optimises them, one looks
//! whether a space should be trained or a calibration fitted again, one understands pictures that nothing is understood of yet, one
//! removes pictures that nothing refers to any more.
//!
//! They are several because building a large graph takes minutes, and an index that is not brought to disk meanwhile would have
//! much to catch up with after a crash.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use parking_lot::Mutex;

use super::Engine;

/// How often they look around.
const ROUND: Duration = Duration::from_secs(5);
/// Rounds after a start in which nothing is calibrated.
const CALIBRATE_AFTER: u64 = 6;
/// How long it works at a time on pictures that nothing is understood of, and how long it then leaves the cores to others.
const SHIFT: Duration = Duration::from_millis(300);
/// Changed products from which an index gets a graph of them while an import still runs, or its pictures are being understood: as many
/// as it had before, but at least and at most so many: what is in no graph is scanned by every search.
const OPTIMISE_FROM: (u64, u64) = (20_000, 50_000);

/// How long after a start, or after it had to give way, pictures are tidied up; and how long after it came to its end.
const TIDY_AFTER: (Duration, Duration) = (Duration::from_hours(1), Duration::from_hours(24));

/// What a thread does on its round; the moment and the number of the round are its own, to do some things less often. It says
/// when it wants to look again.
type Work = fn(&Arc<Engine>, &mut Instant, u64) -> Duration;

/// The threads, as long as they work.
#[derive(Debug, Default)]
pub(super) struct Keepers(Mutex<Vec<(Sender<()>, std::thread::JoinHandle<()>)>>);

impl Keepers {
    /// Starts them.
    pub(super) fn start(&self, engine: &Arc<Engine>) {
        for work in [settle as Work, optimise, refresh, understand, tidy] {
            let (wake, woken) = crossbeam_channel::bounded(1);
            let engine = Arc::downgrade(engine);
            self.0.lock().push((wake, std::thread::spawn(move || keep(&engine, &woken, work))));
        }
    }

    /// Lets them look around soon.
    pub(super) fn wake(&self) {
        for (wake, _) in self.0.lock().iter() {
            // A full channel means that it has been told.
            let _ = wake.try_send(());
        }
    }

    /// Lets them end what they are at, and waits for it.
    pub(super) fn stop(&self) {
        let (wakes, threads): (Vec<_>, Vec<_>) = std::mem::take(&mut *self.0.lock()).into_iter().unzip();
        drop(wakes);
        for thread in threads {
            // The last one to hold the engine may be one of them.
            if thread.thread().id() != std::thread::current().id() {
                let _ = thread.join();
            }
        }
    }
}

/// Works until the sender of `wake` is gone. Each message is a wish that it looks around now.
fn keep(engine: &Weak<Engine>, wake: &Receiver<()>, work: Work) {
    let mut looked = Instant::now();
    let mut rest = ROUND;
    // The words of large catalogues are read right after the start.
    if let Some(engine) = engine.upgrade() {
        rest = work(&engine, &mut looked, 0);
    }
    for round in 1_u64.. {
        match wake.recv_timeout(rest) {
            Ok(()) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        let Some(engine) = engine.upgrade() else { return };
        rest = work(&engine, &mut looked, round);
    }
}

/// Catches up with pictures that nothing is understood of, and learns categories and attributes anew where it is due.
fn understand(engine: &Arc<Engine>, _: &mut Instant, _: u64) -> Duration {
    if engine.closing() {
        return ROUND;
    }
    let caught_up = engine.catch_up_understanding(SHIFT);
    if let Err(error) = engine.fit_labels_where_due() {
        tracing::error!(%error, "categories and attributes could not be learned; it is tried again later");
    }
    match caught_up {
        Ok(true) => SHIFT,
        Ok(false) => ROUND,
        Err(error) => {
            tracing::error!(%error, "pictures of the catalogue could not be understood; it is tried again later");
            ROUND
        }
    }
}

fn settle(engine: &Arc<Engine>, _: &mut Instant, round: u64) -> Duration {
    for catalogue in engine.open_catalogues() {
        let busy = engine.imports_into(&catalogue.name);
        let snapshot = catalogue.snapshot();
        if round == 0 {
            snapshot.index.read_ahead(|| engine.closing());
        }
        if let Err(error) = snapshot.read_words(&engine.store, &catalogue.writing, || engine.closing()) {
            tracing::error!(catalogue = %catalogue.name, %error, "the words of the catalogue could not be read; it is tried again");
        }
        if (snapshot.unsettled() > 0 || snapshot.wants_columns())
            && let Err(error) = catalogue.settle(&engine.store, &snapshot)
        {
            tracing::error!(catalogue = %catalogue.name, %error, "the index could not be brought to disk; nothing is lost, it is tried again");
        }
        drop(snapshot);
        // While an import runs, its own work comes first.
        if !busy && let Err(error) = catalogue.keep_previous_current(&engine.store, &|_| !engine.closing()) {
            tracing::error!(catalogue = %catalogue.name, %error, "the index to roll back to could not follow; it is tried again");
        }
        catalogue.let_go(&engine.store);
    }
    ROUND
}

fn optimise(engine: &Arc<Engine>, _: &mut Instant, _: u64) -> Duration {
    for catalogue in engine.open_catalogues() {
        let grows = engine.imports_into(&catalogue.name) || engine.catches_up_with(&catalogue);
        let (from, at_most) = OPTIMISE_FROM;
        let least = (catalogue.snapshot().index.table().len() as u64 / 2).clamp(from, at_most);
        if let Err(error) = catalogue.optimise(&engine.store, grows, least) {
            tracing::error!(catalogue = %catalogue.name, %error, hint = error.hint(), "the index could not be optimised; searches go on without");
        }
    }
    ROUND
}

fn refresh(engine: &Arc<Engine>, looked: &mut Instant, round: u64) -> Duration {
    // Asking a catalogue about itself is work that can wait until a start is over.
    if round > CALIBRATE_AFTER {
        engine.calibrate_soon();
    }
    let freshness = &engine.options.freshness;
    if freshness.retrain && looked.elapsed() >= freshness.look && !engine.closing() {
        *looked = Instant::now();
        engine.refresh();
    }
    ROUND
}

fn tidy(engine: &Arc<Engine>, due: &mut Instant, round: u64) -> Duration {
    let (soon, later) = TIDY_AFTER;
    if round == 0 {
        *due = Instant::now() + soon;
    }
    if Instant::now() >= *due {
        let finished = match engine.remove_unused(engine.options.keep_unused_days) {
            Ok(tidied) => {
                if tidied.removed > 0 {
                    tracing::info!(
                        pictures = tidied.removed,
                        bytes = tidied.bytes,
                        "pictures that no product shows were removed"
                    );
                }
                tidied.finished
            }
            Err(error) => {
                tracing::error!(%error, hint = error.hint(), "pictures that no product shows could not be removed; it is tried again later");
                false
            }
        };
        *due = Instant::now() + if finished { later } else { soon };
    }
    due.saturating_duration_since(Instant::now())
}
