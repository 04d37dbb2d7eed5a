//! The colours of a subject: few, named, with the share that each has.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::colour_names::{Colour, Shade, distance, name_of, to_hex};
use super::{Sketch, Subject};
use ::palette::{FromColor as _, Oklab, Srgb};

/// Most colours of a palette.
pub const MOST_COLOURS: usize = 6;
/// Colours with a smaller share of the subject are given to the nearest other one.
const SMALLEST: f32 = 0.03;
/// Colours nearer than this are one.
const SAME: f32 = 0.085;
/// How much lightness counts when colours are put together: a cloth has light and shade.
const LIGHTNESS: f32 = 0.55;
/// Side of the cells of OKLab that pixels are counted in first.
const CELL: f32 = 0.04;

/// The colours of a picture's subject, largest share first; shares are above 0 and sum to 1. Empty only for a palette that
/// was stored empty. In JSON: `[{"name", "family", "hex", "share"}]`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Palette {
    colours: Vec<PaletteColour>,
}

/// One colour of a palette.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PaletteColour {
    /// What it is called: one of [`super::SHADES`].
    pub name: String,
    /// The basic colour it belongs to: one of [`super::FAMILIES`].
    pub family: String,
    /// `#rrggbb`.
    pub hex: String,
    /// How much of the subject has it, above 0 and at most 1.
    pub share: f32,
}

/// A colour on its way into a palette.
#[derive(Debug, Clone, Copy)]
struct Cluster {
    lab: [f32; 3],
    weight: f32,
}

impl Palette {
    /// The colours of `subject`. Pixels near its middle count more than those at its rim, where hands, hangers and
    /// neighbours are.
    #[must_use]
    pub fn of(sketch: &Sketch, subject: &Subject) -> Self {
        let cells = counted(sketch, subject);
        let clusters = refined(&cells, seeds(&cells));
        Self::of_clusters(joined(clusters))
    }

    fn of_clusters(mut clusters: Vec<Cluster>) -> Self {
        clusters.sort_by(|a, b| b.weight.total_cmp(&a.weight));
        let total: f32 = clusters.iter().map(|cluster| cluster.weight).sum();
        let colours = clusters.iter().map(|cluster| {
            let Shade { name, family, .. } = name_of(cluster.lab);
            let share = cluster.weight / total.max(f32::MIN_POSITIVE);
            PaletteColour { name: name.into(), family: family.into(), hex: hex_of(cluster.lab), share }
        });
        Self { colours: colours.collect() }
    }

    /// The colours, largest share first.
    #[must_use]
    pub fn colours(&self) -> &[PaletteColour] {
        &self.colours
    }

    /// The colours, without a copy.
    #[must_use]
    pub fn into_colours(self) -> Vec<PaletteColour> {
        self.colours
    }

    /// How much of the subject has a colour, 0 to 1; near misses count in part. See [`Colour::nearness`].
    #[must_use]
    pub fn share_of(&self, colour: &Colour) -> f32 {
        let share = |own: &PaletteColour| own.share * colour.nearness(own.lab(), &own.family);
        self.colours.iter().map(share).sum::<f32>().clamp(0.0, 1.0)
    }

    /// How unlike two palettes are, 0 (the same) to about 1: the mean distance in OKLab to the other's colours when each
    /// share is moved to the nearest that is left, a greedy bound of the earth mover's distance (Rubner et al. 1998). 1 when
    /// one of them is empty.
    #[must_use]
    pub fn distance(&self, other: &Self) -> f32 {
        if self.colours.is_empty() || other.colours.is_empty() {
            return 1.0;
        }
        let mut ways: Vec<(f32, usize, usize)> = Vec::new();
        for (i, own) in self.colours.iter().enumerate() {
            ways.extend(other.colours.iter().enumerate().map(|(j, far)| (distance(own.lab(), far.lab()), i, j)));
        }
        ways.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut left: Vec<f32> = self.colours.iter().map(|colour| colour.share).collect();
        let mut room: Vec<f32> = other.colours.iter().map(|colour| colour.share).collect();
        let mut work = 0.0;
        for (far, i, j) in ways {
            let moved = left[i].min(room[j]);
            left[i] -= moved;
            room[j] -= moved;
            work += moved * far;
        }
        work.min(1.0)
    }

    /// Families that have at least this share of the subject together, largest first.
    #[must_use]
    pub fn families(&self, least: f32) -> Vec<&str> {
        let mut families: Vec<(&str, f32)> = Vec::new();
        for colour in &self.colours {
            match families.iter_mut().find(|(family, _)| *family == colour.family) {
                Some((_, share)) => *share += colour.share,
                None => families.push((&colour.family, colour.share)),
            }
        }
        families.retain(|(_, share)| *share >= least);
        families.sort_by(|a, b| b.1.total_cmp(&a.1));
        families.into_iter().map(|(family, _)| family).collect()
    }

    /// As kept beside a product in the index: `[["#rrggbb", share], …]`.
    #[must_use]
    pub fn to_payload(&self) -> Value {
        self.colours.iter().map(|colour| serde_json::json!([colour.hex, colour.share])).collect()
    }

