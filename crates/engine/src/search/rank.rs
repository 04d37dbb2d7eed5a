//! Putting products in the order of fit.
//!
//! Pictures alone bring their own order (`near`). Of several sides, up to [`SCANNED`] products every one is scored, so the order is exact.
//! Beyond that, candidates come from each side (the nearest for pictures and meaning, the postings for words) and every candidate is
//! scored on all sides. A colour is known of every product at no cost; with a photo, what is near among the products of that colour is
//! looked for as well, because those may be far behind.

use std::cmp::Ordering;
use std::collections::HashMap;

use roaring::RoaringBitmap;

use super::SearchError;
use super::found::{Relative, Search};
use super::fusion::{coloured, fused, less_unwanted, likeness};
use super::query::Weighted;
use super::rerank::by_colours;
use crate::index::Column;

/// Up to so many products are scored one by one.
const SCANNED: usize = 20_000;
/// Fewest candidates of each side over the graph, when several sides count.
const SIDE: usize = 400;

/// A product on its way to become a hit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candidate {
    pub(super) row: u32,
    pub(super) key: u64,
    pub(super) score: f32,
    /// The score without what the colour adds: what probabilities were learned from.
    pub(super) likeness: f32,
    pub(super) picture: Option<f32>,
    pub(super) words: Option<f32>,
    pub(super) meaning: Option<f32>,
    pub(super) colour: Option<f32>,
    /// How far its colours agree with those of the query's pictures.
    pub(super) agreement: Option<f32>,
    pub(super) unwanted: Option<f32>,
}

impl Candidate {
    pub(super) fn unranked(row: u32, key: u64) -> Self {
        let (picture, words, meaning, colour, agreement, unwanted) = (None, None, None, None, None, None);
        Self { row, key, score: 0.0, likeness: 0.0, picture, words, meaning, colour, agreement, unwanted }
    }
}

/// Best first; ties by key, so that pages agree.
pub(super) fn sort_by_score(candidates: &mut [Candidate]) {
    candidates.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.key.cmp(&b.key)));
}

