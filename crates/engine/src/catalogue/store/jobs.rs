//! Jobs and their ledgers. What is in the JSON is the engine's business.

use rusqlite::{Connection, OptionalExtension as _, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Sql, Store, StoreError, from_json, to_json};

/// A job as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredJob<R, J> {
    /// What was asked for.
    pub request: R,
    /// How it stands.
    pub job: J,
    /// Rows of the feed that are done for good, from its beginning.
    pub position: u64,
}

impl Store {
    /// Writes a new job.
    ///
    /// # Errors
    /// When the database fails.
    pub fn create_job<R: Serialize, J: Serialize>(
        &self,
        id: &str,
        state: &str,
        request: &R,
        job: &J,
    ) -> Result<(), StoreError> {
        self.write(|sql| {
            sql.execute(
                "INSERT INTO jobs (id, state, request, job) VALUES (?1, ?2, ?3, ?4)",
                params![id, state, to_json(request)?, to_json(job)?],
            )
            .map(drop)
        })
    }

    /// One job.
    ///
    /// # Errors
    /// When the database fails.
    pub fn job<R: DeserializeOwned, J: DeserializeOwned>(
        &self,
        id: &str,
    ) -> Result<Option<StoredJob<R, J>>, StoreError> {
        self.read(|sql| {
            sql.prepare_cached("SELECT request, job, position FROM jobs WHERE id = ?1")?
                .query_row([id], stored)
                .optional()
        })
    }

    /// All jobs, latest first (ids grow with time).
    ///
    /// # Errors
    /// When the database fails.
    pub fn jobs<R: DeserializeOwned, J: DeserializeOwned>(&self) -> Result<Vec<StoredJob<R, J>>, StoreError> {
        self.read(|sql| {
            sql.prepare_cached("SELECT request, job, position FROM jobs ORDER BY id DESC LIMIT 1000")?
                .query_map([], stored)?
                .collect()
        })
    }

    /// Items of a job's ledger, in the feed's order, and how many there are.
    ///
    /// # Errors
    /// When the database fails.
    pub fn job_errors<E: DeserializeOwned>(
        &self,
        id: &str,
        limit: usize,
        offset: usize,
    ) -> Result<(Vec<E>, u64), StoreError> {
        self.read(|sql| {
            let total: i64 = sql.query_row("SELECT count(*) FROM job_errors WHERE job = ?1", [id], |row| row.get(0))?;
            let items = sql
                .prepare_cached("SELECT error FROM job_errors WHERE job = ?1 ORDER BY number LIMIT ?2 OFFSET ?3")?
                .query_map(params![id, limit as i64, offset as i64], |row| from_json(row.get_ref(0)?.as_str()?))?
                .collect::<Sql<Vec<E>>>()?;
            Ok((items, total.unsigned_abs()))
        })
    }
}

/// Writes how a job stands.
pub(crate) fn put_job<J: Serialize>(sql: &Connection, id: &str, state: &str, job: &J, position: u64) -> Sql<()> {
    sql.prepare_cached("UPDATE jobs SET state = ?2, job = ?3, position = ?4 WHERE id = ?1")?
        .execute(params![id, state, to_json(job)?, position.cast_signed()])
        .map(drop)
}

/// Adds an item to a job's ledger. `number` says its place; the same number replaces.
pub(crate) fn put_job_error<E: Serialize>(sql: &Connection, id: &str, number: u64, error: &E) -> Sql<()> {
    sql.prepare_cached("INSERT OR REPLACE INTO job_errors (job, number, error) VALUES (?1, ?2, ?3)")?
        .execute(params![id, number.cast_signed(), to_json(error)?])
        .map(drop)
}

fn stored<R: DeserializeOwned, J: DeserializeOwned>(row: &rusqlite::Row<'_>) -> Sql<StoredJob<R, J>> {
    Ok(StoredJob {
        request: from_json(row.get_ref(0)?.as_str()?)?,
        job: from_json(row.get_ref(1)?.as_str()?)?,
        position: row.get::<_, i64>(2)?.unsigned_abs(),
    })
}
