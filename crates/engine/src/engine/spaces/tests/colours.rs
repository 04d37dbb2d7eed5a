//! Colours that are fused into a space.

use super::*;
use crate::image::ColourDescriptor;

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
    // A product whose picture is at hand without colours is not mixed in, and keeps nothing from going on.
    let late = engine.catalogue(&name).unwrap();
    let fields = json!({"id": "late", "title": "late", "attributes": {"colour": "c0"}});
    let put_late = Change { put: vec![prepared(&engine, fields, &[feature(1, 999, 0.5)])], ..Change::default() };
    late.commit(&engine.store, put_late, |_, _| Ok(())).unwrap();
    // Hits agree in colour, after the index was lost too.
    let alike = |engine: &Engine| -> Vec<String> {
        let request = SearchRequest { like: vec!["p8".into()], limit: 10, ..SearchRequest::default() };
        let hits = engine.search(&name, &request, &[]).unwrap().hits;
        hits.into_iter().map(|hit| hit.product.id).collect()
    };
    let found = alike(&engine);
    assert!(found.iter().all(|id| id[1..].parse::<u64>().unwrap() % 4 == 0), "{found:?}");
    engine.close();
    drop((late, engine));
    fs::remove_dir_all(folder.path().join("telling/data/index")).unwrap();
    let engine = Engine::open(EngineOptions::new(folder.path().join("telling/data"))).unwrap();
    assert_eq!(alike(&engine), found);
    let late = SearchRequest { text: Some("late".into()), ..SearchRequest::default() };
    assert_eq!(engine.search(&name, &late, &[]).unwrap().hits[0].product.id, "late", "by its words it is found");
    // Who wants the space again is told first.
    engine.rollback_space(&name).unwrap();
    let refused = engine.promote_space(&name, &id, true, &|_, _| true).unwrap_err();
    assert!(matches!(refused, EngineError::ColoursLost { .. }), "{refused}");

    let random = coloured_shop(&folder.path().join("random"), 160, false);
    let trained = train(&random, labels("colour")).unwrap();
    assert!(!trained.report.colours.unwrap().fused);
    assert!(!random.space_of(&name, &trained.space.to_string()).unwrap().provenance.unwrap().colours);

    let partly = coloured_shop(&folder.path().join("partly"), 100, true);
    let trained = train(&partly, labels("colour")).unwrap();
    assert!(trained.report.colours.is_none());
    assert!(trained.report.notes.iter().any(|note| note.contains("60 of 160")), "{:?}", trained.report.notes);
}
