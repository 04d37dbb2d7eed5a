//! What can go wrong between feature and embedding.

use super::SpaceId;

/// Why a head cannot be used or an embedding cannot be had.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SpaceError {
    /// A head file cannot be read, or what is in it is not a head.
    #[error("{origin} is not a head that can be used: {reason}; train the space again or restore the file")]
    Head {
        /// Path or name of the head.
        origin: String,
        /// What is wrong.
        reason: String,
    },
    /// A head file makes another space than it should: it was changed, or belongs elsewhere.
    #[error(
        "{origin} makes space {found}, not {expected}; it was changed or belongs elsewhere: train the space again or restore the file"
    )]
    OtherSpace {
        /// Path of the head.
        origin: String,
        /// The space it should make.
        expected: SpaceId,
        /// The space it makes.
        found: SpaceId,
    },
    /// The head belongs to another model.
    #[error("the head was fitted for another model ({head}) than the one in use ({model}); train the space again")]
    WrongModel {
        /// What the head expects.
        head: String,
        /// What there is.
        model: String,
    },
    /// The feature has another length than the head expects.
    #[error(
        "the feature has {found} numbers, the head expects {expected}; the picture must go through the model again"
    )]
    Dimension {
        /// What the head expects.
        expected: usize,
        /// What there is.
        found: usize,
    },
    /// A number is NaN or infinite.
    #[error("a vector has a number that is not finite")]
    NotFinite,
    /// All numbers are zero: there is no direction.
    #[error("a vector is zero and has no direction")]
    Zero,
    /// A colour-fused head was given no colours.
    #[error("the space looks at colours and was given none; describe the picture's colours too")]
    NoColours,
    /// A stored vector is not of unit length.
    #[error("a stored embedding has length {length}, not 1; the index must be rebuilt")]
    NotUnit {
        /// Its length.
        length: f32,
    },
}
