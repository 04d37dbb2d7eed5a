//! What is wrong with a feed, or with one row of it.

use super::Dialect;

/// Why a row cannot be a product, or a part of it is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowProblem {
    /// The field or column at fault.
    pub field: Option<String>,
    /// Kebab-case name.
    pub code: &'static str,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub hint: String,
}

impl RowProblem {
    pub(super) fn new(
        code: &'static str,
        field: Option<&str>,
        reason: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self { field: field.map(str::to_owned), code, reason: reason.into(), hint: hint.into() }
    }

    /// Whether the feed ends here although it should not: what comes after it is not known.
    #[must_use]
    pub fn is_end(&self) -> bool {
        matches!(self.code, "feed-cut" | "feed-unreadable" | "record-too-long")
    }
}

/// Why a feed cannot be read at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FeedError {
    /// No such file, or the disk refuses.
    #[error("the feed {name} cannot be read: {reason}")]
    Unreadable {
        /// The feed.
        name: String,
        /// What the system says.
        reason: String,
    },
    /// Nothing in it.
    #[error("the feed {name} is empty")]
    Empty {
        /// The feed.
        name: String,
    },
    /// Not the name of a dialect.
    #[error("`{name}` is not a dialect; there are {}", dialects())]
    UnknownDialect {
        /// What was given.
        name: String,
    },
    /// No dialect fits.
    #[error("the dialect of the feed {name} is not recognised; {found}")]
    Unrecognised {
        /// The feed.
        name: String,
        /// What was found in it.
        found: String,
    },
    /// It has a header, or a frame, and nothing in it.
    #[error("the feed {name} holds no products; it was read as {dialect}")]
    NoProducts {
        /// The feed.
        name: String,
        /// How it was read.
        dialect: Dialect,
    },
    /// The header lacks what every product needs.
    #[error("the feed {name} has no column for {missing}; it has {}", .columns.join(", "))]
    MissingColumn {
        /// The feed.
        name: String,
        /// What is missing.
        missing: String,
        /// The columns it has.
        columns: Vec<String>,
    },
}

impl FeedError {
    /// Kebab-case name that programs can rely on.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "feed-unreadable",
            Self::Empty { .. } => "feed-empty",
            Self::UnknownDialect { .. } => "unknown-dialect",
            Self::Unrecognised { .. } => "dialect-not-recognised",
            Self::NoProducts { .. } => "feed-without-products",
            Self::MissingColumn { .. } => "missing-column",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "look at the path and at the file's rights",
            Self::Empty { .. } => "export the feed again",
            Self::UnknownDialect { .. } => "leave --dialect out, and it is recognised",
            Self::Unrecognised { .. } => {
                "name it with --dialect, or map your columns in vetrina.toml; docs/feeds.md shows how"
            }
            Self::NoProducts { .. } => "export the feed again; look whether the export has a filter",
            Self::MissingColumn { .. } => "map your columns to fields in vetrina.toml: docs/feeds.md shows how",
        }
    }
}

fn dialects() -> String {
    Dialect::ALL.map(Dialect::name).join(", ")
}
