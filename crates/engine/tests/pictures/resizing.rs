//! The square a model sees, against Pillow's; thumbnails; decoding at reduced scale.

use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;
use vetrina_engine::image::{Limits, Picture, decode_at_least, letterbox, thumbnail_jpeg};

use super::{assert_near, difference, difference_of, fixture, pixel, read, scene};

#[test]
fn letterbox_agrees_with_pillow() {
    for shape in ["wide", "tall", "square", "small"] {
        let picture = read(&fixture(&format!("letterbox-{shape}.png"))).expect(shape);
        let reference = read(&fixture(&format!("letterbox-{shape}-26.png"))).expect(shape);
        let ours = letterbox(&picture, 26, [250, 240, 230]);
        let (mean, most) = difference_of(&ours, reference.rgb());
        println!("letterbox {shape}: mean {mean:.4}, most {most}");
        // Pillow goes along the rows first and rounds to bytes between; for tall and square pictures going down the
        // columns first is faster, and rounds other sums: with noise like this, one value in five is one off.
        let (mean_allowed, most_allowed) = if shape == "wide" || shape == "small" { (0.02, 1) } else { (0.3, 2) };
        assert!(mean < mean_allowed && most <= most_allowed, "{shape}: mean {mean}, most {most}");
    }
}

#[test]
fn letterbox_fills_what_the_picture_leaves() {
    let picture = Picture::from_rgb(400, 100, [10, 20, 30].repeat(40_000)).expect("a picture");
    let square = Picture::from_rgb(40, 40, letterbox(&picture, 40, [255, 254, 253])).expect("a square");
    assert_eq!(pixel(&square, 20, 2), [255, 254, 253]);
    assert_eq!(pixel(&square, 20, 20), [10, 20, 30]);
    assert_eq!(pixel(&square, 20, 37), [255, 254, 253]);
    let line = Picture::from_rgb(5000, 1, vec![0; 15_000]).expect("a line");
    assert_eq!(letterbox(&line, 26, [255; 3]).len(), 26 * 26 * 3);
    assert_eq!(letterbox(&scene(1, 1), 1, [255; 3]).len(), 3);
}

#[test]
fn a_large_jpeg_at_reduced_scale_makes_nearly_the_same_square() {
    // Sizes that 8 divides, and sizes that leave every remainder: there the square's middle is a fraction of a pixel off.
    let sizes = [
        (2400, 1800),
        (2101, 1575),
        (1573, 2110),
        (2095, 2095),
        (1600, 1067),
        (1067, 1601),
        (1101, 1040),
        (4165, 1203),
    ];
    for (width, height) in sizes {
        // A picture with fine detail and hard edges: what reduced decoding could get wrong or put elsewhere.
        let mut seed = 1u32;
        let mut rgb = scene(width, height).into_rgb();
        for (i, value) in rgb.iter_mut().enumerate() {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let (x, y) = ((i / 3) % width as usize, i / 3 / width as usize);
            let checked = if (x / 100 + y / 100) % 2 == 0 { 40 } else { 0 };
            *value = value.saturating_add((seed >> 28) as u8 + checked);
        }
        let mut jpeg = Vec::new();
        JpegEncoder::new_with_quality(&mut jpeg, 90)
            .encode(&rgb, width, height, ExtendedColorType::Rgb8)
            .expect("a JPEG");
        let whole = read(&jpeg).expect("a JPEG");
        let small = decode_at_least(&jpeg, &Limits::default(), 260).expect("a JPEG");
        // Twice the square's side is kept, in eighths of the picture.
        let eighths = (2 * 260 * 8_u32).div_ceil(width.max(height));
        let shrunk = |side: u32| (side * eighths).div_ceil(8);
        assert_eq!((small.width(), small.height()), (shrunk(width), shrunk(height)));
        assert_eq!(small.original_size(), (width, height));
        let squares = [&whole, &small].map(|picture| letterbox(picture, 260, [255; 3]));
        let (mean, most) = difference_of(&squares[0], &squares[1]);
        println!("reduced {width} × {height}: mean {mean:.3}, most {most}");
        assert!(mean < 0.5, "{width} × {height}: mean {mean}, most {most}");
        let same = decode_at_least(&jpeg, &Limits::default(), 2000).expect("a JPEG");
        assert!(same == whole);
    }
}

#[test]
fn thumbnails_are_small_jpegs_of_the_same_shape() {
    let jpeg = thumbnail_jpeg(&scene(480, 320), 48, 90).expect("a JPEG");
    let small = read(&jpeg).expect("a JPEG");
    assert!(difference(&small, &scene(48, 32)).0 < 3.0);
    assert_near(pixel(&small, 0, 0), [200, 30, 40], 12, "corner");
    let not_enlarged = read(&thumbnail_jpeg(&scene(30, 20), 48, 90).expect("a JPEG")).expect("a JPEG");
    assert_eq!((not_enlarged.width(), not_enlarged.height()), (30, 20));
}
