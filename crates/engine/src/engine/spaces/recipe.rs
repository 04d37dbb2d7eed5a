//! How a space is made of a catalogue: what it learns from, and the fit.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::super::EngineError;
use super::Provenance;
use super::gather::{Gathered, NO_LABEL, Origin};
use crate::learn::{Besides, COLOURS_WEIGH, FitError, LdaOptions, Method, PcaOptions, Rows, SelfTraining, self_train};
use crate::model::{Feature, Manifest};
use crate::space::{Space, SpaceError};

/// What a space is learned from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Learned {
    /// `product`, `group`, `category`, `brand`, or the name of an attribute; `None` learns without labels, from the
    /// pictures alone, unless `confirmed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<String>,
    /// Whether photos that people confirmed or rejected are learned from.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub confirmed: bool,
}

impl Learned {
    /// In words.
    #[must_use]
    pub fn words(&self) -> String {
        match (&self.labels, self.confirmed) {
            (None, false) => "the pictures alone".to_owned(),
            (None, true) => "confirmed matches".to_owned(),
            (Some(labels), false) => format!("labels: {labels}"),
            (Some(labels), true) => format!("labels: {labels}, confirmed matches"),
        }
    }

    /// Whether it needs labels.
    #[must_use]
    pub fn supervised(&self) -> bool {
        self.labels.is_some() || self.confirmed
    }

    /// Whether each product is a label of its own.
    pub(super) fn of_products(&self) -> bool {
        matches!(self.labels.as_deref(), None | Some("product")) && self.supervised()
    }

    /// Name of the method, as it is kept.
    pub(super) fn method(&self) -> &'static str {
        if self.supervised() { "lda" } else { "pca" }
    }
}

/// How a space is made: what it learns from, and what its head sees beside the pooled vector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Recipe {
    pub(super) learned: Learned,
    /// Layers before the last one; of supervised ones only.
    pub(super) layers: bool,
    /// Of supervised ones only.
    pub(super) colours: bool,
    /// Whether photos of which nobody said what they show are learned from, by what they are taken for; only where each product is a label.
    pub(super) guesses: Option<Guesses>,
}

/// How photos of which nobody said what they show are learned from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guesses {
    /// The head is what was learned: better where there is much of it.
    Alone,
    /// Directions of the default head stand beside it: better where there is little.
    Anchored,
}

impl Recipe {
    pub(super) fn new(learned: &Learned) -> Self {
        Self { learned: learned.clone(), layers: false, colours: false, guesses: None }
    }

    /// How a space was made that was kept.
    pub(super) fn of(provenance: &Provenance) -> Self {
        Self {
            learned: provenance.learned.clone(),
            layers: provenance.layers,
            colours: provenance.colours,
            guesses: provenance.guesses,
        }
    }
}

/// Fits a head to some of the pictures.
pub(super) fn fit(
    manifest: &Manifest,
    recipe: &Recipe,
    gathered: &Gathered,
    places: &[usize],
) -> Result<Space, EngineError> {
    if !recipe.learned.supervised() {
        return fit_by(manifest, &manifest.sha256, gathered, places, &Method::Unsupervised(PcaOptions::default()));
    }
    let places: Vec<usize> = places.iter().copied().filter(|&place| gathered.labels[place] != NO_LABEL).collect();
    let labels: Vec<u32> = places.iter().map(|&place| gathered.labels[place]).collect();
    if recipe.guesses.is_some() {
        return self_trained(manifest, recipe, gathered, (&places, &labels));
    }
    fit_to_labels(manifest, recipe, gathered, (&places, &labels))
}

/// Fits a head to pictures and to what the photos nobody labelled are taken for.
fn self_trained(
    manifest: &Manifest,
    recipe: &Recipe,
    gathered: &Gathered,
    (places, labels): (&[usize], &[u32]),
) -> Result<Space, EngineError> {
    let seen = |&place: &usize| {
        (!recipe.layers || !gathered.layers[place].is_empty()) && (!recipe.colours || gathered.colours[place].is_some())
    };
    let photos: Vec<usize> = gathered.unlabelled().filter(seen).collect();
    let known: HashMap<usize, u32> = places.iter().copied().zip(labels.iter().copied()).collect();
    // All of the catalogue, those too that are left out of this part of a test: else photos of them would be taken for others.
    let pictures: Vec<usize> =
        gathered.learnable().filter(|&place| gathered.origins[place] == Origin::Catalogue).collect();
    let picture_labels: Vec<Option<u32>> = pictures.iter().map(|place| known.get(place).copied()).collect();
    let material = SelfTraining {
        pictures: &pictures,
        picture_labels: &picture_labels,
        known: places,
        known_labels: labels,
        photos: &photos,
    };
    let fit = |places: &[usize], labels: &[u32]| fit_to_labels(manifest, recipe, gathered, (places, labels));
    self_train(&material, Space::default_for(manifest)?, fit, |space, places| embed(space, gathered, places))
}

