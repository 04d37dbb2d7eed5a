//! Words that mean the same in a shop.

use std::collections::BTreeMap;

use super::fields::fold;
use super::words::{Analyser, Term};

/// Most phrases on the left of all rules together.
const MOST_RULES: usize = 20_000;
/// Longest phrase, in words.
const LONGEST_PHRASE: usize = 8;

/// Rules as they are written: who says the phrase also finds what the others say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Synonyms {
    rules: BTreeMap<String, Vec<String>>,
}

/// A rule that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SynonymError {
    /// A phrase without a word.
    #[error("the synonym {phrase:?} has no word; write one, or leave the rule out")]
    Empty {
        /// As written.
        phrase: String,
    },
    /// A phrase with too many words.
    #[error("the synonym {phrase:?} has {words} words; {LONGEST_PHRASE} are allowed")]
    Long {
        /// As written.
        phrase: String,
        /// How many.
        words: usize,
    },
    /// A group of one says nothing.
    #[error("{phrase:?} stands alone; a rule needs at least two phrases")]
    Alone {
        /// As written.
        phrase: String,
    },
    /// Too many rules.
    #[error("there are {count} rules; {MOST_RULES} are allowed")]
    Many {
        /// How many.
        count: usize,
    },
}

impl Synonyms {
    /// Rules from groups whose phrases all mean the same, and from phrases that also find others, but not the other way
    /// round.
    ///
    /// # Errors
    /// [`SynonymError`] with the phrase at fault.
    pub fn new(groups: &[Vec<String>], one_way: &BTreeMap<String, Vec<String>>) -> Result<Self, SynonymError> {
        let mut rules: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut add = |from: &str, to: &str| {
            let others = rules.entry(phrase(from)?).or_default();
            let to = phrase(to)?;
            if !others.contains(&to) {
                others.push(to);
            }
            Ok(())
        };
        for group in groups {
            if let [alone] = group.as_slice() {
                return Err(SynonymError::Alone { phrase: alone.clone() });
            }
            for (place, from) in group.iter().enumerate() {
                for (other, to) in group.iter().enumerate() {
                    if place != other {
                        add(from, to)?;
                    }
                }
            }
        }
        for (from, others) in one_way {
            if others.is_empty() {
                return Err(SynonymError::Alone { phrase: from.clone() });
            }
            for to in others {
                add(from, to)?;
            }
        }
        if rules.len() > MOST_RULES {
            return Err(SynonymError::Many { count: rules.len() });
        }
        Ok(Self { rules })
    }

    /// Number of phrases that find others.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// No rules?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
}

fn phrase(text: &str) -> Result<String, SynonymError> {
    let words = text.split_whitespace().count();
    if words > LONGEST_PHRASE {
        return Err(SynonymError::Long { phrase: text.to_owned(), words });
    }
    let folded = fold(text);
    if !folded.chars().any(char::is_alphanumeric) {
        return Err(SynonymError::Empty { phrase: text.to_owned() });
    }
    Ok(folded)
}

/// Rules in the analyser's terms, so that `running shoes` is `running shoe`.
#[derive(Debug, Default)]
pub(super) struct Compiled {
    /// By the first term of the phrase.
    rules: BTreeMap<Term, Vec<Rule>>,
    /// Phrases of scripts without spaces, which stand anywhere in a text.
    spaceless: Vec<(String, Vec<Phrase>)>,
}

#[derive(Debug)]
struct Rule {
    words: Vec<Term>,
    others: Vec<Phrase>,
}

/// The terms of one phrase, with their weights in a query.
pub(super) type Phrase = Vec<(Term, f32)>;

