//! Shopify's product CSV, both generations of headers (`Handle`, `Body (HTML)`, `Variant Price`… and `URL handle`,
//! `Description`, `Price`…): rows that share a handle are one product; further rows add variants and pictures.
//!
//! <https://help.shopify.com/en/manual/products/import-export/using-csv>. `Image Src` is a picture of the product, whatever
//! variant stands on its row; `Variant Image` is the variant's own.

use std::collections::VecDeque;

use super::columns::{add_attribute, category, price, some};
use super::html::plain_text;
use super::table::{Record, Records, Table, cell};
use super::variants::{Open, Variant};
use super::{FeedOptions, FeedRow, Reading, RowProblem, Variants};
use crate::catalogue::{Availability, Product};

struct Columns {
    handle: Option<usize>,
    title: Option<usize>,
    body: Option<usize>,
    vendor: Option<usize>,
    category: Option<usize>,
    kind: Option<usize>,
    tags: Option<usize>,
    status: Option<usize>,
    published: Option<usize>,
    price: Option<usize>,
    compare_at: Option<usize>,
    sku: Option<usize>,
    barcode: Option<usize>,
    stock: Option<usize>,
    tracker: Option<usize>,
    policy: Option<usize>,
    image: Option<usize>,
    variant_image: Option<usize>,
    google_category: Option<usize>,
    mpn: Option<usize>,
    /// Name and value of each option.
    options: [(Option<usize>, Option<usize>); 3],
    /// Google's attributes and metafields: column and name; of the product, and of the variant.
    attributes: Vec<(usize, String)>,
    variant_attributes: Vec<(usize, String)>,
}

pub(super) fn read(table: Table, options: &FeedOptions) -> Reading {
    let column = |names: &[&str]| table.column(names);
    let option = |number: u8| {
        let (name, value) = (format!("option{number} name"), format!("option{number} value"));
        (column(&[&name]), column(&[&value]))
    };
    let google = |name: &str| column(&[&format!("google shopping / {name}")]);
    let (mut attributes, mut variant_attributes) = (Vec::new(), Vec::new());
    for name in ["gender", "age group", "condition"] {
        attributes.extend(google(name).map(|number| (number, name.to_owned())));
    }
    for number in 0..5 {
        let name = format!("custom label {number}");
        attributes.extend(google(&name).map(|number| (number, name)));
    }
    for (number, name) in table.columns.iter().enumerate() {
        if let Some((name, of_variant)) = metafield(name) {
            let list = if of_variant { &mut variant_attributes } else { &mut attributes };
            list.push((number, name));
        }
    }
    let columns = Columns {
        handle: column(&["handle", "url handle"]),
        title: column(&["title"]),
        body: column(&["body (html)", "body html", "description"]),
        vendor: column(&["vendor"]),
        category: column(&["product category", "standard product type"]),
        kind: column(&["type", "custom product type"]),
        tags: column(&["tags"]),
        status: column(&["status"]),
        published: column(&["published", "published on online store"]),
        price: column(&["variant price", "price"]),
        compare_at: column(&["variant compare at price", "compare at price"]),
        sku: column(&["variant sku", "sku"]),
        barcode: column(&["variant barcode", "barcode"]),
        stock: column(&["variant inventory qty", "inventory quantity"]),
        tracker: column(&["variant inventory tracker", "inventory tracker"]),
        policy: column(&["variant inventory policy", "continue selling when out of stock"]),
        image: column(&["image src", "product image url"]),
        variant_image: column(&["variant image", "variant image url"]),
        google_category: google("google product category"),
        mpn: google("mpn").or_else(|| google("manufacturer part number (mpn)")),
        options: [option(1), option(2), option(3)],
        attributes,
        variant_attributes,
    };
    let used = columns.used();
    let (mut fields, mut unknown) = (Vec::new(), Vec::new());
    for (number, written) in table.written.iter().enumerate() {
        if used.contains(&number) { fields.push(written.clone()) } else { unknown.push(written.clone()) }
    }
    let (currency, variants) = (options.default_currency.clone(), options.variants);
    let rows = Products {
        columns,
        currency,
        variants,
        rows: table.into_rows(),
        option_names: Default::default(),
        open: None,
        ready: VecDeque::new(),
    };
    Reading { rows: Box::new(rows), fields, unknown }
}

/// The name of a metafield's column, and whether it is the variant's: `Fabric (product.metafields.custom.fabric)`.
fn metafield(column: &str) -> Option<(String, bool)> {
    let (name, key) = column.strip_suffix(')')?.rsplit_once(" (")?;
    let of_variant = key.starts_with("variant.metafields.");
    // Google's are written `Google: Gender (product.metafields.mm google shopping.gender)`.
    let name = name.strip_prefix("google: ").unwrap_or(name);
    let shown = (of_variant || key.starts_with("product.metafields.")) && name != "custom product";
    shown.then(|| (name.to_owned(), of_variant))
}

impl Columns {
    fn used(&self) -> Vec<usize> {
        let single = [
            self.handle,
            self.title,
            self.body,
            self.vendor,
            self.category,
            self.kind,
            self.tags,
            self.status,
            self.published,
            self.price,
            self.compare_at,
            self.sku,
            self.barcode,
            self.stock,
            self.tracker,
            self.policy,
            self.image,
            self.variant_image,
            self.google_category,
            self.mpn,
        ];
        let pairs = self.options.iter().flat_map(|(name, value)| [*name, *value]);
        let named = self.attributes.iter().chain(&self.variant_attributes).map(|(number, _)| *number);
        single.into_iter().chain(pairs).flatten().chain(named).collect()
    }
}

