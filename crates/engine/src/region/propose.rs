//! Boxes that the model's maps propose: at each position of the finer map, how well it is the middle of a product, and how
//! far that product's sides are (FCOS, Tian et al. 2019). What lies behind a product may be as busy as it likes.

use std::sync::OnceLock;

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};

use super::tensors::{Tensors, written};
use crate::linear::dot;
use crate::model::FeatureMap;

const FILE: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/efficientnet-lite2/proposals.safetensors"));

/// Positions, relative to its own, that are looked at for each: those beside it, and some farther away for large products.
/// Rows, columns.
const LOOKED_AT: [(isize, isize); 17] = [
    (-1, -1),
    (-1, 0),
    (-1, 1),
    (0, -1),
    (0, 0),
    (0, 1),
    (1, -1),
    (1, 0),
    (1, 1),
    (-3, 0),
    (3, 0),
    (0, -3),
    (0, 3),
    (-2, -2),
    (-2, 2),
    (2, -2),
    (2, 2),
];
/// What is said of a position: how well it is a middle, and the distances of four sides.
pub const SAID: usize = 5;
/// Directions of the last map are brought to about the size of the finer map's: its vectors have unit length.
const LAST: f32 = 10.0;
/// The least root of a distance; see [`Proposer::of`].
const LEAST: f32 = 0.05;

/// A network of one hidden layer over what both maps say of a position and of those around it, in their first principal
/// directions. Fitted by `vetrina-lab fit-proposals`; the file beside it says on what.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposer {
    /// The finer map's directions.
    pub finer: Directions,
    /// Those of the last map, whose vectors are brought to unit length.
    pub last: Directions,
    /// Weights of the hidden layer: [hidden, inputs].
    pub hidden: Vec<f32>,
    /// Bias of each hidden unit: `[hidden]`.
    pub hidden_bias: Vec<f32>,
    /// Weights of what is said: [5, hidden].
    pub said: Vec<f32>,
    /// Their bias: `[5]`.
    pub said_bias: Vec<f32>,
}

/// The first principal directions of a map's vectors.
#[derive(Debug, Clone, PartialEq)]
pub struct Directions {
    /// Mean of the vectors: `[channels]`.
    pub mean: Vec<f32>,
    /// The directions: [directions, channels].
    pub rows: Vec<f32>,
}

/// What is said of a position: a box, and how well the position is the middle of a product that fills it, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Proposal {
    /// Left, top, right, bottom, as parts of the square that the model sees; may reach beyond it.
    pub frame: [f32; 4],
    /// How well the position is its middle, 0 to 1.
    pub score: f32,
}

impl Directions {
    /// How many they are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.rows.len() / self.mean.len().max(1)
    }

    /// A map in these directions, [rows, columns, directions]; `None` for one of other channels. `unit`: vectors count by their direction.
    fn of(&self, map: &FeatureMap, unit: bool) -> Option<Vec<f32>> {
        let (channels, positions, count) = (map.channels(), map.height() * map.width(), self.count());
        if channels != self.mean.len() {
            return None;
        }
        let mut projected = vec![0.0_f32; positions * count];
        let map_values = MatRef::from_row_major_slice(map.values(), channels, positions);
        let directions = MatRef::from_row_major_slice(&self.rows, count, channels);
        let to = MatMut::from_row_major_slice_mut(&mut projected, positions, count);
        matmul(to, Accum::Replace, map_values.transpose(), directions.transpose(), 1.0, Par::Seq);
        let mut lengths = vec![0.0_f32; positions];
        if unit {
            for plane in map.values().chunks_exact(positions) {
                lengths.iter_mut().zip(plane).for_each(|(sum, value)| *sum += value * value);
            }
        }
        let middle: Vec<f32> = self.rows.chunks_exact(channels).map(|row| dot(row, &self.mean)).collect();
        for (row, squared) in projected.chunks_exact_mut(count).zip(lengths) {
            let scale = if unit { squared.sqrt().max(1e-6).recip() } else { 1.0 };
            row.iter_mut().zip(&middle).for_each(|(value, middle)| *value = *value * scale - middle);
        }
        Some(projected)
    }
}

/// What both maps say of all positions of the finer map.
#[derive(Debug, Clone, PartialEq)]
pub struct Inputs {
    rows: usize,
    columns: usize,
    finer: Vec<f32>,
    last: Vec<f32>,
}

impl Inputs {
    /// Of a map and its finer one; `None` without, or for maps of other channels.
    #[must_use]
    pub fn of(finer: &Directions, last: &Directions, map: &FeatureMap) -> Option<Self> {
        let fine = map.finer()?;
        let (rows, columns) = (fine.height(), fine.width());
        let coarse = last.of(map, true)?;
        let last = enlarged(&coarse, (map.height(), map.width()), (rows, columns), last.count());
        Some(Self { rows, columns, finer: finer.of(fine, false)?, last })
    }

    /// Positions.
    #[must_use]
    pub fn positions(&self) -> usize {
        self.rows * self.columns
    }

