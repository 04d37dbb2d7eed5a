//! One catalogue at work: its active snapshot, the one before it, and how they follow the truth.
//!
//! Every change goes to the store first, in one transaction with a revision of its own, and then to the active index, before
//! it is acknowledged. An index on disk may be behind after a crash, never ahead: the store knows up to which revision it is
//! surely there, and what is newer is applied again when it opens.
//!
//! A change of space is the same both ways: the other snapshot follows the truth while everything goes on; then, with writes
//! held for as long as the last changes take, it becomes the active one. Searches are never held.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use half::f16;
use parking_lot::{Mutex, RwLock};
use rusqlite::Connection;

use super::import::disk_free;
use super::snapshot::{Folders, Snapshot, Spoken, remove_index};
use super::{CatalogueName, EngineError};
use crate::catalogue::Product;
use crate::catalogue::store::{
    CatalogueRow, ImageRow, SourceRow, Store, next_revision, put, put_colours, put_feature, put_image, put_source,
    put_understanding, remove, touch,
};
use crate::image::{ColourDescriptor, ImageHash, Palette};
use crate::index::{IndexPoint, Merging};
use crate::model::FeatureKey;
use crate::space::{Embedding, Space};
use crate::understand::{self, Understanding};

/// What the store calls the space of the build.
pub(super) const DEFAULT_SPACE: &str = "default";
/// Changes that may be left for the moment in which writes are held.
const FEW: u64 = 64;
/// How often a snapshot follows before it is taken as it is: under heavy writing there are always some changes left.
const ROUNDS: usize = 8;
/// With fewer bytes free on the disk no product is written. The index maps its files into memory: on a disk that is really
/// full the system ends the whole process at the first touch of a page that has no room.
const DISK_MARGIN: u64 = 64 << 20;

/// A catalogue whose index is open.
#[derive(Debug)]
pub(super) struct Catalogue {
    pub(super) key: i64,
    pub(super) name: CatalogueName,
    pub(super) folders: Folders,
    /// Under which the features of the model are kept.
    feature_key: FeatureKey,
    spoken: Spoken,
    shown: RwLock<Shown>,
    /// Held from before the truth is written until the active index has followed, so that both see the same order.
    pub(super) writing: Mutex<()>,
    /// Snapshots that were replaced; searches may still be at work with them.
    retired: Mutex<Vec<Arc<Snapshot>>>,
    /// Only one change of space at a time.
    switching: Mutex<()>,
}

/// What searches see, and what they saw before.
#[derive(Debug)]
struct Shown {
    active: Arc<Snapshot>,
    previous: Option<Arc<Snapshot>>,
}

/// A product that is ready to be written: pictures read, embedded.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) product: Product,
    pub(super) given: [u8; 16],
    /// One for each picture that has a hash, in the product's order.
    pub(super) embedded_pictures: Vec<EmbeddedPicture>,
    pub(super) pictures: Vec<NewPicture>,
    /// Colours of its main picture.
    pub(super) palette: Option<Palette>,
    pub(super) sources: Vec<(String, SourceRow)>,
    /// Pictures that were embedded for it.
    pub(super) embedded: u64,
}

/// A picture's feature and its embedding in what was the active space.
#[derive(Debug, Clone)]
pub(super) struct EmbeddedPicture {
    pub(super) hash: ImageHash,
    pub(super) feature: Arc<Vec<f16>>,
    /// Absent where the space at that time did not see them.
    pub(super) colours: Option<Arc<ColourDescriptor>>,
    pub(super) embedding: Embedding,
}

/// A picture that the store may not know yet.
#[derive(Debug, Clone)]
pub(super) struct NewPicture {
    pub(super) hash: ImageHash,
    pub(super) row: ImageRow,
    pub(super) feature: Arc<Vec<f16>>,
    pub(super) colours: Option<Arc<ColourDescriptor>>,
    /// Absent for an image that was learned before there was any: it is caught up later.
    pub(super) understanding: Option<Arc<Understanding>>,
}

/// What is to be done in one acknowledged step.
#[derive(Debug, Default)]
pub(super) struct Change {
    pub(super) put: Vec<Prepared>,
    pub(super) remove: Vec<String>,
    /// What was learnt about places of pictures whose products are as they were.
    pub(super) sources: Vec<(String, SourceRow)>,
}

