//! A small copy of a picture, for looking at its colours and shapes.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use palette::{FromColor as _, Oklab, Srgb};

use super::Picture;
use super::resize::fitted;

/// Longest side of a sketch in pixels.
pub const SKETCH_SIDE: u32 = 128;

/// A picture at no more than [`SKETCH_SIDE`] pixels a side, in sRGB and in OKLab. Never empty.
#[derive(Debug, Clone, PartialEq)]
pub struct Sketch {
    width: usize,
    height: usize,
    lab: Vec<[f32; 3]>,
}

impl Sketch {
    /// Makes one, with the mean of the pixels that fall together (triangle filter); small pictures are not enlarged.
    #[must_use]
    pub fn of(picture: &Picture) -> Self {
        let (width, height, rgb) = shrunk(picture, SKETCH_SIDE);
        let lab = rgb.as_chunks::<3>().0.iter().map(|pixel| oklab(*pixel)).collect();
        Self { width: width as usize, height: height as usize, lab }
    }

    /// Width in pixels, at least 1.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels, at least 1.
    #[must_use]
    pub fn height(&self) -> usize {
        self.height
    }

    /// Colours in OKLab (lightness 0 to 1, a and b about −0.4 to 0.4), row by row from the top.
    #[must_use]
    pub fn lab(&self) -> &[[f32; 3]] {
        &self.lab
    }
}

/// A colour in OKLab (Ottosson 2020).
pub(crate) fn oklab(rgb: [u8; 3]) -> [f32; 3] {
    let Oklab { l, a, b, .. } = Oklab::from_color(Srgb::from(rgb).into_linear::<f32>());
    [l, a, b]
}

/// Width, height and sRGB bytes of a picture whose longer side has at most `side` pixels.
pub(super) fn shrunk(picture: &Picture, side: u32) -> (u32, u32, Vec<u8>) {
    let (width, height) = (picture.width(), picture.height());
    if width.max(height) <= side {
        return (width, height, picture.rgb().to_vec());
    }
    let to = fitted(width, height, side);
    let mut target = Image::new(to.0, to.1, PixelType::U8x3);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    // Neither step fails: the buffers have the sizes and the pixel type they are said to have.
    if let Ok(source) = ImageRef::new(width, height, picture.rgb(), PixelType::U8x3) {
        let resized = Resizer::new().resize(&source, &mut target, &options);
        debug_assert!(resized.is_ok(), "{resized:?}");
    }
    (target.width(), target.height(), target.into_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reference_colours_have_their_published_values() {
        // Ottosson's own table: white, and sRGB red.
        for (rgb, expected) in [([255; 3], [1.0, 0.0, 0.0]), ([255, 0, 0], [0.627_96, 0.224_86, 0.125_85])] {
            let found = oklab(rgb);
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-3), "{rgb:?}: {found:?}");
        }
    }

    #[test]
    fn a_sketch_keeps_the_shape_and_never_enlarges() {
        for ((width, height), expected) in [((640, 320), (128, 64)), ((3, 900), (1, 128)), ((5, 4), (5, 4))] {
            let picture = Picture::from_rgb(width, height, vec![90; (width * height * 3) as usize]).unwrap();
            let sketch = Sketch::of(&picture);
            assert_eq!((sketch.width(), sketch.height()), expected);
            assert_eq!(sketch.lab().len(), sketch.width() * sketch.height());
        }
    }
}
