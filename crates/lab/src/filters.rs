//! Filtered search by picture against exact search: recall and latency by selectivity, while the index is at rest, with
//! deletions, and while an import and an optimisation run.
//!
//! Products are made from real ones: an embedding of a real picture, moved by the difference of two others (so that noise
//! has the shape of the real spread), a third of them in variant groups of three. Queries are made alike, from pictures
//! that no product was made from.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use vetrina_engine::catalogue::Product;
use vetrina_engine::index::{Index, IndexOptions, IndexPoint};
use vetrina_engine::model::{Feature, builtin_manifest};
use vetrina_engine::search::{Query, Schema, SearchRequest, Weighted, execute};
use vetrina_engine::space::Space;

use crate::data;
use crate::features::Features;
use crate::section;

/// Hits that are compared.
const HITS: usize = 10;
/// Where a query's own kind goes in a filter.
const KIND: &str = "{kind}";
/// What is filtered by, and about how much passes.
const FILTERS: [(&str, &str); 11] = [
    ("none", "price >= 0"),
    ("100 %", "price < 1000"),
    ("50 %", "price < 500"),
    ("10 %", "price < 100"),
    ("5 %", "price < 50"),
    ("1 %", "price < 10"),
    ("0.1 %", "price < 1"),
    ("of another kind, 1 %", "category = \"All > Kind 7\""),
    (
        "10 % less one kind",
        "price < 100 AND NOT category = \"All > Kind 3\" AND (in_stock OR attributes.colour = \"red\")",
    ),
    ("all but its own kind", "NOT category = \"All > Kind {kind}\""),
    ("about 25 % by brand", "brand IN [\"Brand 1\", \"Brand 2\", \"Brand 3\", \"Brand 4\", \"Brand 5\"]"),
];

struct Made {
    products: Vec<Product>,
    vectors: Vec<Vec<f32>>,
    alive: Vec<bool>,
    /// Embeddings, and the kinds of the pictures that they were made from.
    queries: Vec<(Vec<f32>, u32)>,
    /// Pictures of another shop's things.
    strangers: Vec<Vec<f32>>,
}

/// How well the graph finds what is nearest to pictures that nothing in it is like.
struct Strangers {
    /// Cosine of the true best, in the mean.
    best: f64,
    recall: f64,
    /// By how much those found are less like than the true ones, in the mean.
    gap: f64,
    p50: f64,
}

/// A row of the table.
struct Line {
    state: &'static str,
    filter: &'static str,
    passing: usize,
    recall: f64,
    worst: f64,
    totals_right: bool,
    p50: f64,
    p95: f64,
    max: f64,
}

pub fn run(products: usize, queries: usize, write: bool) -> Result<()> {
    let mut made = make(products, queries)?;
    let folder = tempfile::tempdir()?;
    let index = Index::open(folder.path(), &IndexOptions::new(made.vectors[0].len()))?.index;
    let started = Instant::now();
    fill(&index, &made, 0..made.products.len())?;
    while index.optimize()? {}
    index.flush()?;
    let built = started.elapsed();
    eprintln!("built in {:.0} s", built.as_secs_f64());
    let mut lines = Vec::new();
    measure(&index, &made, "at rest", &mut lines)?;
    let strangers = measure_strangers(&index, &made)?;

    let mut random = fastrand::Rng::with_seed(2);
    let gone: Vec<u64> = (0..made.products.len() as u64).filter(|_| random.f32() < 0.2).collect();
    index.delete(&gone)?;
    gone.iter().for_each(|key| made.alive[*key as usize] = false);
    measure(&index, &made, "a fifth deleted, not yet optimised", &mut lines)?;
    while index.optimize()? {}
    measure(&index, &made, "a fifth deleted, optimised", &mut lines)?;

    let (stop, written) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| -> Result<()> {
        let writer = scope.spawn(|| -> Result<()> {
            // The same products again, in batches as an import writes them: what is right stays as it is.
            let alive: Vec<usize> = (0..made.products.len()).filter(|key| made.alive[*key]).collect();
            for batch in alive.chunks(256).cycle() {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                fill(&index, &made, batch.iter().copied())?;
                written.fetch_add(batch.len(), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(20));
            }
            Ok(())
        });
        let optimiser = scope.spawn(|| -> Result<()> {
            while !stop.load(Ordering::Relaxed) {
                index.optimize()?;
                std::thread::sleep(Duration::from_millis(500));
            }
            Ok(())
        });
        let measured = measure(&index, &made, "while an import and an optimisation run", &mut lines);
        stop.store(true, Ordering::Relaxed);
        for thread in [writer, optimiser] {
            thread.join().map_err(|_| anyhow::anyhow!("a thread panicked"))??;
        }
        measured
    })?;
    let text = table(&lines, &made, &strangers, built, written.into_inner());
    println!("{text}");
    if write {
        section::write("docs/benchmarks.md", "Benchmarks", "filters", &text)?;
    }
    Ok(())
}

