//! JPEG: `zune-jpeg` for what nearly everybody sends, our own decoder (`scaled_jpeg`) for the same at a reduced scale,
//! `jpeg-decoder` for what neither can do (progressive at a reduced scale, four colours).

use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions};

use super::colour::Samples;
use super::jpeg_header::{Colour, JpegHeader, Process};
use super::picture::Note;
use super::pixels::Pixels;
use super::scaled_jpeg::decode_scaled;
use super::{Format, Limits, PictureError};

/// Reductions of what our own decoder leaves to others, the strongest first, and from how many pixels on each pays: `zune-jpeg`
/// decodes whole pictures faster than `jpeg-decoder` halves them, until the result passes the 32 MiB beyond which each allocation is
/// fresh memory from the system. Measured with `examples/picture_timing.rs`.
const REDUCTIONS: [(u32, u64); 3] = [(8, 1_000_000), (4, 1_000_000), (2, 10_000_000)];
/// Our own decoder is worth it up to this many eighths: at five it does nearly the work of a whole picture.
const MOST_EIGHTHS: u32 = 4;

pub(super) fn decode(bytes: &[u8], limits: &Limits, at_least: Option<u32>) -> Result<Pixels, PictureError> {
    let header = JpegHeader::read(bytes)?;
    let (width, height) = (u32::from(header.width), u32::from(header.height));
    limits.check_size(width, height)?;
    header.check_scans(bytes)?;
    let zune_can = matches!(header.colour, Colour::Grey | Colour::YCbCr) && !header.colour_is_disputed;
    let mut notes = Vec::new();
    let simple = zune_can && header.process == Process::Sequential && header.first_scan_is_whole;
    if let Some(eighths) = at_least.filter(|_| simple).and_then(|side| eighths(width, height, side)) {
        limits.check_memory(scaled_bytes(&header, eighths))?;
        // What is not by the book is for decoders that take it as far as it goes.
        if let Ok(scaled) = decode_scaled(bytes, eighths as u8) {
            let samples = if scaled.grey { Samples::Grey } else { Samples::Rgb };
            let pixels = Pixels::new(scaled.width, scaled.height, samples, scaled.data);
            return Ok(finished(pixels, &header, notes, eighths));
        }
    }
    let reduction = at_least.map_or(1, |side| reduction(width, height, side));
    limits.check_memory(peak_bytes(&header, reduction))?;

    let pixels = if zune_can && reduction == 1 {
        match zune(bytes, &header, &mut notes) {
            // Rare sampling factors.
            Err(PictureError::Unsupported { .. }) => reduced(bytes, &header, 1, limits)?,
            other => other?,
        }
    } else {
        reduced(bytes, &header, reduction, limits)?
    };
    Ok(finished(pixels, &header, notes, 8 / reduction))
}

/// Pixels with what the header says of them.
fn finished(mut pixels: Pixels, header: &JpegHeader, mut notes: Vec<Note>, eighths: u32) -> Pixels {
    if header.icc_is_incomplete() {
        notes.push(Note::ColourProfileIgnored { reason: "parts of it are missing".to_owned() });
    }
    pixels.notes = notes;
    pixels.profile = header.icc_profile();
    pixels.orientation = header.orientation;
    pixels.original = (header.width.into(), header.height.into());
    pixels.eighths = eighths;
    pixels
}

/// To how many eighths the picture may shrink while our own decoder reads it, where that is worth it: its longer side stays
/// at least twice `side`.
fn eighths(width: u32, height: u32, side: u32) -> Option<u32> {
    let wanted = u64::from(side) * 2 * 8;
    let eighths = wanted.div_ceil(u64::from(width.max(height))).max(1) as u32;
    // A short side of a few pixels would be distorted by rounding up.
    (width.min(height) >= 64 && eighths <= MOST_EIGHTHS).then_some(eighths)
}

/// Memory for our own decoder: the result, and a row of blocks of each component.
fn scaled_bytes(header: &JpegHeader, eighths: u32) -> u64 {
    let shrunk = |side: u16| u64::from(side).div_ceil(8) * u64::from(eighths);
    let (width, height) = (shrunk(header.width), shrunk(header.height));
    width * height * header.colour.components() + width * 32 * header.colour.components()
}

/// By how much the picture may shrink while decoding: its longer side stays at least twice `side`.
fn reduction(width: u32, height: u32, side: u32) -> u32 {
    // A short side of a few pixels would be distorted by rounding up.
    if width.min(height) < 64 {
        return 1;
    }
    let (longer, pixels) = (width.max(height), u64::from(width) * u64::from(height));
    let pays = |&&(by, from): &&(u32, u64)| pixels >= from && longer / by >= side.saturating_mul(2);
    REDUCTIONS.iter().find(pays).map_or(1, |&(by, _)| by)
}

/// Memory at the peak: the result, and what the decoder keeps beside it.
fn peak_bytes(header: &JpegHeader, reduction: u32) -> u64 {
    let full = u64::from(header.width) * u64::from(header.height);
    let out = full.div_ceil(u64::from(reduction * reduction));
    // Two bytes a coefficient, all at once, when they come in several passes.
    let kept = header.process == Process::Progressive || !header.first_scan_is_whole;
    let coefficients = if kept { full * header.samples_per_pixel * 2 } else { 0 };
    let components = header.colour.components();
    // zune-jpeg writes a few lines at a time into the result; jpeg-decoder keeps whole planes.
    let planes = if reduction > 1 || components == 4 { out * components } else { 0 };
    coefficients + planes + out * components.max(3)
}

