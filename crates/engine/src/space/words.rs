//! Text alignment: words brought into a picture space, learned from a catalogue's own titles.

use std::collections::HashMap;

use super::{Embedding, SpaceError, SpaceId};

/// A linear map from the words and word pairs of a text (TF-IDF) into a picture space, so that a text finds pictures. Fitted
/// by [`crate::learn::fit_words`]; knows only words of the titles it was fitted on, in whatever language they were.
#[derive(Debug, Clone)]
pub struct WordHead {
    space: SpaceId,
    dim: usize,
    terms: HashMap<String, Term>,
    /// One row of `dim` numbers a term.
    weights: Vec<f32>,
}

/// A word or word pair: its row, and how much it says (inverse document frequency).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Term {
    pub(crate) row: usize,
    pub(crate) idf: f32,
}

impl WordHead {
    /// `None` unless `weights` has one row of `dim` numbers for each term, all finite.
    pub(crate) fn new(space: SpaceId, dim: usize, terms: HashMap<String, Term>, weights: Vec<f32>) -> Option<Self> {
        let fits = weights.len() == dim * terms.len() && terms.values().all(|term| term.row < terms.len());
        (fits && weights.iter().all(|weight| weight.is_finite())).then_some(Self { space, dim, terms, weights })
    }

    /// The space the words are brought into.
    #[must_use]
    pub fn space(&self) -> SpaceId {
        self.space
    }

    /// Number of words and word pairs it knows.
    #[must_use]
    pub fn vocabulary(&self) -> usize {
        self.terms.len()
    }

    /// The embedding of a text; `None` when it knows none of the words.
    ///
    /// # Errors
    /// [`SpaceError::Zero`] when the words cancel each other out.
    pub fn embed(&self, text: &str) -> Result<Option<Embedding>, SpaceError> {
        let weighted = tf_idf(&terms_of(text), &self.terms);
        if weighted.is_empty() {
            return Ok(None);
        }
        let mut vector = vec![0.0; self.dim];
        for (row, weight) in weighted {
            let values = self.weights.get(row * self.dim..(row + 1) * self.dim).unwrap_or_default();
            vector.iter_mut().zip(values).for_each(|(sum, value)| *sum += weight * value);
        }
        Embedding::normalised(self.space, vector).map(Some)
    }
}

/// Words in lower case and pairs of neighbouring words. A character of a script without spaces (Han, Kana, Hangul, Thai)
/// is a word of its own, so that its pairs are the usual bigrams.
pub(crate) fn terms_of(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut open = false;
    for character in text.chars().flat_map(char::to_lowercase) {
        let alone = matches!(u32::from(character), 0x0E00..=0x0E7F | 0x2E80..=0x9FFF | 0xAC00..=0xD7AF | 0xF900..=0xFAFF | 0x20000..=0x3FFFF);
        match words.last_mut() {
            Some(word) if open && !alone && character.is_alphanumeric() => word.push(character),
            _ if character.is_alphanumeric() => words.push(character.into()),
            _ => {}
        }
        open = !alone && character.is_alphanumeric();
    }
    let pairs: Vec<String> = words.windows(2).map(|pair| pair.join(" ")).collect();
    words.extend(pairs);
    words
}

/// Rows and weights of the known terms, of unit length together: (1 + ln count) × idf.
pub(crate) fn tf_idf(terms: &[String], known: &HashMap<String, Term>) -> Vec<(usize, f32)> {
    let mut counts: Vec<(usize, f32, f32)> = Vec::new();
    for term in terms.iter().filter_map(|term| known.get(term)) {
        match counts.iter_mut().find(|(row, ..)| *row == term.row) {
            Some((_, count, _)) => *count += 1.0,
            None => counts.push((term.row, 1.0, term.idf)),
        }
    }
    let mut weighted: Vec<(usize, f32)> =
        counts.into_iter().map(|(row, count, idf)| (row, (1.0 + count.ln()) * idf)).collect();
    let length = weighted.iter().map(|(_, weight)| weight * weight).sum::<f32>().sqrt();
    weighted.iter_mut().for_each(|(_, weight)| *weight /= length.max(f32::MIN_POSITIVE));
    weighted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_pairs_in_any_script() {
        assert_eq!(terms_of("Red T-Shirt"), ["red", "t", "shirt", "red t", "t shirt"]);
        assert_eq!(terms_of("红色 bag"), ["红", "色", "bag", "红 色", "色 bag"]);
        assert!(terms_of(" -- ").is_empty());
    }
}
