//! The search response of `docs/api.md`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Band;
use crate::catalogue::Product;
use crate::image::Region;
use crate::understand::Understood;

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SearchResponse {
    /// Products, best first.
    pub hits: Vec<Hit>,
    /// How many products match.
    pub total: usize,
    /// Whether `total` was counted rather than estimated.
    pub total_is_exact: bool,
    /// Counts of values by field, for the fields that were asked for.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub facets: BTreeMap<String, Vec<FacetValue>>,
    /// The text with its slips corrected; the search was done with both.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub did_you_mean: Option<String>,
    /// What was understood of the query's first picture.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub understood: Option<Understood>,
    /// The space that was searched in.
    pub space: String,
    /// Milliseconds by step.
    pub took_ms: TookMs,
}

/// One product in a result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hit {
    /// The product.
    pub product: Product,
    /// How well it fits, higher is better. With a picture: the cosine, −1 to 1; with words: relative to the best hit, 0 to 1;
    /// with both: the mean. 0 where nothing is ranked.
    pub score: f32,
    /// How likely it is the very product, 0 to 1, where that is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub probability: Option<f32>,
    /// What the probability says to a shopper.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub band: Option<Band>,
    /// How many products of its variant group match, itself included; absent for one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub variants: Option<usize>,
    /// The picture that matched best, or the first.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub image: Option<HitImage>,
    /// Why it is there, when the request asks for it.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub reasons: Vec<String>,
}

/// A picture of a hit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HitImage {
    /// Where it can be had; `?w=320` makes it small.
    pub url: String,
    /// Which part of it matched.
    pub region: Region,
}

/// One value of a facet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FacetValue {
    /// The value as shown; a range such as `20..50` for numbers.
    pub value: String,
    /// Products that have it.
    pub count: usize,
    /// Lower end of a range, included.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from: Option<f64>,
    /// Upper end of a range; included in the last range only.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub to: Option<f64>,
}

/// Milliseconds by step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct TookMs {
    /// Fetching pictures from addresses.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub fetch: Option<f64>,
    /// Decoding, turning, colour.
    pub decode: f64,
    /// Preprocessing, model, head.
    pub embed: f64,
    /// Index and reading the products.
    pub search: f64,
    /// All of it.
    pub total: f64,
}
