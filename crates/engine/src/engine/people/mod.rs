//! People in the loop: what shoppers do, and what people say of matches. Both become training pairs.

mod events;
mod next;
mod reviews;

use std::collections::HashSet;

use super::{Engine, EngineError};
use crate::image::ImageHash;

pub use events::{Event, EventKind, PhotoInput};
pub use next::{Question, Sampling};
pub use reviews::{Review, ReviewInput, ReviewProgress, Verdict};

/// Clicks on a product, after asking with a photo, that are worth a yes. One is curiosity.
const CLICKS: u64 = 3;
/// Dismissals that are worth a no.
const DISMISSALS: u64 = 2;

/// A match that was confirmed or rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pair {
    /// The photo, or
    pub(super) photo: Option<ImageHash>,
    /// the other product.
    pub(super) other: Option<String>,
    /// Id of the product.
    pub(super) product: String,
    /// Is it the same?
    pub(super) confirmed: bool,
}

impl Engine {
    /// All pairs of a catalogue: the last word of people on each, and where nobody spoke, what shoppers did: bought or put
    /// into the cart once, or clicked three times, and never sent away, is a yes; sent away twice and never bought is a no.
    pub(super) fn pairs(&self, catalogue: i64) -> Result<Vec<Pair>, EngineError> {
        let mut pairs = Vec::new();
        let mut said: HashSet<(Option<ImageHash>, String)> = HashSet::new();
        for review in self.store.last_reviews(catalogue)? {
            said.insert((review.photo, review.product.clone()));
            if review.verdict == Verdict::Skipped.as_str() {
                continue;
            }
            let confirmed = review.verdict == Verdict::Confirmed.as_str();
            pairs.push(Pair { photo: review.photo, other: review.other, product: review.product, confirmed });
        }
        for done in self.store.photo_events(catalogue)? {
            if said.contains(&(Some(done.photo), done.product.clone())) {
                continue;
            }
            let liked = (done.buys > 0 || done.clicks >= CLICKS) && done.dismissals == 0;
            let disliked = done.dismissals >= DISMISSALS && done.buys == 0;
            if liked || disliked {
                pairs.push(Pair { photo: Some(done.photo), other: None, product: done.product, confirmed: liked });
            }
        }
        Ok(pairs)
    }
}
