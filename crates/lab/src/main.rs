//! Evaluations and benchmarks of Vetrina on the data of `VETRINA_DATA` (default `../shared/data`); never shipped.

mod active;
mod bench;
mod calibration;
mod composites;
mod damage;
mod data;
mod default_head;
mod features;
mod filters;
mod front_door;
mod hot;
mod labels;
mod measures;
mod network;
mod parity;
mod pause;
mod plot;
mod proposals;
mod quality;
mod regions;
mod reimport;
mod repairs;
mod rerank;
mod scenes;
mod section;
mod tasks;
mod throughput;
mod training;
mod typing;
mod worst;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// The product's own: what is measured here is to be what it takes there.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(about = "Evaluations and benchmarks of Vetrina")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Fit the default head on all data and write it under `models/`, with its provenance
    FitDefaultHead,
    /// Compare features with the reference pipeline's on `reference.json`
    Parity {
        /// The reference file
        #[arg(default_value = "../shared/models/efficientnet-lite2/reference.json")]
        reference: PathBuf,
    },
    /// Run all quality tasks and write docs/evaluation.md
    Quality {
        /// Leave out F-robust, which needs 62,610 damaged pictures to be embedded the first time
        #[arg(long)]
        without_robust: bool,
        /// F-robust damages every n-th picture only (n = 1: all 6,261)
        #[arg(long, default_value_t = 1, value_name = "N")]
        robust_every: usize,
        /// Print only, leave docs/evaluation.md as it is
        #[arg(long)]
        dry_run: bool,
    },
    /// How far probabilities can be trusted; written into docs/evaluation.md, with reliability diagrams
    Calibration {
        /// Print only
        #[arg(long)]
        dry_run: bool,
    },
    /// Measure filtered search against exact search and write docs/benchmarks.md
    Filters {
        /// How many products
        #[arg(long, default_value_t = 100_000)]
        products: usize,
        /// How many queries for each line
        #[arg(long, default_value_t = 200)]
        queries: usize,
        /// Print only, leave docs/benchmarks.md as it is
        #[arg(long)]
        dry_run: bool,
    },
    /// How much a labelled photo teaches, chosen by active learning or at random; written into docs/evaluation.md
    ActiveLearning {
        /// Print only
        #[arg(long)]
        dry_run: bool,
    },
    /// What photos teach, by the shipped binary from import to answer; written into docs/evaluation.md
    FrontDoor {
        /// The folder to work in, to be kept; else a temporary one
        #[arg(long)]
        folder: Option<PathBuf>,
        /// Print only
        #[arg(long)]
        dry_run: bool,
    },
    /// Train a space of 100,000 made products: seconds and peak memory
    #[command(name = "train-100k")]
    Train100k {
        /// The data folder, filled the first time (5 GB)
        #[arg(long)]
        data: Option<PathBuf>,
        /// Other than 100,000
        #[arg(long, default_value_t = 100_000)]
        products: u64,
        /// Learn from confirmed photos instead, and from so many of which nobody said what they show
        #[arg(long, default_value_t = 0)]
        photos: u64,
    },
    /// Fit what proposes boxes on the maps of the model and write it under `models/`, with its provenance
    FitProposals,
    /// Fit what judges regions and write it under `models/`, with its provenance
    FitRegions,
    /// Compare classifiers of categories and attributes on fashion
    Labels {
        /// Print only, leave docs/evaluation.md as it is
        #[arg(long)]
        dry_run: bool,
    },
    /// Look at what the measures of quality do when pictures are damaged, and at the names of colours
    Measures {
        /// Print only, leave docs/evaluation.md as it is
        #[arg(long)]
        dry_run: bool,
    },
    /// Look at what the measures of damage say of good photos and of damaged ones
    Repairs,
    /// Fit what repairs of photos leave in features and write it under `models/`, with its provenance
    FitRepairs,
    /// Re-order the first hits by colours and by parts of pictures, and write docs/evaluation.md
    Rerank {
        /// Print only, leave docs/evaluation.md as it is
        #[arg(long)]
        dry_run: bool,
    },
    /// Measure how many products of a composite are found as regions
    Regions {
        /// Print only, leave docs/evaluation.md as it is
        #[arg(long)]
        dry_run: bool,
    },
    /// Measure images a second by threads, callers and batch
    Throughput,
    /// Measure speed and memory beside peers and limits, and write docs/benchmarks.md
    Bench(bench::Arguments),
    /// Fill a catalogue with made products for benches
    Fill(bench::FillArguments),
    /// Run the hot paths once, for callgrind
    Hot,
    /// The vector index, driven line by line by the bench
    #[command(hide = true)]
    VectorPeer(bench::PeerArguments),
    /// An import of the bench in a process of its own, or what it made, opened
    #[command(hide = true)]
    RowsPeer(bench::RowsArguments),
    /// Measure what an import costs that has little or nothing to do, and what one costs the searches meanwhile
    Reimport {
        /// Products, with a generated picture each
        #[arg(long, default_value_t = 3_000)]
        products: u32,
        /// Print only, leave docs/benchmarks.md
        #[arg(long)]
        dry_run: bool,
    },
    /// Measure how long searches wait while an index is optimised, with and without writes
    OptimisePause {
        /// Products that are put into an index
        #[arg(long, default_value_t = 100_000)]
        products: usize,
        /// Folder to put the index into, on the disk that is to be measured
        #[arg(long)]
        folder: Option<PathBuf>,
        /// Print only, leave docs/benchmarks.md
        #[arg(long)]
        dry_run: bool,
    },
    /// Measure suggestions and texts with slips in a catalogue of made-up titles
    Typing {
        /// How many products it has
        #[arg(long, default_value_t = 100_000)]
        products: usize,
    },
}

fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::FitDefaultHead => default_head::run(),
        Command::Parity { reference } => parity::run(&reference),
        Command::Quality { without_robust, robust_every, dry_run } => {
            quality::run((!without_robust).then_some(robust_every.max(1)), !dry_run)
        }
        Command::Calibration { dry_run } => calibration::run(!dry_run),
        Command::Filters { products, queries, dry_run } => filters::run(products, queries, !dry_run),
        Command::ActiveLearning { dry_run } => active::run(!dry_run),
        Command::FrontDoor { folder, dry_run } => front_door::run(folder, !dry_run),
        Command::Train100k { data, products, photos } => training::run(data, products, photos),
        Command::Labels { dry_run } => labels::run(!dry_run),
        Command::Measures { dry_run } => measures::run(!dry_run),
        Command::FitProposals => proposals::fit(),
        Command::FitRegions => regions::fit(),
        Command::Repairs => repairs::run(),
        Command::FitRepairs => repairs::fit(),
        Command::Rerank { dry_run } => rerank::run(!dry_run),
        Command::Regions { dry_run } => regions::run(!dry_run),
        Command::Throughput => throughput::run(),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Fill(arguments) => bench::fill(&arguments),
        Command::Hot => hot::run(),
        Command::VectorPeer(arguments) => bench::serve_as_peer(&arguments),
        Command::RowsPeer(arguments) => bench::serve_rows(&arguments),
        Command::Reimport { products, dry_run } => reimport::run(products, !dry_run),
        Command::OptimisePause { products, folder, dry_run } => pause::run(products, folder.as_deref(), !dry_run),
        Command::Typing { products } => typing::run(products),
    }
}
