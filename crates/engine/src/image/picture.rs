//! A decoded picture.

use std::fmt;

use super::{Format, Region};

/// A decoded picture: 8-bit sRGB, three bytes a pixel (red, green, blue), row by row from the top, oriented as it is
/// to be seen. Never empty.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    width: u32,
    height: u32,
    rgb: Vec<u8>,
    original: (u32, u32),
    /// See [`Picture::eighths`].
    eighths: u32,
    format: Format,
    notes: Vec<Note>,
}

/// Something about a picture that did not stop it from being read, but that its owner may want to know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Note {
    /// The ICC profile was broken or of a kind that cannot be used; the colours were taken for sRGB.
    #[error("the colour profile was ignored: {reason}")]
    ColourProfileIgnored {
        /// What was wrong with it.
        reason: String,
    },
    /// Some of the data were damaged; what could be read is shown.
    #[error("the picture is slightly damaged: {reason}")]
    SlightlyDamaged {
        /// What the decoder met.
        reason: String,
    },
}

impl Picture {
    /// A picture made in memory; `None` when a side is 0 or `rgb` is not `width * height * 3` bytes long.
    #[must_use]
    pub fn from_rgb(width: u32, height: u32, rgb: Vec<u8>) -> Option<Self> {
        Self::assemble(width, height, rgb, (width, height), 8, Format::Pixels, Vec::new())
    }

    /// A picture as a decoder leaves it.
    pub(super) fn assemble(
        width: u32,
        height: u32,
        rgb: Vec<u8>,
        original: (u32, u32),
        eighths: u32,
        format: Format,
        notes: Vec<Note>,
    ) -> Option<Self> {
        let fits = u64::from(width) * u64::from(height) * 3 == rgb.len() as u64;
        (fits && !rgb.is_empty()).then_some(Self { width, height, rgb, original, eighths, format, notes })
    }

    /// Width in pixels, at least 1.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels, at least 1.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The pixels: `width * height * 3` bytes, red, green, blue, 0–255 in sRGB, row by row from the top left.
    #[must_use]
    pub fn rgb(&self) -> &[u8] {
        &self.rgb
    }

    /// The pixels, without a copy.
    #[must_use]
    pub fn into_rgb(self) -> Vec<u8> {
        self.rgb
    }

    /// Width and height of the oriented picture in its file, before any decoding at reduced scale.
    #[must_use]
    pub fn original_size(&self) -> (u32, u32) {
        self.original
    }

    /// Pixels here for each eight of the file, along a side: 8, or fewer where it was decoded at a reduced scale. The last
    /// column and row may then stand for a part of a pixel.
    pub(super) fn eighths(&self) -> u32 {
        self.eighths
    }

    /// What the file was.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// What its owner may want to know.
    #[must_use]
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// The part of the picture in `region`, at least one pixel.
    #[must_use]
    pub fn crop(&self, region: &Region) -> Self {
        let (left, top, width, height) = region.to_pixels(self.width, self.height);
        let (_, _, original_width, original_height) = region.to_pixels(self.original.0, self.original.1);
        let row = self.width as usize * 3;
        let from = left as usize * 3;
        let to = from + width as usize * 3;
        let mut rgb = Vec::with_capacity(height as usize * (to - from));
        for line in self.rgb.chunks_exact(row).skip(top as usize).take(height as usize) {
            rgb.extend_from_slice(&line[from..to]);
        }
        let original = (original_width, original_height);
        // A crop ends with whole pixels of its own: nothing is left of the reduction.
        let eighths = if *region == Region::WHOLE { self.eighths } else { 8 };
        Self { width, height, rgb, original, eighths, format: self.format, notes: self.notes.clone() }
    }
}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Picture({} × {} from {} {:?})", self.width, self.height, self.format, self.original)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_never_empty_or_uneven() {
        assert!(Picture::from_rgb(0, 2, vec![]).is_none());
        assert!(Picture::from_rgb(2, 2, vec![0; 11]).is_none());
        assert!(Picture::from_rgb(2, 2, vec![0; 12]).is_some());
    }

    #[test]
    fn a_crop_takes_the_right_pixels() {
        let pixels: Vec<u8> = (0..4u8 * 3).flat_map(|i| [i, i, i]).collect();
        let picture = Picture::from_rgb(4, 3, pixels).expect("4 × 3");
        let crop = picture.crop(&Region::new(0.5, 1.0 / 3.0, 0.5, 2.0 / 3.0).expect("inside"));
        assert_eq!((crop.width(), crop.height()), (2, 2));
        assert_eq!(crop.rgb().iter().step_by(3).copied().collect::<Vec<_>>(), [6, 7, 10, 11]);
        assert_eq!(picture.crop(&Region::WHOLE), picture);
        let tiny = picture.crop(&Region::new(0.99, 0.99, 0.001, 0.001).expect("inside"));
        assert_eq!((tiny.width(), tiny.height(), tiny.rgb()[0]), (1, 1, 11));
    }
}
