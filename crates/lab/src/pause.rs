//! How long searches wait while the index is optimised: 100,000 products put straight into an index of their own.
//!
//! Searches go on without a break in one thread: by picture, by words, and filtered, in turn. Their times are told apart by what
//! goes on meanwhile: nothing, optimising, writing, both. A thread that only sleeps and looks at the clock tells how late the
//! system itself wakes a thread at that time: what a search waits for that is not the index's.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::json;
use vetrina_engine::catalogue::Product;
use vetrina_engine::index::{Index, IndexOptions, IndexPoint};
use vetrina_engine::search::{Weighted, execute};

use crate::filters::unasked;
use crate::section::{self, BENCHMARKS};

/// Numbers of one embedding.
const DIMS: usize = 256;
/// Groups that embeddings gather in, as pictures of a shop do.
const CENTRES: usize = 500;
/// Products of one write, as an import writes them.
const BATCH: usize = 64;
/// How often the index is brought to disk while it is written, as a server does.
const SETTLED: Duration = Duration::from_secs(5);
/// How long each of the phases without an end of its own is measured.
const PHASE: Duration = Duration::from_secs(8);
/// What goes on while searches are timed.
const PHASES: [&str; 6] = [
    "nothing, before",
    "first optimisation",
    "nothing, after",
    "writing",
    "writing, second optimisation",
    "nothing, at last",
];

