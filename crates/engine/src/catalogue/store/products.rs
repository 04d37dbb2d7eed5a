//! Catalogues and products.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::{Sql, Store, StoreError, from_json, to_json};
use crate::catalogue::Product;

/// A catalogue as the store knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogueRow {
    /// The store's number of it, never used twice.
    pub key: i64,
    /// Its name.
    pub name: String,
    /// Revision of its last change.
    pub revision: i64,
    /// Id of the space it is searched in; `default` for the one of the build.
    pub active: String,
    /// Id of the space it was searched in before, for a way back.
    pub previous: Option<String>,
}

/// A product and its number.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredProduct {
    /// The store's number of it, never used twice; its number in the index.
    pub key: u64,
    /// The product.
    pub product: Product,
}

/// A product that is there, to be compared with one that comes.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownProduct {
    /// Its number.
    pub key: u64,
    /// What it was given as (see the schema).
    pub given: Vec<u8>,
    /// The product as it stands.
    pub product: Product,
}

const CATALOGUE: &str = "SELECT key, name, revision, active_space, previous_space FROM catalogues";

/// Where a walk over changed products is: see [`Store::changes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Changes {
    catalogue: i64,
    /// Of the product before.
    revision: i64,
    key: i64,
    to: i64,
}

impl Changes {
    /// The revision at which the walk ends: what changes later is not in it.
    #[must_use]
    pub fn to(&self) -> i64 {
        self.to
    }
}

impl Store {
    /// All catalogues, by name.
    ///
    /// # Errors
    /// When the database fails.
    pub fn catalogues(&self) -> Result<Vec<CatalogueRow>, StoreError> {
        self.read(|sql| sql.prepare_cached(&format!("{CATALOGUE} ORDER BY name"))?.query_map([], catalogue)?.collect())
    }

    /// The catalogue of this name, made when it is not there; true when it was made.
    ///
    /// # Errors
    /// When the database fails.
    pub fn create_catalogue(&self, name: &str) -> Result<(CatalogueRow, bool), StoreError> {
        self.write(|sql| {
            let made = sql.execute(
                "INSERT INTO catalogues (name, created_at) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                params![name, chrono::Utc::now().to_rfc3339()],
            )?;
            let row = sql.query_row(&format!("{CATALOGUE} WHERE name = ?1"), [name], catalogue)?;
            Ok((row, made == 1))
        })
    }

    /// Removes a catalogue with everything in it.
    ///
    /// # Errors
    /// When the database fails.
    pub fn drop_catalogue(&self, key: i64) -> Result<(), StoreError> {
        self.write(|sql| sql.execute("DELETE FROM catalogues WHERE key = ?1", [key]).map(drop))
    }

    /// How many products and how many different pictures a catalogue has.
    ///
    /// # Errors
    /// When the database fails.
    pub fn sizes(&self, catalogue: i64) -> Result<(u64, u64), StoreError> {
        let images = self.read(|sql| {
            let images: i64 = sql.query_row(
                "SELECT count(DISTINCT hash) FROM product_images JOIN products ON product = key WHERE catalogue = ?1",
                [catalogue],
                |row| row.get(0),
            )?;
            Ok(images.unsigned_abs())
        })?;
        Ok((self.count(catalogue)?, images))
    }

    /// How many products a catalogue has: tens of milliseconds for a million.
    ///
    /// # Errors
    /// When the database fails.
    pub fn count(&self, catalogue: i64) -> Result<u64, StoreError> {
        self.read(|sql| {
            sql.prepare_cached("SELECT count(*) FROM products WHERE catalogue = ?1")?
                .query_row([catalogue], |row| row.get::<_, i64>(0))
                .map(i64::unsigned_abs)
        })
    }

    /// One product by its id.
    ///
    /// # Errors
    /// When the database fails.
    pub fn product(&self, catalogue: i64, id: &str) -> Result<Option<StoredProduct>, StoreError> {
        self.read(|sql| {
            sql.prepare_cached("SELECT key, body FROM products WHERE catalogue = ?1 AND id = ?2")?
                .query_row(params![catalogue, id], stored)
                .optional()
        })
    }

    /// Products by their numbers, in that order; those that are gone are left out.
    ///
    /// # Errors
    /// When the database fails.
    pub fn products_of(&self, catalogue: i64, keys: &[u64]) -> Result<Vec<StoredProduct>, StoreError> {
        self.read(|sql| {
            let mut statement =
                sql.prepare_cached("SELECT key, body FROM products WHERE catalogue = ?1 AND key = ?2")?;
            let mut found = Vec::with_capacity(keys.len());
            for key in keys {
                found.extend(statement.query_row(params![catalogue, key.cast_signed()], stored).optional()?);
            }
            Ok(found)
        })
    }

