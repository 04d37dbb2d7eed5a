//! Noise and the blocks of strong compression smoothed away.
//!
//! Every patch of 8 × 8 pixels, two pixels apart, goes through a cosine transform; what is below a few σ there is taken for
//! noise, and each pixel becomes the mean of the patches that cover it. Plainer patches count more. After Yu and Sapiro,
//! "DCT image denoising", IPOL 2011: close to BM3D at a tenth of its work. On the grid of JPEG it is the shifted transform that
//! Nosratinia (2001) takes blocks away with.

use std::sync::LazyLock;

use super::luma::Luma;
use super::quality::percentile;

/// Side of a patch in pixels.
const SIDE: usize = 8;
/// Pixels from one patch to the next.
const STEP: usize = 2;
/// Numbers of a transformed patch below this many σ are noise.
const THRESHOLD: f32 = 2.7;
/// Brightness, 0 to 255, between which noise is not cut off.
const OPEN: (f32, f32) = (14.0, 241.0);
/// Which place counts, from the quietest on.
const QUIET: f32 = 0.2;
/// The quietest places of a picture are quieter than its noise, by this.
const QUIETER: f32 = 0.84;
/// Fewest places to judge by.
const FEWEST: usize = 12;
/// Between these, numbers of a transformed block are what strong compression leaves none of: it rounds them to 0, or to steps
/// beyond.
const ROUNDED: (f32, f32) = (6.0, 28.0);
/// Fewest of them to judge by.
const FEWEST_NUMBERS: usize = 200;

type Patch = [[f32; SIDE]; SIDE];

/// The orthonormal cosine transform (DCT-II) of eight numbers, a row for each frequency.
static COSINES: LazyLock<Patch> = LazyLock::new(|| {
    std::array::from_fn(|frequency| {
        let scale = if frequency == 0 { (1.0 / SIDE as f32).sqrt() } else { (2.0 / SIDE as f32).sqrt() };
        std::array::from_fn(|place| {
            let angle = std::f32::consts::PI * (place as f32 + 0.5) * frequency as f32 / SIDE as f32;
            scale * angle.cos()
        })
    })
});

/// Brightness and two differences of colour of a picture, an orthonormal turn of red, green and blue: noise that is the same in
/// those has the same σ here, and what belongs together is in one plane.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Planes {
    width: usize,
    height: usize,
    values: [Vec<f32>; 3],
}

impl Planes {
    /// `rgb` has three bytes a pixel, row by row.
    pub(super) fn of(rgb: &[u8], width: usize, height: usize) -> Self {
        let turn = turn();
        let values = turn.map(|row| {
            let pixels = rgb.as_chunks::<3>().0.iter();
            pixels.map(|pixel| (0..3).map(|i| row[i] * f32::from(pixel[i])).sum()).collect()
        });
        Self { width, height, values }
    }

    fn into_rgb(self) -> Vec<u8> {
        let turn = turn();
        let [bright, first, second] = &self.values;
        let pixels = bright.iter().zip(first).zip(second);
        pixels
            .flat_map(|((bright, first), second)| {
                std::array::from_fn::<u8, 3, _>(|i| {
                    let value = turn[0][i] * bright + turn[1][i] * first + turn[2][i] * second;
                    value.round().clamp(0.0, 255.0) as u8
                })
            })
            .collect()
    }

    /// Standard deviations of the noise in the three planes, 0 to 255: Immerkær's (1996) difference of two Laplacians in
    /// places of 8 × 8 pixels, taken from the quietest fifth of them. `None` when nearly all is black or burnt out, or the
    /// picture is tiny.
    pub(super) fn noise(&self) -> Option<[f32; 3]> {
        let mut found: [Vec<f32>; 3] = Default::default();
        let (columns, rows) = (self.width.saturating_sub(2) / SIDE, self.height.saturating_sub(2) / SIDE);
        for row in 0..rows {
            for column in 0..columns {
                let (left, top) = (1 + column * SIDE, 1 + row * SIDE);
                let light: f32 = (top..top + SIDE)
                    .map(|y| self.values[0][y * self.width + left..][..SIDE].iter().sum::<f32>())
                    .sum::<f32>()
                    / (SIDE * SIDE) as f32
                    / 3.0_f32.sqrt();
                if light >= OPEN.0 && light <= OPEN.1 {
                    found
                        .iter_mut()
                        .zip(&self.values)
                        .for_each(|(found, plane)| found.push(self.place(plane, left, top)));
                }
            }
        }
        if found[0].len() < FEWEST {
            return None;
        }
        let [a, b, c] = found.each_mut().map(|found| percentile(found, QUIET));
        Some([a? / QUIETER, b? / QUIETER, c? / QUIETER])
    }

