//! Against other decoders, and with bytes that are no JPEG.

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use proptest::prelude::*;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::{Error, Scaled, decode_scaled};

/// Those that `jpeg-encoder` writes in one scan.
const SAMPLINGS: [SamplingFactor; 4] =
    [SamplingFactor::F_1_1, SamplingFactor::F_2_1, SamplingFactor::F_1_2, SamplingFactor::F_2_2];

/// A smooth picture with some texture; different in all channels.
fn paint(width: u16, height: u16, channels: usize, rough: f64) -> Vec<u8> {
    let mut pixels = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let (u, v) = (f64::from(x) / 40.0, f64::from(y) / 31.0);
            let texture = rough * (f64::from(x) * 1.9).sin() * (f64::from(y) * 1.3).cos();
            for channel in 0..channels {
                let wave = (u + channel as f64).sin() * (v * 1.3 - channel as f64 * 0.7).cos();
                pixels.push((128.0 + 90.0 * wave + texture) as u8);
            }
        }
    }
    pixels
}

#[derive(Debug)]
struct Sample {
    width: u16,
    height: u16,
    sampling: SamplingFactor,
    quality: u8,
    grey: bool,
    restart: u16,
    rough: f64,
}

impl Sample {
    fn new(width: u16, height: u16, sampling: SamplingFactor) -> Self {
        Self { width, height, sampling, quality: 92, grey: false, restart: 0, rough: 8.0 }
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, self.quality);
        encoder.set_sampling_factor(self.sampling);
        if self.restart > 0 {
            encoder.set_restart_interval(self.restart);
        }
        let (channels, kind) = if self.grey { (1, ColorType::Luma) } else { (3, ColorType::Rgb) };
        let pixels = paint(self.width, self.height, channels, self.rough);
        encoder.encode(&pixels, self.width, self.height, kind).unwrap();
        bytes
    }
}

/// All of the picture by zune-jpeg, and the mean over the square that each pixel of `scaled` stands for.
fn by_zune(bytes: &[u8], scaled: &Scaled, n: usize) -> Vec<f64> {
    let channels = if scaled.grey { 1 } else { 3 };
    let space = if scaled.grey { ColorSpace::Luma } else { ColorSpace::RGB };
    let options = DecoderOptions::default().jpeg_set_out_colorspace(space);
    let mut decoder = zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    let whole = decoder.decode().unwrap();
    let info = decoder.info().unwrap();
    let (width, height) = (usize::from(info.width), usize::from(info.height));
    assert_eq!(scaled.width as usize, (width * n).div_ceil(8));
    assert_eq!(scaled.height as usize, (height * n).div_ceil(8));
    // Sums over an interval with fractions at its ends.
    let span = |from: usize, size: usize| {
        let (start, end) = (from as f64 * 8.0 / n as f64, ((from + 1) as f64 * 8.0 / n as f64).min(size as f64));
        let last = (end.ceil() as usize).min(size);
        (start as usize..last).map(move |i| (i, (end.min(i as f64 + 1.0) - start.max(i as f64)) / (end - start)))
    };
    let mut means = Vec::new();
    for y in 0..scaled.height as usize {
        for x in 0..scaled.width as usize {
            for channel in 0..channels {
                let line = |(j, weight): (usize, f64)| {
                    let across =
                        span(x, width).map(|(i, w)| w * f64::from(whole[(j * width + i) * channels + channel]));
                    weight * across.sum::<f64>()
                };
                means.push(span(y, height).map(line).sum());
            }
        }
    }
    means
}

/// Mean and greatest difference.
fn difference(scaled: &Scaled, other: &[f64]) -> (f64, f64) {
    assert_eq!(scaled.data.len(), other.len());
    let differences = || scaled.data.iter().zip(other).map(|(&a, b)| (f64::from(a) - b).abs());
    (differences().sum::<f64>() / other.len() as f64, differences().fold(0.0, f64::max))
}

