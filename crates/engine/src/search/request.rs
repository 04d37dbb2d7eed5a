//! The search request of `docs/api.md`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Rules, SearchError};
use crate::image::{Colour, ColourError, Region};

/// Most hits of one answer.
pub const MOST_HITS: usize = 1_000;
/// Most hits that can be skipped.
const MOST_SKIPPED: usize = 10_000;
/// Most pictures of one request.
const MOST_IMAGES: usize = 10;
/// Most products to be near to, or far from.
const MOST_LIKED: usize = 50;
/// Longest text, in characters: more is not a query.
const LONGEST_TEXT: usize = 2_000;
/// Most facets of one request.
const MOST_FACETS: usize = 30;
/// Hits of an answer when nothing is said.
const USUAL_LIMIT: usize = 24;

/// What somebody searches for. At least one of `text`, `images`, `like`, `colour` and `filter` has to be there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SearchRequest {
    /// Words to be found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Words that speak against a product.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_text: Option<String>,
    /// Pictures to be like.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<ImageInput>,
    /// Ids of products to be like.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub like: Vec<String>,
    /// Ids of products not to be like.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_like: Vec<String>,
    /// A colour that products should have: a name or `#rrggbb`, see [`Colour::parse`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub colour: Option<String>,
    /// Who may be found, in the filter language.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// Fields whose values are counted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub facets: Vec<String>,
    /// Order of the hits: `[{"price": "asc"}]`; the first that tells two products apart decides.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sort: Vec<BTreeMap<String, SortOrder>>,
    /// Most hits of the answer, 1 to [`MOST_HITS`].
    pub limit: usize,
    /// Hits to be skipped, 0 to 10,000.
    pub offset: usize,
    /// Hits below this band are left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_band: Option<Band>,
    /// Most hits of one brand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_brand: Option<usize>,
    /// How unlike each other the hits should be, 0 (best first) to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diversity: Option<f32>,
    /// Whether the variants of a group are one hit, the variant that fits best. On unless told otherwise.
    pub collapse: bool,
    /// Business rules for this search, beside the shop's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules: Option<Rules>,
    /// Who asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Whether hits say why they are there.
    pub explain: bool,
    /// Whether the answer says what was understood of the first picture.
    pub understand: bool,
}

impl Default for SearchRequest {
    fn default() -> Self {
        Self {
            text: None,
            not_text: None,
            images: Vec::new(),
            like: Vec::new(),
            not_like: Vec::new(),
            colour: None,
            filter: None,
            facets: Vec::new(),
            sort: Vec::new(),
            limit: USUAL_LIMIT,
            offset: 0,
            min_band: None,
            per_brand: None,
            diversity: None,
            collapse: true,
            rules: None,
            user: None,
            explain: false,
            understand: true,
        }
    }
}

/// A picture of a request: exactly one of `part`, `url` and `data`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImageInput {
    /// Number of the multipart file `image`, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<usize>,
    /// Address of the picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The file in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// Which part of the picture counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    /// How much it counts, above 0.
    pub weight: f32,
}

impl Default for ImageInput {
    fn default() -> Self {
        Self { part: None, url: None, data: None, region: None, weight: 1.0 }
    }
}

/// Direction of a sort.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SortOrder {
    /// Smallest first.
    Asc,
    /// Largest first.
    Desc,
}

/// What the calibrated probability says to a shopper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Band {
    /// Like what was asked for.
    Similar,
    /// The very product.
    Exact,
}

impl SearchRequest {
    /// Checks what serde cannot: that something is asked for, lengths, ranges, finite numbers.
    ///
    /// # Errors
    /// [`SearchError::Request`] with the field, what is wrong with it and what to do.
    pub fn validate(&self) -> Result<(), SearchError> {
        let bad = |field: &str, reason: String, hint: &str| Err(SearchError::request(field, reason, hint));
        let has_text = self.text.as_deref().is_some_and(|text| !text.trim().is_empty());
        let others = self.colour.is_some() || self.filter.is_some();
        if !has_text && self.images.is_empty() && self.like.is_empty() && !others {
            let hint = "give at least one of text, images, like, colour and filter";
            return bad("request", "nothing is asked for".to_owned(), hint);
        }
        for (field, text) in [("text", &self.text), ("not_text", &self.not_text)] {
            let length = text.as_deref().map_or(0, |text| text.chars().count());
            if length > LONGEST_TEXT {
                return bad(field, format!("{length} characters; {LONGEST_TEXT} are allowed"), "use fewer words");
            }
        }
        if self.images.len() > MOST_IMAGES {
            let reason = format!("{} pictures; {MOST_IMAGES} are allowed", self.images.len());
            return bad("images", reason, "send the most telling ones");
        }
        for (number, image) in self.images.iter().enumerate() {
            let field = format!("images[{number}]");
            let given = [image.part.is_some(), image.url.is_some(), image.data.is_some()];
            if given.iter().filter(|given| **given).count() != 1 {
                let hint = "give each picture exactly one of part, url and data";
                return bad(&field, "it has none or several of part, url and data".to_owned(), hint);
            }
            if !(image.weight.is_finite() && image.weight > 0.0 && image.weight <= 1_000.0) {
                let reason = format!("{} is not a weight", image.weight);
                return bad(&format!("{field}.weight"), reason, "weights are above 0 and at most 1000");
            }
        }
        for (field, ids) in [("like", &self.like), ("not_like", &self.not_like)] {
            if ids.len() > MOST_LIKED {
                let reason = format!("{} products; {MOST_LIKED} are allowed", ids.len());
                return bad(field, reason, "name the most telling ones");
            }
        }
        self.wanted_colour()?;
        if self.limit == 0 || self.limit > MOST_HITS {
            return bad("limit", format!("{} is out of range", self.limit), "ask for 1 to 1000 hits");
        }
        if self.offset > MOST_SKIPPED {
            return bad(
                "offset",
                format!("{} is out of range", self.offset),
                "skip 10000 hits at most; filter instead",
            );
        }
        if self.facets.len() > MOST_FACETS {
            return bad("facets", format!("{} facets; {MOST_FACETS} are allowed", self.facets.len()), "ask for fewer");
        }
        if self.sort.iter().any(|key| key.len() != 1) {
            return bad("sort", "each entry names one field".to_owned(), "write [{\"price\": \"asc\"}]");
        }
        if self.per_brand == Some(0) {
            return bad("per_brand", "0 would leave nothing".to_owned(), "ask for 1 or more");
        }
        if self.diversity.is_some_and(|diversity| !(0.0..=1.0).contains(&diversity)) {
            return bad("diversity", "it is out of range".to_owned(), "0 means best first, 1 as different as can be");
        }
        Ok(())
    }

    /// The colour that is asked for.
    ///
    /// # Errors
    /// [`SearchError::Request`] with the names that are nearest to one that is not known.
    pub fn wanted_colour(&self) -> Result<Option<Colour>, SearchError> {
        let refused = |error: ColourError| {
            SearchError::request("colour", format!("{:?} is no colour that is known", error.text), error.hint)
        };
        self.colour.as_deref().map(|text| Colour::parse(text).map_err(refused)).transpose()
    }
}
