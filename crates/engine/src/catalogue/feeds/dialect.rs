//! The dialects by name.

use std::fmt;
use std::str::FromStr;

use super::FeedError;

/// How a feed is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Vendure's product import CSV.
    Vendure,
    /// Google Merchant Center, as TSV, CSV or XML (RSS 2.0 and Atom).
    Google,
    /// Shopify's product export, both generations of headers.
    Shopify,
    /// WooCommerce's product export.
    WooCommerce,
    /// Google Vision Product Search's CSV, without a header.
    Vision,
    /// schema.org's `Product` as JSON-LD, in a file or in an HTML page.
    SchemaOrg,
    /// Any other table with a header.
    Csv,
    /// One product of `docs/api.md` a line.
    Jsonl,
    /// A folder of pictures.
    Folder,
}

impl Dialect {
    /// All dialects.
    pub const ALL: [Self; 9] = [
        Self::Vendure,
        Self::Google,
        Self::Shopify,
        Self::WooCommerce,
        Self::Vision,
        Self::SchemaOrg,
        Self::Csv,
        Self::Jsonl,
        Self::Folder,
    ];

    /// The name, as in `--dialect`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Vendure => "vendure",
            Self::Google => "google",
            Self::Shopify => "shopify",
            Self::WooCommerce => "woocommerce",
            Self::Vision => "vision",
            Self::SchemaOrg => "schema.org",
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
            Self::Folder => "folder",
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

impl FromStr for Dialect {
    type Err = FeedError;

    fn from_str(name: &str) -> Result<Self, FeedError> {
        let found = Self::ALL.into_iter().find(|dialect| dialect.name() == name.trim().to_ascii_lowercase());
        found.ok_or_else(|| FeedError::UnknownDialect { name: name.chars().take(60).collect() })
    }
}
