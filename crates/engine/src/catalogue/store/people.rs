//! What people did and said: photos they asked with, events, reviews.

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension as _, Row, params};

use super::unused::note_to_remove;
use super::{Sql, Store, StoreError};
use crate::image::ImageHash;

/// Something a shopper did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    /// What: `search`, `click`…
    pub kind: String,
    /// When.
    pub at: DateTime<Utc>,
    /// Id of the product, where there is one.
    pub product: Option<String>,
    /// The photo that was asked with.
    pub photo: Option<ImageHash>,
    /// The words that were asked with.
    pub text: Option<String>,
    /// Who, as the shop calls them.
    pub user: Option<String>,
}

/// What a person said of a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewRow {
    /// Its number.
    pub key: i64,
    /// The photo, or
    pub photo: Option<ImageHash>,
    /// the other product of the pair.
    pub other: Option<String>,
    /// Id of the product.
    pub product: String,
    /// `confirmed`, `rejected`, `skipped`.
    pub verdict: String,
    /// Who.
    pub by: Option<String>,
    /// When.
    pub at: DateTime<Utc>,
}

/// How often shoppers did something with a product after asking with a photo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhotoEvents {
    /// The photo.
    pub photo: ImageHash,
    /// Id of the product.
    pub product: String,
    /// Clicks and views.
    pub clicks: u64,
    /// Put into the cart or bought.
    pub buys: u64,
    /// Sent away.
    pub dismissals: u64,
}

const REVIEW: &str = "SELECT key, photo, other, product, verdict, reviewer, at FROM reviews";

impl Store {
    /// Notes a photo that was asked with.
    ///
    /// # Errors
    /// When the database fails.
    pub fn put_photo(&self, catalogue: i64, hash: &ImageHash) -> Result<(), StoreError> {
        self.write(|sql| {
            sql.execute(
                "INSERT OR IGNORE INTO photos (catalogue, hash, at) VALUES (?1, ?2, ?3)",
                params![catalogue, hash.as_bytes(), Utc::now().to_rfc3339()],
            )
            .map(drop)
        })
    }

    /// The photos of a catalogue, latest first.
    ///
    /// # Errors
    /// When the database fails.
    pub fn photos(&self, catalogue: i64, limit: usize) -> Result<Vec<ImageHash>, StoreError> {
        self.read(|sql| {
            sql.prepare_cached("SELECT hash FROM photos WHERE catalogue = ?1 ORDER BY at DESC, hash LIMIT ?2")?
                .query_map(params![catalogue, limit as i64], |row| row.get::<_, [u8; 32]>(0).map(ImageHash::from))?
                .collect()
        })
    }

    /// Writes events, all or none.
    ///
    /// # Errors
    /// When the database fails.
    pub fn put_events(&self, catalogue: i64, events: &[EventRow]) -> Result<(), StoreError> {
        self.write(|sql| {
            let mut insert = sql.prepare_cached(
                "INSERT INTO events (catalogue, kind, at, product, photo, text, user) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?;
            for event in events {
                insert.execute(params![
                    catalogue,
                    event.kind,
                    event.at.to_rfc3339(),
                    event.product,
                    event.photo.as_ref().map(ImageHash::as_bytes),
                    event.text,
                    event.user,
                ])?;
            }
            Ok(())
        })
    }

    /// How many events of each kind there are.
    ///
    /// # Errors
    /// When the database fails.
    pub fn event_counts(&self, catalogue: i64) -> Result<Vec<(String, u64)>, StoreError> {
        self.read(|sql| {
            sql.prepare_cached("SELECT kind, count(*) FROM events WHERE catalogue = ?1 GROUP BY kind ORDER BY kind")?
                .query_map([catalogue], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))?
                .collect()
        })
    }

    /// What was done with products after asking with photos, a row for each pair.
    ///
    /// # Errors
    /// When the database fails.
    pub fn photo_events(&self, catalogue: i64) -> Result<Vec<PhotoEvents>, StoreError> {
        self.read(|sql| {
            sql.prepare_cached(
                "SELECT photo, product, sum(kind IN ('click', 'view')), sum(kind IN ('cart', 'purchase')), sum(kind = 'dismiss')
                     FROM events WHERE catalogue = ?1 AND photo IS NOT NULL AND product IS NOT NULL
                     GROUP BY photo, product ORDER BY photo, product",
            )?
            .query_map([catalogue], |row| {
                let count = |at| row.get::<_, i64>(at).map(i64::unsigned_abs);
                Ok(PhotoEvents {
                    photo: ImageHash::from(row.get::<_, [u8; 32]>(0)?),
                    product: row.get(1)?,
                    clicks: count(2)?,
                    buys: count(3)?,
                    dismissals: count(4)?,
                })
            })?
            .collect()
        })
    }

