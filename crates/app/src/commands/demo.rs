//! `vetrina demo`: the demo catalogue, imported once and served.

use std::env;
use std::path::PathBuf;

use clap::Args;
use vetrina_engine::engine::{CatalogueName, FeedSource, ImportRequest, JobState};

use super::Context;
use super::interrupt::Interrupt;
use crate::http;
use crate::output::{Exit, Failure, ImportBar, say};

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Address to listen on [default: 127.0.0.1:7700]
    #[arg(long, value_name = "HOST:PORT")]
    pub listen: Option<String>,
}

/// Runs it. The port is taken first: that it is not free is better known before the import than after it.
pub fn run(context: &Context) -> Result<Exit, Failure> {
    let door = http::bind(&context.settings, "vetrina demo")?;
    let engine = context.engine()?;
    let catalogue = CatalogueName::default();
    let filled = engine.catalogues()?.iter().any(|info| info.name == catalogue && info.products > 0);
    if !filled {
        let folder = folder()?;
        let request = ImportRequest {
            catalogue,
            feed: FeedSource::File(folder.join("products.csv")),
            dialect: "auto".to_owned(),
            images: Some(folder.join("images")),
            sync: false,
            force: false,
            // The demo shop's prices name no currency; its own settings say US dollars.
            currency: Some("USD".to_owned()),
        };
        let interrupt = Interrupt::watch(&engine)?;
        let bar = ImportBar::new("demo catalogue");
        let job = engine.import(request, &|job| {
            interrupt.is_at(&job.id);
            bar.show(job);
        })?;
        drop(bar);
        if job.state != JobState::Done {
            let hint = "run `vetrina demo` again; what was imported stays";
            return Err(Failure::new(
                "import-failed",
                format!("the demo catalogue was not imported: {}", job.message),
                hint,
            ));
        }
        say(&format!("Imported {} products of the demo shop.", job.created + job.updated + job.skipped));
        interrupt.forget();
    }
    door.serve(context.json, move || Ok(engine))?;
    Ok(Exit::Done)
}

/// Where `make setup` puts the demo catalogue.
fn folder() -> Result<PathBuf, Failure> {
    let named = env::var_os("VETRINA_DEMO").filter(|value| !value.is_empty()).map(PathBuf::from);
    let usual = || {
        let cache = env::var_os("XDG_CACHE_HOME").filter(|value| !value.is_empty()).map(PathBuf::from);
        let cache = cache.or_else(|| directories::BaseDirs::new().map(|dirs| dirs.home_dir().join(".cache")));
        cache.unwrap_or_default().join("vetrina").join("demo")
    };
    let folder = named.unwrap_or_else(usual);
    if folder.join("products.csv").is_file() {
        return Ok(folder);
    }
    Err(Failure::new(
        "no-demo",
        format!("the demo catalogue is not in {}", folder.display()),
        "run `make setup`, which fetches it, or name its folder with VETRINA_DEMO",
    ))
}
