use serde_json::json;

use super::products::{next_revision, put, remove};
use super::*;
use crate::catalogue::Product;
use crate::image::ImageHash;
use crate::model::FeatureKey;

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("vetrina.db")).unwrap();
    (folder, store)
}

fn product(id: &str) -> Product {
    let hash = ImageHash::of(id.as_bytes()).to_string();
    serde_json::from_value(json!({"id": id, "title": "T", "images": [{"source": "a.jpg", "hash": hash}]})).unwrap()
}

fn write(store: &Store, catalogue: i64, id: &str) -> (u64, bool) {
    store.write(|sql| put(sql, catalogue, next_revision(sql, catalogue)?, &product(id), b"given")).unwrap()
}

#[test]
fn products_come_back_and_their_numbers_are_never_used_twice() {
    let (_folder, store) = store();
    let (catalogue, made) = store.create_catalogue("shop").unwrap();
    assert!(made && !store.create_catalogue("shop").unwrap().1);
    let (first, new) = write(&store, catalogue.key, "a");
    assert!(new);
    assert_eq!(write(&store, catalogue.key, "a"), (first, false));
    assert_eq!(store.product(catalogue.key, "a").unwrap().unwrap().product, product("a"));
    assert_eq!(store.sizes(catalogue.key).unwrap(), (1, 1));
    let gone = store.write(|sql| remove(sql, catalogue.key, next_revision(sql, catalogue.key)?, "a")).unwrap();
    assert_eq!(gone, Some(first));
    assert_eq!(store.removed_since(catalogue.key, 0).unwrap(), [first]);
    assert!(write(&store, catalogue.key, "a").0 > first);
    assert_eq!(store.sizes(catalogue.key).unwrap(), (1, 1));
}

#[test]
fn the_index_learns_what_changed_since_its_revision() {
    let (_folder, store) = store();
    let key = store.create_catalogue("shop").unwrap().0.key;
    let keys: Vec<u64> = ["a", "b", "c"].iter().map(|id| write(&store, key, id).0).collect();
    let changed = |revision| -> Vec<u64> {
        let mut changes = store.changes(key, revision).unwrap();
        // What changes during the walk is not in it.
        write(&store, key, "late");
        let mut found = Vec::new();
        loop {
            let page = store.next_changes(&mut changes, 2).unwrap();
            if page.is_empty() {
                return found;
            }
            found.extend(page.into_iter().map(|product| product.key));
        }
    };
    assert_eq!(changed(0), keys);
    store.note_indexed(key, "space", 2).unwrap();
    assert_eq!((store.revision(key).unwrap(), store.indexed(key, "space").unwrap()), (4, Some(2)));
    assert_eq!(changed(2), keys[2..], "the late one changed again during the walk");
    let late = store.product(key, "late").unwrap().unwrap().key;
    let (first, rest) = (store.page_of_products(key, 0, 2).unwrap(), store.page_of_products(key, keys[1], 9).unwrap());
    let all: Vec<u64> = first.into_iter().chain(rest).map(|product| product.key).collect();
    assert_eq!(all, [keys.as_slice(), &[late]].concat());
}

#[test]
fn a_catalogue_goes_with_everything_in_it() {
    let (_folder, store) = store();
    let key = store.create_catalogue("shop").unwrap().0.key;
    write(&store, key, "a");
    store.drop_catalogue(key).unwrap();
    assert!(store.catalogues().unwrap().is_empty());
    let left: i64 =
        store.read(|sql| sql.query_row("SELECT count(*) FROM product_images", [], |row| row.get(0))).unwrap();
    assert_eq!(left, 0);
}

#[test]
fn features_keep_their_numbers() {
    let (_folder, store) = store();
    let hash = ImageHash::of(b"x");
    let (key, other) = (FeatureKey::named("m", 1280, 64), FeatureKey::named("n", 1280, 64));
    let feature: Vec<f32> =
        (0..1344).map(|i| if i < 1280 { i as f32 / 7.0 } else { (i - 1300) as f32 / 200.0 }).collect();
    let feature = key.rounded(&feature);
    let numbers: Vec<f32> = feature.iter().map(|x| x.to_f32()).collect();
    let unknown = ImageHash::of(b"y");
    store.write(|sql| pictures::put_feature(sql, &hash, &key, &feature)).unwrap();
    let found = store.features(&[hash, unknown], &key).unwrap();
    assert_eq!(found[0].as_deref().unwrap(), &numbers[..1280]);
    assert!(
        found[1].is_none()
            && store.has_feature(&hash, &key, false).unwrap()
            && store.has_feature(&hash, &key, true).unwrap()
    );
    assert!(!store.has_feature(&hash, &other, false).unwrap());
    assert_eq!(store.features_with_layers(&[hash, unknown], &key).unwrap(), [Some(numbers.clone()), None]);
    assert_eq!(store.have_layers(&[hash, unknown], &key).unwrap(), [true, false]);
    // What was kept by an earlier version ends with the pooled vector.
    store.write(|sql| pictures::put_feature(sql, &unknown, &key, &feature[..1280])).unwrap();
    assert_eq!(store.features_with_layers(&[unknown], &key).unwrap(), [Some(numbers[..1280].to_vec())]);
    assert!(store.has_feature(&unknown, &key, false).unwrap() && !store.has_feature(&unknown, &key, true).unwrap());
    assert_eq!(store.have_layers(&[hash, unknown], &key).unwrap(), [true, false]);
}

