//! Search: from a query to ranked products.

pub mod filter;

pub use filter::{Expr, FilterError, Schema};
