//! The index as a whole, on a real shard.

use std::path::Path;

use serde_json::json;

use super::*;
use crate::catalogue::Product;

const DIMS: usize = 8;

fn options() -> IndexOptions {
    IndexOptions::new(DIMS)
}

fn open(dir: &Path) -> Index {
    Index::open(dir, &options()).unwrap().index
}

fn product(id: &str, title: &str) -> Product {
    Product { id: id.into(), title: title.into(), ..Product::default() }
}

/// A unit vector along one axis, leaning a little towards the next one.
fn axis(at: usize, lean: f32) -> Vec<f32> {
    let mut vector = vec![0.0; DIMS];
    vector[at % DIMS] = (1.0 - lean * lean).sqrt();
    vector[(at + 1) % DIMS] = lean;
    vector
}

fn point(key: u64) -> IndexPoint {
    let at = usize::try_from(key).unwrap();
    IndexPoint::of(&product(&format!("sku-{key}"), &format!("thing number {key}")), key, vec![axis(at, 0.1)])
}

/// Numbers from −0.5 to 0.5, the same each time.
pub(crate) fn scattered(mut seed: u64) -> impl FnMut() -> f32 {
    move || {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (seed >> 40) as f32 / (1_u64 << 24) as f32 - 0.5
    }
}

/// A product of one picture, which points to where `numbers` do, and nothing else.
pub(crate) fn pictured(key: u64, numbers: impl Iterator<Item = f32>) -> IndexPoint {
    let mut picture: Vec<f32> = numbers.collect();
    let length = picture.iter().map(|number| number * number).sum::<f32>().sqrt();
    picture.iter_mut().for_each(|number| *number /= length);
    IndexPoint { key, vectors: vec![picture], words: Fields::default(), payload: serde_json::Map::new() }
}

fn keys(found: &[Scored]) -> Vec<u64> {
    found.iter().map(|scored| scored.key).collect()
}

#[test]
fn a_product_scores_as_its_best_image() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path());
    let one = IndexPoint::of(&product("a", "a"), 1, vec![axis(0, 0.0), axis(4, 0.0)]);
    let two = IndexPoint::of(&product("b", "b"), 2, vec![axis(0, 0.5)]);
    let none = IndexPoint::of(&product("c", "no picture"), 3, Vec::new());
    index.upsert(&[one, two, none]).unwrap();
    for exact in [true, false] {
        let found = index.nearest(&[axis(0, 0.0)], None, 10, exact).unwrap();
        assert_eq!(keys(&found), [1, 2]);
        assert!((found[0].score - 1.0).abs() < 1e-3);
        assert!((found[1].score - 0.75_f32.sqrt()).abs() < 1e-3);
        let found = index.nearest(&[axis(4, 0.0)], None, 1, exact).unwrap();
        assert_eq!(keys(&found), [1]);
        // Two query pictures add up, each with its own best image.
        let found = index.nearest(&[axis(0, 0.0), axis(4, 0.0)], None, 1, exact).unwrap();
        assert!((found[0].score - 2.0).abs() < 1e-3);
    }
    assert_eq!(index.words("picture", 10).unwrap()[0].key, 3);
    let kept = index.vectors_of(&[2, 3, 9]).unwrap();
    assert_eq!(kept.iter().map(Vec::len).collect::<Vec<_>>(), [1, 0, 0]);
    assert!(kept[0][0].iter().zip(axis(0, 0.5)).all(|(a, b)| (a - b).abs() < 3e-4), "{kept:?}");
}

#[test]
fn writes_are_found_at_once_and_repeat_without_harm() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path());
    let points: Vec<IndexPoint> = (0..600).map(point).collect();
    index.upsert(&points).unwrap();
    index.upsert(&points).unwrap();
    assert_eq!(index.count(None).unwrap(), 600);
    index.delete(&[3, 4, 9_999]).unwrap();
    index.delete(&[3, 4]).unwrap();
    assert_eq!(index.count(None).unwrap(), 598);
    assert!(!keys(&index.nearest(&[axis(3, 0.1)], None, 600, true).unwrap()).contains(&3));
    let mut listed = Vec::new();
    let mut from = None;
    loop {
        let (page, next) = index.keys(None, from, 100).unwrap();
        listed.extend(page);
        from = next;
        if from.is_none() {
            break;
        }
    }
    assert_eq!(listed.len(), 598);
    assert!(listed.is_sorted());
    index.clear().unwrap();
    assert_eq!(index.count(None).unwrap(), 0);
}

