//! How an embedding becomes a sketch, and what a sketch says of a scalar product.
//!
//! After a random rotation each number is one of four levels, ±½ and ±1½ steps, and the estimate is the scalar product with these levels
//! times a factor that makes it free of bias: RaBitQ (Gao and Long, *RaBitQ: Quantizing High-Dimensional Vectors with a Theoretical Error
//! Bound*, SIGMOD 2024) with two bits a number (Gao et al., *Practical and Asymptotically Optimal Quantization of High-Dimensional
//! Vectors*, SIGMOD 2025). The query keeps eight bits a number.

use super::rotation::Rotation;

/// Codes of 128 numbers: two bits of byte `j` are of number `j`, the next two of number `32 + j`, and so on.
pub(super) type Block = [u8; BYTES];
/// 32 numbers of a query, as the same two bits of a block have them.
pub(super) type Plane = [i8; BYTES];

const BYTES: usize = 32;
/// Numbers of one byte, which is as many planes of a query as a block has.
const PLANES: usize = 4;
/// Blocks whose sums fit 16 bits.
const FITTING: usize = 8;
/// Steps that are tried, in standard deviations of the numbers; that of the least error for normally distributed ones is 0.996.
const STEPS: [f32; 5] = [0.8, 0.9, 1.0, 1.1, 1.25];
/// The middle of the four codes.
const MIDDLE: f32 = 1.5;

/// Makes sketches of embeddings of one length.
#[derive(Debug)]
pub(in crate::index) struct Sketcher {
    dims: usize,
    rotation: Rotation,
}

/// A picture in two bits a number.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::index) struct Sketch {
    pub(super) blocks: Box<[Block]>,
    /// What the scalar product with the levels is multiplied by.
    pub(super) factor: f32,
}

/// What is looked for, as sketches are compared with it.
#[derive(Debug)]
pub struct Sought {
    pub(super) views: Vec<View>,
}

/// One vector of a query.
#[derive(Debug)]
pub(super) struct View {
    /// Four for each block.
    planes: Vec<[Plane; PLANES]>,
    scale: f32,
    /// What the codes' scalar product has too much, since codes begin at 0 and levels do not.
    excess: f32,
}

impl Sketcher {
    pub(in crate::index) fn new(dims: usize) -> Self {
        Self { dims, rotation: Rotation::new(dims) }
    }

    /// The sketch of an embedding of `dims` finite numbers.
    pub(in crate::index) fn sketch(&self, vector: &[f32]) -> Sketch {
        let numbers = self.rotated(vector);
        let square: f32 = numbers.iter().map(|number| number * number).sum();
        let spread = (square / self.dims.max(1) as f32).sqrt();
        let fit = |step: &f32| {
            let step = step * spread;
            let level = |number: f32| if number.abs() < step { 0.5 } else { 1.5 };
            let product: f32 = numbers.iter().map(|number| number.abs() * level(*number)).sum();
            let length: f32 = numbers.iter().map(|number| level(*number) * level(*number)).sum();
            (step, product, product * product / length)
        };
        let best = STEPS.iter().map(fit).max_by(|a, b| a.2.total_cmp(&b.2));
        let (step, product, _) = best.unwrap_or_default();
        let mut blocks = vec![Block::default(); blocks(self.dims)];
        for (at, number) in numbers.iter().enumerate() {
            let code = match (*number < 0.0, number.abs() < step) {
                (true, false) => 0,
                (true, true) => 1,
                (false, true) => 2,
                (false, false) => 3,
            };
            let (block, plane, byte) = place(at);
            blocks[block][byte] |= code << (plane * 2);
        }
        let factor = square / product;
        Sketch { blocks: blocks.into_boxed_slice(), factor: if factor.is_finite() { factor } else { 0.0 } }
    }

    /// A query of vectors of `dims` finite numbers each, as sketches are compared with it.
    pub(in crate::index) fn seek(&self, query: &[Vec<f32>]) -> Sought {
        Sought { views: query.iter().map(|vector| self.view(vector)).collect() }
    }

