//! Which space is in use: promoted under load, after a restart, with its indexes.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::*;

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
