//! Spaces: from feature to embedding; heads and their identity.
//!
//! `Feature → `[`Space::embed`]` → `[`Embedding`]. A space is a model, its preprocessing and a [`Head`]; its [`SpaceId`]
//! is a hash of all three, and every embedding carries it. Embeddings of different spaces are never compared: there is
//! no number to be had from them, only a [`SpaceMismatch`].

mod all;
mod anchor;
pub mod calibration;
mod default;
mod embedding;
mod error;
mod head;
mod id;
mod words;

pub use calibration::{CROWD_TO, Calibration, Crowd, Curve, Curves, EXACT, Example, QueryKind, SIMILAR, Standing};
pub use embedding::{Embedding, SpaceMismatch};
pub use error::SpaceError;
pub use head::{Beside, Head};
pub use id::{SpaceId, SpaceIdError};
pub(crate) use words::{MOST_TITLES, Term, terms_of, tf_idf};
pub use words::{WordHead, WordQuery, WordView};

use crate::image::ColourDescriptor;
use crate::model::{Feature, Manifest};

/// Model, preprocessing and head: everything that makes an embedding out of a picture.
#[derive(Debug, Clone)]
pub struct Space {
    id: SpaceId,
    model: String,
    head: Head,
    /// Most numbers of a feature.
    longest: usize,
}

impl Space {
    /// The space of a model and a head for it.
    ///
    /// # Errors
    /// [`SpaceError::WrongModel`] when the head was fitted for another model or another length of feature.
    pub fn new(manifest: &Manifest, head: Head) -> Result<Self, SpaceError> {
        let model = manifest.of_heads(head.layers() > 0);
        let fits = head.model().is_none_or(|sha256| sha256 == model);
        let seen = (head.input_dim(), head.layers());
        if !fits || seen.0 != manifest.outputs.pooled.dim || ![0, manifest.layers_len()].contains(&seen.1) {
            return Err(SpaceError::WrongModel {
                head: format!("{} and {} numbers, model {}", seen.0, seen.1, head.model().unwrap_or("any")),
                model: format!("{} and {} numbers, model {model}", manifest.outputs.pooled.dim, manifest.layers_len()),
            });
        }
        let id = SpaceId::of(manifest, &head);
        Ok(Self { id, model: manifest.name.clone(), head, longest: manifest.feature_len() })
    }

    /// The space a catalogue begins with: the default head where the model is the built-in one, unit-length features
    /// for any other.
    ///
    /// # Errors
    /// [`SpaceError::Head`]; cannot happen in a build that passed its tests.
    pub fn default_for(manifest: &Manifest) -> Result<Self, SpaceError> {
        let head = default::head()?;
        if head.model() == Some(manifest.sha256.as_str()) {
            Self::new(manifest, head.clone())
        } else {
            Self::new(manifest, Head::identity(manifest.outputs.pooled.dim))
        }
    }

    /// What tells this space from all others.
    #[must_use]
    pub fn id(&self) -> SpaceId {
        self.id
    }

    /// Name of the model.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }

