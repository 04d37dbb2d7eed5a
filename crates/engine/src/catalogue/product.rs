//! A product as the shop sells it: the shape of `docs/api.md`, in and out.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::image::ImageHash;

/// An exact amount in a currency. Never a float: prices are compared and shown as the shop wrote them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// Decimal amount in major units, serialised as a string (`"59.00"`).
    pub amount: Decimal,
    /// ISO 4217 code, upper case; empty when the feed names none and the settings have no default.
    pub currency: String,
}

/// Whether a shopper can buy the product now. The four values of Google Merchant's `availability`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Availability {
    /// Can be bought now.
    #[default]
    InStock,
    /// Cannot be bought now.
    OutOfStock,
    /// Can be ordered before it is released.
    Preorder,
    /// Can be ordered and arrives later.
    Backorder,
}

/// The value of one attribute: `"red"`, `["S", "M"]`, `12.5` or `true`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum AttributeValue {
    /// One text.
    Text(String),
    /// A finite number.
    Number(f64),
    /// Yes or no.
    Flag(bool),
    /// Several texts, in the feed's order.
    List(Vec<String>),
}

/// One picture of a product: where it came from, and what it turned out to be once read.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageRef {
    /// Path relative to the feed, absolute path, `http(s)` URL, or `data:` URI.
    pub source: String,
    /// BLAKE3 of the bytes, hex; absent until the picture has been read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    /// Width in pixels after orientation; absent until read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Height in pixels after orientation; absent until read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
}

impl Product {
    /// Hashes of the pictures that have been read, in the product's order: one embedding each.
    #[must_use]
    pub fn image_hashes(&self) -> Vec<ImageHash> {
        self.images.iter().filter_map(|image| image.hash.as_deref()?.parse().ok()).collect()
    }
}

/// What is sold. See `docs/api.md` for the JSON shape.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Product {
    /// The shop's own identifier, unique in the catalogue, 1 to 512 bytes.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// Plain text; feeds convert HTML.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Who makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brand: Option<String>,
    /// Path, broadest first: `["Bags", "Handbags"]`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub category: Vec<String>,
    /// Regular price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<Money>,
    /// Price while on sale; what the shopper pays when present.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sale_price: Option<Money>,
    /// Whether it can be bought.
    pub availability: Availability,
    /// Pieces on hand, when the shop tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stock: Option<i64>,
    /// Variant group (`item_group_id`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The product's page in the shop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// Global Trade Item Number (EAN, UPC, ISBN).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gtin: Option<String>,
    /// Manufacturer part number; feeds put the SKU here when it is not the id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mpn: Option<String>,
    /// Everything else that shoppers choose by: colour, size, material, gender…
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, AttributeValue>,
    /// Pictures, the main one first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<ImageRef>,
    /// When the shop began to sell it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub added_at: Option<DateTime<Utc>>,
}
