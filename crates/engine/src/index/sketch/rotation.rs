//! A random rotation, so that every number of an embedding matters about as much and all have the same spread: heads put what tells
//! most into the first numbers, and two bits would be too few for them and too many for the last.

/// Turns of the wheel. One spreads each number over all others of its window; the second window has the rest of an embedding whose
/// length is no power of two.
const TURNS: usize = 4;

/// An orthogonal map of embeddings of one length, always the same one: signs that are flipped at random, and the Walsh–Hadamard transform
/// (Ailon and Chazelle, *The Fast Johnson–Lindenstrauss Transform*, 2009), in windows as long as a power of two allows, at the
/// beginning and at the end in turns.
#[derive(Debug)]
pub(super) struct Rotation {
    /// Of each turn, 1 or −1 for each number.
    signs: Vec<Vec<f32>>,
    /// Length of a window.
    width: usize,
}

impl Rotation {
    /// The rotation of embeddings of `dims` numbers.
    pub(super) fn new(dims: usize) -> Self {
        let mut bits = vec![0; TURNS * dims];
        blake3::Hasher::new().update(b"vetrina sketches").finalize_xof().fill(&mut bits);
        let sign = |byte: &u8| if byte & 1 == 0 { 1.0 } else { -1.0 };
        let signs = bits.chunks(dims.max(1)).map(|turn| turn.iter().map(sign).collect()).collect();
        Self { signs, width: dims.checked_ilog2().map_or(0, |log| 1 << log) }
    }

    /// Rotates an embedding; its length stays.
    pub(super) fn turn(&self, numbers: &mut [f32]) {
        for (turn, signs) in self.signs.iter().enumerate() {
            numbers.iter_mut().zip(signs).for_each(|(number, sign)| *number *= sign);
            let from = if turn % 2 == 0 { 0 } else { numbers.len() - self.width };
            hadamard(&mut numbers[from..from + self.width]);
        }
    }
}

/// The Walsh–Hadamard transform of as many numbers as a power of two, scaled so that their length stays.
fn hadamard(numbers: &mut [f32]) {
    let mut half = 1;
    while half < numbers.len() {
        for both in numbers.chunks_exact_mut(half * 2) {
            let (first, second) = both.split_at_mut(half);
            first.iter_mut().zip(second).for_each(|(a, b)| (*a, *b) = (*a + *b, *a - *b));
        }
        half *= 2;
    }
    let scale = (numbers.len() as f32).sqrt().recip();
    numbers.iter_mut().for_each(|number| *number *= scale);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linear::dot;

    #[test]
    fn scalar_products_stay_and_what_one_number_has_goes_to_all() {
        for dims in [1, 2, 3, 96, 256, 320, 1_000] {
            let rotation = Rotation::new(dims);
            let vector =
                |seed: usize| -> Vec<f32> { (0..dims).map(|at| ((at * 7 + seed * 13) % 11) as f32 - 5.0).collect() };
            let (mut a, mut b) = (vector(1), vector(2));
            let before = dot(&a, &b);
            rotation.turn(&mut a);
            rotation.turn(&mut b);
            assert!((dot(&a, &b) - before).abs() <= 1e-3 * dims as f32, "{dims}: {before} became {}", dot(&a, &b));
            let mut one = vec![0.0; dims];
            one[dims / 2] = 1.0;
            rotation.turn(&mut one);
            let most = one.iter().fold(0.0_f32, |most, number| most.max(number.abs()));
            assert!(dims < 96 || most < 6.0 / (dims as f32).sqrt(), "{dims}: one number kept {most}");
        }
    }
}
