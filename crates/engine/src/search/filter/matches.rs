//! The meaning of a filter, said once in plain Rust: what the index must agree with.

use std::ops::RangeInclusive;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};

use super::{Check, Comparison, Expr, Field, Literal, Test};
use crate::catalogue::Product;
use crate::image::Palette;
use crate::index;
use crate::index::fields::{PREFIX_LEN, category_paths, code, fold, fold_category};

impl Expr {
    /// Whether a product passes; `palette` is that of its main picture, where it is known.
    #[must_use]
    pub fn matches(&self, product: &Product, palette: Option<&Palette>) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|part| part.matches(product, palette)),
            Self::Or(parts) => parts.iter().any(|part| part.matches(product, palette)),
            Self::Not(inner) => !inner.matches(product, palette),
            Self::Test(test) => test.matches(product, palette),
        }
    }
}

/// The values of one field of one product.
#[derive(Debug, Default)]
struct Values {
    /// Folded.
    texts: Vec<String>,
    numbers: Vec<f64>,
    flag: Option<bool>,
    moment: Option<DateTime<Utc>>,
}

impl Test {
    /// Whether a product passes this test; see [`Expr::matches`].
    #[must_use]
    pub fn matches(&self, product: &Product, palette: Option<&Palette>) -> bool {
        let values = values(&self.field, product, palette);
        match &self.check {
            Check::Set => values.flag == Some(true) || values.texts.iter().any(|text| text == "true"),
            Check::Is(Comparison::NotEqual, literal) => !self.equals(&values, literal),
            Check::Is(Comparison::Equal, literal) => self.equals(&values, literal),
            Check::Is(comparison, literal) => Span::of(*comparison, literal).holds(&values),
            Check::In(literals) => literals.iter().any(|literal| self.equals(&values, literal)),
            Check::Between(low, high) => Span::between(low, high).holds(&values),
            Check::StartsWith(prefix) => {
                let prefix = folded_prefix(&self.field, prefix);
                values.texts.iter().any(|text| text.starts_with(&prefix))
            }
            Check::Exists => {
                !values.texts.is_empty()
                    || !values.numbers.is_empty()
                    || values.flag.is_some()
                    || values.moment.is_some()
            }
        }
    }

    fn equals(&self, values: &Values, literal: &Literal) -> bool {
        match literal {
            Literal::Text(text) => values.texts.contains(&folded_value(&self.field, text)),
            Literal::Flag(flag) => match values.flag {
                Some(value) => value == *flag,
                None => values.texts.iter().any(|text| text == if *flag { "true" } else { "false" }),
            },
            Literal::Number(_) | Literal::Day(_) | Literal::Moment(_) => {
                Span::of(Comparison::Equal, literal).holds(values)
            }
        }
    }
}

/// The form in which the payload holds a text value of this field.
pub(super) fn folded_value(field: &Field, text: &str) -> String {
    match field {
        Field::Category => fold_category(text),
        Field::Code => code(text),
        Field::Group => index::shorten(text).to_owned(),
        _ => fold(index::shorten(text.trim())),
    }
}

/// The form in which prefixes of this field are compared.
pub(super) fn folded_prefix(field: &Field, prefix: &str) -> String {
    let folded = fold(prefix);
    match field {
        // Titles are kept up to here only.
        Field::Title => folded.chars().take(PREFIX_LEN).collect(),
        _ => folded,
    }
}

fn values(field: &Field, product: &Product, palette: Option<&Palette>) -> Values {
    let mut values = Values::default();
    match field {
        Field::Id => values.texts.push(fold(index::shorten(&product.id))),
        Field::Title => values.texts.extend(Some(index::folded_title(product)).filter(|title| !title.is_empty())),
        Field::Price => values.numbers.extend(index::effective_price(product)),
        Field::Currency => values.texts.extend(index::currency(product)),
        Field::Availability => values.texts.push(index::availability(product).to_owned()),
        Field::InStock => values.flag = Some(index::in_stock(product)),
        Field::Stock => {
            #[expect(clippy::cast_precision_loss, reason = "the index keeps numbers as floats too")]
            values.numbers.extend(product.stock.map(|stock| stock as f64));
        }
        Field::Brand => values.texts.extend(index::brand(product).map(fold)),
        Field::Category => {
            values.texts.extend(category_paths(&product.category).iter().map(|path| fold_category(path)))
        }
        Field::Group => values.texts.extend(index::group(product).map(str::to_owned)),
        Field::Code => values.texts.extend(index::codes(product)),
        Field::AddedAt => {
            values.moment =
                product.added_at.and_then(|moment| DateTime::from_timestamp_micros(moment.timestamp_micros()));
        }
        Field::PictureColour => {
            let families = palette.map(index::picture_colours).unwrap_or_default();
            values.texts.extend(families.into_iter().map(str::to_owned));
        }
        Field::Attribute(name) => {
            if let Some(columns) = index::attributes(product).remove(name) {
                values.texts.extend(columns.shown.iter().map(|text| fold(text)));
                values.numbers = columns.numbers;
            }
        }
    }
    values
}