    /// Row and column of the middle of a position, as parts of the square.
    #[must_use]
    pub fn middle(&self, position: usize) -> (f32, f32) {
        let part = |place: usize, of: usize| (place as f32 + 0.5) / of as f32;
        (part(position / self.columns, self.rows), part(position % self.columns, self.columns))
    }

    /// Numbers of a position.
    #[must_use]
    pub fn numbers(&self) -> usize {
        (self.finer.len() * LOOKED_AT.len() + self.last.len()) / self.positions().max(1)
    }

    /// What is known of a position; places outside the map are ordinary ones: zeros.
    pub fn write(&self, position: usize, to: &mut [f32]) {
        let count = self.finer.len() / self.positions();
        let (row, column) = (position / self.columns, position % self.columns);
        let (around, own) = to.split_at_mut(count * LOOKED_AT.len());
        for (part, (down, across)) in around.chunks_exact_mut(count).zip(LOOKED_AT) {
            let place = (row.checked_add_signed(down).filter(|row| *row < self.rows))
                .zip(column.checked_add_signed(across).filter(|column| *column < self.columns));
            match place {
                Some((row, column)) => {
                    let start = (row * self.columns + column) * count;
                    part.copy_from_slice(&self.finer[start..start + count]);
                }
                None => part.fill(0.0),
            }
        }
        own.copy_from_slice(&self.last[position * own.len()..(position + 1) * own.len()]);
    }
}

/// A map of [rows, columns, count] at another number of positions, linearly between them, the corners on the corners.
fn enlarged(values: &[f32], from: (usize, usize), to: (usize, usize), count: usize) -> Vec<f32> {
    let between = |place: usize, from: usize, to: usize| {
        let at = place as f32 * (from - 1) as f32 / (to - 1).max(1) as f32;
        let low = (at as usize).min(from.saturating_sub(2));
        (low, (low + 1).min(from - 1), at - low as f32)
    };
    let mut all = Vec::with_capacity(to.0 * to.1 * count);
    for row in 0..to.0 {
        let (top, bottom, down) = between(row, from.0, to.0);
        for column in 0..to.1 {
            let (left, right, across) = between(column, from.1, to.1);
            let at = |row: usize, column: usize| &values[(row * from.1 + column) * count..];
            let corners = at(top, left).iter().zip(at(top, right)).zip(at(bottom, left).iter().zip(at(bottom, right)));
            all.extend(corners.take(count).map(|((a, b), (c, d))| {
                let (above, below) = (a + (b - a) * across, c + (d - c) * across);
                LAST * (above + (below - above) * down)
            }));
        }
    }
    all
}

