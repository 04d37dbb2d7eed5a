//! Product feeds: one file per dialect.
//!
//! A [`Feed`] is an iterator of [`FeedRow`]s: products with the line they begin on, or rows that cannot be products, with the
//! reason. Feeds are read as streams, so that a million rows need no more memory than ten. What each dialect maps where is in
//! `docs/feeds.md`.

mod columns;
mod detect;
mod dialect;
mod folder;
mod google;
mod jsonl;
mod problem;
mod shopify;
mod table;
mod text;
mod vendure;
mod vision;
mod woocommerce;

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{Cursor, Read};
use std::path::Path;

pub use dialect::Dialect;
pub use problem::{FeedError, RowProblem};

use super::Product;

/// How a feed is read.
#[derive(Debug, Clone)]
pub struct FeedOptions {
    /// The dialect; `None` recognises it.
    pub dialect: Option<Dialect>,
    /// ISO 4217 code of prices that name no currency.
    pub default_currency: Option<String>,
    /// For general CSV: column → field, over what is recognised by itself.
    pub mapping: BTreeMap<String, String>,
    /// Longest record of a table, bytes.
    pub max_record_bytes: u64,
}

impl Default for FeedOptions {
    /// Everything recognised, no currency, records of at most 16 MiB.
    fn default() -> Self {
        Self { dialect: None, default_currency: None, mapping: BTreeMap::new(), max_record_bytes: 16 << 20 }
    }
}

/// One item of a feed.
#[derive(Debug, Clone, PartialEq)]
pub enum FeedRow {
    /// A product.
    Product {
        /// 1-based line on which it begins; for pictures of a folder their number.
        line: u64,
        /// The product, its pictures not yet read.
        product: Product,
        /// What was not understood and left out.
        warnings: Vec<RowProblem>,
    },
    /// Something that cannot be a product.
    Rejected {
        /// 1-based line on which it begins.
        line: u64,
        /// Its id, where it has one.
        id: Option<String>,
        /// Why.
        problem: RowProblem,
    },
}

type Rows = Box<dyn Iterator<Item = FeedRow> + Send>;

/// An open feed.
pub struct Feed {
    dialect: Dialect,
    fields: Vec<String>,
    unknown: Vec<String>,
    rows: Rows,
    /// Line of each id by 64 bits of its hash: a million ids in 32 MB.
    seen: HashMap<u64, u64>,
}

/// What a dialect gives: its rows, and which columns it uses and which not.
struct Reading {
    rows: Rows,
    fields: Vec<String>,
    unknown: Vec<String>,
}

impl Feed {
    /// The dialect it is read in.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Columns or fields that are used.
    #[must_use]
    pub fn fields(&self) -> &[String] {
        &self.fields
    }

    /// Columns that mean nothing to Vetrina and become attributes or are left out (see `docs/feeds.md`).
    #[must_use]
    pub fn unknown_columns(&self) -> &[String] {
        &self.unknown
    }
}

impl std::fmt::Debug for Feed {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Feed").field("dialect", &self.dialect).finish_non_exhaustive()
    }
}

impl Iterator for Feed {
    type Item = FeedRow;

    fn next(&mut self) -> Option<FeedRow> {
        let row = self.rows.next()?;
        let FeedRow::Product { line, product, .. } = &row else { return Some(row) };
        let hash = blake3::hash(product.id.as_bytes());
        let hash = u64::from_le_bytes(hash.as_bytes().first_chunk().copied().unwrap_or_default());
        let (line, first) = (*line, *self.seen.entry(hash).or_insert(*line));
        if first == line {
            return Some(row);
        }
        let problem = RowProblem::new(
            "duplicate-id",
            Some("id"),
            format!("the id is used before, on line {first}"),
            "give each product an id of its own; the first one was kept",
        );
        Some(FeedRow::Rejected { line, id: Some(product.id.clone()), problem })
    }
}

/// Opens a feed: a file, or a folder of pictures.
///
/// # Errors
/// [`FeedError`] when it cannot be read at all, its dialect is not recognised, or it has no header.
pub fn open(path: &Path, options: &FeedOptions) -> Result<Feed, FeedError> {
    let name = path.display().to_string();
    let unreadable = |error: std::io::Error| FeedError::Unreadable { name: name.clone(), reason: error.to_string() };
    if path.is_dir() || options.dialect == Some(Dialect::Folder) {
        let reading = folder::read(path).map_err(unreadable)?;
        return Ok(feed(Dialect::Folder, reading));
    }
    let file = File::open(path).map_err(unreadable)?;
    open_reader(Box::new(file), &name, options)
}

/// Opens a feed that is in memory. `name` is for errors and for recognition by its extension; it may be empty.
///
/// # Errors
/// As [`open`].
pub fn open_bytes(bytes: Vec<u8>, name: &str, options: &FeedOptions) -> Result<Feed, FeedError> {
    open_reader(Box::new(Cursor::new(bytes)), name, options)
}

fn open_reader(bytes: Box<dyn Read + Send>, name: &str, options: &FeedOptions) -> Result<Feed, FeedError> {
    let text = text::decoded(bytes)
        .map_err(|error| FeedError::Unreadable { name: name.to_owned(), reason: error.to_string() })?;
    let found = detect::detect(&text.beginning, name, options)?;
    let reading = match found {
        detect::Found::Jsonl => jsonl::read(text),
        detect::Found::Vision => vision::read(text, options),
        detect::Found::Table(dialect, delimiter) => {
            let table = table::Table::open(text, delimiter, name, options)?;
            match dialect {
                Dialect::Vendure => vendure::read(table, options),
                Dialect::Shopify => shopify::read(table, options),
                Dialect::WooCommerce => woocommerce::read(table, options),
                _ => google::read(table, options),
            }
        }
    };
    Ok(feed(found.dialect(), reading))
}

fn feed(dialect: Dialect, reading: Reading) -> Feed {
    let Reading { rows, fields, unknown } = reading;
    Feed { dialect, fields, unknown, rows, seen: HashMap::new() }
}

#[cfg(test)]
mod tests;
