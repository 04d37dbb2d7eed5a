//! The lexicon: the words, brands and categories of a catalogue, and who says them.
//!
//! It answers what the index of hashed terms cannot: whether a word is known here, which known words begin with or are
//! nearly like what was typed, and what goes together with it. It lives in memory, follows every write and removal of the
//! index, and is filled from the truth when an index is opened.
//!
//! Words of scripts without spaces are not in it: nobody knows where such a word ends, and pairs of characters forgive a
//! wrong one by themselves.

mod completions;
mod compounds;
mod entry;
mod kept;
mod keys;
mod names;
mod near;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use completions::Completion;
pub use names::Named;
pub use near::{Near, forgiven};

use super::fields::Column;
use super::paged::Paged;
use super::point::IndexPoint;
use super::words::{Said, Term};
use entry::{Brought, Entry};
use keys::Keys;
use names::Names;
use near::Shape;

/// A word's number in the lexicon.
type WordId = u32;

/// The words of one catalogue.
#[derive(Debug, Default)]
pub struct Lexicon {
    ids: BTreeMap<Arc<str>, WordId>,
    words: Vec<Word>,
    /// Length and letters of each word, close together: all of them are looked at for each slip.
    shapes: Vec<Shape>,
    free: Vec<WordId>,
    /// Words from behind, without their endings; only where a language writes compounds.
    backwards: Option<BTreeSet<(Box<str>, WordId)>>,
    /// The words by their terms, which `run`, `runs` and `running` share.
    terms: BTreeSet<(Term, WordId)>,
    brands: Names,
    categories: Names,
    products: Paged<Entry>,
}

/// A word of the catalogue.
#[derive(Debug, Clone, Default)]
pub struct Word {
    key: Arc<str>,
    /// Where it is not the key.
    shown: Option<Box<str>>,
    term: Option<Term>,
    products: u32,
    /// Products that say it in title, brand, category or attributes.
    head: Keys,
}

impl Word {
    /// The form in which words are compared.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// As a product writes it, in lower case.
    #[must_use]
    pub fn shown(&self) -> &str {
        self.shown.as_deref().unwrap_or(&self.key)
    }

    /// What the index knows it by; none for a stop word.
    #[must_use]
    pub fn term(&self) -> Option<Term> {
        self.term
    }

    /// Number of products that say it anywhere.
    #[must_use]
    pub fn products(&self) -> u32 {
        self.products
    }
}

impl Lexicon {
    /// An empty lexicon; `compounds` for a language that writes compounds as one word.
    #[must_use]
    pub fn new(compounds: bool) -> Self {
        Self { backwards: compounds.then(BTreeSet::new), ..Self::default() }
    }

    /// Number of different words.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// No words?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Number of products in it.
    #[must_use]
    pub fn products(&self) -> usize {
        self.products.len()
    }

    /// Whether it has a product.
    #[must_use]
    pub fn has(&self, key: u64) -> bool {
        self.products.get(key).is_some()
    }

    /// A word by its key.
    #[must_use]
    pub fn word(&self, key: &str) -> Option<&Word> {
        self.ids.get(key).map(|id| &self.words[*id as usize])
    }

    /// Whether some product says a word with this term: `running` is known where `run` is.
    #[must_use]
    pub fn knows(&self, term: Term) -> bool {
        self.forms(term).next().is_some()
    }

    /// Inserts or replaces a product's words.
    pub(super) fn put(&mut self, point: &IndexPoint, said: BTreeMap<String, Said>) {
        self.remove(point.key);
        let (head, body): (Vec<_>, Vec<_>) = said.into_iter().partition(|(_, said)| said.head);
        let head: Vec<WordId> = head.into_iter().map(|(key, said)| self.count(&key, said)).collect();
        let body = body.into_iter().map(|(key, said)| self.count(&key, said)).collect();
        let text = |column: &Column| point.payload.get(column.keys().0);
        let brand =
            text(&Column::Brand).and_then(serde_json::Value::as_str).map(|name| self.brands.put(name, point.key));
        let paths = text(&Column::Category).and_then(serde_json::Value::as_array);
        let paths = paths.into_iter().flatten().filter_map(serde_json::Value::as_str);
        let categories = paths.map(|path| self.categories.put(path, point.key)).collect();
        self.bring(point.key, Brought { head, body, brand, categories });
    }

    /// Notes what a product brought. Its words are counted already.
    fn bring(&mut self, key: u64, brought: Brought) {
        for id in &brought.head {
            self.words[*id as usize].head.insert(key);
        }
        self.products.insert(key, Entry::of(brought));
    }

    /// Removes what a product brought; nothing where it is not there.
    pub(super) fn remove(&mut self, key: u64) {
        let Some(entry) = self.products.remove(key) else { return };
        let Brought { head, body, brand, categories } = entry.brought();
        for id in &head {
            self.words[*id as usize].head.remove(key);
        }
        for id in head.into_iter().chain(body) {
            self.discount(id);
        }
        if let Some(brand) = brand {
            self.brands.remove(brand, key);
        }
        for category in categories {
            self.categories.remove(category, key);
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        *self = Self::new(self.backwards.is_some());
    }

    /// One more product says a word.
    fn count(&mut self, key: &str, said: Said) -> WordId {
        if let Some(id) = self.ids.get(key) {
            self.words[*id as usize].products += 1;
            return *id;
        }
        let key: Arc<str> = key.into();
        let word = Word {
            key: Arc::clone(&key),
            shown: (said.shown != *key).then(|| said.shown.into()),
            term: said.term,
            products: 1,
            head: Keys::None,
        };
        let id = if let Some(id) = self.free.pop() {
            self.words[id as usize] = word;
            id
        } else {
            self.words.push(word);
            self.shapes.push(Shape::default());
            (self.words.len() - 1) as WordId
        };
        self.find_by(id);
        id
    }

    /// Lets a word be found by its letters, its term and its end.
    fn find_by(&mut self, id: WordId) {
        let Word { key, term, .. } = &self.words[id as usize];
        self.shapes[id as usize] = Shape::of(key);
        if let Some(term) = term {
            self.terms.insert((*term, id));
        }
        if let Some(backwards) = &mut self.backwards {
            backwards.insert((compounds::backwards(key), id));
        }
        self.ids.insert(Arc::clone(key), id);
    }

    /// One product less says a word; what nobody says is forgotten.
    fn discount(&mut self, id: WordId) {
        let word = &mut self.words[id as usize];
        word.products -= 1;
        if word.products > 0 {
            return;
        }
        let gone = std::mem::take(word);
        self.ids.remove(&gone.key);
        self.shapes[id as usize] = Shape::default();
        if let Some(backwards) = &mut self.backwards {
            backwards.remove(&(compounds::backwards(&gone.key), id));
        }
        self.free.push(id);
        if let Some(term) = gone.term {
            self.terms.remove(&(term, id));
        }
    }

    /// The words that have a term.
    fn forms(&self, term: Term) -> impl Iterator<Item = &Word> {
        self.terms.range((term, 0)..=(term, WordId::MAX)).map(|(_, id)| &self.words[*id as usize])
    }

    /// The words that begin with `prefix`, in the order of their letters.
    fn beginning(&self, prefix: &str) -> impl Iterator<Item = &Word> {
        let from = std::ops::Bound::Included(prefix);
        self.ids
            .range::<str, _>((from, std::ops::Bound::Unbounded))
            .take_while(move |(key, _)| key.starts_with(prefix))
            .map(|(_, id)| &self.words[*id as usize])
    }
}

#[cfg(test)]
mod tests;
