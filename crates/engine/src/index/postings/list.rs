//! One list in memory.

use super::Entry;

/// Entries of a block, at most: what one more or one less has to move is 8 KiB. In one piece, a list of 100,000 moved half a megabyte for
/// each word of each product that changed, and searches waited for it.
const MOST: usize = 1024;

/// Entries in the order of rows, in blocks.
#[derive(Debug, Default)]
pub(super) struct List {
    /// None of them is empty.
    before: Vec<Vec<Entry>>,
    /// Where what is new goes: rows rise as a rule.
    last: Vec<Entry>,
}

impl List {
    pub(super) fn is_empty(&self) -> bool {
        self.last.is_empty() && self.before.is_empty()
    }

    /// Appends all entries to others.
    pub(super) fn read(&self, to: &mut Vec<Entry>) {
        to.reserve(self.before.iter().map(Vec::len).sum::<usize>() + self.last.len());
        self.before.iter().chain([&self.last]).for_each(|block| to.extend_from_slice(block));
    }

    /// Notes a row that is not there.
    pub(super) fn insert(&mut self, row: u32, steps: u16) {
        let at = self.block_of(row);
        let block = self.before.get_mut(at).unwrap_or(&mut self.last);
        let place = block.partition_point(|(other, _)| *other < row);
        block.insert(place, (row, steps));
        if block.len() < MOST {
            return;
        }
        if at < self.before.len() {
            let half = self.before[at].split_off(MOST / 2);
            self.before.insert(at + 1, half);
        } else {
            self.before.push(std::mem::take(&mut self.last));
        }
    }

    /// Forgets a row.
    pub(super) fn remove(&mut self, row: u32) {
        let at = self.block_of(row);
        let block = self.before.get_mut(at).unwrap_or(&mut self.last);
        let Ok(place) = block.binary_search_by_key(&row, |(row, _)| *row) else { return };
        block.remove(place);
        if block.is_empty() && at < self.before.len() {
            self.before.remove(at);
        }
    }

    /// The first block that may have a row; the number of blocks before the last one for that.
    fn block_of(&self, row: u32) -> usize {
        self.before.partition_point(|block| block.last().is_some_and(|(last, _)| *last < row))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Step {
        /// As many rows from one on, each so far from the one before.
        Insert(u32, u32, usize),
        Remove(u32, u32, usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        let rows = || (0_u32..8_000, 1_u32..5, 1_usize..3_000);
        prop_oneof![
            3 => rows().prop_map(|(from, step, count)| Step::Insert(from, step, count)),
            2 => rows().prop_map(|(from, step, count)| Step::Remove(from, step, count)),
        ]
    }

    proptest! {
        #[test]
        fn a_list_is_in_order_and_its_blocks_stay_small(steps in proptest::collection::vec(step(), 0..12)) {
            let (mut list, mut model) = (List::default(), BTreeMap::new());
            for step in steps {
                match step {
                    Step::Insert(from, by, count) => for row in (from..).step_by(by as usize).take(count) {
                        if model.insert(row, row as u16).is_none() {
                            list.insert(row, row as u16);
                        }
                    },
                    Step::Remove(from, by, count) => for row in (from..).step_by(by as usize).take(count) {
                        model.remove(&row);
                        list.remove(row);
                    },
                }
                let mut read = Vec::new();
                list.read(&mut read);
                let expected: Vec<Entry> = model.iter().map(|(row, steps)| (*row, *steps)).collect();
                prop_assert_eq!(read, expected);
                prop_assert_eq!(list.is_empty(), model.is_empty());
                prop_assert!(list.before.iter().all(|block| !block.is_empty() && block.len() <= MOST));
                prop_assert!(list.last.len() < MOST);
            }
        }
    }
}
