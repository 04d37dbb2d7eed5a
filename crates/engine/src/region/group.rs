//! Boxes that may frame a thing: pieces put together, the most alike first (selective search, Uijlings et al. 2013).

use std::cmp::Ordering;
use std::collections::{BTreeSet, BinaryHeap};

use super::segment::{Edges, Scale};
use crate::beside::beside;
use crate::image::Sketch;

/// The scales at which a picture is cut into pieces.
const SCALES: [Scale; 2] = [Scale { k: 0.0024, least: 12 }, Scale { k: 0.0078, least: 20 }];
/// Colours that pieces are compared by: 8 × 6 × 6 cells of OKLab, a multiple of 16.
const BINS: usize = 288;
/// More pieces than these are too many to be compared; the larger scale has fewer.
const MOST_PIECES: usize = 700;

/// A box in pixels of the sketch: left, top, and one past right and bottom; and how many of its pixels belong to what it is
/// around.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Candidate {
    pub(super) left: u16,
    pub(super) top: u16,
    pub(super) right: u16,
    pub(super) bottom: u16,
    pub(super) pixels: u32,
}

impl Candidate {
    pub(super) fn area(&self) -> u32 {
        u32::from(self.right - self.left) * u32::from(self.bottom - self.top)
    }

    /// Whether it is neither tiny nor nearly the whole picture, which has `whole` pixels.
    pub(super) fn fits(&self, whole: f32) -> bool {
        (0.004..0.95).contains(&(self.area() as f32 / whole))
    }

    fn with(&self, other: &Self) -> Self {
        Self {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
            pixels: self.pixels + other.pixels,
        }
    }
}

/// Every box that comes up on the way from pieces to the whole picture, at two scales, each once; without those that are
/// tiny or nearly the whole picture.
pub(super) fn candidates(sketch: &Sketch) -> Vec<Candidate> {
    let edges = Edges::of(sketch);
    let whole = (sketch.width() * sketch.height()) as f32;
    let at = |scale| {
        let (pieces, count) = edges.pieces(scale);
        if count <= MOST_PIECES { grouped(sketch, &pieces, count) } else { Vec::new() }
    };
    let [smaller, larger] = SCALES;
    let (mut found, others) = beside(|| at(smaller), || at(larger));
    found.extend(others);
    found.retain(|candidate| candidate.fits(whole));
    // Of boxes that are the same the fullest stays.
    found.sort_unstable();
    found.reverse();
    found.dedup_by_key(|candidate| (candidate.left, candidate.top, candidate.right, candidate.bottom));
    found
}

/// A piece, or pieces put together.
struct Group {
    frame: Candidate,
    /// Share of its pixels in each cell of colour.
    shares: Vec<f32>,
    neighbours: BTreeSet<u32>,
}

/// Two groups that could be put together; ordered by how alike they are.
struct Pair {
    likeness: f32,
    a: u32,
    b: u32,
}

impl Ord for Pair {
    fn cmp(&self, other: &Self) -> Ordering {
        // Of pairs that are as alike the newer one is first, so that the same picture always gives the same boxes.
        self.likeness.total_cmp(&other.likeness).then((self.b, self.a).cmp(&(other.b, other.a)))
    }
}

