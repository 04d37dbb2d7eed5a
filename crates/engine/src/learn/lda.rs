//! The supervised head: what tells classes apart counts, what varies within them does not.

use std::collections::BTreeMap;

use faer::linalg::triangular_solve::{solve_lower_triangular_in_place, solve_upper_triangular_in_place};
use faer::{Mat, MatRef, Par};

use super::method::{Method, fit};
use super::pca::{LinearMap, spanned, to_map};
use super::principal::principal;
use super::scatter::{Scaled, check, inverse_lengths, mean, scatter, scatter_within};
use super::{FitError, Rows, within};
use crate::space::Head;

/// How the supervised head is fitted.
#[derive(Debug, Clone, PartialEq)]
pub struct LdaOptions {
    /// Directions to keep at most; there are never more than classes − 1.
    pub dims: usize,
    /// How much of the within-class scatter is replaced by its mean diagonal, 0 to 1 (Friedman 1989).
    pub shrinkage: f64,
}

impl LdaOptions {
    /// For a fit over layers before the last one too: the more pictures, the less of what was seen is replaced. 0.3 was best for the 800 pictures of
    /// C-kind, 0.15 for the 5,000 of F-type; both lost half a point with the other's.
    #[must_use]
    pub fn with_layers(pictures: usize) -> Self {
        let fewer = (1_000.0 / pictures.max(1) as f64).sqrt().min(1.0);
        Self { shrinkage: 0.3 * fewer, ..Self::default() }
    }
}

impl Default for LdaOptions {
    /// 128 directions, shrinkage 0.3.
    fn default() -> Self {
        Self { dims: 128, shrinkage: 0.3 }
    }
}

/// Fits linear discriminant analysis (Belhumeur et al. 1997) to features as the model gives them and their labels:
/// within-class scatter, shrunk, inverted square root, then PCA of the class means.
///
/// # Errors
/// [`FitError`] when there are fewer than two classes, no class with two different pictures, labels and features differ
/// in number, or a number is not finite.
pub fn fit_lda(model_sha256: &str, features: &Rows, labels: &[u32], options: &LdaOptions) -> Result<Head, FitError> {
    fit(model_sha256, features, &Method::Supervised { labels, options: options.clone() })
}

pub(super) fn lda_map(features: &Rows, labels: &[u32], options: &LdaOptions) -> Result<LinearMap, FitError> {
    check(features, 3)?;
    let scales = inverse_lengths(features);
    lda_map_of(Scaled::by(features, &scales), labels, options)
}

/// The map of rows as they are; they are finite, and three or more.
pub(super) fn lda_map_of(unit: Scaled<'_>, labels: &[u32], options: &LdaOptions) -> Result<LinearMap, FitError> {
    if unit.len() != labels.len() {
        let reason = format!("there are {} pictures and {} labels", unit.len(), labels.len());
        return Err(FitError::Data { reason });
    }
    let classes = classes(unit, labels);
    if classes.len() < 2 {
        return Err(FitError::TooLittle { reason: "there is only one label; at least two are needed".into() });
    }
    let dim = unit.dim();
    let several = |place: usize| classes[&labels[place]].mean.as_deref();
    let dims = options.dims.min(classes.len() - 1);
    let (spread, columns) = if classes.len() < dim {
        let means = centred(&centres(unit, &classes, |_| true));
        let solved = within::solve(unit, several, options.shrinkage, &means)?;
        directions_of_few(&means, &solved, dims)?
    } else {
        let factor = within::factor(unit, several, options.shrinkage)?;
        directions_of_many(unit, labels, &classes, factor.L(), dims)?
    };
    if spread == 0 {
        return Err(FitError::TooLittle { reason: "the labels do not differ in their pictures".into() });
    }
    Ok(to_map(&mean(unit), &columns))
}

/// Rows as columns, their mean taken off.
fn centred(rows: &Rows) -> Mat<f64> {
    let middle = mean(rows);
    Mat::from_fn(rows.dim(), rows.len(), |i, row| f64::from(rows.row(row)[i]) - middle[i])
}

