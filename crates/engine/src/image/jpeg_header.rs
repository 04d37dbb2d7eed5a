//! The segments of a JPEG before and between its scans (ITU-T T.81, annex B): enough to refuse what is too big before
//! decoding, and to tell a file cut short from a whole one, which lenient decoders do not.

use super::orientation::{Orientation, from_exif};
use super::{Format, PictureError};

/// More scans than any encoder writes (libjpeg's default script has 10): each costs a pass over the whole picture, so a
/// small file with very many of them could keep a decoder busy for hours.
const MOST_SCANS: usize = 100;

/// How the coefficients are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Process {
    /// One pass per component (SOF0, SOF1).
    Sequential,
    /// Many passes, coarse to fine (SOF2): all coefficients stay in memory.
    Progressive,
}

/// What the components mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colour {
    Grey,
    YCbCr,
    Rgb,
    Cmyk,
    Ycck,
}

impl Colour {
    pub(super) fn components(self) -> u64 {
        match self {
            Self::Grey => 1,
            Self::YCbCr | Self::Rgb => 3,
            Self::Cmyk | Self::Ycck => 4,
        }
    }
}

/// What the segments before the first scan say.
#[derive(Debug)]
pub(super) struct JpegHeader {
    pub(super) width: u16,
    pub(super) height: u16,
    pub(super) process: Process,
    pub(super) colour: Colour,
    /// Whether the first scan has all components: if not, a sequential decoder keeps the coefficients, too.
    pub(super) first_scan_is_whole: bool,
    /// Samples per pixel over all components: 1.5 for 4:2:0, 3 for 4:4:4; rounded up.
    pub(super) samples_per_pixel: u64,
    pub(super) orientation: Orientation,
    /// Whether an Adobe segment contradicts the other signs of what three components mean.
    pub(super) colour_is_disputed: bool,
    /// Parts of the ICC profile, (number, of how many, bytes).
    icc_parts: Vec<(u8, u8, Vec<u8>)>,
    /// Where the entropy-coded data of the first scan begin.
    scan_data: usize,
}

/// What the frame header says, before colour is known.
struct Frame {
    width: u16,
    height: u16,
    process: Process,
    /// Identifier, horizontal and vertical sampling factor.
    components: Vec<(u8, u8, u8)>,
}

fn damaged(reason: impl std::fmt::Display) -> PictureError {
    PictureError::damaged(Format::Jpeg, reason)
}

fn unsupported(feature: &str) -> PictureError {
    PictureError::unsupported(Format::Jpeg, feature)
}

/// The marker at or after `at`, and where its segment begins. Stray bytes between segments are skipped, as all decoders
/// do; `FF 00` and restart markers are entropy-coded data.
pub(super) fn next_marker(bytes: &[u8], mut at: usize) -> Result<(u8, usize), PictureError> {
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        at += memchr::memchr(0xFF, rest).ok_or(PictureError::Truncated)? + 1;
        match bytes.get(at) {
            None => return Err(PictureError::Truncated),
            Some(0x00 | 0x01 | 0xD0..=0xD7) => at += 1,
            // Fill byte: the next one may be the marker.
            Some(0xFF) => {}
            Some(&marker) => return Ok((marker, at + 1)),
        }
    }
}

