//! What a decoder leaves, and the way from there to a [`Picture`].

use super::colour::{self, Samples};
use super::orientation::{self, Orientation};
use super::picture::{Note, Picture};
use super::{Format, Limits, PictureError};

/// Decoded pixels as stored in the file: not yet oriented, not yet sRGB.
pub(super) struct Pixels {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) samples: Samples,
    /// `width * height * samples.per_pixel()` bytes.
    pub(super) data: Vec<u8>,
    /// Bytes of the ICC profile.
    pub(super) profile: Option<Vec<u8>>,
    pub(super) orientation: Orientation,
    /// Stored size before any decoding at reduced scale.
    pub(super) original: (u32, u32),
    /// By how much each side was divided while decoding.
    pub(super) eighths: u32,
    pub(super) notes: Vec<Note>,
}

impl Pixels {
    pub(super) fn new(width: u32, height: u32, samples: Samples, data: Vec<u8>) -> Self {
        Self {
            width,
            height,
            samples,
            data,
            profile: None,
            orientation: Orientation::NoTransforms,
            original: (width, height),
            eighths: 8,
            notes: Vec::new(),
        }
    }

    /// Colours to sRGB, alpha over white, then the right way up.
    pub(super) fn into_picture(mut self, format: Format, limits: &Limits) -> Result<Picture, PictureError> {
        let pixels = u64::from(self.width) * u64::from(self.height);
        if pixels == 0 || pixels * self.samples.per_pixel() as u64 != self.data.len() as u64 {
            return Err(PictureError::damaged(
                format,
                "the decoder returned another number of pixels than it announced",
            ));
        }
        if orientation::swaps_sides(self.orientation) {
            // Turning by a quarter needs the picture twice.
            limits.check_memory(pixels * 6)?;
        }
        let rgb = colour::to_srgb(self.data, self.samples, self.profile.as_deref(), &mut self.notes);
        let rgb = orientation::apply(self.orientation, self.width, self.height, rgb);
        let (width, height) = orientation::oriented_size(self.orientation, self.width, self.height);
        let original = orientation::oriented_size(self.orientation, self.original.0, self.original.1);
        Picture::assemble(width, height, rgb, original, self.eighths, format, self.notes)
            .ok_or_else(|| PictureError::damaged(format, "colour conversion lost pixels"))
    }
}

/// 16-bit samples (native byte order) become 8-bit ones in the same buffer, rounded to the nearest.
pub(super) fn sixteen_to_eight(mut data: Vec<u8>) -> Vec<u8> {
    let samples = data.len() / 2;
    for i in 0..samples {
        data[i] = narrow(u16::from_ne_bytes([data[i * 2], data[i * 2 + 1]]));
    }
    data.truncate(samples);
    data
}

/// `value / 257`, rounded: 65535 becomes 255.
pub(super) fn narrow(value: u16) -> u8 {
    #[expect(clippy::cast_possible_truncation, reason = "at most 255")]
    let narrow = ((u32::from(value) + 128) / 257) as u8;
    narrow
}
