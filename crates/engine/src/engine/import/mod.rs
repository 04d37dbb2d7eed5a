//! Imports: what is asked for, how a job stands, what went wrong with which item.

mod doubts;
mod ready;
mod room;
mod run;
mod survey;

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::CatalogueName;

pub(super) use ready::{ReadyFeed, extension};
pub(super) use room::disk_free;
pub(super) use run::{Import, Run, Stop, Vanished};

/// Where a feed comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeedSource {
    /// A file or a folder of pictures on this machine; its pictures may be files too.
    File(PathBuf),
    /// Fetched first. Its pictures must be remote or `data:`.
    Url(String),
    /// Sent by a client; its pictures must be remote or `data:`. The engine keeps a copy for the job.
    Upload {
        /// The file's name, for recognition and people; may be empty.
        name: String,
        /// The file, which the engine moves into its own folder.
        file: PathBuf,
    },
}

/// What to import, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportRequest {
    /// Into which catalogue; made when absent.
    pub catalogue: CatalogueName,
    /// The feed.
    pub feed: FeedSource,
    /// Name of a dialect (`crate::catalogue::feeds::Dialect`), or `auto`.
    pub dialect: String,
    /// Folder, or zip, where relative pictures are looked for first.
    pub images: Option<PathBuf>,
    /// Whether products of the catalogue that the feed does not have are removed.
    pub sync: bool,
    /// Whether they are removed even when the feed breaks off, is empty, or has nothing of what the catalogue has.
    #[serde(default)]
    pub force: bool,
    /// ISO 4217 code of prices that name none; `None` takes the settings'.
    #[serde(default)]
    pub currency: Option<String>,
}

impl ImportRequest {
    /// An import of a file of this machine with everything else as usual.
    #[must_use]
    pub fn of_file(catalogue: CatalogueName, feed: impl Into<PathBuf>) -> Self {
        let feed = FeedSource::File(feed.into());
        Self { catalogue, feed, dialect: "auto".into(), images: None, sync: false, force: false, currency: None }
    }
}

/// How a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
    /// The process ended while it ran. It can be resumed.
    Interrupted,
}

/// A job, as people and programs see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Its id.
    pub id: String,
    /// What kind of work it is: `import`, `train`, `promote`.
    pub kind: String,
    /// Catalogue it works on.
    pub catalogue: CatalogueName,
    /// What it works on, for people: the feed's name.
    pub name: String,
    /// How it stands.
    pub state: JobState,
    /// Dialect of the feed, once recognised.
    pub dialect: Option<String>,
    /// Items in all, once known.
    pub total: Option<u64>,
    /// Items that were handled: `created + updated + unchanged + failed`.
    pub done: u64,
    /// New products.
    pub created: u64,
    /// Changed products.
    pub updated: u64,
    /// Products that were as they are.
    pub skipped: u64,
    /// Items that could not be imported; the ledger says which and why.
    pub failed: u64,
    /// Items of the ledger that are warnings: the product was imported, a part of it (a picture) was not.
    pub warnings: u64,
    /// Products that were removed because the feed no longer has them.
    pub removed: u64,
    /// Pictures that were embedded.
    pub embedded: u64,
    /// Items a second, lately.
    pub per_second: Option<f64>,
    /// Seconds until the end, as far as can be told.
    pub seconds_left: Option<f64>,
    /// Why it failed, in words; else empty.
    pub message: String,
    /// What a job on spaces is at, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doing: Option<String>,
    /// What a job on spaces brought: of a training the space and its report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<serde_json::Value>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
}

/// One item of a feed that could not be used, or not wholly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemError {
    /// 1-based line of the feed where the item begins; 0 where there is none.
    pub line: u64,
    /// The product's id, as far as it is known.
    pub id: Option<String>,
    /// The field at fault, or the picture's source.
    pub field: Option<String>,
    /// Kebab-case name of the problem.
    pub code: String,
    /// What happened.
    pub reason: String,
    /// What to do.
    pub hint: String,
    /// Whether the product was imported all the same.
    pub warning: bool,
}

/// What a feed would bring.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DryRun {
    /// Recognised or given dialect.
    pub dialect: String,
    /// Products that would be imported.
    pub products: u64,
    /// Of them, those that the catalogue does not have yet.
    pub new_products: u64,
    /// Pictures they name.
    pub images: u64,
    /// Different pictures among them.
    pub distinct_images: u64,
    /// Of those, the ones that were never looked at: they have to be read and embedded.
    pub new_images: u64,
    /// Columns or fields that are used.
    pub fields: Vec<String>,
    /// Columns that are not used.
    pub unknown_columns: Vec<String>,
    /// The first problems, 100 at most.
    pub problems: Vec<ItemError>,
    /// How many problems there are in all.
    pub problem_count: u64,
    /// Rows that would be refused.
    pub rejected: u64,
    /// Roughly how long it would take, seconds.
    pub seconds: f64,
    /// Roughly what it would need on disk.
    pub disk_bytes: u64,
    /// Roughly what it would need in memory at its height, the whole process.
    pub memory_bytes: u64,
    /// Whether disk and memory are there.
    pub fits: bool,
    /// When it does not fit: why, and what to do.
    pub why: String,
}

impl FeedSource {
    /// What people call it.
    #[must_use]
    pub fn name(&self) -> String {
        let of_path = |path: &std::path::Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
        match self {
            Self::File(path) => of_path(path).unwrap_or_else(|| path.display().to_string()),
            Self::Url(url) => url.split(['?', '#']).next().unwrap_or(url).to_owned(),
            Self::Upload { name, .. } if name.is_empty() => "upload".to_owned(),
            Self::Upload { name, .. } => name.chars().take(200).collect(),
        }
    }
}

impl JobState {
    /// The word for it, as in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
        }
    }
}
