//! A map from products' numbers, which are given one after another: pages of neighbours rather than a hash of each.

use std::collections::HashMap;

/// Numbers of one page.
const PAGE: u64 = 256;

/// A map whose keys mostly come in runs. A value takes no more than itself there, where a hash map of a million takes 17 bytes
/// beside it.
#[derive(Debug)]
pub(super) struct Paged<V> {
    pages: HashMap<u64, Page<V>>,
    len: usize,
}

#[derive(Debug)]
struct Page<V> {
    held: usize,
    values: Box<[Option<V>]>,
}

impl<V> Default for Paged<V> {
    fn default() -> Self {
        Self { pages: HashMap::new(), len: 0 }
    }
}

impl<V> Paged<V> {
    /// Number of values.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The value of a key.
    pub(super) fn get(&self, key: u64) -> Option<&V> {
        self.pages.get(&(key / PAGE))?.values[(key % PAGE) as usize].as_ref()
    }

    /// All values, by key.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &V)> {
        let mut pages: Vec<(u64, &Page<V>)> = self.pages.iter().map(|(page, values)| (*page, values)).collect();
        pages.sort_unstable_by_key(|(page, _)| *page);
        pages.into_iter().flat_map(|(page, values)| {
            let keyed = (page * PAGE..).zip(&values.values);
            keyed.filter_map(|(key, value)| Some((key, value.as_ref()?)))
        })
    }

    /// Puts a value; the one before, if any, is given back.
    pub(super) fn insert(&mut self, key: u64, value: V) -> Option<V> {
        let page = self
            .pages
            .entry(key / PAGE)
            .or_insert_with(|| Page { held: 0, values: std::iter::repeat_with(|| None).take(PAGE as usize).collect() });
        let before = page.values[(key % PAGE) as usize].replace(value);
        if before.is_none() {
            page.held += 1;
            self.len += 1;
        }
        before
    }

    /// Takes a value out.
    pub(super) fn remove(&mut self, key: u64) -> Option<V> {
        let page = self.pages.get_mut(&(key / PAGE))?;
        let value = page.values[(key % PAGE) as usize].take()?;
        page.held -= 1;
        self.len -= 1;
        if page.held == 0 {
            self.pages.remove(&(key / PAGE));
        }
        Some(value)
    }
}

impl<V> FromIterator<(u64, V)> for Paged<V> {
    fn from_iter<I: IntoIterator<Item = (u64, V)>>(values: I) -> Self {
        let mut paged = Self::default();
        for (key, value) in values {
            paged.insert(key, value);
        }
        paged
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_map(changes in proptest::collection::vec((0_u64..1_000, any::<bool>(), any::<u8>()), 0..300)) {
            let (mut paged, mut map) = (Paged::default(), HashMap::new());
            for (key, put, value) in changes {
                // Far apart as well.
                let key = if key % 3 == 0 { key << 40 } else { key };
                if put {
                    prop_assert_eq!(paged.insert(key, value), map.insert(key, value));
                } else {
                    prop_assert_eq!(paged.remove(key), map.remove(&key));
                }
                prop_assert_eq!((paged.get(key), paged.len()), (map.get(&key), map.len()));
            }
            let kept: usize = paged.pages.values().map(|page| page.values.iter().flatten().count()).sum();
            prop_assert_eq!(kept, map.len());
            let sorted: std::collections::BTreeMap<u64, u8> = map.iter().map(|(key, value)| (*key, *value)).collect();
            prop_assert_eq!(paged.iter().map(|(key, value)| (key, *value)).collect::<Vec<_>>(), Vec::from_iter(sorted));
            prop_assert!(map.iter().all(|(key, value)| paged.get(*key) == Some(value)));
            for key in map.keys() {
                prop_assert!(paged.remove(*key).is_some());
            }
            prop_assert!(paged.pages.is_empty());
        }
    }
}
