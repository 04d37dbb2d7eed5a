//! What a picture shows, and what is behind it: a mask of the subject on a [`Sketch`].
//!
//! The background is taken from the picture's edge: up to four colours that most of the edge has. Where they cover it, the
//! subject is what cannot be reached from the edge over pixels like them. Where they do not, as in photographs of rooms, the
//! subject is what has the colours of the middle rather than those of the edge.

use image::{GrayImage, Luma};
use imageproc::definitions::Image;
use imageproc::region_labelling::{Connectivity, connected_components};

use super::colour_names::distance;
use super::{Region, Sketch};

/// Thickness of the edge that the background is taken from, in pixels of the sketch.
const EDGE: usize = 3;
/// Most colours of a background.
const MOST_COLOURS: usize = 4;
/// Pixels within this distance in OKLab are of one background colour.
const SAME: f32 = 0.08;
/// From this share of the edge on, the background colours are all of it.
const COVERED: f32 = 0.85;
/// Range in which the distance that tells subject from background is looked for.
const THRESHOLD: (f32, f32) = (0.035, 0.14);
/// Smallest share of the picture that a subject has.
const SMALLEST: f32 = 0.004;

/// What is behind the subject.
#[derive(Debug, Clone, PartialEq)]
pub struct Background {
    /// Colours of the edge in OKLab and the share of the edge that each has, largest first; empty when no colour stands out.
    pub colours: Vec<([f32; 3], f32)>,
    /// Share of the edge that those colours have together, 0 to 1.
    pub covered: f32,
    /// Root mean square distance in OKLab of the edge from its first colour: 0 for a background of one colour.
    pub unevenness: f32,
}

/// The subject of a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Subject {
    width: usize,
    height: usize,
    mask: Vec<bool>,
    area: f32,
    /// What is behind it.
    pub background: Background,
    /// Whether it could be told from the background; if not, the mask is the middle of the picture.
    pub found: bool,
}

impl Subject {
    /// Looks for it.
    #[must_use]
    pub fn of(sketch: &Sketch) -> Self {
        let (width, height) = (sketch.width(), sketch.height());
        let background = Background::of(sketch);
        let plain = background.covered >= COVERED;
        let mask = if plain { before_plain(sketch, &background) } else { like_the_middle(sketch) };
        let area = share(&mask);
        let found = (SMALLEST..0.98).contains(&area);
        let mask = if found { mask } else { middle(width, height) };
        Self { width, height, area: share(&mask), mask, background, found }
    }

    /// Which pixels of the sketch show it, row by row.
    #[must_use]
    pub fn mask(&self) -> &[bool] {
        &self.mask
    }

    /// Share of the picture that it covers, 0 to 1.
    #[must_use]
    pub fn area(&self) -> f32 {
        self.area
    }

    /// The smallest box around nearly all of it: in each direction the outer half percent does not count.
    #[must_use]
    pub fn region(&self) -> Region {
        self.around(&self.mask)
    }

    /// The smallest box around its largest connected part.
    #[must_use]
    pub fn main(&self) -> Region {
        let labels = parts(&self.mask, self.width, self.height);
        let mut sizes = vec![0_usize; labels.len() + 1];
        labels.iter().filter(|label| **label > 0).for_each(|label| sizes[*label as usize] += 1);
        let largest = (1..sizes.len()).max_by_key(|label| sizes[*label]).unwrap_or(0);
        self.around(&labels.iter().map(|label| *label as usize == largest).collect::<Vec<_>>())
    }

    fn around(&self, mask: &[bool]) -> Region {
        let columns: Vec<usize> =
            (0..self.width).map(|x| (0..self.height).filter(|y| mask[y * self.width + x]).count()).collect();
        let rows: Vec<usize> =
            mask.chunks_exact(self.width).map(|row| row.iter().filter(|own| **own).count()).collect();
        let ((left, right), (top, bottom)) = (extent(&columns), extent(&rows));
        let (width, height) = (self.width as f32, self.height as f32);
        let (x, y) = (left as f32 / width, top as f32 / height);
        Region::new(x, y, right as f32 / width - x, bottom as f32 / height - y).unwrap_or(Region::WHOLE)
    }
}

