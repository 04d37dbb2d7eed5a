//! Classifiers of a catalogue's own categories and attributes: fitted in the background, kept, asked.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::catalogue::Catalogue;
use super::spaces::MOST_LAYERED;
use super::{Engine, EngineError};
use crate::catalogue::{AttributeValue, Product};
use crate::learn::{LabelOptions, Lessons, Rows, fit_labels, remembered};
use crate::model::Feature;
use crate::understand::{self, Described, Labels, Memory, Understanding, Understood};

/// Products that are fitted on at most; of larger catalogues, evenly over it.
const MOST_PRODUCTS: usize = 50_000;
/// Products that are read at once.
const PAGE: usize = 512;
/// Fields of one catalogue that are fitted at most, those that most products have.
const MOST_FIELDS: usize = 24;
/// Products that must have changed before it is fitted again, as a share of them and at least.
const CHANGED: (f64, u64) = (0.1, 20);
/// Fewer products teach nothing.
const FEWEST: u64 = 40;
/// Of catalogues of up to so many products the pictures are understood first, which takes a minute or two: palettes are learned from, too.
/// Larger ones are learned from at once, and once more in the end.
const UNDERSTOOD_FIRST: u64 = 2_000;

/// What was fitted, by the catalogue's number; read from the store when it is first asked for.
#[derive(Debug, Default)]
pub(super) struct FittedLabels {
    known: Mutex<HashMap<i64, Option<Arc<Labels>>>>,
    /// Whether a thread fits right now: one at a time.
    busy: AtomicBool,
}

/// Everything that is fitted on, away from the engine.
struct Gathered {
    catalogue: i64,
    key: String,
    revision: i64,
    rows: Rows,
    /// The same pictures with what layers say of them, where it is known of all.
    wide: Option<Rows>,
    groups: Vec<u64>,
    /// Values of each field by product; `None` is the category.
    fields: Vec<(Option<String>, Vec<Option<String>>)>,
}

impl Engine {
    /// Adds what the catalogue's classifiers say to what is understood of a picture.
    pub(super) fn with_labels(
        &self,
        catalogue: &Catalogue,
        feature: &Feature,
        understanding: Understanding,
    ) -> Result<Understood, EngineError> {
        let guesses = match self.labels(catalogue.key)? {
            Some(labels) => {
                let embedding = self.space().embed(feature)?;
                let (pooled, palette) = (self.feature_key.pooled_len(), Some(&understanding.colours));
                labels.guess(&Described::of(&feature.pooled, pooled, embedding.vector(), palette))
            }
            None => understand::Guesses::default(),
        };
        let understood = Understood::of(understanding);
        Ok(Understood { categories: guesses.categories, attributes: guesses.attributes, ..understood })
    }

    /// The classifiers of a catalogue, where there are any of this build's model, space and understanding.
    fn labels(&self, catalogue: i64) -> Result<Option<Arc<Labels>>, EngineError> {
        if let Some(known) = self.labels.known.lock().get(&catalogue) {
            return Ok(known.clone());
        }
        let labels = self.store.labels(catalogue)?.filter(|labels| labels.key == self.labels_key()).map(Arc::new);
        self.labels.known.lock().insert(catalogue, labels.clone());
        Ok(labels)
    }

    /// What classifiers are fitted on: guesses about anything else mean nothing.
    fn labels_key(&self) -> String {
        let layers = self.feature_key.layers().map_or("", |(key, _)| key);
        format!("{} {} {layers}", self.space().id(), understand::VERSION)
    }

