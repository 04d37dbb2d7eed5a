//! The one operation of linear algebra that everything here needs too often for a crate, and what a crate's products leave behind.

use std::hint::black_box;

use pulp::{Arch, Simd, WithSimd};

/// Sums kept side by side: four AVX registers, enough for additions not to wait for each other.
const LANES: usize = 32;

/// Scalar product of two vectors of the same length, with the widest registers that the processor has. What it gives does not depend
/// on them: the order of the additions is the same, and products are rounded before they are added.
#[must_use]
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    Arch::new().dispatch(Product { a, b })
}

struct Product<'v> {
    a: &'v [f32],
    b: &'v [f32],
}

impl WithSimd for Product<'_> {
    type Output = f32;

    // Only what is inlined here is compiled for the wide registers; a closure is not.
    #[expect(clippy::inline_always, reason = "see above")]
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f32 {
        let mut sums = [0.0_f32; LANES];
        let (a, b) = (self.a.as_chunks::<LANES>(), self.b.as_chunks::<LANES>());
        for (a, b) in a.0.iter().zip(b.0) {
            (0..LANES).for_each(|lane| sums[lane] += a[lane] * b[lane]);
        }
        sums.iter().sum::<f32>() + a.1.iter().zip(b.1).map(|(a, b)| a * b).sum::<f32>()
    }
}

/// Clears the upper halves of this thread's wide registers. To be called after a product of matrices of `faer`, before other arithmetic.
///
/// The products' own code (`private-gemm-x86`, 0.1.22) leaves these halves in use, and while they are, some Intel processors wait some 70 cycles
/// wherever code for any processor and code for wide registers follow each other, as with each call of the system's `exp`: it took
/// twenty times as long (decision 81). Clearing them takes some nanoseconds.
pub(crate) fn clear_wide_registers() {
    Arch::new().dispatch(Wide);
}

struct Wide;

impl WithSimd for Wide {
    type Output = ();

    // A function that uses wide registers clears their upper halves before it returns: the compiler sees to it.
    #[expect(clippy::inline_always, reason = "see above")]
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        black_box(simd.splat_f32s(black_box(0.0)));
    }
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
            let (a, b): (Vec<f32>, Vec<f32>) =
                (a.iter().map(|x| x / 3.0).collect(), b.iter().map(|x| x / 7.0).collect());
            let anywhere = Product { a: &a, b: &b }.with_simd(pulp::Scalar);
            assert_eq!(dot(&a, &b).to_bits(), anywhere.to_bits(), "{length}");
        }
    }
}
