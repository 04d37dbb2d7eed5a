//! The text-alignment head: from words to the picture space.
//!
//! 1. *Ridge regression* from TF-IDF of words and of all pairs of words in a title to the embedding of its picture, less the
//!    mean: `W = argmin ‖X W − Y‖² + penalty ‖W‖²`, by conjugate gradients on the normal equations (Hestenes and Stiefel
//!    1952), all directions at once, preconditioned by the diagonal. Time and memory grow with the number of words, not with
//!    the square of the vocabulary.
//! 2. *What words can tell*: a part of the titles is held out. What the regression got wrong there is noise that words say
//!    nothing about, and directions in which it got much right are what words are about. As in linear discriminant analysis
//!    (see [`super::fit_lda`]), the noise is whitened and the directions that are predicted best are kept. Text and picture
//!    are compared there, by cosine.
//! 3. *Hubs*. Some pictures are near to many titles. What the held-out titles tell, as the regression without them sees it, goes
//!    into the head as a bank against which a picture's popularity is measured; see [`crate::space::WordQuery::likeness`].

use std::collections::HashMap;

use faer::{Mat, MatRef};
use rayon::prelude::*;

use super::scatter::eigen;
use super::{FitError, Rows};
use crate::space::{MOST_TITLES, SpaceId, Term, WordHead, terms_of, tf_idf};

/// How the text-alignment head is fitted.
#[derive(Debug, Clone, PartialEq)]
pub struct WordsOptions {
    /// Ridge penalty, above 0.
    pub penalty: f32,
    /// Titles a word or pair must be seen in.
    pub min_titles: usize,
    /// Words and pairs to keep at most, the most frequent first; bounds time and memory.
    pub max_terms: usize,
    /// Steps of the solver at most.
    pub steps: usize,
    /// How much of the noise's scatter is replaced by its mean diagonal, 0 to 1 (Friedman 1989).
    pub shrinkage: f64,
    /// Directions of the picture space that words are brought into, at most.
    pub directions: usize,
}

impl Default for WordsOptions {
    /// Found by cross-validation on the other titles of F-words; see docs/evaluation.md.
    fn default() -> Self {
        Self { penalty: 0.3, min_titles: 2, max_terms: 65_536, steps: 40, shrinkage: 0.2, directions: 128 }
    }
}

/// One title of so many is held out to see what words can tell.
const HELD_OUT: usize = 5;
/// With fewer held out, noise cannot be told from what words say: the regression is left as it is.
const LEAST_HELD_OUT: usize = 40;
/// The solver stops when the residual is this part of what it was at the beginning.
const TOLERANCE: f32 = 1e-3;

/// Fits words and word pairs → embedding. `targets` are the embeddings, in the space `space`, of the pictures the titles
/// belong to, row for row. 4,000 titles take about 2 s, 100,000 under 60 s and 2 GiB.
///
/// # Errors
/// [`FitError`] when titles and targets differ in number, no word is seen in enough titles, or all pictures are alike.
pub fn fit_words(
    space: SpaceId,
    titles: &[impl AsRef<str> + Sync],
    targets: &Rows,
    options: &WordsOptions,
) -> Result<WordHead, FitError> {
    if titles.len() != targets.len() || !targets.is_finite() {
        let reason = format!("there are {} titles and {} finite embeddings", titles.len(), targets.len());
        return Err(FitError::Data { reason });
    }
    let documents: Vec<Vec<u64>> = titles.par_iter().map(|title| terms_of(title.as_ref())).collect();
    let terms = vocabulary(&documents, options);
    if terms.is_empty() {
        let reason = format!("no word is in {} titles or more", options.min_titles);
        return Err(FitError::TooLittle { reason });
    }
    let texts = Sparse::new(documents.par_iter().map(|document| tf_idf(document, &terms)).collect(), terms.len());
    drop(documents);
    let centred = centred(targets);
    if centred.values().iter().all(|value| value.abs() < 1e-6) {
        return Err(FitError::TooLittle { reason: "all pictures are alike; words cannot tell them apart".into() });
    }
    let dim = targets.dim();
    let mut weights = vec![0.0; terms.len() * dim];
    let directions = if texts.rows.len() / HELD_OUT >= LEAST_HELD_OUT {
        let kept = |place: usize| place % HELD_OUT != 0;
        solve(&texts, &centred, kept, options, &mut weights);
        telling(&texts, &centred, &weights, kept, options)?
    } else {
        None
    };
    let (directions, titles) = directions.unwrap_or_else(|| (Mat::identity(dim, dim), Vec::new()));
    // What was found without the held-out titles is a good start.
    solve(&texts, &centred, |_| true, options, &mut weights);
    let told = MatRef::from_row_major_slice(&weights, terms.len(), dim) * directions.transpose();
    let (told, directions) = (scaled(told.as_ref()), scaled(directions.as_ref()));
    WordHead::new(space, dim, terms, told, directions, titles)
        .ok_or_else(|| FitError::Numerics { reason: "a weight is not finite".into() })
}

