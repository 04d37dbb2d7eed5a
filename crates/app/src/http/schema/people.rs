//! Events, reviews, labelling.

use serde::Serialize;
use utoipa::ToSchema;

use super::{Problem, Product};

/// A photo: one of the three.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Photo {
    /// BLAKE3 of a photo that was sent before, or of a catalogue picture.
    Hash(String),
    /// Its bytes as base64, or a `data:` URI.
    Data(String),
    /// Its address.
    Url(String),
}

/// Something a shopper did.
#[derive(Serialize, ToSchema)]
pub struct Event {
    /// `search`, `view`, `click`, `cart`, `purchase`, `dismiss`.
    r#type: String,
    /// Id of the product; all but `search` need one.
    product: Option<String>,
    /// The photo that was asked with.
    photo: Option<Photo>,
    /// The words that were asked with.
    text: Option<String>,
    /// Who, as the shop calls them.
    user: Option<String>,
    /// When; now unless told.
    #[schema(format = DateTime)]
    at: Option<String>,
}

/// What became of one event.
#[derive(Serialize, ToSchema)]
pub struct EventOutcome {
    /// Its line, from 1.
    line: u64,
    /// Hash of its photo.
    photo: Option<String>,
    /// Why it was not kept.
    error: Option<Problem>,
}

/// What became of events.
#[derive(Serialize, ToSchema)]
pub struct EventOutcomes {
    /// How many were kept.
    accepted: u64,
    /// One an event, in order.
    outcomes: Vec<EventOutcome>,
}

/// What was forgotten of a shopper.
#[derive(Serialize, ToSchema)]
pub struct Forgotten {
    /// How many events.
    events: u64,
    /// How many photos.
    photos: u64,
    /// Whether their files are gone; where an import runs, they go within a day after it.
    finished: bool,
}

/// A review as it is sent: of a `photo` or of an `other` product.
#[derive(Serialize, ToSchema)]
pub struct ReviewRequest {
    /// The photo.
    photo: Option<Photo>,
    /// Id of the other product.
    other: Option<String>,
    /// Id of the product.
    product: String,
    /// `confirmed`, `rejected`, `skipped`.
    verdict: String,
    /// By whom.
    by: Option<String>,
}

/// A review as it is kept.
#[derive(Serialize, ToSchema)]
pub struct Review {
    /// Its id.
    id: i64,
    /// Hash of the photo.
    photo: Option<String>,
    /// Id of the other product.
    other: Option<String>,
    /// Id of the product.
    product: String,
    /// `confirmed`, `rejected`, `skipped`.
    verdict: String,
    /// By whom.
    by: Option<String>,
    /// When.
    #[schema(format = DateTime)]
    at: String,
}

/// A part of the reviews.
#[derive(Serialize, ToSchema)]
pub struct Reviews {
    /// Latest first.
    reviews: Vec<Review>,
    /// How many there are.
    total: u64,
}

/// Is this the same?
#[derive(Serialize, ToSchema)]
pub struct Question {
    /// Hash of the photo.
    photo: Option<String>,
    /// The other product.
    other: Option<Product>,
    /// The product it may show.
    product: Product,
    /// Cosine between the two.
    similarity: f32,
    /// How unsure the system is, 0 to 1.
    uncertainty: f32,
}

/// How far labelling is.
#[derive(Serialize, ToSchema)]
pub struct ReviewProgress {
    /// Photos that were sent.
    photos: u64,
    /// Photos whose product was confirmed.
    answered: u64,
    /// Pairs with a word on them.
    reviewed: u64,
}

/// What to ask next.
#[derive(Serialize, ToSchema)]
pub struct Questions {
    /// Those that would teach most first.
    questions: Vec<Question>,
    /// How far labelling is.
    progress: ReviewProgress,
}
