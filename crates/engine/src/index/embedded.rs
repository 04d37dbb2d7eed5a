//! The index in this process: opening and writing. Reading is in `reads`, what survives a crash in `durable`.

use std::collections::HashMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use parking_lot::{Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};
use qdrant_edge::{
    Condition, CreateIndex, EdgeShard, FieldIndexOperations, Filter, HasVectorCondition, JsonPath, OperationResult,
    Payload, PayloadFieldSchema, PointId, PointInsertOperations, PointOperations, PointStructPersisted,
    UpdateOperation, VectorPersisted, VectorStructPersisted,
};
use serde_json::{Map, Value};

use super::columns::{self, KeptWords};
use super::durable::{self, Soundness};
use super::fields::Column;
use super::journal::Journal;
use super::lexicon::Lexicon;
use super::postings::{self, Postings, stored};
use super::settings::{config, schema};
use super::sketch::{Sketch, Sketcher, Sought};
use super::synonyms::Compiled;
use super::table::Table;
use super::wording::{Speaker, Wording, has_compounds};
use super::words::{Analyser, Term};
use super::{IndexError, IndexInfo, IndexOptions, IndexPoint, State};

/// Name of the vectors of a product's images.
pub(super) const PICTURE: &str = "picture";
/// Points per write: bounds the size of one log entry and the time writers hold each other up.
pub(super) const BATCH: usize = 256;
/// Products whose payload is read at once when an index opens.
const PAGE: usize = 10_000;

/// The index of one catalogue, in this process.
#[derive(Debug)]
pub struct Embedded {
    pub(super) dir: PathBuf,
    options: IndexOptions,
    analyser: Analyser,
    sketcher: Sketcher,
    synonyms: Compiled,
    lexicon: RwLock<Lexicon>,
    /// Always there until `drop`.
    shard: Option<EdgeShard>,
    pub(super) writer: Mutex<Writer>,
    pub(super) optimiser: Mutex<()>,
    table: RwLock<Table>,
    pub(super) postings: RwLock<Postings>,
    /// Only one at a time moves lists from memory to the disk.
    spilling: Mutex<()>,
    /// The revision that the file of the columns is good for, where there is one.
    pub(super) columns_kept: Mutex<Option<i64>>,
    /// The words beside them, until they are read.
    pub(super) kept_words: Mutex<Option<KeptWords>>,
}

/// What only one writer at a time may touch.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) journal: Journal,
    pub(super) soundness: Soundness,
}

impl Embedded {
    /// See [`super::Index::open`].
    pub(super) fn open(dir: &Path, options: &IndexOptions) -> Result<(Self, State), IndexError> {
        let analyser = Analyser::new(&options.language)?;
        fs::create_dir_all(dir).map_err(IndexError::io("cannot create", dir))?;
        let shard_dir = dir.join("shard");
        let (journal, shard, state) = match Self::load(dir, options) {
            Ok(Some((journal, shard))) => (journal, shard, State::Loaded),
            Ok(None) => {
                let (journal, shard) = Self::create(dir, options)?;
                (journal, shard, State::Fresh)
            }
            Err(LoadError::Damaged(reason)) => {
                tracing::warn!(dir = %dir.display(), reason, "the index is damaged and will be filled again");
                let (journal, shard) = Self::create(dir, options)?;
                (journal, shard, State::Damaged { reason })
            }
            Err(LoadError::Other(error)) => return Err(error),
        };
        let interrupted = journal.optimising().is_some();
        let options = IndexOptions { tuning: journal.tuning(options.tuning), ..options.clone() };
        let index = Self {
            dir: dir.to_owned(),
            synonyms: Compiled::new(&options.synonyms, &analyser),
            lexicon: RwLock::new(Lexicon::new(has_compounds(&options.language))),
            analyser,
            sketcher: Sketcher::new(options.dims),
            options,
            shard: Some(shard),
            writer: Mutex::new(Writer { journal, soundness: Soundness::Sound }),
            optimiser: Mutex::new(()),
            table: RwLock::default(),
            postings: RwLock::default(),
            spilling: Mutex::new(()),
            columns_kept: Mutex::default(),
            kept_words: Mutex::default(),
        };
        index.align_indexes(interrupted)?;
        match columns::read(dir) {
            Some(kept) => {
                *index.table.write() = kept.table;
                *index.postings.write() = Postings::of(kept.postings);
                *index.columns_kept.lock() = Some(kept.revision);
                *index.kept_words.lock() = Some(kept.words);
            }
            None => index.fill_table()?,
        }
        if interrupted || !index.has_each_once()? {
            index.writer.lock().soundness = Soundness::Doubtful;
        }
        tracing::debug!(dir = %shard_dir.display(), ?state, "index open");
        Ok((index, state))
    }

