//! Images, their features, and what was found at which source.

use chrono::{DateTime, Utc};
use half::f16;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{Sql, Store, StoreError, to_json};
use crate::image::{ColourDescriptor, ImageHash};
use crate::model::FeatureKey;
use crate::understand::{Labels, Understanding};

/// What is known of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageRow {
    /// Pixels, as the picture is to be seen.
    pub width: u32,
    /// Pixels, as the picture is to be seen.
    pub height: u32,
    /// Length of the file.
    pub bytes: u64,
}

/// What was found at a path or address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRow {
    /// The bytes that were there.
    pub hash: ImageHash,
    /// Length of the file, for a path.
    pub size: Option<u64>,
    /// When the file was changed, nanoseconds since 1970, for a path.
    pub modified: Option<i64>,
    /// For an address.
    pub etag: Option<String>,
    /// For an address.
    pub last_modified: Option<String>,
    /// For an address: seconds for which it need not be asked again.
    pub fresh_seconds: Option<u64>,
    /// When it was looked at.
    pub checked_at: DateTime<Utc>,
}

impl Store {
    /// What is known of an image.
    ///
    /// # Errors
    /// When the database fails.
    pub fn image(&self, hash: &ImageHash) -> Result<Option<ImageRow>, StoreError> {
        self.read(|sql| {
            sql.prepare_cached("SELECT width, height, bytes FROM images WHERE hash = ?1")?
                .query_row([hash.as_bytes()], |row| {
                    Ok(ImageRow {
                        width: row.get(0)?,
                        height: row.get(1)?,
                        bytes: row.get::<_, i64>(2)?.unsigned_abs(),
                    })
                })
                .optional()
        })
    }