impl Proposer {
    /// The one for the built-in model; `None` in a build whose file is damaged, which its tests do not let pass.
    pub(super) fn builtin() -> Option<&'static Self> {
        static READ: OnceLock<Option<Proposer>> = OnceLock::new();
        READ.get_or_init(|| Self::from_bytes(FILE)).as_ref()
    }

    /// What is said of each position of the finer map; empty for maps that it was not fitted to.
    #[must_use]
    pub fn proposals(&self, map: &FeatureMap) -> Vec<Proposal> {
        let Some(inputs) = Inputs::of(&self.finer, &self.last, map) else { return Vec::new() };
        let (positions, numbers, units) = (inputs.positions(), inputs.numbers(), self.hidden_bias.len());
        let mut rows = vec![0.0; positions * numbers];
        rows.chunks_exact_mut(numbers).enumerate().for_each(|(position, row)| inputs.write(position, row));
        let mut hidden: Vec<f32> = self.hidden_bias.repeat(positions);
        let to = MatMut::from_row_major_slice_mut(&mut hidden, positions, units);
        let rows = MatRef::from_row_major_slice(&rows, positions, numbers);
        let weights = MatRef::from_row_major_slice(&self.hidden, units, numbers);
        matmul(to, Accum::Add, rows, weights.transpose(), 1.0, Par::Seq);
        hidden.iter_mut().for_each(|value| *value = value.max(0.0));
        let said = |(position, hidden): (usize, &[f32])| {
            let mut said = [0.0; SAID];
            for (said, (weights, bias)) in said.iter_mut().zip(self.said.chunks_exact(units).zip(&self.said_bias)) {
                *said = dot(weights, hidden) + bias;
            }
            Self::of(inputs.middle(position), said)
        };
        hidden.chunks_exact(units).enumerate().map(said).collect()
    }

    /// What the network's five numbers mean at a position: the log odds of its being a middle, and the roots of the
    /// distances to left, top, right and bottom as parts of the square.
    fn of((y, x): (f32, f32), said: [f32; SAID]) -> Proposal {
        let [middle, left, top, right, bottom] = said;
        let far = |root: f32| root.max(LEAST).powi(2);
        let frame = [x - far(left), y - far(top), x + far(right), y + far(bottom)];
        Proposal { frame, score: 1.0 / (1.0 + (-middle).exp()) }
    }

    /// Reads a file of [`Proposer::to_bytes`]; `None` when a tensor is missing, of another length, or not finite.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let file = Tensors::of(bytes)?;
        let proposer = Self {
            finer: Directions { mean: file.read("finer_mean")?, rows: file.read("finer_directions")? },
            last: Directions { mean: file.read("last_mean")?, rows: file.read("last_directions")? },
            hidden: file.read("hidden")?,
            hidden_bias: file.read("hidden_bias")?,
            said: file.read("said")?,
            said_bias: file.read("said_bias")?,
        };
        let units = proposer.hidden_bias.len();
        let whole = |directions: &Directions| {
            directions.count() > 0 && directions.rows.len() == directions.count() * directions.mean.len()
        };
        let inputs = proposer.finer.count() * LOOKED_AT.len() + proposer.last.count();
        let fits = whole(&proposer.finer)
            && whole(&proposer.last)
            && units > 0
            && proposer.hidden.len() == units * inputs
            && proposer.said.len() == units * SAID
            && proposer.said_bias.len() == SAID;
        fits.then_some(proposer)
    }

    /// As a safetensors file.
    ///
    /// # Errors
    /// When the format refuses a tensor.
    pub fn to_bytes(&self) -> Result<Vec<u8>, String> {
        written(&[
            ("finer_mean", &self.finer.mean),
            ("finer_directions", &self.finer.rows),
            ("last_mean", &self.last.mean),
            ("last_directions", &self.last.rows),
            ("hidden", &self.hidden),
            ("hidden_bias", &self.hidden_bias),
            ("said", &self.said),
            ("said_bias", &self.said_bias),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_read_and_comes_back() {
        let proposer = Proposer::builtin().unwrap();
        assert_eq!(Proposer::from_bytes(&proposer.to_bytes().unwrap()).as_ref(), Some(proposer));
        assert!(Proposer::from_bytes(b"no file").is_none());
        let mut short = proposer.clone();
        short.last.rows.pop();
        assert!(Proposer::from_bytes(&short.to_bytes().unwrap()).is_none());
        let mut broken = proposer.clone();
        broken.said[0] = f32::NAN;
        assert!(Proposer::from_bytes(&broken.to_bytes().unwrap()).is_none());
    }

    #[test]
    fn maps_of_another_model_propose_nothing() {
        let map = |channels, side| FeatureMap::new(channels, side, side, vec![1.0; channels * side * side]).unwrap();
        let proposer = Proposer::builtin().unwrap();
        assert!(proposer.proposals(&map(1280, 9)).is_empty(), "no finer map");
        assert!(proposer.proposals(&map(1280, 9).with_finer(Some(map(3, 17)))).is_empty());
        assert!(proposer.proposals(&map(3, 9).with_finer(Some(map(120, 17)))).is_empty());
        for (last, finer) in [(9, 17), (1, 1), (1, 2)] {
            let proposals = proposer.proposals(&map(1280, last).with_finer(Some(map(120, finer))));
            assert_eq!(proposals.len(), finer * finer);
            assert!(proposals.iter().all(|proposal| (0.0..=1.0).contains(&proposal.score)), "{proposals:?}");
        }
    }

    #[test]
    fn a_position_knows_itself_and_what_is_around_it() {
        // Of one channel: 1 at the second row and third column of the finer map, 3 everywhere on the last.
        let mut fine = vec![0.0; 25];
        fine[7] = 1.0;
        let map = FeatureMap::new(1, 2, 2, vec![3.0; 4]).unwrap().with_finer(FeatureMap::new(1, 5, 5, fine));
        let own = Directions { mean: vec![0.0], rows: vec![2.0] };
        let inputs = Inputs::of(&own, &own, &map).unwrap();
        assert_eq!((inputs.positions(), inputs.numbers()), (25, LOOKED_AT.len() + 1));
        let mut row = vec![0.0; inputs.numbers()];
        // Unit length of a single number is 1, in the direction 2.
        for position in 0..25 {
            inputs.write(position, &mut row);
            let seen: Vec<usize> = (0..LOOKED_AT.len()).filter(|place| row[*place] == 2.0).collect();
            let place = |(down, across): (isize, isize)| {
                (position as isize / 5 + down, position as isize % 5 + across) == (1, 2)
            };
            let expected: Vec<usize> = (0..LOOKED_AT.len()).filter(|at| place(LOOKED_AT[*at])).collect();
            assert_eq!(seen, expected, "{position}");
            assert_eq!(row.last(), Some(&(2.0 * LAST)));
        }
        assert_eq!(inputs.middle(7), (0.3, 0.5));
    }

    #[test]
    fn a_map_is_enlarged_with_its_corners_on_the_corners() {
        let enlarged = enlarged(&[0.0, 1.0, 2.0, 3.0], (2, 2), (3, 3), 1);
        assert_eq!(enlarged, [0.0, 0.5, 1.0, 1.0, 1.5, 2.0, 2.0, 2.5, 3.0].map(|value| LAST * value));
    }
}
