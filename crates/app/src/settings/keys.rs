//! Every setting by name: where it stands in `vetrina.toml`, and which environment variable sets it.

/// How the environment's text becomes a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Taken as it is.
    Text,
    /// A whole number.
    Number,
    /// `true` or `false`.
    Flag,
}

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Its path in the file: `limits.file_mib`.
    pub path: &'static str,
    /// The environment variable.
    pub env: &'static str,
    /// What it holds.
    pub kind: Kind,
}

const fn key(path: &'static str, env: &'static str, kind: Kind) -> Key {
    Key { path, env, kind }
}

/// All of them. `VETRINA_DATA` is not here: tests and lab use that name for evaluation data (docs/decisions.md).
pub const KEYS: [Key; 22] = [
    key("data", "VETRINA_DATA_DIR", Kind::Text),
    key("listen", "VETRINA_LISTEN", Kind::Text),
    key("onnxruntime", "VETRINA_ONNXRUNTIME", Kind::Text),
    key("threads", "VETRINA_THREADS", Kind::Number),
    key("permits", "VETRINA_PERMITS", Kind::Number),
    key("allow_private_addresses", "VETRINA_ALLOW_PRIVATE_ADDRESSES", Kind::Flag),
    key("language", "VETRINA_LANGUAGE", Kind::Text),
    key("default_currency", "VETRINA_DEFAULT_CURRENCY", Kind::Text),
    key("limits.file_mib", "VETRINA_LIMITS_FILE_MIB", Kind::Number),
    key("limits.megapixels", "VETRINA_LIMITS_MEGAPIXELS", Kind::Number),
    key("limits.side", "VETRINA_LIMITS_SIDE", Kind::Number),
    key("limits.decode_mib", "VETRINA_LIMITS_DECODE_MIB", Kind::Number),
    key("limits.request_mib", "VETRINA_LIMITS_REQUEST_MIB", Kind::Number),
    key("limits.feed_mib", "VETRINA_LIMITS_FEED_MIB", Kind::Number),
    key("feed.variants", "VETRINA_FEED_VARIANTS", Kind::Text),
    key("pictures.keep_unused_days", "VETRINA_PICTURES_KEEP_UNUSED_DAYS", Kind::Number),
    key("freshness.retrain", "VETRINA_FRESHNESS_RETRAIN", Kind::Flag),
    key("freshness.every_days", "VETRINA_FRESHNESS_EVERY_DAYS", Kind::Number),
    key("freshness.drift_percent", "VETRINA_FRESHNESS_DRIFT_PERCENT", Kind::Number),
    key("freshness.newer_percent", "VETRINA_FRESHNESS_NEWER_PERCENT", Kind::Number),
    key("log.level", "VETRINA_LOG_LEVEL", Kind::Text),
    key("log.format", "VETRINA_LOG_FORMAT", Kind::Text),
];

/// The table of columns in the file, which no environment variable sets.
pub const FEED_MAPPING: &str = "feed.mapping";
/// The business rules in the file, which no environment variable sets.
pub const RULES: &str = "rules";
/// Lists of words in the file, which no environment variable sets: what means the same, and what also finds.
pub const WORDS: [&str; 2] = ["words.synonyms", "words.one_way"];

/// The list of public keys in the file, which no environment variable sets either.
pub const PUBLIC_KEYS: &str = "public_keys";

/// The known name that `name` was probably meant to be.
pub fn nearest(name: &str) -> Option<&'static str> {
    let last = name.rsplit('.').next().unwrap_or(name);
    let likeness = |path: &'static str| {
        let own = path.rsplit('.').next().unwrap_or(path);
        strsim::jaro_winkler(name, path).max(strsim::jaro_winkler(last, own))
    };
    KEYS.iter()
        .map(|key| key.path)
        .chain([FEED_MAPPING, RULES, PUBLIC_KEYS])
        .chain(WORDS)
        .map(|path| (likeness(path), path))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, path)| path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_named() {
        assert_eq!(nearest("listn"), Some("listen"));
        assert_eq!(nearest("limits.megapixel"), Some("limits.megapixels"));
        assert_eq!(nearest("file_mb"), Some("limits.file_mib"));
        assert_eq!(nearest("zzz"), None);
    }
}
