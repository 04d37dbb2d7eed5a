//! Indexing: from JPEG files to products that are found, beside bare ONNX Runtime and beside Python.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Result, ensure};
use serde_json::json;
use vetrina_engine::engine::{CatalogueName, ImportRequest};
use vetrina_engine::image::{ImageHash, Limits, decode_at_least};
use vetrina_engine::model::{ImageModel as _, OnnxModel, RuntimeOptions, Tensor, builtin_model, preprocess};
use vetrina_engine::space::Space;
use vetrina_engine::{Engine, EngineOptions};

use super::peers::{Peer, number};
use super::plot::{Line, Plot, draw};
use super::statistics::{figure, median};
use super::{Plan, Section, photos, watch};

/// Width of the pictures and how many are imported in one turn.
const SIZES: [(u32, usize); 4] = [(224, 512), (600, 512), (1500, 256), (4000, 128)];
const MODEL: &str = "models/efficientnet-lite2/model.onnx";
const HEAD: &str = "models/efficientnet-lite2/default-head.safetensors";
const MODES: [&str; 4] = ["pool", "batch", "loop", "bare"];

/// Images a second in one turn each.
#[derive(Debug, Default)]
struct Turns {
    ours: Vec<f64>,
    bare: Vec<f64>,
    python: [Vec<f64>; MODES.len()],
    /// Milliseconds of processor time for one image in our import.
    cpu: Vec<f64>,
}

pub fn run(plan: &Plan) -> Result<Section> {
    let threads = std::thread::available_parallelism()?.get().min(4);
    let model = open(threads, threads)?;
    let arguments = [MODEL.to_owned(), HEAD.to_owned(), threads.to_string()];
    let (mut python, _) = Peer::python("indexing.py", &arguments)?;
    let sizes = SIZES.map(|(width, count)| (width, if plan.quick { count / 8 } else { count }));
    let turns = if plan.quick { 1 } else { 5 };
    let mut results = Vec::new();
    for (width, count) in sizes {
        let pictures = photos::of_width(width, count)?;
        let tensors = tensors(&model, &pictures)?;
        let mut figures = Turns::default();
        for turn in 0..turns {
            // Who is first changes, so that nobody always follows the same one.
            for place in 0..3 {
                match (place + turn) % 3 {
                    0 => {
                        let (rate, cpu) = import(&pictures, threads)?;
                        figures.ours.push(rate);
                        figures.cpu.push(cpu);
                    }
                    1 => figures.bare.push(bare(&model, &tensors, count, threads)?),
                    _ => {
                        for (mode, rates) in MODES.iter().zip(&mut figures.python) {
                            let answer = python.ask(&json!({"mode": mode, "pictures": pictures}))?;
                            rates.push(number(&answer, "per_second")?);
                        }
                    }
                }
            }
            eprintln!(
                "{width} px, turn {turn}: ours {:.1}, bare {:.1}, python {:?}",
                last(&figures.ours),
                last(&figures.bare),
                figures.python.each_ref().map(|rates| last(rates))
            );
        }
        let stages = stages(&pictures[..pictures.len().min(if plan.quick { 8 } else { 48 })])?;
        results.push((width, figures, stages));
    }
    plot(&results, plan)?;
    Ok(Section { text: text(&results, threads) })
}

fn last(rates: &[f64]) -> f64 {
    rates.last().copied().unwrap_or_default()
}

fn open(threads: usize, sessions: usize) -> Result<OnnxModel> {
    let options = RuntimeOptions { threads, sessions, ..RuntimeOptions::default() };
    builtin_model(&options).map_err(|error| anyhow::anyhow!("{error}; {}", error.hint()))
}

fn tensors(model: &OnnxModel, pictures: &[PathBuf]) -> Result<Vec<Tensor>> {
    let tensor = |path: &PathBuf| -> Result<Tensor> {
        let picture = decode_at_least(&std::fs::read(path)?, &Limits::default(), model.manifest().input.size)?;
        Ok(preprocess(model.manifest(), &picture))
    };
    pictures.iter().take(32).map(tensor).collect()
}

