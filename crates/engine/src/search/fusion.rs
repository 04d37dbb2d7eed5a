//! Words and pictures in one score.
//!
//! Each side has a number that means something by itself: the cosine of the best picture (0 to 1 as far as it is used), and
//! the BM25F score relative to the product that says the words best (0 to 1). The fused score is their mean. Reciprocal rank
//! fusion, the usual choice where scores cannot be compared, throws away how much better the first is than the second: a
//! near-copy of the photo would count as much as the least bad of strangers.

use std::collections::HashMap;

use super::query::{RankedHit, Weighted};
use crate::index::Scored;

/// Mean of both sides; a side that is missing counts 0.
pub(super) fn fused(picture: Option<f32>, words: Option<f32>) -> f32 {
    f32::midpoint(picture.unwrap_or(0.0).max(0.0), words.unwrap_or(0.0))
}

/// Scores of words relative to the best of them, by product.
pub(super) fn relative(found: &[Scored]) -> HashMap<u64, f32> {
    let best = found.iter().map(|scored| scored.score).fold(f32::MIN_POSITIVE, f32::max);
    found.iter().map(|scored| (scored.key, scored.score / best)).collect()
}

/// How like a product's pictures are to weighted query pictures: the weighted mean, over the query's, of the cosine with
/// the product's best. `None` when the product has no picture, or the query none.
pub(super) fn likeness(query: &[Weighted], pictures: &[Vec<f32>]) -> Option<f32> {
    let total: f32 = query.iter().map(|each| each.weight).sum();
    if pictures.is_empty() || query.is_empty() || total <= 0.0 {
        return None;
    }
    let best = |vector: &[f32]| pictures.iter().map(|picture| dot(vector, picture)).fold(-1.0, f32::max);
    Some(query.iter().map(|each| each.weight * best(&each.vector)).sum::<f32>() / total)
}

/// How much a product loses for being like what was not wanted: half of the likeness above this.
const STRANGERS: f32 = 0.2;

/// Takes from a score what being like unwanted pictures costs.
pub(super) fn less_unwanted(score: f32, unwanted: Option<f32>) -> f32 {
    score - 0.5 * (unwanted.unwrap_or(0.0) - STRANGERS).max(0.0)
}

/// Best first; ties by number, so that pages agree.
pub(super) fn sort_by_score(hits: &mut [RankedHit]) {
    hits.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.key.cmp(&b.key)));
}

pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_count_alike_and_the_best_picture_counts() {
        assert_eq!(fused(Some(0.8), Some(0.4)), 0.6);
        assert_eq!(fused(Some(-0.5), None), 0.0);
        let query =
            [Weighted { vector: vec![1.0, 0.0], weight: 3.0 }, Weighted { vector: vec![0.0, 1.0], weight: 1.0 }];
        assert_eq!(likeness(&query, &[vec![1.0, 0.0], vec![0.0, -1.0]]), Some((3.0 + 0.0) / 4.0));
        assert_eq!(likeness(&query, &[]), None);
        assert!(less_unwanted(0.9, Some(0.8)) < 0.9 && less_unwanted(0.9, Some(0.1)) == 0.9);
    }

    #[test]
    fn words_are_relative_to_the_best() {
        let found = [Scored { key: 1, score: 8.0 }, Scored { key: 2, score: 2.0 }];
        assert_eq!(relative(&found), [(1, 1.0), (2, 0.25)].into());
        assert!(relative(&[]).is_empty());
    }
}
