//! Searches, what they find, and suggestions.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{Product, Understood};

/// A photo to search with: exactly one of `part`, `url` and `data`.
#[derive(Serialize, ToSchema)]
pub struct QueryImage {
    /// Number of the multipart file `image`, from 0.
    part: Option<u32>,
    /// Where it is.
    url: Option<String>,
    /// Base64 of the file.
    data: Option<String>,
    /// x, y, width, height, in fractions of the turned picture.
    #[schema(example = json!([0.1, 0.2, 0.5, 0.6]))]
    region: Option<Vec<f32>>,
    /// How much it counts among several; 1 unless told.
    weight: Option<f32>,
}

/// A search: everything is optional, but there has to be something to search for.
#[derive(Serialize, ToSchema)]
pub struct SearchRequest {
    /// Words.
    text: Option<String>,
    /// Words that must not be there.
    not_text: Option<String>,
    /// Photos.
    images: Option<Vec<QueryImage>>,
    /// Products to be near to.
    like: Option<Vec<String>>,
    /// Products to be far from.
    not_like: Option<Vec<String>>,
    /// Colour to have, by name (English and other languages) or as `#rrggbb`.
    colour: Option<String>,
    /// Which products may be found.
    #[schema(example = "price < 80 AND in_stock")]
    filter: Option<String>,
    /// Fields whose values are counted.
    facets: Option<Vec<String>>,
    /// Order by fields.
    #[schema(example = json!([{"price": "asc"}]))]
    sort: Option<Vec<BTreeMap<String, String>>>,
    /// How many products; 24 unless told.
    limit: Option<u64>,
    /// How many products to leave out at the start.
    offset: Option<u64>,
    /// `exact` or `similar`: other hits are not found.
    min_band: Option<String>,
    /// Most products of one brand.
    per_brand: Option<u32>,
    /// 0 to 1.
    diversity: Option<f32>,
    /// Whether variants of a group are one hit; true unless told otherwise.
    collapse: Option<bool>,
    /// Business rules for this search, beside the shop's own: docs/api.md.
    rules: Option<Value>,
    /// Who asks.
    user: Option<String>,
    /// Say why each product was found.
    explain: Option<bool>,
    /// Whether the answer says what was understood of the first photo; true unless told.
    understand: Option<bool>,
}

/// A search with photos.
#[derive(Serialize, ToSchema)]
pub struct SearchForm {
    /// Files; repeatable.
    #[schema(value_type = Vec<String>, format = Binary)]
    image: Vec<u8>,
    /// The search, as JSON.
    query: Option<SearchRequest>,
}

/// One product in a result.
#[derive(Serialize, ToSchema)]
pub struct Hit {
    /// The product.
    product: Product,
    /// How near it is.
    score: f32,
    /// Calibrated, where it can be told.
    probability: Option<f32>,
    /// `exact`, `similar`, or nothing.
    band: Option<String>,
    /// How many products of its variant group match, itself included; absent for one.
    variants: Option<u64>,
    /// The picture that matched best.
    image: Option<HitImage>,
    /// Why it was found.
    reasons: Option<Vec<String>>,
}

/// The picture that matched best.
#[derive(Serialize, ToSchema)]
pub struct HitImage {
    /// Where it is; `?w=320` makes it small.
    url: String,
    /// x, y, width, height, in fractions.
    region: Vec<f32>,
}

/// One value of a facet.
#[derive(Serialize, ToSchema)]
pub struct FacetCount {
    /// The value; a range such as `20..50` for numbers.
    value: String,
    /// How many products have it.
    count: u64,
    /// Lower end of a range, included.
    from: Option<f64>,
    /// Upper end of a range.
    to: Option<f64>,
}

/// What a search found.
#[derive(Serialize, ToSchema)]
pub struct SearchResponse {
    /// The products, best first.
    hits: Vec<Hit>,
    /// How many hits there are in all, variants of a group counted once.
    total: u64,
    /// Whether that number is exact.
    total_is_exact: bool,
    /// Values and counts by field.
    facets: Option<BTreeMap<String, Vec<FacetCount>>>,
    /// The text with its slips corrected, where it had some.
    did_you_mean: Option<String>,
    /// What was understood of the first photo.
    understood: Option<Understood>,
    /// The space that was searched in.
    space: String,
    /// Milliseconds by step.
    took_ms: BTreeMap<String, f64>,
}

/// One suggestion while somebody types.
#[derive(Serialize, ToSchema)]
pub struct Suggestion {
    /// `query`, `category`, `brand` or `product`.
    kind: String,
    /// What is shown; of a query, what to search for.
    text: String,
    /// Id of the product.
    id: Option<String>,
    /// Value for a filter: the brand, or the path of the category.
    value: Option<String>,
    /// Address of the product's first picture.
    image: Option<String>,
    /// How many products say or have it.
    products: Option<u64>,
}

/// Suggestions while somebody types.
#[derive(Serialize, ToSchema)]
pub struct Suggestions {
    /// Queries first, then categories, brands and products.
    suggestions: Vec<Suggestion>,
}
