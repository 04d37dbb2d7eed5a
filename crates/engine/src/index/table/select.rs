//! Which rows pass a test.

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
        // Rows that were removed keep theirs until they are used again.
        self.live.iter().filter(|row| (texts[*row as usize] ^ wanted) >> rest == 0).collect()
    }

    /// Rows with a number that passes: prices, pieces on hand, numbers among an attribute's values.
    #[must_use]
    pub fn numbers(&self, column: &Column, passes: impl Fn(f64) -> bool) -> RoaringBitmap {
        let values = match column {
            Column::Price => &self.price,
            Column::Stock => &self.stock,
            Column::Attribute(_) => return self.texts(column, |text| number(text).is_some_and(&passes)),
            _ => return RoaringBitmap::new(),
        };
        // Rows that were removed keep their number until they are used again.
        self.live.iter().filter(|row| passes(values[*row as usize])).collect()
    }

    /// Rows with a date, in microseconds since 1970, that passes.
    #[must_use]
    pub fn moments(&self, passes: impl Fn(i64) -> bool) -> RoaringBitmap {
        let moment = |row: &u32| self.added_at[*row as usize];
        self.live.iter().filter(|row| moment(row) != NEVER && passes(moment(row))).collect()
    }

    /// Rows that have a value at all.
    #[must_use]
    pub fn there(&self, column: &Column) -> RoaringBitmap {
        match column {
            Column::Title => self.live.iter().filter(|row| self.title[*row as usize] != 0).collect(),
            Column::Group => self.live.iter().filter(|row| self.group[*row as usize] != NONE).collect(),
            Column::AddedAt => self.moments(|_| true),
            Column::InStock => self.live.clone(),
            column if column.kind() == FieldKind::Number => self.numbers(column, |number| !number.is_nan()),
            column => self.texts(column, |_| true),
        }
    }
}