/// Images a second of a loop that does nothing but run the model, `threads` callers at once.
fn bare(model: &OnnxModel, tensors: &[Tensor], count: usize, threads: usize) -> Result<f64> {
    let began = Instant::now();
    std::thread::scope(|scope| {
        let work = |caller: usize| -> Result<()> {
            for place in (caller..count).step_by(threads) {
                model.features(std::slice::from_ref(&tensors[place % tensors.len()]), false)?;
            }
            Ok(())
        };
        let callers: Vec<_> = (0..threads).map(|caller| scope.spawn(move || work(caller))).collect();
        callers.into_iter().try_for_each(|caller| caller.join().map_err(|_| anyhow::anyhow!("a caller panicked"))?)
    })?;
    Ok(count as f64 / began.elapsed().as_secs_f64())
}

/// Images a second of the engine's own import into a new catalogue, from the first row to the last acknowledged write, and
/// milliseconds of processor time an image. Opening the model is not part of it, as it is not of the others.
fn import(pictures: &[PathBuf], threads: usize) -> Result<(f64, f64)> {
    let folder = tempfile::tempdir_in(super::cache()?)?;
    let feed = folder.path().join("feed.csv");
    let mut writer = csv::Writer::from_path(&feed)?;
    writer.write_record(["id", "title", "price", "image_link"])?;
    for (place, path) in pictures.iter().enumerate() {
        let price = format!("{}.99 EUR", place % 90 + 9);
        writer.write_record([
            &format!("sku-{place}"),
            &format!("Product {place}"),
            &price,
            &path.display().to_string(),
        ])?;
    }
    writer.flush()?;
    let options = EngineOptions { threads: Some(threads), ..EngineOptions::new(folder.path().join("data")) };
    let engine = Engine::open(options)?;
    engine.warm_up()?;
    let cpu = watch::own_seconds()?;
    let began = Instant::now();
    let job = engine.import(ImportRequest::of_file(CatalogueName::default(), &feed), &|_| {})?;
    let seconds = began.elapsed().as_secs_f64();
    let cpu = watch::own_seconds()? - cpu;
    ensure!(job.created as usize == pictures.len() && job.failed == 0, "the import is not as expected: {job:?}");
    ensure!(job.embedded as usize == pictures.len(), "pictures were not different: {job:?}");
    engine.close();
    Ok((pictures.len() as f64 / seconds, cpu * 1000.0 / pictures.len() as f64))
}

/// Milliseconds of each stage for one picture on one thread, medians.
#[derive(Debug, Default, Clone, Copy)]
struct Stages {
    read: f64,
    decode: f64,
    resize: f64,
    infer: f64,
    head: f64,
}

fn stages(pictures: &[PathBuf]) -> Result<Stages> {
    let model = open(1, 1)?;
    let space = Space::default_for(model.manifest())?;
    let mut times: [Vec<f64>; 5] = Default::default();
    for _ in 0..3 {
        for path in pictures {
            let mut moments = vec![Instant::now()];
            let bytes = std::fs::read(path)?;
            std::hint::black_box(ImageHash::of(&bytes));
            moments.push(Instant::now());
            let picture = decode_at_least(&bytes, &Limits::default(), model.manifest().input.size)?;
            moments.push(Instant::now());
            let tensor = preprocess(model.manifest(), &picture);
            moments.push(Instant::now());
            let feature = model.features(&[tensor], false)?.remove(0);
            moments.push(Instant::now());
            std::hint::black_box(space.embed(&feature)?);
            moments.push(Instant::now());
            for (times, pair) in times.iter_mut().zip(moments.windows(2)) {
                times.push((pair[1] - pair[0]).as_secs_f64() * 1000.0);
            }
        }
    }
    let [read, decode, resize, infer, head] = times.each_ref().map(|times| median(times));
    Ok(Stages { read, decode, resize, infer, head })
}

