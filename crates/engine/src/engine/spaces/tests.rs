//! Spaces over catalogues whose features are made here, so that no model is needed.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use half::f16;
use serde_json::json;

use super::super::catalogue::{Change, EmbeddedPicture, NewPicture, Prepared};
use super::super::snapshot::{WORDS, embed};
use super::super::{CatalogueName, EngineOptions, FreshnessOptions, JobState};
use super::*;
use crate::catalogue::Product;
use crate::catalogue::store::ImageRow;
use crate::image::{ColourDescriptor, ImageHash};
use crate::learn::Random;
use crate::model::builtin_manifest;
use crate::search::SearchRequest;
use crate::space::{Head, SpaceError};

const DIM: usize = 1280;

/// A number that is near 0, ± 1 at most.
fn noise(random: &mut Random) -> f32 {
    (random.bits() >> 40) as f32 / (1 << 23) as f32 - 1.0
}

/// A feature of a label: what all of the label have in common in some numbers, what differs from picture to picture in
/// others, louder.
fn feature(label: u64, own: u64, loud: f32) -> Vec<f16> {
    let (mut of_label, mut of_own) = (Random::new(label), Random::new(1_000_000 + own));
    (0..DIM)
        .map(|at| {
            let value = if at < 64 { noise(&mut of_label) } else { 0.0 };
            let varied = if at < 256 { loud * noise(&mut of_own) } else { 0.02 * noise(&mut of_own) };
            f16::from_f32(0.5 + value + varied)
        })
        .collect()
}

/// A product with these fields and these pictures.
fn prepared(engine: &Engine, fields: serde_json::Value, pictures: &[Vec<f16>]) -> Prepared {
    let mut product: Product = serde_json::from_value(fields).unwrap();
    let (mut embedded_pictures, mut new) = (Vec::new(), Vec::new());
    for picture in pictures {
        let bytes: Vec<u8> = picture.iter().flat_map(|number| number.to_le_bytes()).collect();
        let hash = ImageHash::of(&bytes);
        let image = json!({"source": "a.jpg", "hash": hash.to_string(), "width": 1, "height": 1});
        product.images.push(serde_json::from_value(image).unwrap());
        let feature = Arc::new(picture.clone());
        let embedding = embed(engine.space(), picture, None).unwrap();
        embedded_pictures.push(EmbeddedPicture { hash, feature: Arc::clone(&feature), colours: None, embedding });
        let row = ImageRow { width: 1, height: 1, bytes: 1 };
        new.push(NewPicture { hash, row, feature, colours: None, understanding: None });
    }
    Prepared {
        product,
        given: [0; 16],
        embedded_pictures,
        pictures: new,
        palette: None,
        sources: Vec::new(),
        embedded: 0,
    }
}

fn put(engine: &Engine, products: Vec<Prepared>) {
    let open = engine.catalogue_or_new(&CatalogueName::default()).unwrap();
    open.commit(&engine.store, Change { put: products, ..Change::default() }, |_, _| Ok(())).unwrap();
}

/// `count` products of `labels` categories, each with `pictures` pictures.
fn shop(folder: &Path, count: u64, labels: u64, pictures: u64, loud: f32) -> Arc<Engine> {
    let engine = Engine::open(EngineOptions::new(folder.join("data"))).unwrap();
    let products = (0..count).map(|number| {
        let label = number % labels;
        let fields = json!({"id": format!("p{number}"), "title": format!("thing {label}"),
            "category": [format!("c{label}")], "brand": format!("b{}", number % 3)});
        let pictures: Vec<Vec<f16>> =
            (0..pictures).map(|picture| feature(label, number * 100 + picture, loud)).collect();
        prepared(&engine, fields, &pictures)
    });
    put(&engine, products.collect());
    engine
}

/// A space that looks at other numbers of the feature than the default one does.
fn another(seed: u64) -> Space {
    let manifest = builtin_manifest().unwrap();
    let mut random = Random::new(seed);
    let projection: Vec<f32> = (0..32 * DIM).map(|_| noise(&mut random)).collect();
    Space::new(manifest, Head::linear(&manifest.sha256, &[0.0; DIM], &projection).unwrap()).unwrap()
}

