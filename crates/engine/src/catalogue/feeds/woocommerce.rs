//! WooCommerce's product CSV: `Categories` with `>`, `Images` as a list, units in headers, attributes in numbered columns.
//! <https://github.com/woocommerce/woocommerce/wiki/Product-CSV-Import-Schema>.
//!
//! Each sellable row is a product: simple ones by themselves; each `variation` of a `variable` product by itself, in the
//! group that its `Parent` names, with what it lacks taken from the parent. The parents themselves cannot be bought and are
//! no products, unless none of their variations follows.

use std::collections::{HashMap, VecDeque};

use chrono::Utc;

use super::columns::{add_attribute, category, need, price, some, tidy_attributes};
use super::dates::{sale_is_on, shortened};
use super::html::plain_text;
use super::table::{Record, Records, Table, cell};
use super::{FeedOptions, FeedRow, Reading, RowProblem};
use crate::catalogue::{Availability, ImageRef, Product};

/// Most bytes of parents that are remembered until their variations come: about 100,000 of them.
const MOST_PARENT_BYTES: usize = 256 << 20;

struct Columns {
    id: Option<usize>,
    kind: Option<usize>,
    sku: Option<usize>,
    name: Option<usize>,
    published: Option<usize>,
    short: Option<usize>,
    description: Option<usize>,
    in_stock: Option<usize>,
    stock: Option<usize>,
    backorders: Option<usize>,
    sale: Option<usize>,
    sale_from: Option<usize>,
    sale_to: Option<usize>,
    regular: Option<usize>,
    categories: Option<usize>,
    tags: Option<usize>,
    images: Option<usize>,
    parent: Option<usize>,
    gtin: Option<usize>,
    brands: Option<usize>,
    url: Option<usize>,
    /// Name and values of `Attribute 1 name`, `Attribute 1 value(s)`…
    attributes: Vec<(usize, usize)>,
    /// Weight and sizes, whose headers say the unit.
    measures: Vec<(usize, String)>,
}

pub(super) fn read(table: Table, options: &FeedOptions) -> Reading {
    let column = |names: &[&str]| table.column(names);
    let attributes = (1..=50).filter_map(|number| {
        let (name, values) = (format!("attribute {number} name"), format!("attribute {number} value(s)"));
        Some((column(&[&name])?, column(&[&values])?))
    });
    let measures = table.columns.iter().enumerate().filter(|(_, name)| {
        ["weight (", "length (", "width (", "height ("].iter().any(|measure| name.starts_with(measure))
    });
    let columns = Columns {
        id: column(&["id"]),
        kind: column(&["type"]),
        sku: column(&["sku"]),
        name: column(&["name"]),
        published: column(&["published"]),
        short: column(&["short description"]),
        description: column(&["description"]),
        in_stock: column(&["in stock?"]),
        stock: column(&["stock"]),
        backorders: column(&["backorders allowed?"]),
        sale: column(&["sale price"]),
        sale_from: column(&["date sale price starts"]),
        sale_to: column(&["date sale price ends"]),
        regular: column(&["regular price"]),
        categories: column(&["categories"]),
        tags: column(&["tags"]),
        images: column(&["images"]),
        parent: column(&["parent"]),
        gtin: column(&["gtin, upc, ean, or isbn"]),
        brands: column(&["brands", "brand"]),
        url: column(&["external url"]),
        attributes: attributes.collect(),
        measures: measures.map(|(number, name)| (number, name.clone())).collect(),
    };
    let used: Vec<usize> = [
        columns.id,
        columns.kind,
        columns.sku,
        columns.name,
        columns.published,
        columns.short,
        columns.description,
        columns.in_stock,
        columns.stock,
        columns.backorders,
        columns.sale,
        columns.sale_from,
        columns.sale_to,
        columns.regular,
        columns.categories,
        columns.tags,
        columns.images,
        columns.parent,
        columns.gtin,
        columns.brands,
        columns.url,
    ]
    .into_iter()
    .flatten()
    .chain(columns.attributes.iter().flat_map(|(name, values)| [*name, *values]))
    .chain(columns.measures.iter().map(|(number, _)| *number))
    .collect();
    let (mut fields, mut unknown) = (Vec::new(), Vec::new());
    for (number, written) in table.written.iter().enumerate() {
        if used.contains(&number) { fields.push(written.clone()) } else { unknown.push(written.clone()) }
    }
    let rows = Products {
        columns,
        currency: options.default_currency.clone(),
        rows: table.into_rows(),
        parents: Vec::new(),
        places: HashMap::new(),
        parent_bytes: 0,
        ready: VecDeque::new(),
        ended: false,
    };
    Reading { rows: Box::new(rows), fields, unknown }
}

