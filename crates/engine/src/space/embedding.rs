//! Unit-length vectors that know their space.

use super::{SpaceError, SpaceId};
use crate::linear::dot;

/// A finite vector of unit length in one space. There is no other way to get one.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding {
    space: SpaceId,
    vector: Vec<f32>,
}

/// Two embeddings of different spaces were compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an embedding of space {left} cannot be compared with one of space {right}; embed both in the same space")]
pub struct SpaceMismatch {
    /// Space of the one.
    pub left: SpaceId,
    /// Space of the other.
    pub right: SpaceId,
}

/// How far the length of a stored vector may be from 1: rounding to half precision stays well below.
const UNIT_TOLERANCE: f64 = 2e-3;

impl Embedding {
    /// Brings a vector to unit length.
    ///
    /// # Errors
    /// [`SpaceError::NotFinite`], [`SpaceError::Zero`].
    pub fn normalised(space: SpaceId, mut vector: Vec<f32>) -> Result<Self, SpaceError> {
        to_unit(&mut vector)?;
        Ok(Self { space, vector })
    }

    /// Takes a vector that was an embedding of this space before, as a store gives it back.
    ///
    /// # Errors
    /// [`SpaceError::NotFinite`]; [`SpaceError::NotUnit`] when its length is not 1.
    pub fn from_stored(space: SpaceId, vector: Vec<f32>) -> Result<Self, SpaceError> {
        let length = length(&vector);
        if !length.is_finite() {
            return Err(SpaceError::NotFinite);
        }
        if (length - 1.0).abs() > UNIT_TOLERANCE {
            return Err(SpaceError::NotUnit { length: length as f32 });
        }
        Ok(Self { space, vector })
    }

    /// The space it belongs to.
    #[must_use]
    pub fn space(&self) -> SpaceId {
        self.space
    }

    /// The numbers.
    #[must_use]
    pub fn vector(&self) -> &[f32] {
        &self.vector
    }

    /// The numbers, without a copy.
    #[must_use]
    pub fn into_vector(self) -> Vec<f32> {
        self.vector
    }

    /// Cosine of the angle between two embeddings, −1 to 1.
    ///
    /// # Errors
    /// [`SpaceMismatch`] when they are of different spaces.
    pub fn similarity(&self, other: &Self) -> Result<f32, SpaceMismatch> {
        if self.space != other.space || self.vector.len() != other.vector.len() {
            return Err(SpaceMismatch { left: self.space, right: other.space });
        }
        Ok(dot(&self.vector, &other.vector).clamp(-1.0, 1.0))
    }
}

/// Divides a vector by its length.
pub(super) fn to_unit(vector: &mut [f32]) -> Result<(), SpaceError> {
    let length = length(vector);
    if !length.is_finite() {
        return Err(SpaceError::NotFinite);
    }
    if length <= f64::from(f32::MIN_POSITIVE) {
        return Err(SpaceError::Zero);
    }
    for value in vector {
        *value = (f64::from(*value) / length) as f32;
    }
    Ok(())
}

/// Euclidean length; NaN or infinite only when a number is.
fn length(vector: &[f32]) -> f64 {
    vector.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::id::test_id;
    use super::*;

    #[test]
    fn different_spaces_have_no_similarity() {
        let a = Embedding::normalised(test_id(1), vec![1.0, 2.0]).unwrap();
        let b = Embedding::normalised(test_id(2), vec![1.0, 2.0]).unwrap();
        assert_eq!(a.similarity(&b), Err(SpaceMismatch { left: test_id(1), right: test_id(2) }));
        assert!((a.similarity(&a).unwrap() - 1.0).abs() < 1e-6);
    }

    #[test]
    fn stored_vectors_are_checked() {
        let stored = |vector: Vec<f32>| Embedding::from_stored(test_id(1), vector);
        assert!(stored(vec![0.6, 0.8]).is_ok());
        assert!(matches!(stored(vec![0.6, 0.9]), Err(SpaceError::NotUnit { .. })));
        assert!(matches!(stored(vec![]), Err(SpaceError::NotUnit { .. })));
        assert!(matches!(stored(vec![f32::NAN, 0.0]), Err(SpaceError::NotFinite)));
    }

    proptest! {
        #[test]
        fn an_embedding_is_unit_and_finite_or_an_error(vector in proptest::collection::vec(any::<f32>(), 0..40)) {
            if let Ok(embedding) = Embedding::normalised(test_id(1), vector) {
                prop_assert!(embedding.vector().iter().all(|value| value.is_finite()));
                prop_assert!((length(embedding.vector()) - 1.0).abs() < 1e-4);
            }
        }

        #[test]
        fn dot_is_the_plain_sum(pairs in proptest::collection::vec((-1.0_f32..1.0, -1.0_f32..1.0), 0..100)) {
            let (a, b): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
            let plain: f32 = a.iter().zip(&b).map(|(a, b)| a * b).sum();
            prop_assert!((dot(&a, &b) - plain).abs() < 1e-4);
        }
    }
}
