//! The inverse DCT (A.3.3) from the low frequencies of a block to fewer or more samples than 8×8, like libjpeg's
//! `jidctint.c`: sample (x, y) of W×H is the sum over u < W, v < H of c(u) c(v) F(u, v) cos((2x + 1)uπ / 2W)
//! cos((2y + 1)vπ / 2H), whose mean is that of the block whatever W and H.
//!
//! libjpeg-turbo and mozjpeg compute 2 and 4 samples otherwise (`jidctred.c`: means of the whole block's, from more
//! frequencies), so that theirs differ a little.
//!
//! In floating point, since without SSE4.1 there is no multiplication of four 32-bit integers, and one of four floats.

use std::f64::consts::PI;

use super::mcu::{LANES, ZIGZAG};
use super::tables::QuantTable;

/// Makes samples of the same block in [`LANES`] MCUs. `coefficients` are as many as there are samples, eight to a line
/// and column at most.
pub(super) type Idct = fn(coefficients: &[[i32; LANES]], factors: &Factors, out: &mut Samples);

/// Samples of a block, line by line, packed by fours: the first one in the lowest bits.
pub(super) type Samples = [[u32; LANES]; 32];

/// What to multiply coefficients with, in natural order: quantisation, and all of A.3.3 but the cosines.
pub(super) type Factors = [f32; 64];

pub(super) fn factors(quant: &QuantTable) -> Factors {
    let mut factors = [0.0; 64];
    let norm = |frequency: u8| if frequency == 0 { std::f32::consts::FRAC_1_SQRT_2 } else { 1.0 };
    for (&place, &step) in ZIGZAG.iter().zip(quant) {
        // C(0)² is ½ exactly, so that nothing is lost on blocks of one colour.
        let norms = if place == 0 { 0.5 } else { norm(place / 8) * norm(place % 8) };
        factors[usize::from(place)] = 0.25 * norms * f32::from(step);
    }
    factors
}

/// The inverse DCT to `width` by `height` samples, of those that occur.
pub(super) fn of_size(width: usize, height: usize) -> Option<Idct> {
    Some(match (width, height) {
        (1, 1) => idct::<1, 1, 1, 1>,
        (2, 1) => idct::<2, 1, 2, 1>,
        (4, 1) => idct::<4, 1, 4, 1>,
        (1, 2) => idct::<1, 2, 1, 2>,
        (2, 2) => idct::<2, 2, 2, 2>,
        (4, 2) => idct::<4, 2, 4, 2>,
        (8, 2) => idct::<8, 2, 8, 2>,
        (3, 3) => idct::<3, 3, 3, 3>,
        (6, 3) => idct::<6, 3, 6, 3>,
        (12, 3) => idct::<12, 3, 8, 3>,
        (2, 4) => idct::<2, 4, 2, 4>,
        (4, 4) => idct::<4, 4, 4, 4>,
        (8, 4) => idct::<8, 4, 8, 4>,
        (16, 4) => idct::<16, 4, 8, 4>,
        (3, 6) => idct::<3, 6, 3, 6>,
        (6, 6) => idct::<6, 6, 6, 6>,
        (12, 6) => idct::<12, 6, 8, 6>,
        (4, 8) => idct::<4, 8, 4, 8>,
        (8, 8) => idct::<8, 8, 8, 8>,
        (16, 8) => idct::<16, 8, 8, 8>,
        _ => return None,
    })
}

/// Cosine for 0 ≤ `x` < 8π; the standard library's is not `const`.
const fn cos(mut x: f64) -> f64 {
    while x > PI {
        x -= 2.0 * PI;
    }
    let (mut term, mut sum, mut i) = (1.0, 1.0, 0.0);
    while i < 40.0 {
        i += 2.0;
        term *= -x * x / (i * (i - 1.0));
        sum += term;
    }
    sum
}

/// `[x][u]`: the cosine of frequency u at sample x of `N`.
const fn cosines<const N: usize>() -> [[f32; 8]; N] {
    let mut table = [[0.0; 8]; N];
    let mut u = 0;
    while u < 8 {
        let mut x = 0;
        while x < N {
            table[x][u] = cos((2 * x + 1) as f64 * u as f64 * PI / (2 * N) as f64) as f32;
            x += 1;
        }
        u += 1;
    }
    table
}

type Lanes = [f32; LANES];

