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
const SIZES: [(u32, usize); 4] = [(224, 512), (600, 256), (1500, 256), (4000, 64)];
const MODEL: &str = "models/efficientnet-lite2/model.onnx";
const HEAD: &str = "models/efficientnet-lite2/default-head.safetensors";
const MODES: [&str; 4] = ["pool", "batch", "loop", "bare"];

/// What one turn of one way of indexing gave.
#[derive(Debug, Clone, Copy)]
struct Turn {
    /// Images a second.
    rate: f64,
    /// Milliseconds of processor time, all threads together, for one image.
    cpu: f64,
}

/// The turns of each way for one size.
#[derive(Debug, Default)]
struct Turns {
    ours: Vec<Turn>,
    bare: Vec<Turn>,
    python: [Vec<Turn>; MODES.len()],
}

pub fn run(plan: &Plan) -> Result<Section> {
    let threads = std::thread::available_parallelism()?.get().min(4);
    let model = open(threads, threads)?;
    let arguments = [MODEL.to_owned(), HEAD.to_owned(), threads.to_string()];
    let (mut python, _) = Peer::python("indexing.py", &arguments)?;
    let sizes = SIZES.map(|(width, count)| (width, if plan.quick { count / 8 } else { count }));
    let turns = plan.turns.unwrap_or(if plan.quick { 1 } else { 5 });
    let mut results = Vec::new();
    // What a turn wrote stays until the end: ext4 searches long for the inode of a new file where many were deleted just before,
    // which a shop's import never meets (2.4 % of the processor time of 224-pixel pictures).
    let folder = tempfile::tempdir_in(super::cache()?)?;
    for (width, count) in sizes {
        let pictures = photos::of_width(width, count)?;
        let tensors = tensors(&model, &pictures)?;
        let mut figures = Turns::default();
        for turn in 0..turns {
            // Who is first changes, so that nobody always follows the same one.
            for place in 0..3 {
                match (place + turn) % 3 {
                    0 => figures.ours.push(import(&pictures, threads, &folder.path().join(format!("{width}-{turn}")))?),
                    1 => figures.bare.push(bare(&model, &tensors, count, threads)?),
                    _ => {
                        for (mode, turns) in MODES.iter().zip(&mut figures.python) {
                            let answer = python.ask(&json!({"mode": mode, "pictures": pictures}))?;
                            turns.push(Turn { rate: number(&answer, "per_second")?, cpu: number(&answer, "cpu_ms")? });
                        }
                    }
                }
            }
            eprintln!("{width} px, turn {turn} is done");
        }
        let stages = stages(&pictures[..pictures.len().min(if plan.quick { 8 } else { 48 })])?;
        results.push(Size { width, bits: photos::bits_per_pixel(&pictures, width)?, figures, stages });
    }
    plot(&results, plan)?;
    Ok(Section { text: text(&results, threads) })
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

/// A loop that does nothing but run the model, `threads` callers at once.
fn bare(model: &OnnxModel, tensors: &[Tensor], count: usize, threads: usize) -> Result<Turn> {
    let (began, busy) = (Instant::now(), watch::own_seconds());
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
    Ok(turn(count, began, busy))
}

fn turn(count: usize, began: Instant, busy: f64) -> Turn {
    let cpu = (watch::own_seconds() - busy) * 1000.0 / count as f64;
    Turn { rate: count as f64 / began.elapsed().as_secs_f64(), cpu }
}

/// The engine's own import into a new catalogue, from the first row to the last acknowledged write. Opening the
/// model's sessions is not part of it, as it is not of the others.
fn import(pictures: &[PathBuf], threads: usize, folder: &Path) -> Result<Turn> {
    std::fs::create_dir_all(folder)?;
    let feed = folder.join("feed.csv");
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
    let options = EngineOptions { threads: Some(threads), ..EngineOptions::new(folder.join("data")) };
    let engine = Engine::open(options)?;
    open_sessions(&engine, &pictures[0], threads)?;
    let (began, busy) = (Instant::now(), watch::own_seconds());
    let job = engine.import(ImportRequest::of_file(CatalogueName::default(), &feed), &|_| {})?;
    let turn = turn(pictures.len(), began, busy);
    ensure!(job.created as usize == pictures.len() && job.failed == 0, "the import is not as expected: {job:?}");
    ensure!(job.embedded as usize == pictures.len(), "pictures were not different: {job:?}");
    engine.close();
    Ok(turn)
}

/// Has the engine open all sessions of its model, which it does when there first are several pictures at once.
fn open_sessions(engine: &Engine, picture: &Path, threads: usize) -> Result<()> {
    engine.warm_up()?;
    let bytes = std::fs::read(picture)?;
    std::thread::scope(|scope| {
        let work = || (0..8).try_for_each(|_| engine.embed(&bytes, None).map(drop));
        let callers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        callers.into_iter().try_for_each(|caller| {
            caller.join().map_err(|_| anyhow::anyhow!("a caller panicked"))?.map_err(anyhow::Error::from)
        })
    })
}

/// Milliseconds of processor time of each stage for one picture on one thread, medians.
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
            let mut moments = vec![watch::thread_seconds()];
            let bytes = std::fs::read(path)?;
            std::hint::black_box(ImageHash::of(&bytes));
            moments.push(watch::thread_seconds());
            let picture = decode_at_least(&bytes, &Limits::default(), model.manifest().input.size)?;
            moments.push(watch::thread_seconds());
            let tensor = preprocess(model.manifest(), &picture);
            moments.push(watch::thread_seconds());
            let feature = model.features(&[tensor], false)?.remove(0);
            moments.push(watch::thread_seconds());
            std::hint::black_box(space.embed(&feature)?);
            moments.push(watch::thread_seconds());
            for (times, pair) in times.iter_mut().zip(moments.windows(2)) {
                times.push((pair[1] - pair[0]) * 1000.0);
            }
        }
    }
    let [read, decode, resize, infer, head] = times.each_ref().map(|times| median(times));
    Ok(Stages { read, decode, resize, infer, head })
}

