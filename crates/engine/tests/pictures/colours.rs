//! Colour profiles and four-colour pictures against values computed elsewhere.

use image::codecs::{jpeg::JpegEncoder, png::PngEncoder, webp::WebPEncoder};
use image::{ExtendedColorType, ImageEncoder};
use moxcms::ColorProfile;
use vetrina_engine::image::{Note, Picture};

use super::{assert_near, fixture, pixel, read};

/// Four fields of 16 × 16 side by side.
fn fields(colours: &[[u8; 3]; 4]) -> Vec<u8> {
    (0..16).flat_map(|_| colours.iter().flat_map(|c| c.repeat(16))).collect()
}

fn field(picture: &Picture, index: u32) -> [u8; 3] {
    pixel(picture, 16 * index + 8, 8)
}

const COLOURS: [[u8; 3]; 4] = [[200, 100, 50], [60, 120, 180], [128, 128, 128], [90, 140, 70]];
/// `COLOURS` read as Display P3 and as Adobe RGB (1998), in sRGB: primaries, white and transfer functions of the
/// standards, computed in double precision with NumPy.
const FROM_P3: [[u8; 3]; 4] = [[215, 93, 31], [30, 122, 185], [128, 128, 128], [73, 142, 60]];
const FROM_ADOBE: [[u8; 3]; 4] = [[227, 100, 42], [0, 121, 184], [129, 129, 129], [53, 141, 63]];

#[test]
fn profiles_of_wider_gamut_become_srgb() {
    for (profile, expected) in [(ColorProfile::new_display_p3(), FROM_P3), (ColorProfile::new_adobe_rgb(), FROM_ADOBE)]
    {
        let icc = profile.encode().expect("a profile");
        let rgb = fields(&COLOURS);
        let mut png = Vec::new();
        let mut encoder = PngEncoder::new(&mut png);
        encoder.set_icc_profile(icc.clone()).expect("iCCP");
        encoder.write_image(&rgb, 64, 16, ExtendedColorType::Rgb8).expect("a PNG");
        let mut webp = Vec::new();
        let mut encoder = WebPEncoder::new_lossless(&mut webp);
        encoder.set_icc_profile(icc.clone()).expect("ICCP");
        encoder.write_image(&rgb, 64, 16, ExtendedColorType::Rgb8).expect("a WebP");
        let mut jpeg = Vec::new();
        let mut encoder = JpegEncoder::new_with_quality(&mut jpeg, 100);
        encoder.set_icc_profile(icc).expect("APP2");
        encoder.write_image(&rgb, 64, 16, ExtendedColorType::Rgb8).expect("a JPEG");
        for (bytes, tolerance) in [(png, 2), (webp, 2), (jpeg, 4)] {
            let picture = read(&bytes).expect("a picture");
            assert_eq!(picture.notes(), []);
            for (i, colour) in expected.iter().enumerate() {
                assert_near(field(&picture, i as u32), *colour, tolerance, &format!("{} {i}", picture.format()));
            }
        }
    }
}

#[test]
fn alpha_is_blended_after_the_profile() {
    let rgba: Vec<u8> = fields(&COLOURS).as_chunks::<3>().0.iter().flat_map(|&[r, g, b]| [r, g, b, 128]).collect();
    let mut png = Vec::new();
    let mut encoder = PngEncoder::new(&mut png);
    encoder.set_icc_profile(ColorProfile::new_display_p3().encode().expect("a profile")).expect("iCCP");
    encoder.write_image(&rgba, 64, 16, ExtendedColorType::Rgba8).expect("a PNG");
    let picture = read(&png).expect("a picture");
    for (i, colour) in FROM_P3.iter().enumerate() {
        let expected = colour.map(|v| ((u32::from(v) * 128 + 255 * 127) / 255) as u8);
        assert_near(field(&picture, i as u32), expected, 2, "half alpha");
    }
}

