//! The table as a file: what a start reads instead of the payload of every product.
//!
//! Written are the columns as they stand in memory, one after another in MessagePack; what can be made of them (who has which
//! value, who is in which group) is made when they are read. Sketches come first, as bytes. A million products are 220 MB.

use std::io::{Read, Write};

use roaring::RoaringBitmap;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::colours::Packed;
use super::values::{Forward, Place, Values};
use super::{NONE, Table};
use crate::index::fields::Column;
use crate::index::sketch::Sketches;

/// Version of the layout. Raise it with any change of what is written, here, in `lexicon/kept.rs` or in `postings/run.rs`, or of how values are folded.
pub(in crate::index) const LAYOUT: u32 = 4;

/// What is written of a text column.
#[derive(Serialize, Deserialize)]
struct KeptColumn {
    path: String,
    /// The text of each value, with its spellings and how many rows have each.
    values: Vec<(Box<str>, Vec<(Box<str>, u32)>)>,
}

impl Table {
    /// Writes the table.
    pub(in crate::index) fn write(&self, out: &mut impl Write) -> Result<(), String> {
        self.sketches.write(out).map_err(|error| error.to_string())?;
        put(out, &self.keys)?;
        for set in [&self.live, &self.pictured, &self.in_stock] {
            put(out, &set.iter().collect::<Vec<u32>>())?;
        }
        put(out, &self.price)?;
        put(out, &self.stock)?;
        put(out, &self.added_at)?;
        for texts in [&self.title, &self.id] {
            put(out, &texts.iter().map(|text| ((text >> 64) as u64, *text as u64)).collect::<Vec<_>>())?;
        }
        put(out, &self.group)?;
        put(out, &self.groups.names)?;
        put(out, &self.brand)?;
        put(out, &self.colours)?;
        let column = |column: &Column| {
            let values = self.texts.get(column).map_or_else(Vec::new, Values::kept);
            KeptColumn { path: column.to_string(), values }
        };
        put(out, &self.columns.iter().map(column).collect::<Vec<_>>())?;
        // Not all rows' texts at once: they are the largest part by far.
        for texts in &self.forward {
            put(out, &texts.iter().collect::<Vec<_>>())?;
        }
        Ok(())
    }

    /// Reads what [`Table::write`] wrote.
    pub(in crate::index) fn read(input: &mut impl Read) -> Result<Self, String> {
        let sketches = Sketches::read(input).map_err(|error| error.to_string())?;
        let mut input = rmp_serde::Deserializer::new(input);
        let keys: Vec<u64> = take(&mut input)?;
        let mut table = Self {
            live: rows(take(&mut input)?, keys.len())?,
            pictured: rows(take(&mut input)?, keys.len())?,
            in_stock: rows(take(&mut input)?, keys.len())?,
            price: take(&mut input)?,
            stock: take(&mut input)?,
            added_at: take(&mut input)?,
            keys,
            sketches,
            ..Self::default()
        };
        for texts in [&mut table.title, &mut table.id] {
            let text = |(high, low): (u64, u64)| u128::from(high) << 64 | u128::from(low);
            *texts = take::<Vec<(u64, u64)>>(&mut input)?.into_iter().map(text).collect();
        }
        table.group = take(&mut input)?;
        table.groups.names = take(&mut input)?;
        table.brand = take(&mut input)?;
        table.colours = take::<Vec<Packed>>(&mut input)?;
        for kept in take::<Vec<KeptColumn>>(&mut input)? {
            let column = Column::parse(&kept.path).ok_or_else(|| format!("`{}` is no column", kept.path))?;
            table.numbers.insert(column.clone(), table.columns.len() as u32);
            table.columns.push(column.clone());
            table.texts.insert(column, Values::of_kept(kept.values));
        }
        let rows = table.keys.len();
        let lengths = [
            table.price.len(),
            table.stock.len(),
            table.added_at.len(),
            table.title.len(),
            table.id.len(),
            table.group.len(),
            table.brand.len(),
            table.colours.len(),
        ];
        if lengths.iter().any(|length| *length != rows) {
            return Err("its columns have different lengths".to_owned());
        }
        let texts = |_| take::<Vec<(u32, Place)>>(&mut input).map(|texts| Forward::of(&texts));
        table.forward = (0..rows).map(texts).collect::<Result<_, _>>()?;
        if table.pictured.max().is_some_and(|row| !table.sketches.reach(row)) {
            return Err("it lacks sketches of products that have pictures".to_owned());
        }
        table.connect()?;
        Ok(table)
    }

