//! Words that are written together: `Lederhandtasche` is a `Handtasche` of `Leder`.
//!
//! A word that nobody says is cut into words that somebody says, where one can be cut; and a word that somebody says is
//! looked for at the end of longer ones, where German and its sisters put what a thing is.

use super::{Lexicon, Word, WordId};

/// Shortest part of a compound, in characters.
const SHORTEST: usize = 3;
/// Longest word that is cut, in characters.
const LONGEST: usize = 40;
/// Letters between the parts, the longest first.
const LINKS: [&str; 6] = ["es", "en", "er", "s", "n", "e"];
/// Endings that may differ between a word and the same word at the end of another (`tasche`, `taschen`).
const ENDINGS: [&str; 5] = ["en", "er", "n", "e", "s"];

impl Lexicon {
    /// The parts of a word that are words themselves, in order; none when it cannot be cut without a rest. The cut with the
    /// longest last part is taken: it says what the thing is.
    #[must_use]
    pub fn parts(&self, key: &str) -> Option<Vec<&Word>> {
        if key.chars().count() > LONGEST { None } else { self.parts_within(key, 3) }
    }

    fn parts_within(&self, key: &str, most: usize) -> Option<Vec<&Word>> {
        let cuts: Vec<usize> = key.char_indices().map(|(at, _)| at).skip(SHORTEST).collect();
        for &cut in &cuts {
            let (front, back) = key.split_at(cut);
            if back.chars().count() < SHORTEST {
                break;
            }
            let Some(last) = self.inflected(back) else { continue };
            if let Some(first) = self.linked(front) {
                return Some(vec![first, last]);
            }
            if most > 2
                && let Some(mut parts) = self.parts_within(front, most - 1)
            {
                parts.push(last);
                return Some(parts);
            }
        }
        None
    }

    /// The compound of two words in this order, with or without letters between them and in any of its forms.
    #[must_use]
    pub fn compound(&self, first: &str, last: &str) -> Option<&Word> {
        std::iter::once("").chain(LINKS).find_map(|link| self.inflected(&format!("{first}{link}{last}")))
    }

    /// A word, or the same with another ending.
    fn inflected(&self, part: &str) -> Option<&Word> {
        let head = |word: &&Word| !word.head.is_empty();
        if let Some(word) = self.word(part).filter(head) {
            return Some(word);
        }
        let stem = stem(part);
        if stem.chars().count() < SHORTEST + 1 {
            return None;
        }
        self.beginning(stem).filter(head).find(|word| word.key.len() <= stem.len() + 2 && self::stem(&word.key) == stem)
    }

    /// A word with or without letters that link it to the next.
    fn linked(&self, part: &str) -> Option<&Word> {
        let known = |part: &str| {
            if part.chars().count() < SHORTEST { None } else { self.word(part).filter(|word| !word.head.is_empty()) }
        };
        let bare = LINKS.iter().filter_map(|link| part.strip_suffix(link));
        std::iter::once(part).chain(bare).find_map(known)
    }

    /// The words that end with another, which is what they are: `Lederhandtasche` for `Handtaschen`. Those that more
    /// products say come first. None in a language that does not write compounds.
    #[must_use]
    pub fn ending(&self, key: &str, most: usize) -> Vec<&Word> {
        let wanted = backwards(key);
        let Some(from) = self.backwards.as_ref().filter(|_| wanted.chars().count() > SHORTEST) else {
            return Vec::new();
        };
        let mut found: Vec<&Word> = from
            .range((wanted.clone(), WordId::MIN)..)
            .take_while(|(word, _)| word.starts_with(&*wanted))
            .filter(|(word, _)| word.len() >= wanted.len() + SHORTEST)
            .map(|(_, id)| &self.words[*id as usize])
            .collect();
        found.sort_by(|a, b| b.products.cmp(&a.products).then(a.key.cmp(&b.key)));
        found.truncate(most);
        found
    }
}

/// A word without its ending, from behind.
pub(super) fn backwards(key: &str) -> Box<str> {
    stem(key).chars().rev().collect::<String>().into()
}

/// A word without its ending.
fn stem(key: &str) -> &str {
    ENDINGS.iter().find_map(|ending| key.strip_suffix(ending)).unwrap_or(key)
}