    /// The noise of one place.
    fn place(&self, plane: &[f32], left: usize, top: usize) -> f32 {
        let mut sum = 0.0;
        for y in top..top + SIDE {
            let row = |y: usize| &plane[y * self.width + left - 1..][..SIDE + 2];
            let (above, own, below) = (row(y - 1), row(y), row(y + 1));
            for x in 1..=SIDE {
                let corners = above[x - 1] + above[x + 1] + below[x - 1] + below[x + 1];
                let sides = above[x] + below[x] + own[x - 1] + own[x + 1];
                sum += (corners - 2.0 * sides + 4.0 * own[x]).abs();
            }
        }
        std::f32::consts::FRAC_PI_2.sqrt() / 6.0 * sum / (SIDE * SIDE) as f32
    }

    /// The picture, three bytes a pixel, without noise of these σ in the three planes. A picture smaller than a patch comes back
    /// as it is.
    pub(super) fn smoothed(self, sigma: [f32; 3]) -> Vec<u8> {
        let (width, height) = (self.width, self.height);
        if width < SIDE || height < SIDE {
            return self.into_rgb();
        }
        let [a, b, c] = &self.values;
        let smooth = |plane: &[f32], sigma: f32| smoothed(plane, width, height, THRESHOLD * sigma);
        let (a, (b, c)) =
            rayon::join(|| smooth(a, sigma[0]), || rayon::join(|| smooth(b, sigma[1]), || smooth(c, sigma[2])));
        Self { width, height, values: [a, b, c] }.into_rgb()
    }
}

/// Rows: brightness, red against blue, green against both.
fn turn() -> [[f32; 3]; 3] {
    let (a, b, c) = (3.0_f32.sqrt().recip(), 2.0_f32.sqrt().recip(), 6.0_f32.sqrt().recip());
    [[a; 3], [b, 0.0, -b], [c, -2.0 * c, c]]
}

fn smoothed(plane: &[f32], width: usize, height: usize, threshold: f32) -> Vec<f32> {
    let mut sums = vec![0.0_f32; plane.len()];
    let mut weights = vec![0.0_f32; plane.len()];
    for top in starts(height) {
        for left in starts(width) {
            let mut patch: Patch = [[0.0; SIDE]; SIDE];
            for (y, row) in patch.iter_mut().enumerate() {
                row.copy_from_slice(&plane[(top + y) * width + left..][..SIDE]);
            }
            let mut turned = transposed(&forwards(&transposed(&forwards(&patch))));
            let mean = turned[0][0];
            let mut kept = 1.0;
            for value in turned.as_flattened_mut() {
                let stays = value.abs() >= threshold;
                *value = if stays { *value } else { 0.0 };
                kept += if stays { 1.0 } else { 0.0 };
            }
            turned[0][0] = mean;
            let patch = backwards(&transposed(&backwards(&transposed(&turned))));
            let weight = 1.0 / kept;
            for (y, row) in patch.iter().enumerate() {
                let place = (top + y) * width + left;
                sums[place..place + SIDE].iter_mut().zip(row).for_each(|(sum, value)| *sum += weight * value);
                weights[place..place + SIDE].iter_mut().for_each(|own| *own += weight);
            }
        }
    }
    // Every pixel is in a patch: the last one ends at the edge.
    sums.iter().zip(&weights).map(|(sum, weight)| sum / weight).collect()
}

/// Where patches begin: two pixels apart, and one that ends at the edge.
fn starts(length: usize) -> impl Iterator<Item = usize> {
    let last = length - SIDE;
    (0..last).step_by(STEP).chain(std::iter::once(last))
}

/// The transform of each column.
fn forwards(patch: &Patch) -> Patch {
    let cosines = &*COSINES;
    std::array::from_fn(|frequency| {
        let mut row = [0.0; SIDE];
        for (factor, values) in cosines[frequency].iter().zip(patch) {
            (0..SIDE).for_each(|x| row[x] += factor * values[x]);
        }
        row
    })
}

