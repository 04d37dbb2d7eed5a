//! Sums over many features, and eigenvectors of them.
//!
//! Rows are brought to unit length where they are read: a copy of 100,000 features is half a gibibyte.

use faer::linalg::matmul::triangular::{BlockStructure, matmul};
use faer::{Accum, Mat, MatRef, Par, Side};

use super::{FitError, Rows};

/// Rows that are summed in single precision before they are added in double precision.
const BLOCK: usize = 2048;

/// Rows of a matrix, each times its own number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scaled<'r> {
    rows: &'r Rows,
    scales: Option<&'r [f64]>,
}

impl<'r> Scaled<'r> {
    /// The rows, each times the number at its place.
    pub(super) fn by(rows: &'r Rows, scales: &'r [f64]) -> Self {
        Self { rows, scales: Some(scales) }
    }

    pub(super) fn len(self) -> usize {
        self.rows.len()
    }

    pub(super) fn dim(self) -> usize {
        self.rows.dim()
    }

    /// One row's numbers.
    pub(super) fn row(self, place: usize) -> impl Iterator<Item = f64> + 'r {
        let scale = self.scales.and_then(|scales| scales.get(place)).copied().unwrap_or(1.0);
        self.rows.row(place).iter().map(move |value| f64::from(*value) * scale)
    }

    /// Each row's numbers.
    pub(super) fn iter(self) -> impl Iterator<Item = impl Iterator<Item = f64> + 'r> {
        (0..self.len()).map(move |place| self.row(place))
    }
}

impl<'r> From<&'r Rows> for Scaled<'r> {
    /// The rows as they are.
    fn from(rows: &'r Rows) -> Self {
        Self { rows, scales: None }
    }
}

/// What brings each row to unit length; 0 for a row of zeros.
pub(super) fn inverse_lengths(rows: &Rows) -> Vec<f64> {
    let inverse = |row: &[f32]| {
        let length = row.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
        if length > 0.0 { length.recip() } else { 0.0 }
    };
    rows.iter().map(inverse).collect()
}

/// Mean of the rows.
pub(super) fn mean<'r>(rows: impl Into<Scaled<'r>>) -> Vec<f64> {
    let rows = rows.into();
    let mut mean = vec![0.0; rows.dim()];
    for row in rows.iter() {
        for (sum, value) in mean.iter_mut().zip(row) {
            *sum += value;
        }
    }
    let count = rows.len().max(1) as f64;
    mean.iter_mut().for_each(|sum| *sum /= count);
    mean
}

/// Sum over the rows of `(row − centre(i)) (row − centre(i))ᵀ`, [dim, dim]; `centre` names the centre of each row.
pub(super) fn scatter<'r, 'c>(rows: impl Into<Scaled<'r>>, centre: impl Fn(usize) -> &'c [f64]) -> Mat<f64> {
    scatter_within(rows, |place| Some(centre(place)))
}

/// As [`scatter`]; `centre` names none for a row that is its own centre, which adds nothing.
pub(super) fn scatter_within<'r, 'c>(
    rows: impl Into<Scaled<'r>>,
    centre: impl Fn(usize) -> Option<&'c [f64]>,
) -> Mat<f64> {
    let rows = rows.into();
    let dim = rows.dim();
    let mut total = Mat::<f64>::zeros(dim, dim);
    let mut part = Mat::<f32>::zeros(dim, dim);
    let mut block = Vec::with_capacity(BLOCK.min(rows.len()) * dim);
    let add = |block: &mut Vec<f32>, part: &mut Mat<f32>, total: &mut Mat<f64>| {
        let rows = MatRef::from_row_major_slice(block, block.len() / dim.max(1), dim);
        // The lower half: the other one is the same, and would take as long again.
        let (half, all) = (BlockStructure::TriangularLower, BlockStructure::Rectangular);
        matmul(part.as_mut(), half, Accum::Replace, rows.transpose(), all, rows, all, 1.0, Par::rayon(0));
        for (sums, parts) in total.col_iter_mut().zip(part.col_iter()) {
            sums.iter_mut().zip(parts.iter()).for_each(|(sum, part)| *sum += f64::from(*part));
        }
        block.clear();
    };
    for (place, row) in rows.iter().enumerate() {
        let Some(centre) = centre(place) else { continue };
        block.extend(row.zip(centre).map(|(value, centre)| (value - centre) as f32));
        if block.len() == BLOCK * dim {
            add(&mut block, &mut part, &mut total);
        }
    }
    if !block.is_empty() {
        add(&mut block, &mut part, &mut total);
    }
    drop(part);
    for column in 0..dim {
        for row in 0..column {
            total[(row, column)] = total[(column, row)];
        }
    }
    total
}

/// Eigenvalues of a symmetric matrix, largest first and not below 0, and the vectors that belong to them as columns.
pub(super) fn eigen(matrix: &Mat<f64>) -> Result<(Vec<f64>, Mat<f64>), FitError> {
    let failed = |reason: String| FitError::Numerics { reason };
    let found = matrix.self_adjoint_eigen(Side::Lower).map_err(|error| failed(format!("{error:?}")))?;
    let values: Vec<f64> = found.S().column_vector().iter().rev().map(|value| value.max(0.0)).collect();
    if !values.iter().all(|value| value.is_finite()) {
        return Err(failed("an eigenvalue is not finite".into()));
    }
    Ok((values, found.U().reverse_cols().to_owned()))
}

/// Refuses training data that is empty, too small or not finite.
pub(super) fn check(rows: &Rows, at_least: usize) -> Result<(), FitError> {
    if rows.len() < at_least || rows.dim() == 0 {
        let reason = format!("there are {} pictures, at least {at_least} are needed", rows.len());
        return Err(FitError::TooLittle { reason });
    }
    if !rows.is_finite() {
        return Err(FitError::Data { reason: "a feature has a number that is not finite".into() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_make_no_difference() {
        // More rows than a block, and a last block that is not full.
        let mut rows = Rows::new(3);
        for i in 0..BLOCK + 700 {
            rows.push(&[(i % 11) as f32, (i % 7) as f32 - 3.0, 1.0]);
        }
        let scales = inverse_lengths(&rows);
        let unit = Scaled::by(&rows, &scales);
        let centre = mean(unit);
        let found = scatter(unit, |_| &centre);
        let copied = rows.clone().unit();
        for i in 0..3 {
            for j in 0..3 {
                let plain: f64 =
                    copied.iter().map(|row| (f64::from(row[i]) - centre[i]) * (f64::from(row[j]) - centre[j])).sum();
                assert!((found[(i, j)] - plain).abs() < 1e-2, "{} {plain}", found[(i, j)]);
            }
        }
        let first = Rows::from_vectors(rows.iter().take(5)).unwrap();
        let (some, all) = (scatter_within(&rows, |place| (place < 5).then_some(&centre)), scatter(&first, |_| &centre));
        assert!((0..3).all(|i| (some[(i, i)] - all[(i, i)]).abs() < 1e-3), "who has no centre adds nothing");
    }

    #[test]
    fn a_row_of_zeros_stays() {
        let rows = Rows::from_vectors([[0.0_f32, 0.0].as_slice(), &[3.0, 4.0]]).unwrap();
        assert_eq!(inverse_lengths(&rows), [0.0, 0.2]);
    }
}
