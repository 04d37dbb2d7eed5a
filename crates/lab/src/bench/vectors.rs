//! The vector index alone, beside other libraries, at the same recall.

use std::collections::HashSet;
use std::io::{BufRead as _, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use rayon::prelude::*;
use serde_json::{Map, Value, json};
use vetrina_engine::index::{Effort, Fields, Index, IndexOptions, IndexPoint, Tuning};
use vetrina_engine::model::{Feature, builtin_manifest};
use vetrina_engine::space::Space;

use super::filling::Stock;
use super::memory::resident;
use super::peers::{Peer, number};
use super::statistics::{figure, median, percentile, thousands};
use super::{Plan, Section};

/// Hits that recall looks at.
const TOP: usize = 10;
/// Links a point and effort of building: the same for all, where a library can be told.
const LINKS: usize = 16;
const BUILD_EFFORT: usize = 100;
const EFFORTS: [usize; 12] = [12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512];
const RECALLS: [f64; 2] = [0.95, 0.99];
const LIBRARIES: [&str; 5] = ["Vetrina (qdrant-edge)", "usearch", "hnswlib", "faiss", "faiss-int8"];

/// One library, built and waiting.
struct Contender {
    name: &'static str,
    peer: Peer,
    build: f64,
    memory: f64,
    /// For each recall wanted: the effort that reaches it and the recall it reaches.
    reached: Vec<Option<(usize, f64)>>,
    /// For each recall wanted: milliseconds of single queries, and queries a second in each turn.
    figures: Vec<(Vec<f64>, Vec<f64>)>,
}

pub fn run(plan: &Plan) -> Result<Section> {
    let mut text = String::from(
        "Nearest ten of made pictures (as in the catalogues above: real features, changed a little) as 256 numbers, no filter, no words. Every library has its \
         smallest search effort that reaches the recall, measured against an exact scan. The turns of the libraries alternate; build times stand one after another.\n",
    );
    for &count in &plan.vectors {
        text.push_str(&compare(count, plan)?);
    }
    Ok(Section { text })
}

fn compare(count: usize, plan: &Plan) -> Result<String> {
    let folder = tempfile::tempdir_in(super::cache()?)?;
    let queries = if plan.quick { 200 } else { 500 };
    let (base, queries, truth) = made(folder.path(), count, queries)?;
    let threads = std::thread::available_parallelism()?.get().min(2);
    let mut contenders = Vec::new();
    for name in LIBRARIES {
        let (peer, greeting) = start(name, &base, &queries, threads, folder.path())?;
        let (build, memory) = (number(&greeting, "build_s")?, number(&greeting, "memory_mib")?);
        eprintln!("{name}: built in {build:.1} s, {memory:.0} MiB");
        contenders.push(Contender { name, peer, build, memory, reached: Vec::new(), figures: Vec::new() });
    }
    for contender in &mut contenders {
        contender.reached = efforts(&mut contender.peer, &truth)?;
        contender.figures = vec![(Vec::new(), Vec::new()); RECALLS.len()];
    }
    for _ in 0..plan.turns.unwrap_or(if plan.quick { 2 } else { 5 }) {
        for at in 0..RECALLS.len() {
            for contender in &mut contenders {
                let Some((effort, _)) = contender.reached[at] else { continue };
                let answer = contender.peer.ask(&json!({"latency": effort}))?;
                let times = answer["ms"].as_array().context("no times")?;
                contender.figures[at].0.extend(times.iter().filter_map(Value::as_f64));
                let answer = contender.peer.ask(&json!({"rate": effort, "seconds": 1.0}))?;
                contender.figures[at].1.push(number(&answer, "per_second")?);
            }
        }
    }
    Ok(text(count, &contenders, threads))
}

/// The smallest effort for each recall; none where the library does not get there.
fn efforts(peer: &mut Peer, truth: &[Vec<u64>]) -> Result<Vec<Option<(usize, f64)>>> {
    let mut reached = vec![None; RECALLS.len()];
    for effort in EFFORTS {
        let answer = peer.ask(&json!({"find": effort}))?;
        let recall = recall(answer["found"].as_array().context("nothing found")?, truth);
        for (slot, wanted) in reached.iter_mut().zip(RECALLS) {
            if slot.is_none() && recall >= wanted {
                *slot = Some((effort, recall));
            }
        }
        if reached.iter().all(Option::is_some) {
            break;
        }
    }
    Ok(reached)
}

fn recall(found: &[Value], truth: &[Vec<u64>]) -> f64 {
    let hits: usize = found
        .iter()
        .zip(truth)
        .map(|(found, truth)| {
            let found: HashSet<u64> = found.as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
            truth.iter().filter(|place| found.contains(place)).count()
        })
        .sum();
    hits as f64 / (truth.len() * TOP) as f64
}

fn start(name: &str, base: &Path, queries: &Path, threads: usize, folder: &Path) -> Result<(Peer, Value)> {
    let of = |path: &Path| path.display().to_string();
    if name == LIBRARIES[0] {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg("vector-peer")
            .args([base, queries])
            .arg(folder.join("index"))
            .args(["--threads", &threads.to_string()]);
        return Peer::start(name, &mut command);
    }
    let numbers = [256, threads, LINKS, BUILD_EFFORT].map(|number| number.to_string());
    let arguments = [vec![name.to_owned(), of(base), of(queries)], numbers.to_vec()].concat();
    Peer::python("vectors.py", &arguments)
}

/// Writes made embeddings to files, and finds the true neighbours.
fn made(folder: &Path, count: usize, queries: usize) -> Result<(PathBuf, PathBuf, Vec<Vec<u64>>)> {
    let stock = Stock::open(count as u64)?;
    let space = Space::default_for(builtin_manifest()?)?;
    let embed = |number: u64| -> Result<Vec<f32>> {
        Ok(space.embed(&Feature { pooled: stock.feature(number), map: None })?.into_vector())
    };
    let rows = |from: u64, count: usize| -> Result<Vec<Vec<f32>>> {
        (from..from + count as u64).into_par_iter().map(embed).collect()
    };
    let base = rows(0, count)?;
    let asked = rows(1 << 40, queries)?;
    let truth = asked.par_iter().map(|query| nearest(&base, query)).collect();
    let write = |name: &str, rows: &[Vec<f32>]| -> Result<PathBuf> {
        let path = folder.join(name);
        let mut file = std::io::BufWriter::new(std::fs::File::create(&path)?);
        for row in rows {
            file.write_all(&row.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>())?;
        }
        file.flush()?;
        Ok(path)
    };
    Ok((write("base.f32", &base)?, write("queries.f32", &asked)?, truth))
}

fn nearest(base: &[Vec<f32>], query: &[f32]) -> Vec<u64> {
    let score = |row: &[f32]| row.iter().zip(query).map(|(a, b)| a * b).sum::<f32>();
    let mut scores: Vec<(f32, u64)> = base.iter().map(|row| score(row)).zip(0..).collect();
    scores.select_nth_unstable_by(TOP, |a, b| b.0.total_cmp(&a.0));
    scores.truncate(TOP);
    scores.into_iter().map(|(_, place)| place).collect()
}

fn text(count: usize, contenders: &[Contender], threads: usize) -> String {
    let mut text = format!(
        "\n{} vectors; ratios of p50 are *other ÷ Vetrina*, above 1 where Vetrina is faster:\n\n\
         | library | recall wanted | p50 ratio | p50, ms | p99, ms | queries/s, {threads} threads | effort (recall) | built, s | memory, MiB |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
        thousands(count as u64)
    );
    for (at, wanted) in RECALLS.iter().enumerate() {
        let ours = median(&contenders[0].figures[at].0);
        for contender in contenders {
            let Some((effort, recall)) = contender.reached[at] else {
                text.extend([format!(
                    "| {} | {wanted} | – | not reached | | | {} | {} | {:.0} |\n",
                    contender.name,
                    EFFORTS[EFFORTS.len() - 1],
                    figure(contender.build),
                    contender.memory
                )]);
                continue;
            };
            let (times, rates) = &contender.figures[at];
            text.extend([format!(
                "| {} | {wanted} | {} | {:.3} | {:.3} | {:.0} | {effort} ({recall:.3}) | {} | {:.0} |\n",
                contender.name,
                figure(median(times) / ours),
                median(times),
                percentile(times, 99.0),
                median(rates),
                figure(contender.build),
                contender.memory,
            )]);
        }
    }
    text
}

/// Arguments of `vetrina-lab vector-peer`.
#[derive(Debug, Args)]
pub struct PeerArguments {
    base: PathBuf,
    queries: PathBuf,
    /// Where the index is made
    folder: PathBuf,
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Links of a point
    #[arg(long)]
    links: Option<usize>,
    #[arg(long)]
    build_effort: Option<usize>,
    /// How vectors are compressed for the walk over the graph: none, scalar, binary
    #[arg(long)]
    compression: Option<String>,
    /// Whether vectors are kept with 16 bits a number
    #[arg(long)]
    half: Option<bool>,
    /// Whether graph and compressed vectors are read from mapped files
    #[arg(long)]
    mapped: Option<bool>,
}

/// Our own index behind the protocol of `peers/vectors.py`, in a process of its own, so that memory can be compared.
pub fn serve_as_peer(arguments: &PeerArguments) -> Result<()> {
    let dims = Space::default_for(builtin_manifest()?)?.dim();
    let queries = floats(&arguments.queries, dims)?;
    let usual = Tuning::default();
    let compression =
        arguments.compression.as_deref().map(str::parse).transpose().map_err(|text: String| anyhow::anyhow!(text))?;
    let tuning = Tuning {
        links: arguments.links.unwrap_or(usual.links),
        build_effort: arguments.build_effort.unwrap_or(usual.build_effort),
        compression: compression.unwrap_or(usual.compression),
        half: arguments.half.unwrap_or(usual.half),
        mapped: arguments.mapped.unwrap_or(usual.mapped),
        ..usual
    };
    let options = IndexOptions { tuning, ..IndexOptions::new(dims) };
    let before = resident("self")?.all;
    let began = Instant::now();
    {
        let index = Index::open(&arguments.folder, &options)?.index;
        // As they are needed: what is read at once stays with the process when it is given back.
        let mut base = std::io::BufReader::new(std::fs::File::open(&arguments.base)?);
        let (mut block, mut key) = (Vec::new(), 0);
        while base.by_ref().take(1024 * 4 * dims as u64).read_to_end(&mut block)? > 0 {
            let points: Vec<IndexPoint> = vectors_in(&block, dims)
                .map(|vector| {
                    // Numbers of products begin with 1.
                    key += 1;
                    IndexPoint { key, vectors: vec![vector], words: Fields::default(), payload: Map::new() }
                })
                .collect();
            index.upsert(&points)?;
            block.clear();
        }
        index.optimize()?;
        index.flush()?;
    }
    let build = began.elapsed().as_secs_f64();
    let opening = Instant::now();
    let index = Index::open(&arguments.folder, &options)?.index;
    let opened = opening.elapsed().as_secs_f64();
    let find = |query: &Vec<f32>, effort: usize| -> Result<Vec<u64>> {
        let found = index.nearest_with(std::slice::from_ref(query), None, TOP, Effort::Candidates(effort))?;
        Ok(found.into_iter().map(|scored| scored.key - 1).collect())
    };
    queries.iter().try_for_each(|query| find(query, 64).map(drop))?;
    let memory = resident("self")?;
    let info = index.info();
    let say = |value: Value| -> Result<()> {
        let mut out = std::io::stdout();
        writeln!(out, "{value}")?;
        Ok(out.flush()?)
    };
    say(
        json!({"ready": true, "build_s": build, "memory_mib": memory.all - before, "own_mib": memory.own, "opened_s": opened,
        "segments": info.segments, "indexed": info.indexed, "disk_mib": info.disk_bytes >> 20}),
    )?;
    for line in std::io::stdin().lock().lines() {
        let asked: Value = serde_json::from_str(&line?)?;
        let effort = |key: &str| asked[key].as_u64().map(|effort| effort as usize);
        if let Some(effort) = effort("find") {
            let found = queries.iter().map(|query| find(query, effort)).collect::<Result<Vec<_>>>()?;
            say(json!({"found": found}))?;
        } else if let Some(effort) = effort("latency") {
            let time = |query: &Vec<f32>| -> Result<f64> {
                let began = Instant::now();
                find(query, effort)?;
                Ok(began.elapsed().as_secs_f64() * 1000.0)
            };
            say(json!({"ms": queries.iter().map(time).collect::<Result<Vec<_>>>()?}))?;
        } else if let Some(effort) = effort("rate") {
            let until = Duration::from_secs_f64(asked["seconds"].as_f64().unwrap_or(1.0));
            say(
                json!({"per_second": rate(arguments.threads, until, &queries, &|query| find(query, effort).map(drop))?}),
            )?;
        }
    }
    Ok(())
}

fn rate(
    threads: usize,
    time: Duration,
    queries: &[Vec<f32>],
    find: &(dyn Fn(&Vec<f32>) -> Result<()> + Sync),
) -> Result<f64> {
    let began = Instant::now();
    let work = || -> Result<usize> {
        let mut done = 0;
        while began.elapsed() < time {
            for query in queries {
                find(query)?;
            }
            done += queries.len();
        }
        Ok(done)
    };
    let done: Vec<Result<usize>> = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        callers
            .into_iter()
            .map(|caller| caller.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a caller panicked"))))
            .collect()
    });
    let done = done.into_iter().sum::<Result<usize>>()?;
    Ok(done as f64 / began.elapsed().as_secs_f64())
}

fn floats(path: &Path, dims: usize) -> Result<Vec<Vec<f32>>> {
    let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
    ensure!(
        !bytes.is_empty() && bytes.len() % (4 * dims) == 0,
        "{} is no file of {dims} numbers a row",
        path.display()
    );
    Ok(vectors_in(&bytes, dims).collect())
}

fn vectors_in(bytes: &[u8], dims: usize) -> impl Iterator<Item = Vec<f32>> {
    bytes
        .chunks_exact(4 * dims)
        .map(|row| row.as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four)).collect())
}
