//! A picture as brightness alone, for measures of sharpness, noise and text.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use super::Picture;

/// Brightness of each pixel, 0 to 255 (Rec. 709 weights on sRGB values), row by row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Luma {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) values: Vec<u8>,
}

impl Luma {
    pub(super) fn of(picture: &Picture) -> Self {
        let values = picture
            .rgb()
            .as_chunks::<3>()
            .0
            .iter()
            .map(|[r, g, b]| ((54 * u32::from(*r) + 183 * u32::from(*g) + 19 * u32::from(*b) + 128) >> 8) as u8);
        Self { width: picture.width() as usize, height: picture.height() as usize, values: values.collect() }
    }

    /// At most `side` pixels along the longer side (bilinear, widened for the scale).
    pub(super) fn shrunk(&self, side: u32) -> Self {
        let longer = self.width.max(self.height);
        if longer <= side as usize {
            return self.clone();
        }
        let scaled = |length: usize| ((length * side as usize + longer / 2) / longer).max(1) as u32;
        let mut target = Image::new(scaled(self.width), scaled(self.height), PixelType::U8);
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
        // Neither step fails: the buffers have the sizes and the pixel type they are said to have.
        if let Ok(source) = ImageRef::new(self.width as u32, self.height as u32, &self.values, PixelType::U8) {
            let resized = Resizer::new().resize(&source, &mut target, &options);
            debug_assert!(resized.is_ok(), "{resized:?}");
        }
        Self { width: target.width() as usize, height: target.height() as usize, values: target.into_vec() }
    }

    pub(super) fn row(&self, y: usize) -> &[u8] {
        &self.values[y * self.width..(y + 1) * self.width]
    }
}