/// Keeps a space as if it had been trained, with a gate that lets it through or not.
fn keep(engine: &Engine, space: &Space, passes: bool) -> String {
    let open = engine.catalogue(&CatalogueName::default()).unwrap();
    engine.space_files.save(open.key, space, &[]).unwrap();
    let report = TrainReport {
        learned: "a test".into(),
        products: 0,
        pictures: 0,
        labels: 0,
        pairs: 0,
        against: open.snapshot().space.id(),
        tasks: Vec::new(),
        gate: Gate { passes, reasons: vec!["because".into()] },
        notes: Vec::new(),
        colours: None,
        words: None,
        seconds: 0.0,
    };
    let provenance = Provenance {
        method: "test".into(),
        learned: Learned::default(),
        colours: false,
        model: String::new(),
        model_sha256: String::new(),
        pictures: 0,
        products: 0,
        labels: 0,
        pairs: 0,
        revision: 0,
        last_product: 0,
        seed: 0,
        vetrina: String::new(),
        trained_at: Utc::now(),
    };
    let id = space.id().to_string();
    let kept = KeptSpace { id: id.clone(), created_at: provenance.trained_at, provenance, report };
    engine.store.put_space(open.key, &kept).unwrap();
    id
}

fn like(engine: &Engine, id: &str) -> (String, Vec<String>) {
    let request = SearchRequest { like: vec![id.to_owned()], limit: 5, ..SearchRequest::default() };
    let response = engine.search(&CatalogueName::default(), &request, &[]).unwrap();
    (response.space, response.hits.into_iter().map(|hit| hit.product.id).collect())
}

/// What `like` has to find in a space, by exact comparison of stored features.
fn expected(count: u64, labels: u64, space: &Space, id: u64) -> String {
    let embed = |number: u64| embed(space, &feature(number % labels, number * 100, 0.6), None).unwrap();
    let own = embed(id);
    let others = (0..count).filter(|number| *number != id);
    let best = others.max_by(|a, b| {
        let similarity = |number: &u64| own.similarity(&embed(*number)).unwrap();
        similarity(a).total_cmp(&similarity(b))
    });
    format!("p{}", best.unwrap())
}

fn train(engine: &Engine, learned: Learned) -> Result<Trained, EngineError> {
    let request = TrainRequest { learned, ..TrainRequest::new(CatalogueName::default()) };
    let job = engine.train(request, &|_| {})?;
    assert_eq!(job.state, JobState::Done);
    Ok(serde_json::from_value(job.result.unwrap()).unwrap())
}

fn labels(name: &str) -> Learned {
    Learned { labels: Some(name.into()), confirmed: false }
}

