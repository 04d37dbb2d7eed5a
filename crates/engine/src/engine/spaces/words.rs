//! Words brought into a space: the map from titles to pictures, fitted, tried on titles that were left out, and kept.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::super::catalogue::Catalogue;
use super::super::snapshot::WORDS;
use super::super::space_files::write_durably;
use super::super::{Engine, EngineError};
use super::assess::SEED;
use super::sample::in_sample;
use super::train::Step;
use crate::learn::{Interval, Random, Rows, WordsOptions, bootstrap, fit_words};
use crate::model::Feature;
use crate::space::{Space, WordHead, WordView};

/// One family of products of so many is left out to ask with.
const LEFT_OUT: u64 = 5;
/// Most titles that ask.
const MOST_QUERIES: usize = 500;
/// Most pictures that are searched.
const MOST_GALLERY: usize = 5_000;
/// Most products that are learned from while it is tried.
const MOST_TRAINING: usize = 20_000;
/// Fewer questions say nothing.
const LEAST_QUERIES: usize = 10;
/// Most products that are learned from.
const MOST_PRODUCTS: usize = 100_000;
/// Products that are read at once.
const PAGE: usize = 512;

/// Whether a training brings words into the space.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WithWords {
    /// It makes a space, and leaves words alone.
    #[default]
    No,
    /// It makes a space, and brings words into it.
    Also,
    /// It brings words into the active space, which stays.
    Only,
}

/// How well words find pictures: titles that were left out ask for the very product among the pictures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WordsReport {
    /// Products with a picture that were learned from.
    pub products: usize,
    /// Words and word pairs it knows.
    pub vocabulary: usize,
    /// Titles that asked.
    pub queries: usize,
    /// Pictures that were searched.
    pub pictures: usize,
    /// Share of titles whose product is the first.
    pub recall_at_1: f64,
    /// Share of titles whose product is among the first ten, with its 95 % interval; absent when too few could ask.
    pub recall_at_10: Option<Interval>,
    /// What chance would give: ten of all pictures.
    pub chance: f64,
    /// Median place of the product, from 1; 0 when none was asked for.
    pub median_rank: usize,
    /// Whether it is good enough to be used: the whole interval is above twice what chance gives.
    pub used: bool,
}

/// A product as words and picture.
struct Titled {
    title: String,
    /// A number that products of one variant group share, so that a title never asks for what its twin taught.
    family: u64,
    /// In the space.
    vector: Vec<f32>,
}

impl Engine {
    /// Brings words into a space and keeps the map in the space's folder. In the active space it is used from now on, else
    /// from the moment the space is promoted; not at all when it finds no more than chance would: what was kept before stays then.
    /// `None` when `step` says no.
    ///
    /// # Errors
    /// [`EngineError::NothingLearned`] with the reason; errors of the store and the disk.
    pub(super) fn train_words(
        &self,
        open: &Catalogue,
        space: &Space,
        step: Step<'_>,
    ) -> Result<Option<WordsReport>, EngineError> {
        let Some(products) = self.titled(open, space, step)? else { return Ok(None) };
        if !step("trying words", 0, 2) {
            return Ok(None);
        }
        let mut report = tried(space, &products)?;
        if !step("fitting words", 1, 2) {
            return Ok(None);
        }
        let all: Vec<&Titled> = products.iter().collect();
        let head = fit(space, &all)?;
        report.vocabulary = head.vocabulary();
        if report.used {
            let notes = [("titles".to_owned(), products.len().to_string())];
            let folder = open.folders.spaces.join(space.id().to_string());
            write_durably(&folder, WORDS, &head.to_bytes(&notes)?)?;
            let head = Arc::new(head);
            for snapshot in open.snapshots().into_iter().filter(|snapshot| snapshot.space.id() == space.id()) {
                snapshot.use_word_head(Arc::clone(&head));
            }
        }
        Ok(Some(report))
    }

