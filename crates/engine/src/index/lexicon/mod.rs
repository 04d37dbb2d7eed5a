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
mod names;
mod near;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use roaring::RoaringTreemap;

pub use completions::Completion;
pub use names::Named;
pub use near::{Near, forgiven};

use super::fields::Column;
use super::point::IndexPoint;
use super::words::{Said, Term};
use names::Names;
use near::Shape;

/// A word's number in the lexicon.
type WordId = u32;

/// The words of one catalogue.
#[derive(Debug, Default)]
pub struct Lexicon {
    ids: HashMap<Arc<str>, WordId>,
    sorted: BTreeMap<Arc<str>, WordId>,
    words: Vec<Word>,
    /// Length and letters of each word, close together: all of them are looked at for each slip.
    shapes: Vec<Shape>,
    free: Vec<WordId>,
    /// Words from behind, without their endings; only where a language writes compounds.
    backwards: Option<BTreeSet<(Box<str>, WordId)>>,
    /// The words that have this term: `run`, `runs` and `running`.
    terms: HashMap<Term, Vec<WordId>>,
    brands: Names,
    categories: Names,
    products: HashMap<u64, Entry>,
}

/// A word of the catalogue.
#[derive(Debug, Clone, Default)]
pub struct Word {
    key: Arc<str>,
    shown: Box<str>,
    term: Option<Term>,
    products: u32,
    /// Products that say it in title, brand, category or attributes.
    head: RoaringTreemap,
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
        &self.shown
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

/// What a product brought, so that it can be taken back.
#[derive(Debug)]
struct Entry {
    /// First those of title, brand, category and attributes, then the others.
    words: Box<[WordId]>,
    head: usize,
    brand: Option<u32>,
    categories: Box<[u32]>,
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
        self.products.contains_key(&key)
    }

    /// A word by its key.
    #[must_use]
    pub fn word(&self, key: &str) -> Option<&Word> {
        self.ids.get(key).map(|id| &self.words[*id as usize])
    }

    /// Whether some product says a word with this term: `running` is known where `run` is.
    #[must_use]
    pub fn knows(&self, term: Term) -> bool {
        self.terms.contains_key(&term)
    }

    /// Inserts or replaces a product's words.
    pub(super) fn put(&mut self, point: &IndexPoint, said: BTreeMap<String, Said>) {
        self.remove(point.key);
        let (head, body): (Vec<_>, Vec<_>) = said.into_iter().partition(|(_, said)| said.head);
        let head_count = head.len();
        let words: Box<[WordId]> = head.into_iter().chain(body).map(|(key, said)| self.count(&key, said)).collect();
        for id in &words[..head_count] {
            self.words[*id as usize].head.insert(point.key);
        }
        let text = |column: &Column| point.payload.get(column.keys().0);
        let brand =
            text(&Column::Brand).and_then(serde_json::Value::as_str).map(|name| self.brands.put(name, point.key));
        let paths = text(&Column::Category).and_then(serde_json::Value::as_array);
        let paths = paths.into_iter().flatten().filter_map(serde_json::Value::as_str);
        let categories = paths.map(|path| self.categories.put(path, point.key)).collect();
        self.products.insert(point.key, Entry { words, head: head_count, brand, categories });
    }

    /// Removes what a product brought; nothing where it is not there.
    pub(super) fn remove(&mut self, key: u64) {
        let Some(entry) = self.products.remove(&key) else { return };
        for (place, id) in entry.words.iter().enumerate() {
            let word = &mut self.words[*id as usize];
            word.products -= 1;
            if place < entry.head {
                word.head.remove(key);
            }
            if word.products == 0 {
                let gone = std::mem::take(word);
                self.ids.remove(&gone.key);
                self.sorted.remove(&gone.key);
                self.shapes[*id as usize] = Shape::default();
                if let Some(backwards) = &mut self.backwards {
                    backwards.remove(&(compounds::backwards(&gone.key), *id));
                }
                self.free.push(*id);
                if let Some(term) = gone.term
                    && let Some(ids) = self.terms.get_mut(&term)
                {
                    ids.retain(|other| other != id);
                    if ids.is_empty() {
                        self.terms.remove(&term);
                    }
                }
            }
        }
        if let Some(brand) = entry.brand {
            self.brands.remove(brand, key);
        }
        for category in &entry.categories {
            self.categories.remove(*category, key);
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
            shown: said.shown.into(),
            term: said.term,
            products: 1,
            head: RoaringTreemap::new(),
        };
        let shape = Shape::of(&key);
        let id = if let Some(id) = self.free.pop() {
            self.words[id as usize] = word;
            self.shapes[id as usize] = shape;
            id
        } else {
            self.words.push(word);
            self.shapes.push(shape);
            (self.words.len() - 1) as WordId
        };
        if let Some(term) = said.term {
            self.terms.entry(term).or_default().push(id);
        }
        if let Some(backwards) = &mut self.backwards {
            backwards.insert((compounds::backwards(&key), id));
        }
        self.ids.insert(Arc::clone(&key), id);
        self.sorted.insert(key, id);
        id
    }

    /// The words that begin with `prefix`, in the order of their letters.
    fn beginning(&self, prefix: &str) -> impl Iterator<Item = &Word> {
        let from = std::ops::Bound::Included(prefix);
        self.sorted
            .range::<str, _>((from, std::ops::Bound::Unbounded))
            .take_while(move |(key, _)| key.starts_with(prefix))
            .map(|(_, id)| &self.words[*id as usize])
    }
}

#[cfg(test)]
mod tests;
