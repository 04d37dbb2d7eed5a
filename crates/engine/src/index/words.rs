//! Words: from texts to sparse BM25F vectors.
//!
//! Scoring is BM25F (Zaragoza et al., TREC 2004): term frequencies of the fields are weighted and normalised by the field's
//! length first, added up, and saturated once: `tf = Σ_f w_f · n_f / (1 − b + b · len_f / avg_f)`, value
//! `tf · (k1 + 1) / (tf + k1)`. The inverse document frequency is the index's business (Qdrant's `Modifier::Idf`).
//!
//! Words of scripts with spaces are folded, stripped of stop words and stemmed by Qdrant's own analyser in the language of
//! the script (Latin: the catalogue's language). Scripts without spaces become overlapping pairs of characters plus single
//! characters, as in Lucene's CJK analyser: a dictionary would cut a query and a title in different places, and which of
//! Chinese and Japanese a title of four signs is cannot be known.

use std::collections::BTreeMap;

use qdrant_edge::bm25_embed::{EdgeBm25, EdgeBm25Config};
use qdrant_edge::{SparseVector, TokenizerType};
use unicode_normalization::UnicodeNormalization;

use super::IndexError;
use super::fields::{code, fold};
use super::point::Fields;

/// Saturation of term frequency; the value everyone uses.
const K1: f32 = 1.2;
/// Weight of a single character of a script without spaces when pairs are there too.
const SINGLE: f32 = 0.3;
/// Words longer than this many characters are cut: nobody types them, and hostile feeds have them.
const LONGEST_WORD: usize = 64;
/// Title prefixes are indexed up to this many characters; longer ones are checked against the stored title.
pub const INDEXED_PREFIX: usize = 12;

/// One field: weight, strength of length normalisation, expected number of terms.
struct FieldWeight {
    weight: f32,
    b: f32,
    average: f32,
}

const TITLE: FieldWeight = FieldWeight { weight: 3.0, b: 0.5, average: 8.0 };
const BRAND: FieldWeight = FieldWeight { weight: 2.0, b: 0.2, average: 2.0 };
const CATEGORY: FieldWeight = FieldWeight { weight: 2.0, b: 0.3, average: 5.0 };
const ATTRIBUTES: FieldWeight = FieldWeight { weight: 1.5, b: 0.5, average: 10.0 };
const CODES: FieldWeight = FieldWeight { weight: 2.0, b: 0.0, average: 3.0 };
const DESCRIPTION: FieldWeight = FieldWeight { weight: 1.0, b: 0.75, average: 60.0 };

/// A term's number in the sparse vectors.
pub type Term = u32;

/// An analysed query: term numbers with weights, sorted by term, without repeats.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Terms {
    pub(crate) entries: Vec<(Term, f32)>,
}

impl Terms {
    /// Whether nothing is left to search for (only stop words or punctuation).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many different terms.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Each term as a query of its own.
    pub fn each(&self) -> impl Iterator<Item = Self> + '_ {
        self.entries.iter().map(|entry| Self { entries: vec![*entry] })
    }

    /// Adds another query's terms, `factor` times their weight; the greater weight wins where both have a term.
    pub fn merge(&mut self, other: &Self, factor: f32) {
        let mut merged: BTreeMap<Term, f32> = self.entries.iter().copied().collect();
        for &(term, weight) in &other.entries {
            let held = merged.entry(term).or_insert(0.0);
            *held = held.max(weight * factor);
        }
        self.entries = merged.into_iter().collect();
    }

    pub(crate) fn to_sparse(&self) -> SparseVector {
        let (indices, values) = self.entries.iter().copied().unzip();
        SparseVector { indices, values }
    }
}

/// Turns texts into terms. The same analyser must have made the index's vectors.
#[derive(Debug)]
pub struct Analyser {
    latin: EdgeBm25,
    arabic: EdgeBm25,
    cyrillic: EdgeBm25,
    greek: EdgeBm25,
}