/// The payload of the segment whose length field is at `at`, and where the next one begins.
pub(super) fn segment(bytes: &[u8], at: usize) -> Result<(&[u8], usize), PictureError> {
    let &[high, low] = bytes.get(at..at + 2).ok_or(PictureError::Truncated)? else {
        return Err(PictureError::Truncated);
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length < 2 {
        return Err(damaged("a segment shorter than its own length field"));
    }
    let payload = bytes.get(at + 2..at + length).ok_or(PictureError::Truncated)?;
    Ok((payload, at + length))
}

impl JpegHeader {
    /// Reads up to the first scan.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, PictureError> {
        let mut frame = None;
        let (mut jfif, mut adobe, mut orientation) = (false, None, Orientation::NoTransforms);
        let mut icc_parts = Vec::new();
        let mut at = 2;
        let (scan_data, scan_components) = loop {
            let (marker, start) = next_marker(bytes, at)?;
            match marker {
                0xD8 => at = start,
                0xD9 => return Err(damaged("it ends before its first scan")),
                _ => {
                    let (payload, next) = segment(bytes, start)?;
                    match marker {
                        0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF => {
                            if frame.is_some() {
                                return Err(damaged("two frame headers"));
                            }
                            frame = Some(read_frame(marker, payload)?);
                        }
                        0xE0 => jfif |= payload.starts_with(b"JFIF\0"),
                        0xE1 => {
                            if let Some(exif) = payload.strip_prefix(b"Exif\0\0") {
                                orientation = from_exif(exif);
                            }
                        }
                        0xE2 => {
                            if let Some([number, of, part @ ..]) = payload.strip_prefix(b"ICC_PROFILE\0") {
                                icc_parts.push((*number, *of, part.to_vec()));
                            }
                        }
                        0xEE if payload.starts_with(b"Adobe") => adobe = payload.get(11).copied(),
                        0xDA => break (next, payload.first().copied().map_or(0, usize::from)),
                        _ => {}
                    }
                    at = next;
                }
            }
        };
        let frame = frame.ok_or_else(|| damaged("a scan before the frame header"))?;
        let (colour, colour_is_disputed) = colour_of(&frame.components, jfif, adobe)?;
        Ok(Self {
            width: frame.width,
            height: frame.height,
            process: frame.process,
            colour,
            first_scan_is_whole: scan_components == frame.components.len(),
            samples_per_pixel: samples_per_pixel(&frame.components),
            orientation,
            colour_is_disputed,
            icc_parts,
            scan_data,
        })
    }

    /// Walks over the scans to the end-of-image marker.
    ///
    /// # Errors
    /// [`PictureError::Truncated`] when there is no such marker; damaged when there are more scans than is sane.
    pub(super) fn check_scans(&self, bytes: &[u8]) -> Result<(), PictureError> {
        let mut at = self.scan_data;
        for _ in 0..MOST_SCANS {
            loop {
                let (marker, start) = next_marker(bytes, at)?;
                match marker {
                    0xD9 => return Ok(()),
                    0xDA => {
                        at = segment(bytes, start)?.1;
                        break;
                    }
                    _ => at = segment(bytes, start)?.1,
                }
            }
        }
        Err(damaged(format_args!("more than {MOST_SCANS} scans")))
    }

    /// The ICC profile, when all its parts are there.
    pub(super) fn icc_profile(&self) -> Option<Vec<u8>> {
        let count = u8::try_from(self.icc_parts.len()).ok().filter(|&count| count > 0)?;
        let part = |number| self.icc_parts.iter().find(|&&(n, of, _)| n == number && of == count);
        (1..=count)
            .map(|number| part(number).map(|(_, _, bytes)| bytes.as_slice()))
            .collect::<Option<Vec<_>>>()
            .map(|p| p.concat())
    }

    /// Whether there are parts of a profile that make no whole.
    pub(super) fn icc_is_incomplete(&self) -> bool {
        !self.icc_parts.is_empty() && self.icc_profile().is_none()
    }
}

/// T.81, B.2.2.
fn read_frame(marker: u8, payload: &[u8]) -> Result<Frame, PictureError> {
    let process = match marker {
        0xC0 | 0xC1 => Process::Sequential,
        0xC2 => Process::Progressive,
        0xC3 => return Err(unsupported("lossless coding")),
        0xC5..=0xC7 => return Err(unsupported("hierarchical coding")),
        _ => return Err(unsupported("arithmetic coding")),
    };
    let &[precision, h1, h0, w1, w0, count, ref rest @ ..] = payload else {
        return Err(damaged("a short frame header"));
    };
    if precision != 8 {
        return Err(unsupported(&format!("{precision} bits a sample")));
    }
    let (width, height) = (u16::from_be_bytes([w1, w0]), u16::from_be_bytes([h1, h0]));
    if height == 0 {
        return Err(unsupported("a height given after the first scan"));
    }
    if width == 0 {
        return Err(damaged("a width of 0"));
    }
    let components: Vec<_> = rest.chunks_exact(3).map(|c| (c[0], c[1] >> 4, c[1] & 15)).collect();
    if components.len() != usize::from(count) {
        return Err(damaged("a frame header with the wrong number of components"));
    }
    if components.iter().any(|&(_, h, v)| !(1..=4).contains(&h) || !(1..=4).contains(&v)) {
        return Err(damaged("a sampling factor that does not exist"));
    }
    Ok(Frame { width, height, process, components })
}

/// What the components mean, by libjpeg's rules (`default_decompress_parms`), and whether the signs disagree.
fn colour_of(components: &[(u8, u8, u8)], jfif: bool, adobe: Option<u8>) -> Result<(Colour, bool), PictureError> {
    let ids: Vec<u8> = components.iter().map(|&(id, _, _)| id).collect();
    match (components.len(), jfif, adobe) {
        (1, _, _) => Ok((Colour::Grey, false)),
        (3, true, _) => Ok((Colour::YCbCr, adobe == Some(0))),
        (3, false, Some(0)) => Ok((Colour::Rgb, false)),
        (3, false, None) if ids == *b"RGB" => Ok((Colour::Rgb, false)),
        (3, false, _) => Ok((Colour::YCbCr, false)),
        (4, _, Some(2)) => Ok((Colour::Ycck, false)),
        (4, _, _) => Ok((Colour::Cmyk, false)),
        (count, _, _) => Err(unsupported(&format!("{count} colour components"))),
    }
}

fn samples_per_pixel(components: &[(u8, u8, u8)]) -> u64 {
    let most = |of: fn(&(u8, u8, u8)) -> u8| u64::from(components.iter().map(of).max().unwrap_or(1).max(1));
    let block = most(|c| c.1) * most(|c| c.2);
    let samples: u64 = components.iter().map(|&(_, h, v)| u64::from(h) * u64::from(v)).sum();
    samples.div_ceil(block)
}
