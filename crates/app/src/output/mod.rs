//! What people and programs see: results on standard output, everything else on standard error.

mod failure;
mod ledger;
mod progress;
mod table;

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

pub use failure::{Exit, Failure};
pub use ledger::ledger_csv;
pub use progress::{ImportBar, UnderstandBar, time};
pub use table::{Table, harmless, print_job, print_jobs, print_problems};

/// Writes a document on one line to standard output.
///
/// # Errors
/// When standard output is gone.
pub fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, value).map_err(|error| Failure::output(&error.into()))?;
    out.write_all(b"\n").and_then(|()| out.flush()).map_err(|error| Failure::output(&error))
}

/// Writes text to standard output.
///
/// # Errors
/// When standard output is gone.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.write_all(b"\n"))
        .and_then(|()| out.flush())
        .map_err(|error| Failure::output(&error))
}

/// Says something to people, on standard error. That nobody listens is no reason to stop.
pub fn say(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Whether standard error may have colours: a terminal, and no `NO_COLOR`.
pub fn colours() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
