//! From YCbCr to RGB as in JFIF: BT.601, full range.

/// Pixels that are converted at once, for as many of them fit a register.
const AT_ONCE: usize = 16;

/// Coefficients of JFIF's equations, times 2^14 or 2^15 where they are less than one.
const CR_TO_R: i16 = 22970;
const CB_TO_B: i16 = 29032;
const CB_TO_G: i16 = 11277;
const CR_TO_G: i16 = 23401;

/// A line of pixels from lines of samples; `rgb` has three bytes for each that is wanted, the others may be longer.
pub(super) fn to_rgb(y: &[u8], cb: &[u8], cr: &[u8], rgb: &mut [u8]) {
    let samples = y.as_chunks::<AT_ONCE>().0.iter().zip(cb.as_chunks().0).zip(cr.as_chunks().0);
    let mut halves = ([0; AT_ONCE], [0; AT_ONCE]);
    for (((y, cb), cr), rgb) in samples.zip(rgb.chunks_mut(3 * AT_ONCE)) {
        convert(y, cb, cr, &mut halves);
        if let Ok(rgb) = <&mut [u8; 3 * AT_ONCE]>::try_from(&mut *rgb) {
            pack(&halves, rgb);
        } else {
            let mut whole = [0; 3 * AT_ONCE];
            pack(&halves, &mut whole);
            rgb.copy_from_slice(&whole[..rgb.len()]);
        }
    }
}

/// The upper half of a product of 16 bits: one instruction for eight of them.
#[inline]
fn upper(a: i16, b: i16) -> i16 {
    ((i32::from(a) * i32::from(b)) >> 16) as i16
}

/// Pixels as red and green, green in the upper byte; and blue.
type Halves = ([u16; AT_ONCE], [u16; AT_ONCE]);

/// By itself, since it stays in vectors then: as a part of what packs the bytes they are taken out one by one.
#[inline(never)]
fn convert(y: &[u8; AT_ONCE], cb: &[u8; AT_ONCE], cr: &[u8; AT_ONCE], (red_green, blue): &mut Halves) {
    for i in 0..AT_ONCE {
        let y = i16::from(y[i]);
        // ±2^14: with the coefficients five or six bits stay behind the point.
        let (cb, cr) = ((i16::from(cb[i]) - 128) << 7, (i16::from(cr[i]) - 128) << 7);
        let r = y + ((upper(cr, CR_TO_R) + 16) >> 5);
        let g = y - ((upper(cb, CB_TO_G) + upper(cr, CR_TO_G) + 32) >> 6);
        let b = y + ((upper(cb, CB_TO_B) + 16) >> 5);
        red_green[i] = (r.clamp(0, 255) | g.clamp(0, 255) << 8) as u16;
        blue[i] = b.clamp(0, 255) as u16;
    }
}

/// Two pixels at once, with two bytes too many that the next ones go over.
#[inline]
fn pack((red_green, blue): &Halves, rgb: &mut [u8; 3 * AT_ONCE]) {
    let pixel = |i: usize| u64::from(red_green[i]) | u64::from(blue[i]) << 16;
    for i in 0..AT_ONCE / 2 {
        let two = (pixel(2 * i) | pixel(2 * i + 1) << 24).to_le_bytes();
        if let Some(rgb) = rgb[6 * i..].first_chunk_mut::<8>() {
            *rgb = two;
        } else {
            rgb[6 * i..6 * i + 6].copy_from_slice(&two[..6]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_within_rounding() {
        for y in (0..=255).step_by(3) {
            for cb in (0..=255).step_by(5) {
                for cr in (0..=255).step_by(3) {
                    let mut rgb = [0; 3];
                    to_rgb(&[y; AT_ONCE], &[cb; AT_ONCE], &[cr; AT_ONCE], &mut rgb);
                    let (y, cb, cr) = (f64::from(y), f64::from(cb) - 128.0, f64::from(cr) - 128.0);
                    let should = [y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb];
                    for (is, should) in rgb.into_iter().zip(should) {
                        assert!((f64::from(is) - should.clamp(0.0, 255.0)).abs() < 0.54, "{is} {should}");
                    }
                }
            }
        }
    }

    #[test]
    fn lines_of_any_length_are_whole() {
        for length in 1..70 {
            let samples: Vec<u8> = (0..length as u8 + 16).map(|i| i * 3).collect();
            let grey = vec![128; samples.len()];
            let mut rgb = vec![0; 3 * length];
            to_rgb(&samples, &grey, &grey, &mut rgb);
            for (i, pixel) in rgb.chunks_exact(3).enumerate() {
                assert_eq!(pixel, [samples[i]; 3]);
            }
        }
    }
}
