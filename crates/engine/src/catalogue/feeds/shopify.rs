//! Shopify's product CSV, both generations of headers (`Handle`, `Body (HTML)`, `Variant Price`… and `URL handle`,
//! `Description`, `Price`…): rows that share a handle are one product; further rows add variants and pictures.
//!
//! The price is the lowest of the variants, the stock their sum, options become attributes with all values.

use std::collections::VecDeque;

use super::columns::{add_attribute, category, need, plain_text, price, some, tidy_attributes};
use super::table::{Record, Records, Table, cell};
use super::{FeedOptions, FeedRow, Reading, RowProblem};
use crate::catalogue::{Availability, ImageRef, Product};

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
    policy: Option<usize>,
    image: Option<usize>,
    variant_image: Option<usize>,
    options: [(Option<usize>, Option<usize>); 3],
}

pub(super) fn read(table: Table, options: &FeedOptions) -> Reading {
    let column = |names: &[&str]| table.column(names);
    let option = |number: u8| {
        let (name, value) = (format!("option{number} name"), format!("option{number} value"));
        (column(&[&name]), column(&[&value]))
    };
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
        policy: column(&["variant inventory policy", "continue selling when out of stock"]),
        image: column(&["image src", "product image url"]),
        variant_image: column(&["variant image", "variant image url"]),
        options: [option(1), option(2), option(3)],
    };
    let pairs = columns.options.iter().flat_map(|(name, value)| [*name, *value]);
    let used: Vec<usize> = [
        columns.handle,
        columns.title,
        columns.body,
        columns.vendor,
        columns.category,
        columns.kind,
        columns.tags,
        columns.status,
        columns.published,
        columns.price,
        columns.compare_at,
        columns.sku,
        columns.barcode,
        columns.stock,
        columns.policy,
        columns.image,
        columns.variant_image,
    ]
    .into_iter()
    .chain(pairs)
    .flatten()
    .collect();
    let (mut fields, mut unknown) = (Vec::new(), Vec::new());
    for (number, written) in table.written.iter().enumerate() {
        if used.contains(&number) { fields.push(written.clone()) } else { unknown.push(written.clone()) }
    }
    let currency = options.default_currency.clone();
    let rows = Products { columns, currency, rows: table.into_rows(), open: None, ready: VecDeque::new() };
    Reading { rows: Box::new(rows), fields, unknown }
}

struct Open {
    line: u64,
    product: Product,
    option_names: [String; 3],
    variants: usize,
    refused: bool,
    counted: bool,
    stock: i64,
    sells_on: bool,
    warnings: Vec<RowProblem>,
}

struct Products {
    columns: Columns,
    currency: Option<String>,
    rows: Records,
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
            self.open = Some(self.begin(record));
        }
        let Some(open) = self.open.as_mut() else { return };
        if let Err(problem) = add(open, record, &self.columns, self.currency.as_deref()) {
            open.refused = true;
            let id = Some(open.product.id.clone());
            self.ready.push_back(FeedRow::Rejected { line: record.line, id, problem });
        }
    }

    fn begin(&self, record: &Record) -> Open {
        let text = |column| cell(&record.cells, column);
        let kind = some(text(self.columns.kind)).into_iter().collect();
        let standard = category(text(self.columns.category));
        let mut product = Product {
            id: text(self.columns.handle).to_owned(),
            title: plain_text(text(self.columns.title)),
            description: plain_text(text(self.columns.body)),
            brand: some(text(self.columns.vendor)),
            category: if standard.is_empty() { kind } else { standard },
            ..Product::default()
        };
        for tag in text(self.columns.tags).split(',') {
            add_attribute(&mut product.attributes, "tags", tag);
        }
        let hidden = |value: &str| matches!(value.to_lowercase().as_str(), "draft" | "archived" | "false");
        if hidden(text(self.columns.status)) || hidden(text(self.columns.published)) {
            product.availability = Availability::OutOfStock;
        }
        Open {
            line: record.line,
            product,
            option_names: self.columns.options.map(|(name, _)| text(name).to_owned()),
            variants: 0,
            refused: false,
            counted: false,
            stock: 0,
            sells_on: false,
            warnings: Vec::new(),
        }
    }

    fn close(&mut self) {
        let Some(mut open) = self.open.take() else { return };
        if open.variants == 0 && open.refused {
            return;
        }
        if open.counted {
            open.product.stock = Some(open.stock);
            if open.stock <= 0 && open.product.availability == Availability::InStock {
                open.product.availability =
                    if open.sells_on { Availability::Backorder } else { Availability::OutOfStock };
            }
        }
        tidy_attributes(&mut open.product);
        let Open { line, product, warnings, .. } = open;
        let row = match need(&product) {
            Ok(()) => FeedRow::Product { line, product, warnings },
            Err(problem) => FeedRow::Rejected { line, id: Some(product.id), problem },
        };
        self.ready.push_front(row);
    }
}

/// Adds what a row brings to the open product: a variant, a picture, or both.
fn add(open: &mut Open, record: &Record, columns: &Columns, currency: Option<&str>) -> Result<(), RowProblem> {
    let text = |column| cell(&record.cells, column);
    for source in [text(columns.image), text(columns.variant_image)].into_iter().filter_map(some) {
        let image = ImageRef { source, ..ImageRef::default() };
        if !open.product.images.contains(&image) {
            open.product.images.push(image);
        }
    }
    let price_text = text(columns.price);
    if price_text.is_empty() {
        return Ok(());
    }
    let now = price(price_text, "Variant Price", currency)?;
    let before = price(text(columns.compare_at), "Variant Compare At Price", currency)?;
    open.variants += 1;
    if let Some(now) = now {
        let lowest = open.product.sale_price.as_ref().or(open.product.price.as_ref());
        if lowest.is_none_or(|lowest| now.amount < lowest.amount) {
            match before.filter(|before| before.amount > now.amount) {
                Some(before) => (open.product.price, open.product.sale_price) = (Some(before), Some(now)),
                None => (open.product.price, open.product.sale_price) = (Some(now), None),
            }
        }
    }
    if let Ok(count) = text(columns.stock).parse::<i64>() {
        open.counted = true;
        open.stock += count;
    }
    open.sells_on |= matches!(text(columns.policy).to_lowercase().as_str(), "continue" | "true");
    for (number, (_, value)) in columns.options.iter().enumerate() {
        let (name, value) = (open.option_names[number].as_str(), text(*value));
        // A product without options has one that is called Title, with this value.
        if !name.is_empty() && value != "Default Title" {
            add_attribute(&mut open.product.attributes, name, value);
        }
    }
    if open.variants == 1 {
        open.product.gtin = some(text(columns.barcode).trim_start_matches('\''));
        open.product.mpn = some(text(columns.sku));
    } else if let Some(sku) = some(text(columns.sku)) {
        if let Some(first) = open.product.mpn.take() {
            add_attribute(&mut open.product.attributes, "sku", &first);
        }
        open.product.gtin = None;
        add_attribute(&mut open.product.attributes, "sku", &sku);
    }
    Ok(())
}
