//! Shoppers' photos of the demo catalogue's pictures, damaged: the way a search looks at them finds back to the picture.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first thing that is not as it must be"
)]

use std::path::PathBuf;

use image::codecs::jpeg::JpegEncoder;
use image::{Rgb, RgbImage, imageops};
use proptest::prelude::*;
use vetrina_engine::image::{Damage, Limits, Picture, Region, Repair, Sketch, covered, decode, repaired};
use vetrina_engine::model::{RuntimeOptions, builtin_model, features_of};
use vetrina_engine::photo::first_look;
use vetrina_engine::region::{overlap, regions};

/// Side of the pictures here, about that of the model's input.
const SIDE: u32 = 240;

/// Pictures of the demo catalogue that `make setup` fetches.
fn pictures() -> Vec<RgbImage> {
    let base = std::env::var_os("VETRINA_DEMO").map(PathBuf::from).or_else(|| {
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        Some(cache.or_else(|| Some(std::env::home_dir()?.join(".cache")))?.join("vetrina/demo"))
    });
    let folder = base.expect("a home directory").join("images");
    let references: serde_json::Value =
        serde_json::from_str(include_str!("fixtures/reference-demo.json")).expect("the fixture");
    let names = references.as_array().expect("a list").iter().map(|one| one["image"].as_str().expect("a name"));
    let read = |name: &str| {
        let bytes = std::fs::read(folder.join(name)).unwrap_or_else(|error| {
            panic!("{}: {error}; run `make setup`, which fetches it", folder.join(name).display())
        });
        let picture = decode(&bytes, &Limits::default()).unwrap();
        let (width, height) = (picture.width(), picture.height());
        let image = RgbImage::from_raw(width, height, picture.into_rgb()).unwrap();
        let longer = width.max(height);
        imageops::resize(&image, width * SIDE / longer, height * SIDE / longer, imageops::FilterType::CatmullRom)
    };
    names.take(6).map(read).collect()
}

fn picture(image: &RgbImage) -> Picture {
    Picture::from_rgb(image.width(), image.height(), image.as_raw().clone()).unwrap()
}

