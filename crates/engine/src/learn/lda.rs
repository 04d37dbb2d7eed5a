//! The supervised head: what tells classes apart counts, what varies within them does not.

use std::collections::BTreeMap;

use faer::Mat;

use super::method::{Method, fit};
use super::pca::{LinearMap, spanned, to_map};
use super::scatter::{Scaled, check, eigen, inverse_lengths, mean, scatter};
use super::{FitError, Rows};
use crate::space::Head;

/// How the supervised head is fitted.
#[derive(Debug, Clone, PartialEq)]
pub struct LdaOptions {
    /// Directions to keep at most; there are never more than classes − 1.
    pub dims: usize,
    /// How much of the within-class scatter is replaced by its mean diagonal, 0 to 1 (Friedman 1989).
    pub shrinkage: f64,
}

impl Default for LdaOptions {
    /// 128 directions, shrinkage 0.3.
    fn default() -> Self {
        Self { dims: 128, shrinkage: 0.3 }
    }
}

/// Fits linear discriminant analysis (Belhumeur et al. 1997) to features as the model gives them and their labels:
/// within-class scatter, shrunk, inverted square root, then PCA of the class means.
///
/// # Errors
/// [`FitError`] when there are fewer than two classes, no class with two different pictures, labels and features differ
/// in number, or a number is not finite.
pub fn fit_lda(model_sha256: &str, features: &Rows, labels: &[u32], options: &LdaOptions) -> Result<Head, FitError> {
    fit(model_sha256, features, &Method::Supervised { labels, options: options.clone() })
}

pub(super) fn lda_map(features: &Rows, labels: &[u32], options: &LdaOptions) -> Result<LinearMap, FitError> {
    check(features, 3)?;
    let scales = inverse_lengths(features);
    lda_map_of(Scaled::by(features, &scales), labels, options)
}

/// The map of rows as they are; they are finite, and three or more.
pub(super) fn lda_map_of(unit: Scaled<'_>, labels: &[u32], options: &LdaOptions) -> Result<LinearMap, FitError> {
    if unit.len() != labels.len() {
        let reason = format!("there are {} pictures and {} labels", unit.len(), labels.len());
        return Err(FitError::Data { reason });
    }
    let means = class_means(unit, labels);
    if means.len() < 2 {
        return Err(FitError::TooLittle { reason: "there is only one label; at least two are needed".into() });
    }
    let dim = unit.dim();
    let mut within = scatter(unit, |place| &means[&labels[place]]);
    within *= faer::Scale(1.0 / unit.len() as f64);
    let diagonal = (0..dim).map(|i| within[(i, i)]).sum::<f64>() / dim as f64;
    if diagonal < 1e-12 {
        let reason =
            "no label has two different pictures; there is nothing to learn about what varies within one".into();
        return Err(FitError::TooLittle { reason });
    }
    let shrinkage = options.shrinkage.clamp(1e-3, 1.0);
    within *= faer::Scale(1.0 - shrinkage);
    for i in 0..dim {
        within[(i, i)] += shrinkage * diagonal;
    }
    let (variances, directions) = eigen(&within)?;
    // Any root of the inverse will do: those of one matrix differ by a rotation, which similarities do not see.
    let whitening = Mat::from_fn(dim, dim, |i, j| directions[(i, j)] / variances[j].max(diagonal * 1e-6).sqrt());

    let mut class_rows = Rows::new(dim);
    for mean in means.values() {
        class_rows.push(&mean.iter().map(|&value| value as f32).collect::<Vec<_>>());
    }
    let classes = means.len();
    drop(means);
    let middle = mean(&class_rows);
    let between = whitening.transpose() * scatter(&class_rows, |_| &middle) * &whitening;
    let (spread, between_directions) = eigen(&between)?;
    let kept = spanned(&spread, options.dims.min(classes - 1));
    if kept == 0 {
        return Err(FitError::TooLittle { reason: "the labels do not differ in their pictures".into() });
    }
    let columns = &whitening * between_directions.subcols(0, kept);
    Ok(to_map(&mean(unit), &columns))
}

fn class_means(rows: Scaled<'_>, labels: &[u32]) -> BTreeMap<u32, Vec<f64>> {
    let mut sums: BTreeMap<u32, (Vec<f64>, f64)> = BTreeMap::new();
    for (row, &label) in rows.iter().zip(labels) {
        let (sum, count) = sums.entry(label).or_insert_with(|| (vec![0.0; rows.dim()], 0.0));
        sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        *count += 1.0;
    }
    sums.into_iter().map(|(label, (sum, count))| (label, sum.into_iter().map(|sum| sum / count).collect())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(vectors: &[[f32; 3]], labels: &[u32]) -> Result<Head, FitError> {
        let rows = Rows::from_vectors(vectors.iter().map(<[f32; 3]>::as_slice)).unwrap();
        fit_lda("model", &rows, labels, &LdaOptions::default())
    }

    #[test]
    fn degenerate_catalogues_train_nothing_and_say_why() {
        let three = [[1.0, 0.0, 0.0], [0.9, 0.1, 0.0], [0.0, 1.0, 0.0]];
        let says = |result: Result<Head, FitError>, text: &str| {
            let error = result.unwrap_err().to_string();
            assert!(error.contains(text), "{error}");
        };
        says(fit(&three, &[1, 1, 1]), "only one label");
        says(fit(&three, &[1, 2, 3]), "no label has two different pictures");
        says(fit(&[[1.0, 0.0, 0.0]; 4], &[1, 1, 2, 2]), "no label has two different pictures");
        says(fit(&three, &[1, 2]), "2 labels");
        says(fit(&three[..1], &[1]), "at least 3");
    }

    #[test]
    fn labels_that_contradict_each_other_do_not_make_numbers_that_are_not_finite() {
        let head = fit(&[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], &[1, 1, 2, 2]);
        assert!(matches!(head, Err(FitError::TooLittle { .. })), "{head:?}");
    }

    #[test]
    fn as_many_labels_as_there_may_be_are_fitted() {
        // 20,000 products of two pictures each.
        let mut rows = Rows::new(8);
        let mut labels = Vec::new();
        for label in 0..20_000_u32 {
            let value = |axis: u32, picture: u32| {
                (label.wrapping_mul(2_654_435_761) >> (axis * 3) & 63) as f32 + picture as f32
            };
            for picture in 0..2 {
                rows.push(&[0, 1, 2, 3, 4, 5, 6, 7].map(|axis| value(axis, picture * (axis % 2))));
                labels.push(label);
            }
        }
        let head = fit_lda("model", &rows, &labels, &LdaOptions::default()).unwrap();
        assert_eq!((head.input_dim(), head.output_dim()), (8, 8));
    }
}