/// Runs it over `products` products.
pub fn run(products: usize, folder: Option<&Path>, write: bool) -> Result<()> {
    let temporary = match folder {
        Some(folder) => tempfile::tempdir_in(folder)?,
        None => tempfile::tempdir()?,
    };
    let index = Index::open(temporary.path(), &IndexOptions::new(DIMS))?.index;
    let centres: Vec<Vec<f32>> =
        (0..CENTRES).map(|number| unit(&mut fastrand::Rng::with_seed(number as u64))).collect();
    let memory = resident();
    let began = Instant::now();
    let points = |from: usize, to: usize| (from..to).map(|key| point(key, &centres)).collect::<Vec<_>>();
    let mut slowest = Duration::ZERO;
    for from in (0..products).step_by(BATCH) {
        let batch = points(from, (from + BATCH).min(products));
        let started = Instant::now();
        index.upsert(&batch)?;
        slowest = slowest.max(started.elapsed());
    }
    index.flush()?;
    let info = index.info();
    let per_product = |bytes: u64| bytes as f64 / products as f64;
    let mut text = format!(
        "{products} products × {DIMS} dimensions with words and fields, one search after another (a third by picture, by picture with a filter, by words). Written in {:.1} s, the \
         slowest write of {BATCH} took {:.0} ms; a product takes {:.0} bytes on disk. *late* is by how much a thread that only sleeps woke too late: what the machine did, not the index. \
         `vetrina-lab optimise-pause`, {}.\n\n",
        began.elapsed().as_secs_f64(),
        slowest.as_secs_f64() * 1e3,
        per_product(info.disk_bytes),
        chrono::Utc::now().date_naive(),
    );

    let (phase, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let mut optimised = Vec::new();
    let mut rewritten = 0.0;
    let (times, waits) = std::thread::scope(|scope| -> Result<_> {
        let searching = scope.spawn(|| search(&index, &centres, &phase, &over));
        let waiting = scope.spawn(|| oversleep(&phase, &over));
        let mut work = || -> Result<()> {
            std::thread::sleep(PHASE);
            phase.store(1, Ordering::SeqCst);
            let began = Instant::now();
            index.optimize()?;
            optimised.push(began.elapsed());
            phase.store(2, Ordering::SeqCst);
            std::thread::sleep(PHASE);
            phase.store(3, Ordering::SeqCst);
            // A quarter of the products change at least, so that there is something to optimise again.
            let changed = |next: usize| points(next % products, (next % products + BATCH).min(products));
            let began = Instant::now();
            let mut next = 0;
            std::thread::scope(|scope| -> Result<()> {
                let (done, ended) = std::sync::mpsc::channel::<()>();
                let settling = scope.spawn(|| settle(&index, ended));
                while next < products / 4 || began.elapsed() < PHASE {
                    index.upsert(&changed(next))?;
                    next += BATCH;
                }
                drop(done);
                settling.join().map_err(|_| anyhow::anyhow!("the flushing thread panicked"))?
            })?;
            rewritten = next as f64 / began.elapsed().as_secs_f64();
            phase.store(4, Ordering::SeqCst);
            let done = AtomicBool::new(false);
            std::thread::scope(|scope| -> Result<()> {
                let writing = scope.spawn(|| -> Result<usize> {
                    let from = next;
                    while !done.load(Ordering::SeqCst) {
                        index.upsert(&changed(next))?;
                        next += BATCH;
                        // As fast as pictures are embedded, not as fast as the index takes them.
                        std::thread::sleep(Duration::from_millis(100));
                    }
                    Ok(next - from)
                });
                let began = Instant::now();
                index.optimize()?;
                optimised.push(began.elapsed());
                done.store(true, Ordering::SeqCst);
                let written = writing.join().map_err(|_| anyhow::anyhow!("the writer panicked"))??;
                eprintln!("{written} products were written during the second optimisation");
                Ok(())
            })?;
            phase.store(5, Ordering::SeqCst);
            std::thread::sleep(PHASE);
            Ok(())
        };
        let worked = work();
        over.store(true, Ordering::SeqCst);
        let times = searching.join().map_err(|_| anyhow::anyhow!("the searcher panicked"))??;
        let waits = waiting.join().map_err(|_| anyhow::anyhow!("the clock panicked"))?;
        worked?;
        Ok((times, waits))
    })?;

    text += &table(times, waits);
    let seconds: Vec<String> = optimised.iter().map(|time| format!("{:.1} s", time.as_secs_f64())).collect();
    text.extend([format!(
        "\n{rewritten:.0} products a second are written while they are searched for. The optimisations took {}; afterwards a product takes {:.0} bytes of memory, mapped files included, and {:.0} on disk.\n",
        seconds.join(" and "),
        per_product(resident().saturating_sub(memory)),
        per_product(index.info().disk_bytes)
    )]);
    print!("{text}");
    if write { section::write(BENCHMARKS, "Benchmarks", "optimise-pause", &text) } else { Ok(()) }
}

/// The times of searches, and how late threads woke, by phase.
fn table(times: Vec<Vec<f64>>, waits: Vec<Vec<f64>>) -> String {
    let mut text = "| meanwhile | searches | p50 ms | p99 ms | max ms | late by p99 ms | late by at most ms |\n\
                    | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n"
        .to_owned();
    let at = |times: &[f64], part: f64| {
        let place = ((times.len() as f64 * part) as usize).min(times.len().saturating_sub(1));
        times.get(place).map_or_else(|| "–".to_owned(), |time| format!("{time:.1}"))
    };
    for (name, (mut times, mut waits)) in PHASES.iter().zip(times.into_iter().zip(waits)) {
        times.sort_by(f64::total_cmp);
        waits.sort_by(f64::total_cmp);
        let [p50, p99, most] = [0.5, 0.99, 1.0].map(|part| at(&times, part));
        let [late, latest] = [0.99, 1.0].map(|part| at(&waits, part));
        text.extend([format!("| {name} | {} | {p50} | {p99} | {most} | {late} | {latest} |\n", times.len())]);
    }
    text
}

/// Searches until it is over, as a catalogue is searched; milliseconds of each search by phase.
fn search(index: &Index, centres: &[Vec<f32>], phase: &AtomicUsize, over: &AtomicBool) -> Result<Vec<Vec<f64>>> {
    let mut times = vec![Vec::new(); PHASES.len()];
    let mut queries = [unasked(index, None, 24)?, unasked(index, Some("price < 30"), 24)?, unasked(index, None, 24)?];
    let mut number = 0;
    while !over.load(Ordering::SeqCst) {
        let kind = number as usize % 3;
        let asked = &mut queries[kind];
        if kind < 2 {
            asked.pictures = vec![Weighted::one(embedding(1_000_000_007 + number, centres))];
        } else {
            asked.text = Some(format!("wooden thing {number}"));
        }
        let now = phase.load(Ordering::SeqCst);
        let started = Instant::now();
        drop(execute(index, asked)?);
        let time = started.elapsed().as_secs_f64() * 1e3;
        times.get_mut(now).context("a phase that is none")?.push(time);
        number += 1;
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(times)
}

/// Brings the index to disk from time to time, until the sender is gone.
fn settle(index: &Index, ended: Receiver<()>) -> Result<()> {
    while ended.recv_timeout(SETTLED) == Err(RecvTimeoutError::Timeout) {
        index.flush()?;
    }
    Ok(())
}

/// How many milliseconds too late a thread wakes that sleeps for two.
fn oversleep(phase: &AtomicUsize, over: &AtomicBool) -> Vec<Vec<f64>> {
    let mut late = vec![Vec::new(); PHASES.len()];
    let nap = Duration::from_millis(2);
    while !over.load(Ordering::SeqCst) {
        let now = phase.load(Ordering::SeqCst);
        let started = Instant::now();
        std::thread::sleep(nap);
        late[now].push(started.elapsed().saturating_sub(nap).as_secs_f64() * 1e3);
    }
    late
}

fn point(key: usize, centres: &[Vec<f32>]) -> IndexPoint {
    let kind = ["Wooden", "Red", "Soft", "Tall"][key % 4];
    let colour = ["red", "blue", "green", "black"][key / 3 % 4];
    let product: Product = serde_json::from_value(json!({
        "id": format!("sku-{key}"), "title": format!("{kind} thing {}", key % 5_000),
        "description": "What it is made of, how large it is, what it is for, and how to care for it.",
        "brand": format!("Brand {}", key % 300), "category": ["Things", format!("Kind {}", key % 60)],
        "price": {"amount": format!("{}.95", 5 + key % 400), "currency": "EUR"},
        "attributes": {"colour": colour, "weight": key % 1_000},
    }))
    .unwrap_or_default();
    IndexPoint::of(&product, key as u64 + 1, vec![embedding(key as u64, centres)])
}

/// A unit vector near one of the centres, its own for each number: about as like its neighbours as pictures of one kind are.
fn embedding(number: u64, centres: &[Vec<f32>]) -> Vec<f32> {
    let mut chance = fastrand::Rng::with_seed(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let noise = unit(&mut chance);
    let centre = &centres[chance.usize(..centres.len())];
    normal(centre.iter().zip(&noise).map(|(centre, noise)| centre + noise * 0.8).collect())
}

fn unit(chance: &mut fastrand::Rng) -> Vec<f32> {
    // The sum of uniform numbers is near enough to a normal one.
    normal((0..DIMS).map(|_| (0..4).map(|_| chance.f32() - 0.5).sum()).collect())
}

fn normal(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|number| number * number).sum::<f32>().sqrt();
    vector.iter_mut().for_each(|number| *number /= length);
    vector
}

/// Bytes of memory that this process has; 0 where the system does not say.
pub fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()).unwrap_or(0) * 1024
}
