//! What speaks for and against a box: how it differs from what is around it, in colour, in edges, and on the feature map; and what
//! the model's maps propose there.

use super::group::Candidate;
use super::propose::Proposal;
use crate::image::Sketch;
use crate::linear::dot;
use crate::model::FeatureMap;

/// Measures of a box.
pub const MEASURES: usize = 23;
/// Of them, those that the pixels tell; they are the first.
pub const OF_PIXELS: usize = 15;
/// Those that need the feature map; they follow.
const OF_MAP: usize = 5;
/// Those that need proposals; they are the last, and this is the first of them: how well a box agrees with what is proposed, 0 to 1.
pub const PROPOSED: usize = OF_PIXELS + OF_MAP;
const OF_PROPOSALS: usize = MEASURES - PROPOSED;

/// Cells of OKLab that histograms count in: 5 × 4 × 4.
const BINS: usize = 80;

/// Sums over rectangles of a sketch: colours, their squares, cells of colour, edges.
#[derive(Debug, Clone)]
pub(super) struct Sums {
    width: usize,
    height: usize,
    /// Per corner: L, a, b, their squares, strength of edges.
    values: Vec<[f64; 7]>,
    /// Per corner: pixels of each cell so far.
    cells: Vec<u16>,
}

/// A rectangle's sums.
struct Summed {
    pixels: f32,
    values: [f32; 7],
    cells: [f32; BINS],
}

impl Sums {
    pub(super) fn of(sketch: &Sketch) -> Self {
        let (width, height, lab) = (sketch.width(), sketch.height(), sketch.lab());
        let across = width + 1;
        let mut values = vec![[0.0_f64; 7]; across * (height + 1)];
        let mut cells = vec![0_u16; across * (height + 1) * BINS];
        let mut row_cells = [0_u16; BINS];
        for y in 0..height {
            let mut row = [0.0_f64; 7];
            row_cells.fill(0);
            for x in 0..width {
                let place = y * width + x;
                let own = lab[place];
                let next = lab[if x + 1 < width { place + 1 } else { place }];
                let below = lab[if y + 1 < height { place + width } else { place }];
                let edge: f32 = (0..3).map(|i| (next[i] - own[i]).abs() + (below[i] - own[i]).abs()).sum();
                for i in 0..3 {
                    row[i] += f64::from(own[i]);
                    row[i + 3] += f64::from(own[i]).powi(2);
                }
                row[6] += f64::from(edge.min(0.5));
                row_cells[cell(own)] += 1;
                let (here, above) = ((y + 1) * across + x + 1, y * across + x + 1);
                values[here] = std::array::from_fn(|i| values[above][i] + row[i]);
                // Rows end before they begin: the sums above are those of whole rows.
                let (before, after) = cells.split_at_mut(here * BINS);
                let above = &before[above * BINS..(above + 1) * BINS];
                for ((to, above), row) in after[..BINS].iter_mut().zip(above).zip(&row_cells) {
                    *to = above.wrapping_add(*row);
                }
            }
        }
        Self { width, height, values, cells }
    }

    fn over(&self, [left, top, right, bottom]: [usize; 4]) -> Summed {
        let across = self.width + 1;
        let corners = [bottom * across + right, top * across + right, bottom * across + left, top * across + left];
        let [a, b, c, d] = corners.map(|corner| &self.values[corner]);
        let values = std::array::from_fn(|i| (a[i] - b[i] - c[i] + d[i]) as f32);
        let [a, b, c, d] = corners.map(|corner| &self.cells[corner * BINS..(corner + 1) * BINS]);
        let count = |i: usize| a[i].wrapping_sub(b[i]).wrapping_sub(c[i]).wrapping_add(d[i]);
        let cells = std::array::from_fn(|i| f32::from(count(i)));
        Summed { pixels: ((right - left) * (bottom - top)) as f32, values, cells }
    }
}

impl Summed {
    /// What is in `self` and not in `inner`.
    fn without(&self, inner: &Self) -> Self {
        Self {
            pixels: self.pixels - inner.pixels,
            values: std::array::from_fn(|i| self.values[i] - inner.values[i]),
            cells: std::array::from_fn(|i| self.cells[i] - inner.cells[i]),
        }
    }

    fn mean(&self, i: usize) -> f32 {
        self.values[i] / self.pixels.max(1.0)
    }

    /// Standard deviation of the colour.
    fn spread(&self) -> f32 {
        (0..3).map(|i| (self.mean(i + 3) - self.mean(i).powi(2)).max(0.0)).sum::<f32>().sqrt()
    }

    /// Share of colour that two rectangles have in common, 0 to 1.
    fn common(&self, other: &Self) -> f32 {
        let (own, others) = (self.pixels.max(1.0), other.pixels.max(1.0));
        self.cells.iter().zip(&other.cells).map(|(a, b)| (a / own).min(b / others)).sum()
    }
}

