//! What layers before the model's last one say, in trained spaces.

use super::*;

/// A feature whose pooled vector says nothing of the label; what inner layers say of it, among much else, tells it.
fn layered(label: u64, number: u64) -> Vec<f16> {
    let layers = builtin_manifest().unwrap().layers_len();
    let (mut of_label, mut own) = (Random::new(500 + label), Random::new(7_000_000 + number));
    let told = (0..layers).map(|at| {
        let value = if at < 40 { 0.06 * noise(&mut of_label) } else { 0.0 };
        f16::from_f32(value + 0.03 * noise(&mut own))
    });
    feature(number % 7, number, 0.5).into_iter().chain(told).collect()
}

/// Products of four kinds; `known` of them have all of their feature kept, the others the pooled vector alone.
fn kinds(folder: &Path, known: u64) -> Arc<Engine> {
    let engine = Engine::open(EngineOptions::new(folder.join("data"))).unwrap();
    let product = |number: u64| {
        let fields = json!({"id": format!("p{number}"), "title": "thing",
            "attributes": {"kind": format!("k{}", number % 4)}});
        let mut whole = layered(number % 4, number);
        whole.truncate(if number < known { whole.len() } else { DIM });
        prepared(&engine, fields, &[whole])
    };
    put(&engine, (0..160).map(product).collect());
    engine
}

fn alike(engine: &Engine) -> Vec<String> {
    let request = SearchRequest { like: vec!["p8".into()], limit: 10, ..SearchRequest::default() };
    let hits = engine.search(&CatalogueName::default(), &request, &[]).unwrap().hits;
    hits.into_iter().map(|hit| hit.product.id).collect()
}

#[test]
fn inner_layers_are_fused_where_they_make_it_better() {
    let folder = tempfile::tempdir().unwrap();
    let engine = kinds(folder.path(), 160);
    let name = CatalogueName::default();
    let trained = train(&engine, labels("kind")).unwrap();
    let report = trained.report.layers.as_ref().unwrap();
    assert!(report.fused, "{report:?}");
    let same_label = report.tasks.iter().find(|task| task.task == Task::SameLabel).unwrap();
    assert!(same_label.new.map > same_label.current.map + 0.2, "{same_label:?}");
    let kept = trained.report.tasks.iter().find(|task| task.task == Task::SameLabel).unwrap();
    assert_eq!(kept.new, same_label.new, "the figures against the space in use are those of the head that is kept");
    let id = trained.space.to_string();
    let provenance = engine.space_of(&name, &id).unwrap().provenance.unwrap();
    assert!(provenance.layers && !provenance.colours);
    assert!(engine.promote_space(&name, &id, false, &|_, _| true).unwrap());
    assert!(engine.active_space(&name).unwrap().sees_layers());
    let found = alike(&engine);
    assert!(found.iter().all(|id| id[1..].parse::<u64>().unwrap() % 4 == 0), "{found:?}");
    // What is put in later is found in it; a picture of which too little is known is not mixed in.
    let late = |id: &str, feature: Vec<f16>| {
        let fields = json!({"id": id, "title": "late", "attributes": {"kind": "k0"}});
        let put = vec![prepared(&engine, fields, &[feature])];
        let open = engine.catalogue(&name).unwrap();
        open.commit(&engine.store, Change { put, ..Change::default() }, |_, _| Ok(()))
    };
    late("later", layered(0, 900)).unwrap();
    late("short", feature(1, 999, 0.5)).unwrap();
    let like_short = SearchRequest { like: vec!["short".into()], ..SearchRequest::default() };
    let refused = engine.search(&name, &like_short, &[]).map(|found| found.hits.len());
    assert!(!matches!(refused, Ok(1..)), "it is like nothing: {refused:?}");
    let found = alike(&engine);
    assert!(!found.contains(&"short".to_owned()));
    // The same again after the index was lost, and with a new training against the space in use.
    engine.close();
    drop(engine);
    fs::remove_dir_all(folder.path().join("data/index")).unwrap();
    let engine = Engine::open(EngineOptions::new(folder.path().join("data"))).unwrap();
    assert_eq!(alike(&engine), found);
    // A training says what is missing, rather than to do without.
    let refused = train(&engine, labels("kind")).unwrap_err();
    assert!(refused.to_string().contains("those of 1 pictures are not known"), "{refused}");
    assert!(engine.delete_product(&name, "short").unwrap());
    let again = train(&engine, labels("kind")).unwrap();
    let against = again.report.tasks.iter().find(|task| task.task == Task::SameLabel).unwrap();
    assert!(again.report.gate.passes && against.map_difference.low <= 0.0, "{against:?}");
}

#[test]
fn a_catalogue_of_an_earlier_version_trains_without_them_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let engine = kinds(folder.path(), 150);
    let trained = train(&engine, labels("kind")).unwrap();
    assert!(trained.report.layers.is_none());
    let notes = &trained.report.notes;
    assert!(notes.iter().any(|note| note.contains("inner layers") && note.contains("10 of 160")), "{notes:?}");
    assert!(
        !engine.space_of(&CatalogueName::default(), &trained.space.to_string()).unwrap().provenance.unwrap().layers
    );
}
