//! The shapes of requests and answers, for the description of the interface. The engine's types make the JSON; a test holds the two together.

#![allow(dead_code, reason = "they describe; nobody makes one")]

mod jobs;
mod people;
mod products;
mod search;
mod spaces;
#[cfg(test)]
mod tests;
mod understand;

use serde::Serialize;
use utoipa::ToSchema;

pub use jobs::*;
pub use people::*;
pub use products::*;
pub use search::*;
pub use spaces::*;
pub use understand::*;

/// A problem document (RFC 9457).
#[derive(Serialize, ToSchema)]
pub struct Problem {
    /// What kind of problem: `urn:vetrina:problem:` and the code.
    #[schema(example = "urn:vetrina:problem:no-such-product")]
    r#type: String,
    /// For people.
    title: String,
    /// The status of the answer.
    status: u16,
    /// What happened.
    detail: String,
    /// The item at fault.
    item: Option<String>,
    /// Kebab-case name that programs can rely on.
    #[schema(example = "no-such-product")]
    code: String,
    /// What to do.
    hint: Option<String>,
    /// Column of the filter that is at fault, from 1.
    column: Option<u64>,
}

/// Whether the server is well.
#[derive(Serialize, ToSchema)]
pub struct Health {
    /// `ok` or `ready`.
    status: String,
}