#[test]
fn bad_vectors_are_refused_before_anything_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path());
    let mut short = point(2);
    short.vectors = vec![vec![1.0; 3]];
    assert!(matches!(index.upsert(&[point(1), short]), Err(IndexError::Dimensions { expected: 8, found: 3, .. })));
    let mut poisoned = point(2);
    poisoned.vectors[0][0] = f32::NAN;
    assert!(matches!(index.upsert(&[point(1), poisoned]), Err(IndexError::NotFinite { .. })));
    assert_eq!(index.count(None).unwrap(), 0);
    assert!(index.nearest(&[vec![1.0]], None, 1, true).is_err());
}

#[test]
fn facets_sort_and_values() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path());
    let mut points = Vec::new();
    for key in 0..10_u64 {
        let product: Product = serde_json::from_value(json!({
            "id": format!("p{key}"), "title": "x", "brand": if key < 3 { "Nike" } else { "Puma" },
            "category": ["Bags", format!("Kind {}", key % 2)],
            "price": {"amount": format!("{}.50", 20 - key), "currency": "EUR"},
            "attributes": {"Colour": if key == 0 { json!(["red", "blue"]) } else { json!("red") }},
        }))
        .unwrap();
        points.push(IndexPoint::of(&product, key, Vec::new()));
    }
    index.upsert(&points).unwrap();
    let table = index.table();
    let facet = |column: Column, limit| table.facet(&column, table.all(), false, limit);
    let brands = facet(Column::Brand, 10);
    assert_eq!(brands, [FacetCount { value: "Puma".into(), count: 7 }, FacetCount { value: "Nike".into(), count: 3 }]);
    let categories = facet(Column::Category, 2);
    assert_eq!(categories[0], FacetCount { value: "Bags".into(), count: 10 });
    assert_eq!(facet(Column::Attribute("colour".into()), 9).len(), 2);
    assert_eq!(facet(Column::Attribute("nothing".into()), 9), []);
    assert_eq!(facet(Column::Price, 9), []);
    assert_eq!(index.attributes(), ["colour"]);
    drop(table);
    index.delete(&[9]).unwrap();
    let table = index.table();
    let brands = table.facet(&Column::Brand, table.all(), false, 10);
    assert_eq!(brands[0], FacetCount { value: "Puma".into(), count: 6 }, "what was counted before is forgotten");
    let values = index.values(&[0, 77], &[Column::Brand, Column::Attribute("colour".into())]).unwrap();
    assert_eq!(values[0], [json!("Nike"), json!(["red", "blue"])]);
    assert_eq!(values[1], [json!(null), json!(null)]);
}

