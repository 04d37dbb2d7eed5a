//! The index: vectors, words and payload of every product of one catalogue, rebuilt from the store whenever needed.
//!
//! One product is one point. A point carries
//! - `picture`: one embedding per image, compared by MaxSim, so that with one query vector a product scores as its best
//!   image does;
//! - a payload: filter fields (see [`fields`]) and the terms it says, with their BM25F values (see [`words`]).
//!
//! Beside the points, and made of them where they are missing: the columns ([`table`]) and the lists of who says a word.
//!
//! The index is never the truth. It promises that what was written before an [`Index::flush`] that answers for everything
//! survives, that applying the same write twice does no harm, and that damage is noticed when it opens, so that the caller can
//! fill it again.

mod ahead;
mod columns;
mod durable;
mod embedded;
mod error;
pub mod fields;
mod journal;
pub mod lexicon;
mod packed;
mod paged;
mod point;
mod postings;
mod reads;
mod settings;
mod sketch;
mod synonyms;
pub mod table;
#[cfg(test)]
pub(crate) mod tests;
mod tuning;
mod wording;
pub mod words;

use std::path::Path;

use roaring::RoaringBitmap;

pub use durable::Flushed;
pub use embedded::Embedded;
pub use error::IndexError;
pub use fields::{Column, FieldKind};
pub use point::{
    AttributeColumns, Fields, IndexPoint, MAX_VECTORS_PER_PRODUCT, attributes, availability, brand, codes, currency,
    effective_price, folded_title, group, in_stock, picture_colours, shorten,
};
pub use postings::Said;
pub use reads::Scored;
pub use sketch::Sought;
pub use synonyms::{SynonymError, Synonyms};
pub use table::{Card, FacetCount, Table};
pub use tuning::{Compression, Effort, Tuning};
pub use wording::Wording;

/// A filter over payload fields, in Qdrant's own model: the same for the embedded index and for a Qdrant cluster.
pub type Filter = qdrant_edge::Filter;

/// What cannot change without building the index again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexOptions {
    /// Dimensions of one embedding.
    pub dims: usize,
    /// Language whose stemmer and stop words apply to Latin script: an English name as in Snowball (`english`, `german`…).
    pub language: String,
    /// How vectors are kept. A graph that was built with other values is built again when it is next optimised.
    pub tuning: Tuning,
    /// Words that mean the same in this shop.
    pub synonyms: Synonyms,
}

impl IndexOptions {
    /// Options for embeddings of `dims` dimensions and the English stemmer.
    #[must_use]
    pub fn new(dims: usize) -> Self {
        Self { dims, language: "english".to_owned(), synonyms: Synonyms::default(), tuning: Tuning::default() }
    }
}

/// How an index was found when it opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// There was none; an empty one was made. Fill it from the store.
    Fresh,
    /// It was there and answers. Apply again whatever is newer than the revision noted at the last flush.
    Loaded,
    /// It was there and could not be used: it was removed and an empty one made. Fill it from the store.
    Damaged {
        /// What was wrong with it, for the log and for `vetrina doctor`.
        reason: String,
    },
}

/// An open index and how it was found.
#[derive(Debug)]
pub struct Opened {
    /// Ready for reads and writes.
    pub index: Index,
    /// Whether the caller has to fill it.
    pub state: State,
}

/// What an optimisation does with graphs that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merging {
    /// Leaves them: an index that goes on growing would build its graphs again and again. Every search walks over all of them.
    Later,
    /// Builds one of several, where they are small.
    Now,
}

/// Size and health, for `vetrina doctor` and metrics.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct IndexInfo {
    /// Products in the index. While an optimisation runs this may count a changed product twice.
    pub points: usize,
    /// Products whose vectors are in a graph; the others are scanned.
    pub indexed: usize,
    /// Parts the index consists of.
    pub segments: usize,
    /// Bytes of the write-ahead log on disk.
    pub log_bytes: u64,
    /// Bytes of everything on disk.
    pub disk_bytes: u64,
}

/// The index of one catalogue. Reads, writes and [`Index::optimize`] may run at the same time, from any thread.
#[derive(Debug)]
pub enum Index {
    /// In this process, through `qdrant-edge`.
    Embedded(Embedded),
}

