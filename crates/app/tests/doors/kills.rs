//! One import, killed thirty times: afterwards everything is as if it had never been.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vetrina_engine::catalogue::Product;
use vetrina_engine::engine::{CatalogueName, EngineOptions};
use vetrina_engine::index::{Column, Index, IndexOptions};
use vetrina_engine::{Engine, catalogue::Store};

use super::shop::{run, vetrina};

/// How often the import is killed.
const KILLS: u32 = 30;
/// Pictures of the feed; about as many products.
const PICTURES: u64 = 900;
/// Of the moments. Another one gives other moments; the machine's own unevenness does so too.
const SEED: u64 = 20_261_124;

/// Numbers that look random and are the same each time: SplitMix64.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to 1.
    fn part(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// A picture of coloured boxes, another one for each number.
pub fn picture(number: u64) -> Vec<u8> {
    let mut chance = Chance(number);
    let mut image = image::RgbImage::from_pixel(112, 112, image::Rgb([250, 250, 248]));
    for _ in 0..4 {
        let [r, g, b, ..] = chance.next().to_le_bytes();
        let [x, y, w, h, ..] = chance.next().to_le_bytes().map(|byte| u32::from(byte) % 80);
        for (x, y) in (x..(x + w + 8).min(112)).flat_map(|x| (y..(y + h + 8).min(112)).map(move |y| (x, y))) {
            image.put_pixel(x, y, image::Rgb([r, g, b]));
        }
    }
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, image::ImageFormat::Jpeg).unwrap();
    bytes.into_inner()
}

/// A feed with its pictures beside it. Some products share a picture, some have two, some are broken.
fn shop(folder: &Path) -> PathBuf {
    let mut lines = Vec::new();
    for number in 0..PICTURES {
        fs::write(folder.join(format!("{number}.jpg")), picture(number)).unwrap();
        let mut images = vec![json!({"source": format!("{number}.jpg")})];
        if number % 7 == 3 {
            images.push(json!({"source": format!("{}.jpg", number / 2)}));
        }
        if number % 50 == 20 {
            images.push(json!({"source": "missing.jpg"}));
        }
        let colour = ["red", "blue", "green"][(number % 3) as usize];
        let material = ["oak", "glass", "wool"][(number % 3) as usize];
        lines.push(
            json!({
                "id": format!("sku-{number}"), "title": format!("Thing {number} of {material}"),
                "brand": format!("Brand {}", number % 9), "category": ["Things", format!("Kind {}", number % 5)],
                "price": {"amount": format!("{}.95", 5 + number % 200), "currency": "EUR"},
                "attributes": {"colour": colour, "weight": number}, "images": images,
            })
            .to_string(),
        );
        if number % 60 == 30 {
            lines.push(format!("{{\"id\": \"broken-{number}\", \"title\": "));
            lines.push(
                json!({"id": format!("none-{number}"), "title": "N", "images": [{"source": "no.jpg"}]}).to_string(),
            );
        }
    }
    let feed = folder.join("feed.jsonl");
    fs::write(&feed, lines.join("\n")).unwrap();
    feed
}