#[test]
fn every_search_during_a_promotion_is_answered_wholly_in_one_space_and_no_write_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let engine = shop(folder.path(), 600, 6, 1, 0.6);
    let space = another(1);
    let id = keep(&engine, &space, true);
    let name = CatalogueName::default();
    // Products for which the two spaces differ, so that an answer shows which index gave it.
    let probes: Vec<(u64, String, String)> = (0..600)
        .step_by(23)
        .map(|number| (number, expected(600, 6, engine.space(), number), expected(600, 6, &space, number)))
        .filter(|(_, old, new)| old != new)
        .collect();
    assert!(probes.len() >= 10, "{}", probes.len());
    let (stop, answers) = (AtomicBool::new(false), AtomicU64::new(0));
    let in_new = AtomicU64::new(0);
    let written = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for searcher in 0..2 {
            let (engine, probes, space, stop, answers, in_new) = (&engine, &probes, &space, &stop, &answers, &in_new);
            scope.spawn(move || {
                let mut turn = searcher;
                while !stop.load(Ordering::Relaxed) {
                    let (number, old, new) = &probes[turn % probes.len()];
                    turn += 1;
                    let (answered_in, hits) = like(engine, &format!("p{number}"));
                    let wanted = if answered_in == space.id().to_string() {
                        in_new.fetch_add(1, Ordering::Relaxed);
                        new
                    } else {
                        assert_eq!(answered_in, engine.space().id().to_string());
                        old
                    };
                    assert_eq!(hits.len(), 5);
                    assert_eq!(&hits[0], wanted, "space {answered_in}");
                    answers.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        // Writes go on too; they have a label of their own, so that they are nobody's nearest.
        scope.spawn(|| {
            let mut number = 10_000;
            while !stop.load(Ordering::Relaxed) {
                let fields = json!({"id": format!("w{number}"), "title": "written meanwhile"});
                put(&engine, vec![prepared(&engine, fields, &[feature(999, number, 0.1)])]);
                if number % 3 == 0 {
                    assert!(engine.delete_product(&name, &format!("w{number}")).unwrap());
                }
                number += 1;
                written.fetch_add(1, Ordering::Relaxed);
            }
        });
        let promoted = (|| {
            for _ in 0..3 {
                let job = engine
                    .promote(PromoteRequest { catalogue: name.clone(), space: id.clone(), force: false }, &|_| {})?;
                assert_eq!(job.result.unwrap()["space"], id);
                std::thread::sleep(std::time::Duration::from_millis(100));
                assert_eq!(engine.rollback_space(&name)?, engine.space().id());
                std::thread::sleep(std::time::Duration::from_millis(100));
            }
            engine.promote_space(&name, &id, false, &|_, _| true)
        })();
        std::thread::sleep(std::time::Duration::from_millis(200));
        stop.store(true, Ordering::Relaxed);
        promoted.unwrap();
    });
    assert!(answers.load(Ordering::Relaxed) > 100 && in_new.load(Ordering::Relaxed) > 10);
    assert!(written.load(Ordering::Relaxed) > 10);
    let everywhere = || {
        let open = engine.catalogue(&name).unwrap();
        let products = engine.store.count(open.key).unwrap();
        assert_eq!(open.snapshot().index.count(None).unwrap() as u64, products, "{}", open.snapshot().space.id());
    };
    everywhere();
    // What was written while another space was active is there after the way back.
    let fields = json!({"id": "late", "title": "late"});
    put(&engine, vec![prepared(&engine, fields, &[feature(3, 777_777, 0.0)])]);
    engine.rollback_space(&name).unwrap();
    everywhere();
    assert!(like(&engine, "late").1.iter().all(|hit| hit.starts_with('p')));
}

#[test]
fn the_active_space_survives_a_restart_and_a_damaged_head_does_not_close_the_shop() {
    let folder = tempfile::tempdir().unwrap();
    let engine = shop(folder.path(), 40, 4, 1, 0.6);
    let name = CatalogueName::default();
    let id = keep(&engine, &another(2), true);
    engine.promote_space(&name, &id, false, &|_, _| true).unwrap();
    let default = engine.space().id().to_string();
    let reopened = |engine: Arc<Engine>| {
        engine.close();
        drop(engine);
        Engine::open(EngineOptions::new(folder.path().join("data"))).unwrap()
    };
    let engine = reopened(engine);
    assert_eq!(engine.active_space(&name).unwrap().id().to_string(), id);
    assert_eq!(like(&engine, "p1").0, id);
    let head = engine.space_files.folder(1).join(&id).join("head.safetensors");
    let good = fs::read(&head).unwrap();
    let mut bad = good.clone();
    let middle = bad.len() / 2;
    bad[middle] ^= 0x40;
    fs::write(&head, bad).unwrap();
    let engine = reopened(engine);
    assert_eq!(like(&engine, "p1").0, default, "the previous space takes its place");
    let shown = engine.space_of(&name, &id).unwrap();
    assert!(shown.trouble.as_ref().is_some_and(|trouble| trouble.contains("makes space")), "{shown:?}");
    let error = engine.promote_space(&name, &id, true, &|_, _| true).unwrap_err();
    assert!(matches!(error, EngineError::Space(SpaceError::OtherSpace { .. })), "{error}");
    fs::write(&head, good).unwrap();
    let engine = reopened(engine);
    assert_eq!(like(&engine, "p1").0, id, "a head that is restored is used again");
    assert_eq!(engine.rollback_space(&name).unwrap().to_string(), default);
}

#[test]
fn indexes_that_nobody_needs_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let engine = shop(folder.path(), 30, 3, 1, 0.6);
    let name = CatalogueName::default();
    assert!(matches!(engine.rollback_space(&name), Err(EngineError::NoPreviousSpace { .. })));
    let ids: Vec<String> = (3..6).map(|seed| keep(&engine, &another(seed), true)).collect();
    for id in &ids {
        // By force: with one picture a product, and no file of it, nothing can be compared anew.
        engine.promote_space(&name, id, true, &|_, _| true).unwrap();
    }
    // A promotion that is stopped on the way leaves everything as it was.
    assert!(!engine.promote_space(&name, "default", false, &|_, _| false).unwrap());
    assert_eq!(engine.active_space(&name).unwrap().id().to_string(), ids[2]);
    let data = folder.path().join("data");
    let there = || -> HashSet<String> {
        let entries = fs::read_dir(data.join("index/1")).unwrap();
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().replace("1-", "")).collect()
    };
    assert_eq!(there(), HashSet::from([ids[1].clone(), ids[2].clone()]));
    engine.close();
    drop(engine);
    fs::create_dir_all(data.join("index/1/1-0123456789abcdef/shard")).unwrap();
    let engine = Engine::open(EngineOptions::new(&data)).unwrap();
    assert_eq!(there(), HashSet::from([ids[1].clone(), ids[2].clone()]));
    assert_eq!(engine.store.indexed_spaces(1).unwrap().len(), 2);
}

