//! The text-alignment head: ridge regression from words to the picture space.

use std::collections::HashMap;

use faer::linalg::solvers::Solve;
use faer::{Mat, Side};

use super::{FitError, Rows};
use crate::space::{SpaceId, Term, WordHead, terms_of, tf_idf};

/// How the text-alignment head is fitted.
#[derive(Debug, Clone, PartialEq)]
pub struct WordsOptions {
    /// Ridge penalty.
    pub penalty: f64,
    /// Titles a word or pair must be seen in.
    pub min_titles: usize,
    /// Words and pairs to keep at most, the most frequent first; bounds time and memory.
    pub max_terms: usize,
}

impl Default for WordsOptions {
    /// Penalty 1, terms of at least 3 titles, 8,192 terms at most (a solve of some seconds, 0.5 GiB).
    fn default() -> Self {
        Self { penalty: 1.0, min_titles: 3, max_terms: 8192 }
    }
}

/// Fits TF-IDF of words and word pairs → embedding by ridge regression. `targets` are the embeddings, in the space
/// `space`, of the pictures the titles belong to, row for row.
///
/// # Errors
/// [`FitError`] when titles and targets differ in number, or no word is seen in enough titles.
pub fn fit_words(
    space: SpaceId,
    titles: &[impl AsRef<str>],
    targets: &Rows,
    options: &WordsOptions,
) -> Result<WordHead, FitError> {
    if titles.len() != targets.len() || !targets.is_finite() {
        let reason = format!("there are {} titles and {} finite embeddings", titles.len(), targets.len());
        return Err(FitError::Data { reason });
    }
    let documents: Vec<Vec<String>> = titles.iter().map(|title| terms_of(title.as_ref())).collect();
    let terms = vocabulary(&documents, options);
    if terms.is_empty() {
        let reason = format!("no word is in {} titles or more", options.min_titles);
        return Err(FitError::TooLittle { reason });
    }
    let (count, dim) = (terms.len(), targets.dim());
    let mut gram = Mat::<f64>::zeros(count, count);
    let mut solution = Mat::<f64>::zeros(count, dim);
    for (document, target) in documents.iter().zip(targets.iter()) {
        let weighted = tf_idf(document, &terms);
        for &(row, weight) in &weighted {
            for &(column, other) in weighted.iter().filter(|(column, _)| *column <= row) {
                gram[(row, column)] += f64::from(weight * other);
            }
            for (column, value) in target.iter().enumerate() {
                solution[(row, column)] += f64::from(weight * value);
            }
        }
    }
    for i in 0..count {
        gram[(i, i)] += options.penalty.max(1e-6);
    }
    let factor = gram.llt(Side::Lower).map_err(|error| FitError::Numerics { reason: format!("{error:?}") })?;
    factor.solve_in_place(&mut solution);
    let weights = (0..count).flat_map(|row| (0..dim).map(move |column| (row, column)));
    let weights = weights.map(|place| solution[place] as f32).collect();
    WordHead::new(space, dim, terms, weights)
        .ok_or_else(|| FitError::Numerics { reason: "a weight is not finite".into() })
}

/// The terms of at least `min_titles` titles, the most frequent first; idf = ln((1 + titles) / (1 + titles with it)) + 1.
fn vocabulary(documents: &[Vec<String>], options: &WordsOptions) -> HashMap<String, Term> {
    let mut frequencies: HashMap<&str, (usize, usize)> = HashMap::new();
    for (place, document) in documents.iter().enumerate() {
        for term in document {
            let (count, last) = frequencies.entry(term).or_insert((0, usize::MAX));
            if *last != place {
                (*count, *last) = (*count + 1, place);
            }
        }
    }
    let mut kept: Vec<(&str, usize)> = frequencies
        .into_iter()
        .map(|(term, (count, _))| (term, count))
        .filter(|(_, count)| *count >= options.min_titles.max(1))
        .collect();
    kept.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    kept.truncate(options.max_terms);
    let titles = documents.len() as f32;
    let idf = |count: usize| ((1.0 + titles) / (1.0 + count as f32)).ln() + 1.0;
    kept.into_iter().enumerate().map(|(row, (term, count))| (term.to_owned(), Term { row, idf: idf(count) })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{FakeModel, ImageModel};
    use crate::space::Space;

    fn space() -> SpaceId {
        Space::default_for(FakeModel::new().manifest()).unwrap().id()
    }

    fn fit(titles: &[&str], targets: &[[f32; 2]]) -> Result<WordHead, FitError> {
        let targets = Rows::from_vectors(targets.iter().map(<[f32; 2]>::as_slice)).unwrap();
        fit_words(space(), titles, &targets, &WordsOptions::default())
    }

    #[test]
    fn words_find_where_their_pictures_are() {
        let titles = ["red bag", "red hat", "red shoe", "blue bag", "blue hat", "blue shoe"];
        let (red, blue) = ([1.0, 0.0], [0.0, 1.0]);
        let head = fit(&titles, &[red, red, red, blue, blue, blue]).unwrap();
        let embed = |text: &str| head.embed(text).unwrap().unwrap().into_vector();
        assert!(embed("Red gloves")[0] > 0.9);
        assert!(embed("a BLUE one")[1] > 0.9);
        assert_eq!(head.embed("green gloves").unwrap(), None);
    }

    #[test]
    fn too_little_to_learn_from_says_why() {
        let error = fit(&["red bag", "blue hat"], &[[1.0, 0.0], [0.0, 1.0]]).unwrap_err();
        assert!(error.to_string().contains("no word is in 3 titles"), "{error}");
        assert!(matches!(fit(&["red"], &[[1.0, 0.0], [0.0, 1.0]]), Err(FitError::Data { .. })));
    }
}
