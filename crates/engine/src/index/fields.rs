//! The payload of a point: which fields a product can be filtered, sorted and counted by, and how values are written.
//!
//! The payload has texts as they are *shown*, which is what facets count and people read. Filters compare the *folded* form, so
//! that `brand = "nike"` finds `Nike`; the table folds for itself. Attributes live under their folded name.

use std::fmt;

use unicode_normalization::UnicodeNormalization;

/// Kind of values a column holds, which says what it can be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FieldKind {
    /// Text compared as a whole.
    Text,
    /// A number; can be sorted by.
    Number,
    /// Yes or no.
    Flag,
    /// A moment, to the microsecond; can be sorted by.
    Date,
}

/// One column of the payload.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Column {
    /// The product's id, folded.
    Id,
    /// Title, folded and cut to [`PREFIX_LEN`] characters; not indexed, read to check prefixes.
    Title,
    /// What the shopper pays, as a number.
    Price,
    /// Currency code, folded.
    Currency,
    /// One of the four availabilities.
    Availability,
    /// Availability is `in_stock` and the stock, if told, is above zero.
    InStock,
    /// Pieces on hand.
    Stock,
    /// Brand as shown.
    Brand,
    /// Category paths as shown: every prefix of the path (`Bags`, `Bags > Handbags`).
    Category,
    /// Variant group, as is.
    Group,
    /// Codes that name one product: id, GTIN, MPN, in the form of [`code`].
    Codes,
    /// Since when it is sold.
    AddedAt,
    /// Families of the colours that the main picture's subject has: `red`, `blue`…
    PictureColour,
    /// The main picture's palette, as `Palette::to_payload` writes it; not indexed, read to rank by colour.
    Palette,
    /// Texts of an attribute as shown; the name is folded.
    Attribute(String),
}

impl Column {
    /// Columns that every product has, or may have.
    pub(crate) const STANDARD: [Self; 14] = [
        Self::Id,
        Self::Price,
        Self::Currency,
        Self::Availability,
        Self::InStock,
        Self::Stock,
        Self::Brand,
        Self::Category,
        Self::Group,
        Self::Codes,
        Self::AddedAt,
        Self::Title,
        Self::PictureColour,
        Self::Palette,
    ];

    /// Columns that the engine has an index for: they have as many values as there are products, and the table leaves them out.
    /// All other filters and facets are the table's.
    pub(crate) const LOOKED_UP: [Self; 2] = [Self::Id, Self::Codes];

    /// What it holds.
    #[must_use]
    pub fn kind(&self) -> FieldKind {
        match self {
            Self::Price | Self::Stock => FieldKind::Number,
            Self::InStock => FieldKind::Flag,
            Self::AddedAt => FieldKind::Date,
            _ => FieldKind::Text,
        }
    }

    /// Name of the payload's top-level key, and of the key below it for attributes.
    pub(crate) fn keys(&self) -> (&'static str, Option<&str>) {
        match self {
            Self::Id => ("id", None),
            Self::Title => ("title", None),
            Self::Price => ("price", None),
            Self::Currency => ("currency", None),
            Self::Availability => ("availability", None),
            Self::InStock => ("in_stock", None),
            Self::Stock => ("stock", None),
            Self::Brand => ("brand", None),
            Self::Category => ("category", None),
            Self::Group => ("group", None),
            Self::Codes => ("codes", None),
            Self::AddedAt => ("added_at", None),
            Self::PictureColour => ("picture_colour", None),
            Self::Palette => ("palette", None),
            Self::Attribute(name) => ("shown", Some(name)),
        }
    }

    /// The column of a payload path, the inverse of `Display`.
    pub(crate) fn parse(path: &str) -> Option<Self> {
        if let Some(column) = Self::STANDARD.iter().find(|column| column.keys().0 == path) {
            return Some(column.clone());
        }
        let (top, rest) = path.split_once('.')?;
        let name = rest.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(rest).to_owned();
        match top {
            "shown" => Some(Self::Attribute(name)),
            _ => None,
        }
    }
}

/// The JSON path, attribute names always quoted (a JSON path has no escapes: [`attribute`] keeps quotes out of names).
impl fmt::Display for Column {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.keys() {
            (top, None) => out.write_str(top),
            (top, Some(name)) => write!(out, "{top}.\"{name}\""),
        }
    }
}

/// Separates the steps of a category path, in payload and in filters.
pub const CATEGORY_SEPARATOR: &str = " > ";

/// Title prefixes can be asked for up to this many characters of the folded title; longer ones are compared up to here.
pub const PREFIX_LEN: usize = 120;

/// Form in which texts are compared: compatibility forms unified (NFKC), lower case, runs of white space made one space.
#[must_use]
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    let lower = text.nfkc().flat_map(char::to_lowercase).collect::<String>();
    // Lower case can leave combining marks behind (İ), so the result is composed again.
    for word in lower.split_whitespace() {
        if !folded.is_empty() {
            folded.push(' ');
        }
        folded.extend(word.nfc());
    }
    folded
}

/// Folded name of an attribute. A JSON path cannot escape quotes and backslashes, so these become `'` and `/`.
#[must_use]
pub fn attribute(name: &str) -> String {
    fold(name).replace('"', "'").replace('\\', "/")
}

/// Form in which codes (SKU, GTIN, MPN) are compared: folded, letters and digits only, because people type `AB-12 3`.
#[must_use]
pub fn code(text: &str) -> String {
    fold(text).chars().filter(|character| character.is_alphanumeric()).collect()
}

/// Every prefix of a category path: `["Bags", "Handbags"]` gives `Bags` and `Bags > Handbags`.
#[must_use]
pub fn category_paths(path: &[String]) -> Vec<String> {
    let mut paths: Vec<String> = Vec::with_capacity(path.len());
    for step in path.iter().map(|step| step.trim()).filter(|step| !step.is_empty()) {
        match paths.last() {
            None => paths.push(step.to_owned()),
            Some(parent) => paths.push(format!("{parent}{CATEGORY_SEPARATOR}{step}")),
        }
    }
    paths
}

/// A category as people write it (`bags>handbags`, `Bags / Handbags` is one step) in the folded form of the payload.
#[must_use]
pub fn fold_category(path: &str) -> String {
    let steps: Vec<String> = path.split('>').map(fold).filter(|step| !step.is_empty()).collect();
    steps.join(CATEGORY_SEPARATOR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_unifies_case_width_and_space() {
        assert_eq!(fold("  ＡＢＣ\u{3000}Größe \n x "), "abc größe x");
        assert_eq!(code("AB-12 3/x"), "ab123x");
        assert_eq!(fold_category("Bags>  Hand  Bags"), "bags > hand bags");
    }

    #[test]
    fn category_paths_are_prefixes() {
        let path = ["Bags".to_owned(), " ".to_owned(), "Handbags".to_owned()];
        assert_eq!(category_paths(&path), ["Bags", "Bags > Handbags"]);
    }

    #[test]
    fn columns_round_trip_through_their_path() {
        let mut columns = Column::STANDARD.to_vec();
        columns.push(Column::Attribute(attribute("Größe \"cm\"")));
        columns.push(Column::Attribute("a.b".to_owned()));
        for column in columns {
            assert_eq!(Column::parse(&column.to_string()), Some(column));
        }
    }
}
