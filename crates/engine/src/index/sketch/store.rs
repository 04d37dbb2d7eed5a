//! The sketches of all products, by row of the table.

use std::io::{Error, ErrorKind, Read, Result, Write};

use super::coding::{Arithmetic, Block, Portable, Sketch, Sought};

/// Rows of one page.
const ROWS: usize = 1_024;
/// Most blocks of one picture: embeddings of half a million numbers.
const MOST_BLOCKS: u32 = 4_096;

/// See the module. What a row has that has no picture is of no meaning.
#[derive(Debug, Default)]
pub(in crate::index) struct Sketches {
    /// Of one picture.
    blocks: usize,
    /// The first picture of each row.
    pages: Vec<Page>,
    /// The further pictures of each row, as far as there are any.
    more: Vec<Box<[Sketch]>>,
}

#[derive(Debug)]
struct Page {
    blocks: Box<[Block]>,
    factors: Box<[f32]>,
}

impl Sketches {
    /// Notes the pictures of a row, instead of those before.
    pub(in crate::index) fn put(&mut self, row: u32, pictures: &[Sketch]) {
        let at = row as usize;
        if let Some(more) = self.more.get_mut(at) {
            *more = Box::default();
        }
        let Some((first, further)) = pictures.split_first() else { return };
        self.blocks = first.blocks.len();
        while self.pages.len() <= at / ROWS {
            self.pages.push(Page::new(self.blocks));
        }
        let (page, place) = (&mut self.pages[at / ROWS], at % ROWS);
        page.blocks[place * self.blocks..][..self.blocks].copy_from_slice(&first.blocks);
        page.factors[place] = first.factor;
        if !further.is_empty() {
            if self.more.len() <= at {
                self.more.resize_with(at + 1, Box::default);
            }
            self.more[at] = further.into();
        }
    }

    /// Whether there is a place for the row.
    pub(in crate::index) fn reach(&self, row: u32) -> bool {
        (row as usize) < self.pages.len() * ROWS
    }

    /// How much the products of rows that have a picture are estimated to be like what is looked for (MaxSim, as the index scores them),
    /// in the order of `rows`.
    pub(in crate::index) fn estimate(&self, sought: &Sought, rows: &[u32], estimates: &mut Vec<f32>) {
        estimates.clear();
        let work = Work { sketches: self, sought, rows, estimates };
        #[cfg(target_arch = "x86_64")]
        if let Some(simd) = pulp::x86::V3::try_new() {
            return simd.vectorize(Wide { work, simd });
        }
        work.run(Portable);
    }

    /// Writes them, as [`Sketches::read`] reads them.
    pub(in crate::index) fn write(&self, out: &mut impl Write) -> Result<()> {
        let several = || (0_u32..).zip(&self.more).filter(|(_, more)| !more.is_empty());
        for number in [self.blocks, self.pages.len(), several().count()] {
            out.write_all(&(number as u32).to_le_bytes())?;
        }
        for page in &self.pages {
            out.write_all(page.blocks.as_flattened())?;
            page.factors.iter().try_for_each(|factor| out.write_all(&factor.to_le_bytes()))?;
        }
        for (row, more) in several() {
            out.write_all(&row.to_le_bytes())?;
            out.write_all(&(more.len() as u32).to_le_bytes())?;
            for sketch in more {
                out.write_all(sketch.blocks.as_flattened())?;
                out.write_all(&sketch.factor.to_le_bytes())?;
            }
        }
        Ok(())
    }

    /// Reads them. Damage is an error or other numbers, and takes at most a page more memory than the input is long.
    pub(in crate::index) fn read(input: &mut impl Read) -> Result<Self> {
        let (blocks, pages, several) = (number(input)?, number(input)?, number(input)?);
        if blocks > MOST_BLOCKS {
            return Err(Error::new(ErrorKind::InvalidData, "its sketches are longer than any"));
        }
        let mut sketches = Self { blocks: blocks as usize, ..Self::default() };
        for _ in 0..pages {
            let mut page = Page::new(sketches.blocks);
            input.read_exact(page.blocks.as_flattened_mut())?;
            for factor in &mut page.factors {
                *factor = f32::from_bits(number(input)?);
            }
            sketches.pages.push(page);
        }
        for _ in 0..several {
            let (row, count) = (number(input)?, number(input)?);
            if !sketches.reach(row) || (row as usize) < sketches.more.len() {
                return Err(Error::new(ErrorKind::InvalidData, format!("row {row} has sketches that are not of it")));
            }
            let mut more = Vec::new();
            for _ in 0..count {
                let mut blocks = vec![Block::default(); sketches.blocks];
                input.read_exact(blocks.as_flattened_mut())?;
                more.push(Sketch { blocks: blocks.into_boxed_slice(), factor: f32::from_bits(number(input)?) });
            }
            sketches.more.resize_with(row as usize + 1, Box::default);
            sketches.more[row as usize] = more.into();
        }
        Ok(sketches)
    }

