//! The three sets of real catalogues, as QUALITY.md describes them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// One picture and what is known of it.
#[derive(Debug, Clone)]
pub struct Picture {
    /// The file.
    pub path: PathBuf,
    /// Number of its product or kind.
    pub label: u32,
}

/// `groceries`: studio pictures, one a product, and photos taken in shops.
pub struct Groceries {
    pub studio: Vec<Picture>,
    pub photos: Vec<Picture>,
    /// Position of each photo among the photos of its product, and how many there are.
    pub order: Vec<(usize, usize)>,
}

/// `clothing`: photos of ten kinds.
pub struct Clothing {
    pub photos: Vec<Picture>,
    /// Fold of each photo, 0 to 4.
    pub folds: Vec<usize>,
}

/// `fashion`: studio pictures with what the shop says of them.
pub struct Fashion {
    pub products: Vec<FashionProduct>,
    pub types: Vec<u32>,
    pub colours: Vec<u32>,
    /// CRC-32 of each id.
    pub checksums: Vec<u32>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct FashionProduct {
    pub id: String,
    pub title: String,
    pub product_type: String,
    pub color: String,
    pub gender: String,
    pub season: String,
    pub usage: String,
    pub image_link: PathBuf,
}

/// The folder with the data.
pub fn root() -> PathBuf {
    std::env::var_os("VETRINA_DATA").map_or_else(|| PathBuf::from("../shared/data"), PathBuf::from)
}

pub fn groceries() -> Result<Groceries> {
    #[derive(Deserialize)]
    struct Product {
        id: String,
        image_link: PathBuf,
    }
    #[derive(Deserialize)]
    struct Photo {
        image: PathBuf,
        product_id: String,
    }
    let folder = root().join("groceries");
    let products: Vec<Product> = read(&folder.join("products.csv"))?;
    let photos: Vec<Photo> = read(&folder.join("photos.csv"))?;
    let numbers: HashMap<&str, u32> =
        (0..).zip(&products).map(|(number, product)| (product.id.as_str(), number)).collect();
    let studio = (0..)
        .zip(&products)
        .map(|(label, product)| Picture { path: folder.join(&product.image_link), label })
        .collect();
    let photos = photos
        .iter()
        .map(|photo| {
            let label = *numbers.get(photo.product_id.as_str()).context("a photo of an unknown product")?;
            Ok(Picture { path: folder.join(&photo.image), label })
        })
        .collect::<Result<Vec<_>>>()?;
    let order = places(&photos);
    Ok(Groceries { studio, photos, order })
}

pub fn clothing() -> Result<Clothing> {
    #[derive(Deserialize)]
    struct Row {
        image: PathBuf,
        category: String,
    }
    let folder = root().join("clothing");
    let rows: Vec<Row> = read(&folder.join("labels.csv"))?;
    let labels = numbered(rows.iter().map(|row| row.category.as_str()));
    let photos = rows.iter().zip(labels).map(|(row, label)| Picture { path: folder.join(&row.image), label });
    let mut photos: Vec<Picture> = photos.collect();
    photos.sort_by(|a, b| a.path.cmp(&b.path));
    let folds = places(&photos).into_iter().map(|(place, _)| place % 5).collect();
    Ok(Clothing { photos, folds })
}

impl Clothing {
    /// Other folds than the protocol's, drawn by chance: as many of each kind in each.
    pub fn folds_by_chance(&self, seed: u64) -> Vec<usize> {
        let mut shuffled: Vec<usize> = (0..self.photos.len()).collect();
        fastrand::Rng::with_seed(seed).shuffle(&mut shuffled);
        let (mut folds, mut seen) = (vec![0; self.photos.len()], HashMap::<u32, usize>::new());
        for place in shuffled {
            let seen = seen.entry(self.photos[place].label).or_default();
            folds[place] = *seen % 5;
            *seen += 1;
        }
        folds
    }
}

pub fn fashion() -> Result<Fashion> {
    let folder = root().join("fashion");
    let mut products: Vec<FashionProduct> = read(&folder.join("products.csv"))?;
    products.iter_mut().for_each(|product| product.image_link = folder.join(&product.image_link));
    let types = numbered(products.iter().map(|product| product.product_type.as_str()));
    let colours = numbered(products.iter().map(|product| product.color.as_str()));
    let checksums = products.iter().map(|product| crc32fast::hash(product.id.as_bytes())).collect();
    Ok(Fashion { products, types, colours, checksums })
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    let mut reader = csv::Reader::from_path(path)
        .with_context(|| format!("{}: set VETRINA_DATA to the folder of the evaluation data", path.display()))?;
    let rows = reader.deserialize().collect::<Result<Vec<T>, _>>().with_context(|| path.display().to_string())?;
    ensure!(!rows.is_empty(), "{} has no rows", path.display());
    Ok(rows)
}

/// Numbers for names, in the order of their first appearance.
fn numbered<'n>(names: impl Iterator<Item = &'n str>) -> Vec<u32> {
    let mut numbers = HashMap::new();
    names
        .map(|name| {
            let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
            *numbers.entry(name).or_insert(next)
        })
        .collect()
}

/// Place of each picture among those with its label, and their count.
fn places(pictures: &[Picture]) -> Vec<(usize, usize)> {
    let mut counts: HashMap<u32, usize> = HashMap::new();
    let places: Vec<usize> = pictures
        .iter()
        .map(|picture| {
            let count = counts.entry(picture.label).or_insert(0);
            *count += 1;
            *count - 1
        })
        .collect();
    pictures.iter().zip(places).map(|(picture, place)| (place, counts[&picture.label])).collect()
}
