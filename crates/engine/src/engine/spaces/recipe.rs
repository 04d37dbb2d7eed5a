//! How a space is made of a catalogue: what it learns from, and the fit.

use serde::{Deserialize, Serialize};

use super::super::EngineError;
use super::Provenance;
use super::gather::{Gathered, NO_LABEL};
use crate::learn::{Besides, COLOURS_WEIGH, FitError, LdaOptions, Method, PcaOptions, Rows};
use crate::model::Manifest;
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
}

impl Recipe {
    pub(super) fn new(learned: &Learned) -> Self {
        Self { learned: learned.clone(), layers: false, colours: false }
    }

    /// How a space was made that was kept.
    pub(super) fn of(provenance: &Provenance) -> Self {
        Self { learned: provenance.learned.clone(), layers: provenance.layers, colours: provenance.colours }
    }
}

/// Fits a head to some of the pictures.
pub(super) fn fit(
    manifest: &Manifest,
    recipe: &Recipe,
    gathered: &Gathered,
    places: &[usize],
) -> Result<Space, EngineError> {
    let of = |model: &str, places: &[usize], method: &Method<'_>| {
        let rows = chosen(&gathered.rows, places);
        let head = crate::learn::fit(model, rows.as_ref().unwrap_or(&gathered.rows), method);
        Ok(Space::new(manifest, head.map_err(learn)?)?)
    };
    if !recipe.learned.supervised() {
        return of(&manifest.sha256, places, &Method::Unsupervised(PcaOptions::default()));
    }
    let places: Vec<usize> = places.iter().copied().filter(|&place| gathered.labels[place] != NO_LABEL).collect();
    let labels: Vec<u32> = places.iter().map(|&place| gathered.labels[place]).collect();
    let (labels, mut options) = (labels.as_slice(), LdaOptions::default());
    if !recipe.layers && !recipe.colours {
        return of(&manifest.sha256, &places, &Method::Supervised { labels, options });
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
    of(manifest.of_heads(recipe.layers), &places, &Method::Fused { labels, besides, options })
}

/// A copy of these rows; none when they are all there are, which spares the memory.
fn chosen(rows: &Rows, places: &[usize]) -> Option<Rows> {
    (places.len() != rows.len()).then(|| rows.select(places.iter().copied()))
}

/// Why nothing was learned, as an error of the engine.
pub(super) fn learn(error: FitError) -> EngineError {
    EngineError::NothingLearned { reason: error.to_string() }
}

/// Embeddings of pictures in a space, [places, dim of the space].
pub(super) fn embed(space: &Space, gathered: &Gathered, places: &[usize]) -> Result<Rows, EngineError> {
    use rayon::prelude::*;
    let embedded: Vec<Vec<f32>> = places
        .par_iter()
        .map(|&place| {
            let mut pooled = gathered.rows.row(place).to_vec();
            if space.sees_layers() {
                pooled.extend_from_slice(&gathered.layers[place]);
            }
            let feature = crate::model::Feature { pooled, map: None };
            Ok(space.embed_with(&feature, gathered.colours[place].as_ref())?.into_vector())
        })
        .collect::<Result<_, EngineError>>()?;
    let embedded = Rows::from_vectors(embedded.iter().map(Vec::as_slice));
    embedded.ok_or_else(|| EngineError::NothingLearned { reason: "embeddings of one space differ in length".into() })
}
