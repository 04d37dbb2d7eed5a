//! Vendure's product import CSV: headers padded with spaces, a product on the row that has a name, its variants on that row
//! and the following ones with an empty name, lists separated by `|`.
//!
//! <https://docs.vendure.io/guides/developer-guide/importing-data/>.

use std::collections::VecDeque;

use super::columns::{add_attribute, price, some};
use super::html::plain_text;
use super::table::{Record, Records, Table, cell};
use super::variants::{Open, Variant};
use super::{FeedOptions, FeedRow, Reading, RowProblem, Variants};
use crate::catalogue::{ImageRef, Product};

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
    let column = |name: &str| table.column(&[name]).or_else(|| language(&table, name));
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
        .map(|(folded, written)| {
            let name = folded.split(':').next().unwrap_or_default();
            (USED.contains(&name), written.clone())
        })
        .partition::<Vec<_>, _>(|(used, _)| *used);
    let names = |columns: Vec<(bool, String)>| columns.into_iter().map(|(_, name)| name).collect();
    let rows = Products {
        columns,
        currency: options.default_currency.clone(),
        variants: options.variants,
        rows: table.into_rows(),
        groups: Vec::new(),
        open: None,
        ready: VecDeque::new(),
    };
    Reading { rows: Box::new(rows), fields: names(fields), unknown: names(unknown) }
}

/// The first column of a name in several languages: `name:en`, `name:de`.
pub(super) fn language(table: &Table, name: &str) -> Option<usize> {
    let of = |column: &str| column.strip_prefix(name).is_some_and(|language| language.starts_with(':'));
    table.columns.iter().position(|column| of(column))
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

struct Products {
    columns: Columns,
    currency: Option<String>,
    variants: Variants,
    rows: Records,
    /// Option groups of the open product.
    groups: Vec<String>,
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
            self.groups = text(self.columns.groups).split('|').map(|group| group.trim().to_owned()).collect();
            self.open = Some(Open::new(record.line, self.common(record)));
        }
        let Some(open) = self.open.as_mut() else {
            let reason = "it is a variant (its name is empty) and there is no product before it";
            let problem =
                RowProblem::new("variant-without-product", Some("name"), reason, "give the product's row a name");
            self.ready.push_back(FeedRow::Rejected { line: record.line, id: some(text(self.columns.sku)), problem });
            return;
        };
        if let Some(problem) = open.full() {
            self.ready.push_back(FeedRow::Rejected { line: record.line, id: some(&open.product.id), problem });
            return;
        }
        match variant(record, &self.columns, &self.groups, self.currency.as_deref()) {
            Ok(variant) => {
                // A category or brand is the product's, even when a variant names it.
                facets(&mut open.product, text(self.columns.variant_facets), is_of_product);
                open.variants.push(variant);
            }
            Err(problem) => open.refuse(record.line, problem),
        }
    }

    fn common(&self, record: &Record) -> Product {
        let text = |column| cell(&record.cells, column);
        let (name, slug) = (text(self.columns.name), text(self.columns.slug));
        let mut product = Product {
            id: some(slug).or_else(|| some(text(self.columns.sku))).unwrap_or_default(),
            title: plain_text(name),
            description: plain_text(text(self.columns.description)),
            images: images(text(self.columns.assets)),
            ..Product::default()
        };
        facets(&mut product, text(self.columns.facets), |_| true);
        product
    }

    fn close(&mut self) {
        let how = self.variants;
        self.ready.extend(self.open.take().into_iter().flat_map(|open| open.close(how)));
    }
}

/// The variant on a row.
fn variant(
    record: &Record,
    columns: &Columns,
    groups: &[String],
    currency: Option<&str>,
) -> Result<Variant, RowProblem> {
    let text = |column| cell(&record.cells, column);
    let price = price(text(columns.price), "price", currency)?;
    let stock = match text(columns.stock) {
        "" => None,
        stock => Some(stock.parse::<i64>().map_err(|_| {
            let reason = format!("`{stock}` is not a whole number");
            RowProblem::new("bad-stock", Some("stockOnHand"), reason, "write the number of pieces")
        })?),
    };
    let untracked = matches!(text(columns.track).to_ascii_lowercase().as_str(), "false" | "0");
    let mut options: Vec<(String, String)> = Vec::new();
    for (group, value) in groups.iter().zip(text(columns.values).split('|')) {
        options.extend(some(value).map(|value| (group.clone(), value)));
    }
    for facet in text(columns.variant_facets).split('|') {
        if let Some((name, value)) = facet.split_once(':').filter(|(name, _)| !is_of_product(name)) {
            options.extend(some(value).map(|value| (name.trim().to_owned(), value)));
        }
    }
    Ok(Variant {
        line: record.line,
        sku: some(text(columns.sku)),
        price,
        stock: stock.filter(|_| !untracked),
        options,
        images: images(text(columns.variant_assets)).into_iter().map(|image| image.source).collect(),
        ..Variant::default()
    })
}

fn is_of_product(facet: &str) -> bool {
    matches!(facet.trim().to_lowercase().as_str(), "category" | "brand")
}

fn images(list: &str) -> Vec<ImageRef> {
    list.split('|').filter_map(some).map(|source| ImageRef { source, ..ImageRef::default() }).collect()
}

/// `category:Electronics|category:Computers|brand:Apple`: categories are a path in the order given, the first brand is the
/// brand, everything else is an attribute.
fn facets(product: &mut Product, list: &str, wanted: impl Fn(&str) -> bool) {
    for facet in list.split('|') {
        let Some((name, value)) = facet.split_once(':').filter(|(name, _)| wanted(name)) else { continue };
        let Some(value) = some(value) else { continue };
        match name.trim().to_lowercase().as_str() {
            "category" if !product.category.contains(&value) => product.category.push(value),
            "category" => {}
            "brand" if product.brand.is_none() => product.brand = Some(value),
            name => add_attribute(&mut product.attributes, name, &value),
        }
    }
}
