//! The engine: catalogue, model, index and search behind one door. Command line, HTTP and lab all go through it.

mod error;
mod import;
mod name;
mod options;

pub use error::{EngineError, ErrorKind};
pub use import::{DryRun, FeedSource, ImportRequest, ItemError, Job, JobState};
pub use name::{CatalogueName, CatalogueNameError};
pub use options::EngineOptions;

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use crate::catalogue::Product;
use crate::image::{ImageHash, Region};
use crate::model::RuntimeSearch;
use crate::search::{SearchRequest, SearchResponse};
use crate::space::{Embedding, Space};

/// Everything behind one door. Cheap to share: methods take `&self` and may be called from many threads.
#[derive(Debug)]
pub struct Engine {}

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
    /// Opens the data folder (made when it is not there) and brings every index to the state of the truth. The model is loaded
    /// when it is first needed, so that words are found without ONNX Runtime.
    ///
    /// # Errors
    /// [`EngineError::InUse`] when another process has the folder; errors of disk and database.
    pub fn open(_options: EngineOptions) -> Result<Arc<Self>, EngineError> {
        unimplemented!()
    }
    /// Looks at everything without changing anything, and without needing that [`Engine::open`] works.
    pub fn doctor(_options: &EngineOptions) -> Vec<Check> {
        unimplemented!()
    }
    /// Where ONNX Runtime's library was looked for.
    pub fn runtime(&self) -> RuntimeSearch {
        unimplemented!()
    }
    /// Makes the model ready now rather than at the first picture.
    pub fn warm_up(&self) -> Result<(), EngineError> {
        unimplemented!()
    }
    pub fn options(&self) -> &EngineOptions {
        unimplemented!()
    }
    pub fn catalogues(&self) -> Result<Vec<CatalogueInfo>, EngineError> {
        unimplemented!()
    }
    /// True when it was made, false when it was there.
    pub fn create_catalogue(&self, _name: &CatalogueName) -> Result<bool, EngineError> {
        unimplemented!()
    }
    /// Removes a catalogue with all its products. False when it was not there.
    pub fn drop_catalogue(&self, _name: &CatalogueName) -> Result<bool, EngineError> {
        unimplemented!()
    }
    pub fn product(&self, _catalogue: &CatalogueName, _id: &str) -> Result<Product, EngineError> {
        unimplemented!()
    }
    pub fn products(
        &self,
        _catalogue: &CatalogueName,
        _limit: usize,
        _offset: usize,
    ) -> Result<ProductPage, EngineError> {
        unimplemented!()
    }
    /// Writes products (catalogue made when absent); one outcome each, in order. Pictures: URLs and `data:` URIs only.
    pub fn put_products(
        &self,
        _catalogue: &CatalogueName,
        _products: Vec<Product>,
    ) -> Result<Vec<Result<Written, EngineError>>, EngineError> {
        unimplemented!()
    }
    /// False when it was not there.
    pub fn delete_product(&self, _catalogue: &CatalogueName, _id: &str) -> Result<bool, EngineError> {
        unimplemented!()
    }
    /// `parts` are the pictures that `images[].part` speaks of.
    pub fn search(
        &self,
        _catalogue: &CatalogueName,
        _request: &SearchRequest,
        _parts: &[Vec<u8>],
    ) -> Result<SearchResponse, EngineError> {
        unimplemented!()
    }
    /// Products like one, itself left out.
    pub fn similar(
        &self,
        _catalogue: &CatalogueName,
        _id: &str,
        _limit: usize,
    ) -> Result<SearchResponse, EngineError> {
        unimplemented!()
    }
    pub fn space(&self) -> &Space {
        unimplemented!()
    }
    /// The embedding of a picture, or of a region of it.
    pub fn embed(&self, _bytes: &[u8], _region: Option<&Region>) -> Result<(Embedding, EmbedTimes), EngineError> {
        unimplemented!()
    }
    /// Reads a file or fetches a URL, within the limits for pictures.
    pub fn read_picture(&self, _source: &str) -> Result<Vec<u8>, EngineError> {
        unimplemented!()
    }
    pub fn image(&self, _hash: &ImageHash) -> Result<StoredImage, EngineError> {
        unimplemented!()
    }
    /// A JPEG at most `width` pixels wide.
    pub fn thumbnail(&self, _hash: &ImageHash, _width: u32) -> Result<Vec<u8>, EngineError> {
        unimplemented!()
    }
    /// Reads a feed without writing anything.
    pub fn inspect(&self, _request: &ImportRequest) -> Result<DryRun, EngineError> {
        unimplemented!()
    }
    /// Imports in this thread; `watch` is called a few times a second with the job as it stands, and once at the end.
    pub fn import(&self, _request: ImportRequest, _watch: &(dyn Fn(&Job) + Sync)) -> Result<Job, EngineError> {
        unimplemented!()
    }
    /// Starts an import in the background.
    pub fn start_import(self: &Arc<Self>, _request: ImportRequest) -> Result<Job, EngineError> {
        unimplemented!()
    }
    /// All jobs, latest first.
    pub fn jobs(&self) -> Result<Vec<Job>, EngineError> {
        unimplemented!()
    }
    pub fn job(&self, _id: &str) -> Result<Job, EngineError> {
        unimplemented!()
    }
    pub fn job_errors(&self, _id: &str, _limit: usize, _offset: usize) -> Result<Vec<ItemError>, EngineError> {
        unimplemented!()
    }
    /// Asks a running job to stop; what it has done stays.
    pub fn cancel_job(&self, _id: &str) -> Result<Job, EngineError> {
        unimplemented!()
    }
    /// Goes on with a job that was cancelled, interrupted or failed, in the background.
    pub fn resume_job(self: &Arc<Self>, _id: &str) -> Result<Job, EngineError> {
        unimplemented!()
    }
    /// As [`Engine::resume_job`], in this thread.
    pub fn resume_job_here(&self, _id: &str, _watch: &(dyn Fn(&Job) + Sync)) -> Result<Job, EngineError> {
        unimplemented!()
    }
    /// Products, pictures and bytes by catalogue, for metrics: `(name, products, images, index bytes)`.
    pub fn folder(&self) -> &Path {
        unimplemented!()
    }
}
