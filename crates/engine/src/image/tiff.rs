//! TIFF: the first page, 1 to 16 bits, grey, RGB, palette and CMYK, interleaved or planar.

use std::io::Cursor;

use tiff::decoder::{Decoder, DecodingResult, Limits as TiffLimits};
use tiff::tags::Tag;
use tiff::{ColorType, TiffError};

use super::colour::Samples;
use super::decode::Header;
use super::orientation::Orientation;
use super::pixels::{Pixels, narrow};
use super::{Format, Limits, PictureError};

/// No tag is longer: CMYK profiles reach 3 MB.
const MOST_TAG_BYTES: usize = 16 << 20;

/// How the samples of a page are to be read.
struct Layout {
    /// Samples of a pixel in the file, extra ones included.
    stored: usize,
    bits: u8,
    /// What the first of them are; the others are dropped.
    samples: Samples,
    /// Red, green, blue of each palette entry; the one sample is an index then.
    palette: Option<Vec<[u8; 3]>>,
    /// Whether the colours were multiplied by alpha (`ExtraSamples` 1).
    premultiplied: bool,
}

struct Opened<'a> {
    decoder: Decoder<Cursor<&'a [u8]>>,
    width: u32,
    height: u32,
    orientation: Orientation,
}

fn open<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Opened<'a>, PictureError> {
    let mut tiff_limits = TiffLimits::default();
    tiff_limits.decoding_buffer_size = usize::try_from(limits.decode_bytes).unwrap_or(usize::MAX);
    tiff_limits.intermediate_buffer_size = tiff_limits.decoding_buffer_size;
    tiff_limits.ifd_value_size = MOST_TAG_BYTES;
    let fail = |error| from_tiff(error, limits);
    let mut decoder = Decoder::new(Cursor::new(bytes)).map_err(fail)?.with_limits(tiff_limits);
    let (width, height) = decoder.dimensions().map_err(fail)?;
    if width == 0 || height == 0 {
        return Err(PictureError::damaged(Format::Tiff, "a side of 0 pixels"));
    }
    limits.check_size(width, height)?;
    let orientation = decoder.find_tag_unsigned::<u8>(Tag::Orientation).ok().flatten().and_then(Orientation::from_exif);
    Ok(Opened { decoder, width, height, orientation: orientation.unwrap_or(Orientation::NoTransforms) })
}

pub(super) fn probe(bytes: &[u8], limits: &Limits) -> Result<Header, PictureError> {
    let opened = open(bytes, limits)?;
    Ok(Header::oriented(Format::Tiff, opened.orientation, opened.width, opened.height))
}

pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Pixels, PictureError> {
    let Opened { mut decoder, width, height, orientation } = open(bytes, limits)?;
    let layout = layout(&mut decoder, limits)?;
    // The samples as stored, the samples as bytes, and the picture.
    let per_pixel = layout.stored as u64 * u64::from(layout.bits.div_ceil(8)) + layout.samples.per_pixel() as u64 + 3;
    limits.check_memory(u64::from(width) * u64::from(height) * per_pixel)?;
    let profile = decoder.get_tag_u8_vec(Tag::IccProfile).ok();

    let mut result = DecodingResult::U8(Vec::new());
    let read = decoder.read_image_to_buffer(&mut result).map_err(|error| from_tiff(error, limits))?;
    if result.as_buffer(0).byte_len() < read.complete_len {
        return Err(limits.memory_exhausted());
    }
    let planes = usize::from(read.planes.max(1));
    let size = (width as usize, height as usize);
    let data = match result {
        DecodingResult::U8(values) => gather(&unpack(values, size, planes, &layout), planes, size, &layout, |v| v),
        DecodingResult::U16(values) => gather(&values, planes, size, &layout, narrow),
        _ => return Err(PictureError::unsupported(Format::Tiff, "samples that are not 1 to 16 bit integers")),
    }
    .ok_or(PictureError::Truncated)?;
    let mut pixels = Pixels::new(width, height, layout.samples, data);
    pixels.profile = profile;
    pixels.orientation = orientation;
    Ok(pixels)
}