/// A product that is sold as its variations.
struct Parent {
    line: u64,
    product: Product,
    warnings: Vec<RowProblem>,
    has_children: bool,
}

struct Products {
    columns: Columns,
    currency: Option<String>,
    rows: Records,
    /// Variable products in the feed's order.
    parents: Vec<Parent>,
    /// Where each of them is, by `id:…` and by SKU, as variations name them.
    places: HashMap<String, usize>,
    parent_bytes: usize,
    ready: VecDeque<FeedRow>,
    ended: bool,
}

impl Iterator for Products {
    type Item = FeedRow;

    fn next(&mut self) -> Option<FeedRow> {
        loop {
            if let Some(row) = self.ready.pop_front() {
                return Some(row);
            }
            if self.ended {
                return None;
            }
            match self.rows.next() {
                Some(Ok(record)) => self.take(&record),
                Some(Err(rejected)) => self.ready.push_back(rejected),
                None => {
                    self.ended = true;
                    // A product without variations is shown all the same.
                    let childless = std::mem::take(&mut self.parents).into_iter().filter(|parent| !parent.has_children);
                    self.ready.extend(childless.map(|parent| finished(parent.line, parent.product, parent.warnings)));
                }
            }
        }
    }
}

impl Products {
    fn take(&mut self, record: &Record) {
        let text = |column| cell(&record.cells, column);
        let kind = text(self.columns.kind).to_lowercase();
        let id = some(text(self.columns.sku)).or_else(|| some(text(self.columns.id))).unwrap_or_default();
        let mut warnings = Vec::new();
        let mut product = match self.read_product(record, id.clone(), &mut warnings) {
            Ok(product) => product,
            Err(problem) => {
                self.ready.push_back(FeedRow::Rejected { line: record.line, id: some(&id), problem });
                return;
            }
        };
        let is = |wanted: &str| kind.split(',').any(|each| each.trim() == wanted);
        if is("variable") {
            self.parent_bytes += record.cells.iter().map(String::len).sum::<usize>() + 500;
            if self.parent_bytes <= MOST_PARENT_BYTES {
                for key in [some(text(self.columns.sku)), Some(format!("id:{}", text(self.columns.id)))] {
                    self.places.extend(key.map(|key| (key, self.parents.len())));
                }
                self.parents.push(Parent { line: record.line, product, warnings, has_children: false });
                return;
            }
            let reason = "the feed has too many variable products to remember; its variations lack what only it says";
            let hint = "export the products in several parts";
            warnings.push(RowProblem::new("too-many-parents", Some("Type"), reason, hint));
        }
        if is("variation") {
            let parent = text(self.columns.parent);
            let known = self.places.get(parent).and_then(|place| self.parents.get_mut(*place));
            if let Some(known) = known {
                inherit(&mut product, &known.product);
                known.has_children = true;
                product.group = Some(known.product.id.clone());
            } else {
                product.group = some(parent.trim_start_matches("id:"));
                warnings.push(RowProblem::new(
                    "parent-not-found",
                    Some("Parent"),
                    format!("the parent `{}` does not come before it", shortened(parent)),
                    "export all products together",
                ));
            }
        }
        self.ready.push_back(finished(record.line, product, warnings));
    }

