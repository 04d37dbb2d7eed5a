//! What every request shares.

use std::sync::{Arc, OnceLock};

use metrics_exporter_prometheus::PrometheusHandle;
use vetrina_engine::{Engine, EngineError};

use super::permits::{Permit, Permits, Turn};
use super::problem::Problem;
use crate::settings::Settings;

/// The server's state.
#[derive(Debug)]
pub struct App {
    /// The settings.
    pub settings: Settings,
    /// The permits.
    pub permits: Permits,
    /// What is counted.
    pub metrics: PrometheusHandle,
    engine: OnceLock<Arc<Engine>>,
    model: OnceLock<Result<(), Problem>>,
}

impl App {
    /// The state of a server whose engine is not open yet.
    pub fn new(settings: Settings, metrics: PrometheusHandle) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let permits = Permits::new(settings.permits, cores);
        Self { settings, permits, metrics, engine: OnceLock::new(), model: OnceLock::new() }
    }

    /// The engine is open.
    pub fn opened(&self, engine: Arc<Engine>) {
        let _ = self.engine.set(engine);
    }

    /// The model is loaded, or cannot be.
    pub fn warmed(&self, outcome: Result<(), EngineError>) {
        let _ = self.model.set(outcome.map_err(Problem::from));
    }

    /// The engine.
    ///
    /// # Errors
    /// 503 while the data folder is opened.
    pub fn engine(&self) -> Result<&Arc<Engine>, Problem> {
        self.engine.get().ok_or_else(|| {
            Problem::soon("starting", "the server is still opening its data folder")
                .hint("/readyz says when it is ready")
        })
    }

    /// Whether everything is there that a search by photo needs.
    ///
    /// # Errors
    /// 503 with the reason.
    pub fn ready(&self) -> Result<(), Problem> {
        self.engine()?;
        match self.model.get() {
            Some(Ok(())) => Ok(()),
            Some(Err(problem)) => Err(problem.clone()),
            None => Err(Problem::soon("starting", "the model is being loaded")),
        }
    }

    /// Lets the engine work on a blocking thread; the permit is given back when the work is done, also when nobody waits any more.
    ///
    /// # Errors
    /// The engine's, and 500 when the work panicked.
    pub async fn work<T: Send + 'static>(
        &self,
        permit: Permit,
        work: impl FnOnce(&Arc<Engine>) -> Result<T, EngineError> + Send + 'static,
    ) -> Result<T, Problem> {
        let engine = Arc::clone(self.engine()?);
        let span = tracing::Span::current();
        let done = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            span.in_scope(|| work(&engine))
        });
        match done.await {
            Ok(result) => Ok(result?),
            Err(error) => Err(Problem::internal(&error)),
        }
    }

    /// Looks at a photo: when a core is free, in turn.
    ///
    /// # Errors
    /// As [`App::work`].
    pub async fn compute<T: Send + 'static>(
        &self,
        turn: Turn,
        work: impl FnOnce(&Arc<Engine>) -> Result<T, EngineError> + Send + 'static,
    ) -> Result<T, Problem> {
        let core = match turn.core {
            Some(core) => core,
            None => self.permits.core().await?,
        };
        let computing = move |engine: &Arc<Engine>| {
            let _core = core;
            work(engine)
        };
        self.work(turn.work, computing).await
    }

    /// A short read.
    ///
    /// # Errors
    /// As [`App::work`], and 503 when too many wait.
    pub async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Arc<Engine>) -> Result<T, EngineError> + Send + 'static,
    ) -> Result<T, Problem> {
        let permit = self.permits.read().await?;
        self.work(permit, work).await
    }
}