fn by_jpeg_decoder(bytes: &[u8], scaled: &Scaled) -> Vec<f64> {
    let mut decoder = jpeg_decoder::Decoder::new(bytes);
    let size = decoder.scale(scaled.width as u16, scaled.height as u16).unwrap();
    assert_eq!((u32::from(size.0), u32::from(size.1)), (scaled.width, scaled.height));
    decoder.decode().unwrap().into_iter().map(f64::from).collect()
}

#[test]
fn is_close_to_the_mean_of_the_whole_picture() {
    for sampling in SAMPLINGS {
        for (width, height) in [(1, 1), (7, 9), (8, 8), (17, 33), (64, 64), (130, 97), (640, 481)] {
            for n in 1..=4 {
                let sample = Sample::new(width, height, sampling);
                let bytes = sample.encode();
                let scaled = decode_scaled(&bytes, n).unwrap();
                let (mean, most) = difference(&scaled, &by_zune(&bytes, &scaled, n.into()));
                assert!(mean < 2.5 && most < 14.0, "{sampling:?} {width}x{height} {n}: {mean} {most}");
            }
        }
    }
}

#[test]
fn is_the_mean_of_a_smooth_picture() {
    for n in 1..=4 {
        let sample = Sample { quality: 100, rough: 0.0, ..Sample::new(256, 192, SamplingFactor::F_1_1) };
        let bytes = sample.encode();
        let scaled = decode_scaled(&bytes, n).unwrap();
        let (mean, most) = difference(&scaled, &by_zune(&bytes, &scaled, n.into()));
        assert!(mean < 0.8 && most <= 3.0, "{n}: {mean} {most}");
    }
}

#[test]
fn agrees_with_jpeg_decoder() {
    for (sampling, grey) in SAMPLINGS.into_iter().map(|s| (s, false)).chain([(SamplingFactor::F_1_1, true)]) {
        for n in [1, 2, 4] {
            let sample = Sample { grey, ..Sample::new(640, 480, sampling) };
            let bytes = sample.encode();
            let scaled = decode_scaled(&bytes, n).unwrap();
            let (mean, most) = difference(&scaled, &by_jpeg_decoder(&bytes, &scaled));
            // It makes fewer samples of chroma and smears them.
            let limit = if matches!(sampling, SamplingFactor::F_1_1) { 3.0 } else { 24.0 };
            assert!(mean < 3.0 && most <= limit, "{sampling:?} {n}: {mean} {most}");
        }
    }
}

#[test]
fn restarts_change_nothing() {
    for sampling in SAMPLINGS {
        let without = Sample::new(99, 77, sampling);
        for restart in [1, 2, 7, 1000] {
            let with = Sample { restart, ..Sample::new(99, 77, sampling) };
            for n in 1..=4 {
                assert_eq!(decode_scaled(&with.encode(), n), decode_scaled(&without.encode(), n));
            }
        }
    }
}

#[test]
fn one_colour_is_exact() {
    for (sampling, level) in SAMPLINGS.into_iter().zip([0_u8, 1, 129, 255]) {
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, 100);
        encoder.set_sampling_factor(sampling);
        encoder.encode(&[level; 50 * 30 * 3], 50, 30, ColorType::Rgb).unwrap();
        for n in 1..=4 {
            assert!(decode_scaled(&bytes, n).unwrap().data.iter().all(|&sample| sample == level));
        }
    }
}

#[test]
fn what_others_have_to_decode() {
    let mut progressive = Vec::new();
    let mut encoder = Encoder::new(&mut progressive, 80);
    encoder.set_progressive(true);
    encoder.encode(&paint(20, 20, 3, 0.0), 20, 20, ColorType::Rgb).unwrap();
    assert_eq!(decode_scaled(&progressive, 2), Err(Error::Unsupported("progressive coding")));

    let mut four = Vec::new();
    Encoder::new(&mut four, 80).encode(&paint(20, 20, 4, 0.0), 20, 20, ColorType::Cmyk).unwrap();
    assert!(matches!(decode_scaled(&four, 2), Err(Error::Unsupported(_))));

    let whole = Sample::new(20, 20, SamplingFactor::F_2_2).encode();
    assert!(matches!(decode_scaled(&whole, 0), Err(Error::Unsupported(_))));
    assert!(matches!(decode_scaled(&whole, 5), Err(Error::Unsupported(_))));
    assert!(matches!(decode_scaled(b"GIF89a", 2), Err(Error::Damaged(_))));
    assert_eq!(decode_scaled(&[0xFF, 0xD8], 2), Err(Error::Truncated));
}

