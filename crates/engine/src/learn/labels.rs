//! Classifiers for what a catalogue's products say of themselves, with probabilities that hold.

use std::collections::BTreeMap;

use faer::linalg::solvers::Solve as _;
use faer::{Mat, Side};

use super::scatter::{Scaled, scatter};
use super::{FitError, LdaOptions, Rows, within};
use crate::linear::dot;
use crate::understand::{Field, LeftOut, Linear, Memory, NO_VALUE, Neighbour, mixed, softmax};

/// How a linear classifier is fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelMethod {
    /// Linear discriminant analysis: one covariance for all values, shrunk (Friedman 1989).
    Lda,
    /// Ridge regression to 1 for the own value and 0 for the others.
    Ridge,
    /// Multinomial logistic regression with a small penalty, by Adam.
    Logistic,
    /// The first, shrunk as [`LdaOptions::with_layers`] says: for rows of more numbers than there are pictures.
    Wide,
}

/// Products that a value must have to be learned.
const FEWEST_OF_VALUE: usize = 4;
/// Products that a field must have.
const FEWEST: usize = 40;
/// Values learned of one field at most, the most frequent ones.
const MOST_VALUES: usize = 1_000;
/// Of the products that have the field, this share must have a value that is learned: a field of names is no label.
const LEARNABLE: f64 = 0.5;
/// Guesses are told from the probability on at which this share of them is right.
const PRECISION: f32 = 0.85;
/// Classifiers that tell less than this share of the products anything are of no use.
const LEAST_COVERAGE: f32 = 0.05;
/// One product in this many is held back for temperature and threshold.
const HELD_BACK: usize = 5;

/// Values of a field for which a classifier of layers is tried: its weights are 7.5 KB a value.
const MOST_WIDE_VALUES: usize = 250;

/// Pictures that are learned from, as classifiers see them, in the same order.
#[derive(Debug, Clone, Copy)]
pub struct Lessons<'a> {
    /// [`Described::row`](crate::understand::Described::row) of each.
    pub rows: &'a Rows,
    /// [`Described::wide`](crate::understand::Described::wide) of each, where a classifier of them is to be tried, too; the better one is kept.
    pub wide: Option<&'a Rows>,
    /// Who of one number is held back together: products of one variant group should have one.
    pub groups: &'a [u64],
}

/// How a field is fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LabelOptions {
    /// How its classifier is fitted.
    pub method: LabelMethod,
    /// Whether products that are like the picture have a say too.
    pub neighbours: bool,
}

impl Default for LabelOptions {
    /// Logistic regression, with neighbours: see docs/evaluation.md, labels.
    fn default() -> Self {
        Self { method: LabelMethod::Logistic, neighbours: true }
    }
}

/// Products that are remembered of all, evenly over them.
const REMEMBERED: usize = 10_000;

/// The places of the rows that are remembered.
pub fn remembered(count: usize) -> impl Iterator<Item = usize> {
    (0..count).step_by(count.div_ceil(REMEMBERED).max(1))
}

