//! Evaluation and training of heads.
//!
//! [`evaluate`] says how good a space is on a gallery and queries whose right answers are known; [`fit`] (by one [`Method`]
//! or another) and [`fit_words`] fit heads in closed form from stored features, without touching a picture.

mod active;
mod compare;
mod corrections;
mod evaluate;
mod fused;
mod labels;
mod lda;
mod method;
mod pca;
mod principal;
mod ranking;
mod rows;
mod scatter;
mod self_training;
mod within;
mod words;

use faer::linalg::cholesky::llt::factor::LltError;

pub use active::most_telling;
pub use compare::{Interval, Random, bootstrap};
pub use corrections::{CorrectionOptions, fit_corrections};
pub use evaluate::{EvaluateError, Report, evaluate};
pub use fused::Besides;
pub use labels::{LabelMethod, LabelOptions, Lessons, fit_labels, fit_linear, remembered};
pub use lda::{LdaOptions, fit_lda};
pub use method::{COLOURS_WEIGH, Method, fit};
pub use pca::{PcaOptions, fit_pca};
pub use ranking::{Ranking, nearest_votes, rank_of_own, rankings, share_in_first};
pub use rows::Rows;
pub use self_training::{SelfTraining, self_train, shortlist, taken_for};
pub use words::{WordsOptions, fit_words};

/// Why nothing can be fitted.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FitError {
    /// There is too little to learn from.
    #[error("nothing can be learned here: {reason}")]
    TooLittle {
        /// What is missing.
        reason: String,
    },
    /// The parts of the training data do not belong together, or have numbers that are not finite.
    #[error("the training data is not usable: {reason}")]
    Data {
        /// What is wrong.
        reason: String,
    },
    /// The numbers do not let themselves be solved.
    #[error("the head cannot be computed: {reason}")]
    Numerics {
        /// What happened.
        reason: String,
    },
}

impl From<LltError> for FitError {
    fn from(error: LltError) -> Self {
        Self::Numerics { reason: format!("{error:?}") }
    }
}