impl Analyser {
    /// An analyser whose Latin script follows `language` (a Snowball name).
    ///
    /// # Errors
    /// When the language is unknown.
    pub fn new(language: &str) -> Result<Self, IndexError> {
        let build = |language: &str| {
            let config = EdgeBm25Config {
                tokenizer: TokenizerType::Word,
                language: Some(language.to_owned()),
                ascii_folding: Some(true),
                ..EdgeBm25Config::default()
            };
            EdgeBm25::new(config)
                .map_err(|error| IndexError::Language { language: language.to_owned(), reason: error.to_string() })
        };
        Ok(Self {
            latin: build(language)?,
            arabic: build("arabic")?,
            cyrillic: build("russian")?,
            greek: build("greek")?,
        })
    }

    /// Analyses what a shopper typed.
    #[must_use]
    pub fn query(&self, text: &str) -> Terms {
        let mut weights: BTreeMap<Term, f32> = BTreeMap::new();
        self.terms(text, |term, weight| {
            let held = weights.entry(term).or_insert(0.0);
            *held = held.max(weight);
        });
        Terms { entries: weights.into_iter().collect() }
    }

    /// The BM25F vector of a product's texts, with the terms that answer title prefixes.
    pub(crate) fn document(&self, fields: &Fields) -> SparseVector {
        let mut frequencies: BTreeMap<Term, f32> = BTreeMap::new();
        let parts = [
            (&fields.title, &TITLE),
            (&fields.brand, &BRAND),
            (&fields.category, &CATEGORY),
            (&fields.attributes, &ATTRIBUTES),
            (&fields.id, &CODES),
            (&fields.codes, &CODES),
            (&fields.description, &DESCRIPTION),
        ];
        for (text, field) in parts {
            let mut counts: BTreeMap<Term, f32> = BTreeMap::new();
            let mut length = 0.0;
            self.terms(text, |term, _| {
                *counts.entry(term).or_insert(0.0) += 1.0;
                length += 1.0;
            });
            let norm = 1.0 - field.b + field.b * length / field.average;
            for (term, count) in counts {
                *frequencies.entry(term).or_insert(0.0) += field.weight * count / norm;
            }
        }
        let mut values: BTreeMap<Term, f32> =
            frequencies.into_iter().map(|(term, tf)| (term, tf * (K1 + 1.0) / (tf + K1))).collect();
        for prefix in Prefixed::Title.terms(&fields.title).chain(Prefixed::Id.terms(&fields.id)) {
            values.entry(prefix).or_insert(1.0);
        }
        let (indices, values) = values.into_iter().unzip();
        SparseVector { indices, values }
    }

    /// Calls `each` with every term of `text` in order, and the weight it has in a query.
    fn terms(&self, text: &str, mut each: impl FnMut(Term, f32)) {
        let text: String = text.nfkc().collect();
        let mut run = String::new();
        let mut script = Script::Other;
        for character in text.chars().chain([' ']) {
            let found = Script::of(character);
            if found != script || found == Script::Other {
                if !run.is_empty() {
                    self.run(&run, script, &mut each);
                    run.clear();
                }
                script = found;
            }
            if found != Script::Other {
                run.push(character);
            }
        }
        for word in text.split_whitespace().filter_map(joined) {
            for term in self.latin.embed_query(&word).indices {
                each(term, 1.0);
            }
        }
    }

    fn run(&self, run: &str, script: Script, each: &mut impl FnMut(Term, f32)) {
        let analyser = match script {
            Script::Other => return,
            Script::Spaceless => return pairs(run, each),
            Script::Latin => &self.latin,
            Script::Arabic => &self.arabic,
            Script::Cyrillic => &self.cyrillic,
            Script::Greek => &self.greek,
        };
        let short: String;
        let word = match run.char_indices().nth(LONGEST_WORD) {
            None => run,
            Some((end, _)) => {
                short = run[..end].to_owned();
                &short
            }
        };
        let plain: String;
        let word = if script == Script::Arabic {
            plain = arabic(word);
            &plain
        } else {
            word
        };
        for term in analyser.embed_query(word).indices {
            each(term, 1.0);
        }
    }
}

