//! The catalogue: products, the feeds they come from, and the store that is the truth.

pub mod feeds;

mod money;
mod product;
pub mod store;
mod validate;

pub use money::{PriceError, parse_price};
pub use product::{AttributeValue, Availability, ImageRef, Money, Product};
pub use store::{Store, StoreError};
pub use validate::{LONGEST_ID, ProductProblem};
