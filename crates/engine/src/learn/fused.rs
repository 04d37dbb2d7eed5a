//! Fitting over the pooled vector and what stands beside it: layers before the last one as they are; colours by their principal
//! directions, of which they come out in full.

use faer::Mat;

use super::lda::lda_map_of;
use super::pca::{LinearMap, spanned};
use super::scatter::{Scaled, check, eigen, inverse_lengths, scatter};
use super::{FitError, LdaOptions, Rows};
use crate::image::ColourDescriptor;
use crate::linear::dot;

/// Directions of the colours that take part in a fit. Accuracy of F-colour with 32, 64, 128, 256 and all 972 numbers: 66.0,
/// 66.6, 66.6, 66.6, 66.4 (feature alone 49.3); 64 cost a tenth more than the feature alone, all of them five times as much.
const DIRECTIONS: usize = 64;
/// Pictures that the directions are taken from.
const PICTURES: usize = 5_000;

/// What stands beside the pooled vectors, a row or a descriptor a picture.
#[derive(Debug, Clone, Copy)]
pub struct Besides<'a> {
    /// What layers before the last one say, [pictures, numbers].
    pub layers: Option<&'a Rows>,
    /// Colours, and how much they weigh beside a vector of unit length: [`COLOURS_WEIGH`](super::COLOURS_WEIGH).
    pub colours: Option<(&'a [&'a ColourDescriptor], f32)>,
}

impl Besides<'_> {
    fn check(&self, pictures: usize) -> Result<(), FitError> {
        let wrong = |reason: String| Err(FitError::Data { reason });
        if let Some(layers) = self.layers {
            if layers.len() != pictures {
                return wrong(format!("there are {pictures} features and the layers of {} pictures", layers.len()));
            }
            check(layers, 3)?;
        }
        if let Some((colours, weight)) = self.colours {
            if colours.len() != pictures {
                return wrong(format!("there are {pictures} features and the colours of {} pictures", colours.len()));
            }
            if !(weight.is_finite() && weight > 0.0) {
                return wrong(format!("colours cannot weigh {weight}"));
            }
        }
        Ok(())
    }
}

/// Fits linear discriminant analysis to `[unit(feature), layers, weight × unit(colours)]`, without layers brought to unit length: a
/// map with the feature's numbers, the layers', and then all of the colours'.
pub(super) fn fused_map(
    features: &Rows,
    besides: &Besides<'_>,
    labels: &[u32],
    options: &LdaOptions,
) -> Result<LinearMap, FitError> {
    besides.check(features.len())?;
    check(features, 3)?;
    let (colours, weight) = besides.colours.unwrap_or((&[], 0.0));
    let basis = if colours.is_empty() { Vec::new() } else { directions(colours)? };
    let layers = besides.layers.map_or(0, Rows::dim);
    let plain = features.dim() + layers;
    // What a head that sees colours alone sees has this length before it is brought to 1, whatever the picture.
    let length = if layers == 0 { weight.hypot(1.0) } else { 1.0 };
    let mut rows = Rows::new(plain + basis.len());
    let scales = inverse_lengths(features);
    let mut row = Vec::with_capacity(rows.dim());
    for (place, (feature, scale)) in features.iter().zip(&scales).enumerate() {
        row.clear();
        row.extend(feature.iter().map(|value| (f64::from(*value) * scale) as f32 / length));
        if let Some(layers) = besides.layers {
            row.extend_from_slice(layers.row(place));
        }
        if let Some(colours) = colours.get(place) {
            let colours = unit(colours);
            row.extend(basis.iter().map(|direction| dot(direction, &colours) * weight / length));
        }
        rows.push(&row);
    }
    let map = lda_map_of(Scaled::from(&rows), labels, options)?;
    Ok(if colours.is_empty() { map } else { in_full(&map, plain, &basis) })
}

/// Orthonormal directions of all numbers of the descriptors, the most telling first.
fn directions(colours: &[&ColourDescriptor]) -> Result<Vec<Vec<f32>>, FitError> {
    let every = colours.len().div_ceil(PICTURES).max(1);
    let some: Vec<Vec<f32>> = colours.iter().step_by(every).map(|colours| unit(colours)).collect();
    // Most numbers are 0 in every picture: nothing is as colourful as they are.
    let used: Vec<usize> =
        (0..ColourDescriptor::DIM).filter(|place| some.iter().any(|row| row[*place] > 0.0)).collect();
    let mut rows = Rows::new(used.len());
    for row in &some {
        rows.push(&used.iter().map(|place| row[*place]).collect::<Vec<_>>());
    }
    let zero = vec![0.0; used.len()];
    let (spread, found) = eigen(&scatter(&rows, |_| &zero))?;
    let kept = spanned(&spread, DIRECTIONS);
    Ok((0..kept).map(|at| spread_out(&found, at, &used)).collect())
}

fn spread_out(found: &Mat<f64>, column: usize, used: &[usize]) -> Vec<f32> {
    let mut direction = vec![0.0; ColourDescriptor::DIM];
    for (row, place) in used.iter().enumerate() {
        direction[*place] = found[(row, column)] as f32;
    }
    direction
}

/// The same map over all numbers of the colours instead of their directions.
fn in_full(map: &LinearMap, dim: usize, basis: &[Vec<f32>]) -> LinearMap {
    let full = |short: &[f32]| -> Vec<f32> {
        let (feature, along) = short.split_at(dim);
        let mut colours = vec![0.0_f32; ColourDescriptor::DIM];
        for (share, direction) in along.iter().zip(basis) {
            colours.iter_mut().zip(direction).for_each(|(sum, value)| *sum += share * value);
        }
        feature.iter().copied().chain(colours).collect()
    };
    let projection = map.projection.chunks_exact(dim + basis.len()).flat_map(full).collect();
    LinearMap { mean: full(&map.mean), projection }
}

/// The numbers of a descriptor at unit length.
fn unit(colours: &ColourDescriptor) -> Vec<f32> {
    let mut values = colours.values();
    let length = values.iter().map(|value| value * value).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    values.iter_mut().for_each(|value| *value /= length);
    values
}
