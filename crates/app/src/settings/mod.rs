//! Settings: defaults, then `vetrina.toml`, then `VETRINA_*`, then flags; checked once, into a type that cannot be wrong.

mod keys;
mod layers;
mod public_keys;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use serde::Serialize;
use vetrina_engine::EngineOptions;
use vetrina_engine::engine::FreshnessOptions;
use vetrina_engine::image::Limits;
use vetrina_engine::index::Synonyms;

pub use keys::KEYS;
pub use layers::Flags;
use layers::Raw;
pub use public_keys::PublicKey;

/// MiB in bytes.
const MIB: u64 = 1 << 20;

/// What the program runs with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What the engine is opened with.
    pub engine: EngineOptions,
    /// Where the server listens.
    pub listen: SocketAddr,
    /// Searches and writes that may be at work at once; at least 1.
    pub permits: usize,
    /// Longest body of a request that is held in memory, bytes.
    pub request_bytes: u64,
    /// Longest feed that may be sent over HTTP, bytes.
    pub feed_bytes: u64,
    /// How the log is written.
    pub log: Log,
    /// Keys that pages of other sites may ask with.
    pub public_keys: Vec<PublicKey>,
    /// Where each setting that is not a default comes from: `threads → environment VETRINA_THREADS`.
    pub sources: BTreeMap<&'static str, String>,
}

/// How the log is written.
#[derive(Debug, Clone)]
pub struct Log {
    /// `info`, or a filter such as `vetrina=debug,warn`; none: `warn` for commands, `info` for servers.
    pub level: Option<String>,
    /// Lines for people or for programs.
    pub format: LogFormat,
}

/// Lines of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// A setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("setting `{key}`{}: {reason}", .source_name.as_deref().map(|name| format!(" ({name})")).unwrap_or_default())]
pub struct SettingsError {
    /// The setting.
    pub key: String,
    /// Where it was set.
    pub source_name: Option<String>,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub hint: String,
}

impl Settings {
    /// Reads every layer and checks what comes out.
    ///
    /// # Errors
    /// The first setting that is unknown, of the wrong kind, or out of its range.
    pub fn load(flags: &Flags) -> Result<Self, SettingsError> {
        let (raw, sources) = layers::read(flags)?;
        check(raw, sources)
    }
}

