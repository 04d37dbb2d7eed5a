//! The engine with its real model over pictures made here. Needs ONNX Runtime (`make setup`).

use serde_json::json;

use super::*;
use crate::image::ImageHash;
use crate::linear::dot;
use crate::search::SearchRequest;

/// A JPEG of stripes in two colours, its own for each number.
pub(super) fn picture(number: u8) -> Vec<u8> {
    let colour = |at: u32| {
        let stripe = (at / (6 + u32::from(number) * 5)) % 2 == 0;
        let base = number.wrapping_mul(67);
        if stripe { [base, 255 - base, number.wrapping_mul(31)] } else { [250, 250, 250 - base / 2] }
    };
    let image = image::RgbImage::from_fn(200, 160, |x, y| image::Rgb(colour(x + y * u32::from(number % 3))));
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, image::ImageFormat::Jpeg).unwrap();
    bytes.into_inner()
}

/// A folder with a feed of four good products, one with a broken picture, one with a bad price, and one with both a good and
/// a missing picture.
pub(super) fn feed(folder: &std::path::Path) -> std::path::PathBuf {
    for number in 0..5 {
        fs::write(folder.join(format!("{number}.jpg")), picture(number)).unwrap();
    }
    fs::write(folder.join("broken.jpg"), &picture(9)[..300]).unwrap();
    let path = folder.join("feed.csv");
    let rows = "id,title,image_link,price,brand\n\
        a,Red bag,0.jpg,10,Aalto\n\
        b,Blue shoe,1.jpg,20,Braun\n\
        c,Broken thing,broken.jpg,30,Braun\n\
        d,Green lamp,2.jpg,cheap,Aalto\n\
        e,Green lamp,\"2.jpg,missing.jpg\",40,Aalto\n\
        f,Same picture,0.jpg,50,Aalto\n";
    fs::write(&path, rows).unwrap();
    path
}

pub(super) fn open(folder: &std::path::Path) -> Arc<Engine> {
    Engine::open(EngineOptions::new(folder.join("data"))).unwrap()
}

pub(super) fn import(engine: &Engine, feed: &std::path::Path, sync: bool) -> Job {
    let request = ImportRequest { sync, ..ImportRequest::of_file(CatalogueName::default(), feed) };
    engine.import(request, &|_| {}).unwrap()
}

pub(super) fn found(engine: &Engine, request: serde_json::Value, parts: &[Vec<u8>]) -> Vec<String> {
    let request: SearchRequest = serde_json::from_value(request).unwrap();
    let response = engine.search(&CatalogueName::default(), &request, parts).unwrap();
    response.hits.into_iter().map(|hit| hit.product.id).collect()
}

#[test]
fn a_feed_goes_in_and_products_come_out() {
    let folder = tempfile::tempdir().unwrap();
    let feed = feed(folder.path());
    let engine = open(folder.path());
    let job = import(&engine, &feed, false);
    assert_eq!((job.state, job.done, job.created, job.failed, job.warnings), (JobState::Done, 6, 4, 2, 1));
    assert_eq!(job.embedded, 3, "the same bytes are embedded once");
    let (errors, total) = engine.job_errors(&job.id, 10, 0).unwrap();
    let told: Vec<(u64, &str)> = errors.iter().map(|error| (error.line, error.code.as_str())).collect();
    assert_eq!(total, 3);
    assert_eq!((told[0].0, told[1], told[2]), (4, (5, "bad-price"), (6, "missing-picture")));

    let by_photo = found(&engine, json!({"images": [{"part": 0}]}), &[picture(1)]);
    assert_eq!(by_photo[0], "b");
    assert_eq!(found(&engine, json!({"text": "lamp"}), &[]), ["e"]);
    let alike = found(&engine, json!({"like": ["a"]}), &[]);
    assert!(alike[0] == "f" && !alike.contains(&"a".to_owned()));
    let cheap = found(&engine, json!({"images": [{"part": 0}], "filter": "price < 15"}), &[picture(1)]);
    assert_eq!(cheap, ["a"]);
}

#[test]
fn an_unchanged_feed_writes_nothing_and_a_changed_one_only_its_changes() {
    let folder = tempfile::tempdir().unwrap();
    let feed = feed(folder.path());
    let engine = open(folder.path());
    import(&engine, &feed, false);
    let again = import(&engine, &feed, false);
    // The product with a missing picture is looked at again: the picture may have come. It has not, so nothing is written.
    assert_eq!((again.created, again.updated, again.skipped, again.warnings, again.embedded), (0, 0, 4, 1, 0));
    fs::write(folder.path().join("missing.jpg"), picture(3)).unwrap();
    let come = import(&engine, &feed, false);
    assert_eq!((come.updated, come.skipped, come.warnings, come.embedded), (1, 3, 0, 1));
    let text = fs::read_to_string(&feed)
        .unwrap()
        .replace("Blue shoe", "Yellow shoe")
        .replace("a,Red bag,0.jpg,10,Aalto\n", "");
    fs::write(&feed, text).unwrap();
    let changed = import(&engine, &feed, true);
    assert_eq!((changed.removed, changed.failed), (1, 2));
    assert_eq!(found(&engine, json!({"text": "yellow"}), &[]), ["b"]);
    assert!(found(&engine, json!({"text": "red"}), &[]).is_empty());
}

