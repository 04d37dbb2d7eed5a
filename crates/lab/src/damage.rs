//! What happens to pictures between a shop and a shopper's query: the ten damages of F-robust, each seeded.

use std::path::PathBuf;

use anyhow::{Context, Result};
use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};
use vetrina_engine::image::{Limits, Picture, Repair, decode};

use crate::features;

/// One way to damage a picture.
pub struct Damage {
    /// Also the key under which features of damaged pictures are kept: change it when the damage changes.
    pub name: &'static str,
    apply: fn(RgbImage, &mut fastrand::Rng, &[RgbImage]) -> Option<RgbImage>,
}

/// All damages, in the order of QUALITY.md.
pub const ALL: [Damage; 10] = [
    Damage { name: "noise, sigma 25", apply: |picture, rng, _| Some(noise(picture, rng)) },
    Damage { name: "blur, sigma 3", apply: |picture, _, _| Some(imageops::blur(&picture, 3.0)) },
    Damage { name: "JPEG quality 10", apply: |picture, _, _| jpeg(&picture) },
    Damage { name: "brightness x 0.4", apply: |picture, _, _| Some(brightness(picture, 0.4)) },
    Damage { name: "brightness x 1.8", apply: |picture, _, _| Some(brightness(picture, 1.8)) },
    Damage { name: "centre crop, 60 % of the area", apply: |picture, _, _| Some(centre_crop(&picture)) },
    Damage { name: "rotated by 15 degrees on white", apply: |picture, _, _| Some(rotate(&picture, 15.0)) },
    Damage { name: "mirrored", apply: |picture, _, _| Some(imageops::flip_horizontal(&picture)) },
    Damage { name: "grey square over 25 % of the area", apply: |picture, rng, _| Some(grey_square(picture, rng)) },
    Damage { name: "half size on a photo", apply: |picture, rng, photos| paste(&picture, rng, photos) },
];

impl Damage {
    /// Damages the picture at `place`; the same place gives the same damage. `None` is a picture that is lost.
    pub fn apply(&self, place: usize, picture: Picture, photos: &[RgbImage]) -> Option<Picture> {
        let seed = blake3::hash(format!("{} {place}", self.name).as_bytes());
        let seed = u64::from_le_bytes(*seed.as_bytes().first_chunk::<8>()?);
        let (width, height) = (picture.width(), picture.height());
        let image = RgbImage::from_raw(width, height, picture.into_rgb())?;
        let damaged = (self.apply)(image, &mut fastrand::Rng::with_seed(seed), photos)?;
        Picture::from_rgb(damaged.width(), damaged.height(), damaged.into_raw())
    }
}

/// The photos pictures are pasted on, square and of a size with the pictures of `fashion`.
pub fn backgrounds(paths: &[PathBuf]) -> Result<Vec<RgbImage>> {
    let load = |path: &PathBuf| -> Result<RgbImage> {
        let picture = features::decode(path, 224)?;
        let (width, height) = (picture.width(), picture.height());
        let image = RgbImage::from_raw(width, height, picture.into_rgb()).context("no pixels")?;
        let side = width.min(height);
        let square = imageops::crop_imm(&image, (width - side) / 2, (height - side) / 2, side, side).to_image();
        Ok(imageops::resize(&square, 224, 224, FilterType::CatmullRom))
    };
    paths.iter().map(load).collect()
}

/// The damage that goes with a repair, of a strength drawn from a range around those above.
pub fn drawn(repair: Repair, seed: u64, picture: Picture) -> Option<Picture> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut between = |from: f32, to: f32| from + (to - from) * rng.f32();
    let (width, height) = (picture.width(), picture.height());
    let image = RgbImage::from_raw(width, height, picture.into_rgb())?;
    let damaged = match repair {
        Repair::Denoised => {
            let sigma = between(17.0, 33.0);
            noise_of(image, sigma, &mut rng)
        }
        Repair::Deblocked => jpeg_of(&image, between(6.0, 17.0) as u8)?,
        Repair::Sharpened => imageops::blur(&image, between(2.0, 3.8) * width.max(height) as f32 / 224.0),
        Repair::Darkened => brightness(image, between(1.4, 2.2)),
        Repair::Uncovered => {
            let (area, grey) = (f64::from(between(0.12, 0.36)), between(0.0, 230.0) as u8);
            rectangle(image, area, grey, &mut rng)
        }
    };
    Picture::from_rgb(damaged.width(), damaged.height(), damaged.into_raw())
}

