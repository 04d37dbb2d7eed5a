//! Searches over HTTP, against the real server, over catalogues of growing size.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use vetrina_engine::{Engine, EngineOptions};

use super::filling::{Filled, filled};
use super::load::{Ask, Outcome, closed, once, open};
use super::memory::Resident;
use super::plot::{Line, Plot, draw};
use super::server::Server;
use super::statistics::{figure, median, percentile, thousands};
use super::{Plan, Section};
use crate::data;

const CALLERS: [usize; 4] = [1, 2, 8, 32];
/// The overload, as a multiple of what was sustained.
const OVERLOAD: f64 = 4.0;
/// Callers of the overload: enough that one is always free when a request is due.
const OVERLOAD_CALLERS: usize = 96;

/// What was seen of one catalogue.
struct Seen {
    products: u64,
    filled: Filled,
    disk: u64,
    start: f64,
    ready: f64,
    after_start: Resident,
    after_load: Resident,
    /// Decoding and inference alone, milliseconds.
    alone: Vec<f64>,
    /// By photo, for each number of callers.
    photo: Vec<(usize, Outcome)>,
    /// Photos that the model looks at once, and one caller with these.
    looked_at_once: (usize, Outcome),
    /// Medians of the server's own account: decode, embed, search.
    split: [f64; 3],
    overload: Overload,
    others: Vec<(&'static str, Outcome)>,
}

/// Some of it in every round, by what was sustained in the rounds before and this one.
#[derive(Default)]
struct Overload {
    sustainable: f64,
    outcome: Outcome,
}

pub fn run(plan: &Plan) -> Result<Section> {
    let photos = photos(if plan.quick { 16 } else { 64 })?;
    let mut all = Vec::new();
    for &products in &plan.products {
        let folder = super::cache()?.join(format!("shop-{products}"));
        let filled = filled(&folder, products)?;
        all.push(look(products, filled, &folder, &photos, plan)?);
    }
    plots(&all, plan)?;
    Ok(Section { text: text(&all) })
}

/// Photos as shoppers take them, none of which is in the catalogue.
fn photos(count: usize) -> Result<Vec<Vec<u8>>> {
    let paths = data::clothing()?.photos;
    let every = (paths.len() / count).max(1);
    paths.iter().step_by(every).take(count).map(|photo| Ok(std::fs::read(&photo.path)?)).collect()
}

fn look(products: u64, filled: Filled, folder: &Path, photos: &[Vec<u8>], plan: &Plan) -> Result<Seen> {
    let rounds = plan.turns.unwrap_or(if plan.quick { 2 } else { 5 });
    let per_round = if plan.quick { 16 } else { 64 };
    // A folder of its own: the server has the other one.
    let beside = tempfile::tempdir()?;
    let engine = Engine::open(EngineOptions::new(beside.path()))?;
    engine.warm_up()?;
    let server = Server::over(folder)?;
    let after_start = server.resident()?;
    let url = server.search();
    let healthz = format!("{}/healthz", server.url);
    let asks: Vec<Ask> = photos.iter().map(|photo| Ask::photo(photo, &json!({"images": [{"part": 0}]}))).collect();
    // Once for all, so that nobody pays for cold pages.
    closed(&url, &asks, 2, per_round);
    let simple = looked_at_once(&url, &asks)?;
    let mut looked_at_once = (simple.len(), Outcome::default());

    let mut alone = Vec::new();
    let mut overload = Overload::default();
    let seconds = if plan.quick { 1.5 } else { 5.0 };
    let mut photo: Vec<(usize, Outcome)> = CALLERS.iter().map(|&callers| (callers, Outcome::default())).collect();
    for _ in 0..rounds {
        for bytes in photos.iter().cycle().take(per_round) {
            let began = Instant::now();
            engine.embed(bytes, None)?;
            alone.push(began.elapsed().as_secs_f64() * 1000.0);
        }
        for (callers, outcome) in &mut photo {
            outcome.add(closed(&url, &asks, *callers, per_round));
        }
        if !simple.is_empty() {
            looked_at_once.1.add(closed(&url, &simple, 1, per_round));
        }
        overload.sustainable = photo.iter().map(|(_, outcome)| outcome.rate()).fold(0.0, f64::max);
        let rate = overload.sustainable * OVERLOAD;
        overload.outcome.add(open(&url, &healthz, &asks, rate, seconds, OVERLOAD_CALLERS));
    }
    let split = split(&url, &asks)?;
    let mut others = Vec::new();
    for (name, asks) in kinds(photos) {
        let answer = once(&url, &asks[0]).with_context(|| name)?;
        ensure!(answer["hits"].as_array().is_some_and(|hits| !hits.is_empty()), "{name}: nothing was found: {answer}");
        let mut outcome = Outcome::default();
        for _ in 0..rounds {
            outcome.add(closed(&url, &asks, 1, per_round));
        }
        others.push((name, outcome));
    }
    let after_load = server.resident()?;
    Ok(Seen {
        products,
        filled,
        disk: disk_bytes(folder),
        start: server.open,
        ready: server.ready,
        after_start,
        after_load,
        alone,
        photo,
        looked_at_once,
        split,
        overload,
        others,
    })
}

/// Those whose photo is not looked at a second time.
fn looked_at_once(url: &str, asks: &[Ask]) -> Result<Vec<Ask>> {
    let mut simple = Vec::new();
    for ask in asks {
        if once(url, ask)?["understood"]["second_look"].is_null() {
            simple.push(ask.clone());
        }
    }
    Ok(simple)
}

/// The server's own account of searches by photo, one at a time.
fn split(url: &str, asks: &[Ask]) -> Result<[f64; 3]> {
    let answers = asks.iter().map(|ask| once(url, ask)).collect::<Result<Vec<Value>>>()?;
    let of = |key: &str| -> f64 {
        median(&answers.iter().filter_map(|answer| answer["took_ms"][key].as_f64()).collect::<Vec<_>>())
    };
    Ok([of("decode"), of("embed"), of("search")])
}

/// Searches of other kinds, several of each so that no cache of one query answers all.
fn kinds(photos: &[Vec<u8>]) -> Vec<(&'static str, Vec<Ask>)> {
    let words = [
        "black shoes",
        "women red kurta",
        "nike sports",
        "blue casual shirt",
        "wallet leather",
        "white summer dress",
        "men watch",
        "green bag",
    ];
    let by_photo =
        |query: &Value| -> Vec<Ask> { photos.iter().take(16).map(|photo| Ask::photo(photo, query)).collect() };
    let by_words =
        |change: &dyn Fn(&str) -> Value| words.iter().map(|text| Ask::json(&change(text))).collect::<Vec<_>>();
    let image = json!([{"part": 0}]);
    vec![
        ("photo, `price < 20 AND in_stock`", by_photo(&json!({"images": image, "filter": "price < 20 AND in_stock"}))),
        (
            "photo, `category = \"Apparel\" AND color = \"Black\"`",
            by_photo(&json!({"images": image, "filter": "category = \"Apparel\" AND color = \"Black\""})),
        ),
        (
            "photo, `brand = \"Puma Men\"` (narrow)",
            by_photo(&json!({"images": image, "filter": "brand = \"Puma Men\""})),
        ),
        (
            "photo, facets of brand, category, colour",
            by_photo(&json!({"images": image, "facets": ["brand", "category", "color"]})),
        ),
        ("photo and words", by_photo(&json!({"images": image, "text": "black shoes"}))),
        ("words", by_words(&|text| json!({"text": text}))),
        ("words, `price < 20`", by_words(&|text| json!({"text": text, "filter": "price < 20"}))),
        ("words, facets of brand, category", by_words(&|text| json!({"text": text, "facets": ["brand", "category"]}))),
        ("products like one", (0..16).map(|at| Ask::json(&json!({"like": [format!("made-{}", at * 577)]}))).collect()),
        (
            "filter alone, cheapest first",
            vec![Ask::json(&json!({"filter": "category = \"Apparel\"", "sort": [{"price": "asc"}]}))],
        ),
    ]
}

fn disk_bytes(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let of = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => disk_bytes(&entry.path()),
        Ok(metadata) => std::os::unix::fs::MetadataExt::blocks(&metadata) * 512,
        Err(_) => 0,
    };
    entries.flatten().map(of).sum()
}

