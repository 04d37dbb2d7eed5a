//! What an engine is opened with.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::FreshnessOptions;
use crate::catalogue::feeds::Variants;
use crate::image::Limits;
use crate::index::Synonyms;
use crate::search::Rules;

/// For how many days a picture is kept that no product shows, where nothing else is said: what is out of the feed for a week or two
/// need not be embedded again.
pub const KEEP_UNUSED_DAYS: u32 = 30;

/// Settings of an engine. The app fills them from `vetrina.toml`, environment and flags.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// The folder all state lives under; made when it is not there.
    pub data: PathBuf,
    /// ONNX Runtime's library; `None` looks where [`crate::model::find_runtime`] says.
    pub onnxruntime: Option<PathBuf>,
    /// Threads that import and embed, at least 1; `None` takes one for each core, four at most.
    pub threads: Option<usize>,
    /// Limits for pictures.
    pub limits: Limits,
    /// Whether pictures and feeds may be fetched from private and loopback addresses.
    pub allow_private_addresses: bool,
    /// Language whose stemmer and stop words apply to Latin script (`english`, `german`…, as in Snowball).
    pub language: String,
    /// Words that mean the same in the shops of this folder.
    pub synonyms: Synonyms,
    /// ISO 4217 code of prices that name none.
    pub default_currency: Option<String>,
    /// Columns of general CSV feeds by field: `column → field`.
    pub feed_mapping: BTreeMap<String, String>,
    /// What the shop wants shown first.
    pub rules: Rules,
    /// What becomes of variants that a feed has inside of their product.
    pub feed_variants: Variants,
    /// For how many days a picture is kept that no product shows any more and nobody asked with.
    pub keep_unused_days: u32,
    /// When spaces are trained again by themselves.
    pub freshness: FreshnessOptions,
}

impl EngineOptions {
    /// The defaults, over a folder.
    #[must_use]
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Self {
            data: data.into(),
            onnxruntime: None,
            threads: None,
            limits: Limits::default(),
            allow_private_addresses: false,
            language: "english".to_owned(),
            synonyms: Synonyms::default(),
            default_currency: None,
            feed_mapping: BTreeMap::new(),
            rules: Rules::default(),
            feed_variants: Variants::default(),
            keep_unused_days: KEEP_UNUSED_DAYS,
            freshness: FreshnessOptions::default(),
        }
    }
}
