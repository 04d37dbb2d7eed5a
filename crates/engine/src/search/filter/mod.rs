//! The filter language: `price < 80 AND in_stock AND category = "Bags" AND brand IN ["A", "B"]`.
//!
//! ```text
//! or      = and { OR and }
//! and     = not { AND not }
//! not     = NOT not | "(" or ")" | test
//! test    = field                                  a flag: in_stock
//!         | field op value                         = != < <= > >=
//!         | field [NOT] IN "[" value { "," value } "]"
//!         | field BETWEEN value AND value          both ends included
//!         | field value ".." value                 the same; one end may be left out
//!         | field ( "^=" | STARTS WITH ) string    title, id, brand, category, attributes
//!         | field [NOT] EXISTS
//! field   = name | attributes "." ( name | string )
//! value   = "text" | 'text' | 12.5 | -3 | true | false | 2026-01-31 | 2026-01-31T12:00:00Z
//! ```
//!
//! `colour` is the attribute of that name where the catalogue has one, else `picture_colour`: the basic colours of what the main
//! picture shows, in any language that [`crate::image::Colour`] knows.
//!
//! Keywords, field names and texts are compared without regard to case. A category equals its whole subtree. A field with
//! several values (attributes, category) passes when one of them does. `!=` is `NOT … =`, so it also passes products that
//! lack the field; so does every other `NOT`. A day stands for its 24 hours in UTC.

mod error;
mod lex;
mod lookup;
mod matches;
mod parse;
mod select;
#[cfg(test)]
pub(super) mod tests;

use std::fmt;

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};

pub use error::FilterError;
pub(crate) use lookup::has_keys;
pub use parse::{MAX_DEPTH, MAX_LENGTH, MAX_VALUES, parse};

use crate::index::FieldKind;
use crate::index::fields::{attribute, fold};

/// A filter as a tree.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// All of them; two or more.
    And(Vec<Expr>),
    /// At least one of them; two or more.
    Or(Vec<Expr>),
    /// Not this.
    Not(Box<Expr>),
    /// One test of one field.
    Test(Test),
}

impl Expr {
    /// The same filter without what it asks of `field`, as far as that can be taken out: parts joined by AND that speak of
    /// nothing else. `None` when nothing is left.
    #[must_use]
    pub fn without(&self, field: &Field) -> Option<Self> {
        match self {
            whole if whole.speaks_only_of(field) => None,
            Self::And(parts) => {
                let mut left: Vec<Self> = parts.iter().filter(|part| !part.speaks_only_of(field)).cloned().collect();
                if left.len() > 1 { Some(Self::And(left)) } else { left.pop() }
            }
            whole => Some(whole.clone()),
        }
    }

    fn speaks_only_of(&self, field: &Field) -> bool {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().all(|part| part.speaks_only_of(field)),
            Self::Not(inner) => inner.speaks_only_of(field),
            Self::Test(test) => test.field == *field,
        }
    }
}

/// One test of one field.
#[derive(Debug, Clone, PartialEq)]
pub struct Test {
    /// What is looked at.
    pub field: Field,
    /// What it must be.
    pub check: Check,
}

/// What a field must be.
#[derive(Debug, Clone, PartialEq)]
pub enum Check {
    /// A flag that is set; for attributes: the value `true`.
    Set,
    /// Compared with one value.
    Is(Comparison, Literal),
    /// Equal to one of these.
    In(Vec<Literal>),
    /// From the first to the second value, both included.
    Between(Literal, Literal),
    /// Starts with this text, ignoring case; not empty.
    StartsWith(String),
    /// There at all.
    Exists,
}

/// How a field is compared with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Comparison {
    /// As written.
    #[must_use]
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }
}

/// A value as written.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// Text in quotes.
    Text(String),
    /// A finite number.
    Number(f64),
    /// `true` or `false`.
    Flag(bool),
    /// A day, UTC.
    Day(NaiveDate),
    /// A moment, to the microsecond.
    Moment(DateTime<Utc>),
}

/// What a filter can look at.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Field {
    /// The product's id.
    Id,
    /// Title; only by its start.
    Title,
    /// What the shopper pays.
    Price,
    /// Currency of the price.
    Currency,
    /// `in_stock`, `out_of_stock`, `preorder` or `backorder`.
    Availability,
    /// Can be taken home now.
    InStock,
    /// Pieces on hand.
    Stock,
    /// Brand.
    Brand,
    /// Category path; equals its subtree.
    Category,
    /// Variant group.
    Group,
    /// Id, GTIN or MPN, letters and digits only.
    Code,
    /// Since when it is sold.
    AddedAt,
    /// Basic colours of the main picture's subject, one of [`crate::image::FAMILIES`] each.
    PictureColour,
    /// An attribute by its folded name.
    Attribute(String),
}

impl Field {
    /// The fields every catalogue has, with their names.
    pub const STANDARD: [(&'static str, Self); 13] = [
        ("id", Self::Id),
        ("title", Self::Title),
        ("price", Self::Price),
        ("currency", Self::Currency),
        ("availability", Self::Availability),
        ("in_stock", Self::InStock),
        ("stock", Self::Stock),
        ("brand", Self::Brand),
        ("category", Self::Category),
        ("group", Self::Group),
        ("code", Self::Code),
        ("added_at", Self::AddedAt),
        ("picture_colour", Self::PictureColour),
    ];

    /// The attribute with this name.
    #[must_use]
    pub fn attribute(name: &str) -> Self {
        Self::Attribute(attribute(name))
    }

    /// Kind of its values; `None` for attributes, which may hold any.
    #[must_use]
    pub fn kind(&self) -> Option<FieldKind> {
        match self {
            Self::Price | Self::Stock => Some(FieldKind::Number),
            Self::InStock => Some(FieldKind::Flag),
            Self::AddedAt => Some(FieldKind::Date),
            Self::Attribute(_) => None,
            _ => Some(FieldKind::Text),
        }
    }
}

/// The names a filter may use: the standard fields and the catalogue's attributes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schema {
    attributes: Vec<String>,
}

