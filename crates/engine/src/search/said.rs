//! Which products say words.

use std::collections::HashMap;

use roaring::RoaringBitmap;

use super::SearchError;
use crate::index::{Index, Table};

/// Most products that words can match; more are not looked at, and the total says that it is not exact.
pub(super) const MOST_MATCHES: usize = 200_000;

/// The products that say a text.
#[derive(Debug, Clone, Default)]
pub(super) struct Said {
    pub(super) rows: RoaringBitmap,
    /// BM25F by row.
    pub(super) scores: HashMap<u32, f32>,
    /// Whether these are all.
    pub(super) complete: bool,
}

/// All products that say any word of a text, whatever the filter is: scores do not depend on it.
pub(super) fn said(index: &Index, table: &Table, text: &str, most: usize) -> Result<Said, SearchError> {
    let most = most.clamp(1, MOST_MATCHES);
    let found = index.words(text, None, most)?;
    let complete = found.len() < MOST_MATCHES;
    let scores: HashMap<u32, f32> =
        found.iter().filter_map(|scored| Some((table.row(scored.key)?, scored.score))).collect();
    Ok(Said { rows: scores.keys().copied().collect(), scores, complete })
}
