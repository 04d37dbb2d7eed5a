//! Rankings of a gallery for queries, by exact comparison of everything with everything.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, Par};
use rayon::prelude::*;

use super::Rows;
use crate::linear::clear_wide_registers;

/// Where the right answers of one query came in the ranking of the whole gallery.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ranking {
    /// Place of the first right answer, from 0; `None` when the gallery has none.
    pub first: Option<usize>,
    /// Mean, over the right answers, of the share of right answers up to their place; 0 when there are none.
    pub average_precision: f32,
}

/// How many queries are compared at once: bounds the memory for similarities to a few MiB.
const BLOCK: usize = 128;

/// Ranks the whole gallery for each query by scalar product. A gallery row is a right answer when its label is that of the
/// query. Equal similarities keep the gallery's order.
#[must_use]
pub fn rankings(queries: &Rows, query_labels: &[u32], gallery: &Rows, gallery_labels: &[u32]) -> Vec<Ranking> {
    let labelled = queries.len().min(query_labels.len());
    by_query(queries, gallery, labelled, |query, similarities| rank(similarities, gallery_labels, query_labels[query]))
}

/// For each query, the place (from 0) of the product `wanted` among all `products`, each as similar as its most similar
/// image; `None` when it has none. `owners` names the product of each gallery row, below `products`.
pub(super) fn product_rankings(
    queries: &Rows,
    wanted: &[u32],
    gallery: &Rows,
    owners: &[u32],
    products: usize,
) -> Vec<Option<usize>> {
    by_query(queries, gallery, queries.len().min(wanted.len()), |query, similarities| {
        let mut best = vec![f32::NEG_INFINITY; products];
        for (&similarity, &owner) in similarities.iter().zip(owners) {
            if let Some(best) = best.get_mut(owner as usize) {
                *best = best.max(similarity);
            }
        }
        let own = wanted[query] as usize;
        let threshold = *best.get(own)?;
        let before = best
            .iter()
            .enumerate()
            .filter(|&(product, &similarity)| similarity > threshold || (similarity == threshold && product < own));
        Some(before.count())
    })
}

/// For each query, how many gallery rows are more similar to it than the gallery row at the place `own` names.
#[must_use]
pub fn rank_of_own(queries: &Rows, own: &[usize], gallery: &Rows) -> Vec<usize> {
    by_query(queries, gallery, queries.len().min(own.len()), |query, similarities| {
        let threshold = similarities.get(own[query]).copied().unwrap_or(f32::INFINITY);
        similarities.iter().filter(|&&similarity| similarity > threshold).count()
    })
}

/// Mean, over the queries, of the share of gallery rows with the query's label among the first `k`.
#[must_use]
pub fn share_in_first(queries: &Rows, query_labels: &[u32], gallery: &Rows, gallery_labels: &[u32], k: usize) -> f64 {
    let count = queries.len().min(query_labels.len());
    let shares = by_query(queries, gallery, count, |query, similarities| {
        let first = nearest(similarities, k);
        let same = first.iter().filter(|&&place| gallery_labels.get(place) == query_labels.get(query)).count();
        same as f64 / first.len().max(1) as f64
    });
    shares.iter().sum::<f64>() / count.max(1) as f64
}

/// The places of the `k` most similar rows, most similar first; for a `k` that is small.
pub(super) fn nearest(similarities: &[f32], k: usize) -> Vec<usize> {
    let mut best: Vec<(f32, usize)> = Vec::with_capacity(k.min(similarities.len()) + 1);
    for (place, &similarity) in similarities.iter().enumerate() {
        if best.len() < k || best.last().is_some_and(|(least, _)| similarity > *least) {
            let at = best.partition_point(|(better, _)| *better >= similarity);
            best.insert(at, (similarity, place));
            best.truncate(k);
        }
    }
    best.into_iter().map(|(_, place)| place).collect()
}

/// The label that the `k` nearest gallery rows vote for, each with the weight `similarity^power` (0 for negative ones).
/// `None` when the gallery is empty.
#[must_use]
pub fn nearest_votes(queries: &Rows, gallery: &Rows, labels: &[u32], k: usize, power: i32) -> Vec<Option<u32>> {
    by_query(queries, gallery, queries.len(), |_, similarities| {
        let mut votes: Vec<(u32, f32)> = Vec::new();
        for place in nearest(similarities, k) {
            let Some(&own) = labels.get(place) else { continue };
            let weight = similarities[place].max(0.0).powi(power);
            match votes.iter_mut().find(|(label, _)| *label == own) {
                Some((_, sum)) => *sum += weight,
                None => votes.push((own, weight)),
            }
        }
        votes.into_iter().max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0))).map(|(label, _)| label)
    })
}

