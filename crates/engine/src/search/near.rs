//! The products of a set that are nearest to a picture.
//!
//! Few products are compared one by one. Of more, all are estimated by their sketches, which takes some ten nanoseconds each, and the best of these are
//! compared: nothing is lost to a filter, to products that were deleted or to a graph that is yet to be built. Where a large part of a
//! large catalogue passes, the graph is walked as if there were no filter, and what passes is kept.

use std::ops::RangeBounds;

use qdrant_edge::Filter;
use roaring::RoaringBitmap;

use super::SearchError;
use super::filter::has_keys;
use super::found::Search;
use super::rank::{Best, best_of};
use crate::beside::beside;
use crate::index::{Scored, Sought, Table};

/// Up to so many products are compared one by one.
const COMPARED: usize = 1_000;
/// Of the best by their sketches so many more are compared at first than products are wanted.
const SPARE: usize = 128;
/// Of the best by their sketches so many times as many are at hand.
const AT_HAND: usize = 8;
/// More are compared until the next estimate is so many standard deviations of estimates below the last product wanted.
const DOUBT: f32 = 1.0;
/// Sketches are asked while their number, times the share of the catalogue that they are, is at most this for each product wanted: to
/// compare one takes some 10 nanoseconds, and the walk has to look at `1 / share` times as many candidates, of 4 microseconds each and in
/// each part of the index.
const WORTH: f64 = 1_000.0;
/// How many more candidates of the graph than should be enough, if what passes the filter were as near as the rest.
const DEEPER: f64 = 1.25;
/// As many are compared on two threads, and as many are estimated.
const DIVIDED: u64 = 4_000;
const DIVIDED_SKETCHES: u64 = 100_000;
/// Sketches that are asked at once.
const CHUNK: usize = 512;

