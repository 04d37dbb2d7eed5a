//! What the index holds of one product.

use std::collections::BTreeMap;

use rust_decimal::prelude::ToPrimitive as _;
use serde_json::{Map, Value, json};

use super::fields::{self, Column, PREFIX_LEN, fold};
use crate::catalogue::{AttributeValue, Availability, Product};
use crate::image::Palette;

/// At most this many embeddings of one product are indexed; the first images count.
pub const MAX_VECTORS_PER_PRODUCT: usize = 64;

/// Longest text of one payload value, in characters; longer ones are cut. Filters on such values make no sense.
const LONGEST_VALUE: usize = 512;
/// A colour with a smaller share of the subject is not one of the product's.
const LEAST_COLOUR: f32 = 0.1;
/// Most attributes of one product that can be filtered by.
const MOST_ATTRIBUTES: usize = 128;

/// A product's texts by field, for words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields {
    /// The product's id.
    pub id: String,
    /// Title.
    pub title: String,
    /// Brand.
    pub brand: String,
    /// Every step of the category path.
    pub category: String,
    /// Values of all attributes.
    pub attributes: String,
    /// GTIN and MPN.
    pub codes: String,
    /// Description.
    pub description: String,
}

/// One product, ready for the index.
#[derive(Debug, Clone, PartialEq)]
pub struct IndexPoint {
    /// The store's number of the product.
    pub key: u64,
    /// One embedding per image, each of the index's dimensions; none when the product has no usable picture.
    pub vectors: Vec<Vec<f32>>,
    /// Texts for words.
    pub words: Fields,
    /// Filter fields: see [`fields`].
    pub payload: Map<String, Value>,
}

impl IndexPoint {
    /// The point of `product` under the store's `key`, with one embedding per image in the product's order.
    #[must_use]
    pub fn of(product: &Product, key: u64, embeddings: Vec<Vec<f32>>) -> Self {
        let mut vectors = embeddings;
        vectors.truncate(MAX_VECTORS_PER_PRODUCT);
        Self { key, vectors, words: words(product), payload: payload(product) }
    }

    /// With the colours of its main picture, where they are known.
    #[must_use]
    pub fn with_palette(mut self, palette: Option<&Palette>) -> Self {
        if let Some(palette) = palette {
            let mut put = |column: &Column, value: Value| self.payload.insert(column.keys().0.to_owned(), value);
            put(&Column::PictureColour, picture_colours(palette).into());
            put(&Column::Palette, palette.to_payload());
        }
        self
    }
}

/// The basic colours that a product's main picture shows: those with at least a tenth of its subject, largest first.
#[must_use]
pub fn picture_colours(palette: &Palette) -> Vec<&str> {
    palette.families(LEAST_COLOUR)
}

/// What the shopper pays: the sale price where there is one.
#[must_use]
pub fn effective_price(product: &Product) -> Option<f64> {
    product.sale_price.as_ref().or(product.price.as_ref()).and_then(|money| money.amount.to_f64())
}

/// Whether a shopper can take it home now: the feed says so and the stock, where told, is not used up.
#[must_use]
pub fn in_stock(product: &Product) -> bool {
    product.availability == Availability::InStock && product.stock.is_none_or(|stock| stock > 0)
}

/// The name of an availability in payload and filters.
#[must_use]
pub fn availability(product: &Product) -> &'static str {
    match product.availability {
        Availability::InStock => "in_stock",
        Availability::OutOfStock => "out_of_stock",
        Availability::Preorder => "preorder",
        Availability::Backorder => "backorder",
    }
}

/// Currency of what the shopper pays, folded.
#[must_use]
pub fn currency(product: &Product) -> Option<String> {
    let money = product.sale_price.as_ref().or(product.price.as_ref())?;
    Some(fold(&money.currency)).filter(|currency| !currency.is_empty())
}

