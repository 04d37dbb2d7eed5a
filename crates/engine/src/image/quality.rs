//! How good a picture is, in numbers: sharpness, noise, blocks, exposure, background, subject, frame.
//!
//! Each measure looks at one thing and is built not to react to the others: blur is taken where edges are, noise where
//! nothing is, blocks on the grid that JPEG works on, exposure on the subject. [`super::findings`] says it in words.

use serde::{Deserialize, Serialize};

use super::luma::Luma;
use super::palette::hex_of;
use super::{Picture, Region, Sketch, Subject};

/// Longer side at which blur is measured, so that it means the same whatever the file's resolution.
pub(super) const BLUR_SIDE: u32 = 512;
/// Lightness in OKLab from which on a background without colour is white.
const WHITE: f32 = 0.965;
/// Chroma in OKLab below which it has no colour.
const COLOURLESS: f32 = 0.02;
/// Unevenness below which a background is one colour.
const PLAIN: f32 = 0.06;

/// The measures of one picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// Pixels of the file, as the picture is to be seen.
    pub width: u32,
    /// Pixels of the file, as the picture is to be seen.
    pub height: u32,
    /// Width of the sharpest edges, as the σ of a Gaussian in pixels of the picture at 512 pixels a side: about 0.5 to 0.9
    /// when sharp, from 1.5 on visibly soft. Absent where there are no edges to judge by.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub blur: Option<f32>,
    /// Standard deviation of the noise in even places, on the scale of 0 to 255; below 3 is clean, from 8 on it shows. Absent
    /// where no place is even.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub noise: Option<f32>,
    /// How much larger steps between pixels are on the borders of JPEG's 8 × 8 blocks than elsewhere: 1 is none, from 1.5 on
    /// the blocks show. Absent where the file was read at a reduced scale or is too small.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub blocks: Option<f32>,
    /// Light.
    pub exposure: Exposure,
    /// What is behind the subject.
    pub background: BackgroundKind,
    /// Where the subject is.
    pub subject: SubjectPlace,
    /// A frame drawn around the picture, or bars: thickness at top, right, bottom and left in fractions of height and
    /// width; 0 where there is none.
    pub frame: [f32; 4],
    /// Share of the picture, 0 to 1, that lines of what looks like text cover beside the subject. Absent on a busy background,
    /// where letters may be on anything.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub text: Option<f32>,
}

/// Light and contrast, as lightness in OKLab: 0 black, 1 white, 0.6 a middle grey.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exposure {
    /// Median of the subject.
    pub subject: f32,
    /// The lightest hundredth of the picture begins here.
    pub lightest: f32,
    /// The darkest hundredth of the picture ends here.
    pub darkest: f32,
    /// Share of the subject that is burnt out: a channel at 255 and no more drawing.
    pub burnt: f32,
    /// Share of the subject that is drowned: all channels below 8.
    pub drowned: f32,
}

/// What is behind the subject.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BackgroundKind {
    /// White, one colour, or busy.
    pub kind: Behind,
    /// Its main colour, `#rrggbb`; absent where no colour stands out.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub hex: Option<String>,
    /// Root mean square distance in OKLab of the picture's edge from that colour: 0 is perfectly even, 1 means none.
    pub unevenness: f32,
}

/// Kinds of background.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Behind {
    /// White all over.
    White,
    /// One colour all over.
    Plain,
    /// Anything else.
    Busy,
}

impl Behind {
    /// What is behind a subject.
    #[must_use]
    pub fn of(subject: &Subject) -> Self {
        background(subject).kind
    }
}

/// Where the subject is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SubjectPlace {
    /// Whether it could be told from the background; what follows speaks of the middle of the picture if not.
    pub found: bool,
    /// The smallest box around it.
    pub r#box: Region,
    /// Share of the picture that it covers, 0 to 1.
    pub area: f32,
    /// Distance of its middle from the picture's, in fractions of half the picture's width and height, the larger of both:
    /// 0 is centred, 1 is at the edge.
    pub off_centre: f32,
    /// Sides of the picture that it reaches, 0 to 4: there it may be cut off.
    pub sides_reached: u8,
}

