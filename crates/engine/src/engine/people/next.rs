//! Active learning: the pairs whose answer would teach most.
//!
//! The system is least sure of a photo whose two best products are almost as like it as each other (margin sampling,
//! Scheffer et al. 2001). But what it is least sure of are odd photos, which teach little of the others, and ten photos that are all
//! alike teach one thing, not ten: so those are asked about that stand for most of the doubt that is left (see [`most_telling`]).

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use super::super::snapshot::Snapshot;
use super::super::{CatalogueName, Engine, EngineError};
use super::{ReviewProgress, Verdict};
use crate::catalogue::Product;
use crate::image::ImageHash;
use crate::learn::{Random, most_telling};
use crate::model::Feature;

/// Photos that are looked at for the next questions, latest first.
const PHOTOS: usize = 1_000;
/// Products of which the nearest others are looked at, when there are too few photos.
const PRODUCTS: usize = 200;
/// Products that a photo is compared with.
const CANDIDATES: usize = 8;
/// Most questions in one answer.
const MOST: usize = 100;

/// How questions are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sampling {
    /// Those that stand for most of what the system is unsure of.
    #[default]
    MostTelling,
    /// Any: to compare with.
    Random,
}

/// Is this the same?
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Question {
    /// Hash of the photo.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub photo: Option<ImageHash>,
    /// The other product.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other: Option<Product>,
    /// The product it may show.
    pub product: Product,
    /// Cosine between the two.
    pub similarity: f32,
    /// How unsure the system is, 0 to 1.
    pub uncertainty: f32,
}

/// A question before its products are read.
struct Candidate {
    photo: Option<ImageHash>,
    other: Option<u64>,
    product: u64,
    similarity: f32,
    uncertainty: f32,
    vector: Vec<f32>,
}

impl Engine {
    /// The pairs that the system would learn most from, and how far labelling is. Photos that were sent come first; when
    /// there are not enough, products that look alike are asked about.
    ///
    /// # Errors
    /// [`EngineError::NoSuchCatalogue`]; errors of store and index.
    pub fn next_reviews(
        &self,
        catalogue: &CatalogueName,
        limit: usize,
        sampling: Sampling,
    ) -> Result<(Vec<Question>, ReviewProgress), EngineError> {
        let open = self.catalogue(catalogue)?;
        let snapshot = open.snapshot();
        let limit = limit.min(MOST);
        let said = self.store.last_reviews(open.key)?;
        let photos = self.store.photos(open.key, PHOTOS)?;
        let confirmed: HashSet<ImageHash> = said
            .iter()
            .filter(|review| review.verdict == Verdict::Confirmed.as_str())
            .filter_map(|review| review.photo)
            .collect();
        let progress = ReviewProgress {
            photos: photos.len() as u64,
            answered: photos.iter().filter(|photo| confirmed.contains(photo)).count() as u64,
            reviewed: said.len() as u64,
        };
        let mut spoken: HashMap<ImageHash, HashSet<&str>> = HashMap::new();
        let mut pairs: HashSet<(&str, &str)> = HashSet::new();
        for review in &said {
            match (&review.photo, &review.other) {
                (Some(photo), _) => {
                    spoken.entry(*photo).or_default().insert(&review.product);
                }
                (None, Some(other)) => {
                    pairs.insert((other, &review.product));
                }
                (None, None) => {}
            }
        }
        let (answered, open_photos): (Vec<ImageHash>, Vec<ImageHash>) =
            photos.into_iter().partition(|photo| confirmed.contains(photo));
        let of_photos = self.photo_candidates(open.key, &snapshot, &open_photos, &spoken)?;
        let of_products =
            if of_photos.len() < limit { self.product_candidates(open.key, &snapshot, &pairs)? } else { Vec::new() };
        let chosen: Vec<&Candidate> = match sampling {
            Sampling::MostTelling => {
                let answered: Vec<Vec<f32>> =
                    self.photo_vectors(&snapshot, &answered)?.into_iter().map(|(_, vector)| vector).collect();
                let mut chosen = telling(&of_photos, &answered, limit);
                chosen.extend(telling(&of_products, &[], limit - chosen.len()));
                chosen
            }
            Sampling::Random => {
                let mut all: Vec<&Candidate> = of_photos.iter().chain(&of_products).collect();
                Random::new(said.len() as u64).shuffle(&mut all);
                all.truncate(limit);
                all
            }
        };
        let mut questions = Vec::with_capacity(chosen.len());
        for candidate in chosen {
            let product = |key: u64| -> Result<Option<Product>, EngineError> {
                Ok(self.store.products_of(open.key, &[key])?.pop().map(|stored| stored.product))
            };
            let Some(shown) = product(candidate.product)? else { continue };
            let other = candidate.other.map(product).transpose()?.flatten();
            if candidate.other.is_some() && other.is_none() {
                continue;
            }
            questions.push(Question {
                photo: candidate.photo,
                other,
                product: shown,
                similarity: candidate.similarity,
                uncertainty: candidate.uncertainty,
            });
        }
        Ok((questions, progress))
    }

