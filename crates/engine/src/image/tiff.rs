//! TIFF: the first page, 1 to 16 bits, grey, RGB, palette and CMYK, interleaved or planar.

use std::io::Cursor;

use tiff::decoder::{Decoder, DecodingResult, Limits as TiffLimits};
use tiff::tags::Tag;
use tiff::{ColorType, TiffError};

use super::colour::Samples;
use super::decode::Header;
use super::jpeg_header::JpegHeader;
use super::orientation::Orientation;
use super::picture::Note;
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
    /// Whether the three samples are luma and chroma (full range, ITU-R 601), as JPEG compression leaves them.
    luma_chroma: bool,
    /// Whether the colours were multiplied by alpha (`ExtraSamples` 1).
    premultiplied: bool,
}

impl Layout {
    /// Whether the decoder's buffer is already what the picture is made from.
    fn is_ready(&self) -> bool {
        let plain = self.palette.is_none() && !self.luma_chroma && !self.premultiplied;
        plain && self.bits == 8 && self.stored == self.samples.per_pixel()
    }

    /// Bytes a pixel at the peak: samples as stored and as wanted, or as wanted and as RGB where grey grows.
    fn peak_per_pixel(&self) -> u64 {
        let wanted = self.samples.per_pixel() as u64;
        let stored = self.stored as u64 * u64::from(self.bits.div_ceil(8));
        let gathered = if self.is_ready() { stored } else { stored + wanted };
        gathered.max(if wanted < 3 { wanted + 3 } else { wanted })
    }
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
    // The decoder refuses palettes; as a grey picture, the same file gives their indices.
    let indices = PaletteFile::find(bytes);
    let readable = indices.as_ref().map_or(bytes, |file| &file.as_grey);
    let Opened { mut decoder, width, height, orientation } = open(readable, limits)?;
    let palette = if indices.is_some() { Some(palette(&mut decoder, limits)?) } else { None };
    let layout = layout(&mut decoder, palette, limits)?;
    limits.check_memory(u64::from(width) * u64::from(height) * layout.peak_per_pixel())?;
    check_jpeg_chunks(&mut decoder, readable, limits)?;
    let mut notes = Vec::new();
    let profile = match decoder.find_tag(Tag::IccProfile) {
        Ok(value) => value.and_then(|value| value.into_u8_vec().ok()),
        Err(TiffError::IoError(error)) => return Err(PictureError::from_io(Format::Tiff, &error)),
        Err(error) => {
            notes.push(Note::ColourProfileIgnored { reason: error.to_string() });
            None
        }
    };

    let mut result = DecodingResult::U8(Vec::new());
    let read = decoder.read_image_to_buffer(&mut result).map_err(|error| from_tiff(error, limits))?;
    if result.as_buffer(0).byte_len() < read.complete_len {
        return Err(limits.memory_exhausted());
    }
    let planes = read.planes.max(1);
    let size = (width as usize, height as usize);
    let data = match result {
        DecodingResult::U8(values) if layout.is_ready() && planes == 1 => Some(values),
        DecodingResult::U8(values) => gather(&unpack(values, size, planes, &layout), planes, size, &layout, |v| v),
        DecodingResult::U16(values) => gather(&values, planes, size, &layout, narrow),
        _ => return Err(PictureError::unsupported(Format::Tiff, "samples that are not 1 to 16 bit integers")),
    }
    .ok_or(PictureError::Truncated)?;
    let mut pixels = Pixels::new(width, height, layout.samples, data);
    pixels.profile = profile;
    pixels.orientation = orientation;
    pixels.notes = notes;
    Ok(pixels)
}

/// A copy of a palette TIFF whose directory says that its samples are greys.
struct PaletteFile {
    as_grey: Vec<u8>,
}

impl PaletteFile {
    /// The copy, if the first directory of a classic TIFF gives `PhotometricInterpretation` 3.
    fn find(bytes: &[u8]) -> Option<Self> {
        let big = bytes.starts_with(b"MM\0*");
        if !big && !bytes.starts_with(b"II*\0") {
            return None;
        }
        let two = |at: usize| -> Option<u16> {
            let pair = bytes.get(at..at + 2)?.try_into().ok()?;
            Some(if big { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) })
        };
        let four = bytes.get(4..8)?.try_into().ok()?;
        let directory = usize::try_from(if big { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) }).ok()?;
        let entries = usize::from(two(directory)?);
        // Twelve bytes an entry: tag, kind, count (4), value (a 16-bit one stands first).
        let entry = (0..entries).map(|i| directory + 2 + i * 12).find(|&at| two(at) == Some(262))?;
        if two(entry + 8)? != 3 {
            return None;
        }
        let mut as_grey = bytes.to_vec();
        let value = if big { [0, 1] } else { [1, 0] };
        as_grey.get_mut(entry + 8..entry + 10)?.copy_from_slice(&value);
        Some(Self { as_grey })
    }
}

