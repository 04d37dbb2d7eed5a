//! An index whose process is killed while it writes, brings itself to disk, and optimises: what was brought to disk is there, and
//! applying the rest again makes it whole.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test stops at the first thing that is not as it must be"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use vetrina_engine::catalogue::Product;
use vetrina_engine::index::{Column, Flushed, Index, IndexOptions, IndexPoint, State};

/// How often the process is killed.
const KILLS: u64 = 30;
const DIMS: usize = 16;
/// Products of the index, those that one step writes, and those that one removes: so many that each few steps leave enough
/// dead ones for the optimiser to rewrite a part of the index.
const KEYS: u64 = 2_400;
const WRITTEN: u64 = 500;
const REMOVED: u64 = 120;
/// Names the folder to the process that is killed.
const FOLDER: &str = "VETRINA_INDEX_KILLS";

fn options() -> IndexOptions {
    IndexOptions::new(DIMS)
}

fn point(key: u64, step: u64) -> IndexPoint {
    let product = Product { id: format!("k-{key}"), title: format!("written in step {step}"), ..Product::default() };
    let vector: Vec<f32> = (0..DIMS as u64).map(|at| ((key * 31 + step * 17 + at * 7) % 23) as f32 - 11.0).collect();
    let length = vector.iter().map(|number| number * number).sum::<f32>().sqrt();
    IndexPoint::of(&product, key, vec![vector.into_iter().map(|number| number / length).collect()])
}

/// Keys that a step writes, and those that it removes afterwards.
fn keys(step: u64) -> (Vec<u64>, Vec<u64>) {
    let from = |times: u64, count: u64| (0..count).map(|at| 1 + (step * times + at) % KEYS).collect();
    (from(701, WRITTEN), from(977, REMOVED))
}

fn apply(index: &Index, step: u64) {
    let (written, removed) = keys(step);
    index.upsert(&written.iter().map(|key| point(*key, step)).collect::<Vec<_>>()).unwrap();
    index.delete(&removed).unwrap();
}

/// In which step each product was written that is there after `last` steps.
fn expected(last: u64) -> BTreeMap<u64, u64> {
    let mut there = BTreeMap::new();
    for step in 1..=last {
        let (written, removed) = keys(step);
        there.extend(written.into_iter().map(|key| (key, step)));
        for key in removed {
            there.remove(&key);
        }
    }
    there
}

fn note(folder: &Path, name: &str, step: u64) {
    let path = folder.join(name);
    fs::write(path.with_extension("new"), step.to_string()).unwrap();
    fs::rename(path.with_extension("new"), path).unwrap();
}

fn noted(folder: &Path, name: &str) -> u64 {
    fs::read_to_string(folder.join(name)).map_or(0, |text| text.parse().unwrap())
}

/// The process that is killed: writes, flushes and optimises all at once, without end.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let folder = Path::new(&folder);
    let index = Index::open(&folder.join("index"), &options()).unwrap().index;
    thread::scope(|scope| {
        scope.spawn(|| {
            loop {
                index.optimize().unwrap();
                thread::sleep(Duration::from_millis(5));
            }
        });
        for step in noted(folder, "begun") + 1.. {
            note(folder, "begun", step);
            apply(&index, step);
            if step % 2 == 0 && index.flush().unwrap() == Flushed::Everything {
                note(folder, "flushed", step);
            }
        }
    });
}

