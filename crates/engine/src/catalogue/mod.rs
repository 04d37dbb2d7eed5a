//! The catalogue: products, the feeds they come from, and the store that is the truth.

pub mod feeds;

mod product;
mod validate;
pub mod store;

pub use product::{AttributeValue, Availability, ImageRef, Money, Product};
pub use validate::{LONGEST_ID, ProductProblem};
pub use store::{Store, StoreError};