#[test]
fn a_space_that_learned_its_labels_alone_is_better_on_those_and_found_out_on_others() {
    let folder = tempfile::tempdir().unwrap();
    let engine = shop(folder.path(), 240, 12, 2, 1.5);
    let trained = train(&engine, labels("category")).unwrap();
    let report = &trained.report;
    assert_eq!((report.products, report.pictures, report.labels), (240, 480, 12));
    let task = |wanted: Task| report.tasks.iter().find(|task| task.task == wanted).unwrap();
    let (same, unseen) = (task(Task::SameLabel), task(Task::UnseenLabel));
    assert!(same.map_difference.low > 0.1, "{same:?}");
    // Eight labels span seven directions; labels that lie elsewhere are not told apart by them.
    assert!(unseen.queries >= 100 && unseen.map_difference.high < same.map_difference.low, "{unseen:?}");
    let speaks_against = report.tasks.iter().any(|task| task.map_difference.high < 0.0);
    assert!(!speaks_against || !report.gate.passes, "{report:?}");
    assert_eq!(task(Task::SameProduct).asked_with, "pictures");
    let info = engine.space_of(&CatalogueName::default(), &trained.space.to_string()).unwrap();
    assert!(!info.active && info.provenance.unwrap().learned == labels("category"));
    // The same data give the same space.
    assert_eq!(train(&engine, labels("category")).unwrap().space, trained.space);
}

#[test]
fn the_gate_refuses_what_is_worse_unless_it_is_forced() {
    let folder = tempfile::tempdir().unwrap();
    let engine = shop(folder.path(), 60, 6, 1, 0.6);
    let name = CatalogueName::default();
    let id = keep(&engine, &another(9), false);
    let error = engine.promote_space(&name, &id, false, &|_, _| true).unwrap_err();
    assert!(matches!(&error, EngineError::Worse { reasons, .. } if reasons[0] == "because"), "{error}");
    assert_eq!(engine.active_space(&name).unwrap().id(), engine.space().id());
    assert!(engine.promote_space(&name, &id, true, &|_, _| true).unwrap());
    assert!(engine.promote_space(&name, "default", false, &|_, _| true).unwrap(), "the way back is open");
}

