//! What is in a picture, in the backbone's own words: the classifier it was trained with, before any catalogue is there.

use std::sync::OnceLock;

use half::f16;
use safetensors::{Dtype, SafeTensors};

use super::{FeatureMap, ModelError};
use crate::linear::dot;

const HEAD: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/efficientnet-lite2/imagenet-head.safetensors"));
const LABELS: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/efficientnet-lite2/imagenet-labels.txt"));

/// A linear classifier over the mean of a feature map: [classes, channels] weights, a bias and a name for each class.
#[derive(Debug, Clone, PartialEq)]
pub struct Recognition {
    channels: usize,
    weights: Vec<f32>,
    bias: Vec<f32>,
    names: Vec<String>,
}

/// One thing a picture may show.
#[derive(Debug, Clone, PartialEq)]
pub struct Recognised {
    /// Number of the class.
    pub class: usize,
    /// Its name in English.
    pub name: String,
    /// Between 0 and 1; over all classes they sum to 1.
    pub probability: f32,
}

impl Recognition {
    /// The classifier of the built-in model: ImageNet's 1,000 names.
    ///
    /// # Errors
    /// [`ModelError::Open`]; cannot happen in a build that passed its tests.
    pub fn builtin() -> Result<&'static Self, ModelError> {
        static READ: OnceLock<Result<Recognition, ModelError>> = OnceLock::new();
        let read = || Self::from_bytes(HEAD, LABELS, "imagenet-head.safetensors");
        READ.get_or_init(read).as_ref().map_err(Clone::clone)
    }

    /// Reads a classifier: tensors `weight` `[classes, channels]` and `bias` `[classes]` in half or single precision, and a
    /// name for each class, one a line; `origin` stands for the file in errors.
    ///
    /// # Errors
    /// [`ModelError::Open`] when a tensor is missing, of another shape or not finite, or names and classes differ in number.
    pub fn from_bytes(bytes: &[u8], labels: &str, origin: &str) -> Result<Self, ModelError> {
        let failed = |reason: String| ModelError::Open { model: origin.to_owned(), reason };
        let file = SafeTensors::deserialize(bytes).map_err(|error| failed(error.to_string()))?;
        let (shape, weights) = tensor(&file, "weight").map_err(failed)?;
        let (bias_shape, bias) = tensor(&file, "bias").map_err(failed)?;
        let names: Vec<String> = labels.lines().map(|line| line.trim().to_owned()).collect();
        let [classes, channels] = shape[..] else { return Err(failed(format!("weight has shape {shape:?}"))) };
        if classes == 0 || channels == 0 || bias_shape != [classes] || names.len() != classes {
            let reason = format!("{classes} classes, a bias of shape {bias_shape:?} and {} names", names.len());
            return Err(failed(reason));
        }
        Ok(Self { channels, weights, bias, names })
    }

    /// Length of the vectors it classifies.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// The `most` likeliest classes with their probabilities (softmax over all classes), best first.
    ///
    /// # Errors
    /// [`ModelError::Inference`] when the map has another number of channels than the classifier.
    pub fn recognise(&self, map: &FeatureMap, most: usize) -> Result<Vec<Recognised>, ModelError> {
        self.check(map)?;
        let mean = map.average();
        let logits: Vec<f32> = self
            .weights
            .chunks_exact(self.channels)
            .zip(&self.bias)
            .map(|(weights, bias)| dot(weights, &mean) + bias)
            .collect();
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let total: f32 = logits.iter().map(|logit| (logit - largest).exp()).sum();
        let mut order: Vec<usize> = (0..logits.len()).collect();
        order.sort_by(|a, b| logits[*b].total_cmp(&logits[*a]));
        let one = |class: usize| Recognised {
            class,
            name: self.names[class].clone(),
            probability: (logits[class] - largest).exp() / total,
        };
        Ok(order.into_iter().take(most).map(one).collect())
    }

    fn check(&self, map: &FeatureMap) -> Result<(), ModelError> {
        if map.channels() == self.channels {
            return Ok(());
        }
        let reason = format!("a map of {} channels for a classifier of {}", map.channels(), self.channels);
        Err(ModelError::Inference { model: "recognition".into(), batch: 1, reason })
    }
}

