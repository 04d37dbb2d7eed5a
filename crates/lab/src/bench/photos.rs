//! JPEGs of a given size with the detail of real ones.
//!
//! They are made of the photos of the demo shop (1,600 pixels, about 0.5 bits a pixel), of which there are few: each one is
//! a random part of one of them, sometimes mirrored, scaled down to its size. What is larger than the photos is a mosaic
//! of them at their own resolution, so that a pixel costs a decoder what it costs in a photo; an enlarged photo would be too
//! smooth. The quality is 85; [`bits_per_pixel`] tells what came of it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use image::codecs::jpeg::JpegEncoder;
use image::{RgbImage, imageops};
use rayon::prelude::*;

const QUALITY: u8 = 85;

/// `count` different JPEGs of `width` pixels by three quarters of it, in a folder of the cache.
pub fn of_width(width: u32, count: usize) -> Result<Vec<PathBuf>> {
    let folder = super::cache()?.join(format!("photos/{width}"));
    fs::create_dir_all(&folder)?;
    let shop = super::demo::folder()?.join("images");
    let mut sources: Vec<PathBuf> = fs::read_dir(&shop)
        .with_context(|| format!("{}: run `make setup`", shop.display()))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    sources.sort();
    (0..count)
        .into_par_iter()
        .map(|number| {
            let path = folder.join(format!("{number:04}.jpg"));
            if !path.exists() {
                make(&path, width, number, &sources)?;
            }
            Ok(path)
        })
        .collect()
}

/// Bits of file for each pixel, over all pictures.
pub fn bits_per_pixel(pictures: &[PathBuf], width: u32) -> Result<f64> {
    let bytes = pictures.iter().map(|path| Ok(fs::metadata(path)?.len())).sum::<Result<u64>>()?;
    let pixels = f64::from(width) * f64::from(width * 3 / 4) * pictures.len() as f64;
    Ok(bytes as f64 * 8.0 / pixels)
}

fn make(path: &Path, width: u32, number: usize, sources: &[PathBuf]) -> Result<()> {
    let height = width * 3 / 4;
    let mut random = fastrand::Rng::with_seed(u64::from(width) << 32 | number as u64);
    let mut picture = RgbImage::new(width, height);
    let (mut x, mut y) = (0, 0);
    while y < height {
        let tile = part(&mut random, sources, width, height)?;
        imageops::replace(&mut picture, &tile, i64::from(x), i64::from(y));
        x += tile.width();
        if x >= width {
            (x, y) = (0, y + tile.height());
        }
    }
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, QUALITY).encode_image(&picture)?;
    // By rename, so that no other run sees half a file.
    let part = path.with_extension(format!("{}.part", std::process::id()));
    fs::write(&part, bytes)?;
    Ok(fs::rename(part, path)?)
}

/// A part of a photo, three to four, of the size wanted where the photo has it, else of its own.
fn part(random: &mut fastrand::Rng, sources: &[PathBuf], width: u32, height: u32) -> Result<RgbImage> {
    let source = &sources[random.usize(..sources.len())];
    let photo = image::open(source).with_context(|| source.display().to_string())?.to_rgb8();
    // The largest part of four by three, less up to a tenth, somewhere in the photo.
    let largest = photo.width().min(photo.height() * 4 / 3);
    let across = (f64::from(largest) * (0.9 + 0.1 * random.f64())) as u32 / 4 * 4;
    let down = across * 3 / 4;
    let (left, top) = (random.u32(..=photo.width() - across), random.u32(..=photo.height() - down));
    let mut tile = imageops::crop_imm(&photo, left, top, across, down).to_image();
    if random.bool() {
        imageops::flip_horizontal_in_place(&mut tile);
    }
    // Photos in portrait are narrower than wide pictures: those are enlarged a little.
    if width <= 1600 { Ok(imageops::resize(&tile, width, height, imageops::FilterType::CatmullRom)) } else { Ok(tile) }
}
