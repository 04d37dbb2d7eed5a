//! Training a space of a large catalogue from stored features: seconds and peak memory.
//!
//! The catalogue is made: features around the means of real ones, written straight into the database of an empty data folder,
//! so that filling it takes a minute and no model is needed. What is measured is a process of its own that opens the folder
//! and trains.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use rusqlite::{Connection, params};
use vetrina_engine::engine::{CatalogueName, JobState, Learned, TrainRequest};
use vetrina_engine::image::{ColourDescriptor, Picture};
use vetrina_engine::model::{FeatureKey, builtin_manifest};
use vetrina_engine::{Engine, EngineOptions};

/// Different categories of the made products.
const LABELS: u64 = 500;
/// Numbers of a feature.
const DIM: usize = 1280;
/// Photos of which somebody said what they show, before those of which nobody did.
const CONFIRMED: u64 = 500;

pub fn run(data: Option<PathBuf>, products: u64, photos: u64) -> Result<()> {
    let cache = std::env::home_dir().context("no home folder")?.join(".cache/vetrina");
    let folder = data.unwrap_or_else(|| cache.join(format!("train-colours-{products}")));
    if !folder.join("filled").is_file() {
        fill(&folder, products)?;
    }
    if photos > 0 {
        add_photos(&folder, products, photos)?;
    }
    let opening = Instant::now();
    // The index is of no use here: without products in it the engine would fill it first.
    let engine = Engine::open(EngineOptions::new(&folder))?;
    println!("opened in {:.1} s, {:.0} MiB at most so far", opening.elapsed().as_secs_f64(), peak_mib()?);
    let mut first = None;
    let labels = |name: &str| Learned { labels: Some(name.into()), confirmed: false };
    let learned_from = match photos {
        0 => vec![labels("category"), labels("brand"), Learned::default()],
        _ => vec![Learned { labels: None, confirmed: true }],
    };
    for learned in learned_from {
        let began = Instant::now();
        let words = learned.words();
        let request = TrainRequest { learned, ..TrainRequest::new(CatalogueName::default()) };
        let job = engine.train(request, &|_| {})?;
        ensure!(job.state == JobState::Done, "{}", job.message);
        let result = job.result.context("no result")?;
        let report = result["report"].clone();
        first.get_or_insert_with(|| result["space"].as_str().unwrap_or_default().to_owned());
        println!(
            "{words}: {} pictures, {} labels, {} tasks, colours fused: {}, photos nobody labelled: {}: {:.1} s; peak {:.0} MiB",
            report["pictures"],
            report["labels"],
            report["tasks"].as_array().map_or(0, Vec::len),
            report["colours"]["fused"],
            report["unlabelled"]["photos"],
            began.elapsed().as_secs_f64(),
            peak_mib()?
        );
    }
    let name = CatalogueName::default();
    let promoting = Instant::now();
    engine.promote_space(&name, &first.unwrap_or_default(), true, &|_, _| true)?;
    println!("promoted in {:.1} s; peak {:.0} MiB", promoting.elapsed().as_secs_f64(), peak_mib()?);
    for _ in 0..2 {
        let rolling = Instant::now();
        engine.rollback_space(&name)?;
        println!("rolled back in {:.1} ms", rolling.elapsed().as_secs_f64() * 1e3);
    }
    Ok(())
}

/// Makes the data folder.
fn fill(folder: &Path, products: u64) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let engine = Engine::open(EngineOptions::new(folder))?;
    engine.create_catalogue(&CatalogueName::default())?;
    engine.close();
    drop(engine);
    let began = Instant::now();
    let mut sql = Connection::open(folder.join("vetrina.db"))?;
    let model = FeatureKey::of(builtin_manifest()?);
    let catalogue: i64 = sql.query_row("SELECT key FROM catalogues WHERE name = 'default'", [], |row| row.get(0))?;
    let transaction = sql.transaction()?;
    {
        let mut product = transaction
            .prepare("INSERT INTO products (catalogue, id, revision, given, body) VALUES (?1, ?2, 1, x'', ?3)")?;
        let mut picture =
            transaction.prepare("INSERT INTO product_images (product, position, hash) VALUES (?1, 0, ?2)")?;
        let mut feature = transaction.prepare("INSERT INTO features (hash, model, feature) VALUES (?1, ?2, ?3)")?;
        let mut image =
            transaction.prepare("INSERT INTO images (hash, width, height, bytes) VALUES (?1, 260, 260, 1)")?;
        let mut colours = transaction.prepare("INSERT INTO colours (hash, version, descriptor) VALUES (?1, ?2, ?3)")?;
        for number in 0..products {
            let label = number % LABELS;
            let hash = blake3::hash(format!("made picture {number}").as_bytes());
            let body = serde_json::json!({
                "id": format!("made-{number}"), "title": format!("Made thing {number} of kind {label}"),
                "category": ["Made", format!("Kind {label}")], "brand": format!("Brand {}", number / 50),
                "images": [{"source": "made.jpg", "hash": hash.to_hex().as_str(), "width": 260, "height": 260}],
            });
            let key = product.insert(params![catalogue, format!("made-{number}"), body.to_string()])?;
            picture.execute(params![key, hash.as_bytes()])?;
            image.execute([hash.as_bytes()])?;
            feature.execute(params![hash.as_bytes(), model.pooled(), made(label, number)])?;
            let descriptor = coloured(label, number)?.to_bytes();
            colours.execute(params![hash.as_bytes(), ColourDescriptor::KEY, descriptor])?;
        }
    }
    transaction.execute("UPDATE catalogues SET revision = 1 WHERE key = ?1", [catalogue])?;
    transaction.commit()?;
    println!("{products} products written in {:.0} s", began.elapsed().as_secs_f64());
    // The first opening fills the index, which is not what is measured.
    Engine::open(EngineOptions::new(folder))?.close();
    std::fs::write(folder.join("filled"), "")?;
    println!("index filled after {:.0} s", began.elapsed().as_secs_f64());
    Ok(())
}

