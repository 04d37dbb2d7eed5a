//! What varies within classes, shrunk: `W = (1 − s) S + s t I`, where `S` is the mean scatter of the rows around the means of their classes, `t` its mean
//! diagonal and `s` the shrinkage (Friedman 1989).

use faer::linalg::matmul::triangular::{BlockStructure, matmul};
use faer::linalg::solvers::Llt;
use faer::prelude::Solve as _;
use faer::{Accum, Mat, Par, Side};

use super::FitError;
use super::scatter::{Scaled, scatter_within};

/// Less of it is none at all.
const LEAST: f64 = 1e-12;
/// Of 0 there may be no inverse.
const LEAST_SHRINKAGE: f64 = 1e-3;

/// `W` as `L Lᵀ`. `centre` names the mean of a row's class, none for a row that is alone in it.
///
/// # Errors
/// [`FitError::TooLittle`] when no class has two different rows.
pub(super) fn factor<'c>(
    rows: Scaled<'_>,
    centre: impl Fn(usize) -> Option<&'c [f64]>,
    shrinkage: f64,
) -> Result<Llt<f64>, FitError> {
    let dim = rows.dim();
    let mut within = scatter_within(rows, centre);
    within *= faer::Scale(1.0 / rows.len() as f64);
    let diagonal = (0..dim).map(|i| within[(i, i)]).sum::<f64>() / dim as f64;
    let (kept, added) = shares(diagonal, shrinkage)?;
    within *= faer::Scale(kept);
    for i in 0..dim {
        within[(i, i)] += added;
    }
    Ok(within.llt(Side::Lower)?)
}

/// `W⁻¹ M`, in the way that takes less.
///
/// # Errors
/// As [`factor`].
pub(super) fn solve<'c>(
    rows: Scaled<'_>,
    centre: impl Fn(usize) -> Option<&'c [f64]>,
    shrinkage: f64,
    means: &Mat<f64>,
) -> Result<Mat<f64>, FitError> {
    if rows.len() < rows.dim() {
        solve_by_rows(rows, centre, shrinkage, means)
    } else {
        Ok(factor(rows, centre, shrinkage)?.solve(means))
    }
}

/// `W⁻¹ M` without `W`, for fewer rows than numbers: with the rows' differences from the means of their classes as the rows of `A`, `W = a Aᵀ A + b I`, and
/// `W⁻¹ M = (M − Aᵀ (A Aᵀ + b ÷ a I)⁻¹ A M) ÷ b` (Woodbury 1950), where the matrix to invert has a row for each of the rows.
///
/// # Errors
/// As [`factor`].
fn solve_by_rows<'c>(
    rows: Scaled<'_>,
    centre: impl Fn(usize) -> Option<&'c [f64]>,
    shrinkage: f64,
    means: &Mat<f64>,
) -> Result<Mat<f64>, FitError> {
    let (count, dim) = (rows.len() as f64, rows.dim());
    let several: Vec<(usize, &[f64])> = (0..rows.len()).filter_map(|place| Some((place, centre(place)?))).collect();
    // A column each: `Aᵀ`.
    let mut differences = Mat::<f64>::zeros(dim, several.len());
    for (column, (place, centre)) in differences.col_iter_mut().zip(&several) {
        let values = rows.row(*place).zip(*centre).map(|(value, centre)| value - centre);
        column.iter_mut().zip(values).for_each(|(difference, value)| *difference = value);
    }
    let (kept, added) = shares(differences.squared_norm_l2() / count / dim as f64, shrinkage)?;
    let mut solved = means.to_owned();
    if kept > 0.0 {
        let kept = kept / count;
        let mut products = Mat::<f64>::zeros(several.len(), several.len());
        let (half, all) = (BlockStructure::TriangularLower, BlockStructure::Rectangular);
        let (left, right) = (differences.transpose(), differences.as_ref());
        matmul(products.as_mut(), half, Accum::Replace, left, all, right, all, 1.0, Par::rayon(0));
        for i in 0..several.len() {
            products[(i, i)] += added / kept;
        }
        let inner = products.llt(Side::Lower)?.solve(differences.transpose() * means);
        solved -= &differences * inner;
    }
    solved *= faer::Scale(added.recip());
    Ok(solved)
}