    /// From [`Palette::to_payload`]; `None` for anything else.
    #[must_use]
    pub fn from_payload(value: &Value) -> Option<Self> {
        let read = |pair: &Value| -> Option<PaletteColour> {
            let colour = Colour::parse(pair.get(0)?.as_str().filter(|hex| hex.starts_with('#'))?).ok()?;
            let share = pair.get(1)?.as_f64().filter(|share| (0.0..=1.001).contains(share))? as f32;
            let Shade { name, family, .. } = colour.shade();
            Some(PaletteColour { name: name.into(), family: family.into(), hex: colour.hex(), share })
        };
        value.as_array()?.iter().map(read).collect::<Option<_>>().map(|colours| Self { colours })
    }
}

impl PaletteColour {
    /// In OKLab.
    #[must_use]
    pub fn lab(&self) -> [f32; 3] {
        Colour::parse(&self.hex).map_or([0.0; 3], |colour| colour.lab())
    }
}

/// The subject's pixels by cell of OKLab, the fullest first.
fn counted(sketch: &Sketch, subject: &Subject) -> Vec<Cluster> {
    let region = subject.region();
    let (middle_x, middle_y) = (region.x() + region.width() / 2.0, region.y() + region.height() / 2.0);
    let (width, height) = (sketch.width(), sketch.height());
    let mut cells: std::collections::HashMap<[i16; 3], (f32, [f32; 3])> = std::collections::HashMap::new();
    for (place, (lab, own)) in sketch.lab().iter().zip(subject.mask()).enumerate() {
        if !own {
            continue;
        }
        let x = ((place % width) as f32 + 0.5) / width as f32 - middle_x;
        let y = ((place / width) as f32 + 0.5) / height as f32 - middle_y;
        let (x, y) = (x / region.width(), y / region.height());
        let weight = (-(x * x + y * y) / (2.0 * 0.3 * 0.3)).exp().max(0.02);
        let (sum, labs) = cells.entry(lab.map(|value| (value / CELL).round() as i16)).or_default();
        *sum += weight;
        (0..3).for_each(|i| labs[i] += weight * lab[i]);
    }
    let mut cells: Vec<([i16; 3], Cluster)> = cells
        .into_iter()
        .map(|(cell, (weight, labs))| (cell, Cluster { lab: labs.map(|lab| lab / weight), weight }))
        .collect();
    // Cells of the same weight stay in the same order, whatever the order of the map.
    cells.sort_by(|a, b| b.1.weight.total_cmp(&a.1.weight).then(a.0.cmp(&b.0)));
    cells.into_iter().map(|(_, cluster)| cluster).collect()
}

/// Distance for putting colours together.
fn apart(a: [f32; 3], b: [f32; 3]) -> f32 {
    let lightness = (a[0] - b[0]) * LIGHTNESS;
    (lightness * lightness + (a[1] - b[1]).powi(2) + (a[2] - b[2]).powi(2)).sqrt()
}

/// Cells that are far from all fuller ones: where clusters begin.
fn seeds(cells: &[Cluster]) -> Vec<Cluster> {
    let mut seeds: Vec<Cluster> = Vec::new();
    for cell in cells {
        if seeds.len() < 2 * MOST_COLOURS && seeds.iter().all(|seed| apart(seed.lab, cell.lab) >= SAME) {
            seeds.push(*cell);
        }
    }
    seeds
}

/// Lloyd's iterations over the cells (k-means), few: the seeds are good.
fn refined(cells: &[Cluster], mut clusters: Vec<Cluster>) -> Vec<Cluster> {
    for _ in 0..4 {
        let mut sums = vec![(0.0_f32, [0.0_f32; 3]); clusters.len()];
        for cell in cells {
            let Some(nearest) = nearest(&clusters, cell.lab) else { continue };
            sums[nearest].0 += cell.weight;
            (0..3).for_each(|i| sums[nearest].1[i] += cell.weight * cell.lab[i]);
        }
        clusters = sums
            .into_iter()
            .filter(|(weight, _)| *weight > 0.0)
            .map(|(weight, labs)| Cluster { lab: labs.map(|lab| lab / weight), weight })
            .collect();
    }
    clusters
}

fn nearest(clusters: &[Cluster], lab: [f32; 3]) -> Option<usize> {
    (0..clusters.len()).min_by(|a, b| apart(clusters[*a].lab, lab).total_cmp(&apart(clusters[*b].lab, lab)))
}

