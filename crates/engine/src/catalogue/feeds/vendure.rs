//! Vendure's product import CSV: headers padded with spaces, a product on the row that has a name, its variants on that row
//! and the following ones with an empty name, lists separated by `|`.
//!
//! One product per name: the lowest price of its variants, the sum of their stock, option groups as attributes with all
//! values.

use std::collections::VecDeque;

use super::columns::{add_attribute, need, plain_text, price, some, tidy_attributes};
use super::table::{Record, Records, Table, cell};
use super::{FeedOptions, FeedRow, Reading, RowProblem};
use crate::catalogue::{Availability, ImageRef, Product};

const USED: [&str; 13] = [
    "name",
    "slug",
    "description",
    "assets",
    "facets",
    "optiongroups",
    "optionvalues",
    "sku",
    "price",
    "stockonhand",
    "trackinventory",
    "variantassets",
    "variantfacets",
];

pub(super) fn read(table: Table, options: &FeedOptions) -> Reading {
    let column = |name: &str| table.column(&[name]);
    let columns = Columns {
        name: column("name"),
        slug: column("slug"),
        description: column("description"),
        assets: column("assets"),
        facets: column("facets"),
        groups: column("optiongroups"),
        values: column("optionvalues"),
        sku: column("sku"),
        price: column("price"),
        stock: column("stockonhand"),
        track: column("trackinventory"),
        variant_assets: column("variantassets"),
        variant_facets: column("variantfacets"),
    };
    let (fields, unknown) = table
        .columns
        .iter()
        .zip(&table.written)
        .map(|(folded, written)| (USED.contains(&folded.as_str()), written.clone()))
        .partition::<Vec<_>, _>(|(used, _)| *used);
    let names = |columns: Vec<(bool, String)>| columns.into_iter().map(|(_, name)| name).collect();
    let rows = Products {
        columns,
        currency: options.default_currency.clone(),
        rows: table.into_rows(),
        open: None,
        ready: VecDeque::new(),
    };
    Reading { rows: Box::new(rows), fields: names(fields), unknown: names(unknown) }
}

struct Columns {
    name: Option<usize>,
    slug: Option<usize>,
    description: Option<usize>,
    assets: Option<usize>,
    facets: Option<usize>,
    groups: Option<usize>,
    values: Option<usize>,
    sku: Option<usize>,
    price: Option<usize>,
    stock: Option<usize>,
    track: Option<usize>,
    variant_assets: Option<usize>,
    variant_facets: Option<usize>,
}

/// A product whose variants are still coming.
struct Open {
    line: u64,
    product: Product,
    groups: Vec<String>,
    warnings: Vec<RowProblem>,
    variants: usize,
    skus: Vec<String>,
    /// Whether stock is counted for all variants so far.
    tracked: bool,
    stock: i64,
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
                    // What was open is whole as far as it came; the order of lines is kept.
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
        if !text(self.columns.name).is_empty() {
            self.close();
            self.open = Some(self.begin(record));
        }
        let Some(open) = self.open.as_mut() else {
            let reason = "it is a variant (its name is empty) and there is no product before it";
            let problem =
                RowProblem::new("variant-without-product", Some("name"), reason, "give the product's row a name");
            self.ready.push_back(FeedRow::Rejected { line: record.line, id: some(text(self.columns.sku)), problem });
            return;
        };
        if let Err(problem) = variant(open, record, &self.columns, self.currency.as_deref()) {
            let id = Some(open.product.id.clone()).filter(|id| !id.is_empty());
            self.ready.push_back(FeedRow::Rejected { line: record.line, id, problem });
        }
    }

    fn begin(&self, record: &Record) -> Open {
        let text = |column| cell(&record.cells, column);
        let (name, slug) = (text(self.columns.name), text(self.columns.slug));
        let id = some(slug).or_else(|| some(text(self.columns.sku))).unwrap_or_default();
        let mut product = Product {
            id,
            title: name.to_owned(),
            description: plain_text(text(self.columns.description)),
            images: images(text(self.columns.assets)),
            ..Product::default()
        };
        facets(&mut product, text(self.columns.facets));
        Open {
            line: record.line,
            product,
            groups: text(self.columns.groups).split('|').map(|group| group.trim().to_owned()).collect(),
            warnings: Vec::new(),
            variants: 0,
            skus: Vec::new(),
            tracked: true,
            stock: 0,
        }
    }

    /// The open product is whole: nothing more belongs to it.
    fn close(&mut self) {
        let Some(mut open) = self.open.take() else { return };
        // Each of its variants was refused, and has been reported.
        if open.variants == 0 {
            return;
        }
        if open.tracked {
            open.product.stock = Some(open.stock);
            if open.stock <= 0 {
                open.product.availability = Availability::OutOfStock;
            }
        }
        if let [sku] = open.skus.as_slice() {
            open.product.mpn = Some(sku.clone());
        } else {
            for sku in &open.skus {
                add_attribute(&mut open.product.attributes, "sku", sku);
            }
        }
        tidy_attributes(&mut open.product);
        let Open { line, product, warnings, .. } = open;
        let row = match need(&product) {
            Ok(()) => FeedRow::Product { line, product, warnings },
            Err(problem) => {
                let id = Some(product.id).filter(|id| !id.is_empty());
                FeedRow::Rejected { line, id, problem }
            }
        };
        // Variants of this product that were refused stand in the queue already; the product comes before them.
        self.ready.push_front(row);
    }
}

/// Adds the variant on a row to the open product.
fn variant(open: &mut Open, record: &Record, columns: &Columns, currency: Option<&str>) -> Result<(), RowProblem> {
    let text = |column| cell(&record.cells, column);
    let price = price(text(columns.price), "price", currency)?;
    let (stock, track) = (text(columns.stock), text(columns.track));
    let counted: Option<i64> = match stock {
        "" => None,
        stock => Some(stock.parse().map_err(|_| {
            let reason = format!("`{stock}` is not a whole number");
            RowProblem::new("bad-stock", Some("stockOnHand"), reason, "write the number of pieces")
        })?),
    };
    open.variants += 1;
    if let Some(price) = price
        && open.product.price.as_ref().is_none_or(|lowest| price.amount < lowest.amount)
    {
        open.product.price = Some(price);
    }
    let untracked = matches!(track.to_ascii_lowercase().as_str(), "false" | "0");
    match counted {
        Some(count) if !untracked => open.stock += count,
        _ => open.tracked = false,
    }
    open.skus.extend(some(text(columns.sku)));
    for (group, value) in open.groups.iter().zip(text(columns.values).split('|')) {
        add_attribute(&mut open.product.attributes, group, value);
    }
    for image in images(text(columns.variant_assets)) {
        if !open.product.images.contains(&image) {
            open.product.images.push(image);
        }
    }
    facets(&mut open.product, text(columns.variant_facets));
    Ok(())
}

fn images(list: &str) -> Vec<ImageRef> {
    list.split('|').filter_map(some).map(|source| ImageRef { source, ..ImageRef::default() }).collect()
}

/// `category:Electronics|category:Computers|brand:Apple`: categories are a path in the order given, the first brand is the
/// brand, everything else is an attribute.
fn facets(product: &mut Product, list: &str) {
    for facet in list.split('|') {
        let Some((name, value)) = facet.split_once(':') else { continue };
        let Some(value) = some(value) else { continue };
        match name.trim().to_lowercase().as_str() {
            "category" if !product.category.contains(&value) => product.category.push(value),
            "category" => {}
            "brand" if product.brand.is_none() => product.brand = Some(value),
            name => add_attribute(&mut product.attributes, name, &value),
        }
    }
}
