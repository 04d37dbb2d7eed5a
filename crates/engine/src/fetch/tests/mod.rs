//! Fetching from real servers on this machine, and files and zips that are made here.

mod addresses;
mod answers;
mod limits;
mod places;
mod server;
mod zips;

use std::time::Duration;

use super::{FetchOptions, Fetcher};

/// Limits for servers of this machine.
fn local() -> FetchOptions {
    FetchOptions { allow_private: true, timeout: Duration::from_secs(15), ..FetchOptions::default() }
}

fn fetcher() -> Fetcher {
    Fetcher::new(local())
}
