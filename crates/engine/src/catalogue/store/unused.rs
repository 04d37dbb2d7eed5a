//! Images that nothing refers to any more: no product of any catalogue shows them, and nobody asked with them.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, params};

use super::{Sql, Store, StoreError};
use crate::image::ImageHash;

/// Whether something refers to an image `i`.
const USED: &str = "(EXISTS (SELECT 1 FROM product_images p WHERE p.hash = i.hash)
                     OR EXISTS (SELECT 1 FROM photos f WHERE f.hash = i.hash))";

/// How many images nothing refers to, as far as it was noted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unused {
    /// How many.
    pub images: u64,
    /// Length of their files together.
    pub bytes: u64,
}

impl Store {
    /// Looks at the next `limit` images after one, in the order of hashes, and notes those that nothing refers to, as of now; what was
    /// noted and is in use again is noted no more. Returns the last one looked at; `None` where there is none left.
    ///
    /// # Errors
    /// When the database fails.
    pub fn note_unused(
        &self,
        after: Option<&ImageHash>,
        limit: usize,
        now: DateTime<Utc>,
    ) -> Result<Option<ImageHash>, StoreError> {
        let after = after.map_or(&[][..], |hash| hash.as_bytes());
        let seen: Vec<([u8; 32], bool, bool)> = self.read(|sql| {
            sql.prepare_cached(&format!(
                "SELECT hash, {USED}, EXISTS (SELECT 1 FROM unused u WHERE u.hash = i.hash)
                 FROM images i WHERE hash > ?1 ORDER BY hash LIMIT ?2"
            ))?
            .query_map(params![after, limit as i64], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
            .collect()
        })?;
        if seen.iter().any(|(_, used, noted)| used == noted) {
            self.write(|sql| {
                let mut note = sql.prepare_cached("INSERT OR IGNORE INTO unused (hash, since) VALUES (?1, ?2)")?;
                let mut strike = sql.prepare_cached("DELETE FROM unused WHERE hash = ?1")?;
                for (hash, used, noted) in &seen {
                    match (used, noted) {
                        (false, false) => drop(note.execute(params![hash, now.timestamp()])?),
                        (true, true) => drop(strike.execute([hash])?),
                        _ => {}
                    }
                }
                Ok(())
            })?;
        }
        Ok(seen.last().map(|(hash, ..)| ImageHash::from(*hash)))
    }

    /// At most `limit` images that nothing refers to, noted at `before` or earlier, with the length of their files.
    ///
    /// # Errors
    /// When the database fails.
    pub fn unused_since(&self, before: DateTime<Utc>, limit: usize) -> Result<Vec<(ImageHash, u64)>, StoreError> {
        self.read(|sql| {
            sql.prepare_cached(&format!(
                "SELECT i.hash, i.bytes FROM unused u JOIN images i ON i.hash = u.hash
                 WHERE u.since <= ?1 AND NOT {USED} LIMIT ?2"
            ))?
            .query_map(params![before.timestamp(), limit as i64], |row| {
                Ok((row.get::<_, [u8; 32]>(0)?.into(), row.get::<_, i64>(1)?.unsigned_abs()))
            })?
            .collect()
        })
    }

    /// Which of these images there is a row of.
    ///
    /// # Errors
    /// When the database fails.
    pub fn known_images(&self, hashes: &[ImageHash]) -> Result<HashSet<ImageHash>, StoreError> {
        self.read(|sql| {
            let mut known = sql.prepare_cached("SELECT EXISTS (SELECT 1 FROM images WHERE hash = ?1)")?;
            let mut found = HashSet::new();
            for hash in hashes {
                if known.query_row([hash.as_bytes()], |row| row.get(0))? {
                    found.insert(*hash);
                }
            }
            Ok(found)
        })
    }

    /// Forgets all that is known of images, but for those that something refers to.
    ///
    /// # Errors
    /// When the database fails.
    pub fn forget_images(&self, hashes: &[ImageHash]) -> Result<(), StoreError> {
        const ALSO: [&str; 6] = ["features", "layers", "colours", "understandings", "sources", "unused"];
        self.write(|sql| {
            let mut forget = sql.prepare_cached(&format!("DELETE FROM images AS i WHERE hash = ?1 AND NOT {USED}"))?;
            let also: Vec<String> = ALSO.iter().map(|table| format!("DELETE FROM {table} WHERE hash = ?1")).collect();
            for hash in hashes {
                if forget.execute([hash.as_bytes()])? == 0 {
                    continue;
                }
                for statement in &also {
                    sql.prepare_cached(statement)?.execute([hash.as_bytes()])?;
                }
            }
            Ok(())
        })
    }

    /// How many images are noted as in no use.
    ///
    /// # Errors
    /// When the database fails.
    pub fn unused(&self) -> Result<Unused, StoreError> {
        self.read(|sql| {
            sql.prepare_cached(
                "SELECT count(*), coalesce(sum(i.bytes), 0) FROM unused u JOIN images i ON i.hash = u.hash",
            )?
            .query_row([], |row| {
                let (images, bytes): (i64, i64) = (row.get(0)?, row.get(1)?);
                Ok(Unused { images: images.unsigned_abs(), bytes: bytes.unsigned_abs() })
            })
        })
    }
}

/// Notes an image, where nothing refers to it any more, as long unused.
pub(super) fn note_to_remove(sql: &Connection, hash: &[u8; 32]) -> Sql<()> {
    sql.prepare_cached(&format!(
        "INSERT OR REPLACE INTO unused (hash, since) SELECT hash, 0 FROM images i WHERE hash = ?1 AND NOT {USED}"
    ))?
    .execute([hash])
    .map(drop)
}
