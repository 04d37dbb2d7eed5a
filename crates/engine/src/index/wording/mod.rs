//! From what a shopper typed to what the index is asked for: completions, synonyms, compounds, slips of the keyboard.
//!
//! The typed words always count in full. What is added counts less, the surer the more, and only where it is needed: a word
//! that products say is not corrected.
//!
//! | word | is | added, and how much it counts |
//! | --- | --- | --- |
//! | any | part of a synonym's phrase | the others of the rule, 0.9 |
//! | two neighbours | one word in the catalogue (`hand bag`) | that word, 0.9 |
//! | unknown | the last, not ended by a space | the words it begins, 0.8 |
//! | unknown | a word with slips, see [`forgiven`] | the nearest words, 0.7 for one slip, 0.5 for two |
//! | unknown | two words without a space | both, 0.7 |
//! | unknown | the beginning of words | these, 0.5 |
//! | very rare | one slip from a word that is said a hundred times as often | that word, 0.5 |
//! | any, in languages that write compounds | a compound, or part of one | see [`Weights`] |

use super::fields::code;
use super::lexicon::{Lexicon, Word, forgiven};
use super::synonyms::Compiled;
use super::words::{Analyser, Term, Terms, Token};

/// Words that one beginning may stand for.
const COMPLETIONS: usize = 24;
/// Words that one slip may stand for.
const CORRECTIONS: usize = 3;
/// Compounds that one word may be part of.
const COMPOUNDS: usize = 24;
/// A word that at most so many products say may be a slip of whoever wrote them.
const RARE: u32 = 2;
/// How much more often the right word has to be said then.
const MORE_OFTEN: u32 = 100;
/// Shortest word in a query that can be a code by itself.
const SHORTEST_CODE: usize = 4;

/// Words of one query that are looked after; the rest count as they were typed.
const LOOKED_AFTER: usize = 12;

/// How much added words count.
struct Weights;

impl Weights {
    const SYNONYM: f32 = 0.9;
    const WRITTEN_TOGETHER: f32 = 0.9;
    const COMPLETION: f32 = 0.8;
    const ONE_SLIP: f32 = 0.7;
    const TWO_SLIPS: f32 = 0.5;
    const BEGINNING: f32 = 0.5;
    /// The last part of a compound is what the thing is, the others say which kind.
    const LAST_PART: f32 = 0.7;
    const OTHER_PART: f32 = 0.4;
    /// A compound of two words that were typed apart says both.
    const OF_BOTH: f32 = 2.0;
    /// A compound that ends with the word, and one that begins with it.
    const ENDING: f32 = 0.6;
    const BEGUN: f32 = 0.4;
}

/// A query in the index's terms.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Wording {
    /// What is looked for.
    pub terms: Terms,
    /// What may be a SKU, GTIN or MPN, in the form of [`code`].
    pub codes: Vec<String>,
    /// The text with its slips corrected; none where there were none.
    pub corrected: Option<String>,
}

/// Whether a language writes compounds as one word.
pub(super) fn has_compounds(language: &str) -> bool {
    matches!(language, "german" | "dutch" | "danish" | "swedish" | "norwegian" | "finnish" | "hungarian")
}

/// What wording needs to know.
pub(super) struct Speaker<'i> {
    pub(super) analyser: &'i Analyser,
    pub(super) lexicon: &'i Lexicon,
    pub(super) synonyms: &'i Compiled,
    pub(super) compounds: bool,
}