/// Which analyser a character belongs to. Digits and every script not named here go with Latin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Script {
    Other,
    Latin,
    Arabic,
    Cyrillic,
    Greek,
    Spaceless,
}

impl Script {
    fn of(character: char) -> Self {
        match u32::from(character) {
            // Arabic vowel signs and the lengthening stroke are not letters, but must not cut a word.
            0x0640 | 0x064B..=0x065F | 0x0670 => Self::Arabic,
            // Likewise combining accents that NFKC could not compose, and vowel signs of Indic scripts.
            0x0300..=0x036F | 0x0900..=0x0DFF => Self::Latin,
            _ if !character.is_alphanumeric() => Self::Other,
            0x0370..=0x03FF | 0x1F00..=0x1FFF => Self::Greek,
            0x0400..=0x052F => Self::Cyrillic,
            0x0600..=0x06FF | 0x0750..=0x077F | 0x08A0..=0x08FF => Self::Arabic,
            // Thai, Lao, Myanmar, Khmer; Hangul; kana, ideographs and their extensions.
            0x0E00..=0x0EFF | 0x1000..=0x109F | 0x1780..=0x17FF | 0x1100..=0x11FF => Self::Spaceless,
            0x2E80..=0x312F | 0x3130..=0x318F | 0x31A0..=0x4DBF | 0x4E00..=0x9FFF => Self::Spaceless,
            0xAC00..=0xD7FF | 0xF900..=0xFAFF | 0x2_0000..=0x3_FFFF => Self::Spaceless,
            _ => Self::Latin,
        }
    }
}

/// Pairs of neighbouring characters, and the single ones with less weight.
fn pairs(run: &str, each: &mut impl FnMut(Term, f32)) {
    let characters: Vec<char> = run.chars().flat_map(char::to_lowercase).collect();
    let single = if characters.len() > 1 { SINGLE } else { 1.0 };
    let mut text = String::new();
    for character in &characters {
        text.clear();
        text.push(*character);
        each(number("cjk1", &text), single);
    }
    for pair in characters.windows(2) {
        text.clear();
        text.extend(pair);
        each(number("cjk2", &text), 1.0);
    }
}

/// `T-Shirt` is also `tshirt`: a word with inner punctuation counts as a whole too. `None` for words without.
fn joined(word: &str) -> Option<String> {
    let inner = word.trim_matches(|character: char| !character.is_alphanumeric());
    let joins = |character: char| matches!(character, '-' | '_' | '.' | '/' | '\'' | '’' | '+' | '&');
    (inner.contains(joins) && inner.chars().count() <= LONGEST_WORD).then(|| code(inner))
}

/// Letters that are written alike are made alike (Lucene's `ArabicNormalizer`): no vowel signs, one alef, one yeh, one heh.
/// Then the article and what is written together with it goes (the prefixes of Larkey's light10 stemmer).
fn arabic(word: &str) -> String {
    let plain: String = word
        .chars()
        .filter(|character| !matches!(u32::from(*character), 0x0640 | 0x064B..=0x065F | 0x0670))
        .map(|character| match character {
            'آ' | 'أ' | 'إ' | 'ٱ' => 'ا',
            'ى' | 'ی' => 'ي',
            'ة' => 'ه',
            'ک' => 'ك',
            other => other,
        })
        .collect();
    for prefix in ["وال", "بال", "كال", "فال", "ال", "لل"] {
        if let Some(rest) = plain.strip_prefix(prefix).filter(|rest| rest.chars().count() >= 3) {
            return rest.to_owned();
        }
    }
    plain
}

/// Fields that can be searched by their start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prefixed {
    /// The title.
    Title,
    /// The product's id.
    Id,
}

