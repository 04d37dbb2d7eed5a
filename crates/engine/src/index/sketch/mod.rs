//! Sketches: the pictures of every product in two bits a number, in memory, so that any set of products is compared one by one.
//!
//! A sketch tells a scalar product to about 0.02 (for embeddings of unit length and 256 numbers) in some 64 bytes, which are read in
//! order. It says which products are worth comparing by their whole vectors; who is near is never told by sketches alone.
//! `coding` has how they are made and compared, with the source.

mod coding;
mod rotation;
mod store;

pub use coding::Sought;
pub(super) use coding::{Sketch, Sketcher};
pub(super) use store::Sketches;

/// Some sketches of embeddings of five numbers, to be told apart by `seed`.
#[cfg(test)]
pub(super) fn some(seed: u8, count: usize) -> Vec<Sketch> {
    let number = |picture: usize, at: usize| {
        f32::from(seed.wrapping_mul(31).wrapping_add((picture * 7 + at * 13) as u8)) - 127.0
    };
    let vector = |picture| -> Vec<f32> { (0..5).map(|at| number(picture, at)).collect() };
    (0..count).map(|picture| Sketcher::new(5).sketch(&vector(picture))).collect()
}
