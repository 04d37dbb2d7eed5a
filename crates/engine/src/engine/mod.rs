//! The engine: catalogue, model, index and search behind one door. Command line, HTTP and lab all go through it.

mod backlog;
mod calibrating;
mod catalogue;
mod colours;
mod doctor;
mod error;
mod featured;
mod finding;
mod image_files;
mod images;
mod import;
mod jobs;
mod keeper;
mod keeping;
mod labels;
mod looking;
mod model;
mod name;
mod options;
mod people;
mod picture_sources;
mod prepare;
mod snapshot;
mod space_files;
mod spaces;
mod suggesting;
#[cfg(test)]
mod tests;
mod tidying;
mod understanding;
mod vocabulary;
mod writing;

pub use error::{EngineError, ErrorKind};
pub use featured::FeaturedProduct;
pub use import::{DryRun, FeedSource, ImportRequest, ItemError, Job, JobState};
pub use name::{CatalogueName, CatalogueNameError};
pub use options::{EngineOptions, KEEP_UNUSED_DAYS};
pub use people::{Event, EventKind, PhotoInput, Question, Review, ReviewInput, ReviewProgress, Sampling, Verdict};
pub use spaces::{
    Figures, Freshness, FreshnessOptions, FusedReport, Gate, Guesses, Learned, PromoteRequest, Provenance, SpaceInfo,
    Task, TaskReport, TaskVerdict, TrainReport, TrainRequest, Trained, UnlabelledReport, WithWords, WordsReport,
};
pub use tidying::{Forgotten, Tidied};

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use parking_lot::{Mutex, RwLock};
use serde::Serialize;

use self::calibrating::Calibrations;
use self::catalogue::{Catalogue, DEFAULT_SPACE};
use self::image_files::ImageFiles;
use self::import::{Run, Stop};
use self::keeper::Keepers;
use self::model::LazyModel;
use self::snapshot::{Folders, Spoken};
use self::space_files::SpaceFiles;
use crate::catalogue::{Product, Store};
use crate::fetch::{FetchOptions, Fetcher};
use crate::model::{FeatureKey, ImageModel, RuntimeSearch, builtin_manifest, find_runtime};
use crate::space::Space;
use understanding::CaughtUp;

/// Everything behind one door. Cheap to share: methods take `&self` and may be called from many threads.
#[derive(Debug)]
pub struct Engine {
    options: EngineOptions,
    store: Store,
    files: ImageFiles,
    space_files: SpaceFiles,
    model: LazyModel,
    /// The space of the build.
    space: Arc<Space>,
    /// What features of the model are kept under.
    feature_key: FeatureKey,
    fetcher: Fetcher,
    catalogues: RwLock<BTreeMap<CatalogueName, Arc<Catalogue>>>,
    /// Held while a catalogue is made or removed.
    changing: Mutex<()>,
    /// Jobs at work, by id.
    running: Mutex<HashMap<String, Arc<Run>>>,
    /// Threads of jobs in the background.
    background: Mutex<Vec<JoinHandle<()>>>,
    /// Up to where a catalogue's pictures were looked at in this process, by the catalogue's number.
    caught_up: Mutex<HashMap<i64, CaughtUp>>,
    /// Held by whoever understands pictures of the catalogues, so that two don't do the same.
    understanding: Mutex<()>,
    labels: labels::FittedLabels,
    /// Read by whoever is about to refer to pictures that may be known already, written by whoever removes what nothing refers to.
    referring: RwLock<()>,
    closing: AtomicBool,
    /// Calibrations in force.
    calibrations: RwLock<Calibrations>,
    /// One is being fitted.
    calibrating: AtomicBool,
    keepers: Keepers,
    /// Products and pictures of catalogues, each at a revision.
    counted: Mutex<HashMap<i64, (i64, (u64, u64))>>,
    /// Locked as long as the engine lives: one process has the folder.
    _lock: fs::File,
}

/// A catalogue and its size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CatalogueInfo {
    /// Its name.
    pub name: CatalogueName,
    /// How many products it has.
    pub products: u64,
    /// How many different pictures its products have.
    pub images: u64,
}

/// A page of products in the order in which they came.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProductPage {
    /// The products.
    pub products: Vec<Product>,
    /// How many there are in the catalogue.
    pub total: u64,
}