fn text(all: &[Seen]) -> String {
    let mut text = String::from(
        "`vetrina serve` in a process of its own, asked over HTTP on 127.0.0.1 with photos of `clothing` (28 kB), none of which is in the catalogue; the callers \
         share the machine with it. Catalogues are made of real features, changed a little, under products of real words (`crates/lab/src/bench/filling.rs` says how).\n\n\
         | products | p50 ÷ decode + inference alone | goal | of photos that the model looks at once | overload: accepted p99 ÷ p99 of one caller | goal | start, s | goal | resident, MiB | goal |\n\
         | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for seen in all {
        let one = seen.photo[0].1.percentiles();
        text.extend([format!(
            "| {} | **{:.2}** | 1.25 | {:.2} ({} of the photos) | **{:.2}** | 3 | {:.2} | 5 | {:.0} | 1,536 |\n",
            thousands(seen.products),
            one[0] / median(&seen.alone),
            seen.looked_at_once.1.percentiles()[0] / median(&seen.alone),
            seen.looked_at_once.0,
            percentile(&seen.overload.outcome.accepted, 99.0) / one[2],
            seen.ready,
            seen.after_load.all,
        )]);
    }
    text.push_str("\nBy photo, milliseconds, and answers a second; *alone* is decoding and inference in one process without server, catalogue and search. Refused are requests beyond the permits, answered 503 at once.\n\n| products | alone p50 | callers | p50 | p95 | p99 | answers/s | refused |\n| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n");
    for seen in all {
        for (callers, outcome) in &seen.photo {
            let [p50, p95, p99] = outcome.percentiles();
            let asked = outcome.accepted.len() + outcome.refused.len() + outcome.other;
            text.extend([format!(
                "| {} | {} | {callers} | {} | {} | {} | {:.1} | {:.0} % |\n",
                thousands(seen.products),
                figure(median(&seen.alone)),
                figure(p50),
                figure(p95),
                figure(p99),
                outcome.rate(),
                100.0 * outcome.refused.len() as f64 / asked.max(1) as f64,
            )]);
        }
    }
    text.push_str("\nThe server's own account of a search by photo (one caller, medians, milliseconds), and overload: requests at four times the rate that was sustained, whatever becomes of them, for some seconds in each round.\n\n| products | decode | embed | search | sustained/s | asked/s | accepted/s | accepted p50 | p99 | refused p50 | refused p99 | failed |\n| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n");
    for seen in all {
        let outcome = &seen.overload.outcome;
        let [decode, embed, search] = seen.split;
        text.extend([format!(
            "| {} | {} | {} | {} | {:.1} | {:.0} | {:.1} | {} | {} | {} | {} | {} |\n",
            thousands(seen.products),
            figure(decode),
            figure(embed),
            figure(search),
            seen.overload.sustainable,
            seen.overload.sustainable * OVERLOAD,
            outcome.rate(),
            figure(percentile(&outcome.accepted, 50.0)),
            figure(percentile(&outcome.accepted, 99.0)),
            figure(percentile(&outcome.refused, 50.0)),
            figure(percentile(&outcome.refused, 99.0)),
            outcome.other,
        )]);
    }
    text.push_str("\nOther searches, one caller, p50 / p95 / p99 in milliseconds:\n\n| search |");
    for seen in all {
        text.extend([format!(" {} products |", thousands(seen.products))]);
    }
    text.extend([format!("\n| --- |{}\n", " ---: |".repeat(all.len()))]);
    for place in 0..all.first().map_or(0, |seen| seen.others.len()) {
        text.extend([format!("| {} |", all[0].others[place].0)]);
        for seen in all {
            let [p50, p95, p99] = seen.others[place].1.percentiles();
            text.extend([format!(" {} / {} / {} |", figure(p50), figure(p95), figure(p99))]);
        }
        text.push('\n');
    }
    text.push_str("\nSize. *Own* memory is what the kernel cannot drop; the rest of the resident memory is files that are mapped.\n\n| products | disk, MiB | resident after the start, MiB (own) | after all searches, MiB (own) | start: catalogues open, s | ready with the model, s | written, products/s | graphs built after that, s |\n| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n");
    for seen in all {
        text.extend([format!(
            "| {} | {:.0} | {:.0} ({:.0}) | {:.0} ({:.0}) | {:.2} | {:.2} | {:.0} | {:.0} |\n",
            thousands(seen.products),
            seen.disk as f64 / f64::from(1 << 20),
            seen.after_start.all,
            seen.after_start.own,
            seen.after_load.all,
            seen.after_load.own,
            seen.start,
            seen.ready,
            seen.products as f64 / seen.filled.write,
            seen.filled.build,
        )]);
    }
    if all.len() > 1 {
        text.push_str("\n![Milliseconds by catalogue size](pictures/bench-queries.svg)\n![Memory by catalogue size](pictures/bench-memory.svg)\n");
    }
    text
}