    /// The map from feature to embedding.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Length of this space's embeddings.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.head.output_dim()
    }

    /// The embedding of a feature. About 0.1 ms with the default head.
    ///
    /// # Errors
    /// [`SpaceError::Dimension`] for a feature of another length; [`SpaceError::NotFinite`] and [`SpaceError::Zero`] for
    /// a feature that has no direction; [`SpaceError::NoColours`] when the head is a colour-fused one.
    pub fn embed(&self, feature: &Feature) -> Result<Embedding, SpaceError> {
        self.embed_with(feature, None)
    }

    /// The embedding of a feature and the colours of its picture, which only a colour-fused head looks at.
    ///
    /// # Errors
    /// As [`Space::embed`].
    pub fn embed_with(&self, feature: &Feature, colours: Option<&ColourDescriptor>) -> Result<Embedding, SpaceError> {
        self.check_length(feature.pooled.len())?;
        Embedding::normalised(self.id, self.head.apply(&feature.pooled, colours)?)
    }

    /// Refuses a feature that is not of this model, by how many numbers it has.
    fn check_length(&self, found: usize) -> Result<(), SpaceError> {
        let expected = self.needed();
        if [self.head.input_dim(), expected, self.longest].contains(&found) {
            return Ok(());
        }
        Err(SpaceError::Dimension { expected, found })
    }

    /// Whether it looks at what layers before the model's last one say, too.
    #[must_use]
    pub fn sees_layers(&self) -> bool {
        self.head.layers() > 0
    }

    /// Numbers of a feature that it looks at.
    fn needed(&self) -> usize {
        self.head.input_dim() + self.head.layers()
    }

    /// Whether a stored feature of so many numbers has all that it looks at: one that was kept by a version before may end with the pooled
    /// vector.
    #[must_use]
    pub fn is_enough(&self, numbers: usize) -> bool {
        numbers >= self.needed()
    }

    /// Whether a stored feature or the colours of its picture lack something that it looks at.
    #[must_use]
    pub fn misses(&self, feature: &[f32], colours: Option<&ColourDescriptor>) -> bool {
        !self.is_enough(feature.len()) || (self.sees_colours() && colours.is_none())
    }

    /// Whether it looks at the colours of a picture too.
    #[must_use]
    pub fn sees_colours(&self) -> bool {
        self.head.colour_weight().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{FakeModel, ImageModel, builtin_manifest};

    fn feature(values: impl Iterator<Item = f32>) -> Feature {
        Feature { pooled: values.collect(), map: None }
    }

    #[test]
    fn the_default_space_is_256_numbers_of_unit_length() {
        let space = Space::default_for(builtin_manifest().unwrap()).unwrap();
        assert_eq!(space.dim(), 256);
        let embedding = space.embed(&feature((0..1280).map(|i| (i % 7) as f32))).unwrap();
        let length: f32 = embedding.vector().iter().map(|x| x * x).sum();
        assert!((length - 1.0).abs() < 1e-5);
        assert_eq!(embedding.space(), space.id());
    }

    #[test]
    fn length_of_the_feature_does_not_matter_direction_does() {
        let space = Space::default_for(builtin_manifest().unwrap()).unwrap();
        let embed =
            |scale: f32, step: usize| space.embed(&feature((0..1280).map(|i| scale * (i % step) as f32))).unwrap();
        assert!(embed(1.0, 7).similarity(&embed(30.0, 7)).unwrap() > 0.9999);
        assert!(embed(1.0, 7).similarity(&embed(1.0, 5)).unwrap() < 0.99);
    }

    #[test]
    fn another_model_begins_with_unit_features() {
        let fake = FakeModel::new();
        let space = Space::default_for(fake.manifest()).unwrap();
        assert_eq!(space.dim(), fake.manifest().outputs.pooled.dim);
    }

    #[test]
    fn features_without_direction_are_refused() {
        let space = Space::default_for(builtin_manifest().unwrap()).unwrap();
        let refused = |values: Vec<f32>| space.embed(&feature(values.into_iter())).unwrap_err();
        assert!(matches!(refused(vec![0.0; 1280]), SpaceError::Zero));
        assert!(matches!(refused(vec![f32::NAN; 1280]), SpaceError::NotFinite));
        assert!(matches!(refused(vec![f32::INFINITY; 1280]), SpaceError::NotFinite));
        assert!(matches!(refused(vec![1.0; 12]), SpaceError::Dimension { expected: 1280, found: 12 }));
    }

    #[test]
    fn the_largest_numbers_do_no_harm() {
        let space = Space::default_for(builtin_manifest().unwrap()).unwrap();
        let embedding = space.embed(&feature((0..1280).map(|i| if i % 3 == 0 { f32::MAX } else { 1.0 }))).unwrap();
        assert!(embedding.vector().iter().all(|value| value.is_finite()));
    }

    #[test]
    fn a_head_of_another_model_is_refused() {
        let head = Space::default_for(builtin_manifest().unwrap()).unwrap().head().clone();
        let error = Space::new(FakeModel::new().manifest(), head).unwrap_err();
        assert!(matches!(error, SpaceError::WrongModel { .. }), "{error}");
    }

    #[test]
    fn the_identity_depends_on_model_preprocessing_and_head() {
        let manifest = builtin_manifest().unwrap();
        let space = Space::default_for(manifest).unwrap();
        assert_eq!(space.id(), Space::default_for(manifest).unwrap().id());
        let mut other = manifest.clone();
        other.input.fill = [0; 3];
        assert_ne!(space.id(), Space::new(&other, space.head().clone()).unwrap().id());
        assert_ne!(space.id(), Space::new(manifest, Head::identity(1280)).unwrap().id());
    }
}
