//! What a set of rows amounts to: cards, values, ends of ranges.
//!
//! A *card* is what a shopper sees as one thing: a product, or all variants of a group together when these collapse.

use std::collections::{HashMap, HashSet};

use roaring::RoaringBitmap;

use super::values::Place;
use super::{NEVER, NONE, Table};
use crate::index::fields::Column;

/// One row looked up in a hash map takes as long as so many in a list.
const MANY_MORE: u64 = 10;

/// What is shown as one thing; see the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Card {
    /// One product, by its row.
    Product(u32),
    /// A variant group, by its number.
    Group(u32),
}

/// One value of a facet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FacetCount {
    /// As shown.
    pub value: String,
    /// Products that have it and match the filter.
    pub count: usize,
}

impl Table {
    /// The product of a row.
    #[must_use]
    pub fn key(&self, row: u32) -> u64 {
        self.keys[row as usize]
    }

    /// What a row is shown as.
    #[must_use]
    pub fn card(&self, row: u32, collapse: bool) -> Card {
        match self.group[row as usize] {
            group if collapse && group != NONE => Card::Group(group),
            _ => Card::Product(row),
        }
    }

    /// What the shopper pays.
    #[must_use]
    pub fn price(&self, row: u32) -> Option<f64> {
        Some(self.price[row as usize]).filter(|price| !price.is_nan())
    }

    /// Pieces on hand.
    #[must_use]
    pub fn stock(&self, row: u32) -> Option<f64> {
        Some(self.stock[row as usize]).filter(|stock| !stock.is_nan())
    }

    /// Since when it is sold, in microseconds since 1970.
    #[must_use]
    pub fn added_at(&self, row: u32) -> Option<i64> {
        Some(self.added_at[row as usize]).filter(|moment| *moment != NEVER)
    }

    /// A number that orders titles by their first 16 bytes, and whether the title may go on after them.
    #[must_use]
    pub fn title(&self, row: u32) -> (u128, bool) {
        let key = self.title[row as usize];
        (key, key & 0xFF != 0)
    }

    /// A number for the brand, the same for all its spellings.
    #[must_use]
    pub fn brand(&self, row: u32) -> Option<u32> {
        Some(self.brand[row as usize]).filter(|brand| *brand != NONE)
    }

    /// A number for the last step of a row's category path: the whole path.
    #[must_use]
    pub fn kind(&self, row: u32) -> Option<u32> {
        let number = self.numbers.get(&Column::Category)?;
        let places = self.forward[row as usize].iter().filter(|(column, _)| column == number);
        places.last().map(|(_, place)| place.value)
    }

    /// The first step of a row's category path, folded.
    #[must_use]
    pub fn category(&self, row: u32) -> Option<&str> {
        let number = self.numbers.get(&Column::Category)?;
        let (_, place) = self.forward[row as usize].iter().find(|(column, _)| column == number)?;
        Some(&self.texts.get(&Column::Category)?.get(place.value).text)
    }

    /// How many cards a set makes.
    #[must_use]
    pub fn cards(&self, set: &RoaringBitmap, collapse: bool) -> usize {
        if !collapse {
            return set.len() as usize;
        }
        let shared = set.intersection_len(&self.shared);
        let (alone, missing) = ((set.len() - shared) as usize, self.shared.len() - shared);
        // Where few are missing (the product asked about, what is hidden) these are looked at.
        if missing < shared / MANY_MORE {
            let lost = if missing == 0 { 0 } else { self.groups_within(&(&self.shared - set)) };
            return alone + self.groups.several - lost;
        }
        // A place for each group rather than a hash set: most of a large catalogue may be variants.
        let mut seen = vec![false; self.groups.members.len()];
        let groups = (set & &self.shared)
            .into_iter()
            .filter(|row| !std::mem::replace(&mut seen[self.group[*row as usize] as usize], true))
            .count();
        alone + groups
    }

    /// How many groups have all their members among these, which all are members of groups.
    fn groups_within(&self, rows: &RoaringBitmap) -> usize {
        let mut counts: HashMap<u32, u64> = HashMap::new();
        for row in rows {
            *counts.entry(self.group[row as usize]).or_default() += 1;
        }
        counts.into_iter().filter(|(group, count)| self.groups.members[*group as usize].len() == *count).count()
    }

    /// For each brand number: how many cards. A card counts for the brand of its first product; those without a brand come
    /// under `None`.
    #[must_use]
    pub fn cards_by_brand(&self, set: &RoaringBitmap, collapse: bool) -> Vec<(Option<u32>, usize)> {
        let mut counts = std::collections::HashMap::new();
        for row in self.firsts(set, collapse) {
            *counts.entry(self.brand(row)).or_insert(0) += 1;
        }
        counts.into_iter().collect()
    }

    /// The first product of each card, by key.
    pub(super) fn firsts(&self, set: &RoaringBitmap, collapse: bool) -> Vec<u32> {
        if !collapse {
            return set.iter().collect();
        }
        let mut firsts: Vec<u32> = (set - &self.shared).iter().collect();
        let mut of_group = std::collections::HashMap::new();
        for row in &(set & &self.shared) {
            let first = of_group.entry(self.group[row as usize]).or_insert(row);
            if self.key(row) < self.key(*first) {
                *first = row;
            }
        }
        firsts.extend(of_group.into_values());
        firsts
    }

    /// The first product of a row's group that is in `set`, by key; the row itself where it has no group.
    #[must_use]
    pub fn first_of_group(&self, set: &RoaringBitmap, row: u32) -> u32 {
        match self.group[row as usize] {
            NONE => row,
            group => {
                let there = &self.groups.members[group as usize] & set;
                there.iter().min_by_key(|row| self.key(*row)).unwrap_or(row)
            }
        }
    }

