//! Words that are learned beside pictures.

use super::super::super::snapshot::WORDS;
use super::*;

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