/// The brand as shown, if there is one.
#[must_use]
pub fn brand(product: &Product) -> Option<&str> {
    product.brand.as_deref().map(|brand| shorten(brand.trim())).filter(|brand| !brand.is_empty())
}

/// The variant group, if there is one.
#[must_use]
pub fn group(product: &Product) -> Option<&str> {
    product.group.as_deref().map(shorten).filter(|group| !group.is_empty())
}

/// Id, GTIN and MPN in the form of [`fields::code`], without repeats.
#[must_use]
pub fn codes(product: &Product) -> Vec<String> {
    let mut codes: Vec<String> = [Some(&product.id), product.gtin.as_ref(), product.mpn.as_ref()]
        .into_iter()
        .flatten()
        .map(|text| fields::code(text))
        .filter(|code| !code.is_empty())
        .collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

/// An attribute's values: texts as shown, and the numbers among them.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct AttributeColumns {
    /// As shown; flags are `true` and `false`; numbers are written out.
    pub shown: Vec<String>,
    /// Numbers, and texts that are numbers.
    pub numbers: Vec<f64>,
}

/// The product's attributes by folded name. Names that fold alike share their values.
#[must_use]
pub fn attributes(product: &Product) -> BTreeMap<String, AttributeColumns> {
    let mut columns: BTreeMap<String, AttributeColumns> = BTreeMap::new();
    for (name, value) in &product.attributes {
        let name = fields::attribute(name);
        if name.is_empty() || (columns.len() >= MOST_ATTRIBUTES && !columns.contains_key(&name)) {
            continue;
        }
        let entry = columns.entry(name).or_default();
        match value {
            AttributeValue::Text(text) => entry.push(text),
            AttributeValue::List(texts) => texts.iter().for_each(|text| entry.push(text)),
            AttributeValue::Number(number) => entry.push(&number.to_string()),
            AttributeValue::Flag(flag) => entry.push(if *flag { "true" } else { "false" }),
        }
    }
    columns.retain(|_, entry| !entry.shown.is_empty());
    columns
}

impl AttributeColumns {
    fn push(&mut self, text: &str) {
        let text = shorten(text.trim());
        if text.is_empty() {
            return;
        }
        // Full-width digits are digits, so the folded form decides.
        if let Some(number) = number(&fold(text)) {
            self.numbers.push(number);
        }
        self.shown.push(text.to_owned());
    }
}

/// The number a text is, if it is one: finite, plain decimal (`inf`, `nan` and `1e5` are names, not numbers).
pub(super) fn number(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+'));
    if plain { text.parse().ok().filter(|number: &f64| number.is_finite()) } else { None }
}

/// Cuts a text to the length values may have.
#[must_use]
pub fn shorten(text: &str) -> &str {
    cut(text, LONGEST_VALUE)
}

/// The folded title that prefixes are compared with.
#[must_use]
pub fn folded_title(product: &Product) -> String {
    cut(&fold(&product.title), PREFIX_LEN).to_owned()
}

fn cut(text: &str, characters: usize) -> &str {
    match text.char_indices().nth(characters) {
        None => text,
        Some((end, _)) => &text[..end],
    }
}

fn words(product: &Product) -> Fields {
    let mut attributes = String::new();
    for value in product.attributes.values() {
        match value {
            AttributeValue::Text(text) => attributes.extend([text.as_str(), " "]),
            AttributeValue::List(texts) => texts.iter().for_each(|text| attributes.extend([text.as_str(), " "])),
            AttributeValue::Number(number) => attributes.extend([number.to_string().as_str(), " "]),
            // `waterproof: true` says nothing without its name, and the name is in every product: left to filters.
            AttributeValue::Flag(_) => {}
        }
    }
    let codes = [product.gtin.as_deref(), product.mpn.as_deref()];
    Fields {
        id: product.id.clone(),
        title: product.title.clone(),
        brand: product.brand.clone().unwrap_or_default(),
        category: product.category.join(" "),
        attributes,
        codes: codes.into_iter().flatten().collect::<Vec<_>>().join(" "),
        description: product.description.clone(),
    }
}

