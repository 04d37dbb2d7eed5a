//! Product feeds: one file per dialect.
//!
//! A [`Feed`] is an iterator of [`FeedRow`]s: products with the line they begin on, or rows that cannot be products, with the
//! reason. Feeds are read as streams, so that a million rows need no more memory than ten. What each dialect maps where is in
//! `docs/feeds.md`.

mod columns;
mod dates;
mod detect;
mod dialect;
mod folder;
mod google;
mod google_xml;
mod html;
mod json_values;
mod jsonl;
mod measured;
mod padding;
mod problem;
mod schema_org;
mod shopify;
mod table;
mod text;
mod variants;
mod vendure;
mod vision;
mod woocommerce;

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{Cursor, Read};
use std::iter::Peekable;
use std::path::Path;

pub use dialect::Dialect;
pub use problem::{FeedError, RowProblem};

use self::columns::some;
use self::detect::Form;
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
    /// What becomes of variants inside of a product.
    pub variants: Variants,
    /// Longest record of a table, item of an XML feed or JSON document, bytes.
    pub max_record_bytes: u64,
}

impl Default for FeedOptions {
    /// Everything recognised, no currency, variants joined, records of at most 16 MiB.
    fn default() -> Self {
        Self {
            dialect: None,
            default_currency: None,
            mapping: BTreeMap::new(),
            variants: Variants::Joined,
            max_record_bytes: 16 << 20,
        }
    }
}

/// What becomes of variants that a feed has inside of their product (Shopify, Vendure).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Variants {
    /// One product: the lowest price, all pictures, all values of its options.
    #[default]
    Joined,
    /// Each variant a product of one group, with its own price and picture.
    Separate,
}

impl std::str::FromStr for Variants {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "joined" => Ok(Self::Joined),
            "separate" => Ok(Self::Separate),
            other => Err(format!("`{other}` is neither `joined` nor `separate`")),
        }
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
    rows: Peekable<Rows>,
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
        let line = *line;
        let rejected = |problem| Some(FeedRow::Rejected { line, id: some(&product.id.replace('\0', "")), problem });
        if let Some(field) = product.field_with_nul() {
            let reason = "it holds a NUL byte, which no text has";
            let hint = "export the feed again; the file may be damaged, or UTF-16 without its mark";
            return rejected(RowProblem::new("nul-byte", Some(field), reason, hint));
        }
        let hash = blake3::hash(product.id.as_bytes());
        match self.seen.entry(u64::from_le_bytes(hash.as_bytes().first_chunk().copied().unwrap_or_default())) {
            Entry::Vacant(entry) => {
                entry.insert(line);
                Some(row)
            }
            Entry::Occupied(first) => {
                let reason = format!("the id is used before, on line {}", first.get());
                let hint = match self.dialect {
                    Dialect::Shopify => "put the rows of a handle one below the other; those that came first were kept",
                    _ => "give each product an id of its own; the first one was kept",
                };
                rejected(RowProblem::new("duplicate-id", Some("id"), reason, hint))
            }
        }
    }
}

/// Opens a feed: a file, or a folder of pictures.
///
/// # Errors
/// [`FeedError`] when it cannot be read at all, its dialect is not recognised, or there is no product in it.
pub fn open(path: &Path, options: &FeedOptions) -> Result<Feed, FeedError> {
    let name = path.display().to_string();
    let unreadable = |error: std::io::Error| FeedError::Unreadable { name: name.clone(), reason: error.to_string() };
    if path.is_dir() || options.dialect == Some(Dialect::Folder) {
        let reading = folder::read(path).map_err(unreadable)?;
        return feed(Dialect::Folder, reading, name);
    }
    let file = File::open(path).map_err(unreadable)?;
    open_reader(Box::new(file), &name, options)
}

/// Opens a feed that is in memory. `name` is for errors; it may be empty.
///
/// # Errors
/// As [`open`].
pub fn open_bytes(bytes: Vec<u8>, name: &str, options: &FeedOptions) -> Result<Feed, FeedError> {
    open_reader(Box::new(Cursor::new(bytes)), name, options)
}

fn open_reader(bytes: Box<dyn Read + Send>, name: &str, options: &FeedOptions) -> Result<Feed, FeedError> {
    let text = text::decoded(bytes)
        .map_err(|error| FeedError::Unreadable { name: name.to_owned(), reason: error.to_string() })?;
    let (dialect, reading) = match detect::form(&text, name, options)? {
        Form::Jsonl => (Dialect::Jsonl, jsonl::read(text)),
        Form::Vision => (Dialect::Vision, vision::read(text, options)),
        Form::Xml => (Dialect::Google, google_xml::read(text, options)),
        Form::JsonLd => (Dialect::SchemaOrg, schema_org::read(text, options)),
        Form::Page => (Dialect::SchemaOrg, schema_org::read_page(text, name, options)?),
        Form::Table(delimiter) => {
            let table = table::Table::open(text, delimiter, name, options)?;
            let dialect = detect::table(&table, name, options)?;
            let reading = match dialect {
                Dialect::Vendure => vendure::read(table, options),
                Dialect::Shopify => shopify::read(table, options),
                Dialect::WooCommerce => woocommerce::read(table, options),
                _ => google::read(table, options),
            };
            (dialect, reading)
        }
    };
    feed(dialect, reading, name.to_owned())
}

fn feed(dialect: Dialect, reading: Reading, name: String) -> Result<Feed, FeedError> {
    let Reading { rows, fields, unknown } = reading;
    let mut rows = rows.peekable();
    // A header and nothing else is no shop.
    if rows.peek().is_none() {
        return Err(FeedError::NoProducts { name, dialect });
    }
    Ok(Feed { dialect, fields, unknown, rows, seen: HashMap::new() })
}

#[cfg(test)]
mod tests;
