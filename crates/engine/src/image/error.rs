//! Why a picture could not be read.

use super::Format;

/// Why a picture could not be read: what happened, with the numbers. [`PictureError::hint`] says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PictureError {
    /// No bytes at all.
    #[error("the file is empty")]
    Empty,
    /// The file is longer than [`super::Limits::file_bytes`].
    #[error("the file has {bytes} bytes; the limit is {limit}")]
    TooManyBytes {
        /// Length of the file.
        bytes: u64,
        /// The limit it broke.
        limit: u64,
    },
    /// Width times height is more than [`super::Limits::pixels`].
    #[error("the picture has {width} × {height} pixels; the limit is {limit} in all")]
    TooManyPixels {
        /// Width as the header gives it.
        width: u32,
        /// Height as the header gives it.
        height: u32,
        /// The limit it broke.
        limit: u64,
    },
    /// A side is longer than [`super::Limits::side`].
    #[error("the picture has {width} × {height} pixels; the limit is {limit} a side")]
    SideTooLong {
        /// Width as the header gives it.
        width: u32,
        /// Height as the header gives it.
        height: u32,
        /// The limit it broke.
        limit: u32,
    },
    /// Decoding would need more than [`super::Limits::decode_bytes`].
    #[error("decoding the picture needs at least {needs} bytes of memory; the limit is {limit}")]
    NeedsTooMuchMemory {
        /// Bytes needed, at least.
        needs: u64,
        /// The limit it broke.
        limit: u64,
    },
    /// The content is none of the formats of [`Format`], whatever the file is called.
    #[error("this is no picture that can be read: it looks like {looks_like}")]
    NotAPicture {
        /// What it seems to be: "an HTML page", "a PDF document", "text", "unknown data"…
        looks_like: &'static str,
    },
    /// The file ends before the picture does.
    #[error("the file ends before the picture does")]
    Truncated,
    /// The content breaks the rules of its format.
    #[error("the {format} is damaged: {reason}")]
    Damaged {
        /// The format its first bytes announce.
        format: Format,
        /// What the decoder met.
        reason: String,
    },
    /// A rare variant of a format that can be read otherwise.
    #[error("this kind of {format} cannot be read: {feature}")]
    Unsupported {
        /// The format its first bytes announce.
        format: Format,
        /// What is missing here.
        feature: String,
    },
}

impl PictureError {
    /// A stable name for programs, in kebab case.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "empty-picture",
            Self::TooManyBytes { .. } => "too-many-bytes",
            Self::TooManyPixels { .. } => "too-many-pixels",
            Self::SideTooLong { .. } => "side-too-long",
            Self::NeedsTooMuchMemory { .. } => "needs-too-much-memory",
            Self::NotAPicture { .. } => "not-a-picture",
            Self::Truncated => "truncated-picture",
            Self::Damaged { .. } => "damaged-picture",
            Self::Unsupported { .. } => "unsupported-picture",
        }
    }

    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Empty | Self::Truncated => "upload or download the file again; the transfer was cut short",
            Self::TooManyBytes { .. } => "save the picture smaller: fewer pixels, or JPEG with a lower quality",
            Self::TooManyPixels { .. } | Self::SideTooLong { .. } => "scale the picture down; 2,000 pixels are plenty",
            Self::NeedsTooMuchMemory { .. } => "scale the picture down, or save it with 8 bits a channel",
            Self::NotAPicture { .. } => "give a JPEG, PNG, WebP, GIF, BMP or TIFF; check what the link really returns",
            Self::Damaged { .. } => "open the picture in an editor and save it again, or take it from its source again",
            Self::Unsupported { .. } => "save the picture as an ordinary JPEG or PNG",
        }
    }

    /// A damaged picture with the decoder's own words.
    pub(super) fn damaged(format: Format, reason: impl std::fmt::Display) -> Self {
        Self::Damaged { format, reason: reason.to_string() }
    }

    /// An unsupported picture.
    pub(super) fn unsupported(format: Format, feature: impl std::fmt::Display) -> Self {
        Self::Unsupported { format, feature: feature.to_string() }
    }

    /// What an input or output error inside a decoder means: the bytes are all in memory, so it is the end of them.
    pub(super) fn from_io(format: Format, error: &std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::UnexpectedEof {
            return Self::Truncated;
        }
        Self::damaged(format, error)
    }
}