    /// How many products of a set share a row's group, itself included.
    #[must_use]
    pub fn variants(&self, row: u32, set: &RoaringBitmap) -> usize {
        match self.group[row as usize] {
            NONE => 1,
            group => self.groups.members[group as usize].intersection_len(set).max(1) as usize,
        }
    }

    /// A set with all variants of its products.
    #[must_use]
    pub fn whole_groups(&self, set: &RoaringBitmap) -> RoaringBitmap {
        let mut whole = set.clone();
        for row in &(set & &self.shared) {
            whole |= &self.groups.members[self.group[row as usize] as usize];
        }
        whole
    }

    /// The `limit` most frequent values of a text column in a set, by cards, most frequent first, ties by value.
    #[must_use]
    pub fn facet(&self, column: &Column, set: &RoaringBitmap, collapse: bool, limit: usize) -> Vec<FacetCount> {
        // Who searches by photo and filters nothing counts the whole catalogue, the same each time.
        let everything = *set == self.live;
        if !everything && *set != self.pictured {
            return self.counted(column, set, collapse, limit);
        }
        let of_all = (column.clone(), everything, collapse, limit);
        if let Some(counts) = self.whole.lock().get(&of_all) {
            return counts.clone();
        }
        let counts = self.counted(column, set, collapse, limit);
        // A column that nobody has is asked for by whoever likes to.
        if !counts.is_empty() {
            self.whole.lock().insert(of_all, counts.clone());
        }
        counts
    }

    fn counted(&self, column: &Column, set: &RoaringBitmap, collapse: bool, limit: usize) -> Vec<FacetCount> {
        let mut counts: Vec<FacetCount> = if *column == Column::Group {
            let members = |number: &u32| &self.groups.members[*number as usize];
            let found = self.groups.by_name.iter().map(|(name, number)| {
                let there = members(number).intersection_len(set) as usize;
                FacetCount { value: name.to_string(), count: if collapse { there.min(1) } else { there } }
            });
            found.filter(|found| found.count > 0).collect()
        } else {
            self.count_values(column, set, collapse)
        };
        counts.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value)));
        counts.truncate(limit);
        counts
    }

    fn count_values(&self, column: &Column, set: &RoaringBitmap, collapse: bool) -> Vec<FacetCount> {
        let (Some(values), Some(number)) = (self.texts.get(column), self.numbers.get(column)) else {
            return Vec::new();
        };
        let shared = if collapse { set & &self.shared } else { RoaringBitmap::new() };
        // Many values, few rows: go over the rows.
        if (set.len() as usize) < values.len() {
            return self.count_by_rows(*number, set, &shared, values);
        }
        let alone = if shared.is_empty() { None } else { Some(set - &shared) };
        let alone = alone.as_ref().unwrap_or(set);
        // The last value for which a group was counted.
        let mut counted = vec![NONE; if shared.is_empty() { 0 } else { self.groups.members.len() }];
        let mut counts = Vec::new();
        for (turn, value) in (0..).zip(values.iter()) {
            let mut count = value.rows.intersection_len(alone) as usize;
            if !shared.is_empty() && !value.rows.is_disjoint(&shared) {
                for row in &(&value.rows & &shared) {
                    let group = self.group[row as usize] as usize;
                    if counted[group] != turn {
                        counted[group] = turn;
                        count += 1;
                    }
                }
            }
            if count > 0 {
                counts.push(FacetCount { value: value.shown().to_owned(), count });
            }
        }
        counts
    }

    fn count_by_rows(
        &self,
        number: u32,
        set: &RoaringBitmap,
        shared: &RoaringBitmap,
        values: &super::values::Values,
    ) -> Vec<FacetCount> {
        let mut counts = std::collections::HashMap::new();
        let mut counted = HashSet::new();
        for row in set {
            let grouped = shared.contains(row);
            let mut had: Vec<u32> = Vec::new();
            for (_, Place { value, .. }) in self.forward[row as usize].iter().filter(|(column, _)| *column == number) {
                // Two spellings of one value in one product are one.
                if had.contains(&value) {
                    continue;
                }
                had.push(value);
                if grouped && !counted.insert((self.group[row as usize], value)) {
                    continue;
                }
                *counts.entry(value).or_insert(0) += 1;
            }
        }
        let shown = |(value, count): (u32, usize)| FacetCount { value: values.get(value).shown().to_owned(), count };
        counts.into_iter().map(shown).collect()
    }

    /// The lowest and the highest price of a set.
    #[must_use]
    pub fn price_range(&self, set: &RoaringBitmap) -> Option<(f64, f64)> {
        let prices = set.iter().filter_map(|row| self.price(row));
        prices.fold(None, |range, price| {
            Some(range.map_or((price, price), |(low, high): (f64, f64)| (low.min(price), high.max(price))))
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::index::sketch::some;

    proptest! {
        #[test]
        fn cards_are_counted_alike_however_few_are_missing(
            groups in proptest::collection::vec(0_u8..40, 1..200),
            missing in proptest::collection::vec(any::<proptest::sample::Index>(), 0..12),
            many in any::<bool>(),
        ) {
            let mut table = Table::default();
            for (key, group) in (1..).zip(&groups) {
                let group = (*group < 30).then(|| json!({"group": format!("g{group}")}));
                table.put(key, &some(0, 1), group.as_ref().and_then(serde_json::Value::as_object).unwrap_or(&serde_json::Map::new()));
            }
            let those: RoaringBitmap = missing.iter().map(|at| at.index(groups.len()) as u32).collect();
            let set = if many { those } else { &table.live - &those };
            prop_assert_eq!(table.cards(&set, true), table.firsts(&set, true).len());
            prop_assert_eq!(table.cards(&set, false) as u64, set.len());
        }
    }
}