fn tensor(file: &SafeTensors<'_>, name: &str) -> Result<(Vec<usize>, Vec<f32>), String> {
    let view = file.tensor(name).map_err(|error| error.to_string())?;
    let values: Vec<f32> = match view.dtype() {
        Dtype::F16 => view.data().as_chunks::<2>().0.iter().map(|two| f16::from_le_bytes(*two).to_f32()).collect(),
        Dtype::F32 => view.data().as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four)).collect(),
        other => return Err(format!("{name} is of {other:?}, not of floats")),
    };
    if values.iter().all(|value| value.is_finite()) {
        Ok((view.shape().to_vec(), values))
    } else {
        Err(format!("{name} has numbers that are not finite"))
    }
}

#[cfg(test)]
mod tests {
    use safetensors::tensor::TensorView;

    use super::*;

    fn file(weights: &[f32], shape: [usize; 2], bias: &[f32]) -> Vec<u8> {
        let bytes = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
        let (weights, bias_bytes) = (bytes(weights), bytes(bias));
        let weight = TensorView::new(Dtype::F32, shape.to_vec(), &weights).unwrap();
        let bias = TensorView::new(Dtype::F32, vec![bias.len()], &bias_bytes).unwrap();
        safetensors::serialize([("weight", weight), ("bias", bias)], None).unwrap()
    }

    #[test]
    fn the_builtin_names_are_those_of_imagenet() {
        let recognition = Recognition::builtin().unwrap();
        assert_eq!((recognition.names.len(), recognition.channels), (1000, 1280));
        // Weights in the wrong order would not know what is like what.
        let weights = |name: &str| {
            let class = recognition.names.iter().position(|own| own == name).unwrap();
            &recognition.weights[class * 1280..(class + 1) * 1280]
        };
        for (name, like, unlike) in [
            ("tabby", "Egyptian cat", "running shoe"),
            ("limousine", "minivan", "tabby"),
            ("running shoe", "clog", "limousine"),
        ] {
            assert!(dot(weights(name), weights(like)) > 2.0 * dot(weights(name), weights(unlike)), "{name}");
        }
    }

    #[test]
    fn probabilities_are_the_softmax_and_in_order() {
        let bytes = file(&[1.0, 0.0, 0.0, 1.0], [2, 2], &[0.0, 0.5]);
        let recognition = Recognition::from_bytes(&bytes, "cup\nhat\n", "test").unwrap();
        let map = FeatureMap::new(2, 1, 2, vec![4.0, 2.0, 1.0, 2.0]).unwrap();
        let found = recognition.recognise(&map, 5).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].name, "cup");
        let expected = 1.0 / (1.0 + (2.0_f32 - 3.0).exp());
        assert!((found[0].probability - expected).abs() < 1e-6, "{found:?}");
        assert!((found[0].probability + found[1].probability - 1.0).abs() < 1e-6);
        let other = FeatureMap::new(3, 1, 1, vec![0.0; 3]).unwrap();
        assert!(matches!(recognition.recognise(&other, 5), Err(ModelError::Inference { .. })));
    }

    #[test]
    fn foreign_files_are_refused_with_the_reason() {
        let good = file(&[1.0; 4], [2, 2], &[0.0; 2]);
        for (bytes, labels, says) in [
            (&good[..], "one name\n", "1 names"),
            (&good[..good.len() - 3], "a\nb\n", ""),
            (&file(&[1.0; 4], [2, 2], &[0.0; 3]), "a\nb\n", "bias"),
            (&file(&[f32::NAN; 4], [2, 2], &[0.0; 2]), "a\nb\n", "finite"),
        ] {
            let error = Recognition::from_bytes(bytes, labels, "the file").unwrap_err().to_string();
            assert!(error.contains(says) && error.contains("the file"), "{error}");
        }
    }
}
