//! Variety among the hits: caps per brand, and maximal marginal relevance.

use std::collections::HashMap;

use roaring::RoaringBitmap;

use super::rank::Candidate;
use crate::index::Table;
use crate::linear::dot;

/// Keeps at most `most` cards of each brand, the first ones. Cards without a brand are all kept. A group counts for the brand
/// of its first product in the set, whichever variant is shown, so that the number of cards does not depend on their order.
pub(super) fn cap_brands(table: &Table, set: &RoaringBitmap, cards: &mut Vec<Candidate>, collapse: bool, most: usize) {
    let mut counts: HashMap<u32, usize> = HashMap::new();
    cards.retain(|card| {
        let first = if collapse { table.first_of_group(set, card.row) } else { card.row };
        let Some(brand) = table.brand(first) else { return true };
        let count = counts.entry(brand).or_default();
        *count += 1;
        *count <= most
    });
}

/// Orders hits so that each is good and unlike those before it: maximal marginal relevance (Carbonell and Goldstein 1998),
/// `(1 − diversity) · score − diversity · likeness to the most alike before`. `pictures` are the hits' own; products without
/// pictures are unlike everything.
pub(super) fn diversify(hits: &mut Vec<Candidate>, pictures: &[Vec<Vec<f32>>], diversity: f32) {
    let mut left: Vec<(Candidate, &[Vec<f32>])> =
        hits.iter().copied().zip(pictures.iter().map(Vec::as_slice)).collect();
    let mut alike = vec![0.0_f32; left.len()];
    hits.clear();
    while !left.is_empty() {
        let gain = |at: usize| (1.0 - diversity) * left[at].0.score - diversity * alike[at];
        // The first of equals, so that nothing moves without a reason.
        let best = (1..left.len()).fold(0, |best, at| if gain(at) > gain(best) { at } else { best });
        let (chosen, its) = left.remove(best);
        alike.remove(best);
        hits.push(chosen);
        for (at, (_, others)) in left.iter().enumerate() {
            let closest = its.iter().flat_map(|a| others.iter().map(move |b| dot(a, b))).fold(0.0, f32::max);
            alike[at] = alike[at].max(closest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_hit_is_another_thing_when_variety_is_wanted() {
        let hit = |row, score| Candidate { score, picture: Some(score), ..Candidate::unranked(row, row.into()) };
        let pictures = vec![vec![vec![1.0, 0.0]], vec![vec![0.99, 0.1]], vec![vec![0.0, 1.0]]];
        let order = |diversity| {
            let mut hits = vec![hit(1, 0.9), hit(2, 0.89), hit(3, 0.6)];
            diversify(&mut hits, &pictures, diversity);
            hits.iter().map(|hit| hit.key).collect::<Vec<_>>()
        };
        assert_eq!(order(0.0), [1, 2, 3]);
        assert_eq!(order(0.5), [1, 3, 2]);
    }
}