fn make(count: usize, queries: usize) -> Result<Made> {
    let groceries = data::groceries()?;
    let clothing = data::clothing()?;
    let pictures: Vec<&data::Picture> = groceries.photos.iter().chain(&clothing.photos).collect();
    let labels: Vec<u32> = groceries
        .photos
        .iter()
        .map(|picture| picture.label)
        .chain(clothing.photos.iter().map(|picture| 81 + picture.label))
        .collect();
    let paths: Vec<_> = pictures.iter().map(|picture| picture.path.clone()).collect();
    let space = Space::default_for(builtin_manifest()?)?;
    let mut features = Features::open()?;
    let mut embedded = |paths: &[PathBuf]| -> Result<Vec<Vec<f32>>> {
        let embed = |row: &[f32]| Ok(space.embed(&Feature { pooled: row.to_vec(), map: None })?.into_vector());
        features.of(paths)?.iter().map(embed).collect()
    };
    let embeddings = embedded(&paths)?;
    let fashion = data::fashion()?.products;
    let every = (fashion.len() / queries.max(1)).max(1);
    let others: Vec<PathBuf> =
        fashion.iter().step_by(every).take(queries).map(|product| product.image_link.clone()).collect();
    let strangers = embedded(&others)?;
    ensure!(embeddings.len() > 100, "too few pictures");
    let mut random = fastrand::Rng::with_seed(1);
    // Every tenth picture is for queries only.
    let (for_queries, for_products): (Vec<usize>, Vec<usize>) = (0..embeddings.len()).partition(|row| row % 10 == 0);
    let moved = |from: &[usize], random: &mut fastrand::Rng| {
        let mut pick = || from[random.usize(..from.len())];
        let (base, plus, minus) = (pick(), pick(), pick());
        let step = random.f32() * 0.6;
        let sum = (0..embeddings[base].len())
            .map(|at| embeddings[base][at] + step * (embeddings[plus][at] - embeddings[minus][at]));
        (unit(sum.collect()), labels[base])
    };
    let mut made =
        Made { products: Vec::new(), vectors: Vec::new(), alive: vec![true; count], queries: Vec::new(), strangers };
    let mut group: Option<(usize, Vec<f32>, u32)> = None;
    for number in 0..count {
        let (vector, label) = match &group {
            Some((_, vector, label)) if number % 9 < 3 && number % 9 > 0 => {
                let near = vector.iter().map(|value| value + 0.01 * (random.f32() - 0.5));
                (unit(near.collect()), *label)
            }
            _ => moved(&for_products, &mut random),
        };
        if number % 9 == 0 {
            group = Some((number, vector.clone(), label));
        }
        let in_group = (number % 9 < 3).then(|| format!("g{}", number / 9));
        let product: Product = serde_json::from_value(json!({
            "id": format!("p{number}"), "title": format!("Product {number}"),
            "brand": format!("Brand {}", random.u32(1..=20)), "category": ["All", format!("Kind {label}")],
            "price": {"amount": format!("{:.2}", random.f64() * 999.99), "currency": "EUR"},
            "stock": random.u32(0..4), "group": in_group,
            "attributes": {"colour": (["red", "blue", "green", "black"][random.usize(..4)])},
        }))?;
        made.products.push(product);
        made.vectors.push(vector);
    }
    made.queries = (0..queries).map(|_| moved(&for_queries, &mut random)).collect();
    Ok(made)
}

fn unit(vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt().max(1e-9);
    vector.into_iter().map(|value| value / length).collect()
}

