//! One text column: which rows have which value, and how each value is spelled.

use std::collections::HashMap;

use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};

use crate::index::packed::Packed;

/// Where a row's text is found again: its value, and the spelling of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) value: u32,
    spelling: u32,
}

/// The texts of one row: the number of a column and the place there, three numbers each.
#[derive(Debug, Clone, Default)]
pub(super) struct Forward(Packed);

impl Forward {
    pub(super) fn of(texts: &[(u32, Place)]) -> Self {
        Self(texts.iter().flat_map(|(column, place)| [*column, place.value, place.spelling]).collect())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, Place)> {
        let mut numbers = self.0.iter();
        std::iter::from_fn(move || Some((numbers.next()?, Place { value: numbers.next()?, spelling: numbers.next()? })))
    }
}

/// Texts that fold alike are one value.
#[derive(Debug, Default)]
pub(super) struct Values {
    by_spelling: HashMap<Box<str>, Place>,
    by_text: HashMap<Box<str>, u32>,
    list: Vec<Value>,
    /// Values nobody has any more.
    free: Vec<u32>,
}

/// One value of a column.
#[derive(Debug, Default)]
pub(super) struct Value {
    /// As filters compare it.
    pub(super) text: Box<str>,
    spellings: Vec<(Box<str>, u32)>,
    pub(super) rows: RoaringBitmap,
}

impl Value {
    /// The most frequent spelling; of equals, the first in the order of the alphabet.
    pub(super) fn shown(&self) -> &str {
        let best = self.spellings.iter().filter(|(_, count)| *count > 0);
        best.max_by(|a, b| a.1.cmp(&b.1).then_with(|| b.0.cmp(&a.0))).map_or(&self.text, |(shown, _)| shown)
    }
}

impl Values {
    /// Notes that a row has a text; `fold` gives the form in which it is compared.
    pub(super) fn add(&mut self, row: u32, shown: &str, fold: impl FnOnce(&str) -> String) -> Place {
        let place = match self.by_spelling.get(shown) {
            Some(place) => *place,
            None => self.learn(shown, fold(shown)),
        };
        let value = &mut self.list[place.value as usize];
        value.spellings[place.spelling as usize].1 += 1;
        value.rows.insert(row);
        place
    }

    fn learn(&mut self, shown: &str, text: String) -> Place {
        let text = text.into_boxed_str();
        let value = match self.by_text.get(&text) {
            Some(value) => *value,
            None => {
                let fresh = Value { text: text.clone(), ..Value::default() };
                let number = match self.free.pop() {
                    Some(number) => {
                        self.list[number as usize] = fresh;
                        number
                    }
                    None => {
                        self.list.push(fresh);
                        self.list.len() as u32 - 1
                    }
                };
                self.by_text.insert(text, number);
                number
            }
        };
        let spellings = &mut self.list[value as usize].spellings;
        spellings.push((shown.into(), 0));
        let place = Place { value, spelling: spellings.len() as u32 - 1 };
        self.by_spelling.insert(shown.into(), place);
        place
    }

    /// Takes a row's text away again. A value nobody has is forgotten.
    pub(super) fn remove(&mut self, row: u32, place: Place) {
        let value = &mut self.list[place.value as usize];
        if let Some((_, count)) = value.spellings.get_mut(place.spelling as usize) {
            *count = count.saturating_sub(1);
        }
        value.rows.remove(row);
        if value.rows.is_empty() && value.spellings.iter().all(|(_, count)| *count == 0) {
            for (shown, _) in &value.spellings {
                self.by_spelling.remove(shown);
            }
            self.by_text.remove(&value.text);
            *value = Value::default();
            self.free.push(place.value);
        }
    }

    /// What is written of the values: the text of each, its spellings and how many rows have each.
    pub(super) fn kept(&self) -> Vec<(Box<str>, Vec<(Box<str>, u32)>)> {
        self.list.iter().map(|value| (value.text.clone(), value.spellings.clone())).collect()
    }

    /// The values that were written; nobody has them yet: see [`Values::connect`].
    pub(super) fn of_kept(kept: Vec<(Box<str>, Vec<(Box<str>, u32)>)>) -> Self {
        let mut values = Self::default();
        for (number, (text, spellings)) in (0..).zip(kept) {
            if spellings.is_empty() {
                values.free.push(number);
            } else {
                values.by_text.insert(text.clone(), number);
            }
            for (spelling, (shown, _)) in (0..).zip(&spellings) {
                values.by_spelling.insert(shown.clone(), Place { value: number, spelling });
            }
            values.list.push(Value { text, spellings, rows: RoaringBitmap::new() });
        }
        values
    }

    /// Notes that a row has what is counted already; false when there is no such value.
    pub(super) fn connect(&mut self, row: u32, place: Place) -> bool {
        let value = self.list.get_mut(place.value as usize);
        let value = value.filter(|value| (place.spelling as usize) < value.spellings.len());
        value.map(|value| value.rows.insert(row)).is_some()
    }

    /// Rows with this text, folded.
    pub(super) fn equal(&self, text: &str) -> Option<&RoaringBitmap> {
        self.by_text.get(text).map(|value| &self.list[*value as usize].rows)
    }

    /// Values that somebody has.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Value> {
        self.list.iter().filter(|value| !value.rows.is_empty())
    }

    /// How many values there are, about.
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn get(&self, value: u32) -> &Value {
        &self.list[value as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::fields::fold;

    #[test]
    fn spellings_are_one_value_and_the_most_frequent_is_shown() {
        let mut values = Values::default();
        let first = values.add(1, "NIKE", fold);
        values.add(2, "Nike", fold);
        values.add(3, "Nike", fold);
        assert_eq!(values.equal("nike").unwrap().len(), 3);
        assert_eq!(values.iter().next().unwrap().shown(), "Nike");
        values.remove(1, first);
        assert_eq!(values.equal("nike").unwrap().len(), 2);
    }

    #[test]
    fn what_nobody_has_is_forgotten_and_its_place_used_again() {
        let mut values = Values::default();
        for row in 0..1_000 {
            let place = values.add(row, &format!("value {row}"), fold);
            values.remove(row, place);
        }
        assert_eq!((values.len(), values.iter().count(), values.by_text.len(), values.by_spelling.len()), (1, 0, 0, 0));
    }
}
