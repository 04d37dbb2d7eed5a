//! Which rows pass a test.

use std::ops::RangeInclusive;

use roaring::{MultiOps as _, RoaringBitmap};

use super::values::Values;
use super::{BEGINNING, NEVER, NONE, Table, beginning};
use crate::index::fields::{Column, FieldKind};
use crate::index::point::number;

impl Table {
    /// Every product.
    #[must_use]
    pub fn all(&self) -> &RoaringBitmap {
        &self.live
    }

    /// Products that have a picture.
    #[must_use]
    pub fn pictured(&self) -> &RoaringBitmap {
        &self.pictured
    }

    /// Products that can be taken home now.
    #[must_use]
    pub fn in_stock(&self) -> &RoaringBitmap {
        &self.in_stock
    }

    /// Rows of products; keys that are not there are left out.
    #[must_use]
    pub fn rows(&self, keys: impl IntoIterator<Item = u64>) -> RoaringBitmap {
        keys.into_iter().filter_map(|key| self.row(key)).collect()
    }

    /// The row of a product.
    #[must_use]
    pub fn row(&self, key: u64) -> Option<u32> {
        self.by_key.get(key).copied()
    }

    /// Rows whose text column has one of these values, folded.
    #[must_use]
    pub fn equal<'t>(&self, column: &Column, texts: impl IntoIterator<Item = &'t str>) -> RoaringBitmap {
        if *column == Column::Group {
            let groups = texts.into_iter().filter_map(|name| self.groups.by_name.get(name));
            return groups.map(|group| &self.groups.members[*group as usize]).union();
        }
        let Some(values) = self.texts.get(column) else { return RoaringBitmap::new() };
        texts.into_iter().filter_map(|text| values.equal(text)).union()
    }

    /// Names of the attributes that products have or had, folded, sorted.
    pub(in crate::index) fn attributes(&self) -> Vec<String> {
        let name = |column: &Column| match column {
            Column::Attribute(name) => Some(name.clone()),
            _ => None,
        };
        let mut names: Vec<String> = self.texts.keys().filter_map(name).collect();
        names.sort_unstable();
        names
    }

    /// The different values of a text column, folded.
    #[must_use]
    pub fn values(&self, column: &Column) -> Box<dyn Iterator<Item = &str> + '_> {
        if *column == Column::Group {
            return Box::new(self.groups.by_name.keys().map(|name| &**name));
        }
        Box::new(self.texts.get(column).into_iter().flat_map(Values::iter).map(|value| &*value.text))
    }

    /// Rows whose text column has a value, folded, that passes.
    #[must_use]
    pub fn texts(&self, column: &Column, passes: impl Fn(&str) -> bool) -> RoaringBitmap {
        if *column == Column::Group {
            let named = self.groups.by_name.iter().filter(|(name, _)| passes(name));
            return named.map(|(_, group)| &self.groups.members[*group as usize]).union();
        }
        let Some(values) = self.texts.get(column) else { return RoaringBitmap::new() };
        values.iter().filter(|value| passes(&value.text)).map(|value| &value.rows).union()
    }

    /// Rows whose title or id, folded, starts with a prefix, as far as its first 16 bytes tell; none for an empty one and
    /// for other columns.
    #[must_use]
    pub fn starting_with(&self, column: &Column, prefix: &str) -> RoaringBitmap {
        let texts = match column {
            Column::Title => &self.title,
            Column::Id => &self.id,
            _ => return RoaringBitmap::new(),
        };
        let known = prefix.len().min(BEGINNING);
        if known == 0 {
            return RoaringBitmap::new();
        }
        let (wanted, rest) = (beginning(prefix), 8 * (BEGINNING - known));
        self.of_values(texts, |text| (text ^ wanted) >> rest == 0)
    }

    /// Rows with a number within a range: prices, pieces on hand, numbers among an attribute's values.
    #[must_use]
    pub fn numbers(&self, column: &Column, range: RangeInclusive<f64>) -> RoaringBitmap {
        let (low, high) = range.into_inner();
        let values = match column {
            Column::Price => &self.price,
            Column::Stock => &self.stock,
            Column::Attribute(_) => {
                return self.texts(column, |text| number(text).is_some_and(|number| number >= low && number <= high));
            }
            _ => return RoaringBitmap::new(),
        };
        self.of_values(values, |number| *number >= low && *number <= high)
    }

    /// Rows whose value, one a row, passes.
    fn of_values<T>(&self, values: &[T], passes: impl Fn(&T) -> bool) -> RoaringBitmap {
        // Eight bits at a time: a million rows in a millisecond, where asking the set for one row after the other takes ten.
        let bits = |rows: &[T]| rows.iter().rev().fold(0_u8, |bits, value| bits << 1 | u8::from(passes(value)));
        let bytes: Vec<u8> = values.chunks(8).map(bits).collect();
        // Rows that were removed keep their value until they are used again.
        RoaringBitmap::from_lsb0_bytes(0, &bytes) & &self.live
    }

    /// Rows with a date, in microseconds since 1970, that passes.
    #[must_use]
    pub fn moments(&self, passes: impl Fn(i64) -> bool) -> RoaringBitmap {
        self.of_values(&self.added_at, |moment| *moment != NEVER && passes(*moment))
    }

    /// Rows that have a value at all.
    #[must_use]
    pub fn there(&self, column: &Column) -> RoaringBitmap {
        match column {
            Column::Title => self.of_values(&self.title, |title| *title != 0),
            Column::Group => self.of_values(&self.group, |group| *group != NONE),
            Column::AddedAt => self.moments(|_| true),
            Column::InStock => self.live.clone(),
            column if column.kind() == FieldKind::Number => self.numbers(column, f64::NEG_INFINITY..=f64::INFINITY),
            column => self.texts(column, |_| true),
        }
    }
}