/// What was seen with pictures of one size.
struct Size {
    width: u32,
    /// Bits of file for a pixel.
    bits: f64,
    figures: Turns,
    stages: Stages,
}

/// Median over the turns of `of(ours) / of(other)`: what disturbs one turn disturbs both sides of its ratio.
fn ratio(ours: &[Turn], other: &[Turn], of: fn(&Turn) -> f64) -> f64 {
    median(&ours.iter().zip(other).map(|(ours, other)| of(ours) / of(other)).collect::<Vec<_>>())
}

fn rate(turn: &Turn) -> f64 {
    turn.rate
}

/// Images a processor second: what rates come to when nobody else is there and all cores are kept busy.
fn efficiency(turn: &Turn) -> f64 {
    1000.0 / turn.cpu
}

fn middle(turns: &[Turn], of: fn(&Turn) -> f64) -> f64 {
    median(&turns.iter().map(of).collect::<Vec<_>>())
}

/// The best of the ways to write it in Python, turn by turn; `bare` is not one of them.
fn best(figures: &Turns, of: fn(&Turn) -> f64) -> Vec<Turn> {
    let ways = &figures.python[..3];
    let of_turn = |turn: usize| ways.iter().map(|turns| turns[turn]).max_by(|a, b| of(a).total_cmp(&of(b)));
    (0..figures.ours.len()).filter_map(of_turn).collect()
}

fn text(results: &[Size], threads: usize) -> String {
    let mut text = format!(
        "Into an empty catalogue through the engine's own import (`Engine::import`: feed, files, decoding, model, head, SQLite, index), {threads} threads. \
         **(a)** a loop that runs nothing but the same model with the same threads on tensors that are ready; **(b)** Pillow + ONNX Runtime + hnswlib in Python, \
         multi-threaded, the best of three ways to write it; the plain loop is the usual tutorial. Ratios are medians of turns: of images a second, and of images a \
         *processor* second, which other programs disturb least.\n\n\
         | JPEG | ours ÷ (a) | by processor time | goal | ours ÷ (b) | by processor time | goal | ours ÷ plain loop |\n\
         | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
    );
    for Size { width, figures, .. } in results {
        let goal = match width {
            224 => "0.90",
            1500 => "0.75",
            _ => "–",
        };
        text.extend([format!(
            "| {width} px | **{:.2}** | **{:.2}** | {goal} | **{:.2}** | **{:.2}** | 1.5 | {:.2} |\n",
            ratio(&figures.ours, &figures.bare, rate),
            ratio(&figures.ours, &figures.bare, efficiency),
            ratio(&figures.ours, &best(figures, rate), rate),
            ratio(&figures.ours, &best(figures, efficiency), efficiency),
            ratio(&figures.ours, &figures.python[2], rate),
        )]);
    }
    text.push_str(
        "\nImages a second (milliseconds of processor time for one):\n\n\
         | JPEG | ours | (a) | (b) pool of threads | (b) batches of 8 | (b) plain loop | bare model in Python |\n| ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for Size { width, figures, .. } in results {
        let cell = |turns: &Vec<Turn>| format!("{:.1} ({:.1})", middle(turns, rate), middle(turns, |turn| turn.cpu));
        let [pool, batch, plain, bare] = figures.python.each_ref().map(cell);
        text.extend([format!(
            "| {width} px | {} | {} | {pool} | {batch} | {plain} | {bare} |\n",
            cell(&figures.ours),
            cell(&figures.bare)
        )]);
    }
    text.push_str(
        "\nWhere the time goes, milliseconds of processor time for one picture on one thread; *everything else* is what the import's processor time has beside these: \
         feed, database, index, keeping the file.\n\n\
         | JPEG | bits a pixel | read, hash | decode | resize, normalise | model | head | everything else | all |\n| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for Size { width, bits, figures, stages } in results {
        let cpu = middle(&figures.ours, |turn| turn.cpu);
        let known = stages.read + stages.decode + stages.resize + stages.infer + stages.head;
        text.extend([format!(
            "| {width} px | {bits:.2} | {} | {} | {} | {} | {} | {} | {} |\n",
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

fn plot(results: &[Size], plan: &Plan) -> Result<()> {
    let line = |name: &str, turns: &dyn Fn(&Turns) -> Vec<Turn>| Line {
        name: name.to_owned(),
        points: results.iter().map(|size| (f64::from(size.width), middle(&turns(&size.figures), efficiency))).collect(),
    };
    let plot = Plot {
        title: "Indexing".to_owned(),
        across: "width of the JPEGs, pixels".to_owned(),
        up: "images a processor second".to_owned(),
        logarithmic: true,
        lines: vec![
            line("bare ONNX Runtime (a)", &|figures| figures.bare.clone()),
            line("Vetrina", &|figures| figures.ours.clone()),
            line("Python, best (b)", &|figures| best(figures, efficiency)),
            line("Python, plain loop", &|figures| figures.python[2].clone()),
        ],
    };
    draw(&plot, Path::new(&plan.pictures.join("bench-indexing.svg")))
}