fn fill(index: &Index, made: &Made, keys: impl Iterator<Item = usize>) -> Result<()> {
    let keys: Vec<usize> = keys.collect();
    for batch in keys.chunks(1_024) {
        let point = |key: &usize| IndexPoint::of(&made.products[*key], *key as u64, vec![made.vectors[*key].clone()]);
        index.upsert(&batch.iter().map(point).collect::<Vec<_>>())?;
    }
    Ok(())
}

/// What a hit stands for.
fn card(product: &Product) -> &str {
    product.group.as_deref().unwrap_or(&product.id)
}

/// A query under a filter that has yet to be given pictures or words.
pub fn unasked(index: &Index, filter: Option<&str>, limit: usize) -> Result<Query> {
    // A request that asks for nothing is refused.
    let text = Some("placeholder".to_owned());
    let request = SearchRequest { filter: filter.map(str::to_owned), text, limit, ..SearchRequest::default() };
    Ok(Query { text: None, ..Query::of(&request, &Schema::new(index.attributes()))? })
}

/// A filter, and what passes it.
struct Filtered {
    query: Query,
    passes: Vec<bool>,
    cards: usize,
}

impl Filtered {
    fn new(index: &Index, made: &Made, filter: Option<&str>) -> Result<Self> {
        let query = unasked(index, filter, HITS)?;
        let passes: Vec<bool> = made
            .products
            .iter()
            .zip(&made.alive)
            .map(|(product, alive)| *alive && query.filter.as_ref().is_none_or(|filter| filter.matches(product, None)))
            .collect();
        let passing = made.products.iter().zip(&passes).filter(|(_, passes)| **passes);
        let cards = passing.map(|(product, _)| card(product)).collect::<HashSet<&str>>().len();
        Ok(Self { query, passes, cards })
    }
}

fn measure(index: &Index, made: &Made, state: &'static str, lines: &mut Vec<Line>) -> Result<()> {
    let exact: Vec<Vec<u32>> = made.queries.iter().map(|(query, _)| by_fit(made, query)).collect();
    for (name, filter) in FILTERS {
        let mut by_text: HashMap<String, Filtered> = HashMap::new();
        let (mut times, mut recalls, mut totals_right) = (Vec::new(), Vec::new(), true);
        for ((vector, kind), order) in made.queries.iter().zip(&exact) {
            let text = filter.replace(KIND, &kind.to_string());
            let filtered = match by_text.entry(text) {
                Entry::Occupied(there) => there.into_mut(),
                Entry::Vacant(new) => {
                    let filtered = Filtered::new(index, made, (name != "none").then_some(new.key()))?;
                    new.insert(filtered)
                }
            };
            filtered.query.pictures = vec![Weighted::one(vector.clone())];
            let begin = Instant::now();
            let found = execute(index, &filtered.query)?;
            times.push(begin.elapsed().as_secs_f64() * 1_000.0);
            totals_right &= found.total == filtered.cards;
            let mut right: Vec<&str> = Vec::new();
            for key in order.iter().map(|key| *key as usize).filter(|key| filtered.passes[*key]) {
                if right.len() == HITS {
                    break;
                }
                let its = card(&made.products[key]);
                if !right.contains(&its) {
                    right.push(its);
                }
            }
            let hits: HashSet<&str> = found.hits.iter().map(|hit| card(&made.products[hit.key as usize])).collect();
            let met = right.iter().filter(|its| hits.contains(**its)).count();
            recalls.push(met as f64 / right.len().max(1) as f64);
        }
        times.sort_by(f64::total_cmp);
        let at = |share: f64| times[((times.len() - 1) as f64 * share).round() as usize];
        let passing = by_text.values().map(|filtered| filtered.passes.iter().filter(|passes| **passes).count());
        let line = Line {
            state,
            filter: name,
            passing: passing.sum::<usize>() / by_text.len().max(1),
            recall: recalls.iter().sum::<f64>() / recalls.len() as f64,
            worst: recalls.iter().copied().fold(1.0, f64::min),
            totals_right,
            p50: at(0.5),
            p95: at(0.95),
            max: at(1.0),
        };
        eprintln!("{state} · {name}: recall {:.4}, p50 {:.2} ms, p95 {:.2} ms", line.recall, line.p50, line.p95);
        lines.push(line);
    }
    Ok(())
}

