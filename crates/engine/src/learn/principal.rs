//! The first eigenvectors of a large matrix, without the others.

use faer::Mat;

use super::scatter::eigen;
use super::{FitError, Random};

/// Multiplications with the matrix. Of what lies behind the block, a direction keeps (λ behind ÷ λ of it) to this power.
const ROUNDS: usize = 6;
/// Columns of the block for each direction that is wanted.
const WIDER: usize = 2;

/// Eigenvalues of a symmetric matrix without negative ones, largest first, and the vectors that belong to them as columns: the first `count` of them
/// at least. Where that is a small part of all, by subspace iteration from a random block (Halko, Martinsson & Tropp 2011, algorithms 4.4 and 5.3), which
/// parts directions that count the same otherwise than [`eigen`] does, and takes a fraction of its time.
///
/// # Errors
/// [`FitError::Numerics`] for numbers that are not finite.
pub(super) fn principal(matrix: &Mat<f64>, count: usize) -> Result<(Vec<f64>, Mat<f64>), FitError> {
    let width = WIDER * count;
    if 2 * width > matrix.nrows() {
        return eigen(matrix);
    }
    if !matrix.is_all_finite() {
        return Err(FitError::Numerics { reason: "a sum is not finite".into() });
    }
    let mut random = Random::new(matrix.nrows() as u64);
    let mut block = Mat::from_fn(matrix.nrows(), width, |_, _| random.bits() as f64 / u64::MAX as f64 - 0.5);
    for _ in 0..ROUNDS {
        block = (matrix * &block).qr().compute_thin_Q();
    }
    let (values, vectors) = eigen(&(block.transpose() * (matrix * &block)))?;
    Ok((values, block * vectors))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A covariance with eigenvalues that fall as `fall` says, in random directions.
    fn covariance(n: usize, fall: impl Fn(usize) -> f64) -> Mat<f64> {
        let mut random = Random::new(3);
        let noise = Mat::from_fn(n, n, |_, _| random.bits() as f64 / u64::MAX as f64 - 0.5);
        let directions = noise.qr().compute_thin_Q();
        let scaled = Mat::from_fn(n, n, |i, j| directions[(i, j)] * fall(j));
        &scaled * directions.transpose()
    }

    #[test]
    fn the_first_directions_hold_what_the_exact_ones_hold() {
        let (n, count) = (200, 20);
        // As catalogues fall; hardly at all; of few directions only.
        let falls: [&dyn Fn(usize) -> f64; 3] =
            [&|j| (j as f64 + 1.0).powf(-1.2), &|j| 1.0 - j as f64 * 1e-3, &|j| f64::from(u8::from(j < 5))];
        for fall in falls {
            let matrix = covariance(n, fall);
            let (exact, _) = eigen(&matrix).unwrap();
            let (values, vectors) = principal(&matrix, count).unwrap();
            let held = vectors.transpose() * &matrix * &vectors;
            let of = |values: &[f64]| values.iter().take(count).sum::<f64>();
            let held = of(&(0..count).map(|i| held[(i, i)]).collect::<Vec<_>>());
            assert!((of(&values) - held).abs() < 1e-9, "values are those of the vectors");
            assert!(held > 0.95 * of(&exact), "{held} of {}", of(&exact));
            let inner = vectors.transpose() * &vectors;
            for i in 0..count {
                for j in 0..count {
                    assert!((inner[(i, j)] - f64::from(u8::from(i == j))).abs() < 1e-9);
                }
            }
        }
        let falling = covariance(n, |j| 0.8_f64.powi(j as i32));
        let (exact, _) = eigen(&falling).unwrap();
        let (values, _) = principal(&falling, count).unwrap();
        assert!(exact.iter().zip(&values).take(count).all(|(exact, found)| (exact / found - 1.0).abs() < 1e-6));
    }

    #[test]
    fn a_large_part_of_all_is_found_exactly_and_what_is_not_finite_is_refused() {
        let matrix = covariance(30, |j| 30.0 - j as f64);
        assert_eq!(principal(&matrix, 8).unwrap(), eigen(&matrix).unwrap());
        let broken = Mat::from_fn(100, 100, |_, _| f64::NAN);
        assert!(matches!(principal(&broken, 5), Err(FitError::Numerics { .. })));
    }
}
