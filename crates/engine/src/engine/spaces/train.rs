//! Training: a space made of what the catalogue has, compared with the one in use, and kept. Nothing changes for shoppers
//! until it is promoted.

use std::sync::Arc;
use std::time::Instant;

use chrono::Utc;
use serde::{Deserialize, Serialize};

use super::super::catalogue::Catalogue;
use super::super::{CatalogueName, Engine, EngineError};
use super::assess::{Assessment, SEED, TaskReport, Way};
use super::choice::{FusedReport, Sight, Unlabelled, UnlabelledReport, choose};
use super::drift::Moments;
use super::gate::{self, Gate};
use super::gather::{Gathered, MOST_COLOURED, MOST_LAYERED};
use super::recipe::{self, Learned, MOST_COMPARED, Recipe};
use super::words::{WithWords, WordsReport};
use super::{KeptSpace, Provenance};
use crate::learn::FitError;
use crate::model::builtin_manifest;
use crate::space::{Space, SpaceId};

/// With more labels layers before the last one are not tried: what has to be diagonalised is as large as there are labels.
const MOST_LAYERED_LABELS: usize = 2_000;
/// Fewer photos of which nobody said what they show teach nothing worth a comparison.
const ENOUGH_UNLABELLED: usize = 50;
/// Fewer products with a second picture, and damaged copies have to ask.
const ENOUGH_TO_ASK: usize = 10;

/// What to train.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrainRequest {
    /// On which catalogue.
    pub catalogue: CatalogueName,
    /// What is learned from.
    #[serde(flatten)]
    pub learned: Learned,
    /// Whether the space is promoted when the gate lets it through.
    #[serde(default)]
    pub promote: bool,
    /// Whether words are brought into it.
    #[serde(default)]
    pub words: WithWords,
}

impl TrainRequest {
    /// A training from the pictures alone, not promoted, without words.
    #[must_use]
    pub fn new(catalogue: CatalogueName) -> Self {
        Self { catalogue, learned: Learned::default(), promote: false, words: WithWords::No }
    }
}

/// How a training went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainReport {
    /// What was learned from, in words.
    pub learned: String,
    /// Products of the catalogue that were looked at.
    pub products: usize,
    /// Different pictures of them.
    pub pictures: usize,
    /// Different labels.
    pub labels: usize,
    /// Confirmed and rejected pairs.
    pub pairs: usize,
    /// The space it was compared with.
    pub against: SpaceId,
    /// Cross-validation on this catalogue, task by task.
    pub tasks: Vec<TaskReport>,
    /// Whether it may be promoted.
    pub gate: Gate,
    /// What somebody should know of the data.
    pub notes: Vec<String>,
    /// Whether the head sees layers before the model's last one beside the pooled vector, and why; absent where there was nothing to
    /// choose: without labels, with many, and where some pictures were kept by a version that did not tell of them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub layers: Option<FusedReport>,
    /// The same of colours. What made it better by most was chosen first, and the other against a head that sees it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub colours: Option<FusedReport>,
    /// Whether photos of which nobody said what they show were learned from, and why; absent where there are too few of them, or the
    /// labels are not products.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub unlabelled: Option<UnlabelledReport>,
    /// How well words find pictures in it, where they were brought into it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub words: Option<WordsReport>,
    /// Seconds it took.
    pub seconds: f64,
}

/// A space that was trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trained {
    /// Its id.
    pub space: SpaceId,
    /// How it went.
    pub report: TrainReport,
}

/// What a training does at the moment, and how far it is: done, of how many.
pub(in crate::engine) type Step<'a> = &'a dyn Fn(&str, u64, u64) -> bool;