    /// Products in the order in which they came first.
    ///
    /// # Errors
    /// When the database fails.
    pub fn products_page(&self, catalogue: i64, limit: usize, offset: usize) -> Result<Vec<StoredProduct>, StoreError> {
        self.read(|sql| {
            sql.prepare_cached("SELECT key, body FROM products WHERE catalogue = ?1 ORDER BY key LIMIT ?2 OFFSET ?3")?
                .query_map(params![catalogue, limit as i64, offset as i64], stored)?
                .collect()
        })
    }

    /// How many products came after the one with this number.
    ///
    /// # Errors
    /// When the database fails.
    pub fn products_after(&self, catalogue: i64, after: u64) -> Result<u64, StoreError> {
        self.read(|sql| {
            sql.prepare_cached("SELECT count(*) FROM products WHERE catalogue = ?1 AND key > ?2")?
                .query_row(params![catalogue, after.cast_signed()], |row| row.get::<_, i64>(0).map(i64::unsigned_abs))
        })
    }

    /// Numbers of the products after one, rising.
    ///
    /// # Errors
    /// When the database fails.
    pub fn product_keys(&self, catalogue: i64, after: u64) -> Result<Vec<u64>, StoreError> {
        self.read(|sql| {
            sql.prepare_cached("SELECT key FROM products WHERE catalogue = ?1 AND key > ?2 ORDER BY key")?
                .query_map(params![catalogue, after.cast_signed()], |row| row.get::<_, i64>(0).map(i64::cast_unsigned))?
                .collect()
        })
    }

    /// Products by number, after `after`, at most `limit`: a page of all of them, at the cost of the page.
    ///
    /// # Errors
    /// When the database fails.
    pub fn page_of_products(&self, catalogue: i64, after: u64, limit: usize) -> Result<Vec<StoredProduct>, StoreError> {
        self.read(|sql| {
            // The plus keeps the planner from an index by which every page would sort the whole catalogue.
            sql.prepare_cached(
                "SELECT key, body FROM products WHERE +catalogue = ?1 AND key > ?2 ORDER BY key LIMIT ?3",
            )?
            .query_map(params![catalogue, after.cast_signed(), limit as i64], stored)?
            .collect()
        })
    }

    /// A walk over the products that changed after `revision` and not since now.
    ///
    /// # Errors
    /// When the database fails.
    pub fn changes(&self, catalogue: i64, revision: i64) -> Result<Changes, StoreError> {
        Ok(Changes { catalogue, revision, key: i64::MAX, to: self.revision(catalogue)? })
    }

    /// The next products of a walk, at most `limit`, oldest change first, at the cost of the page; none at its end.
    ///
    /// # Errors
    /// When the database fails.
    pub fn next_changes(&self, changes: &mut Changes, limit: usize) -> Result<Vec<StoredProduct>, StoreError> {
        let page = self.read(|sql| {
            sql.prepare_cached(
                "SELECT key, body, revision FROM products
                     WHERE catalogue = ?1 AND (revision, key) > (?2, ?3) AND revision <= ?4
                     ORDER BY revision, key LIMIT ?5",
            )?
            .query_map(params![changes.catalogue, changes.revision, changes.key, changes.to, limit as i64], |row| {
                Ok((stored(row)?, row.get::<_, i64>(2)?))
            })?
            .collect::<Sql<Vec<_>>>()
        })?;
        if let Some((last, revision)) = page.last() {
            (changes.revision, changes.key) = (*revision, last.key.cast_signed());
        }
        Ok(page.into_iter().map(|(stored, _)| stored).collect())
    }

    /// How many products changed after `revision`.
    ///
    /// # Errors
    /// When the database fails.
    pub fn count_changed_since(&self, catalogue: i64, revision: i64) -> Result<u64, StoreError> {
        self.read(|sql| {
            sql.prepare_cached("SELECT count(*) FROM products WHERE catalogue = ?1 AND revision > ?2")?
                .query_row(params![catalogue, revision], |row| row.get::<_, i64>(0).map(i64::unsigned_abs))
        })
    }

    /// Numbers of products removed after `revision`.
    ///
    /// # Errors
    /// When the database fails.
    pub fn removed_since(&self, catalogue: i64, revision: i64) -> Result<Vec<u64>, StoreError> {
        self.read(|sql| {
            sql.prepare_cached("SELECT key FROM removals WHERE catalogue = ?1 AND revision > ?2")?
                .query_map([catalogue, revision], |row| row.get::<_, i64>(0).map(i64::cast_unsigned))?
                .collect()
        })
    }