    /// Whether the feature of an image by a model is there; with `layers`, what inner layers say of it, too, where the model tells.
    ///
    /// # Errors
    /// When the database fails.
    pub fn has_feature(&self, hash: &ImageHash, model: &FeatureKey, layers: bool) -> Result<bool, StoreError> {
        let (layers, numbers) = model.layers().filter(|_| layers).unzip();
        self.read(|sql| {
            sql.prepare_cached(
                "SELECT 1 FROM features WHERE hash = ?1 AND model = ?2 AND (?3 IS NULL OR EXISTS (
                     SELECT 1 FROM layers WHERE hash = ?1 AND model = ?3 AND length(layers) = ?4))",
            )?
            .exists(params![hash.as_bytes(), model.pooled(), layers, numbers])
        })
    }

    /// Pooled vectors of images by a model, in the order of `hashes`; `None` where there is none.
    ///
    /// # Errors
    /// When the database fails.
    pub fn features(&self, hashes: &[ImageHash], model: &FeatureKey) -> Result<Vec<Option<Vec<f32>>>, StoreError> {
        self.read(|sql| {
            let mut statement = sql.prepare_cached("SELECT feature FROM features WHERE hash = ?1 AND model = ?2")?;
            hashes
                .iter()
                .map(|hash| {
                    statement
                        .query_row(params![hash.as_bytes(), model.pooled()], |row| {
                            Ok(FeatureKey::from_halves(row.get_ref(0)?.as_blob()?))
                        })
                        .optional()
                })
                .collect()
        })
    }

    /// The same with what inner layers say after each pooled vector, as far as it is kept.
    ///
    /// # Errors
    /// When the database fails.
    pub fn features_with_layers(
        &self,
        hashes: &[ImageHash],
        model: &FeatureKey,
    ) -> Result<Vec<Option<Vec<f32>>>, StoreError> {
        let mut features = self.features(hashes, model)?;
        let Some((key, dim)) = model.layers() else { return Ok(features) };
        self.read(|sql| {
            let mut statement = sql.prepare_cached("SELECT layers FROM layers WHERE hash = ?1 AND model = ?2")?;
            for (hash, feature) in hashes.iter().zip(&mut features) {
                let Some(feature) = feature else { continue };
                let mut rows = statement.query(params![hash.as_bytes(), key])?;
                if let Some(row) = rows.next()? {
                    let bytes = row.get_ref(0)?.as_blob()?;
                    // Of another length they are damaged, and as if they were not there.
                    feature.extend(FeatureKey::from_steps(bytes).take(if bytes.len() == dim { dim } else { 0 }));
                }
            }
            Ok(())
        })?;
        Ok(features)
    }

    /// The one or the other, as `layers` says.
    ///
    /// # Errors
    /// When the database fails.
    pub fn features_as(
        &self,
        hashes: &[ImageHash],
        model: &FeatureKey,
        layers: bool,
    ) -> Result<Vec<Option<Vec<f32>>>, StoreError> {
        if layers { self.features_with_layers(hashes, model) } else { self.features(hashes, model) }
    }

    /// Colours of images, in the order of `hashes`; `None` where there are none, or none of today's making.
    ///
    /// # Errors
    /// When the database fails.
    pub fn colours(&self, hashes: &[ImageHash]) -> Result<Vec<Option<ColourDescriptor>>, StoreError> {
        self.read(|sql| {
            let mut statement =
                sql.prepare_cached("SELECT descriptor FROM colours WHERE hash = ?1 AND version = ?2")?;
            hashes
                .iter()
                .map(|hash| {
                    let found = statement
                        .query_row(params![hash.as_bytes(), ColourDescriptor::KEY], |row| {
                            Ok(ColourDescriptor::from_bytes(row.get_ref(0)?.as_blob()?))
                        })
                        .optional()?;
                    Ok(found.flatten())
                })
                .collect()
        })
    }

    /// The descriptors of the first `most` pictures of products, in the order of `keys`, as far as they are kept.
    ///
    /// # Errors
    /// When the database fails.
    pub fn colours_of_products(&self, keys: &[u64], most: usize) -> Result<Vec<Vec<ColourDescriptor>>, StoreError> {
        self.read(|sql| {
            let mut statement = sql.prepare_cached(
                "SELECT c.descriptor FROM product_images i JOIN colours c ON c.hash = i.hash AND c.version = ?2
                 WHERE i.product = ?1 ORDER BY i.position LIMIT ?3",
            )?;
            let mut of = |key: &u64| {
                let values = params![key.cast_signed(), ColourDescriptor::KEY, most as i64];
                let found =
                    statement.query_map(values, |row| Ok(ColourDescriptor::from_bytes(row.get_ref(0)?.as_blob()?)))?;
                found.filter_map(Result::transpose).collect::<Result<Vec<_>, _>>()
            };
            keys.iter().map(&mut of).collect()
        })
    }

    /// What is understood of images by a version, in the order of `hashes`; `None` where nothing is, or nothing that can be read.
    ///
    /// # Errors
    /// When the database fails.
    pub fn understandings(
        &self,
        hashes: &[ImageHash],
        version: &str,
    ) -> Result<Vec<Option<Understanding>>, StoreError> {
        self.read(|sql| {
            let mut statement =
                sql.prepare_cached("SELECT body FROM understandings WHERE hash = ?1 AND version = ?2")?;
            hashes
                .iter()
                .map(|hash| {
                    let body: Option<String> =
                        statement.query_row(params![hash.as_bytes(), version], |row| row.get(0)).optional()?;
                    Ok(body.and_then(|body| serde_json::from_str(&body).ok()))
                })
                .collect()
        })
    }

    /// Which images have what inner layers say of them, in the order of `hashes`; all of them where the model does not tell.
    ///
    /// # Errors
    /// When the database fails.
    pub fn have_layers(&self, hashes: &[ImageHash], model: &FeatureKey) -> Result<Vec<bool>, StoreError> {
        let Some((key, _)) = model.layers() else { return Ok(vec![true; hashes.len()]) };
        self.read(|sql| {
            let mut statement = sql.prepare_cached("SELECT 1 FROM layers WHERE hash = ?1 AND model = ?2")?;
            hashes.iter().map(|hash| statement.exists(params![hash.as_bytes(), key])).collect()
        })
    }

    /// Numbers of products of a catalogue with an image that nothing is understood of by a version, whose colours are not
    /// known or, where a model is named, of which only the pooled vector is, from `after` on, rising, at most `limit`.
    ///
    /// # Errors
    /// When the database fails.
    pub fn not_understood(
        &self,
        catalogue: i64,
        version: &str,
        model: Option<&FeatureKey>,
        (since, after): (i64, u64),
        limit: usize,
    ) -> Result<Vec<u64>, StoreError> {
        /// Up to so many changed products are sorted for each page; of more, the catalogue is walked in the order of keys.
        const FEW: i64 = 2_000;
        self.read(|sql| {
            let many = sql
                .prepare_cached("SELECT 1 FROM products WHERE catalogue = ?1 AND revision > ?2 LIMIT 1 OFFSET ?3")?
                .exists(params![catalogue, since, FEW])?;
            // A plus keeps SQLite from using an index for a term.
            let walk = if many { ("+catalogue", "+revision", "key") } else { ("catalogue", "revision", "+key") };
            let (of, changed, key) = walk;
            let layers = model.and_then(FeatureKey::layers).map(|(key, _)| key);
            sql.prepare_cached(&format!(
                "SELECT key FROM products WHERE {of} = ?1 AND {changed} > ?5 AND {key} > ?3 AND EXISTS (
                     SELECT 1 FROM product_images i LEFT JOIN understandings u ON u.hash = i.hash AND u.version = ?2
                     LEFT JOIN colours c ON c.hash = i.hash AND c.version = ?6
                     LEFT JOIN layers l ON l.hash = i.hash AND l.model = ?7
                     WHERE i.product = key AND (u.hash IS NULL OR c.hash IS NULL OR (?7 IS NOT NULL AND l.hash IS NULL)))
                 ORDER BY {key} LIMIT ?4"
            ))?
            .query_map(
                params![catalogue, version, after.cast_signed(), limit as i64, since, ColourDescriptor::KEY, layers],
                |row| Ok(row.get::<_, i64>(0)?.cast_unsigned()),
            )?
            .collect()
        })
    }

    /// Numbers of products of a catalogue with an image whose colours are not known, from `after` on, rising, at most `limit`.
    ///
    /// # Errors
    /// When the database fails.
    pub fn without_colours(&self, catalogue: i64, after: u64, limit: usize) -> Result<Vec<u64>, StoreError> {
        self.read(|sql| {
            sql.prepare_cached(
                "SELECT key FROM products WHERE catalogue = ?1 AND key > ?2 AND EXISTS (
                     SELECT 1 FROM product_images i LEFT JOIN colours c ON c.hash = i.hash AND c.version = ?3
                     WHERE i.product = key AND c.hash IS NULL)
                 ORDER BY key LIMIT ?4",
            )?
            .query_map(params![catalogue, after.cast_signed(), ColourDescriptor::KEY, limit as i64], |row| {
                Ok(row.get::<_, i64>(0)?.cast_unsigned())
            })?
            .collect()
        })
    }

    /// The classifiers of a catalogue; `None` where there are none, or none that can be read.
    ///
    /// # Errors
    /// When the database fails.
    pub fn labels(&self, catalogue: i64) -> Result<Option<Labels>, StoreError> {
        let body: Option<String> = self.read(|sql| {
            sql.prepare_cached("SELECT body FROM labels WHERE catalogue = ?1")?
                .query_row([catalogue], |row| row.get(0))
                .optional()
        })?;
        Ok(body.and_then(|body| serde_json::from_str(&body).ok()))
    }

    /// Keeps the classifiers of a catalogue in place of those before; nothing happens when the catalogue is gone.
    ///
    /// # Errors
    /// When the database fails.
    pub fn put_labels(&self, catalogue: i64, labels: &Labels) -> Result<(), StoreError> {
        self.write(|sql| {
            sql.execute(
                "INSERT OR REPLACE INTO labels (catalogue, body) SELECT key, ?2 FROM catalogues WHERE key = ?1",
                params![catalogue, to_json(labels)?],
            )
            .map(drop)
        })
    }

    /// What was found at a source the last time.
    ///
    /// # Errors
    /// When the database fails.
    pub fn source(&self, source: &str) -> Result<Option<SourceRow>, StoreError> {
        self.read(|sql| {
            sql.prepare_cached(
                "SELECT hash, size, modified, etag, last_modified, checked_at, fresh_seconds FROM sources WHERE source = ?1",
            )?
            .query_row([source], |row| {
                let bytes: [u8; 32] = row.get(0)?;
                Ok(SourceRow {
                    hash: ImageHash::from(bytes),
                    size: row.get::<_, Option<i64>>(1)?.map(i64::unsigned_abs),
                    modified: row.get(2)?,
                    etag: row.get(3)?,
                    last_modified: row.get(4)?,
                    checked_at: moment(row.get_ref(5)?.as_str()?),
                    fresh_seconds: row.get::<_, Option<i64>>(6)?.map(i64::unsigned_abs),
                })
            })
            .optional()
        })
    }
}