fn plots(all: &[Seen], plan: &Plan) -> Result<()> {
    let line = |name: &str, value: &dyn Fn(&Seen) -> f64| Line {
        name: name.to_owned(),
        points: all.iter().map(|seen| (seen.products as f64, value(seen))).collect(),
    };
    let times = Plot {
        title: "Search by photo over HTTP, one caller".to_owned(),
        across: "products in the catalogue".to_owned(),
        up: "milliseconds".to_owned(),
        logarithmic: true,
        lines: vec![
            line("p99", &|seen| seen.photo[0].1.percentiles()[2]),
            line("p50", &|seen| seen.photo[0].1.percentiles()[0]),
            line("decode + inference alone, p50", &|seen| median(&seen.alone)),
            line("search alone, p50", &|seen| seen.split[2]),
        ],
    };
    draw(&times, &plan.pictures.join("bench-queries.svg"))?;
    let memory = Plot {
        title: "Memory of the server".to_owned(),
        across: "products in the catalogue".to_owned(),
        up: "MiB".to_owned(),
        logarithmic: true,
        lines: vec![
            line("resident after all searches", &|seen| seen.after_load.all),
            line("of it the process's own", &|seen| seen.after_load.own),
        ],
    };
    draw(&memory, &plan.pictures.join("bench-memory.svg"))
}