#[test]
fn an_import_killed_thirty_times_ends_as_if_undisturbed() {
    let (folder, calm, rough) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let feed = shop(folder.path());
    let feed = feed.to_str().unwrap();

    let calm_job = run(calm.path(), &["import", feed, "--json"]).ends(3).json();
    let began = Instant::now();
    run(calm.path(), &["job", "list", "--json"]).ends(0);
    let opening = began.elapsed();
    // The command goes on after the import and looks at what the pictures show; no kill shall come as late as that.
    let number = |name: &str| calm_job[name].as_f64().unwrap();
    let whole = opening + Duration::from_secs_f64(number("total") / number("per_second"));

    let mut chance = Chance(SEED);
    let (mut job, mut done, mut moments) = (None::<String>, 0, Vec::new());
    for kill in 0..KILLS {
        // A third of the kills hit the opening; the others come so early that the import cannot be done before the last.
        let longest = if kill % 3 == 2 { opening } else { opening + whole.saturating_sub(opening) * 2 / KILLS };
        let moment = longest.mul_f64(chance.part());
        let mut command = vetrina();
        match &job {
            None => command.args(["import", feed]),
            Some(id) => command.args(["job", "resume", id]),
        };
        let mut child =
            command.arg("--data").arg(rough.path()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        thread::sleep(moment);
        let ended = child.try_wait().unwrap();
        assert!(ended.is_none(), "kill {kill} came too late ({ended:?} after {moment:?}); before: {moments:?}");
        child.kill().unwrap();
        child.wait().unwrap();
        let jobs = run(rough.path(), &["job", "list", "--json"]).ends(0).json();
        let jobs = jobs["jobs"].as_array().unwrap();
        // Killed before the job was written, it begins anew.
        if let Some(found) = jobs.first() {
            assert_eq!((jobs.len(), &found["state"]), (1, &json!("interrupted")), "{jobs:?}");
            let now = found["done"].as_u64().unwrap();
            assert!(now >= done, "it fell back from {done} to {now}");
            done = now;
            job = Some(found["id"].as_str().unwrap().to_owned());
        }
        moments.push((moment, done));
    }
    eprintln!("undisturbed {whole:?}, opening {opening:?}; killed at, and done by then: {moments:?}");
    let last = match &job {
        Some(id) => run(rough.path(), &["job", "resume", id, "--json"]),
        None => run(rough.path(), &["import", feed, "--json"]),
    };
    let last = last.ends(3).json();
    assert!(
        done > 0 && done < last["total"].as_u64().unwrap(),
        "it was killed in the middle: {done} were done by then"
    );
    assert!(last["done"] == last["total"]);
    same(calm.path(), rough.path());
}

/// Products, features, index and search results of two data folders are equal.
fn same(one: &Path, other: &Path) {
    let jobs: Vec<Value> = [one, other].map(jobs).into();
    assert_eq!(jobs[0], jobs[1], "counts and ledger");
    let (truth, found): (Vec<_>, Vec<_>) = [one, other].map(|data| (truth(data), searches(data))).into_iter().unzip();
    assert!(truth[0].0.len() as u64 == PICTURES && truth[0].1.len() as u64 == PICTURES);
    assert!(truth[0].0 == truth[1].0, "products");
    assert!(truth[0].1 == truth[1].1, "features");
    assert!(!found[0].is_empty());
    for (one, other) in found[0].iter().zip(&found[1]) {
        assert_eq!(one, other);
    }
    let index = [one, other].map(index);
    assert_eq!(index[0].len() as u64, PICTURES);
    for (key, point) in &index[0] {
        assert_eq!(Some(point), index[1].get(key), "point {key} of the index");
    }
    assert_eq!(index[0].len(), index[1].len());
}

/// How the only job ended, and its ledger.
fn jobs(data: &Path) -> Value {
    let engine = Engine::open(EngineOptions::new(data)).unwrap();
    let jobs = engine.jobs().unwrap();
    assert_eq!(jobs.len(), 1);
    let ledger = engine.job_errors(&jobs[0].id, 1000, 0).unwrap();
    engine.close();
    let job = &jobs[0];
    json!([job.state, job.total, job.done, job.created, job.updated, job.failed, job.warnings, ledger.0, ledger.1])
}

/// All products, and the features of all pictures.
fn truth(data: &Path) -> (Vec<Product>, Vec<Vec<f32>>) {
    let engine = Engine::open(EngineOptions::new(data)).unwrap();
    let products = engine.products(&CatalogueName::default(), 1000, 0).unwrap().products;
    engine.close();
    let store = Store::open(&data.join("vetrina.db")).unwrap();
    let model = vetrina_engine::model::FeatureKey::of(vetrina_engine::model::builtin_manifest().unwrap());
    let hashes: Vec<_> = products.iter().map(|product| product.image_hashes()[0]).collect();
    let features = store.features_with_layers(&hashes, &model).unwrap();
    let features: Vec<_> = features.into_iter().map(|feature| feature.expect("each picture has its feature")).collect();
    assert!(features.iter().all(|feature| feature.len() == model.len()), "and what inner layers say");
    (products, features)
}

/// Results of searches by photo, by words, by likeness, by filter, with facets.
fn searches(data: &Path) -> Vec<Value> {
    let engine = Engine::open(EngineOptions::new(data)).unwrap();
    let mut found = Vec::new();
    for number in [0, 7, 100, 333, 449] {
        for request in [
            json!({"images": [{"part": 0}], "limit": 20}),
            json!({"like": [format!("sku-{number}")], "limit": 20}),
            json!({"text": format!("thing {number} wool"), "limit": 20}),
            json!({"filter": format!("price < {} AND colour = \"red\"", 20 + number / 4), "sort": [{"price": "asc"}], "facets": ["brand"]}),
        ] {
            let parts = if request.get("images").is_some() { vec![picture(number)] } else { Vec::new() };
            let asked = serde_json::from_value(request).unwrap();
            let answer = engine.search(&CatalogueName::default(), &asked, &parts).unwrap();
            let mut answer = serde_json::to_value(answer).unwrap();
            answer.as_object_mut().unwrap().remove("took_ms");
            // Whether a catalogue has probabilities of its own yet depends on how long an import took, not on what it did.
            for hit in answer["hits"].as_array_mut().unwrap() {
                let hit = hit.as_object_mut().unwrap();
                hit.remove("probability");
                hit.remove("band");
            }
            found.push(answer);
        }
    }
    engine.close();
    found
}

/// What the index holds, by key: vectors and filter fields.
fn index(data: &Path) -> BTreeMap<u64, Value> {
    let marker = find(&data.join("index"), "index.json").expect("there is an index");
    let dims = serde_json::from_slice::<Value>(&fs::read(&marker).unwrap()).unwrap()["dims"].as_u64().unwrap();
    let opened = Index::open(marker.parent().unwrap(), &IndexOptions::new(dims as usize)).unwrap();
    let (keys, _) = opened.index.keys(None, None, 10_000).unwrap();
    let columns = [
        [Column::Id, Column::Title, Column::Price].as_slice(),
        &[Column::Currency, Column::Brand, Column::Category],
        &[Column::Availability, Column::InStock, Column::Stock, Column::Group, Column::Codes, Column::AddedAt],
        &["colour", "weight"].map(|name| Column::Attribute(name.into())),
    ]
    .concat();
    let values = opened.index.values(&keys, &columns).unwrap();
    let vectors = opened.index.vectors_of(&keys).unwrap();
    keys.into_iter().zip(values.into_iter().zip(vectors)).map(|(key, point)| (key, json!(point))).collect()
}

fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    entries.into_iter().find_map(
        |path| {
            if path.is_dir() { find(&path, name) } else { path.ends_with(name).then_some(path) }
        },
    )
}