impl Speaker<'_> {
    /// The wording of a query.
    pub(super) fn word(&self, query: &str) -> Wording {
        let (text, tokens) = self.analyser.tokens(query);
        let mut wording = Wording { codes: codes(&text), ..Wording::default() };
        for token in &tokens {
            wording.terms.add(&token.terms, 1.0);
        }
        let spoken: Vec<&Token> = tokens.iter().filter(|token| !token.joined && !token.terms.is_empty()).collect();
        let firsts: Vec<Term> = spoken.iter().filter_map(|token| token.terms.first().map(|(term, _)| *term)).collect();
        for phrase in self.synonyms.of(&text, &firsts) {
            wording.terms.add(phrase, Weights::SYNONYM);
        }
        if self.lexicon.is_empty() {
            return wording;
        }
        let mut together = vec![false; spoken.len()];
        for (place, pair) in spoken.windows(2).enumerate() {
            if let [Some(a), Some(b)] = [&pair[0].key, &pair[1].key]
                && let Some(word) = self.lexicon.word(&format!("{a}{b}"))
            {
                self.add(&mut wording.terms, word, Weights::WRITTEN_TOGETHER);
                together[place] = true;
                together[place + 1] = true;
            }
        }
        if self.compounds {
            self.compounds_among(&mut wording.terms, &spoken);
        }
        let open = !text.ends_with(char::is_whitespace);
        let mut corrections: Vec<(&Token, String)> = Vec::new();
        for (place, token) in spoken.iter().enumerate().take(LOOKED_AFTER) {
            let Some(key) = token.key.as_deref() else { continue };
            let last = open && place + 1 == spoken.len() && token.at.end == text.trim_end().len();
            let known = token.terms.iter().any(|(term, _)| self.lexicon.knows(*term));
            let corrected = if known {
                self.known(&mut wording.terms, key)
            } else if together[place] {
                None
            } else {
                self.unknown(&mut wording.terms, key, last)
            };
            corrections.extend(corrected.map(|corrected| (*token, corrected)));
        }
        wording.corrected = rewritten(&text, &corrections);
        wording
    }

    /// Adds what goes with a word that products say; gives the likelier word when it is probably a slip of theirs.
    fn known(&self, terms: &mut Terms, key: &str) -> Option<String> {
        if self.compounds {
            self.compounds_of(terms, key);
        }
        let products = self.lexicon.word(key).map(Word::products).filter(|products| *products <= RARE)?;
        if forgiven(key) == 0 || key.chars().count() < 5 {
            return None;
        }
        let near = self.lexicon.near(key, 1, 1).into_iter().next()?;
        if near.word.products() < products * MORE_OFTEN {
            return None;
        }
        self.add(terms, near.word, Weights::TWO_SLIPS);
        Some(near.word.shown().to_owned())
    }

    /// Adds what a word that nobody says may stand for; gives what was probably meant.
    fn unknown(&self, terms: &mut Terms, key: &str, last: bool) -> Option<String> {
        if last {
            let begun = self.lexicon.starting(key, COMPLETIONS);
            if !begun.is_empty() {
                begun.into_iter().for_each(|word| self.add(terms, word, Weights::COMPLETION));
                return None;
            }
        }
        if self.compounds && self.compounds_of(terms, key) {
            return None;
        }
        let near = self.lexicon.near(key, forgiven(key), CORRECTIONS);
        if let Some(best) = near.first() {
            let nearest = best.distance;
            for near in near.iter().filter(|near| near.distance == nearest) {
                self.add(terms, near.word, if nearest == 1 { Weights::ONE_SLIP } else { Weights::TWO_SLIPS });
            }
            return Some(best.word.shown().to_owned());
        }
        if let Some(parts) = self.lexicon.parts(key) {
            parts.iter().for_each(|word| self.add(terms, word, Weights::ONE_SLIP));
            return Some(parts.iter().map(|word| word.shown()).collect::<Vec<_>>().join(" "));
        }
        if key.chars().count() >= 3 {
            let begun = self.lexicon.starting(key, COMPLETIONS);
            begun.into_iter().for_each(|word| self.add(terms, word, Weights::BEGINNING));
        }
        None
    }

    /// Adds the compounds of two words that were typed apart: `Handtasche aus Leder` is a `Lederhandtasche`.
    fn compounds_among(&self, terms: &mut Terms, spoken: &[&Token]) {
        let keys: Vec<&str> = spoken.iter().filter_map(|token| token.key.as_deref()).take(LOOKED_AFTER).collect();
        for first in &keys {
            for last in keys.iter().filter(|last| *last != first) {
                if let Some(word) = self.lexicon.compound(first, last) {
                    self.add(terms, word, Weights::OF_BOTH);
                }
            }
        }
    }

    /// Adds the parts of a compound and the compounds a word is part of; whether there were any.
    fn compounds_of(&self, terms: &mut Terms, key: &str) -> bool {
        let mut found = false;
        if let Some(parts) = self.lexicon.parts(key) {
            found = true;
            for (place, word) in parts.iter().enumerate() {
                let last = place + 1 == parts.len();
                self.add(terms, word, if last { Weights::LAST_PART } else { Weights::OTHER_PART });
            }
        }
        for word in self.lexicon.ending(key, COMPOUNDS) {
            found = true;
            self.add(terms, word, Weights::ENDING);
        }
        if key.chars().count() >= 4 {
            for word in self.lexicon.starting(key, COMPOUNDS).into_iter().filter(|word| word.key() != key) {
                found = true;
                self.add(terms, word, Weights::BEGUN);
            }
        }
        found
    }

    fn add(&self, terms: &mut Terms, word: &Word, weight: f32) {
        if let Some(term) = word.term() {
            terms.add(&[(term, 1.0)], weight);
        }
    }
}

/// What of a text may be a code: all of it, and each word that has a digit.
fn codes(text: &str) -> Vec<String> {
    let words = text.split_whitespace().map(code);
    let mut codes: Vec<String> = words
        .filter(|word| word.chars().count() >= SHORTEST_CODE && word.chars().any(char::is_numeric))
        .chain([code(text)])
        .filter(|code| !code.is_empty())
        .collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

/// The text with some of its words replaced.
fn rewritten(text: &str, corrections: &[(&Token, String)]) -> Option<String> {
    if corrections.is_empty() {
        return None;
    }
    let mut rewritten = String::with_capacity(text.len() + 8);
    let mut from = 0;
    for (token, word) in corrections {
        rewritten.push_str(&text[from..token.at.start]);
        rewritten.push_str(word);
        from = token.at.end;
    }
    rewritten.push_str(&text[from..]);
    Some(rewritten.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests;
