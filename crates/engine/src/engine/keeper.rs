//! The keeper: a thread that brings indexes to disk and optimises them while everything else goes on.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::Engine;

/// How often it looks around.
const ROUND: Duration = Duration::from_secs(5);
/// Changed products from which an index is brought to disk on a round; fewer wait for a quiet moment or the end.
const SETTLE_FROM: u64 = 1;
/// Changed products from which an index is optimised while an import still runs.
const OPTIMISE_FROM: u64 = 20_000;

/// Works until the sender of `wake` is gone. Each message is a wish that it looks around now.
pub(super) fn keep(engine: &Weak<Engine>, wake: &Receiver<()>) {
    let mut looked = Instant::now();
    // The words of large catalogues are read right after the start.
    if let Some(engine) = engine.upgrade() {
        look_around(&engine);
    }
    loop {
        match wake.recv_timeout(ROUND) {
            Ok(()) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        let Some(engine) = engine.upgrade() else { return };
        look_around(&engine);
        let freshness = &engine.options.freshness;
        if freshness.retrain && looked.elapsed() >= freshness.look && !engine.closing() {
            looked = Instant::now();
            engine.refresh();
        }
    }
}

fn look_around(engine: &Arc<Engine>) {
    for catalogue in engine.open_catalogues() {
        let busy = engine.imports_into(&catalogue.name);
        let snapshot = catalogue.snapshot();
        if let Err(error) = snapshot.read_words(&engine.store, &catalogue.writing, || engine.closing()) {
            tracing::error!(catalogue = %catalogue.name, %error, "the words of the catalogue could not be read; it is tried again");
        }
        if snapshot.take_unoptimised(if busy { OPTIMISE_FROM } else { 1 })
            && let Err(error) = snapshot.index.optimize()
        {
            tracing::error!(catalogue = %catalogue.name, %error, "the index could not be optimised; searches go on without");
        }
        if snapshot.unsettled() >= SETTLE_FROM
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
}
