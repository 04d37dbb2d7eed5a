//! Hits in the order of their values.

use std::cmp::Ordering;
use std::collections::HashMap;

use roaring::RoaringBitmap;

use super::found::Search;
use super::query::SortField;
use super::rank::Candidate;
use super::spread::cap_brands;
use super::{SearchError, SortOrder};
use crate::index::{Card, Column};

/// Up to so many products are all put in order.
const FEW: usize = 4_096;

/// Products of the set among which the first `need` cards are, in any order; of a large set much fewer than all. What is sorted by first
/// is compared as one number, and products that are equal there are all among them.
pub(super) fn foremost(search: &Search<'_>, set: &RoaringBitmap, need: usize) -> RoaringBitmap {
    let Some(place) = Place::of(search).filter(|_| set.len() as usize > FEW && search.query.per_brand.is_none()) else {
        return set.clone();
    };
    let places: Vec<u128> = set.iter().map(|row| place.of_row(search, row)).collect();
    let mut most = FEW.max(need * 4);
    while most < places.len() {
        let mut sorted = places.clone();
        let last = *sorted.select_nth_unstable(most).1;
        let first: RoaringBitmap =
            set.iter().zip(&places).filter(|(_, place)| **place <= last).map(|(row, _)| row).collect();
        // The variant of a group that comes first is there when any of its variants is.
        if search.table.cards(&first, search.query.collapse) >= need {
            return first;
        }
        most *= 8;
    }
    set.clone()
}

/// What decides first about where a product comes, as a number: the smaller, the earlier.
enum Place {
    Field {
        field: SortField,
        order: SortOrder,
        /// Whether nothing decides after it but the order in which products came.
        alone: bool,
    },
    /// How much has the wanted colour, then the order in which products came.
    Came,
}

impl Place {
    fn of(search: &Search<'_>) -> Option<Self> {
        match search.query.sort.first() {
            None => Some(Self::Came),
            Some((SortField::Score, _)) => None,
            Some(&(field, order)) => {
                let alone = search.query.sort.len() == 1 && search.colours.is_none();
                Some(Self::Field { field, order, alone })
            }
        }
    }

    fn of_row(&self, search: &Search<'_>, row: u32) -> u128 {
        let table = &search.table;
        let &Self::Field { field, order, alone } = self else {
            let colour = search.colour(row).unwrap_or_default();
            return u128::from(!rising(f64::from(colour))) << 64 | u128::from(table.key(row));
        };
        let number = match field {
            SortField::Title => {
                let start = Some(table.title(row).0).filter(|start| *start != 0);
                return start.map_or(u128::MAX, |start| if order == SortOrder::Asc { start } else { !start });
            }
            SortField::Price => table.price(row).map(rising),
            SortField::Stock => table.stock(row).map(rising),
            SortField::AddedAt => table.added_at(row).map(|at| at as u64 ^ 1 << 63),
            SortField::Score => None,
        };
        let number = number.map_or(u64::MAX, |number| if order == SortOrder::Asc { number } else { !number });
        u128::from(number) << 64 | if alone { u128::from(table.key(row)) } else { 0 }
    }
}