    /// Writes a review; its number.
    ///
    /// # Errors
    /// When the database fails.
    pub fn put_review(&self, catalogue: i64, review: &ReviewRow) -> Result<i64, StoreError> {
        self.write(|sql| {
            sql.prepare_cached(
                "INSERT INTO reviews (catalogue, photo, other, product, verdict, reviewer, at)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .insert(params![
                catalogue,
                review.photo.as_ref().map(ImageHash::as_bytes),
                review.other,
                review.product,
                review.verdict,
                review.by,
                review.at.to_rfc3339()
            ])
        })
    }

    /// Takes a review back; it when it was there.
    ///
    /// # Errors
    /// When the database fails.
    pub fn remove_review(&self, catalogue: i64, key: i64) -> Result<Option<ReviewRow>, StoreError> {
        self.write(|sql| {
            let found = sql
                .prepare_cached(&format!("{REVIEW} WHERE catalogue = ?1 AND key = ?2"))?
                .query_row(params![catalogue, key], review)
                .optional()?;
            sql.execute("DELETE FROM reviews WHERE catalogue = ?1 AND key = ?2", params![catalogue, key])?;
            Ok(found)
        })
    }

    /// Reviews, latest first, and how many there are.
    ///
    /// # Errors
    /// When the database fails.
    pub fn reviews(&self, catalogue: i64, limit: usize, offset: usize) -> Result<(Vec<ReviewRow>, u64), StoreError> {
        self.read(|sql| {
            let total: i64 =
                sql.query_row("SELECT count(*) FROM reviews WHERE catalogue = ?1", [catalogue], |row| row.get(0))?;
            let reviews = sql
                .prepare_cached(&format!("{REVIEW} WHERE catalogue = ?1 ORDER BY key DESC LIMIT ?2 OFFSET ?3"))?
                .query_map(params![catalogue, limit as i64, offset as i64], review)?
                .collect::<Sql<Vec<_>>>()?;
            Ok((reviews, total.unsigned_abs()))
        })
    }

    /// Takes back all that a user did, and their photos: those that no event of another named user has, with all events and reviews of
    /// these. How many events it were, and the photos, whose images are noted as long unused where nothing else refers to them.
    ///
    /// # Errors
    /// When the database fails.
    pub fn forget_user(&self, catalogue: i64, user: &str) -> Result<(u64, u64), StoreError> {
        self.write(|sql| {
            let photos: Vec<[u8; 32]> = sql
                .prepare_cached(
                    "SELECT DISTINCT photo FROM events e WHERE catalogue = ?1 AND user = ?2 AND photo IS NOT NULL AND NOT EXISTS (
                         SELECT 1 FROM events o WHERE o.catalogue = ?1 AND o.photo = e.photo AND o.user <> ?2)",
                )?
                .query_map(params![catalogue, user], |row| row.get(0))?
                .collect::<Sql<_>>()?;
            let mut events =
                sql.execute("DELETE FROM events WHERE catalogue = ?1 AND user = ?2", params![catalogue, user])?;
            for photo in &photos {
                let of_it = params![catalogue, photo];
                events += sql.execute("DELETE FROM events WHERE catalogue = ?1 AND photo = ?2", of_it)?;
                sql.execute("DELETE FROM reviews WHERE catalogue = ?1 AND photo = ?2", of_it)?;
                sql.execute("DELETE FROM photos WHERE catalogue = ?1 AND hash = ?2", of_it)?;
                note_to_remove(sql, photo)?;
            }
            Ok((events as u64, photos.len() as u64))
        })
    }

    /// The last word on each pair, in the order in which they were spoken.
    ///
    /// # Errors
    /// When the database fails.
    pub fn last_reviews(&self, catalogue: i64) -> Result<Vec<ReviewRow>, StoreError> {
        self.read(|sql| {
            sql.prepare_cached(&format!(
                "{REVIEW} WHERE key IN (SELECT max(key) FROM reviews WHERE catalogue = ?1 GROUP BY photo, other, product)
                     ORDER BY key"
            ))?
            .query_map([catalogue], review)?
            .collect()
        })
    }
}

fn review(row: &Row<'_>) -> Sql<ReviewRow> {
    let at: String = row.get(6)?;
    Ok(ReviewRow {
        key: row.get(0)?,
        photo: hash(row, 1)?,
        other: row.get(2)?,
        product: row.get(3)?,
        verdict: row.get(4)?,
        by: row.get(5)?,
        at: DateTime::parse_from_rfc3339(&at).map(|at| at.to_utc()).unwrap_or_default(),
    })
}

