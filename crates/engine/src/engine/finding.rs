//! Products found.

use std::time::Instant;

use base64::Engine as _;

use super::catalogue::Catalogue;
use super::looking::{Done, Known, Look, Want};
use super::snapshot::Snapshot;
use super::{CatalogueName, Engine, EngineError};
use crate::catalogue::{Product, StoreError};
use crate::image::{Behind, Colour, ColourDescriptor, Region, Repair};
use crate::linear::dot;
use crate::search::{
    COLOUR_WEIGHT, Hit, HitImage, ImageInput, Meaning, Query, QueryColours, RankedHit, Ruling, Schema, SearchError,
    SearchRequest, SearchResponse, TookMs, Weighted, execute_with,
};

/// Most embeddings that the products of `like`, or of `not_like`, bring to a search together, as far as each brings one.
const MOST_VECTORS: usize = 32;
/// Most pictures of a product whose colours are compared.
const MOST_COLOURED: usize = 8;

impl Engine {
    /// Searches a catalogue. `parts` are the pictures that `images[].part` speaks of.
    ///
    /// # Errors
    /// [`EngineError::NoSuchCatalogue`]; [`EngineError::Search`] for a request or filter that cannot be used; errors of pictures,
    /// of fetching them, of the model.
    pub fn search(
        &self,
        catalogue: &CatalogueName,
        request: &SearchRequest,
        parts: &[Vec<u8>],
    ) -> Result<SearchResponse, EngineError> {
        let started = Instant::now();
        let open = self.catalogue(catalogue)?;
        // From here to the end: one space, one index.
        let snapshot = open.snapshot();
        let schema = Schema::new(snapshot.index.attributes());
        let mut query = Query::of(request, &schema)?;
        query.ruling = self.ruling(&open, request, &schema)?;
        if let (Some(text), Some(head)) = (&query.text, snapshot.word_head()) {
            query.meaning = Meaning::of(&head, text)?;
        }
        let mut took = TookMs::default();
        let (mut shown, mut done) = (None, Vec::new());
        for (number, input) in request.images.iter().enumerate() {
            let want = if number == 0 && request.understand { Want::Search } else { Want::Feature };
            let known = |pooled: &[f32], colours: Option<&ColourDescriptor>| snapshot.knows(pooled, colours);
            let look = self.query_picture(number, input, parts, want, &known, &mut took)?;
            done.push(look.done);
            query.pictures.push(snapshot.asks_with(&look, input.weight)?);
            if let Some(understanding) = look.understanding {
                shown = Some((look.feature, understanding));
            }
            took.decode += look.times.decode;
            took.embed += look.times.embed;
        }
        let searching = Instant::now();
        for (field, ids) in [("like", &request.like), ("not_like", &request.not_like)] {
            // Every vector costs: of many products, the first pictures speak.
            let most = (MOST_VECTORS / ids.len().max(1)).max(1);
            for id in ids {
                let (key, mut vectors) = self.pictures_of(&open, &snapshot, field, id)?;
                vectors.truncate(most);
                query.exclude.push(key);
                let weight = 1.0 / vectors.len() as f32;
                let weighted = vectors.into_iter().map(|vector| Weighted { weight, ..Weighted::one(vector) });
                if field == "not_like" {
                    query.not_pictures.extend(weighted);
                    continue;
                }
                // Any picture of a catalogue may be of any light.
                let colours = self.colours_of(&snapshot, &[key])?.pop().unwrap_or_default();
                let mut colours = colours.into_iter().map(|colours| QueryColours::of(colours, Behind::Busy));
                query.pictures.extend(weighted.map(|weighted| Weighted { colours: colours.next(), ..weighted }));
            }
        }
        query.calibration = Some(self.calibration(&open, &snapshot));
        // The photo's categories are told while its like are looked for.
        let (ranked, understood) = std::thread::scope(|scope| {
            let telling = shown.map(|(feature, understanding)| {
                let open = &open;
                scope.spawn(move || self.with_labels(open, &feature, understanding))
            });
            let ranked = execute_with(&snapshot.index, &query, &|keys| self.colours_of(&snapshot, keys));
            // Who tells them panics only over a mistake of ours: then there is an answer without.
            (ranked, telling.and_then(|telling| telling.join().ok()).transpose())
        });
        let (ranked, understood) = (ranked?, understood?);
        let mut hits = self.hits(&open, &snapshot, &ranked.hits, &query, request.explain)?;
        if request.explain {
            let told: Vec<String> = done.iter().enumerate().flat_map(|(photo, done)| undone(photo, done)).collect();
            hits.iter_mut().for_each(|hit| hit.reasons.extend(told.iter().cloned()));
        }
        took.search = milliseconds(searching);
        took.total = milliseconds(started);
        Ok(SearchResponse {
            hits,
            total: ranked.total,
            total_is_exact: ranked.total_is_exact,
            facets: ranked.facets,
            did_you_mean: query.text.as_deref().and_then(|text| snapshot.index.wording(text).corrected),
            understood,
            space: snapshot.space.id().to_string(),
            took_ms: took,
        })
    }

