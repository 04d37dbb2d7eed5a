//! What is learned from labels and from people, and what the gate lets through.

use super::super::super::FreshnessOptions;
use super::*;

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
