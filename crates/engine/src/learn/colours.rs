//! Fitting over feature and colours: the colours go into the fit by their principal directions, and come out of it in full.

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

/// Fits linear discriminant analysis to `[unit(feature), weight × unit(colours)]`, brought to unit length: a map with the
/// feature's numbers and then all of the colours'.
pub(super) fn fused_map(
    features: &Rows,
    colours: &[&ColourDescriptor],
    weight: f32,
    labels: &[u32],
    options: &LdaOptions,
) -> Result<LinearMap, FitError> {
    let wrong = |reason: String| FitError::Data { reason };
    if features.len() != colours.len() {
        let reason = format!("there are {} features and the colours of {} pictures", features.len(), colours.len());
        return Err(wrong(reason));
    }
    if !(weight.is_finite() && weight > 0.0) {
        return Err(wrong(format!("colours cannot weigh {weight}")));
    }
    check(features, 3)?;
    let basis = directions(colours)?;
    let dim = features.dim();
    // What a colour-fused head sees has this length before it is brought to 1, whatever the picture.
    let length = weight.hypot(1.0);
    let mut rows = Rows::new(dim + basis.len());
    let scales = inverse_lengths(features);
    let mut row = Vec::with_capacity(rows.dim());
    for ((feature, scale), colours) in features.iter().zip(&scales).zip(colours) {
        row.clear();
        row.extend(feature.iter().map(|value| (f64::from(*value) * scale) as f32 / length));
        let colours = unit(colours);
        row.extend(basis.iter().map(|direction| dot(direction, &colours) * weight / length));
        rows.push(&row);
    }
    let map = lda_map_of(Scaled::from(&rows), labels, options)?;
    Ok(in_full(&map, dim, &basis))
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