#[test]
fn degenerate_catalogues_train_nothing_and_say_why() {
    let says = |engine: &Engine, learned: Learned, text: &str| {
        let error = train(engine, learned).unwrap_err();
        assert!(matches!(error, EngineError::NothingLearned { .. }), "{error}");
        assert!(error.to_string().contains(text), "{error}");
        assert_eq!(engine.spaces(&CatalogueName::default()).unwrap().len(), 1, "nothing is kept");
        let job = engine.jobs().unwrap().remove(0);
        assert_eq!(job.state, JobState::Failed);
        assert!(job.message.starts_with(&error.to_string()), "the reason first, then what helps: {}", job.message);
    };
    let folder = tempfile::tempdir().unwrap();
    let one = shop(&folder.path().join("one"), 1, 1, 1, 0.5);
    says(&one, labels("category"), "the catalogue has 1 products");

    let same = Engine::open(EngineOptions::new(folder.path().join("same"))).unwrap();
    let picture = feature(1, 1, 0.5);
    let product = |number: u64, category: &str, picture: &Vec<f16>| {
        let fields = json!({"id": format!("s{number}"), "title": "S", "category": [category]});
        prepared(&same, fields, std::slice::from_ref(picture))
    };
    put(&same, (0..10).map(|number| product(number, "c", &picture)).collect());
    says(&same, Learned::default(), "all products show the same picture");

    let one_label = shop(&folder.path().join("label"), 20, 1, 1, 0.5);
    says(&one_label, labels("category"), "only one label");
    says(&one_label, labels("no such field"), "no product has a value of `no such field`");
    says(&one_label, Learned { labels: None, confirmed: true }, "nobody has confirmed or rejected");

    // Each picture is shown by two products with different labels.
    let quarrel = Engine::open(EngineOptions::new(folder.path().join("quarrel"))).unwrap();
    let products = (0..40).map(|number| {
        let fields = json!({"id": format!("q{number}"), "title": "Q", "category": [format!("c{}", number % 2)]});
        prepared(&quarrel, fields, &[feature(7, number / 2, 0.5)])
    });
    put(&quarrel, products.collect());
    says(&quarrel, labels("category"), "contradict each other");

    let many = shop(&folder.path().join("many"), 20_000, 20_000, 1, 0.5);
    says(&many, labels("category"), "no label has two different pictures");
}

#[test]
fn confirmed_photos_teach_and_rejected_ones_keep_apart() {
    let folder = tempfile::tempdir().unwrap();
    let engine = shop(folder.path(), 30, 30, 1, 0.2);
    let name = CatalogueName::default();
    let open = engine.catalogue(&name).unwrap();
    // Photos of products: their own number in common with the product's picture, and much that is of the photo alone.
    let photo = |product: u64, number: u64| {
        let numbers = feature(product, 5_000_000 + number, 1.2);
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        let hash = ImageHash::of(&bytes);
        let key = &engine.feature_key;
        engine.store.write(|sql| crate::catalogue::store::put_feature(sql, &hash, key, &numbers)).unwrap();
        engine.store.put_photo(open.key, &hash).unwrap();
        hash
    };
    let (questions, progress) = engine.next_reviews(&name, 5, crate::engine::Sampling::MostTelling).unwrap();
    assert!(progress.photos == 0 && questions.iter().all(|question| question.other.is_some()), "products come then");
    let say = |hash: ImageHash, product: u64, verdict| {
        let input = crate::engine::ReviewInput {
            photo: Some(crate::engine::PhotoInput::Hash(hash)),
            other: None,
            product: format!("p{product}"),
            verdict,
            by: Some("ann".into()),
        };
        engine.add_review(&name, input).unwrap()
    };
    use crate::engine::Verdict;
    let photos: Vec<(u64, ImageHash)> = (0..120).map(|number| (number % 30, photo(number % 30, number))).collect();
    let (questions, progress) = engine.next_reviews(&name, 10, crate::engine::Sampling::MostTelling).unwrap();
    assert_eq!((questions.len(), progress.photos, progress.answered), (10, 120, 0));
    let first = &questions[0];
    let said = say(first.photo.unwrap(), first.product.id[1..].parse().unwrap(), Verdict::Rejected);
    let (again, _) = engine.next_reviews(&name, 100, crate::engine::Sampling::MostTelling).unwrap();
    assert!(
        !again.iter().any(|each| each.photo == first.photo && each.product.id == first.product.id),
        "not asked twice"
    );
    assert!(again.iter().any(|each| each.photo == first.photo), "but of another product");
    assert_eq!(engine.remove_review(&name, said.id).unwrap().unwrap().product, first.product.id);
    for (product, hash) in &photos {
        say(*hash, *product, Verdict::Confirmed);
    }
    let trained = train(&engine, Learned { labels: None, confirmed: true }).unwrap();
    assert_eq!((trained.report.pairs, trained.report.pictures), (120, 150));
    let task = trained.report.tasks.iter().find(|task| task.task == Task::SameProduct).unwrap();
    assert_eq!((task.asked_with.as_str(), task.queries), ("photos", 120));
    assert!(task.new.map > 0.95 && task.new.map >= task.current.map, "{task:?}");
    // One more word changes the next training.
    say(photos[0].1, photos[0].0, Verdict::Rejected);
    let after = train(&engine, Learned { labels: None, confirmed: true }).unwrap();
    assert_ne!(after.space, trained.space);
}

