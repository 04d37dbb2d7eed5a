use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// Who says what, by row.
type Model = BTreeMap<u32, Vec<(Term, u16)>>;

fn list_of(model: &Model, term: Term) -> Vec<Entry> {
    let says = |terms: &[(Term, u16)]| terms.iter().find(|(other, _)| *other == term).map(|(_, steps)| *steps);
    model.iter().filter_map(|(row, terms)| Some((*row, says(terms)?))).collect()
}

fn terms() -> impl Strategy<Value = Vec<(Term, u16)>> {
    proptest::collection::btree_map(0_u32..12, any::<u16>(), 0..6).prop_map(Vec::from_iter)
}

#[derive(Debug, Clone)]
enum Step {
    Put(u32, Vec<(Term, u16)>),
    Remove(u32),
    /// What is in memory becomes a file.
    Spill,
    /// Everything becomes one file, and meanwhile a row is changed.
    Keep(u32, Vec<(Term, u16)>),
}

fn step() -> impl Strategy<Value = Step> {
    let row = || prop_oneof![0_u32..20, 300_000_u32..300_010];
    prop_oneof![
        8 => (row(), terms()).prop_map(|(row, terms)| Step::Put(row, terms)),
        3 => row().prop_map(Step::Remove),
        2 => Just(Step::Spill),
        1 => (row(), terms()).prop_map(|(row, terms)| Step::Keep(row, terms)),
    ]
}

fn put(postings: &mut Postings, model: &mut Model, row: u32, terms: Vec<(Term, u16)>) {
    // As the index does: a row that had a product is taken back first.
    if model.contains_key(&row) {
        postings.remove(row);
    }
    postings.put(row, &terms);
    model.insert(row, terms);
}

proptest! {
    #[test]
    fn lists_are_the_same_in_memory_and_in_files(steps in proptest::collection::vec(step(), 0..60)) {
        let dir = tempfile::tempdir().unwrap();
        let (mut postings, mut model) = (Postings::default(), Model::new());
        for step in steps {
            match step {
                Step::Put(row, terms) => put(&mut postings, &mut model, row, terms),
                Step::Remove(row) => {
                    if model.remove(&row).is_some() {
                        postings.remove(row);
                    }
                }
                Step::Spill => {
                    let parts = postings.freeze();
                    let parts = to_merge(&parts);
                    let run = Run::temporary(dir.path(), |out| merge(parts, out)).unwrap();
                    postings.replace(parts, run);
                }
                Step::Keep(row, terms) => {
                    let parts = postings.freeze();
                    let run = Run::temporary(dir.path(), |out| merge(&parts, out)).unwrap();
                    put(&mut postings, &mut model, row, terms);
                    postings.replace(&parts, run);
                    prop_assert!(postings.parts.len() <= 1);
                }
            }
            for term in 0..12 {
                prop_assert_eq!(postings.list(term).unwrap(), list_of(&model, term), "term {}", term);
            }
        }
    }

    #[test]
    fn bytes_that_are_no_list_are_an_error(bytes: Vec<u8>) {
        let mut list = Vec::new();
        if run::decode(&bytes, &mut list).is_ok() {
            prop_assert!(list.is_sorted_by_key(|(row, _)| *row));
        }
    }
}

#[test]
fn parts_of_like_size_become_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut postings = Postings::default();
    let mut most = 0;
    for row in 0..1_000 {
        postings.put(row, &[(row % 7, 1), (7 + row % 5, 2)]);
        let parts = postings.freeze();
        let parts = to_merge(&parts);
        let run = Run::temporary(dir.path(), |out| merge(parts, out)).unwrap();
        postings.replace(parts, run);
        most = most.max(postings.parts.len());
    }
    assert!((2..=11).contains(&most), "{most} parts of 1,000");
}

#[test]
fn parts_that_are_gone_are_not_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let mut postings = Postings::default();
    postings.put(1, &[(7, 1)]);
    let parts = postings.freeze();
    let run = || Run::temporary(dir.path(), |out| merge(&parts, out)).unwrap();
    postings.replace(&parts, run());
    postings.remove(1);
    postings.replace(&parts, run());
    assert_eq!(postings.list(7).unwrap(), []);
}
