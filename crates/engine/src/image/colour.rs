//! From the colours of a file to sRGB: ICC profiles, naive CMYK where there is none, alpha over white.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use moxcms::{ColorProfile, DataColorSpace, Layout, Transform8BitExecutor, TransformOptions};

use super::picture::Note;

/// What the samples of a pixel are, 8 bits each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Samples {
    Grey,
    GreyAlpha,
    Rgb,
    Rgba,
    /// Ink: 0 is none, 255 is full.
    Cmyk,
}

impl Samples {
    pub(super) fn per_pixel(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::GreyAlpha => 2,
            Self::Rgb => 3,
            Self::Rgba | Self::Cmyk => 4,
        }
    }
}

/// What alpha is laid over: the colour of the page and of the square a model sees.
const PAPER: u8 = 255;

/// Pixels converted at a time: few enough to stay in cache.
const CHUNK: usize = 4096;

/// Converts to sRGB, three bytes a pixel. A profile that cannot be used is left out, with a note.
/// The longer layouts shrink in place, so that no second picture is in memory.
pub(super) fn to_srgb(mut data: Vec<u8>, samples: Samples, profile: Option<&[u8]>, notes: &mut Vec<Note>) -> Vec<u8> {
    let transform = profile.and_then(|icc| {
        transform_to_srgb(icc, samples).unwrap_or_else(|reason| {
            tracing::debug!(reason, "colour profile ignored");
            notes.push(Note::ColourProfileIgnored { reason });
            None
        })
    });
    match samples {
        Samples::Grey => {
            let table = grey_table(transform.as_ref());
            let mut rgb = Vec::with_capacity(data.len() * 3);
            for &grey in &data {
                rgb.extend_from_slice(&table[usize::from(grey)]);
            }
            rgb
        }
        Samples::GreyAlpha => {
            let table = grey_table(transform.as_ref());
            let mut rgb = Vec::with_capacity(data.len() / 2 * 3);
            for &[grey, alpha] in data.as_chunks::<2>().0 {
                rgb.extend_from_slice(&table[usize::from(grey)].map(|value| over(value, alpha)));
            }
            rgb
        }
        Samples::Rgb => {
            if let Some(transform) = &transform {
                in_chunks::<3>(&mut data, transform);
            }
            data
        }
        Samples::Rgba => {
            // Alpha stays where it is while the colours are converted, then white shines through.
            if let Some(transform) = &transform {
                in_chunks::<4>(&mut data, transform);
            }
            shrink_to_rgb(data, |[red, green, blue, alpha]| match alpha {
                255 => [red, green, blue],
                _ => [over(red, alpha), over(green, alpha), over(blue, alpha)],
            })
        }
        Samples::Cmyk => match &transform {
            Some(transform) => cmyk_to_rgb(data, transform),
            None => shrink_to_rgb(data, |[cyan, magenta, yellow, black]| {
                [cyan, magenta, yellow].map(|ink| scaled(255 - ink, 255 - black))
            }),
        },
    }
}

/// `value * factor / 255`, rounded.
fn scaled(value: u8, factor: u8) -> u8 {
    let product = u32::from(value) * u32::from(factor) + 128;
    #[expect(clippy::cast_possible_truncation, reason = "at most 255")]
    let rounded = ((product + (product >> 8)) >> 8) as u8;
    rounded
}

/// `value` with this `alpha` over the paper.
fn over(value: u8, alpha: u8) -> u8 {
    // The two terms round apart; their sum may be one too many.
    scaled(value, alpha).saturating_add(scaled(PAPER, 255 - alpha))
}

/// Four bytes a pixel become three, front to back in the same buffer.
fn shrink_to_rgb(mut data: Vec<u8>, convert: impl Fn([u8; 4]) -> [u8; 3]) -> Vec<u8> {
    let pixels = data.len() / 4;
    for pixel in 0..pixels {
        let rgb = convert([data[pixel * 4], data[pixel * 4 + 1], data[pixel * 4 + 2], data[pixel * 4 + 3]]);
        data[pixel * 3..pixel * 3 + 3].copy_from_slice(&rgb);
    }
    data.truncate(pixels * 3);
    data.shrink_to_fit();
    data
}

/// A conversion and what it takes.
#[derive(Clone)]
struct Transform {
    run: Arc<Transform8BitExecutor>,
    /// The profile's own colour space, which may be RGB for a grey picture.
    space: DataColorSpace,
}

/// A conversion, `None` where the profile is as good as sRGB; or why the profile cannot be used.
type Built = Result<Option<Transform>, String>;

/// Profiles that were built last: a shop's pictures come from few programs, and building takes 0.6 ms for a plain
/// profile and 15 ms for a printer's.
static RECENT: Mutex<Vec<(blake3::Hash, Samples, Built)>> = Mutex::new(Vec::new());
const MOST_RECENT: usize = 8;

