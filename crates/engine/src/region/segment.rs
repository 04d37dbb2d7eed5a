//! A picture cut into pieces of like colour: the graph-based segmentation of Felzenszwalb and Huttenlocher (2004) on OKLab.

use crate::image::Sketch;

/// Steps that differences between neighbours are sorted into.
const STEPS: usize = 4096;
/// Differences from here on are all the same; OKLab distances seldom reach it.
const LARGEST: f32 = 0.5;

/// How pieces are made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    /// The constant k: the larger, the larger the pieces.
    pub(super) k: f32,
    /// Smaller pieces are given to a neighbour, in pixels of the sketch.
    pub(super) least: u32,
}

/// The differences between all neighbouring pixels, in rising order: found once, used at several scales.
pub(super) struct Edges {
    edges: Vec<(u32, u32, f32)>,
    pixels: usize,
}

impl Edges {
    /// Of a sketch, softened by a small Gaussian first so that single pixels do not count.
    pub(super) fn of(sketch: &Sketch) -> Self {
        let (width, height) = (sketch.width(), sketch.height());
        let lab = softened(sketch.lab(), width, height);
        let mut unsorted: Vec<(u32, u32, u16)> = Vec::with_capacity(4 * lab.len());
        let mut counts = vec![0_u32; STEPS + 1];
        let mut note = |a: usize, b: usize| {
            let difference = (0..3).map(|i| (lab[a][i] - lab[b][i]).powi(2)).sum::<f32>().sqrt();
            let step = ((difference / LARGEST * STEPS as f32) as usize).min(STEPS - 1) as u16;
            counts[step as usize + 1] += 1;
            unsorted.push((a as u32, b as u32, step));
        };
        for y in 0..height {
            for x in 0..width {
                let place = y * width + x;
                let (right, below) = (x + 1 < width, y + 1 < height);
                if right {
                    note(place, place + 1);
                }
                if below {
                    note(place, place + width);
                }
                if right && below {
                    note(place, place + width + 1);
                }
                if x > 0 && below {
                    note(place, place + width - 1);
                }
            }
        }
        (1..=STEPS).for_each(|step| counts[step] += counts[step - 1]);
        let mut edges = vec![(0, 0, 0.0); unsorted.len()];
        for (a, b, step) in unsorted {
            let place = &mut counts[step as usize];
            edges[*place as usize] = (a, b, f32::from(step) * LARGEST / STEPS as f32);
            *place += 1;
        }
        Self { edges, pixels: lab.len() }
    }

    /// The piece of each pixel, numbered from 0, and how many there are.
    pub(super) fn pieces(&self, scale: Scale) -> (Vec<u32>, usize) {
        let mut sets = Sets::new(self.pixels);
        let mut open = vec![scale.k; self.pixels];
        // The other edges are inside of pieces for good.
        let mut apart = Vec::new();
        for (a, b, difference) in &self.edges {
            let (a, b) = (sets.find(*a), sets.find(*b));
            if a == b {
                continue;
            }
            if *difference <= open[a as usize] && *difference <= open[b as usize] {
                let whole = sets.join(a, b);
                open[whole as usize] = difference + scale.k / sets.size[whole as usize] as f32;
            } else {
                apart.push((a, b));
            }
        }
        for (a, b) in apart {
            let (a, b) = (sets.find(a), sets.find(b));
            if a != b && sets.size[a as usize].min(sets.size[b as usize]) < scale.least {
                sets.join(a, b);
            }
        }
        let mut numbers = vec![u32::MAX; self.pixels];
        let mut count = 0;
        let pieces = (0..self.pixels as u32).map(|pixel| {
            let number = &mut numbers[sets.find(pixel) as usize];
            if *number == u32::MAX {
                *number = count;
                count += 1;
            }
            *number
        });
        (pieces.collect(), count as usize)
    }
}

/// Disjoint sets with path halving, joined by size.
struct Sets {
    parent: Vec<u32>,
    size: Vec<u32>,
}

impl Sets {
    fn new(count: usize) -> Self {
        Self { parent: (0..count as u32).collect(), size: vec![1; count] }
    }

    fn find(&mut self, mut of: u32) -> u32 {
        while self.parent[of as usize] != of {
            let above = self.parent[self.parent[of as usize] as usize];
            self.parent[of as usize] = above;
            of = above;
        }
        of
    }

    fn join(&mut self, a: u32, b: u32) -> u32 {
        let (into, from) = if self.size[a as usize] >= self.size[b as usize] { (a, b) } else { (b, a) };
        self.parent[from as usize] = into;
        self.size[into as usize] += self.size[from as usize];
        into
    }
}

/// A Gaussian of σ ≈ 0.6 in three taps along both axes.
fn softened(lab: &[[f32; 3]], width: usize, height: usize) -> Vec<[f32; 3]> {
    let mix = |a: [f32; 3], b: [f32; 3], c: [f32; 3]| [0, 1, 2].map(|i| 0.2 * a[i] + 0.6 * b[i] + 0.2 * c[i]);
    let along: Vec<[f32; 3]> = (0..lab.len())
        .map(|place| {
            let x = place % width;
            let (left, right) = (place - usize::from(x > 0), place + usize::from(x + 1 < width));
            mix(lab[left], lab[place], lab[right])
        })
        .collect();
    (0..lab.len())
        .map(|place| {
            let y = place / width;
            let above = if y > 0 { place - width } else { place };
            let below = if y + 1 < height { place + width } else { place };
            mix(along[above], along[place], along[below])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Picture;

    #[test]
    fn shapes_of_one_colour_are_pieces() {
        let rgb = (0..100 * 80_u32).flat_map(|place| match (place % 100, place / 100) {
            (10..40, 10..70) => [200, 30, 30],
            (60..90, 20..60) => [30, 60, 200],
            _ => [240, 240, 240],
        });
        let sketch = Sketch::of(&Picture::from_rgb(100, 80, rgb.collect()).unwrap());
        let (pieces, count) = Edges::of(&sketch).pieces(Scale { k: 0.008, least: 12 });
        let at = |x: usize, y: usize| pieces[y * 100 + x];
        // The softened rims may be pieces of their own.
        assert!((3..=16).contains(&count), "{count}");
        assert!(at(20, 40) != at(75, 40) && at(20, 40) != at(2, 2) && at(75, 40) != at(2, 2));
        assert_eq!((at(12, 12), at(2, 2)), (at(37, 67), at(97, 77)));
    }

    #[test]
    fn a_picture_of_one_pixel_is_one_piece() {
        let sketch = Sketch::of(&Picture::from_rgb(1, 1, vec![9; 3]).unwrap());
        assert_eq!(Edges::of(&sketch).pieces(Scale { k: 0.008, least: 12 }), (vec![0], 1));
    }
}
