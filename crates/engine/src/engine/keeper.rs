//! Two threads that look after the indexes while everything else goes on: one brings them to disk, one optimises them.
//!
//! They are two because building a large graph takes minutes, and an index that is not brought to disk meanwhile would have
//! much to catch up with after a crash.

use std::sync::{Arc, Weak};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use parking_lot::Mutex;

use super::Engine;

/// How often they look around.
const ROUND: Duration = Duration::from_secs(5);
/// Changed products from which an index is optimised while an import still runs.
const OPTIMISE_FROM: u64 = 20_000;

/// The threads, as long as they work.
#[derive(Debug, Default)]
pub(super) struct Keepers(Mutex<Vec<(Sender<()>, std::thread::JoinHandle<()>)>>);

impl Keepers {
    /// Starts both.
    pub(super) fn start(&self, engine: &Arc<Engine>) {
        for work in [settle as fn(&Engine), optimise] {
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
fn keep(engine: &Weak<Engine>, wake: &Receiver<()>, work: fn(&Engine)) {
    loop {
        match wake.recv_timeout(ROUND) {
            Ok(()) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        let Some(engine) = engine.upgrade() else { return };
        work(&engine);
    }
}

fn settle(engine: &Engine) {
    for catalogue in engine.open_catalogues() {
        if catalogue.unsettled() > 0
            && let Err(error) = catalogue.settle(&engine.store)
        {
            tracing::error!(catalogue = %catalogue.name, %error, "the index could not be brought to disk; nothing is lost, it is tried again");
        }
    }
}

fn optimise(engine: &Engine) {
    for catalogue in engine.open_catalogues() {
        let least = if engine.imports_into(&catalogue.name) { OPTIMISE_FROM } else { 1 };
        if let Err(error) = catalogue.optimise(&engine.store, least) {
            tracing::error!(catalogue = %catalogue.name, %error, hint = error.hint(), "the index could not be optimised; searches go on without");
        }
    }
}
