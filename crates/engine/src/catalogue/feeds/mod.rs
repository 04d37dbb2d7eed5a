//! Product feeds: one file per dialect.