/// What a write did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was not there before.
    Created,
    /// It was there and is another now.
    Updated,
    /// It was there and the same.
    Unchanged,
}

/// A product that was written.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Written {
    /// The product as it is now, its pictures with their hashes.
    pub product: Product,
    /// What the write did.
    pub outcome: Outcome,
    /// What was not as it should be, and was left out: pictures that cannot be read.
    pub warnings: Vec<ItemError>,
}

/// A picture that was stored, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredImage {
    /// The file.
    pub bytes: Vec<u8>,
    /// `image/jpeg`…
    pub media_type: &'static str,
}

/// Milliseconds an embedding took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct EmbedTimes {
    /// Decoding, turning, colour, cropping.
    pub decode: f64,
    /// Preprocessing, model, head.
    pub embed: f64,
}

/// One line of what `vetrina doctor` says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Check {
    /// What was looked at: `data folder`, `ONNX Runtime`…
    pub name: String,
    /// How it is.
    pub health: Health,
    /// What was found.
    pub found: String,
    /// What to do, when something is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// As it should be.
    Good,
    /// Works, but somebody should look at it.
    Warning,
    /// Does not work.
    Bad,
}

impl Engine {
    /// Opens the data folder (made when it is not there) and brings every index to the state of the truth. The model is
    /// loaded when it is first needed, so that words are found without ONNX Runtime.
    ///
    /// # Errors
    /// [`EngineError::InUse`] when another process has the folder; errors of disk and database.
    pub fn open(options: EngineOptions) -> Result<Arc<Self>, EngineError> {
        let data = options.data.clone();
        fs::create_dir_all(&data).map_err(EngineError::io("cannot make the data folder", &data))?;
        let lock = lock(&data)?;
        let store = Store::open(&data.join("vetrina.db"))?;
        let files = ImageFiles::open(&data).map_err(EngineError::io("cannot make folders in", &data))?;
        let manifest = builtin_manifest()?;
        let space = Arc::new(Space::default_for(manifest)?);
        let fetcher = Fetcher::new(FetchOptions {
            allow_private: options.allow_private_addresses,
            max_bytes: options.limits.file_bytes,
            ..FetchOptions::default()
        });
        let engine = Self {
            feature_key: FeatureKey::of(manifest),
            space_files: SpaceFiles::new(&data),
            options,
            files,
            model: LazyModel::default(),
            space,
            fetcher,
            catalogues: RwLock::default(),
            changing: Mutex::new(()),
            running: Mutex::default(),
            background: Mutex::default(),
            caught_up: Mutex::default(),
            understanding: Mutex::default(),
            labels: labels::FittedLabels::default(),
            referring: RwLock::default(),
            closing: AtomicBool::new(false),
            calibrations: RwLock::default(),
            calibrating: AtomicBool::new(false),
            keepers: Keepers::default(),
            counted: Mutex::default(),
            _lock: lock,
            store,
        };
        engine.forget_the_dead()?;
        for row in engine.store.catalogues()? {
            let catalogue = engine.open_catalogue(&row)?;
            engine.catalogues.write().insert(catalogue.name.clone(), Arc::new(catalogue));
        }
        let engine = Arc::new(engine);
        engine.keepers.start(&engine);
        Ok(engine)
    }

    /// Stops running jobs so that they can be resumed, and brings every index to disk. Reads still work afterwards. Who opens the folder again
    /// in the same process closes it first: threads in the background hold an engine that is only dropped for a moment.
    pub fn close(&self) {
        self.closing.store(true, Ordering::Release);
        for run in self.running.lock().values() {
            run.ask(Stop::Interrupt);
        }
        let background = std::mem::take(&mut *self.background.lock());
        for job in background {
            // The last to let go of the engine may be such a thread itself. A job that panicked has said so on its way.
            if job.thread().id() != std::thread::current().id() {
                let _ = job.join();
            }
        }
        self.keepers.stop();
        for catalogue in self.open_catalogues() {
            for snapshot in catalogue.snapshots() {
                if snapshot.closes_unsettled()
                    && let Err(error) = catalogue.settle_for_good(&self.store, &snapshot)
                {
                    tracing::error!(catalogue = %catalogue.name, %error, "the index could not be brought to disk; it catches up at the next start");
                }
            }
            catalogue.let_go(&self.store);
        }
    }

