//! Small files that ask for very much: refused by their headers, in no time and without the memory.

use std::time::{Duration, Instant};

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use vetrina_engine::image::{Limits, Picture, PictureError, decode, probe};

use super::formats::crc32;
use super::{fixture, read};

/// Decodes and requires that it is quick: a refusal from the header takes microseconds.
fn quickly(bytes: &[u8], limits: &Limits) -> Result<Picture, PictureError> {
    let start = Instant::now();
    let result = decode(bytes, limits);
    let took = start.elapsed();
    assert!(took < Duration::from_secs(2), "took {took:?}");
    result
}

fn png_chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let body = [kind.as_slice(), data].concat();
    [(data.len() as u32).to_be_bytes().as_slice(), &body, &crc32(&body).to_be_bytes()].concat()
}

/// A PNG whose header says `width` × `height`, 8-bit RGBA, with almost no data.
fn png_of(width: u32, height: u32) -> Vec<u8> {
    let header = [width.to_be_bytes().as_slice(), &height.to_be_bytes(), &[8, 6, 0, 0, 0]].concat();
    let signature = b"\x89PNG\r\n\x1a\n".to_vec();
    // An empty zlib stream.
    [signature, png_chunk(b"IHDR", &header), png_chunk(b"IDAT", b"\x78\x9c\x03\0\0\0\0\x01"), png_chunk(b"IEND", b"")]
        .concat()
}

fn gif_of(width: u16, height: u16, frame: (u16, u16)) -> Vec<u8> {
    let mut gif = b"GIF89a".to_vec();
    gif.extend(width.to_le_bytes());
    gif.extend(height.to_le_bytes());
    gif.extend([0x80, 0, 0, 0, 0, 0, 255, 255, 255, 0x2C, 0, 0, 0, 0]);
    gif.extend(frame.0.to_le_bytes());
    gif.extend(frame.1.to_le_bytes());
    gif.extend([0, 2, 2, 0x44, 0x01, 0, 0x3B]);
    gif
}

/// A TIFF directory with this size and one strip.
fn tiff_of(width: u32, height: u32) -> Vec<u8> {
    let entries: [(u16, u16, u32); 9] = [
        (256, 4, width),
        (257, 4, height),
        (258, 3, 8),
        (259, 3, 1),
        (262, 3, 1),
        (273, 4, 8),
        (277, 3, 1),
        (278, 4, height),
        (279, 4, 100),
    ];
    let mut tiff = b"II*\0\x08\0\0\0".to_vec();
    tiff.extend((entries.len() as u16).to_le_bytes());
    for (tag, kind, value) in entries {
        tiff.extend(tag.to_le_bytes());
        tiff.extend(kind.to_le_bytes());
        tiff.extend(1u32.to_le_bytes());
        tiff.extend(value.to_le_bytes());
    }
    tiff.extend([0; 4]);
    tiff
}

fn webp_canvas(width: u32, height: u32) -> Vec<u8> {
    let mut chunk = b"VP8X\x0a\0\0\0\0\0\0\0".to_vec();
    chunk.extend(&(width - 1).to_le_bytes()[..3]);
    chunk.extend(&(height - 1).to_le_bytes()[..3]);
    chunk.extend(b"VP8L\x05\0\0\0\x2f\0\0\0\0\0");
    [b"RIFF".as_slice(), &(chunk.len() as u32 + 4).to_le_bytes(), b"WEBP", &chunk].concat()
}

/// The fixture with another size in its frame header.
fn jpeg_of(name: &str, width: u16, height: u16) -> Vec<u8> {
    let mut jpeg = fixture(name);
    let at = jpeg.windows(2).position(|w| w == [0xFF, 0xC0] || w == [0xFF, 0xC2]).expect("a frame header");
    jpeg[at + 5..at + 7].copy_from_slice(&height.to_be_bytes());
    jpeg[at + 7..at + 9].copy_from_slice(&width.to_be_bytes());
    jpeg
}

#[test]
fn absurd_sizes_are_refused_from_the_header() {
    let limits = Limits::default();
    let side = 20_000;
    for (bytes, width, height) in [
        (png_of(30_000, 30_000), 30_000, 30_000),
        (png_of(u32::MAX >> 1, 1), u32::MAX >> 1, 1),
        (gif_of(65_535, 65_535, (1, 1)), 65_535, 65_535),
        (tiff_of(100_000, 100_000), 100_000, 100_000),
        (tiff_of(u32::MAX, u32::MAX), u32::MAX, u32::MAX),
        (webp_canvas(1 << 24, 200), 1 << 24, 200),
        (jpeg_of("baseline-420.jpg", 65_535, 65_535), 65_535, 65_535),
        (jpeg_of("progressive.jpg", 65_500, 65_500), 65_500, 65_500),
    ] {
        let expected = PictureError::SideTooLong { width, height, limit: side };
        assert_eq!(quickly(&bytes, &limits), Err(expected.clone()));
        assert_eq!(probe(&bytes, &limits), Err(expected));
    }
    for (bytes, width, height) in [
        (png_of(20_000, 20_000), 20_000, 20_000),
        (gif_of(20_000, 5_001, (1, 1)), 20_000, 5_001),
        (tiff_of(10_001, 10_000), 10_001, 10_000),
        (webp_canvas(16_000, 16_000), 16_000, 16_000),
        (jpeg_of("baseline-420.jpg", 20_000, 20_000), 20_000, 20_000),
    ] {
        let expected = PictureError::TooManyPixels { width, height, limit: limits.pixels };
        assert_eq!(quickly(&bytes, &limits), Err(expected));
    }
}

