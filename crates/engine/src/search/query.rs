//! A search ready to be executed: vectors instead of pictures, a tree instead of a filter's text.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::rerank::QueryColours;
use super::rules::Ruling;
use super::{Band, Expr, FacetValue, Schema, SearchError, SearchRequest, SortOrder};
use crate::image::Colour;
use crate::index::Column;
use crate::linear::dot;
use crate::search::filter::Field;
use crate::space::{Calibration, SpaceError, WordHead, WordQuery};

/// An embedding of a query and how much it counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Weighted {
    /// Unit length, of the index's space.
    pub vector: Vec<f32>,
    /// Above 0.
    pub weight: f32,
    /// The colours of its picture, where they shall count beside the vector.
    pub colours: Option<QueryColours>,
}

impl Weighted {
    /// An embedding that counts once, without colours.
    #[must_use]
    pub fn one(vector: Vec<f32>) -> Self {
        Self { vector, weight: 1.0, colours: None }
    }
}

/// What words look like in the index's space.
#[derive(Debug, Clone, PartialEq)]
pub struct Meaning {
    /// Where their pictures are, roughly: what the index is asked for.
    pub vector: Vec<f32>,
    /// What judges the pictures that are found there; without it, their dot product with the vector does.
    pub told: Option<(Arc<WordHead>, WordQuery)>,
}

impl Meaning {
    /// What a text looks like, as a head of the index's space tells it; `None` when it knows none of the words.
    ///
    /// # Errors
    /// [`crate::space::SpaceError::NotFinite`].
    pub fn of(head: &Arc<WordHead>, text: &str) -> Result<Option<Self>, SpaceError> {
        let told = head.query(text)?;
        Ok(told.map(|told| Self { vector: told.embedding.vector().to_vec(), told: Some((Arc::clone(head), told)) }))
    }

    /// How well the best of a product's pictures shows it, about 0 to 1 where it does; `None` without pictures.
    pub(super) fn likeness(&self, pictures: &[Vec<f32>]) -> Option<f32> {
        let one = |picture: &Vec<f32>| match &self.told {
            Some((head, query)) => head.likeness(query, picture),
            None => dot(&self.vector, picture),
        };
        pictures.iter().map(one).reduce(f32::max)
    }
}

/// A search over one index.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Query {
    /// Pictures to be like.
    pub pictures: Vec<Weighted>,
    /// Pictures not to be like.
    pub not_pictures: Vec<Weighted>,
    /// Words to be found.
    pub text: Option<String>,
    /// What the words look like, where that is known.
    pub meaning: Option<Meaning>,
    /// Words that speak against a product.
    pub not_text: Option<String>,
    /// A colour to have.
    pub colour: Option<Colour>,
    /// Who may be found.
    pub filter: Option<Expr>,
    /// Products that are never found: those that were asked about.
    pub exclude: Vec<u64>,
    /// What is counted, by the name it was asked for.
    pub facets: Vec<(String, FacetField)>,
    /// Order, when not by fit.
    pub sort: Vec<(SortField, SortOrder)>,
    /// Most hits.
    pub limit: usize,
    /// Hits to be skipped.
    pub offset: usize,
    /// Most hits of one brand.
    pub per_brand: Option<usize>,
    /// 0 best first, 1 as different as can be.
    pub diversity: Option<f32>,
    /// Variants of a group are one card.
    pub collapse: bool,
    /// What the shop wants shown first.
    pub ruling: Ruling,
    /// Turns scores into probabilities.
    pub calibration: Option<Arc<Calibration>>,
    /// Hits below this band are not found. Needs a calibration.
    pub min_band: Option<Band>,
}

/// What can be counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FacetField {
    /// Values of a text column; the field is the one whose own filter is left out while counting.
    Values(Column, Field),
    /// Ranges of the price.
    Price,
}

/// What hits can be sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortField {
    /// How well it fits.
    Score,
    /// What the shopper pays.
    Price,
    /// Since when it is sold.
    AddedAt,
    /// Pieces on hand.
    Stock,
    /// Title, by its folded beginning.
    Title,
}

