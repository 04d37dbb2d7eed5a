//! From the bytes of a scan to bits.

use super::Error;

/// As much as is held without its stuffing at a time; small enough to stay in the first-level cache.
const HELD: usize = 1 << 14;

/// More bytes than an MCU can take, with what the reader looks ahead: ten blocks (B.2.3) of 64 symbols of 31 bits, and
/// twice eight bytes.
const MOST_PER_MCU: usize = 10 * 64 * 31 / 8 + 16;

/// Data without stuffing, and room for eight bytes to be read at any place.
pub(super) type Held = [u8; HELD + 8];

/// How a run of entropy-coded data ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// Not reached yet.
    Ahead,
    /// At this marker.
    Marker(u8),
    /// With the file.
    File,
}

/// The entropy-coded data without stuffing (B.1.1.5), a piece at a time.
pub(super) struct Source<'a> {
    /// From what was not taken over yet on.
    rest: &'a [u8],
    /// Those before `filled` are data; at the end of a run zeros follow.
    held: Box<Held>,
    filled: usize,
    end: End,
}

/// Where in [`Source::held`] reading is, and the next bits.
#[derive(Clone, Copy, Default)]
pub(super) struct Reader {
    /// The next bits, from the top; below the `count` that are valid may be some of those that follow them.
    next: u64,
    count: u32,
    /// The first byte not in the `count` bits.
    at: usize,
}

impl Reader {
    /// Makes 56 bits available. Past the end of the data they are of no meaning.
    #[inline]
    pub(super) fn refill(&mut self, held: &Held) {
        // Variant 4 of Fabian Giesen's "Reading bits in far too many ways": no branch on how many bits are left, since
        // bits that are there already are only combined with themselves.
        let word = held[self.at % HELD..].first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        self.next |= word >> self.count;
        self.at += (63 - self.count as usize) >> 3;
        self.count |= 0b11_1000;
    }

    /// The next `bits` bits, 1 to 32, as a number.
    #[inline]
    pub(super) fn peek(&self, bits: u32) -> usize {
        (self.next >> (64 - bits)) as usize
    }

    /// Drops `bits` bits: 31 at most, and no more than [`Self::refill`] left.
    #[inline]
    pub(super) fn skip(&mut self, bits: u32) {
        self.next <<= bits & 31;
        self.count -= bits;
    }

    /// The number of `size` bits, 0 to 15, after the next `skipped`, with the sign as in figure F.12.
    #[inline]
    pub(super) fn value_after(&self, skipped: u32, size: u32) -> i32 {
        let bits = self.next << (skipped & 63);
        // In two steps, so that nothing is shifted by 64.
        let value = (bits >> 1 >> (63 - size)) as i32;
        // A first bit of 0 is for negative numbers.
        let is_negative = !(bits as i64 >> 63) as i32;
        value + (is_negative & (1 - (1 << size)))
    }
}

impl<'a> Source<'a> {
    /// `scan_data` from the first byte of entropy-coded data on.
    #[expect(clippy::large_stack_arrays, reason = "it is made on the heap when optimised, and 16 kB else")]
    pub(super) fn new(scan_data: &'a [u8]) -> Self {
        Self { rest: scan_data, held: Box::new([0; HELD + 8]), filled: 0, end: End::Ahead }
    }

    pub(super) fn held(&self) -> &Held {
        &self.held
    }

    /// Sees to it that the next MCU is held, as far as there is one.
    #[inline]
    pub(super) fn prepare_mcu(&mut self, reader: &mut Reader) -> Result<(), Error> {
        if reader.at + MOST_PER_MCU > self.filled { self.fill(reader) } else { Ok(()) }
    }

    #[cold]
    fn fill(&mut self, reader: &mut Reader) -> Result<(), Error> {
        if self.end != End::Ahead {
            // Within reach of the end: do not go on with zeros for thousands of blocks.
            return self.bits_left(reader).map(|_| ());
        }
        let from = reader.at.min(self.filled);
        self.held.copy_within(from..self.filled, 0);
        self.filled -= from;
        reader.at -= from;
        while self.filled < HELD {
            let window = &self.rest[..self.rest.len().min(HELD - self.filled)];
            let plain = memchr::memchr(0xFF, window).unwrap_or(window.len());
            self.held[self.filled..self.filled + plain].copy_from_slice(&window[..plain]);
            self.filled += plain;
            self.rest = &self.rest[plain..];
            if self.filled == HELD {
                return Ok(());
            }
            if self.rest.is_empty() {
                self.end = End::File;
                break;
            }
            // At least one FF, and further ones to fill up before a marker (B.1.1.2).
            let fill = self.rest.iter().take_while(|&&byte| byte == 0xFF).count();
            match self.rest.get(fill) {
                None => self.end = End::File,
                Some(0) => {
                    self.held[self.filled] = 0xFF;
                    self.filled += 1;
                }
                Some(&marker) => self.end = End::Marker(marker),
            }
            self.rest = self.rest.get(fill + 1..).unwrap_or_default();
            if self.end != End::Ahead {
                break;
            }
        }
        let padded = (HELD + 8).min(self.filled + MOST_PER_MCU);
        self.held[self.filled..padded].fill(0);
        Ok(())
    }

    /// Bits of this run that were not read yet, as far as they are held.
    ///
    /// # Errors
    /// When more were read than there are.
    fn bits_left(&self, reader: &Reader) -> Result<usize, Error> {
        let read = (8 * reader.at).saturating_sub(reader.count as usize);
        (8 * self.filled).checked_sub(read).ok_or_else(|| match self.end {
            End::File => Error::Truncated,
            _ => Error::damaged("less data than blocks"),
        })
    }

    /// Ends a run of entropy-coded data: only the bits that fill up a byte may be left (F.1.2.3).
    ///
    /// # Returns
    /// The marker that follows it.
    pub(super) fn finish_run(&mut self, reader: &mut Reader) -> Result<u8, Error> {
        if self.bits_left(reader)? >= 8 {
            return Err(Error::damaged("more data than blocks"));
        }
        if self.end == End::Ahead {
            self.fill(reader)?;
            if self.bits_left(reader)? >= 8 {
                return Err(Error::damaged("more data than blocks"));
            }
        }
        match self.end {
            End::Marker(marker) => Ok(marker),
            _ => Err(Error::Truncated),
        }
    }

    /// Goes on after a restart marker.
    pub(super) fn next_run(&mut self) -> Reader {
        self.filled = 0;
        self.end = End::Ahead;
        Reader::default()
    }

    /// A block takes two codes of one bit at least: whether there can be as many as this.
    pub(super) fn can_hold(&self, blocks: usize) -> bool {
        blocks / 4 <= self.rest.len()
    }
}