#[test]
fn a_lost_index_is_made_again_from_the_truth() {
    let folder = tempfile::tempdir().unwrap();
    let feed = feed(folder.path());
    let engine = open(folder.path());
    import(&engine, &feed, false);
    let before = found(&engine, json!({"images": [{"part": 0}]}), &[picture(3)]);
    engine.close();
    drop(engine);
    fs::remove_dir_all(folder.path().join("data/index")).unwrap();
    let engine = open(folder.path());
    assert_eq!(found(&engine, json!({"images": [{"part": 0}]}), &[picture(3)]), before);
    assert_eq!(found(&engine, json!({"text": "lamp"}), &[]), ["e"]);
}

#[test]
fn a_lost_feature_keeps_nobody_from_starting_and_comes_back_with_the_feed() {
    let folder = tempfile::tempdir().unwrap();
    let feed = feed(folder.path());
    let engine = open(folder.path());
    import(&engine, &feed, false);
    let ask = |engine: &Engine| found(engine, json!({"images": [{"part": 0}]}), &[picture(1)]);
    assert_eq!(ask(&engine)[0], "b");
    let hash = ImageHash::of(&picture(1));
    engine.store.write(|sql| sql.execute("DELETE FROM features WHERE hash = ?1", [hash.as_bytes()])).unwrap();
    engine.close();
    drop(engine);
    fs::remove_dir_all(folder.path().join("data/index")).unwrap();

    let engine = open(folder.path());
    assert!(!ask(&engine).contains(&"b".to_owned()), "it cannot be found by a picture whose feature is gone");
    assert_eq!(found(&engine, json!({"text": "blue"}), &[]), ["b"], "by its words it can");
    let again = import(&engine, &feed, false);
    assert_eq!((again.embedded, again.updated), (1, 1));
    assert_eq!(ask(&engine)[0], "b");
}

#[test]
fn a_start_with_an_old_file_of_columns_or_a_damaged_one_finds_what_there_is() {
    let folder = tempfile::tempdir().unwrap();
    let feed = feed(folder.path());
    let engine = open(folder.path());
    import(&engine, &feed, false);
    engine.close();
    drop(engine);
    let catalogue = folder.path().join("data/index/1");
    let index = fs::read_dir(&catalogue).unwrap().next().unwrap().unwrap().path();
    let columns = index.join("columns");
    let old = fs::read(&columns).unwrap();

    let change = |engine: &Engine, number: u8| {
        let product = json!({"id": "b", "title": "Blue shoe", "brand": format!("Brand {number}"), "price": {"amount": "20", "currency": "EUR"}});
        let written = engine.put_products(&CatalogueName::default(), vec![serde_json::from_value(product).unwrap()]);
        assert!(written.unwrap()[0].is_ok());
        engine.delete_product(&CatalogueName::default(), if number == 1 { "a" } else { "f" }).unwrap();
    };
    let brands = |engine: &Engine| {
        let request: SearchRequest =
            serde_json::from_value(json!({"filter": "price > 0", "facets": ["brand"], "sort": [{"price": "asc"}]}))
                .unwrap();
        let response = engine.search(&CatalogueName::default(), &request, &[]).unwrap();
        let ids: Vec<String> = response.hits.iter().map(|hit| hit.product.id.clone()).collect();
        let counts: Vec<(String, usize)> =
            response.facets["brand"].iter().map(|value| (value.value.clone(), value.count)).collect();
        (ids, counts)
    };
    let engine = open(folder.path());
    change(&engine, 1);
    let expected = brands(&engine);
    assert_eq!(expected.0, ["b", "e", "f"]);
    engine.close();
    drop(engine);
    let new = fs::read(&columns).unwrap();
    assert_ne!(old, new);

    // Put back by somebody, cut off, gone: each time the same is found, and the next start has a good file again.
    for bytes in [Some(&old[..]), Some(&new[..new.len() / 2]), None] {
        match bytes {
            Some(bytes) => fs::write(&columns, bytes).unwrap(),
            None => fs::remove_file(&columns).unwrap(),
        }
        let engine = open(folder.path());
        assert_eq!(brands(&engine), expected);
        engine.close();
        drop(engine);
        assert!(columns.exists());
        assert!(bytes.is_none_or(|bytes| fs::read(&columns).unwrap() != bytes));
    }
    let engine = open(folder.path());
    change(&engine, 2);
    assert_eq!(
        brands(&engine),
        (vec!["b".to_owned(), "e".to_owned()], vec![("Aalto".to_owned(), 1), ("Brand 2".to_owned(), 1)])
    );
}