impl Search<'_> {
    pub(super) fn keys(&self) -> impl Fn(u32) -> u64 {
        |row| self.table.key(row)
    }

    /// The rows of `within`, which have pictures, nearest to query vectors, best first, with their scores.
    pub(super) fn nearest(
        &self,
        vectors: &[Vec<f32>],
        within: &RoaringBitmap,
        limit: usize,
    ) -> Result<Vec<(u32, f32)>, SearchError> {
        let size = within.len() as usize;
        if vectors.is_empty() || size == 0 || limit == 0 {
            return Ok(Vec::new());
        }
        let limit = limit.min(size);
        if size <= COMPARED.max((limit + SPARE) * 2) {
            return self.compared(vectors, within, limit);
        }
        let share = size as f64 / self.table.pictured().len().max(1) as f64;
        if size as f64 * share > WORTH * limit as f64 {
            let enough = if share < 1.0 { (limit as f64 / share * DEEPER) as usize } else { limit };
            let mut found = self.asked(vectors, None, within, enough, false)?;
            // Less is found where what the picture is like does not pass.
            if found.len() >= limit {
                found.truncate(limit);
                return Ok(found);
            }
        }
        self.sketched(vectors, within, limit)
    }

    /// The best of `within` among those whose sketches are best.
    fn sketched(
        &self,
        vectors: &[Vec<f32>],
        within: &RoaringBitmap,
        limit: usize,
    ) -> Result<Vec<(u32, f32)>, SearchError> {
        let sought = self.index.seek(vectors)?;
        let mut step = limit + SPARE;
        let mut listed = self.estimated(&sought, within, step * AT_HAND);
        let mut left = &mut listed[..];
        let mut found: Vec<(u32, f32)> = Vec::new();
        let (mut squares, mut compared) = (0.0, 0_usize);
        while !left.is_empty() {
            let next = (step < left.len()).then(|| left.select_nth_unstable_by(step, |a, b| b.1.total_cmp(&a.1)).1.1);
            let part;
            (part, left) = left.split_at_mut(step.min(left.len()));
            part.sort_unstable_by_key(|(row, _)| *row);
            let rows: RoaringBitmap = part.iter().map(|(row, _)| *row).collect();
            let scored = self.asked(vectors, Some(&self.only(&rows)), &rows, part.len(), true)?;
            for (row, score) in &scored {
                if let Ok(at) = part.binary_search_by_key(row, |(row, _)| *row) {
                    squares += (score - part[at].1).powi(2);
                    compared += 1;
                }
            }
            found = best_of(found.into_iter().chain(scored), limit, self.keys()).0;
            let deviation = (squares / compared.max(1) as f32).sqrt();
            let last = found.get(limit - 1).map(|(_, score)| *score);
            if next.zip(last).is_some_and(|(next, last)| next + DOUBT * deviation < last) {
                break;
            }
            step *= 2;
        }
        Ok(found)
    }

    /// The `most` of `within` whose estimates are best.
    fn estimated(&self, sought: &Sought, within: &RoaringBitmap, most: usize) -> Vec<(u32, f32)> {
        let table: &Table = &self.table;
        let size = within.len();
        if !self.divides(size, DIVIDED_SKETCHES) {
            return estimated(table, sought, within, .., most);
        }
        let middle = within.select((size / 2) as u32).unwrap_or_default();
        let (mut all, second) = beside(
            || estimated(table, sought, within, ..middle, most),
            || estimated(table, sought, within, middle.., most),
        );
        all.extend(second);
        all
    }

    /// The best of `within`, every one compared; of many on two threads, since for the engine to find them by number takes as long as
    /// comparing them.
    fn compared(
        &self,
        vectors: &[Vec<f32>],
        within: &RoaringBitmap,
        limit: usize,
    ) -> Result<Vec<(u32, f32)>, SearchError> {
        let size = within.len();
        if !self.divides(size, DIVIDED) || size > self.table.pictured().len() / 2 {
            return self.asked(vectors, self.narrowed(within).as_ref(), within, limit, true);
        }
        let mut second = within.clone();
        second.remove_range(..within.select((size / 2) as u32).unwrap_or_default());
        let (first, second) = (self.narrowed(&(within - &second)), self.narrowed(&second));
        let index = self.index;
        let of = |filter: Option<Filter>| index.nearest(vectors, filter.as_ref(), limit, true);
        let (first, second) = beside(|| of(first), || of(second));
        let found = self.rows(first?, within).into_iter().chain(self.rows(second?, within));
        Ok(best_of(found, limit, self.keys()).0)
    }

    /// What the index finds, as far as it is in `within`.
    fn asked(
        &self,
        vectors: &[Vec<f32>],
        filter: Option<&Filter>,
        within: &RoaringBitmap,
        limit: usize,
        exact: bool,
    ) -> Result<Vec<(u32, f32)>, SearchError> {
        Ok(self.rows(self.index.nearest(vectors, filter, limit, exact)?, within))
    }

    fn rows(&self, found: Vec<Scored>, within: &RoaringBitmap) -> Vec<(u32, f32)> {
        let row = |key| self.table.row(key).filter(|row| within.contains(*row));
        // −0 and 0 are one score.
        found.into_iter().filter_map(|scored| Some((row(scored.key)?, scored.score + 0.0))).collect()
    }

    /// What the engine is told to keep to `within`: who is in it, or who is not.
    fn narrowed(&self, within: &RoaringBitmap) -> Option<Filter> {
        let others = self.table.pictured() - within;
        if others.is_empty() {
            None
        } else if others.len() < within.len() {
            Some(Filter { must_not: self.only(&others).must, ..Filter::default() })
        } else {
            Some(self.only(within))
        }
    }

    /// What the engine is told to keep to `rows`.
    fn only(&self, rows: &RoaringBitmap) -> Filter {
        Filter::new_must(has_keys(rows.iter().map(|row| self.table.key(row))))
    }

    /// Whether as many as `size` are worth two threads, as they are from `least` on. Not while an index is optimised: the second thread would
    /// wait for a core that the optimisation has, up to 90 ms were measured.
    fn divides(&self, size: u64, least: u64) -> bool {
        size >= least && !self.index.is_being_optimised()
    }
}

