//! Everything that can go wrong at the engine's door.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{CatalogueNameError, ItemError};
use crate::catalogue::StoreError;
use crate::catalogue::feeds::FeedError;
use crate::fetch::{FetchError, SourceError};
use crate::image::{ImageHash, PictureError};
use crate::index::IndexError;
use crate::model::ModelError;
use crate::search::SearchError;
use crate::space::SpaceError;

/// What kind of thing went wrong: what HTTP makes a status of, and the command line an exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The request is not of the form (400).
    BadRequest,
    /// No such thing (404).
    NotFound,
    /// In the way of something else that runs (409).
    Conflict,
    /// Too large (413).
    TooLarge,
    /// Not a picture that can be read (415).
    NotAPicture,
    /// Of the right form, but it cannot be used (422).
    Unusable,
    /// Another server did not give what was asked for (502).
    Upstream,
    /// Not now: the model's library is missing, the disk is full (503).
    Unavailable,
    /// Ours (500).
    Internal,
}

/// What went wrong, with which item, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// Another process has the data folder.
    #[error("the data folder {} is in use by another process", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// Not the name of a catalogue.
    #[error(transparent)]
    Name(#[from] CatalogueNameError),
    /// There is no such catalogue.
    #[error("there is no catalogue `{name}`")]
    NoSuchCatalogue {
        /// The name that was asked for.
        name: String,
    },
    /// There is no such product.
    #[error("there is no product `{id}` in catalogue `{catalogue}`")]
    NoSuchProduct {
        /// Where it was looked for.
        catalogue: String,
        /// The id that was asked for.
        id: String,
    },
    /// There is no such image.
    #[error("there is no image {hash}")]
    NoSuchImage {
        /// The hash that was asked for.
        hash: ImageHash,
    },
    /// There is no such space.
    #[error("there is no space `{id}`")]
    NoSuchSpace {
        /// The id that was asked for.
        id: String,
    },
    /// There is nothing to roll back to.
    #[error("catalogue `{catalogue}` has had no other space: there is nothing to roll back to")]
    NoPreviousSpace {
        /// The catalogue.
        catalogue: String,
    },
    /// A space would serve the catalogue worse, or nobody knows.
    #[error("space {id} is not let through: {}", reasons.join("; "))]
    Worse {
        /// The space.
        id: String,
        /// What the gate says, a sentence for each task.
        reasons: Vec<String>,
    },
    /// The catalogue teaches nothing.
    #[error("nothing was trained: {reason}")]
    NothingLearned {
        /// Why.
        reason: String,
    },
    /// There is no such job.
    #[error("there is no job `{id}`")]
    NoSuchJob {
        /// The id that was asked for.
        id: String,
    },
    /// A job cannot do what it was asked to, as it stands.
    #[error("job {id} is {state} and cannot be {asked}")]
    JobState {
        /// The job.
        id: String,
        /// How it stands.
        state: String,
        /// `cancelled`, `resumed`.
        asked: &'static str,
    },
    /// Another import into the catalogue runs.
    #[error("another import into catalogue `{catalogue}` runs: job {id}")]
    Busy {
        /// The job that runs.
        id: String,
        /// The catalogue.
        catalogue: String,
    },
    /// A product cannot be written.
    #[error("product `{id}`: {}", error.reason)]
    Refused {
        /// The product.
        id: String,
        /// Why.
        error: Box<ItemError>,
    },
    /// A picture cannot be read.
    #[error("{item}: {error}")]
    Picture {
        /// Which picture.
        item: String,
        /// Why.
        error: PictureError,
    },
    /// A picture's file cannot be had.
    #[error("{item}: {error}")]
    Source {
        /// Which picture.
        item: String,
        /// Why.
        error: SourceError,
    },
    /// A picture or feed cannot be fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// A part of the request cannot be used.
    #[error("{field}: {reason}")]
    Request {
        /// Which part.
        field: String,
        /// Why.
        reason: String,
    },
    /// The search request, or its filter.
    #[error(transparent)]
    Search(SearchError),
    /// The feed.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// The model, or the library that runs it.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The space.
    #[error(transparent)]
    Space(#[from] SpaceError),
    /// The index.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The truth.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A space that sees colours is to be promoted, and those of an image can't be had: it was imported before they were kept, and its file is gone.
    #[error("the space sees colours, and those of image {hash} are not in the store")]
    ColoursLost {
        /// The image.
        hash: ImageHash,
    },
    /// What ended the work on something that several waited for, such as a picture of several products.
    #[error(transparent)]
    Shared(Arc<EngineError>),
    /// So little is left on the disk that nothing more is begun.
    #[error("the disk of {} is nearly full: {} MB are left", path.display(), free / 1_000_000)]
    DiskFull {
        /// The data folder.
        path: PathBuf,
        /// Bytes that are free.
        free: u64,
    },
    /// The work ended in a way that should not be possible.
    #[error("the job ended unexpectedly: {reason}")]
    Panicked {
        /// What it said.
        reason: String,
    },
    /// The machine has not enough room for what was asked.
    #[error("{why}")]
    DoesNotFit {
        /// What is missing.
        why: String,
    },
    /// The disk refuses.
    #[error("{doing} {}: {error}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
}

impl From<SearchError> for EngineError {
    /// Only what is wrong with the request stays a search's error: an index or a store that fails is no fault of who asked.
    fn from(error: SearchError) -> Self {
        match error {
            SearchError::Index(error) => Self::Index(error),
            SearchError::Store(error) => Self::Store(error),
            error => Self::Search(error),
        }
    }
}

impl EngineError {
    /// Wraps an error of the disk: `.map_err(EngineError::io("cannot read", path))`.
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::Io { doing, path, error }
    }

    /// Kebab-case name that programs can rely on.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::InUse { .. } => "data-folder-in-use",
            Self::Name(_) => "bad-catalogue-name",
            Self::NoSuchCatalogue { .. } => "no-such-catalogue",
            Self::NoSuchProduct { .. } => "no-such-product",
            Self::NoSuchImage { .. } => "no-such-image",
            Self::NoSuchSpace { .. } => "no-such-space",
            Self::NoPreviousSpace { .. } => "no-previous-space",
            Self::Worse { .. } => "space-is-worse",
            Self::NothingLearned { .. } => "nothing-learned",
            Self::NoSuchJob { .. } => "no-such-job",
            Self::JobState { .. } => "job-state",
            Self::Busy { .. } => "import-runs",
            Self::Refused { error, .. } => &error.code,
            Self::Picture { error, .. } => error.code(),
            Self::Source { error, .. } => error.code(),
            Self::Fetch(error) => error.code(),
            Self::Request { .. } => "bad-request",
            Self::Search(error) => error.code(),
            Self::Feed(error) => error.code(),
            Self::Model(error) => error.code(),
            Self::Space(_) => "space",
            Self::Index(_) => "index",
            Self::Store(StoreError::DiskFull { .. }) | Self::DiskFull { .. } => "disk-full",
            Self::Io { error, .. } if is_full(error) => "disk-full",
            Self::Panicked { .. } => "unexpected",
            Self::Store(_) => "store",
            Self::ColoursLost { .. } => "colours-lost",
            Self::DoesNotFit { .. } => "does-not-fit",
            Self::Io { error, .. } if is_full(error) => "disk-full",
            Self::Io { .. } => "disk",
            Self::Shared(error) => error.code(),
        }
    }

    /// What to do about it; empty where there is nothing to say.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::InUse { .. } => {
                "stop the other `vetrina` first, ask the running server over HTTP, or name another folder with --data"
                    .into()
            }
            Self::NoSuchCatalogue { .. } => {
                "import a feed into it first, or look at the names: GET /v1/catalogues".into()
            }
            Self::NoSuchProduct { .. } => "look at the id as the feed writes it; capital letters count".into(),
            Self::NoSuchSpace { .. } => "`vetrina space list` shows the spaces of a catalogue".into(),
            Self::NoPreviousSpace { .. } => "`vetrina space list` shows what could be promoted instead".into(),
            Self::Worse { .. } => {
                "keep the space in use, or promote with --force (`\"force\": true`) if you know better".into()
            }
            Self::NothingLearned { .. } => {
                "nothing was changed; docs/operations.md says what each kind of training needs".into()
            }
            Self::NoSuchJob { .. } => "`vetrina job list` shows all jobs".into(),
            Self::JobState { .. } => "`vetrina job show` says how it stands".into(),
            Self::Busy { .. } => "wait until it is done, or cancel it".into(),
            Self::Refused { error, .. } => error.hint.clone(),
            Self::Picture { error, .. } => error.hint().into(),
            Self::Source { error, .. } => error.hint().into(),
            Self::Fetch(error) => error.hint().into(),
            Self::Search(error) => error.hint(),
            Self::Feed(error) => error.hint().into(),
            Self::Model(error) => error.hint().into(),
            Self::Store(error) => error.hint().into(),
            Self::Shared(error) => error.hint(),
            Self::Index(_) => "restart; an index that cannot be used is made again from the store".into(),
            Self::ColoursLost { .. } => "import the feed again".into(),
            Self::DoesNotFit { .. } => {
                "make room: on the disk, or on a larger one with --data; or give the process more memory".into()
            }
            Self::DiskFull { .. } => StoreError::DiskFull { path: PathBuf::new() }.hint().into(),
            Self::Io { error, .. } if is_full(error) => StoreError::DiskFull { path: PathBuf::new() }.hint().into(),
            Self::Io { .. } => "look at the disk and at the rights of the folder".into(),
            Self::Panicked { .. } => "resume the job; if it ends like that again, tell us with the log".into(),
            Self::Name(_) | Self::NoSuchImage { .. } | Self::Request { .. } | Self::Space(_) => String::new(),
        }
    }

    /// The item at fault: a product's id, a picture, a field.
    #[must_use]
    pub fn item(&self) -> Option<String> {
        match self {
            Self::NoSuchProduct { id, .. }
            | Self::NoSuchJob { id }
            | Self::NoSuchSpace { id }
            | Self::Worse { id, .. }
            | Self::Busy { id, .. }
            | Self::JobState { id, .. }
            | Self::Refused { id, .. } => Some(id.clone()),
            Self::NoSuchCatalogue { name } => Some(name.clone()),
            Self::NoSuchImage { hash } | Self::ColoursLost { hash } => Some(hash.to_string()),
            Self::Picture { item, .. } | Self::Source { item, .. } => Some(item.clone()),
            Self::Request { field, .. } => Some(field.clone()),
            Self::Shared(error) => error.item(),
            _ => None,
        }
    }

    /// What kind of thing it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Name(_) | Self::Request { .. } | Self::Search(_) => ErrorKind::BadRequest,
            Self::NoSuchCatalogue { .. }
            | Self::NoSuchProduct { .. }
            | Self::NoSuchImage { .. }
            | Self::NoSuchSpace { .. }
            | Self::NoSuchJob { .. } => ErrorKind::NotFound,
            Self::InUse { .. }
            | Self::JobState { .. }
            | Self::Busy { .. }
            | Self::NoPreviousSpace { .. }
            | Self::Worse { .. } => ErrorKind::Conflict,
            Self::Picture { error: PictureError::TooManyBytes { .. }, .. } => ErrorKind::TooLarge,
            Self::Picture { error: PictureError::NotAPicture { .. }, .. } => ErrorKind::NotAPicture,
            Self::Refused { .. }
            | Self::Picture { .. }
            | Self::Source { .. }
            | Self::Feed(_)
            | Self::NothingLearned { .. }
            | Self::Space(SpaceError::Zero | SpaceError::NotFinite) => ErrorKind::Unusable,
            Self::Fetch(error) => match error {
                FetchError::BadUrl { .. } | FetchError::Scheme { .. } | FetchError::PrivateAddress { .. } => {
                    ErrorKind::BadRequest
                }
                _ => ErrorKind::Upstream,
            },
            Self::Model(ModelError::RuntimeMissing { .. } | ModelError::RuntimeRefused { .. })
            | Self::DoesNotFit { .. }
            | Self::DiskFull { .. }
            | Self::Store(StoreError::DiskFull { .. }) => ErrorKind::Unavailable,
            Self::Io { error, .. } if is_full(error) => ErrorKind::Unavailable,
            Self::Shared(error) => error.kind(),
            Self::Model(_)
            | Self::Space(_)
            | Self::Index(_)
            | Self::Store(_)
            | Self::ColoursLost { .. }
            | Self::Panicked { .. }
            | Self::Io { .. } => ErrorKind::Internal,
        }
    }
}

/// Whether the disk, the user's share of it, or the longest file is used up.
fn is_full(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_several_waited_for_is_told_as_if_one_had() {
        let full = || EngineError::Io {
            doing: "cannot keep a picture under",
            path: "data".into(),
            error: std::io::ErrorKind::StorageFull.into(),
        };
        let (alone, shared) = (full(), EngineError::Shared(Arc::new(full())));
        assert_eq!((alone.code(), alone.kind()), ("disk-full", ErrorKind::Unavailable));
        assert!(alone.hint().contains("make room"), "{}", alone.hint());
        assert_eq!(
            (shared.code(), shared.kind(), shared.hint(), shared.item(), shared.to_string()),
            (alone.code(), alone.kind(), alone.hint(), alone.item(), alone.to_string())
        );
    }
}