    fn load(dir: &Path, options: &IndexOptions) -> Result<Option<(Journal, EdgeShard)>, LoadError> {
        let shard_dir = dir.join("shard");
        let Some(mut journal) = Journal::read(dir, options).map_err(LoadError::Damaged)? else {
            return if shard_dir.exists() {
                Err(LoadError::Damaged("its marker file is missing".to_owned()))
            } else {
                Ok(None)
            };
        };
        // Another process would have its log taken away, so ask first. The lock is advisory and the engine's own.
        in_use(&shard_dir.join("wal"))?;
        if let Some(before) = journal.optimising() {
            durable::take_back(&shard_dir, before).map_err(LoadError::Other)?;
        }
        journal.restart_log(&shard_dir.join("wal")).map_err(LoadError::Other)?;
        let damaged = |error: IndexError| LoadError::Damaged(error.to_string());
        let config = config(options.dims, journal.tuning(options.tuning));
        let shard = guard("opening", || EdgeShard::load(&shard_dir, Some(config))).map_err(damaged)?;
        // A first read touches what loading does not.
        guard("opening", || shard.count(qdrant_edge::CountRequest { filter: None, exact: true })).map_err(damaged)?;
        Ok(Some((journal, shard)))
    }

    fn create(dir: &Path, options: &IndexOptions) -> Result<(Journal, EdgeShard), IndexError> {
        let shard_dir = dir.join("shard");
        if shard_dir.exists() {
            fs::remove_dir_all(&shard_dir).map_err(IndexError::io("cannot remove", &shard_dir))?;
        }
        columns::remove(dir)?;
        fs::create_dir_all(&shard_dir).map_err(IndexError::io("cannot create", &shard_dir))?;
        let mut journal = Journal::create(dir, options)?;
        journal.restart_log(&shard_dir.join("wal"))?;
        let shard = guard("being created", || EdgeShard::new(&shard_dir, config(options.dims, options.tuning)))?;
        Ok((journal, shard))
    }

    /// The shard; an error only after a failed close, which nothing can observe.
    pub(super) fn shard(&self) -> Result<&EdgeShard, IndexError> {
        self.shard.as_ref().ok_or(IndexError::Engine { doing: "reading", reason: "it is closed".to_owned() })
    }

    pub(super) fn shard_dir(&self) -> PathBuf {
        self.dir.join("shard")
    }

    pub(super) fn options(&self) -> &IndexOptions {
        &self.options
    }

    pub(super) fn analyser(&self) -> &Analyser {
        &self.analyser
    }

    /// See [`super::Index::upsert`].
    pub(super) fn upsert(&self, points: &[IndexPoint]) -> Result<(), IndexError> {
        for point in points {
            for vector in &point.vectors {
                check_vector(vector, self.options.dims, || format!("product number {}", point.key))?;
            }
        }
        for batch in points.chunks(BATCH) {
            let mut said = Vec::with_capacity(batch.len());
            let mut list = Vec::with_capacity(batch.len());
            let mut terms = Vec::with_capacity(batch.len());
            let mut sketches = Vec::with_capacity(batch.len());
            for point in batch {
                let analysed = self.analyser.document(&point.words);
                let steps = |(term, value)| (term, postings::steps(value));
                let product: Vec<(Term, u16)> = analysed.terms.into_iter().map(steps).collect();
                said.push((point, analysed.words));
                list.push(persisted(point, &product));
                terms.push(product);
                sketches.push(self.sketches(&point.vectors));
            }
            self.write(UpdateOperation::PointOperation(PointOperations::UpsertPoints(
                PointInsertOperations::PointsList(list),
            )))?;
            let mut table = self.table.write();
            let mut postings = self.postings.write();
            for ((point, terms), sketches) in batch.iter().zip(&terms).zip(&sketches) {
                note(&mut table, &mut postings, (point.key, sketches, &point.payload), terms);
            }
            drop(postings);
            drop(table);
            postings::spill(&self.postings, &self.spilling, &self.dir);
            let mut lexicon = self.lexicon.write();
            for (point, words) in said {
                lexicon.put(point, words);
            }
        }
        Ok(())
    }

    /// See [`super::Index::learn_words`].
    pub(super) fn learn_words(&self, points: &[IndexPoint]) {
        for batch in points.chunks(BATCH) {
            let unknown: Vec<&IndexPoint> = {
                let lexicon = self.lexicon.read();
                batch.iter().filter(|point| !lexicon.has(point.key)).collect()
            };
            let said: Vec<_> =
                unknown.into_iter().map(|point| (point, self.analyser.document(&point.words).words)).collect();
            let mut lexicon = self.lexicon.write();
            for (point, words) in said {
                lexicon.put(point, words);
            }
        }
    }