    fn view(&self, vector: &[f32]) -> View {
        let numbers = self.rotated(vector);
        let largest = numbers.iter().fold(0.0_f32, |largest, number| largest.max(number.abs()));
        let scale = largest / f32::from(i8::MAX);
        let mut planes = vec![[Plane::default(); PLANES]; blocks(self.dims)];
        let mut sum = 0;
        for (at, number) in numbers.iter().enumerate().filter(|_| scale > 0.0) {
            let rounded = (number / scale).round() as i8;
            let (block, plane, byte) = place(at);
            planes[block][plane][byte] = rounded;
            sum += i32::from(rounded);
        }
        View { planes, scale, excess: MIDDLE * sum as f32 }
    }

    fn rotated(&self, vector: &[f32]) -> Vec<f32> {
        let mut numbers = vector.to_vec();
        self.rotation.turn(&mut numbers);
        numbers
    }
}

/// Blocks that an embedding takes.
fn blocks(dims: usize) -> usize {
    dims.div_ceil(BYTES * PLANES)
}

/// Where a number lies: block, plane, byte.
fn place(at: usize) -> (usize, usize, usize) {
    (at / (BYTES * PLANES), at / BYTES % PLANES, at % BYTES)
}

impl View {
    /// The estimated scalar products with what sketches were made of: the codes and the factor of each.
    #[expect(clippy::inline_always, reason = "only what is inlined is compiled for the wide registers")]
    #[inline(always)]
    pub(super) fn estimate<A: Arithmetic, const N: usize>(
        &self,
        arithmetic: A,
        codes: [&[Block]; N],
        factors: [f32; N],
    ) -> [f32; N] {
        let products = arithmetic.products(codes, &self.planes);
        let mut estimates = factors;
        for (estimate, product) in estimates.iter_mut().zip(products) {
            *estimate *= (product as f32 - self.excess) * self.scale;
        }
        estimates
    }
}

/// How products of codes and a query's numbers are added up, for several sketches at once. All ways give the same.
pub(super) trait Arithmetic: Copy {
    fn products<const N: usize>(self, codes: [&[Block]; N], planes: &[[Plane; PLANES]]) -> [i32; N];
}

/// Anywhere.
#[derive(Clone, Copy)]
pub(super) struct Portable;

impl Arithmetic for Portable {
    fn products<const N: usize>(self, codes: [&[Block]; N], planes: &[[Plane; PLANES]]) -> [i32; N] {
        codes.map(|blocks| {
            let mut sum = 0;
            for (block, planes) in blocks.iter().zip(planes) {
                for (plane, numbers) in planes.iter().enumerate() {
                    let code = |byte: &u8| i32::from(byte >> (plane * 2) & 3);
                    sum += block.iter().zip(numbers).map(|(byte, number)| code(byte) * i32::from(*number)).sum::<i32>();
                }
            }
            sum
        })
    }
}

