//! Who says a word: for most words of a catalogue one product, for some half of it.

use roaring::RoaringTreemap;

/// A set of products. A bitmap with one number in it takes half a kilobyte, and a catalogue has as many words that one title
/// alone says (numbers, codes, slips) as it likes.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) enum Keys {
    #[default]
    None,
    One(u64),
    /// At least two.
    Many(Box<RoaringTreemap>),
}

impl Keys {
    pub(super) fn insert(&mut self, key: u64) {
        match self {
            Self::None => *self = Self::One(key),
            Self::One(one) if *one == key => {}
            Self::One(one) => *self = Self::Many(Box::new([*one, key].into_iter().collect())),
            Self::Many(many) => drop(many.insert(key)),
        }
    }

    pub(super) fn remove(&mut self, key: u64) {
        match self {
            Self::One(one) if *one == key => *self = Self::None,
            Self::None | Self::One(_) => {}
            Self::Many(many) => {
                many.remove(key);
                if many.len() == 1
                    && let Some(last) = many.min()
                {
                    *self = Self::One(last);
                }
            }
        }
    }

    pub(super) fn len(&self) -> u64 {
        match self {
            Self::None => 0,
            Self::One(_) => 1,
            Self::Many(many) => many.len(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::None)
    }

    /// In rising order.
    pub(super) fn iter(&self) -> impl Iterator<Item = u64> {
        let (one, many) = match self {
            Self::None => (None, None),
            Self::One(one) => (Some(*one), None),
            Self::Many(many) => (None, Some(many.iter())),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }

    /// Those that are in `within`, in rising order, at most `most`.
    pub(super) fn within(&self, within: &RoaringTreemap, most: usize) -> Vec<u64> {
        match self {
            Self::None => Vec::new(),
            Self::One(one) => Some(*one).filter(|one| most > 0 && within.contains(*one)).into_iter().collect(),
            Self::Many(many) => (&**many & within).iter().take(most).collect(),
        }
    }

    /// Adds all of them to a set.
    pub(super) fn add_to(&self, set: &mut RoaringTreemap) {
        match self {
            Self::None => {}
            Self::One(one) => drop(set.insert(*one)),
            Self::Many(many) => *set |= &**many,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_set(changes in proptest::collection::vec((0_u64..6, any::<bool>()), 0..40), within: BTreeSet<u8>) {
            let (mut keys, mut set) = (Keys::default(), BTreeSet::new());
            let within: RoaringTreemap = within.into_iter().map(|key| u64::from(key) % 6).collect();
            for (key, put) in changes {
                if put { keys.insert(key); set.insert(key); } else { keys.remove(key); set.remove(&key); }
                prop_assert_eq!(keys.iter().collect::<BTreeSet<_>>(), set.clone());
                prop_assert_eq!((keys.len(), keys.is_empty()), (set.len() as u64, set.is_empty()));
                prop_assert_eq!(matches!(keys, Keys::Many(_)), set.len() > 1);
                let both: Vec<u64> = set.iter().copied().filter(|key| within.contains(*key)).take(2).collect();
                prop_assert_eq!(keys.within(&within, 2), both);
                let mut all = within.clone();
                keys.add_to(&mut all);
                prop_assert_eq!(all, &within | &set.iter().copied().collect::<RoaringTreemap>());
            }
        }
    }
}