/// The numbers row by row. Their scale means nothing; a fixed one keeps half precision away from its ends.
fn scaled(matrix: MatRef<'_, f32>) -> Vec<f32> {
    let largest = matrix.norm_max().max(f32::MIN_POSITIVE);
    (0..matrix.nrows()).flat_map(|row| (0..matrix.ncols()).map(move |column| matrix[(row, column)] / largest)).collect()
}

/// The terms of at least `min_titles` titles, the most frequent first; idf = ln((1 + titles) / (1 + titles with it)) + 1.
fn vocabulary(documents: &[Vec<u64>], options: &WordsOptions) -> HashMap<u64, Term> {
    let mut frequencies: HashMap<u64, (u32, u32)> = HashMap::new();
    for (place, document) in (0..).zip(documents) {
        for term in document {
            let (count, last) = frequencies.entry(*term).or_insert((0, u32::MAX));
            if *last != place {
                (*count, *last) = (*count + 1, place);
            }
        }
    }
    let least = options.min_titles.max(1) as u32;
    let mut kept: Vec<(u64, u32)> =
        frequencies.into_iter().map(|(term, (count, _))| (term, count)).filter(|(_, count)| *count >= least).collect();
    kept.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    kept.truncate(options.max_terms);
    let titles = documents.len() as f32;
    let idf = |count: u32| ((1.0 + titles) / (1.0 + count as f32)).ln() + 1.0;
    kept.into_iter().enumerate().map(|(row, (term, count))| (term, Term { row, idf: idf(count) })).collect()
}

/// The targets less their mean.
fn centred(targets: &Rows) -> Rows {
    let mean = super::scatter::mean(targets);
    let mut centred = Rows::new(targets.dim());
    for row in targets.iter() {
        centred.push(&row.iter().zip(&mean).map(|(value, mean)| (f64::from(*value) - mean) as f32).collect::<Vec<_>>());
    }
    centred
}

/// The weighted terms of each title, and the titles of each term.
struct Sparse {
    rows: Vec<Vec<(u32, f32)>>,
    columns: Vec<Vec<(u32, f32)>>,
}

impl Sparse {
    fn new(weighted: Vec<Vec<(usize, f32)>>, terms: usize) -> Self {
        let mut columns = vec![Vec::new(); terms];
        let mut rows = Vec::with_capacity(weighted.len());
        for (place, row) in (0..).zip(weighted) {
            for (term, weight) in &row {
                columns[*term].push((place, *weight));
            }
            rows.push(row.into_iter().map(|(term, weight)| (term as u32, weight)).collect());
        }
        Self { rows, columns }
    }

    /// `X · values` for the titles that are kept, zeros for the others; `values` is [terms, dim].
    fn times(&self, values: &[f32], dim: usize, kept: impl Fn(usize) -> bool + Sync) -> Vec<f32> {
        let mut product = vec![0.0; self.rows.len() * dim];
        product.par_chunks_exact_mut(dim).zip(&self.rows).enumerate().for_each(|(place, (sum, row))| {
            if kept(place) {
                add_all(sum, row, values);
            }
        });
        product
    }

    /// `Xᵀ · values`; `values` is [titles, dim].
    fn transposed_times(&self, values: &[f32], dim: usize, product: &mut [f32]) {
        product.par_chunks_exact_mut(dim).zip(&self.columns).for_each(|(sum, column)| {
            sum.fill(0.0);
            add_all(sum, column, values);
        });
    }
}

/// Adds to `sum` the rows of `values` that `entries` name, weighted.
fn add_all(sum: &mut [f32], entries: &[(u32, f32)], values: &[f32]) {
    let dim = sum.len();
    for &(row, weight) in entries {
        let from = row as usize * dim;
        let row = &values[from..from + dim];
        sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += weight * value);
    }
}

