//! Everything that can go wrong at the engine's door.

use std::path::PathBuf;

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
}

impl EngineError {
    /// Kebab-case name that programs can rely on.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "internal"
    }

    /// What to do about it; empty where there is nothing to say.
    #[must_use]
    pub fn hint(&self) -> String {
        String::new()
    }

    /// The item at fault: a product's id, a picture, a field.
    #[must_use]
    pub fn item(&self) -> Option<String> {
        None
    }

    /// What kind of thing it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Internal
    }
}
