//! Why there is no picture.

use std::fmt;

use crate::image::PictureError;

/// Why a JPEG was not decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// A kind of JPEG that this decoder leaves to others.
    Unsupported(&'static str),
    /// The bytes are not by the book.
    Damaged(String),
    /// The file ends too early.
    Truncated,
}

impl Error {
    pub(super) fn damaged(reason: impl fmt::Display) -> Self {
        Self::Damaged(reason.to_string())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsupported(feature) => write!(f, "not supported: {feature}"),
            Self::Damaged(reason) => write!(f, "damaged: {reason}"),
            Self::Truncated => f.write_str("it ends too early"),
        }
    }
}

impl std::error::Error for Error {}

/// What is wrong with the segments that both decoders walk over.
impl From<PictureError> for Error {
    fn from(error: PictureError) -> Self {
        match error {
            PictureError::Truncated => Self::Truncated,
            other => Self::damaged(other),
        }
    }
}