/// A span of numbers or moments; ends that are absent are open.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(super) struct Span {
    pub(super) above: Option<Bound>,
    pub(super) below: Option<Bound>,
}

/// One end of a span.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Bound {
    Number { at: f64, included: bool },
    Moment { at: DateTime<Utc>, included: bool },
}

impl Span {
    /// The values for which `value <comparison> literal` holds. `!=` is not a span; it gives the span of `=`.
    pub(super) fn of(comparison: Comparison, literal: &Literal) -> Self {
        use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
        let from = |included| Some(start(literal, included));
        let to = |included| Some(end(literal, included));
        match comparison {
            Equal | NotEqual => Self { above: from(true), below: to(true) },
            Less => Self { above: None, below: Some(start(literal, false)) },
            LessOrEqual => Self { above: None, below: to(true) },
            Greater => Self { above: Some(end(literal, false)), below: None },
            GreaterOrEqual => Self { above: from(true), below: None },
        }
    }

    pub(super) fn between(low: &Literal, high: &Literal) -> Self {
        Self { above: Some(start(low, true)), below: Some(end(high, true)) }
    }

    fn holds(&self, values: &Values) -> bool {
        values.numbers.iter().any(|number| self.holds_number(*number))
            || values.moment.is_some_and(|moment| self.holds_moment(moment))
    }

    /// Whether a number lies inside; never when the ends are moments.
    pub(super) fn holds_number(&self, number: f64) -> bool {
        let above = self.above.is_none_or(|bound| match bound {
            Bound::Number { at, included } => {
                if included {
                    number >= at
                } else {
                    number > at
                }
            }
            Bound::Moment { .. } => false,
        });
        let below = self.below.is_none_or(|bound| match bound {
            Bound::Number { at, included } => {
                if included {
                    number <= at
                } else {
                    number < at
                }
            }
            Bound::Moment { .. } => false,
        });
        above && below
    }

    /// The numbers inside, as a range with both its ends; none when the ends are moments.
    pub(super) fn numbers(&self) -> Option<RangeInclusive<f64>> {
        let end = |bound, open: f64, beside: fn(f64) -> f64| match bound {
            None => Some(open),
            Some(Bound::Number { at, included }) => Some(if included { at } else { beside(at) }),
            Some(Bound::Moment { .. }) => None,
        };
        let low = end(self.above, f64::NEG_INFINITY, f64::next_up)?;
        let high = end(self.below, f64::INFINITY, f64::next_down)?;
        Some(low..=high)
    }

    /// Whether a moment lies inside; never when the ends are numbers.
    pub(super) fn holds_moment(&self, moment: DateTime<Utc>) -> bool {
        let above = self.above.is_none_or(|bound| match bound {
            Bound::Moment { at, included } => {
                if included {
                    moment >= at
                } else {
                    moment > at
                }
            }
            Bound::Number { .. } => false,
        });
        let below = self.below.is_none_or(|bound| match bound {
            Bound::Moment { at, included } => {
                if included {
                    moment <= at
                } else {
                    moment < at
                }
            }
            Bound::Number { .. } => false,
        });
        above && below
    }
}

/// The bound at the beginning of a literal (a day begins at midnight). `included` is whether the beginning belongs inside.
fn start(literal: &Literal, included: bool) -> Bound {
    match literal {
        Literal::Day(day) => Bound::Moment { at: midnight(*day), included },
        Literal::Moment(at) => Bound::Moment { at: *at, included },
        Literal::Number(at) => Bound::Number { at: *at, included },
        // The parser lets no other literal near a span.
        Literal::Text(_) | Literal::Flag(_) => Bound::Number { at: f64::NAN, included },
    }
}

/// The bound at the end of a literal: with a day that is the next midnight, which itself is never part of the day.
fn end(literal: &Literal, included: bool) -> Bound {
    match literal {
        Literal::Day(day) => {
            let next = day.checked_add_days(Days::new(1)).unwrap_or(NaiveDate::MAX);
            // Up to and with the day: before the next midnight. After the day: from the next midnight on.
            Bound::Moment { at: midnight(next), included: !included }
        }
        other => start(other, included),
    }
}

fn midnight(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_utc()
}
