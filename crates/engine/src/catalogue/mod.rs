//! The catalogue: products, the feeds they come from, and the store that is the truth.

pub mod feeds;

mod product;

pub use product::{AttributeValue, Availability, ImageRef, Money, Product};
