//! How a database comes to the format of this build: one step after another, each in a transaction of its own.

use std::path::Path;

use rusqlite::Connection;

use super::StoreError;

/// The steps. The format of a database (`PRAGMA user_version`) is how many of them it has seen. A step that was released
/// never changes; what is new is a new step at the end.
const STEPS: [&str; 8] = [
    include_str!("schema.sql"),
    include_str!("migrations/0002-spaces.sql"),
    include_str!("migrations/0003-people.sql"),
    include_str!("migrations/0004-freshness.sql"),
    include_str!("migrations/0005-understandings.sql"),
    include_str!("migrations/0006-colours.sql"),
    include_str!("migrations/0007-layers.sql"),
    include_str!("migrations/0008-forgetting.sql"),
];

/// Takes the steps that a database has not seen.
///
/// # Errors
/// When a newer Vetrina wrote it, or a step fails: the database is then as before that step.
pub(super) fn migrate(writer: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let failed = |error| StoreError::of(path, error);
    let known = STEPS.len() as i64;
    let found: i64 = writer.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(failed)?;
    let Some(left) = usize::try_from(found).ok().and_then(|found| STEPS.get(found..)) else {
        return Err(StoreError::Newer { path: path.to_owned(), found, known });
    };
    for (number, step) in (found + 1..).zip(left) {
        let transaction = writer.transaction().map_err(failed)?;
        transaction.execute_batch(step).map_err(failed)?;
        transaction.pragma_update(None, "user_version", number).map_err(failed)?;
        transaction.commit().map_err(failed)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::Store;
    use super::*;
    use crate::model::FeatureKey;

    #[test]
    fn a_database_of_the_first_format_keeps_what_it_has() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vetrina.db");
        let old = Connection::open(&path).unwrap();
        old.execute_batch(STEPS[0]).unwrap();
        old.execute_batch(
            "INSERT INTO catalogues (name, created_at, revision, indexed_revision, indexed_space)
                 VALUES ('shop', '2026-01-01T00:00:00Z', 7, 5, '0123456789abcdef'),
                        ('new', '2026-01-01T00:00:00Z', 0, 0, '');
             PRAGMA user_version = 1;",
        )
        .unwrap();
        drop(old);
        let store = Store::open(&path).unwrap();
        let rows = store.catalogues().unwrap();
        let shop = rows.iter().find(|row| row.name == "shop").unwrap();
        assert_eq!((shop.revision, shop.active.as_str(), shop.previous.as_deref()), (7, "default", None));
        assert_eq!(store.indexed(shop.key, "0123456789abcdef").unwrap(), Some(5));
        assert_eq!(store.indexed(rows[0].key, "").unwrap(), None);
        assert!(
            store.not_understood(shop.key, "1", Some(&FeatureKey::named("m", 2, 2)), (0, 0), 10).unwrap().is_empty()
        );
        assert_eq!(store.colours(&[crate::image::ImageHash::of(b"x")]).unwrap(), [None]);
        drop(store);
        assert_eq!(Store::open(&path).unwrap().catalogues().unwrap(), rows, "a second opening changes nothing");
    }
}