/// A number whose order is that of `f64::total_cmp`.
fn rising(value: f64) -> u64 {
    let bits = value.to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

/// At least the first `need` cards, sorted as the query says; products without a value come last in either direction, ties
/// by fit and then in the order in which products came. Of a group the variant that comes first is shown.
pub(super) fn ordered(
    search: &Search<'_>,
    candidates: Vec<Candidate>,
    set: &RoaringBitmap,
    need: usize,
) -> Result<Vec<Candidate>, SearchError> {
    let titles = Titles::of(search, &candidates)?;
    let compare = |a: &Candidate, b: &Candidate| {
        let by_values = search.query.sort.iter().map(|(field, order)| match field {
            SortField::Score => directed(a.score.total_cmp(&b.score), *order),
            SortField::Price => numbers(search.table.price(a.row), search.table.price(b.row), *order),
            SortField::Stock => numbers(search.table.stock(a.row), search.table.stock(b.row), *order),
            SortField::AddedAt => {
                values(search.table.added_at(a.row), search.table.added_at(b.row), *order, |a, b| a.cmp(b))
            }
            SortField::Title => titles.compare(search, a.row, b.row, *order),
        });
        let ordering = by_values.fold(Ordering::Equal, Ordering::then);
        ordering.then(b.score.total_cmp(&a.score)).then(a.key.cmp(&b.key))
    };
    let mut candidates = candidates;
    if search.query.collapse {
        // The first of each card, in one pass; of those that have a card for themselves there is one anyway.
        let mut first: HashMap<u32, Candidate> = HashMap::new();
        candidates.retain(|candidate| {
            let Card::Group(group) = search.table.card(candidate.row, true) else { return true };
            let held = first.entry(group).or_insert(*candidate);
            if compare(candidate, held) == Ordering::Less {
                *held = *candidate;
            }
            false
        });
        candidates.extend(first.into_values());
    }
    if search.query.per_brand.is_none() && need < candidates.len() {
        candidates.select_nth_unstable_by(need, compare);
        candidates.truncate(need);
    }
    candidates.sort_unstable_by(compare);
    if let Some(most) = search.query.per_brand {
        cap_brands(&search.table, set, &mut candidates, search.query.collapse, most);
    }
    Ok(candidates)
}

/// Whole titles of the products whose first bytes do not tell them apart.
struct Titles(HashMap<u32, String>);

impl Titles {
    fn of(search: &Search<'_>, candidates: &[Candidate]) -> Result<Self, SearchError> {
        if !search.query.sort.iter().any(|(field, _)| *field == SortField::Title) {
            return Ok(Self(HashMap::new()));
        }
        let long = candidates.iter().map(|candidate| (search.table.title(candidate.row), candidate));
        let mut long: Vec<(u128, &Candidate)> =
            long.filter(|((_, goes_on), _)| *goes_on).map(|((start, _), candidate)| (start, candidate)).collect();
        long.sort_unstable_by_key(|(start, candidate)| (*start, candidate.key));
        let alike = long.chunk_by(|a, b| a.0 == b.0).filter(|chunk| chunk.len() > 1).flatten();
        let rows: Vec<(u32, u64)> = alike.map(|(_, candidate)| (candidate.row, candidate.key)).collect();
        let keys: Vec<u64> = rows.iter().map(|(_, key)| *key).collect();
        let titles = search.index.values(&keys, &[Column::Title])?;
        let title = |values: Vec<serde_json::Value>| match values.into_iter().next() {
            Some(serde_json::Value::String(title)) => title,
            _ => String::new(),
        };
        Ok(Self(rows.iter().map(|(row, _)| *row).zip(titles.into_iter().map(title)).collect()))
    }

    fn compare(&self, search: &Search<'_>, a: u32, b: u32, order: SortOrder) -> Ordering {
        let start = |row| Some(search.table.title(row).0).filter(|start| *start != 0);
        let starts = values(start(a), start(b), order, |a, b| a.cmp(b));
        starts.then_with(|| directed(self.0.get(&a).cmp(&self.0.get(&b)), order))
    }
}

fn numbers(a: Option<f64>, b: Option<f64>, order: SortOrder) -> Ordering {
    values(a, b, order, |a, b| a.total_cmp(b))
}

fn values<T>(a: Option<T>, b: Option<T>, order: SortOrder, compare: impl Fn(&T, &T) -> Ordering) -> Ordering {
    match (a, b) {
        (None, None) => Ordering::Equal,
        (None, _) => Ordering::Greater,
        (_, None) => Ordering::Less,
        (Some(a), Some(b)) => directed(compare(&a, &b), order),
    }
}

fn directed(ordering: Ordering, order: SortOrder) -> Ordering {
    if order == SortOrder::Asc { ordering } else { ordering.reverse() }
}
