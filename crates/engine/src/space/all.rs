//! Many pictures at once.

use std::borrow::Cow;

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;

use super::embedding::to_unit;
use super::{Space, SpaceError};
use crate::image::ColourDescriptor;
use crate::linear::clear_wide_registers;

/// Pictures that are multiplied with the head at once: what a core's cache holds of them.
const BLOCK: usize = 128;

impl Space {
    /// Embeddings of `count` pictures, [count, dim], one after another: what [`Space::embed_with`] says of each, but for rounding, in a fraction of
    /// the time. `picture` gives the feature of each, and its colours, which only a colour-fused head looks at.
    ///
    /// # Errors
    /// As [`Space::embed_with`], for the first picture of which something is missing or not finite.
    pub fn embed_all<'p>(
        &self,
        count: usize,
        picture: impl Fn(usize) -> (Cow<'p, [f32]>, Option<&'p ColourDescriptor>) + Sync,
    ) -> Result<Vec<f32>, SpaceError> {
        let (head, dim) = (self.head(), self.dim());
        let mut embedded = vec![0.0_f32; count * dim];
        embedded.par_chunks_mut(BLOCK * dim.max(1)).enumerate().try_for_each(|(block, embedded)| {
            let first = block * BLOCK;
            let mut inputs: Vec<f32> = Vec::new();
            for at in first..first + embedded.len() / dim.max(1) {
                let (feature, colours) = picture(at);
                self.check_length(feature.len())?;
                inputs.extend(head.joined(&feature, colours)?);
            }
            let Some((projection, offset)) = head.parts() else {
                embedded.copy_from_slice(&inputs);
                return Ok(());
            };
            let rows = embedded.len() / dim;
            let input = inputs.len() / rows.max(1);
            matmul(
                MatMut::from_row_major_slice_mut(embedded, rows, dim),
                Accum::Replace,
                MatRef::from_row_major_slice(&inputs, rows, input),
                MatRef::from_row_major_slice(projection, dim, input).transpose(),
                1.0,
                Par::Seq,
            );
            clear_wide_registers();
            for embedding in embedded.chunks_exact_mut(dim) {
                embedding.iter_mut().zip(offset).for_each(|(value, offset)| *value -= offset);
                to_unit(embedding)?;
            }
            Ok(())
        })?;
        Ok(embedded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Picture;
    use crate::learn::Random;
    use crate::model::{FakeModel, Feature, ImageModel, PooledOutput};
    use crate::space::{Beside, Head};

    #[test]
    fn many_at_once_are_what_each_is_alone() {
        let mut manifest = FakeModel::new().manifest().clone();
        manifest.outputs.layers = Some(PooledOutput { name: "layers".into(), dim: 8 });
        let (dim, layers) = (manifest.outputs.pooled.dim, manifest.layers_len());
        let mut random = Random::new(8);
        let mut numbers = move |count: usize| -> Vec<f32> {
            (0..count).map(|_| (random.bits() >> 40) as f32 / (1_u64 << 24) as f32 - 0.3).collect()
        };
        let colours = ColourDescriptor::of(&Picture::from_rgb(2, 1, vec![200, 10, 10, 20, 20, 220]).unwrap());
        let mut head = |layers: usize, colours: Option<f32>| {
            let input = dim + layers + colours.map_or(0, |_| ColourDescriptor::DIM);
            let model = if layers > 0 { manifest.of_heads(true) } else { &manifest.sha256 };
            Head::fused(model, Beside { layers, colours }, &numbers(input), &numbers(5 * input)).unwrap()
        };
        let heads =
            [Head::identity(dim), head(0, None), head(0, Some(0.5)), head(layers, None), head(layers, Some(2.0))];
        let mut random = Random::new(9);
        for head in heads {
            let space = Space::new(&manifest, head).unwrap();
            let length = if space.sees_layers() { dim + layers } else { dim };
            let features: Vec<Vec<f32>> = (0..150)
                .map(|_| (0..length).map(|_| (random.bits() >> 40) as f32 / (1_u64 << 24) as f32).collect())
                .collect();
            let all = space.embed_all(150, |at| (Cow::from(&features[at]), Some(&colours))).unwrap();
            assert_eq!(all.len(), 150 * space.dim());
            for (feature, found) in features.iter().zip(all.chunks_exact(space.dim())) {
                let alone = space.embed_with(&Feature { pooled: feature.clone(), map: None }, Some(&colours)).unwrap();
                assert!(alone.vector().iter().zip(found).all(|(a, b)| (a - b).abs() < 1e-5));
            }
            assert!(space.embed_all(0, |_| unreachable!()).unwrap().is_empty());
            let bad = |bad: Vec<f32>| {
                let feature = |at| if at == 70 { &bad } else { &features[0] };
                space.embed_all(100, |at| (Cow::from(feature(at)), Some(&colours)))
            };
            assert!(matches!(bad(vec![0.0; length]), Err(SpaceError::Zero)));
            assert!(matches!(bad(vec![f32::NAN; length]), Err(SpaceError::NotFinite)));
            assert!(matches!(bad(vec![1.0; length - 1]), Err(SpaceError::Dimension { .. })));
            if space.sees_layers() {
                // As a version kept it that knew of no layers.
                assert!(matches!(bad(vec![1.0; dim]), Err(SpaceError::Dimension { .. })));
            }
            if space.sees_colours() {
                let without = space.embed_all(1, |_| (Cow::from(&features[0]), None));
                assert!(matches!(without, Err(SpaceError::NoColours)));
            }
        }
    }
}