impl Change {
    /// Whether there is nothing to do.
    pub(super) fn is_empty(&self) -> bool {
        self.put.is_empty() && self.remove.is_empty() && self.sources.is_empty()
    }
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
    /// Opens the index of `active`, and of `previous`, and lets the active one catch up with the truth.
    pub(super) fn open(
        store: &Store,
        row: &CatalogueRow,
        (active, previous): (Arc<Space>, Option<Arc<Space>>),
        folders: Folders,
        feature_key: &FeatureKey,
        spoken: Spoken,
    ) -> Result<Self, EngineError> {
        let name: CatalogueName = row.name.parse().map_err(EngineError::Name)?;
        let open = |space| Snapshot::open(store, row.key, space, &folders, feature_key, &spoken);
        let active = open(active)?;
        let count = active.follow(store, &|_| true)?.unwrap_or_default();
        if count > 0 {
            tracing::info!(catalogue = %name, products = count, "the index has caught up");
        }
        // The previous one follows later, from the keeper: nobody waits for it.
        let previous = previous.map(open).transpose()?.map(Arc::new);
        let catalogue = Self {
            key: row.key,
            name,
            folders,
            feature_key: feature_key.clone(),
            spoken: spoken.clone(),
            shown: RwLock::new(Shown { active: Arc::new(active), previous }),
            writing: Mutex::new(()),
            retired: Mutex::default(),
            switching: Mutex::default(),
        };
        let snapshot = catalogue.snapshot();
        if snapshot.unsettled() > 0 {
            catalogue.settle(store, &snapshot)?;
        }
        catalogue.sweep(store)?;
        snapshot.read_few_words(store, &catalogue.writing)?;
        Ok(catalogue)
    }

    /// Removes indexes that a change of space left behind when the process ended in the middle of it.
    fn sweep(&self, store: &Store) -> Result<(), EngineError> {
        let used: HashSet<String> = self.snapshots().iter().map(|snapshot| snapshot.space.id().to_string()).collect();
        for space in store.indexed_spaces(self.key)? {
            if !used.contains(&space) {
                remove_index(store, self.key, &space, &self.folders.index_of(self.key, &space));
            }
        }
        // Folders the store does not know of.
        let prefix = format!("{}-", self.key);
        for entry in fs::read_dir(&self.folders.index).into_iter().flatten().flatten() {
            let folder = entry.file_name();
            let space = folder.to_str().and_then(|name| name.strip_prefix(&prefix));
            if let Some(space) = space.filter(|space| !used.contains(*space)) {
                remove_index(store, self.key, space, &entry.path());
            }
        }
        Ok(())
    }