fn zune(bytes: &[u8], header: &JpegHeader, notes: &mut Vec<Note>) -> Result<Pixels, PictureError> {
    let (samples, space) = match header.colour {
        Colour::Grey => (Samples::Grey, ColorSpace::Luma),
        _ => (Samples::Rgb, ColorSpace::RGB),
    };
    let pixels = usize::from(header.width) * usize::from(header.height);
    let mut data = vec![0; pixels * samples.per_pixel()];
    // First by the book; where that fails, as far as it goes, as a browser would, with a note.
    if let Err(error) = zune_into(bytes, space, true, &mut data) {
        if matches!(error, DecodeErrors::Unsupported(_)) {
            return Err(PictureError::unsupported(Format::Jpeg, error));
        }
        zune_into(bytes, space, false, &mut data).map_err(|error| PictureError::damaged(Format::Jpeg, error))?;
        notes.push(Note::SlightlyDamaged { reason: error.to_string() });
    }
    Ok(Pixels::new(header.width.into(), header.height.into(), samples, data))
}

fn zune_into(bytes: &[u8], space: ColorSpace, strict: bool, data: &mut [u8]) -> Result<(), DecodeErrors> {
    let options = DecoderOptions::default()
        .jpeg_set_out_colorspace(space)
        .set_strict_mode(strict)
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX));
    let mut decoder = zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers()?;
    if decoder.output_buffer_size() != Some(data.len()) {
        return Err(DecodeErrors::FormatStatic("the decoder sees another size than the header gives"));
    }
    decoder.decode_into(data)
}

/// `jpeg-decoder`, at 1/1, 1/2, 1/4 or 1/8 of the size.
fn reduced(bytes: &[u8], header: &JpegHeader, by: u32, limits: &Limits) -> Result<Pixels, PictureError> {
    use jpeg_decoder::ColorTransform;
    let mut decoder = jpeg_decoder::Decoder::new(bytes);
    decoder.set_color_transform(match header.colour {
        Colour::Grey => ColorTransform::Grayscale,
        Colour::YCbCr => ColorTransform::YCbCr,
        Colour::Rgb => ColorTransform::RGB,
        Colour::Cmyk => ColorTransform::CMYK,
        Colour::Ycck => ColorTransform::YCCK,
    });
    decoder.set_max_decoding_buffer_size(usize::try_from(limits.decode_bytes).unwrap_or(usize::MAX));
    let shrink = |side: u16| u16::try_from(u32::from(side).div_ceil(by)).unwrap_or(u16::MAX);
    let (width, height) = decoder.scale(shrink(header.width), shrink(header.height)).map_err(from_jpeg_decoder)?;
    let data = decoder.decode().map_err(from_jpeg_decoder)?;
    // Four colours come out as amounts of ink: `jpeg-decoder` undoes Adobe's inversion, and like browsers and Pillow
    // it takes every four-colour JPEG for one of Adobe's kind.
    let samples = match header.colour {
        Colour::Grey => Samples::Grey,
        Colour::YCbCr | Colour::Rgb => Samples::Rgb,
        Colour::Cmyk | Colour::Ycck => Samples::Cmyk,
    };
    Ok(Pixels::new(width.into(), height.into(), samples, data))
}

fn from_jpeg_decoder(error: jpeg_decoder::Error) -> PictureError {
    match error {
        jpeg_decoder::Error::Io(error) => PictureError::from_io(Format::Jpeg, &error),
        jpeg_decoder::Error::Unsupported(feature) => {
            PictureError::unsupported(Format::Jpeg, format_args!("{feature:?}"))
        }
        other => PictureError::damaged(Format::Jpeg, other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eighths_keep_twice_the_side_asked_for() {
        assert_eq!(eighths(224, 224, 260), None);
        assert_eq!(eighths(1_039, 800, 260), None, "five eighths are not worth it");
        assert_eq!(eighths(1_040, 800, 260), Some(4));
        assert_eq!(eighths(1_500, 1_125, 260), Some(3));
        assert_eq!(eighths(4_000, 3_000, 260), Some(2));
        assert_eq!(eighths(4_160, 3_000, 260), Some(1));
        assert_eq!(eighths(65_000, 3_000, 1), Some(1));
        assert_eq!(eighths(20_000, 20, 16), None, "too flat");
        assert_eq!(eighths(u32::MAX, 64, u32::MAX), None);
    }

    #[test]
    fn reduction_keeps_twice_the_side_asked_for() {
        assert_eq!(reduction(1500, 1125, 260), 1, "halving does not pay");
        assert_eq!(reduction(2080, 1500, 260), 4);
        assert_eq!(reduction(4000, 3000, 260), 4);
        assert_eq!(reduction(4160, 3000, 260), 8);
        assert_eq!(reduction(4000, 3000, 1000), 2);
        assert_eq!(reduction(4000, 3000, 1001), 1);
        assert_eq!(reduction(u32::MAX, 64, u32::MAX), 1);
        assert_eq!(reduction(20_000, 20, 16), 1, "too flat");
    }
}