/// Checks the sizes inside JPEG-compressed strips and tiles: the decoder allocates by them.
fn check_jpeg_chunks(decoder: &mut Decoder<Cursor<&[u8]>>, bytes: &[u8], limits: &Limits) -> Result<(), PictureError> {
    const MODERN_JPEG: u16 = 7;
    if decoder.find_tag_unsigned::<u16>(Tag::Compression).ok().flatten() != Some(MODERN_JPEG) {
        return Ok(());
    }
    for tag in [Tag::StripOffsets, Tag::TileOffsets] {
        let offsets = decoder.find_tag_unsigned_vec::<u64>(tag).map_err(|error| from_tiff(error, limits))?;
        for offset in offsets.unwrap_or_default() {
            let chunk = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)).unwrap_or_default();
            let header = JpegHeader::read(chunk)?;
            let (width, height) = (u32::from(header.width), u32::from(header.height));
            limits.check_size(width, height)?;
            limits.check_memory(u64::from(width) * u64::from(height) * header.colour.components())?;
        }
    }
    Ok(())
}

fn layout(
    decoder: &mut Decoder<Cursor<&[u8]>>,
    palette: Option<Vec<[u8; 3]>>,
    limits: &Limits,
) -> Result<Layout, PictureError> {
    let colour = decoder.colortype().map_err(|error| from_tiff(error, limits))?;
    let stored = decoder.find_tag_unsigned::<u16>(Tag::SamplesPerPixel).ok().flatten().unwrap_or(1);
    let (samples, bits) = match colour {
        ColorType::Gray(bits) if palette.is_some() => (Samples::Rgb, bits),
        ColorType::Gray(bits) => (Samples::Grey, bits),
        ColorType::GrayA(bits) => (Samples::GreyAlpha, bits),
        ColorType::Multiband { bit_depth, num_samples: 2 } => (Samples::GreyAlpha, bit_depth),
        ColorType::RGB(bits) | ColorType::YCbCr(bits) => (Samples::Rgb, bits),
        ColorType::RGBA(bits) => (Samples::Rgba, bits),
        ColorType::CMYK(bits) | ColorType::CMYKA(bits) => (Samples::Cmyk, bits),
        other => return Err(PictureError::unsupported(Format::Tiff, format_args!("{other:?} pixels"))),
    };
    let luma_chroma = matches!(colour, ColorType::YCbCr(_));
    let one_sample = palette.is_some() || samples == Samples::Grey;
    let readable = match bits {
        8 => true,
        16 => palette.is_none() && !luma_chroma,
        1 | 2 | 4 => one_sample,
        _ => false,
    };
    if !readable {
        return Err(PictureError::unsupported(Format::Tiff, format_args!("{bits} bits a sample, {colour:?}")));
    }
    let extra = decoder.find_tag_unsigned_vec::<u16>(Tag::ExtraSamples).ok().flatten().unwrap_or_default();
    let stored = if palette.is_some() { 1 } else { usize::from(stored).max(samples.per_pixel()) };
    Ok(Layout { stored, bits, samples, palette, luma_chroma, premultiplied: extra.first() == Some(&1) })
}

/// The colour map: all reds, all greens, all blues, 16 bits each.
fn palette(decoder: &mut Decoder<Cursor<&[u8]>>, limits: &Limits) -> Result<Vec<[u8; 3]>, PictureError> {
    let map = decoder.get_tag_u16_vec(Tag::ColorMap).map_err(|error| from_tiff(error, limits))?;
    // Some writers put 8-bit values in.
    let convert =
        if map.iter().all(|&value| value < 256) { |value: u16| u8::try_from(value).unwrap_or(u8::MAX) } else { narrow };
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
    if layout.luma_chroma {
        data.as_chunks_mut::<3>().0.iter_mut().for_each(luma_chroma_to_rgb);
    }
    Some(data)
}

/// ITU-R BT.601 with the full range, as in JPEG (JFIF 1.02).
fn luma_chroma_to_rgb(pixel: &mut [u8; 3]) {
    let [y, cb, cr] = pixel.map(f32::from);
    let (cb, cr) = (cb - 128.0, cr - 128.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates")]
    let byte = |value: f32| value.round() as u8;
    *pixel = [byte(y + 1.402 * cr), byte(y - 0.344_136 * cb - 0.714_136 * cr), byte(y + 1.772 * cb)];
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
