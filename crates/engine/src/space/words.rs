//! Text alignment: words brought into a picture space, learned from a catalogue's own titles.

use std::collections::HashMap;

use half::f16;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use unicode_normalization::UnicodeNormalization;

use super::embedding::to_unit;
use super::{Embedding, SpaceError, SpaceId};
use crate::linear::dot;

/// Says that a safetensors file is a word head, and of which kind.
const FORMAT: &str = "vetrina-words-1";
/// Words of a text that pairs are made of: 276 pairs. Later ones count by themselves only.
const PAIRED: usize = 24;
/// No head is larger.
const MOST_TERMS: usize = 1 << 20;
const MOST_DIMS: usize = 4_096;
/// Titles that say how popular a picture is, at most; each costs a dot product a picture.
pub(crate) const MOST_TITLES: usize = 1_024;

/// A linear map from the words and word pairs of a text (TF-IDF) to *what words can tell* of a picture, and another one from
/// the embeddings of a picture space to the same, so that a text finds pictures. Fitted by [`crate::learn::fit_words`]; knows
/// only words of the titles it was fitted on, in whatever language they were.
///
/// As a file: safetensors with the tensors `terms` `[n]` (64-bit hashes), `idf` `[n]` (32-bit floats), `weights` `[n, told]`,
/// `directions` `[told, dim]` and `titles` `[m, told]` (16-bit floats), and the metadata `format` = `vetrina-words-1`, `space`, and `blake3` of the space
/// and the tensors' bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct WordHead {
    space: SpaceId,
    dim: usize,
    told: usize,
    terms: HashMap<u64, Term>,
    /// `[n, told]`, row by row, rounded to half precision.
    weights: Vec<f32>,
    /// `[told, dim]`, row by row, rounded to half precision.
    directions: Vec<f32>,
    /// What titles of the catalogue tell, `[m, told]`, rows of unit length: with whom pictures are popular anyway.
    titles: Vec<f32>,
}

/// How sharply the titles that like a picture best decide how popular it is.
const SHARPNESS: f32 = 20.0;

/// A text in a picture space.
#[derive(Debug, Clone, PartialEq)]
pub struct WordQuery {
    /// Where its pictures are, roughly: for an index that compares embeddings by their dot product.
    pub embedding: Embedding,
    /// What it tells of a picture, `[told]`, of unit length; see [`WordQuery::likeness`].
    told: Vec<f32>,
}

/// What words can tell of a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct WordView {
    /// `[told]`, of unit length.
    told: Vec<f32>,
    /// How near it is to titles in general.
    popularity: f32,
}

impl WordQuery {
    /// How well a picture shows what this text tells, −2 to 2: the cosine of both in the directions that words can tell, less how
    /// popular the picture is with any title. Some pictures are near to many titles (hubs) and would be found for all of them;
    /// this is the inverted softmax of Smith et al. 2017 with titles of the catalogue as bank, `cos − ln(mean exp(20 cos)) / 20`.
    /// Above 0 when it fits this text better than most. Both have to be of one head.
    #[must_use]
    pub fn likeness(&self, view: &WordView) -> f32 {
        dot(&self.told, &view.told) - view.popularity
    }
}

/// A word or word pair: its row, and how much it says (inverse document frequency).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Term {
    pub(crate) row: usize,
    pub(crate) idf: f32,
}

impl WordHead {
    /// `None` unless `directions` has rows of `dim` numbers, `weights` one number for each of these rows for each term and
    /// `titles` for each title, all finite in half precision.
    pub(crate) fn new(
        space: SpaceId,
        dim: usize,
        terms: HashMap<u64, Term>,
        mut weights: Vec<f32>,
        mut directions: Vec<f32>,
        mut titles: Vec<f32>,
    ) -> Option<Self> {
        let numbers = weights.iter_mut().chain(&mut directions).chain(&mut titles);
        numbers.for_each(|number| *number = f16::from_f32(*number).to_f32());
        let told = directions.len().checked_div(dim)?;
        let fits = told > 0 && directions.len() == told * dim && weights.len() == told * terms.len();
        let fits = fits && terms.values().all(|term| term.row < terms.len() && term.idf.is_finite() && term.idf > 0.0);
        let fits = fits && titles.len().is_multiple_of(told);
        let finite = weights.iter().chain(&directions).chain(&titles).all(|number| number.is_finite());
        (fits && finite).then_some(Self { space, dim, told, terms, weights, directions, titles })
    }

