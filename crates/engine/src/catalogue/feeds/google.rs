//! Google Merchant Center as TSV or CSV, and every other table whose columns have telling names.
//!
//! Names of columns: <https://support.google.com/merchants/answer/7052112> (product data specification), and the usual ones
//! of other shops. Columns that mean nothing become attributes. What columns mean is also what the elements of Google's XML
//! mean (see `google_xml`).

use std::collections::BTreeMap;

use chrono::Utc;

use super::columns::{ID, TITLE, add_attribute, availability, category, folded, need, price, some, tidy_attributes};
use super::dates::{added_at, sale_is_on};
use super::html::plain_text;
use super::table::{Record, Table};
use super::{FeedOptions, FeedRow, Reading, RowProblem};
use crate::catalogue::{ImageRef, Product};

/// What a column holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning {
    Id,
    Title,
    Description,
    Brand,
    /// The shop's own category; goes before Google's.
    ProductType,
    GoogleCategory,
    Price,
    SalePrice,
    /// When the sale price holds.
    SalePeriod,
    Currency,
    Availability,
    Stock,
    Group,
    Link,
    Gtin,
    Mpn,
    Image,
    Images,
    AddedAt,
    /// `section:name:value` for each of several attributes.
    Details,
    /// Values separated by `|`, of colours and materials also by `/`, are one list.
    Attribute(String),
    /// Of no use to a shopper, or not for a shopper's eyes.
    Ignored,
}

impl Meaning {
    /// What a field of a mapping, or a column's folded name, means.
    pub(super) fn of(name: &str) -> Option<Self> {
        Some(match name {
            name if ID.contains(&name) => Self::Id,
            name if TITLE.contains(&name) => Self::Title,
            "description" | "long description" | "product description" | "beschreibung" => Self::Description,
            "brand" | "manufacturer" | "vendor" | "marke" | "hersteller" => Self::Brand,
            "product type" | "category" | "categories" | "kategorie" => Self::ProductType,
            "google product category" => Self::GoogleCategory,
            "price" | "regular price" | "preis" => Self::Price,
            "sale price" | "special price" => Self::SalePrice,
            "currency" => Self::Currency,
            "availability" | "in stock" => Self::Availability,
            "stock" | "quantity" | "inventory" | "stock on hand" | "qty" => Self::Stock,
            "item group id" | "group" | "group id" => Self::Group,
            "link" | "url" | "product url" => Self::Link,
            "gtin" | "ean" | "upc" | "isbn" | "barcode" => Self::Gtin,
            "mpn" => Self::Mpn,
            "image link" | "image" | "image url" | "image src" | "picture" | "bild" => Self::Image,
            "additional image link" | "images" | "additional images" | "image urls" | "lifestyle image link" => {
                Self::Images
            }
            "added at" | "created at" | "date added" => Self::AddedAt,
            "sale price effective date" => Self::SalePeriod,
            "product detail" => Self::Details,
            "color" | "colour" | "farbe" => Self::Attribute("colour".into()),
            "gender" | "material" | "pattern" | "size" | "age group" | "condition" | "size type" | "size system" => {
                Self::Attribute(name.into())
            }
            // Of other programs, or of advertisements.
            "shipping"
            | "tax"
            | "tax category"
            | "identifier exists"
            | "ads redirect"
            | "mobile link"
            | "canonical link"
            | "ads grouping"
            | "ads labels"
            | "adwords redirect"
            | "promotion id"
            | "installment"
            | "subscription cost"
            | "loyalty points"
            | "loyalty program"
            | "expiration date"
            | "disclosure date"
            | "included destination"
            | "excluded destination"
            | "shopping ads excluded country"
            | "transit time label"
            | "min handling time"
            | "max handling time"
            | "pickup method"
            | "pickup sla"
            | "free shipping threshold"
            | "external seller id"
            | "pause" => Self::Ignored,
            name if name.starts_with("shipping ") => Self::Ignored,
            // What the shop itself pays is none of a shopper's business.
            "cost of goods sold"
            | "cogs"
            | "cost"
            | "cost price"
            | "cost per item"
            | "purchase price"
            | "wholesale price"
            | "auto pricing min price"
            | "einkaufspreis"
            | "ek"
            | "margin" => Self::Ignored,
            _ => return None,
        })
    }
}

pub(super) fn read(table: Table, options: &FeedOptions) -> Reading {
    let mapping: BTreeMap<String, &str> =
        options.mapping.iter().map(|(column, field)| (folded(column), field.as_str())).collect();
    let (mut fields, mut unknown) = (Vec::new(), Vec::new());
    let meanings: Vec<Meaning> = table
        .columns
        .iter()
        .zip(&table.written)
        .map(|(column, written)| {
            let mapped = mapping.get(column).map(|field| {
                Meaning::of(&folded(field)).unwrap_or_else(|| Meaning::Attribute(field.trim().to_lowercase()))
            });
            let known = mapped.or_else(|| Meaning::of(column));
            if known.is_some() {
                fields.push(written.clone())
            } else {
                unknown.push(written.clone())
            }
            known.unwrap_or_else(|| Meaning::Attribute(column.clone()))
        })
        .collect();
    let currency = options.default_currency.clone();
    let rows = table.into_rows().map(move |record| match record {
        Ok(record) => row(&record, &meanings, currency.as_deref()),
        Err(rejected) => rejected,
    });
    Reading { rows: Box::new(rows), fields, unknown }
}

fn row(record: &Record, meanings: &[Meaning], currency: Option<&str>) -> FeedRow {
    let cells = meanings.iter().zip(&record.cells).map(|(meaning, cell)| (meaning, cell.as_str()));
    finish(record.line, product(cells, currency))
}