struct Products {
    columns: Columns,
    currency: Option<String>,
    variants: Variants,
    rows: Records,
    /// Names of the open product's options; only its first row has them.
    option_names: [String; 3],
    open: Option<Open>,
    ready: VecDeque<FeedRow>,
}

impl Iterator for Products {
    type Item = FeedRow;

    fn next(&mut self) -> Option<FeedRow> {
        loop {
            if let Some(row) = self.ready.pop_front() {
                return Some(row);
            }
            match self.rows.next() {
                Some(Ok(record)) => self.take(&record),
                Some(Err(rejected)) => {
                    self.close();
                    self.ready.push_back(rejected);
                }
                None => {
                    self.close();
                    if self.ready.is_empty() {
                        return None;
                    }
                }
            }
        }
    }
}

impl Products {
    fn take(&mut self, record: &Record) {
        let text = |column| cell(&record.cells, column);
        let handle = text(self.columns.handle);
        if handle.is_empty() {
            let problem =
                RowProblem::new("missing-id", Some("Handle"), "there is no handle", "export the products again");
            self.ready.push_back(FeedRow::Rejected { line: record.line, id: None, problem });
            return;
        }
        if self.open.as_ref().is_none_or(|open| open.product.id != handle) {
            self.close();
            self.option_names = self.columns.options.map(|(name, _)| text(name).to_owned());
            self.open = Some(Open::new(record.line, self.common(record)));
        }
        let Some(open) = self.open.as_mut() else { return };
        if let Some(problem) = open.full() {
            self.ready.push_back(FeedRow::Rejected { line: record.line, id: some(handle), problem });
        } else if let Err(problem) = add(open, record, &self.columns, &self.option_names, self.currency.as_deref()) {
            open.refuse(record.line, problem);
        }
    }

    /// What the first row says of the product.
    fn common(&self, record: &Record) -> Product {
        let text = |column| cell(&record.cells, column);
        // Google's taxonomy as a number says nothing to people.
        let taxonomy =
            |column| Some(category(text(column))).filter(|path| path.iter().any(|step| step.parse::<u64>().is_err()));
        let kind = || some(text(self.columns.kind)).map(|kind| vec![kind]);
        let path = taxonomy(self.columns.category).or_else(kind).or_else(|| taxonomy(self.columns.google_category));
        let mut product = Product {
            id: text(self.columns.handle).to_owned(),
            title: plain_text(text(self.columns.title)),
            description: plain_text(text(self.columns.body)),
            brand: some(text(self.columns.vendor)),
            category: path.unwrap_or_default(),
            mpn: some(text(self.columns.mpn)),
            ..Product::default()
        };
        for tag in text(self.columns.tags).split(',') {
            add_attribute(&mut product.attributes, "tags", tag);
        }
        for (number, name) in &self.columns.attributes {
            for value in text(Some(*number)).split(';') {
                add_attribute(&mut product.attributes, name, value);
            }
        }
        let hidden = |value: &str| matches!(value.to_lowercase().as_str(), "draft" | "archived" | "unlisted" | "false");
        if hidden(text(self.columns.status)) || hidden(text(self.columns.published)) {
            product.availability = Availability::OutOfStock;
        }
        product
    }

    fn close(&mut self) {
        let how = self.variants;
        self.ready.extend(self.open.take().into_iter().flat_map(|open| open.close(how)));
    }
}

/// Adds what a row brings to the open product: a variant, a picture, or both.
fn add(
    open: &mut Open,
    record: &Record,
    columns: &Columns,
    option_names: &[String; 3],
    currency: Option<&str>,
) -> Result<(), RowProblem> {
    let text = |column| cell(&record.cells, column);
    open.add_image(text(columns.image));
    let price_text = text(columns.price);
    if price_text.is_empty() {
        return Ok(());
    }
    let now = price(price_text, "Variant Price", currency)?;
    let before = price(text(columns.compare_at), "Variant Compare At Price", currency)?;
    // Without a tracker the quantity is always 0 and means nothing.
    let tracked = columns.tracker.is_none() || !text(columns.tracker).is_empty();
    let mut options = Vec::new();
    for (name, (_, value)) in option_names.iter().zip(&columns.options) {
        let value = text(*value);
        // A product without options has one that is called Title, with this value.
        if !name.is_empty() && !value.is_empty() && value != "Default Title" {
            options.push((name.clone(), value.to_owned()));
        }
    }
    for (number, name) in &columns.variant_attributes {
        options.extend(text(Some(*number)).split(';').filter_map(some).map(|value| (name.clone(), value)));
    }
    let gtin = gtin(text(columns.barcode), &mut open.warnings);
    open.variants.push(Variant {
        line: record.line,
        sku: some(text(columns.sku).trim_start_matches('\'')),
        gtin,
        price: now,
        before,
        stock: text(columns.stock).parse().ok().filter(|_| tracked),
        sells_on: matches!(text(columns.policy).to_lowercase().as_str(), "continue" | "true"),
        options,
        images: some(text(columns.variant_image)).into_iter().collect(),
    });
    Ok(())
}

/// A barcode; spreadsheets write long ones as `3.65275E+11`, and then the rest of the digits is lost.
fn gtin(text: &str, warnings: &mut Vec<RowProblem>) -> Option<String> {
    let text = text.trim_start_matches('\'');
    let damaged = text.contains(['E', 'e']) && text.parse::<f64>().is_ok();
    if damaged {
        let reason = format!("`{text}` is a barcode that a spreadsheet has rounded; it was left out");
        warnings.push(RowProblem::new("bad-gtin", Some("Variant Barcode"), reason, "export it from Shopify itself"));
        return None;
    }
    some(text)
}
