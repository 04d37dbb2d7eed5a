//! How a space is made of a catalogue: what it learns from, and the fit.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::super::EngineError;
use super::Provenance;
use super::gather::{Gathered, NO_LABEL, Origin};
use super::sample::{sample, some};
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
    /// The head is what was learned: may be better where there is much of it, and of all products.
    Alone,
    /// Directions of the default head stand beside it, but weigh less: for products that nobody has a photo of.
    LightlyAnchored,
    /// Directions of the default head stand beside it and weigh as much. Tried no more (decision 82); spaces that were kept are made so again.
    Anchored,
}

impl Guesses {
    /// Length of the default head's vectors, where that of what was learned is 1; `None` where they do not stand beside them.
    pub(super) fn anchor(self) -> Option<f32> {
        match self {
            Self::Alone => None,
            Self::LightlyAnchored => Some(LIGHT_ANCHOR),
            Self::Anchored => Some(1.0),
        }
    }
}

/// Of 0.25, 0.35, 0.5, 0.7 and 1 (decision 80).
const LIGHT_ANCHOR: f32 = 0.35;

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

    /// Whether all that the head looks at is known of a picture.
    fn can_see(&self, gathered: &Gathered, place: usize) -> bool {
        (!self.layers || !gathered.layers[place].is_empty()) && (!self.colours || gathered.colours[place].is_some())
    }
}

/// With more pictures in the catalogue photos are compared with those only that the default head finds for one of them, in each round of guesses.
pub(super) const MOST_COMPARED: usize = 20_000;
/// How many it finds for each photo.
const SHORTLISTED: usize = 10;

/// Fits a head to some of the pictures, at most `most` of them.
pub(super) fn fit(
    manifest: &Manifest,
    recipe: &Recipe,
    gathered: &Gathered,
    places: &[usize],
    most: usize,
) -> Result<Space, EngineError> {
    let fitting = Fitting { manifest, recipe, gathered, most };
    if !recipe.learned.supervised() {
        let places = some(places.to_vec(), most, 0);
        return fitting.by(&manifest.sha256, &places, &Method::Unsupervised(PcaOptions::default()));
    }
    let places: Vec<usize> = places.iter().copied().filter(|&place| gathered.labels[place] != NO_LABEL).collect();
    let labels: Vec<u32> = places.iter().map(|&place| gathered.labels[place]).collect();
    if recipe.guesses.is_some() {
        return fitting.with_guesses(&places, &labels);
    }
    fitting.to_labels(&places, &labels)
}

/// The catalogue's pictures that photos nobody labelled can be taken for, where it has more than `most`.
pub(super) fn shortlist(
    manifest: &Manifest,
    gathered: &Gathered,
    most: usize,
) -> Result<Option<Vec<usize>>, EngineError> {
    let pictures: Vec<usize> = gathered.of_catalogue().collect();
    if pictures.len() <= most {
        return Ok(None);
    }
    let space = Space::default_for(manifest)?;
    let photos: Vec<usize> = gathered.unlabelled().collect();
    let nearest =
        crate::learn::shortlist(&embed(&space, gathered, &photos)?, &embed(&space, gathered, &pictures)?, SHORTLISTED);
    Ok(Some(nearest.into_iter().map(|at| pictures[at]).collect()))
}

/// The label of what each photo nobody labelled is taken for, by its place: by a head that learned from all there is, and sees layers where `layers`
/// says so.
pub(super) fn taken_for(
    manifest: &Manifest,
    gathered: &Gathered,
    learned: &Learned,
    layers: bool,
) -> Result<HashMap<usize, u32>, EngineError> {
    let recipe = Recipe { guesses: Some(Guesses::Alone), layers, ..Recipe::new(learned) };
    let places: Vec<usize> = gathered.learnable().collect();
    let photos: Vec<usize> = gathered.unlabelled().filter(|&place| recipe.can_see(gathered, place)).collect();
    // Where there is too little to fit a head to, the default one knows as much.
    let space = match fit(manifest, &recipe, gathered, &places, usize::MAX) {
        Ok(space) => space,
        Err(EngineError::NothingLearned { .. }) => Space::default_for(manifest)?,
        Err(error) => return Err(error),
    };
    let pictures = candidates(gathered);
    let taken = crate::learn::taken_for(&embed(&space, gathered, &photos)?, &embed(&space, gathered, &pictures)?);
    let labels = taken.into_iter().map(|at| at.map_or(NO_LABEL, |at| gathered.labels[pictures[at]]));
    Ok(photos.into_iter().zip(labels).filter(|(_, label)| *label != NO_LABEL).collect())
}

/// The catalogue's pictures that photos nobody labelled can be taken for.
fn candidates(gathered: &Gathered) -> Vec<usize> {
    gathered.shortlist.as_ref().map_or_else(|| gathered.of_catalogue().collect(), Clone::clone)
}

/// One head that is being fitted.
struct Fitting<'a> {
    manifest: &'a Manifest,
    recipe: &'a Recipe,
    gathered: &'a Gathered,
    most: usize,
}

