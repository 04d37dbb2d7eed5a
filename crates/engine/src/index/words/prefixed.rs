//! Titles and ids that can be searched by their start.

use super::{Term, Terms, number};
use crate::index::fields::fold;

/// Title prefixes are indexed up to this many characters; longer ones are checked against the stored title.
pub const INDEXED_PREFIX: usize = 12;

/// Fields that can be searched by their start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prefixed {
    /// The title.
    Title,
    /// The product's id.
    Id,
}

impl Prefixed {
    /// Terms of the first one to [`INDEXED_PREFIX`] characters of a text.
    pub(super) fn terms(self, text: &str) -> impl Iterator<Item = Term> {
        let kind = match self {
            Self::Title => "title^",
            Self::Id => "id^",
        };
        let folded: String = fold(text).chars().take(INDEXED_PREFIX).collect();
        let ends: Vec<usize> = folded.char_indices().map(|(at, character)| at + character.len_utf8()).collect();
        ends.into_iter().map(move |end| number(kind, &folded[..end]))
    }

    /// The term that every product has whose field starts with `prefix`, as far as prefixes are indexed. `None` for an
    /// empty prefix, which every text has.
    pub(in crate::index) fn term(self, prefix: &str) -> Option<Terms> {
        self.terms(prefix).last().map(|term| Terms { entries: vec![(term, 1.0)] })
    }
}