/// Puts photos of products spread over the catalogue beside it, the first of them confirmed.
fn add_photos(folder: &Path, products: u64, photos: u64) -> Result<()> {
    let mut sql = Connection::open(folder.join("vetrina.db"))?;
    let model = FeatureKey::of(builtin_manifest()?);
    let catalogue: i64 = sql.query_row("SELECT key FROM catalogues WHERE name = 'default'", [], |row| row.get(0))?;
    let transaction = sql.transaction()?;
    for table in ["photos", "reviews"] {
        transaction.execute(&format!("DELETE FROM {table} WHERE catalogue = ?1"), [catalogue])?;
    }
    for number in 0..CONFIRMED + photos {
        let hash = blake3::hash(format!("made photo {number}").as_bytes());
        let product = fastrand::Rng::with_seed(number).u64(..products);
        let mut light = fastrand::Rng::with_seed(1 << 42 | number);
        let feature = numbers(product % LABELS, product).map(|value| half::f16::from_f32(value + 0.5 * light.f32()));
        let bytes: Vec<u8> = feature.flat_map(half::f16::to_le_bytes).collect();
        transaction.execute(
            "INSERT OR IGNORE INTO features (hash, model, feature) VALUES (?1, ?2, ?3)",
            params![hash.as_bytes(), model.pooled(), bytes],
        )?;
        let at = "2026-01-01T00:00:00Z";
        transaction.execute(
            "INSERT INTO photos (catalogue, hash, at) VALUES (?1, ?2, ?3)",
            params![catalogue, hash.as_bytes(), at],
        )?;
        if number < CONFIRMED {
            transaction.execute(
                "INSERT INTO reviews (catalogue, photo, product, verdict, at) VALUES (?1, ?2, ?3, 'confirmed', ?4)",
                params![catalogue, hash.as_bytes(), format!("made-{product}"), at],
            )?;
        }
    }
    Ok(transaction.commit()?)
}

/// A feature as half-precision numbers.
fn made(label: u64, number: u64) -> Vec<u8> {
    numbers(label, number).flat_map(|value| half::f16::from_f32(value).to_le_bytes()).collect()
}

/// A feature: what its label has, and noise.
fn numbers(label: u64, number: u64) -> impl Iterator<Item = f32> {
    let (mut of_label, mut own) = (fastrand::Rng::with_seed(label), fastrand::Rng::with_seed(1 << 40 | number));
    (0..DIM).map(move |_| of_label.f32() + 0.8 * own.f32())
}

/// Colours: one that its label has, among others that it has not.
fn coloured(label: u64, number: u64) -> Result<ColourDescriptor> {
    const SIDE: u32 = 16;
    let (mut of_label, mut own) = (fastrand::Rng::with_seed(!label), fastrand::Rng::with_seed(1 << 41 | number));
    let cloth = [of_label.u8(..), of_label.u8(..), of_label.u8(..)];
    let inside = |at: u32| (3..13).contains(&at);
    let rgb = (0..SIDE * SIDE).flat_map(|at| match (inside(at % SIDE) && inside(at / SIDE), own.f32() < 0.5) {
        (true, true) => cloth,
        (true, false) => [own.u8(..), own.u8(..), own.u8(..)],
        (false, _) => [255; 3],
    });
    let picture = Picture::from_rgb(SIDE, SIDE, rgb.collect()).context("no picture")?;
    Ok(ColourDescriptor::of(&picture))
}

/// Largest resident memory of this process so far.
fn peak_mib() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).context("no VmHWM")?;
    let kib: f64 = line.split_whitespace().nth(1).context("no number")?.parse()?;
    Ok(kib / 1024.0)
}
