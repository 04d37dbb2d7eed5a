//! What a catalogue would say of a picture: category path and attributes, guessed by classifiers that were fitted to its own
//! products (see [`crate::learn::fit_labels`]).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::memory::halves;
use super::{CategoryGuess, Guess, Memory, Neighbour};
use crate::image::{Colour, Palette, SHADES};
use crate::linear::dot;

/// Separates the steps of a category path.
pub const SEPARATOR: &str = " > ";
/// Numbers that a palette is described by: one for each shade.
const PALETTE: usize = SHADES.len();
/// How much the palette counts beside the embedding, whose length is 1.
const PALETTE_WEIGHT: f32 = 0.7;
/// Width of the kernel by which near shades share a colour, in OKLab.
const KERNEL: f32 = 0.07;
/// Second guesses below this are not told.
const SECOND: f32 = 0.2;
/// Most guesses of one field.
const MOST: usize = 3;

/// What is fitted of one catalogue: one classifier for each thing its products say of themselves. Knows what it was fitted
/// on: `key` names model and space, and guesses about anything else are refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Labels {
    /// Space of the embeddings and version of the understanding it was fitted on.
    pub key: String,
    /// Revision of the catalogue it was fitted on.
    pub revision: i64,
    /// Products it was fitted on.
    pub products: usize,
    /// Products that are remembered as they are.
    pub memory: Memory,
    /// What can be guessed.
    pub fields: Vec<Field>,
    /// What cannot, and why.
    pub left_out: Vec<LeftOut>,
}

/// A field that nothing was learned for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// `category`, or the attribute's name.
    pub field: String,
    /// Why.
    pub reason: String,
}

/// One field: `category`, or an attribute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Field {
    /// `None` is the category path, whose steps are joined by [`SEPARATOR`].
    pub attribute: Option<String>,
    /// Values, one a row of the weights.
    pub values: Vec<String>,
    /// Logits of the values.
    pub classifier: Linear,
    /// Whether the classifier sees [`Described::wide`], else [`Described::row`].
    #[serde(default)]
    pub wide: bool,
    /// Number of the value that each remembered product has; [`NO_VALUE`] where it has none.
    pub remembered: Vec<u16>,
    /// How much the neighbours count beside the classifier, 0 to 1.
    pub mix: f32,
    /// Logits are divided by it before they become probabilities; fitted to products that were held back (Guo et al. 2017).
    pub temperature: f32,
    /// Guesses that are less likely are not told: "don't know".
    pub threshold: f32,
    /// Share of right guesses among those told, on products held back.
    pub precision: f32,
    /// Share of products held back that something is told of.
    pub coverage: f32,
}

/// A linear map to logits: [values, dim] weights and a bias for each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Linear {
    /// Length of what it takes.
    pub dim: usize,
    /// Row by row; in half precision when they are kept.
    #[serde(serialize_with = "halves::write", deserialize_with = "halves::read")]
    pub weights: Vec<f32>,
    /// One a row.
    pub bias: Vec<f32>,
}

/// What is guessed of a picture.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Guesses {
    /// Category paths, likeliest first.
    pub categories: Vec<CategoryGuess>,
    /// Values by attribute, likeliest first.
    pub attributes: BTreeMap<String, Vec<Guess>>,
}

/// What classifiers look at: an embedding of unit length and the share of each shade, softened so that neighbours share.
#[must_use]
pub fn described(embedding: &[f32], palette: Option<&Palette>) -> Vec<f32> {
    let mut row = embedding.to_vec();
    row.resize(embedding.len() + PALETTE, 0.0);
    let Some(palette) = palette else { return row };
    let shares = &mut row[embedding.len()..];
    for colour in palette.colours() {
        let own = colour.lab();
        let near = SHADES.map(|shade| {
            let far = crate::image::distance(Colour::of_rgb(shade.rgb).lab(), own);
            (-far * far / (2.0 * KERNEL * KERNEL)).exp()
        });
        let total: f32 = near.iter().sum::<f32>().max(1e-6);
        shares.iter_mut().zip(near).for_each(|(share, near)| *share += colour.share * near / total);
    }
    shares.iter_mut().for_each(|share| *share = PALETTE_WEIGHT * share.sqrt());
    row
}

/// A picture as classifiers see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Described {
    /// Its embedding and palette: see [`described`]. Neighbours are told by it, too.
    pub row: Vec<f32>,
    /// Pooled vector at unit length, what layers before the model's last one say, and the palette; absent where the feature does not tell of
    /// layers.
    pub wide: Option<Vec<f32>>,
}

impl Described {
    /// Of a whole feature, whose pooled vector has `pooled` numbers, its embedding and the palette.
    #[must_use]
    pub fn of(feature: &[f32], pooled: usize, embedding: &[f32], palette: Option<&Palette>) -> Self {
        let row = described(embedding, palette);
        let (pooled, layers) = feature.split_at_checked(pooled).unwrap_or((feature, &[]));
        let wide = (!layers.is_empty()).then(|| {
            let length = pooled.iter().map(|value| value * value).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
            let unit = pooled.iter().map(|value| value / length);
            unit.chain(layers.iter().copied()).chain(row.iter().skip(embedding.len()).copied()).collect()
        });
        Self { row, wide }
    }
}

