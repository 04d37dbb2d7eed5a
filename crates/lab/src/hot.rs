//! Hot paths with fixed inputs, to have their instructions counted by callgrind (`make check-instructions`).
//!
//! Time depends on the machine and on who else is there; the number of instructions hardly does. Only our own code and
//! the crates it is built of are counted: ONNX Runtime and the vector index choose their code by the processor, and would
//! give each machine another number.

use std::hint::black_box;
use std::io::Cursor;

use anyhow::{Context, Result};
use image::codecs::jpeg::JpegEncoder;
use image::{Rgb, RgbImage};
use serde_json::json;
use vetrina_engine::catalogue::Product;
use vetrina_engine::catalogue::feeds::{self, FeedOptions};
use vetrina_engine::image::{ImageHash, Limits, Picture, decode_at_least, thumbnail_jpeg};
use vetrina_engine::index::IndexPoint;
use vetrina_engine::index::words::Analyser;
use vetrina_engine::model::{Feature, builtin_manifest, preprocess};
use vetrina_engine::search::filter::{Schema, parse};
use vetrina_engine::space::Space;

/// Runs every path once, in a fixed order, and prints the names in that order.
pub fn run() -> Result<()> {
    let manifest = builtin_manifest()?;
    let space = Space::default_for(manifest)?;
    let (small, large) = (jpeg(600, 450)?, jpeg(2400, 1800)?);
    let picture = decode_at_least(&small, &Limits::default(), manifest.input.size)?;
    let feature =
        Feature { pooled: (0..space.head().input_dim()).map(|at| (at % 13) as f32 / 7.0).collect(), map: None };
    let feed = feed();
    let analyser = Analyser::new("english")?;
    let schema = Schema::new(["colour", "size", "material"]);
    let products: Vec<Product> =
        (0..100).map(|number| serde_json::from_value(product(number))).collect::<Result<_, _>>()?;

    count("decode a JPEG of 600 pixels", || decode(&small))?;
    count("decode a JPEG of 2,400 pixels at reduced scale", || decode(&large))?;
    count("resize and normalise a picture", || Ok(drop(black_box(preprocess(manifest, &picture)))))?;
    count("make a thumbnail", || Ok(drop(black_box(thumbnail_jpeg(&picture, 320, 82)?))))?;
    count("hash a picture", || {
        black_box(ImageHash::of(&small));
        Ok(())
    })?;
    count("apply the default head", || Ok(drop(black_box(space.embed(&feature)?))))?;
    count("read 200 rows of a feed", || read(&feed))?;
    count("parse 20 filters", || filters(&schema))?;
    count("analyse 20 queries by words", || {
        (0..20)
            .for_each(|number| drop(black_box(analyser.query(&format!("red leather bags for women number {number}")))));
        Ok(())
    })?;
    count("make 100 products ready for the index", || {
        let embedding = vec![vec![0.0625; 256]];
        products
            .iter()
            .zip(0..)
            .for_each(|(product, key)| drop(black_box(IndexPoint::of(product, key, embedding.clone()))));
        Ok(())
    })?;
    count("write and read 100 products as JSON", || {
        products.iter().try_for_each(|product| {
            let text = serde_json::to_string(product)?;
            black_box(serde_json::from_str::<Product>(&text)?);
            Ok(())
        })
    })
}

fn count(name: &str, path: impl FnOnce() -> Result<()>) -> Result<()> {
    counted(path).with_context(|| name.to_owned())?;
    println!("{name}");
    Ok(())
}

/// The script counts what happens inside of functions of this name, each call by itself.
#[inline(never)]
fn counted(path: impl FnOnce() -> Result<()>) -> Result<()> {
    path()
}

fn decode(bytes: &[u8]) -> Result<()> {
    black_box(decode_at_least(bytes, &Limits::default(), 260)?);
    Ok(())
}

/// A JPEG with edges, slopes and grain; the same each time.
fn jpeg(width: u32, height: u32) -> Result<Vec<u8>> {
    let mut random = fastrand::Rng::with_seed(7);
    let picture = RgbImage::from_fn(width, height, |x, y| {
        let grain = random.u8(..24);
        let edge = if (x / 37 + y / 53) % 2 == 0 { 96 } else { 0 };
        Rgb([(x % 128) as u8 + grain, (y % 128) as u8 + grain, edge + grain])
    });
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(Cursor::new(&mut bytes), 85).encode_image(&picture)?;
    // Through our own type once, so that a file that we could not read would fail here and not be counted.
    Picture::from_rgb(width, height, picture.into_raw()).context("the size is wrong")?;
    Ok(bytes)
}

fn feed() -> Vec<u8> {
    let mut text = "id,title,description,brand,product_type,price,availability,color,image_link\n".to_owned();
    for number in 0..200 {
        text.extend([format!(
            "sku-{number},\"Leather bag, no. {number}\",<p>Soft &amp; light</p>,Maker {},Bags > Handbags,{}.90 EUR,in stock,red,images/{number}.jpg\n",
            number % 7,
            number % 90 + 5
        )]);
    }
    text.into_bytes()
}

fn read(feed: &[u8]) -> Result<()> {
    let rows = feeds::open_bytes(feed.to_vec(), "feed.csv", &FeedOptions::default())?;
    anyhow::ensure!(rows.count() == 200, "not all rows were read");
    Ok(())
}

fn filters(schema: &Schema) -> Result<()> {
    for number in 0..20 {
        let text = format!(
            "price < {number}.50 AND in_stock AND (category = \"Bags\" OR brand IN [\"A\", \"B\", \"C\"]) AND NOT colour = \"red\""
        );
        black_box(parse(&text, schema).map_err(|error| anyhow::anyhow!("{error}"))?);
    }
    Ok(())
}

fn product(number: u32) -> serde_json::Value {
    json!({
        "id": format!("sku-{number}"), "title": format!("Leather bag no. {number} with a long strap"),
        "description": "Soft, light and made to last. ".repeat(10), "brand": "Maker", "category": ["Bags", "Handbags", "Small"],
        "price": {"amount": "59.90", "currency": "EUR"}, "stock": number, "group": "bag",
        "attributes": {"colour": "red", "size": ["S", "M", "L"], "material": "leather", "width": 31.5},
        "images": [{"source": "images/bag.jpg"}]
    })
}
