//! Turning a picture the way its camera says it was held.

pub(super) use ::image::metadata::Orientation;

/// The orientation an EXIF block (from its TIFF header on) gives; none when it is absent or broken.
pub(super) fn from_exif(exif: &[u8]) -> Orientation {
    // Some writers put JPEG's prefix before the block in WebP and PNG, too.
    let exif = exif.strip_prefix(b"Exif\0\0").unwrap_or(exif);
    Orientation::from_exif_chunk(exif).unwrap_or(Orientation::NoTransforms)
}

/// Whether width and height change places.
pub(super) fn swaps_sides(orientation: Orientation) -> bool {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    matches!(orientation, Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH)
}

/// A size after orientation.
pub(super) fn oriented_size(orientation: Orientation, width: u32, height: u32) -> (u32, u32) {
    if swaps_sides(orientation) { (height, width) } else { (width, height) }
}

/// Edge of the square tiles a transposition goes by, so that both pictures' lines stay in the first-level cache.
const TILE: usize = 32;

/// Orients `rgb` (`width * height * 3` bytes): the pixels as they are to be seen.
pub(super) fn apply(orientation: Orientation, width: u32, height: u32, mut rgb: Vec<u8>) -> Vec<u8> {
    use Orientation::{
        FlipHorizontal, FlipVertical, NoTransforms, Rotate90, Rotate90FlipH, Rotate180, Rotate270, Rotate270FlipH,
    };
    let (width, height) = (width as usize, height as usize);
    let row = width * 3;
    match orientation {
        NoTransforms => {}
        FlipHorizontal => rgb.chunks_exact_mut(row).for_each(reverse_pixels),
        Rotate180 => reverse_pixels(&mut rgb),
        FlipVertical => {
            for y in 0..height / 2 {
                let (top, bottom) = rgb.split_at_mut((height - 1 - y) * row);
                top[y * row..][..row].swap_with_slice(&mut bottom[..row]);
            }
        }
        // The first column becomes the top row (turned) or the bottom row.
        Rotate90 => rgb = transpose(&rgb, width, height, false, true),
        Rotate270 => rgb = transpose(&rgb, width, height, true, false),
        Rotate90FlipH => rgb = transpose(&rgb, width, height, false, false),
        Rotate270FlipH => rgb = transpose(&rgb, width, height, true, true),
    }
    rgb
}

fn reverse_pixels(rgb: &mut [u8]) {
    let (pixels, _) = rgb.as_chunks_mut::<3>();
    pixels.reverse();
}

/// Rows become columns; then the new rows are taken from the right (`flip_x` of the old picture) and the new columns
/// from the bottom (`flip_y` of the old picture).
fn transpose(rgb: &[u8], width: usize, height: usize, flip_x: bool, flip_y: bool) -> Vec<u8> {
    let mut out = vec![0; rgb.len()];
    let (source, _) = rgb.as_chunks::<3>();
    let (target, _) = out.as_chunks_mut::<3>();
    for tile_y in (0..width).step_by(TILE) {
        for tile_x in (0..height).step_by(TILE) {
            for y in tile_y..(tile_y + TILE).min(width) {
                let old_x = if flip_x { width - 1 - y } else { y };
                for x in tile_x..(tile_x + TILE).min(height) {
                    let old_y = if flip_y { height - 1 - x } else { x };
                    target[y * height + x] = source[old_y * width + old_x];
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 3 × 2 pixels with the values 1..=6.
    fn small() -> Vec<u8> {
        (1..=6).flat_map(|i| [i, i, i]).collect()
    }

    #[test]
    fn all_eight_orientations_follow_the_exif_table() {
        // EXIF 2.3, tag 0x0112: where the 0th row and the 0th column are on the screen.
        let expected: [(u8, [u8; 6]); 8] = [
            (1, [1, 2, 3, 4, 5, 6]),
            (2, [3, 2, 1, 6, 5, 4]),
            (3, [6, 5, 4, 3, 2, 1]),
            (4, [4, 5, 6, 1, 2, 3]),
            (5, [1, 4, 2, 5, 3, 6]),
            (6, [4, 1, 5, 2, 6, 3]),
            (7, [6, 3, 5, 2, 4, 1]),
            (8, [3, 6, 2, 5, 1, 4]),
        ];
        for (exif, pixels) in expected {
            let orientation = Orientation::from_exif(exif).expect("1 to 8");
            let turned = apply(orientation, 3, 2, small());
            assert_eq!(turned.iter().step_by(3).copied().collect::<Vec<_>>(), pixels, "orientation {exif}");
            assert_eq!(oriented_size(orientation, 3, 2), if exif < 5 { (3, 2) } else { (2, 3) });
        }
    }

    #[test]
    fn big_pictures_turn_like_small_ones() {
        let (width, height) = (101u32, 67u32);
        let rgb: Vec<u8> = (0..width * height * 3).map(|i| (i % 251) as u8).collect();
        let there = apply(Orientation::Rotate90, width, height, rgb.clone());
        assert_eq!(apply(Orientation::Rotate270, height, width, there), rgb);
    }
}