/// Notes an image.
pub(crate) fn put_image(sql: &Connection, hash: &ImageHash, image: &ImageRow) -> Sql<()> {
    sql.prepare_cached("INSERT OR REPLACE INTO images (hash, width, height, bytes) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![hash.as_bytes(), image.width, image.height, image.bytes.cast_signed()])
        .map(drop)
}

/// Keeps a feature, which is rounded as [`FeatureKey::rounded`] does it.
pub(crate) fn put_feature(sql: &Connection, hash: &ImageHash, model: &FeatureKey, feature: &[f16]) -> Sql<()> {
    sql.prepare_cached("INSERT OR REPLACE INTO features (hash, model, feature) VALUES (?1, ?2, ?3)")?
        .execute(params![hash.as_bytes(), model.pooled(), model.to_halves(feature)])?;
    put_layers(sql, hash, model, feature)
}

/// Keeps what a feature says of layers before the last one, where it does, and leaves the rest as it is: embeddings in the index are made of that.
pub(crate) fn put_layers(sql: &Connection, hash: &ImageHash, model: &FeatureKey, feature: &[f16]) -> Sql<()> {
    match model.layers() {
        Some((key, _)) if feature.len() == model.len() => sql
            .prepare_cached("INSERT OR REPLACE INTO layers (hash, model, layers) VALUES (?1, ?2, ?3)")?
            .execute(params![hash.as_bytes(), key, model.to_steps(feature)])
            .map(drop),
        _ => Ok(()),
    }
}

/// Keeps the colours of an image.
pub(crate) fn put_colours(sql: &Connection, hash: &ImageHash, colours: &ColourDescriptor) -> Sql<()> {
    sql.prepare_cached("INSERT OR REPLACE INTO colours (hash, version, descriptor) VALUES (?1, ?2, ?3)")?
        .execute(params![hash.as_bytes(), ColourDescriptor::KEY, colours.to_bytes()])
        .map(drop)
}

/// Keeps what is understood of an image.
pub(crate) fn put_understanding(sql: &Connection, hash: &ImageHash, version: &str, what: &Understanding) -> Sql<()> {
    sql.prepare_cached("INSERT OR REPLACE INTO understandings (hash, version, body) VALUES (?1, ?2, ?3)")?
        .execute(params![hash.as_bytes(), version, to_json(what)?])
        .map(drop)
}

/// Notes what was found at a source.
pub(crate) fn put_source(sql: &Connection, source: &str, found: &SourceRow) -> Sql<()> {
    sql.prepare_cached(
        "INSERT OR REPLACE INTO sources (source, hash, size, modified, etag, last_modified, checked_at, fresh_seconds)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        source,
        found.hash.as_bytes(),
        found.size.map(u64::cast_signed),
        found.modified,
        found.etag,
        found.last_modified,
        found.checked_at.to_rfc3339(),
        found.fresh_seconds.map(u64::cast_signed)
    ])
    .map(drop)
}

/// A moment as text; one that cannot be read is long ago, so that the source is looked at again.
fn moment(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).map(|moment| moment.to_utc()).unwrap_or_default()
}
