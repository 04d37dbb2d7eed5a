//! The segments before the scan (annex B): size, components, and which tables they use.

use super::Error;
use super::tables::{Codes, QuantTable, Tables};
use crate::image::jpeg_header::{next_marker, segment};

/// What it takes to decode the scan.
pub(super) struct Frame {
    pub(super) width: usize,
    pub(super) height: usize,
    /// One (grey) or three (Y, Cb, Cr).
    pub(super) components: Vec<Component>,
    /// MCUs between two restart markers; 0 for none.
    pub(super) restart_interval: usize,
}

pub(super) struct Component {
    id: u8,
    /// Horizontal and vertical sampling factor.
    pub(super) h: usize,
    pub(super) v: usize,
    quant_index: u8,
    pub(super) quant: QuantTable,
    pub(super) dc: Codes,
    pub(super) ac: Codes,
}

/// Everything gathered up to the scan.
#[derive(Default)]
struct Segments {
    frame: Option<Frame>,
    tables: Tables,
    restart_interval: usize,
    jfif: bool,
    /// The colour transform that Adobe's segment names.
    adobe: Option<u8>,
}

/// Reads up to the scan; also returns the bytes from its entropy-coded data on.
pub(super) fn read(bytes: &[u8]) -> Result<(Frame, &[u8]), Error> {
    if !bytes.starts_with(&[0xFF, 0xD8]) {
        return Err(Error::damaged("it does not start like a JPEG"));
    }
    let mut segments = Segments::default();
    let mut at = 2;
    loop {
        let (marker, start) = next_marker(bytes, at)?;
        match marker {
            0xD8 => at = start,
            0xD9 => return Err(Error::damaged("it ends before its scan")),
            _ => {
                let (payload, next) = segment(bytes, start)?;
                if marker == 0xDA {
                    return Ok((segments.start_scan(payload)?, &bytes[next..]));
                }
                segments.take(marker, payload)?;
                at = next;
            }
        }
    }
}

impl Segments {
    fn take(&mut self, marker: u8, payload: &[u8]) -> Result<(), Error> {
        match marker {
            0xC0 | 0xC1 => {
                if self.frame.is_some() {
                    return Err(Error::damaged("two frame headers"));
                }
                self.frame = Some(read_frame(payload)?);
            }
            0xC2 => return Err(Error::Unsupported("progressive coding")),
            0xC4 => self.tables.read_huffman(payload)?,
            0xC3 | 0xC5..=0xC7 => return Err(Error::Unsupported("lossless or hierarchical coding")),
            0xC9..=0xCF => return Err(Error::Unsupported("arithmetic coding")),
            0xDB => self.tables.read_quant(payload)?,
            // B.2.4.4.
            0xDD => match *payload {
                [high, low] => self.restart_interval = usize::from(u16::from_be_bytes([high, low])),
                _ => return Err(Error::damaged("a restart interval of the wrong length")),
            },
            0xE0 => self.jfif |= payload.starts_with(b"JFIF\0"),
            0xEE if payload.starts_with(b"Adobe") => self.adobe = payload.get(11).copied(),
            _ => {}
        }
        Ok(())
    }

    /// B.2.3. Binds the tables as they stand now.
    fn start_scan(self, payload: &[u8]) -> Result<Frame, Error> {
        let mut frame = self.frame.ok_or_else(|| Error::damaged("a scan before the frame header"))?;
        check_colour(&frame.components, self.jfif, self.adobe)?;
        let Some((&count, rest)) = payload.split_first() else {
            return Err(Error::damaged("an empty scan header"));
        };
        if usize::from(count) != frame.components.len() {
            return Err(Error::Unsupported("several scans"));
        }
        let Some((selectors, spectral)) = rest.split_at_checked(2 * frame.components.len()) else {
            return Err(Error::damaged("a short scan header"));
        };
        // Sequential decoders need not look at these, but other values say that something is amiss.
        if *spectral != [0, 63, 0] {
            return Err(Error::Unsupported("a scan of some of the frequencies"));
        }
        for (component, selector) in frame.components.iter_mut().zip(selectors.chunks_exact(2)) {
            // B.2.3: in the order of the frame header.
            if component.id != selector[0] {
                return Err(Error::Unsupported("components in another order"));
            }
            component.quant = self.tables.quant(component.quant_index)?;
            component.dc = self.tables.dc(selector[1] >> 4)?;
            component.ac = self.tables.ac(selector[1] & 15)?;
        }
        frame.restart_interval = self.restart_interval;
        Ok(frame)
    }
}

/// B.2.2.
fn read_frame(payload: &[u8]) -> Result<Frame, Error> {
    let &[precision, h1, h0, w1, w0, count, ref rest @ ..] = payload else {
        return Err(Error::damaged("a short frame header"));
    };
    if precision != 8 {
        return Err(Error::Unsupported("other than 8 bits a sample"));
    }
    let size = |high, low| usize::from(u16::from_be_bytes([high, low]));
    let (width, height) = (size(w1, w0), size(h1, h0));
    if height == 0 {
        return Err(Error::Unsupported("a height given after the scan"));
    }
    if width == 0 {
        return Err(Error::damaged("a width of 0"));
    }
    if rest.len() != 3 * usize::from(count) {
        return Err(Error::damaged("a frame header with the wrong number of components"));
    }
    if count != 1 && count != 3 {
        return Err(Error::Unsupported("other than one or three colour components"));
    }
    let mut components: Vec<_> = rest.chunks_exact(3).map(Component::new).collect();
    if components.iter().any(|c| !(1..=4).contains(&c.h) || !(1..=4).contains(&c.v)) {
        return Err(Error::damaged("a sampling factor that does not exist"));
    }
    if let [grey] = components.as_mut_slice() {
        // A.2.2: a scan of one component has one block in each MCU, whatever the factors.
        (grey.h, grey.v) = (1, 1);
    }
    if components.iter().map(|c| c.h * c.v).sum::<usize>() > 10 {
        return Err(Error::damaged("more than ten blocks in an MCU"));
    }
    Ok(Frame { width, height, components, restart_interval: 0 })
}

impl Component {
    /// From the three bytes of the frame header, without tables yet.
    fn new(spec: &[u8]) -> Self {
        Self {
            id: spec[0],
            h: usize::from(spec[1] >> 4),
            v: usize::from(spec[1] & 15),
            quant_index: spec[2],
            quant: [0; 64],
            dc: Codes::default(),
            ac: Codes::default(),
        }
    }
}

/// Whether three components are Y, Cb and Cr, by libjpeg's rules (`default_decompress_parms`).
fn check_colour(components: &[Component], jfif: bool, adobe: Option<u8>) -> Result<(), Error> {
    let rgb = components.iter().map(|c| c.id).eq(*b"RGB");
    match (components.len(), jfif, adobe) {
        (1, _, _) => Ok(()),
        (_, true, Some(0)) => Err(Error::Unsupported("signs that disagree on what the colours mean")),
        (_, false, Some(0)) => Err(Error::Unsupported("RGB")),
        (_, false, None) if rgb => Err(Error::Unsupported("RGB")),
        _ => Ok(()),
    }
}