impl Compiled {
    pub(super) fn new(synonyms: &Synonyms, analyser: &Analyser) -> Self {
        let mut compiled = Self::default();
        for (from, others) in &synonyms.rules {
            let others = others.iter().map(|to| terms(to, analyser)).filter(|terms| !terms.is_empty()).collect();
            let (_, tokens) = analyser.tokens(from);
            let spaced = tokens.iter().all(|token| token.key.is_some());
            let words: Vec<Term> = tokens
                .iter()
                .filter(|token| !token.joined)
                .filter_map(|token| token.terms.first().map(|(term, _)| *term))
                .collect();
            match words.first() {
                Some(first) if spaced => compiled.rules.entry(*first).or_default().push(Rule { words, others }),
                Some(_) => compiled.spaceless.push((from.clone(), others)),
                // Only stop words: nobody searches for these.
                None => {}
            }
        }
        compiled
    }

    /// What a query also finds: `words` are the first terms of its words in order, stop words left out.
    pub(super) fn of<'s>(&'s self, text: &str, words: &[Term]) -> Vec<&'s Phrase> {
        let mut found = Vec::new();
        for (place, first) in words.iter().enumerate() {
            for rule in self.rules.get(first).into_iter().flatten() {
                if words[place..].starts_with(&rule.words) {
                    found.extend(&rule.others);
                }
            }
        }
        if !self.spaceless.is_empty() {
            let folded = fold(text);
            for (_, others) in self.spaceless.iter().filter(|(phrase, _)| folded.contains(phrase)) {
                found.extend(others);
            }
        }
        found
    }
}

/// A phrase of several words counts about as much as one word: who says all of them gets it whole.
fn terms(phrase: &str, analyser: &Analyser) -> Phrase {
    let (_, tokens) = analyser.tokens(phrase);
    let words = tokens.iter().filter(|token| !token.joined && !token.terms.is_empty()).count().max(1);
    tokens.into_iter().flat_map(|token| token.terms).map(|(term, weight)| (term, weight / words as f32)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compiled(groups: &[&[&str]], one_way: &[(&str, &[&str])]) -> (Analyser, Compiled) {
        let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let groups: Vec<Vec<String>> = groups.iter().map(|group| owned(group)).collect();
        let one_way = one_way.iter().map(|(from, to)| ((*from).to_owned(), owned(to))).collect();
        let analyser = Analyser::new("english").unwrap();
        let compiled = Compiled::new(&Synonyms::new(&groups, &one_way).unwrap(), &analyser);
        (analyser, compiled)
    }

    fn finds(rules: &(Analyser, Compiled), query: &str, other: &str) -> bool {
        let (text, tokens) = rules.0.tokens(query);
        let words: Vec<Term> = tokens.iter().filter_map(|token| token.terms.first().map(|(term, _)| *term)).collect();
        let wanted = terms(&fold(other), &rules.0);
        rules.1.of(&text, &words).contains(&&wanted)
    }

    #[test]
    fn groups_work_both_ways_and_in_every_form_of_the_words() {
        let rules = compiled(&[&["sneaker", "trainer", "running shoe"], &["运动鞋", "球鞋"]], &[]);
        assert!(finds(&rules, "red sneakers", "trainer"));
        assert!(finds(&rules, "Running Shoes for men", "sneaker"));
        assert!(!finds(&rules, "running shorts", "sneaker"));
        assert!(finds(&rules, "红色球鞋", "运动鞋"));
    }

    #[test]
    fn one_way_is_one_way() {
        let rules = compiled(&[], &[("jumper", &["sweater"])]);
        assert!(finds(&rules, "jumper", "sweater"));
        assert!(!finds(&rules, "sweater", "jumper"));
    }

    #[test]
    fn rules_that_say_nothing_are_refused() {
        let bad = |group: &[&str]| {
            Synonyms::new(&[group.iter().map(|text| (*text).to_owned()).collect()], &BTreeMap::new()).unwrap_err()
        };
        assert!(matches!(bad(&["a", "!!"]), SynonymError::Empty { .. }));
        assert!(matches!(bad(&["a"]), SynonymError::Alone { .. }));
        assert!(matches!(bad(&["a", "b c d e f g h i j"]), SynonymError::Long { words: 9, .. }));
    }
}