#[test]
fn five_languages_find_their_products() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path());
    let titles = [
        (1, "Women's red leather handbag with zip"),
        (2, "Rote Damen-Handtasche aus Leder, Größe mittel"),
        (3, "女士红色真皮手提包 大容量单肩包"),
        (4, "レディース 本革 赤い ハンドバッグ 大容量"),
        (5, "حقيبة يد نسائية جلدية حمراء"),
        (6, "Running shoes, blue, men"),
        (7, "男士蓝色跑步鞋"),
        (8, "メンズ ランニングシューズ 青"),
        (9, "حذاء رياضي رجالي أزرق"),
        (10, "Laufschuhe für Herren, blau"),
        (11, "Красная кожаная сумка"),
        (12, "กระเป๋าหนังสีแดง"),
        (13, "빨간 가죽 핸드백"),
    ];
    let points: Vec<_> =
        titles.iter().map(|(key, title)| IndexPoint::of(&product(&format!("p-{key}"), title), *key, vec![])).collect();
    index.upsert(&points).unwrap();
    let queries = [
        ("red leather bags", 1),
        ("handbags for women", 1),
        ("Ledertasche rote Handtaschen", 2),
        ("Handtasche Grösse", 2),
        ("红色手提包", 3),
        ("真皮包", 3),
        ("赤いバッグ", 4),
        ("ハンドバッグ 本革", 4),
        ("حقيبة جلدية", 5),
        ("الحقيبة النسائية", 5),
        ("blue running shoe", 6),
        ("跑步鞋", 7),
        ("ランニングシューズ", 8),
        ("احذية رياضية", 9),
        ("Laufschuh", 10),
        ("красные сумки", 11),
        ("กระเป๋า", 12),
        ("핸드백", 13),
    ];
    let mut wrong = Vec::new();
    for (query, expected) in queries {
        let found = index.words(query, 3).unwrap();
        if found.first().map(|scored| scored.key) != Some(expected) {
            wrong.push((query, expected, found));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(index.words("the", 3).unwrap(), []);
    assert_eq!(index.words("zzzz", 3).unwrap(), []);
}

#[test]
fn an_index_of_32_bits_a_number_stays_one() {
    let dir = tempfile::tempdir().unwrap();
    let before = Tuning { half: false, compression: Compression::Scalar, ..Tuning::default() };
    let whole = IndexOptions { tuning: before, ..options() };
    let thirds = |key: u64| IndexPoint { vectors: vec![axis(usize::try_from(key).unwrap(), 1.0 / 3.0)], ..point(key) };
    let opened = Index::open(dir.path(), &whole).unwrap();
    opened.index.upsert(&(0..20).map(thirds).collect::<Vec<_>>()).unwrap();
    opened.index.flush().unwrap();
    drop(opened);
    // As an earlier version wrote its marker.
    let marker = dir.path().join("index.json");
    let text = std::fs::read_to_string(&marker).unwrap();
    let older = text.replace("  \"half\": false,\n  \"compression\": \"scalar\",\n", "");
    assert_ne!(older, text);
    std::fs::write(&marker, older).unwrap();
    let opened = Index::open(dir.path(), &options()).unwrap();
    assert_eq!(opened.state, State::Loaded);
    opened.index.upsert(&[thirds(21)]).unwrap();
    assert_eq!(opened.index.vectors_of(&[3, 21]).unwrap(), [vec![axis(3, 1.0 / 3.0)], vec![axis(21, 1.0 / 3.0)]]);
    // A new one has 16.
    let folder = tempfile::tempdir().unwrap();
    let index = open(folder.path());
    index.upsert(&[thirds(3)]).unwrap();
    let found = index.vectors_of(&[3]).unwrap().remove(0).remove(0);
    assert!(
        found != axis(3, 1.0 / 3.0) && found.iter().zip(axis(3, 1.0 / 3.0)).all(|(a, b)| (a - b).abs() < 3e-4),
        "{found:?}"
    );
}

#[test]
fn an_index_opens_again_and_takes_newer_writes() {
    let dir = tempfile::tempdir().unwrap();
    let points: Vec<IndexPoint> = (0..300).map(point).collect();
    let opened = Index::open(dir.path(), &options()).unwrap();
    assert_eq!(opened.state, State::Fresh);
    opened.index.upsert(&points).unwrap();
    assert!(matches!(Index::open(dir.path(), &options()), Err(IndexError::InUse { .. })));
    drop(opened);
    for round in 0..3_usize {
        let opened = Index::open(dir.path(), &options()).unwrap();
        assert_eq!(opened.state, State::Loaded);
        assert_eq!(opened.index.count(None).unwrap(), 300);
        // The write would be ignored if operation numbers had not gone on rising.
        let mut changed = point(5);
        changed.vectors = vec![axis(round + 2, 0.0)];
        opened.index.upsert(&[changed.clone()]).unwrap();
        assert_eq!(opened.index.vectors_of(&[5]).unwrap()[0], changed.vectors);
    }
}

#[test]
fn other_options_make_a_new_index() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    let opened = Index::open(dir.path(), &IndexOptions::new(DIMS * 2)).unwrap();
    assert!(matches!(opened.state, State::Damaged { .. }), "{:?}", opened.state);
    assert_eq!(opened.index.count(None).unwrap(), 0);
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target)
        } else {
            std::fs::copy(entry.path(), target).map(drop).unwrap()
        }
    }
}

/// What `kill -9` leaves: the files as they are at some moment, without a closing flush.
#[test]
fn an_unclean_end_loses_nothing_that_is_applied_again() {
    let dir = tempfile::tempdir().unwrap();
    let live = dir.path().join("live");
    let index = open(&live);
    let first: Vec<IndexPoint> = (0..700).map(point).collect();
    index.upsert(&first).unwrap();
    index.flush().unwrap();
    let second: Vec<IndexPoint> = (700..1_400).map(point).collect();
    let mut changed = point(10);
    changed.vectors = vec![axis(0, 0.0)];
    index.upsert(&second).unwrap();
    index.upsert(&[changed.clone()]).unwrap();
    index.delete(&[20]).unwrap();
    let killed = dir.path().join("killed");
    copy(&live, &killed);
    let opened = Index::open(&killed, &options()).unwrap();
    assert_eq!(opened.state, State::Loaded);
    let index = opened.index;
    for key in 0..700 {
        if key != 20 && key != 10 {
            assert!(!index.vectors_of(&[key]).unwrap()[0].is_empty(), "{key} was flushed and is gone");
        }
    }
    index.upsert(&second).unwrap();
    index.upsert(&[changed.clone()]).unwrap();
    index.delete(&[20]).unwrap();
    assert_eq!(index.count(None).unwrap(), 1_399);
    assert_eq!(index.vectors_of(&[10]).unwrap()[0], changed.vectors);
    let found = index.words("number 1234", 1).unwrap();
    assert_eq!(keys(&found), [1_234]);
    let found = index.nearest(&[axis(20, 0.1)], None, 1_400, true).unwrap();
    assert_eq!(found.len(), 1_399);
    index.optimize().unwrap();
    index.flush().unwrap();
    drop(index);
    assert_eq!(open(&killed).count(None).unwrap(), 1_399);
}