/// Fits one field; `values` is what the products say.
///
/// # Errors
/// [`LeftOut`] with the reason when there is nothing to be learned, or what is learned is of no use.
pub fn fit_labels(
    attribute: Option<&str>,
    lessons: Lessons<'_>,
    values: &[Option<String>],
    options: LabelOptions,
) -> Result<Field, LeftOut> {
    let Lessons { rows, groups, .. } = lessons;
    let field = attribute.unwrap_or("category").to_owned();
    let left_out = |reason: String| LeftOut { field: field.clone(), reason };
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    values.iter().flatten().for_each(|value| *counts.entry(value).or_default() += 1);
    let having: usize = counts.values().sum();
    let mut frequent: Vec<(&str, usize)> = counts.into_iter().filter(|(_, count)| *count >= FEWEST_OF_VALUE).collect();
    frequent.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    frequent.truncate(MOST_VALUES);
    let learnable: usize = frequent.iter().map(|(_, count)| count).sum();
    if frequent.len() < 2 {
        return Err(left_out(format!(
            "{} values with {FEWEST_OF_VALUE} products or more; two are needed",
            frequent.len()
        )));
    }
    if learnable < FEWEST || (learnable as f64) < LEARNABLE * having as f64 {
        let reason =
            format!("only {learnable} of {having} products have a value that {FEWEST_OF_VALUE} products share");
        return Err(left_out(reason));
    }
    let names: Vec<String> = frequent.iter().map(|(name, _)| (*name).to_owned()).collect();
    let numbers: BTreeMap<&str, u32> = names.iter().map(String::as_str).zip(0..).collect();
    let known = (0..values.len()).filter_map(|place| Some((place, *numbers.get(values[place].as_deref()?)?)));
    let (places, labels): (Vec<usize>, Vec<u32>) = known.unzip();
    let held = |place: &usize| groups[*place] as usize % HELD_BACK == 0;
    let (back, kept): (Vec<usize>, Vec<usize>) = (0..places.len()).partition(|at| held(&places[*at]));
    if kept.len() < FEWEST / 2 || back.len() < HELD_BACK {
        return Err(left_out("too few products to hold some back".into()));
    }
    let failed = |error: FitError| left_out(error.to_string());
    let taken = |rows: &Rows, at: &[usize]| rows.select(at.iter().map(|at| places[*at]));
    let labels_of = |at: &[usize]| -> Vec<u32> { at.iter().map(|at| labels[*at]).collect() };
    let (kept_labels, back_labels) = (labels_of(&kept), labels_of(&back));
    let near: Vec<Vec<Neighbour>> = if options.neighbours {
        let memory = Memory::of(remembered(kept.len()).map(|at| rows.row(places[kept[at]])));
        back.iter().map(|at| memory.nearest(rows.row(places[*at]))).collect()
    } else {
        vec![Vec::new(); back.len()]
    };
    let kept_values: Vec<u16> = remembered(kept.len()).map(|place| kept_labels[place] as u16).collect();
    let asked = Asked { labels: &back_labels, near: &near, kept_values: &kept_values };
    let tried = |rows: &Rows, method: LabelMethod| -> Result<Tried, FitError> {
        let trial = fit_linear(&taken(rows, &kept), &kept_labels, names.len(), method)?;
        Ok(asked.tried(&trial, &taken(rows, &back), options.neighbours))
    };
    let plain = tried(rows, options.method).map_err(failed)?;
    let wide = lessons.wide.filter(|_| names.len() <= MOST_WIDE_VALUES);
    let wide = wide.and_then(|wide| Some((wide, tried(wide, LabelMethod::Wide).ok()?)));
    let wide = wide.filter(|(_, wide)| wide.loss < plain.loss);
    let is_wide = wide.is_some();
    let (learned_from, method, best) =
        wide.map_or((rows, options.method, plain), |(rows, wide)| (rows, LabelMethod::Wide, wide));
    let Tried { temperature, mix, probabilities, .. } = best;
    let guesses = guessed(&probabilities, &back_labels);
    let (threshold, precision, coverage) = threshold(&guesses).ok_or_else(|| {
        left_out(format!("pictures do not show it: fewer than {:.0} % of guesses are right", PRECISION * 100.0))
    })?;
    if coverage < LEAST_COVERAGE {
        return Err(left_out(format!("only {:.0} % of pictures show it", coverage * 100.0)));
    }
    let commonest = back_labels.iter().filter(|label| **label == 0).count() as f32 / back.len() as f32;
    let right = guesses.iter().filter(|(_, right)| *right).count() as f32 / guesses.len().max(1) as f32;
    if right <= commonest {
        return Err(left_out(format!("guessing its commonest value is right as often ({:.0} %)", commonest * 100.0)));
    }
    let all = learned_from.select(places.iter().copied());
    let classifier = fit_linear(&all, &labels, names.len(), method).map_err(failed)?;
    let value = |place: usize| values[place].as_deref().and_then(|value| numbers.get(value));
    let remembered = remembered(rows.len()).map(|place| value(place).map_or(NO_VALUE, |number| *number as u16));
    Ok(Field {
        attribute: attribute.map(str::to_owned),
        remembered: remembered.collect(),
        values: names.clone(),
        classifier,
        wide: is_wide,
        mix,
        temperature,
        threshold,
        precision,
        coverage,
    })
}

