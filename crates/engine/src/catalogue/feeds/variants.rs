//! Variants that a feed has inside of their product: joined into one product, or each a product of one group.

use std::collections::HashSet;

use super::columns::{add_attribute, need, some, tidy_attributes};
use super::{FeedRow, RowProblem, Variants};
use crate::catalogue::{Availability, ImageRef, Money, Product};

/// Most rows of one product; a shop's most is 2,048 variants.
pub(super) const MOST_ROWS: usize = 10_000;

/// A variant as its row says it.
#[derive(Debug, Clone, Default)]
pub(super) struct Variant {
    /// 1-based line.
    pub(super) line: u64,
    pub(super) sku: Option<String>,
    pub(super) gtin: Option<String>,
    /// What the shopper pays.
    pub(super) price: Option<Money>,
    /// What the shopper paid before, when it was more.
    pub(super) before: Option<Money>,
    /// Pieces, when they are counted.
    pub(super) stock: Option<i64>,
    /// Whether it is sold when there are none.
    pub(super) sells_on: bool,
    /// Name and value of each option and attribute of its own.
    pub(super) options: Vec<(String, String)>,
    /// Pictures of its own.
    pub(super) images: Vec<String>,
}

/// A product whose variants are still coming.
pub(super) struct Open {
    /// 1-based line on which it begins.
    pub(super) line: u64,
    /// What all variants have in common.
    pub(super) product: Product,
    pub(super) variants: Vec<Variant>,
    /// Rows of it that were refused; they come after the product, so that lines come in their order.
    refused: Vec<FeedRow>,
    pub(super) warnings: Vec<RowProblem>,
}

impl Open {
    pub(super) fn new(line: u64, product: Product) -> Self {
        Self { line, product, variants: Vec::new(), refused: Vec::new(), warnings: Vec::new() }
    }

    /// Adds a picture of the product, once.
    pub(super) fn add_image(&mut self, source: &str) {
        if let Some(source) = some(source) {
            add_image(&mut self.product, source);
        }
    }

    /// A row of it cannot be used.
    pub(super) fn refuse(&mut self, line: u64, problem: RowProblem) {
        self.refused.push(FeedRow::Rejected { line, id: some(&self.product.id), problem });
    }

    /// A row too many, if it is one.
    pub(super) fn full(&self) -> Option<RowProblem> {
        (self.variants.len() + self.product.images.len() + self.refused.len() >= MOST_ROWS).then(|| {
            let reason = format!("the product has more than {MOST_ROWS} rows");
            RowProblem::new("too-many-variants", None, reason, "look whether one name stands for several products")
        })
    }

    /// The rows it comes to.
    pub(super) fn close(mut self, how: Variants) -> Vec<FeedRow> {
        let refused = std::mem::take(&mut self.refused);
        let mut rows = match self.variants.len() {
            // Each of its variants was refused.
            0 if !refused.is_empty() => Vec::new(),
            0 | 1 => vec![self.joined()],
            _ if how == Variants::Separate => self.separate(),
            _ => vec![self.joined()],
        };
        rows.extend(refused);
        rows
    }

    /// One product: the lowest price, the sum of stock, all values, all pictures.
    fn joined(self) -> FeedRow {
        let Self { line, mut product, variants, warnings, .. } = self;
        let cheapest = variants
            .iter()
            .filter(|variant| variant.price.is_some())
            .min_by_key(|variant| variant.price.as_ref().map(|price| price.amount));
        if let Some(cheapest) = cheapest {
            set_price(&mut product, cheapest);
        }
        // A variant that is not counted can always be had.
        if !variants.is_empty() && variants.iter().all(|variant| variant.stock.is_some()) {
            let stock = variants.iter().filter_map(|variant| variant.stock).fold(0_i64, i64::saturating_add);
            set_stock(&mut product, stock, variants.iter().any(|variant| variant.sells_on));
        }
        match variants.as_slice() {
            [one] => {
                product.mpn = product.mpn.take().or_else(|| one.sku.clone());
                product.gtin.clone_from(&one.gtin);
            }
            several => {
                for sku in several.iter().filter_map(|variant| variant.sku.as_deref()) {
                    add_attribute(&mut product.attributes, "sku", sku);
                }
            }
        }
        for variant in variants {
            for (name, value) in &variant.options {
                add_attribute(&mut product.attributes, name, value);
            }
            for source in variant.images {
                add_image(&mut product, source);
            }
        }
        finished(line, product, warnings)
    }

    /// A product for each variant, in the group of the whole.
    fn separate(self) -> Vec<FeedRow> {
        let Self { product, variants, mut warnings, .. } = self;
        let mut ids = HashSet::new();
        let named = variants.into_iter().enumerate().map(|(number, variant)| {
            let options: Vec<&str> = variant.options.iter().map(|(_, value)| value.as_str()).collect();
            let mut own = product.clone();
            own.group = Some(product.id.clone());
            own.id = match variant.sku.clone().filter(|sku| !ids.contains(sku)) {
                Some(sku) => sku,
                None => format!("{}/{}", product.id, options.join("/")),
            };
            if !ids.insert(own.id.clone()) {
                own.id = format!("{}/{}", product.id, number + 1);
                ids.insert(own.id.clone());
            }
            set_price(&mut own, &variant);
            if let Some(stock) = variant.stock {
                set_stock(&mut own, stock, variant.sells_on);
            }
            own.mpn = own.mpn.take().or(variant.sku);
            own.gtin = variant.gtin;
            for (name, value) in &variant.options {
                add_attribute(&mut own.attributes, name, value);
            }
            // The product's other pictures show other variants.
            if !variant.images.is_empty() {
                own.images.clear();
                variant.images.into_iter().for_each(|source| add_image(&mut own, source));
            }
            finished(variant.line, own, std::mem::take(&mut warnings))
        });
        named.collect()
    }
}

fn add_image(product: &mut Product, source: String) {
    let image = ImageRef { source, ..ImageRef::default() };
    if !product.images.contains(&image) {
        product.images.push(image);
    }
}

fn set_price(product: &mut Product, variant: &Variant) {
    let now = variant.price.clone();
    let before = variant.before.clone().filter(|before| now.as_ref().is_some_and(|now| before.amount > now.amount));
    (product.price, product.sale_price) = match before {
        Some(before) => (Some(before), now),
        None => (now, None),
    };
}

fn set_stock(product: &mut Product, stock: i64, sells_on: bool) {
    product.stock = Some(stock);
    if stock <= 0 && product.availability == Availability::InStock {
        product.availability = if sells_on { Availability::Backorder } else { Availability::OutOfStock };
    }
}

fn finished(line: u64, mut product: Product, warnings: Vec<RowProblem>) -> FeedRow {
    tidy_attributes(&mut product);
    match need(&product) {
        Ok(()) => FeedRow::Product { line, product, warnings },
        Err(problem) => FeedRow::Rejected { line, id: some(&product.id), problem },
    }
}