fn cell(lab: [f32; 3]) -> usize {
    let step = |value: f32, steps: usize| ((value * steps as f32) as usize).min(steps - 1);
    step(lab[0], 5) * 16 + step((lab[1] + 0.2) / 0.4, 4) * 4 + step((lab[2] + 0.2) / 0.4, 4)
}

/// The map's positions as unit vectors, by all their scalar products: what is asked of boxes is asked of these.
struct Positions {
    columns: usize,
    rows: usize,
    /// Strength of each position relative to the strongest.
    strength: Vec<f32>,
    /// Scalar products of all pairs.
    products: Vec<f32>,
    /// Scalar products with the mean position, at unit length.
    with_mean: Vec<f32>,
}

impl Positions {
    fn of(map: &FeatureMap) -> Self {
        let count = map.height() * map.width();
        let mut vectors = vec![vec![0.0_f32; map.channels()]; count];
        for channel in 0..map.channels() {
            let plane = map.channel(channel).unwrap_or_default();
            vectors.iter_mut().zip(plane).for_each(|(vector, value)| vector[channel] = *value);
        }
        let lengths: Vec<f32> = vectors.iter().map(|vector| dot(vector, vector).sqrt().max(1e-6)).collect();
        for (vector, length) in vectors.iter_mut().zip(&lengths) {
            vector.iter_mut().for_each(|value| *value /= length);
        }
        let mut mean = vec![0.0; map.channels()];
        vectors.iter().for_each(|vector| mean.iter_mut().zip(vector).for_each(|(sum, value)| *sum += value));
        let length = dot(&mean, &mean).sqrt().max(1e-6);
        let largest = lengths.iter().copied().fold(1e-6, f32::max);
        let mut products = vec![0.0; count * count];
        for i in 0..count {
            for j in i..count {
                let product = dot(&vectors[i], &vectors[j]);
                products[i * count + j] = product;
                products[j * count + i] = product;
            }
        }
        Self {
            columns: map.width(),
            rows: map.height(),
            strength: lengths.iter().map(|own| own / largest).collect(),
            products,
            with_mean: vectors.iter().map(|vector| dot(vector, &mean) / length).collect(),
        }
    }

    /// Strength inside, strength against what is around, how alike the positions inside are, how alike inside and around,
    /// and how like the whole picture. `frame` and the picture's own extent are in positions.
    fn measures(&self, frame: [f32; 4], extent: [f32; 4]) -> [f32; OF_MAP] {
        let inside = self.weights(frame);
        let (wide, tall) = (0.35 * (frame[2] - frame[0]) + 0.3, 0.35 * (frame[3] - frame[1]) + 0.3);
        let wider = [
            (frame[0] - wide).max(extent[0]),
            (frame[1] - tall).max(extent[1]),
            (frame[2] + wide).min(extent[2]),
            (frame[3] + tall).min(extent[3]),
        ];
        let mut around = self.weights(wider);
        around.iter_mut().zip(&inside).for_each(|(weight, own)| *weight = (*weight - own).max(0.0));
        let (inside, around) = (to_one(inside), to_one(around));
        let strength = |weights: &[f32]| -> f32 { dot(&self.strength, weights) };
        let (near, off) = (self.sums(&inside), self.sums(&around));
        let length = dot(&near, &inside).max(0.0).sqrt();
        let outer = dot(&off, &around).max(0.0).sqrt();
        let cosine = dot(&near, &around) / (length * outer).max(1e-6);
        let whole = dot(&self.with_mean, &inside);
        [strength(&inside), strength(&inside) - strength(&around), length, cosine, whole / length.max(1e-6)]
    }

    /// How much of each position is under a rectangle.
    fn weights(&self, [left, top, right, bottom]: [f32; 4]) -> Vec<f32> {
        let under = |from: f32, to: f32, at: usize| (to.min(at as f32 + 1.0) - from.max(at as f32)).clamp(0.0, 1.0);
        let columns: Vec<f32> = (0..self.columns).map(|column| under(left, right, column)).collect();
        let rows = (0..self.rows).map(|row| under(top, bottom, row));
        rows.flat_map(|tall| columns.iter().map(move |across| tall * across)).collect()
    }

    /// Scalar products of each position with the weighted sum of all.
    fn sums(&self, weights: &[f32]) -> Vec<f32> {
        let mut sums = vec![0.0; weights.len()];
        for (products, weight) in
            self.products.chunks_exact(weights.len()).zip(weights).filter(|(_, weight)| **weight > 0.0)
        {
            sums.iter_mut().zip(products).for_each(|(sum, product)| *sum += weight * product);
        }
        sums
    }
}

fn to_one(mut weights: Vec<f32>) -> Vec<f32> {
    let total = weights.iter().sum::<f32>().max(1e-6);
    weights.iter_mut().for_each(|weight| *weight /= total);
    weights
}

/// What the pixels say of all candidates; the other measures are NaN until [`with_map`] and [`with_proposals`].
pub(super) fn of_picture(sums: &Sums, candidates: &[Candidate]) -> Vec<[f32; MEASURES]> {
    let one = |candidate: &Candidate| {
        let mut measures = [f32::NAN; MEASURES];
        measures[..OF_PIXELS].copy_from_slice(&of_pixels(sums, candidate));
        measures
    };
    candidates.iter().map(one).collect()
}