impl Index {
    /// Opens the index under `dir`, or makes one. Damage is not an error: see [`State::Damaged`].
    ///
    /// # Errors
    /// When the folder cannot be read or written, or another process holds the index.
    pub fn open(dir: &Path, options: &IndexOptions) -> Result<Opened, IndexError> {
        let (embedded, state) = Embedded::open(dir, options)?;
        Ok(Opened { index: Self::Embedded(embedded), state })
    }

    /// Inserts or replaces products. Found by the next read. Applying the same points again changes nothing.
    ///
    /// # Errors
    /// When a vector has the wrong length or is not finite (nothing is written then), or the index refuses the write.
    pub fn upsert(&self, points: &[IndexPoint]) -> Result<(), IndexError> {
        match self {
            Self::Embedded(index) => index.upsert(points),
        }
    }

    /// Removes products; keys that are not there are ignored.
    ///
    /// # Errors
    /// When the index refuses the write.
    pub fn delete(&self, keys: &[u64]) -> Result<(), IndexError> {
        match self {
            Self::Embedded(index) => index.delete(keys),
        }
    }

    /// Brings every write so far to disk, and says whether it answers for them. After [`Flushed::Everything`] the store notes its
    /// revision; after [`Flushed::UpToOptimisation`] it leaves the one it noted before.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn flush(&self) -> Result<Flushed, IndexError> {
        match self {
            Self::Embedded(index) => index.flush(),
        }
    }

    /// Whether an optimisation was cut off, by the end of its process or by an error: whatever is newer than the revision noted
    /// last has to be applied again, and then [`Index::made_good`] asked. Until then no flush answers for anything, and
    /// [`Index::optimize`] does nothing.
    #[must_use]
    pub fn is_doubtful(&self) -> bool {
        match self {
            Self::Embedded(index) => index.is_doubtful(),
        }
    }

    /// Says that everything newer than the revision noted last was applied again. False when products are in the index twice
    /// all the same, which comes of an end in the moment when an optimisation swaps its result in: then it is to be cleared
    /// and filled from the store, and this asked again. Nobody may write meanwhile.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn made_good(&self) -> Result<bool, IndexError> {
        match self {
            Self::Embedded(index) => index.made_good(),
        }
    }

    /// The revision up to which the columns on disk know every change, as it was given to [`Index::keep_columns`]; none where
    /// there is no such file. Whoever opens an index applies again what is newer, as after a flush.
    #[must_use]
    pub fn columns_kept(&self) -> Option<i64> {
        match self {
            Self::Embedded(index) => index.columns_kept(),
        }
    }

    /// Writes the columns to disk, so that the next start need not read them from every product: 0.5 s for a million. They
    /// know every change up to `revision`. Nobody may write meanwhile; searches go on.
    ///
    /// # Errors
    /// When the disk refuses; the file is as it was then.
    pub fn keep_columns(&self, revision: i64) -> Result<(), IndexError> {
        match self {
            Self::Embedded(index) => index.keep_columns(revision),
        }
    }

    /// Removes the columns from disk: they are too old to catch up with. The next start reads them from every product.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn forget_columns(&self) -> Result<(), IndexError> {
        match self {
            Self::Embedded(index) => index.forget_columns(),
        }
    }

    /// Makes the columns anew from every product in the index. Nobody may write meanwhile, and searches wait.
    ///
    /// # Errors
    /// When the disk refuses or the engine fails.
    pub fn reread_columns(&self) -> Result<(), IndexError> {
        match self {
            Self::Embedded(index) => index.reread_columns(),
        }
    }

    /// Builds graphs and merges what is worth it; reads and writes go on. Returns whether anything was done. Begins and ends with
    /// a flush.
    ///
    /// # Errors
    /// When the disk refuses or the engine fails; the index is doubtful then, see [`Index::is_doubtful`].
    pub fn optimize(&self) -> Result<bool, IndexError> {
        self.optimize_as(Merging::Now)
    }

    /// Whether an optimisation runs: it takes what time the processor has.
    #[must_use]
    pub fn is_being_optimised(&self) -> bool {
        match self {
            Self::Embedded(index) => index.optimiser.is_locked(),
        }
    }

    /// As [`Index::optimize`], and says what becomes of graphs that there are.
    ///
    /// # Errors
    /// As [`Index::optimize`].
    pub fn optimize_as(&self, merging: Merging) -> Result<bool, IndexError> {
        match self {
            Self::Embedded(index) => index.optimize(merging),
        }
    }

    /// Removes every product.
    ///
    /// # Errors
    /// When the index refuses the write.
    pub fn clear(&self) -> Result<(), IndexError> {
        match self {
            Self::Embedded(index) => index.clear(),
        }
    }

    /// How many products match, exactly.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn count(&self, filter: Option<&Filter>) -> Result<usize, IndexError> {
        match self {
            Self::Embedded(index) => index.count(filter, true),
        }
    }

    /// The products nearest to `query`, best first, ties by key.
    ///
    /// `query` holds one or more vectors of `dims` numbers. A product scores the sum over them of the best dot product
    /// with one of its images (MaxSim); weights are applied by scaling the query vectors.
    ///
    /// # Errors
    /// When a vector has the wrong length or is not finite, or the engine fails.
    pub fn nearest(
        &self,
        query: &[Vec<f32>],
        filter: Option<&Filter>,
        limit: usize,
        exact: bool,
    ) -> Result<Vec<Scored>, IndexError> {
        self.nearest_with(query, filter, limit, if exact { Effort::Exact } else { Effort::Usual })
    }

    /// A query as [`Table::estimate`] compares it with the sketches of products: one or more vectors, as [`Index::nearest`] takes them.
    ///
    /// # Errors
    /// When a vector has the wrong length or is not finite.
    pub fn seek(&self, query: &[Vec<f32>]) -> Result<Sought, IndexError> {
        match self {
            Self::Embedded(index) => index.seek(query),
        }
    }

    /// As [`Index::nearest`], trying as hard as `effort` says.
    ///
    /// # Errors
    /// As [`Index::nearest`].
    pub fn nearest_with(
        &self,
        query: &[Vec<f32>],
        filter: Option<&Filter>,
        limit: usize,
        effort: Effort,
    ) -> Result<Vec<Scored>, IndexError> {
        match self {
            Self::Embedded(index) => index.nearest(query, filter, limit, effort),
        }
    }

    /// All products of the table that say any word of `text`, with BM25F over its [`Index::wording`] as score; those whose SKU,
    /// GTIN or MPN it names have twice the score of the best. `table` is this index's own, held for the whole search.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn said(&self, table: &Table, text: &str) -> Result<Said, IndexError> {
        let wording = self.wording(text);
        let mut said = match self {
            Self::Embedded(index) => index.said(table, &wording.terms)?,
        };
        let coded = table.rows(self.coded(&wording.codes)?);
        if !coded.is_empty() {
            let best = said.best(&said.rows);
            let score = if said.rows.is_empty() { 1.0 } else { best * 2.0 };
            for row in &coded {
                said.scores[row as usize] = score;
            }
            said.rows |= coded;
        }
        Ok(said)
    }

    /// The products that say `text` best, as [`Index::said`] has it, best first, ties by key.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn words(&self, text: &str, limit: usize) -> Result<Vec<Scored>, IndexError> {
        let table = self.table();
        Ok(best(&table, &self.said(&table, text)?, limit))
    }

    /// The products that say any of these terms, best first, ties by key.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn terms(&self, query: &words::Terms, limit: usize) -> Result<Vec<Scored>, IndexError> {
        let table = self.table();
        let said = match self {
            Self::Embedded(index) => index.said(&table, query)?,
        };
        Ok(best(&table, &said, limit))
    }

    /// What a shopper's words are in the index's terms: completed, corrected, with synonyms and compounds. Some
    /// microseconds for known words, about a millisecond for each unknown one at 100,000 words.
    #[must_use]
    pub fn wording(&self, text: &str) -> Wording {
        match self {
            Self::Embedded(index) => index.wording(text),
        }
    }

    /// The words of the catalogue. Writes wait while it is held.
    pub fn lexicon(&self) -> parking_lot::RwLockReadGuard<'_, lexicon::Lexicon> {
        match self {
            Self::Embedded(index) => index.lexicon(),
        }
    }

    /// Reads the words that were kept beside the columns, where they were, without products that are gone and with what was
    /// learned since. Returns whether the lexicon has every product now. About 2 s for a million products.
    #[must_use]
    pub fn read_kept_words(&self) -> bool {
        match self {
            Self::Embedded(index) => index.read_kept_words(),
        }
    }

    /// Brings what searches walk over into the disk's cache, about 600 bytes a picture (300 where vectors are compressed), so that the first
    /// ones need not wait for it; as far as `stop` lets it.
    pub fn read_ahead(&self, stop: impl Fn() -> bool) {
        match self {
            Self::Embedded(index) => index.read_ahead(stop),
        }
    }

    /// Takes the words of products that are in the index and were written before it was opened; those whose words it has
    /// are left as they are.
    pub fn learn_words(&self, points: &[IndexPoint]) {
        match self {
            Self::Embedded(index) => index.learn_words(points),
        }
    }

    /// Keys of the products that have one of these codes (SKU, GTIN, MPN), each in the form of [`fields::code`]; none when
    /// over a hundred have: such a code names no product.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn coded(&self, codes: &[String]) -> Result<Vec<u64>, IndexError> {
        match self {
            Self::Embedded(index) => index.coded(codes),
        }
    }

    /// The codes, in the form of [`fields::code`], that start with `prefix`. Looks at all of them.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn codes_starting_with(&self, prefix: &str) -> Result<Vec<String>, IndexError> {
        match self {
            Self::Embedded(index) => index.codes_starting_with(prefix),
        }
    }

    /// Rows of all products whose title or id starts with the folded `prefix`; none for other columns and an empty prefix.
    /// `table` is this index's own, held for the whole search.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn starting_with(&self, table: &Table, column: &Column, prefix: &str) -> Result<RoaringBitmap, IndexError> {
        match self {
            Self::Embedded(index) => index.starting_with(table, column, prefix),
        }
    }

    /// The analyser that turned the products' texts into terms; queries must use the same.
    #[must_use]
    pub fn analyser(&self) -> &words::Analyser {
        match self {
            Self::Embedded(index) => index.analyser(),
        }
    }

    /// The embeddings of products, in the order of `keys`; a product that is absent or has no picture gives an empty list.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn vectors_of(&self, keys: &[u64]) -> Result<Vec<Vec<Vec<f32>>>, IndexError> {
        match self {
            Self::Embedded(index) => index.vectors_of(keys),
        }
    }

    /// Keys in rising order, at most `limit`, from `from` on; the second value is where to go on.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn keys(
        &self,
        filter: Option<&Filter>,
        from: Option<u64>,
        limit: usize,
    ) -> Result<(Vec<u64>, Option<u64>), IndexError> {
        match self {
            Self::Embedded(index) => index.keys(filter, from, limit),
        }
    }

    /// Payload values of products under the given columns, in the order of `keys`.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn values(&self, keys: &[u64], columns: &[Column]) -> Result<Vec<Vec<serde_json::Value>>, IndexError> {
        match self {
            Self::Embedded(index) => index.values(keys, columns),
        }
    }

    /// The payload in memory. Writes wait while it is held, so hold it for one search and not longer.
    pub fn table(&self) -> parking_lot::RwLockReadGuard<'_, Table> {
        match self {
            Self::Embedded(index) => index.table(),
        }
    }

    /// The condition that a product has a picture.
    #[must_use]
    pub fn has_picture() -> qdrant_edge::Condition {
        embedded::has_picture()
    }

    /// Names of the attributes that products in the index have, folded, sorted.
    #[must_use]
    pub fn attributes(&self) -> Vec<String> {
        match self {
            Self::Embedded(index) => index.attributes(),
        }
    }

    /// Size and health.
    #[must_use]
    pub fn info(&self) -> IndexInfo {
        match self {
            Self::Embedded(index) => index.info(),
        }
    }
}

/// The products that say words best, best first, ties by key.
fn best(table: &Table, said: &Said, limit: usize) -> Vec<Scored> {
    let scored = |row: u32| Scored { key: table.key(row), score: said.scores[row as usize] };
    let mut found: Vec<Scored> = said.rows.iter().map(scored).collect();
    found.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.key.cmp(&b.key)));
    found.truncate(limit);
    found
}