    /// The space the words are brought into.
    #[must_use]
    pub fn space(&self) -> SpaceId {
        self.space
    }

    /// Length of the embeddings it gives.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Number of words and word pairs it knows.
    #[must_use]
    pub fn vocabulary(&self) -> usize {
        self.terms.len()
    }

    /// A text as a query; `None` when it knows none of the words, or they cancel each other out.
    ///
    /// # Errors
    /// [`SpaceError::NotFinite`] when the numbers overflow.
    pub fn query(&self, text: &str) -> Result<Option<WordQuery>, SpaceError> {
        let mut told = vec![0.0; self.told];
        for (row, weight) in tf_idf(&terms_of(text), &self.terms) {
            let values = self.weights.get(row * self.told..(row + 1) * self.told).unwrap_or_default();
            told.iter_mut().zip(values).for_each(|(sum, value)| *sum += weight * value);
        }
        match to_unit(&mut told) {
            Ok(()) => {}
            Err(SpaceError::Zero) => return Ok(None),
            Err(error) => return Err(error),
        }
        let mut vector = vec![0.0; self.dim];
        for (value, direction) in told.iter().zip(self.directions.chunks_exact(self.dim)) {
            vector.iter_mut().zip(direction).for_each(|(sum, number)| *sum += value * number);
        }
        match Embedding::normalised(self.space, vector) {
            Ok(embedding) => Ok(Some(WordQuery { embedding, told })),
            Err(SpaceError::Zero) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A picture as words can tell of it; `None` for an embedding of another length or one that has nothing of that. `picture` is
    /// an embedding of this head's space. About 20 µs, most of it for the popularity.
    #[must_use]
    pub fn view(&self, picture: &[f32]) -> Option<WordView> {
        if picture.len() != self.dim {
            return None;
        }
        let mut told: Vec<f32> =
            self.directions.chunks_exact(self.dim).map(|direction| dot(direction, picture)).collect();
        to_unit(&mut told).ok()?;
        Some(WordView { popularity: self.popularity(&told), told })
    }

    /// How well a picture shows what a text tells: [`WordQuery::likeness`] of its [`WordHead::view`], −2 where it has none. Keep the
    /// view where one picture is compared with many texts.
    #[must_use]
    pub fn likeness(&self, query: &WordQuery, picture: &[f32]) -> f32 {
        self.view(picture).map_or(-2.0, |view| query.likeness(&view))
    }

    /// How near a picture is to titles in general, by what words tell of it.
    fn popularity(&self, told: &[f32]) -> f32 {
        let titles = self.titles.chunks_exact(self.told);
        let count = titles.len();
        if count == 0 {
            return 0.0;
        }
        let sum: f32 = titles.map(|title| (SHARPNESS * dot(title, told)).exp()).sum();
        (sum / count as f32).ln() / SHARPNESS
    }

    /// The head as a file; `notes` (provenance) go into its metadata.
    ///
    /// # Errors
    /// [`SpaceError::Head`] when the file cannot be made.
    pub fn to_bytes(&self, notes: &[(String, String)]) -> Result<Vec<u8>, SpaceError> {
        let failed = |reason: String| SpaceError::Head { origin: "a word head".into(), reason };
        let mut rows: Vec<(&u64, &Term)> = self.terms.iter().collect();
        rows.sort_unstable_by_key(|(_, term)| term.row);
        let terms: Vec<u8> = rows.iter().flat_map(|(hash, _)| hash.to_le_bytes()).collect();
        let idf: Vec<u8> = rows.iter().flat_map(|(_, term)| term.idf.to_le_bytes()).collect();
        let halves = |numbers: &[f32]| -> Vec<u8> {
            numbers.iter().flat_map(|&value| f16::from_f32(value).to_le_bytes()).collect()
        };
        let (weights, directions, titles) = (halves(&self.weights), halves(&self.directions), halves(&self.titles));
        let own = [
            ("format".to_owned(), FORMAT.to_owned()),
            ("space".to_owned(), self.space.to_string()),
            ("blake3".to_owned(), checksum(self.space, [&terms, &idf, &weights, &directions, &titles])),
        ];
        let view = |kind, shape: Vec<usize>, bytes| {
            TensorView::new(kind, shape, bytes).map_err(|error| failed(error.to_string()))
        };
        let count = rows.len();
        let tensors = [
            ("terms", view(Dtype::U64, vec![count], &terms)?),
            ("idf", view(Dtype::F32, vec![count], &idf)?),
            ("weights", view(Dtype::F16, vec![count, self.told], &weights)?),
            ("directions", view(Dtype::F16, vec![self.told, self.dim], &directions)?),
            ("titles", view(Dtype::F16, vec![self.titles.len() / self.told, self.told], &titles)?),
        ];
        let metadata = notes.iter().cloned().chain(own).collect();
        safetensors::serialize(tensors, Some(metadata)).map_err(|error| failed(error.to_string()))
    }

    /// Reads a word head; `origin` names it in errors.
    ///
    /// # Errors
    /// [`SpaceError::Head`] when the bytes are damaged, truncated, of another format, or do not fit together.
    pub fn from_bytes(bytes: &[u8], origin: &str) -> Result<Self, SpaceError> {
        Self::parse(bytes).map_err(|reason| SpaceError::Head { origin: origin.to_owned(), reason })
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| error.to_string())?;
        let metadata = header.metadata().as_ref().ok_or("it has no metadata")?;
        if metadata.get("format").map(String::as_str) != Some(FORMAT) {
            return Err(format!("its format is {:?}, not {FORMAT}", metadata.get("format")));
        }
        let space = metadata.get("space").ok_or("it does not say for which space it is")?;
        let space: SpaceId = space.parse().map_err(|error| format!("space `{space}`: {error}"))?;
        let file = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
        let tensor = |name: &str, kind: Dtype| match file.tensor(name) {
            Ok(tensor) if tensor.dtype() == kind => Ok(tensor),
            Ok(tensor) => Err(format!("`{name}` is {:?}, not {kind:?}", tensor.dtype())),
            Err(error) => Err(error.to_string()),
        };
        let terms = tensor("terms", Dtype::U64)?;
        let (idf, weights) = (tensor("idf", Dtype::F32)?, tensor("weights", Dtype::F16)?);
        let (directions, titles) = (tensor("directions", Dtype::F16)?, tensor("titles", Dtype::F16)?);
        let (count, dim) = match (terms.shape(), idf.shape(), weights.shape(), directions.shape()) {
            ([terms], [idf], [rows, told], [directions, dim])
                if terms == idf && terms == rows && told == directions =>
            {
                (*terms, *dim)
            }
            (terms, idf, weights, directions) => {
                let shapes =
                    format!("`terms` {terms:?}, `idf` {idf:?}, `weights` {weights:?}, `directions` {directions:?}");
                return Err(format!("its shapes do not fit: {shapes}"));
            }
        };
        if count == 0 || count > MOST_TERMS || dim == 0 || dim > MOST_DIMS || directions.shape()[0] > dim {
            return Err(format!("{count} terms of {dim} numbers; 1 to {MOST_TERMS} of 1 to {MOST_DIMS} are possible"));
        }
        let [_, told] = titles.shape() else { return Err(format!("`titles` has shape {:?}", titles.shape())) };
        if *told != directions.shape()[0] || titles.shape()[0] > MOST_TITLES {
            return Err(format!("`titles` has shape {:?}", titles.shape()));
        }
        let tensors = [terms.data(), idf.data(), weights.data(), directions.data(), titles.data()];
        if metadata.get("blake3") != Some(&checksum(space, tensors)) {
            return Err("its checksum does not fit: the file is damaged".into());
        }
        let (hashes, _) = terms.data().as_chunks::<8>();
        let (idf, _) = idf.data().as_chunks::<4>();
        let rows = hashes.iter().zip(idf).enumerate();
        let terms: HashMap<u64, Term> = rows
            .map(|(row, (hash, idf))| (u64::from_le_bytes(*hash), Term { row, idf: f32::from_le_bytes(*idf) }))
            .collect();
        if terms.len() != count {
            return Err("a term is there twice".into());
        }
        let numbers =
            |bytes: &[u8]| bytes.as_chunks::<2>().0.iter().map(|two| f16::from_le_bytes(*two).to_f32()).collect();
        Self::new(space, dim, terms, numbers(weights.data()), numbers(directions.data()), numbers(titles.data()))
            .ok_or_else(|| "a number is not finite".into())
    }
}

fn checksum(space: SpaceId, tensors: [&[u8]; 5]) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(space.to_string().as_bytes());
    for bytes in tensors {
        hasher.update(bytes);
    }
    hasher.finalize().to_hex().to_string()
}

