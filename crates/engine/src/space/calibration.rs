//! From scores to probabilities: how likely a hit is the very product that was asked for.
//!
//! A cosine of 0.7 means one thing in a shop of a hundred lamps and another in one of a hundred thousand shoes. What tells is how
//! a hit stands out: from its rival (the best other hit) and from the crowd (the mean of the hits behind the tenth). So a
//! [`Curve`] is a logistic regression on the score, its lead over the rival, and its height over the crowd, fitted by Newton's
//! method with a Gaussian prior around another curve (maximum a posteriori; Bishop 2006, §4.3.3 and §4.5): a shop with few
//! pairs of its own stays near the curve that is shipped. Half of what it is fitted on are queries whose product was taken
//! out of the catalogue, so that being the best of strangers is not enough.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Numbers a curve looks at, beside its constant.
const FEATURES: usize = 3;
/// The lead over the rival counts up to here, either way.
const MOST_LEAD: f32 = 0.3;
/// Hits from this one on are the crowd (counted from 0).
pub const CROWD_FROM: usize = 10;
/// Hits that are looked at to judge one: up to here they are the crowd.
pub const CROWD_TO: usize = 50;
/// A hit this likely is `exact`.
pub const EXACT: f32 = 0.7;
/// A hit this likely to be of the same kind is `similar`.
pub const SIMILAR: f32 = 0.5;

/// What a query has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueryKind {
    /// Pictures, or products to be like.
    Picture,
    /// Words.
    Words,
    /// Both.
    Both,
}

/// How a hit stands among the others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standing {
    score: f32,
    lead: f32,
    height: f32,
}

impl Standing {
    /// The standing of each hit. `scores` are those of the best hits, falling, [`CROWD_TO`] of them where there are as many.
    #[must_use]
    pub fn of(scores: &[f32]) -> Crowd {
        let best = scores.first().copied().unwrap_or(0.0);
        let second = scores.get(1).copied();
        let from = CROWD_FROM.min(scores.len().saturating_sub(1));
        let crowd = &scores[from..CROWD_TO.clamp(from, scores.len().max(from))];
        let mean = if crowd.is_empty() { best } else { crowd.iter().sum::<f32>() / crowd.len() as f32 };
        Crowd { best, second, mean }
    }

    fn features(self) -> [f64; FEATURES + 1] {
        [1.0, f64::from(self.score), f64::from(self.lead), f64::from(self.height)]
    }
}

/// What hits are compared with: the best two and the crowd.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Crowd {
    best: f32,
    second: Option<f32>,
    mean: f32,
}

impl Crowd {
    /// How a hit with this score stands; `first` is whether it is the best itself.
    #[must_use]
    pub fn standing(&self, score: f32, first: bool) -> Standing {
        // Alone, it leads by all there is.
        let rival = if first { self.second.unwrap_or(score - MOST_LEAD) } else { self.best };
        Standing { score, lead: (score - rival).clamp(-MOST_LEAD, MOST_LEAD), height: score - self.mean }
    }
}

/// A logistic curve over a [`Standing`]: `1 / (1 + e^−(c0 + c1·score + c2·lead + c3·height))`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// The constant, then the weights of score, lead and height.
    pub weights: [f64; FEATURES + 1],
}

/// One hit of a query whose answer is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Example {
    /// How it stood.
    pub standing: Standing,
    /// Whether it was what was asked for.
    pub right: bool,
    /// How much it counts, above 0.
    pub weight: f64,
}

impl Curve {
    /// The probability, 0 to 1.
    #[must_use]
    pub fn probability(&self, standing: Standing) -> f32 {
        (1.0 / (1.0 + (-self.logit(&standing.features())).exp())) as f32
    }

    fn logit(&self, features: &[f64; FEATURES + 1]) -> f64 {
        self.weights.iter().zip(features).map(|(weight, feature)| weight * feature).sum()
    }

