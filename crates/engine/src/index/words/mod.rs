//! Words: from texts to sparse BM25F vectors.
//!
//! Scoring is BM25F (Zaragoza et al., TREC 2004): term frequencies of the fields are weighted and normalised by the field's
//! length first, added up, and saturated once: `tf = Σ_f w_f · n_f / (1 − b + b · len_f / avg_f)`, value
//! `tf · (k1 + 1) / (tf + k1)`. The inverse document frequency comes in when a query is answered (`index/postings`).
//!
//! Words of scripts with spaces are folded, stripped of stop words and stemmed by Qdrant's own analyser in the language of
//! the script (Latin: the catalogue's language). Scripts without spaces become overlapping pairs of characters plus single
//! characters, as in Lucene's CJK analyser: a dictionary would cut a query and a title in different places, and which of
//! Chinese and Japanese a title of four signs is cannot be known.

mod script;

use std::collections::BTreeMap;
use std::ops::Range;

use qdrant_edge::TokenizerType;
use qdrant_edge::bm25_embed::{EdgeBm25, EdgeBm25Config};
use unicode_normalization::UnicodeNormalization;

use script::Script;

use super::IndexError;
use super::point::Fields;

/// Saturation of term frequency; the value everyone uses.
const K1: f32 = 1.2;
/// Weight of a single character of a script without spaces when pairs are there too.
const SINGLE: f32 = 0.3;

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

    /// Adds terms, `factor` times their weight; the greater weight wins where both have a term.
    pub(crate) fn add(&mut self, terms: &[(Term, f32)], factor: f32) {
        for &(term, weight) in terms {
            match self.entries.binary_search_by_key(&term, |entry| entry.0) {
                Ok(at) => self.entries[at].1 = self.entries[at].1.max(weight * factor),
                Err(at) => self.entries.insert(at, (term, weight * factor)),
            }
        }
    }
}

/// A word of a text, as the analyser sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    /// Where it is in the text that [`Analyser::tokens`] gives back, in bytes.
    pub at: Range<usize>,
    /// The form in which words are compared; none in scripts without spaces, where nobody knows where a word ends.
    pub key: Option<String>,
    /// Written together what the text writes with a hyphen or the like: stands beside its parts.
    pub joined: bool,
    /// What the index knows it by, with the weight in a query; none for a stop word.
    pub terms: Vec<(Term, f32)>,
}

/// What the index takes from a product's texts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Analysed {
    /// The BM25F vector, by term.
    pub(crate) terms: Vec<(Term, f32)>,
    /// The different words, for the lexicon.
    pub(crate) words: BTreeMap<String, Said>,
}

/// A word of a product.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Said {
    /// As it is written there, in lower case.
    pub(crate) shown: String,
    /// The first of its terms; none for a stop word.
    pub(crate) term: Option<Term>,
    /// Whether title, brand, category or attributes say it, and not only description or codes.
    pub(crate) head: bool,
}

/// Most different words of one product that the lexicon takes.
const MOST_WORDS: usize = 400;

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
        let mut terms = Terms::default();
        for token in self.tokens(text).1 {
            terms.add(&token.terms, 1.0);
        }
        terms
    }

    /// The words of a text in order, words with inner punctuation last, and the text that their places are in (compatibility
    /// forms unified, NFKC).
    #[must_use]
    pub fn tokens(&self, text: &str) -> (String, Vec<Token>) {
        let text: String = text.nfkc().collect();
        let mut tokens = Vec::new();
        for (start, end, script) in script::runs(&text) {
            let word = script::cut(&text[start..end]);
            let key = (script != Script::Spaceless).then(|| script::key(word, script));
            tokens.push(Token { at: start..end, key, joined: false, terms: self.run(word, script) });
        }
        for (start, end, word) in script::joined(&text) {
            let terms = self.run(&word, Script::Latin);
            let key = Some(script::key(&word, Script::Latin));
            tokens.push(Token { at: start..end, key, joined: true, terms });
        }
        (text, tokens)
    }

    /// What the index takes from a product's texts.
    pub(crate) fn document(&self, fields: &Fields) -> Analysed {
        let mut frequencies: BTreeMap<Term, f32> = BTreeMap::new();
        let mut words: BTreeMap<String, Said> = BTreeMap::new();
        let parts = [
            (&fields.title, &TITLE, Some(true)),
            (&fields.brand, &BRAND, Some(true)),
            (&fields.category, &CATEGORY, Some(true)),
            (&fields.attributes, &ATTRIBUTES, Some(true)),
            // Codes are no words: a code that is nearly right names another product.
            (&fields.id, &CODES, None),
            (&fields.codes, &CODES, None),
            (&fields.description, &DESCRIPTION, Some(false)),
        ];
        for (text, field, head) in parts {
            let mut counts: BTreeMap<Term, f32> = BTreeMap::new();
            let mut length = 0.0;
            let (text, tokens) = self.tokens(text);
            for token in tokens {
                for (term, _) in &token.terms {
                    *counts.entry(*term).or_insert(0.0) += 1.0;
                    length += 1.0;
                }
                let (Some(key), Some(head)) = (token.key, head) else { continue };
                if let Some(said) = words.get_mut(&key) {
                    said.head |= head;
                } else if words.len() < MOST_WORDS {
                    let shown = if token.joined { key.clone() } else { text[token.at].to_lowercase() };
                    let term = token.terms.first().map(|(term, _)| *term);
                    words.insert(key, Said { shown, term, head });
                }
            }
            let norm = 1.0 - field.b + field.b * length / field.average;
            for (term, count) in counts {
                *frequencies.entry(term).or_insert(0.0) += field.weight * count / norm;
            }
        }
        let value = |tf: f32| tf * (K1 + 1.0) / (tf + K1);
        Analysed { terms: frequencies.into_iter().map(|(term, tf)| (term, value(tf))).collect(), words }
    }

    /// The terms of a run of one script.
    fn run(&self, word: &str, script: Script) -> Vec<(Term, f32)> {
        let plain: String;
        let (analyser, word) = match script {
            Script::Other => return Vec::new(),
            Script::Spaceless => return pairs(word),
            Script::Latin => (&self.latin, word),
            Script::Cyrillic => (&self.cyrillic, word),
            Script::Greek => (&self.greek, word),
            Script::Arabic => {
                plain = script::arabic(word);
                (&self.arabic, plain.as_str())
            }
        };
        analyser.embed_query(word).indices.into_iter().map(|term| (term, 1.0)).collect()
    }
}

/// Pairs of neighbouring characters, and the single ones with less weight.
fn pairs(run: &str) -> Vec<(Term, f32)> {
    let characters: Vec<char> = run.chars().flat_map(char::to_lowercase).collect();
    let single = if characters.len() > 1 { SINGLE } else { 1.0 };
    let ones = characters.iter().map(|character| (number("cjk1", character.encode_utf8(&mut [0; 4])), single));
    let twos = characters.windows(2).map(|pair| (number("cjk2", &pair.iter().collect::<String>()), 1.0));
    ones.chain(twos).collect()
}

/// Number of a term outside the stemmed words: four bytes of a hash, as Qdrant numbers its words (32-bit hashes).
pub(super) fn number(kind: &str, text: &str) -> Term {
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
        let value =
            |fields: &Fields| analyser.document(fields).terms.into_iter().find(|(other, _)| *other == term).unwrap().1;
        assert!(value(&title) > value(&description));
    }
}
