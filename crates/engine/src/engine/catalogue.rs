//! One catalogue at work: its index, and how it follows the truth.
//!
//! Every change goes to the store first, in one transaction with a revision of its own, and then to the index, before it is
//! acknowledged. The index on disk may be behind after a crash, never ahead: the store knows up to which revision it is
//! surely there, and what is newer is applied again when it opens.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use half::f16;
use parking_lot::Mutex;
use rusqlite::Connection;

use super::{CatalogueName, EngineError};
use crate::catalogue::Product;
use crate::catalogue::store::{
    CatalogueRow, ImageRow, SourceRow, Store, StoredProduct, next_revision, put, put_feature, put_image, put_source,
    put_understanding, remove, touch,
};
use crate::image::{ImageHash, Palette};
use crate::index::{Index, IndexOptions, IndexPoint, State};
use crate::model::Feature;
use crate::space::Space;
use crate::understand::{self, Understanding};

/// Products that are read and indexed at once while the index catches up.
const PAGE: usize = 512;

/// A catalogue whose index is open.
#[derive(Debug)]
pub(super) struct Catalogue {
    pub(super) key: i64,
    pub(super) name: CatalogueName,
    pub(super) index: Index,
    pub(super) space: Arc<Space>,
    /// Under which the features of this space's model are kept.
    feature_key: String,
    /// How the index was found when it was opened.
    pub(super) found: State,
    /// Held from before the truth is written until the index has followed, so that both see the same order.
    writing: Mutex<()>,
    /// Points written since the index was last brought to disk.
    unsettled: AtomicU64,
    /// Points written since the index was last optimised.
    unoptimised: AtomicU64,
    /// An index write failed after the truth was written: the index has to catch up.
    behind: AtomicBool,
}

/// A product that is ready to be written: pictures read, embedded.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) product: Product,
    pub(super) given: [u8; 16],
    /// One for each picture that has a hash, in the product's order.
    pub(super) embeddings: Vec<Vec<f32>>,
    pub(super) pictures: Vec<NewPicture>,
    /// Colours of its main picture.
    pub(super) palette: Option<Palette>,
    pub(super) sources: Vec<(String, SourceRow)>,
    /// Pictures that were embedded for it.
    pub(super) embedded: u64,
}

/// A picture that the store may not know yet.
#[derive(Debug, Clone)]
pub(super) struct NewPicture {
    pub(super) hash: ImageHash,
    pub(super) row: ImageRow,
    pub(super) feature: Arc<Vec<f16>>,
    /// Absent for an image that was learned before there was any: it is caught up later.
    pub(super) understanding: Option<Arc<Understanding>>,
}

/// What is to be done in one acknowledged step.
#[derive(Debug, Default)]
pub(super) struct Change {
    pub(super) put: Vec<Prepared>,
    pub(super) remove: Vec<String>,
}

/// What a change did.
#[derive(Debug, Default)]
pub(super) struct Changed {
    /// For each product of `put`: whether it is new.
    pub(super) created: Vec<bool>,
    /// For each id of `remove`: whether it was there.
    pub(super) removed: Vec<bool>,
}

impl Catalogue {
    /// Opens the index of `space` under `folder` and lets it catch up with the truth.
    pub(super) fn open(
        store: &Store,
        row: &CatalogueRow,
        space: &Arc<Space>,
        feature_key: &str,
        folder: &Path,
        language: &str,
    ) -> Result<Self, EngineError> {
        let name = row.name.parse().map_err(EngineError::Name)?;
        let options = IndexOptions { language: language.to_owned(), ..IndexOptions::new(space.dim()) };
        let opened = Index::open(&folder.join(format!("{}-{}", row.key, space.id())), &options)?;
        let catalogue = Self {
            key: row.key,
            name,
            index: opened.index,
            space: Arc::clone(space),
            feature_key: feature_key.to_owned(),
            found: opened.state,
            writing: Mutex::new(()),
            unsettled: AtomicU64::new(0),
            unoptimised: AtomicU64::new(0),
            behind: AtomicBool::new(false),
        };
        let known = catalogue.found == State::Loaded && row.indexed_space == space.id().to_string();
        catalogue.follow(store, if known { row.indexed_revision } else { 0 })?;
        if catalogue.unsettled.load(Ordering::Relaxed) > 0 || !known {
            catalogue.settle(store)?;
        }
        Ok(catalogue)
    }

