//! Where bytes come from: addresses, files, zips, `data:` URIs.
//!
//! Addresses are given by strangers, so a [`Fetcher`] connects to public addresses only (unless told otherwise), whatever a name
//! resolves to and wherever a redirect leads, and bounds bytes, time and connections. Files are given by feeds: [`Sources`]
//! never lets a relative path leave the folders of its feed.

mod address;
mod archive;
mod error;
mod fetcher;
mod freshness;
mod hosts;
mod resolver;
mod sources;
#[cfg(test)]
mod tests;

pub use archive::Archive;
pub use error::{FetchError, SourceError};
pub use fetcher::{FetchOptions, Fetched, Fetcher, Validators};
pub use sources::{Source, Sources};
