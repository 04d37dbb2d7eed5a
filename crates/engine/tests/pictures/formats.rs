//! Every kind of file that is accepted, against the picture it was made from.

use std::io::Cursor;

use image::codecs::{jpeg::JpegEncoder, png::PngEncoder, tiff::TiffEncoder, webp::WebPEncoder};
use image::{ExtendedColorType, ImageEncoder};
use vetrina_engine::image::{Format, Limits, Picture, probe};

use super::{assert_near, difference, fixture, pixel, read, scene};

/// The scene in grey, by the formula Pillow uses (ITU-R 601, 16 fractional bits).
fn grey(picture: &Picture) -> Picture {
    let rgb = picture.rgb().as_chunks::<3>().0.iter().flat_map(|&[r, g, b]| {
        let sum = u32::from(r) * 19595 + u32::from(g) * 38470 + u32::from(b) * 7471 + 0x8000;
        [(sum >> 16) as u8; 3]
    });
    Picture::from_rgb(picture.width(), picture.height(), rgb.collect()).expect("same size")
}

#[test]
fn every_kind_of_file_shows_the_picture_it_was_made_from() {
    let plain = scene(48, 32);
    let grey = grey(&plain);
    // File, its format, the picture, mean and largest difference a lossy coding may make.
    let cases: [(&str, Format, &Picture, f64, u8); 28] = [
        ("baseline-444.jpg", Format::Jpeg, &plain, 1.5, 8),
        ("baseline-422.jpg", Format::Jpeg, &plain, 2.0, 12),
        ("baseline-420.jpg", Format::Jpeg, &plain, 2.5, 16),
        ("progressive.jpg", Format::Jpeg, &plain, 2.5, 16),
        ("restart.jpg", Format::Jpeg, &plain, 2.5, 16),
        ("rgb-adobe.jpg", Format::Jpeg, &plain, 1.5, 8),
        ("cmyk.jpg", Format::Jpeg, &plain, 1.5, 8),
        ("grey.jpg", Format::Jpeg, &grey, 1.0, 4),
        ("grey-progressive.jpg", Format::Jpeg, &grey, 1.0, 4),
        ("lossless.webp", Format::WebP, &plain, 0.0, 0),
        ("lossy.webp", Format::WebP, &plain, 4.0, 24),
        ("animated.webp", Format::WebP, &plain, 0.0, 0),
        ("palette.gif", Format::Gif, &plain, 12.0, 60),
        ("animated.gif", Format::Gif, &plain, 12.0, 60),
        ("palette.bmp", Format::Bmp, &plain, 12.0, 60),
        ("plain.bmp", Format::Bmp, &plain, 0.0, 0),
        ("plain.tif", Format::Tiff, &plain, 0.0, 0),
        ("lzw.tif", Format::Tiff, &plain, 0.0, 0),
        ("deflate.tif", Format::Tiff, &plain, 0.0, 0),
        ("packbits.tif", Format::Tiff, &plain, 0.0, 0),
        ("planar.tif", Format::Tiff, &plain, 0.0, 0),
        ("jpeg.tif", Format::Tiff, &plain, 2.5, 16),
        ("jpeg-ycbcr.tif", Format::Tiff, &plain, 2.5, 16),
        ("cmyk.tif", Format::Tiff, &plain, 0.6, 1),
        ("palette.tif", Format::Tiff, &plain, 12.0, 60),
        ("grey-16.tif", Format::Tiff, &grey, 0.0, 0),
        ("grey-16.png", Format::Png, &grey, 0.0, 0),
        ("grey-alpha.png", Format::Png, &grey, 0.0, 0),
    ];
    for (name, format, expected, mean, most) in cases {
        let bytes = fixture(name);
        let picture = read(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(picture.format(), format, "{name}");
        assert_eq!(picture.notes(), [], "{name}");
        let found = difference(&picture, expected);
        assert!(found.0 <= mean && found.1 <= most, "{name}: differs by {found:?}");
        let header = probe(&bytes, &Limits::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((header.format, header.width, header.height), (format, 48, 32), "{name}");
    }
}

#[test]
fn one_bit_pictures_agree_across_formats() {
    let png = read(&fixture("one-bit.png")).expect("PNG");
    assert!(png.rgb().iter().all(|&value| value == 0 || value == 255));
    assert!(png.rgb().contains(&0) && png.rgb().contains(&255));
    assert_eq!(png.rgb(), read(&fixture("one-bit.bmp")).expect("BMP").rgb());
    assert_eq!(png.rgb(), read(&fixture("fax4.tif")).expect("TIFF").rgb());
}

#[test]
fn alpha_lies_over_white() {
    let plain = scene(48, 32);
    for (name, tolerance) in [("lossless-alpha.webp", 1), ("lossy-alpha.webp", 24), ("alpha.tif", 1)] {
        let picture = read(&fixture(name)).expect(name);
        // The mask is black (see-through) at the top and white (opaque) at the bottom.
        assert_near(pixel(&picture, 24, 0), [255, 255, 255], 8, name);
        assert_near(pixel(&picture, 24, 31), pixel(&plain, 24, 31), tolerance.max(8), name);
        let middle = pixel(&plain, 24, 16).map(|value| ((u16::from(value) + 255) / 2) as u8);
        assert_near(pixel(&picture, 24, 16), middle, tolerance.max(8), name);
    }
    for name in ["transparent.gif", "palette-transparent.png"] {
        let picture = read(&fixture(name)).expect(name);
        assert_eq!(pixel(&picture, 3, 3), [255, 255, 255], "{name}");
        assert_ne!(pixel(&picture, 40, 20), [255, 255, 255], "{name}");
    }
}

#[test]
fn sixteen_bits_and_grey_with_alpha_are_rounded_not_cut() {
    let mut png = Vec::new();
    // 0x80C0 is 128.25 in 8 bits after rounding by 257; 0xFFFF is 255; half alpha over white.
    let samples: Vec<u8> = [0x80C0u16, 0xFFFF, 0x0000, 0x8000].iter().flat_map(|v| v.to_ne_bytes()).collect();
    PngEncoder::new(&mut png).write_image(&samples, 2, 1, ExtendedColorType::La16).expect("a PNG");
    let picture = read(&png).expect("a picture");
    assert_eq!(pixel(&picture, 0, 0), [128; 3]);
    assert_near(pixel(&picture, 1, 0), [127; 3], 1, "black at half alpha over white");

    let rgb16: Vec<u16> = scene(20, 10).rgb().iter().map(|&v| u16::from(v) * 257).collect();
    let bytes: Vec<u8> = rgb16.iter().flat_map(|v| v.to_ne_bytes()).collect();
    let mut png = Vec::new();
    PngEncoder::new(&mut png).write_image(&bytes, 20, 10, ExtendedColorType::Rgb16).expect("a PNG");
    assert_eq!(difference(&read(&png).expect("a picture"), &scene(20, 10)).1, 0);
    let mut tiff = Cursor::new(Vec::new());
    TiffEncoder::new(&mut tiff).write_image(&bytes, 20, 10, ExtendedColorType::Rgb16).expect("a TIFF");
    assert_eq!(difference(&read(&tiff.into_inner()).expect("a picture"), &scene(20, 10)).1, 0);
}

/// EXIF with nothing but an orientation, little or big endian.
pub fn exif(orientation: u8, big: bool) -> Vec<u8> {
    let two = |value: u16| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let four = |value: u32| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let mut bytes = if big { b"MM".to_vec() } else { b"II".to_vec() };
    bytes.extend(two(42));
    bytes.extend(four(8));
    bytes.extend(two(1));
    bytes.extend(two(0x0112));
    bytes.extend(two(3));
    bytes.extend(four(1));
    bytes.extend(two(orientation.into()));
    bytes.extend([0; 6]);
    bytes
}

/// The stored pixels of a picture that looks like `upright` once turned by `orientation`: the inverse table, spelt out
/// pixel by pixel and not by the code under test.
fn stored(upright: &Picture, orientation: u8) -> Picture {
    let (w, h) = (upright.width(), upright.height());
    let (sw, sh) = if orientation < 5 { (w, h) } else { (h, w) };
    let mut rgb = Vec::new();
    for y in 0..sh {
        for x in 0..sw {
            // EXIF 2.3: where row 0 and column 0 of the stored picture are when it is seen upright.
            let (ux, uy) = match orientation {
                2 => (w - 1 - x, y),
                3 => (w - 1 - x, h - 1 - y),
                4 => (x, h - 1 - y),
                5 => (y, x),
                6 => (w - 1 - y, x),
                7 => (w - 1 - y, h - 1 - x),
                8 => (y, h - 1 - x),
                _ => (x, y),
            };
            rgb.extend(pixel(upright, ux, uy));
        }
    }
    Picture::from_rgb(sw, sh, rgb).expect("the same pixels")
}

#[test]
fn all_orientations_of_all_formats_come_out_upright() {
    let upright = scene(48, 32);
    for orientation in 1..=8 {
        for big in [false, true] {
            let stored = stored(&upright, orientation);
            let (width, height, rgb) = (stored.width(), stored.height(), stored.rgb());
            let mut jpeg = Vec::new();
            let mut encoder = JpegEncoder::new_with_quality(&mut jpeg, 98);
            encoder.set_exif_metadata(exif(orientation, big)).expect("EXIF");
            encoder.write_image(rgb, width, height, ExtendedColorType::Rgb8).expect("a JPEG");
            let mut png = Vec::new();
            let mut encoder = PngEncoder::new(&mut png);
            encoder.set_exif_metadata(exif(orientation, big)).expect("EXIF");
            encoder.write_image(rgb, width, height, ExtendedColorType::Rgb8).expect("a PNG");
            let mut webp = Vec::new();
            let mut encoder = WebPEncoder::new_lossless(&mut webp);
            encoder.set_exif_metadata(exif(orientation, big)).expect("EXIF");
            encoder.write_image(rgb, width, height, ExtendedColorType::Rgb8).expect("a WebP");
            for (bytes, most) in [(jpeg, 12), (png, 0), (webp, 0)] {
                let picture = read(&bytes).expect("a picture");
                let format = picture.format();
                assert_eq!(picture.original_size(), (48, 32), "{format} {orientation}");
                assert!(difference(&picture, &upright).1 <= most, "{format} {orientation}");
                let header = probe(&bytes, &Limits::default()).expect("a header");
                assert_eq!((header.width, header.height), (48, 32), "{format} {orientation}");
            }
        }
    }
}

#[test]
fn orientation_in_pillows_files_is_followed_too() {
    for name in ["turned.png", "turned.webp", "turned.tif"] {
        let picture = read(&fixture(name)).expect(name);
        assert_eq!((picture.width(), picture.height()), (32, 48), "{name}");
        // Turned by 90° clockwise, the bottom left corner (blue) comes to the top left.
        assert_near(pixel(&picture, 0, 0), [40, 60, 200], 2, name);
        assert_near(pixel(&picture, 31, 0), [200, 30, 40], 2, name);
    }
}

#[test]
fn exif_after_the_pixels_of_a_png_counts() {
    let mut png = Vec::new();
    PngEncoder::new(&mut png).write_image(scene(48, 32).rgb(), 48, 32, ExtendedColorType::Rgb8).expect("a PNG");
    let end = png.len() - 12;
    let mut chunk = b"eXIf".to_vec();
    chunk.extend(exif(6, true));
    let mut with = png[..end].to_vec();
    with.extend((chunk.len() as u32 - 4).to_be_bytes());
    with.extend(&chunk);
    with.extend(crc32(&chunk).to_be_bytes());
    with.extend(&png[end..]);
    let picture = read(&with).expect("a picture");
    assert_eq!((picture.width(), picture.height()), (32, 48));
}

/// The checksum of PNG chunks, bit by bit.
pub fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc: u32, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 })
    })
}
