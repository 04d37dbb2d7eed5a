//! Models: manifests and the runtime that runs them (the only place that knows `ort`).
//!
//! `Picture → `[`preprocess`]` → `[`Tensor`]` → `[`ImageModel::features`]` → `[`Feature`]. What a model expects and answers
//! is said by its [`Manifest`]; preprocessing follows it. [`OnnxModel`] runs any ONNX image encoder, [`FakeModel`] stands
//! in where a test is about the pipeline and not about the model.

mod builtin;
mod error;
mod fake;
mod feature;
mod feature_key;
mod find_runtime;
mod library_file;
mod manifest;
mod onnx;
mod preprocess;
mod recognition;
mod runtime;

pub use builtin::{builtin_manifest, builtin_model};
pub use error::ModelError;
pub use fake::FakeModel;
pub use feature::{Feature, FeatureMap};
pub use feature_key::FeatureKey;
pub use find_runtime::{Outcome, RuntimeSearch, Tried, find_runtime};
pub use manifest::{ColourOrder, FeaturesOutput, Filter, Framing, Input, Layout, Manifest, Outputs, PooledOutput};
pub use onnx::{OnnxModel, RuntimeOptions};
pub use preprocess::{Tensor, preprocess};
pub use recognition::{Recognised, Recognition};
pub use runtime::{Runtime, load_runtime};

use self::onnx::Running;
use crate::image::Picture;

/// An image encoder. Few methods, so that everything that uses one can be tested with [`FakeModel`].
pub trait ImageModel: Send + Sync {
    /// What the model is, expects and answers.
    fn manifest(&self) -> &Manifest;

    /// How many threads work on a batch that is alone.
    fn threads(&self) -> usize {
        1
    }

    /// Says that a picture is looked at, by other means than the model before and after it, until what comes back is dropped: a batch is
    /// alone only where no other picture is.
    fn looking(&self) -> Looking<'_> {
        Looking(None)
    }

    /// The features of a batch of preprocessed pictures, in their order; the maps too where `want_maps` and the model
    /// has them. An empty batch gives an empty answer. May be called from many threads at once.
    ///
    /// # Errors
    /// [`ModelError::Input`] when a tensor does not have the size the manifest says, [`ModelError::Inference`] when the
    /// runtime fails or answers something else than the manifest says. No picture of the batch has a feature then.
    fn features(&self, batch: &[Tensor], want_maps: bool) -> Result<Vec<Feature>, ModelError>;
}

/// A picture that is looked at; see [`ImageModel::looking`].
#[derive(Debug)]
pub struct Looking<'m>(Option<Running<'m>>);

impl Looking<'_> {
    /// Whether no other picture is looked at now; so it is with a model that does not count.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        self.0.as_ref().is_none_or(|own| own.now() <= 1)
    }
}

/// Preprocesses pictures and runs the model on them as one batch: the stages in one call.
///
/// # Errors
/// As [`ImageModel::features`].
pub fn features_of(model: &dyn ImageModel, pictures: &[Picture], want_maps: bool) -> Result<Vec<Feature>, ModelError> {
    let batch: Vec<Tensor> = pictures.iter().map(|picture| preprocess(model.manifest(), picture)).collect();
    model.features(&batch, want_maps)
}
