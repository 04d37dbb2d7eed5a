//! `vetrina serve`: HTTP and the page.

use clap::Args;
use vetrina_engine::Engine;

use super::Context;
use crate::http;
use crate::output::{Exit, Failure};

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Address to listen on [default: 127.0.0.1:7700]
    #[arg(long, value_name = "HOST:PORT")]
    pub listen: Option<String>,
}

/// Runs it. The port is open before the engine is, so that `/healthz` and `/readyz` can tell how far the start is.
pub fn run(context: &Context) -> Result<Exit, Failure> {
    let options = context.settings.engine.clone();
    let door = http::bind(&context.settings, "vetrina serve")?;
    door.serve(context.json, move || Engine::open(options))?;
    Ok(Exit::Done)
}
