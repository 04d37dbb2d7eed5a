//! Which dialect a feed is written in.

use std::path::Path;

use super::columns::folded;
use super::table::{delimiter, first_record};
use super::{Dialect, FeedError, FeedOptions};

/// What was recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    Jsonl,
    Vision,
    Table(Dialect, u8),
}

impl Found {
    pub(super) fn dialect(self) -> Dialect {
        match self {
            Self::Jsonl => Dialect::Jsonl,
            Self::Vision => Dialect::Vision,
            Self::Table(dialect, _) => dialect,
        }
    }
}

/// Recognises the dialect by the beginning of the text, or follows the options.
pub(super) fn detect(beginning: &str, name: &str, options: &FeedOptions) -> Result<Found, FeedError> {
    let text = beginning.trim_start();
    if text.is_empty() {
        return Err(FeedError::Empty { name: name.to_owned() });
    }
    let delimiter = delimiter(text);
    if let Some(dialect) = options.dialect {
        return Ok(match dialect {
            Dialect::Jsonl => Found::Jsonl,
            Dialect::Vision => Found::Vision,
            table => Found::Table(table, delimiter),
        });
    }
    let extension = Path::new(name).extension().map(|extension| extension.to_string_lossy().to_lowercase());
    if text.starts_with('{') || matches!(extension.as_deref(), Some("jsonl" | "ndjson")) {
        return Ok(Found::Jsonl);
    }
    let unrecognised = |found: String| FeedError::Unrecognised { name: name.to_owned(), found };
    if text.starts_with('<') {
        return Err(unrecognised("XML and HTML feeds are not there yet".into()));
    }
    if text.starts_with('[') {
        return Err(unrecognised("it is a JSON array; one JSON object a line is read".into()));
    }
    let first = first_record(text, delimiter);
    if first.len() >= 4 && first[0].trim().starts_with("gs://") {
        return Ok(Found::Vision);
    }
    let columns: Vec<String> = first.iter().map(|column| folded(column)).collect();
    let has = |names: &[&str]| names.iter().any(|name| columns.iter().any(|column| column == name));
    let dialect = if has(&["slug"]) && has(&["assets"]) && has(&["sku"]) {
        Dialect::Vendure
    } else if has(&["handle", "url handle"]) && has(&["title"]) {
        Dialect::Shopify
    } else if has(&["type"]) && has(&["sku"]) && has(&["name"]) && has(&["images", "regular price", "parent"]) {
        Dialect::WooCommerce
    } else if has(&["id"]) && has(&["title"]) && has(&["image link", "link", "availability", "additional image link"]) {
        Dialect::Google
    } else if options.mapping.values().any(|field| field == "id")
        || (has(super::columns::ID) && has(super::columns::TITLE))
    {
        Dialect::Csv
    } else {
        let shown: Vec<&str> = first.iter().take(12).map(|column| column.trim()).collect();
        return Err(unrecognised(format!("its first line has {}", shown.join(", "))));
    };
    Ok(Found::Table(dialect, delimiter))
}