impl PartialOrd for Pair {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Pair {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Pair {}

fn grouped(sketch: &Sketch, pieces: &[u32], count: usize) -> Vec<Candidate> {
    let mut groups = pieces_as_groups(sketch, pieces, count);
    let whole = (sketch.width() * sketch.height()) as f32;
    let mut found: Vec<Candidate> = groups.iter().map(|group| group.frame).collect();
    let mut gone = vec![false; count];
    let mut pairs = BinaryHeap::new();
    for (a, group) in (0..).zip(&groups) {
        for b in group.neighbours.range(a + 1..) {
            pairs.push(Pair { likeness: likeness(group, &groups[*b as usize], whole), a, b: *b });
        }
    }
    while let Some(Pair { a, b, .. }) = pairs.pop() {
        // A pair of which one was put together with another meanwhile.
        if gone[a as usize] || gone[b as usize] {
            continue;
        }
        (gone[a as usize], gone[b as usize]) = (true, true);
        let joined = joined(&mut groups, a, b);
        let number = groups.len() as u32;
        for neighbour in &joined.neighbours {
            let other = &mut groups[*neighbour as usize];
            other.neighbours.remove(&a);
            other.neighbours.remove(&b);
            other.neighbours.insert(number);
            pairs.push(Pair { likeness: likeness(&joined, other, whole), a: *neighbour, b: number });
        }
        found.push(joined.frame);
        groups.push(joined);
        gone.push(false);
    }
    found
}

/// Puts two groups together; they keep nothing.
fn joined(groups: &mut [Group], a: u32, b: u32) -> Group {
    let take =
        |group: &mut Group| (group.frame, std::mem::take(&mut group.shares), std::mem::take(&mut group.neighbours));
    let (one, mut shares, mut neighbours) = take(&mut groups[a as usize]);
    let (other, others, further) = take(&mut groups[b as usize]);
    let frame = one.with(&other);
    let (part, rest) = (one.pixels as f32 / frame.pixels as f32, other.pixels as f32 / frame.pixels as f32);
    shares.iter_mut().zip(&others).for_each(|(own, other)| *own = *own * part + other * rest);
    neighbours.extend(further);
    neighbours.remove(&a);
    neighbours.remove(&b);
    Group { frame, shares, neighbours }
}

/// How much two groups have to do with each other: colours in common, small sizes, and a common box without gaps; each
/// 0 to 1.
fn likeness(a: &Group, b: &Group, whole: f32) -> f32 {
    let (size_a, size_b) = (a.frame.pixels as f32, b.frame.pixels as f32);
    // Sixteen sums, so that the compiler can use vector registers.
    let mut sums = [0.0_f32; 16];
    for (x, y) in a.shares.as_chunks::<16>().0.iter().zip(b.shares.as_chunks::<16>().0) {
        (0..16).for_each(|lane| sums[lane] += if x[lane] < y[lane] { x[lane] } else { y[lane] });
    }
    let common: f32 = sums.iter().sum();
    let size = 1.0 - (size_a + size_b) / whole;
    let gaps = 1.0 - (a.frame.with(&b.frame).area() as f32 - size_a - size_b) / whole;
    common + size + gaps
}

fn pieces_as_groups(sketch: &Sketch, pieces: &[u32], count: usize) -> Vec<Group> {
    let width = sketch.width();
    let empty = Candidate { left: u16::MAX, top: u16::MAX, right: 0, bottom: 0, pixels: 0 };
    let mut groups: Vec<Group> =
        (0..count).map(|_| Group { frame: empty, shares: vec![0.0; BINS], neighbours: BTreeSet::new() }).collect();
    // Borders as they come: most of a border's pixels say the same.
    let mut borders: Vec<(u32, u32)> = Vec::new();
    for (place, (piece, lab)) in pieces.iter().zip(sketch.lab()).enumerate() {
        let (x, y) = (place % width, place / width);
        let group = &mut groups[*piece as usize];
        let pixel = Candidate { left: x as u16, top: y as u16, right: x as u16 + 1, bottom: y as u16 + 1, pixels: 1 };
        group.frame = group.frame.with(&pixel);
        group.shares[bin(*lab)] += 1.0;
        let right = pieces.get(place + 1).filter(|_| x + 1 < width);
        for other in [right, pieces.get(place + width)].into_iter().flatten().filter(|other| *other != piece) {
            borders.push((*piece.min(other), *piece.max(other)));
        }
    }
    borders.sort_unstable();
    borders.dedup();
    for (a, b) in borders {
        groups[a as usize].neighbours.insert(b);
        groups[b as usize].neighbours.insert(a);
    }
    for Group { frame, shares, .. } in &mut groups {
        let pixels = frame.pixels as f32;
        shares.iter_mut().for_each(|share| *share /= pixels);
    }
    groups
}

fn bin(lab: [f32; 3]) -> usize {
    let step = |value: f32, from: f32, to: f32, steps: usize| {
        (((value - from) / (to - from) * steps as f32) as usize).min(steps - 1)
    };
    step(lab[0], 0.0, 1.0, 8) * 36 + step(lab[1], -0.3, 0.3, 6) * 6 + step(lab[2], -0.3, 0.3, 6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Picture;

    #[test]
    fn a_thing_of_two_colours_comes_up_whole() {
        let rgb = (0..120 * 90_u32).flat_map(|place| match (place % 120, place / 120) {
            (20..50, 15..40) => [200, 30, 30],
            (20..50, 40..75) => [30, 30, 90],
            (80..110, 30..60) => [20, 140, 60],
            _ => [245, 245, 245],
        });
        let sketch = Sketch::of(&Picture::from_rgb(120, 90, rgb.collect()).unwrap());
        let near = |a: u16, b: u16| a.abs_diff(b) <= 2;
        let found = candidates(&sketch);
        for wanted in [[20, 15, 50, 75], [80, 30, 110, 60]] {
            let there = found.iter().any(|frame| {
                let own = [frame.left, frame.top, frame.right, frame.bottom];
                own.iter().zip(wanted).all(|(a, b)| near(*a, b))
            });
            assert!(there, "{wanted:?} is not among {found:?}");
        }
    }

    #[test]
    fn an_empty_picture_has_no_candidates() {
        let sketch = Sketch::of(&Picture::from_rgb(64, 64, vec![200; 64 * 64 * 3]).unwrap());
        assert!(candidates(&sketch).is_empty());
    }
}
