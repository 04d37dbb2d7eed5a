//! JPEGs of a given size with the detail of real ones.
//!
//! The evaluation data has small pictures only. A large one is a mosaic of photos of `groceries` at their own resolution,
//! so that each pixel costs a decoder what it costs in a real photo; an enlarged small photo would be too smooth. A small
//! one is a photo scaled down. The quality is 85.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use image::codecs::jpeg::JpegEncoder;
use image::{RgbImage, imageops};
use rayon::prelude::*;

use crate::data;

const QUALITY: u8 = 85;

/// `count` different JPEGs of `width` pixels by three quarters of it, in a folder of the cache.
pub fn of_width(width: u32, count: usize) -> Result<Vec<PathBuf>> {
    let folder = super::cache()?.join(format!("photos/{width}"));
    fs::create_dir_all(&folder)?;
    let sources: Vec<PathBuf> = data::groceries()?.photos.into_iter().map(|photo| photo.path).collect();
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

fn make(path: &Path, width: u32, number: usize, sources: &[PathBuf]) -> Result<()> {
    let height = width * 3 / 4;
    let mut random = fastrand::Rng::with_seed(u64::from(width) << 32 | number as u64);
    let mut any = || -> Result<RgbImage> {
        let source = &sources[random.usize(..sources.len())];
        Ok(image::open(source).with_context(|| source.display().to_string())?.to_rgb8())
    };
    let mut picture = RgbImage::new(width, height);
    if width <= 348 {
        let photo = imageops::resize(&any()?, width, width, imageops::FilterType::CatmullRom);
        imageops::replace(&mut picture, &photo, 0, i64::from(height) / 2 - i64::from(width) / 2);
    } else {
        let (mut x, mut y, mut row) = (0, 0, u32::MAX);
        while y < height {
            let tile = any()?;
            imageops::replace(&mut picture, &tile, i64::from(x), i64::from(y));
            row = row.min(tile.height());
            x += tile.width();
            if x >= width {
                (x, y) = (0, y + row);
                row = u32::MAX;
            }
        }
    }
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, QUALITY).encode_image(&picture)?;
    // By rename, so that no other run sees half a file.
    let part = path.with_extension(format!("{}.part", std::process::id()));
    fs::write(&part, bytes)?;
    Ok(fs::rename(part, path)?)
}
