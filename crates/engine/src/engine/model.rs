//! The model, loaded when it is first needed.

use std::sync::Arc;

use parking_lot::Mutex;

use super::{EngineError, EngineOptions};
use crate::model::{ImageModel, RuntimeOptions, builtin_model};

/// Opens the model once. A failure is not remembered: the library may be there the next time.
#[derive(Default)]
pub(super) struct LazyModel {
    opened: Mutex<Option<Arc<dyn ImageModel>>>,
}

impl LazyModel {
    /// The model.
    pub(super) fn get(&self, options: &EngineOptions) -> Result<Arc<dyn ImageModel>, EngineError> {
        let mut opened = self.opened.lock();
        if let Some(model) = opened.as_ref() {
            return Ok(Arc::clone(model));
        }
        let mut runtime = RuntimeOptions { library: options.onnxruntime.clone(), ..RuntimeOptions::default() };
        if let Some(threads) = options.threads {
            runtime.threads = threads.max(1);
            runtime.sessions = threads.max(1);
        }
        let model: Arc<dyn ImageModel> = Arc::new(builtin_model(&runtime)?);
        *opened = Some(Arc::clone(&model));
        Ok(model)
    }

    /// Takes another model, so that a test can count what it is asked.
    #[cfg(test)]
    pub(super) fn replace(&self, model: Arc<dyn ImageModel>) {
        *self.opened.lock() = Some(model);
    }

    /// Whether it is open.
    pub(super) fn is_open(&self) -> bool {
        self.opened.lock().is_some()
    }
}

impl std::fmt::Debug for LazyModel {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("LazyModel").field("open", &self.is_open()).finish()
    }
}