/// The map's directions for fewer classes than numbers, at most `dims`: how many, and they as columns. `means` are the class means `M` as columns, `solved` is
/// `W⁻¹ M`. With `W = L Lᵀ` the whitened means are `Z = L⁻¹ M`, and what is diagonalised is `Zᵀ Z = Mᵀ W⁻¹ M`: its eigenvalues are those of `Z Zᵀ`, and it is
/// smaller. The principal directions of `Z` are `Z U λ^-½`, and `L⁻ᵀ` of them is `W⁻¹ M U λ^-½`: no root is needed.
fn directions_of_few(means: &Mat<f64>, solved: &Mat<f64>, dims: usize) -> Result<(usize, Mat<f64>), FitError> {
    let (spread, weights) = principal(&(means.transpose() * solved), dims)?;
    let kept = spanned(&spread, dims);
    let mut directions = solved * weights.subcols(0, kept);
    for (mut column, spread) in directions.col_iter_mut().zip(&spread) {
        column *= faer::Scale(spread.sqrt().recip());
    }
    Ok((kept, directions))
}

/// The same by `Z Zᵀ` and a root of `W`, for as many classes as numbers or more. The only row of a class is its mean, and is read where it is: where each product is
/// a label, a copy of all means is a copy of the catalogue.
fn directions_of_many(
    unit: Scaled<'_>,
    labels: &[u32],
    classes: &BTreeMap<u32, Class>,
    root: MatRef<'_, f64>,
    dims: usize,
) -> Result<(usize, Mat<f64>), FitError> {
    let several = centres(unit, classes, |class| class.mean.is_some());
    let alone = |place: usize| classes[&labels[place]].mean.is_none();
    let mut middle = vec![0.0; unit.dim()];
    let mut add =
        |row: &mut dyn Iterator<Item = f64>| middle.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
    several.iter().for_each(|row| add(&mut row.iter().map(|value| f64::from(*value))));
    unit.iter().enumerate().filter(|(place, _)| alone(*place)).for_each(|(_, mut row)| add(&mut row));
    middle.iter_mut().for_each(|sum| *sum /= classes.len() as f64);
    let mut between = scatter_within(unit, |place| alone(place).then_some(middle.as_slice()));
    if !several.is_empty() {
        between += scatter(&several, |_| &middle);
    }
    solve_lower_triangular_in_place(root, between.as_mut(), Par::rayon(0));
    let mut between = between.transpose().to_owned();
    solve_lower_triangular_in_place(root, between.as_mut(), Par::rayon(0));
    let (spread, directions) = principal(&between, dims)?;
    let kept = spanned(&spread, dims);
    let mut columns = directions.subcols(0, kept).to_owned();
    // `L⁻ᵀ` whitens. Any root of the inverse will do: those of one matrix differ by a rotation, which similarities do not see.
    solve_upper_triangular_in_place(root.transpose(), columns.as_mut(), Par::rayon(0));
    Ok((kept, columns))
}

/// Means of those classes that are `wanted`, in single precision.
fn centres(unit: Scaled<'_>, classes: &BTreeMap<u32, Class>, wanted: impl Fn(&Class) -> bool) -> Rows {
    let mut rows = Rows::new(unit.dim());
    for class in classes.values().filter(|class| wanted(class)) {
        rows.push(&match &class.mean {
            Some(mean) => mean.iter().map(|&value| value as f32).collect::<Vec<_>>(),
            None => unit.row(class.first).map(|value| value as f32).collect(),
        });
    }
    rows
}

/// Rows of one label.
struct Class {
    first: usize,
    count: usize,
    /// Of two rows or more. One is its own mean; where each product is a label, nearly all are like that, and their means would take a gigabyte.
    mean: Option<Vec<f64>>,
}