/// Calls `judge` with each query's place and its similarities to the whole gallery; answers in the order of the queries.
pub(super) fn by_query<T: Send>(
    queries: &Rows,
    gallery: &Rows,
    count: usize,
    judge: impl Fn(usize, &[f32]) -> T + Sync,
) -> Vec<T> {
    let width = gallery.len();
    let mut answers = Vec::with_capacity(count);
    if width == 0 || queries.dim() != gallery.dim() {
        return (0..count).map(|query| judge(query, &[])).collect();
    }
    let mut similarities = vec![0.0_f32; BLOCK.min(count) * width];
    for start in (0..count).step_by(BLOCK) {
        let height = BLOCK.min(count - start);
        let block = &mut similarities[..height * width];
        matmul(
            MatMut::from_row_major_slice_mut(block, height, width),
            Accum::Replace,
            queries.matrix().subrows(start, height),
            gallery.matrix().transpose(),
            1.0,
            Par::rayon(0),
        );
        let judged = block.par_chunks_exact(width).enumerate().map(|(row, values)| {
            clear_wide_registers();
            judge(start + row, values)
        });
        answers.par_extend(judged);
    }
    answers
}

fn rank(similarities: &[f32], labels: &[u32], wanted: u32) -> Ranking {
    let mut order: Vec<(f32, u32)> =
        similarities.iter().zip(labels).map(|(&similarity, &label)| (similarity, label)).collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut ranking = Ranking { first: None, average_precision: 0.0 };
    let (mut found, mut sum) = (0_u32, 0.0_f64);
    for (place, (_, label)) in order.iter().enumerate() {
        if *label == wanted {
            found += 1;
            sum += f64::from(found) / (place + 1) as f64;
            ranking.first.get_or_insert(place);
        }
    }
    if found > 0 {
        ranking.average_precision = (sum / f64::from(found)) as f32;
    }
    ranking
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(vectors: &[[f32; 2]]) -> Rows {
        Rows::from_vectors(vectors.iter().map(<[f32; 2]>::as_slice)).unwrap()
    }

    #[test]
    fn first_place_and_average_precision() {
        let gallery = rows(&[[1.0, 0.0], [0.9, 0.1], [0.5, 0.5], [0.0, 1.0]]);
        let labels = [7, 8, 7, 8];
        let found = rankings(&rows(&[[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]]), &[7, 8, 9], &gallery, &labels);
        assert_eq!(found[0].first, Some(0));
        assert!((found[0].average_precision - (1.0 + 2.0 / 3.0) / 2.0).abs() < 1e-6);
        assert_eq!(found[1], Ranking { first: Some(1), average_precision: (0.5 + 2.0 / 4.0) / 2.0 });
        assert_eq!(found[2], Ranking { first: None, average_precision: 0.0 });
    }

    #[test]
    fn more_queries_than_a_block_keep_their_order() {
        let angles: Vec<[f32; 2]> = (0..300).map(|i| (i as f32 / 200.0).sin_cos().into()).collect();
        let all = rows(&angles);
        let labels: Vec<u32> = (0..300).collect();
        assert!(rankings(&all, &labels, &all, &labels).iter().all(|ranking| ranking.first == Some(0)));
        let own: Vec<usize> = (0..300).collect();
        assert!(rank_of_own(&all, &own, &all).iter().all(|&rank| rank == 0));
    }

    #[test]
    fn votes_are_weighted_by_similarity() {
        let gallery = rows(&[[1.0, 0.0], [0.6, 0.8], [0.6, -0.8], [-1.0, 0.0]]);
        let vote = |labels: &[u32], k| nearest_votes(&rows(&[[1.0, 0.0]]), &gallery, labels, k, 8);
        assert_eq!(vote(&[1, 2, 2, 3], 3), [Some(1)]);
        assert_eq!(vote(&[1, 2, 2, 3], 9), [Some(1)]);
        assert_eq!(nearest_votes(&rows(&[[1.0, 0.0]]), &Rows::new(2), &[], 9, 8), [None]);
    }

    #[test]
    fn an_empty_gallery_has_no_right_answer() {
        let found = rankings(&rows(&[[1.0, 0.0]]), &[1], &Rows::new(2), &[]);
        assert_eq!(found, [Ranking { first: None, average_precision: 0.0 }]);
    }
}
