//! What a search sees: one space and its index, which belong together.
//!
//! A search takes the catalogue's snapshot when it begins and uses no other until its end, so that a change of space in the
//! middle cannot mix two. The pair never changes; the index in it goes on receiving writes as long as it is the active one,
//! and follows the truth by revisions when it is not.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use half::f16;
use parking_lot::{Mutex, RwLock};

use super::EngineError;
use super::backlog::Backlog;
use super::colours::Colours;
use super::keeping::Keeping;
use super::looking::Look;
use crate::catalogue::store::{Store, StoredProduct};
use crate::image::{ColourDescriptor, ImageHash};
use crate::index::{Effort, Flushed, Index, IndexError, IndexOptions, IndexPoint, Merging, State, Synonyms};
use crate::model::{Feature, FeatureKey};
use crate::photo;
use crate::search::{QueryColours, Weighted};
use crate::space::{Embedding, Space, WordHead};
use crate::understand;

/// Name of the map from words into a space, in the space's folder.
pub(super) const WORDS: &str = "words.safetensors";
/// No such file is larger, bytes.
const LARGEST_WORDS: u64 = 1 << 30;
/// Products that are read and indexed at once while an index follows.
const PAGE: usize = 512;

/// Where the files of a catalogue are.
#[derive(Debug, Clone)]
pub(super) struct Folders {
    /// Of its indexes.
    pub(super) index: PathBuf,
    /// Of its spaces.
    pub(super) spaces: PathBuf,
    /// Colours of its pictures, for spaces that see them.
    pub(super) colours: Colours,
}

impl Folders {
    /// The folder of the index of a space.
    pub(super) fn index_of(&self, key: i64, space: &str) -> PathBuf {
        self.index.join(format!("{key}-{space}"))
    }
}

/// How words are read: see [`IndexOptions`].
#[derive(Debug, Clone)]
pub(super) struct Spoken {
    pub(super) language: String,
    pub(super) synonyms: Synonyms,
}

/// One space of a catalogue and its index.
#[derive(Debug)]
pub(super) struct Snapshot {
    /// What queries are embedded in.
    pub(super) space: Arc<Space>,
    /// What they are asked of.
    pub(super) index: Index,
    /// Files that belong to this space of this catalogue.
    pub(super) folder: PathBuf,
    /// Colours of the catalogue's pictures.
    pub(super) colours: Colours,
    /// How the index was found when it was opened.
    pub(super) found: State,
    /// Brings words into this space, where that was learned.
    words: RwLock<Option<Arc<WordHead>>>,
    /// Whether the words of all products are in the index's lexicon; see [`super::vocabulary`].
    pub(super) words_read: AtomicBool,
    /// Number of the catalogue.
    pub(super) catalogue: i64,
    /// Under which the features of the space's model are kept.
    feature_key: FeatureKey,
    /// Every change up to this revision is in the index.
    reached: AtomicI64,
    /// Only one at a time lets it follow.
    following: Mutex<()>,
    /// Points written since the index was last brought to disk.
    unsettled: AtomicU64,
    /// Points written since the index was last optimised.
    backlog: Backlog,
    /// When the columns are brought to disk.
    keeping: Keeping,
    /// An index write failed after the truth was written: the index has to catch up.
    behind: AtomicBool,
}

impl Snapshot {
    /// Whether a photo with this feature is found as it is: something in the index is alike enough.
    pub(super) fn knows(&self, pooled: &[f32], colours: Option<&ColourDescriptor>) -> Result<bool, EngineError> {
        /// Candidates of the graph: one picture that is very like the photo is found with few.
        const FEW: usize = 64;
        let embedding = self.space.embed_with(&Feature { pooled: pooled.to_vec(), map: None }, colours)?;
        let nearest = self.index.nearest_with(&[embedding.into_vector()], None, 1, Effort::Candidates(FEW))?;
        Ok(nearest.first().is_some_and(|best| best.score >= photo::ALIKE))
    }

    /// What a picture that was looked at asks this space's index with.
    pub(super) fn asks_with(&self, look: &Look, weight: f32) -> Result<Weighted, EngineError> {
        let vector = self.space.embed_with(&look.feature, look.colours.as_ref())?.into_vector();
        let colours = look.colours.clone().filter(|_| self.compares_colours());
        let colours = colours.map(|colours| QueryColours::of(colours, look.behind));
        Ok(Weighted { vector, weight, colours })
    }