#[test]
fn a_space_that_is_no_longer_fresh_is_trained_again_through_the_gate() {
    let folder = tempfile::tempdir().unwrap();
    let engine = shop(folder.path(), 120, 6, 2, 1.0);
    let name = CatalogueName::default();
    assert_eq!(engine.freshness(&name).unwrap(), None, "the default space does not age");
    let trained = train(&engine, labels("category")).unwrap();
    engine.promote_space(&name, &trained.space.to_string(), true, &|_, _| true).unwrap();
    let fresh = engine.freshness(&name).unwrap().unwrap();
    assert!(fresh.reasons.is_empty() && fresh.newer == 0.0 && fresh.drift.unwrap() < 0.1, "{fresh:?}");
    // A new season: other things, as many again.
    let season = (0..120).map(|number| {
        let label = 50 + number % 6;
        let fields = json!({"id": format!("n{number}"), "title": "new", "category": [format!("c{label}")]});
        let mut picture = feature(label, 90_000 + number, 1.0);
        picture[600..900].iter_mut().for_each(|value| *value = f16::from_f32(1.4));
        prepared(&engine, fields, &[picture])
    });
    put(&engine, season.collect());
    let stale = engine.freshness(&name).unwrap().unwrap();
    assert!(stale.newer == 0.5 && stale.drift_of_newer > stale.drift && stale.drift.unwrap() > 0.25, "{stale:?}");
    assert_eq!(stale.reasons.len(), 2, "{stale:?}");
    engine.close();
    drop(engine);
    // The keeper finds it by itself where the settings say so; not within a day of the last training.
    let mut options = EngineOptions::new(folder.path().join("data"));
    options.freshness =
        FreshnessOptions { retrain: true, look: std::time::Duration::ZERO, ..FreshnessOptions::default() };
    let store = crate::catalogue::Store::open(&options.data.join("vetrina.db")).unwrap();
    store.write(|sql| sql.execute("DELETE FROM jobs", []).map(drop)).unwrap();
    drop(store);
    let engine = Engine::open(options).unwrap();
    engine.keepers.wake();
    let waited = std::time::Instant::now();
    let job = loop {
        let found =
            engine.jobs().unwrap().into_iter().find(|job| job.kind == "train" && job.state != JobState::Running);
        if let Some(job) = found {
            break job;
        }
        assert!(waited.elapsed().as_secs() < 600, "nothing was trained");
        std::thread::sleep(std::time::Duration::from_millis(50));
    };
    assert_eq!(job.state, JobState::Done, "{}", job.message);
    let result = job.result.unwrap();
    assert_eq!(result["promoted"], result["report"]["gate"]["passes"]);
    assert_eq!(engine.jobs().unwrap().len(), 1, "once is enough");
}

