//! Spaces of catalogues: which there are, which is active, and how far their indexes are.

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension as _, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Sql, Store, StoreError, from_json, to_json};

/// A space that was trained on a catalogue. What is in the JSON is the engine's business.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredSpace<P, R> {
    /// Its id.
    pub id: String,
    /// When it was trained.
    pub created_at: DateTime<Utc>,
    /// How it was made.
    pub provenance: P,
    /// How it compares.
    pub report: R,
}

impl Store {
    /// Revision of a catalogue's last change; 0 when there is no such catalogue.
    ///
    /// # Errors
    /// When the database fails.
    pub fn revision(&self, catalogue: i64) -> Result<i64, StoreError> {
        self.read(|sql| {
            let revision = sql
                .prepare_cached("SELECT revision FROM catalogues WHERE key = ?1")?
                .query_row([catalogue], |row| row.get(0))
                .optional()?;
            Ok(revision.unwrap_or_default())
        })
    }

    /// Up to which revision the index of a space is on disk; `None` when there is none.
    ///
    /// # Errors
    /// When the database fails.
    pub fn indexed(&self, catalogue: i64, space: &str) -> Result<Option<i64>, StoreError> {
        self.read(|sql| {
            sql.prepare_cached("SELECT revision FROM indexes WHERE catalogue = ?1 AND space = ?2")?
                .query_row(params![catalogue, space], |row| row.get(0))
                .optional()
        })
    }

    /// Notes that the index of `space` is on disk up to `revision`. What every index knows to be removed is forgotten.
    ///
    /// # Errors
    /// When the database fails.
    pub fn note_indexed(&self, catalogue: i64, space: &str, revision: i64) -> Result<(), StoreError> {
        self.write(|sql| {
            sql.prepare_cached("INSERT OR REPLACE INTO indexes (catalogue, space, revision) VALUES (?1, ?2, ?3)")?
                .execute(params![catalogue, space, revision])?;
            sql.prepare_cached(
                "DELETE FROM removals WHERE catalogue = ?1
                     AND revision <= (SELECT min(revision) FROM indexes WHERE catalogue = ?1)",
            )?
            .execute([catalogue])
            .map(drop)
        })
    }

    /// Forgets an index that is no longer there.
    ///
    /// # Errors
    /// When the database fails.
    pub fn forget_index(&self, catalogue: i64, space: &str) -> Result<(), StoreError> {
        self.write(|sql| {
            sql.execute("DELETE FROM indexes WHERE catalogue = ?1 AND space = ?2", params![catalogue, space]).map(drop)
        })
    }

    /// The spaces that have an index of a catalogue.
    ///
    /// # Errors
    /// When the database fails.
    pub fn indexed_spaces(&self, catalogue: i64) -> Result<Vec<String>, StoreError> {
        self.read(|sql| {
            sql.prepare_cached("SELECT space FROM indexes WHERE catalogue = ?1")?
                .query_map([catalogue], |row| row.get(0))?
                .collect()
        })
    }

    /// Makes a space the active one, and notes the one to roll back to.
    ///
    /// # Errors
    /// When the database fails.
    pub fn activate(&self, catalogue: i64, space: &str, previous: Option<&str>) -> Result<(), StoreError> {
        self.write(|sql| {
            sql.execute(
                "UPDATE catalogues SET active_space = ?2, previous_space = ?3 WHERE key = ?1",
                params![catalogue, space, previous],
            )
            .map(drop)
        })
    }

    /// Keeps a trained space; one of the same id is replaced.
    ///
    /// # Errors
    /// When the database fails.
    pub fn put_space<P: Serialize, R: Serialize>(
        &self,
        catalogue: i64,
        space: &StoredSpace<P, R>,
    ) -> Result<(), StoreError> {
        self.write(|sql| {
            sql.execute(
                "INSERT OR REPLACE INTO spaces (catalogue, id, created_at, provenance, report) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![
                    catalogue,
                    space.id,
                    space.created_at.to_rfc3339(),
                    to_json(&space.provenance)?,
                    to_json(&space.report)?
                ],
            )
            .map(drop)
        })
    }

    /// The trained spaces of a catalogue, latest first.
    ///
    /// # Errors
    /// When the database fails.
    pub fn spaces<P: DeserializeOwned, R: DeserializeOwned>(
        &self,
        catalogue: i64,
    ) -> Result<Vec<StoredSpace<P, R>>, StoreError> {
        self.read(|sql| {
            sql.prepare_cached(
                "SELECT id, created_at, provenance, report FROM spaces WHERE catalogue = ?1 ORDER BY created_at DESC, id",
            )?
            .query_map([catalogue], stored)?
            .collect()
        })
    }

    /// Forgets a trained space; false when it was not there.
    ///
    /// # Errors
    /// When the database fails.
    pub fn remove_space(&self, catalogue: i64, id: &str) -> Result<bool, StoreError> {
        self.write(|sql| {
            Ok(sql.execute("DELETE FROM spaces WHERE catalogue = ?1 AND id = ?2", params![catalogue, id])? > 0)
        })
    }
}

fn stored<P: DeserializeOwned, R: DeserializeOwned>(row: &rusqlite::Row<'_>) -> Sql<StoredSpace<P, R>> {
    let created_at: String = row.get(1)?;
    Ok(StoredSpace {
        id: row.get(0)?,
        created_at: DateTime::parse_from_rfc3339(&created_at).map(|at| at.to_utc()).unwrap_or_default(),
        provenance: from_json(row.get_ref(2)?.as_str()?)?,
        report: from_json(row.get_ref(3)?.as_str()?)?,
    })
}