impl Schema {
    /// A schema with these attribute names.
    pub fn new(attributes: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let mut attributes: Vec<String> = attributes.into_iter().map(|name| attribute(name.as_ref())).collect();
        attributes.sort_unstable();
        attributes.dedup();
        Self { attributes }
    }

    /// Folded names of the attributes, sorted.
    #[must_use]
    pub fn attributes(&self) -> &[String] {
        &self.attributes
    }

    /// The field called `name` in any case: a standard one, or an attribute with or without `attributes.` before it.
    /// British and American `colour` are one name; in a catalogue without such an attribute it is the colour of the picture. On failure the most similar names, best first.
    ///
    /// # Errors
    /// When there is no such field.
    pub fn field(&self, name: &str) -> Result<Field, Vec<String>> {
        let folded = fold(name);
        let (bare, only_attributes) = match folded.strip_prefix("attributes.") {
            Some(bare) => (attribute(bare), true),
            None => (attribute(&folded), false),
        };
        if !only_attributes && let Some((_, field)) = Field::STANDARD.iter().find(|(standard, _)| *standard == bare) {
            return Ok(field.clone());
        }
        let other_spelling = match bare.as_str() {
            "colour" => "color",
            "color" => "colour",
            other => other,
        };
        if let Some(known) = [bare.as_str(), other_spelling].into_iter().find(|name| self.has(name)) {
            return Ok(Field::Attribute(known.to_owned()));
        }
        if !only_attributes && matches!(bare.as_str(), "colour" | "color" | "picture_color") {
            return Ok(Field::PictureColour);
        }
        Err(self.similar(&bare, only_attributes))
    }

    fn has(&self, name: &str) -> bool {
        self.attributes.binary_search_by(|known| known.as_str().cmp(name)).is_ok()
    }

    fn similar(&self, name: &str, only_attributes: bool) -> Vec<String> {
        let standard = Field::STANDARD.iter().map(|(name, _)| *name).filter(|_| !only_attributes);
        closest(name, standard.chain(self.attributes.iter().map(String::as_str)))
    }
}

/// The names most like `word`, best first: at most three, and only if they are like it at all.
pub(crate) fn closest<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let word = fold(word);
    let mut close: Vec<(f64, &str)> = names
        .map(|name| {
            let folded = fold(name);
            // `größe` means `größe (cm)`.
            let begins = word.chars().count() >= 3 && folded.starts_with(&format!("{word} "));
            (if begins { 0.9 } else { strsim::normalized_damerau_levenshtein(&word, &folded) }, name)
        })
        .filter(|(likeness, _)| *likeness >= 0.55)
        .collect();
    close.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    close.into_iter().take(3).map(|(_, name)| name.to_owned()).collect()
}

impl fmt::Display for Expr {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let chain = |out: &mut fmt::Formatter<'_>, parts: &[Self], word: &str| {
            for (at, part) in parts.iter().enumerate() {
                if at > 0 {
                    write!(out, " {word} ")?;
                }
                match part {
                    Self::And(_) | Self::Or(_) => write!(out, "({part})")?,
                    Self::Not(_) | Self::Test(_) => write!(out, "{part}")?,
                }
            }
            Ok(())
        };
        match self {
            Self::And(parts) => chain(out, parts, "AND"),
            Self::Or(parts) => chain(out, parts, "OR"),
            Self::Not(inner) => match inner.as_ref() {
                Self::And(_) | Self::Or(_) => write!(out, "NOT ({inner})"),
                Self::Not(_) | Self::Test(_) => write!(out, "NOT {inner}"),
            },
            Self::Test(test) => write!(out, "{test}"),
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.field)?;
        match &self.check {
            Check::Set => Ok(()),
            Check::Is(comparison, value) => write!(out, " {} {value}", comparison.symbol()),
            Check::In(values) => {
                out.write_str(" IN [")?;
                for (at, value) in values.iter().enumerate() {
                    write!(out, "{}{value}", if at > 0 { ", " } else { "" })?;
                }
                out.write_str("]")
            }
            Check::Between(low, high) => write!(out, " BETWEEN {low} AND {high}"),
            Check::StartsWith(prefix) => write!(out, " ^= {}", Quoted(prefix)),
            Check::Exists => out.write_str(" EXISTS"),
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attribute(name) if lex::is_name(name) => write!(out, "attributes.{name}"),
            Self::Attribute(name) => write!(out, "attributes.{}", Quoted(name)),
            standard => {
                let name = Self::STANDARD.iter().find(|(_, field)| field == standard).map_or("", |(name, _)| name);
                out.write_str(name)
            }
        }
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(out, "{}", Quoted(text)),
            Self::Number(number) => write!(out, "{number}"),
            Self::Flag(flag) => write!(out, "{flag}"),
            Self::Day(day) => write!(out, "{}", day.format("%Y-%m-%d")),
            Self::Moment(moment) => out.write_str(&moment.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
        }
    }
}

/// Text in double quotes with escapes.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("\"")?;
        for character in self.0.chars() {
            match character {
                '"' => out.write_str("\\\"")?,
                '\\' => out.write_str("\\\\")?,
                '\n' => out.write_str("\\n")?,
                '\t' => out.write_str("\\t")?,
                '\r' => out.write_str("\\r")?,
                other => write!(out, "{other}")?,
            }
        }
        out.write_str("\"")
    }
}
