//! What repairs of photos leave in features, learnt from pictures of which both are known.

use faer::Mat;

use super::scatter::{Scaled, check, eigen, inverse_lengths, mean, scatter};
use super::{FitError, Rows};
use crate::image::Repair;
use crate::photo::{Correction, Corrections};

/// How corrections are fitted.
#[derive(Debug, Clone, PartialEq)]
pub struct CorrectionOptions {
    /// Directions that are corrected, the principal ones of the clean features.
    pub rank: usize,
    /// Ridge penalty, in mean variances of a number of the feature.
    pub penalty: f64,
}

impl Default for CorrectionOptions {
    /// Found on F-robust with other pictures; see docs/evaluation.md.
    fn default() -> Self {
        Self { rank: 256, penalty: 3.0 }
    }
}

/// Fits corrections for a model. `pairs` has for each repair the features after it and, row for row, those of the same pictures
/// undamaged. Takes seconds for some thousand pictures.
///
/// # Errors
/// [`FitError`] when there are fewer than two pairs of a repair, rows do not fit each other, or numbers are not finite.
pub fn fit_corrections(
    model_sha256: &str,
    clean: &Rows,
    pairs: &[(Repair, Rows, Rows)],
    options: &CorrectionOptions,
) -> Result<Corrections, FitError> {
    check(clean, 2)?;
    let scales = inverse_lengths(clean);
    let unit = Scaled::by(clean, &scales);
    let centre = mean(unit);
    let (_, directions) = eigen(&scatter(unit, |_| &centre))?;
    let rank = options.rank.min(clean.dim());
    let basis: Vec<Vec<f64>> = (0..rank).map(|j| (0..clean.dim()).map(|i| directions[(i, j)]).collect()).collect();
    let mut each = std::collections::BTreeMap::new();
    for (repair, damaged, undamaged) in pairs {
        check(damaged, 2)?;
        check(undamaged, 2)?;
        if damaged.len() != undamaged.len() || damaged.dim() != clean.dim() || undamaged.dim() != clean.dim() {
            return Err(FitError::Data { reason: format!("features of {} do not fit each other", repair.name()) });
        }
        each.insert(*repair, one(&basis, damaged, undamaged, options.penalty)?);
    }
    let basis = basis.iter().flatten().map(|value| *value as f32).collect();
    Ok(Corrections { model: model_sha256.to_owned(), basis, each })
}

/// Ridge regression from where features are to how far they are from where they should be, both within the basis.
fn one(basis: &[Vec<f64>], damaged: &Rows, undamaged: &Rows, penalty: f64) -> Result<Correction, FitError> {
    let rank = basis.len();
    let (from, to) = (damaged.clone().unit(), undamaged.clone().unit());
    let difference = Rows::from_vectors(
        from.iter()
            .zip(to.iter())
            .map(|(from, to)| to.iter().zip(from).map(|(to, from)| to - from).collect::<Vec<f32>>())
            .collect::<Vec<_>>()
            .iter()
            .map(Vec::as_slice),
    )
    .unwrap_or_default();
    let (from_mean, difference_mean) = (mean(&from), mean(&difference));
    let within = |rows: &Rows, centre: &[f64]| -> Mat<f64> {
        let rows: Vec<Vec<f64>> = rows
            .iter()
            .map(|row| row.iter().zip(centre).map(|(value, centre)| f64::from(*value) - centre).collect())
            .collect();
        Mat::from_fn(rows.len(), rank, |i, j| rows[i].iter().zip(&basis[j]).map(|(a, b)| a * b).sum())
    };
    let (inputs, targets) = (within(&from, &from_mean), within(&difference, &difference_mean));
    let gram = inputs.transpose() * &inputs;
    let trace: f64 = (0..rank).map(|i| gram[(i, i)]).sum();
    let ridge = penalty * trace / damaged.dim() as f64;
    let (values, vectors) = eigen(&gram)?;
    // (G + ridge)⁻¹ Xᵀ Y over the eigenvectors of G.
    let crossed = vectors.transpose() * (inputs.transpose() * &targets);
    let shrunk = Mat::from_fn(rank, rank, |i, j| crossed[(i, j)] / (values[i] + ridge).max(f64::MIN_POSITIVE));
    let weights = &vectors * shrunk;
    // A row vector times `weights` is `weights`ᵀ times a column.
    let matrix: Vec<f64> = (0..rank * rank).map(|place| weights[(place % rank, place / rank)]).collect();
    let inside: Vec<f64> = basis.iter().map(|row| row.iter().zip(&from_mean).map(|(a, b)| a * b).sum()).collect();
    let moved: Vec<f64> =
        matrix.chunks_exact(rank).map(|row| row.iter().zip(&inside).map(|(a, b)| a * b).sum()).collect();
    let shift = difference_mean.iter().enumerate().map(|(i, difference)| {
        (difference - moved.iter().zip(basis).map(|(moved, row)| moved * row[i]).sum::<f64>()) as f32
    });
    Ok(Correction { shift: shift.collect(), matrix: matrix.iter().map(|value| *value as f32).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linear::dot;

    #[test]
    fn a_damage_that_is_the_same_for_all_is_taken_back() {
        let mut random = crate::learn::Random::new(3);
        let mut clean = Rows::new(12);
        let mut damaged = Rows::new(12);
        for _ in 0..400 {
            let row: Vec<f32> = (0..12).map(|_| random.below(1000) as f32 / 1000.0 + 0.2).collect();
            // A third of the first number is lost, the last two are mixed, and something is added.
            let mut worse = row.clone();
            worse[0] *= 0.66;
            worse[10] = 0.7 * row[10] + 0.3 * row[11];
            worse[5] += 0.5;
            clean.push(&row);
            damaged.push(&worse);
        }
        let train = |rows: &Rows| rows.select(0..300);
        let pairs = [(Repair::Deblocked, train(&damaged), train(&clean))];
        let options = CorrectionOptions { rank: 12, penalty: 1e-3 };
        let corrections = fit_corrections("m", &train(&clean), &pairs, &options).unwrap();
        let cosine = |a: &[f32], b: &[f32]| dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
        let (mut before, mut after) = (0.0, 0.0);
        for place in 300..400 {
            let rows = (damaged.select([place]), clean.select([place]));
            before += (1.0 - cosine(rows.0.values(), rows.1.values())) / 100.0;
            let right = corrections.applied(Repair::Deblocked, rows.0.values());
            after += (1.0 - cosine(&right, rows.1.values())) / 100.0;
        }
        assert!(after < 0.2 * before, "{before} → {after}");
    }

    #[test]
    fn pairs_that_do_not_fit_are_refused() {
        let rows = |count: usize| {
            let mut rows = Rows::new(3);
            (0..count).for_each(|i| assert!(rows.push(&[i as f32, 1.0, 2.0])));
            rows
        };
        let options = CorrectionOptions::default();
        let fit = |damaged, clean| fit_corrections("m", &rows(5), &[(Repair::Denoised, damaged, clean)], &options);
        assert!(matches!(fit(rows(4), rows(5)), Err(FitError::Data { .. })));
        assert!(matches!(fit(rows(1), rows(1)), Err(FitError::TooLittle { .. })));
    }
}
