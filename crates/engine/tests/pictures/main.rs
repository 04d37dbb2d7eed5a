//! Pictures as strangers send them: each format, each orientation, profiles, damage and attacks.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::case_sensitive_file_extension_comparisons,
    clippy::trivially_copy_pass_by_ref,
    clippy::decimal_bitwise_operands,
    reason = "a test stops at the first thing that is not as it must be, and makes its files by hand"
)]

#[path = "colours.rs"]
mod colours;
#[path = "damage.rs"]
mod damage;
#[path = "formats.rs"]
mod formats;
#[path = "hostile.rs"]
mod hostile;
#[path = "resizing.rs"]
mod resizing;

use std::path::PathBuf;

use vetrina_engine::image::{Limits, Picture, PictureError, decode};

/// Bytes of a file of `fixtures/`.
fn fixture(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/pictures/fixtures").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every picture of `fixtures/`, by name.
fn all_fixtures() -> Vec<(String, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/pictures/fixtures");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("the fixtures")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| !matches!(path.extension().and_then(|e| e.to_str()), Some("py" | "md")))
        .map(|path| {
            let name = path.file_name().expect("a file").to_string_lossy().into_owned();
            (name, std::fs::read(path).expect("readable"))
        })
        .collect();
    files.sort();
    assert!(files.len() > 40, "fixtures are missing");
    files
}

fn read(bytes: &[u8]) -> Result<Picture, PictureError> {
    decode(bytes, &Limits::default())
}

/// The synthetic picture of most fixtures (`scene` in `make.py`): corners red, green, blue and yellow, smooth between.
fn scene(width: u32, height: u32) -> Picture {
    let corners = [[200.0, 30.0, 40.0], [30.0, 160.0, 60.0], [40.0, 60.0, 200.0], [220.0, 200.0, 40.0]];
    let mut rgb = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let (x, y) = (f64::from(x) / f64::from(width - 1), f64::from(y) / f64::from(height - 1));
            let weights = [(1.0 - x) * (1.0 - y), x * (1.0 - y), (1.0 - x) * y, x * y];
            let mix =
                |channel: usize| weights.iter().zip(corners).map(|(w, c)| w * c[channel]).sum::<f64>().round() as u8;
            rgb.extend([mix(0), mix(1), mix(2)]);
        }
    }
    Picture::from_rgb(width, height, rgb).expect("a picture")
}

/// Mean and largest difference of two pictures of the same size.
fn difference(a: &Picture, b: &Picture) -> (f64, u8) {
    assert_eq!((a.width(), a.height()), (b.width(), b.height()));
    difference_of(a.rgb(), b.rgb())
}

fn difference_of(a: &[u8], b: &[u8]) -> (f64, u8) {
    assert_eq!(a.len(), b.len());
    let differences = a.iter().zip(b).map(|(a, b)| a.abs_diff(*b));
    let mean = differences.clone().map(f64::from).sum::<f64>() / a.len() as f64;
    (mean, differences.max().unwrap_or(0))
}

fn pixel(picture: &Picture, x: u32, y: u32) -> [u8; 3] {
    let at = (y as usize * picture.width() as usize + x as usize) * 3;
    picture.rgb()[at..at + 3].try_into().expect("three")
}

fn assert_near(actual: [u8; 3], expected: [u8; 3], tolerance: u8, what: &str) {
    let near = actual.iter().zip(expected).all(|(a, e)| a.abs_diff(e) <= tolerance);
    assert!(near, "{what}: {actual:?} is not within {tolerance} of {expected:?}");
}
