//! From the tree to the index's own filter.

use qdrant_edge::external::ordered_float::OrderedFloat;
use qdrant_edge::{
    Condition, DateTimeWrapper, FieldCondition, Filter, HasIdCondition, IsEmptyCondition, Match, PointId, Range,
};

use super::matches::{Bound, Span, folded_prefix, folded_value};
use super::{Check, Comparison, Expr, Field, Literal, Test};
use crate::index::{Column, Index, IndexError, Table};

impl Expr {
    /// The same filter for the index.
    ///
    /// Tests by prefix are looked up here, in the index and in its table, so the filter is good for this moment only.
    ///
    /// # Errors
    /// When the index fails during such a look-up.
    pub fn compile(&self, index: &Index, table: &Table) -> Result<Filter, IndexError> {
        Ok(match self.condition(index, table)? {
            Condition::Filter(filter) => filter,
            other => Filter::new_must(other),
        })
    }

    fn condition(&self, index: &Index, table: &Table) -> Result<Condition, IndexError> {
        let all = |parts: &[Self]| parts.iter().map(|part| part.condition(index, table)).collect::<Result<Vec<_>, _>>();
        Ok(match self {
            Self::And(parts) => Condition::Filter(Filter { must: Some(all(parts)?), ..Filter::default() }),
            Self::Or(parts) => any(all(parts)?),
            Self::Not(inner) => not(inner.condition(index, table)?),
            Self::Test(test) => test.condition(index, table)?,
        })
    }
}

impl Test {
    fn condition(&self, index: &Index, table: &Table) -> Result<Condition, IndexError> {
        Ok(match &self.check {
            Check::Set => self.equal(&Literal::Flag(true)),
            Check::Is(Comparison::Equal, literal) => self.equal(literal),
            Check::Is(Comparison::NotEqual, literal) => not(self.equal(literal)),
            Check::Is(comparison, literal) => self.span(Span::of(*comparison, literal)),
            Check::In(literals) => self.any_of(literals),
            Check::Between(low, high) => self.span(Span::between(low, high)),
            Check::StartsWith(prefix) => self.starts_with(prefix, index, table)?,
            Check::Exists => match path(&self.text_column()) {
                Some(path) => not(Condition::IsEmpty(IsEmptyCondition::from(path))),
                None => nothing(),
            },
        })
    }

    /// The column that holds the field's values, texts folded.
    fn text_column(&self) -> Column {
        match &self.field {
            Field::Id => Column::Id,
            Field::Title => Column::Title,
            Field::Price => Column::Price,
            Field::Currency => Column::Currency,
            Field::Availability => Column::Availability,
            Field::InStock => Column::InStock,
            Field::Stock => Column::Stock,
            Field::Brand => Column::BrandFolded,
            Field::Category => Column::CategoryFolded,
            Field::Group => Column::Group,
            Field::Code => Column::Codes,
            Field::AddedAt => Column::AddedAt,
            Field::PictureColour => Column::PictureColour,
            Field::Attribute(name) => Column::AttributeFolded(name.clone()),
        }
    }

    fn number_column(&self) -> Column {
        match &self.field {
            Field::Attribute(name) => Column::AttributeNumber(name.clone()),
            _ => self.text_column(),
        }
    }

    fn equal(&self, literal: &Literal) -> Condition {
        match literal {
            Literal::Text(text) => texts(&self.text_column(), [folded_value(&self.field, text)]),
            Literal::Flag(flag) if self.field == Field::InStock => match path(&Column::InStock) {
                Some(path) => Condition::Field(FieldCondition::new_match(path, Match::from(*flag))),
                None => nothing(),
            },
            Literal::Flag(flag) => texts(&self.text_column(), [flag.to_string()]),
            Literal::Number(_) | Literal::Day(_) | Literal::Moment(_) => {
                self.span(Span::of(Comparison::Equal, literal))
            }
        }
    }

    /// Texts go into one look-up, however many they are.
    fn any_of(&self, literals: &[Literal]) -> Condition {
        let mut words = Vec::new();
        let mut others = Vec::new();
        for literal in literals {
            match literal {
                Literal::Text(text) => words.push(folded_value(&self.field, text)),
                other => others.push(self.equal(other)),
            }
        }
        if !words.is_empty() {
            others.push(texts(&self.text_column(), words));
        }
        any(others)
    }

    fn span(&self, span: Span) -> Condition {
        let Some(path) = path(&self.number_column()) else { return nothing() };
        let moments = matches!(span.above.or(span.below), Some(Bound::Moment { .. }));
        if moments {
            let mut range = Range { lt: None, gt: None, gte: None, lte: None };
            if let Some(Bound::Moment { at, included }) = span.above {
                *(if included { &mut range.gte } else { &mut range.gt }) = Some(DateTimeWrapper(at));
            }
            if let Some(Bound::Moment { at, included }) = span.below {
                *(if included { &mut range.lte } else { &mut range.lt }) = Some(DateTimeWrapper(at));
            }
            return Condition::Field(FieldCondition::new_datetime_range(path, range));
        }
        let mut range = Range { lt: None, gt: None, gte: None, lte: None };
        if let Some(Bound::Number { at, included }) = span.above {
            *(if included { &mut range.gte } else { &mut range.gt }) = Some(OrderedFloat(at));
        }
        if let Some(Bound::Number { at, included }) = span.below {
            *(if included { &mut range.lte } else { &mut range.lt }) = Some(OrderedFloat(at));
        }
        Condition::Field(FieldCondition::new_range(path, range))
    }

    fn starts_with(&self, prefix: &str, index: &Index, table: &Table) -> Result<Condition, IndexError> {
        let prefix = folded_prefix(&self.field, prefix);
        let rows = match &self.field {
            Field::Title | Field::Id => index.starting_with(table, &self.column(), &prefix)?,
            // The table leaves them out: there are as many as products.
            Field::Code => return Ok(texts(&Column::Codes, index.codes_starting_with(&prefix)?)),
            _ => {
                // Few different values: look at all of them.
                let column = self.text_column();
                let fitting = table.values(&self.column()).filter(|value| value.starts_with(&prefix));
                return Ok(texts(&column, fitting.map(str::to_owned)));
            }
        };
        Ok(has_keys(rows.iter().map(|row| table.key(row))))
    }
}

/// Products with one of these keys.
pub(crate) fn has_keys(keys: impl IntoIterator<Item = u64>) -> Condition {
    Condition::HasId(keys.into_iter().map(PointId::NumId).collect::<HasIdCondition>())
}

/// Not this.
pub(crate) fn not(condition: Condition) -> Condition {
    Condition::Filter(Filter { must_not: Some(vec![condition]), ..Filter::default() })
}

fn any(mut conditions: Vec<Condition>) -> Condition {
    match conditions.len() {
        0 => nothing(),
        1 => conditions.remove(0),
        _ => Condition::Filter(Filter { should: Some(conditions), ..Filter::default() }),
    }
}

fn nothing() -> Condition {
    has_keys([])
}

fn texts(column: &Column, values: impl IntoIterator<Item = String>) -> Condition {
    let Some(path) = path(column) else { return nothing() };
    let values: Vec<String> = values.into_iter().collect();
    match values.as_slice() {
        [] => nothing(),
        [value] => Condition::Field(FieldCondition::new_match(path, Match::from(value.clone()))),
        _ => Condition::Field(FieldCondition::new_match(path, Match::from(values))),
    }
}

fn path(column: &Column) -> Option<qdrant_edge::JsonPath> {
    column.to_string().parse().ok()
}