/// Products that were held back, and who is near them among the others.
struct Asked<'a> {
    labels: &'a [u32],
    near: &'a [Vec<Neighbour>],
    kept_values: &'a [u16],
}

/// A classifier asked about the products that were held back.
struct Tried {
    temperature: f32,
    mix: f32,
    probabilities: Vec<Vec<f32>>,
    /// Mean of −ln of the right value's probability.
    loss: f32,
}

impl Asked<'_> {
    fn tried(&self, trial: &Linear, back: &Rows, neighbours: bool) -> Tried {
        let temperature = temperature(trial, back, self.labels);
        let logits = back.iter().filter_map(|row| trial.logits(row));
        let classified: Vec<Vec<f32>> = logits.map(|logits| softmax(&logits, temperature)).collect();
        let with = |mix: f32| -> Vec<Vec<f32>> {
            let each = classified.iter().zip(self.near);
            each.map(|(own, near)| mixed(own.clone(), near, self.kept_values, mix)).collect()
        };
        let mix = if neighbours { best_mix(&with, self.labels) } else { 0.0 };
        let probabilities = with(mix);
        let loss = loss(&probabilities, self.labels) / self.labels.len().max(1) as f32;
        Tried { temperature, mix, probabilities, loss }
    }
}

/// Fits a linear classifier of `count` values to rows and their labels, 0 to `count − 1`.
///
/// # Errors
/// [`FitError`] when rows and labels differ in number, there are none, a number is not finite, or a matrix cannot be solved.
pub fn fit_linear(rows: &Rows, labels: &[u32], count: usize, method: LabelMethod) -> Result<Linear, FitError> {
    super::scatter::check(rows, 2)?;
    if rows.len() != labels.len() || labels.iter().any(|label| *label as usize >= count) {
        return Err(FitError::Data {
            reason: format!("{} rows and {} labels below {count}", rows.len(), labels.len()),
        });
    }
    match method {
        LabelMethod::Lda => lda(rows, labels, count, SHRINKAGE),
        LabelMethod::Wide => lda(rows, labels, count, LdaOptions::with_layers(rows.len()).shrinkage),
        LabelMethod::Ridge => ridge(rows, labels, count),
        LabelMethod::Logistic => Ok(logistic(rows, labels, count)),
    }
}

fn lda(rows: &Rows, labels: &[u32], count: usize, shrinkage: f64) -> Result<Linear, FitError> {
    let dim = rows.dim();
    let mut sizes = vec![0.0_f64; count];
    let mut means = vec![vec![0.0_f64; dim]; count];
    for (row, label) in rows.iter().zip(labels) {
        sizes[*label as usize] += 1.0;
        means[*label as usize].iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value));
    }
    for (mean, size) in means.iter_mut().zip(&sizes) {
        mean.iter_mut().for_each(|sum| *sum /= size.max(1.0));
    }
    let centre = |place: usize| Some(means[labels[place] as usize].as_slice());
    let columns = Mat::from_fn(dim, count, |i, class| means[class][i]);
    let solved = within::solve(Scaled::from(rows), centre, shrinkage, &columns)?;
    let prior = |class: usize| ((sizes[class] + 0.5) / (rows.len() as f64 + 0.5 * count as f64)).ln();
    let half = |class: usize| 0.5 * (0..dim).map(|i| means[class][i] * solved[(i, class)]).sum::<f64>();
    Ok(Linear {
        dim,
        weights: (0..count).flat_map(|class| (0..dim).map(move |i| (i, class))).map(|at| solved[at] as f32).collect(),
        bias: (0..count).map(|class| (prior(class) - half(class)) as f32).collect(),
    })
}

/// How much of the within-class scatter is replaced by its mean diagonal.
const SHRINKAGE: f64 = 0.1;