/// Ridge regression on the titles that are kept, from `weights` [terms, dim] on, into `weights`. Each column is a problem of
/// its own; they share the products with `X`.
fn solve(
    texts: &Sparse,
    targets: &Rows,
    kept: impl Fn(usize) -> bool + Sync,
    options: &WordsOptions,
    weights: &mut [f32],
) {
    let dim = targets.dim();
    let penalty = options.penalty.max(1e-4);
    let diagonal: Vec<f32> = texts
        .columns
        .iter()
        .map(|column| {
            let kept = column.iter().filter(|(place, _)| kept(*place as usize));
            penalty + kept.map(|(_, weight)| weight * weight).sum::<f32>()
        })
        .collect();
    let multiply = |values: &[f32], product: &mut [f32]| {
        let titles = texts.times(values, dim, &kept);
        texts.transposed_times(&titles, dim, product);
        product.iter_mut().zip(values).for_each(|(product, value)| *product += penalty * value);
    };
    let mut wanted = targets.values().to_vec();
    wanted.chunks_exact_mut(dim).enumerate().filter(|(place, _)| !kept(*place)).for_each(|(_, row)| row.fill(0.0));
    let mut residual = vec![0.0; weights.len()];
    texts.transposed_times(&wanted, dim, &mut residual);
    let scale = dots(&residual, &residual, dim, &diagonal);
    let mut product = vec![0.0; weights.len()];
    multiply(weights, &mut product);
    residual.iter_mut().zip(&product).for_each(|(residual, product)| *residual -= product);
    let mut direction = residual.clone();
    precondition(&mut direction, dim, &diagonal);
    let mut fit = dots(&residual, &residual, dim, &diagonal);
    for _ in 0..options.steps {
        if fit.iter().zip(&scale).all(|(fit, scale)| *fit <= TOLERANCE * TOLERANCE * scale) {
            break;
        }
        multiply(&direction, &mut product);
        let curvature = dots(&direction, &product, dim, &vec![1.0; diagonal.len()]);
        let step: Vec<f32> = fit.iter().zip(&curvature).map(|(fit, curvature)| ratio(*fit, *curvature)).collect();
        weights.par_chunks_exact_mut(dim).zip(residual.par_chunks_exact_mut(dim)).enumerate().for_each(
            |(row, (weights, residual))| {
                let from = row * dim;
                for column in 0..dim {
                    weights[column] += step[column] * direction[from + column];
                    residual[column] -= step[column] * product[from + column];
                }
            },
        );
        let next = dots(&residual, &residual, dim, &diagonal);
        let turn: Vec<f32> = next.iter().zip(&fit).map(|(next, fit)| ratio(*next, *fit)).collect();
        direction.par_chunks_exact_mut(dim).zip(residual.par_chunks_exact(dim)).zip(&diagonal).for_each(
            |((direction, residual), diagonal)| {
                for column in 0..dim {
                    direction[column] = residual[column] / diagonal + turn[column] * direction[column];
                }
            },
        );
        fit = next;
    }
}

fn ratio(above: f32, below: f32) -> f32 {
    if below > f32::MIN_POSITIVE { above / below } else { 0.0 }
}

fn precondition(values: &mut [f32], dim: usize, diagonal: &[f32]) {
    values
        .chunks_exact_mut(dim)
        .zip(diagonal)
        .for_each(|(row, diagonal)| row.iter_mut().for_each(|value| *value /= diagonal));
}

/// Column by column, `Σ a · b / diagonal`.
fn dots(a: &[f32], b: &[f32], dim: usize, diagonal: &[f32]) -> Vec<f32> {
    let mut sums = vec![0.0_f64; dim];
    for ((a, b), diagonal) in a.chunks_exact(dim).zip(b.chunks_exact(dim)).zip(diagonal) {
        for column in 0..dim {
            sums[column] += f64::from(a[column] * b[column] / diagonal);
        }
    }
    sums.into_iter().map(|sum| sum as f32).collect()
}

