//! From bytes to a picture, whatever the format.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::format::looks_like;
use super::jpeg_header::JpegHeader;
use super::orientation::{Orientation, oriented_size};
use super::{Format, Limits, Picture, PictureError, by_image_crate, jpeg, tiff, webp};

#[cfg(not(panic = "unwind"))]
compile_error!("hostile pictures are kept from ending the process by unwinding: build with panic = \"unwind\"");

/// What the header of a picture says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// What the file is, by its content.
    pub format: Format,
    /// Width in pixels as it is to be seen, after orientation.
    pub width: u32,
    /// Height in pixels as it is to be seen, after orientation.
    pub height: u32,
}

impl Header {
    pub(super) fn oriented(format: Format, orientation: Orientation, width: u32, height: u32) -> Self {
        let (width, height) = oriented_size(orientation, width, height);
        Self { format, width, height }
    }
}

/// Decodes a picture: the first frame or page, oriented, in sRGB, alpha over white.
///
/// # Errors
/// See [`PictureError`]; never panics, whatever the bytes, and keeps to `limits`.
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Picture, PictureError> {
    decode_with(bytes, limits, None)
}

/// Decodes a picture that is to be shrunk afterwards. A large JPEG is decoded at 1/8 to 4/8 of its size, as long as
/// its longer side keeps at least twice `side` pixels, so that resizing still sees enough detail; this saves most of
/// the time. Everything else is as in [`decode`]. [`Picture::original_size`] tells the size in the file.
///
/// # Errors
/// As [`decode`].
pub fn decode_at_least(bytes: &[u8], limits: &Limits, side: u32) -> Result<Picture, PictureError> {
    decode_with(bytes, limits, Some(side))
}

fn decode_with(bytes: &[u8], limits: &Limits, at_least: Option<u32>) -> Result<Picture, PictureError> {
    let format = recognise(bytes, limits)?;
    guarded(format, || {
        match format {
            Format::Jpeg => jpeg::decode(bytes, limits, at_least),
            Format::WebP => webp::decode(bytes, limits),
            Format::Tiff => tiff::decode(bytes, limits),
            Format::Png | Format::Gif | Format::Bmp | Format::Pixels => by_image_crate::decode(format, bytes, limits),
        }?
        .into_picture(format, limits)
    })
}

/// Reads only the header: format and size. The same limits hold as for [`decode`], except that memory is not needed.
///
/// # Errors
/// As [`decode`], for what the header shows.
pub fn probe(bytes: &[u8], limits: &Limits) -> Result<Header, PictureError> {
    let format = recognise(bytes, limits)?;
    guarded(format, || match format {
        Format::Jpeg => {
            let header = JpegHeader::read(bytes)?;
            limits.check_size(header.width.into(), header.height.into())?;
            Ok(Header::oriented(format, header.orientation, header.width.into(), header.height.into()))
        }
        Format::WebP => webp::probe(bytes, limits),
        Format::Tiff => tiff::probe(bytes, limits),
        Format::Png | Format::Gif | Format::Bmp | Format::Pixels => by_image_crate::probe(format, bytes, limits),
    })
}

fn recognise(bytes: &[u8], limits: &Limits) -> Result<Format, PictureError> {
    limits.check_file(bytes)?;
    Format::of(bytes).ok_or_else(|| {
        if Format::signature_is_cut(bytes) {
            return PictureError::Truncated;
        }
        PictureError::NotAPicture { looks_like: looks_like(bytes) }
    })
}

/// Runs a decoder; when it panics over damaged data, that is an error like any other.
fn guarded<T>(format: Format, run: impl FnOnce() -> Result<T, PictureError>) -> Result<T, PictureError> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let message =
            panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        let reason = format!("the decoder gave up: {}", message.unwrap_or("no reason given"));
        tracing::warn!(%format, reason, "a picture made its decoder panic");
        Err(PictureError::Damaged { format, reason })
    })
}
