//! The whole way from a file to a feature gives what the reference pipeline gave (Pillow, ONNX Runtime in Python).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first thing that is not as it must be"
)]

use std::path::PathBuf;

use serde::Deserialize;
use vetrina_engine::image::{Limits, decode, decode_at_least};
use vetrina_engine::model::{ImageModel, RuntimeOptions, builtin_model, features_of};

#[derive(Deserialize)]
struct Reference {
    image: String,
    pooled_unit: Vec<f32>,
}

/// The folder `make setup` fetches the demo catalogue into.
fn demo_images() -> PathBuf {
    let base = std::env::var_os("VETRINA_DEMO").map(PathBuf::from).or_else(|| {
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        Some(cache.or_else(|| Some(std::env::home_dir()?.join(".cache")))?.join("vetrina/demo"))
    });
    base.expect("a home directory").join("images")
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[test]
fn demo_photographs_have_the_features_of_the_reference() {
    let references: Vec<Reference> = serde_json::from_str(include_str!("fixtures/reference-demo.json")).unwrap();
    assert!(references.len() >= 9);
    let model = builtin_model(&RuntimeOptions::default()).unwrap_or_else(|error| panic!("{error}; {}", error.hint()));
    let limits = Limits::default();
    for reference in references {
        let path = demo_images().join(&reference.image);
        let bytes = std::fs::read(&path)
            .unwrap_or_else(|error| panic!("{}: {error}; run `make setup`, which fetches it", path.display()));
        let pictures = [decode(&bytes, &limits).unwrap(), decode_at_least(&bytes, &limits, 260).unwrap()];
        let features = features_of(&model, &pictures, false).unwrap();
        // One of the photos is a fine grid: a shift by one of the model's pixels brings it to 0.993, noise of 0.3 grey levels to 0.995.
        for (feature, (way, least)) in features.iter().zip([("full", 0.995), ("reduced", 0.99)]) {
            assert_eq!(feature.pooled.len(), model.manifest().feature_len());
            let (pooled, layers) = feature.pooled.split_at(model.manifest().outputs.pooled.dim);
            let cosine = cosine(pooled, &reference.pooled_unit);
            println!("{:<60} {way:<8} {cosine:.5}", reference.image);
            assert!(cosine >= least, "{} decoded at {way} size: cosine {cosine}", reference.image);
            // Each of 13 blocks has about the length of a pooled vector's spread: 0.25 to 0.4 on photographs.
            let length = layers.iter().map(|value| value * value).sum::<f32>().sqrt();
            assert!((0.5..3.0).contains(&length), "{}: layers of length {length}", reference.image);
        }
    }
}
