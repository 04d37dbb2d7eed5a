//! What a repair leaves in the feature, taken back.
//!
//! A denoised photo is not the clean one: its feature has moved, much the same way for all. For each repair a linear map from the
//! feature that is there to the one that should be, `u + shift + Bᵀ M B u` with u the feature at unit length and B the first
//! principal directions of clean features, was fitted by ridge regression to pictures that were damaged and repaired
//! (`vetrina-lab fit-repairs`; the file beside it says which).

use std::collections::BTreeMap;
use std::sync::OnceLock;

use half::f16;
use safetensors::{Dtype, SafeTensors, serialize, tensor::TensorView};

use crate::image::Repair;
use crate::linear::dot;
use crate::model::Manifest;

const FILE: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/efficientnet-lite2/repairs.safetensors"));

/// The corrections of one model's features.
#[derive(Debug, Clone, PartialEq)]
pub struct Corrections {
    /// SHA-256 of the model's file.
    pub model: String,
    /// B: directions of unit length, `[rank, dim]`, row by row.
    pub basis: Vec<f32>,
    /// By repair; one that is not here is left uncorrected.
    pub each: BTreeMap<Repair, Correction>,
}

/// The correction after one repair.
#[derive(Debug, Clone, PartialEq)]
pub struct Correction {
    /// `[dim]`
    pub shift: Vec<f32>,
    /// M, `[rank, rank]`, row by row.
    pub matrix: Vec<f32>,
}

impl Corrections {
    /// Those for the built-in model; `None` in a build whose file is damaged, which its tests do not let pass.
    #[must_use]
    pub fn builtin() -> Option<&'static Self> {
        static READ: OnceLock<Option<Corrections>> = OnceLock::new();
        READ.get_or_init(|| Self::from_bytes(FILE)).as_ref()
    }

    /// Whether they are this model's.
    #[must_use]
    pub fn fits(&self, manifest: &Manifest) -> bool {
        self.model == manifest.sha256
    }

    /// The feature after a repair, corrected, as long as it was; what follows the pooled vector stays as it is. One that is shorter or
    /// has no length comes back as it is.
    #[must_use]
    pub fn applied(&self, repair: Repair, feature: &[f32]) -> Vec<f32> {
        let Some(correction) = self.each.get(&repair) else { return feature.to_vec() };
        let Some((pooled, rest)) = feature.split_at_checked(correction.shift.len()) else { return feature.to_vec() };
        let length = pooled.iter().map(|value| value * value).sum::<f32>().sqrt();
        if length <= f32::MIN_POSITIVE || !length.is_finite() {
            return feature.to_vec();
        }
        let unit: Vec<f32> = pooled.iter().map(|value| value / length).collect();
        let rows = || self.basis.chunks_exact(pooled.len());
        let inside: Vec<f32> = rows().map(|row| dot(row, &unit)).collect();
        let moved = correction.matrix.chunks_exact(inside.len().max(1)).map(|row| dot(row, &inside));
        let mut right: Vec<f32> = unit.iter().zip(&correction.shift).map(|(own, shift)| own + shift).collect();
        for (row, moved) in rows().zip(moved) {
            right.iter_mut().zip(row).for_each(|(to, direction)| *to += moved * direction);
        }
        right.iter_mut().for_each(|value| *value *= length);
        right.extend_from_slice(rest);
        right
    }

    /// Reads a file of [`Corrections::to_bytes`]; `None` when a tensor is missing, of another length, or not finite.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (_, header) = SafeTensors::read_metadata(bytes).ok()?;
        let model = header.metadata().as_ref()?.get("model")?.clone();
        let file = SafeTensors::deserialize(bytes).ok()?;
        let read = |name: &str| -> Option<(Vec<usize>, Vec<f32>)> {
            let view = file.tensor(name).ok().filter(|view| view.dtype() == Dtype::F16)?;
            let two = view.data().as_chunks::<2>().0.iter();
            let values: Vec<f32> = two.map(|two| f16::from_le_bytes(*two).to_f32()).collect();
            values.iter().all(|value| value.is_finite()).then(|| (view.shape().to_vec(), values))
        };
        let (shape, basis) = read("basis")?;
        let [rank, dim] = shape[..] else { return None };
        let mut each = BTreeMap::new();
        for repair in Repair::ALL {
            let name = repair.name();
            let (Some((_, shift)), Some((_, matrix))) =
                (read(&format!("{name}.shift")), read(&format!("{name}.matrix")))
            else {
                continue;
            };
            if shift.len() != dim || matrix.len() != rank * rank {
                return None;
            }
            each.insert(repair, Correction { shift, matrix });
        }
        Some(Self { model, basis, each })
    }

    /// As a safetensors file in half precision.
    ///
    /// # Errors
    /// When sizes do not fit each other, or the format refuses a tensor.
    pub fn to_bytes(&self) -> Result<Vec<u8>, String> {
        let dim = self.each.values().next().map_or(0, |correction| correction.shift.len());
        let rank = self.basis.len().checked_div(dim).ok_or("there is no correction")?;
        let halves = |values: &[f32]| -> Vec<u8> {
            values.iter().flat_map(|&value| f16::from_f32(value).to_le_bytes()).collect()
        };
        let mut parts = vec![("basis".to_owned(), vec![rank, dim], halves(&self.basis))];
        for (repair, correction) in &self.each {
            if correction.shift.len() != dim || correction.matrix.len() != rank * rank {
                return Err(format!("the correction of {} has another size", repair.name()));
            }
            parts.push((format!("{}.shift", repair.name()), vec![dim], halves(&correction.shift)));
            parts.push((format!("{}.matrix", repair.name()), vec![rank, rank], halves(&correction.matrix)));
        }
        let mut views = Vec::new();
        for (name, shape, bytes) in &parts {
            let view = TensorView::new(Dtype::F16, shape.clone(), bytes).map_err(|error| error.to_string())?;
            views.push((name.as_str(), view));
        }
        let metadata = [("model".to_owned(), self.model.clone())].into_iter().collect();
        serialize(views, Some(metadata)).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::builtin_manifest;

    #[test]
    fn the_file_is_the_built_in_models_and_corrects_every_repair() {
        let builtin = Corrections::builtin().unwrap();
        assert!(builtin.fits(builtin_manifest().unwrap()));
        assert_eq!(builtin.each.keys().copied().collect::<Vec<_>>(), Repair::ALL);
        assert_eq!(Corrections::from_bytes(&builtin.to_bytes().unwrap()).as_ref(), Some(builtin));
        assert!(Corrections::from_bytes(b"no file").is_none());
    }

    #[test]
    fn a_feature_is_moved_and_keeps_its_scale() {
        let correction = Correction { shift: vec![0.0, 0.0, 0.5], matrix: vec![1.0] };
        let corrections = Corrections {
            model: "m".into(),
            basis: vec![1.0, 0.0, 0.0],
            each: [(Repair::Denoised, correction)].into_iter().collect(),
        };
        assert_eq!(corrections.applied(Repair::Denoised, &[2.0, 0.0, 0.0]), [4.0, 0.0, 1.0]);
        assert_eq!(corrections.applied(Repair::Darkened, &[2.0, 0.0, 0.0]), [2.0, 0.0, 0.0]);
        assert_eq!(corrections.applied(Repair::Denoised, &[2.0, 0.0]), [2.0, 0.0]);
        assert_eq!(corrections.applied(Repair::Denoised, &[0.0; 3]), [0.0; 3]);
    }
}
