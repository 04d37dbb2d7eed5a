//! The lexicon in the file of the columns.
//!
//! Written are the words, the names, and what each product brought; who says what is made of that when it is read.

use std::io::{Read, Write};
use std::sync::Arc;

use super::entry::{Brought, Entry};
use super::names::Names;
use super::{Lexicon, Word, WordId};
use crate::index::table::kept::{put, take};
use crate::index::words::{Said, Term};

/// What is written of a word: its key, how it is shown where that is something else, its term. The key is empty where there is none.
type KeptWord = (Box<str>, Option<Box<str>>, Option<Term>);

impl Lexicon {
    /// Writes the lexicon.
    pub(in crate::index) fn write(&self, out: &mut impl Write) -> Result<(), String> {
        let words = self.words.iter().map(|word| (&*word.key, &word.shown, word.term));
        put(out, &words.collect::<Vec<_>>())?;
        put(out, &self.brands.kept())?;
        put(out, &self.categories.kept())?;
        put(out, &self.products.len())?;
        for (key, entry) in self.products.iter() {
            put(out, &(key, entry.numbers()))?;
        }
        Ok(())
    }

    /// Reads what [`Lexicon::write`] wrote.
    pub(in crate::index) fn read(input: &mut impl Read, compounds: bool) -> Result<Self, String> {
        let mut input = rmp_serde::Deserializer::new(input);
        let mut lexicon = Self::new(compounds);
        for (key, shown, term) in take::<Vec<KeptWord>>(&mut input)? {
            let id = lexicon.words.len() as WordId;
            let key: Arc<str> = key.into();
            lexicon.words.push(Word { key: Arc::clone(&key), shown, term, ..Word::default() });
            lexicon.shapes.push(super::Shape::default());
            if key.is_empty() {
                lexicon.free.push(id);
            } else {
                lexicon.find_by(id);
            }
        }
        lexicon.brands = Names::of_kept(take(&mut input)?);
        lexicon.categories = Names::of_kept(take(&mut input)?);
        for _ in 0..take::<usize>(&mut input)? {
            let (key, numbers): (u64, Vec<u32>) = take(&mut input)?;
            let entry = Entry::read(&numbers);
            let connected = entry.and_then(|entry| lexicon.connect(key, &entry).map(|()| entry));
            let entry = connected.ok_or_else(|| format!("product {key} says words that are not there"))?;
            if lexicon.products.insert(key, entry).is_some() {
                return Err(format!("product {key} is there twice"));
            }
        }
        if lexicon.words.iter().any(|word| word.products == 0 && !word.key.is_empty()) {
            return Err("nobody says one of its words".to_owned());
        }
        Ok(lexicon)
    }

    /// Counts a product among those who say its words and have its names; `None` when one of these is not there.
    fn connect(&mut self, key: u64, entry: &Entry) -> Option<()> {
        let Brought { head, body, brand, categories } = entry.brought();
        for id in head.iter().chain(&body) {
            let word = self.words.get_mut(*id as usize).filter(|word| !word.key.is_empty())?;
            word.products += 1;
        }
        for id in head {
            self.words[id as usize].head.insert(key);
        }
        if let Some(brand) = brand {
            self.brands.connect(brand, key)?;
        }
        categories.into_iter().try_for_each(|category| self.categories.connect(category, key))
    }

    /// Brings a lexicon that was read to the state of `newer`, which learned products since, and of those that are still
    /// `there`.
    pub(in crate::index) fn follow(&mut self, newer: &Self, there: impl Fn(u64) -> bool) {
        let gone: Vec<u64> = self.products.iter().map(|(key, _)| key).filter(|key| !there(*key)).collect();
        gone.into_iter().for_each(|key| self.remove(key));
        for (key, entry) in newer.products.iter() {
            self.remove(key);
            let Brought { head, body, brand, categories } = entry.brought();
            let mut count = |id: WordId, head: bool| {
                let Word { key, term, .. } = &newer.words[id as usize];
                self.count(key, Said { shown: newer.words[id as usize].shown().to_owned(), term: *term, head })
            };
            let head: Vec<WordId> = head.into_iter().map(|id| count(id, true)).collect();
            let body = body.into_iter().map(|id| count(id, false)).collect();
            let brand = brand.map(|id| self.brands.put(newer.brands.shown(id), key));
            let put = |id: u32| self.categories.put(newer.categories.shown(id), key);
            let categories = categories.into_iter().map(put).collect();
            self.bring(key, Brought { head, body, brand, categories });
        }
    }
}
