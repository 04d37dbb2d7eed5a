//! Lines of text beside the subject: prices, names and watermarks that were put on a picture.

use image::{GrayImage, Luma as Grey};
use imageproc::definitions::Image;
use imageproc::region_labelling::{Connectivity, connected_components};

use super::Region;
use super::luma::Luma;

/// Values, 0 to 255, by which letters differ from what is around them.
const CONTRAST: i32 = 28;
/// Radius of what is around them in pixels.
const AROUND: usize = 10;
/// Heights of letters in pixels of the picture at 512 a side.
const HEIGHTS: std::ops::RangeInclusive<usize> = 5..=48;
/// Fewest letters of a line.
const LETTERS: usize = 4;

/// A part that may be a letter: left, top, right, bottom, and its pixels.
#[derive(Debug, Clone, Copy)]
struct Letter {
    left: usize,
    top: usize,
    right: usize,
    bottom: usize,
    pixels: usize,
}

/// Share of the picture that lines of letters cover outside of `subject`; `None` on a background that is not `plain`, where
/// letters may be on anything. What is printed on the subject does not count, and what crosses it is not seen.
pub(super) fn share(luma: &Luma, subject: &Region, plain: bool) -> Option<f32> {
    if !plain || luma.width < 64 || luma.height < 64 {
        return None;
    }
    let (left, top, width, height) = subject.to_pixels(luma.width as u32, luma.height as u32);
    let inside = |letter: &Letter| {
        let (x, y) = ((letter.left + letter.right) / 2, (letter.top + letter.bottom) / 2);
        (left as usize..(left + width) as usize).contains(&x) && (top as usize..(top + height) as usize).contains(&y)
    };
    let mut covered = 0;
    for dark in [true, false] {
        let mut letters = letters(luma, dark);
        letters.retain(|letter| !inside(letter));
        covered += lines(letters).iter().map(|line| (line.right - line.left) * (line.bottom - line.top)).sum::<usize>();
    }
    Some((covered as f32 / (luma.width * luma.height) as f32).min(1.0))
}

/// Connected parts that stand out from what is around them and have the shape of a letter.
fn letters(luma: &Luma, dark: bool) -> Vec<Letter> {
    let (width, height) = (luma.width, luma.height);
    let sums = Sums::of(luma);
    let stands_out = |place: usize| {
        let (x, y) = (place % width, place / width);
        let difference = sums.mean_around(x, y) - i32::from(luma.values[place]);
        u8::from(if dark { difference > CONTRAST } else { -difference > CONTRAST })
    };
    let mask: Vec<u8> = (0..width * height).map(stands_out).collect();
    let Some(mask) = GrayImage::from_raw(width as u32, height as u32, mask) else { return Vec::new() };
    let labels: Image<Grey<u32>> = connected_components(&mask, Connectivity::Eight, Grey([0]));
    let mut parts: Vec<Letter> = Vec::new();
    for (place, label) in labels.iter().enumerate().filter(|(_, label)| **label > 0) {
        let (x, y, number) = (place % width, place / width, *label as usize - 1);
        if parts.len() <= number {
            parts.resize(number + 1, Letter { left: width, top: height, right: 0, bottom: 0, pixels: 0 });
        }
        let part = &mut parts[number];
        (part.left, part.right) = (part.left.min(x), part.right.max(x + 1));
        (part.top, part.bottom) = (part.top.min(y), part.bottom.max(y + 1));
        part.pixels += 1;
    }
    parts.retain(|part| {
        if part.pixels == 0 {
            return false;
        }
        let (wide, tall) = (part.right - part.left, part.bottom - part.top);
        let filled = part.pixels as f32 / (wide * tall) as f32;
        HEIGHTS.contains(&tall) && wide <= 2 * tall + 2 && 8 * wide >= tall && (0.15..0.95).contains(&filled)
    });
    parts
}

