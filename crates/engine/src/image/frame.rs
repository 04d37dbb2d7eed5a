//! Frames drawn around a picture, and bars above and below or beside it.

use super::luma::Luma;

/// A frame is at most this part of the height or width thick.
const THICKEST: f32 = 0.2;
/// Pixels of a line that may differ from its colour.
const SPARE: f32 = 0.04;
/// Values that are still the line's colour, 0 to 255.
const SAME: u8 = 7;
/// Values by which what follows differs from it.
const OTHER: u8 = 14;
/// Pixels of the first line inside that differ; the corners of a frame do not.
const EDGE: f32 = 0.62;

/// Thickness at top, right, bottom and left, in fractions of height and width; 0 where there is no frame. A frame is an even
/// strip along a whole side that ends in a straight line.
pub(super) fn frame(luma: &Luma) -> [f32; 4] {
    let (width, height) = (luma.width, luma.height);
    let rows = |y: usize| luma.row(y).to_vec();
    let columns = |x: usize| (0..height).map(|y| luma.values[y * width + x]).collect();
    [
        thickness(height, rows),
        thickness(width, |x| columns(width - 1 - x)),
        thickness(height, |y| rows(height - 1 - y)),
        thickness(width, columns),
    ]
}

/// Thickness at the beginning of `lines`, as a fraction of their number.
fn thickness(lines: usize, line: impl Fn(usize) -> Vec<u8>) -> f32 {
    if lines < 24 {
        return 0.0;
    }
    let Some(colour) = even(&line(0)) else { return 0.0 };
    for place in 1..=(lines as f32 * THICKEST) as usize {
        let own = line(place);
        let differing = own.iter().filter(|value| value.abs_diff(colour) > OTHER).count();
        if differing as f32 >= EDGE * own.len() as f32 {
            return place as f32 / lines as f32;
        }
        // Shrinking leaves one line between the two.
        let next = line(place + 1);
        let after = next.iter().filter(|value| value.abs_diff(colour) > OTHER).count();
        if even(&own).is_none_or(|own| own.abs_diff(colour) > SAME) {
            return if after as f32 >= EDGE * next.len() as f32 { place as f32 / lines as f32 } else { 0.0 };
        }
    }
    0.0
}

/// The colour of a line that has only one.
fn even(line: &[u8]) -> Option<u8> {
    let mut sorted = line.to_vec();
    let middle = line.len() / 2;
    let colour = *sorted.select_nth_unstable(middle).1;
    let others = line.iter().filter(|value| value.abs_diff(colour) > SAME).count();
    (others as f32 <= SPARE * line.len() as f32).then_some(colour)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(value: impl Fn(usize, usize) -> u8) -> Luma {
        Luma { width: 200, height: 100, values: (0..20_000).map(|place| value(place % 200, place / 200)).collect() }
    }

    fn busy(x: usize, y: usize) -> u8 {
        ((x * 37 + y * 91 + x * y) % 150) as u8 + 40
    }

    #[test]
    fn bars_and_frames_have_their_thickness() {
        let bars = frame(&picture(|x, y| if (10..90).contains(&y) { busy(x, y) } else { 0 }));
        assert_eq!(bars, [0.1, 0.0, 0.1, 0.0]);
        let whole = |x: usize, y: usize| (6..94).contains(&y) && (6..194).contains(&x);
        let found = frame(&picture(|x, y| if whole(x, y) { busy(x, y) } else { 255 }));
        assert_eq!(found, [0.06, 0.03, 0.06, 0.03]);
    }

    #[test]
    fn a_line_around_a_white_picture_is_a_frame() {
        let on_line = |x: usize, y: usize| {
            let inside = |margin: usize| (margin..100 - margin).contains(&y) && (margin..200 - margin).contains(&x);
            inside(4) && !inside(6)
        };
        let found = frame(&picture(|x, y| if on_line(x, y) { 20 } else { 250 }));
        assert!(found.iter().all(|side| *side > 0.0), "{found:?}");
    }

    #[test]
    fn a_product_with_room_around_it_has_none() {
        let shape = |x: usize, y: usize| (20..80).contains(&y) && (60..140).contains(&x);
        assert_eq!(frame(&picture(|x, y| if shape(x, y) { 90 } else { 255 })), [0.0; 4]);
        assert_eq!(frame(&picture(busy)), [0.0; 4]);
        assert_eq!(frame(&picture(|_, _| 9)), [0.0; 4]);
    }
}
