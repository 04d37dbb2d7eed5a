//! A learned head with directions of another one beside it.

use super::{Space, SpaceError};
use crate::image::ColourDescriptor;
use crate::model::{Feature, Manifest};

/// Directions of the anchor that are taken. With all 256 instead G-studio was a point better, and the embedding half as long again.
const DIRECTIONS: usize = 128;
/// Pictures that tell how long the vectors of both are.
const PICTURES: usize = 1_000;

impl Space {
    /// This space with the first 128 directions of `anchor` beside its own, so that its similarity is the mean of both: what was learned from little
    /// cannot lead far away from what was there before. The first thousand `pictures` say how
    /// long the vectors of both are; the anchor's count `weight` times as long (above 0; with 1 both say as much).
    ///
    /// # Errors
    /// [`SpaceError`] when the anchor is of another model or sees more than the pooled vector, or a picture does not fit.
    pub fn anchored<'p>(
        &self,
        manifest: &Manifest,
        anchor: &Space,
        weight: f32,
        pictures: impl IntoIterator<Item = (Feature, Option<&'p ColourDescriptor>)>,
    ) -> Result<Space, SpaceError> {
        let stacked = |scale| self.head().stacked(anchor.head(), DIRECTIONS, scale);
        let (own, head) = (self.head().output_dim(), stacked(1.0)?);
        let (mut learned, mut anchoring) = (0.0, 0.0);
        for (feature, colours) in pictures.into_iter().take(PICTURES) {
            let vector = head.apply(&feature.pooled, colours)?;
            let squares = |part: &[f32]| part.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>();
            learned += squares(&vector[..own]);
            anchoring += squares(&vector[own..]);
        }
        let scale = (learned / anchoring).sqrt() as f32 * weight;
        Space::new(manifest, stacked(if scale.is_finite() && scale > 0.0 { scale } else { weight })?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{FakeModel, ImageModel};
    use crate::space::Head;

    #[test]
    fn both_heads_count_as_much() {
        let mut manifest = FakeModel::new().manifest().clone();
        manifest.outputs.pooled.dim = 3;
        let head = |projection: &[f32]| {
            Space::new(&manifest, Head::linear(&manifest.sha256, &[0.0; 3], projection).unwrap()).unwrap()
        };
        // One sees the first number, a hundred times as large; the other the second.
        let (learned, anchor) = (head(&[100.0, 0.0, 0.0]), head(&[0.0, 1.0, 0.0]));
        let feature = |pooled: [f32; 3]| Feature { pooled: pooled.to_vec(), map: None };
        let pictures = [(feature([1.0, 1.0, 0.0]), None), (feature([1.0, -1.0, 0.0]), None)];
        let space = learned.anchored(&manifest, &anchor, 1.0, pictures.clone()).unwrap();
        assert_eq!(space.dim(), 2);
        let vector = space.embed(&feature([1.0, 1.0, 0.5])).unwrap().into_vector();
        assert!(vector.iter().all(|value| (value - 0.5_f32.sqrt()).abs() < 1e-3), "{vector:?}");
        // Half as long, the anchor says a quarter as much.
        let space = learned.anchored(&manifest, &anchor, 0.5, pictures).unwrap();
        let vector = space.embed(&feature([1.0, 1.0, 0.5])).unwrap().into_vector();
        assert!((vector[1] / vector[0] - 0.5).abs() < 1e-3, "{vector:?}");
        // Without a picture to tell by, or with ones that neither sees, nothing is divided by nothing.
        assert!(learned.anchored(&manifest, &anchor, 1.0, []).is_ok());
        assert!(learned.anchored(&manifest, &anchor, 1.0, [(feature([0.0, 0.0, 1.0]), None)]).is_ok());
    }

    #[test]
    fn what_sees_other_numbers_is_refused() {
        let mut manifest = FakeModel::new().manifest().clone();
        manifest.outputs.pooled.dim = 3;
        let space = |manifest: &Manifest, dim: usize| {
            let mut manifest = manifest.clone();
            manifest.outputs.pooled.dim = dim;
            Space::new(&manifest, Head::linear(&manifest.sha256, &vec![0.0; dim], &vec![1.0; dim]).unwrap()).unwrap()
        };
        let (three, four) = (space(&manifest, 3), space(&manifest, 4));
        assert!(three.anchored(&manifest, &four, 1.0, []).is_err());
        let raw = Space::new(&manifest, Head::identity(3)).unwrap();
        assert!(raw.anchored(&manifest, &three, 1.0, []).is_err());
    }
}
