//! From the tree to the rows that pass, exactly.

use roaring::{MultiOps as _, RoaringBitmap};

use super::matches::{Span, folded_prefix, folded_value};
use super::{Check, Comparison, Expr, Field, Literal, Test};
use crate::index::{Column, Index, IndexError, Table};

impl Expr {
    /// Rows of the products that pass.
    ///
    /// Ids, codes and beginnings of titles are looked up in the index; everything else is answered by the table.
    ///
    /// # Errors
    /// When the index fails during such a look-up.
    pub fn select(&self, index: &Index, table: &Table) -> Result<RoaringBitmap, IndexError> {
        Ok(match self {
            Self::And(parts) => {
                let mut passed = table.all().clone();
                for part in parts {
                    if passed.is_empty() {
                        break;
                    }
                    passed &= part.select(index, table)?;
                }
                passed
            }
            Self::Or(parts) => {
                parts.iter().map(|part| part.select(index, table)).collect::<Result<Vec<_>, _>>()?.union()
            }
            Self::Not(inner) => table.all() - inner.select(index, table)?,
            Self::Test(test) => test.select(index, table)?,
        })
    }
}

impl Test {
    fn select(&self, index: &Index, table: &Table) -> Result<RoaringBitmap, IndexError> {
        if let Check::StartsWith(prefix) = &self.check {
            let prefix = folded_prefix(&self.field, prefix);
            return Ok(match &self.field {
                Field::Title | Field::Id => index.starting_with(table, &self.column(), &prefix)?,
                Field::Code => self.looked_up(index, table)?,
                _ => table.texts(&self.column(), |text| text.starts_with(&prefix)),
            });
        }
        if matches!(self.field, Field::Id | Field::Code) {
            return self.looked_up(index, table);
        }
        Ok(match &self.check {
            Check::Set => self.rows_equal(&Literal::Flag(true), table),
            Check::Is(Comparison::Equal, literal) => self.rows_equal(literal, table),
            Check::Is(Comparison::NotEqual, literal) => table.all() - self.rows_equal(literal, table),
            Check::Is(comparison, literal) => self.rows_within(Span::of(*comparison, literal), table),
            Check::In(literals) => literals.iter().map(|literal| self.rows_equal(literal, table)).union(),
            Check::Between(low, high) => self.rows_within(Span::between(low, high), table),
            Check::StartsWith(_) => RoaringBitmap::new(),
            Check::Exists => table.there(&self.column()),
        })
    }

    pub(super) fn column(&self) -> Column {
        match &self.field {
            Field::Id => Column::Id,
            Field::Title => Column::Title,
            Field::Price => Column::Price,
            Field::Currency => Column::Currency,
            Field::Availability => Column::Availability,
            Field::InStock => Column::InStock,
            Field::Stock => Column::Stock,
            Field::Brand => Column::Brand,
            Field::Category => Column::Category,
            Field::Group => Column::Group,
            Field::Code => Column::Codes,
            Field::AddedAt => Column::AddedAt,
            Field::PictureColour => Column::PictureColour,
            Field::Attribute(name) => Column::Attribute(name.clone()),
        }
    }

    fn rows_equal(&self, literal: &Literal, table: &Table) -> RoaringBitmap {
        match literal {
            Literal::Text(text) => table.equal(&self.column(), [folded_value(&self.field, text).as_str()]),
            Literal::Flag(flag) if self.field == Field::InStock => {
                if *flag {
                    table.in_stock().clone()
                } else {
                    table.all() - table.in_stock()
                }
            }
            Literal::Flag(flag) => table.equal(&self.column(), [if *flag { "true" } else { "false" }]),
            Literal::Number(_) | Literal::Day(_) | Literal::Moment(_) => {
                self.rows_within(Span::of(Comparison::Equal, literal), table)
            }
        }
    }

    fn rows_within(&self, span: Span, table: &Table) -> RoaringBitmap {
        if self.field == Field::AddedAt {
            let moment = |micros| chrono::DateTime::from_timestamp_micros(micros);
            return table.moments(|micros| moment(micros).is_some_and(|moment| span.holds_moment(moment)));
        }
        span.numbers().map_or_else(RoaringBitmap::new, |range| table.numbers(&self.column(), range))
    }
}
