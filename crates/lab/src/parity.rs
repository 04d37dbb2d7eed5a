//! Parity of the whole way from file to feature with the reference pipeline.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use vetrina_engine::model::{RuntimeOptions, builtin_manifest, builtin_model, features_of};

use crate::data;
use crate::features::decode;

/// Another resizer and decoder give at least this cosine; less means a mistake.
const FLOOR: f32 = 0.995;

#[derive(Deserialize)]
struct Reference {
    image: String,
    pooled_unit: Vec<f32>,
}

pub fn run(reference: &Path) -> Result<()> {
    let text = std::fs::read_to_string(reference).with_context(|| reference.display().to_string())?;
    let references: Vec<Reference> = serde_json::from_str(&text)?;
    ensure!(!references.is_empty(), "{} has no pictures", reference.display());
    let model =
        builtin_model(&RuntimeOptions::default()).map_err(|error| anyhow::anyhow!("{error}; {}", error.hint()))?;
    let mut lowest = f32::INFINITY;
    for reference in &references {
        let picture = decode(&data::root().join(&reference.image), builtin_manifest()?.input.size)?;
        let feature = features_of(&model, &[picture], false)?.pop().context("no feature")?;
        let pooled = feature.pooled.get(..reference.pooled_unit.len()).context("the feature is too short")?;
        let cosine = cosine(pooled, &reference.pooled_unit);
        println!("{cosine:.5}  {}", reference.image);
        lowest = lowest.min(cosine);
    }
    println!("lowest {lowest:.5} of {} pictures", references.len());
    ensure!(lowest >= FLOOR, "a cosine is below {FLOOR}");
    Ok(())
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}
