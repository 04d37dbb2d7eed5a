//! The payload in memory, by column: who passes a filter, how many cards that makes, in which order, with which values.
//!
//! Everything about a set of products (who passes, its size with the variants of a group counted once, facets, sorting by
//! value) is answered here, by bitmaps over rows: the engine counts a product twice while an optimisation has it in two
//! segments, cannot count groups, and reads the payload of every product again for each field that it is to have an index of.
//!
//! A row is a product's place in the columns; it stays as long as the product does. The table is read from its file when an
//! index opens (`kept`), or filled from the payload where there is no such file, and follows every write.

mod colours;
mod counts;
pub(super) mod kept;
mod select;
mod values;

use std::collections::HashMap;

use parking_lot::Mutex;
use roaring::RoaringBitmap;
use serde_json::{Map, Value as Json};

use self::colours::{Asked, Packed};
pub use self::counts::{Card, FacetCount};
use self::values::{Forward, Place, Values};
use super::fields::{Column, fold, fold_category};
use super::paged::Paged;
use super::sketch::{Sketch, Sketches, Sought};
use crate::image::{Colour, Palette};

/// No group, no brand.
const NONE: u32 = u32::MAX;
/// Bytes of the beginning of a text that are kept.
pub(super) const BEGINNING: usize = 16;
/// No date.
const NEVER: i64 = i64::MIN;

/// Columns of texts that are counted and compared; attributes come beside them.
const TEXTS: [Column; 5] =
    [Column::Brand, Column::Category, Column::Availability, Column::Currency, Column::PictureColour];

/// See the module.
#[derive(Debug, Default)]
pub struct Table {
    by_key: Paged<u32>,
    keys: Vec<u64>,
    /// Rows of products that were removed, to be used again.
    free: Vec<u32>,
    live: RoaringBitmap,
    pictured: RoaringBitmap,
    sketches: Sketches,
    in_stock: RoaringBitmap,
    /// Not a number where there is none.
    price: Vec<f64>,
    stock: Vec<f64>,
    /// Microseconds since 1970.
    added_at: Vec<i64>,
    /// The first 16 bytes of the folded title, which sort as the title does.
    title: Vec<u128>,
    /// The same of the folded id.
    id: Vec<u128>,
    /// Number of the variant group.
    group: Vec<u32>,
    groups: Groups,
    /// Rows that share their group with another.
    shared: RoaringBitmap,
    texts: HashMap<Column, Values>,
    /// Number of the brand's value.
    brand: Vec<u32>,
    /// Colours of the main picture.
    colours: Vec<Packed>,
    /// Of each row: in which columns it has which text.
    forward: Vec<Forward>,
    /// Columns by the number they have in `forward`.
    columns: Vec<Column>,
    numbers: HashMap<Column, u32>,
    /// Facets of all products together (or of all with a picture), by column, whether it is all, whether variants are one, and how
    /// many values; as long as nothing changes.
    whole: Mutex<HashMap<(Column, bool, bool, usize), Vec<FacetCount>>>,
}

/// Variant groups by name.
#[derive(Debug, Default)]
struct Groups {
    by_name: HashMap<Box<str>, u32>,
    members: Vec<RoaringBitmap>,
    names: Vec<Box<str>>,
    free: Vec<u32>,
    /// How many have two members or more.
    several: usize,
}