fn ridge(rows: &Rows, labels: &[u32], count: usize) -> Result<Linear, FitError> {
    let dim = rows.dim();
    let mean = super::scatter::mean(rows);
    let mut gram = scatter(rows, |_| &mean);
    for i in 0..dim {
        gram[(i, i)] += 1.0;
    }
    let mut sizes = vec![0.0_f64; count];
    let mut solved = Mat::<f64>::zeros(dim, count);
    for (row, label) in rows.iter().zip(labels) {
        sizes[*label as usize] += 1.0;
        for (i, value) in row.iter().enumerate() {
            solved[(i, *label as usize)] += f64::from(*value) - mean[i];
        }
    }
    let factor = gram.llt(Side::Lower)?;
    factor.solve_in_place(&mut solved);
    let bias = |class: usize| {
        let through_mean: f64 = (0..dim).map(|i| solved[(i, class)] * mean[i]).sum();
        (sizes[class] / rows.len() as f64 - through_mean) as f32
    };
    Ok(Linear {
        dim,
        weights: (0..count).flat_map(|class| (0..dim).map(move |i| (i, class))).map(|at| solved[at] as f32).collect(),
        bias: (0..count).map(bias).collect(),
    })
}

/// Rounds over all products; fewer for many of them.
const ROUNDS: usize = 40;
/// Products whose gradients are added up before a step.
const BATCH: usize = 128;
/// Penalty on the squares of the weights.
const DECAY: f32 = 3e-5;

fn logistic(rows: &Rows, labels: &[u32], count: usize) -> Linear {
    let dim = rows.dim();
    let width = dim + 1;
    let (mut weights, mut first, mut second) =
        (vec![0.0_f32; count * width], vec![0.0_f32; count * width], vec![0.0_f32; count * width]);
    let all: Vec<&[f32]> = rows.iter().collect();
    let batches = rows.len().div_ceil(BATCH);
    let rounds = (ROUNDS * 6_000 / rows.len().max(1)).clamp(4, ROUNDS);
    // A walk through all places in a fixed, well-mixed order: a step that shares no factor with their number.
    let stride =
        (1..=rows.len()).map(|i| rows.len() * 618 / 1000 + i).find(|step| coprime(*step, rows.len())).unwrap_or(1);
    let (mut place, mut step) = (0, 0_i32);
    for round in 0..rounds {
        let rate = 0.03 * 0.5 * (1.0 + (std::f32::consts::PI * round as f32 / rounds as f32).cos());
        for batch in 0..batches {
            let size = BATCH.min(rows.len() - batch * BATCH);
            let mut gradient = vec![0.0_f32; count * width];
            for _ in 0..size {
                place = (place + stride) % rows.len();
                let row = all[place];
                let logits: Vec<f32> = weights
                    .chunks_exact(width)
                    .map(|own| own[..dim].iter().zip(row).map(|(w, x)| w * x).sum::<f32>() + own[dim])
                    .collect();
                for (class, probability) in softmax(&logits, 1.0).into_iter().enumerate() {
                    let error = (probability - f32::from(u8::from(labels[place] as usize == class))) / size as f32;
                    // What is surely right, or surely wrong and small, changes nothing.
                    if error.abs() < 1e-6 {
                        continue;
                    }
                    let own = &mut gradient[class * width..(class + 1) * width];
                    own[..dim].iter_mut().zip(row).for_each(|(g, x)| *g += error * x);
                    own[dim] += error;
                }
            }
            step += 1;
            let (fade_first, fade_second) = (1.0 - 0.9_f32.powi(step), 1.0 - 0.999_f32.powi(step));
            for i in 0..weights.len() {
                let slope = gradient[i] + DECAY * weights[i];
                first[i] = 0.9 * first[i] + 0.1 * slope;
                second[i] = 0.999 * second[i] + 0.001 * slope * slope;
                weights[i] -= rate * (first[i] / fade_first) / ((second[i] / fade_second).sqrt() + 1e-8);
            }
        }
    }
    Linear {
        dim,
        weights: weights.chunks_exact(width).flat_map(|own| own[..dim].to_vec()).collect(),
        bias: weights.chunks_exact(width).map(|own| own[dim]).collect(),
    }
}

fn coprime(mut a: usize, mut b: usize) -> bool {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a == 1
}

