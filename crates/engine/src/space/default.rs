//! The head inside the binary, for the built-in model.

use std::sync::OnceLock;

use super::{Head, SpaceError};

static BYTES: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/efficientnet-lite2/default-head.safetensors"));

/// The default head; where it comes from is told by `default-head.toml` beside it.
pub(super) fn head() -> Result<&'static Head, SpaceError> {
    static PARSED: OnceLock<Result<Head, SpaceError>> = OnceLock::new();
    PARSED.get_or_init(|| Head::from_bytes(BYTES, "the default head")).as_ref().map_err(Clone::clone)
}
