//! Google Vision Product Search's bulk import CSV: no header, a row for each picture.
//!
//! Columns: image-uri, image-id, product-set-id, product-id, product-category, product-display-name, labels,
//! bounding-poly (<https://cloud.google.com/vision/product-search/docs/csv-format>). Rows of one product that follow each
//! other are one product; `gs://bucket/path` is fetched from the bucket's public address.

use std::collections::VecDeque;

use super::columns::{add_attribute, need, some, tidy_attributes};
use super::table::{Record, Records, cell};
use super::text::Text;
use super::{FeedOptions, FeedRow, Reading};
use crate::catalogue::{ImageRef, Product};

pub(super) fn read(text: Text, options: &FeedOptions) -> Reading {
    let rows = Products { rows: Records::new(text, b',', options, None), open: None, ready: VecDeque::new() };
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
    open: Option<(u64, Product)>,
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
        let text = |column| cell(&record.cells, Some(column));
        let id = text(3);
        if self.open.as_ref().is_none_or(|(_, product)| product.id != id || id.is_empty()) {
            self.close();
            let title = some(text(5)).unwrap_or_else(|| id.to_owned());
            let category = some(text(4)).into_iter().collect();
            self.open = Some((record.line, Product { id: id.to_owned(), title, category, ..Product::default() }));
        }
        let Some((_, product)) = self.open.as_mut() else { return };
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
            product.images.push(ImageRef { source, ..ImageRef::default() });
        }
    }

    fn close(&mut self) {
        let Some((line, mut product)) = self.open.take() else { return };
        tidy_attributes(&mut product);
        self.ready.push_back(match need(&product) {
            Ok(()) => FeedRow::Product { line, product, warnings: Vec::new() },
            Err(problem) => FeedRow::Rejected { line, id: some(&product.id), problem },
        });
    }
}
