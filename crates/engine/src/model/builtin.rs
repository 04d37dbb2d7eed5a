//! The model inside the binary.

use std::sync::OnceLock;

use super::{Manifest, ModelError, OnnxModel, RuntimeOptions};

/// Manifest of the built-in model, as it is in `models/`.
pub(super) const MANIFEST: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/efficientnet-lite2/manifest.toml"));

static MODEL: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/efficientnet-lite2/model.onnx"));

/// The manifest of the built-in model.
///
/// # Errors
/// [`ModelError::Manifest`]; cannot happen in a build that passed its tests.
pub fn builtin_manifest() -> Result<&'static Manifest, ModelError> {
    static PARSED: OnceLock<Result<Manifest, ModelError>> = OnceLock::new();
    PARSED.get_or_init(|| Manifest::from_toml(MANIFEST, "efficientnet-lite2")).as_ref().map_err(Clone::clone)
}

/// Opens the built-in model.
///
/// # Errors
/// As [`OnnxModel::open`]; in practice only that ONNX Runtime's library is missing or does not fit.
pub fn builtin_model(options: &RuntimeOptions) -> Result<OnnxModel, ModelError> {
    OnnxModel::open(builtin_manifest()?.clone(), MODEL, options)
}