/// A product that says some of seven words, by number, and in which turn it was written.
fn talker(key: u64, turn: u64) -> IndexPoint {
    let words = ["red", "blue", "lamp", "bag", "linen", "small", "oak"];
    let said: Vec<&str> =
        (0..7).filter(|at| (key * 31 + turn * 17) >> at & 1 == 1).map(|at| words[at as usize]).collect();
    IndexPoint::of(&product(&format!("t-{key}"), &said.join(" ")), key, Vec::new())
}

/// BM25F of every product that says a word of a text, by the book.
fn scores(index: &Index, points: impl Iterator<Item = IndexPoint>, text: &str) -> std::collections::BTreeMap<u64, f32> {
    let said: Vec<(u64, Vec<(words::Term, f32)>)> =
        points.map(|point| (point.key, index.analyser().document(&point.words).terms)).collect();
    let mut scores = std::collections::BTreeMap::new();
    for (term, weight) in index.wording(text).terms.entries {
        let saying: Vec<(u64, f32)> = said
            .iter()
            .filter_map(|(key, terms)| Some((*key, terms.iter().find(|(other, _)| *other == term)?.1)))
            .collect();
        let (all, some) = (said.len() as f32, saying.len() as f32);
        let idf = ((all - some + 0.5) / (some + 0.5) + 1.0).ln();
        for (key, value) in saying {
            *scores.entry(key).or_insert(0.0) += weight * idf * value;
        }
    }
    scores
}

#[test]
fn who_says_a_word_is_the_same_whether_it_was_asked_before_the_writes_or_after() {
    const TEXTS: [&str; 4] = ["red", "lamp bag", "oak blue linen", "small"];
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path());
    index.upsert(&(0..900).map(|key| talker(key, 0)).collect::<Vec<_>>()).unwrap();
    for text in TEXTS {
        let ours = index.words(text, 1_000).unwrap();
        assert!(ours.len() > 100, "{text}");
        let bm25 = scores(&index, (0..900).map(|key| talker(key, 0)), text);
        assert_eq!(ours.len(), bm25.len());
        assert!(ours.iter().all(|each| (bm25[&each.key] / each.score - 1.0).abs() < 0.001), "{text}");
    }
    index.delete(&(0..900).step_by(3).collect::<Vec<_>>()).unwrap();
    index.upsert(&(0..1_200).step_by(2).map(|key| talker(key, 1)).collect::<Vec<_>>()).unwrap();
    index.delete(&[2, 900]).unwrap();
    let asked: Vec<Vec<Scored>> = TEXTS.iter().map(|text| index.words(text, 2_000).unwrap()).collect();
    drop(index);
    let index = open(dir.path());
    for (text, before) in TEXTS.iter().zip(asked) {
        let after = index.words(text, 2_000).unwrap();
        let sorted = |mut found: Vec<Scored>| {
            found.sort_by_key(|each| each.key);
            found
        };
        let (before, after) = (sorted(before), sorted(after));
        assert_eq!(keys(&before), keys(&after), "{text}");
        assert!(before.iter().zip(&after).all(|(one, other)| (one.score - other.score).abs() < 1e-2), "{text}");
    }
    index.clear().unwrap();
    assert!(index.words("red", 9).unwrap().is_empty());
}