impl Table {
    /// How many products it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.live.len() as usize
    }

    /// One more than the highest row.
    #[must_use]
    pub fn rows_used(&self) -> usize {
        self.keys.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.live.is_empty()
    }

    /// Notes a product and its pictures; what was known of its key before is forgotten. Returns its row.
    pub(super) fn put(&mut self, key: u64, pictures: &[Sketch], payload: &Map<String, Json>) -> u32 {
        self.remove(key);
        self.whole.get_mut().clear();
        let row = self.free.pop().unwrap_or_else(|| self.grow());
        let at = row as usize;
        self.by_key.insert(key, row);
        self.keys[at] = key;
        self.live.insert(row);
        self.sketches.put(row, pictures);
        if !pictures.is_empty() {
            self.pictured.insert(row);
        }
        if flag(payload, &Column::InStock) {
            self.in_stock.insert(row);
        }
        let number = |column: &Column| lookup(payload, column).and_then(Json::as_f64).unwrap_or(f64::NAN);
        self.price[at] = number(&Column::Price);
        self.stock[at] = number(&Column::Stock);
        self.added_at[at] = lookup(payload, &Column::AddedAt)
            .and_then(Json::as_str)
            .and_then(|text| chrono::DateTime::parse_from_rfc3339(text).ok())
            .map_or(NEVER, |moment| moment.timestamp_micros());
        let text = |column: &Column| lookup(payload, column).and_then(Json::as_str).unwrap_or_default();
        self.title[at] = beginning(text(&Column::Title));
        self.id[at] = beginning(text(&Column::Id));
        self.colours[at] = lookup(payload, &Column::Palette)
            .and_then(Palette::from_payload)
            .map_or_else(Packed::default, |palette| Packed::of(&palette));
        self.group[at] = NONE;
        if let Some(name) = lookup(payload, &Column::Group).and_then(Json::as_str) {
            self.join(row, name);
        }
        self.brand[at] = NONE;
        let mut forward = Vec::new();
        for column in TEXTS {
            for text in strings(lookup(payload, &column)) {
                let place = self.note(&column, row, text, &mut forward);
                if column == Column::Brand {
                    self.brand[at] = place.value;
                }
            }
        }
        if let Some(attributes) = payload.get("shown").and_then(Json::as_object) {
            for (name, shown) in attributes {
                let column = Column::Attribute(name.clone());
                for text in strings(Some(shown)) {
                    self.note(&column, row, text, &mut forward);
                }
            }
        }
        self.forward[at] = Forward::of(&forward);
        row
    }

    fn note(&mut self, column: &Column, row: u32, text: &str, forward: &mut Vec<(u32, Place)>) -> Place {
        let number = match self.numbers.get(column) {
            Some(number) => *number,
            None => {
                let number = self.columns.len() as u32;
                self.columns.push(column.clone());
                self.numbers.insert(column.clone(), number);
                number
            }
        };
        let folded = |text: &str| match column {
            Column::Category => fold_category(text),
            _ => fold(text),
        };
        let place = self.texts.entry(column.clone()).or_default().add(row, text, folded);
        forward.push((number, place));
        place
    }

    /// Forgets a product; false when it was not there.
    pub(super) fn remove(&mut self, key: u64) -> bool {
        let Some(row) = self.by_key.remove(key) else { return false };
        self.whole.get_mut().clear();
        let at = row as usize;
        for (number, place) in std::mem::take(&mut self.forward[at]).iter() {
            if let Some(values) = self.columns.get(number as usize).and_then(|column| self.texts.get_mut(column)) {
                values.remove(row, place);
            }
        }
        self.leave(row);
        self.colours[at] = Packed::default();
        self.live.remove(row);
        self.pictured.remove(row);
        self.in_stock.remove(row);
        self.free.push(row);
        true
    }

    /// How much of each row's product has a colour, 0 to 1, by row; see [`Palette::share_of`]. 0 for rows that are empty and for
    /// products whose colours are not known. About 11 ms for a million products.
    #[must_use]
    pub fn shares_of(&self, colour: &Colour) -> Vec<f32> {
        let asked = Asked::of(colour);
        self.colours.iter().map(|packed| asked.share(*packed)).collect()
    }

    /// How much products are estimated to be like what is looked for, in the order of `rows`, which have pictures: MaxSim, as
    /// [`super::Index::nearest`] scores them, to about 0.02 for embeddings of 256 numbers and unit length. 5 ms for a million.
    pub fn estimate(&self, sought: &Sought, rows: &[u32], estimates: &mut Vec<f32>) {
        self.sketches.estimate(sought, rows, estimates);
    }

    fn grow(&mut self) -> u32 {
        let row = self.keys.len() as u32;
        self.keys.push(0);
        self.price.push(f64::NAN);
        self.stock.push(f64::NAN);
        self.added_at.push(NEVER);
        self.title.push(0);
        self.id.push(0);
        self.group.push(NONE);
        self.brand.push(NONE);
        self.colours.push(Packed::default());
        self.forward.push(Forward::default());
        row
    }

    fn join(&mut self, row: u32, name: &str) {
        let group = self.groups.number(name);
        self.group[row as usize] = group;
        let members = &mut self.groups.members[group as usize];
        members.insert(row);
        match members.len() {
            0 | 1 => {}
            2 => {
                self.shared |= &*members;
                self.groups.several += 1;
            }
            _ => drop(self.shared.insert(row)),
        }
    }

    fn leave(&mut self, row: u32) {
        let group = std::mem::replace(&mut self.group[row as usize], NONE);
        if group == NONE {
            return;
        }
        self.shared.remove(row);
        let members = &mut self.groups.members[group as usize];
        members.remove(row);
        match members.len() {
            0 => self.groups.forget(group),
            1 => {
                self.shared -= &*members;
                self.groups.several -= 1;
            }
            _ => {}
        }
    }
}

impl Groups {
    fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.by_name.get(name) {
            return *number;
        }
        let number = match self.free.pop() {
            Some(number) => {
                self.names[number as usize] = name.into();
                number
            }
            None => {
                self.names.push(name.into());
                self.members.push(RoaringBitmap::new());
                self.names.len() as u32 - 1
            }
        };
        self.by_name.insert(name.into(), number);
        number
    }

    fn forget(&mut self, group: u32) {
        let name = std::mem::take(&mut self.names[group as usize]);
        self.by_name.remove(&name);
        self.free.push(group);
    }
}

fn lookup<'p>(payload: &'p Map<String, Json>, column: &Column) -> Option<&'p Json> {
    payload.get(column.keys().0)
}

fn flag(payload: &Map<String, Json>, column: &Column) -> bool {
    lookup(payload, column).and_then(Json::as_bool).unwrap_or(false)
}

/// A text, or each of a list.
fn strings(value: Option<&Json>) -> impl Iterator<Item = &str> {
    let one = value.and_then(Json::as_str);
    let many = value.and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str);
    one.into_iter().chain(many)
}

/// The first bytes as a number that compares as the text does, as far as they tell.
fn beginning(folded: &str) -> u128 {
    let mut bytes = [0; BEGINNING];
    for (byte, found) in bytes.iter_mut().zip(folded.bytes()) {
        *byte = found;
    }
    u128::from_be_bytes(bytes)
}