impl Prefixed {
    /// Terms of the first one to [`INDEXED_PREFIX`] characters of a text.
    fn terms(self, text: &str) -> impl Iterator<Item = Term> {
        let kind = match self {
            Self::Title => "title^",
            Self::Id => "id^",
        };
        let folded: String = fold(text).chars().take(INDEXED_PREFIX).collect();
        let ends: Vec<usize> = folded.char_indices().map(|(at, character)| at + character.len_utf8()).collect();
        ends.into_iter().map(move |end| number(kind, &folded[..end]))
    }

    /// The term that every product has whose field starts with `prefix`, as far as prefixes are indexed. `None` for an
    /// empty prefix, which every text has.
    pub(super) fn term(self, prefix: &str) -> Option<Terms> {
        self.terms(prefix).last().map(|term| Terms { entries: vec![(term, 1.0)] })
    }
}

/// Number of a term outside the stemmed words: four bytes of a hash, as Qdrant numbers its words (32-bit hashes).
fn number(kind: &str, text: &str) -> Term {
    let mut hasher = blake3::Hasher::new();
    hasher.update(kind.as_bytes());
    hasher.update(&[0]);
    hasher.update(text.as_bytes());
    let mut bytes = [0; 4];
    bytes.copy_from_slice(&hasher.finalize().as_bytes()[..4]);
    Term::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(a: &str, b: &str) -> usize {
        let analyser = Analyser::new("english").unwrap();
        let (a, b) = (analyser.query(a), analyser.query(b));
        a.entries.iter().filter(|(term, _)| b.entries.iter().any(|(other, _)| other == term)).count()
    }

    #[test]
    fn english_is_stemmed_and_stop_words_go() {
        assert!(shared("running shoes", "shoe for runs") >= 2);
        assert_eq!(shared("the", "the bag"), 0);
        assert_eq!(shared("café", "cafe"), 1);
    }

    #[test]
    fn numbers_are_words() {
        assert!(shared("501", "Levi's 501 jeans") >= 1);
        assert!(shared("4006381333931", "gtin 4006381333931") >= 1);
    }

    #[test]
    fn hyphens_do_not_part_words() {
        assert!(shared("tshirt", "T-Shirt") >= 1);
        assert!(shared("t-shirt", "tshirt") >= 1);
    }

    #[test]
    fn scripts_without_spaces_share_pairs() {
        assert!(shared("手提包", "红色真皮手提包 女士") >= 5);
        assert!(shared("バッグ", "本革の赤いハンドバッグ") >= 5);
        assert_eq!(shared("鞋", "手提包"), 0);
        assert!(shared("包", "手提包") == 1);
    }

    #[test]
    fn arabic_spellings_meet() {
        assert!(shared("حقيبة", "حَقِيبَه") >= 1);
        assert!(shared("أحذية", "احذية") >= 1);
    }

    #[test]
    fn hostile_texts_are_harmless() {
        let analyser = Analyser::new("english").unwrap();
        for text in ["", "   ", "\u{0}\u{202e}!!!", &"a".repeat(100_000), &"包".repeat(10_000), "👜👜"] {
            let _ = analyser.query(text);
        }
        assert!(analyser.query("!!! -- ??").is_empty());
    }

    #[test]
    fn unknown_languages_are_refused() {
        assert!(matches!(Analyser::new("klingon"), Err(IndexError::Language { .. })));
    }

    #[test]
    fn a_title_word_outweighs_a_description_word() {
        let analyser = Analyser::new("english").unwrap();
        let title = Fields { title: "leather bag".into(), ..Fields::default() };
        let description = Fields { description: "leather bag".into(), ..Fields::default() };
        let term = analyser.query("leather").entries[0].0;
        let value = |fields: &Fields| {
            let vector = analyser.document(fields);
            let at = vector.indices.iter().position(|index| *index == term).unwrap();
            vector.values[at]
        };
        assert!(value(&title) > value(&description));
    }
}