/// Puts together what is near or of one name, and what is too small with its nearest, until nothing is.
fn joined(mut clusters: Vec<Cluster>) -> Vec<Cluster> {
    let total: f32 = clusters.iter().map(|cluster| cluster.weight).sum();
    while clusters.len() > 1 {
        clusters.sort_by(|a, b| b.weight.total_cmp(&a.weight));
        let last = clusters.len() - 1;
        let small = clusters.len() > MOST_COLOURS || clusters[last].weight < SMALLEST * total;
        let pair = if small {
            let others = &clusters[..last];
            nearest(others, clusters[last].lab).map(|nearest| (nearest, last))
        } else {
            let alike =
                |a: &Cluster, b: &Cluster| apart(a.lab, b.lab) < SAME || name_of(a.lab).name == name_of(b.lab).name;
            (0..clusters.len())
                .find_map(|i| (i + 1..clusters.len()).find(|j| alike(&clusters[i], &clusters[*j])).map(|j| (i, j)))
        };
        let Some((into, from)) = pair else { break };
        let gone = clusters.remove(from);
        let kept = &mut clusters[into];
        let weight = kept.weight + gone.weight;
        // A speck does not change the colour of what takes it in.
        if !small {
            (0..3).for_each(|i| kept.lab[i] = (kept.lab[i] * kept.weight + gone.lab[i] * gone.weight) / weight);
        }
        kept.weight = weight;
    }
    clusters
}

/// `#rrggbb` of a colour in OKLab.
pub(super) fn hex_of(lab: [f32; 3]) -> String {
    to_hex(rgb(lab))
}

fn rgb([l, a, b]: [f32; 3]) -> [u8; 3] {
    let srgb: Srgb<u8> = Srgb::from_linear(::palette::LinSrgb::from_color(Oklab::new(l, a, b)));
    [srgb.red, srgb.green, srgb.blue]
}

#[cfg(test)]
mod tests {
    use super::super::Picture;
    use super::*;

    /// A square of stripes in the given colours and relative widths, on a background.
    fn palette(stripes: &[([u8; 3], u32)], behind: [u8; 3]) -> Palette {
        let total: u32 = stripes.iter().map(|(_, width)| width).sum();
        let side = 128;
        let pixel = |x: u32, y: u32| {
            if !(24..104).contains(&x) || !(24..104).contains(&y) {
                return behind;
            }
            let mut at = (y - 24) * total / 80;
            for (colour, width) in stripes {
                if at < *width {
                    return *colour;
                }
                at -= width;
            }
            behind
        };
        let rgb = (0..side * side).flat_map(|place| pixel(place % side, place / side)).collect();
        let sketch = Sketch::of(&Picture::from_rgb(side, side, rgb).unwrap());
        Palette::of(&sketch, &Subject::of(&sketch))
    }

    #[test]
    fn the_background_is_no_colour_of_the_subject() {
        for behind in [[255, 255, 255], [20, 120, 60], [250, 240, 200]] {
            let found = palette(&[([200, 30, 40], 1)], behind);
            assert_eq!(found.colours().len(), 1, "{found:?}");
            assert_eq!(found.colours()[0].family, "red");
            assert!((found.colours()[0].share - 1.0).abs() < 1e-5);
        }
    }

    #[test]
    fn shares_are_those_of_the_picture_and_sum_to_one() {
        let found = palette(&[([20, 40, 160], 1), ([245, 245, 245], 2), ([20, 40, 160], 1)], [40, 140, 60]);
        let names: Vec<&str> = found.colours().iter().map(|colour| colour.family.as_str()).collect();
        assert_eq!(names.len(), 2, "{found:?}");
        assert!(names.contains(&"blue") && names.contains(&"white"), "{found:?}");
        assert!((found.colours().iter().map(|colour| colour.share).sum::<f32>() - 1.0).abs() < 1e-5);
        // The middle counts more.
        assert!(found.colours()[0].family == "white" && found.colours()[0].share < 0.85, "{found:?}");
    }

    #[test]
    fn light_and_shade_of_one_cloth_are_one_colour() {
        let found = palette(&[([150, 25, 30], 1), ([185, 32, 38], 1), ([165, 28, 33], 1)], [255; 3]);
        assert_eq!(found.colours().len(), 1, "{found:?}");
    }

    #[test]
    fn asking_for_a_colour_and_comparing_palettes() {
        let red = palette(&[([200, 30, 40], 1)], [255; 3]);
        let blue = palette(&[([30, 60, 190], 1)], [255; 3]);
        let both = palette(&[([200, 30, 40], 1), ([30, 60, 190], 1)], [255; 3]);
        let asked = Colour::parse("red").unwrap();
        assert!(red.share_of(&asked) > 0.99 && blue.share_of(&asked) < 0.01);
        assert!((0.3..0.7).contains(&both.share_of(&asked)));
        assert!(red.distance(&red) < 1e-6);
        assert!(red.distance(&both) < red.distance(&blue));
        assert_eq!(red.distance(&Palette::default()), 1.0);
        assert_eq!(both.families(0.2).len(), 2);
    }

    #[test]
    fn a_palette_comes_back_from_the_index() {
        let both = palette(&[([200, 30, 40], 1), ([30, 60, 190], 1)], [255; 3]);
        let back = Palette::from_payload(&both.to_payload()).unwrap();
        assert_eq!(back.colours().len(), 2);
        assert!(back.distance(&both) < 0.01);
        for bad in [serde_json::json!(3), serde_json::json!([["red", 1]]), serde_json::json!([["#ff0000", 7]])] {
            assert!(Palette::from_payload(&bad).is_none(), "{bad}");
        }
    }
}