    /// Whether the colours of pictures count beside their embeddings: not where the space sees them already.
    pub(super) fn compares_colours(&self) -> bool {
        !self.space.sees_colours()
    }

    /// Opens the index of a space, or makes an empty one. It is not brought to the state of the truth: see
    /// [`Snapshot::follow`].
    pub(super) fn open(
        store: &Store,
        catalogue: i64,
        space: Arc<Space>,
        folders: &Folders,
        feature_key: &FeatureKey,
        spoken: &Spoken,
    ) -> Result<Self, EngineError> {
        let id = space.id().to_string();
        let (language, synonyms) = (spoken.language.clone(), spoken.synonyms.clone());
        let options = IndexOptions { language, synonyms, ..IndexOptions::new(space.dim()) };
        let opened = Index::open(&folders.index_of(catalogue, &id), &options)?;
        let noted = store.indexed(catalogue, &id)?;
        let known = opened.state == State::Loaded && noted.is_some();
        let reached = if known { noted.unwrap_or_default() } else { 0 };
        if known && opened.index.columns_kept().is_some_and(|kept| kept < reached) {
            // Somebody put an old file there: removals since then may be forgotten.
            opened.index.reread_columns()?;
        }
        if !known {
            if opened.state == State::Loaded {
                opened.index.clear()?;
            }
            // From here on the store keeps removals for this index.
            store.note_indexed(catalogue, &id, 0)?;
        }
        let folder = folders.spaces.join(&id);
        Ok(Self {
            words: RwLock::new(words_of(&folder, &space)),
            folder,
            colours: folders.colours.clone(),
            space,
            index: opened.index,
            found: opened.state,
            words_read: AtomicBool::new(false),
            catalogue,
            feature_key: feature_key.clone(),
            reached: AtomicI64::new(reached),
            following: Mutex::new(()),
            unsettled: AtomicU64::new(u64::from(!known)),
            backlog: Backlog::unknown(),
            keeping: Keeping::default(),
            behind: AtomicBool::new(false),
        })
    }

    /// Applies everything newer than what it has reached; returns how many products that were. Products that change
    /// meanwhile are applied by the next call. `go_on` is asked now and then, with the number of products so far; when it
    /// says no, what was applied stays, and the call ends early with `None`. Nobody else may write to this index meanwhile.
    ///
    /// An index of which an optimisation was cut off is made good: it is filled anew where following is not enough for that.
    pub(super) fn follow(&self, store: &Store, go_on: &dyn Fn(u64) -> bool) -> Result<Option<u64>, EngineError> {
        let _alone = self.following.lock();
        let Some(mut count) = self.catch_up(store, go_on)? else { return Ok(None) };
        if !self.index.made_good()? {
            tracing::warn!(catalogue = self.catalogue, space = %self.space.id(), "the index was cut off in the middle of a swap and is filled anew");
            // First, so that an end in the middle does not leave a part for the whole.
            store.note_indexed(self.catalogue, &self.space.id().to_string(), 0)?;
            self.index.clear()?;
            self.reached.store(0, Ordering::Release);
            self.unsettled.fetch_add(1, Ordering::Relaxed);
            let Some(again) = self.catch_up(store, go_on)? else { return Ok(None) };
            count += again;
            if !self.index.made_good()? {
                let reason = "products are in it twice after it was filled anew".to_owned();
                return Err(IndexError::Engine { doing: "being made good", reason }.into());
            }
        }
        Ok(Some(count))
    }

    fn catch_up(&self, store: &Store, go_on: &dyn Fn(u64) -> bool) -> Result<Option<u64>, EngineError> {
        let from = self.reached.load(Ordering::Acquire);
        // Read before the products are: what changes after it is applied again.
        let mut changes = store.changes(self.catalogue, from)?;
        if changes.to() == from {
            return Ok(Some(0));
        }
        let removed = store.removed_since(self.catalogue, from)?;
        self.index.delete(&removed)?;
        let mut count = 0_u64;
        loop {
            let page = store.next_changes(&mut changes, PAGE)?;
            if page.is_empty() {
                break;
            }
            count += page.len() as u64;
            let points: Vec<IndexPoint> =
                page.into_iter().map(|stored| self.point(store, stored)).collect::<Result<_, _>>()?;
            self.index.upsert(&points)?;
            self.wrote(points.len() as u64, 0);
            if !go_on(count) {
                return Ok(None);
            }
        }
        self.wrote(0, removed.len() as u64);
        self.reached.store(changes.to(), Ordering::Release);
        Ok(Some(count + removed.len() as u64))
    }