    /// See [`super::Index::lexicon`].
    pub(super) fn lexicon(&self) -> RwLockReadGuard<'_, Lexicon> {
        self.lexicon.read()
    }

    /// The lexicon, to be replaced.
    pub(super) fn lexicon_mut(&self) -> RwLockWriteGuard<'_, Lexicon> {
        self.lexicon.write()
    }

    /// See [`super::Index::wording`].
    pub(super) fn wording(&self, text: &str) -> Wording {
        let lexicon = self.lexicon.read();
        let speaker = Speaker {
            analyser: &self.analyser,
            lexicon: &lexicon,
            synonyms: &self.synonyms,
            compounds: has_compounds(&self.options.language),
        };
        speaker.word(text)
    }

    /// See [`super::Index::delete`].
    pub(super) fn delete(&self, keys: &[u64]) -> Result<(), IndexError> {
        for batch in keys.chunks(BATCH * 16) {
            let ids = batch.iter().map(|key| PointId::NumId(*key)).collect();
            self.write(UpdateOperation::PointOperation(PointOperations::DeletePoints { ids }))?;
            let mut table = self.table.write();
            let mut postings = self.postings.write();
            for key in batch {
                if let Some(row) = table.row(*key) {
                    postings.remove(row);
                    table.remove(*key);
                }
            }
            drop(postings);
            drop(table);
            let mut lexicon = self.lexicon.write();
            batch.iter().for_each(|key| lexicon.remove(*key));
        }
        Ok(())
    }

    /// See [`super::Index::clear`].
    pub(super) fn clear(&self) -> Result<(), IndexError> {
        self.forget_columns()?;
        self.write(UpdateOperation::PointOperation(PointOperations::DeletePointsByFilter(Filter::default())))?;
        {
            let mut table = self.table.write();
            self.postings.write().clear();
            *table = Table::default();
        }
        self.lexicon.write().clear();
        Ok(())
    }

    /// See [`super::Index::seek`].
    pub(super) fn seek(&self, query: &[Vec<f32>]) -> Result<Sought, IndexError> {
        self.check_query(query)?;
        Ok(self.sketcher.seek(query))
    }

    /// Checks the vectors of a query before they reach the engine.
    pub(super) fn check_query(&self, query: &[Vec<f32>]) -> Result<(), IndexError> {
        query.iter().try_for_each(|vector| check_vector(vector, self.options.dims, || "the query".to_owned()))
    }

    fn sketches(&self, vectors: &[Vec<f32>]) -> Vec<Sketch> {
        vectors.iter().map(|vector| self.sketcher.sketch(vector)).collect()
    }

    /// See [`super::Index::table`].
    pub(super) fn table(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read()
    }

    /// Reads the payload and the pictures of every product into the table and the lists of words. About 50 s for a million products.
    pub(super) fn fill_table(&self) -> Result<(), IndexError> {
        let mut table = self.table.write();
        self.postings.write().clear();
        *table = Table::default();
        let mut from = None;
        loop {
            let (page, next) = self.payloads(from, PAGE)?;
            let mut postings = self.postings.write();
            for (key, vectors, payload) in &page {
                let terms = stored::read(payload);
                if terms.is_none() {
                    tracing::error!(dir = %self.dir.display(), key, "the words of a product cannot be read; import it again");
                }
                let sketches = self.sketches(vectors);
                note(&mut table, &mut postings, (*key, &sketches, payload), &terms.unwrap_or_default());
            }
            drop(postings);
            postings::spill(&self.postings, &self.spilling, &self.dir);
            match next {
                Some(next) => from = Some(next),
                None => return Ok(()),
            }
        }
    }

    /// See [`super::Index::info`].
    pub(super) fn info(&self) -> IndexInfo {
        let shard_dir = self.shard_dir();
        let info = self.shard.as_ref().map(EdgeShard::info);
        let points = self.count(None, true).unwrap_or_default();
        IndexInfo {
            points,
            indexed: info.as_ref().map_or(0, |info| info.indexed_vectors_count),
            segments: info.as_ref().map_or(0, |info| info.segments_count),
            log_bytes: disk_bytes(&shard_dir.join("wal")),
            disk_bytes: disk_bytes(&self.dir),
        }
    }

    /// See [`super::Index::attributes`].
    pub(super) fn attributes(&self) -> Vec<String> {
        self.table.read().attributes()
    }

    /// Sees to it that the engine has an index of what is looked up and no other: earlier versions had more. `partly` says that some
    /// parts may lack one that others have.
    fn align_indexes(&self, partly: bool) -> Result<(), IndexError> {
        let of = |operation| self.write(UpdateOperation::FieldIndexOperation(operation));
        let mut missing: Vec<JsonPath> =
            Column::LOOKED_UP.iter().filter_map(|column| column.to_string().parse().ok()).collect();
        for (path, info) in self.shard()?.info().payload_schema {
            if !missing.contains(&path) || info.params != Some(schema()) {
                of(FieldIndexOperations::DeleteIndex(path))?;
            } else if !partly {
                missing.retain(|wanted| *wanted != path);
            }
        }
        for field_name in missing {
            let field_schema = Some(PayloadFieldSchema::FieldParams(schema()));
            of(FieldIndexOperations::CreateIndex(CreateIndex { field_name, field_schema }))?;
        }
        Ok(())
    }

    fn write(&self, operation: UpdateOperation) -> Result<(), IndexError> {
        let mut writer = self.writer.lock();
        let shard = self.shard()?;
        writer.journal.advance()?;
        guard("being written", || shard.update(operation))
    }
}