    /// The curve that explains `examples` best, with `prior` worth as many examples as `trust`. Without examples of both
    /// kinds, the prior.
    #[must_use]
    pub fn fit(examples: &[Example], prior: &Self, trust: f64) -> Self {
        let has = |right| examples.iter().any(|example| example.right == right);
        if !has(true) || !has(false) {
            return *prior;
        }
        // The prior's precision in units of each feature's own spread: score, lead and height differ by little numbers.
        let precision = [0.05, 0.005, 0.005, 0.005].map(|spread| trust * spread);
        let mut curve = *prior;
        for _ in 0..50 {
            let mut gradient = [0.0; FEATURES + 1];
            let mut hessian = [[0.0; FEATURES + 1]; FEATURES + 1];
            for at in 0..=FEATURES {
                gradient[at] = precision[at] * (prior.weights[at] - curve.weights[at]);
                hessian[at][at] = precision[at];
            }
            for example in examples {
                let features = example.standing.features();
                let probability = 1.0 / (1.0 + (-curve.logit(&features)).exp());
                let error = f64::from(u8::from(example.right)) - probability;
                let slope = example.weight * probability * (1.0 - probability);
                for row in 0..=FEATURES {
                    gradient[row] += example.weight * error * features[row];
                    for column in 0..=FEATURES {
                        hessian[row][column] += slope * features[row] * features[column];
                    }
                }
            }
            let Some(step) = solve(hessian, gradient) else { return *prior };
            let length = step.iter().map(|value| value.abs()).fold(0.0, f64::max);
            // Newton's steps are too long where the curve is flat.
            let shortened = if length > 5.0 { 5.0 / length } else { 1.0 };
            for (weight, step) in curve.weights.iter_mut().zip(step) {
                *weight += shortened * step;
            }
            if length < 1e-6 {
                break;
            }
        }
        if curve.weights.iter().all(|weight| weight.is_finite()) { curve } else { *prior }
    }
}

/// Solves `a · x = b` by Gauss's elimination with pivots; `None` when there is no one answer.
fn solve(mut a: [[f64; FEATURES + 1]; FEATURES + 1], mut b: [f64; FEATURES + 1]) -> Option<[f64; FEATURES + 1]> {
    for column in 0..=FEATURES {
        let pivot = (column..=FEATURES).max_by(|x, y| a[*x][column].abs().total_cmp(&a[*y][column].abs()))?;
        if a[pivot][column].abs() < 1e-12 {
            return None;
        }
        a.swap(column, pivot);
        b.swap(column, pivot);
        let top = a[column];
        for row in column + 1..=FEATURES {
            let factor = a[row][column] / top[column];
            for (value, above) in a[row].iter_mut().zip(top).skip(column) {
                *value -= factor * above;
            }
            b[row] -= factor * b[column];
        }
    }
    for row in (0..=FEATURES).rev() {
        let known: f64 = (row + 1..=FEATURES).map(|column| a[row][column] * b[column]).sum();
        b[row] = (b[row] - known) / a[row][row];
    }
    b.iter().all(|value| value.is_finite()).then_some(b)
}

/// The curves of one kind of query: the very product, and one of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Curves {
    /// The very product, or a variant of its group.
    pub same: Curve,
    /// A product of the same category.
    pub alike: Curve,
}

/// Everything that turns the scores of one catalogue in one space into probabilities. As a file: JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Version of the file's form.
    pub format: u32,
    /// The space whose scores it is for, as 16 hexadecimal digits.
    pub space: String,
    /// Products that the catalogue had when it was fitted; 0 for the shipped one.
    pub products: usize,
    /// Queries it was fitted on, by kind.
    pub queries: BTreeMap<QueryKind, usize>,
    /// By kind of query.
    pub curves: BTreeMap<QueryKind, Curves>,
    /// For the first step of the category path, where it had enough examples: pictures only.
    pub categories: BTreeMap<String, Curve>,
}

/// The form of the file that this build writes and reads.
pub const FORMAT: u32 = 2;

impl Calibration {
    /// The calibration of a new shop, or of one with too little to learn from: fitted by `vetrina-lab calibration` on
    /// public pictures for the default space. In another space it is a guess, on the careful side.
    #[must_use]
    pub fn shipped(space: &str) -> Self {
        // As the lab prints them: see docs/evaluation.md. Those of words and both are set by hand, not measured.
        let picture = Curves {
            same: Curve { weights: [-3.577, -1.021, 16.094, 5.330] },
            alike: Curve { weights: [-1.142, 2.994, 0.450, 3.359] },
        };
        // Words alone rarely name one product: only what stands far out is it.
        let words =
            Curves { same: Curve { weights: [-4.0, 0.5, 12.0, 2.5] }, alike: Curve { weights: [-3.0, 3.5, 0.5, 1.0] } };
        let both =
            Curves { same: Curve { weights: [-3.8, 0.5, 16.0, 4.0] }, alike: Curve { weights: [-3.4, 4.8, 0.5, 2.0] } };
        Self {
            format: FORMAT,
            space: space.to_owned(),
            products: 0,
            queries: BTreeMap::new(),
            curves: [(QueryKind::Picture, picture), (QueryKind::Words, words), (QueryKind::Both, both)].into(),
            categories: BTreeMap::new(),
        }
    }

    /// How likely a hit is the very product. `category` is the first step of its path.
    #[must_use]
    pub fn same(&self, kind: QueryKind, category: Option<&str>, standing: Standing) -> f32 {
        let own = category.filter(|_| kind == QueryKind::Picture).and_then(|category| self.categories.get(category));
        let curve = own.or_else(|| self.curves.get(&kind).map(|curves| &curves.same));
        curve.map_or(0.0, |curve| curve.probability(standing))
    }

