//! Words and pictures in one score.
//!
//! Each side has a number that means something by itself: the cosine of the best picture (0 to 1 as far as it is used), and
//! the BM25F score relative to the product that says the words best (0 to 1). The fused score is their mean. Reciprocal rank
//! fusion, the usual choice where scores cannot be compared, throws away how much better the first is than the second: a
//! near-copy of the photo would count as much as the least bad of strangers.

use super::query::Weighted;
use crate::linear::dot;

/// Score of a product from what was asked: `picture` is `None` when the query has no picture, else the cosine, 0 for a product
/// without one; `words` as far as it says them; `meaning` is the cosine with what the words look like.
///
/// The mean of picture and text, each from 0 to 1. The text's side is the mean of saying and looking like it.
pub(super) fn fused(picture: Option<f32>, words: Option<f32>, meaning: Option<f32>) -> f32 {
    let text = match meaning {
        None => words.unwrap_or(0.0),
        Some(meaning) => f32::midpoint(words.unwrap_or(0.0), meaning.max(0.0)),
    };
    match picture {
        None => text,
        Some(picture) => f32::midpoint(picture.max(0.0), text),
    }
}

/// How much of a score the colour makes where something else is asked for too. With a photo of another colour, 33.8 % of the first
/// ten are of its type and in the colour asked for; with 0.3 26.9, with 0.5 33.6 but far fewer of its type (docs/evaluation.md).
pub const COLOUR_WEIGHT: f32 = 0.4;

/// A score with what the colour adds to it: the weighted mean, [`COLOUR_WEIGHT`] of it the share of the product that has the colour.
pub(super) fn coloured(score: f32, share: f32) -> f32 {
    (1.0 - COLOUR_WEIGHT) * score + COLOUR_WEIGHT * share
}

/// How like a product's pictures are to weighted query pictures: the weighted mean, over the query's, of the cosine with
/// the product's best. `None` when the product has no picture, or the query none.
pub(super) fn likeness(query: &[Weighted], pictures: &[Vec<f32>]) -> Option<f32> {
    let total: f32 = query.iter().map(|each| each.weight).sum();
    if pictures.is_empty() || query.is_empty() || total <= 0.0 {
        return None;
    }
    let best = |vector: &[f32]| pictures.iter().map(|picture| dot(vector, picture)).fold(f32::MIN, f32::max);
    Some(query.iter().map(|each| each.weight * best(&each.vector)).sum::<f32>() / total)
}

/// How much a product loses for being like what was not wanted: half of the likeness above this.
const STRANGERS: f32 = 0.2;

/// Takes from a score what being like unwanted pictures costs.
pub(super) fn less_unwanted(score: f32, unwanted: Option<f32>) -> f32 {
    score - 0.5 * (unwanted.unwrap_or(0.0) - STRANGERS).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_count_alike_and_the_best_picture_counts() {
        assert_eq!(fused(Some(0.8), Some(0.4), None), 0.6);
        assert_eq!(fused(Some(-0.5), None, None), 0.0);
        assert_eq!(fused(Some(0.0), Some(1.0), None), 0.5);
        assert_eq!(fused(None, Some(0.5), Some(0.7)), 0.6);
        let query = [Weighted { vector: vec![1.0, 0.0], weight: 3.0, colours: None }, Weighted::one(vec![0.0, 1.0])];
        assert_eq!(likeness(&query, &[vec![1.0, 0.0], vec![0.0, -1.0]]), Some((3.0 + 0.0) / 4.0));
        assert_eq!(likeness(&query, &[]), None);
        assert!(less_unwanted(0.9, Some(0.8)) < 0.9 && less_unwanted(0.9, Some(0.1)) == 0.9);
    }
}