impl Engine {
    /// Trains a space. `step` is told what is done and how far it is; when it says no, nothing is kept and the answer is
    /// `None`.
    ///
    /// # Errors
    /// [`EngineError::NothingLearned`] when the catalogue has too little to learn from, with the reason; errors of the store.
    pub(in crate::engine) fn train_space(
        &self,
        request: &TrainRequest,
        step: Step<'_>,
    ) -> Result<Option<Trained>, EngineError> {
        let began = Instant::now();
        let open = self.catalogue(&request.catalogue)?;
        self.refuse_the_tiny(&open)?;
        let Some(gathered) = self.material(&open, request, step)? else { return Ok(None) };
        if !step("fitting", 0, 1) {
            return Ok(None);
        }
        // First, because it says what is missing where there is too little to learn from.
        let places: Vec<usize> = gathered.learnable().collect();
        let mut way = Recipe::new(&request.learned);
        let mut space = recipe::fit(builtin_manifest()?, &way, &gathered, &places, usize::MAX)?;
        let against = open.snapshot().space.id();
        let mut notes = notes(&gathered);
        let mut may = |allowed: Result<(), Option<String>>| allowed.map_err(|note| notes.extend(note)).is_ok();
        let may_layers = may(may_see_layers(&request.learned, &gathered));
        let may_colours = may(may_see_colours(&request.learned, &gathered));
        let current = self.current(&open, &gathered)?;
        let mut assessment = Assessment::new(builtin_manifest()?, &gathered, &request.learned);
        let compared = |done: usize, of: usize| step("comparing", done as u64, of as u64);
        if !assessment.ask(&[current.clone(), Way::Made(way.clone())], &compared)? {
            return Ok(None);
        }
        let sights = [may_layers.then_some(Sight::Layers), may_colours.then_some(Sight::Colours)];
        let sights = sights.into_iter().flatten().collect();
        let Some(chosen) = choose(&mut assessment, way, sights, &compared)? else { return Ok(None) };
        way = chosen.way;
        let mut unlabelled = None;
        if gathered.unlabelled().count() >= ENOUGH_UNLABELLED {
            let trying = |done: usize, of: usize| step("trying photos without a label", done as u64, of as u64);
            let unlabelled_photos = Unlabelled { gathered: &gathered, current: &current, without: &way, may_layers };
            let Some(tried) = unlabelled_photos.best(&mut assessment, &trying)? else { return Ok(None) };
            if tried.report.compared.fused {
                way = tried.way;
            }
            unlabelled = Some(tried.report);
        }
        let tasks = assessment.between(&current, &Way::Made(way.clone()));
        if way != Recipe::new(&request.learned) {
            if !step("fitting with all it sees", 0, 1) {
                return Ok(None);
            }
            space = recipe::fit(builtin_manifest()?, &way, &gathered, &places, usize::MAX)?;
        }
        let mut report = TrainReport {
            learned: request.learned.words(),
            products: gathered.product_count,
            pictures: gathered.learnable().count(),
            labels: gathered.label_count,
            pairs: gathered.pairs,
            against,
            gate: gate::judge(&tasks),
            tasks,
            notes,
            layers: chosen.layers,
            colours: chosen.colours,
            unlabelled,
            words: None,
            seconds: began.elapsed().as_secs_f64(),
        };
        if request.words == WithWords::Also {
            match self.train_words(&open, &space, step) {
                Ok(Some(words)) => report.words = Some(words),
                Ok(None) => return Ok(None),
                // A space is worth having without words.
                Err(EngineError::NothingLearned { reason }) => report.notes.push(format!("no words: {reason}")),
                Err(error) => return Err(error),
            }
            report.seconds = began.elapsed().as_secs_f64();
        }
        self.keep(&open, &space, (request, &way), &gathered, &report)?;
        Ok(Some(Trained { space: space.id(), report }))
    }

    /// Brings words into the active space. `None` when `step` says no.
    ///
    /// # Errors
    /// [`EngineError::NothingLearned`] when the titles or pictures have too little to learn from, with the reason; errors of the
    /// store and the disk.
    pub(in crate::engine) fn train_only_words(
        &self,
        catalogue: &CatalogueName,
        step: Step<'_>,
    ) -> Result<Option<(SpaceId, WordsReport)>, EngineError> {
        let open = self.catalogue(catalogue)?;
        self.refuse_the_tiny(&open)?;
        let space = Arc::clone(&open.snapshot().space);
        Ok(self.train_words(&open, &space, step)?.map(|report| (space.id(), report)))
    }

