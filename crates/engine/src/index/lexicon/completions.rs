//! What somebody who has typed this far may want to say.

use std::collections::{BTreeMap, HashMap};

use roaring::RoaringTreemap;

use super::{Lexicon, Named, Word, WordId};
use crate::index::words::Term;

/// Words that one beginning may become.
const COUNTED: usize = 200;
/// Products whose words are looked at to see what goes with the words before.
const SAMPLED: u64 = 1_000;

/// The rest of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// The last word, complete.
    pub word: String,
    /// Products that say it together with the words before it.
    pub products: u64,
}

impl Lexicon {
    /// The words that begin with `prefix`, itself included: those that more products say come first.
    #[must_use]
    pub fn starting(&self, prefix: &str, most: usize) -> Vec<&Word> {
        let mut found: Vec<&Word> = self.beginning(prefix).collect();
        found.sort_by(|a, b| b.products.cmp(&a.products).then(a.key.cmp(&b.key)));
        found.truncate(most);
        found
    }

    /// The products that say all of these words, each in any of its forms, in title, brand, category or attributes; `None`
    /// when there are no words.
    #[must_use]
    pub fn saying(&self, words: &[Term]) -> Option<RoaringTreemap> {
        let said = |term: &Term| {
            let mut said = RoaringTreemap::new();
            self.forms(*term).for_each(|word| word.head.add_to(&mut said));
            said
        };
        words.iter().map(said).reduce(|all, said| all & said)
    }

    /// What `prefix` may become after the words that all of `within` say, the most frequent first. `not` are terms that have
    /// been said already. `bag` and `bags` are one completion, the one that is said more often.
    #[must_use]
    pub fn completions(
        &self,
        within: Option<&RoaringTreemap>,
        prefix: &str,
        not: &[Term],
        most: usize,
    ) -> Vec<Completion> {
        let begun: Vec<(u64, &Word)> = match within {
            None => self.begun(prefix).into_iter().map(|word| (word.head.len(), word)).collect(),
            Some(within) => self.said_within(within, prefix),
        };
        let mut found: BTreeMap<Term, (u64, &Word)> = BTreeMap::new();
        for (products, word) in begun {
            let Some(term) = word.term.filter(|term| !not.contains(term)) else { continue };
            if products > 0 && found.get(&term).is_none_or(|(held, _)| *held < products) {
                found.insert(term, (products, word));
            }
        }
        let mut found: Vec<(u64, &Word)> = found.into_values().collect();
        found.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.key.cmp(&b.1.key)));
        found.truncate(most);
        found.into_iter().map(|(products, word)| Completion { word: word.shown().to_owned(), products }).collect()
    }

    /// The products of `within` that say a word which begins with `prefix`, at most `most`: those that say the shortest such
    /// word first.
    #[must_use]
    pub fn products_saying(&self, within: Option<&RoaringTreemap>, prefix: &str, most: usize) -> Vec<u64> {
        if prefix.is_empty() {
            return within.map(|within| within.iter().take(most).collect()).unwrap_or_default();
        }
        let mut begun: Vec<&Word> = self.begun(prefix);
        begun.sort_by(|a, b| (a.key.len(), &a.key).cmp(&(b.key.len(), &b.key)));
        let mut found: Vec<u64> = Vec::new();
        for word in begun {
            let mut take = |key: u64| {
                if found.len() < most && !found.contains(&key) {
                    found.push(key);
                }
            };
            match within {
                None => word.head.iter().take(most).for_each(&mut take),
                Some(within) => word.head.within(within, most).into_iter().for_each(&mut take),
            }
            if found.len() >= most {
                break;
            }
        }
        found
    }

    /// The words that begin with `prefix` and that titles say, the most frequent [`COUNTED`]. None for an empty prefix.
    fn begun(&self, prefix: &str) -> Vec<&Word> {
        if prefix.is_empty() {
            return Vec::new();
        }
        let mut begun: Vec<&Word> = self.beginning(prefix).filter(|word| !word.head.is_empty()).collect();
        let order = |a: &&Word, b: &&Word| b.products.cmp(&a.products).then(a.key.cmp(&b.key));
        if begun.len() > COUNTED {
            begun.select_nth_unstable_by(COUNTED, order);
            begun.truncate(COUNTED);
        }
        begun.sort_by(order);
        begun
    }

    /// The words that begin with `prefix` of the products of `within`, and how many of these say them. Of many products
    /// [`SAMPLED`] are looked at, spread evenly, and the counts are scaled up.
    fn said_within(&self, within: &RoaringTreemap, prefix: &str) -> Vec<(u64, &Word)> {
        let step = within.len().div_ceil(SAMPLED).max(1);
        let mut counts: HashMap<WordId, u64> = HashMap::new();
        for key in within.iter().step_by(step as usize) {
            let Some(entry) = self.products.get(key) else { continue };
            for id in entry.head() {
                *counts.entry(id).or_insert(0) += step;
            }
        }
        let words = counts.into_iter().map(|(id, count)| (count, &self.words[id as usize]));
        words.filter(|(_, word)| word.key.starts_with(prefix)).collect()
    }

    /// Brands one of whose words begins as `folded` does.
    #[must_use]
    pub fn brands(&self, folded: &str, most: usize) -> Vec<Named> {
        self.brands.find(folded, most)
    }

    /// Category paths a word of whose last step begins as `folded` does.
    #[must_use]
    pub fn categories(&self, folded: &str, most: usize) -> Vec<Named> {
        self.categories.find(folded, most)
    }
}