/// A row out of what was read.
pub(super) fn finish(line: u64, read: Result<(Product, Vec<RowProblem>), (Option<String>, RowProblem)>) -> FeedRow {
    match read {
        Ok((product, warnings)) => FeedRow::Product { line, product, warnings },
        Err((id, problem)) => FeedRow::Rejected { line, id: id.filter(|id| !id.is_empty()), problem },
    }
}

/// A product out of values and what they mean.
pub(super) fn product<'a>(
    values: impl Iterator<Item = (&'a Meaning, &'a str)> + Clone,
    currency: Option<&str>,
) -> Result<(Product, Vec<RowProblem>), (Option<String>, RowProblem)> {
    let mut product = Product::default();
    let mut warnings = Vec::new();
    let (mut google_category, mut more_images, mut period) = (Vec::new(), Vec::new(), "");
    let named = values.clone().find(|(meaning, _)| **meaning == Meaning::Currency).and_then(|(_, code)| some(code));
    let currency = named.as_deref().or(currency);
    let mut read = || -> Result<(), RowProblem> {
        for (meaning, value) in values.clone() {
            let value = value.trim();
            if value.is_empty() {
                continue;
            }
            match meaning {
                Meaning::Id => value.clone_into(&mut product.id),
                Meaning::Title => product.title = plain_text(value),
                Meaning::Description => product.description = plain_text(value),
                Meaning::Brand => product.brand = some(value),
                Meaning::ProductType if product.category.is_empty() => {
                    // Google allows several types; the first is the main one.
                    product.category = category(first_path(value));
                }
                Meaning::GoogleCategory => google_category = category(value),
                Meaning::Price => product.price = price(value, "price", currency)?,
                Meaning::SalePrice => product.sale_price = price(value, "sale_price", currency)?,
                Meaning::Availability => product.availability = availability(value, &mut warnings),
                Meaning::Stock => product.stock = stock(value, &mut warnings),
                Meaning::Group => product.group = some(value),
                Meaning::Link => product.link = some(value),
                Meaning::Gtin => product.gtin = some(value),
                Meaning::Mpn => product.mpn = some(value),
                Meaning::Image => product.images.extend(images(value)),
                Meaning::Images => more_images.extend(images(value)),
                Meaning::AddedAt => product.added_at = added_at(value, &mut warnings),
                Meaning::SalePeriod => period = value,
                Meaning::Details => details(&mut product, value),
                Meaning::Attribute(name) => {
                    for each in several(name, value) {
                        add_attribute(&mut product.attributes, name, each);
                    }
                }
                Meaning::Currency | Meaning::Ignored | Meaning::ProductType => {}
            }
        }
        Ok(())
    };
    if let Err(problem) = read() {
        return Err((some(&product.id), problem));
    }
    for image in more_images {
        if !product.images.contains(&image) {
            product.images.push(image);
        }
    }
    if product.sale_price.is_some() && !sale_is_on(period, Utc::now(), &mut warnings) {
        product.sale_price = None;
    }
    // Google writes a number where the path has one: it says nothing to people.
    google_category.retain(|step: &String| step.parse::<u64>().is_err());
    if product.category.is_empty() {
        product.category = google_category;
    }
    tidy_attributes(&mut product);
    match need(&product) {
        Ok(()) => Ok((product, warnings)),
        Err(problem) => Err((some(&product.id), problem)),
    }
}

/// The first of several paths that are separated by commas; a comma inside a path without `>` is part of its name.
fn first_path(value: &str) -> &str {
    match value.split_once(',') {
        Some((first, rest)) if first.contains('>') && rest.contains('>') => first,
        _ => value,
    }
}

/// Pictures separated by `|` or commas. A comma in an address is a part of it unless another address follows.
pub(super) fn images(value: &str) -> Vec<ImageRef> {
    let is_address =
        |text: &str| ["http://", "https://", "data:", "gs://", "//"].iter().any(|start| text.starts_with(start));
    if value.starts_with("data:") {
        return vec![ImageRef { source: value.to_owned(), ..ImageRef::default() }];
    }
    let mut sources: Vec<String> = Vec::new();
    for list in value.split('|') {
        let mut joined = false;
        for part in list.split(',') {
            let start = part.trim_start();
            match sources.last_mut() {
                Some(last) if joined && is_address(last) && !is_address(start) => {
                    last.push(',');
                    last.push_str(part);
                }
                _ => sources.push(start.to_owned()),
            }
            joined = true;
        }
    }
    sources.iter().filter_map(|source| some(source)).map(|source| ImageRef { source, ..ImageRef::default() }).collect()
}

/// The values of an attribute: `Cotton/Wool` is two materials, `36/38` one size, and an address is one value.
fn several<'a>(name: &str, value: &'a str) -> Vec<&'a str> {
    match name {
        "colour" | "material" => value.split(['/', '|']).collect(),
        _ if value.contains("://") => vec![value],
        _ => value.split('|').collect(),
    }
}

/// `General:Closure:Zip,Size:Volume:20 l`: the section says nothing that the name does not.
fn details(product: &mut Product, value: &str) {
    for detail in value.split(',') {
        let mut parts = detail.splitn(3, ':');
        if let (Some(_), Some(name), Some(value)) = (parts.next(), parts.next(), parts.next()) {
            add_attribute(&mut product.attributes, name, value.trim_matches(['"', ' ']));
        }
    }
}

fn stock(value: &str, warnings: &mut Vec<RowProblem>) -> Option<i64> {
    let number = value.split(['.', ',']).next().unwrap_or(value).trim().parse();
    number
        .map_err(|_| {
            let reason = format!("`{value}` is not a number of pieces and was left out");
            warnings.push(RowProblem::new("bad-stock", Some("stock"), reason, "write a whole number"));
        })
        .ok()
}