impl Background {
    fn of(sketch: &Sketch) -> Self {
        let (width, height) = (sketch.width(), sketch.height());
        let mut edge: Vec<[f32; 3]> = Vec::with_capacity(2 * EDGE * (width + height));
        for (place, lab) in sketch.lab().iter().enumerate() {
            if at_edge(place % width, place / width, width, height) {
                edge.push(*lab);
            }
        }
        let all = edge.len() as f32;
        let mut colours: Vec<([f32; 3], f32)> = Vec::new();
        let mut left = edge.clone();
        while colours.len() < MOST_COLOURS && !left.is_empty() {
            let Some(peak) = densest(&left) else { break };
            // Twice, so that the colour settles where most of its pixels are.
            let centre = mean(left.iter().filter(|lab| distance(**lab, peak) < SAME)).unwrap_or(peak);
            let before = left.len();
            left.retain(|lab| distance(*lab, centre) >= SAME);
            let part = (before - left.len()) as f32 / all;
            if part < 0.03 {
                break;
            }
            colours.push((centre, part));
        }
        colours.sort_by(|a, b| b.1.total_cmp(&a.1));
        let first = colours.first().map(|(lab, _)| *lab);
        let squares = |first: [f32; 3]| edge.iter().map(|lab| distance(*lab, first).powi(2)).sum::<f32>();
        Self {
            covered: colours.iter().map(|(_, part)| part).sum::<f32>().min(1.0),
            unevenness: first.map_or(1.0, |first| (squares(first) / all).sqrt()),
            colours,
        }
    }

    /// How far a colour is from the nearest of the background.
    fn distance(&self, lab: [f32; 3]) -> f32 {
        self.colours.iter().map(|(own, _)| distance(*own, lab)).fold(1.0, f32::min)
    }
}

fn at_edge(x: usize, y: usize, width: usize, height: usize) -> bool {
    x < EDGE || y < EDGE || x + EDGE >= width || y + EDGE >= height
}

/// The mean of the pixels in the fullest cell of a grid over OKLab.
fn densest(pixels: &[[f32; 3]]) -> Option<[f32; 3]> {
    let mut cells: std::collections::HashMap<[i16; 3], (u32, [f32; 3])> = std::collections::HashMap::new();
    for lab in pixels {
        let cell = lab.map(|value| (value / 0.05).round() as i16);
        let (count, sum) = cells.entry(cell).or_default();
        *count += 1;
        (0..3).for_each(|i| sum[i] += lab[i]);
    }
    // Ties go to the same cell each time, whatever the order of the map.
    let (_, (count, sum)) = cells.into_iter().max_by_key(|(cell, (count, _))| (*count, *cell))?;
    Some(sum.map(|sum| sum / count as f32))
}

fn mean<'p>(pixels: impl Iterator<Item = &'p [f32; 3]>) -> Option<[f32; 3]> {
    let (mut sum, mut count) = ([0.0; 3], 0.0);
    for lab in pixels {
        (0..3).for_each(|i| sum[i] += lab[i]);
        count += 1.0;
    }
    (count > 0.0).then(|| sum.map(|sum| sum / count))
}

/// What cannot be reached from the edge over background, without what is enclosed and exactly like the background.
fn before_plain(sketch: &Sketch, background: &Background) -> Vec<bool> {
    let (width, height) = (sketch.width(), sketch.height());
    let far: Vec<f32> = sketch.lab().iter().map(|lab| background.distance(*lab)).collect();
    let threshold = otsu(&far).clamp(THRESHOLD.0, THRESHOLD.1);
    let behind = outside(&far.iter().map(|far| *far < threshold).collect::<Vec<_>>(), width, height);
    // The loop of a bag's handle shows the background too.
    let exact: Vec<bool> = far.iter().zip(&behind).map(|(far, behind)| !behind && *far < THRESHOLD.0 * 0.5).collect();
    let holes = large(&exact, width, height, (0.004 * (width * height) as f32) as usize + 1);
    behind.iter().zip(holes).map(|(behind, hole)| !behind && !hole).collect()
}

/// The connected parts of `wanted` that touch the picture's edge.
fn outside(wanted: &[bool], width: usize, height: usize) -> Vec<bool> {
    let labels = parts(wanted, width, height);
    let mut touching = vec![false; wanted.len() + 1];
    for y in 0..height {
        for x in 0..width {
            if x == 0 || y == 0 || x + 1 == width || y + 1 == height {
                touching[labels[y * width + x] as usize] = true;
            }
        }
    }
    labels.iter().map(|label| *label > 0 && touching[*label as usize]).collect()
}

/// The connected parts of `wanted` with at least `least` pixels.
fn large(wanted: &[bool], width: usize, height: usize, least: usize) -> Vec<bool> {
    let labels = parts(wanted, width, height);
    let mut sizes = vec![0; wanted.len() + 1];
    labels.iter().for_each(|label| sizes[*label as usize] += 1);
    labels.iter().map(|label| *label > 0 && sizes[*label as usize] >= least).collect()
}

