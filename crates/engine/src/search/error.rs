//! What is wrong with a search.

use super::FilterError;
use crate::catalogue::StoreError;
use crate::index::IndexError;

/// A search that cannot be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SearchError {
    /// A field of the request cannot be used.
    #[error("{field}: {reason}")]
    Request {
        /// The field, as in the JSON.
        field: String,
        /// What is wrong with it.
        reason: String,
        /// What to do.
        hint: String,
    },
    /// The filter cannot be understood.
    #[error("{error}")]
    Filter {
        /// What is wrong, and where.
        error: FilterError,
        /// The filter as it was given.
        filter: String,
    },
    /// The index fails.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// What is stored cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SearchError {
    pub(super) fn request(field: &str, reason: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Request { field: field.to_owned(), reason: reason.into(), hint: hint.into() }
    }

    /// Kebab-case name that programs can rely on.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Request { .. } => "bad-search",
            Self::Filter { .. } => "bad-filter",
            Self::Index(_) => "index",
            Self::Store(_) => "store",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Request { hint, .. } => hint.clone(),
            Self::Filter { error, filter } => error.pointed(filter),
            Self::Index(_) => "restart; an index that cannot be used is made again from the store".to_owned(),
            Self::Store(error) => error.hint().to_owned(),
        }
    }

    /// The field at fault, as in the JSON.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Request { field, .. } => Some(field),
            Self::Filter { .. } => Some("filter"),
            Self::Index(_) | Self::Store(_) => None,
        }
    }

    /// Where in the filter, in characters from 1.
    #[must_use]
    pub fn column(&self) -> Option<usize> {
        match self {
            Self::Filter { error, .. } => Some(error.column),
            _ => None,
        }
    }
}