#[test]
fn a_failed_write_leaves_nothing_behind() {
    let (_folder, store) = store();
    let key = store.create_catalogue("shop").unwrap().0.key;
    let failed = store.write(|sql| {
        put(sql, key, next_revision(sql, key)?, &product("a"), b"")?;
        sql.execute("INSERT INTO nowhere VALUES (1)", []).map(drop)
    });
    assert!(failed.is_err());
    assert_eq!(store.sizes(key).unwrap(), (0, 0));
    assert_eq!(store.catalogues().unwrap()[0].revision, 0);
}

#[test]
fn a_newer_format_is_refused_and_left_alone() {
    let (folder, store) = store();
    store.write(|sql| sql.pragma_update(None, "user_version", 99)).unwrap();
    drop(store);
    let error = Store::open(&folder.path().join("vetrina.db")).unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 99, .. }), "{error}");
}

#[test]
fn a_file_that_is_no_database_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vetrina.db");
    std::fs::write(&path, "this is a text file, not a database, and long enough to be looked at".repeat(40)).unwrap();
    assert!(matches!(Store::open(&path).unwrap_err(), StoreError::Database { .. }));
}

#[test]
fn removals_are_known_until_every_index_has_them() {
    let (_folder, store) = store();
    let key = store.create_catalogue("shop").unwrap().0.key;
    let gone = write(&store, key, "a").0;
    store.note_indexed(key, "old", 1).unwrap();
    store.note_indexed(key, "new", 0).unwrap();
    store.write(|sql| remove(sql, key, next_revision(sql, key)?, "a")).unwrap();
    store.note_indexed(key, "old", 2).unwrap();
    assert_eq!(store.removed_since(key, 0).unwrap(), [gone], "the new index has yet to hear of it");
    store.note_indexed(key, "new", 2).unwrap();
    assert!(store.removed_since(key, 0).unwrap().is_empty());
    store.forget_index(key, "old").unwrap();
    assert_eq!(store.indexed(key, "old").unwrap(), None);
}

#[test]
fn spaces_and_which_is_active_are_kept() {
    let (_folder, store) = store();
    let key = store.create_catalogue("shop").unwrap().0.key;
    let space =
        StoredSpace { id: "ab".into(), created_at: chrono::Utc::now(), provenance: json!({"a": 1}), report: json!({}) };
    store.put_space(key, &space).unwrap();
    store.put_space(key, &space).unwrap();
    assert_eq!(store.spaces::<serde_json::Value, serde_json::Value>(key).unwrap(), [space]);
    store.activate(key, "ab", Some("default")).unwrap();
    let row = store.catalogues().unwrap().remove(0);
    assert_eq!((row.active.as_str(), row.previous.as_deref()), ("ab", Some("default")));
    assert!(store.remove_space(key, "ab").unwrap() && !store.remove_space(key, "ab").unwrap());
}

#[test]
fn an_older_format_is_brought_up_with_everything_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vetrina.db");
    let old = Connection::open(&path).unwrap();
    old.execute_batch(include_str!("schema.sql")).unwrap();
    old.execute_batch(
        "INSERT INTO catalogues (name, created_at) VALUES ('shop', '2026-01-01T00:00:00Z');
         INSERT INTO sources (source, hash, checked_at) VALUES ('https://a', zeroblob(32), '2026-01-01T00:00:00Z');
         PRAGMA user_version = 1",
    )
    .unwrap();
    drop(old);
    for _ in 0..2 {
        let store = Store::open(&path).unwrap();
        assert_eq!(store.catalogues().unwrap()[0].name, "shop");
        let source = store.source("https://a").unwrap().unwrap();
        assert_eq!((source.hash, source.fresh_seconds), (ImageHash::from([0; 32]), None));
    }
}