/// An index of 700 products whose process ended during an optimisation, after the new segment was moved into its place: the
/// segments that the marker says were there before, and a copy of one of them as the new one.
fn cut_off_in_a_swap(dir: &std::path::Path, lost: Option<&str>) {
    let index = open(dir);
    index.upsert(&(0..700).map(point).collect::<Vec<_>>()).unwrap();
    assert_eq!(index.flush().unwrap(), Flushed::Everything);
    drop(index);
    let segments = dir.join("shard").join("segments");
    let before: Vec<String> =
        std::fs::read_dir(&segments).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    for name in &before {
        // Another valid name: the first digit is another one.
        let first = if name.starts_with('a') { "b" } else { "a" };
        copy(&segments.join(name), &segments.join(format!("{first}{}", &name[1..])));
    }
    let marker = dir.join("index.json");
    let mut json: serde_json::Value = serde_json::from_slice(&std::fs::read(&marker).unwrap()).unwrap();
    json["optimising"] = before.into_iter().chain(lost.map(str::to_owned)).collect();
    std::fs::write(marker, json.to_string()).unwrap();
}

#[test]
fn an_optimisation_that_was_cut_off_is_taken_back() {
    let dir = tempfile::tempdir().unwrap();
    cut_off_in_a_swap(dir.path(), None);
    let index = open(dir.path());
    assert!(index.is_doubtful());
    assert_eq!(index.flush().unwrap(), Flushed::UpToOptimisation, "what was written since is not there yet");
    assert!(!index.optimize().unwrap());
    index.upsert(&[point(700)]).unwrap();
    index.delete(&[5]).unwrap();
    assert!(index.made_good().unwrap());
    assert_eq!(index.flush().unwrap(), Flushed::Everything);
    drop(index);
    let index = open(dir.path());
    assert!(!index.is_doubtful());
    assert_eq!(index.count(None).unwrap(), 700);
    assert_eq!(index.info().points, 700);
}

#[test]
fn an_optimisation_that_was_cut_off_when_its_old_segments_were_going_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    cut_off_in_a_swap(dir.path(), Some("gone"));
    let index = open(dir.path());
    assert!(index.is_doubtful() && !index.made_good().unwrap(), "every product is there twice");
    index.clear().unwrap();
    index.upsert(&(0..700).map(point).collect::<Vec<_>>()).unwrap();
    assert!(index.made_good().unwrap());
    assert_eq!(index.count(None).unwrap(), 700);
    drop(index);
    assert!(!open(dir.path()).is_doubtful());
}

#[test]
fn flushing_goes_on_while_optimising_and_frees_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path());
    std::thread::scope(|scope| {
        let optimiser = scope.spawn(|| (0..5).map(|_| index.optimize().unwrap()).filter(|done| *done).count());
        for round in 0..10 {
            let points: Vec<IndexPoint> = (round * 300..round * 300 + 400).map(point).collect();
            index.upsert(&points).unwrap();
            index.delete(&[round * 300]).unwrap();
            index.flush().unwrap();
        }
        optimiser.join().unwrap();
    });
    assert_eq!(index.count(None).unwrap(), 3_090);
    assert!(index.info().log_bytes < 64 << 20);
}

#[test]
fn an_index_that_grows_keeps_its_graphs_until_it_is_done() {
    const DIM: usize = 2_048;
    const PART: u64 = 2_600;
    let dir = tempfile::tempdir().unwrap();
    let index = Index::open(dir.path(), &IndexOptions::new(DIM)).unwrap().index;
    let vector = |key: u64| {
        let mut vector = vec![0.01; DIM];
        vector[key as usize % DIM] = 1.0;
        vector[(key as usize * 7 + key as usize / DIM * 501 + 3) % DIM] += 0.5;
        let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
        vector.iter().map(|value| value / length).collect::<Vec<f32>>()
    };
    let mut parts = Vec::new();
    for part in 0..3 {
        for from in (part * PART..(part + 1) * PART).step_by(200) {
            let points: Vec<IndexPoint> =
                (from..from + 200).map(|key| IndexPoint { vectors: vec![vector(key)], ..point(key) }).collect();
            index.upsert(&points).unwrap();
        }
        assert!(index.optimize_as(Merging::Later).unwrap());
        let info = index.info();
        assert_eq!(info.indexed as u64, (part + 1) * PART, "{info:?}");
        parts.push(info.segments);
    }
    assert!(parts[0] < parts[1] && parts[1] < parts[2], "a graph of each part: {parts:?}");
    assert!(!index.optimize_as(Merging::Later).unwrap(), "there is nothing new");
    assert!(index.optimize().unwrap());
    let info = index.info();
    assert!(info.segments < parts[2] && info.indexed as u64 == 3 * PART, "{parts:?}, then {info:?}");
    // What lies at right angles to nearly all others is no test of a graph.
    for key in [0, PART, 3 * PART - 1] {
        assert_eq!(index.nearest(&[vector(key)], None, 1, true).unwrap()[0].key, key);
    }
}
