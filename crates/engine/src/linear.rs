//! The one operation of linear algebra that everything here needs too often for a crate.

use pulp::Arch;

/// Sums kept side by side: four AVX registers, enough for additions not to wait for each other.
const LANES: usize = 32;

/// Scalar product of two vectors of the same length, with the widest registers that the processor has. What it gives does not depend
/// on them: the order of the additions is the same, and products are rounded before they are added.
#[must_use]
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    Arch::new().dispatch(|| in_lanes(a, b))
}

#[expect(clippy::inline_always, reason = "only what is inlined into `dispatch` is compiled for the wide registers")]
#[inline(always)]
fn in_lanes(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; LANES];
    let (a_blocks, b_blocks) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a_blocks.0.iter().zip(b_blocks.0) {
        (0..LANES).for_each(|lane| sums[lane] += a[lane] * b[lane]);
    }
    sums.iter().sum::<f32>() + a_blocks.1.iter().zip(b_blocks.1).map(|(a, b)| a * b).sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_has_all_of_its_products() {
        for length in [0, 1, 31, 32, 33, 100, 256, 1280] {
            let a: Vec<f32> = (0..length).map(|at| (at % 7) as f32 - 3.0).collect();
            let b: Vec<f32> = (0..length).map(|at| (at % 5) as f32 + 0.5).collect();
            let wanted: f64 = a.iter().zip(&b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
            assert_eq!(f64::from(dot(&a, &b)), wanted, "{length}");
            assert_eq!(dot(&a, &b).to_bits(), in_lanes(&a, &b).to_bits(), "{length}");
        }
    }
}