#[test]
fn products_are_written_one_by_one_and_refused_with_a_reason() {
    use base64::Engine as _;
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path());
    let name = CatalogueName::default();
    let data = base64::engine::general_purpose::STANDARD.encode(picture(4));
    let good = json!({"id": "x", "title": "Striped", "images": [{"source": format!("data:image/jpeg;base64,{data}")}]});
    let file = json!({"id": "y", "title": "Y", "images": [{"source": "/etc/passwd"}]});
    let private = json!({"id": "z", "title": "Z", "images": [{"source": "http://127.0.0.1:9/a.jpg"}]});
    let nameless = json!({"id": "w", "title": " "});
    let products = [good.clone(), file, private, nameless].map(|product| serde_json::from_value(product).unwrap());
    let outcomes = engine.put_products(&name, products.into()).unwrap();
    let codes: Vec<String> = outcomes
        .iter()
        .map(|outcome| match outcome {
            Ok(written) => format!("{:?}", written.outcome),
            Err(error) => error.code().to_owned(),
        })
        .collect();
    assert_eq!(codes, ["Created", "file-not-allowed", "private-address", "missing-title"]);
    assert_eq!(found(&engine, json!({"images": [{"part": 0}]}), &[picture(4)]), ["x"]);
    let again = engine.put_products(&name, vec![serde_json::from_value(good).unwrap()]).unwrap();
    assert_eq!(again[0].as_ref().unwrap().outcome, Outcome::Unchanged);
    assert!(engine.delete_product(&name, "x").unwrap() && !engine.delete_product(&name, "x").unwrap());
    assert!(found(&engine, json!({"images": [{"part": 0}]}), &[picture(4)]).is_empty());
}

#[test]
fn a_data_folder_has_one_owner() {
    let folder = tempfile::tempdir().unwrap();
    let _engine = open(folder.path());
    let error = Engine::open(EngineOptions::new(folder.path().join("data"))).unwrap_err();
    assert!(matches!(error, EngineError::InUse { .. }), "{error}");
    assert!(!error.hint().is_empty());
}

#[test]
fn a_dry_run_says_what_would_come_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let feed = feed(folder.path());
    let engine = open(folder.path());
    let report = engine.inspect(&ImportRequest::of_file(CatalogueName::default(), &feed)).unwrap();
    assert_eq!((report.products, report.rejected, report.distinct_images), (5, 1, 5));
    assert!(report.fits && report.problems.iter().any(|problem| problem.code == "missing-picture"));
    assert!(engine.catalogues().unwrap().is_empty());
}

#[test]
fn every_image_is_understood_and_those_of_before_are_caught_up_with() {
    let folder = tempfile::tempdir().unwrap();
    let feed = feed(folder.path());
    let engine = open(folder.path());
    import(&engine, &feed, false);
    let catalogue = engine.catalogue(&CatalogueName::default()).unwrap();
    let missing = || {
        engine
            .store
            .not_understood(catalogue.key, crate::understand::VERSION, Some(&engine.feature_key), (0, 0), 100)
            .unwrap()
    };
    let catch_up = || while engine.catch_up_understanding(std::time::Duration::from_millis(1)).unwrap() {};
    let palette = |id: &str| {
        let key = engine.store.product(catalogue.key, id).unwrap().unwrap().key;
        let value = catalogue.snapshot().index.values(&[key], &[crate::index::Column::Palette]).unwrap();
        crate::image::Palette::from_payload(&value[0][0])
    };
    assert_eq!(missing().len(), 4, "an import leaves it for afterwards");
    let told = parking_lot::Mutex::new(Vec::new());
    let go_on = |count| {
        told.lock().push(count);
        true
    };
    let count = engine.understand_all(&CatalogueName::default(), &go_on).unwrap();
    // The engine's own thread may have taken some of them.
    assert!(count <= 4 && *told.lock().last().unwrap() == count, "{count}, {told:?}");
    assert!(missing().is_empty());
    assert!(!palette("b").unwrap().colours().is_empty());

    // A catalogue of a version that understood nothing.
    engine.store.write(|sql| sql.execute("DELETE FROM understandings", []).map(drop)).unwrap();
    let keys = missing();
    assert_eq!(keys.len(), 4);
    catalogue.refresh(&engine.store, &keys).unwrap();
    assert!(palette("b").is_none());
    catch_up();
    assert!(missing().is_empty());
    assert!(!palette("b").unwrap().colours().is_empty());

    // One of a version that kept pooled vectors alone: what layers say comes to it, and they stay.
    let hashes: Vec<ImageHash> = (0..3).map(|number| ImageHash::of(&picture(number))).collect();
    let kept = || engine.store.features_with_layers(&hashes, &engine.feature_key).unwrap();
    let before = kept();
    engine.store.write(|sql| sql.execute("DELETE FROM layers", []).map(drop)).unwrap();
    assert_eq!(missing().len(), 4);
    catalogue.refresh(&engine.store, &missing()).unwrap();
    catch_up();
    assert!(missing().is_empty());
    for (before, after) in before.into_iter().zip(kept()) {
        let (before, after) = (before.unwrap(), after.unwrap());
        assert_eq!((before.len(), after.len()), (engine.feature_key.len(), engine.feature_key.len()));
        assert_eq!(before[..1280], after[..1280]);
        // Looked at in more detail than an import does it, so nearly the same.
        let (before, after) = (&before[1280..], &after[1280..]);
        let cosine = dot(before, after) / (dot(before, before) * dot(after, after)).sqrt();
        assert!(cosine > 0.95, "{cosine}");
    }

    let understood = engine.understand(Some(&CatalogueName::default()), &picture(1)).unwrap();
    let whole = |region: &crate::region::RegionSeen| region.r#box == crate::image::Region::WHOLE;
    assert_eq!(understood.regions.iter().filter(|region| whole(region)).count(), 1);
    assert_eq!(understood.quality.map(|quality| (quality.width, quality.height)), Some((200, 160)));
    assert!(understood.categories.is_empty(), "four products teach nothing");
}

