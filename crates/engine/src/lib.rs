//! Vetrina's engine: everything a shop window understands about its pictures, without HTTP and without a command line.
//!
//! The modules follow the way of a query and of a product (see ARCHITECTURE.md); data flows down this list and nothing
//! imports upward.

mod linear;

mod beside;

pub mod image;

pub mod fetch;

pub mod model;

pub mod region;

pub mod photo;

pub mod understand;

pub mod space;

pub mod catalogue;

pub mod index;

pub mod search;

pub mod learn;

pub mod engine;

pub use engine::{Engine, EngineError, EngineOptions};
