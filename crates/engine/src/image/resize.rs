//! Making pictures smaller: the square a model sees, and thumbnails.

use std::cmp::Ordering;

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
///
/// A picture decoded at reduced scale lands where the whole one would, to a fraction of a pixel.
#[must_use]
pub fn letterbox(picture: &Picture, side: u32, fill: [u8; 3]) -> Vec<u8> {
    let (width, height) = (picture.width(), picture.height());
    let place = Place::of(picture);
    let lines = place.lines;
    match place.shape {
        Shape::Wide => {
            let along = [0.0, 0.0, place.longer, f64::from(lines)];
            let strip = resize(picture.rgb(), (width, height), Some(along), (side, lines));
            let mut square = filled(side, place.canvas, fill);
            let above = place.paste as usize * side as usize * 3;
            square[above..above + strip.len()].copy_from_slice(&strip);
            let down = [0.0, place.start, f64::from(side), place.longer];
            resize(&square, (side, place.canvas), Some(down), (side, side))
        }
        Shape::Tall => {
            let down = [0.0, 0.0, f64::from(lines), place.longer];
            let strip = resize(picture.rgb(), (width, height), Some(down), (lines, side));
            let mut square = filled(place.canvas, side, fill);
            let left = place.paste as usize * 3;
            let (row, strip_row) = (place.canvas as usize * 3, lines as usize * 3);
            for (line, part) in square.chunks_exact_mut(row).zip(strip.chunks_exact(strip_row)) {
                line[left..left + strip_row].copy_from_slice(part);
            }
            let along = [place.start, 0.0, place.longer, f64::from(side)];
            resize(&square, (place.canvas, side), Some(along), (side, side))
        }
    }
}

enum Shape {
    /// Or square: across first, then down, as Pillow does. The order matters, since each step clips what overshoots.
    Wide,
    Tall,
}

/// Where the picture stands on the square, in its own pixels; fractions only where it was decoded at reduced scale.
struct Place {
    shape: Shape,
    /// The square's side.
    longer: f64,
    /// Pixels of the picture across the strip: all of them, but for a last line that lies mostly beyond the picture, where it was
    /// decoded at reduced scale.
    lines: u32,
    /// Pixels of the canvas across the strip: the square, and what rounding adds.
    canvas: u32,
    /// First line of the canvas that holds the strip.
    paste: u32,
    /// Where on the canvas the square begins, so that the strip has its exact distance to the edge: below 1.
    start: f64,
}

impl Place {
    fn of(picture: &Picture) -> Self {
        let eighths = picture.eighths();
        let whole = eighths == 8;
        // A crop has no exact size in the file; it counts as what it is.
        let (width, height) = if whole { (picture.width(), picture.height()) } else { picture.original_size() };
        let (shape, longer, shorter, lines) = match width.cmp(&height) {
            Ordering::Equal | Ordering::Greater => (Shape::Wide, width, height, picture.height()),
            Ordering::Less => (Shape::Tall, height, width, picture.width()),
        };
        let lines = if whole { lines } else { ((shorter * eighths + 4) / 8).clamp(1, lines) };
        let before = (longer - shorter) / 2;
        let paste = (before * eighths).div_ceil(8);
        Self {
            shape,
            longer: f64::from(longer * eighths) / 8.0,
            lines,
            canvas: ((longer * eighths).div_ceil(8) + u32::from(!whole)).max(paste + lines),
            paste,
            start: f64::from(paste) - f64::from(before * eighths) / 8.0,
        }
    }
}

/// A JPEG of the picture, at most `max_width` pixels wide and never enlarged; `quality` 1–100.
///
/// # Errors
/// When the picture is taller than a JPEG can be (65,535 pixels).
pub fn thumbnail_jpeg(picture: &Picture, max_width: u32, quality: u8) -> Result<Vec<u8>, PictureError> {
    let (width, height) = (picture.width(), picture.height());
    let small = (width.min(max_width.max(1)), scaled_height(width, height, max_width.max(1)));
    let rgb = resize(picture.rgb(), (width, height), None, small);
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, quality.clamp(1, 100))
        .encode(&rgb, small.0, small.1, ExtendedColorType::Rgb8)
        .map_err(|error| PictureError::unsupported(Format::Jpeg, error))?;
    Ok(jpeg)
}

/// The picture with at most `side` pixels along its longer side, Catmull-Rom as [`letterbox`] has it; a smaller one as it is.
pub(super) fn shrunk(picture: &Picture, side: u32) -> Picture {
    let (width, height) = (picture.width(), picture.height());
    if width.max(height) <= side {
        return picture.clone();
    }
    let to = fitted(width, height, side);
    let rgb = resize(picture.rgb(), (width, height), None, to);
    Picture::from_rgb(to.0, to.1, rgb).unwrap_or_else(|| picture.clone())
}

/// Width and height brought to `side` along the longer one, the other rounded, at least 1.
pub(super) fn fitted(width: u32, height: u32, side: u32) -> (u32, u32) {
    let longer = u64::from(width.max(height).max(1));
    let scaled = |length: u32| {
        let rounded = (u64::from(length) * u64::from(side) + longer / 2) / longer;
        u32::try_from(rounded).unwrap_or(side).max(1)
    };
    (scaled(width), scaled(height))
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

/// Catmull-Rom resampling of 8-bit RGB, widened for the scale when shrinking: of all of it, or of the part that `part`
/// gives as left, top, width and height.
fn resize(rgb: &[u8], from: (u32, u32), part: Option<[f64; 4]>, to: (u32, u32)) -> Vec<u8> {
    let mut target = Image::new(to.0, to.1, PixelType::U8x3);
    let mut options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::CatmullRom));
    if let Some([left, top, width, height]) = part {
        options = options.crop(left, top, width, height);
    }
    // Neither step fails: the buffers have the sizes and the pixel type they are said to have.
    if let Ok(source) = ImageRef::new(from.0, from.1, rgb, PixelType::U8x3) {
        let resized = Resizer::new().resize(&source, &mut target, &options);
        debug_assert!(resized.is_ok(), "{resized:?}");
    }
    target.into_vec()
}