    /// The map from words into this space, where there is one.
    pub(super) fn word_head(&self) -> Option<Arc<WordHead>> {
        self.words.read().clone()
    }

    /// Puts a map from words into this space to use. One of another space is refused: `false`.
    pub(super) fn use_word_head(&self, head: Arc<WordHead>) -> bool {
        let fits = head.space() == self.space.id();
        if fits {
            *self.words.write() = Some(head);
        }
        fits
    }

    /// Notes that a change of this revision was applied in order; unless one before it failed.
    pub(super) fn reach(&self, revision: i64) {
        if !self.behind.load(Ordering::Acquire) {
            self.reached.store(revision, Ordering::Release);
        }
    }

    /// Notes that a write failed: the index follows the truth before it is next brought to disk.
    pub(super) fn fall_behind(&self) {
        self.behind.store(true, Ordering::Release);
    }

    /// Counts products that were put in and taken out.
    pub(super) fn wrote(&self, put: u64, removed: u64) {
        self.unsettled.fetch_add(put + removed, Ordering::Relaxed);
        self.keeping.wrote(put + removed);
        self.backlog.wrote(put);
    }

    /// Brings the index to disk and notes in the truth up to where it is; while it is optimised there is nothing to note, and it
    /// stays unsettled. `writing` is held by those who commit; `last` says that nothing comes after it.
    pub(super) fn settle(&self, store: &Store, writing: &Mutex<()>, last: bool) -> Result<(), EngineError> {
        if self.behind.load(Ordering::Acquire) {
            let _order = writing.lock();
            self.follow(store, &|_| true)?;
            self.behind.store(false, Ordering::Release);
        }
        let count = self.unsettled.load(Ordering::Relaxed);
        // Read before the flush: what is written meanwhile may or may not be in it.
        let reached = self.reached.load(Ordering::Acquire);
        if self.index.flush()? == Flushed::Everything {
            let answers_for = self.keeping.keep(&self.index, reached, writing, last)?;
            store.note_indexed(self.catalogue, &self.space.id().to_string(), answers_for)?;
            self.unsettled.fetch_sub(count, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Whether there is something to settle before it closes, so that the next start has nothing to catch up with.
    pub(super) fn closes_unsettled(&self) -> bool {
        self.unsettled() > 0 || self.keeping.is_behind(&self.index)
    }

    /// Whether the columns are to be brought to disk though nothing else is.
    pub(super) fn wants_columns(&self) -> bool {
        self.keeping.wants(&self.index)
    }

    /// How many writes only the engine's log has.
    pub(super) fn unsettled(&self) -> u64 {
        self.unsettled.load(Ordering::Relaxed) + u64::from(self.behind.load(Ordering::Relaxed))
    }

    /// How many points were written since the last optimisation.
    pub(super) fn unoptimised(&self) -> u64 {
        self.backlog.written()
    }

    /// How the index should be optimised, if at all; see [`Backlog::due`].
    pub(super) fn optimisation_due(&self, grows: bool, least: u64) -> Option<Merging> {
        self.backlog.due(grows, least)
    }

    /// Whether an optimisation runs and further products should wait for its end.
    pub(super) fn is_overtaken(&self) -> bool {
        self.backlog.is_overtaken()
    }

    /// Optimises the index; the count of points begins again. After an error the index follows the truth from where it was
    /// last noted. `writing` is held by those who commit.
    pub(super) fn optimise(&self, store: &Store, writing: &Mutex<()>, merging: Merging) -> Result<(), EngineError> {
        if self.index.is_doubtful() {
            return Ok(());
        }
        if let Err(error) = self.backlog.optimising(merging, || self.index.optimize_as(merging)) {
            let _order = writing.lock();
            self.fall_behind();
            let noted = store.indexed(self.catalogue, &self.space.id().to_string())?;
            self.reached.store(noted.unwrap_or_default(), Ordering::Release);
            return Err(error.into());
        }
        Ok(())
    }

    /// Embeddings of a product's pictures, in their order, from what is kept of them. One of which something is missing that the space looks at
    /// is told to the log and is like nothing, so that the others keep their places: it keeps no server from starting and no import from
    /// going on, and the next import of the feed learns it again. Empty where that is so of all.
    pub(super) fn embed_kept<'a>(
        &self,
        product: &str,
        pictures: impl Iterator<Item = (ImageHash, Option<Vec<f32>>, Option<&'a ColourDescriptor>)>,
    ) -> Result<Vec<Vec<f32>>, EngineError> {
        let (mut embeddings, mut found) = (Vec::new(), false);
        for (hash, feature, colours) in pictures {
            let feature = feature.filter(|feature| self.space.is_enough(feature.len()));
            let missing = match (feature, colours) {
                (Some(pooled), colours) if colours.is_some() || !self.space.sees_colours() => {
                    let feature = Feature { pooled, map: None };
                    embeddings.push(self.space.embed_with(&feature, colours)?.into_vector());
                    found = true;
                    continue;
                }
                (Some(_), _) => "colours",
                (None, _) => "feature",
            };
            tracing::error!(product, %hash, "what the space looks at is not kept of a picture ({missing}): it is not found by its picture until its feed is imported again");
            embeddings.push(vec![0.0; self.space.dim()]);
        }
        Ok(if found { embeddings } else { Vec::new() })
    }

    /// The point of a product that is in the truth, from its stored features.
    fn point(&self, store: &Store, stored: StoredProduct) -> Result<IndexPoint, EngineError> {
        let hashes = stored.product.image_hashes();
        let features = store.features_as(&hashes, &self.feature_key, self.space.sees_layers())?;
        let colours = self.colours.seen_by(&self.space, store, &hashes)?;
        let kept = hashes.iter().zip(features).zip(&colours);
        let kept = kept.map(|((hash, feature), colours)| (*hash, feature, colours.as_ref()));
        let embeddings = self.embed_kept(&stored.product.id, kept)?;
        let main = store.understandings(hashes.get(..1).unwrap_or_default(), understand::VERSION)?;
        let main = main.into_iter().next().flatten();
        let palette = main.as_ref().map(|understanding| &understanding.colours);
        Ok(IndexPoint::of(&stored.product, stored.key, embeddings).with_palette(palette))
    }
}

fn read(file: File) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(LARGEST_WORDS).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The map from words into a space that was kept in its folder. One that cannot be used is left out: words are still found by what
/// products say.
fn words_of(folder: &Path, space: &Space) -> Option<Arc<WordHead>> {
    let path = folder.join(WORDS);
    let origin = path.display().to_string();
    let bytes = match File::open(&path) {
        Ok(file) => read(file),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => Err(error),
    };
    let head = bytes.map_err(|error| error.to_string());
    let head = head.and_then(|bytes| WordHead::from_bytes(&bytes, &origin).map_err(|error| error.to_string()));
    match head {
        Ok(head) if head.space() == space.id() && head.dim() == space.dim() => Some(Arc::new(head)),
        Ok(head) => {
            tracing::error!(file = origin, of = %head.space(), "the words are of another space and are not used; train them again");
            None
        }
        Err(error) => {
            tracing::error!(file = origin, error, "the words cannot be used; train them again");
            None
        }
    }
}

/// The embedding of a feature as it is stored, so that one made now and one made again later are the same; the colours of its
/// picture count only where the space sees them.
pub(super) fn embed(
    space: &Space,
    feature: &[f16],
    colours: Option<&ColourDescriptor>,
) -> Result<Embedding, EngineError> {
    let pooled = feature.iter().map(|number| number.to_f32()).collect();
    Ok(space.embed_with(&Feature { pooled, map: None }, colours)?)
}

/// Removes the folder of an index that nobody uses any more.
pub(super) fn remove_index(store: &Store, catalogue: i64, space: &str, folder: &Path) {
    if let Err(error) = std::fs::remove_dir_all(folder)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(folder = %folder.display(), %error, "an index that is not needed any more could not be removed");
        return;
    }
    if let Err(error) = store.forget_index(catalogue, space) {
        tracing::warn!(space, %error, "an index that is gone could not be forgotten; it is tried again at the next start");
    }
}