    /// What is there of these ids.
    ///
    /// # Errors
    /// When the database fails.
    pub fn known(&self, catalogue: i64, id: &str) -> Result<Option<KnownProduct>, StoreError> {
        self.read(|sql| {
            sql.prepare_cached("SELECT key, given, body FROM products WHERE catalogue = ?1 AND id = ?2")?
                .query_row(params![catalogue, id], |row| {
                    Ok(KnownProduct {
                        key: row.get::<_, i64>(0)?.cast_unsigned(),
                        given: row.get(1)?,
                        product: from_json(row.get_ref(2)?.as_str()?)?,
                    })
                })
                .optional()
        })
    }

    /// Ids and numbers of all products, from number `after` on, at most `limit`.
    ///
    /// # Errors
    /// When the database fails.
    pub fn ids(&self, catalogue: i64, after: u64, limit: usize) -> Result<Vec<(u64, String)>, StoreError> {
        self.read(|sql| {
            sql.prepare_cached("SELECT key, id FROM products WHERE catalogue = ?1 AND key > ?2 ORDER BY key LIMIT ?3")?
                .query_map(params![catalogue, after.cast_signed(), limit as i64], |row| {
                    Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get(1)?))
                })?
                .collect()
        })
    }
}

/// Marks a product as changed in a revision, though it is as it was: the index has to take it in again.
pub(crate) fn touch(sql: &Connection, catalogue: i64, revision: i64, key: u64) -> Sql<()> {
    sql.prepare_cached("UPDATE products SET revision = ?3 WHERE catalogue = ?1 AND key = ?2")?
        .execute(params![catalogue, key.cast_signed(), revision])
        .map(drop)
}

/// Counts the catalogue's revision up; the new one.
pub(crate) fn next_revision(sql: &Connection, catalogue: i64) -> Sql<i64> {
    sql.prepare_cached("UPDATE catalogues SET revision = revision + 1 WHERE key = ?1 RETURNING revision")?
        .query_row([catalogue], |row| row.get(0))
}

/// Inserts or replaces a product; its number, and whether it is new.
pub(crate) fn put(
    sql: &Connection,
    catalogue: i64,
    revision: i64,
    product: &Product,
    given: &[u8],
) -> Sql<(u64, bool)> {
    let body = to_json(product)?;
    let known: Option<i64> = sql
        .prepare_cached("SELECT key FROM products WHERE catalogue = ?1 AND id = ?2")?
        .query_row(params![catalogue, product.id], |row| row.get(0))
        .optional()?;
    let key = if let Some(key) = known {
        sql.prepare_cached("UPDATE products SET revision = ?2, given = ?3, body = ?4 WHERE key = ?1")?
            .execute(params![key, revision, given, body])?;
        sql.prepare_cached("DELETE FROM product_images WHERE product = ?1")?.execute([key])?;
        key
    } else {
        sql.prepare_cached("INSERT INTO products (catalogue, id, revision, given, body) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .insert(params![catalogue, product.id, revision, given, body])?
    };
    let mut images =
        sql.prepare_cached("INSERT OR REPLACE INTO product_images (product, position, hash) VALUES (?1, ?2, ?3)")?;
    for (position, hash) in product.image_hashes().iter().enumerate() {
        images.execute(params![key, position as i64, hash.as_bytes()])?;
    }
    Ok((key.cast_unsigned(), known.is_none()))
}

/// Removes a product; its number when it was there.
pub(crate) fn remove(sql: &Connection, catalogue: i64, revision: i64, id: &str) -> Sql<Option<u64>> {
    let key: Option<i64> = sql
        .prepare_cached("DELETE FROM products WHERE catalogue = ?1 AND id = ?2 RETURNING key")?
        .query_row(params![catalogue, id], |row| row.get(0))
        .optional()?;
    if let Some(key) = key {
        sql.prepare_cached("INSERT OR REPLACE INTO removals (key, catalogue, revision) VALUES (?1, ?2, ?3)")?
            .execute([key, catalogue, revision])?;
    }
    Ok(key.map(i64::cast_unsigned))
}

fn catalogue(row: &rusqlite::Row<'_>) -> Sql<CatalogueRow> {
    Ok(CatalogueRow {
        key: row.get(0)?,
        name: row.get(1)?,
        revision: row.get(2)?,
        active: row.get(3)?,
        previous: row.get(4)?,
    })
}

fn stored(row: &rusqlite::Row<'_>) -> Sql<StoredProduct> {
    Ok(StoredProduct { key: row.get::<_, i64>(0)?.cast_unsigned(), product: from_json(row.get_ref(1)?.as_str()?)? })
}
