//! What can go wrong with a model or the runtime below it.

use std::path::PathBuf;

use super::Tried;

/// Why a model could not be opened or run. [`ModelError::hint`] says what to do.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// ONNX Runtime's library is nowhere to be found.
    #[error("ONNX Runtime's library was not found; looked at: {}", list(.tried))]
    RuntimeMissing {
        /// Every place that was looked at, in order.
        tried: Vec<Tried>,
    },
    /// A library was found but cannot be used: not a library, truncated, for another machine, too old.
    #[error("{} cannot be used as ONNX Runtime's library: {reason}", .path.display())]
    RuntimeRefused {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The manifest cannot be read or says something impossible.
    #[error("the manifest of model {model} is not valid: {reason}")]
    Manifest {
        /// The model's name, or where the manifest came from.
        model: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The model file is not the one the manifest speaks of.
    #[error("the file of model {model} has SHA-256 {found}, its manifest says {expected}")]
    Checksum {
        /// The model's name.
        model: String,
        /// 64 hexadecimal digits.
        expected: String,
        /// 64 hexadecimal digits.
        found: String,
    },
    /// The runtime does not accept the model file, or its inputs and outputs are not those of the manifest.
    #[error("model {model} cannot be opened: {reason}")]
    Open {
        /// The model's name.
        model: String,
        /// What is wrong.
        reason: String,
    },
    /// A tensor does not have the size the model expects.
    #[error("picture {index} of the batch has {found} numbers, model {model} expects {expected}")]
    Input {
        /// The model's name.
        model: String,
        /// Position in the batch, from 0.
        index: usize,
        /// Numbers it has.
        found: usize,
        /// Numbers it must have.
        expected: usize,
    },
    /// The runtime failed, or its answer is not what the manifest says.
    #[error("model {model} failed on a batch of {batch}: {reason}")]
    Inference {
        /// The model's name.
        model: String,
        /// How many pictures were in the batch.
        batch: usize,
        /// What the runtime said.
        reason: String,
    },
}

impl ModelError {
    /// A stable name for programs, in kebab case.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::RuntimeMissing { .. } => "runtime-missing",
            Self::RuntimeRefused { .. } => "runtime-refused",
            Self::Manifest { .. } => "model-manifest",
            Self::Checksum { .. } => "model-checksum",
            Self::Open { .. } => "model-open",
            Self::Input { .. } => "model-input",
            Self::Inference { .. } => "model-inference",
        }
    }

    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::RuntimeMissing { .. } => {
                "run `make setup`, which fetches it, or set VETRINA_ONNXRUNTIME to the path of libonnxruntime.so"
            }
            Self::RuntimeRefused { .. } => {
                "run `make setup`, which fetches a library that fits, or set VETRINA_ONNXRUNTIME to another libonnxruntime.so \
                 (1.17 or later)"
            }
            Self::Manifest { .. } | Self::Checksum { .. } | Self::Open { .. } => {
                "fetch the model pack again; manifest and model file must come from the same pack"
            }
            Self::Input { .. } => "preprocess the picture with the manifest of the very model",
            Self::Inference { .. } => {
                "try again with fewer pictures at once; `vetrina doctor` checks runtime and model"
            }
        }
    }
}

fn list(tried: &[Tried]) -> String {
    tried.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