/// How much of the scatter stays, and what is added to its diagonal.
fn shares(diagonal: f64, shrinkage: f64) -> Result<(f64, f64), FitError> {
    if diagonal < LEAST {
        let reason = "no label has two different pictures; there is nothing to learn about what varies within one";
        return Err(FitError::TooLittle { reason: reason.into() });
    }
    let shrinkage = shrinkage.clamp(LEAST_SHRINKAGE, 1.0);
    Ok((1.0 - shrinkage, shrinkage * diagonal))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Rows;
    use super::*;

    proptest! {
        /// Classes of one row, of two and of more; few rows and many.
        #[test]
        fn rows_and_the_matrix_give_the_same(
            values in prop::collection::vec(-1.0_f32..1.0, 12 * 40),
            dim in 3_usize..40,
            labels in prop::collection::vec(0_usize..5, 12),
            shrinkage in prop_oneof![Just(0.3), Just(1.0), 0.0..1.0_f64],
        ) {
            let rows = Rows::from_vectors(values.chunks_exact(40).map(|row| &row[..dim])).unwrap();
            let mean_of = |label: usize| -> Option<Vec<f64>> {
                let of: Vec<&[f32]> = rows.iter().zip(&labels).filter(|(_, of)| **of == label).map(|(row, _)| row).collect();
                let sum = |i: usize| of.iter().map(|row| f64::from(row[i])).sum::<f64>() / of.len() as f64;
                (of.len() > 1).then(|| (0..dim).map(sum).collect())
            };
            let means: Vec<Option<Vec<f64>>> = (0..5).map(mean_of).collect();
            let centre = |place: usize| means[labels[place]].as_deref();
            let wanted = Mat::from_fn(dim, 3, |i, j| f64::from(values[(i * 3 + j) % values.len()]));
            let scaled = Scaled::from(&rows);
            let by_matrix = factor(scaled, centre, shrinkage).unwrap().solve(&wanted);
            let by_rows = solve_by_rows(scaled, centre, shrinkage, &wanted).unwrap();
            let largest = by_matrix.norm_max();
            prop_assert!((&by_matrix - &by_rows).norm_max() < 2e-3 * largest, "{by_matrix:?} {by_rows:?}");
        }
    }

    #[test]
    fn by_rows_and_by_numbers_the_same_is_solved() {
        // 12 pictures of 20 numbers, in three classes.
        let mut rows = Rows::new(20);
        (0..12_u32).for_each(|place| {
            let row: Vec<f32> = (0..20_u32).map(|i| ((place * 37 + i * 101) % 29) as f32 / 10.0).collect();
            assert!(rows.push(&row));
        });
        let labels: Vec<usize> = (0..12).map(|place| place % 3).collect();
        let mut means = vec![vec![0.0; 20]; 3];
        for (row, label) in rows.iter().zip(&labels) {
            means[*label].iter_mut().zip(row).for_each(|(mean, value)| *mean += f64::from(*value) / 4.0);
        }
        let centre = |place: usize| Some(means[labels[place]].as_slice());
        let wanted = Mat::from_fn(20, 3, |i, class| means[class][i]);
        let by_rows = solve_by_rows(Scaled::from(&rows), centre, 0.2, &wanted).unwrap();
        let by_numbers = factor(Scaled::from(&rows), centre, 0.2).unwrap().solve(&wanted);
        let largest = by_numbers.norm_max();
        assert!((by_rows - by_numbers).norm_max() < 1e-5 * largest);
    }

    #[test]
    fn nothing_that_varies_is_said() {
        let rows = Rows::from_vectors([&[1.0_f32, 0.0, 0.0][..], &[0.0, 1.0, 0.0]]).unwrap();
        let error = solve_by_rows(Scaled::from(&rows), |_| None, 0.3, &Mat::zeros(3, 1)).unwrap_err();
        assert!(error.to_string().contains("no label has two different pictures"), "{error}");
    }
}
