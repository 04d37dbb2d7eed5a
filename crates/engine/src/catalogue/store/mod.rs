//! The store: the truth about catalogues, in SQLite.
//!
//! One connection writes, several read; WAL lets them do so at the same time. `synchronous = FULL` makes a transaction that
//! was committed survive a power cut, not only `kill -9`.

mod error;
mod jobs;
mod migrations;
mod people;
mod pictures;
mod products;
mod spaces;
mod unused;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};
use parking_lot::Mutex;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

pub use error::StoreError;
pub use jobs::StoredJob;
pub(crate) use jobs::{put_job, put_job_error};
pub use people::{EventRow, PhotoEvents, ReviewRow};
pub use pictures::{ImageRow, SourceRow};
pub(crate) use pictures::{put_colours, put_feature, put_image, put_layers, put_source, put_understanding};
pub use products::{CatalogueRow, Changes, KnownProduct, StoredProduct};
pub(crate) use products::{next_revision, put, remove, touch};
pub use spaces::StoredSpace;
pub use unused::Unused;

/// Connections that read at the same time; further readers wait for one.
const READERS: usize = 8;
/// How long SQLite waits for a lock another process holds (a backup, a person with `sqlite3`).
const PATIENCE: Duration = Duration::from_secs(10);

/// An open store. Methods may be called from any thread.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    writer: Mutex<Connection>,
    idle: (Sender<Connection>, Receiver<Connection>),
}

/// What a read or write of the store does with its connection.
type Sql<T> = rusqlite::Result<T>;

impl Store {
    /// Opens the database at `path`, or makes it.
    ///
    /// # Errors
    /// When the disk refuses, the file is not a database, or a newer Vetrina wrote it.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let failed = |error| StoreError::of(path, error);
        let mut writer = Connection::open(path).map_err(failed)?;
        prepare(&writer).map_err(failed)?;
        migrations::migrate(&mut writer, path)?;
        let idle = crossbeam_channel::bounded(READERS);
        for _ in 0..READERS {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let reader = Connection::open_with_flags(path, flags).map_err(failed)?;
            reader.busy_timeout(PATIENCE).map_err(failed)?;
            // The channel has room for all of them and both ends live as long as the store.
            let _ = idle.0.send(reader);
        }
        Ok(Self { path: path.to_owned(), writer: Mutex::new(writer), idle })
    }

    /// The database.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads with a connection of its own; sees what was committed before.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Connection) -> Sql<T>) -> Result<T, StoreError> {
        let lent = Lent { store: self, connection: self.idle.1.recv().ok() };
        match &lent.connection {
            Some(connection) => read(connection).map_err(|error| StoreError::of(&self.path, error)),
            None => Err(StoreError::Content { what: "the store".to_owned(), reason: "it is closed".to_owned() }),
        }
    }

    /// Writes in one transaction: all of it or nothing.
    pub(crate) fn write<T>(&self, write: impl FnOnce(&Transaction<'_>) -> Sql<T>) -> Result<T, StoreError> {
        let mut writer = self.writer.lock();
        let run = || {
            let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = write(&transaction)?;
            transaction.commit()?;
            Ok(done)
        };
        run().map_err(|error| StoreError::of(&self.path, error))
    }
}

/// A reading connection that goes back when it is dropped, whatever happened.
struct Lent<'a> {
    store: &'a Store,
    connection: Option<Connection>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            let _ = self.store.idle.0.send(connection);
        }
    }
}

fn prepare(writer: &Connection) -> Sql<()> {
    writer.busy_timeout(PATIENCE)?;
    writer.pragma_update(None, "journal_mode", "WAL")?;
    writer.pragma_update(None, "synchronous", "FULL")?;
    writer.pragma_update(None, "foreign_keys", "ON")?;
    // Pages are written back in the middle of long imports, so that the log does not grow with them.
    writer.pragma_update(None, "journal_size_limit", 64 << 20)?;
    writer.set_prepared_statement_cache_capacity(64);
    Ok(())
}

/// A value that was stored as JSON, as SQLite's error when it is not what it should be.
fn from_json<T: serde::de::DeserializeOwned>(text: &str) -> Sql<T> {
    serde_json::from_str(text)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error)))
}

fn to_json<T: serde::Serialize>(value: &T) -> Sql<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

#[cfg(test)]
mod tests;
