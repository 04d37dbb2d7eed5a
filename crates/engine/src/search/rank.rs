//! Putting products in the order of fit.
//!
//! Up to [`SCANNED`] products every one is scored, so the order is exact however many sides a query has. Beyond that,
//! candidates come from each side (the graph for pictures and meaning, the postings for words) and every candidate is scored
//! on all sides.

use std::collections::HashMap;

use qdrant_edge::{Condition, Filter};
use roaring::RoaringBitmap;

use super::SearchError;
use super::filter::{Expr, has_keys};
use super::found::{Relative, Search};
use super::fusion::{fused, less_unwanted, likeness};
use super::query::Weighted;

/// Up to so many products are compared one by one rather than over the graph.
const SCANNED: usize = 20_000;
/// Up to so many products are named one by one to the index, rather than by the filter that they pass.
const NAMED: usize = 2_000;
/// Fewest candidates of each side over the graph, when several sides count.
const SIDE: usize = 400;

/// A product on its way to become a hit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candidate {
    pub(super) row: u32,
    pub(super) key: u64,
    pub(super) score: f32,
    pub(super) picture: Option<f32>,
    pub(super) words: Option<f32>,
    pub(super) meaning: Option<f32>,
    pub(super) unwanted: Option<f32>,
}

impl Candidate {
    pub(super) fn unranked(row: u32, key: u64) -> Self {
        Self { row, key, score: 0.0, picture: None, words: None, meaning: None, unwanted: None }
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
    filter: Option<&Expr>,
    meant: &HashMap<u32, f32>,
    depth: usize,
) -> Result<(Vec<Candidate>, bool), SearchError> {
    let query = search.query;
    let pictured = set & search.table.pictured();
    let scanned = set.len() as usize <= SCANNED || depth >= set.len() as usize;
    let words = search.relative(set);
    let wanted = weighted_mean(&query.pictures);
    let one_side = query.not_pictures.is_empty() && query.meaning.is_none();
    // One side alone brings its own order.
    if one_side && search.said.is_none() {
        let mut found = search.nearest(&wanted, filter, &pictured, depth)?;
        let complete = found.len() as u64 >= pictured.len() || depth >= pictured.len() as usize;
        if !complete {
            drop_last_ties(&mut found);
        }
        let score = |(row, score): (u32, f32)| Candidate {
            score,
            picture: Some(score),
            ..Candidate::unranked(row, search.table.key(row))
        };
        let mut candidates: Vec<Candidate> = found.into_iter().map(score).collect();
        sort_by_score(&mut candidates);
        return Ok((candidates, complete));
    }
    if one_side && query.pictures.is_empty() {
        let score = |(row, score): (u32, f32)| Candidate {
            score,
            words: Some(score),
            ..Candidate::unranked(row, search.table.key(row))
        };
        let (best, complete) = saying_best(search, set, &words, depth);
        let mut candidates: Vec<Candidate> = best.into_iter().map(score).collect();
        sort_by_score(&mut candidates);
        return Ok((candidates, complete));
    }
    let depth = if scanned { set.len() as usize } else { depth.max(SIDE) };
    let side = |vectors: &[Vec<f32>]| -> Result<HashMap<u32, f32>, SearchError> {
        Ok(search.nearest(vectors, filter, &pictured, depth)?.into_iter().collect())
    };
    let pictures = side(&wanted)?;
    let rows: RoaringBitmap = if scanned {
        set.clone()
    } else {
        let said = saying_best(search, set, &words, depth).0;
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
        let score = less_unwanted(base, unwanted);
        candidates.push(Candidate { row, key, score, picture, words, meaning, unwanted });
    }
    sort_by_score(&mut candidates);
    Ok((candidates, scanned))
}

/// The `depth` products of a set that say the words best, in no order, ties by key; and whether these are all that say them.
fn saying_best(
    search: &Search<'_>,
    set: &RoaringBitmap,
    words: &Relative<'_>,
    depth: usize,
) -> (Vec<(u32, f32)>, bool) {
    let Some(said) = &search.said else { return (Vec::new(), true) };
    let rows = set & &said.rows;
    let mut best: Vec<(u32, f32)> = rows.iter().filter_map(|row| Some((row, words.of(row)?))).collect();
    let complete = best.len() <= depth;
    if !complete {
        let key = |row| search.table.key(row);
        best.select_nth_unstable_by(depth, |a, b| b.1.total_cmp(&a.1).then_with(|| key(a.0).cmp(&key(b.0))));
        best.truncate(depth);
    }
    (best, complete)
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

impl Search<'_> {
    /// The rows of `within` nearest to query vectors, best first, with their scores: exactly where that is cheap.
    pub(super) fn nearest(
        &self,
        vectors: &[Vec<f32>],
        filter: Option<&Expr>,
        within: &RoaringBitmap,
        limit: usize,
    ) -> Result<Vec<(u32, f32)>, SearchError> {
        let size = within.len() as usize;
        if vectors.is_empty() || size == 0 {
            return Ok(Vec::new());
        }
        let limit = limit.min(size);
        // The graph is worth it while few of many are wanted.
        let exact = size <= SCANNED || limit > size / 8;
        let keys = |rows: &RoaringBitmap| rows.iter().map(|row| self.table.key(row)).collect::<Vec<_>>();
        let narrowed = if size <= NAMED {
            Some(Filter::new_must(has_keys(keys(within))))
        } else {
            let must = match filter {
                Some(expr) => Some(vec![Condition::Filter(expr.compile(self.index)?)]),
                None => None,
            };
            let must_not = (!self.exclude.is_empty()).then(|| vec![has_keys(keys(&self.exclude))]);
            Some(Filter { must, must_not, ..Filter::default() }).filter(|filter| *filter != Filter::default())
        };
        let found = self.index.nearest(vectors, narrowed.as_ref(), limit, exact)?;
        let row = |key| self.table.row(key).filter(|row| within.contains(*row));
        // −0 and 0 are one score.
        Ok(found.into_iter().filter_map(|scored| Some((row(scored.key)?, scored.score + 0.0))).collect())
    }
}
