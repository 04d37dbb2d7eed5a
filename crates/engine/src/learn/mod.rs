//! Evaluation and training of heads.