/// The words of a text and all pairs of different words in it, as hashes; in which order the words stand does not matter.
/// A run of a script without spaces (Han, Kana, Hangul, Thai) has no words: its overlapping pairs of characters, and its
/// characters, stand for them.
pub(crate) fn terms_of(text: &str) -> Vec<u64> {
    let words = words_of(text);
    let mut hashes: Vec<u64> = words.iter().map(|(word, _)| hash(word, "")).collect();
    let mut paired: Vec<&str> =
        words.iter().filter(|(_, alone)| !alone).map(|(word, _)| word.as_str()).take(PAIRED).collect();
    paired.sort_unstable();
    paired.dedup();
    for (place, first) in paired.iter().enumerate() {
        hashes.extend(paired[place + 1..].iter().map(|second| hash(first, second)));
    }
    hashes
}

/// Words in lower case, and whether each is a single character beside the pairs it is part of.
fn words_of(text: &str) -> Vec<(String, bool)> {
    let spaceless = |character: char| matches!(u32::from(character), 0x0E00..=0x0EFF | 0x1780..=0x17FF | 0x2E80..=0x9FFF | 0xAC00..=0xD7AF | 0xF900..=0xFAFF | 0x20000..=0x3FFFF);
    let mut words: Vec<(String, bool)> = Vec::new();
    let mut run: Vec<char> = Vec::new();
    let mut finish = |run: &mut Vec<char>| {
        if run.first().is_some_and(|first| spaceless(*first)) {
            words.extend(run.iter().map(|character| (character.to_string(), run.len() > 1)));
            words.extend(run.windows(2).map(|pair| (pair.iter().collect(), false)));
        } else if !run.is_empty() {
            words.push((run.iter().collect(), false));
        }
        run.clear();
    };
    for character in text.nfkc().flat_map(char::to_lowercase) {
        if !character.is_alphanumeric() {
            finish(&mut run);
            continue;
        }
        if run.last().is_some_and(|last| spaceless(*last) != spaceless(character)) {
            finish(&mut run);
        }
        run.push(character);
    }
    finish(&mut run);
    words
}