    /// Applies everything newer than `revision` to the index.
    fn follow(&self, store: &Store, revision: i64) -> Result<(), EngineError> {
        if revision == 0 && self.found == State::Loaded {
            self.index.clear()?;
        }
        let removed = store.removed_since(self.key, revision)?;
        self.index.delete(&removed)?;
        let (mut after, mut count) = (0, 0_u64);
        loop {
            let page = store.changed_since(self.key, revision, after, PAGE)?;
            let Some(last) = page.last() else { break };
            after = last.key;
            count += page.len() as u64;
            let points: Vec<IndexPoint> =
                page.into_iter().map(|stored| self.point(store, stored)).collect::<Result<_, _>>()?;
            self.index.upsert(&points)?;
        }
        if count + removed.len() as u64 > 0 {
            tracing::info!(catalogue = %self.name, products = count, removed = removed.len(), "the index has caught up");
            self.unsettled.fetch_add(count + removed.len() as u64, Ordering::Relaxed);
            self.unoptimised.fetch_add(count, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Writes a change to the truth and to the index. When it returns, the change survives and is found. `also` writes into
    /// the same transaction.
    pub(super) fn commit(
        &self,
        store: &Store,
        change: Change,
        also: impl FnOnce(&Connection, &Changed) -> rusqlite::Result<()>,
    ) -> Result<Changed, EngineError> {
        let _order = self.writing.lock();
        let Change { put: products, remove: ids } = change;
        let (keys, gone, changed) = store.write(|sql| {
            let mut changed = Changed::default();
            let (mut keys, mut gone) = (Vec::with_capacity(products.len()), Vec::new());
            if !products.is_empty() || !ids.is_empty() {
                let revision = next_revision(sql, self.key)?;
                for prepared in &products {
                    for picture in &prepared.pictures {
                        put_image(sql, &picture.hash, &picture.row)?;
                        put_feature(sql, &picture.hash, &self.feature_key, &picture.feature)?;
                        if let Some(understanding) = &picture.understanding {
                            put_understanding(sql, &picture.hash, understand::VERSION, understanding)?;
                        }
                    }
                    for (source, found) in &prepared.sources {
                        put_source(sql, source, found)?;
                    }
                    let (key, created) = put(sql, self.key, revision, &prepared.product, &prepared.given)?;
                    keys.push(key);
                    changed.created.push(created);
                }
                for id in &ids {
                    let key = remove(sql, self.key, revision, id)?;
                    changed.removed.push(key.is_some());
                    gone.extend(key);
                }
            }
            also(sql, &changed)?;
            Ok((keys, gone, changed))
        })?;
        let written = (keys.len() + gone.len()) as u64;
        let points: Vec<IndexPoint> = products
            .into_iter()
            .zip(keys)
            .map(|(prepared, key)| {
                IndexPoint::of(&prepared.product, key, prepared.embeddings).with_palette(prepared.palette.as_ref())
            })
            .collect();
        let followed = if gone.is_empty() { Ok(()) } else { self.index.delete(&gone) };
        if let Err(error) = followed.and_then(|()| self.index.upsert(&points)) {
            self.behind.store(true, Ordering::Release);
            return Err(error.into());
        }
        self.unsettled.fetch_add(written, Ordering::Relaxed);
        self.unoptimised.fetch_add(points.len() as u64, Ordering::Relaxed);
        Ok(changed)
    }

    /// Takes products into the index again: something beside them is known now that it was not.
    pub(super) fn refresh(&self, store: &Store, keys: &[u64]) -> Result<(), EngineError> {
        let _order = self.writing.lock();
        store.write(|sql| {
            let revision = next_revision(sql, self.key)?;
            keys.iter().try_for_each(|key| touch(sql, self.key, revision, *key))
        })?;
        let products = store.products_of(self.key, keys)?;
        let points: Vec<IndexPoint> =
            products.into_iter().map(|stored| self.point(store, stored)).collect::<Result<_, _>>()?;
        if let Err(error) = self.index.upsert(&points) {
            self.behind.store(true, Ordering::Release);
            return Err(error.into());
        }
        self.unsettled.fetch_add(points.len() as u64, Ordering::Relaxed);
        self.unoptimised.fetch_add(points.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Brings the index to disk and notes in the truth up to where it is.
    pub(super) fn settle(&self, store: &Store) -> Result<(), EngineError> {
        let _order = self.writing.lock();
        let row = store.catalogues()?.into_iter().find(|row| row.key == self.key);
        let Some(row) = row else { return Ok(()) };
        if self.behind.swap(false, Ordering::AcqRel) {
            let known = row.indexed_space == self.space.id().to_string();
            if let Err(error) = self.follow(store, if known { row.indexed_revision } else { 0 }) {
                self.behind.store(true, Ordering::Release);
                return Err(error);
            }
        }
        self.index.flush()?;
        store.note_indexed(self.key, &self.space.id().to_string(), row.revision)?;
        self.unsettled.store(0, Ordering::Relaxed);
        Ok(())
    }

    /// How many writes only the engine's log has.
    pub(super) fn unsettled(&self) -> u64 {
        self.unsettled.load(Ordering::Relaxed) + u64::from(self.behind.load(Ordering::Relaxed))
    }

    /// How many points were written since the last optimisation; taken when it starts.
    pub(super) fn take_unoptimised(&self, least: u64) -> bool {
        let count = self.unoptimised.load(Ordering::Relaxed);
        count >= least && count > 0 && self.unoptimised.swap(0, Ordering::Relaxed) > 0
    }

    /// The point of a product that is in the truth, from its stored features.
    fn point(&self, store: &Store, stored: StoredProduct) -> Result<IndexPoint, EngineError> {
        let hashes = stored.product.image_hashes();
        let features = store.features(&hashes, &self.feature_key)?;
        let mut embeddings = Vec::with_capacity(hashes.len());
        for (hash, feature) in hashes.iter().zip(features) {
            let feature = feature.ok_or(EngineError::FeatureLost { hash: *hash })?;
            embeddings.push(self.space.embed(&Feature { pooled: feature, map: None })?.into_vector());
        }
        let main = store.understandings(hashes.get(..1).unwrap_or_default(), understand::VERSION)?;
        let main = main.into_iter().next().flatten();
        let palette = main.as_ref().map(|understanding| &understanding.colours);
        Ok(IndexPoint::of(&stored.product, stored.key, embeddings).with_palette(palette))
    }
}