    /// Titles and first pictures of a catalogue, or of a sample of it.
    fn titled(&self, open: &Catalogue, space: &Space, step: Step<'_>) -> Result<Option<Vec<Titled>>, EngineError> {
        let count = self.store.count(open.key)?;
        let share = MOST_PRODUCTS as f64 / count.max(1) as f64;
        let (mut after, mut read, mut products) = (0, 0, Vec::new());
        loop {
            let page = self.store.page_of_products(open.key, after, PAGE)?;
            let Some(last) = page.last() else { return Ok(Some(products)) };
            after = last.key;
            read += page.len() as u64;
            for stored in page {
                let hash = stored.product.image_hashes().into_iter().next();
                let (Some(hash), true) = (hash, in_sample(stored.key, share)) else { continue };
                let Some(pooled) = self.features(&[hash], space.sees_layers())?.pop().flatten() else { continue };
                let colours = self.colours().seen_by(space, &self.store, &[hash])?.pop().flatten();
                if space.misses(&pooled, colours.as_ref()) {
                    continue;
                }
                let vector = space.embed_with(&Feature { pooled, map: None }, colours.as_ref())?.into_vector();
                let family = stored.product.group.as_deref().unwrap_or(&stored.product.id);
                let family =
                    blake3::hash(family.as_bytes()).as_bytes().first_chunk().map_or(0, |of| u64::from_le_bytes(*of));
                products.push(Titled { title: stored.product.title, family, vector });
            }
            if !step("reading titles", read, count) {
                return Ok(None);
            }
        }
    }
}

fn fit(space: &Space, products: &[&Titled]) -> Result<WordHead, EngineError> {
    let titles: Vec<&str> = products.iter().map(|product| product.title.as_str()).collect();
    let targets = Rows::from_vectors(products.iter().map(|product| product.vector.as_slice())).unwrap_or_default();
    Ok(fit_words(space.id(), &titles, &targets, &WordsOptions::default())?)
}

/// Fits to some of the products and asks with the titles of the others.
fn tried(space: &Space, products: &[Titled]) -> Result<WordsReport, EngineError> {
    let mut report = WordsReport {
        products: products.len(),
        vocabulary: 0,
        queries: 0,
        pictures: 0,
        recall_at_1: 0.0,
        recall_at_10: None,
        chance: 1.0,
        median_rank: 0,
        used: false,
    };
    let (mut asking, mut training): (Vec<&Titled>, Vec<&Titled>) =
        products.iter().partition(|product| product.family % LEFT_OUT == 0);
    let mut random = Random::new(SEED);
    random.shuffle(&mut asking);
    random.shuffle(&mut training);
    let gallery: Vec<&Titled> = asking.iter().chain(&training).take(MOST_GALLERY).copied().collect();
    training.truncate(MOST_TRAINING);
    // Too little to try with part of it; whether there is enough at all is said by the fit to everything.
    let Ok(head) = fit(space, &training) else { return Ok(report) };
    let views: Vec<Option<WordView>> = gallery.iter().map(|product| head.view(&product.vector)).collect();
    // Products with one title are one answer.
    let mut of_title: HashMap<&str, Vec<usize>> = HashMap::new();
    for (place, product) in gallery.iter().enumerate() {
        of_title.entry(&product.title).or_default().push(place);
    }
    let mut ranks = Vec::new();
    for product in asking.iter().take(MOST_QUERIES) {
        let (Some(own), Some(query)) = (of_title.get(product.title.as_str()), head.query(&product.title)?) else {
            continue;
        };
        let likeness: Vec<f32> =
            views.iter().map(|view| view.as_ref().map_or(f32::MIN, |view| query.likeness(view))).collect();
        let best = own.iter().map(|place| likeness[*place]).fold(f32::MIN, f32::max);
        // Those that look the same come first: what shows one picture for everything proves nothing.
        ranks.push(
            1 + likeness.iter().enumerate().filter(|(place, value)| **value >= best && !own.contains(place)).count(),
        );
    }
    if ranks.len() < LEAST_QUERIES {
        return Ok(report);
    }
    let within =
        |places: usize| -> Vec<f64> { ranks.iter().map(|rank| f64::from(u8::from(*rank <= places))).collect() };
    report.queries = ranks.len();
    report.pictures = gallery.len();
    report.chance = (10.0 / gallery.len() as f64).min(1.0);
    report.recall_at_1 = within(1).iter().sum::<f64>() / ranks.len() as f64;
    report.recall_at_10 = bootstrap(&within(10), SEED);
    report.used = report.recall_at_10.is_some_and(|found| found.low > 2.0 * report.chance);
    ranks.sort_unstable();
    report.median_rank = ranks[(ranks.len() - 1) / 2];
    Ok(report)
}
