//! `vetrina`: the shop window. Reads arguments and settings, and lets one command work.

mod commands;
mod http;
mod output;
mod settings;

use std::process::ExitCode;

/// glibc's allocator spends half of a start over a million products on tidying its free lists (decision 43).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    commands::run().into()
}