#[test]
fn killed_while_optimising_and_flushing_it_is_made_whole_again() {
    let folder = tempfile::tempdir().unwrap();
    let (mut damaged, mut doubtful, mut refilled, mut steps) = (0, 0, 0, Vec::new());
    let mut chance = 0x9e37_79b9_7f4a_7c15_u64;
    for kill in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // However busy the machine is: it has to be at work.
        let before = noted(folder.path(), "begun");
        while noted(folder.path(), "begun") == before && child.try_wait().unwrap().is_none() {
            thread::sleep(Duration::from_millis(5));
        }
        // A moment that looks random: xorshift.
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        thread::sleep(Duration::from_millis(chance % 1_200));
        assert!(child.try_wait().unwrap().is_none(), "the process ended by itself before kill {kill}");
        child.kill().unwrap();
        child.wait().unwrap();

        let (begun, flushed) = (noted(folder.path(), "begun"), noted(folder.path(), "flushed"));
        let opened = Index::open(&folder.path().join("index"), &options()).unwrap();
        let from = if opened.state == State::Loaded {
            // What was brought to disk is there, whatever came after it.
            let there = expected(flushed);
            let (listed, _) = opened.index.keys(None, None, usize::try_from(KEYS).unwrap() + 1).unwrap();
            let touched: Vec<u64> = (flushed + 1..=begun)
                .flat_map(|step| {
                    let (a, b) = keys(step);
                    [a, b].concat()
                })
                .collect();
            let lost: Vec<_> = there.keys().filter(|key| !listed.contains(key) && !touched.contains(key)).collect();
            assert!(lost.is_empty(), "lost after kill {kill}: {lost:?}");
            flushed
        } else {
            damaged += u32::from(matches!(opened.state, State::Damaged { .. }));
            0
        };
        for step in from + 1..=begun {
            apply(&opened.index, step);
        }
        doubtful += u32::from(opened.index.is_doubtful());
        if !opened.index.made_good().unwrap() {
            refilled += 1;
            opened.index.clear().unwrap();
            for step in 1..=begun {
                apply(&opened.index, step);
            }
            assert!(opened.index.made_good().unwrap(), "filled anew after kill {kill}");
        }
        whole(&opened.index, &expected(begun), kill);
        assert_eq!(opened.index.flush().unwrap(), Flushed::Everything);
        note(folder.path(), "flushed", begun);
        steps.push(begun);
    }
    eprintln!(
        "{KILLS} kills, at steps {steps:?}; {doubtful} in an optimisation, {refilled} indexes filled anew, {damaged} made anew"
    );
    assert!(doubtful > 0, "no kill came during an optimisation");
    assert!(*steps.last().unwrap() > KILLS, "it hardly got on: {steps:?}");
    assert!(damaged + refilled < 10, "{damaged} and {refilled} of {KILLS} kills cost the index");
}

/// The index holds what it should: keys, texts, vectors, each once.
fn whole(index: &Index, expected: &BTreeMap<u64, u64>, kill: u64) {
    let (listed, _) = index.keys(None, None, usize::try_from(KEYS).unwrap() + 1).unwrap();
    let (more, missing): (Vec<u64>, Vec<u64>) = (
        listed.iter().copied().filter(|key| !expected.contains_key(key)).collect(),
        expected.keys().copied().filter(|key| !listed.contains(key)).collect(),
    );
    assert!(listed.iter().eq(expected.keys()), "keys after kill {kill}: {more:?} too many, {missing:?} missing");
    assert_eq!(index.count(None).unwrap(), expected.len(), "count after kill {kill}");
    let titles = index.values(&listed, &[Column::Title]).unwrap();
    let vectors = index.vectors_of(&listed).unwrap();
    for ((key, title), vectors) in listed.iter().zip(titles).zip(vectors) {
        let step = expected[key];
        assert_eq!(title[0], format!("written in step {step}"), "title of {key} after kill {kill}");
        let wanted = point(*key, step).vectors;
        // Kept with 16 bits a number.
        let close =
            vectors.len() == 1 && vectors[0].iter().zip(&wanted[0]).all(|(one, other)| (one - other).abs() < 5e-4);
        assert!(close, "vector of {key} after kill {kill}");
    }
    let some = *expected.keys().nth(expected.len() / 2).unwrap();
    let found = index.nearest(&point(some, expected[&some]).vectors, None, 5, true).unwrap();
    assert!(found[0].score > 0.999, "the very vector is found after kill {kill}: {found:?}");
}