fn noise(picture: RgbImage, rng: &mut fastrand::Rng) -> RgbImage {
    noise_of(picture, 25.0, rng)
}

fn noise_of(mut picture: RgbImage, sigma: f32, rng: &mut fastrand::Rng) -> RgbImage {
    for value in picture.iter_mut() {
        // Box and Muller 1958.
        let radius = (-2.0 * (1.0 - rng.f32()).ln()).sqrt();
        let normal = radius * (std::f32::consts::TAU * rng.f32()).cos();
        *value = (f32::from(*value) + sigma * normal).round().clamp(0.0, 255.0) as u8;
    }
    picture
}

fn jpeg(picture: &RgbImage) -> Option<RgbImage> {
    jpeg_of(picture, 10)
}

pub fn jpeg_of(picture: &RgbImage, quality: u8) -> Option<RgbImage> {
    let mut bytes = Vec::new();
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, quality).encode_image(picture).ok()?;
    let decoded = decode(&bytes, &Limits::default()).ok()?;
    RgbImage::from_raw(decoded.width(), decoded.height(), decoded.into_rgb())
}

fn brightness(mut picture: RgbImage, factor: f32) -> RgbImage {
    picture.iter_mut().for_each(|value| *value = (f32::from(*value) * factor).round().clamp(0.0, 255.0) as u8);
    picture
}

fn centre_crop(picture: &RgbImage) -> RgbImage {
    let part = 0.6_f32.sqrt();
    let kept = |side: u32| ((side as f32 * part).round() as u32).max(1);
    let (width, height) = (kept(picture.width()), kept(picture.height()));
    imageops::crop_imm(picture, (picture.width() - width) / 2, (picture.height() - height) / 2, width, height)
        .to_image()
}

/// Turns the picture about its centre, bilinear; the canvas keeps its size and what is new is white.
fn rotate(picture: &RgbImage, degrees: f32) -> RgbImage {
    let (sin, cos) = degrees.to_radians().sin_cos();
    let (width, height) = picture.dimensions();
    let (middle_x, middle_y) = ((width as f32 - 1.0) / 2.0, (height as f32 - 1.0) / 2.0);
    RgbImage::from_fn(width, height, |x, y| {
        let (dx, dy) = (x as f32 - middle_x, y as f32 - middle_y);
        let (from_x, from_y) = (cos * dx - sin * dy + middle_x, sin * dx + cos * dy + middle_y);
        imageops::interpolate_bilinear(picture, from_x, from_y).unwrap_or(Rgb([255; 3]))
    })
}

fn grey_square(picture: RgbImage, rng: &mut fastrand::Rng) -> RgbImage {
    rectangle(picture, 0.25, 128, rng)
}

fn rectangle(mut picture: RgbImage, area: f64, grey: u8, rng: &mut fastrand::Rng) -> RgbImage {
    let (width, height) = picture.dimensions();
    let side = ((f64::from(width) * f64::from(height) * area).sqrt().round() as u32).min(width).min(height);
    let (left, top) = (rng.u32(0..=width - side), rng.u32(0..=height - side));
    for y in top..top + side {
        for x in left..left + side {
            picture.put_pixel(x, y, Rgb([grey; 3]));
        }
    }
    picture
}

fn paste(picture: &RgbImage, rng: &mut fastrand::Rng, photos: &[RgbImage]) -> Option<RgbImage> {
    let mut canvas = photos.get(rng.usize(0..photos.len()))?.clone();
    let longer = picture.width().max(picture.height());
    let half = |side: u32| (side * canvas.width() / 2 / longer).max(1);
    let small = imageops::resize(picture, half(picture.width()), half(picture.height()), FilterType::CatmullRom);
    let left = rng.u32(0..=canvas.width() - small.width());
    let top = rng.u32(0..=canvas.height() - small.height());
    imageops::replace(&mut canvas, &small, i64::from(left), i64::from(top));
    Some(canvas)
}
