//! Reviews: people's word on matches.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::super::{CatalogueName, Engine, EngineError};
use super::events::PhotoInput;
use crate::catalogue::store::ReviewRow;
use crate::image::ImageHash;

/// Longest name of a reviewer, characters.
const LONGEST_NAME: usize = 200;

/// What a person says of a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is the same.
    Confirmed,
    /// It is not.
    Rejected,
    /// Cannot be told; not asked again.
    Skipped,
}

impl Verdict {
    /// The word for it, as in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Rejected => "rejected",
            Self::Skipped => "skipped",
        }
    }
}

/// A review as it comes: of a photo or of another product, one of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewInput {
    /// The photo that was asked with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub photo: Option<PhotoInput>,
    /// Id of the other product.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<String>,
    /// Id of the product.
    pub product: String,
    /// What is said.
    pub verdict: Verdict,
    /// By whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// A review as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Review {
    /// Its number; to take it back.
    pub id: i64,
    /// Hash of the photo.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub photo: Option<ImageHash>,
    /// Id of the other product.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other: Option<String>,
    /// Id of the product.
    pub product: String,
    /// `confirmed`, `rejected`, `skipped`.
    pub verdict: String,
    /// By whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// When.
    pub at: DateTime<Utc>,
}

/// How far labelling is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ReviewProgress {
    /// Photos that were sent.
    pub photos: u64,
    /// Photos whose product was confirmed.
    pub answered: u64,
    /// Pairs with a word on them.
    pub reviewed: u64,
}

impl From<ReviewRow> for Review {
    fn from(row: ReviewRow) -> Self {
        let ReviewRow { key, photo, other, product, verdict, by, at } = row;
        Self { id: key, photo, other, product, verdict, by, at }
    }
}

impl Engine {
    /// Keeps a review. A later one of the same pair replaces what it says.
    ///
    /// # Errors
    /// [`EngineError::NoSuchCatalogue`], [`EngineError::NoSuchProduct`], [`EngineError::NoSuchImage`];
    /// [`EngineError::Request`] when it names neither a photo nor another product, or both; errors of the photo.
    pub fn add_review(&self, catalogue: &CatalogueName, review: ReviewInput) -> Result<Review, EngineError> {
        let open = self.catalogue(catalogue)?;
        let wrong = |field: &str, reason: &str| EngineError::Request { field: field.into(), reason: reason.into() };
        if review.photo.is_some() == review.other.is_some() {
            return Err(wrong("photo", "a review is of a `photo` or of an `other` product: give one of them"));
        }
        if review.by.as_ref().is_some_and(|by| by.chars().count() > LONGEST_NAME) {
            return Err(wrong("by", "the name is longer than 200 characters"));
        }
        if review.other.as_ref() == Some(&review.product) {
            return Err(wrong("other", "a product is not reviewed against itself"));
        }
        for id in review.other.iter().chain([&review.product]) {
            self.product(catalogue, id)?;
        }
        let photo = review.photo.map(|photo| self.keep_photo(open.key, &photo, "photo")).transpose()?;
        // A pair of products is the same both ways.
        let (other, product) = match review.other {
            Some(other) if other > review.product => (Some(review.product), other),
            other => (other, review.product),
        };
        let verdict = review.verdict.as_str().to_owned();
        let mut row = ReviewRow { key: 0, photo, other, product, verdict, by: review.by, at: Utc::now() };
        row.key = self.store.put_review(open.key, &row)?;
        Ok(row.into())
    }

    /// Takes a review back: what was said of the pair before counts again. The review when it was there.
    ///
    /// # Errors
    /// [`EngineError::NoSuchCatalogue`]; errors of the store.
    pub fn remove_review(&self, catalogue: &CatalogueName, id: i64) -> Result<Option<Review>, EngineError> {
        let open = self.catalogue(catalogue)?;
        Ok(self.store.remove_review(open.key, id)?.map(Review::from))
    }

    /// Reviews, latest first, and how many there are.
    ///
    /// # Errors
    /// [`EngineError::NoSuchCatalogue`]; errors of the store.
    pub fn reviews(
        &self,
        catalogue: &CatalogueName,
        limit: usize,
        offset: usize,
    ) -> Result<(Vec<Review>, u64), EngineError> {
        let open = self.catalogue(catalogue)?;
        let (rows, total) = self.store.reviews(open.key, limit.min(1_000), offset)?;
        Ok((rows.into_iter().map(Review::from).collect(), total))
    }
}
