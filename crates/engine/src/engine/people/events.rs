//! Events: what shoppers did.

use std::sync::Arc;

use base64::Engine as _;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::super::{CatalogueName, Engine, EngineError};
use crate::catalogue::store::{EventRow, ImageRow, put_colours, put_feature, put_image};
use crate::image::{ColourDescriptor, ImageHash, decode_at_least};
use crate::model::features_of;

/// Longest text of an event's field, characters.
const LONGEST: usize = 512;

/// What a shopper did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// Asked.
    Search,
    /// Saw a product's page.
    View,
    /// Chose a hit.
    Click,
    /// Put a product into the cart.
    Cart,
    /// Bought it.
    Purchase,
    /// Sent a hit away.
    Dismiss,
}

impl EventKind {
    /// The word for it, as in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Search => "search",
            Self::View => "view",
            Self::Click => "click",
            Self::Cart => "cart",
            Self::Purchase => "purchase",
            Self::Dismiss => "dismiss",
        }
    }
}

/// A photo that somebody asked with: its hash where it was sent before, its bytes as base64, or its address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhotoInput {
    /// BLAKE3 of its bytes.
    Hash(ImageHash),
    /// Its bytes, base64 or a `data:` URI.
    Data(String),
    /// Where it is.
    Url(String),
}

/// Something a shopper did. A photo is kept when it is sent with an event, and only then: the shop decides, with its
/// shopper's consent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// What.
    #[serde(rename = "type")]
    pub kind: EventKind,
    /// Id of the product; all kinds but `search` need one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// The photo that was asked with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub photo: Option<PhotoInput>,
    /// The words that were asked with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Who, as the shop calls them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// When; now unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<DateTime<Utc>>,
}

impl Engine {
    /// Writes events: one outcome each, in order: the hash of its photo where it has one, or why it cannot be written.
    ///
    /// # Errors
    /// [`EngineError::NoSuchCatalogue`]; only what is no event's fault.
    pub fn record_events(
        &self,
        catalogue: &CatalogueName,
        events: Vec<Event>,
    ) -> Result<Vec<Result<Option<ImageHash>, EngineError>>, EngineError> {
        let open = self.catalogue(catalogue)?;
        let (mut rows, mut outcomes) = (Vec::with_capacity(events.len()), Vec::with_capacity(events.len()));
        for (number, event) in events.into_iter().enumerate() {
            let outcome = self.event_row(open.key, event, &format!("event {number}"));
            outcomes.push(outcome.map(|row| {
                let photo = row.photo;
                rows.push(row);
                photo
            }));
        }
        self.store.put_events(open.key, &rows)?;
        Ok(outcomes)
    }

    fn event_row(&self, catalogue: i64, event: Event, name: &str) -> Result<EventRow, EngineError> {
        let wrong = |reason: &str| EngineError::Request { field: name.to_owned(), reason: reason.to_owned() };
        if event.kind != EventKind::Search && event.product.is_none() {
            return Err(wrong("it needs a `product`"));
        }
        if event.kind == EventKind::Search && event.photo.is_none() && event.text.is_none() {
            return Err(wrong("a search needs a `photo` or a `text`"));
        }
        for (field, text) in [("product", &event.product), ("text", &event.text), ("user", &event.user)] {
            if text.as_ref().is_some_and(|text| text.chars().count() > LONGEST) {
                return Err(wrong(&format!("`{field}` is longer than {LONGEST} characters")));
            }
        }
        let photo = event.photo.map(|photo| self.keep_photo(catalogue, &photo, name)).transpose()?;
        let (kind, at) = (event.kind.as_str().to_owned(), event.at.unwrap_or_else(Utc::now));
        Ok(EventRow { kind, at, product: event.product, photo, text: event.text, user: event.user })
    }

    /// Keeps a photo with its feature, so that it can be shown to people and learned from.
    pub(in crate::engine) fn keep_photo(
        &self,
        catalogue: i64,
        photo: &PhotoInput,
        name: &str,
    ) -> Result<ImageHash, EngineError> {
        let wrong = |reason: String| EngineError::Request { field: name.to_owned(), reason };
        let _referring = self.referring.read();
        let bytes = match photo {
            PhotoInput::Hash(hash) => {
                if !self.store.has_feature(hash, &self.feature_key, false)? {
                    return Err(EngineError::NoSuchImage { hash: *hash });
                }
                self.store.put_photo(catalogue, hash)?;
                return Ok(*hash);
            }
            PhotoInput::Url(url) => self.fetch_picture(url)?,
            PhotoInput::Data(data) => {
                let data = data.split_once(";base64,").map_or(data.as_str(), |(_, data)| data);
                let decoded = base64::engine::general_purpose::STANDARD.decode(data.trim());
                decoded.map_err(|error| wrong(format!("data is not base64: {error}")))?
            }
        };
        let hash = ImageHash::of(&bytes);
        if !self.store.has_feature(&hash, &self.feature_key, true)? || self.store.image(&hash)?.is_none() {
            let model = self.model()?;
            let failed = |error| EngineError::Picture { item: name.to_owned(), error };
            let picture = decode_at_least(&bytes, &self.options.limits, model.manifest().input.size).map_err(failed)?;
            let (width, height) = picture.original_size();
            let colours = ColourDescriptor::of(&picture);
            let feature = features_of(model.as_ref(), &[picture], false)?.pop();
            let feature = feature.ok_or_else(|| wrong("the model gave no feature".to_owned()))?;
            let feature = self.feature_key.rounded(&feature.pooled);
            let row = ImageRow { width, height, bytes: bytes.len() as u64 };
            self.files
                .put(&hash, &bytes)
                .map_err(EngineError::io("cannot keep a picture under", &self.options.data))?;
            self.store.write(|sql| {
                put_image(sql, &hash, &row)?;
                put_colours(sql, &hash, &colours)?;
                put_feature(sql, &hash, &self.feature_key, &feature)
            })?;
        }
        self.store.put_photo(catalogue, &hash)?;
        Ok(hash)
    }

    /// How many events of each kind a catalogue has.
    ///
    /// # Errors
    /// [`EngineError::NoSuchCatalogue`]; errors of the store.
    pub fn event_counts(&self, catalogue: &CatalogueName) -> Result<Vec<(String, u64)>, EngineError> {
        let open: Arc<_> = self.catalogue(catalogue)?;
        Ok(self.store.event_counts(open.key)?)
    }
}