/// Without a filter, products one by one.
fn measure_strangers(index: &Index, made: &Made) -> Result<Strangers> {
    let mut query = Query { collapse: false, ..unasked(index, None, HITS)? };
    let (mut best, mut met, mut gap, mut times) = (0.0, 0, 0.0, Vec::new());
    for vector in &made.strangers {
        let likeness = |key: u32| -> f32 { made.vectors[key as usize].iter().zip(vector).map(|(a, b)| a * b).sum() };
        let order = by_fit(made, vector);
        let right: Vec<u32> = order.into_iter().take(HITS).collect();
        query.pictures = vec![Weighted::one(vector.clone())];
        let begin = Instant::now();
        let found = execute(index, &query)?.hits;
        times.push(begin.elapsed().as_secs_f64() * 1_000.0);
        best += f64::from(likeness(right[0]));
        met += found.iter().filter(|hit| right.contains(&(hit.key as u32))).count();
        let sum = |keys: &mut dyn Iterator<Item = u32>| keys.map(likeness).map(f64::from).sum::<f64>();
        gap += sum(&mut right.iter().copied()) - sum(&mut found.iter().map(|hit| hit.key as u32));
    }
    times.sort_by(f64::total_cmp);
    let count = made.strangers.len().max(1) as f64;
    let all = count * HITS as f64;
    Ok(Strangers { best: best / count, recall: met as f64 / all, gap: gap / all, p50: times[times.len() / 2] })
}

/// All living products, best first.
fn by_fit(made: &Made, query: &[f32]) -> Vec<u32> {
    let mut scored: Vec<(f32, u32)> = (0..)
        .zip(&made.vectors)
        .filter(|(key, _)| made.alive[*key as usize])
        .map(|(key, vector)| (vector.iter().zip(query).map(|(a, b)| a * b).sum(), key))
        .collect();
    scored.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    scored.into_iter().map(|(_, key)| key).collect()
}

fn table(lines: &[Line], made: &Made, strangers: &Strangers, built: Duration, rewritten: usize) -> String {
    let Strangers { best, recall, gap, p50 } = strangers;
    let mut text = format!(
        "## Filtered search by picture\n\n{} products × {} dimensions, {} queries, one at a time; recall@{HITS} of cards against a plain loop over all \
         products; milliseconds of the search alone (no picture is embedded). `vetrina-lab filters`, {}, {} cores{}. Products are real \
         embeddings moved by differences of other real ones; a third are in variant groups of three, which collapse. Index built in {:.0} s. \
         The import rewrote {rewritten} products meanwhile.\n\n\
         What nothing is like is hardest to find the nearest of: {} pictures of `fashion`, which nothing in this catalogue is like (cosine with the true best {best:.2} in the mean, \
         at rest, no filter), have a recall@{HITS} of **{recall:.4}**. What is found instead is less like them by a cosine of {gap:.4} in the mean; p50 {p50:.2} ms.\n\n\
         | index | filter | products that pass | recall@{HITS} | worst query | totals exact | p50 ms | p95 ms | max ms |\n\
         | --- | --- | ---: | ---: | ---: | --- | ---: | ---: | ---: |\n",
        made.products.len(),
        made.vectors[0].len(),
        made.queries.len(),
        chrono::Utc::now().date_naive(),
        std::thread::available_parallelism().map_or(1, usize::from),
        processor().map(|name| format!(" of {name}")).unwrap_or_default(),
        built.as_secs_f64(),
        made.strangers.len(),
    );
    for line in lines {
        // Writing into a string does not fail.
        let _ = writeln!(
            text,
            "| {} | {} | {} | {:.4} | {:.1} | {} | {:.2} | {:.2} | {:.1} |",
            line.state,
            line.filter,
            line.passing,
            line.recall,
            line.worst,
            if line.totals_right { "yes" } else { "no" },
            line.p50,
            line.p95,
            line.max,
        );
    }
    text
}

fn processor() -> Option<String> {
    let info = std::fs::read_to_string(Path::new("/proc/cpuinfo")).ok()?;
    let line = info.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':').context("no name").ok()?.1.trim().to_owned())
}
