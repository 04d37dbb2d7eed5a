//! `vetrina`: the shop window. Reads arguments and settings, and lets one command work.

mod commands;
mod http;
mod output;
mod settings;

use std::process::ExitCode;

fn main() -> ExitCode {
    commands::run().into()
}