    /// What a search sees: taken when it begins, used until it ends.
    pub(super) fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.shown.read().active)
    }

    /// What searches saw before the last change of space.
    pub(super) fn previous(&self) -> Option<Arc<Snapshot>> {
        self.shown.read().previous.clone()
    }

    /// The active snapshot, then the previous one.
    pub(super) fn snapshots(&self) -> Vec<Arc<Snapshot>> {
        let shown = self.shown.read();
        std::iter::once(&shown.active).chain(&shown.previous).cloned().collect()
    }

    /// A snapshot of another space: the previous one where it is that, else one whose index is empty or as it was left.
    pub(super) fn other(&self, store: &Store, space: &Arc<Space>) -> Result<Arc<Snapshot>, EngineError> {
        if let Some(open) = self.snapshots().into_iter().find(|snapshot| snapshot.space.id() == space.id()) {
            return Ok(open);
        }
        // One that was retired a moment ago still has its folder open.
        let mut retired = self.retired.lock();
        if let Some(place) = retired.iter().position(|snapshot| snapshot.space.id() == space.id()) {
            return Ok(retired.swap_remove(place));
        }
        let space = Arc::clone(space);
        Snapshot::open(store, self.key, space, &self.folders, &self.feature_key, &self.spoken).map(Arc::new)
    }

    /// Makes `next` the active snapshot, and the active one the previous. Searches go on all the while, each with the
    /// snapshot it began with; writes are held only for the last few changes. `stored_as` is what the store calls the
    /// space. `go_on` is told how many products were indexed; when it says no, nothing is changed and the answer is false.
    ///
    /// # Errors
    /// Of store and index; the active snapshot is then as before.
    pub(super) fn switch(
        &self,
        store: &Store,
        next: &Arc<Snapshot>,
        (stored_as, active_as): (&str, &str),
        go_on: &dyn Fn(u64) -> bool,
    ) -> Result<bool, EngineError> {
        let _alone = self.switching.lock();
        if next.space.id() == self.snapshot().space.id() {
            return Ok(true);
        }
        for round in 0..ROUNDS {
            let Some(count) = next.follow(store, go_on)? else { return Ok(false) };
            // Before the last round, so that the first searches find graphs, not scans.
            if round == 0 && next.unoptimised() > 0 {
                next.optimise(store, &self.writing, Merging::Now)?;
            }
            if count <= FEW && round > 0 {
                break;
            }
        }
        if next.unsettled() > 0 {
            self.settle(store, next)?;
        }
        if !go_on(0) {
            return Ok(false);
        }
        let _order = self.writing.lock();
        next.follow(store, &|_| true)?;
        // Truth first: whatever happens now, the next start opens the new one.
        store.activate(self.key, stored_as, Some(active_as))?;
        let mut shown = self.shown.write();
        let before = std::mem::replace(&mut shown.active, Arc::clone(next));
        let retired = shown.previous.replace(before);
        drop(shown);
        self.retired.lock().extend(retired.filter(|retired| retired.space.id() != next.space.id()));
        Ok(true)
    }

    /// Lets go of a snapshot that was made for a change of space that did not come about.
    pub(super) fn retire(&self, snapshot: Arc<Snapshot>) {
        if !self.snapshots().iter().any(|used| Arc::ptr_eq(used, &snapshot)) {
            self.retired.lock().push(snapshot);
        }
    }

    /// Closes snapshots that were replaced and that no search uses any more, and removes their indexes.
    pub(super) fn let_go(&self, store: &Store) {
        // Held until the folders are gone: `other` must not open one of them meanwhile.
        let mut retired = self.retired.lock();
        let (free, kept): (Vec<_>, Vec<_>) = retired.drain(..).partition(|snapshot| Arc::strong_count(snapshot) == 1);
        *retired = kept;
        for snapshot in free {
            let space = snapshot.space.id().to_string();
            drop(snapshot);
            remove_index(store, self.key, &space, &self.folders.index_of(self.key, &space));
        }
    }

    /// Writes a change to the truth and to the active index. When it returns, the change survives and is found. `also`
    /// writes into the same transaction.
    pub(super) fn commit(
        &self,
        store: &Store,
        change: Change,
        also: impl FnOnce(&Connection, &Changed) -> rusqlite::Result<()>,
    ) -> Result<Changed, EngineError> {
        let _order = self.writing.lock();
        // The space changes only while writing is held by the one who changes it.
        let snapshot = self.snapshot();
        let Change { put: mut products, remove: ids, sources } = change;
        if !products.is_empty() {
            room_for(store, DISK_MARGIN)?;
        }
        let vectors: Vec<Vec<Vec<f32>>> =
            products.iter_mut().map(|prepared| vectors(store, &snapshot, prepared)).collect::<Result<_, _>>()?;
        let (keys, gone, changed, revision) = store.write(|sql| {
            let mut changed = Changed::default();
            let (mut keys, mut gone, mut revision) = (Vec::with_capacity(products.len()), Vec::new(), None);
            for (source, found) in &sources {
                put_source(sql, source, found)?;
            }
            if !products.is_empty() || !ids.is_empty() {
                let number = next_revision(sql, self.key)?;
                revision = Some(number);
                for prepared in &products {
                    for picture in &prepared.pictures {
                        put_image(sql, &picture.hash, &picture.row)?;
                        put_feature(sql, &picture.hash, &self.feature_key, &picture.feature)?;
                        if let Some(colours) = &picture.colours {
                            put_colours(sql, &picture.hash, colours)?;
                        }
                        if let Some(understanding) = &picture.understanding {
                            put_understanding(sql, &picture.hash, understand::VERSION, understanding)?;
                        }
                    }
                    for (source, found) in &prepared.sources {
                        put_source(sql, source, found)?;
                    }
                    let (key, created) = put(sql, self.key, number, &prepared.product, &prepared.given)?;
                    keys.push(key);
                    changed.created.push(created);
                }
                for id in &ids {
                    let key = remove(sql, self.key, number, id)?;
                    changed.removed.push(key.is_some());
                    gone.extend(key);
                }
            }
            also(sql, &changed)?;
            Ok((keys, gone, changed, revision))
        })?;
        let points: Vec<IndexPoint> = products
            .iter()
            .zip(keys)
            .zip(vectors)
            .map(|((prepared, key), vectors)| {
                IndexPoint::of(&prepared.product, key, vectors).with_palette(prepared.palette.as_ref())
            })
            .collect();
        let followed = if gone.is_empty() { Ok(()) } else { snapshot.index.delete(&gone) };
        if let Err(error) = followed.and_then(|()| snapshot.index.upsert(&points)) {
            snapshot.fall_behind();
            return Err(error.into());
        }
        snapshot.wrote(points.len() as u64, gone.len() as u64);
        if let Some(revision) = revision {
            snapshot.reach(revision);
        }
        Ok(changed)
    }

    /// Takes products into the index again: something beside them is known now that it was not.
    pub(super) fn refresh(&self, store: &Store, keys: &[u64]) -> Result<(), EngineError> {
        let _order = self.writing.lock();
        store.write(|sql| {
            let revision = next_revision(sql, self.key)?;
            keys.iter().try_for_each(|key| touch(sql, self.key, revision, *key))
        })?;
        self.snapshot().follow(store, &|_| true)?;
        Ok(())
    }

    /// Brings an index to disk and notes in the truth up to where it is.
    pub(super) fn settle(&self, store: &Store, snapshot: &Snapshot) -> Result<(), EngineError> {
        snapshot.settle(store, &self.writing, false)
    }

    /// Brings an index to disk so that the next start has nothing to catch up with.
    pub(super) fn settle_for_good(&self, store: &Store, snapshot: &Snapshot) -> Result<(), EngineError> {
        snapshot.settle(store, &self.writing, true)
    }

    /// Lets the previous index follow the truth, so that a way back is short.
    pub(super) fn keep_previous_current(&self, store: &Store, go_on: &dyn Fn(u64) -> bool) -> Result<(), EngineError> {
        let Some(previous) = self.previous() else { return Ok(()) };
        previous.follow(store, go_on)?;
        if previous.unsettled() > 0 {
            self.settle(store, &previous)?;
        }
        Ok(())
    }

    /// A feature rounded as it is kept.
    pub(super) fn rounded(&self, feature: &[f32]) -> Vec<f16> {
        self.feature_key.rounded(feature)
    }

    /// Optimises the active index where that is due: while the catalogue `grows`, when at least `least` products were written since the
    /// last time.
    pub(super) fn optimise(&self, store: &Store, grows: bool, least: u64) -> Result<(), EngineError> {
        let snapshot = self.snapshot();
        let Some(merging) = snapshot.optimisation_due(grows, least) else { return Ok(()) };
        // What is rewritten is on the disk twice for a time.
        room_for(store, DISK_MARGIN + snapshot.index.info().disk_bytes)?;
        snapshot.optimise(store, &self.writing, merging)
    }
}

