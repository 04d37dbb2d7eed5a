//! A large feed through the real import: what memory grows by, and whether that is the catalogue or the import.
//!
//! Each import runs in a process of its own. When it is over another process opens the catalogue and does nothing: what the import held
//! beyond that is its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::json;
use vetrina_engine::engine::{CatalogueName, ImportRequest, Job};
use vetrina_engine::{Engine, EngineOptions};

use super::memory::{Resident, resident};
use super::peers::Peer;
use super::plot::{Line, Plot, draw};
use super::statistics::{figure, thousands};
use super::{Plan, Section};
use crate::data;

/// How often memory is looked at.
const EVERY: Duration = Duration::from_secs(1);
/// Parts of the rows that are imported into a catalogue of their own.
const PARTS: [f64; 4] = [0.05, 0.25, 0.5, 1.0];

/// Memory when so many rows were done.
#[derive(Serialize, Deserialize)]
struct Sample {
    rows: u64,
    seconds: f64,
    memory: Resident,
}

/// What came of one import.
#[derive(Serialize, Deserialize)]
struct Imported {
    rows: u64,
    embedded: u64,
    seconds: f64,
    /// The same feed once more.
    again: f64,
    /// What graphs were left.
    building: f64,
    samples: Vec<Sample>,
}

/// An import, and the catalogue of it opened by who does nothing else.
struct Step {
    imported: Imported,
    held: Resident,
}

/// Arguments of the process that imports, or opens what was imported.
#[derive(Debug, Args)]
pub struct RowsArguments {
    data: PathBuf,
    /// The feed to be imported; without one, the catalogue is opened
    #[arg(long)]
    feed: Option<PathBuf>,
}

pub fn run(plan: &Plan) -> Result<Section> {
    let mut steps = Vec::new();
    for part in PARTS {
        let rows = (plan.rows as f64 * part) as u64;
        let folder = tempfile::tempdir_in(super::cache()?)?;
        let (feed, data) = (folder.path().join("feed.csv"), folder.path().join("data"));
        write_feed(&feed, rows)?;
        let imported: Imported = serde_json::from_value(alone(&data, Some(&feed))?)?;
        ensure!(imported.rows == rows, "{} of {rows} rows came in", imported.rows);
        let held = serde_json::from_value(alone(&data, None)?)?;
        steps.push(Step { imported, held });
    }
    let last = steps.last().context("nothing was imported")?;
    plot(&steps, &last.imported.samples, plan)?;
    Ok(Section { text: text(&steps, last) })
}

/// Runs this program once more, over one data folder.
fn alone(data: &Path, feed: Option<&Path>) -> Result<serde_json::Value> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("rows-peer").arg(data).args(feed.iter().flat_map(|feed| [Path::new("--feed"), feed]));
    Ok(Peer::start("rows-peer", &mut command)?.1)
}

/// The other side of [`alone`].
pub fn serve_rows(arguments: &RowsArguments) -> Result<()> {
    let engine = Engine::open(EngineOptions::new(&arguments.data))?;
    let Some(feed) = &arguments.feed else {
        // Without the model: who has it learns categories in the background.
        println!("{}", json!(settled()?));
        return Ok(());
    };
    engine.warm_up()?;
    let (job, samples, seconds) = import(&engine, feed)?;
    ensure!(job.failed == 0, "the import is not as expected: {job:?}");
    // The keeper may still be building graphs; that is not part of the import.
    let (same, _, again) = import(&engine, feed)?;
    ensure!(same.skipped == job.created, "the second import is not as expected: {same:?}");
    let building = Instant::now();
    engine.tidy(&CatalogueName::default())?;
    let building = building.elapsed().as_secs_f64();
    engine.close();
    println!("{}", json!(Imported { rows: job.created, embedded: job.embedded, seconds, again, building, samples }));
    Ok(())
}