#[test]
fn words_find_what_says_nothing_by_what_it_looks_like() {
    let folder = tempfile::tempdir().unwrap();
    // Forty kinds of things: a picture of one of `n` kinds fits its own title at most ln(n) / 20 better than titles in
    // general, and what fits less than 0.1 better does not count. Twenty of each: with five, forty titles are held out, hardly enough to
    // tell noise from words in 256 directions, and the last bits of the numbers decide.
    let engine = shop(folder.path(), 800, 40, 1, 0.2);
    let silent = json!({"id": "silent", "title": "untitled"});
    put(&engine, vec![prepared(&engine, silent, &[feature(7, 99_999, 0.2)])]);
    let found = |engine: &Engine| -> Vec<String> {
        let request = SearchRequest { text: Some("thing 7".into()), limit: 100, ..SearchRequest::default() };
        let response = engine.search(&CatalogueName::default(), &request, &[]).unwrap();
        response.hits.into_iter().map(|hit| hit.product.id).collect()
    };
    assert!(!found(&engine).contains(&"silent".to_owned()));
    let request = TrainRequest { words: WithWords::Only, ..TrainRequest::new(CatalogueName::default()) };
    let job = engine.train(request, &|_| {}).unwrap();
    assert_eq!(job.state, JobState::Done, "{}", job.message);
    let result = job.result.unwrap();
    let report: WordsReport = serde_json::from_value(result["report"]["words"].clone()).unwrap();
    assert!(report.used && report.products == 801 && report.recall_at_10.unwrap().mean > 0.5, "{report:?}");
    assert_eq!(result["space"], engine.space().id().to_string());
    // After those that say it and look like it, before those that only share a word.
    let place = found(&engine).iter().position(|id| id == "silent");
    assert!(place.is_some_and(|place| (20..24).contains(&place)), "{place:?}");
    engine.close();
    drop(engine);

    let engine = Engine::open(EngineOptions::new(folder.path().join("data"))).unwrap();
    assert!(found(&engine).contains(&"silent".to_owned()), "the words are kept");
    let open = engine.catalogue(&CatalogueName::default()).unwrap();
    let file = open.snapshot().folder.join(WORDS);
    drop(open);
    engine.close();
    drop(engine);

    let mut bytes = std::fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let engine = Engine::open(EngineOptions::new(folder.path().join("data"))).unwrap();
    let left = found(&engine);
    assert!(left.len() >= 5 && !left.contains(&"silent".to_owned()), "a damaged file closes no shop");
}

#[test]
fn words_that_tell_nothing_are_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::open(EngineOptions::new(folder.path().join("data"))).unwrap();
    let products = (0..150).map(|number: u64| {
        // Titles go round in sevens, pictures are all strangers.
        let fields = json!({"id": format!("p{number}"), "title": format!("thing w{}", number % 7)});
        prepared(&engine, fields, &[feature(number, number, 0.9)])
    });
    put(&engine, products.collect());
    let request = TrainRequest { words: WithWords::Only, ..TrainRequest::new(CatalogueName::default()) };
    let result = engine.train(request, &|_| {}).unwrap().result.unwrap();
    let report: WordsReport = serde_json::from_value(result["report"]["words"].clone()).unwrap();
    assert!(report.vocabulary > 0 && report.queries >= 10, "{report:?}");
    let open = engine.catalogue(&CatalogueName::default()).unwrap();
    assert_eq!(open.snapshot().word_head().is_some(), report.used);
    let none = TrainRequest { words: WithWords::Only, ..TrainRequest::new("empty".parse().unwrap()) };
    engine.create_catalogue(&"empty".parse().unwrap()).unwrap();
    assert!(matches!(engine.train(none, &|_| {}), Err(EngineError::NothingLearned { .. })));
}

/// Colours of a picture: a cloth on white, and some of what is beside it.
fn colours(cloth: [u8; 3], number: u64) -> ColourDescriptor {
    let mut random = Random::new(number);
    let mut value = |least: u64| (least + random.bits() % 40) as u8;
    let noise: Vec<[u8; 3]> = (0..64).map(|_| [value(0), value(100), value(180)]).collect();
    let within = |at: u32| (2..14).contains(&at);
    let rgb = (0..16 * 16_u32).flat_map(|at| match within(at % 16) && within(at / 16) {
        true if at % 5 == 0 => noise[at as usize % 64],
        true => cloth.map(|value| value.saturating_add((number % 23) as u8)),
        false => [255; 3],
    });
    ColourDescriptor::of(&crate::image::Picture::from_rgb(16, 16, rgb.collect()).unwrap())
}