impl Labels {
    /// What is likely enough of a picture; nothing when it has another length than what the classifiers were fitted on.
    #[must_use]
    pub fn guess(&self, described: &Described) -> Guesses {
        let mut guesses = Guesses::default();
        let near = self.memory.nearest(&described.row);
        for field in &self.fields {
            let Some(probabilities) = field.probabilities(described, &near) else { continue };
            match &field.attribute {
                None => guesses.categories = categories(field, &probabilities),
                Some(name) => {
                    let told = likeliest(field, &probabilities);
                    if !told.is_empty() {
                        guesses.attributes.insert(name.clone(), told);
                    }
                }
            }
        }
        guesses
    }
}

impl Field {
    /// Probabilities of the values, from the classifier and the neighbours; `None` for a row of another length.
    #[must_use]
    pub fn probabilities(&self, described: &Described, near: &[Neighbour]) -> Option<Vec<f32>> {
        let row = if self.wide { described.wide.as_ref()? } else { &described.row };
        let classified = softmax(&self.classifier.logits(row)?, self.temperature);
        Some(mixed(classified, near, &self.remembered, self.mix))
    }
}

impl Linear {
    /// The logits of a row; `None` when it has another length.
    #[must_use]
    pub fn logits(&self, row: &[f32]) -> Option<Vec<f32>> {
        if row.len() != self.dim || self.dim == 0 {
            return None;
        }
        let one = |(weights, bias): (&[f32], &f32)| dot(weights, row) + bias;
        Some(self.weights.chunks_exact(self.dim).zip(&self.bias).map(one).collect())
    }
}

/// Stands for a product that has no value of a field.
pub const NO_VALUE: u16 = u16::MAX;

/// Probabilities of a classifier and shares of the neighbours' votes, the latter counting `mix`; without neighbours that
/// have a value, the classifier's alone.
#[must_use]
pub fn mixed(mut classified: Vec<f32>, near: &[Neighbour], remembered: &[u16], mix: f32) -> Vec<f32> {
    let votes = near.iter().filter_map(|(place, weight)| {
        let value = *remembered.get(*place)?;
        (usize::from(value) < classified.len()).then_some((usize::from(value), *weight))
    });
    let votes: Vec<(usize, f32)> = votes.collect();
    let total: f32 = votes.iter().map(|(_, weight)| weight).sum();
    if total > 0.0 {
        classified.iter_mut().for_each(|probability| *probability *= 1.0 - mix);
        votes.into_iter().for_each(|(value, weight)| classified[value] += mix * weight / total);
    }
    classified
}

/// Probabilities from logits divided by a temperature.
#[must_use]
pub fn softmax(logits: &[f32], temperature: f32) -> Vec<f32> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let raised: Vec<f32> = logits.iter().map(|logit| ((logit - largest) / temperature).exp()).collect();
    let total: f32 = raised.iter().sum::<f32>().max(f32::MIN_POSITIVE);
    raised.into_iter().map(|value| value / total).collect()
}

fn likeliest(field: &Field, probabilities: &[f32]) -> Vec<Guess> {
    let mut all: Vec<Guess> = field
        .values
        .iter()
        .zip(probabilities)
        .map(|(value, probability)| Guess { value: value.clone(), probability: *probability })
        .collect();
    all.sort_by(|a, b| b.probability.total_cmp(&a.probability));
    if all.first().is_none_or(|first| first.probability < field.threshold) {
        return Vec::new();
    }
    all.retain(|guess| guess.probability >= SECOND);
    all.truncate(MOST);
    all
}

