//! Quantisation and Huffman tables as they stand in the file (B.2.4.1, B.2.4.2).

use super::Error;

/// Quantisation steps in zigzag order.
pub(super) type QuantTable = [u16; 64];

/// A Huffman table: how many codes there are of each length, and what they stand for (annex C).
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Codes {
    /// For 1 to 16 bits.
    pub(super) counts: [u8; 16],
    /// As many as `counts` adds up to, 256 at most.
    pub(super) symbols: Vec<u8>,
}

#[derive(Default)]
pub(super) struct Tables {
    quant: [Option<QuantTable>; 4],
    dc: [Option<Codes>; 4],
    ac: [Option<Codes>; 4],
}

impl Tables {
    pub(super) fn quant(&self, index: u8) -> Result<QuantTable, Error> {
        let table = self.quant.get(usize::from(index)).copied().flatten();
        table.ok_or_else(|| Error::damaged("a component without quantisation table"))
    }

    pub(super) fn dc(&self, index: u8) -> Result<Codes, Error> {
        let table = self.dc.get(usize::from(index)).cloned().flatten();
        // Frames of motion JPEG leave out the standard tables.
        table.ok_or(Error::Unsupported("a component without Huffman table"))
    }

    pub(super) fn ac(&self, index: u8) -> Result<Codes, Error> {
        let table = self.ac.get(usize::from(index)).cloned().flatten();
        table.ok_or(Error::Unsupported("a component without Huffman table"))
    }

    /// B.2.4.1: any number of tables in a segment, of 8 or 16 bits.
    pub(super) fn read_quant(&mut self, mut payload: &[u8]) -> Result<(), Error> {
        while let Some((&kind, rest)) = payload.split_first() {
            let wide = match kind >> 4 {
                0 => false,
                1 => true,
                _ => return Err(Error::damaged("a quantisation table of unknown precision")),
            };
            let short = || Error::damaged("a short quantisation table");
            let (steps, rest) = rest.split_at_checked(if wide { 128 } else { 64 }).ok_or_else(short)?;
            let mut table = [0; 64];
            if wide {
                for (to, from) in table.iter_mut().zip(steps.chunks_exact(2)) {
                    *to = u16::from_be_bytes([from[0], from[1]]);
                }
            } else {
                for (to, &from) in table.iter_mut().zip(steps) {
                    *to = u16::from(from);
                }
            }
            let place = self.quant.get_mut(usize::from(kind & 15));
            *place.ok_or_else(|| Error::damaged("a fifth quantisation table"))? = Some(table);
            payload = rest;
        }
        Ok(())
    }

    /// B.2.4.2: any number of tables in a segment.
    pub(super) fn read_huffman(&mut self, mut payload: &[u8]) -> Result<(), Error> {
        let short = || Error::damaged("a short Huffman table");
        while let Some((&kind, rest)) = payload.split_first() {
            let (&counts, rest) = rest.split_first_chunk::<16>().ok_or_else(short)?;
            let total = counts.iter().map(|&count| usize::from(count)).sum::<usize>();
            if total > 256 {
                return Err(Error::damaged("a Huffman table with more than 256 codes"));
            }
            let (symbols, rest) = rest.split_at_checked(total).ok_or_else(short)?;
            let codes = Codes { counts, symbols: symbols.to_vec() };
            codes.check()?;
            let class = match kind >> 4 {
                0 => &mut self.dc,
                1 => &mut self.ac,
                _ => return Err(Error::damaged("a Huffman table of unknown class")),
            };
            // F.1.2.1.1; nothing takes more than 15 extra bits.
            if kind >> 4 == 0 && symbols.iter().any(|&symbol| symbol > 15) {
                return Err(Error::damaged("a DC difference of more than 15 bits"));
            }
            let place = class.get_mut(usize::from(kind & 15));
            *place.ok_or_else(|| Error::damaged("a fifth Huffman table"))? = Some(codes);
            payload = rest;
        }
        Ok(())
    }
}

impl Codes {
    /// Whether there is a code for each symbol: figure C.2 must not run out of codes of some length.
    fn check(&self) -> Result<(), Error> {
        let mut free = 1_i32;
        for &count in &self.counts {
            free = 2 * free - i32::from(count);
            if free < 0 {
                return Err(Error::damaged("a Huffman table with more codes than fit"));
            }
            // Keeps the doubling from running away; more than 256 codes there never are.
            free = free.min(1 << 16);
        }
        Ok(())
    }
}