    /// Of rows at once, so that what is looked for is loaded once for all of them.
    #[expect(clippy::inline_always, reason = "only what is inlined is compiled for the wide registers")]
    #[inline(always)]
    fn likeness<A: Arithmetic, const N: usize>(&self, arithmetic: A, sought: &Sought, rows: [u32; N]) -> [f32; N] {
        let (mut codes, mut factors): ([&[Block]; N], _) = ([&[]; N], [0.0; N]);
        for (at, row) in rows.iter().enumerate() {
            let (page, place) = (*row as usize / ROWS, *row as usize % ROWS);
            if let Some(page) = self.pages.get(page) {
                codes[at] = &page.blocks[place * self.blocks..][..self.blocks];
                factors[at] = page.factors[place];
            }
        }
        let mut sums = [0.0; N];
        for view in &sought.views {
            let mut best = view.estimate(arithmetic, codes, factors);
            for (row, best) in rows.iter().zip(&mut best) {
                if let Some(more) = self.more.get(*row as usize) {
                    for sketch in more {
                        let [further] = view.estimate(arithmetic, [&sketch.blocks], [sketch.factor]);
                        *best = best.max(further);
                    }
                }
            }
            for (sum, best) in sums.iter_mut().zip(best) {
                *sum += best;
            }
        }
        sums
    }
}

fn number(input: &mut impl Read) -> Result<u32> {
    let mut bytes = [0; 4];
    input.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}

impl Page {
    fn new(blocks: usize) -> Self {
        Self {
            blocks: vec![Block::default(); ROWS * blocks].into_boxed_slice(),
            factors: vec![0.0; ROWS].into_boxed_slice(),
        }
    }
}

struct Work<'w> {
    sketches: &'w Sketches,
    sought: &'w Sought,
    rows: &'w [u32],
    estimates: &'w mut Vec<f32>,
}

impl Work<'_> {
    #[expect(clippy::inline_always, reason = "only what is inlined is compiled for the wide registers")]
    #[inline(always)]
    fn run<A: Arithmetic>(self, arithmetic: A) {
        let Self { sketches, sought, rows, estimates } = self;
        // No closures: they would be compiled for any processor.
        let (fours, left) = rows.as_chunks::<4>();
        for four in fours {
            estimates.extend_from_slice(&sketches.likeness(arithmetic, sought, *four));
        }
        for row in left {
            estimates.extend_from_slice(&sketches.likeness(arithmetic, sought, [*row]));
        }
    }
}

#[cfg(target_arch = "x86_64")]
struct Wide<'w> {
    work: Work<'w>,
    simd: pulp::x86::V3,
}

#[cfg(target_arch = "x86_64")]
impl pulp::NullaryFnOnce for Wide<'_> {
    type Output = ();

    #[expect(clippy::inline_always, reason = "only what is inlined is compiled for the wide registers")]
    #[inline(always)]
    fn call(self) {
        self.work.run(self.simd);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::super::Sketcher;
    use super::*;

    const DIMS: usize = 5;

    proptest! {
        #[test]
        fn rows_keep_what_was_put_last_and_come_back_from_a_file(
            writes in proptest::collection::vec((0_u32..3_000, 0_usize..4, any::<[i8; DIMS]>()), 1..60),
            cut in any::<prop::sample::Index>(),
        ) {
            let sketcher = Sketcher::new(DIMS);
            let (mut sketches, mut expected) = (Sketches::default(), HashMap::new());
            for (row, pictures, numbers) in writes {
                let vectors: Vec<Vec<f32>> = (0..pictures)
                    .map(|shift| (0..DIMS).map(|at| f32::from(numbers[(at + shift) % DIMS])).collect())
                    .collect();
                let pictures: Vec<Sketch> = vectors.iter().map(|vector| sketcher.sketch(vector)).collect();
                sketches.put(row, &pictures);
                expected.insert(row, pictures);
            }
            let sought = sketcher.seek(&[vec![1.0, 0.5, 0.0, -2.0, 0.25], vec![0.0, -1.0, 0.5, 1.0, 3.0]]);
            expected.retain(|_, pictures| !pictures.is_empty());
            let rows: Vec<u32> = expected.keys().copied().collect();
            let likeness = |row: &u32| -> f32 {
                let of = |view: &super::super::coding::View| {
                    let estimates = expected[row].iter().map(|one| view.estimate(Portable, [&one.blocks], [one.factor])[0]);
                    estimates.fold(f32::NEG_INFINITY, f32::max)
                };
                sought.views.iter().map(of).sum()
            };
            let wanted: Vec<f32> = rows.iter().map(likeness).collect();
            let mut found = Vec::new();
            sketches.estimate(&sought, &rows, &mut found);
            prop_assert_eq!(&found, &wanted);

            let mut file = Vec::new();
            sketches.write(&mut file).unwrap();
            let read = Sketches::read(&mut &file[..]).unwrap();
            read.estimate(&sought, &rows, &mut found);
            prop_assert_eq!(&found, &wanted);
            prop_assert!(rows.iter().all(|row| read.reach(*row)));
            if !file.is_empty() {
                prop_assert!(Sketches::read(&mut &file[..cut.index(file.len())]).is_err());
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut bytes = bytes;
            if let [first, second, third, fourth, ..] = &mut bytes[..] {
                (*first, *second, *third, *fourth) = (1, 0, 0, 0);
            }
            let _ = Sketches::read(&mut &bytes[..]);
        }
    }
}