/// A word, or a pair of words.
fn hash(first: &str, second: &str) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(first.as_bytes()).update(&[0]).update(second.as_bytes());
    let mut bytes = [0; 8];
    hasher.finalize_xof().fill(&mut bytes);
    u64::from_le_bytes(bytes)
}

/// Rows and weights of the known terms, by row, of unit length together: (1 + ln count) × idf.
pub(crate) fn tf_idf(terms: &[u64], known: &HashMap<u64, Term>) -> Vec<(usize, f32)> {
    let mut found: Vec<(usize, f32)> =
        terms.iter().filter_map(|term| known.get(term)).map(|term| (term.row, term.idf)).collect();
    found.sort_unstable_by_key(|(row, _)| *row);
    let mut weighted: Vec<(usize, f32)> = found
        .chunk_by(|a, b| a.0 == b.0)
        .filter_map(|same| same.first().map(|(row, idf)| (*row, (1.0 + (same.len() as f32).ln()) * idf)))
        .collect();
    let length = weighted.iter().map(|(_, weight)| weight * weight).sum::<f32>().sqrt();
    weighted.iter_mut().for_each(|(_, weight)| *weight /= length.max(f32::MIN_POSITIVE));
    weighted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::id::test_id;
    use super::*;

    fn words(text: &str) -> Vec<String> {
        words_of(text).into_iter().map(|(word, _)| word).collect()
    }

    fn small() -> WordHead {
        small_with(Vec::new())
    }

    fn small_with(titles: Vec<f32>) -> WordHead {
        let term = |row, idf| Term { row, idf };
        let terms =
            [(hash("red", ""), term(0, 1.5)), (hash("bag", ""), term(1, 2.0)), (hash("bag", "red"), term(2, 3.0))];
        let directions = vec![1.0, 0.0, 0.0, 0.0, 2.0, 0.0];
        WordHead::new(test_id(7), 3, terms.into(), vec![1.0, 0.0, 0.0, 1.0, 0.5, 0.25], directions, titles).unwrap()
    }

    #[test]
    fn words_in_any_script() {
        assert_eq!(words("Red T-Shirt"), ["red", "t", "shirt"]);
        assert_eq!(words("红色包 bag"), ["红", "色", "包", "红色", "色包", "bag"]);
        assert!(words_of(" -- ").is_empty());
        assert_eq!(terms_of("a b c").len(), 6);
        assert_eq!(terms_of("a b a").len(), 4, "a word and itself are no pair");
    }

    #[test]
    fn pairs_do_not_care_for_the_order() {
        let pair = |text: &str| terms_of(text)[2];
        assert_eq!(pair("red bag"), pair("bag red"));
    }

    #[test]
    fn a_head_is_the_same_after_saving() {
        let head = small();
        let read = WordHead::from_bytes(&head.to_bytes(&[]).unwrap(), "test").unwrap();
        assert_eq!(read, head);
        assert_eq!(read.query("red bag").unwrap(), head.query("Bag, red!").unwrap());
        assert_eq!(read.query("green hat").unwrap(), None);
    }

    #[test]
    fn likeness_is_the_cosine_in_what_words_tell() {
        let head = small();
        let red = head.query("red").unwrap().unwrap();
        assert_eq!(red.embedding.vector(), [1.0, 0.0, 0.0]);
        assert_eq!(red.embedding.space(), test_id(7));
        // The third number says nothing that words tell.
        assert!((head.likeness(&red, &[0.6, 0.0, 0.8]) - 1.0).abs() < 1e-6);
        assert!((head.likeness(&red, &[0.6, 0.3, 0.8]) - 0.5_f32.sqrt()).abs() < 1e-6);
        assert_eq!(head.likeness(&red, &[0.0, 0.0, 1.0]), -2.0);
        assert_eq!(head.likeness(&red, &[1.0]), -2.0);
    }

    #[test]
    fn a_picture_that_every_title_likes_is_found_for_none() {
        let head = small_with(vec![1.0, 0.0]);
        let read = WordHead::from_bytes(&head.to_bytes(&[]).unwrap(), "test").unwrap();
        assert_eq!(read, head);
        let red = head.query("red").unwrap().unwrap();
        // The only title of the catalogue likes the first picture as much as this one does; the other one less.
        assert!(head.likeness(&red, &[1.0, 0.0, 0.0]).abs() < 1e-5);
        let bag = head.query("bag").unwrap().unwrap();
        assert!((head.likeness(&bag, &[0.0, 1.0, 0.0]) - 1.0).abs() < 1e-5);
        assert!((head.likeness(&bag, &[1.0, 0.0, 0.0]) + 1.0).abs() < 1e-5);
    }

    #[test]
    fn damaged_and_foreign_heads_are_refused() {
        let bytes = small().to_bytes(&[]).unwrap();
        for length in 0..bytes.len() {
            assert!(WordHead::from_bytes(&bytes[..length], "test").is_err(), "{length}");
        }
        let mut damaged = bytes.clone();
        *damaged.last_mut().unwrap() ^= 1;
        let error = WordHead::from_bytes(&damaged, "words.bin").unwrap_err().to_string();
        assert!(error.contains("damaged") && error.contains("words.bin"), "{error}");
        let picture_head = crate::space::Head::linear("m", &[0.0], &[1.0]).unwrap().to_bytes(&[]).unwrap();
        assert!(WordHead::from_bytes(&picture_head, "test").unwrap_err().to_string().contains("format"));
    }

    #[test]
    fn a_long_text_is_read_to_its_end_in_bounded_time() {
        let text = (0..10_000).map(|number| format!("w{number} ")).collect::<String>();
        assert_eq!(terms_of(&text).len(), 10_000 + PAIRED * (PAIRED - 1) / 2);
    }

    proptest! {
        #[test]
        fn a_flipped_byte_is_an_error_or_the_same_head(at in 0_usize..400, with in 1_u8..) {
            let mut bytes = small().to_bytes(&[]).unwrap();
            let at = at % bytes.len();
            bytes[at] ^= with;
            if let Ok(head) = WordHead::from_bytes(&bytes, "test") {
                // What is outside of the checksum says nothing: names of notes, white space of the header.
                prop_assert_eq!(head, small());
            }
        }
    }
}
