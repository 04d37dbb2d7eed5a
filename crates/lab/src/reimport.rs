//! What an import costs that has little or nothing to do, and what one costs the searches that go on meanwhile.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use vetrina_engine::engine::{CatalogueName, Engine, EngineOptions, ImportRequest, Job};
use vetrina_engine::search::SearchRequest;

use crate::section::{self, BENCHMARKS};

/// Side of the generated pictures, pixels.
const SIDE: u32 = 224;

/// Runs it over `products` products with a picture each.
pub fn run(products: u32, write: bool) -> Result<()> {
    let folder = tempfile::tempdir()?;
    for number in 0..products {
        fs::write(folder.path().join(format!("{number}.jpg")), picture(number)?)?;
    }
    let feed = |count: u32, price: u32| -> Result<std::path::PathBuf> {
        let line = |number: u32| {
            json!({"id": format!("sku-{number}"), "title": format!("Thing {number}"), "brand": format!("Brand {}", number % 20),
                   "price": {"amount": format!("{}.95", 5 + number % 90 + price), "currency": "EUR"},
                   "images": [{"source": format!("{number}.jpg")}]})
            .to_string()
        };
        let path = folder.path().join("feed.jsonl");
        fs::write(&path, (0..count).map(line).collect::<Vec<_>>().join("\n"))?;
        Ok(path)
    };
    let engine = Engine::open(EngineOptions::new(folder.path().join("data")))?;
    engine.warm_up()?;

    let mut text = format!(
        "{products} products, a JPEG of {SIDE} × {SIDE} pixels each, through the engine's own import. `vetrina-lab reimport`, {}.\n\n\
         | import | products a second | times the first | seconds | pictures embedded | products changed |\n\
         | --- | ---: | ---: | ---: | ---: | ---: |\n",
        chrono::Utc::now().date_naive()
    );
    let path = feed(products, 0)?;
    let (first, took) = import(&engine, &path, false)?;
    ensure!(first.created == u64::from(products), "{first:?}");
    text += &row("first", products, took, took, &first);
    let mut again = Vec::new();
    for _ in 0..3 {
        let (job, took) = import(&engine, &path, false)?;
        ensure!(job.skipped == u64::from(products) && job.embedded == 0, "{job:?}");
        again.push((took, job));
    }
    again.sort_by_key(|(took, _)| *took);
    let (took, job) = &again[1];
    text += &row("the same again (median of three)", products, *took, first_of(&first, products), job);
    let path = feed(products, 1)?;
    let (prices, took) = import(&engine, &path, false)?;
    ensure!(prices.updated == u64::from(products) && prices.embedded == 0, "{prices:?}");
    text += &row("all prices changed", products, took, first_of(&first, products), &prices);
    let path = feed(products * 9 / 10, 1)?;
    let (less, took) = import(&engine, &path, true)?;
    ensure!(less.removed == u64::from(products - products * 9 / 10), "{less:?}");
    text += &row("a tenth vanished, --sync", products * 9 / 10, took, first_of(&first, products), &less);

    text += "\n| searches by words and likeness meanwhile | count | p50 ms | p99 ms | max ms |\n| --- | ---: | ---: | ---: | ---: |\n";
    let over = AtomicBool::new(false);
    let idle = std::thread::scope(|scope| {
        let searching = scope.spawn(|| search(&engine, &over));
        std::thread::sleep(Duration::from_secs(5));
        over.store(true, Ordering::SeqCst);
        searching.join()
    });
    text += &tell("nothing else goes on", idle.map_err(|_| anyhow::anyhow!("the searcher panicked"))??);
    over.store(false, Ordering::SeqCst);
    // Another catalogue's pictures are other bytes: everything is embedded again.
    for number in 0..products {
        fs::write(folder.path().join(format!("{number}.jpg")), picture(number + 1_000_000)?)?;
    }
    let busy = std::thread::scope(|scope| -> Result<Vec<f64>> {
        let searching = scope.spawn(|| search(&engine, &over));
        let imported = import(&engine, &feed(products, 2)?, false);
        over.store(true, Ordering::SeqCst);
        let times = searching.join().map_err(|_| anyhow::anyhow!("the searcher panicked"))??;
        ensure!(imported?.0.embedded == u64::from(products));
        Ok(times)
    })?;
    text += &tell("an import embeds on all cores", busy);
    print!("{text}");
    if write { section::write(BENCHMARKS, "Benchmarks", "reimport", &text) } else { Ok(()) }
}

fn first_of(first: &Job, products: u32) -> Duration {
    let time = first.finished_at.map(|end| (end - first.created_at).to_std().unwrap_or_default());
    time.unwrap_or(Duration::from_secs(u64::from(products)))
}

fn import(engine: &Engine, feed: &Path, sync: bool) -> Result<(Job, Duration)> {
    let request = ImportRequest { sync, ..ImportRequest::of_file(CatalogueName::default(), feed) };
    let began = Instant::now();
    let job = engine.import(request, &|_| {})?;
    Ok((job, began.elapsed()))
}

fn row(name: &str, items: u32, took: Duration, first: Duration, job: &Job) -> String {
    let seconds = took.as_secs_f64();
    format!(
        "| {name} | {:.0} | {:.1}× | {seconds:.2} | {} | {} |\n",
        f64::from(items) / seconds,
        first.as_secs_f64() / seconds,
        job.embedded,
        job.created + job.updated + job.removed,
    )
}

/// Searches until it is over; milliseconds of each.
fn search(engine: &Engine, over: &AtomicBool) -> Result<Vec<f64>> {
    let mut times = Vec::new();
    while !over.load(Ordering::SeqCst) {
        let number = times.len();
        let request = if number.is_multiple_of(2) {
            json!({"text": format!("thing {number}"), "limit": 24})
        } else {
            json!({"like": [format!("sku-{}", number % 100)], "limit": 24})
        };
        let request: SearchRequest = serde_json::from_value(request)?;
        let started = Instant::now();
        engine.search(&CatalogueName::default(), &request, &[] as &[Vec<u8>])?;
        times.push(started.elapsed().as_secs_f64() * 1e3);
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(times)
}

fn tell(name: &str, mut times: Vec<f64>) -> String {
    times.sort_by(f64::total_cmp);
    let at = |part: f64| times.get((times.len() as f64 * part) as usize).or(times.last()).copied().unwrap_or(f64::NAN);
    format!("| {name} | {} | {:.1} | {:.1} | {:.1} |\n", times.len(), at(0.5), at(0.99), at(1.0))
}

/// A JPEG of coloured boxes, another one for each number.
fn picture(number: u32) -> Result<Vec<u8>> {
    let mut chance = fastrand::Rng::with_seed(u64::from(number));
    let mut picture = image::RgbImage::from_pixel(SIDE, SIDE, image::Rgb([248, 248, 246]));
    for _ in 0..6 {
        let colour = image::Rgb([chance.u8(..), chance.u8(..), chance.u8(..)]);
        let (x, y) = (chance.u32(..SIDE - 20), chance.u32(..SIDE - 20));
        let (right, bottom) = (chance.u32(x + 10..SIDE), chance.u32(y + 10..SIDE));
        for (x, y) in (x..right).flat_map(|x| (y..bottom).map(move |y| (x, y))) {
            picture.put_pixel(x, y, colour);
        }
    }
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Jpeg).context("a picture cannot be written")?;
    Ok(bytes.into_inner())
}
