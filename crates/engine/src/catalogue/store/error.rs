//! What can go wrong with the truth.

use std::path::PathBuf;

/// The database does not do what it should.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The disk is full.
    #[error("the disk that {} is on is full", path.display())]
    DiskFull {
        /// The database.
        path: PathBuf,
    },
    /// A newer Vetrina wrote it.
    #[error("{} was written by a newer Vetrina (format {found}, this one knows {known})", path.display())]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The newest format this build knows.
        known: i64,
    },
    /// SQLite says no.
    #[error("the database {}: {source}", path.display())]
    Database {
        /// The database.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// What is stored cannot be read as what it should be.
    #[error("{what} in the database cannot be read: {reason}")]
    Content {
        /// Which record.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl StoreError {
    pub(super) fn of(path: &std::path::Path, source: rusqlite::Error) -> Self {
        match source.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::DiskFull { path: path.to_owned() },
            _ => Self::Database { path: path.to_owned(), source },
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::DiskFull { .. } => {
                "make room on the disk, or move the data folder to a larger one; nothing that was acknowledged is lost"
            }
            Self::Newer { .. } => "use the Vetrina that wrote it, or a newer one",
            Self::Database { .. } => "look at the disk; if the file is damaged, restore the data folder from a backup",
            Self::Content { .. } => "restore the data folder from a backup, or import the feed again",
        }
    }
}
