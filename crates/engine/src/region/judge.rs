//! How likely a box frames one product: a small network over its measures, fitted to pictures whose boxes are known.

use std::sync::OnceLock;

use safetensors::{Dtype, SafeTensors, serialize, tensor::TensorView};

use super::measure::MEASURES;

const FILE: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/efficientnet-lite2/regions.safetensors"));

/// A network of one hidden layer: measures → standardised → ReLU → overlap → logistic curve. Fitted by `vetrina-lab
/// fit-regions`; the file beside it says on what.
#[derive(Debug, Clone, PartialEq)]
pub struct Judge {
    /// Mean and standard deviation of each measure: [2, 20].
    pub scale: Vec<f32>,
    /// Weights of the hidden layer: [hidden, 20].
    pub hidden: Vec<f32>,
    /// Bias of each hidden unit: `[hidden]`.
    pub hidden_bias: Vec<f32>,
    /// Weights of the overlap, and its bias: [hidden + 1].
    pub overlap: Vec<f32>,
    /// Slope and offset of the logistic curve from overlap to probability: `[2]`.
    pub curve: Vec<f32>,
}

impl Judge {
    /// The one for the built-in model; `None` in a build whose file is damaged, which its tests do not let pass.
    pub(super) fn builtin() -> Option<&'static Self> {
        static READ: OnceLock<Option<Judge>> = OnceLock::new();
        READ.get_or_init(|| Self::from_bytes(FILE)).as_ref()
    }

    /// Reads a file of [`Judge::to_bytes`]; `None` when a tensor is missing, of another length, or not finite.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let file = SafeTensors::deserialize(bytes).ok()?;
        let read = |name: &str| -> Option<Vec<f32>> {
            let view = file.tensor(name).ok().filter(|view| view.dtype() == Dtype::F32)?;
            let values: Vec<f32> =
                view.data().as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four)).collect();
            values.iter().all(|value| value.is_finite()).then_some(values)
        };
        let judge = Self {
            scale: read("scale")?,
            hidden: read("hidden")?,
            hidden_bias: read("hidden_bias")?,
            overlap: read("overlap")?,
            curve: read("curve")?,
        };
        let units = judge.hidden_bias.len();
        let fits = judge.scale.len() == 2 * MEASURES
            && judge.hidden.len() == units * MEASURES
            && judge.overlap.len() == units + 1
            && judge.curve.len() == 2;
        fits.then_some(judge)
    }

    /// As a safetensors file.
    ///
    /// # Errors
    /// When the format refuses a tensor.
    pub fn to_bytes(&self) -> Result<Vec<u8>, String> {
        let parts = [
            ("scale", &self.scale),
            ("hidden", &self.hidden),
            ("hidden_bias", &self.hidden_bias),
            ("overlap", &self.overlap),
            ("curve", &self.curve),
        ];
        let bytes = parts.map(|(name, values)| {
            (name, values.len(), values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>())
        });
        let mut views = Vec::new();
        for (name, length, bytes) in &bytes {
            let view = TensorView::new(Dtype::F32, vec![*length], bytes).map_err(|error| error.to_string())?;
            views.push((*name, view));
        }
        serialize(views, None).map_err(|error| error.to_string())
    }

    /// The overlap (intersection over union) that a box has with the nearest product, as guessed. A measure that is NaN
    /// counts as an ordinary one.
    #[must_use]
    pub fn overlap(&self, measures: &[f32; MEASURES]) -> f32 {
        let (mean, spread) = self.scale.split_at(MEASURES);
        let standard: [f32; MEASURES] =
            std::array::from_fn(
                |i| {
                    if measures[i].is_nan() { 0.0 } else { (measures[i] - mean[i]) / spread[i].max(1e-6) }
                },
            );
        let units = self.hidden.chunks_exact(MEASURES).zip(&self.hidden_bias).zip(&self.overlap);
        let sum: f32 = units
            .map(|((weights, bias), out)| {
                let unit = weights.iter().zip(standard).map(|(weight, value)| weight * value).sum::<f32>() + bias;
                unit.max(0.0) * out
            })
            .sum();
        sum + self.overlap.last().copied().unwrap_or(0.0)
    }

    /// The probability that goes with an overlap.
    #[must_use]
    pub fn probability(&self, overlap: f32) -> f32 {
        1.0 / (1.0 + (-(self.curve[0] * overlap + self.curve[1])).exp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_read_and_comes_back() {
        let judge = Judge::builtin().unwrap();
        assert_eq!(Judge::from_bytes(&judge.to_bytes().unwrap()).as_ref(), Some(judge));
        assert!(judge.curve[0] > 0.0, "more overlap is more likely");
        assert!(Judge::from_bytes(b"no file").is_none());
        let mut short = judge.clone();
        short.scale.pop();
        assert!(Judge::from_bytes(&short.to_bytes().unwrap()).is_none());
    }

    #[test]
    fn measures_that_are_missing_do_not_make_numbers_that_are_not_finite() {
        let judge = Judge::builtin().unwrap();
        let probability = judge.probability(judge.overlap(&[f32::NAN; MEASURES]));
        assert!((0.0..=1.0).contains(&probability));
    }
}