    /// Fits the classifiers of a catalogue that has changed enough, in a thread of its own, one catalogue at a time.
    /// Not in a process that has not loaded the model: one that only looks something up is gone before anything is learned.
    pub(super) fn fit_labels_where_due(self: &Arc<Self>) -> Result<(), EngineError> {
        if !self.model.is_open() {
            return Ok(());
        }
        for catalogue in self.open_catalogues() {
            let waits = is_small(&catalogue) || self.labels(catalogue.key)?.is_some();
            if self.imports_into(&catalogue.name)
                || (waits && !self.is_understood(&catalogue))
                || !self.labels_are_due(&catalogue)?
            {
                continue;
            }
            if self.labels.busy.swap(true, Ordering::AcqRel) {
                return Ok(());
            }
            let lessons = self.label_lessons(&catalogue);
            let engine = Arc::downgrade(self);
            match lessons {
                Ok(lessons) => {
                    // It holds no engine while it computes, so that nobody who closes one waits for it.
                    let work = move || {
                        let learned = learn(&lessons, &|| engine.upgrade().is_some_and(|engine| !engine.closing()));
                        if let (Some(engine), Some(labels)) = (engine.upgrade(), learned) {
                            engine.keep_labels(lessons.catalogue, labels);
                            engine.labels.busy.store(false, Ordering::Release);
                        }
                    };
                    // On one core, so that searches have the others.
                    std::thread::spawn(move || match rayon::ThreadPoolBuilder::new().num_threads(1).build() {
                        Ok(pool) => pool.install(work),
                        Err(_) => work(),
                    });
                }
                Err(error) => {
                    self.labels.busy.store(false, Ordering::Release);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Fits the classifiers of a small catalogue where that is due, now and on all cores: for a program that ends after an import. Of a large
    /// one that is left to a server.
    pub(super) fn fit_labels_now(&self, catalogue: &Catalogue, go_on: &dyn Fn() -> bool) -> Result<(), EngineError> {
        if !is_small(catalogue) || !self.labels_are_due(catalogue)? || self.labels.busy.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        let lessons = self.label_lessons(catalogue);
        let learned = lessons.map(|lessons| learn(&lessons, go_on));
        self.labels.busy.store(false, Ordering::Release);
        if let Some(labels) = learned? {
            self.keep_labels(catalogue.key, labels);
        }
        Ok(())
    }

    fn labels_are_due(&self, catalogue: &Catalogue) -> Result<bool, EngineError> {
        // Asked several times a second, so it must cost nothing.
        let products = catalogue.snapshot().index.table().len() as u64;
        if products < FEWEST {
            return Ok(false);
        }
        let Some(labels) = self.labels(catalogue.key)? else { return Ok(true) };
        let changed = self.store.count_changed_since(catalogue.key, labels.revision)?;
        let share = changed as f64 >= CHANGED.0 * products as f64;
        Ok(changed >= CHANGED.1 && share)
    }

    /// Reads what there is to learn from: main pictures and what their products say of themselves.
    fn label_lessons(&self, catalogue: &Catalogue) -> Result<Gathered, EngineError> {
        let revision =
            self.store.catalogues()?.iter().find(|row| row.key == catalogue.key).map_or(0, |row| row.revision);
        let products = self.store.count(catalogue.key)?;
        let every = (products as usize).div_ceil(MOST_PRODUCTS).max(1);
        let with_layers = products <= MOST_LAYERED;
        let mut rows: Option<Rows> = None;
        let mut wide: Option<Rows> = None;
        let (mut groups, mut said) = (Vec::new(), Vec::new());
        let (mut after, mut number) = (0, 0);
        loop {
            let page = self.store.page_of_products(catalogue.key, after, PAGE)?;
            let Some(last) = page.last() else { break };
            after = last.key;
            for stored in page {
                number += 1;
                let Some(hash) = stored.product.image_hashes().first().copied().filter(|_| number % every == 0) else {
                    continue;
                };
                let Some(pooled) = self.features(&[hash], with_layers)?.into_iter().next().flatten() else { continue };
                let feature = Feature { pooled, map: None };
                let Ok(embedding) = self.space().embed(&feature) else { continue };
                let known = self.store.understandings(&[hash], understand::VERSION)?;
                let palette = known.into_iter().next().flatten().map(|known| known.colours);
                let pooled = self.feature_key.pooled_len();
                let seen = Described::of(&feature.pooled, pooled, embedding.vector(), palette.as_ref());
                if rows.get_or_insert_with(|| Rows::new(seen.row.len())).push(&seen.row) {
                    if let Some(told) = seen.wide {
                        wide.get_or_insert_with(|| Rows::new(told.len())).push(&told);
                    }
                    groups.push(group(&stored.product));
                    said.push(says(&stored.product));
                }
            }
        }
        // Of a catalogue of an earlier version some may not tell yet: they are looked at while the server is idle, and then this is done again.
        let count = rows.as_ref().map_or(0, Rows::len);
        Ok(Gathered {
            catalogue: catalogue.key,
            key: self.labels_key(),
            revision,
            rows: rows.unwrap_or_default(),
            wide: wide.filter(|wide| wide.len() == count),
            groups,
            fields: by_field(said),
        })
    }

    fn keep_labels(&self, catalogue: i64, labels: Labels) {
        let (fitted, left_out) = (labels.fields.len(), labels.left_out.len());
        if let Err(error) = self.store.put_labels(catalogue, &labels) {
            tracing::error!(catalogue, %error, "what was learned of categories could not be kept");
            return;
        }
        self.labels.known.lock().insert(catalogue, Some(Arc::new(labels)));
        tracing::info!(catalogue, fitted, left_out, "categories and attributes are guessed anew");
    }
}

fn is_small(catalogue: &Catalogue) -> bool {
    catalogue.snapshot().index.table().len() as u64 <= UNDERSTOOD_FIRST
}

/// Fits all fields; `None` where it was told not to go on.
fn learn(lessons: &Gathered, go_on: &dyn Fn() -> bool) -> Option<Labels> {
    let mut labels = Labels {
        key: lessons.key.clone(),
        revision: lessons.revision,
        products: lessons.rows.len(),
        memory: Memory::of(lessons.rows.select(remembered(lessons.rows.len())).iter()),
        fields: Vec::new(),
        left_out: Vec::new(),
    };
    for (attribute, values) in &lessons.fields {
        let given = Lessons { rows: &lessons.rows, wide: lessons.wide.as_ref(), groups: &lessons.groups };
        match fit_labels(attribute.as_deref(), given, values, LabelOptions::default()) {
            Ok(field) => labels.fields.push(field),
            Err(left_out) => labels.left_out.push(left_out),
        }
        if !go_on() {
            return None;
        }
    }
    Some(labels)
}

/// Products of one variant group have one number: they are held back together.
fn group(product: &Product) -> u64 {
    let name = product.group.as_deref().unwrap_or(&product.id);
    u64::from_le_bytes(blake3::hash(name.as_bytes()).as_bytes().first_chunk().copied().unwrap_or_default())
}

/// What a product says of itself: category path and attributes that are texts or flags.
fn says(product: &Product) -> BTreeMap<Option<String>, String> {
    let mut said = BTreeMap::new();
    let path: Vec<&str> = product.category.iter().map(|step| step.trim()).filter(|step| !step.is_empty()).collect();
    if !path.is_empty() {
        said.insert(None, path.join(understand::SEPARATOR));
    }
    for (name, value) in &product.attributes {
        let value = match value {
            AttributeValue::Text(text) => text.trim().to_owned(),
            AttributeValue::List(texts) if texts.len() == 1 => texts[0].trim().to_owned(),
            AttributeValue::Flag(flag) => flag.to_string(),
            AttributeValue::List(_) | AttributeValue::Number(_) => continue,
        };
        if !value.is_empty() {
            said.insert(Some(name.clone()), value);
        }
    }
    said
}

/// The values of each field by product, for the fields that most products have.
fn by_field(said: Vec<BTreeMap<Option<String>, String>>) -> Vec<(Option<String>, Vec<Option<String>>)> {
    let mut counts: BTreeMap<Option<String>, usize> = BTreeMap::new();
    said.iter().flat_map(BTreeMap::keys).for_each(|field| *counts.entry(field.clone()).or_default() += 1);
    let mut fields: Vec<(Option<String>, usize)> = counts.into_iter().collect();
    fields.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    fields.truncate(MOST_FIELDS);
    let values = |field: &Option<String>| said.iter().map(|said| said.get(field).cloned()).collect();
    fields.into_iter().map(|(field, _)| (field.clone(), values(&field))).collect()
}
