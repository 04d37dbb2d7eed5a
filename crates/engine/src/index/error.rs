//! What can go wrong in the index.

use std::path::PathBuf;

/// An error of the index. Each says what was being done.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The disk refused.
    #[error("{doing} {}: {source}", path.display())]
    Io {
        /// What was being done, as the start of a sentence ("cannot write").
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// Another process has the index open.
    #[error("the index in {} is in use by another process; stop that one first", path.display())]
    InUse {
        /// The index's folder.
        path: PathBuf,
    },
    /// The vector engine returned an error or panicked. The index can be rebuilt from the store.
    #[error("the index failed while {doing}: {reason}")]
    Engine {
        /// What was being done ("searching").
        doing: &'static str,
        /// The engine's message.
        reason: String,
    },
    /// A vector's length does not fit the index.
    #[error("{item} has a vector of {found} dimensions; this index holds {expected}")]
    Dimensions {
        /// The product's key, or "the query".
        item: String,
        /// What the index holds.
        expected: usize,
        /// What was given.
        found: usize,
    },
    /// A vector holds a NaN or an infinity.
    #[error("{item} has a vector with a number that is not finite")]
    NotFinite {
        /// The product's key, or "the query".
        item: String,
    },
    /// The language has no analyser.
    #[error("no word analyser for the language {language:?}: {reason}")]
    Language {
        /// As given in the options.
        language: String,
        /// The analyser's message.
        reason: String,
    },
}

impl IndexError {
    /// An I/O error with its place.
    pub(crate) fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { doing, path, source }
    }
}
