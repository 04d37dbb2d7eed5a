//! What stands in the address: path and query, with problem documents where they cannot be read.

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use vetrina_engine::engine::CatalogueName;

use super::problem::Problem;

/// Parameters of the path, percent-decoded.
#[derive(Debug)]
pub struct InPath<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for InPath<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(value) = Path::from_request_parts(parts, state).await?;
        Ok(Self(value))
    }
}

/// Parameters after the `?`.
#[derive(Debug)]
pub struct InQuery<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for InQuery<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(value) = Query::from_request_parts(parts, state).await?;
        Ok(Self(value))
    }
}

/// A part of a list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Page {
    limit: Option<usize>,
    /// How many to leave out at the start.
    #[serde(default)]
    pub offset: usize,
}

impl Page {
    /// How many are wanted: `usual` unless told.
    ///
    /// # Errors
    /// 400 for more than `most`.
    pub fn limit(&self, usual: usize, most: usize) -> Result<usize, Problem> {
        limit(self.limit, usual, most)
    }
}

/// Reads a catalogue's name.
///
/// # Errors
/// 400 when it cannot be the name of one.
pub fn catalogue(name: &str) -> Result<CatalogueName, Problem> {
    name.parse().map_err(|error: vetrina_engine::engine::CatalogueNameError| {
        Problem::bad_request("bad-catalogue-name", error.to_string()).item(name)
    })
}

/// Refuses a number of items outside of `1..=most`.
///
/// # Errors
/// 400 that names the parameter.
pub fn limit(limit: Option<usize>, usual: usize, most: usize) -> Result<usize, Problem> {
    let limit = limit.unwrap_or(usual);
    if limit > most {
        return Err(
            Problem::bad_request("bad-parameter", format!("limit is {limit}; {most} is the most")).item("limit")
        );
    }
    Ok(limit)
}
