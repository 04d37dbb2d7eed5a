//! Ids and codes: columns with as many values as products, which the table leaves out and the engine has an index for.

use qdrant_edge::{Condition, FieldCondition, Filter, HasIdCondition, IsEmptyCondition, JsonPath, Match, PointId};
use roaring::RoaringBitmap;

use super::matches::{folded_prefix, folded_value};
use super::{Check, Comparison, Literal, Test};
use crate::index::{Column, Index, IndexError, Table};

impl Test {
    /// Rows of the products that pass a test of their id or their codes.
    ///
    /// # Errors
    /// When the index fails.
    pub(super) fn looked_up(&self, index: &Index, table: &Table) -> Result<RoaringBitmap, IndexError> {
        let filter = match self.condition(index)? {
            Condition::Filter(filter) => filter,
            other => Filter::new_must(other),
        };
        let (keys, _) = index.keys(Some(&filter), None, usize::MAX - 1)?;
        Ok(table.rows(keys))
    }

    fn condition(&self, index: &Index) -> Result<Condition, IndexError> {
        Ok(match &self.check {
            Check::Set => self.any_of(&[Literal::Flag(true)]),
            Check::Is(Comparison::Equal, literal) => self.any_of(std::slice::from_ref(literal)),
            Check::Is(Comparison::NotEqual, literal) => not(self.any_of(std::slice::from_ref(literal))),
            Check::In(literals) => self.any_of(literals),
            Check::StartsWith(prefix) => {
                texts(&self.column(), index.codes_starting_with(&folded_prefix(&self.field, prefix))?)
            }
            Check::Exists => {
                let path = self.column().to_string().parse::<JsonPath>().ok();
                path.map_or_else(nothing, |path| not(Condition::IsEmpty(IsEmptyCondition::from(path))))
            }
            // They are texts.
            Check::Is(..) | Check::Between(..) => nothing(),
        })
    }

    /// Texts go into one look-up, however many they are.
    fn any_of(&self, literals: &[Literal]) -> Condition {
        let text = |literal: &Literal| match literal {
            Literal::Text(text) => Some(folded_value(&self.field, text)),
            Literal::Flag(flag) => Some(flag.to_string()),
            Literal::Number(_) | Literal::Day(_) | Literal::Moment(_) => None,
        };
        texts(&self.column(), literals.iter().filter_map(text).collect())
    }
}

/// Products with one of these keys.
pub(crate) fn has_keys(keys: impl IntoIterator<Item = u64>) -> Condition {
    Condition::HasId(keys.into_iter().map(PointId::NumId).collect::<HasIdCondition>())
}

fn not(condition: Condition) -> Condition {
    Condition::Filter(Filter { must_not: Some(vec![condition]), ..Filter::default() })
}

fn nothing() -> Condition {
    has_keys([])
}

fn texts(column: &Column, values: Vec<String>) -> Condition {
    let path = column.to_string().parse::<JsonPath>().ok().filter(|_| !values.is_empty());
    path.map_or_else(nothing, |path| Condition::Field(FieldCondition::new_match(path, Match::from(values))))
}