impl Fitting<'_> {
    /// Fits a head to pictures and to what the photos nobody labelled are taken for.
    fn with_guesses(&self, places: &[usize], labels: &[u32]) -> Result<Space, EngineError> {
        let (recipe, gathered) = (self.recipe, self.gathered);
        // Photos of what is left out of this part of a test are left out with it, as far as can be known: of a product that comes into the
        // catalogue tomorrow there are none today that could be taken for another.
        let taught: HashSet<u32> = labels.iter().copied().collect();
        let left_out = |place: usize| gathered.taken.get(&place).is_some_and(|label| !taught.contains(label));
        let photos = gathered.unlabelled().filter(|&place| recipe.can_see(gathered, place) && !left_out(place));
        let photos: Vec<usize> = photos.collect();
        let known: HashMap<usize, u32> = places.iter().copied().zip(labels.iter().copied()).collect();
        // All of the catalogue, those too that are left out of this part of a test: else photos of them would be taken for others.
        let pictures = candidates(gathered);
        let picture_labels: Vec<Option<u32>> = pictures.iter().map(|place| known.get(place).copied()).collect();
        let material = SelfTraining {
            pictures: &pictures,
            picture_labels: &picture_labels,
            known: places,
            known_labels: labels,
            labelled: places.iter().filter(|&&place| gathered.origins[place] == Origin::Photo).count(),
            photos: &photos,
        };
        let fit = |places: &[usize], labels: &[u32]| self.to_labels(places, labels);
        self_train(&material, Space::default_for(self.manifest)?, fit, |space, places| embed(space, gathered, places))
    }

    /// Fits a head to pictures whose labels are known.
    fn to_labels(&self, places: &[usize], labels: &[u32]) -> Result<Space, EngineError> {
        let drawn = sample(labels, self.most);
        let drawn = drawn
            .map(|drawn| -> (Vec<usize>, Vec<u32>) { drawn.into_iter().map(|at| (places[at], labels[at])).unzip() });
        let (places, labels) =
            drawn.as_ref().map_or((places, labels), |(places, labels)| (places.as_slice(), labels.as_slice()));
        let space = self.supervised(places, labels)?;
        let Some(weight) = self.recipe.guesses.and_then(Guesses::anchor) else { return Ok(space) };
        let gathered = self.gathered;
        let feature = |place| Feature { pooled: joined(&space, gathered, place).into_owned(), map: None };
        let pictures = places.iter().map(|&place| (feature(place), gathered.colours[place].as_ref()));
        Ok(space.anchored(self.manifest, &Space::default_for(self.manifest)?, weight, pictures)?)
    }

    fn supervised(&self, places: &[usize], labels: &[u32]) -> Result<Space, EngineError> {
        let (manifest, gathered) = (self.manifest, self.gathered);
        let mut options = LdaOptions::default();
        if !self.recipe.layers && !self.recipe.colours {
            return self.by(&manifest.sha256, places, &Method::Supervised { labels, options });
        }
        let (mut layers, mut colours) = (None, None);
        if self.recipe.layers {
            let rows = Rows::from_vectors(places.iter().map(|&place| gathered.layers[place].as_slice()));
            let rows = rows.filter(|rows| rows.dim() > 0);
            let missing = SpaceError::Dimension { expected: manifest.feature_len(), found: gathered.rows.dim() };
            layers = Some(rows.ok_or(EngineError::Space(missing))?);
            options = LdaOptions::with_layers(places.len());
        }
        if self.recipe.colours {
            let all: Option<Vec<_>> = places.iter().map(|&place| gathered.colours[place].as_ref()).collect();
            colours = Some(all.ok_or(EngineError::Space(SpaceError::NoColours))?);
        }
        let colours = colours.as_ref().map(|colours| (colours.as_slice(), COLOURS_WEIGH));
        let besides = Besides { layers: layers.as_ref(), colours };
        self.by(manifest.of_heads(self.recipe.layers), places, &Method::Fused { labels, besides, options })
    }

    /// Fits a head by one method.
    fn by(&self, model: &str, places: &[usize], method: &Method<'_>) -> Result<Space, EngineError> {
        let rows = chosen(&self.gathered.rows, places);
        let head = crate::learn::fit(model, rows.as_ref().unwrap_or(&self.gathered.rows), method);
        Ok(Space::new(self.manifest, head.map_err(learn)?)?)
    }
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
fn joined<'g>(space: &Space, gathered: &'g Gathered, place: usize) -> Cow<'g, [f32]> {
    let pooled = gathered.rows.row(place);
    if space.sees_layers() { [pooled, &gathered.layers[place]].concat().into() } else { pooled.into() }
}

/// Embeddings of pictures in a space, [places, dim of the space].
pub(super) fn embed(space: &Space, gathered: &Gathered, places: &[usize]) -> Result<Rows, EngineError> {
    let picture = |at: usize| (joined(space, gathered, places[at]), gathered.colours[places[at]].as_ref());
    Ok(Rows::from_values(space.dim(), space.embed_all(places.len(), picture)?))
}