    /// Photos as the space sees them; without those whose feature or colours are not kept any more.
    fn photo_vectors(
        &self,
        snapshot: &Snapshot,
        photos: &[ImageHash],
    ) -> Result<Vec<(ImageHash, Vec<f32>)>, EngineError> {
        let features = self.features(photos, snapshot.space.sees_layers())?;
        let colours = self.colours().seen_by(&snapshot.space, &self.store, photos)?;
        let mut vectors = Vec::with_capacity(photos.len());
        for ((photo, feature), colours) in photos.iter().zip(features).zip(colours) {
            let Some(pooled) = feature else { continue };
            // A photo that was kept before layers or colours were, and whose file is gone.
            if snapshot.space.misses(&pooled, colours.as_ref()) {
                continue;
            }
            let feature = Feature { pooled, map: None };
            vectors.push((*photo, snapshot.space.embed_with(&feature, colours.as_ref())?.into_vector()));
        }
        Ok(vectors)
    }

    /// Photos with the best product that nobody has spoken about yet.
    fn photo_candidates(
        &self,
        catalogue: i64,
        snapshot: &Snapshot,
        photos: &[ImageHash],
        spoken: &HashMap<ImageHash, HashSet<&str>>,
    ) -> Result<Vec<Candidate>, EngineError> {
        let mut candidates = Vec::new();
        for (photo, vector) in self.photo_vectors(snapshot, photos)? {
            let nearest = snapshot.index.nearest(std::slice::from_ref(&vector), None, CANDIDATES, false)?;
            let keys: Vec<u64> = nearest.iter().map(|scored| scored.key).collect();
            let products = self.store.products_of(catalogue, &keys)?;
            let known = spoken.get(&photo);
            let left: Vec<(u64, f32)> = nearest
                .iter()
                .filter(|scored| {
                    let product = products.iter().find(|stored| stored.key == scored.key);
                    product.is_some_and(|stored| known.is_none_or(|known| !known.contains(stored.product.id.as_str())))
                })
                .map(|scored| (scored.key, scored.score))
                .collect();
            let Some(&(product, similarity)) = left.first() else { continue };
            let second = left.get(1).map_or(0.0, |second| second.1);
            // The margin between the two best: none is all the doubt there is.
            let uncertainty = 1.0 - (similarity - second).clamp(0.0, 1.0);
            let photo = Some(photo);
            candidates.push(Candidate { photo, other: None, product, similarity, uncertainty, vector });
        }
        Ok(candidates)
    }

    /// Products with the most similar one of another variant group.
    fn product_candidates(
        &self,
        catalogue: i64,
        snapshot: &Snapshot,
        spoken: &HashSet<(&str, &str)>,
    ) -> Result<Vec<Candidate>, EngineError> {
        let count = self.store.count(catalogue)?;
        // Another part of a large catalogue each time something was said.
        let offset = Random::new(spoken.len() as u64).below((count as usize).saturating_sub(PRODUCTS) + 1);
        let mut seen: HashSet<(u64, u64)> = HashSet::new();
        let mut candidates = Vec::new();
        for stored in self.store.products_page(catalogue, PRODUCTS, offset)? {
            let Some(vector) = snapshot.index.vectors_of(&[stored.key])?.pop().and_then(|mut all| all.drain(..).next())
            else {
                continue;
            };
            let nearest = snapshot.index.nearest(std::slice::from_ref(&vector), None, CANDIDATES, false)?;
            let keys: Vec<u64> = nearest.iter().map(|scored| scored.key).collect();
            let products = self.store.products_of(catalogue, &keys)?;
            for scored in nearest {
                let Some(other) = products.iter().find(|other| other.key == scored.key) else { continue };
                let own = &stored.product;
                let same_group = own.group.is_some() && own.group == other.product.group;
                let (first, second) = (own.id.as_str().min(&other.product.id), own.id.as_str().max(&other.product.id));
                if other.key == stored.key || same_group || spoken.contains(&(first, second)) {
                    continue;
                }
                if seen.insert((stored.key.min(other.key), stored.key.max(other.key))) {
                    let similarity = scored.score;
                    candidates.push(Candidate {
                        photo: None,
                        other: Some(stored.key),
                        product: other.key,
                        similarity,
                        // What looks alike and is said to be two is what is worth a look.
                        uncertainty: similarity.clamp(0.0, 1.0) * 0.5,
                        vector,
                    });
                }
                break;
            }
        }
        Ok(candidates)
    }
}

/// Up to `count` of the candidates that are worth asking about most.
fn telling<'c>(candidates: &'c [Candidate], answered: &[Vec<f32>], count: usize) -> Vec<&'c Candidate> {
    let unsure: Vec<f32> = candidates.iter().map(|candidate| candidate.uncertainty).collect();
    let vectors: Vec<&[f32]> = candidates.iter().map(|candidate| candidate.vector.as_slice()).collect();
    let answered: Vec<&[f32]> = answered.iter().map(Vec::as_slice).collect();
    most_telling(&unsure, &vectors, &answered, count).into_iter().map(|place| &candidates[place]).collect()
}
