//! Search: from a query to ranked products.
//!
//! `SearchRequest → (pictures embedded, filter parsed) → `[`Query`]` → `[`execute`]` → `[`Ranked`]` → SearchResponse`. The
//! request and the response are the JSON of `docs/api.md`; in between there are only numbers of products.

#[cfg(test)]
mod agreement;
mod bands;
mod error;
mod execute;
mod facets;
pub mod filter;
mod found;
mod fusion;
mod near;
mod order;
mod query;
mod rank;
mod request;
mod rerank;
mod response;
mod rules;
mod spread;
mod suggest;
#[cfg(test)]
mod tests;

pub use error::SearchError;
pub use execute::{execute, execute_with};
pub use filter::{Expr, FilterError, Schema};
pub use fusion::COLOUR_WEIGHT;
pub use query::{FacetField, Meaning, Query, Ranked, RankedHit, SortField, Weighted};
pub use request::{Band, ImageInput, MOST_HITS, SearchRequest, SortOrder};
pub use rerank::{ColoursOf, QueryColours, REORDERED};
pub use response::{FacetValue, Hit, HitImage, SearchResponse, TookMs};
pub use rules::{Boost, Decay, DecayField, Named, Rules, Ruling};
pub(crate) use suggest::suggest;
pub use suggest::{MOST_SUGGESTIONS, Suggestion, SuggestionKind, Suggestions};