    /// Refuses what is no catalogue yet.
    fn refuse_the_tiny(&self, open: &Catalogue) -> Result<(), EngineError> {
        let (products, pictures) = self.store.sizes(open.key)?;
        let nothing = |reason: String| Err(EngineError::NothingLearned { reason });
        if products < 2 {
            let reason = format!("the catalogue has {products} products; at least two are needed");
            return nothing(reason);
        }
        if pictures < 2 {
            return nothing("all products show the same picture, or none has one".to_owned());
        }
        Ok(())
    }

    /// Reads what there is to learn from. `None` when `step` says no.
    pub(super) fn material(
        &self,
        open: &Catalogue,
        request: &TrainRequest,
        step: Step<'_>,
    ) -> Result<Option<Gathered>, EngineError> {
        let learned = &request.learned;
        let products = self.store.count(open.key)?;
        let pairs = if learned.confirmed { self.pairs(open.key)? } else { Vec::new() };
        let read = |done| step("reading", done, products);
        let Some(mut gathered) = self.gather(open, learned, &pairs, &read)? else { return Ok(None) };
        refuse_the_hopeless(learned, &gathered)?;
        if !learned.of_products() && asking(&gathered) < ENOUGH_TO_ASK {
            self.add_copies(&mut gathered, &|| step("damaging copies", 0, 1))?;
        }
        if gathered.unlabelled().count() >= ENOUGH_UNLABELLED {
            if !step("looking photos up", 0, 1) {
                return Ok(None);
            }
            gathered.shortlist = recipe::shortlist(builtin_manifest()?, &gathered, MOST_COMPARED)?;
            let layers = may_see_layers(learned, &gathered).is_ok();
            gathered.taken = recipe::taken_for(builtin_manifest()?, &gathered, learned, layers)?;
        }
        Ok(Some(gathered))
    }

    /// The active space as something to compare with.
    pub(super) fn current(&self, open: &Catalogue, gathered: &Gathered) -> Result<Way, EngineError> {
        let space = Arc::clone(&open.snapshot().space);
        let Some(kept) = self.kept_space(open.key, space.id())? else { return Ok(Way::Fixed(space)) };
        let made = Recipe::of(&kept.provenance);
        let missing = |sees: bool, what: &str, missing: usize| match missing {
            missing if sees && missing > 0 => {
                let reason = format!(
                    "the space in use sees {what}, and those of {missing} pictures are not known; let the server look at them"
                );
                Err(EngineError::NothingLearned { reason })
            }
            _ => Ok(()),
        };
        missing(made.layers, "layers", gathered.without_layers())?;
        missing(made.colours, "colours", gathered.without_colours())?;
        Ok(Way::Made(made))
    }

    /// Keeps a space: the head first, then the row that names it.
    fn keep(
        &self,
        open: &Catalogue,
        space: &Space,
        (request, way): (&TrainRequest, &Recipe),
        gathered: &Gathered,
        report: &TrainReport,
    ) -> Result<(), EngineError> {
        let manifest = builtin_manifest()?;
        let provenance = Provenance {
            method: request.learned.method().to_owned(),
            learned: request.learned.clone(),
            layers: space.sees_layers(),
            colours: space.sees_colours(),
            guesses: way.guesses,
            model: manifest.name.clone(),
            model_sha256: manifest.sha256.clone(),
            pictures: report.pictures,
            products: report.products,
            labels: report.labels,
            pairs: report.pairs,
            revision: gathered.revision,
            last_product: gathered.last_product,
            seed: SEED,
            vetrina: env!("CARGO_PKG_VERSION").to_owned(),
            trained_at: Utc::now(),
        };
        let text = serde_json::to_string(&provenance).unwrap_or_default();
        self.space_files.save(open.key, space, &[("provenance".to_owned(), text)])?;
        Moments::of(gathered).save(&open.folders.spaces.join(space.id().to_string()))?;
        let kept = KeptSpace {
            id: space.id().to_string(),
            created_at: provenance.trained_at,
            provenance,
            report: report.clone(),
        };
        self.store.put_space(open.key, &kept)?;
        self.prune_spaces(open)
    }
}