    /// Products like one, itself left out.
    ///
    /// # Errors
    /// [`EngineError::NoSuchCatalogue`], [`EngineError::NoSuchProduct`]; [`EngineError::Search`] when it has no picture.
    pub fn similar(&self, catalogue: &CatalogueName, id: &str, limit: usize) -> Result<SearchResponse, EngineError> {
        self.product(catalogue, id)?;
        let request = SearchRequest { like: vec![id.to_owned()], limit, ..SearchRequest::default() };
        self.search(catalogue, &request, &[])
    }

    /// The shop's business rules and the request's, for this request. Products that are not there (any more) are no mistake.
    fn ruling(&self, open: &Catalogue, request: &SearchRequest, schema: &Schema) -> Result<Ruling, EngineError> {
        let shop = &self.options.rules;
        let mut ruling = Ruling::of(shop, request, schema)?;
        let text = request.text.as_deref();
        let own = request.rules.as_ref();
        let shop = Some(shop).filter(|_| own.is_none_or(|own| own.shop != Some(false)));
        for rules in [own, shop].into_iter().flatten() {
            for id in rules.pinned(text) {
                ruling.pins.extend(self.store.product(open.key, id)?.map(|stored| stored.key));
            }
            for id in rules.hidden(text) {
                ruling.hidden.extend(self.store.product(open.key, id)?.map(|stored| stored.key));
            }
        }
        Ok(ruling)
    }

    /// What is seen in a picture of a request.
    fn query_picture(
        &self,
        number: usize,
        input: &ImageInput,
        parts: &[Vec<u8>],
        want: Want,
        known: Known<'_>,
        took: &mut TookMs,
    ) -> Result<Look, EngineError> {
        let name = format!("images[{number}]");
        let wrong = |reason: String| EngineError::Request { field: name.clone(), reason };
        let fetched;
        let bytes: &[u8] = if let Some(part) = input.part {
            parts
                .get(part)
                .ok_or_else(|| wrong(format!("there is no part {part}; {} came with the request", parts.len())))?
        } else if let Some(url) = &input.url {
            let fetching = Instant::now();
            fetched = self.fetch_picture(url)?;
            *took.fetch.get_or_insert(0.0) += milliseconds(fetching);
            &fetched
        } else {
            let data = input.data.as_deref().unwrap_or_default();
            // People paste whole data URIs.
            let data = data.split_once(";base64,").map_or(data, |(_, data)| data);
            let decoded = base64::engine::general_purpose::STANDARD.decode(data.trim());
            fetched = decoded.map_err(|error| wrong(format!("data is not base64: {error}")))?;
            &fetched
        };
        self.look_at_photo(bytes, input.region.as_ref(), &name, want, true, known)
    }

    /// The colours of products' pictures, as far as they are kept; none where they do not count.
    pub(super) fn colours_of(
        &self,
        snapshot: &Snapshot,
        keys: &[u64],
    ) -> Result<Vec<Vec<ColourDescriptor>>, StoreError> {
        if !snapshot.compares_colours() {
            return Ok(vec![Vec::new(); keys.len()]);
        }
        self.store.colours_of_products(keys, MOST_COLOURED)
    }

    /// Number and embeddings of a product that a request names.
    fn pictures_of(
        &self,
        open: &Catalogue,
        snapshot: &Snapshot,
        field: &str,
        id: &str,
    ) -> Result<(u64, Vec<Vec<f32>>), EngineError> {
        let Some(stored) = self.store.product(open.key, id)? else {
            return Err(EngineError::NoSuchProduct { catalogue: open.name.to_string(), id: id.to_owned() });
        };
        let vectors = snapshot.index.vectors_of(&[stored.key])?.pop().unwrap_or_default();
        if vectors.is_empty() {
            return Err(EngineError::Search(SearchError::Request {
                field: field.to_owned(),
                reason: format!("product `{id}` has no picture"),
                hint: "name a product that has one, or search by words".to_owned(),
            }));
        }
        Ok((stored.key, vectors))
    }

