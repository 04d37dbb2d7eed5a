//! Counts of values over what a search found, in cards.

use roaring::RoaringBitmap;

use super::FacetValue;
use super::query::FacetField;
use crate::index::Table;

/// Most values of one facet.
const MOST_VALUES: usize = 100;
/// Ranges of a price facet, about.
const RANGES: f64 = 6.0;

/// Counts one facet over a set: how many cards have a product of the set with the value.
pub(super) fn count(table: &Table, set: &RoaringBitmap, facet: &FacetField, collapse: bool) -> Vec<FacetValue> {
    match facet {
        FacetField::Values(column, _) => {
            let counts = table.facet(column, set, collapse, MOST_VALUES);
            let value = |value, count| FacetValue { value, count, from: None, to: None };
            counts.into_iter().map(|counted| value(counted.value, counted.count)).collect()
        }
        FacetField::Price => prices(table, set, collapse),
    }
}

/// Ranges of the price with round ends that together hold every product that has one.
fn prices(table: &Table, set: &RoaringBitmap, collapse: bool) -> Vec<FacetValue> {
    let Some((lowest, highest)) = table.price_range(set) else { return Vec::new() };
    let ends = round_ends(lowest, highest);
    let last = ends.len().saturating_sub(2);
    let mut ranges: Vec<RoaringBitmap> = vec![RoaringBitmap::new(); last + 1];
    for row in set {
        if let Some(price) = table.price(row) {
            // The first range whose end lies above; the last one includes its end.
            let at = ends.iter().skip(1).position(|end| price < *end).unwrap_or(last);
            ranges[at.min(last)].insert(row);
        }
    }
    let value = |(pair, rows): (&[f64], &RoaringBitmap)| {
        let count = table.cards(rows, collapse);
        let [from, to] = [pair[0], pair[1]];
        (count > 0).then(|| FacetValue { value: format!("{from}..{to}"), count, from: Some(from), to: Some(to) })
    };
    ends.windows(2).zip(&ranges).filter_map(value).collect()
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