/// The `most` of `within`, as far as in `part`, whose estimates are best.
fn estimated(
    table: &Table,
    sought: &Sought,
    within: &RoaringBitmap,
    part: impl RangeBounds<u32>,
    most: usize,
) -> Vec<(u32, f32)> {
    let mut best = Best::new(most, u64::from);
    let (mut chunk, mut estimates) = (Vec::with_capacity(CHUNK), Vec::with_capacity(CHUNK));
    // Ranges are quicker where nearly all rows are neighbours, and slower elsewhere.
    let span = within.max().zip(within.min()).map_or(0, |(last, first)| last - first);
    let dense = within.len() * 8 > u64::from(span) * 7;
    let (mut rows, mut range) = (within.range(part), 0..0);
    loop {
        chunk.clear();
        if !dense {
            chunk.extend(rows.by_ref().take(CHUNK));
        }
        while dense && chunk.len() < CHUNK {
            if range.is_empty() {
                let Some(next) = rows.next_range() else { break };
                range = u64::from(*next.start())..u64::from(*next.end()) + 1;
            }
            let end = range.end.min(range.start + (CHUNK - chunk.len()) as u64);
            chunk.extend((range.start..end).map(|row| row as u32));
            range.start = end;
        }
        if chunk.is_empty() {
            return best.unordered();
        }
        table.estimate(sought, &chunk, &mut estimates);
        for (row, estimate) in chunk.iter().zip(&estimates) {
            if *estimate >= best.least() {
                best.offer((*row, *estimate));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::index::tests::{pictured, scattered};
    use crate::index::{Index, IndexOptions, IndexPoint};
    use crate::search::Query;

    #[test]
    fn the_nearest_of_any_set_are_found_while_products_come_and_go() {
        let dims = 64;
        let mut random = scattered(9);
        // Kinds of forty; the first numbers are much larger, as those of heads are. Every third product has two pictures.
        let mut centre = Vec::new();
        let mut points: Vec<IndexPoint> = Vec::new();
        for key in 0..4_000 {
            if key % 40 == 0 {
                centre = (0..dims).map(|at| random() / (1.0 + at as f32 / 8.0)).collect();
            }
            let mut product = || pictured(key, centre.iter().map(|number| number + 0.15 * random()));
            let mut point = product();
            if key % 3 == 0 {
                point.vectors.extend(product().vectors);
            }
            points.push(point);
        }
        let folder = tempfile::tempdir().unwrap();
        let index = Index::open(folder.path(), &IndexOptions::new(dims)).unwrap().index;
        index.upsert(&points).unwrap();
        let check = |index: &Index, points: &[IndexPoint], state: &str| {
            let query = Query::default();
            let search = Search::new(index, &query).unwrap();
            let pictured = search.table.pictured();
            assert_eq!(pictured.len(), points.len() as u64, "{state}");
            let sets = [3, 2, 1].map(|part| pictured.iter().filter(|row| row % part == 0).collect::<RoaringBitmap>());
            let (mut right, mut all) = (0, 0);
            for (number, point) in points.iter().step_by(61).enumerate() {
                let mut vectors = vec![point.vectors[0].clone()];
                if number % 4 == 0 {
                    vectors.push(points[number * 7].vectors[0].clone());
                }
                for set in &sets {
                    assert!(set.len() > COMPARED as u64);
                    assert!(search.nearest(&vectors, set, 0).unwrap().is_empty());
                    let found = search.nearest(&vectors, set, 10).unwrap();
                    let exact = search.compared(&vectors, set, 10).unwrap();
                    assert!(found.iter().is_sorted_by(|a, b| a.1 >= b.1) && found.len() == 10);
                    let exact: HashSet<(u32, u32)> = exact.iter().map(|(row, score)| (*row, score.to_bits())).collect();
                    right += found.iter().filter(|(row, score)| exact.contains(&(*row, score.to_bits()))).count();
                    all += exact.len();
                }
            }
            assert!(right * 1_000 >= all * 998, "{state}: of {all} nearest {right} were found");
        };
        check(&index, &points, "written");
        index.delete(&(0..4_000).filter(|key| key % 10 == 3).collect::<Vec<u64>>()).unwrap();
        points.retain(|point| point.key % 10 != 3);
        for point in points.iter_mut().filter(|point| point.key % 7 == 0) {
            *point = pictured(point.key, (0..dims).map(|_| random()));
        }
        let changed: Vec<IndexPoint> = points.iter().filter(|point| point.key % 7 == 0).cloned().collect();
        index.upsert(&changed).unwrap();
        check(&index, &points, "changed");
        index.flush().unwrap();
        index.keep_columns(1).unwrap();
        drop(index);
        let open = || Index::open(folder.path(), &IndexOptions::new(dims)).unwrap().index;
        check(&open(), &points, "read from the file of columns");
        open().forget_columns().unwrap();
        check(&open(), &points, "made anew");
    }
}
