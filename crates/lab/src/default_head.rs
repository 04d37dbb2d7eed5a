//! Fits the default head and writes it with its provenance.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::Serialize;
use vetrina_engine::learn::{PcaOptions, Rows, fit_pca};
use vetrina_engine::model::builtin_manifest;
use vetrina_engine::space::{Head, Space};

use crate::data;
use crate::features::Features;

/// What a reader of the head's file will want to know.
#[derive(Serialize)]
struct Provenance {
    head: String,
    space: String,
    model: String,
    model_sha256: String,
    method: String,
    dims: usize,
    exponent: f64,
    fitted_on: String,
    command: String,
    images: Vec<Images>,
    evaluation: String,
}

#[derive(Serialize)]
struct Images {
    set: String,
    images: usize,
}

pub fn run() -> Result<()> {
    let manifest = builtin_manifest()?;
    let mut features = Features::open()?;
    let (rows, images) = all_features(&mut features)?;
    let options = PcaOptions::default();
    let head = fit_pca(&manifest.sha256, &rows, &options)?;
    let space = Space::new(manifest, head.clone())?;
    let folder = Path::new("models/efficientnet-lite2");
    let bytes = head.to_bytes(&[("method".into(), "unit, centre, PCA, power whitening".into())])?;
    let provenance = Provenance {
        head: "default-head.safetensors".into(),
        space: space.id().to_string(),
        model: manifest.name.clone(),
        model_sha256: manifest.sha256.clone(),
        method: "unit length, centre, PCA, each direction divided by its variance to the exponent, unit length".into(),
        dims: head.output_dim(),
        exponent: options.exponent,
        fitted_on: chrono::Utc::now().date_naive().to_string(),
        command: "vetrina-lab fit-default-head".into(),
        images,
        evaluation: "docs/evaluation.md, column `default head`".into(),
    };
    fs::write(folder.join("default-head.safetensors"), &bytes)?;
    fs::write(folder.join("default-head.toml"), toml::to_string(&provenance)?)?;
    // What was written is what will be read.
    let read = Head::from_bytes(&bytes, "default-head.safetensors")?;
    anyhow::ensure!(read == head, "the head changed when it was saved");
    println!("space {}: {} numbers, {} bytes; build again to take it in", space.id(), head.output_dim(), bytes.len());
    Ok(())
}

/// The features of all pictures of all sets.
fn all_features(features: &mut Features) -> Result<(Rows, Vec<Images>)> {
    let groceries = data::groceries()?;
    let sets: [(&str, Vec<PathBuf>); 4] = [
        ("groceries, studio pictures", groceries.studio.into_iter().map(|picture| picture.path).collect()),
        ("groceries, photos", groceries.photos.into_iter().map(|picture| picture.path).collect()),
        ("fashion", data::fashion()?.products.into_iter().map(|product| product.image_link).collect()),
        ("clothing", data::clothing()?.photos.into_iter().map(|picture| picture.path).collect()),
    ];
    let paths: Vec<PathBuf> = sets.iter().flat_map(|(_, paths)| paths.clone()).collect();
    let images = sets.into_iter().map(|(set, paths)| Images { set: set.into(), images: paths.len() }).collect();
    Ok((features.of(&paths)?, images))
}