/// Letters of like height that stand beside each other, as one box a line.
fn lines(mut letters: Vec<Letter>) -> Vec<Letter> {
    letters.sort_by_key(|letter| letter.left);
    let mut open: Vec<(Letter, usize, Letter)> = Vec::new();
    for letter in letters {
        let tall = letter.bottom - letter.top;
        let goes_on = |(_, _, last): &&mut (Letter, usize, Letter)| {
            let before = last.bottom - last.top;
            let overlap = letter.bottom.min(last.bottom).saturating_sub(letter.top.max(last.top));
            let gap = letter.left.saturating_sub(last.right);
            2 * overlap >= tall.min(before) && gap <= tall.max(before) && tall <= 2 * before && before <= 2 * tall
        };
        match open.iter_mut().find(goes_on) {
            Some((line, count, last)) => {
                line.top = line.top.min(letter.top);
                line.bottom = line.bottom.max(letter.bottom);
                line.right = line.right.max(letter.right);
                *count += 1;
                *last = letter;
            }
            None => open.push((letter, 1, letter)),
        }
    }
    open.into_iter().filter(|(_, count, _)| *count >= LETTERS).map(|(line, _, _)| line).collect()
}

/// Sums over rectangles from the top left.
struct Sums {
    width: usize,
    height: usize,
    corners: Vec<u32>,
}

impl Sums {
    fn of(luma: &Luma) -> Self {
        let (width, height) = (luma.width, luma.height);
        let mut sums = vec![0_u32; (width + 1) * (height + 1)];
        for y in 0..height {
            let mut row = 0;
            for x in 0..width {
                row += u32::from(luma.values[y * width + x]);
                sums[(y + 1) * (width + 1) + x + 1] = sums[y * (width + 1) + x + 1] + row;
            }
        }
        Self { width, height, corners: sums }
    }

    fn mean_around(&self, x: usize, y: usize) -> i32 {
        let (left, right) = (x.saturating_sub(AROUND), (x + AROUND + 1).min(self.width));
        let (top, bottom) = (y.saturating_sub(AROUND), (y + AROUND + 1).min(self.height));
        let at = |x: usize, y: usize| i64::from(self.corners[y * (self.width + 1) + x]);
        let sum = at(right, bottom) - at(left, bottom) - at(right, top) + at(left, top);
        (sum / ((right - left) * (bottom - top)) as i64) as i32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Letters in five by seven, enlarged, as a watermark program would set them.
    const LETTERS_5_7: [[u8; 7]; 5] = [
        [0x0e, 0x11, 0x10, 0x0e, 0x01, 0x11, 0x0e],
        [0x0e, 0x11, 0x11, 0x1f, 0x11, 0x11, 0x11],
        [0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x1f],
        [0x1f, 0x10, 0x10, 0x1e, 0x10, 0x10, 0x1f],
        [0x1e, 0x11, 0x11, 0x1e, 0x14, 0x12, 0x11],
    ];

    fn picture(text_at: Option<(usize, usize)>, ink: u8) -> Luma {
        let side = 400;
        let mut values = vec![245_u8; side * side];
        for y in 120..300 {
            for x in 120..280 {
                values[y * side + x] = 90;
            }
        }
        if let Some((left, top)) = text_at {
            for (number, letter) in LETTERS_5_7.iter().enumerate() {
                for (row, bits) in letter.iter().enumerate() {
                    for column in 0..5 {
                        if bits >> (4 - column) & 1 == 1 {
                            for dot in 0..4 {
                                let (x, y) = (left + number * 14 + column * 2 + dot % 2, top + row * 2 + dot / 2);
                                values[y * side + x] = ink;
                            }
                        }
                    }
                }
            }
        }
        Luma { width: side, height: side, values }
    }

    #[test]
    fn a_word_beside_the_subject_is_seen_and_one_on_it_is_not() {
        let subject = Region::new(0.3, 0.3, 0.4, 0.45).unwrap();
        assert_eq!(share(&picture(None, 0), &subject, true), Some(0.0));
        for ink in [20, 150] {
            let beside = share(&picture(Some((20, 350)), ink), &subject, true).unwrap();
            assert!((0.003..0.02).contains(&beside), "{beside}");
        }
        assert_eq!(share(&picture(Some((150, 200)), 240), &subject, true), Some(0.0));
        assert_eq!(share(&picture(Some((20, 350)), 20), &subject, false), None);
    }
}