#[test]
fn a_webp_frame_larger_than_its_canvas_is_refused_before_it_is_decoded() {
    let mut webp = webp_canvas(16, 16);
    let at = webp.len() - 4;
    // 14 bits of width less one, 14 of height less one: 16,383 × 16,383.
    webp[at..].copy_from_slice(&(16_382u32 | 16_382 << 14).to_le_bytes());
    let error = quickly(&webp, &Limits::default()).expect_err("a frame of 268 megapixels");
    assert_eq!(error.code(), "too-many-pixels");
}

#[test]
fn a_huge_jpeg_inside_a_small_tiff_is_refused_before_it_is_decoded() {
    let mut tiff = fixture("jpeg.tif");
    let at = tiff.windows(4).position(|w| w == [0xFF, 0xC0, 0, 17]).expect("a frame header");
    tiff[at + 5..at + 9].copy_from_slice(&[0x3E, 0x80, 0x3E, 0x80]);
    let expected = PictureError::TooManyPixels { width: 16_000, height: 16_000, limit: 100_000_000 };
    assert_eq!(quickly(&tiff, &Limits::default()), Err(expected));
}

#[test]
fn memory_is_reckoned_before_it_is_taken() {
    let limits = Limits { decode_bytes: 1 << 20, ..Limits::default() };
    for bytes in [
        png_of(1_000, 1_000),
        gif_of(1_000, 1_000, (1_000, 1_000)),
        // A small canvas with a huge frame.
        gif_of(10, 10, (60_000, 60_000)),
        tiff_of(1_000, 1_000),
        webp_canvas(1_000, 1_000),
        jpeg_of("baseline-420.jpg", 1_000, 1_000),
        jpeg_of("progressive.jpg", 600, 600),
        jpeg_of("cmyk.jpg", 600, 600),
    ] {
        let error = quickly(&bytes, &limits).expect_err("more than 1 MiB");
        let PictureError::NeedsTooMuchMemory { needs, limit } = error else { panic!("{error}") };
        assert!(needs > limit && limit == 1 << 20);
    }
}

#[test]
fn long_files_are_refused_by_their_length() {
    let limits = Limits { file_bytes: 100, ..Limits::default() };
    let bytes = fixture("plain.bmp");
    let expected = PictureError::TooManyBytes { bytes: bytes.len() as u64, limit: 100 };
    assert_eq!(decode(&bytes, &limits), Err(expected.clone()));
    assert_eq!(probe(&bytes, &limits), Err(expected));
}

#[test]
fn a_decompression_bomb_within_the_limits_stays_within_them() {
    // 9,000 × 9,000 zeros in a hundredth of their size: 81 megapixels, allowed, and bounded by that.
    let mut png = Vec::new();
    PngEncoder::new(&mut png).write_image(&vec![0; 81_000_000], 9_000, 9_000, ExtendedColorType::L8).expect("a PNG");
    assert!(png.len() < 810_000, "{} bytes", png.len());
    let limits = Limits { pixels: 80_000_000, ..Limits::default() };
    assert_eq!(quickly(&png, &limits).expect_err("too many").code(), "too-many-pixels");
    let picture = read(&png).expect("within the default limits");
    assert_eq!(picture.rgb().len(), 243_000_000);
}

#[test]
fn a_profile_bomb_costs_no_more_than_the_limit() {
    // An iCCP chunk of 16 MiB of zeros, deflated to a few KB by stored-then-repeated blocks of the encoder.
    let mut png = Vec::new();
    let mut encoder = PngEncoder::new(&mut png);
    encoder.set_icc_profile(vec![0; 16 << 20]).expect("iCCP");
    encoder.write_image(&[9; 12], 2, 2, ExtendedColorType::Rgb8).expect("a PNG");
    let limits = Limits { decode_bytes: 1 << 20, ..Limits::default() };
    match quickly(&png, &limits) {
        Ok(picture) => assert_eq!(picture.rgb(), [9; 12]),
        Err(error) => assert_eq!(error.code(), "needs-too-much-memory"),
    }
}

#[test]
fn a_jpeg_of_very_many_scans_is_refused() {
    let jpeg = fixture("progressive.jpg");
    // The last scan, up to the end marker, again and again.
    let scan = jpeg.windows(2).rposition(|w| w == [0xFF, 0xDA]).expect("a scan");
    let body = &jpeg[scan..jpeg.len() - 2];
    let mut many = jpeg[..scan].to_vec();
    for _ in 0..100_000 {
        many.extend(body);
    }
    many.extend([0xFF, 0xD9]);
    let error = quickly(&many, &Limits::default()).expect_err("very many scans");
    assert!(matches!(&error, PictureError::Damaged { reason, .. } if reason.contains("scans")), "{error}");
}