/// Notes a product, by key, pictures and payload, and what it says; what was known of its key before is forgotten.
fn note(
    table: &mut Table,
    postings: &mut Postings,
    (key, pictures, payload): (u64, &[Sketch], &Map<String, Value>),
    terms: &[(Term, u16)],
) {
    if let Some(row) = table.row(key) {
        postings.remove(row);
    }
    postings.put(table.put(key, pictures, payload), terms);
}

fn persisted(point: &IndexPoint, terms: &[(Term, u16)]) -> PointStructPersisted {
    let mut vectors = HashMap::with_capacity(1);
    if !point.vectors.is_empty() {
        vectors.insert(PICTURE.into(), VectorPersisted::MultiDense(point.vectors.clone()));
    }
    let mut payload = point.payload.clone();
    payload.insert(stored::KEY.to_owned(), stored::write(terms).into());
    PointStructPersisted {
        id: PointId::NumId(point.key),
        vector: VectorStructPersisted::Named(vectors),
        payload: Some(Payload(payload)),
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        let shard = self.shard.take();
        // The engine flushes on drop and panics when it cannot (a full disk); a panic here must not take the process down.
        if let Err(error) = guard("being closed", || Ok(drop(shard))) {
            tracing::error!(dir = %self.dir.display(), %error, "the index could not be closed cleanly");
        }
    }
}

enum LoadError {
    Damaged(String),
    Other(IndexError),
}

/// Runs a call into the engine; its errors and panics become ours. Damaged files make it panic, not only return errors.
pub(super) fn guard<T>(doing: &'static str, call: impl FnOnce() -> OperationResult<T>) -> Result<T, IndexError> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(IndexError::Engine { doing, reason: error.to_string() }),
        Err(panic) => {
            let reason = panic
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
                .unwrap_or_else(|| "it panicked without a message".to_owned());
            Err(IndexError::Engine { doing, reason })
        }
    }
}

/// Checks a vector before it reaches the engine. `item` names it in the error.
fn check_vector(vector: &[f32], dims: usize, item: impl Fn() -> String) -> Result<(), IndexError> {
    if vector.len() != dims {
        return Err(IndexError::Dimensions { item: item(), expected: dims, found: vector.len() });
    }
    if !vector.iter().all(|number| number.is_finite()) {
        return Err(IndexError::NotFinite { item: item() });
    }
    Ok(())
}

/// See [`super::Index::has_picture`].
pub(super) fn has_picture() -> Condition {
    Condition::HasVector(HasVectorCondition { has_vector: PICTURE.into() })
}

/// Fails when another process has the log locked, as the engine does while it is open.
fn in_use(log: &Path) -> Result<(), LoadError> {
    let Ok(file) = fs::File::open(log) else { return Ok(()) };
    match file.try_lock() {
        Err(fs::TryLockError::WouldBlock) => Err(LoadError::Other(IndexError::InUse { path: log.to_owned() })),
        Ok(()) | Err(fs::TryLockError::Error(_)) => Ok(()),
    }
}

fn disk_bytes(dir: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(dir) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => disk_bytes(&entry.path()),
            Ok(metadata) => allocated(&metadata),
            Err(_) => 0,
        })
        .sum()
}

#[cfg(unix)]
fn allocated(metadata: &fs::Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    metadata.blocks() * 512
}

#[cfg(not(unix))]
fn allocated(metadata: &fs::Metadata) -> u64 {
    metadata.len()
}
