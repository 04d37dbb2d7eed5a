//! The index: vectors, words and payload, rebuilt from the catalogue whenever needed.