/// Its inverse.
fn backwards(patch: &Patch) -> Patch {
    let cosines = &*COSINES;
    std::array::from_fn(|place| {
        let mut row = [0.0; SIDE];
        for (factors, values) in cosines.iter().zip(patch) {
            (0..SIDE).for_each(|x| row[x] += factors[place] * values[x]);
        }
        row
    })
}

/// How much of the fine drawing that blocks of 8 × 8 pixels off the grid have is there on the grid: 1 or more without
/// compression, towards 0 the stronger a JPEG was compressed, since that rounds the numbers of each block on the grid. The
/// grid begins at the top left. `None` where there is little drawing, or the picture is tiny.
pub(super) fn drawing_on_grid(luma: &Luma) -> Option<f32> {
    let count = |offset: usize| {
        let (mut found, mut blocks) = (0_usize, 0_usize);
        for top in (offset..(luma.height + 1).saturating_sub(SIDE)).step_by(SIDE) {
            for left in (offset..(luma.width + 1).saturating_sub(SIDE)).step_by(SIDE) {
                let mut patch: Patch = [[0.0; SIDE]; SIDE];
                for (y, row) in patch.iter_mut().enumerate() {
                    let values = &luma.row(top + y)[left..left + SIDE];
                    row.iter_mut().zip(values).for_each(|(to, value)| *to = f32::from(*value));
                }
                let turned = transposed(&forwards(&transposed(&forwards(&patch))));
                blocks += 1;
                let fine = turned.as_flattened().iter().skip(1);
                found += fine.filter(|value| value.abs() > ROUNDED.0 && value.abs() < ROUNDED.1).count();
            }
        }
        (found, blocks)
    };
    let ((on, blocks_on), (off, blocks_off)) = (count(0), count(SIDE / 2));
    if off < FEWEST_NUMBERS || blocks_on == 0 || blocks_off == 0 {
        return None;
    }
    Some((on as f32 / blocks_on as f32) / (off as f32 / blocks_off as f32))
}

fn transposed(patch: &Patch) -> Patch {
    std::array::from_fn(|y| std::array::from_fn(|x| patch[x][y]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Normal numbers that are the same each time.
    fn normal(place: usize) -> f32 {
        let hash = blake3::hash(&place.to_le_bytes());
        hash.as_bytes()[..12].iter().map(|byte| f32::from(*byte) / 255.0 - 0.5).sum()
    }

    /// A disc on a slope, 96 × 96, and noise of this σ.
    fn disc(sigma: f32) -> Vec<u8> {
        let value = |place: usize| {
            let (x, y) = ((place / 3 % 96) as f32, (place / 3 / 96) as f32);
            let inside = (x - 48.0).hypot(y - 48.0) < 25.0;
            let clean = if inside { [180.0, 60.0, 90.0][place % 3] } else { 90.0 + 0.4 * x };
            (clean + sigma * normal(place)).round().clamp(0.0, 255.0) as u8
        };
        (0..96 * 96 * 3).map(value).collect()
    }

    fn error(a: &[u8], b: &[u8]) -> f32 {
        (a.iter().zip(b).map(|(a, b)| f32::from(a.abs_diff(*b)).powi(2)).sum::<f32>() / a.len() as f32).sqrt()
    }

    #[test]
    fn noise_is_measured_and_mostly_gone() {
        let clean = disc(0.0);
        assert!(Planes::of(&clean, 96, 96).noise().unwrap().iter().all(|sigma| *sigma < 1.0));
        for sigma in [10.0, 25.0] {
            let noisy = disc(sigma);
            let planes = Planes::of(&noisy, 96, 96);
            let found = planes.noise().unwrap();
            assert!(found.iter().all(|found| (found - sigma).abs() < 0.2 * sigma), "σ {sigma}: {found:?}");
            let smooth = planes.smoothed([sigma; 3]);
            assert!(error(&smooth, &clean) < 0.4 * error(&noisy, &clean), "{}", error(&smooth, &clean));
        }
    }

    #[test]
    fn nothing_is_lost_without_a_threshold() {
        let noisy = disc(25.0);
        assert!(error(&Planes::of(&noisy, 96, 96).smoothed([0.0; 3]), &noisy) < 0.1);
    }

    #[test]
    fn any_size_is_smoothed() {
        for (width, height) in [(1, 1), (7, 300), (8, 8), (9, 8), (11, 17)] {
            let rgb = vec![130; width * height * 3];
            assert_eq!(Planes::of(&rgb, width, height).smoothed([9.0; 3]), rgb, "{width} × {height}");
        }
    }
}