fn layout(decoder: &mut Decoder<Cursor<&[u8]>>, limits: &Limits) -> Result<Layout, PictureError> {
    let colour = decoder.colortype().map_err(|error| from_tiff(error, limits))?;
    let stored = decoder.find_tag_unsigned::<u16>(Tag::SamplesPerPixel).ok().flatten().unwrap_or(1);
    let (samples, bits) = match colour {
        ColorType::Gray(bits) => (Samples::Grey, bits),
        ColorType::GrayA(bits) => (Samples::GreyAlpha, bits),
        ColorType::Multiband { bit_depth, num_samples: 2 } => (Samples::GreyAlpha, bit_depth),
        ColorType::Palette(bits) => (Samples::Rgb, bits),
        ColorType::RGB(bits) => (Samples::Rgb, bits),
        ColorType::RGBA(bits) => (Samples::Rgba, bits),
        ColorType::CMYK(bits) | ColorType::CMYKA(bits) => (Samples::Cmyk, bits),
        other => return Err(PictureError::unsupported(Format::Tiff, format_args!("{other:?} pixels"))),
    };
    let palette = match colour {
        ColorType::Palette(_) => Some(palette(decoder, limits)?),
        _ => None,
    };
    let several = samples.per_pixel() > 1 && palette.is_none();
    if !(matches!(bits, 8 | 16) || (matches!(bits, 1 | 2 | 4) && !several)) || (bits == 16 && palette.is_some()) {
        return Err(PictureError::unsupported(Format::Tiff, format_args!("{bits} bits a sample, {colour:?}")));
    }
    let extra = decoder.find_tag_unsigned_vec::<u16>(Tag::ExtraSamples).ok().flatten().unwrap_or_default();
    let stored = if palette.is_some() { 1 } else { usize::from(stored).max(samples.per_pixel()) };
    Ok(Layout { stored, bits, samples, palette, premultiplied: extra.first() == Some(&1) })
}

/// The colour map: all reds, all greens, all blues, 16 bits each.
fn palette(decoder: &mut Decoder<Cursor<&[u8]>>, limits: &Limits) -> Result<Vec<[u8; 3]>, PictureError> {
    let map = decoder.get_tag_u16_vec(Tag::ColorMap).map_err(|error| from_tiff(error, limits))?;
    // Some writers put 8-bit values in.
    let convert = if map.iter().all(|&value| value < 256) { |value: u16| value as u8 } else { narrow };
    let entries = map.len() / 3;
    Ok((0..entries).map(|i| [i, i + entries, i + 2 * entries].map(|at| convert(map[at]))).collect())
}

/// Samples of fewer than 8 bits, packed from the high bit on in lines of whole bytes, one to a byte: indices stay as
/// they are, greys are stretched to 0–255.
fn unpack(values: Vec<u8>, (width, height): (usize, usize), planes: usize, layout: &Layout) -> Vec<u8> {
    if layout.bits >= 8 {
        return values;
    }
    let per_byte = usize::from(8 / layout.bits);
    let most = u8::MAX >> (8 - layout.bits);
    let stretch = if layout.palette.is_some() { 1 } else { 255 / most };
    let row = width.div_ceil(per_byte);
    let mut out = Vec::with_capacity(width * height * planes);
    for line in values.chunks_exact(row.max(1)).take(height * planes) {
        let samples = (0..width).map(|x| {
            let shift = 8 - layout.bits as usize * (x % per_byte + 1);
            ((line[x / per_byte] >> shift) & most) * stretch
        });
        out.extend(samples);
    }
    out
}

/// The wanted samples of each pixel as bytes, side by side, whether stored side by side or plane after plane.
fn gather<T: Copy>(
    values: &[T],
    planes: usize,
    (width, height): (usize, usize),
    layout: &Layout,
    to_byte: impl Fn(T) -> u8,
) -> Option<Vec<u8>> {
    let pixels = width * height;
    if let Some(palette) = &layout.palette {
        let colour = |&index: &T| palette.get(usize::from(to_byte(index))).copied().unwrap_or_default();
        return Some(values.get(..pixels)?.iter().flat_map(colour).collect());
    }
    let wanted = layout.samples.per_pixel();
    let mut data = Vec::with_capacity(pixels * wanted);
    if planes > 1 {
        let plane = values.len() / planes;
        if planes < wanted || plane < pixels {
            return None;
        }
        for pixel in 0..pixels {
            data.extend((0..wanted).map(|sample| to_byte(values[sample * plane + pixel])));
        }
    } else {
        for pixel in values.get(..pixels * layout.stored)?.chunks_exact(layout.stored) {
            data.extend(pixel[..wanted].iter().map(|&value| to_byte(value)));
        }
    }
    if layout.premultiplied && layout.samples == Samples::Rgba {
        data.as_chunks_mut::<4>().0.iter_mut().for_each(divide_by_alpha);
    }
    Some(data)
}

fn divide_by_alpha([red, green, blue, alpha]: &mut [u8; 4]) {
    if *alpha > 0 {
        for colour in [red, green, blue] {
            let whole = (u32::from(*colour) * 255 + u32::from(*alpha) / 2) / u32::from(*alpha);
            *colour = u8::try_from(whole).unwrap_or(u8::MAX);
        }
    }
}

fn from_tiff(error: TiffError, limits: &Limits) -> PictureError {
    match error {
        TiffError::IoError(error) => PictureError::from_io(Format::Tiff, &error),
        TiffError::LimitsExceeded => limits.memory_exhausted(),
        TiffError::UnsupportedError(feature) => PictureError::unsupported(Format::Tiff, feature),
        other => PictureError::damaged(Format::Tiff, other),
    }
}