/// From `C` columns and `R` rows of coefficients, which is `W` and `H`, but 8 at most.
fn idct<const W: usize, const H: usize, const C: usize, const R: usize>(
    coefficients: &[[i32; LANES]],
    factors: &Factors,
    out: &mut Samples,
) {
    const { assert!(C == if W < 8 { W } else { 8 } && R == if H < 8 { H } else { 8 }) };
    // Columns, then lines.
    let mut lines = [[[0.0; LANES]; C]; H];
    for u in 0..C {
        let mut column = [[0.0; LANES]; R];
        for v in 0..R {
            let factor = factors[8 * v + u];
            let level = if u + v == 0 { LEVEL } else { 0.0 };
            for (to, from) in column[v].iter_mut().zip(&coefficients[v * C + u]) {
                *to = *from as f32 * factor + level;
            }
        }
        let samples = idct_once::<H, R>(&column);
        for y in 0..H {
            lines[y][u] = samples[y];
        }
    }
    for (line, packed) in lines.iter().zip(out.chunks_exact_mut(W.div_ceil(4))) {
        let samples = idct_once::<W, C>(line);
        for x in 0..W {
            let shift = 8 * (x % 4);
            let packed = &mut packed[x / 4];
            for i in 0..LANES {
                let before = if shift == 0 { 0 } else { packed[i] };
                packed[i] = before | to_sample(samples[x][i]) << shift;
            }
        }
    }
}

/// In one direction, from `K` frequencies to `N` samples. Even frequencies are the same at both ends, odd ones have the
/// other sign.
#[inline]
fn idct_once<const N: usize, const K: usize>(frequencies: &[Lanes; K]) -> [Lanes; N] {
    let cosines = const { cosines::<N>() };
    let mut samples = [[0.0; LANES]; N];
    for x in 0..N.div_ceil(2) {
        for i in 0..LANES {
            let (mut even, mut odd) = (frequencies[0][i], 0.0);
            for u in 1..K {
                let part = cosines[x][u] * frequencies[u][i];
                if u % 2 == 0 {
                    even += part;
                } else {
                    odd += part;
                }
            }
            samples[x][i] = even + odd;
            samples[N - 1 - x][i] = even - odd;
        }
    }
    samples
}

/// The level shift of A.3.1, and what makes the low bits of a float those of an integer, rounded.
const LEVEL: f32 = 128.0;
const ROUND: f32 = 12582912.0;

/// To the nearest of 0 to 255. Written so that it becomes four instructions for four samples.
#[inline]
fn to_sample(value: f32) -> u32 {
    let value = if value > 0.0 { value } else { 0.0 };
    let value = if value < 255.0 { value } else { 255.0 };
    (value + ROUND).to_bits() & 0xFF
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, one sample at a time.
    fn reference(coefficients: &[i32; 64], step: f64, width: usize, height: usize, x: usize, y: usize) -> f64 {
        let cosine = |i: usize, frequency: usize, of: usize| {
            let norm = if frequency == 0 { std::f64::consts::FRAC_1_SQRT_2 } else { 1.0 };
            norm * ((2 * i + 1) as f64 * frequency as f64 * PI / (2 * of) as f64).cos()
        };
        let mut sum = 0.0;
        for v in 0..height.min(8) {
            for u in 0..width.min(8) {
                sum += cosine(x, u, width) * cosine(y, v, height) * f64::from(coefficients[8 * v + u]) * step;
            }
        }
        (sum / 4.0 + 128.0).clamp(0.0, 255.0)
    }

    #[test]
    fn is_the_definition() {
        let mut state = 1_u32;
        let mut random = |limit: i32| {
            state = state.wrapping_mul(1664525).wrapping_add(1013904223);
            (state >> 8) as i32 % limit - limit / 2
        };
        let sides = [1, 2, 3, 4, 6, 8, 12, 16];
        let sizes: Vec<_> = sides.iter().flat_map(|&w| sides.map(|h| (w, h))).collect();
        let mut tried = 0;
        for (width, height) in sizes {
            let Some(idct) = of_size(width, height) else { continue };
            tried += 1;
            let lanes: [[i32; 64]; LANES] =
                std::array::from_fn(|_| std::array::from_fn(|place| if place == 0 { random(400) } else { random(60) }));
            let (columns, rows) = (width.min(8), height.min(8));
            let kept: Vec<[i32; LANES]> = (0..rows * columns)
                .map(|i| std::array::from_fn(|lane| lanes[lane][i / columns * 8 + i % columns]))
                .collect();
            let mut samples = [[0; LANES]; 32];
            idct(&kept, &factors(&[3; 64]), &mut samples);
            for (lane, coefficients) in lanes.iter().enumerate() {
                for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
                    let sample = samples[y * width.div_ceil(4) + x / 4][lane].to_le_bytes()[x % 4];
                    let should = reference(coefficients, 3.0, width, height, x, y);
                    assert!((f64::from(sample) - should).abs() < 0.501, "{width}x{height} {x} {y}: {sample} {should}");
                }
            }
        }
        assert_eq!(tried, 20);
    }

    #[test]
    fn of_dc_alone_is_an_eighth() {
        for (size, dc) in [1, 2, 3, 4, 6, 8].into_iter().zip([-1024, -77, 0, 8, 500, 1016]) {
            let mut kept = vec![[0; LANES]; size * size];
            kept[0] = [dc; LANES];
            let mut samples = [[0; LANES]; 32];
            of_size(size, size).unwrap()(&kept, &factors(&[1; 64]), &mut samples);
            let should = (128.0 + f64::from(dc) / 8.0).clamp(0.0, 255.0);
            assert!((f64::from(samples[0][0] & 255) - should).abs() <= 0.5);
        }
    }
}
