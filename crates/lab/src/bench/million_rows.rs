//! A large feed through the real import: does memory stay flat?

use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use vetrina_engine::engine::{CatalogueName, ImportRequest, Job};
use vetrina_engine::{Engine, EngineOptions};

use super::memory::{Resident, resident};
use super::plot::{Line, Plot, draw};
use super::statistics::{figure, thousands};
use super::{Plan, Section};
use crate::data;

/// How often memory is looked at.
const EVERY: Duration = Duration::from_secs(1);

/// Memory when so many rows were done.
struct Sample {
    rows: u64,
    seconds: f64,
    memory: Resident,
}

pub fn run(plan: &Plan) -> Result<Section> {
    let folder = tempfile::tempdir_in(super::cache()?)?;
    let feed = folder.path().join("feed.csv");
    write_feed(&feed, plan.rows)?;
    let engine = Engine::open(EngineOptions::new(folder.path().join("data")))?;
    engine.warm_up()?;
    let (job, samples, seconds) = import(&engine, &feed)?;
    ensure!(job.created == plan.rows && job.failed == 0, "the import is not as expected: {job:?}");
    // The keeper may still be building graphs; that is not part of the import.
    let (again, _, seconds_again) = import(&engine, &feed)?;
    ensure!(again.skipped == plan.rows, "the second import is not as expected: {again:?}");
    let building = Instant::now();
    engine.tidy(&CatalogueName::default())?;
    let building = building.elapsed().as_secs_f64();
    engine.close();
    plot(&samples, plan)?;
    Ok(Section { text: text(plan.rows, &job, &samples, seconds, seconds_again, building) })
}

/// Rows with words and prices of their own; each picture is shared by as many rows as it takes.
fn write_feed(path: &Path, rows: u64) -> Result<()> {
    let fashion = data::fashion()?.products;
    let mut writer = csv::Writer::from_path(path)?;
    writer.write_record([
        "id",
        "title",
        "description",
        "product_type",
        "brand",
        "color",
        "price",
        "availability",
        "image_link",
    ])?;
    for number in 0..rows {
        let mut random = fastrand::Rng::with_seed(number);
        let words = &fashion[random.usize(..fashion.len())];
        let picture = &fashion[number as usize % fashion.len()];
        let brand: String = words.title.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
        let (id, price) = (format!("row-{number}"), format!("{}.{:02} EUR", random.u32(3..300), random.u32(..100)));
        let image = std::path::absolute(&picture.image_link)?.display().to_string();
        let availability = if random.u8(..10) == 0 { "out_of_stock" } else { "in_stock" };
        let title = format!("{} {number}", words.title);
        let description = format!("{}. {}", words.title, picture.product_type);
        writer.write_record([
            &id,
            &title,
            &description,
            &words.product_type,
            &brand,
            &words.color,
            &price,
            availability,
            &image,
        ])?;
    }
    Ok(writer.flush()?)
}

fn import(engine: &Engine, feed: &Path) -> Result<(Job, Vec<Sample>, f64)> {
    let samples = Mutex::new(Vec::<Sample>::new());
    let began = Instant::now();
    let watch = |job: &Job| {
        let (Ok(mut samples), Ok(memory)) = (samples.lock(), resident("self")) else { return };
        let seconds = began.elapsed().as_secs_f64();
        if samples.last().is_none_or(|last| seconds - last.seconds >= EVERY.as_secs_f64()) {
            if samples.len() % 30 == 0 {
                eprintln!(
                    "{} rows, {:.0} a second, {:.0} MiB ({:.0} own)",
                    job.done,
                    job.per_second.unwrap_or(0.0),
                    memory.all,
                    memory.own
                );
            }
            samples.push(Sample { rows: job.done, seconds, memory });
        }
    };
    let job = engine.import(ImportRequest::of_file(CatalogueName::default(), feed), &watch)?;
    let seconds = began.elapsed().as_secs_f64();
    samples.into_inner().map(|samples| (job, samples, seconds)).map_err(|_| anyhow::anyhow!("a watcher panicked"))
}

fn text(rows: u64, job: &Job, samples: &[Sample], seconds: f64, again: f64, building: f64) -> String {
    let mut text = format!(
        "A generated feed of {} rows with words and prices of their own; {} different pictures are shared among them, {} were embedded. Through `Engine::import`, \
         in one process, which also builds the index meanwhile. *Own* memory is what the kernel cannot drop; the rest of the resident memory is files that are mapped.\n\n\
         | rows done | resident, MiB | own, MiB |\n| ---: | ---: | ---: |\n",
        thousands(rows),
        thousands(data::fashion().map_or(0, |fashion| fashion.products.len() as u64).min(rows)),
        thousands(job.embedded),
    );
    for part in [0.05, 0.1, 0.25, 0.5, 0.75, 1.0] {
        let wanted = (rows as f64 * part) as u64;
        // At the end the last look may be a second old.
        if let Some(sample) = samples.iter().find(|sample| sample.rows >= wanted).or(samples.last()) {
            text.extend([format!(
                "| {} | {:.0} | {:.0} |\n",
                thousands(sample.rows),
                sample.memory.all,
                sample.memory.own
            )]);
        }
    }
    let height = samples.iter().map(|sample| sample.memory.all).fold(0.0, f64::max);
    let peak = samples.iter().map(|sample| sample.memory.peak).fold(0.0, f64::max);
    text.extend([format!(
        "\nHighest seen: {height:.0} MiB (kernel's own mark {peak:.0}). {} s, {:.0} rows a second; building what graphs were left took {} s more. \
         The same feed once more, nothing changed: {} s, {:.0} rows a second, **{:.1} × faster**.\n\n\
         ![Memory of a large import](pictures/bench-million-rows.svg)\n",
        figure(seconds),
        rows as f64 / seconds,
        figure(building),
        figure(again),
        rows as f64 / again,
        seconds / again,
    )]);
    text
}

fn plot(samples: &[Sample], plan: &Plan) -> Result<()> {
    let line = |name: &str, value: &dyn Fn(&Sample) -> f64| Line {
        name: name.to_owned(),
        points: samples.iter().map(|sample| (sample.rows as f64, value(sample))).collect(),
    };
    let plot = Plot {
        title: format!("Memory while {} rows are imported", thousands(plan.rows)),
        across: "rows done".to_owned(),
        up: "MiB".to_owned(),
        logarithmic: false,
        lines: vec![
            line("resident", &|sample| sample.memory.all),
            line("of it the process's own", &|sample| sample.memory.own),
        ],
    };
    draw(&plot, &plan.pictures.join("bench-million-rows.svg"))
}
