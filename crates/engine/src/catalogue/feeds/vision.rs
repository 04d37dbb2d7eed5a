//! Google Vision Product Search's bulk import CSV: no header, a row for each picture.
//!
//! Columns: image-uri, image-id, product-set-id, product-id, product-category, product-display-name, labels,
//! bounding-poly (<https://docs.cloud.google.com/vision/product-search/docs/csv-format>). Rows of one product are one product,
//! wherever they stand among [`WINDOW`] rows, which is as long as such a file may be; `gs://bucket/path` is fetched from the
//! bucket's public address.

use std::collections::{HashMap, VecDeque};

use super::columns::{add_attribute, need, some, tidy_attributes};
use super::table::{Record, Records, cell};
use super::text::Text;
use super::{FeedOptions, FeedRow, Reading};
use crate::catalogue::{ImageRef, Product};

/// Rows among which those of one product are put together: the most that Google takes in one file.
const WINDOW: usize = 20_000;

pub(super) fn read(text: Text, options: &FeedOptions) -> Reading {
    let rows = Products {
        rows: Records::new(text, b',', options, None),
        gathered: Vec::new(),
        places: HashMap::new(),
        count: 0,
        ready: VecDeque::new(),
        ended: false,
    };
    let fields = ["image-uri", "product-id", "product-category", "product-display-name", "labels"];
    let unknown = ["image-id", "product-set-id", "bounding-poly"];
    Reading {
        rows: Box::new(rows),
        fields: fields.map(str::to_owned).into(),
        unknown: unknown.map(str::to_owned).into(),
    }
}

struct Products {
    rows: Records,
    /// Products and refused rows, in the order of their first line.
    gathered: Vec<FeedRow>,
    /// Where each product is among them.
    places: HashMap<String, usize>,
    /// Rows that were read for them.
    count: usize,
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
                Some(Err(rejected)) => self.gathered.push(rejected),
                None => self.ended = true,
            }
            self.count += 1;
            if self.ended || self.count >= WINDOW {
                self.count = 0;
                self.places.clear();
                self.ready.extend(std::mem::take(&mut self.gathered).into_iter().map(finished));
            }
        }
    }
}

impl Products {
    fn take(&mut self, record: &Record) {
        let text = |column| cell(&record.cells, Some(column));
        let id = text(3);
        let known = self.places.get(id).copied().filter(|_| !id.is_empty());
        let place = known.unwrap_or_else(|| {
            let product = Product { id: id.to_owned(), ..Product::default() };
            self.gathered.push(FeedRow::Product { line: record.line, product, warnings: Vec::new() });
            self.places.insert(id.to_owned(), self.gathered.len() - 1);
            self.gathered.len() - 1
        });
        let Some(FeedRow::Product { product, .. }) = self.gathered.get_mut(place) else { return };
        // As Google does: the first row that says something of the product is right.
        if product.title.is_empty() {
            text(5).clone_into(&mut product.title);
        }
        if product.category.is_empty() {
            // `apparel-v2`: the version is Google's.
            let kind = text(4);
            let name = kind.rsplit_once("-v").filter(|(_, version)| version.parse::<u8>().is_ok());
            product.category = some(name.map_or(kind, |(name, _)| name)).into_iter().collect();
        }
        for label in text(6).split(',') {
            if let Some((name, value)) = label.split_once('=') {
                add_attribute(&mut product.attributes, name, value);
            }
        }
        if let Some(uri) = some(text(0)) {
            let source = match uri.strip_prefix("gs://") {
                Some(path) => format!("https://storage.googleapis.com/{path}"),
                None => uri,
            };
            // A picture with several bounding boxes has a row for each.
            if product.images.last().is_none_or(|last| last.source != source) {
                product.images.push(ImageRef { source, ..ImageRef::default() });
            }
        }
    }
}

fn finished(row: FeedRow) -> FeedRow {
    let FeedRow::Product { line, mut product, warnings } = row else { return row };
    tidy_attributes(&mut product);
    if product.title.trim().is_empty() {
        product.title.clone_from(&product.id);
    }
    match need(&product) {
        Ok(()) => FeedRow::Product { line, product, warnings },
        Err(problem) => FeedRow::Rejected { line, id: some(&product.id), problem },
    }
}
