//! A component: from the coefficients of its blocks to a row of MCUs of its samples.

use std::ops::Range;

use super::Error;
use super::header::Component;
use super::idct::{self, Factors, Idct, Samples};
use super::mcu::{Coefficients, LANES};

/// A component while the scan is decoded.
pub(super) struct Plane {
    factors: Factors,
    idct: Idct,
    /// Blocks in an MCU.
    h: usize,
    v: usize,
    /// Samples of a block at the reduced size.
    width: usize,
    height: usize,
    /// The DC coefficient of the block before (F.2.1.3.1).
    dc: i32,
    /// How many of a block are wanted.
    coefficients: usize,
    /// Of a row of MCUs.
    samples: Vec<u8>,
    /// From line to line.
    stride: usize,
}

impl Plane {
    /// For blocks of `width` by `height` samples, `lines` of which are `stride` apart.
    pub(super) fn new(
        component: &Component,
        (width, height): (usize, usize),
        stride: usize,
        lines: usize,
    ) -> Result<Self, Error> {
        Ok(Self {
            factors: idct::factors(&component.quant),
            idct: idct::of_size(width, height).ok_or(Error::Unsupported("rare sampling factors"))?,
            h: component.h,
            v: component.v,
            width,
            height,
            dc: 0,
            coefficients: width.min(8) * height.min(8),
            samples: vec![0; stride * lines],
            stride,
        })
    }

    pub(super) fn samples(&self) -> &[u8] {
        &self.samples
    }

    pub(super) fn restart(&mut self) {
        self.dc = 0;
    }

    /// Makes DC coefficients of the differences in a lane (F.2.1.3.1). Blocks start at `place`; returns where those of
    /// the next component do.
    #[inline]
    pub(super) fn add_differences(&mut self, coefficients: &mut Coefficients, mut place: usize, lane: usize) -> usize {
        for _ in 0..self.h * self.v {
            if let Some(dc) = coefficients.from(place).first_mut() {
                // Only damaged data can get this far.
                self.dc = self.dc.wrapping_add(dc[lane]);
                dc[lane] = self.dc;
            }
            place += self.coefficients;
        }
        place
    }

    /// Makes the samples of some MCUs of a row, whose coefficients start at `place` and become zeros again. Returns
    /// where those of the next component start.
    pub(super) fn make_samples(
        &mut self,
        coefficients: &mut Coefficients,
        mut place: usize,
        mcus: Range<usize>,
    ) -> usize {
        let mut samples: Samples = [[0; LANES]; 32];
        let words = self.width.div_ceil(4);
        for block in 0..self.h * self.v {
            let (row, column) = (block / self.h, block % self.h);
            if let Some(block) = coefficients.from(place).get_mut(..self.coefficients) {
                (self.idct)(block, &self.factors, &mut samples);
                block.fill([0; LANES]);
            }
            place += self.coefficients;
            for (y, words) in samples.chunks_exact(words).take(self.height).enumerate() {
                let from = (row * self.height + y) * self.stride + (mcus.start * self.h + column) * self.width;
                let out = self.samples[from..].chunks_mut(self.h * self.width).take(mcus.len());
                match self.width {
                    1 => store::<1>(out, words),
                    2 => store::<2>(out, words),
                    3 => store::<3>(out, words),
                    4 => store::<4>(out, words),
                    6 => store::<6>(out, words),
                    8 => store::<8>(out, words),
                    12 => store::<12>(out, words),
                    _ => store::<16>(out, words),
                }
            }
        }
        place
    }
}

/// Stores `W` samples of each lane.
fn store<'a, const W: usize>(out: impl Iterator<Item = &'a mut [u8]>, words: &[[u32; LANES]]) {
    for (lane, out) in out.enumerate() {
        let mut samples = [0; 16];
        for (four, word) in samples.as_chunks_mut::<4>().0.iter_mut().zip(words).take(const { W.div_ceil(4) }) {
            *four = word[lane % LANES].to_le_bytes();
        }
        if let Some(out) = out.first_chunk_mut::<W>() {
            out.copy_from_slice(&samples[..W]);
        }
    }
}