type Results = [(u32, Turns, Stages)];

/// Median of the ratios of turns: what disturbs one turn disturbs both sides of its ratio.
fn ratio(ours: &[f64], other: &[f64]) -> f64 {
    median(&ours.iter().zip(other).map(|(ours, other)| ours / other).collect::<Vec<_>>())
}

/// The fastest of the ways to write it in Python, turn by turn; `bare` is not one of them.
fn fastest(figures: &Turns) -> Vec<f64> {
    let turns = figures.ours.len();
    (0..turns).map(|turn| figures.python[..3].iter().map(|rates| rates[turn]).fold(0.0, f64::max)).collect()
}

fn text(results: &Results, threads: usize) -> String {
    let mut text = format!(
        "Into an empty catalogue through the engine's own import (`Engine::import`: feed, files, decoding, model, head, SQLite, index), {threads} threads. \
         **(a)** a loop that runs nothing but the same model with the same threads on tensors that are ready; **(b)** Pillow + ONNX Runtime + hnswlib in Python, \
         multi-threaded, the fastest of three ways to write it. Ratios are medians of turns.\n\n\
         | JPEG | ours ÷ (a) | goal | ours ÷ (b) | goal | ours, images/s | (a) | (b) pool of threads | (b) batches of 8 | (b) plain loop | bare in Python |\n\
         | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
    );
    for (width, figures, _) in results {
        let goal = match width {
            224 => "0.90",
            1500 => "0.75",
            _ => "–",
        };
        let [pool, batch, plain, bare] = figures.python.each_ref().map(|rates| median(rates));
        text.extend([format!(
            "| {width} px | **{:.2}** | {goal} | **{:.2}** | 1.5 | {:.1} | {:.1} | {pool:.1} | {batch:.1} | {plain:.1} | {bare:.1} |\n",
            ratio(&figures.ours, &figures.bare),
            ratio(&figures.ours, &fastest(figures)),
            median(&figures.ours),
            median(&figures.bare),
        )]);
    }
    text.push_str(
        "\nWhere the time goes, milliseconds for one picture on one thread; *everything else* is what the import's processor time has beside these: \
         feed, database, index, keeping the file.\n\n\
         | JPEG | read, hash | decode | resize, normalise | model | head | everything else | all |\n| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for (width, figures, stages) in results {
        let cpu = median(&figures.cpu);
        let known = stages.read + stages.decode + stages.resize + stages.infer + stages.head;
        text.extend([format!(
            "| {width} px | {} | {} | {} | {} | {} | {} | {} |\n",
            figure(stages.read),
            figure(stages.decode),
            figure(stages.resize),
            figure(stages.infer),
            figure(stages.head),
            figure((cpu - known).max(0.0)),
            figure(cpu),
        )]);
    }
    text.push_str("\n![Images a second by picture size](pictures/bench-indexing.svg)\n");
    text
}

fn plot(results: &Results, plan: &Plan) -> Result<()> {
    let line = |name: &str, rate: &dyn Fn(&Turns) -> f64| Line {
        name: name.to_owned(),
        points: results.iter().map(|(width, figures, _)| (f64::from(*width), rate(figures))).collect(),
    };
    let plot = Plot {
        title: "Indexing".to_owned(),
        across: "width of the JPEGs, pixels".to_owned(),
        up: "images a second".to_owned(),
        logarithmic: true,
        lines: vec![
            line("bare ONNX Runtime (a)", &|figures| median(&figures.bare)),
            line("Vetrina", &|figures| median(&figures.ours)),
            line("Python, fastest (b)", &|figures| median(&fastest(figures))),
            line("Python, plain loop", &|figures| median(&figures.python[2])),
        ],
    };
    draw(&plot, Path::new(&plan.pictures.join("bench-indexing.svg")))
}
