//! The command line: one file per command. A command reads its arguments, calls the engine, prints.

mod demo;
mod doctor;
mod embed;
mod evaluate;
mod import;
mod interrupt;
mod job;
mod search;
mod serve;
mod space;
mod tidy;
mod understand;

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand};
use vetrina_engine::Engine;
use vetrina_engine::engine::CatalogueName;

use crate::output::{Exit, Failure};
use crate::settings::{Flags, LogFormat, Settings};

/// A visual search engine for shops: products are found by photo, by words, or by both.
#[derive(Debug, Parser)]
#[command(name = "vetrina", version, max_term_width = 100, after_help = EXITS)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

const EXITS: &str = "Exit codes: 0 done, 1 failed, 2 bad arguments, 3 done with item errors.\n\
    Settings: defaults, then vetrina.toml, then VETRINA_* in the environment, then flags.";

/// What every command takes.
#[derive(Debug, Args)]
struct Common {
    /// Folder that all state lives under [default: ./vetrina-data]
    #[arg(long, global = true, value_name = "DIR", help_heading = "Settings")]
    data: Option<PathBuf>,
    /// Settings file [default: ./vetrina.toml, where there is one]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Settings")]
    config: Option<PathBuf>,
    /// ONNX Runtime's library, or the folder it is in
    #[arg(long, global = true, value_name = "FILE", help_heading = "Settings")]
    onnxruntime: Option<PathBuf>,
    /// Threads that import and embed
    #[arg(long, global = true, value_name = "N", help_heading = "Settings")]
    threads: Option<u64>,
    /// Fetch pictures and feeds from private and loopback addresses too
    #[arg(long, global = true, help_heading = "Settings")]
    allow_private_addresses: bool,
    /// Currency of prices that name none, as EUR
    #[arg(long, global = true, value_name = "CODE", help_heading = "Settings")]
    default_currency: Option<String>,
    /// What is logged: error, warn, info, debug, trace, or a filter
    #[arg(long, global = true, value_name = "LEVEL", help_heading = "Settings")]
    log_level: Option<String>,
    /// Print JSON for programs
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Import the demo catalogue if absent, serve it, print the address
    Demo(demo::Arguments),
    /// Serve HTTP and the page
    Serve(serve::Arguments),
    /// Import product feeds
    Import(import::Arguments),
    /// Search by photo, by words, by product
    Search(search::Arguments),
    /// Print the embeddings of pictures
    Embed(embed::Arguments),
    /// Say what a picture shows: regions, categories, attributes, colours, quality
    Understand(understand::Arguments),
    /// Measure how well queries find their product
    Evaluate(evaluate::Arguments),
    /// Spaces of a catalogue: list, show, train, promote, roll back
    Space(space::Arguments),
    /// Jobs: list, show, cancel, resume
    Job(job::Arguments),
    /// Remove pictures that no product shows any more
    Tidy(tidy::Arguments),
    /// Look at everything and say what to do about what is wrong
    Doctor,
}

/// What a command works with.
struct Context {
    settings: Settings,
    json: bool,
}

impl Context {
    /// Opens the data folder.
    fn engine(&self) -> Result<Arc<Engine>, Failure> {
        Ok(Engine::open(self.settings.engine.clone())?)
    }
}

/// Runs the command that the arguments name.
pub fn run() -> Exit {
    let cli = Cli::parse();
    let json = cli.common.json;
    match start(cli) {
        Ok(exit) => exit,
        Err(failure) => {
            failure.tell(json);
            failure.exit
        }
    }
}

fn start(cli: Cli) -> Result<Exit, Failure> {
    let mut flags = cli.common.flags();
    if let Command::Serve(serve::Arguments { listen }) | Command::Demo(demo::Arguments { listen }) = &cli.command
        && let Some(listen) = listen
    {
        flags.values.insert("listen", listen.clone().into());
    }
    let settings = Settings::load(&flags)?;
    let serves = matches!(cli.command, Command::Serve(_) | Command::Demo(_));
    log(&settings, if serves { "info" } else { "error" });
    let context = Context { settings, json: cli.common.json };
    match cli.command {
        Command::Demo(_) => demo::run(&context),
        Command::Serve(_) => serve::run(&context),
        Command::Import(arguments) => import::run(&context, arguments),
        Command::Search(arguments) => search::run(&context, arguments),
        Command::Embed(arguments) => embed::run(&context, arguments),
        Command::Understand(arguments) => understand::run(&context, arguments),
        Command::Evaluate(arguments) => evaluate::run(&context, arguments),
        Command::Space(arguments) => space::run(&context, arguments),
        Command::Job(arguments) => job::run(&context, arguments),
        Command::Tidy(arguments) => tidy::run(&context, &arguments),
        Command::Doctor => doctor::run(&context),
    }
}

impl Common {
    fn flags(&self) -> Flags {
        let mut flags = Flags { config: self.config.clone(), ..Flags::default() };
        let texts = [
            ("data", self.data.as_ref().map(|path| path.to_string_lossy().into_owned())),
            ("onnxruntime", self.onnxruntime.as_ref().map(|path| path.to_string_lossy().into_owned())),
            ("default_currency", self.default_currency.clone()),
            ("log.level", self.log_level.clone()),
        ];
        for (path, value) in texts {
            if let Some(value) = value {
                flags.values.insert(path, value.into());
            }
        }
        if let Some(threads) = self.threads {
            flags.values.insert("threads", threads.into());
        }
        if self.allow_private_addresses {
            flags.values.insert("allow_private_addresses", true.into());
        }
        flags
    }
}

/// Sends the log to standard error.
fn log(settings: &Settings, usual: &str) {
    let level = settings.log.level.as_deref().unwrap_or(usual);
    let filter = if level.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        // A bare level is of Vetrina itself; the index tells of its own start with warnings that are none.
        format!("warn,qdrant_edge=error,vetrina={level},vetrina_engine={level}")
    } else {
        level.to_owned()
    };
    let filter = tracing_subscriber::EnvFilter::try_new(filter).unwrap_or_default();
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let colours = crate::output::colours();
    // A second subscriber cannot be: this is called once.
    let _ = match settings.log.format {
        LogFormat::Text => builder.with_ansi(colours).with_target(false).try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
}

/// Reads a catalogue's name.
fn catalogue(name: &str) -> Result<CatalogueName, String> {
    name.parse().map_err(|error: vetrina_engine::engine::CatalogueNameError| error.to_string())
}
