//! Imports, jobs and their ledgers.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// One item of a feed that could not be used, or not wholly.
#[derive(Serialize, ToSchema)]
pub struct ItemError {
    /// Line of the feed, from 1; 0 where there is none.
    line: u64,
    /// The product, as far as it is known.
    id: Option<String>,
    /// The field at fault, or the picture's source.
    field: Option<String>,
    /// Kebab-case name.
    code: String,
    /// What happened.
    reason: String,
    /// What to do.
    hint: String,
    /// Whether the product was imported all the same.
    warning: bool,
}

/// How a job stands.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// At work.
    Running,
    /// Done; some items may have failed.
    Done,
    /// Ended by an error that was not an item's.
    Failed,
    /// Ended by a person.
    Cancelled,
    /// The process ended while it ran; it can be resumed.
    Interrupted,
}

/// A job.
#[derive(Serialize, ToSchema)]
pub struct Job {
    /// Its id.
    id: String,
    /// `import`, `train`, `promote`.
    kind: String,
    /// Catalogue it works on.
    catalogue: String,
    /// The feed's name.
    name: String,
    /// How it stands.
    state: JobState,
    /// Dialect of the feed, once recognised.
    dialect: Option<String>,
    /// Items in all, once known.
    total: Option<u64>,
    /// Items that were handled.
    done: u64,
    /// New products.
    created: u64,
    /// Changed products.
    updated: u64,
    /// Products that were as they are.
    skipped: u64,
    /// Items that could not be imported.
    failed: u64,
    /// Items that were imported, but not wholly.
    warnings: u64,
    /// Products that were removed because the feed no longer has them.
    removed: u64,
    /// Pictures that were embedded.
    embedded: u64,
    /// Items a second, lately.
    per_second: Option<f64>,
    /// Seconds until the end, as far as can be told.
    seconds_left: Option<f64>,
    /// Why it failed; else empty.
    message: String,
    /// What a job on spaces is at, in words.
    doing: Option<String>,
    /// What a job on spaces brought: of a training `space` and `report`.
    result: Option<Value>,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it ended.
    #[schema(format = DateTime)]
    finished_at: Option<String>,
}

/// All jobs, latest first.
#[derive(Serialize, ToSchema)]
pub struct Jobs {
    /// The jobs.
    jobs: Vec<Job>,
}

/// A job that was started.
#[derive(Serialize, ToSchema)]
pub struct StartedJob {
    /// The job.
    job: Job,
}

/// A part of a job's ledger.
#[derive(Serialize, ToSchema)]
pub struct Ledger {
    /// The items.
    errors: Vec<ItemError>,
    /// How many the whole ledger has.
    total: u64,
}

/// A feed by its address.
#[derive(Serialize, ToSchema)]
pub struct FeedAddress {
    /// Where it is.
    #[schema(example = "https://shop.example/feed.csv")]
    url: String,
}

/// What a feed would bring.
#[derive(Serialize, ToSchema)]
pub struct DryRun {
    /// Recognised or given dialect.
    dialect: String,
    /// Products that would be imported.
    products: u64,
    /// Of them, those that the catalogue does not have yet.
    new_products: u64,
    /// Pictures they name.
    images: u64,
    /// Different pictures among them.
    distinct_images: u64,
    /// Of those, the ones that were never looked at: they have to be read and embedded.
    new_images: u64,
    /// Columns or fields that are used.
    fields: Vec<String>,
    /// Columns that are not used.
    unknown_columns: Vec<String>,
    /// The first problems, 100 at most.
    problems: Vec<ItemError>,
    /// How many problems there are in all.
    problem_count: u64,
    /// Rows that would be refused.
    rejected: u64,
    /// Roughly how long it would take.
    seconds: f64,
    /// Roughly what it would need on disk.
    disk_bytes: u64,
    /// Roughly what it would need in memory.
    memory_bytes: u64,
    /// Whether disk and memory are there.
    fits: bool,
    /// When it does not fit: why, and what to do.
    why: String,
}