    fn read_product(&self, record: &Record, id: String, warnings: &mut Vec<RowProblem>) -> Result<Product, RowProblem> {
        let text = |column| cell(&record.cells, column);
        let columns = &self.columns;
        let currency = self.currency.as_deref();
        let description = some(text(columns.description)).or_else(|| some(text(columns.short))).unwrap_or_default();
        let paths = several(text(columns.categories));
        // The first of the deepest.
        let deepest = paths.iter().rev().max_by_key(|path| path.matches('>').count());
        let images = several(text(columns.images)).into_iter();
        let mut product = Product {
            id,
            title: plain_text(unescaped(text(columns.name))),
            description: plain_text(&unescaped(&description).replace("\\n", "\n")),
            brand: several(text(columns.brands)).into_iter().next(),
            category: category(deepest.map(String::as_str).unwrap_or_default()),
            price: price(text(columns.regular), "Regular price", currency)?,
            sale_price: price(text(columns.sale), "Sale price", currency)?,
            gtin: some(text(columns.gtin)),
            link: some(text(columns.url)),
            images: images.map(|source| ImageRef { source, ..ImageRef::default() }).collect(),
            ..Product::default()
        };
        let period = format!("{}/{}", text(columns.sale_from), text(columns.sale_to));
        if product.sale_price.is_some() && !sale_is_on(&period, Utc::now(), warnings) {
            product.sale_price = None;
        }
        let stock = text(columns.stock);
        if let Ok(count) = stock.parse::<f64>() {
            product.stock = Some(count as i64);
        } else if !stock.is_empty() && stock != "parent" {
            let reason = format!("`{stock}` is not a number of pieces and was left out");
            warnings.push(RowProblem::new("bad-stock", Some("Stock"), reason, "write a whole number"));
        }
        let no = |value: &str| matches!(value.to_lowercase().as_str(), "0" | "no" | "false");
        if no(text(columns.in_stock)) || text(columns.published) == "-1" || no(text(columns.published)) {
            product.availability = Availability::OutOfStock;
        } else if text(columns.in_stock).eq_ignore_ascii_case("backorder")
            || (product.stock.is_some_and(|stock| stock <= 0) && matches!(text(columns.backorders), "1" | "notify"))
        {
            product.availability = Availability::Backorder;
        }
        for (name, values) in &columns.attributes {
            for value in several(text(Some(*values))) {
                add_attribute(&mut product.attributes, unescaped(text(Some(*name))), &value);
            }
        }
        for (number, name) in &columns.measures {
            add_attribute(&mut product.attributes, name, text(Some(*number)));
        }
        for tag in several(text(columns.tags)) {
            add_attribute(&mut product.attributes, "tags", &tag);
        }
        Ok(product)
    }
}

/// Lists are separated by commas, and `\,` is a comma in a value.
fn several(text: &str) -> Vec<String> {
    let (mut values, mut value, mut escaped) = (Vec::new(), String::new(), false);
    for character in unescaped(text).chars() {
        match character {
            ',' if escaped => {
                value.pop();
                value.push(',');
            }
            ',' => values.extend(some(&std::mem::take(&mut value))),
            other => value.push(other),
        }
        escaped = character == '\\';
    }
    values.extend(some(&value));
    values
}

/// The exporter puts `'` before what a spreadsheet could take for a formula.
fn unescaped(text: &str) -> &str {
    let formula = |text: &str| text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    text.strip_prefix('\'').filter(|text| formula(text)).unwrap_or(text)
}

/// What a variation lacks, it has from its parent.
fn inherit(product: &mut Product, parent: &Product) {
    let text = |mine: &mut String, theirs: &String| {
        if mine.is_empty() {
            mine.clone_from(theirs);
        }
    };
    text(&mut product.title, &parent.title);
    text(&mut product.description, &parent.description);
    if product.images.is_empty() {
        product.images.clone_from(&parent.images);
    }
    if product.category.is_empty() {
        product.category.clone_from(&parent.category);
    }
    product.brand = product.brand.take().or_else(|| parent.brand.clone());
    product.price = product.price.take().or_else(|| parent.price.clone());
    // `parent` in the column of stock, or nothing.
    product.stock = product.stock.or(parent.stock);
    for (name, value) in &parent.attributes {
        product.attributes.entry(name.clone()).or_insert_with(|| value.clone());
    }
}

fn finished(line: u64, mut product: Product, warnings: Vec<RowProblem>) -> FeedRow {
    tidy_attributes(&mut product);
    match need(&product) {
        Ok(()) => FeedRow::Product { line, product, warnings },
        Err(problem) => FeedRow::Rejected { line, id: some(&product.id), problem },
    }
}
