//! How likely a box frames one product: a small network over its measures, fitted to pictures whose boxes are known.

use std::sync::OnceLock;

use super::measure::{MEASURES, OF_PIXELS};
use super::tensors::{Tensors, written};

const FILE: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/efficientnet-lite2/regions.safetensors"));
/// Of pixels alone: for models that have no finer map.
const ALONE: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/efficientnet-lite2/regions-alone.safetensors"));

/// A network of one hidden layer: measures → standardised → ReLU → overlap → logistic curve. Fitted by `vetrina-lab
/// fit-regions`; the file beside it says on what. It looks at all measures, or at those that pixels tell alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Judge {
    /// Mean and standard deviation of each measure: [2, measures].
    pub scale: Vec<f32>,
    /// Weights of the hidden layer: [hidden, measures].
    pub hidden: Vec<f32>,
    /// Bias of each hidden unit: `[hidden]`.
    pub hidden_bias: Vec<f32>,
    /// Weights of the overlap, and its bias: [hidden + 1].
    pub overlap: Vec<f32>,
    /// Slope and offset of the logistic curve from overlap to probability: `[2]`.
    pub curve: Vec<f32>,
}

impl Judge {
    /// The one for the built-in model, or the one for where nothing was proposed by a model's maps; `None` in a build whose file is
    /// damaged, which its tests do not let pass.
    pub(super) fn builtin(proposed: bool) -> Option<&'static Self> {
        static READ: [OnceLock<Option<Judge>>; 2] = [OnceLock::new(), OnceLock::new()];
        let (file, read) = if proposed { (FILE, &READ[0]) } else { (ALONE, &READ[1]) };
        read.get_or_init(|| Self::from_bytes(file)).as_ref()
    }

    /// Reads a file of [`Judge::to_bytes`]; `None` when a tensor is missing, of another length, or not finite.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let file = Tensors::of(bytes)?;
        let judge = Self {
            scale: file.read("scale")?,
            hidden: file.read("hidden")?,
            hidden_bias: file.read("hidden_bias")?,
            overlap: file.read("overlap")?,
            curve: file.read("curve")?,
        };
        let (units, measures) = (judge.hidden_bias.len(), judge.measures());
        let fits = [MEASURES, OF_PIXELS].contains(&measures)
            && judge.scale.len() == 2 * measures
            && judge.hidden.len() == units * measures
            && judge.overlap.len() == units + 1
            && judge.curve.len() == 2;
        fits.then_some(judge)
    }

    /// As a safetensors file.
    ///
    /// # Errors
    /// When the format refuses a tensor.
    pub fn to_bytes(&self) -> Result<Vec<u8>, String> {
        written(&[
            ("scale", &self.scale),
            ("hidden", &self.hidden),
            ("hidden_bias", &self.hidden_bias),
            ("overlap", &self.overlap),
            ("curve", &self.curve),
        ])
    }

    /// The overlap (intersection over union) that a box has with the nearest product, as guessed. A measure that is NaN
    /// counts as an ordinary one.
    #[must_use]
    pub fn overlap(&self, measures: &[f32; MEASURES]) -> f32 {
        let (mean, spread) = self.scale.split_at(self.measures());
        let mut standard = *measures;
        for (value, (mean, spread)) in standard.iter_mut().zip(mean.iter().zip(spread)) {
            *value = if value.is_nan() { 0.0 } else { (*value - mean) / spread.max(1e-6) };
        }
        let units = self.hidden.chunks_exact(self.measures()).zip(&self.hidden_bias).zip(&self.overlap);
        let sum: f32 = units
            .map(|((weights, bias), out)| {
                let unit = weights.iter().zip(&standard).map(|(weight, value)| weight * value).sum::<f32>() + bias;
                unit.max(0.0) * out
            })
            .sum();
        sum + self.overlap.last().copied().unwrap_or(0.0)
    }

    /// How many measures it looks at: the first ones.
    fn measures(&self) -> usize {
        self.scale.len() / 2
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
        for (proposed, measures) in [(true, MEASURES), (false, OF_PIXELS)] {
            let judge = Judge::builtin(proposed).unwrap();
            assert_eq!(judge.measures(), measures);
            assert_eq!(Judge::from_bytes(&judge.to_bytes().unwrap()).as_ref(), Some(judge));
            assert!(judge.curve[0] > 0.0, "more overlap is more likely");
            let mut short = judge.clone();
            short.scale.pop();
            assert!(Judge::from_bytes(&short.to_bytes().unwrap()).is_none());
        }
        assert!(Judge::from_bytes(b"no file").is_none());
    }

    #[test]
    fn measures_that_are_missing_do_not_make_numbers_that_are_not_finite() {
        let judge = Judge::builtin(true).unwrap();
        let probability = judge.probability(judge.overlap(&[f32::NAN; MEASURES]));
        assert!((0.0..=1.0).contains(&probability));
    }
}
