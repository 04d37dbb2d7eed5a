//! How a space is made of a catalogue: what it learns from, and the fit.

use serde::{Deserialize, Serialize};

use super::super::EngineError;
use super::gather::{Gathered, NO_LABEL};
use crate::learn::{COLOURS_WEIGH, FitError, LdaOptions, Method, PcaOptions, Rows, fit_lda, fit_pca};
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

/// How a space is made: what it learns from, and whether it sees colours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Recipe {
    pub(super) learned: Learned,
    /// Of supervised ones only.
    pub(super) colours: bool,
}

impl Recipe {
    pub(super) fn new(learned: &Learned, colours: bool) -> Self {
        Self { learned: learned.clone(), colours }
    }
}

/// Fits a head to some of the pictures.
pub(super) fn fit(
    manifest: &Manifest,
    Recipe { learned, colours }: &Recipe,
    gathered: &Gathered,
    places: &[usize],
) -> Result<Space, EngineError> {
    let head = if learned.supervised() {
        let places: Vec<usize> = places.iter().copied().filter(|&place| gathered.labels[place] != NO_LABEL).collect();
        let labels: Vec<u32> = places.iter().map(|&place| gathered.labels[place]).collect();
        let rows = chosen(&gathered.rows, &places);
        let rows = rows.as_ref().unwrap_or(&gathered.rows);
        let options = LdaOptions::default();
        if *colours {
            let colours: Option<Vec<_>> = places.iter().map(|&place| gathered.colours[place].as_ref()).collect();
            let colours = colours.ok_or(EngineError::Space(SpaceError::NoColours))?;
            let method = Method::ColourFused { labels: &labels, colours: &colours, weight: COLOURS_WEIGH, options };
            crate::learn::fit(&manifest.sha256, rows, &method)
        } else {
            fit_lda(&manifest.sha256, rows, &labels, &options)
        }
    } else {
        let rows = chosen(&gathered.rows, places);
        fit_pca(&manifest.sha256, rows.as_ref().unwrap_or(&gathered.rows), &PcaOptions::default())
    };
    Ok(Space::new(manifest, head.map_err(learn)?)?)
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
    let (values, dim) = (gathered.rows.values(), gathered.rows.dim());
    let embedded: Vec<Vec<f32>> = places
        .par_iter()
        .map(|&place| {
            let feature = values.get(place * dim..(place + 1) * dim).unwrap_or_default();
            let feature = crate::model::Feature { pooled: feature.to_vec(), map: None };
            Ok(space.embed_with(&feature, gathered.colours[place].as_ref())?.into_vector())
        })
        .collect::<Result<_, EngineError>>()?;
    let embedded = Rows::from_vectors(embedded.iter().map(Vec::as_slice));
    embedded.ok_or_else(|| EngineError::NothingLearned { reason: "embeddings of one space differ in length".into() })
}
