//! Catalogues of any size for benches: real features, changed a little, under products made of real words.
//!
//! A made feature is three quarters of a real one and a quarter of another of the same set, and on each of its 1,280
//! numbers Gaussian noise with a third of that number's standard deviation over the set. So a made picture has neighbours
//! as a real one has, is no copy of any, and the catalogue has the real one's kinds. It is written through the engine
//! (`Engine::put_featured`): database, head, words, filter fields and index are those of an import; no picture is read.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Args;
use rayon::prelude::*;
use vetrina_engine::catalogue::{AttributeValue, Availability, ImageRef, Money, Product};
use vetrina_engine::engine::{CatalogueName, FeaturedProduct};
use vetrina_engine::{Engine, EngineOptions};

use crate::data::{self, FashionProduct};
use crate::features::Features;

/// Up to so many made products an eighth of the real ones is enough to make them of.
const FEW: u64 = 10_000;
/// Products of one write.
const BATCH: usize = 512;

/// Arguments of `vetrina-lab fill`.
#[derive(Debug, Args)]
pub struct FillArguments {
    /// How many products the catalogue shall have; those that are there count
    #[arg(long)]
    products: u64,
    /// The data folder
    #[arg(long)]
    data: PathBuf,
}

/// The command.
pub fn fill(arguments: &FillArguments) -> Result<()> {
    filled(&arguments.data, arguments.products)?;
    Ok(())
}

/// What real products give to made ones.
pub struct Stock {
    products: Vec<FashionProduct>,
    features: Vec<Vec<f32>>,
    /// A third of the standard deviation of each number.
    noise: Vec<f32>,
}

impl Stock {
    /// Reads `fashion` and its features, which are computed when they are not kept yet. Few made products need few real ones.
    pub fn open(made: u64) -> Result<Self> {
        let mut products = data::fashion()?.products;
        if made <= FEW {
            // From all over the set, which is sorted by kind in places.
            products = products.into_iter().step_by(8).collect();
        }
        let paths: Vec<PathBuf> = products.iter().map(|product| product.image_link.clone()).collect();
        let rows = Features::open()?.of(&paths)?;
        let features: Vec<Vec<f32>> = rows.iter().map(<[f32]>::to_vec).collect();
        let (count, dim) = (features.len() as f32, features.first().context("no features")?.len());
        let noise = (0..dim)
            .map(|at| {
                let mean = features.iter().map(|feature| feature[at]).sum::<f32>() / count;
                let variance = features.iter().map(|feature| (feature[at] - mean).powi(2)).sum::<f32>() / count;
                variance.sqrt() / 3.0
            })
            .collect();
        Ok(Self { products, features, noise })
    }

    /// The feature of made product `number`; the same each time.
    pub fn feature(&self, number: u64) -> Vec<f32> {
        let mut random = fastrand::Rng::with_seed(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5eed);
        let one = &self.features[random.usize(..self.features.len())];
        let other = &self.features[random.usize(..self.features.len())];
        let mut gauss = Gauss::new(random);
        one.iter()
            .zip(other)
            .zip(&self.noise)
            // Pooled activations are not negative.
            .map(|((one, other), noise)| (0.75 * one + 0.25 * other + noise * gauss.next()).max(0.0))
            .collect()
    }

    /// Made product `number` with its feature; the same each time.
    pub fn product(&self, number: u64) -> FeaturedProduct {
        let mut random = fastrand::Rng::with_seed(number ^ 0x0bad_cafe);
        let real = &self.products[random.usize(..self.products.len())];
        let other = &self.products[random.usize(..self.products.len())];
        let brand = real.title.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
        // Most things cost little, a few cost much.
        let cents = (500.0 * (1.0 / (1.0 - random.f64() * 0.999)).powf(0.8)) as i64;
        let text = |text: &str| AttributeValue::Text(text.to_owned());
        let sizes =
            ["XS", "S", "M", "L", "XL"].iter().filter(|_| random.bool()).map(|size| (*size).to_owned()).collect();
        let product = Product {
            id: format!("made-{number}"),
            title: format!("{} {}", real.title, other.title.split_whitespace().next_back().unwrap_or_default()),
            description: format!("{}. Goes with {}.", real.product_type, other.title),
            brand: Some(brand),
            category: real.product_type.split('>').map(|step| step.trim().to_owned()).collect(),
            price: Some(Money { amount: rust_decimal::Decimal::new(cents, 2), currency: "EUR".to_owned() }),
            availability: if random.u8(..10) == 0 { Availability::OutOfStock } else { Availability::InStock },
            stock: Some(random.i64(0..50)),
            group: Some(format!("group-{}", number / 4)),
            attributes: [("color".to_owned(), text(&real.color)), ("size".to_owned(), AttributeValue::List(sizes))]
                .into_iter()
                .collect(),
            images: vec![ImageRef { source: format!("made-{number}.jpg"), ..ImageRef::default() }],
            ..Product::default()
        };
        FeaturedProduct { product, features: vec![self.feature(number)] }
    }
}

/// Normally distributed numbers by Marsaglia's polar method.
struct Gauss {
    random: fastrand::Rng,
    spare: Option<f32>,
}

impl Gauss {
    fn new(random: fastrand::Rng) -> Self {
        Self { random, spare: None }
    }

    fn next(&mut self) -> f32 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        loop {
            let (a, b) = (self.random.f32() * 2.0 - 1.0, self.random.f32() * 2.0 - 1.0);
            let square = a * a + b * b;
            if square > 0.0 && square < 1.0 {
                let scale = (-2.0 * square.ln() / square).sqrt();
                self.spare = Some(b * scale);
                return a * scale;
            }
        }
    }
}

/// What filling took.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub struct Filled {
    /// Seconds of writing.
    pub write: f64,
    /// Seconds of building graphs, after the last write.
    pub build: f64,
}

/// Fills the default catalogue of a data folder up to `count` products; done once for each folder.
pub fn filled(folder: &Path, count: u64) -> Result<Filled> {
    let note = folder.join("filled.json");
    if let Ok(text) = std::fs::read_to_string(&note)
        && let Ok((there, filled)) = serde_json::from_str::<(u64, Filled)>(&text)
        && there == count
    {
        return Ok(filled);
    }
    let stock = Arc::new(Stock::open(count)?);
    let engine = Engine::open(EngineOptions::new(folder))?;
    let shop = CatalogueName::default();
    engine.create_catalogue(&shop)?;
    let mut there = engine.products(&shop, 1, 0)?.total;
    ensure!(there <= count, "{} has {there} products already", folder.display());
    let began = Instant::now();
    let mut told = Instant::now();
    while there < count {
        let until = (there + BATCH as u64).min(count);
        let products = (there..until).into_par_iter().map(|number| stock.product(number)).collect();
        engine.put_featured(&shop, products)?;
        there = until;
        if told.elapsed().as_secs() >= 10 {
            told = Instant::now();
            eprintln!("{there} of {count} products, {:.0} a second", there as f64 / began.elapsed().as_secs_f64());
        }
    }
    let write = began.elapsed().as_secs_f64();
    let building = Instant::now();
    engine.tidy(&shop)?;
    engine.close();
    let filled = Filled { write, build: building.elapsed().as_secs_f64() };
    std::fs::write(note, serde_json::to_string(&(count, filled))?)?;
    eprintln!("{count} products written in {write:.0} s, graphs built in {:.0} s more", filled.build);
    Ok(filled)
}