    /// What it was opened with.
    #[must_use]
    pub fn options(&self) -> &EngineOptions {
        &self.options
    }

    /// The space of the build, which every catalogue begins with. A catalogue's own is [`Engine::active_space`].
    #[must_use]
    pub fn space(&self) -> &Space {
        &self.space
    }

    /// The space that a catalogue is searched in now.
    ///
    /// # Errors
    /// [`EngineError::NoSuchCatalogue`].
    pub fn active_space(&self, catalogue: &CatalogueName) -> Result<Arc<Space>, EngineError> {
        Ok(Arc::clone(&self.catalogue(catalogue)?.snapshot().space))
    }

    /// Where ONNX Runtime's library was looked for.
    #[must_use]
    pub fn runtime(&self) -> RuntimeSearch {
        find_runtime(self.options.onnxruntime.as_deref())
    }

    /// Makes the model ready now rather than at the first picture.
    ///
    /// # Errors
    /// When ONNX Runtime is missing or refuses the model.
    pub fn warm_up(&self) -> Result<(), EngineError> {
        self.model().map(drop)
    }

    /// All catalogues with their sizes, by name.
    ///
    /// # Errors
    /// When the store fails.
    pub fn catalogues(&self) -> Result<Vec<CatalogueInfo>, EngineError> {
        self.open_catalogues()
            .into_iter()
            .map(|catalogue| {
                let (products, images) = self.sizes(catalogue.key)?;
                Ok(CatalogueInfo { name: catalogue.name.clone(), products, images })
            })
            .collect()
    }

