//! The coefficients of an MCU (A.2.3, F.2.2), as far as they are wanted.
//!
//! How long codes are, how many coefficients a block has and how many of them are wanted is as good as random, and a
//! branch that goes wrong costs more than the look-up of a code. So there is one loop over all codes of an MCU, of
//! whatever table, which branches only on what is rare: a position counts through all its blocks, 64 to each, and says
//! which table is next and where a value goes.

use std::rc::Rc;

use super::Error;
use super::bits::{Held, Reader};
use super::header::Component;
use super::huffman::{BITS, ENTRIES, Entry, Huffman, Symbol};

/// Row and column of each coefficient in the order of the file (figure A.6).
pub(super) const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
];

/// A power of two beyond the positions of ten blocks and a run.
const POSITIONS: usize = 1024;

/// MCUs that are kept together: enough for loops over them to work on several at once.
pub(super) const LANES: usize = 16;

/// A power of two beyond the coefficients of ten blocks in all lanes.
const PLACES: usize = 1024 * LANES;

/// Where coefficients go that nobody wants.
const BIN: usize = PLACES - LANES;

/// The coefficients of [`LANES`] MCUs, those of the same place next to each other; and the bin.
pub(super) struct Coefficients(Box<[i32; PLACES]>);

impl Coefficients {
    #[expect(clippy::large_stack_arrays, reason = "it is made on the heap when optimised, and 64 kB else")]
    pub(super) fn new() -> Self {
        Self(Box::new([0; PLACES]))
    }

    /// Those from a place on.
    #[inline]
    pub(super) fn from(&mut self, place: usize) -> &mut [[i32; LANES]] {
        self.0.as_chunks_mut().0.get_mut(place..).unwrap_or_default()
    }
}

/// What to do at a position.
#[derive(Clone, Copy)]
struct Position {
    /// Start of its table in [`McuReader::entries`].
    table: u16,
    /// Where in [`Coefficients`] its value goes.
    place: u16,
}

/// How to read an MCU.
pub(super) struct McuReader {
    positions: [Position; POSITIONS],
    /// Tables of [`ENTRIES`] each.
    entries: Vec<Entry>,
    /// For each block the codes of its DC coefficient and the others.
    blocks: Vec<[Rc<Huffman>; 2]>,
    /// Places taken.
    places: usize,
}

impl McuReader {
    /// For components of which the first `columns` by `rows` coefficients are wanted.
    pub(super) fn new(components: &[Component], wanted: impl Fn(&Component) -> (usize, usize)) -> Self {
        let nothing = Position { table: 0, place: BIN as u16 };
        let mut all = Self { positions: [nothing; POSITIONS], entries: Vec::new(), blocks: Vec::new(), places: 0 };
        let mut tables: Vec<(usize, [Rc<Huffman>; 2])> = Vec::new();
        for (index, component) in components.iter().enumerate() {
            // Chroma's two components mostly share their tables.
            let same = |other: &Component| other.dc == component.dc && other.ac == component.ac;
            let (start, codes) = match components[..index].iter().position(same) {
                Some(other) => tables[other].clone(),
                None => all.add_tables(component),
            };
            all.add_blocks(component, start, &codes, wanted(component));
            tables.push((start, codes));
        }
        all
    }

    /// Three tables: for the DC coefficient, for others that are wanted, and for the rest.
    fn add_tables(&mut self, component: &Component) -> (usize, [Rc<Huffman>; 2]) {
        let start = self.entries.len();
        let (dc, ac) = (Huffman::new(&component.dc, false), Huffman::new(&component.ac, true));
        dc.push_wanted(&ac, &mut self.entries);
        ac.push_wanted(&ac, &mut self.entries);
        ac.push_unwanted(&mut self.entries);
        (start, [dc.into(), ac.into()])
    }

    /// The blocks of a component, whose tables are at `start`.
    fn add_blocks(
        &mut self,
        component: &Component,
        start: usize,
        codes: &[Rc<Huffman>; 2],
        (columns, rows): (usize, usize),
    ) {
        let (columns, rows) = (columns.min(8), rows.min(8));
        let row_and_column = |place: u8| (usize::from(place / 8), usize::from(place % 8));
        let is_wanted = |place| {
            let (row, column) = row_and_column(place);
            row < rows && column < columns
        };
        let last = ZIGZAG.iter().rposition(|&place| is_wanted(place)).unwrap_or(0);
        for _ in 0..component.h * component.v {
            let positions = self.positions[64 * self.blocks.len()..].iter_mut();
            for ((k, &place), position) in ZIGZAG.iter().enumerate().zip(positions) {
                let table = usize::from(k > 0) + usize::from(k > last);
                position.table = (start + table * ENTRIES) as u16;
                if is_wanted(place) {
                    let (row, column) = row_and_column(place);
                    position.place = (LANES * (self.places + row * columns + column)) as u16;
                }
            }
            self.places += rows * columns;
            self.blocks.push(codes.clone());
        }
    }

    /// Reads an MCU into a lane of `coefficients`, which are zeros. DC coefficients are differences still.
    #[inline(never)]
    pub(super) fn read(
        &self,
        reader: &mut Reader,
        held: &Held,
        coefficients: &mut Coefficients,
        lane: usize,
    ) -> Result<(), Error> {
        // A copy that nobody else sees can stay in registers.
        let mut bits = *reader;
        let end = POSITIONS.min(64 * self.blocks.len());
        let (lane, coefficients) = (lane % LANES, &mut *coefficients.0);
        let mut position = 0;
        while position < end {
            bits.refill(held);
            let table = usize::from(self.positions[position].table);
            let entry = self.entries[table + bits.peek(BITS)];
            let (to, last) = (position + entry.run(), entry.end());
            // Codes that are long, or lead beyond the block: it may have been full before the last of several.
            if ((to + (last & 1)) ^ position | (last & 64)) >= 64 {
                (bits, position) = self.read_one(bits, position, coefficients, lane)?;
                continue;
            }
            let place = usize::from(self.positions[to % POSITIONS].place) + lane;
            coefficients[place % PLACES] = bits.value_after(entry.code(), entry.size());
            bits.skip(entry.length());
            position = (to | last) + 1;
        }
        *reader = bits;
        Ok(())
    }

    /// Reads one code, and its value.
    #[cold]
    fn read_one(
        &self,
        mut reader: Reader,
        position: usize,
        coefficients: &mut [i32; PLACES],
        lane: usize,
    ) -> Result<(Reader, usize), Error> {
        let [dc, ac] = &self.blocks[position / 64];
        let codes = if position % 64 == 0 { dc } else { ac };
        match codes.next(&mut reader)? {
            Symbol::EndOfBlock => Ok((reader, (position | 63) + 1)),
            Symbol::Value { run, size } => {
                if position % 64 + run > 63 {
                    return Err(Error::damaged("a block with more than 64 coefficients"));
                }
                let place = usize::from(self.positions[(position + run) % POSITIONS].place) + lane;
                coefficients[place % PLACES] = reader.value_after(0, size);
                reader.skip(size);
                Ok((reader, position + run + 1))
            }
        }
    }
}
