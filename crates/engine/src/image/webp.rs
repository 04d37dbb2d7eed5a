//! WebP, lossy and lossless, with alpha; the first frame of an animation.

use std::io::Cursor;

use image_webp::{DecodingError, WebPDecoder};

use super::colour::Samples;
use super::decode::Header;
use super::orientation::{self, Orientation};
use super::picture::Note;
use super::pixels::Pixels;
use super::{Format, Limits, PictureError};

/// Bytes a pixel at the peak: the result, and beside it the pixels with alpha or the colour planes.
const PEAK_PER_PIXEL: u64 = 8;
/// The same for an animation, which has a canvas and colour planes as well.
const PEAK_PER_PIXEL_ANIMATED: u64 = 14;

struct Opened<'a> {
    decoder: WebPDecoder<Cursor<&'a [u8]>>,
    width: u32,
    height: u32,
    orientation: Orientation,
}

fn open<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Opened<'a>, PictureError> {
    let announced =
        bytes.get(4..8).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes).ok_or(PictureError::Truncated)?;
    // The lossy decoder fills in what is missing at the end: the container's own length says whether anything is.
    if u64::from(announced) + 8 > bytes.len() as u64 {
        return Err(PictureError::Truncated);
    }
    check_bitstreams(bytes.get(12..).unwrap_or_default(), limits)?;
    let mut decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(|error| from_webp(error, limits))?;
    // No chunk is longer than the file, whatever it says.
    decoder.set_memory_limit(bytes.len());
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(PictureError::damaged(Format::WebP, "a side of 0 pixels"));
    }
    limits.check_size(width, height)?;
    let exif = decoder.exif_metadata().ok().flatten();
    let orientation = exif.map_or(Orientation::NoTransforms, |exif| orientation::from_exif(&exif));
    Ok(Opened { decoder, width, height, orientation })
}

pub(super) fn probe(bytes: &[u8], limits: &Limits) -> Result<Header, PictureError> {
    let opened = open(bytes, limits)?;
    Ok(Header::oriented(Format::WebP, opened.orientation, opened.width, opened.height))
}

pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Pixels, PictureError> {
    let Opened { mut decoder, width, height, orientation } = open(bytes, limits)?;
    let per_pixel = if decoder.is_animated() { PEAK_PER_PIXEL_ANIMATED } else { PEAK_PER_PIXEL };
    limits.check_memory(u64::from(width) * u64::from(height) * per_pixel)?;
    let samples = if decoder.has_alpha() { Samples::Rgba } else { Samples::Rgb };
    if decoder.is_animated() {
        // The background an animation asks for is for players; ours is white, under its alpha.
        decoder.set_background_color([0; 4]).map_err(|error| from_webp(error, limits))?;
    }
    let mut notes = Vec::new();
    let profile = decoder.icc_profile().unwrap_or_else(|error| {
        notes.push(Note::ColourProfileIgnored { reason: error.to_string() });
        None
    });
    let length = decoder.output_buffer_size().ok_or_else(|| limits.memory_exhausted())?;
    let mut data = vec![0; length];
    decoder.read_image(&mut data).map_err(|error| from_webp(error, limits))?;
    let mut pixels = Pixels::new(width, height, samples, data);
    pixels.profile = profile;
    pixels.orientation = orientation;
    pixels.notes = notes;
    Ok(pixels)
}

/// Checks the sizes that the bitstreams themselves give: the decoder allocates by them before it compares them with the
/// canvas. `chunks` is what follows `WEBP` in the container; frames (`ANMF`) hold chunks after 16 bytes of their own.
fn check_bitstreams(mut chunks: &[u8], limits: &Limits) -> Result<(), PictureError> {
    while let Some((head, body)) = chunks.split_at_checked(8) {
        let (kind, length) = head.split_at(4);
        let length = usize::try_from(u32::from_le_bytes(length.try_into().unwrap_or_default())).unwrap_or(usize::MAX);
        let payload = &body[..length.min(body.len())];
        let size = match kind {
            // RFC 9649: three bytes of frame tag, three of start code, then 14 bits each and 2 of scaling.
            b"VP8 " => payload.get(6..10).map(|b| (le16(b) & 0x3FFF, le16(&b[2..]) & 0x3FFF)),
            // One byte of signature, then 14 bits each, less one.
            b"VP8L" => payload
                .get(1..5)
                .and_then(|b| b.try_into().ok())
                .map(u32::from_le_bytes)
                .map(|bits| ((bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1)),
            b"ANMF" => {
                check_bitstreams(payload.get(16..).unwrap_or_default(), limits)?;
                None
            }
            _ => None,
        };
        if let Some((width, height)) = size {
            limits.check_size(width, height)?;
            limits.check_memory(u64::from(width) * u64::from(height) * PEAK_PER_PIXEL)?;
        }
        chunks = body.get(length.saturating_add(length & 1)..).unwrap_or_default();
    }
    Ok(())
}

fn le16(bytes: &[u8]) -> u32 {
    u32::from(bytes[0]) | u32::from(bytes[1]) << 8
}

fn from_webp(error: DecodingError, limits: &Limits) -> PictureError {
    match error {
        DecodingError::IoError(error) => PictureError::from_io(Format::WebP, &error),
        DecodingError::MemoryLimitExceeded => limits.memory_exhausted(),
        DecodingError::UnsupportedFeature(feature) => PictureError::unsupported(Format::WebP, feature),
        other => PictureError::damaged(Format::WebP, other),
    }
}
