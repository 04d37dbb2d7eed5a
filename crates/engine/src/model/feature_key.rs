//! What features are kept under, and how they are rounded for that.

use half::f16;

use super::Manifest;

/// A step of the numbers of inner layers as they are kept: a signed byte each, so up to ±0.248. They are scaled to about 0.03
/// (standard deviation). A power of two, so that what is kept is exact in half precision too.
const STEP: f32 = 1.0 / 512.0;

/// What features are kept under: what is the same for the same file, preprocessing and output, whatever the head. Features under
/// different keys have nothing in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeatureKey {
    pooled: String,
    dim: usize,
    layers: Option<(String, usize)>,
}

impl FeatureKey {
    /// Of a model's features.
    #[must_use]
    pub fn of(manifest: &Manifest) -> Self {
        let key = |file: &str, output: &str| {
            let parts = [file, &manifest.preprocessing(), output];
            let mut key = blake3::hash(parts.join("\n").as_bytes()).to_hex().to_string();
            key.truncate(16);
            key
        };
        let outputs = &manifest.outputs;
        let layers = outputs.layers.as_ref().map(|layers| (key(manifest.of_heads(true), &layers.name), layers.dim));
        Self { pooled: key(&manifest.sha256, &outputs.pooled.name), dim: outputs.pooled.dim, layers }
    }

    /// For pooled vectors: 16 hexadecimal digits.
    #[must_use]
    pub fn pooled(&self) -> &str {
        &self.pooled
    }

    /// For inner layers, where the model tells of them, and how many numbers they are.
    #[must_use]
    pub fn layers(&self) -> Option<(&str, usize)> {
        self.layers.as_ref().map(|(key, dim)| (key.as_str(), *dim))
    }

    /// Numbers of a pooled vector.
    #[must_use]
    pub fn pooled_len(&self) -> usize {
        self.dim
    }

    /// Numbers of a whole feature.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a feature always has numbers")]
    pub fn len(&self) -> usize {
        self.dim + self.layers().map_or(0, |(_, dim)| dim)
    }

    /// A feature rounded as it is kept: embeddings made of it now and made again from the store are the same.
    #[must_use]
    pub fn rounded(&self, feature: &[f32]) -> Vec<f16> {
        let (pooled, layers) = feature.split_at_checked(self.dim).unwrap_or((feature, &[]));
        let stepped = |value: &f32| f16::from_f32((value / STEP).round().clamp(-127.0, 127.0) * STEP);
        pooled.iter().map(|value| f16::from_f32(*value)).chain(layers.iter().map(stepped)).collect()
    }

    /// The pooled vector of a rounded feature as bytes: halves.
    pub(crate) fn to_halves(&self, feature: &[f16]) -> Vec<u8> {
        feature.iter().take(self.dim).flat_map(|number| number.to_le_bytes()).collect()
    }

    /// What layers say in a rounded feature as bytes: one a number.
    pub(crate) fn to_steps(&self, feature: &[f16]) -> Vec<u8> {
        let stepped = |value: &f16| ((value.to_f32() / STEP).round() as i8).cast_unsigned();
        feature.iter().skip(self.dim).map(stepped).collect()
    }

    /// Numbers of a pooled vector.
    pub(crate) fn from_halves(bytes: &[u8]) -> Vec<f32> {
        bytes.as_chunks::<2>().0.iter().map(|two| f16::from_le_bytes(*two).to_f32()).collect()
    }

    /// Numbers of inner layers.
    pub(crate) fn from_steps(bytes: &[u8]) -> impl Iterator<Item = f32> + '_ {
        bytes.iter().map(|step| f32::from(step.cast_signed()) * STEP)
    }
}

#[cfg(test)]
impl FeatureKey {
    /// A key for tests.
    pub(crate) fn named(name: &str, dim: usize, layers: usize) -> Self {
        let layers = (layers > 0).then(|| (format!("{name} layers"), layers));
        Self { pooled: name.to_owned(), dim, layers }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::builtin_manifest;

    #[test]
    fn keys_of_the_built_in_model_stay_what_they_are() {
        let key = FeatureKey::of(builtin_manifest().unwrap());
        // Features that shops have kept since the first version are under it.
        assert_eq!(key.pooled(), "c7818886be417d16");
        assert_ne!(key.layers().unwrap().0, key.pooled());
    }

    proptest! {
        #[test]
        fn what_is_rounded_once_stays(values in prop::collection::vec(-1.0_f32..1.0, 0..20)) {
            let key = FeatureKey::named("m", 4, 16);
            let once = key.rounded(&values);
            let again: Vec<f32> = once.iter().map(|value| value.to_f32()).collect();
            prop_assert_eq!(&key.rounded(&again), &once);
            let (halves, steps) = (key.to_halves(&once), key.to_steps(&once));
            let read: Vec<f32> = FeatureKey::from_halves(&halves).into_iter().chain(FeatureKey::from_steps(&steps)).collect();
            prop_assert_eq!(read, again);
            for (value, kept) in values.iter().zip(&once) {
                prop_assert!((value.clamp(-0.25, 0.25) - kept.to_f32().clamp(-0.25, 0.25)).abs() < 0.003);
            }
        }
    }
}