/// The best of `set`, at least `depth` of them, best first; and whether that is all of the set. `meant` says how much products
/// look like what the words mean.
pub(super) fn rank(
    search: &Search<'_>,
    set: &RoaringBitmap,
    meant: &HashMap<u32, f32>,
    depth: usize,
) -> Result<(Vec<Candidate>, bool), SearchError> {
    let query = search.query;
    let pictured = set & search.table.pictured();
    let scanned = set.len() as usize <= SCANNED || depth >= set.len() as usize;
    let words = search.relative(set);
    let wanted = weighted_mean(&query.pictures);
    let one_side = query.not_pictures.is_empty() && query.meaning.is_none() && query.colour.is_none();
    // One side alone brings its own order.
    if !search.likens() && query.not_pictures.is_empty() {
        return Ok(by_colour(search, set, depth));
    }
    if one_side && search.said.is_none() {
        let mut found = search.nearest(&wanted, &pictured, depth)?;
        let complete = found.len() as u64 >= pictured.len() || depth >= pictured.len() as usize;
        if !complete {
            drop_last_ties(&mut found);
        }
        let score = |(row, score): (u32, f32)| Candidate {
            score,
            likeness: score,
            picture: Some(score),
            ..Candidate::unranked(row, search.table.key(row))
        };
        let mut candidates: Vec<Candidate> = found.into_iter().map(score).collect();
        sort_by_score(&mut candidates);
        by_colours(search, &mut candidates)?;
        return Ok((candidates, complete));
    }
    if one_side && query.pictures.is_empty() {
        let score = |(row, score): (u32, f32)| Candidate {
            score,
            likeness: score,
            words: Some(score),
            ..Candidate::unranked(row, search.table.key(row))
        };
        let (best, all) = best_of(saying(search, set, &words), depth, search.keys());
        return Ok((best.into_iter().map(score).collect(), all <= depth));
    }
    let depth = if scanned { set.len() as usize } else { depth.max(SIDE) };
    let side = |vectors: &[Vec<f32>]| -> Result<HashMap<u32, f32>, SearchError> {
        Ok(search.nearest(vectors, &pictured, depth)?.into_iter().collect())
    };
    let mut pictures = side(&wanted)?;
    let rows: RoaringBitmap = if scanned {
        set.clone()
    } else {
        pictures.extend(near_in_colour(search, &wanted, &pictured, depth)?);
        let with_colour = |row, score| search.colour(row).map_or(score, |share| coloured(score, share));
        let (said, _) = if search.likens() {
            let said = saying(search, set, &words).map(|(row, score)| (row, with_colour(row, score)));
            best_of(said, depth, search.keys())
        } else {
            best_of(set.iter().map(|row| (row, with_colour(row, 0.0))), depth, search.keys())
        };
        pictures.keys().chain(meant.keys()).copied().chain(said.into_iter().map(|(row, _)| row)).collect()
    };
    let unwanted = if scanned { side(&weighted_mean(&query.not_pictures))? } else { HashMap::new() };
    let others = if scanned { HashMap::new() } else { vectors_of(search, &rows)? };
    let mut candidates = Vec::with_capacity(rows.len() as usize);
    for row in &rows {
        let key = search.table.key(row);
        let own = others.get(&row).map_or(&[][..], Vec::as_slice);
        let picture = pictures.get(&row).copied().or_else(|| likeness(&query.pictures, own));
        let meaning = meant.get(&row).copied();
        let unwanted = unwanted.get(&row).copied().or_else(|| likeness(&query.not_pictures, own));
        let words = words.of(row);
        let base = match (query.pictures.is_empty(), search.said.is_some(), query.meaning.is_some()) {
            (false, false, _) => picture.unwrap_or(0.0),
            (true, true, false) => words.unwrap_or(0.0),
            (no_picture, _, _) => fused((!no_picture).then(|| picture.unwrap_or(0.0)), words, meaning),
        };
        let colour = search.colour(row);
        let base = if search.likens() { base } else { colour.unwrap_or(0.0) };
        let likeness = less_unwanted(base, unwanted);
        let score = colour.filter(|_| search.likens()).map_or(likeness, |share| coloured(likeness, share));
        candidates.push(Candidate {
            score,
            likeness,
            picture,
            words,
            meaning,
            colour,
            unwanted,
            ..Candidate::unranked(row, key)
        });
    }
    sort_by_score(&mut candidates);
    Ok((candidates, scanned))
}

/// The products of a set that say the words, and how well.
fn saying<'s>(
    search: &'s Search<'_>,
    set: &RoaringBitmap,
    words: &'s Relative<'_>,
) -> impl Iterator<Item = (u32, f32)> + use<'s> {
    let those = search.said.as_ref().map(|said| set & &said.rows).unwrap_or_default();
    those.into_iter().filter_map(|row| Some((row, words.of(row)?)))
}

/// The best of a set when a colour is all that is asked for.
fn by_colour(search: &Search<'_>, set: &RoaringBitmap, depth: usize) -> (Vec<Candidate>, bool) {
    let shares = set.iter().map(|row| (row, search.colour(row).unwrap_or(0.0)));
    let (best, all) = best_of(shares, depth, search.keys());
    let candidate = |(row, share): (u32, f32)| Candidate {
        score: share,
        likeness: share,
        colour: Some(share),
        ..Candidate::unranked(row, search.table.key(row))
    };
    (best.into_iter().map(candidate).collect(), all <= depth)
}

/// The products nearest to a photo among those whose picture has the family of the colour that is asked for.
fn near_in_colour(
    search: &Search<'_>,
    wanted: &[Vec<f32>],
    pictured: &RoaringBitmap,
    depth: usize,
) -> Result<Vec<(u32, f32)>, SearchError> {
    let Some(colour) = search.query.colour.as_ref().filter(|_| !wanted.is_empty()) else { return Ok(Vec::new()) };
    let family = colour.shade().family;
    let within = pictured & search.table.equal(&Column::PictureColour, [family]);
    search.nearest(wanted, &within, depth)
}

/// The best `most`, best first, ties by key; and how many there are in all.
pub(super) fn best_of(
    scored: impl Iterator<Item = (u32, f32)>,
    most: usize,
    key: impl Fn(u32) -> u64,
) -> (Vec<(u32, f32)>, usize) {
    let mut best = Best::new(most, key);
    scored.for_each(|each| best.offer(each));
    best.finish()
}