impl Quality {
    /// Measures a picture. `sketch` and `subject` are of the same picture.
    #[must_use]
    pub fn of(picture: &Picture, sketch: &Sketch, subject: &Subject) -> Self {
        let full = Luma::of(picture);
        let small = full.shrunk(BLUR_SIDE);
        let (width, height) = picture.original_size();
        let subject_place = place(subject);
        let background = background(subject);
        Self {
            width,
            height,
            blur: super::blur::edge_width(&small),
            noise: super::noise::deviation(&full),
            blocks: (picture.eighths() == 8).then(|| super::noise::blocks(&full)).flatten(),
            exposure: exposure(picture, sketch, subject),
            frame: super::frame::frame(&small),
            text: super::text::share(&small, &subject.main(), background.kind != Behind::Busy),
            background,
            subject: subject_place,
        }
    }
}

fn place(subject: &Subject) -> SubjectPlace {
    let region = subject.region();
    let off = |start: f32, length: f32| ((start + length / 2.0 - 0.5) * 2.0).abs();
    let reached = [
        region.x() <= 0.012,
        region.y() <= 0.012,
        region.x() + region.width() >= 0.988,
        region.y() + region.height() >= 0.988,
    ];
    SubjectPlace {
        found: subject.found,
        area: subject.area(),
        off_centre: off(region.x(), region.width()).max(off(region.y(), region.height())),
        sides_reached: reached.into_iter().map(u8::from).sum(),
        r#box: region,
    }
}

fn background(subject: &Subject) -> BackgroundKind {
    let behind = &subject.background;
    let first = behind.colours.first().map(|(lab, _)| *lab);
    // A subject that is cut off by one side covers part of the edge.
    let mostly = behind.colours.first().is_some_and(|(_, part)| *part >= 0.7);
    let kind = match first {
        Some([l, a, b]) if mostly && l >= WHITE && a.hypot(b) < COLOURLESS => Behind::White,
        Some(_) if behind.unevenness < PLAIN || (mostly && behind.covered >= 0.85) => Behind::Plain,
        _ => Behind::Busy,
    };
    let hex = first.map(hex_of);
    BackgroundKind { kind, hex, unevenness: behind.unevenness.min(1.0) }
}

fn exposure(picture: &Picture, sketch: &Sketch, subject: &Subject) -> Exposure {
    let mut lightness: Vec<f32> = sketch.lab().iter().map(|lab| lab[0]).collect();
    let mut of_subject: Vec<f32> =
        sketch.lab().iter().zip(subject.mask()).filter(|(_, own)| **own).map(|(lab, _)| lab[0]).collect();
    let (mut burnt, mut drowned, mut count) = (0_usize, 0_usize, 0_usize);
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let row = width * 3;
    // Every third pixel in both directions is enough for a share.
    for (y, line) in picture.rgb().chunks_exact(row).enumerate().step_by(3) {
        let sketch_row = y * sketch.height() / height * sketch.width();
        for (x, pixel) in line.as_chunks::<3>().0.iter().enumerate().step_by(3) {
            if !subject.mask()[sketch_row + x * sketch.width() / width] {
                continue;
            }
            count += 1;
            burnt += usize::from(pixel.contains(&255));
            drowned += usize::from(pixel.iter().all(|value| *value < 8));
        }
    }
    let part = |number: usize| number as f32 / count.max(1) as f32;
    Exposure {
        subject: percentile(&mut of_subject, 0.5).unwrap_or(0.0),
        lightest: percentile(&mut lightness, 0.99).unwrap_or(1.0),
        darkest: percentile(&mut lightness, 0.01).unwrap_or(0.0),
        burnt: part(burnt),
        drowned: part(drowned),
    }
}

/// The value below which this part of them lies; reorders them.
pub(super) fn percentile(values: &mut [f32], part: f32) -> Option<f32> {
    if values.is_empty() {
        return None;
    }
    let place = ((values.len() - 1) as f32 * part).round() as usize;
    Some(*values.select_nth_unstable_by(place, f32::total_cmp).1)
}
