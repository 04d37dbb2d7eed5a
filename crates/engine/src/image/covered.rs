//! A rectangle of one colour that covers a part of a photo: a censor bar, a sticker, a note of an app.

use ::image::{GrayImage, Luma};
use imageproc::definitions::Image;
use imageproc::region_labelling::{Connectivity, connected_components};

use super::resize::shrunk;
use super::{Picture, Region};

/// Longest side at which it is looked for.
const SIDE: u32 = 128;
/// Values, 0 to 255, by which its pixels may differ.
const SAME: u8 = 2;
/// It covers at least this part of the picture,
const SMALLEST: f32 = 0.03;
/// and less than this of either side: what is as wide as the picture is a bar beside it.
const LONGEST: f32 = 0.9;
/// Part of its pixels that have its colour.
const FULL: f32 = 0.97;
/// Part of all pixels that may have its colour elsewhere: more is a background.
const ELSEWHERE: f32 = 0.02;
/// Lighter than this is paper, not a cover.
const WHITE: u8 = 240;

/// Where a photo is covered by an even rectangle; the largest one.
#[must_use]
pub fn covered(picture: &Picture) -> Option<Region> {
    let small = shrunk(picture, SIDE);
    let (width, height) = (small.width() as usize, small.height() as usize);
    let pixels = small.rgb().as_chunks::<3>().0;
    let same = |a: [u8; 3], b: [u8; 3]| a.iter().zip(b).all(|(a, b)| a.abs_diff(b) <= SAME);
    if width < 16 || height < 16 {
        return None;
    }
    // A pixel is even when it is like the next ones to the right and below.
    let even: Vec<u8> = (0..width * height)
        .map(|place| {
            let (x, y) = (place % width, place / width);
            let right = pixels[if x + 1 < width { place + 1 } else { place - 1 }];
            let below = pixels[if y + 1 < height { place + width } else { place - width }];
            u8::from(same(pixels[place], right) && same(pixels[place], below))
        })
        .collect();
    let labels: Image<Luma<u32>> =
        connected_components(&GrayImage::from_raw(small.width(), small.height(), even)?, Connectivity::Four, Luma([0]));
    let labels = labels.into_raw();
    let mut parts: Vec<Part> = Vec::new();
    for (place, label) in labels.iter().enumerate().filter(|(_, label)| **label > 0) {
        let number = *label as usize - 1;
        if parts.len() <= number {
            parts.resize(number + 1, Part::new(width, height));
        }
        parts[number].add(place % width, place / width, pixels[place]);
    }
    let all = (width * height) as f32;
    parts.retain(|part| part.count as f32 >= SMALLEST * all);
    parts.sort_by_key(|part| std::cmp::Reverse(part.count));
    parts.into_iter().find_map(|part| {
        // The last row and column differ from what follows them.
        let (right, bottom) = ((part.right + 2).min(width), (part.bottom + 2).min(height));
        let (across, down) = (right - part.left, bottom - part.top);
        let long = across as f32 >= LONGEST * width as f32 || down as f32 >= LONGEST * height as f32;
        let colour = part.colour();
        if long || colour.iter().all(|value| *value >= WHITE) {
            return None;
        }
        let inside = |place: usize| {
            let (x, y) = (place % width, place / width);
            x >= part.left && x <= part.right && y >= part.top && y <= part.bottom
        };
        let own = (0..width * height).filter(|place| same(pixels[*place], colour));
        let (within, elsewhere): (Vec<usize>, Vec<usize>) = own.partition(|place| inside(*place));
        let area = ((part.right + 1 - part.left) * (part.bottom + 1 - part.top)) as f32;
        if (within.len() as f32) < FULL * area || elsewhere.len() as f32 > ELSEWHERE * all + (across + down) as f32 {
            return None;
        }
        let (w, h) = (width as f32, height as f32);
        Region::new(part.left as f32 / w, part.top as f32 / h, across as f32 / w, down as f32 / h).ok()
    })
}

/// A connected part of even pixels.
#[derive(Debug, Clone, Copy)]
struct Part {
    left: usize,
    top: usize,
    /// The last column and row.
    right: usize,
    bottom: usize,
    count: usize,
    sums: [u64; 3],
}

impl Part {
    fn new(width: usize, height: usize) -> Self {
        Self { left: width, top: height, right: 0, bottom: 0, count: 0, sums: [0; 3] }
    }

    fn add(&mut self, x: usize, y: usize, pixel: [u8; 3]) {
        (self.left, self.top) = (self.left.min(x), self.top.min(y));
        (self.right, self.bottom) = (self.right.max(x), self.bottom.max(y));
        self.count += 1;
        self.sums.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += u64::from(value));
    }

    fn colour(&self) -> [u8; 3] {
        self.sums.map(|sum| u8::try_from(sum / self.count.max(1) as u64).unwrap_or(u8::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A round thing with stripes on white, and a grey rectangle: left, top, right, bottom.
    fn picture(cover: [u32; 4]) -> Picture {
        let pixel = |place: u32| {
            let (x, y) = (place % 200, place / 200);
            if x >= cover[0] && y >= cover[1] && x < cover[2] && y < cover[3] {
                [128; 3]
            } else if (f64::from(x) - 100.0).hypot(f64::from(y) - 75.0) < 60.0 {
                [u8::try_from(x * 7 % 200).unwrap(), 60, u8::try_from(y % 150).unwrap()]
            } else {
                [255; 3]
            }
        };
        Picture::from_rgb(200, 150, (0..200 * 150).flat_map(pixel).collect()).unwrap()
    }

    #[test]
    fn a_grey_rectangle_is_found_where_it_is() {
        for cover in [[60, 40, 150, 120], [0, 0, 90, 75], [120, 80, 200, 150]] {
            let found = covered(&picture(cover)).unwrap();
            let sides = [found.x(), found.y(), found.x() + found.width(), found.y() + found.height()];
            let near = (0..4).all(|i| (sides[i] - cover[i] as f32 / [200.0, 150.0][i % 2]).abs() < 0.03);
            assert!(near, "{cover:?}: {found:?}");
        }
    }

    #[test]
    fn backgrounds_bars_and_plain_pictures_are_no_covers() {
        assert_eq!(covered(&picture([0; 4])), None);
        assert_eq!(covered(&picture([0, 0, 200, 40])), None, "a bar");
        assert_eq!(covered(&picture([0, 0, 30, 150])), None, "a bar");
        for (width, height) in [(1, 1), (1, 300), (64, 64), (300, 17)] {
            let plain = vec![128; (width * height * 3) as usize];
            assert_eq!(covered(&Picture::from_rgb(width, height, plain).unwrap()), None, "{width} × {height}");
        }
    }
}