#[test]
fn the_profile_of_srgb_itself_changes_nothing() {
    let rgb: Vec<u8> = (0..=255u8).flat_map(|v| [v, 255 - v, v ^ 0x55]).collect();
    let mut png = Vec::new();
    let mut encoder = PngEncoder::new(&mut png);
    encoder.set_icc_profile(ColorProfile::new_srgb().encode().expect("a profile")).expect("iCCP");
    encoder.write_image(&rgb, 256, 1, ExtendedColorType::Rgb8).expect("a PNG");
    assert_eq!(read(&png).expect("a picture").rgb(), rgb);
}

#[test]
fn grey_profiles_work_on_grey_pictures() {
    let mut png = Vec::new();
    let mut encoder = PngEncoder::new(&mut png);
    encoder.set_icc_profile(ColorProfile::new_gray_with_gamma(1.8).encode().expect("a profile")).expect("iCCP");
    encoder.write_image(&[0, 50, 128, 200, 255], 5, 1, ExtendedColorType::L8).expect("a PNG");
    let picture = read(&png).expect("a picture");
    assert_eq!(picture.notes(), []);
    // value^1.8 through sRGB's transfer function.
    for (x, grey) in [0, 65, 146, 210, 255].into_iter().enumerate() {
        assert_near(pixel(&picture, x as u32, 0), [grey; 3], 2, "gamma 1.8");
    }
}

#[test]
fn four_colours_by_their_profile() {
    // The table of the profile (`cmyk_profile` in fixtures/make.py) interpolated in double precision, then Lab to sRGB.
    // LittleCMS comes within 13 of it, for it interpolates a table of its own.
    let expected = [[255, 255, 255], [0, 150, 200], [193, 102, 96], [197, 167, 60]];
    for name in ["cmyk-profile.jpg", "cmyk-profile.tif"] {
        let picture = read(&fixture(name)).expect(name);
        assert_eq!(picture.notes(), [], "{name}");
        for (i, colour) in expected.iter().enumerate() {
            assert_near(field(&picture, i as u32), *colour, 2, &format!("{name} {i}"));
        }
    }
}

#[test]
fn ycck_is_turned_into_ink_first() {
    // Y 120, Cb 90, Cr 160, K 204: Pillow reads (72, 116, 162).
    assert_near(pixel(&read(&fixture("ycck.jpg")).expect("YCCK"), 8, 8), [72, 116, 162], 2, "YCCK");
}

#[test]
fn a_broken_or_wrong_profile_is_left_out_with_a_note() {
    let good = ColorProfile::new_display_p3().encode().expect("a profile");
    let grey = ColorProfile::new_gray_with_gamma(2.2).encode().expect("a profile");
    let mut scrambled = good.clone();
    scrambled[128..].iter_mut().for_each(|byte| *byte ^= 0xA5);
    for icc in [b"not a profile".to_vec(), good[..200].to_vec(), scrambled, vec![0; 500], grey] {
        let rgb = fields(&COLOURS);
        let mut png = Vec::new();
        let mut encoder = PngEncoder::new(&mut png);
        encoder.set_icc_profile(icc.clone()).expect("iCCP");
        encoder.write_image(&rgb, 64, 16, ExtendedColorType::Rgb8).expect("a PNG");
        let picture = read(&png).expect("a broken profile is no error");
        assert_eq!(picture.rgb(), rgb);
        assert!(matches!(picture.notes(), [Note::ColourProfileIgnored { .. }]), "{:?}", picture.notes());
        let mut jpeg = Vec::new();
        let mut encoder = JpegEncoder::new_with_quality(&mut jpeg, 100);
        encoder.set_icc_profile(icc).expect("APP2");
        encoder.write_image(&rgb, 64, 16, ExtendedColorType::Rgb8).expect("a JPEG");
        let picture = read(&jpeg).expect("a broken profile is no error");
        assert!(matches!(picture.notes(), [Note::ColourProfileIgnored { .. }]), "{:?}", picture.notes());
    }
}
