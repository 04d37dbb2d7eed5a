//! A model for tests of what is built on models.

use super::manifest::{ColourOrder, FeaturesOutput, Filter, Framing, Input, Layout, Manifest, Outputs, PooledOutput};
use super::{Feature, FeatureMap, ImageModel, ModelError, Tensor};

const SIDE: usize = 32;
const CELLS: usize = 4;
const LEVELS: usize = 4;

/// Says of a picture what a shopper without glasses would: the mean colour of each cell of a 4 × 4 grid (48 numbers)
/// and the shares of 4 × 4 × 4 colours (64 numbers). Needs no library, is deterministic, and pictures that look alike
/// have like features; so a pipeline can be tested on real pictures without the real model.
#[derive(Debug, Clone)]
pub struct FakeModel {
    manifest: Manifest,
}

impl FakeModel {
    /// A fake that answers vectors of 112 numbers and maps of [3, 4, 4].
    #[must_use]
    pub fn new() -> Self {
        let manifest = Manifest {
            name: "fake-colour-statistics".into(),
            version: "1".into(),
            licence: "Apache-2.0".into(),
            source: "vetrina".into(),
            sha256: "0".repeat(64),
            file_sha256: None,
            layers_sha256: None,
            input: Input {
                name: "image".into(),
                size: SIDE as u32,
                layout: Layout::Nchw,
                colour: ColourOrder::Rgb,
                framing: Framing::Letterbox,
                fill: [255; 3],
                filter: Filter::Bicubic,
                mean: [0.0; 3],
                std: [255.0; 3],
            },
            outputs: Outputs {
                pooled: PooledOutput { name: "pooled".into(), dim: 3 * CELLS * CELLS + LEVELS.pow(3) },
                features: Some(FeaturesOutput { name: "features".into(), channels: 3, height: CELLS, width: CELLS }),
                layers: None,
                finer: None,
            },
        };
        Self { manifest }
    }

    fn feature(tensor: &Tensor, want_maps: bool) -> Feature {
        let planes: Vec<&[f32]> = tensor.values().chunks_exact(SIDE * SIDE).collect();
        let mut grid = vec![0.0; 3 * CELLS * CELLS];
        let mut shares = vec![0.0; LEVELS.pow(3)];
        let step = SIDE / CELLS;
        let level = |value: f32| ((value * LEVELS as f32) as usize).min(LEVELS - 1);
        for position in 0..SIDE * SIDE {
            let cell = position / SIDE / step * CELLS + position % SIDE / step;
            let mut bin = 0;
            for (channel, plane) in planes.iter().enumerate() {
                grid[channel * CELLS * CELLS + cell] += plane[position] / (step * step) as f32;
                bin = bin * LEVELS + level(plane[position]);
            }
            shares[bin] += 1.0 / (SIDE * SIDE) as f32;
        }
        let map = want_maps.then(|| FeatureMap::new(3, CELLS, CELLS, grid.clone())).flatten();
        Feature { pooled: [grid, shares].concat(), map }
    }
}

impl Default for FakeModel {
    fn default() -> Self {
        Self::new()
    }
}

impl ImageModel for FakeModel {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn features(&self, batch: &[Tensor], want_maps: bool) -> Result<Vec<Feature>, ModelError> {
        super::onnx::check_batch(&self.manifest, batch)?;
        Ok(batch.iter().map(|tensor| Self::feature(tensor, want_maps)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::features_of;
    use super::*;
    use crate::image::Picture;

    fn plain(colour: [u8; 3]) -> Picture {
        Picture::from_rgb(40, 30, colour.repeat(40 * 30)).unwrap()
    }

    #[test]
    fn like_pictures_have_like_features() {
        let model = FakeModel::new();
        let pictures = [plain([200, 10, 10]), plain([210, 5, 15]), plain([10, 10, 200])];
        let features = features_of(&model, &pictures, true).unwrap();
        let distance =
            |a: &Feature, b: &Feature| -> f32 { a.pooled.iter().zip(&b.pooled).map(|(a, b)| (a - b).powi(2)).sum() };
        assert!(distance(&features[0], &features[1]) < distance(&features[0], &features[2]));
        assert_eq!(features[0].pooled.len(), model.manifest().outputs.pooled.dim);
        assert_eq!(features[0].map.as_ref().unwrap().values().len(), 48);
    }

    #[test]
    fn a_tensor_of_another_size_is_refused() {
        let error = FakeModel::new().features(&[Tensor::new(vec![0.0; 7])], false).unwrap_err();
        assert!(matches!(error, ModelError::Input { index: 0, found: 7, .. }), "{error}");
    }
}
