//! Blur undone, as far as it can be.
//!
//! A Gaussian blur multiplies each frequency by `G = exp(−2π²σ²f²)`. Wiener's filter divides by it where there is signal
//! left: `G / (G² + K f²)`, with the power of natural pictures falling as `1/f²` (Field 1987). The frequencies are those of the
//! cosine transform, which is what a blur with mirrored edges is diagonal in (Martucci 1994).

use ndarray::{Array1, Array2, ArrayView2};

/// K: noise, rounding and what σ is wrong by, relative to the picture's power at one cycle a pixel.
const NOISE: f32 = 0.1;

/// A picture of three bytes a pixel with a Gaussian blur of σ pixels taken back.
pub(super) fn deblurred(rgb: &[u8], width: usize, height: usize, sigma: f32) -> Vec<u8> {
    let (across, down) = (cosines(width), cosines(height));
    let squares = |length: usize| Array1::from_shape_fn(length, |k| (k as f32 / (2 * length) as f32).powi(2));
    let (f2_across, f2_down) = (squares(width), squares(height));
    let filter = Array2::from_shape_fn((height, width), |(y, x)| {
        let f2 = f2_down[y] + f2_across[x];
        let gain = (-2.0 * std::f32::consts::PI.powi(2) * sigma * sigma * f2).exp();
        gain / (gain * gain + NOISE * f2)
    });
    let mut sharp = vec![0; rgb.len()];
    for channel in 0..3 {
        let values: Vec<f32> = rgb.iter().skip(channel).step_by(3).map(|value| f32::from(*value)).collect();
        let Ok(plane) = ArrayView2::from_shape((height, width), &values) else { return rgb.to_vec() };
        let spectrum = down.dot(&plane).dot(&across.t()) * &filter;
        let plane = down.t().dot(&spectrum).dot(&across);
        for (to, value) in sharp.iter_mut().skip(channel).step_by(3).zip(&plane) {
            *to = value.round().clamp(0.0, 255.0) as u8;
        }
    }
    sharp
}

/// The orthonormal cosine transform (DCT-II), a row for each frequency.
fn cosines(length: usize) -> Array2<f32> {
    Array2::from_shape_fn((length, length), |(frequency, place)| {
        let scale = if frequency == 0 { 1.0 } else { 2.0 } / length as f64;
        let angle = std::f64::consts::PI * (place as f64 + 0.5) * frequency as f64 / length as f64;
        (scale.sqrt() * angle.cos()) as f32
    })
}

#[cfg(test)]
mod tests {
    use ::image::{RgbImage, imageops};

    use super::*;

    fn error(a: &[u8], b: &[u8]) -> f32 {
        (a.iter().zip(b).map(|(a, b)| f32::from(a.abs_diff(*b)).powi(2)).sum::<f32>() / a.len() as f32).sqrt()
    }

    #[test]
    fn a_blurred_picture_comes_nearer_to_what_it_was() {
        let stripes = RgbImage::from_fn(120, 90, |x, y| {
            let on = (x / 9 + y / 11) % 2 == 0;
            image::Rgb(if on { [200, 180, 40] } else { [60, 70, 160] })
        });
        let blurred = imageops::blur(&stripes, 3.0);
        let sharp = deblurred(&blurred, 120, 90, 3.0);
        let (before, after) = (error(&blurred, &stripes), error(&sharp, &stripes));
        assert!(after < 0.75 * before, "{before} → {after}");
    }

    #[test]
    fn plain_pictures_of_any_size_stay_as_they_are() {
        for (width, height) in [(1, 1), (1, 40), (33, 2), (64, 64)] {
            let rgb = [200, 10, 90].repeat(width * height);
            assert_eq!(deblurred(&rgb, width, height, 2.5), rgb, "{width} × {height}");
        }
    }
}