/// The deepest step of the tree that is likely enough, then other paths that may be. The probability of a step is the sum
/// of those of all paths below it, so that it only falls along a path.
fn categories(field: &Field, probabilities: &[f32]) -> Vec<CategoryGuess> {
    let mut steps: BTreeMap<&str, f32> = BTreeMap::new();
    for (path, probability) in field.values.iter().zip(probabilities) {
        let ends = path.match_indices(SEPARATOR).map(|(end, _)| end).chain([path.len()]);
        for end in ends {
            *steps.entry(&path[..end]).or_default() += probability;
        }
    }
    let depth = |path: &str| path.matches(SEPARATOR).count();
    let sure = steps.iter().filter(|(_, probability)| **probability >= field.threshold);
    let deepest = sure.max_by(|a, b| depth(a.0).cmp(&depth(b.0)).then(a.1.total_cmp(b.1)));
    let Some((path, probability)) = deepest else { return Vec::new() };
    let mut told = vec![CategoryGuess { path: (*path).to_owned(), probability: probability.min(1.0) }];
    let mut others: Vec<CategoryGuess> = field
        .values
        .iter()
        .zip(probabilities)
        .filter(|(other, probability)| other != path && **probability >= SECOND)
        .map(|(path, probability)| CategoryGuess { path: path.clone(), probability: *probability })
        .collect();
    others.sort_by(|a, b| b.probability.total_cmp(&a.probability));
    told.extend(others);
    told.truncate(MOST);
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(attribute: Option<&str>, values: &[&str], bias: &[f32]) -> Field {
        Field {
            attribute: attribute.map(str::to_owned),
            values: values.iter().map(|value| (*value).to_owned()).collect(),
            classifier: Linear { dim: 2, weights: vec![0.0; 2 * values.len()], bias: bias.to_vec() },
            wide: false,
            remembered: Vec::new(),
            mix: 0.5,
            temperature: 1.0,
            threshold: 0.7,
            precision: 0.9,
            coverage: 0.9,
        }
    }

    fn seen(row: &[f32]) -> Described {
        Described { row: row.to_vec(), wide: None }
    }

    fn labels(fields: Vec<Field>) -> Labels {
        Labels { key: "k".into(), revision: 1, products: 9, memory: Memory::default(), fields, left_out: Vec::new() }
    }

    #[test]
    fn an_unsure_leaf_gives_the_sure_step_above_it() {
        let paths = ["Clothes > Tops > Shirts", "Clothes > Tops > Blouses", "Bags"];
        // 0.5, 0.45, 0.05
        let found =
            labels(vec![field(None, &paths, &[0.5_f32.ln(), 0.45_f32.ln(), 0.05_f32.ln()])]).guess(&seen(&[1.0, 0.0]));
        let told: Vec<(&str, f32)> =
            found.categories.iter().map(|guess| (guess.path.as_str(), guess.probability)).collect();
        assert_eq!(told[0].0, "Clothes > Tops");
        assert!((told[0].1 - 0.95).abs() < 1e-5);
        assert_eq!(told[1].0, "Clothes > Tops > Shirts");
        assert!(told.windows(2).all(|pair| pair[0].1 >= pair[1].1));
    }

    #[test]
    fn what_is_not_sure_is_not_told() {
        let unsure = field(Some("season"), &["summer", "winter"], &[0.1, 0.0]);
        let sure = field(Some("gender"), &["women", "men"], &[3.0, 0.0]);
        let found = labels(vec![unsure, sure]).guess(&seen(&[0.0, 1.0]));
        assert!(!found.attributes.contains_key("season"));
        assert_eq!(found.attributes["gender"][0].value, "women");
        assert!(found.categories.is_empty());
    }

    #[test]
    fn neighbours_have_their_say_where_they_have_a_value() {
        let near = [(0, 0.9), (1, 0.3), (2, 0.5)];
        let found = mixed(vec![0.5, 0.5], &near, &[1, 0, NO_VALUE], 0.5);
        assert!((found[0] - (0.25 + 0.125)).abs() < 1e-6 && (found[1] - (0.25 + 0.375)).abs() < 1e-6, "{found:?}");
        assert_eq!(mixed(vec![0.5, 0.5], &near, &[NO_VALUE; 3], 0.5), [0.5, 0.5]);
    }

    #[test]
    fn a_row_of_another_space_is_not_guessed_about() {
        let found = labels(vec![field(Some("gender"), &["women", "men"], &[3.0, 0.0])]).guess(&seen(&[0.0; 3]));
        assert_eq!(found, Guesses::default());
    }

    #[test]
    fn a_classifier_of_layers_asks_for_them_and_comes_back_from_json() {
        let mut wide = field(Some("gender"), &["women", "men"], &[0.0, 0.0]);
        (wide.wide, wide.classifier.dim, wide.classifier.weights) =
            (true, 4, vec![0.0, 0.0, 4.0, 0.0, 0.0, 0.0, -4.0, 0.0]);
        let labels = labels(vec![wide]);
        let labels: Labels = serde_json::from_str(&serde_json::to_string(&labels).unwrap()).unwrap();
        let mut described = Described::of(&[3.0, 4.0, 1.0, 0.0], 2, &[1.0, 0.0], None);
        let seen = described.wide.clone().unwrap();
        assert!((seen[0] - 0.6).abs() < 1e-6 && seen[2] == 1.0 && seen.len() == 4 + PALETTE);
        described.wide = Some(seen[..4].to_vec());
        assert_eq!(labels.guess(&described).attributes["gender"][0].value, "women");
        assert_eq!(labels.guess(&Described::of(&[3.0, 4.0], 2, &[1.0, 0.0], None)), Guesses::default());
    }

    #[test]
    fn probabilities_sum_to_one_whatever_the_logits() {
        for logits in [vec![1e30, -1e30], vec![0.0; 5], vec![-1e9, -1e9]] {
            let sum: f32 = softmax(&logits, 0.3).iter().sum();
            assert!((sum - 1.0).abs() < 1e-5);
        }
    }
}