/// With AVX2. No closures: they would be compiled for any processor, and each instruction would be a call.
#[cfg(target_arch = "x86_64")]
impl Arithmetic for pulp::x86::V3 {
    // Only what is inlined is compiled for the wide registers.
    #[inline(always)]
    fn products<const N: usize>(self, codes: [&[Block]; N], mut planes: &[[Plane; PLANES]]) -> [i32; N] {
        use std::arch::x86_64::__m256i;
        let (avx, avx2) = (self.avx, self.avx2);
        let low = avx._mm256_set1_epi8(3);
        let ones = avx._mm256_set1_epi16(1);
        for blocks in codes {
            planes = &planes[..planes.len().min(blocks.len())];
        }
        let mut sums = [avx._mm256_setzero_si256(); N];
        for (fitting, planes) in planes.chunks(FITTING).enumerate() {
            let mut parts = [avx._mm256_setzero_si256(); N];
            for (at, planes) in planes.iter().enumerate() {
                let mut these = [low; N];
                for (one, blocks) in these.iter_mut().zip(codes) {
                    *one = pulp::cast(blocks[fitting * FITTING + at]);
                }
                for plane in planes {
                    let numbers: __m256i = pulp::cast(*plane);
                    for (part, one) in parts.iter_mut().zip(&mut these) {
                        let products = avx2._mm256_maddubs_epi16(avx2._mm256_and_si256(*one, low), numbers);
                        *part = avx2._mm256_add_epi16(*part, products);
                        *one = avx2._mm256_srli_epi16::<2>(*one);
                    }
                }
            }
            for (sum, part) in sums.iter_mut().zip(parts) {
                *sum = avx2._mm256_add_epi32(*sum, avx2._mm256_madd_epi16(part, ones));
            }
        }
        let mut all = [0; N];
        for (all, sum) in all.iter_mut().zip(sums) {
            let lanes: [i32; 8] = pulp::cast(sum);
            for lane in lanes {
                *all += lane;
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::index::tests::scattered;
    use crate::linear::dot;

    fn estimate(view: &View, sketch: &Sketch) -> f32 {
        view.estimate(Portable, [&sketch.blocks], [sketch.factor])[0]
    }

    #[test]
    fn estimates_are_near_and_free_of_bias() {
        let dims = 256;
        let (sketcher, mut random) = (Sketcher::new(dims), scattered(3));
        // As of a head: what comes first is much larger.
        let mut vector = || -> Vec<f32> {
            let numbers: Vec<f32> = (0..dims).map(|at| random() / (1.0 + at as f32 / 20.0)).collect();
            let length = dot(&numbers, &numbers).sqrt();
            numbers.iter().map(|number| number / length).collect()
        };
        let (mut sum, mut squares) = (0.0, 0.0);
        let count = 2_000;
        for _ in 0..count {
            let (a, b) = (vector(), vector());
            let sketch = sketcher.sketch(&b);
            let error = estimate(&sketcher.view(&a), &sketch) - dot(&a, &b);
            (sum, squares) = (sum + error, squares + error * error);
            let own = estimate(&sketcher.view(&b), &sketch);
            assert!((own - 1.0).abs() < 0.01, "itself: {own}");
        }
        let (mean, deviation) = (sum / count as f32, (squares / count as f32).sqrt());
        assert!(mean.abs() < 0.003 && deviation < 0.03, "{mean} {deviation}");
    }

    proptest! {
        #[test]
        fn every_processor_gives_the_same(
            blocks in proptest::collection::vec(any::<Block>(), 0..40),
            numbers in proptest::collection::vec(any::<[Plane; PLANES]>(), 0..40),
        ) {
            let planes: Vec<[Plane; PLANES]> =
                numbers.iter().map(|planes| planes.map(|plane| plane.map(|number| number.max(-127)))).collect();
            let plain = Portable.products([&blocks], &planes);
            #[cfg(target_arch = "x86_64")]
            if let Some(simd) = pulp::x86::V3::try_new() {
                prop_assert_eq!(simd.products([&blocks], &planes), plain);
            }
            let largest: Vec<Block> = blocks.iter().map(|_| [u8::MAX; BYTES]).collect();
            let most: Vec<[Plane; PLANES]> = planes.iter().map(|_| [[i8::MAX; BYTES]; PLANES]).collect();
            let wanted = blocks.len().min(planes.len()) * BYTES * PLANES * 3 * 127;
            prop_assert_eq!(Portable.products([&largest], &most), [wanted as i32]);
            #[cfg(target_arch = "x86_64")]
            if let Some(simd) = pulp::x86::V3::try_new() {
                prop_assert_eq!(simd.products([&largest, &blocks], &most)[0], wanted as i32);
                prop_assert_eq!(simd.products([&largest, &blocks], &planes), Portable.products([&largest, &blocks], &planes));
            }
        }

        #[test]
        fn any_length_and_any_numbers_have_a_sketch(
            dims in 1_usize..300,
            numbers in proptest::collection::vec(-1e6_f32..1e6, 300),
            zero in any::<bool>(),
        ) {
            let vector: Vec<f32> = numbers[..dims].iter().map(|number| if zero { 0.0 } else { *number }).collect();
            let sketcher = Sketcher::new(dims);
            let (sketch, view) = (sketcher.sketch(&vector), sketcher.view(&vector));
            let (own, wanted) = (estimate(&view, &sketch), dot(&vector, &vector));
            prop_assert!((own - wanted).abs() <= 0.05 * wanted, "{own} for {wanted}");
        }
    }
}
