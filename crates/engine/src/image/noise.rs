//! Noise where nothing is drawn, and the blocks that strong JPEG compression leaves.

use super::luma::Luma;
use super::quality::percentile;

/// Side of the places that are looked at.
const BLOCK: usize = 8;
/// Brightness between which noise is not cut off.
const OPEN: (u32, u32) = (14, 241);
/// Which place counts, from the quietest on.
const QUIET: f32 = 0.2;
/// Fewest places to judge by.
const FEWEST: usize = 12;
/// Places looked at per side at most; more say no more.
const MOST: usize = 72;

/// Standard deviation of the noise, 0 to 255: Immerkær's (1996) difference of two Laplacians, which lines and slopes do not
/// touch, in places of 8 × 8 pixels; the quietest fifth of them ends at it, so that texture does not count. `None` when
/// nearly all is black or burnt out, or the picture is tiny.
pub(super) fn deviation(luma: &Luma) -> Option<f32> {
    let (columns, rows) = (luma.width.saturating_sub(2) / BLOCK, luma.height.saturating_sub(2) / BLOCK);
    let (step_x, step_y) = (columns.div_ceil(MOST).max(1), rows.div_ceil(MOST).max(1));
    let mut found: Vec<f32> = Vec::new();
    for row in (0..rows).step_by(step_y) {
        for column in (0..columns).step_by(step_x) {
            found.extend(place(luma, 1 + column * BLOCK, 1 + row * BLOCK));
        }
    }
    if found.len() < FEWEST { None } else { percentile(&mut found, QUIET) }
}

/// The noise of one place that is neither black nor burnt out.
fn place(luma: &Luma, left: usize, top: usize) -> Option<f32> {
    let (mut sum, mut light) = (0_u32, 0_u32);
    for y in top..top + BLOCK {
        let above = &luma.row(y - 1)[left - 1..=left + BLOCK];
        let own = &luma.row(y)[left - 1..=left + BLOCK];
        let below = &luma.row(y + 1)[left - 1..=left + BLOCK];
        for x in 1..=BLOCK {
            let at = |row: &[u8], x: usize| i32::from(row[x]);
            let corners = at(above, x - 1) + at(above, x + 1) + at(below, x - 1) + at(below, x + 1);
            let sides = at(above, x) + at(below, x) + at(own, x - 1) + at(own, x + 1);
            sum += (corners - 2 * sides + 4 * at(own, x)).unsigned_abs();
            light += u32::from(own[x]);
        }
    }
    let pixels = (BLOCK * BLOCK) as u32;
    let open = (OPEN.0 * pixels..=OPEN.1 * pixels).contains(&light);
    open.then(|| (std::f32::consts::FRAC_PI_2).sqrt() / 6.0 * sum as f32 / pixels as f32)
}

/// Steps above this are drawing, not blocks.
const DRAWING: u8 = 20;

/// How much larger the small steps between neighbours are at every eighth pixel than at the others, for the phase where they
/// are largest, both directions together: 1 without blocks. `None` for pictures of fewer than 64 pixels a side.
pub(super) fn blocks(luma: &Luma) -> Option<f32> {
    if luma.width < 64 || luma.height < 64 {
        return None;
    }
    let (mut across, mut down) = ([(0_u64, 0_u64); 8], [(0_u64, 0_u64); 8]);
    let note = |sums: &mut [(u64, u64); 8], phase: usize, a: u8, b: u8| {
        let step = a.abs_diff(b);
        if step <= DRAWING {
            sums[phase].0 += u64::from(step);
            sums[phase].1 += 1;
        }
    };
    for y in 0..luma.height - 1 {
        let (own, below) = (luma.row(y), luma.row(y + 1));
        for x in 0..luma.width - 1 {
            note(&mut across, x & 7, own[x], own[x + 1]);
            note(&mut down, y & 7, own[x], below[x]);
        }
    }
    Some((ratio(&across) + ratio(&down)) / 2.0)
}

/// The largest mean of a phase against the median of the others.
fn ratio(sums: &[(u64, u64); 8]) -> f32 {
    let mut means = sums.map(|(sum, count)| sum as f32 / count.max(1) as f32);
    means.sort_by(f32::total_cmp);
    // Where nothing steps at all nothing is blocky.
    (means[7] + 0.05) / ((means[3] + means[2]) / 2.0 + 0.05)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(value: impl Fn(usize, usize) -> f32) -> Luma {
        let values = (0..160 * 160).map(|place| value(place % 160, place / 160).round().clamp(0.0, 255.0) as u8);
        Luma { width: 160, height: 160, values: values.collect() }
    }

    /// Normal numbers that are the same each time.
    fn normal(x: usize, y: usize) -> f32 {
        let hash = blake3::hash(&[x.to_le_bytes(), y.to_le_bytes()].concat());
        hash.as_bytes()[..12].iter().map(|byte| f32::from(*byte) / 255.0 - 0.5).sum()
    }

    #[test]
    fn noise_is_measured_in_values_and_slopes_have_none() {
        let slope = |x: usize, y: usize| 60.0 + 0.5 * x as f32 + 0.3 * y as f32;
        assert!(deviation(&picture(slope)).unwrap() < 0.8);
        for sigma in [5.0, 12.0, 25.0] {
            let found = deviation(&picture(|x, y| slope(x, y) + sigma * normal(x, y))).unwrap();
            assert!((found - sigma).abs() < 0.25 * sigma, "σ {sigma}: {found}");
        }
        assert_eq!(deviation(&picture(|_, _| 255.0)), None);
    }

    #[test]
    fn blocks_of_eight_are_seen_wherever_they_begin() {
        let smooth = |x: usize, y: usize| 100.0 + 20.0 * (x as f32 / 30.0).sin() + 15.0 * (y as f32 / 25.0).cos();
        assert!(blocks(&picture(smooth)).unwrap() < 1.3);
        for start in [0, 3] {
            let found = blocks(&picture(|x, y| smooth((x + start) / 8 * 8, (y + start) / 8 * 8))).unwrap();
            assert!(found > 3.0, "{found}");
        }
        let noisy = blocks(&picture(|x, y| smooth(x, y) + 6.0 * normal(x, y))).unwrap();
        assert!(noisy < 1.2, "{noisy}");
    }
}