    /// The hits with their products, in order; products that went in the meantime are left out.
    fn hits(
        &self,
        open: &Catalogue,
        snapshot: &Snapshot,
        ranked: &[RankedHit],
        query: &Query,
        explain: bool,
    ) -> Result<Vec<Hit>, EngineError> {
        let keys: Vec<u64> = ranked.iter().map(|hit| hit.key).collect();
        let products = self.store.products_of(open.key, &keys)?;
        let vectors = if query.pictures.is_empty() { Vec::new() } else { snapshot.index.vectors_of(&keys)? };
        let mut products = products.into_iter().peekable();
        let mut hits = Vec::with_capacity(ranked.len());
        for (place, found) in ranked.iter().enumerate() {
            let Some(stored) = products.next_if(|stored| stored.key == found.key) else { continue };
            let best = vectors.get(place).map_or(0, |pictures| best_picture(query, pictures));
            let image = image(&stored.product, best);
            let reasons = if explain { reasons(found, &stored.product, query) } else { Vec::new() };
            let product = stored.product;
            let variants = (found.variants > 1).then_some(found.variants);
            hits.push(Hit {
                product,
                score: found.score,
                probability: found.probability,
                band: found.band,
                variants,
                image,
                reasons,
            });
        }
        Ok(hits)
    }
}

/// Which of a product's pictures is most like the query's.
fn best_picture(query: &Query, pictures: &[Vec<f32>]) -> usize {
    let likeness = |picture: &[f32]| -> f32 {
        let each = query.pictures.iter().map(|wanted| wanted.weight * dot(&wanted.vector, picture));
        each.fold(f32::MIN, f32::max)
    };
    let scores: Vec<f32> = pictures.iter().map(|picture| likeness(picture)).collect();
    (1..scores.len()).fold(0, |best, at| if scores[at] > scores[best] { at } else { best })
}

/// The `number`th of the pictures that have been read.
fn image(product: &Product, number: usize) -> Option<HitImage> {
    let hashes = product.image_hashes();
    let hash = hashes.get(number).or(hashes.first())?;
    Some(HitImage { url: format!("/v1/images/{hash}"), region: Region::WHOLE })
}

/// Why a product is among the hits, in words.
fn reasons(found: &RankedHit, product: &Product, query: &Query) -> Vec<String> {
    let mut reasons = Vec::new();
    if let Some(picture) = found.picture {
        let what = if query.exclude.is_empty() { "the photo" } else { "what was asked for" };
        reasons.push(format!("picture: cosine {picture:.2} with {what}"));
    }
    if let Some(agreement) = found.agreement {
        reasons.push(format!("colours: agree by {:.0} %", agreement * 100.0));
    }
    if let Some(words) = found.words {
        reasons.push(format!("words: {:.0} % of the best match", words * 100.0));
    }
    if let Some(meaning) = found.meaning {
        reasons.push(format!("meaning: looks like it, {meaning:.2} above what any title does"));
    }
    if let (Some(share), Some(colour)) = (found.colour, &query.colour) {
        let counts = if query.pictures.is_empty() && query.text.is_none() {
            String::new()
        } else {
            format!("; counts for {:.0} % of the score", COLOUR_WEIGHT * 100.0)
        };
        reasons.push(format!("colour: {:.0} % of it is {}{counts}", share * 100.0, called(colour)));
    }
    if let Some(unwanted) = found.unwanted {
        reasons.push(format!("unwanted: cosine {unwanted:.2} with what it should not be like"));
    }
    if let Some(text) = &query.text {
        let title = product.title.to_lowercase();
        let said: Vec<String> = text
            .split_whitespace()
            .filter(|word| title.contains(&word.to_lowercase()))
            .map(|word| format!("“{word}”"))
            .collect();
        if !said.is_empty() {
            reasons.push(format!("title: {}", said.join(", ")));
        }
    }
    reasons.extend(found.rules.iter().cloned());
    if let Some(probability) = found.probability {
        reasons.push(format!("{:.0} % likely to be the very product", probability * 100.0));
    }
    reasons
}

/// What was done to a photo before it was searched with, in words.
fn undone(photo: usize, done: &Done) -> Vec<String> {
    let which = format!("photo {}", photo + 1);
    let repair = done.repair.map(|repair| match repair {
        Repair::Denoised => "its noise was smoothed before it was looked at",
        Repair::Deblocked => "the blocks of strong compression were smoothed before it was looked at",
        Repair::Sharpened => "its blur was taken back before it was looked at",
        Repair::Darkened => "it was darkened before it was looked at",
        Repair::Uncovered => "what covers a part of it was left out",
    });
    let second = done.second_look.map(|region| {
        let whole = |share: f32| (share * 100.0).round();
        let (x, y) = (whole(region.x()), whole(region.y()));
        format!(
            "its part at {x} %, {y} % ({} % × {} %) was looked at once more",
            whole(region.width()),
            whole(region.height())
        )
    });
    repair.map(str::to_owned).into_iter().chain(second).map(|what| format!("{which}: {what}")).collect()
}

/// A colour as the shopper is told of it: by its name, and by its value where it was given as one.
fn called(colour: &Colour) -> String {
    let name = colour.shade().name;
    if colour.is_named() { name.to_owned() } else { format!("like {} ({name})", colour.hex()) }
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}
