//! The tasks of QUALITY.md. Each gives figures for spaces that are handed to it, and for what it learns itself.

pub mod asking;
pub mod clothing;
pub mod fashion;
pub mod groceries;
pub mod robust;

use anyhow::{Context as _, Result};
use rayon::prelude::*;
use vetrina_engine::image::ColourDescriptor;
use vetrina_engine::learn::{Besides, COLOURS_WEIGH, LdaOptions, Method, Ranking, Rows, fit};
use vetrina_engine::model::{Feature, builtin_manifest};
use vetrina_engine::space::{Head, Space};

pub use asking::{Asking, Shown};

/// The columns of heads that see more than the pooled vector.
pub const LAYERS: &str = "layers fused";
pub const COLOURS: &str = "colour-fused head";
pub const BOTH: &str = "layers and colours fused";

/// One measured figure.
#[derive(Debug, Clone)]
pub struct Figure {
    pub task: &'static str,
    /// Which head or method.
    pub column: &'static str,
    pub measure: &'static str,
    /// In per cent, but median ranks.
    pub value: f64,
}

/// The two spaces that need no labels.
pub fn given_spaces() -> Result<[(&'static str, Space); 2]> {
    let manifest = builtin_manifest()?;
    let raw = Space::new(manifest, Head::identity(manifest.outputs.pooled.dim))?;
    Ok([("raw", raw), ("default head", Space::default_for(manifest)?)])
}

/// The embeddings of features.
pub fn embed(space: &Space, features: &Rows) -> Result<Rows> {
    let rows: Vec<&[f32]> = features.iter().collect();
    let embeddings = rows
        .par_iter()
        .map(|row| space.embed(&Feature { pooled: row.to_vec(), map: None }))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Rows::from_embeddings(&embeddings).unwrap_or_default())
}

/// The embeddings of features and the colours of their pictures.
pub fn embed_with_colours(space: &Space, features: &Rows, colours: &[ColourDescriptor]) -> Result<Rows> {
    anyhow::ensure!(features.len() == colours.len(), "{} features, {} colours", features.len(), colours.len());
    let rows: Vec<(&[f32], &ColourDescriptor)> = features.iter().zip(colours).collect();
    let embeddings = rows
        .par_iter()
        .map(|(row, colours)| space.embed_with(&Feature { pooled: row.to_vec(), map: None }, Some(colours)))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Rows::from_embeddings(&embeddings).unwrap_or_default())
}

/// A supervised head that sees more than the pooled vector.
pub fn fused_space(known: &Rows, labels: &[u32], layers: bool, colours: Option<&[&ColourDescriptor]>) -> Result<Space> {
    let manifest = builtin_manifest()?;
    let (pooled, told) = known.split_at(manifest.outputs.pooled.dim).context("features are too short")?;
    let besides = Besides { layers: layers.then_some(&told), colours: colours.map(|colours| (colours, COLOURS_WEIGH)) };
    let options = if layers { LdaOptions::with_layers(known.len()) } else { LdaOptions::default() };
    let head = fit(manifest.of_heads(layers), &pooled, &Method::Fused { labels, besides, options })?;
    Ok(Space::new(manifest, head)?)
}

/// Share of rankings whose first right answer is within `places`, in per cent.
pub fn recall(rankings: &[Ranking], places: usize) -> f64 {
    let found = rankings.iter().filter(|ranking| ranking.first.is_some_and(|first| first < places)).count();
    100.0 * found as f64 / rankings.len().max(1) as f64
}

/// Mean average precision in per cent.
pub fn mean_average_precision(rankings: &[Ranking]) -> f64 {
    100.0 * rankings.iter().map(|ranking| f64::from(ranking.average_precision)).sum::<f64>()
        / rankings.len().max(1) as f64
}

/// R@1, R@5 and mAP of a task.
pub fn figures(task: &'static str, column: &'static str, rankings: &[Ranking]) -> Vec<Figure> {
    let figure = |measure, value| Figure { task, column, measure, value };
    vec![
        figure("R@1", recall(rankings, 1)),
        figure("R@5", recall(rankings, 5)),
        figure("mAP", mean_average_precision(rankings)),
    ]
}

/// Places where `wanted` holds.
pub fn places(count: usize, wanted: impl Fn(usize) -> bool) -> Vec<usize> {
    (0..count).filter(|&place| wanted(place)).collect()
}

/// The values at these places.
pub fn at<T: Copy>(values: &[T], places: &[usize]) -> Vec<T> {
    places.iter().filter_map(|&place| values.get(place)).copied().collect()
}