/// Fills in how candidates agree with what is proposed; boxes of proposals in pixels of the sketch: the most of score times
/// overlap (intersection over union) with any proposal, and the score and overlap of the proposal whose position is nearest to the
/// middle of the box.
pub(super) fn with_proposals(
    measures: &mut [[f32; MEASURES]],
    candidates: &[Candidate],
    proposals: &[Proposal],
    middle: impl Fn(f32, f32) -> usize,
) {
    for (measures, candidate) in measures.iter_mut().zip(candidates) {
        let frame = [candidate.left, candidate.top, candidate.right, candidate.bottom].map(f32::from);
        let best = proposals.iter().map(|other| other.score * overlap(frame, other.frame)).fold(0.0, f32::max);
        let nearest = proposals.get(middle((frame[0] + frame[2]) / 2.0, (frame[1] + frame[3]) / 2.0));
        let (score, same) = nearest.map_or((0.0, 0.0), |other| (other.score, overlap(frame, other.frame)));
        let to: &mut [f32; OF_PROPOSALS] = &mut measures[PROPOSED..].as_chunks_mut().0[0];
        *to = [best, score, same];
    }
}

/// The area that two frames (left, top, right, bottom) share.
pub(super) fn common(a: [f32; 4], b: [f32; 4]) -> f32 {
    let along = |side: usize| (a[side + 2].min(b[side + 2]) - a[side].max(b[side])).max(0.0);
    along(0) * along(1)
}

/// Intersection over union of two frames.
pub(super) fn overlap(a: [f32; 4], b: [f32; 4]) -> f32 {
    let area = |frame: [f32; 4]| (frame[2] - frame[0]).max(0.0) * (frame[3] - frame[1]).max(0.0);
    let common = common(a, b);
    common / (area(a) + area(b) - common).max(f32::MIN_POSITIVE)
}

/// Fills in what the feature map says of each candidate; `size` is the sketch's width and height.
pub(super) fn with_map(
    measures: &mut [[f32; MEASURES]],
    candidates: &[Candidate],
    map: &FeatureMap,
    (width, height): (f32, f32),
) {
    if candidates.is_empty() {
        return;
    }
    let positions = Positions::of(map);
    let longer = width.max(height);
    let (beside, above) = ((longer - width) / 2.0, (longer - height) / 2.0);
    let (across, down) = (positions.columns as f32 / longer, positions.rows as f32 / longer);
    let place = |left: f32, top: f32, right: f32, bottom: f32| {
        [(left + beside) * across, (top + above) * down, (right + beside) * across, (bottom + above) * down]
    };
    for (measures, candidate) in measures.iter_mut().zip(candidates) {
        let [left, top, right, bottom] =
            [candidate.left, candidate.top, candidate.right, candidate.bottom].map(f32::from);
        let frame = place(left, top, right, bottom);
        measures[OF_PIXELS..OF_PIXELS + OF_MAP]
            .copy_from_slice(&positions.measures(frame, place(0.0, 0.0, width, height)));
    }
}

fn of_pixels(sums: &Sums, candidate: &Candidate) -> [f32; OF_PIXELS] {
    let [left, top, right, bottom] =
        [candidate.left, candidate.top, candidate.right, candidate.bottom].map(usize::from);
    let (wide, tall) = ((right - left) as f32, (bottom - top) as f32);
    let (width, height) = (sums.width as f32, sums.height as f32);
    let grown = |by_x: usize, by_y: usize| {
        sums.over([
            left.saturating_sub(by_x),
            top.saturating_sub(by_y),
            (right + by_x).min(sums.width),
            (bottom + by_y).min(sums.height),
        ])
    };
    let inside = sums.over([left, top, right, bottom]);
    let fifth = |length: f32| (length * 0.2).round().max(1.0) as usize;
    let ring = grown(fifth(wide), fifth(tall)).without(&inside);
    let rim = grown(2, 2).without(&inside);
    let contrast = (0..3).map(|i| (inside.mean(i) - ring.mean(i)).powi(2)).sum::<f32>().sqrt();
    let aspect = (wide / tall).ln();
    let touching =
        u8::from(left == 0) + u8::from(top == 0) + u8::from(right == sums.width) + u8::from(bottom == sums.height);
    let off = |start: usize, length: f32, whole: f32| ((start as f32 + length / 2.0) / whole - 0.5).abs();
    [
        (wide * tall / (width * height)).ln(),
        aspect,
        aspect.abs(),
        candidate.pixels as f32 / (wide * tall),
        contrast,
        inside.common(&ring),
        ring.spread(),
        inside.spread(),
        inside.common(&rim),
        rim.spread(),
        rim.mean(6),
        inside.mean(6),
        f32::from(touching),
        off(left, wide, width).max(off(top, tall, height)),
        (wide / width).max(tall / height),
    ]
}