/// The temperature, on a grid of powers, at which the probabilities of the held-back labels have the best score (Brier 1950). That of the likelihood, which
/// is most of all about the few that are quite wrong, makes classifiers of many numbers too modest: calibration error on colours of fashion 0.18 instead of 0.06.
fn temperature(classifier: &Linear, rows: &Rows, labels: &[u32]) -> f32 {
    let logits: Vec<Vec<f32>> = rows.iter().filter_map(|row| classifier.logits(row)).collect();
    let score = |temperature: f32| -> f32 {
        let one = |(logits, label): (&Vec<f32>, &u32)| {
            let probabilities = softmax(logits, temperature);
            dot(&probabilities, &probabilities) - 2.0 * probabilities[*label as usize]
        };
        logits.iter().zip(labels).map(one).sum()
    };
    let grid = (0..60).map(|step| 0.02 * 1.14_f32.powi(step));
    grid.map(|temperature| (score(temperature), temperature))
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .map_or(1.0, |(_, temperature)| temperature)
}

/// How much the neighbours should count: where the held-back labels are likeliest.
fn best_mix(with: &dyn Fn(f32) -> Vec<Vec<f32>>, labels: &[u32]) -> f32 {
    let grid = (0..=8).map(|step| step as f32 / 10.0);
    grid.map(|mix| (loss(&with(mix), labels), mix)).min_by(|a, b| a.0.total_cmp(&b.0)).map_or(0.0, |(_, mix)| mix)
}

/// Sum of −ln of the right values' probabilities, none of which counts as quite 0 or 1.
fn loss(probabilities: &[Vec<f32>], labels: &[u32]) -> f32 {
    let each = probabilities.iter().zip(labels);
    each.map(|(probabilities, label)| -(0.98 * probabilities[*label as usize] + 0.001).ln()).sum()
}

/// The likeliest value of each: how likely, and whether it is right.
fn guessed(probabilities: &[Vec<f32>], labels: &[u32]) -> Vec<(f32, bool)> {
    let best = |(own, label): (&Vec<f32>, &u32)| {
        let best = (0..own.len()).max_by(|a, b| own[*a].total_cmp(&own[*b]))?;
        Some((own[best], best == *label as usize))
    };
    probabilities.iter().zip(labels).filter_map(best).collect()
}

