//! Words that are nearly like one that nobody says.
//!
//! The distance is optimal string alignment: insertions, deletions, substitutions, and neighbours that changed places
//! count 1 each. All words are looked at; their lengths and the letters they have, a bit each, rule out nearly all of them
//! before a distance is computed.

use strsim::osa_distance;

use super::{Lexicon, Word};

/// A word of the lexicon and how far it is from another.
#[derive(Debug, Clone, Copy)]
pub struct Near<'l> {
    /// The word.
    pub word: &'l Word,
    /// 1 or 2.
    pub distance: usize,
}

/// Slips that are forgiven in a word: none below four letters and where there are digits (another size or code is not a
/// slip), one up to seven letters, two in longer words.
#[must_use]
pub fn forgiven(key: &str) -> usize {
    match key.chars().count() {
        _ if key.chars().any(char::is_numeric) => 0,
        0..4 => 0,
        4..8 => 1,
        _ => 2,
    }
}

/// What of a word rules out that it is near another.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Shape {
    /// One bit for each of a to z; the other characters share five. Words with digits have none: they are near nothing.
    letters: u32,
    /// Number of characters; 0 where there is no word.
    length: u8,
}

impl Shape {
    pub(super) fn of(key: &str) -> Self {
        if key.chars().any(char::is_numeric) {
            return Self::default();
        }
        let bit = |character: char| match character {
            'a'..='z' => u32::from(character) - u32::from('a'),
            other => 26 + u32::from(other) % 5,
        };
        let letters = key.chars().fold(0, |mask, character| mask | 1 << bit(character));
        Self { letters, length: key.chars().count().min(255) as u8 }
    }

    fn may_be_near(self, other: Self, distance: u32) -> bool {
        u32::from(self.length).abs_diff(u32::from(other.length)) <= distance
            && (self.letters & !other.letters).count_ones() <= distance
            && (other.letters & !self.letters).count_ones() <= distance
            && other.length > 0
    }
}

impl Lexicon {
    /// The words at most `distance` slips away from `key`, itself left out: nearest first, then those with the same first
    /// letter (people seldom get that one wrong), then those that more products say.
    #[must_use]
    pub fn near(&self, key: &str, distance: usize, most: usize) -> Vec<Near<'_>> {
        if distance == 0 {
            return Vec::new();
        }
        let (shape, first) = (Shape::of(key), key.chars().next());
        let mut found: Vec<Near<'_>> = self
            .shapes
            .iter()
            .zip(&self.words)
            .filter(|(other, _)| shape.may_be_near(**other, distance as u32))
            .map(|(_, word)| Near { word, distance: osa_distance(key, &word.key) })
            .filter(|near| (1..=distance).contains(&near.distance))
            .collect();
        found.sort_by(|a, b| {
            let other = |near: &Near<'_>| near.word.key.chars().next() != first;
            let order = a.distance.cmp(&b.distance).then(other(a).cmp(&other(b)));
            order.then(b.word.products.cmp(&a.word.products)).then(a.word.key.cmp(&b.word.key))
        });
        found.truncate(most);
        found
    }
}
