//! PNG, GIF and BMP: the `image` crate's decoders, and what they leave to be done.

use std::io::Cursor;

use ::image::codecs::{bmp::BmpDecoder, gif::GifDecoder, png::PngDecoder};
use ::image::{ColorType, ImageDecoder, ImageError};

use super::colour::Samples;
use super::decode::Header;
use super::orientation::{self, Orientation};
use super::picture::Note;
use super::pixels::{Pixels, sixteen_to_eight};
use super::{Format, Limits, PictureError};

/// A decoder that has read the header, its format, and how the picture is to be turned.
struct Opened<D> {
    decoder: D,
    format: Format,
    orientation: Orientation,
}

fn png<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Opened<PngDecoder<Cursor<&'a [u8]>>>, PictureError> {
    check_png_header(bytes, limits)?;
    let decoder = PngDecoder::with_limits(Cursor::new(bytes), limits.for_image_crate())
        .map_err(|error| from_image(Format::Png, error, limits))?;
    let orientation = png_exif(bytes).map_or(Orientation::NoTransforms, orientation::from_exif);
    Ok(Opened { decoder, format: Format::Png, orientation })
}

fn gif<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Opened<GifDecoder<Cursor<&'a [u8]>>>, PictureError> {
    let decoder = GifDecoder::new(Cursor::new(bytes)).map_err(|error| from_image(Format::Gif, error, limits))?;
    Ok(Opened { decoder, format: Format::Gif, orientation: Orientation::NoTransforms })
}

fn bmp<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Opened<BmpDecoder<Cursor<&'a [u8]>>>, PictureError> {
    let decoder = BmpDecoder::new(Cursor::new(bytes)).map_err(|error| from_image(Format::Bmp, error, limits))?;
    Ok(Opened { decoder, format: Format::Bmp, orientation: Orientation::NoTransforms })
}

/// Pixels of a PNG, GIF or BMP.
pub(super) fn decode(format: Format, bytes: &[u8], limits: &Limits) -> Result<Pixels, PictureError> {
    match format {
        Format::Gif => gif(bytes, limits)?.read(limits),
        Format::Bmp => bmp(bytes, limits)?.read(limits),
        _ => png(bytes, limits)?.read(limits),
    }
}

/// Size of a PNG, GIF or BMP.
pub(super) fn probe(format: Format, bytes: &[u8], limits: &Limits) -> Result<Header, PictureError> {
    match format {
        Format::Gif => gif(bytes, limits)?.header(limits),
        Format::Bmp => bmp(bytes, limits)?.header(limits),
        _ => png(bytes, limits)?.header(limits),
    }
}

impl<D: ImageDecoder> Opened<D> {
    fn size(&self, limits: &Limits) -> Result<(u32, u32), PictureError> {
        let (width, height) = self.decoder.dimensions();
        if width == 0 || height == 0 {
            return Err(PictureError::damaged(self.format, "a side of 0 pixels"));
        }
        limits.check_size(width, height)?;
        Ok((width, height))
    }

    fn header(&self, limits: &Limits) -> Result<Header, PictureError> {
        let (width, height) = self.size(limits)?;
        Ok(Header::oriented(self.format, self.orientation, width, height))
    }

    fn read(mut self, limits: &Limits) -> Result<Pixels, PictureError> {
        let format = self.format;
        let (width, height) = self.size(limits)?;
        let (samples, wide) = match self.decoder.color_type() {
            ColorType::L8 => (Samples::Grey, false),
            ColorType::La8 => (Samples::GreyAlpha, false),
            ColorType::Rgb8 => (Samples::Rgb, false),
            ColorType::Rgba8 => (Samples::Rgba, false),
            ColorType::L16 => (Samples::Grey, true),
            ColorType::La16 => (Samples::GreyAlpha, true),
            ColorType::Rgb16 => (Samples::Rgb, true),
            ColorType::Rgba16 => (Samples::Rgba, true),
            other => return Err(PictureError::unsupported(format, format_args!("{other:?} pixels"))),
        };
        let bytes = self.decoder.total_bytes();
        let pixels = u64::from(width) * u64::from(height);
        // Grey pictures grow when they become RGB; the others shrink in place.
        let grown = if samples.per_pixel() < 3 { pixels * (samples.per_pixel() as u64 + 3) } else { 0 };
        limits.check_memory(bytes.max(grown))?;
        // What is left for the decoder's own buffers, such as a GIF frame that does not fill its canvas.
        let mut left = limits.for_image_crate();
        left.max_alloc = Some(limits.decode_bytes - bytes);
        self.decoder.set_limits(left).map_err(|error| from_image(format, error, limits))?;
        let mut notes = Vec::new();
        let profile = self.decoder.icc_profile().unwrap_or_else(|error| {
            notes.push(Note::ColourProfileIgnored { reason: error.to_string() });
            None
        });
        let length = usize::try_from(bytes).map_err(|_| limits.memory_exhausted())?;
        let mut data = vec![0; length];
        self.decoder.read_image(&mut data).map_err(|error| from_image(format, error, limits))?;
        let mut pixels = Pixels::new(width, height, samples, if wide { sixteen_to_eight(data) } else { data });
        pixels.profile = profile;
        pixels.orientation = self.orientation;
        pixels.notes = notes;
        Ok(pixels)
    }
}

/// What an error of the `image` crate means.
fn from_image(format: Format, error: ImageError, limits: &Limits) -> PictureError {
    match error {
        ImageError::IoError(error) => PictureError::from_io(format, &error),
        ImageError::Limits(_) => limits.memory_exhausted(),
        ImageError::Unsupported(error) => PictureError::unsupported(format, error),
        other => {
            // The decoders wrap the end of the data in errors of their own.
            let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&other);
            while let Some(error) = cause {
                let io = error.downcast_ref::<std::io::Error>();
                let gif = error.downcast_ref::<gif::DecodingError>();
                if io.is_some_and(|io| io.kind() == std::io::ErrorKind::UnexpectedEof)
                    || matches!(gif, Some(gif::DecodingError::UnexpectedEof))
                {
                    return PictureError::Truncated;
                }
                cause = error.source();
            }
            PictureError::damaged(format, other)
        }
    }
}

/// Size limits by the first chunk, before the decoder reads on to the profile.
fn check_png_header(bytes: &[u8], limits: &Limits) -> Result<(), PictureError> {
    let header = bytes.get(8..24).ok_or(PictureError::Truncated)?;
    let (kind, size) = header.split_at(8);
    if !kind.ends_with(b"IHDR") {
        return Err(PictureError::damaged(Format::Png, "it does not begin with its header"));
    }
    let (size, _) = size.as_chunks::<4>();
    limits.check_size(u32::from_be_bytes(size[0]), u32::from_be_bytes(size[1]))
}

/// The `eXIf` chunk, which may also follow the pixels, where the decoder does not look.
fn png_exif(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes.get(8..)?;
    loop {
        let (head, body) = rest.split_at_checked(8)?;
        let (length, kind) = head.split_at(4);
        let length = usize::try_from(u32::from_be_bytes(length.try_into().ok()?)).ok()?;
        if kind == b"eXIf" {
            return body.get(..length);
        }
        rest = body.get(length.checked_add(4)?..)?;
    }
}
