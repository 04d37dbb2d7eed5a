//! Sums over many features, and eigenvectors of them.

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatRef, Par, Side};

use super::{FitError, Rows};

/// Rows that are summed in single precision before they are added in double precision.
const BLOCK: usize = 2048;

/// Mean of the rows.
pub(super) fn mean(rows: &Rows) -> Vec<f64> {
    let mut mean = vec![0.0; rows.dim()];
    for row in rows.iter() {
        for (sum, value) in mean.iter_mut().zip(row) {
            *sum += f64::from(*value);
        }
    }
    let count = rows.len().max(1) as f64;
    mean.iter_mut().for_each(|sum| *sum /= count);
    mean
}

/// Sum over the rows of `(row − centre(i)) (row − centre(i))ᵀ`, [dim, dim]; `centre` names the centre of each row.
pub(super) fn scatter<'c>(rows: &Rows, centre: impl Fn(usize) -> &'c [f64]) -> Mat<f64> {
    let dim = rows.dim();
    let mut total = Mat::<f64>::zeros(dim, dim);
    let mut part = Mat::<f32>::zeros(dim, dim);
    let mut block = Vec::with_capacity(BLOCK.min(rows.len()) * dim);
    let mut start = 0;
    while start < rows.len() {
        let height = BLOCK.min(rows.len() - start);
        block.clear();
        for (place, row) in rows.iter().enumerate().skip(start).take(height) {
            block.extend(row.iter().zip(centre(place)).map(|(value, centre)| (f64::from(*value) - centre) as f32));
        }
        let block = MatRef::from_row_major_slice(&block, height, dim);
        matmul(part.as_mut(), Accum::Replace, block.transpose(), block, 1.0, Par::rayon(0));
        total += Mat::from_fn(dim, dim, |i, j| f64::from(part[(i, j)]));
        start += height;
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
