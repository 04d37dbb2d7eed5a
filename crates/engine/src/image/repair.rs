//! What is wrong with a photo that somebody asks with, and the photo without it.
//!
//! A shop's pictures are clean; a shopper's are noisy, out of focus, burnt out or compressed to bits, and the model sees that
//! rather than the product. Each measure has a limit that good photos stay below, so that those are left as they are, to the
//! last bit. All is done at the size the model sees: noise that shrinking takes away was never there.

use serde::{Deserialize, Serialize};

use super::denoise::{self, Planes};
use super::luma::Luma;
use super::resize::shrunk;
use super::{Picture, blur, deblur};

/// σ of the noise, 0 to 255 in any of the three planes, from which on it is taken away.
const NOISY: f32 = 14.0;
/// Width of the sharpest edges, σ in pixels, from which on a picture is sharpened.
const SOFT: f32 = 1.7;
/// More blur is not undone.
const SOFTEST: f32 = 4.0;
/// How little of the fine drawing is on JPEG's grid, from which on blocks are smoothed.
const ROUNDED: f32 = 0.27;
/// The blocks' σ.
const BLOCKS: f32 = 12.0;
/// Share of what is not white that is cut off in some channel, from which on a picture is darkened.
const BURNT: f32 = 0.25;
/// Fewest of all pixels for that.
const FEWEST_BURNT: f32 = 0.02;

/// Something that was undone before the model saw a photo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Repair {
    /// Noise was smoothed away.
    Denoised,
    /// The blocks of strong JPEG compression were smoothed away.
    Deblocked,
    /// Blur was taken back.
    Sharpened,
    /// What was exposed too long was darkened.
    Darkened,
    /// What covers a part of the photo was left out.
    Uncovered,
}

impl Repair {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Denoised, Self::Deblocked, Self::Sharpened, Self::Darkened, Self::Uncovered];

    /// As it is written in answers and files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Denoised => "denoised",
            Self::Deblocked => "deblocked",
            Self::Sharpened => "sharpened",
            Self::Darkened => "darkened",
            Self::Uncovered => "uncovered",
        }
    }
}

/// How damaged a picture is, as the model sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Damage {
    /// σ of the noise in brightness and two differences of colour, 0 to 255; `None` where no place is even.
    pub noise: Option<[f32; 3]>,
    /// How much of the fine drawing strong JPEG compression left in the picture as it came: 1 all, 0 nothing. `None` where there is
    /// little to judge by, or it was read at a reduced scale or is much larger than what the model sees.
    pub drawing: Option<f32>,
    /// σ in pixels of the sharpest edges; `None` without edges.
    pub blur: Option<f32>,
    /// Share, 0 to 1, of the pixels that are not white of which a channel is cut off.
    pub burnt: f32,
}

impl Damage {
    /// Measures `small`, which is `picture` with at most `side` pixels a side.
    fn of(picture: &Picture, small: &Picture, side: u32) -> Self {
        let (width, height) = (small.width() as usize, small.height() as usize);
        let longer = picture.width().max(picture.height());
        let grid = (picture.eighths() == 8 && longer <= 2 * side).then(|| Luma::of(picture));
        Self {
            noise: Planes::of(small.rgb(), width, height).noise(),
            drawing: grid.as_ref().and_then(denoise::drawing_on_grid),
            blur: blur::edge_width(&Luma::of(small)),
            burnt: burnt(small),
        }
    }

    /// Measures a picture that a model sees at `side` pixels.
    #[must_use]
    pub fn seen_at(picture: &Picture, side: u32) -> Self {
        Self::of(picture, &shrunk(picture, side), side)
    }

    /// What is to be undone; at most one thing, the one that hides most.
    fn worst(&self) -> Option<Repair> {
        if self.noise.is_some_and(|noise| noise.iter().any(|sigma| *sigma >= NOISY)) {
            Some(Repair::Denoised)
        } else if self.blur.is_some_and(|blur| blur >= SOFT) {
            Some(Repair::Sharpened)
        } else if self.burnt >= BURNT {
            Some(Repair::Darkened)
        } else if self.drawing.is_some_and(|drawing| drawing <= ROUNDED) {
            Some(Repair::Deblocked)
        } else {
            None
        }
    }
}

/// See [`Damage::burnt`].
fn burnt(picture: &Picture) -> f32 {
    let (mut coloured, mut cut) = (0_usize, 0_usize);
    let pixels = picture.rgb().as_chunks::<3>().0;
    for pixel in pixels {
        if pixel.iter().all(|value| *value >= 250) {
            continue;
        }
        coloured += 1;
        cut += usize::from(pixel.iter().any(|value| *value >= 254));
    }
    if (cut as f32) < FEWEST_BURNT * pixels.len() as f32 { 0.0 } else { cut as f32 / coloured.max(1) as f32 }
}

/// The photo as the model should see it, with at most `side` pixels a side, and what was undone. `None` for a photo with
/// nothing to undo, which is nearly every one.
#[must_use]
pub fn repaired(picture: &Picture, side: u32) -> Option<(Picture, Repair)> {
    let small = shrunk(picture, side);
    let damage = Damage::of(picture, &small, side);
    let repair = damage.worst()?;
    let (width, height) = (small.width() as usize, small.height() as usize);
    let smoothed = |sigma| Planes::of(small.rgb(), width, height).smoothed(sigma);
    let rgb = match repair {
        Repair::Denoised => smoothed(damage.noise?),
        Repair::Deblocked => smoothed([BLOCKS; 3]),
        Repair::Sharpened => deblur::deblurred(small.rgb(), width, height, damage.blur?.min(SOFTEST)),
        Repair::Darkened => small.rgb().iter().map(|value| darkened(*value)).collect(),
        // Not a matter of pixels: see `covered`.
        Repair::Uncovered => return None,
    };
    Some((Picture::from_rgb(small.width(), small.height(), rgb)?, repair))
}

/// The square, on a scale of 0 to 1: white stays white.
fn darkened(value: u8) -> u8 {
    let value = u32::from(value);
    u8::try_from((value * value + 127) / 255).unwrap_or(u8::MAX)
}
