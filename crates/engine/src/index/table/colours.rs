//! Colours of products in sixteen bytes each: what a search by colour goes over, for a million products in some milliseconds.
//!
//! Of a palette the four largest colours are kept, each as 16 bits of OKLab (64 steps of lightness, 32 of each opponent axis:
//! at most 0.013 away, less than the eye tells apart), 4 bits of family and 8 bits of share.

use serde::{Deserialize, Serialize};

use crate::image::{Colour, FAMILIES, Palette, nearness_at};

/// Colours of one product that are kept.
const KEPT: usize = 4;
/// Steps of lightness, 0 to 1.
const LIGHTNESS: u32 = 64;
/// Steps of an opponent axis.
const OPPONENT: u32 = 32;
/// Where the opponent axes of OKLab begin, and how far they go, for colours of sRGB.
const FROM: [f32; 2] = [-0.24, -0.32];
const REACH: f32 = 0.52;
/// Bits: 6 of lightness, 5 and 5 of the axes, 4 of the family, 8 of the share.
const SHARE: u32 = 255;

/// The colours of one product; all zero where nothing is known of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Packed([u32; KEPT]);

impl Packed {
    pub(super) fn of(palette: &Palette) -> Self {
        let mut packed = [0; KEPT];
        for (place, colour) in packed.iter_mut().zip(palette.colours()) {
            let [l, a, b] = colour.lab();
            let step = |share: f32, steps: u32| (share.clamp(0.0, 1.0) * (steps - 1) as f32).round() as u32;
            let axis = |value: f32, axis: usize| step((value - FROM[axis]) / REACH, OPPONENT);
            let family = FAMILIES.iter().position(|family| *family == colour.family).unwrap_or_default() as u32;
            // A share that is there is never rounded to none.
            let share = step(colour.share, SHARE + 1).max(1);
            *place = step(l, LIGHTNESS) << 22 | axis(a, 0) << 17 | axis(b, 1) << 12 | family << 8 | share;
        }
        Self(packed)
    }
}

/// A colour that is asked for, ready to be compared with many products.
#[derive(Debug)]
pub(super) struct Asked {
    lightness: [f32; LIGHTNESS as usize],
    axes: [[f32; OPPONENT as usize]; 2],
    /// Number of the family any shade of which will do.
    family: Option<u32>,
}

impl Asked {
    pub(super) fn of(colour: &Colour) -> Self {
        let lab = colour.lab();
        // The distance of OKLab with its lightness weighed is a sum over the axes, so each axis has its own small table.
        let lightness =
            |step: usize| crate::image::distance([step as f32 / (LIGHTNESS - 1) as f32, 0.0, 0.0], [lab[0], 0.0, 0.0]);
        let axis = |axis: usize, step: usize| FROM[axis] + REACH * step as f32 / (OPPONENT - 1) as f32 - lab[axis + 1];
        let family = FAMILIES.iter().position(|family| *family == colour.shade().family).map(|place| place as u32);
        Self {
            lightness: std::array::from_fn(|step| lightness(step).powi(2)),
            axes: std::array::from_fn(|number| std::array::from_fn(|step| axis(number, step).powi(2))),
            family: family.filter(|_| colour.is_family()),
        }
    }

    /// How much of a product has the colour, 0 to 1, near misses in part: see [`Palette::share_of`].
    pub(super) fn share(&self, packed: Packed) -> f32 {
        let mut sum = 0.0;
        for colour in packed.0 {
            if colour == 0 {
                break;
            }
            let nearness = if self.family == Some(colour >> 8 & 15) {
                1.0
            } else {
                let at = |shift: u32, mask: u32| (colour >> shift & mask) as usize;
                let square = self.lightness[at(22, LIGHTNESS - 1)]
                    + self.axes[0][at(17, OPPONENT - 1)]
                    + self.axes[1][at(12, OPPONENT - 1)];
                nearness_at(square.sqrt())
            };
            sum += nearness * (colour & SHARE) as f32 / SHARE as f32;
        }
        sum.min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn palette(colours: &[([u8; 3], u32)]) -> Palette {
        let total: u32 = colours.iter().map(|(_, share)| share).sum();
        let mut sorted = colours.to_vec();
        sorted.sort_by_key(|(_, share)| std::cmp::Reverse(*share));
        let colour = |([r, g, b], share): ([u8; 3], u32)| {
            json!([format!("#{r:02x}{g:02x}{b:02x}"), share as f32 / total as f32])
        };
        Palette::from_payload(&sorted.into_iter().map(colour).collect()).unwrap()
    }

    #[test]
    fn a_product_takes_sixteen_bytes_and_one_without_colours_has_none_of_any() {
        assert_eq!(size_of::<Packed>(), 16);
        let black = Asked::of(&Colour::parse("black").unwrap());
        assert_eq!(black.share(Packed::default()), 0.0);
        assert_eq!(black.share(Packed::of(&Palette::default())), 0.0);
        assert!(black.share(Packed::of(&palette(&[([0, 0, 0], 1)]))) > 0.99);
    }

    proptest! {
        #[test]
        fn packed_colours_say_what_the_palette_says(
            colours in proptest::collection::vec((any::<[u8; 3]>(), 1_u32..50), 1..5),
            asked in any::<[u8; 3]>(),
            name in proptest::sample::select(FAMILIES.to_vec()),
        ) {
            let palette = palette(&colours);
            let packed = Packed::of(&palette);
            for asked in [Colour::of_rgb(asked), Colour::parse(name).unwrap()] {
                let (plain, fast) = (palette.share_of(&asked), Asked::of(&asked).share(packed));
                prop_assert!((0.0..=1.0).contains(&fast));
                // 0.013 of distance is 0.13 of nearness.
                prop_assert!((plain - fast).abs() < 0.15, "{asked:?} of {palette:?}: {plain} and {fast}");
            }
        }
    }
}