/// Refuses what cannot teach anything, with the reason, before an hour is spent on it.
fn refuse_the_hopeless(learned: &Learned, gathered: &Gathered) -> Result<(), EngineError> {
    let nothing = |reason: String| Err(EngineError::NothingLearned { reason });
    let pictures = gathered.learnable().count();
    if pictures < 2 {
        return nothing(format!("there are {pictures} different pictures; at least two are needed"));
    }
    if learned.confirmed && gathered.pairs == 0 {
        return nothing(
            "nobody has confirmed or rejected a match with a photo yet: label some pairs on the page /label".to_owned(),
        );
    }
    if let Some(name) = learned.labels.as_deref()
        && gathered.label_count == 0
    {
        return nothing(format!("no product has a value of `{name}`; name a field that products have"));
    }
    if learned.supervised() && gathered.contradictory > 0 && gathered.labels.iter().all(|label| *label == u32::MAX) {
        return nothing("the labels contradict each other: the same pictures have different labels".to_owned());
    }
    Ok(())
}

/// Products that can be asked for with a second picture.
fn asking(gathered: &Gathered) -> usize {
    let mut counts = vec![0_u32; gathered.products.len()];
    for place in gathered.learnable() {
        counts[gathered.owners[place] as usize] += 1;
    }
    counts.into_iter().filter(|count| *count > 1).count()
}

/// Whether a head may see layers before the last one; else what is in the way, if that is worth a note.
fn may_see_layers(learned: &Learned, gathered: &Gathered) -> Result<(), Option<String>> {
    if !learned.supervised() {
        return Err(None);
    }
    let (pictures, labels) = (gathered.rows.len(), gathered.shared_labels());
    if !gathered.layered || labels > MOST_LAYERED_LABELS {
        let note = format!(
            "the model's inner layers were not looked at: they are up to {MOST_LAYERED} pictures and {MOST_LAYERED_LABELS} labels of more \
             than one picture, and there are {pictures} and {labels}"
        );
        return Err(Some(note));
    }
    match gathered.without_layers() {
        0 => Ok(()),
        missing => Err(Some(format!(
            "the model's inner layers were not looked at: those of {missing} of {pictures} pictures are not kept; a running server looks at \
             them while it is idle"
        ))),
    }
}

/// Whether a head may see colours; else what is in the way, if that is worth a note.
fn may_see_colours(learned: &Learned, gathered: &Gathered) -> Result<(), Option<String>> {
    if !learned.supervised() {
        return Err(None);
    }
    if gathered.rows.len() as u64 > MOST_COLOURED {
        let note = format!(
            "colours were not looked at: they are up to {MOST_COLOURED} pictures, and there are {}",
            gathered.rows.len()
        );
        return Err(Some(note));
    }
    match gathered.without_colours() {
        0 => Ok(()),
        missing => Err(Some(format!(
            "colours were not looked at: those of {missing} of {} pictures are not kept; a running server looks at them while it is idle",
            gathered.rows.len()
        ))),
    }
}

fn notes(gathered: &Gathered) -> Vec<String> {
    let mut notes = Vec::new();
    if gathered.sampled {
        notes.push(format!("learned from a sample of {} products", gathered.product_count));
    }
    if gathered.contradictory > 0 {
        notes.push(format!(
            "{} times a picture was left out because products with different labels show it",
            gathered.contradictory
        ));
    }
    notes
}

impl From<FitError> for EngineError {
    fn from(error: FitError) -> Self {
        Self::NothingLearned { reason: error.to_string() }
    }
}