fn payload(product: &Product) -> Map<String, Value> {
    let mut payload = Map::new();
    let mut put = |column: &Column, value: Value| match column.keys() {
        (top, None) => {
            payload.insert(top.to_owned(), value);
        }
        (top, Some(name)) => {
            let group = payload.entry(top.to_owned()).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(group) = group {
                group.insert(name.to_owned(), value);
            }
        }
    };
    put(&Column::Id, fold(shorten(&product.id)).into());
    put(&Column::Title, folded_title(product).into());
    put(&Column::Availability, availability(product).into());
    put(&Column::InStock, in_stock(product).into());
    put(&Column::Codes, codes(product).into());
    if let Some(price) = effective_price(product) {
        put(&Column::Price, price.into());
    }
    if let Some(currency) = currency(product) {
        put(&Column::Currency, currency.into());
    }
    if let Some(stock) = product.stock {
        put(&Column::Stock, stock.into());
    }
    if let Some(brand) = brand(product) {
        put(&Column::Brand, brand.into());
    }
    let paths = fields::category_paths(&product.category);
    if !paths.is_empty() {
        put(&Column::Category, json!(paths));
    }
    if let Some(group) = group(product) {
        put(&Column::Group, group.into());
    }
    if let Some(added_at) = product.added_at {
        put(&Column::AddedAt, added_at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true).into());
    }
    for (name, entry) in attributes(product) {
        put(&Column::Attribute(name), json!(entry.shown));
    }
    payload
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Money;

    fn product() -> Product {
        serde_json::from_value(json!({
            "id": "SKU-1", "title": "Red Bag", "brand": " Nike ", "category": ["Bags", "Handbags"],
            "price": {"amount": "59.00", "currency": "EUR"}, "stock": 0, "group": "g",
            "attributes": {"Colour": "Red", "size": ["S", "42"], "weight": 1.5, "vegan": true},
            "added_at": "2026-01-31T12:00:00Z", "gtin": "4006381-333931", "images": []
        }))
        .unwrap()
    }

    #[test]
    fn the_payload_has_what_the_table_needs() {
        let point = IndexPoint::of(&product(), 7, vec![vec![1.0]]);
        let expected = json!({
            "id": "sku-1", "title": "red bag", "availability": "in_stock", "in_stock": false,
            "codes": ["4006381333931", "sku1"], "price": 59.0, "currency": "eur", "stock": 0,
            "brand": "Nike", "category": ["Bags", "Bags > Handbags"],
            "group": "g", "added_at": "2026-01-31T12:00:00.000000Z",
            "shown": {"colour": ["Red"], "size": ["S", "42"], "vegan": ["true"], "weight": ["1.5"]},
        });
        assert_eq!(Value::Object(point.payload), expected);
    }

    #[test]
    fn the_sale_price_is_what_the_shopper_pays() {
        let mut product = product();
        product.sale_price = Some(Money { amount: "9.99".parse().unwrap(), currency: "EUR".into() });
        assert_eq!(effective_price(&product), Some(9.99));
    }

    #[test]
    fn a_bare_product_gives_a_bare_payload() {
        let point = IndexPoint::of(&Product { id: "x".into(), ..Product::default() }, 1, Vec::new());
        assert!(point.payload.get("price").is_none() && point.payload.get("shown").is_none());
        assert!(point.vectors.is_empty());
    }

    #[test]
    fn too_many_pictures_and_attributes_are_cut() {
        let mut product = product();
        for n in 0..1_000 {
            product.attributes.insert(format!("a{n}"), AttributeValue::Text("x".repeat(10_000)));
        }
        let point = IndexPoint::of(&product, 1, vec![vec![1.0]; 1_000]);
        assert_eq!(point.vectors.len(), MAX_VECTORS_PER_PRODUCT);
        assert_eq!(point.payload["shown"].as_object().unwrap().len(), MOST_ATTRIBUTES);
    }
}
