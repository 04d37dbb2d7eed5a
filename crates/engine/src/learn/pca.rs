//! The unsupervised head: principal components, a little whitened.

use faer::Mat;

use super::method::{Method, fit};
use super::scatter::{Scaled, check, eigen, inverse_lengths, mean, scatter};
use super::{FitError, Rows};
use crate::space::Head;

/// How the unsupervised head is fitted.
#[derive(Debug, Clone, PartialEq)]
pub struct PcaOptions {
    /// Directions to keep.
    pub dims: usize,
    /// Each direction is divided by its variance to this power: 0 is plain PCA, 0.5 full whitening.
    pub exponent: f64,
}

impl Default for PcaOptions {
    /// 256 directions, λ^-0.15: full whitening is worse than none, a small power better than both (QUALITY: G-studio mAP
    /// about 5 points less at 0, C-kind 4 points less at 0.25).
    fn default() -> Self {
        Self { dims: 256, exponent: 0.15 }
    }
}

/// Fits `unit → centre → PCA → divide by λ^exponent` to features as the model gives them. With fewer pictures than
/// directions only the directions the pictures span are kept.
///
/// # Errors
/// [`FitError`] for fewer than two pictures, pictures that are all the same, or numbers that are not finite.
pub fn fit_pca(model_sha256: &str, features: &Rows, options: &PcaOptions) -> Result<Head, FitError> {
    fit(model_sha256, features, &Method::Unsupervised(options.clone()))
}

/// What a head is made of: `projection · (unit(x) − mean)`.
pub(super) struct LinearMap {
    pub(super) mean: Vec<f32>,
    /// `[output, input]`, row by row.
    pub(super) projection: Vec<f32>,
}

pub(super) fn pca_map(features: &Rows, options: &PcaOptions) -> Result<LinearMap, FitError> {
    check(features, 2)?;
    let scales = inverse_lengths(features);
    let unit = Scaled::by(features, &scales);
    let centre = mean(unit);
    let mut covariance = scatter(unit, |_| &centre);
    covariance *= faer::Scale(1.0 / (unit.len() - 1) as f64);
    let (variances, directions) = eigen(&covariance)?;
    let kept = spanned(&variances, options.dims);
    if kept == 0 {
        return Err(FitError::TooLittle { reason: "all pictures are the same".into() });
    }
    let scaled = Mat::from_fn(unit.dim(), kept, |i, j| directions[(i, j)] * variances[j].powf(-options.exponent));
    Ok(to_map(&centre, &scaled))
}

/// How many of the first `dims` variances are more than rounding.
pub(super) fn spanned(variances: &[f64], dims: usize) -> usize {
    let largest = variances.first().copied().unwrap_or(0.0);
    variances.iter().take(dims).take_while(|&&variance| variance > largest * 1e-7 && variance > 1e-14).count()
}

/// A map from a mean and projecting columns [input, output].
pub(super) fn to_map(centre: &[f64], columns: &Mat<f64>) -> LinearMap {
    let mean: Vec<f32> = centre.iter().map(|&value| value as f32).collect();
    let projection: Vec<f32> =
        columns.col_iter().flat_map(|column| column.iter().map(|&value| value as f32).collect::<Vec<_>>()).collect();
    // The scale of a projection does not change an embedding; unit rows keep it in the range of half precision.
    let largest = projection.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    let scale = if largest > 0.0 && largest.is_finite() { largest.recip() } else { 1.0 };
    LinearMap { mean, projection: projection.iter().map(|value| value * scale).collect() }
}