/// Every damage with the repair that it needs.
fn damaged(image: &RgbImage) -> Vec<(Repair, RgbImage)> {
    let mut noisy = image.clone();
    let mut random = 1_u64;
    for value in noisy.iter_mut() {
        let sum: f32 = (0..12)
            .map(|_| {
                random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                (random >> 40) as f32 / (1_u64 << 24) as f32 - 0.5
            })
            .sum();
        *value = (f32::from(*value) + 25.0 * sum).round().clamp(0.0, 255.0) as u8;
    }
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 8).encode_image(image).unwrap();
    let blocky = decode(&bytes, &Limits::default()).unwrap();
    let blocky = RgbImage::from_raw(blocky.width(), blocky.height(), blocky.into_rgb()).unwrap();
    let (width, height) = image.dimensions();
    let mut covered = image.clone();
    for (x, y) in (width / 3..width * 4 / 5).flat_map(|x| (height / 3..height * 3 / 4).map(move |y| (x, y))) {
        covered.put_pixel(x, y, Rgb([128; 3]));
    }
    vec![
        (Repair::Denoised, noisy),
        (Repair::Deblocked, blocky),
        (Repair::Sharpened, imageops::blur(image, 3.0)),
        (Repair::Uncovered, covered),
    ]
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// How many of the pictures that lie on other ones are found, with the model's maps and without.
fn found_on_others() -> [usize; 2] {
    let model = builtin_model(&RuntimeOptions::default()).unwrap_or_else(|error| panic!("{error}; {}", error.hint()));
    let pictures = pictures();
    let mut found = [0; 2];
    for number in 0..pictures.len() {
        let mut canvas = imageops::resize(&pictures[number], 640, 480, imageops::FilterType::Triangle);
        let mut boxes = Vec::new();
        for (which, left, top) in [(1, 50, 40), (2, 360, 230)] {
            let one = imageops::thumbnail(&pictures[(number + which) % pictures.len()], 200, 190);
            imageops::replace(&mut canvas, &one, left, top);
            let part = |at: i64, of: f32| at as f32 / of;
            boxes.push(Region::new(part(left, 640.0), part(top, 480.0), 200.0 / 640.0, 190.0 / 480.0).unwrap());
        }
        let canvas = picture(&canvas);
        let sketch = Sketch::of(&canvas);
        let feature = features_of(&model, &[canvas], true).unwrap().pop().unwrap();
        assert!(feature.map.as_ref().unwrap().finer().is_some(), "the built-in model has a finer map");
        for (found, map) in found.iter_mut().zip([feature.map.as_ref(), None]) {
            let seen = regions(&sketch, map);
            assert!(seen.iter().all(|region| region.confidence.is_finite()), "{seen:?}");
            let hit = |own: &&Region| seen.iter().any(|region| overlap(&region.r#box, own) >= 0.5);
            *found += boxes.iter().filter(hit).count();
        }
    }
    found
}

#[test]
fn what_lies_on_a_photo_is_found_by_the_maps_of_the_model() {
    let [with, without] = found_on_others();
    println!("of 12: {with} with maps, {without} without");
    assert!(with >= 11 && with >= without, "{with} with maps, {without} without");
}

#[test]
fn damage_is_named_and_its_feature_comes_nearer_to_the_undamaged_one() {
    let model = builtin_model(&RuntimeOptions::default()).unwrap_or_else(|error| panic!("{error}; {}", error.hint()));
    let feature = |picture: Picture| features_of(&model, &[picture], false).unwrap().pop().unwrap().pooled;
    let mut sums = std::collections::BTreeMap::<Repair, (f32, f32, usize)>::new();
    for image in pictures() {
        let clean = feature(picture(&image));
        let good = first_look(&model, &picture(&image)).unwrap();
        assert_eq!(good.repair, None, "a good picture stays as it is");
        assert_eq!(good.corrected(&model), clean);
        for (repair, damaged) in damaged(&image) {
            let look = first_look(&model, &picture(&damaged)).unwrap();
            if look.repair != Some(repair) {
                println!("{repair:?}: {:?}, {:?}", look.repair, Damage::seen_at(&picture(&damaged), 260));
                continue;
            }
            let sum = sums.entry(repair).or_default();
            sum.0 += cosine(&feature(picture(&damaged)), &clean);
            sum.1 += cosine(&look.corrected(&model), &clean);
            sum.2 += 1;
        }
    }
    for (repair, (before, after, count)) in &sums {
        let (before, after) = (before / *count as f32, after / *count as f32);
        println!("{repair:?}: {count} pictures, cosine {before:.3} → {after:.3}");
        assert!(*count >= 4, "{repair:?} was seen on {count} of 6 pictures");
        assert!(after > before, "{repair:?}: {before} → {after}");
    }
    assert_eq!(sums.len(), 4, "{sums:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_picture_of_any_size_is_too_strange(
        width in 1_u32..70,
        height in 1_u32..70,
        values in proptest::collection::vec(any::<u8>(), 1..400),
        side in 1_u32..80,
    ) {
        // From plain over striped to noise, by the number of values.
        let rgb: Vec<u8> = values.iter().copied().cycle().take((width * height * 3) as usize).collect();
        let picture = Picture::from_rgb(width, height, rgb).unwrap();
        if let Some((whole, _)) = repaired(&picture, side) {
            let longer = whole.width().max(whole.height());
            prop_assert!(longer <= side.max(1) || longer == width.max(height));
        }
        if let Some(cover) = covered(&picture) {
            prop_assert!(cover.width() > 0.0 && cover.height() > 0.0);
        }
    }
}

#[test]
fn plain_grey_needs_nothing() {
    for (width, height) in [(1, 1), (1, 500), (260, 260), (700, 3)] {
        let grey = Picture::from_rgb(width, height, vec![128; (width * height * 3) as usize]).unwrap();
        assert!(repaired(&grey, 260).is_none() && covered(&grey).is_none(), "{width} × {height}");
    }
}