    /// Makes what follows from the columns.
    fn connect(&mut self) -> Result<(), String> {
        self.by_key = self.live.iter().map(|row| (self.keys[row as usize], row)).collect();
        self.free = (0..self.keys.len() as u32).filter(|row| !self.live.contains(*row)).collect();
        let mut by_number: Vec<(&Column, &mut Values)> = self.texts.iter_mut().collect();
        by_number.sort_unstable_by_key(|(column, _)| self.numbers[*column]);
        for (row, texts) in (0..).zip(&self.forward) {
            for (column, place) in texts.iter() {
                let values = by_number.get_mut(column as usize);
                if !values.is_some_and(|(_, values)| values.connect(row, place)) {
                    return Err(format!("row {row} has a text that no column has"));
                }
            }
        }
        let names = std::mem::take(&mut self.groups.names);
        self.groups.members = vec![RoaringBitmap::new(); names.len()];
        for (row, group) in (0..).zip(&self.group).filter(|(_, group)| **group != NONE) {
            let members =
                self.groups.members.get_mut(*group as usize).ok_or("a row is of a group that is not there")?;
            members.insert(row);
        }
        for (number, (name, members)) in (0..).zip(names.iter().zip(&self.groups.members)) {
            if members.is_empty() {
                self.groups.free.push(number);
                continue;
            }
            self.groups.by_name.insert(name.clone(), number);
            if members.len() > 1 {
                self.shared |= members;
                self.groups.several += 1;
            }
        }
        self.groups.names = names;
        Ok(())
    }
}

pub(in crate::index) fn put(out: &mut impl Write, value: &(impl Serialize + ?Sized)) -> Result<(), String> {
    rmp_serde::encode::write(out, value).map_err(|error| error.to_string())
}

pub(in crate::index) fn take<T: DeserializeOwned>(
    input: &mut rmp_serde::Deserializer<rmp_serde::decode::ReadReader<impl Read>>,
) -> Result<T, String> {
    T::deserialize(input).map_err(|error| error.to_string())
}