fn hash(row: &Row<'_>, at: usize) -> Sql<Option<ImageHash>> {
    Ok(row.get::<_, Option<[u8; 32]>>(at)?.map(ImageHash::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, Store, i64) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("vetrina.db")).unwrap();
        let key = store.create_catalogue("shop").unwrap().0.key;
        (folder, store, key)
    }

    fn said(photo: &str, product: &str, verdict: &str) -> ReviewRow {
        ReviewRow {
            key: 0,
            photo: Some(ImageHash::of(photo.as_bytes())),
            other: None,
            product: product.into(),
            verdict: verdict.into(),
            by: Some("ann".into()),
            at: Utc::now(),
        }
    }

    #[test]
    fn the_last_word_counts_and_can_be_taken_back() {
        let (_folder, store, key) = store();
        store.put_review(key, &said("p", "a", "confirmed")).unwrap();
        store.put_review(key, &said("p", "b", "rejected")).unwrap();
        let last = store.put_review(key, &said("p", "a", "rejected")).unwrap();
        let words = || -> Vec<(String, String)> {
            store.last_reviews(key).unwrap().into_iter().map(|review| (review.product, review.verdict)).collect()
        };
        let pair = |product: &str, verdict: &str| (product.to_owned(), verdict.to_owned());
        assert_eq!(words(), [pair("b", "rejected"), pair("a", "rejected")]);
        assert_eq!(store.remove_review(key, last).unwrap().unwrap().product, "a");
        assert_eq!(store.remove_review(key, last).unwrap(), None);
        assert_eq!(words(), [pair("a", "confirmed"), pair("b", "rejected")]);
        let (page, total) = store.reviews(key, 1, 0).unwrap();
        assert_eq!((page[0].product.as_str(), total), ("b", 2));
    }

    #[test]
    fn events_are_counted_for_each_pair() {
        let (_folder, store, key) = store();
        let event = |kind: &str, product: Option<&str>, photo: Option<&str>| EventRow {
            kind: kind.into(),
            at: Utc::now(),
            product: product.map(Into::into),
            photo: photo.map(|photo| ImageHash::of(photo.as_bytes())),
            text: None,
            user: None,
        };
        let events = [
            event("search", None, Some("p")),
            event("click", Some("a"), Some("p")),
            event("cart", Some("a"), Some("p")),
            event("dismiss", Some("b"), Some("p")),
            event("click", Some("a"), None),
        ];
        store.put_events(key, &events).unwrap();
        let pairs = store.photo_events(key).unwrap();
        let told: Vec<_> =
            pairs.iter().map(|pair| (pair.product.as_str(), pair.clicks, pair.buys, pair.dismissals)).collect();
        assert_eq!(told, [("a", 1, 1, 0), ("b", 0, 0, 1)]);
        assert_eq!(store.event_counts(key).unwrap().len(), 4);
        store.put_photo(key, &ImageHash::of(b"p")).unwrap();
        store.put_photo(key, &ImageHash::of(b"p")).unwrap();
        assert_eq!(store.photos(key, 10).unwrap(), [ImageHash::of(b"p")]);
    }

    #[test]
    fn a_user_is_forgotten_with_photos_that_are_theirs_alone() {
        let (_folder, store, key) = store();
        let event = |user: Option<&str>, photo: Option<&str>| EventRow {
            kind: "search".into(),
            at: Utc::now(),
            product: None,
            photo: photo.map(|photo| ImageHash::of(photo.as_bytes())),
            text: Some("lamp".into()),
            user: user.map(Into::into),
        };
        let events = [
            event(Some("u"), Some("own")),
            event(None, Some("own")),
            event(Some("u"), Some("shared")),
            event(Some("v"), Some("shared")),
            event(Some("u"), None),
            event(None, None),
        ];
        store.put_events(key, &events).unwrap();
        let shared = ImageHash::of(b"shared");
        for photo in ["own", "shared"] {
            store.put_photo(key, &ImageHash::of(photo.as_bytes())).unwrap();
            store.put_review(key, &said(photo, "a", "confirmed")).unwrap();
        }
        assert_eq!(store.forget_user(key, "nobody").unwrap(), (0, 0));
        assert_eq!(store.forget_user(key, "u").unwrap(), (4, 1));
        assert_eq!(store.photos(key, 10).unwrap(), [shared]);
        assert_eq!(store.reviews(key, 10, 0).unwrap().1, 1);
        assert_eq!(store.event_counts(key).unwrap(), [("search".to_owned(), 2)]);
        assert_eq!(store.forget_user(key, "v").unwrap(), (1, 1));
        assert!(store.photos(key, 10).unwrap().is_empty());
    }
}
