//! How good a space is, on a gallery and queries whose right answers are known.

use std::collections::HashMap;

use serde::Serialize;

use super::Rows;
use super::ranking::product_rankings;
use crate::space::Embedding;

/// The figures of one evaluation; shares are 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Queries that were asked, those included whose product the gallery does not have.
    pub queries: usize,
    /// Products in the gallery.
    pub products: usize,
    /// Share of queries whose product is the first.
    pub recall_at_1: f32,
    /// Share of queries whose product is among the first five.
    pub recall_at_5: f32,
    /// Share of queries whose product is among the first ten.
    pub recall_at_10: f32,
    /// Mean over the queries of average precision over the whole gallery; with one right product a query that is the
    /// mean of 1 / place.
    pub map: f32,
    /// Median place of the right product, from 1; a product the gallery does not have counts as one past the last.
    pub median_rank: usize,
}

/// Why an evaluation says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvaluateError {
    /// No queries or no gallery.
    #[error("there are {queries} queries and {gallery} gallery images; at least one of each is needed")]
    Empty {
        /// Number of queries.
        queries: usize,
        /// Number of gallery images.
        gallery: usize,
    },
    /// Not everything is in one space.
    #[error("the embeddings are not all of one space; embed gallery and queries in the same space")]
    Spaces,
}

/// Ranks all products for each query, a product by its most similar image, and says where the right one came. Gallery and
/// queries are pairs of product id and embedding; a product may have many images.
///
/// # Errors
/// [`EvaluateError`] when there is nothing to compare, or embeddings of different spaces.
pub fn evaluate<Id: AsRef<str>>(
    gallery: &[(Id, Embedding)],
    queries: &[(Id, Embedding)],
) -> Result<Report, EvaluateError> {
    if gallery.is_empty() || queries.is_empty() {
        return Err(EvaluateError::Empty { queries: queries.len(), gallery: gallery.len() });
    }
    let space = gallery[0].1.space();
    if gallery.iter().chain(queries).any(|(_, embedding)| embedding.space() != space) {
        return Err(EvaluateError::Spaces);
    }
    let rows = |pairs: &[(Id, Embedding)]| Rows::from_embeddings(pairs.iter().map(|(_, embedding)| embedding));
    let (Some(gallery_rows), Some(query_rows)) = (rows(gallery), rows(queries)) else {
        return Err(EvaluateError::Spaces);
    };
    let mut numbers: HashMap<&str, u32> = HashMap::new();
    let mut number = |id| {
        let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
        *numbers.entry(id).or_insert(next)
    };
    let gallery_numbers: Vec<u32> = gallery.iter().map(|(id, _)| number(id.as_ref())).collect();
    let products = gallery_numbers.iter().max().map_or(0, |last| *last as usize + 1);
    let wanted: Vec<u32> = queries.iter().map(|(id, _)| number(id.as_ref())).collect();

    let places = product_rankings(&query_rows, &wanted, &gallery_rows, &gallery_numbers, products);
    let share = |places_within: usize| {
        places.iter().filter(|place| place.is_some_and(|place| place < places_within)).count() as f32
            / places.len() as f32
    };
    let precision = |place: &Option<usize>| place.map_or(0.0, |place| 1.0 / (place + 1) as f64);
    let mut ranks: Vec<usize> = places.iter().map(|place| place.unwrap_or(products) + 1).collect();
    ranks.sort_unstable();
    Ok(Report {
        queries: queries.len(),
        products,
        recall_at_1: share(1),
        recall_at_5: share(5),
        recall_at_10: share(10),
        map: (places.iter().map(precision).sum::<f64>() / places.len() as f64) as f32,
        median_rank: ranks[(ranks.len() - 1) / 2],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::FakeModel;
    use crate::model::ImageModel;
    use crate::space::{Head, Space};

    fn embeddings(pairs: &[(&'static str, [f32; 2])]) -> Vec<(&'static str, Embedding)> {
        let manifest = FakeModel::new().manifest().clone();
        let id = Space::default_for(&manifest).unwrap().id();
        pairs.iter().map(|(product, v)| (*product, Embedding::normalised(id, v.to_vec()).unwrap())).collect()
    }

    #[test]
    fn a_product_is_as_near_as_its_nearest_image() {
        let gallery = embeddings(&[
            ("a", [1.0, 0.0]),
            ("b", [0.9, 0.2]),
            ("b", [-1.0, 0.0]),
            ("c", [0.0, 1.0]),
            ("a", [0.5, 0.5]),
        ]);
        let queries = embeddings(&[("a", [1.0, 0.0]), ("b", [1.0, 0.0]), ("c", [1.0, -0.1]), ("unknown", [1.0, 0.0])]);
        let report = evaluate(&gallery, &queries).unwrap();
        assert_eq!((report.queries, report.products), (4, 3));
        assert_eq!(report.recall_at_1, 0.25);
        assert_eq!(report.recall_at_5, 0.75);
        assert!((report.map - (1.0 + 0.5 + 1.0 / 3.0) / 4.0).abs() < 1e-6);
        assert_eq!(report.median_rank, 2);
    }

    #[test]
    fn nothing_and_mixed_spaces_are_refused() {
        let some = embeddings(&[("a", [1.0, 0.0])]);
        assert_eq!(evaluate(&some, &[]), Err(EvaluateError::Empty { queries: 0, gallery: 1 }));
        let mut manifest = FakeModel::new().manifest().clone();
        manifest.input.size = 48;
        let other = Space::new(&manifest, Head::identity(manifest.outputs.pooled.dim)).unwrap().id();
        let foreign = vec![("a", Embedding::normalised(other, vec![1.0, 0.0]).unwrap())];
        assert_eq!(evaluate(&some, &foreign), Err(EvaluateError::Spaces));
    }
}
