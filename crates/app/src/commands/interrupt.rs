//! Ctrl-C during long work: asks the work to stop; the second time, the program ends at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use vetrina_engine::Engine;

use crate::output::{Failure, say};

/// Watches for SIGINT and SIGTERM while a job runs in this process.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    job: Arc<Mutex<Option<String>>>,
    asked: Arc<AtomicBool>,
    over: Arc<AtomicBool>,
}

impl Interrupt {
    /// Starts to watch.
    ///
    /// # Errors
    /// When the system does not let signals be watched.
    pub fn watch(engine: &Arc<Engine>) -> Result<Self, Failure> {
        let watch = Self::default();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::new("signals", format!("cannot watch for Ctrl-C: {error}"), ""))?;
        let (own, engine) = (watch.clone(), Arc::downgrade(engine));
        thread::spawn(move || {
            runtime.block_on(async move {
                if !signalled().await || own.over.load(Ordering::SeqCst) {
                    return;
                }
                own.asked.store(true, Ordering::SeqCst);
                say("Stopping after the items at hand; Ctrl-C once more ends at once.");
                let own = own.clone();
                tokio::spawn(async move {
                    loop {
                        if let (Some(engine), Some(job)) = (engine.upgrade(), own.job()) {
                            // Refused only when the job has just ended: then there is nothing to stop.
                            let _ = engine.cancel_job(&job);
                            return;
                        }
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                });
                signalled().await;
                std::process::exit(1);
            });
        });
        Ok(watch)
    }

    /// Whether somebody asked to stop.
    pub fn asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }

    /// The job is over: a signal now belongs to whoever comes next.
    pub fn forget(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    /// The job that would have to stop.
    pub fn is_at(&self, job: &str) {
        let mut held = self.job.lock().unwrap_or_else(PoisonError::into_inner);
        if held.as_deref() != Some(job) {
            *held = Some(job.to_owned());
        }
    }

    /// The job that was last at work.
    pub fn job(&self) -> Option<String> {
        self.job.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Waits for SIGINT or SIGTERM; false when they cannot be watched.
async fn signalled() -> bool {
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return false;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    true
}
