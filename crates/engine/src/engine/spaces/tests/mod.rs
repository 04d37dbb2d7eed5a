//! Spaces over catalogues whose features are made here, so that no model is needed.

mod colours;
mod kept;
mod layers;
mod training;
mod unlabelled;
mod words;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use half::f16;
use serde_json::json;

use super::super::catalogue::{Change, EmbeddedPicture, NewPicture, Prepared};
use super::super::snapshot::embed;
use super::super::{CatalogueName, EngineOptions, JobState};
use super::*;
use crate::catalogue::Product;
use crate::catalogue::store::ImageRow;
use crate::image::ImageHash;
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
        layers: None,
        colours: None,
        unlabelled: None,
        words: None,
        seconds: 0.0,
    };
    let provenance = Provenance {
        method: "test".into(),
        learned: Learned::default(),
        layers: false,
        colours: false,
        guesses: None,
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