/// Counts the pictures that a model is asked to embed. Those that are understood afterwards, with the map, don't count.
struct Counting {
    model: Arc<dyn ImageModel>,
    pictures: std::sync::atomic::AtomicUsize,
}

impl ImageModel for Counting {
    fn manifest(&self) -> &crate::model::Manifest {
        self.model.manifest()
    }

    fn features(
        &self,
        batch: &[crate::model::Tensor],
        want_maps: bool,
    ) -> Result<Vec<crate::model::Feature>, crate::model::ModelError> {
        if !want_maps {
            self.pictures.fetch_add(batch.len(), Ordering::SeqCst);
        }
        self.model.features(batch, want_maps)
    }
}

#[test]
fn the_same_bytes_are_embedded_once_wherever_they_come_from() {
    use base64::Engine as _;
    use std::io::Write as _;
    const DIFFERENT: u8 = 3;
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path());
    let counting = Arc::new(Counting { model: engine.model().unwrap(), pictures: 0.into() });
    engine.model.replace(Arc::clone(&counting) as Arc<dyn ImageModel>);
    let asked = || counting.pictures.load(Ordering::SeqCst);

    // Each picture as a file, as copies of it, in a zip beside the feed, and in the feed itself.
    let zip = folder.path().join("feed.zip");
    let mut zip = zip::ZipWriter::new(fs::File::create(zip).unwrap());
    let mut lines = String::new();
    for number in 0..90 {
        let bytes = picture(number % DIFFERENT);
        let source = match number % 4 {
            0 => format!("{}.jpg", number % DIFFERENT),
            1 => format!("copy-{number}.jpg"),
            2 => format!("packed-{number}.jpg"),
            _ => format!("data:image/jpeg;base64,{}", base64::engine::general_purpose::STANDARD.encode(&bytes)),
        };
        match number % 4 {
            0 | 1 => fs::write(folder.path().join(&source), &bytes).unwrap(),
            2 => {
                zip.start_file(&source, zip::write::SimpleFileOptions::default()).unwrap();
                zip.write_all(&bytes).unwrap();
            }
            _ => {}
        }
        let product = json!({"id": format!("s-{number}"), "title": "Same", "images": [{"source": source}]});
        lines += &(product.to_string() + "\n");
    }
    zip.finish().unwrap();
    let feed = folder.path().join("feed.jsonl");
    fs::write(&feed, lines).unwrap();

    let job = import(&engine, &feed, false);
    assert_eq!((job.created, job.embedded, asked()), (90, 3, 3));
    let again = import(&engine, &feed, false);
    assert_eq!((again.skipped, asked()), (90, 3));
    // Another catalogue shows the same pictures.
    let other = ImportRequest::of_file("other".parse().unwrap(), &feed);
    assert_eq!((engine.import(other, &|_| {}).unwrap().created, asked()), (90, 3));
    // Changed words ask for no picture.
    fs::write(&feed, fs::read_to_string(&feed).unwrap().replace("Same", "Other")).unwrap();
    assert_eq!((import(&engine, &feed, false).updated, asked()), (90, 3));
}