/// The best of what is offered one after another. Holds twice as many at most: all that say a word may be a whole catalogue.
pub(super) struct Best<K> {
    most: usize,
    key: K,
    list: Vec<(u32, f32)>,
    worst: Option<(u32, f32)>,
    offered: usize,
}

impl<K: Fn(u32) -> u64> Best<K> {
    pub(super) fn new(most: usize, key: K) -> Self {
        Self { most, key, list: Vec::new(), worst: None, offered: 0 }
    }

    pub(super) fn offer(&mut self, each: (u32, f32)) {
        self.offered += 1;
        // Scores decide nearly always, and keys lie elsewhere.
        if self.worst.is_some_and(|worst| each.1 < worst.1 || best_first(&self.key)(&each, &worst).is_gt()) {
            return;
        }
        self.list.push(each);
        if self.list.len() >= self.most.saturating_mul(2) {
            self.worst = shortened(&mut self.list, self.most, best_first(&self.key));
        }
    }

    /// What scores less is none of the best.
    pub(super) fn least(&self) -> f32 {
        self.worst.map_or(f32::NEG_INFINITY, |worst| worst.1)
    }

    /// The best, in any order.
    pub(super) fn unordered(mut self) -> Vec<(u32, f32)> {
        shortened(&mut self.list, self.most, best_first(&self.key));
        self.list
    }

    /// The best, best first, and how many were offered.
    fn finish(mut self) -> (Vec<(u32, f32)>, usize) {
        shortened(&mut self.list, self.most, best_first(&self.key));
        self.list.sort_unstable_by(best_first(&self.key));
        (self.list, self.offered)
    }
}

fn best_first<K: Fn(u32) -> u64>(key: &K) -> impl Fn(&(u32, f32), &(u32, f32)) -> Ordering {
    |a, b| b.1.total_cmp(&a.1).then_with(|| key(a.0).cmp(&key(b.0)))
}

/// Cuts a list down to its first `most`, in any order; tells the last of them, where any was cut off.
fn shortened<T: Copy>(list: &mut Vec<T>, most: usize, order: impl FnMut(&T, &T) -> Ordering) -> Option<T> {
    if list.len() <= most {
        return None;
    }
    let worst = most.checked_sub(1).map(|last| *list.select_nth_unstable_by(last, order).1);
    list.truncate(most);
    worst
}

/// Drops the products that score as the last one does: others that were cut off may score the same, and which of them came
/// in is chance. Many products share one picture.
pub(super) fn drop_last_ties(found: &mut Vec<(u32, f32)>) {
    if let Some((_, last)) = found.last().copied() {
        found.retain(|(_, score)| *score > last);
    }
}

/// The embeddings of rows.
fn vectors_of(search: &Search<'_>, rows: &RoaringBitmap) -> Result<HashMap<u32, Vec<Vec<f32>>>, SearchError> {
    let keys: Vec<u64> = rows.iter().map(|row| search.table.key(row)).collect();
    Ok(rows.iter().zip(search.index.vectors_of(&keys)?).collect())
}

/// Query vectors whose summed best products are the mean by weight.
fn weighted_mean(pictures: &[Weighted]) -> Vec<Vec<f32>> {
    let sum: f32 = pictures.iter().map(|picture| picture.weight).sum();
    pictures.iter().map(|each| each.vector.iter().map(|number| number * each.weight / sum).collect()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_best_of_a_stream_are_the_first_of_all_in_order(
            scores in proptest::collection::vec(0_u8..12, 0..300),
            most in 0_usize..40,
        ) {
            // Keys that do not rise with the rows.
            let key = |row: u32| u64::from(row) * 11 % 307;
            let mut all: Vec<(u32, f32)> = (0..).zip(scores.iter().map(|score| f32::from(*score))).collect();
            let (best, count) = best_of(all.iter().copied(), most, key);
            all.sort_by(|a, b| b.1.total_cmp(&a.1).then(key(a.0).cmp(&key(b.0))));
            all.truncate(most);
            prop_assert_eq!(best, all);
            prop_assert_eq!(count, scores.len());
        }
    }
}
