//! Brands and category paths, and the products that have them.

use std::collections::HashMap;

use super::keys::Keys;
use crate::index::fields::{CATEGORY_SEPARATOR, fold};

/// Names as shown, with their products.
#[derive(Debug, Default)]
pub(super) struct Names {
    ids: HashMap<Box<str>, u32>,
    entries: Vec<Entry>,
    free: Vec<u32>,
}

#[derive(Debug, Default)]
struct Entry {
    shown: Box<str>,
    /// What a query is compared with: of a path the last step, folded.
    folded: Box<str>,
    products: Keys,
}

impl Entry {
    fn of(shown: &str) -> Self {
        let last = shown.rsplit(CATEGORY_SEPARATOR).next().unwrap_or(shown);
        Self { shown: shown.into(), folded: fold(last).into(), products: Keys::None }
    }
}

/// A brand or category path that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// As shown; steps of a path are parted by ` > `.
    pub name: String,
    /// Number of products that have it.
    pub products: u64,
}

impl Names {
    /// One more product has a name; gives the name's number.
    pub(super) fn put(&mut self, shown: &str, product: u64) -> u32 {
        let id = if let Some(id) = self.ids.get(shown) {
            *id
        } else {
            let entry = Entry::of(shown);
            let id = if let Some(id) = self.free.pop() {
                self.entries[id as usize] = entry;
                id
            } else {
                self.entries.push(entry);
                (self.entries.len() - 1) as u32
            };
            self.ids.insert(shown.into(), id);
            id
        };
        self.entries[id as usize].products.insert(product);
        id
    }

    /// A name by its number.
    pub(super) fn shown(&self, id: u32) -> &str {
        &self.entries[id as usize].shown
    }

    /// The names by their numbers; empty where there is none.
    pub(super) fn kept(&self) -> Vec<&str> {
        self.entries.iter().map(|entry| &*entry.shown).collect()
    }

    /// Names that were written; nobody has them yet: see [`Names::connect`].
    pub(super) fn of_kept(kept: Vec<Box<str>>) -> Self {
        let mut names = Self::default();
        for (id, shown) in (0..).zip(kept) {
            if shown.is_empty() {
                names.free.push(id);
                names.entries.push(Entry::default());
            } else {
                names.entries.push(Entry::of(&shown));
                names.ids.insert(shown, id);
            }
        }
        names
    }

    /// Notes that a product has a name that was written; `None` when there is no such name.
    pub(super) fn connect(&mut self, id: u32, product: u64) -> Option<()> {
        let entry = self.entries.get_mut(id as usize).filter(|entry| !entry.shown.is_empty())?;
        entry.products.insert(product);
        Some(())
    }

    /// A product has a name no longer.
    pub(super) fn remove(&mut self, id: u32, product: u64) {
        let entry = &mut self.entries[id as usize];
        entry.products.remove(product);
        if entry.products.is_empty() {
            let gone = std::mem::take(entry);
            self.ids.remove(&gone.shown);
            self.free.push(id);
        }
    }

    /// The names one of whose words begins what `folded` says: those that begin with it first, then by number of products.
    pub(super) fn find(&self, folded: &str, most: usize) -> Vec<Named> {
        let mut found: Vec<(bool, u64, &Entry)> = Vec::new();
        if folded.is_empty() {
            return Vec::new();
        }
        for entry in &self.entries {
            let starts = entry.folded.starts_with(folded);
            if starts || at_word(&entry.folded, folded) {
                found.push((!starts, entry.products.len(), entry));
            }
        }
        found.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)).then(a.2.shown.cmp(&b.2.shown)));
        found.truncate(most);
        found.into_iter().map(|(_, products, entry)| Named { name: entry.shown.to_string(), products }).collect()
    }
}

/// Whether `part` stands in `text` at the beginning of a word; anywhere where the script has no spaces.
fn at_word(text: &str, part: &str) -> bool {
    text.match_indices(part).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        before.is_none_or(|before| !before.is_alphanumeric() || u32::from(before) >= 0x2E80)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_by_the_beginning_of_a_word_and_go_with_their_last_product() {
        let mut names = Names::default();
        names.put("Bags > Hand Bags", 1);
        let backpacks = names.put("Bags > Backpacks", 1);
        names.put("Bags", 1);
        names.put("Bags", 2);
        let found = |names: &Names, text: &str| -> Vec<String> {
            names.find(text, 9).into_iter().map(|named| named.name).collect()
        };
        assert_eq!(found(&names, "ba"), ["Bags", "Bags > Backpacks", "Bags > Hand Bags"]);
        assert_eq!(found(&names, "bags"), ["Bags", "Bags > Hand Bags"]);
        assert!(found(&names, "ags").is_empty());
        names.remove(backpacks, 1);
        assert!(found(&names, "backpacks").is_empty());
        assert_eq!(names.put("女士手提包", 3), backpacks);
        assert_eq!(found(&names, "手提包"), ["女士手提包"]);
    }
}