/// A set of rows, each below `end`, in rising order.
fn rows(rows: Vec<u32>, end: usize) -> Result<RoaringBitmap, String> {
    if rows.last().is_some_and(|last| *last as usize >= end) {
        return Err("it names a row that is not there".to_owned());
    }
    RoaringBitmap::from_sorted_iter(rows).map_err(|_| "its rows are not in order".to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::catalogue::Product;
    use crate::index::IndexPoint;
    use crate::index::sketch::{Sketcher, some};

    fn point(key: u64, kind: u8) -> IndexPoint {
        let brand = ["Nike", "NIKE", "Puma"][kind as usize % 3];
        let product: Product = serde_json::from_value(json!({
            "id": format!("p{key}"), "title": format!("Thing {kind}"), "brand": brand,
            "category": ["Bags", format!("Kind {}", kind % 5)], "group": (kind % 2 == 0).then(|| format!("g{}", kind % 7)),
            "price": {"amount": format!("{kind}.50"), "currency": "EUR"}, "stock": (kind % 3 == 0).then_some(kind),
            "attributes": {"Colour": if kind % 4 == 0 { json!(["red", "blue"]) } else { json!("Red") }},
            "added_at": "2026-01-31T12:00:00Z",
        }))
        .unwrap();
        IndexPoint::of(&product, key, Vec::new())
    }

    /// All that a table says, in the order of keys rather than of rows.
    fn said(table: &Table) -> String {
        let mut rows: Vec<u32> = table.live.iter().collect();
        rows.sort_by_key(|row| table.key(*row));
        let product = |row: &u32| {
            let at = *row as usize;
            let texts: Vec<_> = table.forward[at]
                .iter()
                .map(|(column, place)| {
                    let column = &table.columns[column as usize];
                    (column.to_string(), table.texts[column].get(place.value).text.clone())
                })
                .collect();
            let sets = [&table.pictured, &table.in_stock, &table.shared].map(|set| set.contains(*row));
            let (group, brand) = (table.variants(*row, &table.live), table.brand(*row).is_some());
            assert_eq!(table.cards(&table.live, true), table.firsts(&table.live, true).len());
            let mut likeness = Vec::new();
            if table.pictured.contains(*row) {
                let sought = Sketcher::new(5).seek(&[vec![1.0, -0.5, 0.25, 2.0, 0.0]]);
                table.estimate(&sought, &[*row], &mut likeness);
            }
            format!(
                "{} {:?} {sets:?} {:?} {:?} {:?} {group} {brand} {texts:?} {likeness:?}\n",
                table.key(*row),
                table.price(*row),
                table.stock(*row),
                table.added_at(*row),
                table.title(*row)
            )
        };
        let columns = [Column::Brand, Column::Category, Column::Group, Column::Attribute("colour".into())];
        let facets = columns.map(|column| format!("{:?}\n", table.facet(&column, &table.live, true, 99)));
        rows.iter().map(product).collect::<String>() + &facets.concat()
    }

    fn again(table: &Table) -> Table {
        let mut bytes = Vec::new();
        table.write(&mut bytes).unwrap();
        Table::read(&mut bytes.as_slice()).unwrap()
    }

    proptest! {
        #[test]
        fn a_table_that_is_read_is_the_one_that_was_written_and_goes_on_as_it(
            before in proptest::collection::vec((0_u64..30, any::<u8>(), any::<bool>()), 0..60),
            after in proptest::collection::vec((0_u64..30, any::<u8>(), any::<bool>()), 0..20),
        ) {
            let apply = |table: &mut Table, (key, kind, put): (u64, u8, bool)| {
                if put { table.put(key, &some(kind, kind as usize % 3), &point(key, kind).payload); } else { table.remove(key); }
            };
            let mut table = Table::default();
            before.into_iter().for_each(|change| apply(&mut table, change));
            let mut read = again(&table);
            prop_assert_eq!(said(&read), said(&table));
            for change in after {
                apply(&mut table, change);
                apply(&mut read, change);
            }
            prop_assert_eq!(said(&read), said(&table));
            prop_assert_eq!(said(&again(&read)), said(&table));
        }

        #[test]
        fn bytes_that_are_no_table_are_refused_without_a_panic(
            cut in any::<prop::sample::Index>(), near in 0_usize..2_000, at in 0_usize..2_000, byte in any::<u8>(),
        ) {
            let mut table = Table::default();
            for key in 0..20 {
                table.put(key, &some(key as u8, 1), &point(key, key as u8).payload);
            }
            let mut bytes = Vec::new();
            table.write(&mut bytes).unwrap();
            let whole = bytes.len();
            // Sketches, which come first, are most of it.
            let cut = if near % 2 == 0 { cut.index(whole + 1) } else { whole.saturating_sub(near) };
            bytes.truncate(cut);
            prop_assert_eq!(Table::read(&mut bytes.as_slice()).is_err(), cut < whole);
            let at = if near % 4 < 2 { at } else { cut.saturating_sub(at) };
            if let Some(changed) = bytes.get_mut(at) {
                *changed = byte;
                let _ = Table::read(&mut bytes.as_slice());
            }
        }
    }
}
