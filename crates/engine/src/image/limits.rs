//! How much one picture may cost: the only place where the defaults stand.

use super::PictureError;

/// What a picture may need at most. Sizes are checked from the header, before any pixel is allocated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Length of the file in bytes.
    pub file_bytes: u64,
    /// Width times height.
    pub pixels: u64,
    /// Longer side in pixels.
    pub side: u32,
    /// Memory for decoding in bytes: every buffer alive at the peak, the result included.
    pub decode_bytes: u64,
}

impl Default for Limits {
    /// 32 MiB of file, 100 megapixels, 20,000 pixels a side, 768 MiB while decoding. The last is what 100 megapixels
    /// need at 8 bytes a pixel (16-bit RGBA PNG), so that it refuses only the most wasteful encodings of a picture
    /// the other limits admit.
    fn default() -> Self {
        Self { file_bytes: 32 << 20, pixels: 100_000_000, side: 20_000, decode_bytes: 768 << 20 }
    }
}

impl Limits {
    /// Refuses an empty or too long file.
    pub(super) fn check_file(&self, bytes: &[u8]) -> Result<(), PictureError> {
        let length = bytes.len() as u64;
        if length == 0 {
            return Err(PictureError::Empty);
        }
        if length > self.file_bytes {
            return Err(PictureError::TooManyBytes { bytes: length, limit: self.file_bytes });
        }
        Ok(())
    }

    /// Refuses a size with too long a side or too many pixels.
    pub(super) fn check_size(&self, width: u32, height: u32) -> Result<(), PictureError> {
        if width.max(height) > self.side {
            return Err(PictureError::SideTooLong { width, height, limit: self.side });
        }
        if u64::from(width) * u64::from(height) > self.pixels {
            return Err(PictureError::TooManyPixels { width, height, limit: self.pixels });
        }
        Ok(())
    }

    /// Refuses a decoding that needs `needs` bytes at its peak.
    pub(super) fn check_memory(&self, needs: u64) -> Result<(), PictureError> {
        if needs > self.decode_bytes {
            return Err(PictureError::NeedsTooMuchMemory { needs, limit: self.decode_bytes });
        }
        Ok(())
    }

    /// The error for a decoder that ran into the memory limit by itself and does not say how much it wanted.
    pub(super) fn memory_exhausted(&self) -> PictureError {
        PictureError::NeedsTooMuchMemory { needs: self.decode_bytes.saturating_add(1), limit: self.decode_bytes }
    }

    /// The limits in the words of the `image` crate; sizes are checked by [`Limits::check_size`].
    pub(super) fn for_image_crate(&self) -> image::Limits {
        let mut limits = image::Limits::no_limits();
        limits.max_alloc = Some(self.decode_bytes);
        limits
    }
}