#[test]
fn nothing_is_made_of_a_part() {
    let whole = Sample { restart: 3, ..Sample::new(61, 43, SamplingFactor::F_2_2) }.encode();
    for end in 0..whole.len() {
        assert!(decode_scaled(&whole[..end], 3).is_err(), "{end}");
    }
    // Nor of one that ends with the right marker.
    let scan = whole.windows(2).position(|w| w == [0xFF, 0xDA]).unwrap() + 14;
    for end in scan..whole.len() - 2 {
        assert!(decode_scaled(&[&whole[..end], &[0xFF, 0xD9]].concat(), 3).is_err(), "{end}");
    }
}

#[test]
fn a_large_size_takes_data() {
    let mut bytes = Sample::new(16, 16, SamplingFactor::F_2_2).encode();
    let frame = bytes.windows(2).position(|w| w == [0xFF, 0xC0]).unwrap();
    bytes[frame + 5..frame + 9].fill(0xFF);
    assert_eq!(decode_scaled(&bytes, 4), Err(Error::Truncated));
}

fn any_sample() -> impl Strategy<Value = Sample> {
    (1_u16..70, 1_u16..70, 0_usize..4, 1_u8..=100, any::<bool>(), 0_u16..4, 0.0..60.0).prop_map(
        |(width, height, sampling, quality, grey, restart, rough)| Sample {
            width,
            height,
            sampling: SAMPLINGS[sampling],
            quality,
            grey,
            restart,
            rough,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn all_samples_decode(sample in any_sample(), n in 1_u8..=4) {
        let bytes = sample.encode();
        let scaled = decode_scaled(&bytes, n).unwrap();
        let (mean, _) = difference(&scaled, &by_zune(&bytes, &scaled, n.into()));
        // A pixel at the edge may stand for a part of a square only, whose other part is anything.
        let is_whole = sample.width.min(sample.height) >= 24 && sample.rough < 20.0;
        prop_assert!(mean < if is_whole { 5.0 } else { 40.0 }, "{mean}");
    }

    #[test]
    fn any_bytes_are_no_trouble(bytes in proptest::collection::vec(any::<u8>(), 0..400), n in 0_u8..9) {
        let _ = decode_scaled(&bytes, n);
        let sample = Sample::new(40, 40, SamplingFactor::F_2_2).encode();
        let scan = sample.windows(2).position(|w| w == [0xFF, 0xDA]).unwrap() + 14;
        let _ = decode_scaled(&[&sample[..scan], &bytes].concat(), n);
    }
}

/// Without a crate: xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % limit
    }
}

#[test]
fn hostile_bytes_never_panic() {
    let samples: Vec<_> = SAMPLINGS
        .into_iter()
        .enumerate()
        .map(|(i, sampling)| {
            let restart = (i as u16 % 3) * 2;
            Sample { restart, grey: i == 1, rough: 40.0, ..Sample::new(41, 29, sampling) }.encode()
        })
        .collect();
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let start = std::time::Instant::now();
    for round in 0..20_000 {
        let mut bytes = samples[round % samples.len()].clone();
        for _ in 0..=random.below(4) {
            let at = random.below(bytes.len());
            match random.below(6) {
                0 => bytes.truncate(at + 1),
                1 => bytes[at] = 0xFF,
                2 => bytes[at] ^= 1 << random.below(8),
                3 => drop(bytes.remove(at)),
                4 => bytes.insert(at, random.below(256) as u8),
                _ => bytes[at] = random.below(256) as u8,
            }
            if bytes.is_empty() {
                bytes.push(0);
            }
        }
        // Whatever comes out.
        let _ = decode_scaled(&bytes, 1 + (round % 4) as u8);
    }
    assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
}
