//! Suggestions while somebody types.

use std::sync::atomic::Ordering;

use super::{CatalogueName, Engine, EngineError};
use crate::index::fields::fold;
use crate::index::in_stock;
use crate::search::{MOST_SUGGESTIONS, Suggestion, SuggestionKind, Suggestions, suggest};

impl Engine {
    /// Whether the words of all products of a catalogue are known, so that suggestions and corrections miss none: some
    /// seconds after a large catalogue was opened.
    ///
    /// # Errors
    /// [`EngineError::NoSuchCatalogue`].
    pub fn words_are_read(&self, catalogue: &CatalogueName) -> Result<bool, EngineError> {
        Ok(self.catalogue(catalogue)?.snapshot().words_read.load(Ordering::Acquire))
    }

    /// What the text somebody has typed so far may become: words, categories, brands and products; at most `limit` of them,
    /// 20 in any case.
    ///
    /// # Errors
    /// [`EngineError::NoSuchCatalogue`]; errors of the index and the store.
    pub fn suggest(&self, catalogue: &CatalogueName, text: &str, limit: usize) -> Result<Suggestions, EngineError> {
        let open = self.catalogue(catalogue)?;
        let limit = limit.min(MOST_SUGGESTIONS);
        let mut found = suggest(&open.snapshot().index, text, limit)?;
        let mut products = self.store.products_of(open.key, &found.products)?;
        // What the title begins with is what was meant; then what can be bought; else the index's order.
        products.sort_by_key(|stored| {
            let place = found.products.iter().position(|key| *key == stored.key);
            (!fold(&stored.product.title).starts_with(&found.folded), !in_stock(&stored.product), place)
        });
        let room = limit.saturating_sub(found.suggestions.len()).max(limit.div_ceil(4));
        found.suggestions.truncate(limit - room.min(products.len()));
        found.suggestions.extend(products.into_iter().take(room).map(|stored| {
            let image = stored.product.image_hashes().first().map(|hash| format!("/v1/images/{hash}"));
            Suggestion {
                kind: SuggestionKind::Product,
                text: stored.product.title,
                id: Some(stored.product.id),
                value: None,
                image,
                products: None,
            }
        }));
        Ok(Suggestions { suggestions: found.suggestions })
    }
}
