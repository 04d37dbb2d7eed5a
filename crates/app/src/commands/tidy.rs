//! `vetrina tidy`: removes what nothing refers to any more.

use clap::Args;
use vetrina_engine::engine::Tidied;

use super::Context;
use crate::output::{Exit, Failure, print, print_json};

/// Arguments of `tidy`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Remove pictures that no product has shown, and nobody has asked with, for so many days [default: the setting, 30]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(0..=36_500))]
    unused_days: Option<u32>,
}

/// Runs it.
pub fn run(context: &Context, arguments: &Arguments) -> Result<Exit, Failure> {
    let days = arguments.unused_days.unwrap_or(context.settings.engine.keep_unused_days);
    let tidied = context.engine()?.remove_unused(days)?;
    if context.json {
        print_json(&tidied)?;
    } else {
        print(&said(&tidied, days))?;
    }
    Ok(Exit::Done)
}

fn said(tidied: &Tidied, days: u32) -> String {
    let pictures = |count: u64| if count == 1 { "1 picture".to_owned() } else { format!("{count} pictures") };
    let which = if days == 0 { "no product shows".to_owned() } else { format!("no product has shown for {days} days") };
    let removed = match tidied.removed {
        0 => format!("There is no picture that {which}."),
        removed => format!("Removed {} that {which}: {:.1} MB.", pictures(removed), tidied.bytes as f64 / 1e6),
    };
    match tidied.kept {
        0 => removed,
        kept => format!("{removed} {} that no product shows kept for now.", pictures(kept)),
    }
}