/// A product's embeddings in the snapshot's space: those it came with where they are of that space, else made again; see
/// [`Snapshot::embed_kept`].
fn vectors(store: &Store, snapshot: &Snapshot, prepared: &mut Prepared) -> Result<Vec<Vec<f32>>, EngineError> {
    let space = snapshot.space.id();
    let mut pictures = std::mem::take(&mut prepared.embedded_pictures);
    if pictures.iter().all(|picture| picture.embedding.space() == space) {
        return Ok(pictures.into_iter().map(|picture| picture.embedding.into_vector()).collect());
    }
    // The space was changed after it was prepared.
    for picture in pictures.iter_mut().filter(|picture| snapshot.space.sees_colours() && picture.colours.is_none()) {
        picture.colours = snapshot.colours.of(store, &[picture.hash])?.pop().flatten().map(Arc::new);
    }
    let numbers = |picture: &EmbeddedPicture| picture.feature.iter().map(|number| number.to_f32()).collect();
    let kept = pictures.iter().map(|picture| (picture.hash, Some(numbers(picture)), picture.colours.as_deref()));
    snapshot.embed_kept(&prepared.product.id, kept)
}

/// Refuses when fewer than `least` bytes are free on the disk of the store.
fn room_for(store: &Store, least: u64) -> Result<(), EngineError> {
    let folder = store.path().parent().unwrap_or(Path::new("."));
    match disk_free(folder) {
        Some(free) if free < least => Err(EngineError::DiskFull { path: folder.to_owned(), free }),
        _ => Ok(()),
    }
}
