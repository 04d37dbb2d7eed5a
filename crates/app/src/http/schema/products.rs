//! Catalogues and products.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::ItemError;

/// An exact amount in a currency.
#[derive(Serialize, ToSchema)]
pub struct Money {
    /// Decimal, as text.
    #[schema(example = "59.00")]
    amount: String,
    /// ISO 4217; empty when the feed names none and the settings have no default.
    #[schema(example = "EUR")]
    currency: String,
}

/// Whether a shopper can buy it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Availability {
    /// Now.
    InStock,
    /// Not now.
    OutOfStock,
    /// Before it is released.
    Preorder,
    /// Later.
    Backorder,
}

/// Text, number, yes or no, or a list of texts.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum AttributeValue {
    /// One text.
    Text(String),
    /// A number.
    Number(f64),
    /// Yes or no.
    Flag(bool),
    /// Several texts.
    List(Vec<String>),
}

/// A picture of a product.
#[derive(Serialize, ToSchema)]
pub struct ImageRef {
    /// Path, address or `data:` URI.
    source: String,
    /// BLAKE3 of its bytes, once read.
    hash: Option<String>,
    /// Pixels, once read.
    width: Option<u32>,
    /// Pixels, once read.
    height: Option<u32>,
}

/// What is sold.
#[derive(Serialize, ToSchema)]
pub struct Product {
    /// The shop's own, 1 to 512 bytes, unique in the catalogue.
    id: String,
    /// What it is called.
    title: Option<String>,
    /// Plain text.
    description: Option<String>,
    /// Who makes it.
    brand: Option<String>,
    /// Path, broadest first.
    #[schema(example = json!(["Bags", "Handbags"]))]
    category: Option<Vec<String>>,
    /// Regular price.
    price: Option<Money>,
    /// Price while on sale.
    sale_price: Option<Money>,
    /// `in_stock` unless told.
    availability: Option<Availability>,
    /// Pieces.
    stock: Option<i64>,
    /// Variant group.
    group: Option<String>,
    /// The product's page in the shop.
    link: Option<String>,
    /// EAN, UPC or ISBN.
    gtin: Option<String>,
    /// The maker's number.
    mpn: Option<String>,
    /// What else shoppers choose by.
    attributes: Option<BTreeMap<String, AttributeValue>>,
    /// The main one first.
    images: Option<Vec<ImageRef>>,
    /// When the shop began to sell it.
    #[schema(format = DateTime)]
    added_at: Option<String>,
}

/// Products in the order in which they came.
#[derive(Serialize, ToSchema)]
pub struct ProductPage {
    /// The products.
    products: Vec<Product>,
    /// How many the catalogue has.
    total: u64,
}

/// What a write did.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was not there before.
    Created,
    /// It is another now.
    Updated,
    /// It was there and the same.
    Unchanged,
}

/// A product that was written.
#[derive(Serialize, ToSchema)]
pub struct Written {
    /// As it is now.
    product: Product,
    /// What the write did.
    outcome: Outcome,
    /// What was left out, such as pictures that cannot be read.
    warnings: Vec<ItemError>,
}

/// The outcome of one line of NDJSON.
#[derive(Serialize, ToSchema)]
pub struct BatchOutcome {
    /// Number of the line, from 1.
    line: u64,
    /// The product, as far as it is known.
    id: Option<String>,
    /// What the write did; absent where it failed.
    outcome: Option<Outcome>,
    /// What was left out.
    warnings: Option<Vec<ItemError>>,
    /// Why it failed.
    error: Option<BatchError>,
}

/// Why one line failed.
#[derive(Serialize, ToSchema)]
pub struct BatchError {
    /// Kebab-case name.
    code: String,
    /// The status that the line would have had as a request of its own; absent where the stream broke off.
    status: Option<u16>,
    /// What happened.
    detail: String,
    /// What to do.
    hint: Option<String>,
}

/// A catalogue and its size.
#[derive(Serialize, ToSchema)]
pub struct Catalogue {
    /// Its name.
    name: String,
    /// How many products.
    products: u64,
    /// How many different pictures.
    images: u64,
}

/// All catalogues.
#[derive(Serialize, ToSchema)]
pub struct Catalogues {
    /// The catalogues.
    catalogues: Vec<Catalogue>,
}

/// A catalogue's name.
#[derive(Serialize, ToSchema)]
pub struct CatalogueName {
    /// The name.
    name: String,
}
