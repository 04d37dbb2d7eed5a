//! The one operation of linear algebra that everything here needs too often for a crate.

/// Scalar product of two vectors of the same length, in eight sums so that the compiler can use vector registers.
#[must_use]
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 8];
    let (a_blocks, b_blocks) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    for (a, b) in a_blocks.0.iter().zip(b_blocks.0) {
        (0..8).for_each(|lane| sums[lane] += a[lane] * b[lane]);
    }
    sums.iter().sum::<f32>() + a_blocks.1.iter().zip(b_blocks.1).map(|(a, b)| a * b).sum::<f32>()
}