/// Numbers of connected parts, from 1; 0 is no part. Row by row.
fn parts(wanted: &[bool], width: usize, height: usize) -> Vec<u32> {
    // `imageproc` has no room for the label of a single pixel.
    if let [own] = wanted {
        return vec![u32::from(*own)];
    }
    let pixels = wanted.iter().map(|wanted| u8::from(*wanted)).collect();
    let Some(image) = GrayImage::from_raw(width as u32, height as u32, pixels) else { return vec![0; wanted.len()] };
    let labels: Image<Luma<u32>> = connected_components(&image, Connectivity::Four, Luma([0]));
    labels.into_raw()
}

/// The threshold that parts values of 0 to 0.4 best into two (Otsu 1979), in 64 steps.
fn otsu(values: &[f32]) -> f32 {
    const STEPS: usize = 64;
    let mut counts = [0.0_f64; STEPS];
    for value in values {
        counts[((value / 0.4 * STEPS as f32) as usize).min(STEPS - 1)] += 1.0;
    }
    let total: f64 = counts.iter().sum();
    let weighted: f64 = counts.iter().enumerate().map(|(step, count)| step as f64 * count).sum();
    let (mut below, mut sum, mut best) = (0.0, 0.0, (0.0, 0));
    for (step, count) in counts.iter().enumerate() {
        below += count;
        sum += step as f64 * count;
        let above = total - below;
        if below > 0.0 && above > 0.0 {
            let spread = below * above * (sum / below - (weighted - sum) / above).powi(2);
            if spread > best.0 {
                best = (spread, step + 1);
            }
        }
    }
    best.1 as f32 * 0.4 / STEPS as f32
}

/// Pixels whose colours the middle of the picture has rather than its edge, in one piece with few holes.
fn like_the_middle(sketch: &Sketch) -> Vec<bool> {
    let (width, height) = (sketch.width(), sketch.height());
    let lab = sketch.lab();
    let centred: Vec<f32> = (0..lab.len()).map(|place| centredness(place, width, height)).collect();
    let mut likely = centred.clone();
    // The colours of both are learnt from what is taken for both, twice.
    for _ in 0..2 {
        let (mut inside, mut around) = (Colours::new(), Colours::new());
        for (lab, likely) in lab.iter().zip(&likely) {
            inside.add(*lab, *likely);
            around.add(*lab, 1.0 - likely);
        }
        for ((lab, centred), likely) in lab.iter().zip(&centred).zip(&mut likely) {
            let (own, other) = (inside.share(*lab), around.share(*lab));
            let colour = own / (own + other).max(1e-9);
            *likely = (colour * centred) / (colour * centred + (1.0 - colour) * (1.0 - centred)).max(1e-9);
        }
    }
    let mask: Vec<bool> = likely.iter().map(|likely| *likely > 0.5).collect();
    let behind = outside(&mask.iter().map(|own| !own).collect::<Vec<_>>(), width, height);
    let whole: Vec<bool> = behind.iter().map(|behind| !behind).collect();
    large(&whole, width, height, (0.01 * whole.len() as f32) as usize + 1)
}

/// How much a pixel counts as the middle: 0.9 in the centre, falling to 0.05 at the edge.
fn centredness(place: usize, width: usize, height: usize) -> f32 {
    let from_centre = |at: usize, length: usize| ((at as f32 + 0.5) / length as f32 - 0.5) * 2.0;
    let (x, y) = (from_centre(place % width, width), from_centre(place / width, height));
    0.05 + 0.85 * (-(x * x + y * y) / 0.6).exp()
}

/// How often colours are seen, on a grid over OKLab.
struct Colours {
    counts: Vec<f32>,
    total: f32,
}

impl Colours {
    const SIDES: [usize; 3] = [12, 16, 16];

    fn new() -> Self {
        Self { counts: vec![0.0; Self::SIDES.iter().product()], total: 0.0 }
    }

    fn cell(lab: [f32; 3]) -> usize {
        let at = |value: f32, from: f32, to: f32, side: usize| {
            (((value - from) / (to - from) * side as f32) as usize).min(side - 1)
        };
        let [l, a, b] = Self::SIDES;
        (at(lab[0], 0.0, 1.0, l) * a + at(lab[1], -0.25, 0.25, a)) * b + at(lab[2], -0.25, 0.25, b)
    }

    fn add(&mut self, lab: [f32; 3], weight: f32) {
        self.counts[Self::cell(lab)] += weight;
        self.total += weight;
    }