/// The smallest threshold from which on [`PRECISION`] of the guesses are right, with precision and coverage there.
fn threshold(guesses: &[(f32, bool)]) -> Option<(f32, f32, f32)> {
    let mut guesses = guesses.to_vec();
    guesses.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut right, mut best) = (0, None);
    for (told, (probability, is_right)) in (1..).zip(&guesses) {
        right += usize::from(*is_right);
        let precision = right as f32 / told as f32;
        if precision >= PRECISION && told >= 5 {
            best = Some((probability.max(0.3), precision, told as f32 / guesses.len() as f32));
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::understand::Described;

    /// Three clouds in four dimensions; the same each time.
    fn clouds(count: usize) -> (Rows, Vec<u32>) {
        let mut rows = Rows::new(4);
        let mut labels = Vec::new();
        for place in 0..count {
            let label = (place % 3) as u32;
            let hash = blake3::hash(&place.to_le_bytes());
            let noise: Vec<f32> = hash.as_bytes()[..4].iter().map(|byte| (f32::from(*byte) - 127.5) / 400.0).collect();
            let mut row = noise;
            row[label as usize] += 1.0;
            rows.push(&row);
            labels.push(label);
        }
        (rows, labels)
    }

    fn named(labels: &[u32]) -> Vec<Option<String>> {
        labels.iter().map(|label| Some(format!("value {label}"))).collect()
    }

    fn groups(count: usize) -> Vec<u64> {
        (0..count as u64).map(|place| place / 3).collect()
    }

    fn fitted(
        attribute: Option<&str>,
        rows: &Rows,
        values: &[Option<String>],
        options: LabelOptions,
    ) -> Result<Field, LeftOut> {
        fit_labels(attribute, Lessons { rows, wide: None, groups: &groups(rows.len()) }, values, options)
    }

    fn seen(row: &[f32]) -> Described {
        Described { row: row.to_vec(), wide: None }
    }

    #[test]
    fn what_layers_tell_is_used_where_it_tells_more() {
        let (told, labels) = clouds(300);
        // The rows say nothing of the label.
        let mut rows = Rows::new(2);
        (0..300_u32).for_each(|place| assert!(rows.push(&[1.0, (place * 37 % 101) as f32 / 100.0])));
        let values = named(&labels);
        let lessons = Lessons { rows: &rows, wide: Some(&told), groups: &groups(300) };
        let field = fit_labels(Some("kind"), lessons, &values, LabelOptions::default()).unwrap();
        assert!(field.wide && field.precision > 0.95, "{field:?}");
        let asked = Described { row: vec![1.0, 0.3], wide: Some(vec![0.0, 1.0, 0.0, 0.0]) };
        let sure = field.probabilities(&asked, &[]).unwrap();
        assert!(sure[1] > 0.9, "{sure:?}");
        let other = Lessons { rows: &told, wide: Some(&rows), groups: &groups(300) };
        assert!(!fit_labels(Some("kind"), other, &values, LabelOptions::default()).unwrap().wide);
    }

    #[test]
    fn every_method_tells_clouds_apart() {
        let (rows, labels) = clouds(300);
        for method in [LabelMethod::Lda, LabelMethod::Ridge, LabelMethod::Logistic, LabelMethod::Wide] {
            let classifier = fit_linear(&rows, &labels, 3, method).unwrap();
            let right = |(row, label): (&[f32], &u32)| {
                let logits = classifier.logits(row).unwrap();
                (0..3).max_by(|a, b| logits[*a].total_cmp(&logits[*b])) == Some(*label as usize)
            };
            let count = rows.iter().zip(&labels).filter(|(row, label)| right((*row, *label))).count();
            assert!(count > 297, "{method:?}: {count}");
        }
    }

    #[test]
    fn a_fitted_field_knows_how_sure_it_is() {
        let (rows, labels) = clouds(300);
        let field = fitted(Some("kind"), &rows, &named(&labels), LabelOptions::default()).unwrap();
        assert_eq!(field.values.len(), 3);
        assert!(field.precision > 0.95 && field.coverage > 0.95, "{field:?}");
        let sure = field.probabilities(&seen(&[1.0, 0.0, 0.0, 0.0]), &[]).unwrap();
        let best = (0..3).max_by(|a, b| sure[*a].total_cmp(&sure[*b])).unwrap();
        assert_eq!(field.values[best], "value 0");
    }

    #[test]
    fn degenerate_fields_are_left_out_with_the_reason() {
        let (rows, labels) = clouds(300);
        let says = |values: Vec<Option<String>>, text: &str| {
            let left = fitted(Some("x"), &rows, &values, LabelOptions::default()).unwrap_err();
            assert!(left.reason.contains(text), "{left:?}");
        };
        says(vec![Some("one".into()); 300], "two are needed");
        says(vec![None; 300], "two are needed");
        says((0..300).map(|place| Some(format!("sku {place}"))).collect(), "two are needed");
        let names =
            (0..300).map(|place| Some(if place < 60 { format!("v{}", place % 2) } else { format!("sku {place}") }));
        says(names.collect(), "only 60 of 300");
        // Labels that have nothing to do with the pictures.
        let random = |place: usize| blake3::hash(&[7, place as u8, (place >> 8) as u8]).as_bytes()[0] % 4;
        says((0..300).map(|place| Some(format!("r{}", random(place)))).collect(), "pictures do not show it");
        let (few, few_labels) = clouds(20);
        assert!(fitted(None, &few, &named(&few_labels), LabelOptions::default()).is_err());
        // All pictures alike, and labels that contradict each other.
        let mut same = Rows::new(4);
        (0..300).for_each(|_| assert!(same.push(&[0.5, 0.5, 0.5, 0.5])));
        for method in [LabelMethod::Lda, LabelMethod::Ridge, LabelMethod::Logistic] {
            let options = LabelOptions { method, neighbours: true };
            assert!(fitted(None, &same, &named(&labels), options).is_err(), "{method:?}");
        }
    }
}