fn transform_to_srgb(icc: &[u8], samples: Samples) -> Built {
    let hash = blake3::hash(icc);
    let recent = || RECENT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, _, built)) = recent().iter().find(|(known, of, _)| *known == hash && *of == samples) {
        return built.clone();
    }
    // Not under the lock: others need not wait, and building the same profile twice does no harm.
    let built = catch_unwind(AssertUnwindSafe(|| build_transform(icc, samples)))
        .unwrap_or_else(|_| Err("the profile upset the colour library".to_owned()));
    let mut recent = recent();
    if recent.len() == MOST_RECENT {
        drop(recent.remove(0));
    }
    recent.push((hash, samples, built.clone()));
    built
}

fn build_transform(icc: &[u8], samples: Samples) -> Built {
    let profile = ColorProfile::new_from_slice(icc).map_err(|error| format!("it cannot be read ({error})"))?;
    let space = profile.color_space;
    let (source, target) = match (samples, space) {
        (Samples::Grey | Samples::GreyAlpha, DataColorSpace::Gray) => (Layout::Gray, Layout::Rgb),
        (Samples::Rgb | Samples::Grey | Samples::GreyAlpha, DataColorSpace::Rgb) => (Layout::Rgb, Layout::Rgb),
        (Samples::Rgba, DataColorSpace::Rgb) => (Layout::Rgba, Layout::Rgba),
        // moxcms uses the four-sample layout for CMYK.
        (Samples::Cmyk, DataColorSpace::Cmyk) => (Layout::Rgba, Layout::Rgb),
        _ => return Err(format!("it is for {space:?} colours and the picture is {samples:?}")),
    };
    let run = profile
        .create_transform_8bit(source, &ColorProfile::new_srgb(), target, TransformOptions::default())
        .map_err(|error| format!("it cannot be converted to sRGB ({error})"))?;
    let transform = Transform { run, space };
    Ok((!is_identity(&transform, source, target)?).then_some(transform))
}

/// Tries the conversion on a lattice of colours and says whether it changes none by more than rounding: most profiles
/// are sRGB in one of its many spellings, and their pictures keep their exact values this way, at no cost.
fn is_identity(transform: &Transform, source: Layout, target: Layout) -> Result<bool, String> {
    const STEPS: [u8; 9] = [0, 32, 64, 96, 128, 160, 192, 224, 255];
    let lattice = STEPS.iter().flat_map(|&r| STEPS.iter().flat_map(move |&g| STEPS.iter().map(move |&b| [r, g, b])));
    let from: Vec<u8> = match source {
        Layout::Gray => (0..=255).collect(),
        Layout::Rgb => lattice.flatten().collect(),
        _ => lattice.flat_map(|[r, g, b]| [r, g, b, 255]).collect(),
    };
    let per_pixel = |layout| match layout {
        Layout::Gray => 1,
        Layout::Rgb => 3,
        _ => 4,
    };
    let mut to = vec![0; from.len() / per_pixel(source) * per_pixel(target)];
    transform.run.transform(&from, &mut to).map_err(|error| format!("it cannot be applied ({error})"))?;
    let same = |a: u8, b: u8| a.abs_diff(b) <= 1;
    Ok(match (source, target) {
        (Layout::Gray, _) => {
            from.iter().zip(to.as_chunks::<3>().0).all(|(&grey, rgb)| rgb.iter().all(|&c| same(c, grey)))
        }
        (Layout::Rgba, Layout::Rgb) => false,
        _ => from.iter().zip(&to).all(|(&a, &b)| same(a, b)),
    })
}

/// sRGB for each of the 256 greys.
fn grey_table(transform: Option<&Transform>) -> [[u8; 3]; 256] {
    #[expect(clippy::cast_possible_truncation, reason = "the index of 256 entries")]
    let plain: [[u8; 3]; 256] = std::array::from_fn(|grey| [grey as u8; 3]);
    let Some(transform) = transform else { return plain };
    let from: Vec<u8> = match transform.space {
        DataColorSpace::Gray => (0..=255).collect(),
        _ => plain.as_flattened().to_vec(),
    };
    let mut table = plain;
    match transform.run.transform(&from, table.as_flattened_mut()) {
        Ok(()) => table,
        Err(_) => plain,
    }
}

/// Converts pixels of `N` samples in place.
fn in_chunks<const N: usize>(data: &mut [u8], transform: &Transform) {
    let mut from = [0; CHUNK * 4];
    for chunk in data.chunks_mut(CHUNK * N) {
        let from = &mut from[..chunk.len()];
        from.copy_from_slice(chunk);
        // The lengths agree and the transform has run on the lattice: it has nothing left to complain about.
        if transform.run.transform(from, chunk).is_err() {
            chunk.copy_from_slice(from);
        }
    }
}

fn cmyk_to_rgb(mut data: Vec<u8>, transform: &Transform) -> Vec<u8> {
    let pixels = data.len() / 4;
    let mut rgb = [0; CHUNK * 3];
    for first in (0..pixels).step_by(CHUNK) {
        let count = CHUNK.min(pixels - first);
        let rgb = &mut rgb[..count * 3];
        if transform.run.transform(&data[first * 4..(first + count) * 4], rgb).is_ok() {
            // Three bytes a pixel end where the chunk just read began, or before.
            data[first * 3..(first + count) * 3].copy_from_slice(rgb);
        }
    }
    data.truncate(pixels * 3);
    data.shrink_to_fit();
    data
}