fn classes(rows: Scaled<'_>, labels: &[u32]) -> BTreeMap<u32, Class> {
    let mut classes: BTreeMap<u32, Class> = BTreeMap::new();
    for (place, label) in labels.iter().enumerate() {
        classes.entry(*label).or_insert(Class { first: place, count: 0, mean: None }).count += 1;
    }
    for (row, label) in rows.iter().zip(labels) {
        let Some(class) = classes.get_mut(label).filter(|class| class.count > 1) else { continue };
        let sum = class.mean.get_or_insert_with(|| vec![0.0; rows.dim()]);
        sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
    }
    for class in classes.values_mut() {
        let count = class.count as f64;
        class.mean.iter_mut().flatten().for_each(|sum| *sum /= count);
    }
    classes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(vectors: &[[f32; 3]], labels: &[u32]) -> Result<Head, FitError> {
        let rows = Rows::from_vectors(vectors.iter().map(<[f32; 3]>::as_slice)).unwrap();
        fit_lda("model", &rows, labels, &LdaOptions::default())
    }

    #[test]
    fn degenerate_catalogues_train_nothing_and_say_why() {
        let three = [[1.0, 0.0, 0.0], [0.9, 0.1, 0.0], [0.0, 1.0, 0.0]];
        let says = |result: Result<Head, FitError>, text: &str| {
            let error = result.unwrap_err().to_string();
            assert!(error.contains(text), "{error}");
        };
        says(fit(&three, &[1, 1, 1]), "only one label");
        says(fit(&three, &[1, 2, 3]), "no label has two different pictures");
        says(fit(&[[1.0, 0.0, 0.0]; 4], &[1, 1, 2, 2]), "no label has two different pictures");
        says(fit(&three, &[1, 2]), "2 labels");
        says(fit(&three[..1], &[1]), "at least 3");
    }

    #[test]
    fn labels_that_contradict_each_other_do_not_make_numbers_that_are_not_finite() {
        let head = fit(&[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], &[1, 1, 2, 2]);
        assert!(matches!(head, Err(FitError::TooLittle { .. })), "{head:?}");
    }

    #[test]
    fn directions_whiten_what_varies_within_labels_and_part_what_lies_between_them() {
        // Fewer labels than numbers, and more.
        for (labels, pictures) in [(4_usize, 12_usize), (11, 5)] {
            let dim = 6;
            let value = |label: usize, picture: usize, i: usize| {
                let mixed = (label * 37 + i * 101) % 29 + (picture * 53 + label * 7 + i * i * 13) % 17;
                mixed as f32 / 10.0
            };
            let mut rows = Rows::new(dim);
            let mut known = Vec::new();
            for label in 0..labels {
                // One picture is its own mean.
                for picture in 0..if label == 0 { 1 } else { pictures } {
                    rows.push(&(0..dim).map(|i| value(label, picture, i)).collect::<Vec<_>>());
                    known.push(label as u32);
                }
            }
            let options = LdaOptions { shrinkage: 1e-3, ..LdaOptions::default() };
            let map = lda_map_of(Scaled::from(&rows), &known, &options).unwrap();
            let kept = map.projection.len() / dim;
            assert_eq!(kept, dim.min(labels - 1));
            let mean_of = |label: u32| -> Vec<f64> {
                let of_label: Vec<&[f32]> =
                    rows.iter().zip(&known).filter(|(_, known)| **known == label).map(|(row, _)| row).collect();
                mean(&Rows::from_vectors(of_label).unwrap())
            };
            let means: BTreeMap<u32, Vec<f64>> = known.iter().map(|label| (*label, mean_of(*label))).collect();
            let within = scatter(&rows, |place| &means[&known[place]]);
            let mut centres = Rows::new(dim);
            means.values().for_each(|mean| {
                centres.push(&mean.iter().map(|value| *value as f32).collect::<Vec<_>>());
            });
            let middle = mean(&centres);
            let between = scatter(&centres, |_| &middle);
            let projection = Mat::from_fn(kept, dim, |i, j| f64::from(map.projection[i * dim + j]));
            for (matrix, white) in [(within, true), (between, false)] {
                let seen = &projection * matrix * projection.transpose();
                for i in 0..kept {
                    let wanted = if white { seen[(0, 0)] } else { seen[(i, i)] };
                    assert!((seen[(i, i)] / wanted - 1.0).abs() < 0.03, "{labels} labels: {seen:?}");
                    assert!(i == 0 || seen[(i, i)] <= seen[(i - 1, i - 1)] * 1.03, "{labels} labels: {seen:?}");
                    for j in 0..i {
                        assert!(seen[(i, j)].abs() < 0.03 * seen[(0, 0)], "{labels} labels: {seen:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn as_many_labels_as_there_may_be_are_fitted() {
        // 20,000 products of two pictures each.
        let mut rows = Rows::new(8);
        let mut labels = Vec::new();
        for label in 0..20_000_u32 {
            let value = |axis: u32, picture: u32| {
                (label.wrapping_mul(2_654_435_761) >> (axis * 3) & 63) as f32 + picture as f32
            };
            for picture in 0..2 {
                rows.push(&[0, 1, 2, 3, 4, 5, 6, 7].map(|axis| value(axis, picture * (axis % 2))));
                labels.push(label);
            }
        }
        let head = fit_lda("model", &rows, &labels, &LdaOptions::default()).unwrap();
        assert_eq!((head.input_dim(), head.output_dim()), (8, 8));
    }
}