    /// Whether there is no catalogue at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.catalogues.read().is_empty()
    }

    /// How many products and different pictures a catalogue has. Counting a million takes seconds, so it is done once for each
    /// state of the catalogue.
    fn sizes(&self, catalogue: i64) -> Result<(u64, u64), EngineError> {
        let revision = self.store.revision(catalogue)?;
        if let Some((of, sizes)) = self.counted.lock().get(&catalogue)
            && *of == revision
        {
            return Ok(*sizes);
        }
        let sizes = self.store.sizes(catalogue)?;
        self.counted.lock().insert(catalogue, (revision, sizes));
        Ok(sizes)
    }

    /// Makes a catalogue; false when it was there.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn create_catalogue(&self, name: &CatalogueName) -> Result<bool, EngineError> {
        let there = self.catalogues.read().contains_key(name);
        self.catalogue_or_new(name)?;
        Ok(!there)
    }

    /// Removes a catalogue with all its products; false when it was not there. Pictures stay on disk, other catalogues may
    /// show them.
    ///
    /// # Errors
    /// [`EngineError::Busy`] while an import into it runs; when the disk refuses.
    pub fn drop_catalogue(&self, name: &CatalogueName) -> Result<bool, EngineError> {
        let _changing = self.changing.lock();
        if let Some(run) = self.running.lock().values().find(|run| run.job().catalogue == *name) {
            return Err(EngineError::Busy { id: run.job().id, catalogue: name.to_string() });
        }
        let Some(catalogue) = self.catalogues.write().remove(name) else { return Ok(false) };
        self.store.drop_catalogue(catalogue.key)?;
        let folders = catalogue.folders.clone();
        // The index closes with its last user; one whose folder is gone cannot be flushed.
        drop(catalogue);
        for folder in [folders.index, folders.spaces] {
            if let Err(error) = fs::remove_dir_all(&folder)
                && error.kind() != std::io::ErrorKind::NotFound
            {
                tracing::warn!(folder = %folder.display(), %error, "a folder of a removed catalogue could not be removed");
            }
        }
        Ok(true)
    }

    fn model(&self) -> Result<Arc<dyn ImageModel>, EngineError> {
        self.model.get(&self.options)
    }

    fn threads(&self) -> usize {
        threads(&self.options)
    }

    fn closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    fn catalogue(&self, name: &CatalogueName) -> Result<Arc<Catalogue>, EngineError> {
        self.catalogues.read().get(name).cloned().ok_or_else(|| EngineError::NoSuchCatalogue { name: name.to_string() })
    }

    fn catalogue_or_new(&self, name: &CatalogueName) -> Result<Arc<Catalogue>, EngineError> {
        if let Ok(catalogue) = self.catalogue(name) {
            return Ok(catalogue);
        }
        let _changing = self.changing.lock();
        if let Ok(catalogue) = self.catalogue(name) {
            return Ok(catalogue);
        }
        let (row, _) = self.store.create_catalogue(name.as_str())?;
        let catalogue = Arc::new(self.open_catalogue(&row)?);
        self.catalogues.write().insert(name.clone(), Arc::clone(&catalogue));
        Ok(catalogue)
    }

    fn open_catalogue(&self, row: &crate::catalogue::store::CatalogueRow) -> Result<Catalogue, EngineError> {
        let folders = Folders {
            index: self.options.data.join("index").join(row.key.to_string()),
            spaces: self.space_files.folder(row.key),
            colours: self.colours(),
        };
        let spaces = self.spaces_to_open(row);
        let spoken = Spoken { language: self.options.language.clone(), synonyms: self.options.synonyms.clone() };
        Catalogue::open(&self.store, row, spaces, folders, &self.feature_key, spoken)
    }

    /// The active and the previous space of a catalogue. A head that cannot be used must not close the shop: the one before
    /// takes its place, or the one of the build; the store is left as it is, so that a head that is restored is used again.
    fn spaces_to_open(&self, row: &crate::catalogue::store::CatalogueRow) -> (Arc<Space>, Option<Arc<Space>>) {
        let mut usable = [Some(row.active.as_str()), row.previous.as_deref(), Some(DEFAULT_SPACE)]
            .into_iter()
            .flatten()
            .filter_map(|id| {
                let loaded = self.load_space(row.key, id);
                loaded.inspect_err(|error| {
                    tracing::error!(catalogue = row.name, space = id, %error, "a space cannot be used; another takes its place");
                })
                .ok()
            });
        let active = usable.next().unwrap_or_else(|| Arc::clone(&self.space));
        let previous = row.previous.as_ref().and_then(|_| usable.find(|space| space.id() != active.id()));
        (active, previous)
    }

    /// A space of a catalogue as the store calls it.
    fn load_space(&self, catalogue: i64, id: &str) -> Result<Arc<Space>, EngineError> {
        if id == DEFAULT_SPACE || id == self.space.id().to_string() {
            return Ok(Arc::clone(&self.space));
        }
        Ok(Arc::new(self.space_files.load(catalogue, id, builtin_manifest()?)?))
    }

    /// What the store calls a space.
    fn stored_as(&self, space: &Space) -> String {
        if space.id() == self.space.id() { DEFAULT_SPACE.to_owned() } else { space.id().to_string() }
    }

    fn open_catalogues(&self) -> Vec<Arc<Catalogue>> {
        self.catalogues.read().values().cloned().collect()
    }

    /// Whether an import into a catalogue runs.
    fn imports_into(&self, name: &CatalogueName) -> bool {
        self.running.lock().values().map(|run| run.job()).any(|job| job.catalogue == *name && job.kind == jobs::IMPORT)
    }

    /// Jobs that are said to run in a folder nobody had open were interrupted; what jobs kept that nobody can resume is removed.
    fn forget_the_dead(&self) -> Result<(), EngineError> {
        let jobs: Vec<(String, Job)> = self.store.read(|sql| {
            sql.prepare("SELECT id, job FROM jobs WHERE state = 'running'")?
                .query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))?
                .filter_map(|row| row.map(|(id, job)| serde_json::from_str(&job).ok().map(|job| (id, job))).transpose())
                .collect()
        })?;
        for (id, mut job) in jobs {
            job.state = JobState::Interrupted;
            let text = serde_json::to_string(&job).unwrap_or_default();
            self.store.write(|sql| {
                sql.execute("UPDATE jobs SET state = 'interrupted', job = ?2 WHERE id = ?1", [&id, &text]).map(drop)
            })?;
        }
        self.sweep_jobs()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.close();
    }
}

/// Threads that import and embed.
fn threads(options: &EngineOptions) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from).min(4);
    options.threads.unwrap_or(cores).max(1)
}

/// Takes the data folder for this process.
fn lock(data: &std::path::Path) -> Result<fs::File, EngineError> {
    let path = data.join("lock");
    let file = fs::OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(EngineError::io("cannot write", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(EngineError::InUse { path: data.to_owned() }),
        Err(fs::TryLockError::Error(error)) => Err(EngineError::Io { doing: "cannot lock", path, error }),
    }
}
