//! Counts of values over what a search found.
//!
//! A field's own filter is left out while its values are counted (disjunctive facets): a shopper who chose one brand sees what
//! the others would bring.

use qdrant_edge::{Condition, FieldCondition, Filter, Range};

use super::execute::narrowed;
use super::filter::{Expr, Field};
use super::query::{FacetField, Query};
use super::{FacetValue, SearchError};
use crate::index::{Column, Index, Order};

/// Most values of one facet.
const MOST_VALUES: usize = 100;
/// Ranges of a price facet, about.
const RANGES: f64 = 6.0;

/// Counts one facet. `within` gives the products that words found under a filter; `None` when every product that passes the
/// filter counts.
pub(super) fn count(
    index: &Index,
    query: &Query,
    facet: &FacetField,
    exclude: &[u64],
    within: &dyn Fn(Option<&Expr>) -> Result<Option<Vec<u64>>, SearchError>,
) -> Result<Vec<FacetValue>, SearchError> {
    let field = match facet {
        FacetField::Values(_, field) => field,
        FacetField::Price => &Field::Price,
    };
    let filter = query.filter.as_ref().and_then(|filter| filter.without(field));
    let keys = within(filter.as_ref())?;
    let filter = narrowed(index, filter.as_ref(), exclude, keys.as_deref())?;
    match facet {
        FacetField::Values(column, _) => {
            let counts = index.facet(column, filter.as_ref(), MOST_VALUES)?;
            let value = |value, count| FacetValue { value, count, from: None, to: None };
            Ok(counts.into_iter().map(|counted| value(counted.value, counted.count)).collect())
        }
        FacetField::Price => prices(index, filter.unwrap_or_default()),
    }
}

/// Ranges of the price with round ends that together hold every product that has one.
fn prices(index: &Index, filter: Filter) -> Result<Vec<FacetValue>, SearchError> {
    let end = |order| -> Result<Option<f64>, SearchError> {
        let keys = index.ordered(&Column::Price, order, Some(&filter), 1)?;
        let values = index.values(&keys, &[Column::Price])?;
        Ok(values.first().and_then(|values| values.first()).and_then(serde_json::Value::as_f64))
    };
    let (Some(lowest), Some(highest)) = (end(Order::Ascending)?, end(Order::Descending)?) else {
        return Ok(Vec::new());
    };
    let ends = round_ends(lowest, highest);
    let mut found = Vec::new();
    for (at, pair) in ends.windows(2).enumerate() {
        let [from, to] = [pair[0], pair[1]];
        let last = at + 2 == ends.len();
        let range = Range {
            gte: Some(from.into()),
            lt: (!last).then_some(to.into()),
            lte: last.then_some(to.into()),
            gt: None,
        };
        let Ok(path) = Column::Price.to_string().parse() else { continue };
        let inside = Condition::Field(FieldCondition::new_range(path, range));
        let count = index.count(Some(&filter.clone().merge_owned(Filter::new_must(inside))))?;
        if count > 0 {
            found.push(FacetValue { value: format!("{from}..{to}"), count, from: Some(from), to: Some(to) });
        }
    }
    Ok(found)
}

/// Ends of a handful of ranges of equal, round width (1, 2 or 5 times a power of ten) from `lowest` to `highest`.
fn round_ends(lowest: f64, highest: f64) -> Vec<f64> {
    let rough = ((highest - lowest) / RANGES).max(0.01);
    let power = 10_f64.powf(rough.log10().floor());
    let width =
        [1.0, 2.0, 5.0, 10.0].map(|step| step * power).into_iter().find(|width| *width >= rough).unwrap_or(power);
    let from = (lowest / width).floor();
    let to = (highest / width).ceil().max(from + 1.0);
    // Multiples, not sums: sums of 0.1 drift.
    let tidy = |number: f64| (number * 1e6).round() / 1e6;
    (0..=(to - from) as usize).map(|step| tidy((from + step as f64) * width)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_round_and_hold_both_ends() {
        assert_eq!(round_ends(3.0, 97.0), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(round_ends(10.0, 10.0), [10.0, 10.01]);
        for (lowest, highest) in [(0.0, 0.0), (0.99, 1.01), (5.0, 123_456.0), (1e9, 2e9)] {
            let ends = round_ends(lowest, highest);
            assert!(ends[0] <= lowest && *ends.last().unwrap() >= highest && ends.len() <= 12, "{ends:?}");
        }
    }
}