/// Memory of this process when it has stopped growing: words are read after the start.
fn settled() -> Result<Resident> {
    let mut before = resident("self")?;
    loop {
        std::thread::sleep(Duration::from_secs(6));
        let now = resident("self")?;
        if now.own <= before.own + 1.0 {
            return Ok(now);
        }
        before = now;
    }
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

fn text(steps: &[Step], last: &Step) -> String {
    let Imported { rows, embedded, seconds, again, building, samples } = &last.imported;
    let rows_done = *rows as f64;
    let mut text = format!(
        "Generated feeds of {} rows and less with words and prices of their own; {} different pictures are shared among them, {} were embedded. Through `Engine::import`, \
         in a process of its own, which also builds the index meanwhile. *Own* memory is what the kernel cannot drop; the rest of the resident memory is files that are mapped. \
         The catalogue is opened by another process, without the model, when the import is over.\n\n\
         | rows | own memory at the end of the import, MiB | of the catalogue alone, opened, MiB | **of the import beside it, MiB** |\n| ---: | ---: | ---: | ---: |\n",
        thousands(*rows),
        thousands(data::fashion().map_or(0, |fashion| fashion.products.len() as u64).min(*rows)),
        thousands(*embedded),
    );
    for Step { imported, held } in steps {
        let end = imported.samples.last().map_or(0.0, |sample| sample.memory.own);
        let rows = thousands(imported.rows);
        text.extend([format!("| {rows} | {end:.0} | {:.0} | **{:.0}** |\n", held.own, end - held.own)]);
    }
    text.push_str("\nOn the way to the largest:\n\n| rows done | resident, MiB | own, MiB |\n| ---: | ---: | ---: |\n");
    for part in [0.05, 0.1, 0.25, 0.5, 0.75, 1.0] {
        let wanted = (rows_done * part) as u64;
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
    let height = |of: fn(&Resident) -> f64| samples.iter().map(|sample| of(&sample.memory)).fold(0.0, f64::max);
    text.extend([format!(
        "\nHighest seen: {:.0} MiB, {:.0} of them own (kernel's own mark of all {:.0}). {} s, {:.0} rows a second; building what graphs were left took {} s more. \
         The same feed once more, nothing changed: {} s, {:.0} rows a second, **{:.1} × faster**.\n\n\
         ![Memory of a large import](pictures/bench-million-rows.svg)\n",
        height(|memory| memory.all),
        height(|memory| memory.own),
        height(|memory| memory.peak),
        figure(*seconds),
        rows_done / seconds,
        figure(*building),
        figure(*again),
        rows_done / again,
        seconds / again,
    )]);
    text
}

fn plot(steps: &[Step], samples: &[Sample], plan: &Plan) -> Result<()> {
    let line = |name: &str, value: &dyn Fn(&Sample) -> f64| Line {
        name: name.to_owned(),
        points: samples.iter().map(|sample| (sample.rows as f64, value(sample))).collect(),
    };
    let held: Vec<(f64, f64)> = steps.iter().map(|step| (step.imported.rows as f64, step.held.own)).collect();
    let plot = Plot {
        title: format!("Memory while {} rows are imported", thousands(plan.rows)),
        across: "rows done".to_owned(),
        up: "MiB".to_owned(),
        logarithmic: false,
        lines: vec![
            line("resident", &|sample| sample.memory.all),
            line("of it the process's own", &|sample| sample.memory.own),
            line("of it the import's, beside the catalogue", &|sample| {
                sample.memory.own - held_at(&held, sample.rows as f64)
            }),
        ],
    };
    draw(&plot, &plan.pictures.join("bench-million-rows.svg"))
}

/// What a catalogue of so many rows holds when it is opened, on the straight lines between (and, below the smallest, beyond) those that were.
fn held_at(held: &[(f64, f64)], rows: f64) -> f64 {
    match held {
        [] => 0.0,
        [(_, only)] => *only,
        _ => {
            let above = held.partition_point(|(measured, _)| *measured < rows).clamp(1, held.len() - 1);
            let ((x0, y0), (x1, y1)) = (held[above - 1], held[above]);
            y0 + (y1 - y0) * (rows - x0) / (x1 - x0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::held_at;

    #[test]
    fn between_two_sizes_a_catalogue_holds_what_the_line_says() {
        let held = [(50.0, 100.0), (250.0, 180.0), (500.0, 260.0)];
        let at = [0.0, 50.0, 100.0, 250.0, 375.0, 500.0, 510.0].map(|rows| held_at(&held, rows).round());
        assert_eq!(at, [80.0, 100.0, 120.0, 180.0, 220.0, 260.0, 263.0]);
        assert_eq!((held_at(&held[..1], 7.0), held_at(&[], 7.0)), (100.0, 0.0));
    }
}
