//! How vectors are kept and searched.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Trade-offs between memory, time and recall. The defaults are measured: see the decision about the index's parameters in
/// `docs/decisions.md`, and `make bench`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tuning {
    /// Links of a point in the graph (HNSW's m), at least 4.
    pub links: usize,
    /// Candidates that are looked at when a point is put into the graph (HNSW's ef_construct), at least 4.
    pub build_effort: usize,
    /// Candidates that are looked at when the graph is searched (HNSW's ef).
    pub search_effort: usize,
    /// What the walk over the graph compares, in a new index.
    pub compression: Compression,
    /// Whether a new index keeps vectors with 16 bits a number rather than 32; one that there is stays as it was made.
    pub half: bool,
    /// Whether graph and compressed vectors are read from mapped files (as whole vectors always are), which the kernel may drop and
    /// read again, rather than held in the process's own memory.
    pub mapped: bool,
}

/// What the walk over the graph compares. With a compression the best candidates are compared again by their whole vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// The vectors as they are.
    None,
    /// One byte a number.
    Scalar,
    /// One bit a number.
    Binary,
}

/// How hard a search tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// Walks over the graph as [`Tuning::search_effort`] says.
    Usual,
    /// Compares every product that passes the filter.
    Exact,
    /// Walks over the graph with so many candidates: more find more and take longer.
    Candidates(usize),
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            links: 16,
            build_effort: 100,
            search_effort: 600,
            compression: Compression::None,
            half: true,
            mapped: true,
        }
    }
}

impl FromStr for Compression {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Self::None),
            "scalar" => Ok(Self::Scalar),
            "binary" => Ok(Self::Binary),
            other => Err(format!("`{other}` is no compression: none, scalar, binary")),
        }
    }
}