impl FacetField {
    /// The field whose own filter is left out while counting.
    #[must_use]
    pub fn field(&self) -> &Field {
        match self {
            Self::Values(_, field) => field,
            Self::Price => &Field::Price,
        }
    }
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ranked {
    /// Best first, or in the order asked for.
    pub hits: Vec<RankedHit>,
    /// How many match.
    pub total: usize,
    /// Whether all were counted.
    pub total_is_exact: bool,
    /// Counts by the name they were asked for.
    pub facets: BTreeMap<String, Vec<FacetValue>>,
}

/// A product that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct RankedHit {
    /// Its number.
    pub key: u64,
    /// How well it fits; see [`super::Hit::score`].
    pub score: f32,
    /// Cosine of its best picture with the query's pictures (mean over them, by weight).
    pub picture: Option<f32>,
    /// How well it says the words, relative to the product that says them best, 0 to 1.
    pub words: Option<f32>,
    /// Cosine of its best picture with what the words look like.
    pub meaning: Option<f32>,
    /// How much of its main picture's subject has the colour asked for, 0 to 1.
    pub colour: Option<f32>,
    /// How far its pictures' colours agree with those of the query's, 0 to 1, where that was looked at.
    pub agreement: Option<f32>,
    /// Cosine of its best picture with what was not wanted.
    pub unwanted: Option<f32>,
    /// How many products of the found set the card stands for.
    pub variants: usize,
    /// What business rules did.
    pub rules: Vec<String>,
    /// How likely it is the very product, 0 to 1, where there is a calibration.
    pub probability: Option<f32>,
    /// What that says to a shopper.
    pub band: Option<Band>,
}

impl Query {
    /// Everything of a request but its pictures.
    ///
    /// # Errors
    /// [`SearchError`] for what cannot be used; see [`SearchRequest::validate`].
    pub fn of(request: &SearchRequest, schema: &Schema) -> Result<Self, SearchError> {
        request.validate()?;
        let words = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
        let filter = match request.filter.as_deref() {
            None => None,
            Some(filter) => Some(
                super::filter::parse(filter, schema)
                    .map_err(|error| SearchError::Filter { error, filter: filter.to_owned() })?,
            ),
        };
        let facets = request.facets.iter().map(|name| Ok((name.clone(), facet(name, schema)?)));
        let sort = request.sort.iter().flatten().map(|(name, order)| Ok((sort(name)?, *order)));
        Ok(Self {
            text: words(&request.text),
            not_text: words(&request.not_text),
            colour: request.wanted_colour()?,
            filter,
            facets: facets.collect::<Result<_, SearchError>>()?,
            sort: sort.collect::<Result<_, SearchError>>()?,
            limit: request.limit,
            offset: request.offset,
            per_brand: request.per_brand,
            diversity: request.diversity.filter(|diversity| *diversity > 0.0),
            collapse: request.collapse,
            min_band: request.min_band,
            ..Self::default()
        })
    }
}

pub(super) fn facet(name: &str, schema: &Schema) -> Result<FacetField, SearchError> {
    let field = match schema.field(name) {
        Ok(field) => field,
        // A catalogue may lack what another has: nothing is counted then.
        Err(_) if ["size", "material", "gender"].contains(&name) => Field::attribute(name),
        Err(similar) => {
            let hint = match similar.first() {
                Some(similar) => format!("did you mean {similar}?"),
                None => "count brand, category, availability, price or an attribute".to_owned(),
            };
            return Err(SearchError::request("facets", format!("there is no field `{name}`"), hint));
        }
    };
    let column = match &field {
        Field::Brand => Column::Brand,
        Field::Category => Column::Category,
        Field::Availability => Column::Availability,
        Field::Currency => Column::Currency,
        Field::Group => Column::Group,
        Field::Price => return Ok(FacetField::Price),
        Field::PictureColour => Column::PictureColour,
        Field::Attribute(name) => Column::Attribute(name.clone()),
        _ => {
            let hint = "count brand, category, availability, currency, group, price, colour or an attribute";
            return Err(SearchError::request("facets", format!("`{name}` cannot be counted"), hint));
        }
    };
    Ok(FacetField::Values(column, field))
}

fn sort(name: &str) -> Result<SortField, SearchError> {
    match name.to_lowercase().as_str() {
        "score" | "relevance" => Ok(SortField::Score),
        "price" => Ok(SortField::Price),
        "added_at" => Ok(SortField::AddedAt),
        "stock" => Ok(SortField::Stock),
        "title" => Ok(SortField::Title),
        _ => {
            let hint = "sort by score, price, added_at, stock or title";
            Err(SearchError::request("sort", format!("`{name}` cannot be sorted by"), hint))
        }
    }
}
