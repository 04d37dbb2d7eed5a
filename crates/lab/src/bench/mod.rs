//! `make bench`: measures Vetrina beside what people would use instead and beside the machine's limit, and writes
//! docs/benchmarks.md with its plots.
//!
//! Each bench has a section of the page between two markers and can be run alone. What is compared is measured in turns in
//! one run, so that what disturbs one disturbs the other too; figures are medians of the turns.

mod demo;
mod document;
mod filling;
mod indexing;
mod load;
mod machine;
mod memory;
mod million_rows;
mod peers;
mod photos;
mod plot;
mod queries;
mod server;
mod statistics;
mod vectors;
mod watch;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;

pub use filling::{FillArguments, fill};
pub use load::agent;
pub use million_rows::{RowsArguments, serve_rows};
pub use server::{Server, binary};
pub use vectors::{PeerArguments, serve_as_peer};

/// What a run of the benches is asked for.
#[derive(Debug, Clone, Args)]
pub struct Arguments {
    /// Smaller sizes and fewer turns, in all below five minutes; writes into the cache folder and leaves docs/ as it is
    #[arg(long)]
    quick: bool,
    /// Only these benches
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
    /// Print only, write no page
    #[arg(long)]
    dry_run: bool,
    /// Turns of the comparisons, instead of as many as usual
    #[arg(long, value_name = "N")]
    turns: Option<usize>,
    /// Sizes of the catalogues that are searched
    #[arg(long, value_name = "N", value_delimiter = ',')]
    products: Vec<u64>,
    /// Vectors of the comparison of vector indexes
    #[arg(long, value_name = "N", value_delimiter = ',')]
    vectors: Vec<usize>,
    /// Rows of the large import
    #[arg(long, value_name = "N")]
    rows: Option<u64>,
}

/// What every bench is given.
#[derive(Debug, Clone)]
struct Plan {
    quick: bool,
    turns: Option<usize>,
    products: Vec<u64>,
    vectors: Vec<usize>,
    rows: u64,
    /// Where plots go.
    pictures: PathBuf,
}

/// A section of the page.
struct Section {
    /// Markdown, without the heading.
    text: String,
}

struct Bench {
    name: &'static str,
    run: fn(&Plan) -> Result<Section>,
}

const BENCHES: [Bench; 5] = [
    Bench { name: "indexing", run: indexing::run },
    Bench { name: "demo", run: demo::run },
    Bench { name: "vectors", run: vectors::run },
    Bench { name: "queries", run: queries::run },
    Bench { name: "million-rows", run: million_rows::run },
];

/// Runs the benches and writes the page.
pub fn run(arguments: &Arguments) -> Result<()> {
    for name in &arguments.only {
        if !BENCHES.iter().any(|bench| bench.name == name) {
            let names: Vec<&str> = BENCHES.iter().map(|bench| bench.name).collect();
            bail!("there is no bench `{name}`; there are {}", names.join(", "));
        }
    }
    let quick = arguments.quick;
    // What is not to be kept is drawn beside a copy.
    let page = if quick || arguments.dry_run { document::copy()? } else { PathBuf::from(document::PAGE) };
    let pictures = page.parent().context("the page has no folder")?.join("pictures");
    std::fs::create_dir_all(&pictures)?;
    let or = |given: &[u64], usual: &[u64]| if given.is_empty() { usual.to_vec() } else { given.to_vec() };
    let plan = Plan {
        quick,
        turns: arguments.turns,
        products: or(&arguments.products, if quick { &[10_000] } else { &[10_000, 100_000, 1_000_000] }),
        vectors: match (arguments.vectors.is_empty(), quick) {
            (false, _) => arguments.vectors.clone(),
            (true, true) => vec![10_000],
            (true, false) => vec![100_000],
        },
        rows: arguments.rows.unwrap_or(if quick { 20_000 } else { 1_000_000 }),
        pictures,
    };
    let chosen = BENCHES
        .iter()
        .filter(|bench| arguments.only.is_empty() || arguments.only.iter().any(|name| name == bench.name));
    for bench in chosen {
        eprintln!("== {}", bench.name);
        let watch = watch::Watch::start()?;
        let section = (bench.run)(&plan).with_context(|| format!("bench {}", bench.name))?;
        let text = format!("{}\n\n{}\n", section.text.trim(), watch.note()?);
        println!("\n## {}\n\n{text}", bench.name);
        if !arguments.dry_run {
            document::put(&page, bench.name, &text)?;
            document::put(&page, "machine", &machine::describe()?)?;
        }
    }
    if !arguments.dry_run {
        eprintln!("written: {}", page.display());
    }
    Ok(())
}

/// The folder of what benches make and keep: pictures, catalogues, the peers' environment.
fn cache() -> Result<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(std::env::home_dir()?.join(".cache"))).context("no home folder")?;
    let folder = cache.join("vetrina/bench");
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}
