//! Huffman codes (annex C, F.2.2): tables that say at once what a few bits mean.

use super::Error;
use super::bits::Reader;
use super::tables::Codes;

/// As many bits are looked up at once.
pub(super) const BITS: u32 = 10;

/// Entries of a table.
pub(super) const ENTRIES: usize = 1 << BITS;

/// What the next [`BITS`] bits mean: a code with the bits of its value, and perhaps further codes.
///
/// A byte for each of what the next look-up waits for. From the lowest bit on: how many bits these are; how many
/// positions further the value belongs; 63 if the block ends with them, or 64 if they have to be looked at one by
/// one; the bits of the code (4) and those of the value (4). An end of block by itself has a value of 0 bits, as have
/// values that nobody wants.
#[derive(Clone, Copy)]
pub(super) struct Entry(u32);

impl Entry {
    const LONG: Self = Self(64 << 16);

    fn new(length: u32, run: usize, ends: bool, code: u32, size: u32) -> Self {
        Self(length | (run as u32) << 8 | if ends { 63 << 16 } else { 0 } | code << 24 | size << 28)
    }

    #[inline]
    pub(super) fn length(self) -> u32 {
        self.0 & 31
    }

    #[inline]
    pub(super) fn run(self) -> usize {
        usize::from((self.0 >> 8) as u8)
    }

    /// 63 at the end of a block, 64 for a long code, 0 else.
    #[inline]
    pub(super) fn end(self) -> usize {
        usize::from((self.0 >> 16) as u8)
    }

    #[inline]
    pub(super) fn code(self) -> u32 {
        self.0 >> 24 & 15
    }

    #[inline]
    pub(super) fn size(self) -> u32 {
        self.0 >> 28
    }
}

/// A code by itself, at the start of some bits.
#[derive(Clone, Copy)]
struct Single {
    /// Bits of the code; 0 where it is longer than [`BITS`].
    code: u32,
    symbol: Symbol,
}

/// What a code stands for (F.1.2.1, F.1.2.2).
#[derive(Clone, Copy)]
pub(super) enum Symbol {
    /// Some zeros, and a value of this many bits; fifteen zeros and none for sixteen zeros.
    Value {
        run: usize,
        size: u32,
    },
    EndOfBlock,
}

/// The codes of a table, of any length.
pub(super) struct Huffman {
    /// For each length the first 16 bits that are beyond its codes.
    limits: [u32; 16],
    /// What to add to a code of each length to get the place of its symbol.
    offsets: [i32; 16],
    symbols: [Symbol; 256],
    singles: Vec<Single>,
}

impl Huffman {
    pub(super) fn new(codes: &Codes, is_ac: bool) -> Self {
        let nothing = Symbol::Value { run: 0, size: 0 };
        let mut table =
            Self { limits: [0; 16], offsets: [0; 16], symbols: [nothing; 256], singles: Vec::with_capacity(ENTRIES) };
        for (to, &symbol) in table.symbols.iter_mut().zip(&codes.symbols) {
            let (run, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
            // F.1.2.2.1: without value there are sixteen zeros or the end; nothing else occurs.
            let ends = is_ac && size == 0 && run != 15;
            *to = if ends { Symbol::EndOfBlock } else { Symbol::Value { run, size } };
        }
        // Figure C.2: codes are in order, from the shortest.
        let (mut code, mut place) = (0_u32, 0_u32);
        for (length, &count) in (1..).zip(&codes.counts) {
            let index = length as usize - 1;
            table.offsets[index] = place as i32 - code as i32;
            for &symbol in table.symbols.iter().skip(place as usize).take(usize::from(count)) {
                if length <= BITS {
                    table.singles.resize(table.singles.len() + (1 << (BITS - length)), Single { code: length, symbol });
                }
            }
            code += u32::from(count);
            place += u32::from(count);
            table.limits[index] = code << (16 - length);
            code <<= 1;
        }
        table.singles.resize(ENTRIES, Single { code: 0, symbol: nothing });
        table
    }

    /// Takes the next code, whatever its length.
    pub(super) fn next(&self, reader: &mut Reader) -> Result<Symbol, Error> {
        let bits = reader.peek(16) as u32;
        let find = || {
            let index = self.limits.iter().position(|&limit| bits < limit)?;
            let place = (bits >> (15 - index)) as i32 + self.offsets[index];
            Some((index as u32 + 1, *self.symbols.get(usize::try_from(place).ok()?)?))
        };
        let (length, symbol) = find().ok_or_else(|| Error::damaged("bits that are no code"))?;
        reader.skip(length);
        Ok(symbol)
    }

    /// The code at the start of `bits`, of which the first `dropped` are gone already.
    fn single(&self, bits: usize, dropped: u32) -> Option<Single> {
        // Zeros move in; good for codes that end before them.
        let single = self.singles[bits << dropped & (ENTRIES - 1)];
        (single.code > 0 && single.code + dropped <= BITS).then_some(single)
    }

    /// Adds entries for values that are wanted, one by one, with the end of the block (by the codes of `then`) where it
    /// follows.
    pub(super) fn push_wanted(&self, then: &Self, entries: &mut Vec<Entry>) {
        entries.extend((0..ENTRIES).map(|bits| match self.single(bits, 0) {
            None => Entry::LONG,
            Some(Single { code, symbol: Symbol::EndOfBlock }) => Entry::new(code, 0, true, 0, 0),
            Some(Single { code, symbol: Symbol::Value { run, size } }) => {
                let length = code + size;
                let next = if length < BITS { then.single(bits, length) } else { None };
                match next {
                    Some(Single { code: end, symbol: Symbol::EndOfBlock }) => {
                        Entry::new(length + end, run, true, code, size)
                    }
                    _ => Entry::new(length, run, false, code, size),
                }
            }
        }));
    }

    /// Adds entries for values that nobody wants, as many of them at once as there are.
    pub(super) fn push_unwanted(&self, entries: &mut Vec<Entry>) {
        entries.extend((0..ENTRIES).map(|bits| {
            let (mut length, mut positions, mut ends) = (0, 0, false);
            while length < BITS && !ends {
                match self.single(bits, length) {
                    Some(Single { code, symbol: Symbol::EndOfBlock }) => {
                        length += code;
                        ends = true;
                    }
                    Some(Single { code, symbol: Symbol::Value { run, size } })
                        if positions + run < 16 && length + code + size < 32 =>
                    {
                        length += code + size;
                        positions += run + 1;
                    }
                    _ => break,
                }
            }
            if length == 0 { Entry::LONG } else { Entry::new(length, positions.saturating_sub(1), ends, 0, 0) }
        }));
    }
}
