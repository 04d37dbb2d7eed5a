//! Making pictures smaller: the square a model sees, and thumbnails.

use ::image::ExtendedColorType;
use ::image::codecs::jpeg::JpegEncoder;
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use super::{Format, Picture, PictureError};

/// The picture centred on a square of its longer side, filled with `fill`, brought to `side` × `side` pixels with
/// antialiased bicubic interpolation (Catmull-Rom, a = −0.5): `side * side * 3` bytes, row by row, red, green, blue.
///
/// It computes what Pillow does with `canvas.paste(picture, ((m − w) // 2, (m − h) // 2)); canvas.resize((side, side),
/// BICUBIC)`, without the canvas: the longer side is resized first, then its strip is pasted between two bands of `fill`
/// and the shorter side follows. Both directions see the neighbours they would see on the canvas.
#[must_use]
pub fn letterbox(picture: &Picture, side: u32, fill: [u8; 3]) -> Vec<u8> {
    let (width, height) = (picture.width(), picture.height());
    let longer = width.max(height);
    if width == height {
        return resize(picture.rgb(), (width, height), (side, side));
    }
    if width > height {
        let strip = resize(picture.rgb(), (width, height), (side, height));
        let mut square = filled(side, longer, fill);
        let above = ((longer - height) / 2) as usize * side as usize * 3;
        square[above..above + strip.len()].copy_from_slice(&strip);
        return resize(&square, (side, longer), (side, side));
    }
    let strip = resize(picture.rgb(), (width, height), (width, side));
    let mut square = filled(longer, side, fill);
    let left = ((longer - width) / 2) as usize * 3;
    let (row, strip_row) = (longer as usize * 3, width as usize * 3);
    for (line, part) in square.chunks_exact_mut(row).zip(strip.chunks_exact(strip_row)) {
        line[left..left + strip_row].copy_from_slice(part);
    }
    resize(&square, (longer, side), (side, side))
}

/// A JPEG of the picture, at most `max_width` pixels wide and never enlarged; `quality` 1–100.
///
/// # Errors
/// When the picture is taller than a JPEG can be (65,535 pixels).
pub fn thumbnail_jpeg(picture: &Picture, max_width: u32, quality: u8) -> Result<Vec<u8>, PictureError> {
    let (width, height) = (picture.width(), picture.height());
    let small = (width.min(max_width.max(1)), scaled_height(width, height, max_width.max(1)));
    let rgb = resize(picture.rgb(), (width, height), small);
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, quality.clamp(1, 100))
        .encode(&rgb, small.0, small.1, ExtendedColorType::Rgb8)
        .map_err(|error| PictureError::unsupported(Format::Jpeg, error))?;
    Ok(jpeg)
}

/// The height that goes with `max_width`, rounded, at least 1.
fn scaled_height(width: u32, height: u32, max_width: u32) -> u32 {
    if width <= max_width {
        return height;
    }
    let rounded = (u64::from(height) * u64::from(max_width) + u64::from(width) / 2) / u64::from(width);
    u32::try_from(rounded).unwrap_or(height).max(1)
}

fn filled(width: u32, height: u32, fill: [u8; 3]) -> Vec<u8> {
    fill.repeat(width as usize * height as usize)
}

/// Catmull-Rom resampling of 8-bit RGB, widened for the scale when shrinking.
fn resize(rgb: &[u8], from: (u32, u32), to: (u32, u32)) -> Vec<u8> {
    let mut target = Image::new(to.0, to.1, PixelType::U8x3);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::CatmullRom));
    // Neither step fails: the buffers have the sizes and the pixel type they are said to have.
    if let Ok(source) = ImageRef::new(from.0, from.1, rgb, PixelType::U8x3) {
        let resized = Resizer::new().resize(&source, &mut target, &options);
        debug_assert!(resized.is_ok(), "{resized:?}");
    }
    target.into_vec()
}