    /// How likely a hit is of the kind that was asked for.
    #[must_use]
    pub fn alike(&self, kind: QueryKind, standing: Standing) -> f32 {
        self.curves.get(&kind).map_or(0.0, |curves| curves.alike.probability(standing))
    }
}

/// Expected calibration error: the mean, weighted by their number, of |mean probability − share that was right| over `bins`
/// equal ranges of probability (Naeini et al. 2015). With each range's mean probability, share and number.
#[must_use]
pub fn reliability(judged: &[(f32, bool)], bins: usize) -> (f64, Vec<(f64, f64, usize)>) {
    let mut sums = vec![(0.0_f64, 0_usize, 0_usize); bins.max(1)];
    for (probability, right) in judged {
        let at = ((f64::from(*probability) * bins as f64) as usize).min(bins.saturating_sub(1));
        let bin = &mut sums[at];
        bin.0 += f64::from(*probability);
        bin.1 += usize::from(*right);
        bin.2 += 1;
    }
    let bins: Vec<(f64, f64, usize)> = sums
        .into_iter()
        .filter(|(_, _, count)| *count > 0)
        .map(|(sum, right, count)| (sum / count as f64, right as f64 / count as f64, count))
        .collect();
    let all = judged.len().max(1) as f64;
    let error = bins.iter().map(|(mean, share, count)| (mean - share).abs() * *count as f64 / all).sum();
    (error, bins)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A number from 0 to 1 that is always the same.
    fn noise(seed: usize) -> f64 {
        let hash = blake3::hash(&seed.to_le_bytes());
        f64::from(u16::from_le_bytes([hash.as_bytes()[0], hash.as_bytes()[1]])) / 65_535.0
    }

    fn examples(curve: &Curve, count: usize) -> Vec<Example> {
        (0..count)
            .map(|at| {
                let value = |part: usize, most: f64| (noise(at * 4 + part) * most) as f32;
                let standing = Standing { score: value(0, 1.0), lead: value(1, 0.6) - 0.3, height: value(2, 0.8) };
                let right = noise(at * 4 + 3) < f64::from(curve.probability(standing));
                Example { standing, right, weight: 1.0 }
            })
            .collect()
    }

    #[test]
    fn a_curve_is_found_again_from_its_examples() {
        let true_curve = Curve { weights: [-3.0, 2.0, 10.0, 1.0] };
        let wrong = Curve { weights: [0.0, 0.0, 0.0, 0.0] };
        let examples = examples(&true_curve, 20_000);
        let fitted = Curve::fit(&examples, &wrong, 1.0);
        for example in examples.iter().take(200) {
            let (found, right) = (fitted.probability(example.standing), true_curve.probability(example.standing));
            assert!((found - right).abs() < 0.05, "{found} {right}: {fitted:?}");
        }
        let judged: Vec<(f32, bool)> =
            examples.iter().map(|example| (fitted.probability(example.standing), example.right)).collect();
        assert!(reliability(&judged, 10).0 < 0.02);
    }

    #[test]
    fn few_examples_stay_near_the_prior_and_one_kind_is_not_enough() {
        let prior = Curve { weights: [-3.0, 2.0, 10.0, 1.0] };
        let other = Curve { weights: [3.0, -2.0, -10.0, 1.0] };
        let few = Curve::fit(&examples(&other, 10), &prior, 1_000.0);
        let standing = Standing { score: 0.5, lead: 0.2, height: 0.3 };
        assert!((few.probability(standing) - prior.probability(standing)).abs() < 0.2);
        let right: Vec<Example> =
            examples(&other, 50).into_iter().map(|example| Example { right: true, ..example }).collect();
        assert_eq!(Curve::fit(&right, &prior, 1.0), prior);
        assert_eq!(Curve::fit(&[], &prior, 1.0), prior);
    }

    #[test]
    fn the_best_of_strangers_is_not_exact() {
        let calibration = Calibration::shipped("0123456789abcdef");
        let strangers: Vec<f32> = (0..50).map(|rank| 0.55 - rank as f32 * 0.002).collect();
        let crowd = Standing::of(&strangers);
        let first = calibration.same(QueryKind::Picture, None, crowd.standing(strangers[0], true));
        assert!(first < 0.3, "{first}");
        let mut near = strangers;
        near[0] = 0.9;
        let first = calibration.same(QueryKind::Picture, None, Standing::of(&near).standing(0.9, true));
        assert!(first > EXACT, "{first}");
    }

    #[test]
    fn short_lists_have_a_standing_too() {
        for scores in [&[][..], &[0.5], &[0.5, 0.4]] {
            let crowd = Standing::of(scores);
            let standing = crowd.standing(0.5, true);
            assert!(standing.features().iter().all(|value| value.is_finite()), "{scores:?}");
        }
    }
}
