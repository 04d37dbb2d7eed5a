//! How sharp the sharpest edges are.
//!
//! After Zhuo and Sim (2011): an edge that a Gaussian of σ has softened is softened once more by one of known σ₀; the ratio R
//! of the two gradients at the edge gives σ = σ₀ / √(R² − 1), in pixels. Noise makes R larger and so never looks like blur.

use super::luma::Luma;
use super::quality::percentile;

/// σ₀: the kernel below.
const SIGMA: f32 = 1.0;
/// A Gaussian of σ = 1 in seven taps.
const KERNEL: [f32; 4] = [0.399_05, 0.242_04, 0.054_01, 0.004_43];
/// Smallest gradient of an edge, in values of 0 to 255 a pixel after the second softening.
const EDGE: f32 = 6.0;
/// Fewest pixels of edges to judge by.
const FEWEST: usize = 40;

/// The σ in pixels that a quarter of the stronger edges are sharper than; `None` without edges.
pub(super) fn edge_width(luma: &Luma) -> Option<f32> {
    let (width, height) = (luma.width, luma.height);
    if width < 16 || height < 16 {
        return None;
    }
    let sharp: Vec<f32> = luma.values.iter().map(|value| f32::from(*value)).collect();
    let soft = softened(&sharp, width, height);
    let mut edges: Vec<(f32, f32)> = Vec::new();
    // Most pixels are no edge, and squares tell that.
    let square = |values: &[f32], place: usize| {
        let (dx, dy) = (values[place + 1] - values[place - 1], values[place + width] - values[place - width]);
        (dx * dx + dy * dy, dx.abs() > dy.abs())
    };
    let faintest = (2.0 * EDGE) * (2.0 * EDGE);
    for y in 4..height - 4 {
        for place in y * width + 4..y * width + width - 4 {
            let (own, steep_across) = square(&soft, place);
            if own < faintest {
                continue;
            }
            // Only the ridge of an edge: across it the gradient is largest here.
            let step = if steep_across { 1 } else { width };
            if square(&soft, place - step).0 > own || square(&soft, place + step).0 > own {
                continue;
            }
            let gradient = own.sqrt() / 2.0;
            let ratio = (square(&sharp, place).0 / own).sqrt();
            if ratio > 1.01 {
                edges.push((gradient, SIGMA / (ratio * ratio - 1.0).sqrt()));
            } else {
                edges.push((gradient, 8.0));
            }
        }
    }
    if edges.len() < FEWEST {
        return None;
    }
    // Faint edges are the softer ones everywhere: the stronger half counts.
    let mut strengths: Vec<f32> = edges.iter().map(|(gradient, _)| *gradient).collect();
    let median = percentile(&mut strengths, 0.5)?;
    let mut widths: Vec<f32> =
        edges.into_iter().filter(|(gradient, _)| *gradient >= median).map(|(_, width)| width).collect();
    percentile(&mut widths, 0.25)
}

/// Convolution with [`KERNEL`] along both axes; the outer three pixels stay as they are.
fn softened(values: &[f32], width: usize, height: usize) -> Vec<f32> {
    let mut along = values.to_vec();
    for y in 0..height {
        let (from, to) = (&values[y * width..(y + 1) * width], &mut along[y * width..(y + 1) * width]);
        for (to, seven) in to[3..].iter_mut().zip(from.windows(7)) {
            *to = KERNEL[0] * seven[3]
                + KERNEL[1] * (seven[2] + seven[4])
                + KERNEL[2] * (seven[1] + seven[5])
                + KERNEL[3] * (seven[0] + seven[6]);
        }
    }
    let mut both = along.clone();
    for y in 3..height.saturating_sub(3) {
        let row = |offset: usize| &along[(y + offset - 3) * width..(y + offset - 2) * width];
        let (a, b, c, d, e, f, g) = (row(0), row(1), row(2), row(3), row(4), row(5), row(6));
        for (x, to) in both[y * width..(y + 1) * width].iter_mut().enumerate() {
            *to = KERNEL[0] * d[x] + KERNEL[1] * (c[x] + e[x]) + KERNEL[2] * (b[x] + f[x]) + KERNEL[3] * (a[x] + g[x]);
        }
    }
    both
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disc whose rim is softened by a Gaussian of σ, and its noise.
    fn disc(sigma: f32, noise: f32) -> Luma {
        let side = 200;
        let mut seed = 7_u64;
        let mut next = || {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (seed >> 40) as f32 / (1_u64 << 24) as f32 - 0.5
        };
        let values = (0..side * side).map(|place| {
            let (x, y) = ((place % side) as f32 - 100.0, (place / side) as f32 - 100.0);
            let inside = 60.0 - x.hypot(y);
            // The logistic curve stands in for the error function.
            let share = 1.0 / (1.0 + (-1.702 * inside / sigma).exp());
            // Twelve uniform numbers make a normal one.
            let normal: f32 = (0..12).map(|_| next()).sum();
            (60.0 + 120.0 * share + noise * normal).round().clamp(0.0, 255.0) as u8
        });
        Luma { width: side, height: side, values: values.collect() }
    }

    #[test]
    fn the_width_of_edges_is_measured_in_pixels() {
        for sigma in [1.0, 2.0, 3.0] {
            let found = edge_width(&disc(sigma, 0.0)).unwrap();
            assert!((found - sigma).abs() < 0.35 * sigma, "σ {sigma}: {found}");
        }
        assert!(edge_width(&disc(0.2, 0.0)).unwrap() < 0.8);
    }

    #[test]
    fn noise_is_not_blur() {
        assert!(edge_width(&disc(0.2, 12.0)).unwrap() < 1.0);
    }

    #[test]
    fn without_edges_there_is_nothing_to_judge_by() {
        assert_eq!(edge_width(&Luma { width: 100, height: 100, values: vec![90; 10_000] }), None);
        assert_eq!(edge_width(&Luma { width: 1, height: 3, values: vec![0, 255, 0] }), None);
    }
}