/// The directions [told, dim] of what words can tell: those that the regression predicts best on the titles held out, once
/// what it got wrong there is whitened; and what these titles tell, [m, told], rows of unit length.
fn telling(
    texts: &Sparse,
    targets: &Rows,
    weights: &[f32],
    kept: impl Fn(usize) -> bool + Sync,
    options: &WordsOptions,
) -> Result<Option<(Mat<f32>, Vec<f32>)>, FitError> {
    let dim = targets.dim();
    let predicted = texts.times(weights, dim, |place| !kept(place));
    let mut said = Rows::new(dim);
    let mut wrong = Rows::new(dim);
    for (place, (predicted, target)) in predicted.chunks_exact(dim).zip(targets.iter()).enumerate() {
        if !kept(place) {
            said.push(predicted);
            wrong.push(&target.iter().zip(predicted).map(|(target, predicted)| target - predicted).collect::<Vec<_>>());
        }
    }
    let zeros = vec![0.0; dim];
    let mut noise = super::scatter::scatter(&wrong, |_| &zeros);
    let diagonal = (0..dim).map(|i| noise[(i, i)]).sum::<f64>() / dim as f64;
    if diagonal < 1e-12 {
        return Ok(None);
    }
    let shrinkage = options.shrinkage.clamp(1e-3, 1.0);
    noise *= faer::Scale(1.0 - shrinkage);
    for i in 0..dim {
        noise[(i, i)] += shrinkage * diagonal;
    }
    let (variances, directions) = eigen(&noise)?;
    let whitening = Mat::from_fn(dim, dim, |i, j| directions[(i, j)] / variances[j].max(diagonal * 1e-6).sqrt());
    let spread = whitening.transpose() * super::scatter::scatter(&said, |_| &zeros) * &whitening;
    let (_, best) = eigen(&spread)?;
    let chosen = &whitening * best.subcols(0, options.directions.clamp(1, dim));
    if !chosen.norm_max().is_finite() {
        return Ok(None);
    }
    let directions = Mat::from_fn(chosen.ncols(), dim, |i, j| chosen[(j, i)] as f32);
    let told = said.matrix() * directions.transpose();
    let mut titles = Rows::new(told.ncols());
    for row in (0..told.nrows()).step_by(told.nrows().div_ceil(MOST_TITLES).max(1)) {
        titles.push(&(0..told.ncols()).map(|column| told[(row, column)]).collect::<Vec<_>>());
    }
    // A title of which no word is known tells nothing, and likes no picture better than another.
    let titles = titles.unit();
    Ok(Some((directions, titles.values().to_vec())))
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
        let nearer = |text: &str| {
            let query = head.query(text).unwrap().unwrap();
            head.likeness(&query, &red) - head.likeness(&query, &blue)
        };
        assert!(nearer("Red gloves") > 0.5);
        assert!(nearer("a BLUE one") < -0.5);
        assert_eq!(head.query("green gloves").unwrap(), None);
    }

    #[test]
    fn too_little_to_learn_from_says_why() {
        let error = fit(&["red bag", "blue hat"], &[[1.0, 0.0], [0.0, 1.0]]).unwrap_err();
        assert!(error.to_string().contains("no word is in 2 titles"), "{error}");
        assert!(matches!(fit(&["red"], &[[1.0, 0.0], [0.0, 1.0]]), Err(FitError::Data { .. })));
        let error = fit(&["red bag", "red bag"], &[[1.0, 0.0], [1.0, 0.0]]).unwrap_err();
        assert!(error.to_string().contains("alike"), "{error}");
        assert!(matches!(fit(&["red bag", "red bag"], &[[f32::NAN, 0.0], [1.0, 0.0]]), Err(FitError::Data { .. })));
    }

    #[test]
    fn the_solver_solves_the_normal_equations() {
        let titles: Vec<String> = (0..60).map(|n| format!("a{} b{} c{}", n % 3, n % 4, n % 5)).collect();
        let documents: Vec<Vec<u64>> = titles.iter().map(|title| terms_of(title)).collect();
        let options = WordsOptions { steps: 200, ..WordsOptions::default() };
        let terms = vocabulary(&documents, &options);
        let texts = Sparse::new(documents.iter().map(|document| tf_idf(document, &terms)).collect(), terms.len());
        let mut targets = Rows::new(2);
        for n in 0..60 {
            assert!(targets.push(&[(n % 3) as f32, (n % 7) as f32]));
        }
        let mut weights = vec![0.0; terms.len() * 2];
        solve(&texts, &targets, |_| true, &options, &mut weights);
        // Xᵀ (Y − X W) = penalty · W at the optimum.
        let fitted = texts.times(&weights, 2, |_| true);
        let error: Vec<f32> = targets.values().iter().zip(&fitted).map(|(target, fitted)| target - fitted).collect();
        let mut left = vec![0.0; weights.len()];
        texts.transposed_times(&error, 2, &mut left);
        for (left, weight) in left.iter().zip(&weights) {
            assert!((left - options.penalty * weight).abs() < 0.02, "{left} {weight}");
        }
    }
}