/// Fits a head by one method.
fn fit_by(
    manifest: &Manifest,
    model: &str,
    gathered: &Gathered,
    places: &[usize],
    method: &Method<'_>,
) -> Result<Space, EngineError> {
    let rows = chosen(&gathered.rows, places);
    let head = crate::learn::fit(model, rows.as_ref().unwrap_or(&gathered.rows), method);
    Ok(Space::new(manifest, head.map_err(learn)?)?)
}

/// Fits a head to pictures whose labels are known.
fn fit_to_labels(
    manifest: &Manifest,
    recipe: &Recipe,
    gathered: &Gathered,
    (places, labels): (&[usize], &[u32]),
) -> Result<Space, EngineError> {
    let space = supervised(manifest, recipe, gathered, (places, labels))?;
    if recipe.guesses != Some(Guesses::Anchored) {
        return Ok(space);
    }
    let pictures = places.iter().map(|&place| (joined(&space, gathered, place), gathered.colours[place].as_ref()));
    Ok(space.anchored(manifest, &Space::default_for(manifest)?, pictures)?)
}

fn supervised(
    manifest: &Manifest,
    recipe: &Recipe,
    gathered: &Gathered,
    (places, labels): (&[usize], &[u32]),
) -> Result<Space, EngineError> {
    let of = |model: &str, method: &Method<'_>| fit_by(manifest, model, gathered, places, method);
    let mut options = LdaOptions::default();
    if !recipe.layers && !recipe.colours {
        return of(&manifest.sha256, &Method::Supervised { labels, options });
    }
    let (mut layers, mut colours) = (None, None);
    if recipe.layers {
        let rows = Rows::from_vectors(places.iter().map(|&place| gathered.layers[place].as_slice()));
        let rows = rows.filter(|rows| rows.dim() > 0);
        let missing = SpaceError::Dimension { expected: manifest.feature_len(), found: gathered.rows.dim() };
        layers = Some(rows.ok_or(EngineError::Space(missing))?);
        options = LdaOptions::with_layers(places.len());
    }
    if recipe.colours {
        let all: Option<Vec<_>> = places.iter().map(|&place| gathered.colours[place].as_ref()).collect();
        colours = Some(all.ok_or(EngineError::Space(SpaceError::NoColours))?);
    }
    let colours = colours.as_ref().map(|colours| (colours.as_slice(), COLOURS_WEIGH));
    let besides = Besides { layers: layers.as_ref(), colours };
    of(manifest.of_heads(recipe.layers), &Method::Fused { labels, besides, options })
}

/// A copy of these rows; none when they are all there are, in their order, which spares the memory.
fn chosen(rows: &Rows, places: &[usize]) -> Option<Rows> {
    (!places.iter().copied().eq(0..rows.len())).then(|| rows.select(places.iter().copied()))
}

/// Why nothing was learned, as an error of the engine.
pub(super) fn learn(error: FitError) -> EngineError {
    EngineError::NothingLearned { reason: error.to_string() }
}

/// What a space looks at of a picture, but for colours.
fn joined(space: &Space, gathered: &Gathered, place: usize) -> Feature {
    let mut pooled = gathered.rows.row(place).to_vec();
    if space.sees_layers() {
        pooled.extend_from_slice(&gathered.layers[place]);
    }
    Feature { pooled, map: None }
}

/// Embeddings of pictures in a space, [places, dim of the space].
pub(super) fn embed(space: &Space, gathered: &Gathered, places: &[usize]) -> Result<Rows, EngineError> {
    use rayon::prelude::*;
    let embedded: Vec<Vec<f32>> = places
        .par_iter()
        .map(|&place| {
            let feature = joined(space, gathered, place);
            Ok(space.embed_with(&feature, gathered.colours[place].as_ref())?.into_vector())
        })
        .collect::<Result<_, EngineError>>()?;
    let embedded = Rows::from_vectors(embedded.iter().map(Vec::as_slice));
    embedded.ok_or_else(|| EngineError::NothingLearned { reason: "embeddings of one space differ in length".into() })
}