/// Products of four colours, which their features say nothing of; `known` of them have colours that are kept.
fn coloured_shop(folder: &Path, known: u64, by_label: bool) -> Arc<Engine> {
    let engine = Engine::open(EngineOptions::new(folder.join("data"))).unwrap();
    let cloths = [[190, 20, 30], [30, 60, 180], [30, 130, 50], [220, 200, 40]];
    let product = |number: u64| {
        let label = number % 4;
        let fields =
            json!({"id": format!("p{number}"), "title": "thing", "attributes": {"colour": format!("c{label}")}});
        let mut made = prepared(&engine, fields, &[feature(number % 7, number, 0.5)]);
        if number < known {
            // By label, or by nothing at all.
            let cloth = if by_label { label } else { Random::new(number).bits() % 4 };
            let found = Some(Arc::new(colours(cloths[cloth as usize], number)));
            made.pictures[0].colours.clone_from(&found);
            made.embedded_pictures[0].colours = found;
        }
        made
    };
    put(&engine, (0..160).map(product).collect());
    engine
}

#[test]
fn colours_are_fused_where_they_make_it_better_and_only_there() {
    let folder = tempfile::tempdir().unwrap();
    let name = CatalogueName::default();
    let engine = coloured_shop(&folder.path().join("telling"), 160, true);
    let trained = train(&engine, labels("colour")).unwrap();
    let report = trained.report.colours.as_ref().unwrap();
    assert!(report.fused, "{report:?}");
    let same_label = report.tasks.iter().find(|task| task.task == Task::SameLabel).unwrap();
    assert!(same_label.new.map > same_label.current.map + 0.2, "{same_label:?}");
    // The figures against the space in use are those of the head that is kept.
    let kept = trained.report.tasks.iter().find(|task| task.task == Task::SameLabel).unwrap();
    assert_eq!(kept.new, same_label.new);
    let id = trained.space.to_string();
    assert!(engine.space_of(&name, &id).unwrap().provenance.unwrap().colours);
    assert!(engine.promote_space(&name, &id, false, &|_, _| true).unwrap());
    assert!(engine.active_space(&name).unwrap().sees_colours());
    // A product whose picture is at hand without colours is not mixed in.
    let late = engine.catalogue(&name).unwrap();
    let fields = json!({"id": "late", "title": "late", "attributes": {"colour": "c0"}});
    let put_late = Change { put: vec![prepared(&engine, fields, &[feature(1, 999, 0.5)])], ..Change::default() };
    let refused = late.commit(&engine.store, put_late, |_, _| Ok(())).unwrap_err();
    assert!(matches!(refused, EngineError::Space(SpaceError::NoColours)), "{refused}");
    // Hits agree in colour, after the index was lost too.
    let alike = |engine: &Engine| -> Vec<String> {
        let request = SearchRequest { like: vec!["p8".into()], limit: 10, ..SearchRequest::default() };
        let hits = engine.search(&name, &request, &[]).unwrap().hits;
        hits.into_iter().map(|hit| hit.product.id).collect()
    };
    let found = alike(&engine);
    assert!(found.iter().all(|id| id[1..].parse::<u64>().unwrap() % 4 == 0), "{found:?}");
    drop((late, engine));
    fs::remove_dir_all(folder.path().join("telling/data/index")).unwrap();
    let engine = Engine::open(EngineOptions::new(folder.path().join("telling/data"))).unwrap();
    assert_eq!(alike(&engine), found);

    let random = coloured_shop(&folder.path().join("random"), 160, false);
    let trained = train(&random, labels("colour")).unwrap();
    assert!(!trained.report.colours.unwrap().fused);
    assert!(!random.space_of(&name, &trained.space.to_string()).unwrap().provenance.unwrap().colours);

    let partly = coloured_shop(&folder.path().join("partly"), 100, true);
    let trained = train(&partly, labels("colour")).unwrap();
    assert!(trained.report.colours.is_none());
    assert!(trained.report.notes.iter().any(|note| note.contains("60 of 160")), "{:?}", trained.report.notes);
}
