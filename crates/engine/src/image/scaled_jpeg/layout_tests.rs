//! Where blocks go, for sampling factors that no encoder at hand writes: pictures whose blocks have one colour each.

use super::{Error, Scaled, decode_scaled};

/// Sampling factors of luma and of chroma.
type Sampling = ((usize, usize), (usize, usize));

struct BitWriter {
    bytes: Vec<u8>,
    bits: u32,
    count: u32,
}

impl BitWriter {
    fn put(&mut self, value: u32, count: u32) {
        for bit in (0..count).rev() {
            self.bits = self.bits << 1 | (value >> bit & 1);
            self.count += 1;
            if self.count == 8 {
                self.bytes.push(self.bits as u8);
                if self.bits == 0xFF {
                    self.bytes.push(0);
                }
                (self.bits, self.count) = (0, 0);
            }
        }
    }

    fn finish(&mut self) {
        while self.count > 0 {
            self.put(1, 1);
        }
    }
}

/// Any level for a block, the same each time.
fn level(component: usize, column: usize, row: usize) -> i32 {
    let mixed = (component * 7919 + column * 104_729 + row * 1_299_709 + 17) as u32;
    (mixed.wrapping_mul(2_654_435_761) >> 16) as i32 % 200 - 100
}

fn largest(((h, v), (ch, cv)): Sampling) -> (usize, usize) {
    (h.max(ch), v.max(cv))
}

/// A JPEG with blocks of those levels: 12 DC codes of four bits, one AC code of one bit.
fn encode(width: u16, height: u16, sampling: Sampling, interval: u8) -> Vec<u8> {
    let (luma, chroma) = sampling;
    let (h_max, v_max) = largest(sampling);
    let mut bytes = vec![0xFF, 0xD8, 0xFF, 0xDB, 0, 67, 0];
    bytes.extend([8; 64]);
    bytes.extend([0xFF, 0xC0, 0, 17, 8]);
    bytes.extend(height.to_be_bytes().into_iter().chain(width.to_be_bytes()));
    bytes.push(3);
    for (id, (h, v)) in [(1, luma), (2, chroma), (3, chroma)] {
        bytes.extend([id, (h << 4 | v) as u8, 0]);
    }
    bytes.extend([0xFF, 0xC4, 0, 31, 0, 0, 0, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend(0..12);
    bytes.extend([0xFF, 0xC4, 0, 20, 0x10, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend([0xFF, 0xDD, 0, 4, 0, interval]);
    bytes.extend([0xFF, 0xDA, 0, 12, 3, 1, 0, 2, 0, 3, 0, 0, 63, 0]);
    let mut writer = BitWriter { bytes, bits: 0, count: 0 };
    let (across, down) = (usize::from(width).div_ceil(8 * h_max), usize::from(height).div_ceil(8 * v_max));
    let mut before = [0; 3];
    for mcu in 0..across * down {
        if interval > 0 && mcu > 0 && mcu % usize::from(interval) == 0 {
            writer.finish();
            writer.bytes.extend([0xFF, 0xD0 + (mcu / usize::from(interval) + 7) as u8 % 8]);
            before = [0; 3];
        }
        for (component, (h, v)) in [luma, chroma, chroma].into_iter().enumerate() {
            for block in 0..h * v {
                let level = level(component, mcu % across * h + block % h, mcu / across * v + block / h);
                let difference = level - before[component];
                before[component] = level;
                let size = 32 - difference.unsigned_abs().leading_zeros();
                writer.put(size, 4);
                writer.put((difference - i32::from(difference < 0)) as u32 & ((1 << size) - 1), size);
                writer.put(0, 1);
            }
        }
    }
    writer.finish();
    writer.bytes.extend([0xFF, 0xD9]);
    writer.bytes
}

fn assert_blocks(scaled: &Scaled, sampling: Sampling, n: usize) {
    let (luma, chroma) = sampling;
    let (h_max, v_max) = largest(sampling);
    for (place, rgb) in scaled.data.chunks_exact(3).enumerate() {
        let (x, y) = (place % scaled.width as usize, place / scaled.width as usize);
        let sample =
            |component, (h, v): (usize, usize)| f64::from(level(component, x * h / (h_max * n), y * v / (v_max * n)));
        let (y, cb, cr) = (sample(0, luma) + 128.0, sample(1, chroma), sample(2, chroma));
        let should = [y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb];
        for (is, should) in rgb.iter().zip(should) {
            assert!((f64::from(*is) - should.clamp(0.0, 255.0)).abs() < 0.6, "{sampling:?} {n} {place}: {is} {should}");
        }
    }
}

#[test]
fn blocks_are_where_they_belong() {
    let ones = [(1, 1), (2, 1), (1, 2), (2, 2), (4, 1), (4, 2)].map(|luma| (luma, (1, 1)));
    // Written by some cameras: the same as others, in larger numbers; or chroma finer than luma.
    let others = [((2, 2), (1, 2)), ((2, 2), (2, 1)), ((2, 1), (2, 1)), ((1, 1), (2, 1)), ((1, 1), (1, 2))];
    for sampling in ones.into_iter().chain(others) {
        for (width, height) in [(1, 1), (9, 7), (100, 40), (700, 33), (515, 130)] {
            for interval in [0, 1, 3, 200] {
                let bytes = encode(width, height, sampling, interval);
                for n in 1..=4 {
                    let scaled = decode_scaled(&bytes, n).unwrap();
                    assert_eq!(scaled.width, (u32::from(width) * u32::from(n)).div_ceil(8));
                    assert_eq!(scaled.height, (u32::from(height) * u32::from(n)).div_ceil(8));
                    assert_blocks(&scaled, sampling, n.into());
                }
            }
        }
    }
}

#[test]
fn rare_sampling_factors_are_for_others() {
    for sampling in [((3, 1), (2, 1)), ((1, 4), (1, 1))] {
        assert!(matches!(decode_scaled(&encode(50, 50, sampling, 0), 2), Err(Error::Unsupported(_))));
    }
    assert!(matches!(decode_scaled(&encode(50, 50, ((4, 4), (1, 1)), 0), 2), Err(Error::Damaged(_))));
}

#[test]
fn restart_markers_have_to_be_in_order() {
    let bytes = encode(200, 40, ((2, 2), (1, 1)), 4);
    let marker = bytes.windows(2).position(|w| w == [0xFF, 0xD1]).unwrap();
    let mut wrong = bytes.clone();
    wrong[marker + 1] = 0xD2;
    assert!(matches!(decode_scaled(&wrong, 1), Err(Error::Damaged(_))));
    // Bytes to fill up before a marker are allowed.
    let mut filled = bytes.clone();
    filled.splice(marker..marker, [0xFF; 5]);
    assert_eq!(decode_scaled(&filled, 1), decode_scaled(&bytes, 1));
    // Others are not.
    let mut more = bytes;
    more.splice(marker..marker, [0x12; 5]);
    assert!(matches!(decode_scaled(&more, 1), Err(Error::Damaged(_))));
}