fn check(raw: Raw, sources: BTreeMap<&'static str, String>) -> Result<Settings, SettingsError> {
    let wrong = |key: &str, reason: String, hint: &str| SettingsError {
        key: key.to_owned(),
        source_name: sources.get(key).cloned(),
        reason,
        hint: hint.to_owned(),
    };
    let within = |key: &str, value: u64, least: u64, most: u64| {
        if (least..=most).contains(&value) {
            Ok(value)
        } else {
            Err(wrong(key, format!("{value} is outside of {least} to {most}"), "choose a number in that range"))
        }
    };
    let threads = raw.threads.map(|threads| within("threads", threads, 1, 256)).transpose()?;
    let cores = std::thread::available_parallelism().map_or(2, |cores| cores.get() as u64);
    let permits = within("permits", raw.permits.unwrap_or((cores * 3 / 2).clamp(3, 64)), 1, 1024)?;
    let side = within("limits.side", raw.limits.side, 16, 100_000)?;
    let limits = Limits {
        file_bytes: within("limits.file_mib", raw.limits.file_mib, 1, 1024)? * MIB,
        pixels: within("limits.megapixels", raw.limits.megapixels, 1, 2000)? * 1_000_000,
        side: u32::try_from(side).unwrap_or(u32::MAX),
        decode_bytes: within("limits.decode_mib", raw.limits.decode_mib, 16, 65_536)? * MIB,
    };
    let request_bytes = within("limits.request_mib", raw.limits.request_mib, 1, 4096)? * MIB;
    let feed_bytes = within("limits.feed_mib", raw.limits.feed_mib, 1, 1 << 20)? * MIB;
    let listen = address(&raw.listen).ok_or_else(|| {
        wrong("listen", format!("`{}` is not an address to listen on", raw.listen), "write it as 127.0.0.1:7700")
    })?;
    let default_currency = raw.default_currency.filter(|code| !code.is_empty()).map(|code| code.to_ascii_uppercase());
    if let Some(code) = &default_currency
        && !(code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase()))
    {
        let reason = format!("`{code}` is not the code of a currency");
        return Err(wrong("default_currency", reason, "write its three letters of ISO 4217, such as EUR"));
    }
    let language = raw.language.trim().to_lowercase();
    if let Err(error) = vetrina_engine::index::words::Analyser::new(&language) {
        return Err(wrong(
            "language",
            error.to_string(),
            "write its name in English, such as english, german, spanish",
        ));
    }
    let synonyms = Synonyms::new(&raw.words.synonyms, &raw.words.one_way).map_err(|error| {
        wrong(
            "words",
            error.to_string(),
            "write `synonyms = [[\"sneaker\", \"trainer\"]]` or `one_way = { jumper = [\"sweater\"] }`",
        )
    })?;
    if let Some(level) = &raw.log.level
        && let Err(error) = level.parse::<tracing_subscriber::EnvFilter>()
    {
        return Err(wrong("log.level", error.to_string(), "one of error, warn, info, debug, trace"));
    }
    let format = match raw.log.format.as_str() {
        "text" => LogFormat::Text,
        "json" => LogFormat::Json,
        other => return Err(wrong("log.format", format!("`{other}` is not a format"), "`text` or `json`")),
    };
    if let Err(error) = raw.rules.validate("rules") {
        return Err(wrong(error.field().unwrap_or("rules"), error.to_string(), &error.hint()));
    }
    if raw.data.as_os_str().is_empty() {
        return Err(wrong("data", "it is empty".to_owned(), "name a folder"));
    }
    let feed_variants =
        raw.feed.variants.parse().map_err(|reason| wrong("feed.variants", reason, "write `joined` or `separate`"))?;
    let keep_unused = within("pictures.keep_unused_days", raw.pictures.keep_unused_days, 0, 36_500)?;
    let days = within("freshness.every_days", raw.freshness.every_days, 0, 3_650)?;
    let percent = |key: &str, value: u64| Ok(within(key, value, 1, 1_000)? as f64 / 100.0);
    let freshness = FreshnessOptions {
        retrain: raw.freshness.retrain,
        every_days: u32::try_from(days).unwrap_or(u32::MAX),
        drift: percent("freshness.drift_percent", raw.freshness.drift_percent)?,
        newer: percent("freshness.newer_percent", raw.freshness.newer_percent)?,
        ..FreshnessOptions::default()
    };
    let public_keys =
        public_keys::checked(raw.public_keys).map_err(|(reason, hint)| wrong(keys::PUBLIC_KEYS, reason, &hint))?;
    let engine = EngineOptions {
        data: raw.data,
        onnxruntime: raw.onnxruntime.filter(|path| !path.as_os_str().is_empty()),
        threads: threads.map(|threads| threads as usize),
        limits,
        allow_private_addresses: raw.allow_private_addresses,
        language,
        synonyms,
        default_currency,
        feed_mapping: raw.feed.mapping,
        rules: raw.rules,
        feed_variants,
        keep_unused_days: u32::try_from(keep_unused).unwrap_or(u32::MAX),
        freshness,
    };
    let log = Log { level: raw.log.level, format };
    Ok(Settings { engine, listen, permits: permits as usize, request_bytes, feed_bytes, log, public_keys, sources })
}

/// `host:port`; a name is looked up.
fn address(text: &str) -> Option<SocketAddr> {
    text.parse().ok().or_else(|| text.to_socket_addrs().ok()?.next())
}

/// The default data folder.
fn default_data() -> PathBuf {
    PathBuf::from("./vetrina-data")
}
