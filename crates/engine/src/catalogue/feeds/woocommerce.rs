//! WooCommerce's product CSV: `Categories` with `>`, `Images` as a list, units in headers, attributes in numbered columns.
//!
//! Each sellable row is a product: simple ones by themselves; each `variation` of a `variable` product by itself, in the
//! group that its `Parent` names, with what it lacks taken from the parent. The parents themselves cannot be bought and are
//! no products, unless none of their variations follows.

use std::collections::{HashMap, VecDeque};

use super::columns::{add_attribute, category, need, plain_text, price, some, tidy_attributes};
use super::table::{Record, Records, Table, cell};
use super::{FeedOptions, FeedRow, Reading, RowProblem};
use crate::catalogue::{Availability, ImageRef, Product};

/// Most parents that are remembered until their variations come.
const MOST_PARENTS: usize = 100_000;

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
        parents: HashMap::new(),
        childless: Vec::new(),
        ready: VecDeque::new(),
        ended: false,
    };
    Reading { rows: Box::new(rows), fields, unknown }
}

struct Products {
    columns: Columns,
    currency: Option<String>,
    rows: Records,
    /// Variable products by `id:…` and by SKU, as variations name them.
    parents: HashMap<String, Product>,
    /// Parents that no variation has named yet: line and key.
    childless: Vec<(u64, String)>,
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
                    for (line, key) in std::mem::take(&mut self.childless) {
                        if let Some(product) = self.parents.remove(&key) {
                            self.ready.push_back(finished(line, product, Vec::new()));
                        }
                    }
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
        if kind.split(',').any(|each| each.trim() == "variable") && self.parents.len() < MOST_PARENTS {
            let number = format!("id:{}", text(self.columns.id));
            self.childless.push((record.line, number.clone()));
            if let Some(sku) = some(text(self.columns.sku)) {
                self.parents.insert(sku, product.clone());
            }
            self.parents.insert(number, product);
            return;
        }
        if kind.split(',').any(|each| each.trim() == "variation") {
            let parent = text(self.columns.parent);
            if let Some(known) = self.parents.get(parent) {
                inherit(&mut product, known);
                let group = known.id.clone();
                self.childless.retain(|(_, key)| self.parents.get(key).is_some_and(|other| other.id != group));
                product.group = Some(group);
            } else {
                product.group = some(parent.trim_start_matches("id:"));
                warnings.push(RowProblem::new(
                    "parent-not-found",
                    Some("Parent"),
                    format!("the parent `{parent}` does not come before it"),
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
        let first_category = text(columns.categories).split(',').max_by_key(|path| path.matches('>').count());
        let images = text(columns.images).split(',').filter_map(some);
        let mut product = Product {
            id,
            title: plain_text(text(columns.name)),
            description: plain_text(&description.replace("\\n", "\n")),
            brand: text(columns.brands).split(',').next().and_then(some),
            category: category(first_category.unwrap_or_default()),
            price: price(text(columns.regular), "Regular price", currency)?,
            sale_price: price(text(columns.sale), "Sale price", currency)?,
            gtin: some(text(columns.gtin)),
            link: some(text(columns.url)),
            images: images.map(|source| ImageRef { source, ..ImageRef::default() }).collect(),
            ..Product::default()
        };
        let stock = text(columns.stock);
        if let Ok(count) = stock.parse::<f64>() {
            product.stock = Some(count as i64);
        } else if !stock.is_empty() {
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
            for value in text(Some(*values)).split(',') {
                add_attribute(&mut product.attributes, text(Some(*name)), value);
            }
        }
        for (number, name) in &columns.measures {
            add_attribute(&mut product.attributes, name, text(Some(*number)));
        }
        for tag in text(columns.tags).split(',') {
            add_attribute(&mut product.attributes, "tags", tag);
        }
        Ok(product)
    }
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