    fn share(&self, lab: [f32; 3]) -> f32 {
        (self.counts[Self::cell(lab)] + 0.01) / (self.total + 1.0)
    }
}

/// The ellipse in the middle that stands for a subject that was not found.
fn middle(width: usize, height: usize) -> Vec<bool> {
    let inside = |place: usize| {
        let from_centre = |at: usize, length: usize| ((at as f32 + 0.5) / length as f32 - 0.5) / 0.4;
        from_centre(place % width, width).powi(2) + from_centre(place / width, height).powi(2) <= 1.0
    };
    let mask: Vec<bool> = (0..width * height).map(inside).collect();
    if mask.iter().any(|own| *own) { mask } else { vec![true; width * height] }
}

fn share(mask: &[bool]) -> f32 {
    mask.iter().filter(|own| **own).count() as f32 / mask.len().max(1) as f32
}

/// First and one past the last place between which all but half a percent at either end lies.
fn extent(counts: &[usize]) -> (usize, usize) {
    let total: usize = counts.iter().sum();
    let spare = total / 200;
    let left = beginning(counts.iter(), spare).unwrap_or(0);
    let right = beginning(counts.iter().rev(), spare).map_or(counts.len(), |place| counts.len() - place);
    (left, right.max(left + 1))
}

/// Where the sum of the counts so far first passes `spare`.
fn beginning<'c>(mut counts: impl Iterator<Item = &'c usize>, spare: usize) -> Option<usize> {
    let mut sum = 0;
    counts.position(|count| {
        sum += count;
        sum > spare
    })
}

#[cfg(test)]
mod tests {
    use super::super::Picture;
    use super::*;

    /// A canvas with a filled rectangle: left, top, right, bottom.
    fn canvas(side: u32, behind: impl Fn(u32, u32) -> [u8; 3], shape: [u32; 4], colour: [u8; 3]) -> Subject {
        let pixel = |x: u32, y: u32| {
            let inside = x >= shape[0] && y >= shape[1] && x < shape[2] && y < shape[3];
            if inside { colour } else { behind(x, y) }
        };
        let rgb = (0..side * side).flat_map(|place| pixel(place % side, place / side)).collect();
        Subject::of(&Sketch::of(&Picture::from_rgb(side, side, rgb).unwrap()))
    }

    #[test]
    fn a_shape_on_a_plain_background_is_found_exactly() {
        for behind in [[255, 255, 255], [30, 90, 40], [10, 10, 12]] {
            let subject = canvas(100, |_, _| behind, [20, 30, 70, 90], [200, 120, 20]);
            assert!(subject.found && subject.background.covered > 0.99);
            let [x, y, width, height]: [f32; 4] = subject.region().into();
            assert!((x - 0.2).abs() < 0.011 && (y - 0.3).abs() < 0.011, "{:?}", subject.region());
            assert!((width - 0.5).abs() < 0.021 && (height - 0.6).abs() < 0.021, "{:?}", subject.region());
            assert!((subject.area() - 0.3).abs() < 0.01, "{}", subject.area());
        }
    }

    #[test]
    fn a_background_of_two_colours_is_a_background() {
        let behind = |_, y| if y < 60 { [230, 228, 225] } else { [120, 80, 50] };
        let subject = canvas(100, behind, [30, 20, 70, 95], [20, 40, 160]);
        assert_eq!(subject.background.colours.len(), 2);
        assert!((subject.area() - 0.3).abs() < 0.02, "{}", subject.area());
    }

    #[test]
    fn a_white_thing_with_a_dark_outline_keeps_its_inside() {
        let side = 100;
        let pixel = |x: u32, y: u32| {
            let inside = |margin| x >= margin && y >= margin && x < side - margin && y < side - margin;
            if inside(25) {
                [240, 240, 238]
            } else if inside(22) {
                [60, 60, 60]
            } else {
                [255; 3]
            }
        };
        let rgb = (0..side * side).flat_map(|place| pixel(place % side, place / side)).collect();
        let subject = Subject::of(&Sketch::of(&Picture::from_rgb(side, side, rgb).unwrap()));
        assert!((subject.area() - 0.56 * 0.56).abs() < 0.03, "{}", subject.area());
    }

    #[test]
    fn nothing_to_be_seen_is_said_and_harms_nothing() {
        for side in [1, 2, 7, 200] {
            let subject = canvas(side, |_, _| [128; 3], [0; 4], [0; 3]);
            assert!(!subject.found, "{side}");
            assert!(subject.area() > 0.0);
            assert!(subject.region().width() > 0.0);
        }
    }
}
