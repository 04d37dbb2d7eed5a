//! The layers that settings come from, one over the other.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use figment::error::Kind as Wrong;
use figment::providers::{Format, Serialized, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};
use serde::{Deserialize, Serialize};
use vetrina_engine::engine::{FreshnessOptions, KEEP_UNUSED_DAYS};
use vetrina_engine::image::Limits;
use vetrina_engine::search::Rules;

use super::keys::{KEYS, Key, Kind, nearest};
use super::public_keys::RawPublicKey;
use super::{MIB, SettingsError, default_data};

/// The file that is read from the working folder when no other is named.
const FILE: &str = "vetrina.toml";

/// What flags may set.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// Another file than `./vetrina.toml`.
    pub config: Option<PathBuf>,
    /// Values by the path of their setting.
    pub values: BTreeMap<&'static str, Value>,
}

/// Settings as they are written, unchecked.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    pub data: PathBuf,
    pub listen: String,
    pub onnxruntime: Option<PathBuf>,
    pub threads: Option<u64>,
    pub permits: Option<u64>,
    pub allow_private_addresses: bool,
    pub language: String,
    pub default_currency: Option<String>,
    pub limits: RawLimits,
    pub pictures: RawPictures,
    pub freshness: RawFreshness,
    pub log: RawLog,
    pub feed: RawFeed,
    pub rules: Rules,
    pub words: RawWords,
    pub public_keys: Vec<RawPublicKey>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawLimits {
    pub file_mib: u64,
    pub megapixels: u64,
    pub side: u64,
    pub decode_mib: u64,
    pub request_mib: u64,
    pub feed_mib: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawPictures {
    pub keep_unused_days: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawFreshness {
    pub retrain: bool,
    pub every_days: u64,
    pub drift_percent: u64,
    pub newer_percent: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawLog {
    pub level: Option<String>,
    pub format: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawFeed {
    pub variants: String,
    pub mapping: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawWords {
    pub synonyms: Vec<Vec<String>>,
    pub one_way: BTreeMap<String, Vec<String>>,
}

impl Default for RawFeed {
    fn default() -> Self {
        Self { variants: "joined".to_owned(), mapping: BTreeMap::new() }
    }
}

impl Default for Raw {
    fn default() -> Self {
        Self {
            data: default_data(),
            listen: "127.0.0.1:7700".to_owned(),
            onnxruntime: None,
            threads: None,
            permits: None,
            allow_private_addresses: false,
            language: "english".to_owned(),
            default_currency: None,
            limits: RawLimits::default(),
            pictures: RawPictures::default(),
            freshness: RawFreshness::default(),
            log: RawLog::default(),
            feed: RawFeed::default(),
            rules: Rules::default(),
            words: RawWords::default(),
            public_keys: Vec::new(),
        }
    }
}

impl Default for RawLimits {
    fn default() -> Self {
        let limits = Limits::default();
        Self {
            file_mib: limits.file_bytes / MIB,
            megapixels: limits.pixels / 1_000_000,
            side: u64::from(limits.side),
            decode_mib: limits.decode_bytes / MIB,
            request_mib: 64,
            feed_mib: 4096,
        }
    }
}

impl Default for RawPictures {
    fn default() -> Self {
        Self { keep_unused_days: u64::from(KEEP_UNUSED_DAYS) }
    }
}

impl Default for RawFreshness {
    fn default() -> Self {
        let usual = FreshnessOptions::default();
        Self {
            retrain: usual.retrain,
            every_days: u64::from(usual.every_days),
            drift_percent: (usual.drift * 100.0).round() as u64,
            newer_percent: (usual.newer * 100.0).round() as u64,
        }
    }
}

impl Default for RawLog {
    fn default() -> Self {
        Self { level: None, format: "text".to_owned() }
    }
}

/// Values by path, from one place.
struct Layer {
    name: &'static str,
    values: Vec<(&'static str, Value)>,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let mut dict = Dict::new();
        for (path, value) in &self.values {
            put(&mut dict, path, value.clone());
        }
        Ok(Profile::Default.collect(dict))
    }
}

/// Puts a value at `a.b`.
fn put(dict: &mut Dict, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            dict.insert(path.to_owned(), value);
        }
        Some((head, rest)) => {
            let inner = dict.entry(head.to_owned()).or_insert_with(|| Value::from(Dict::new()));
            if let Value::Dict(_, inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}

/// Reads all layers. Also says where each setting that is not a default comes from.
pub(super) fn read(flags: &Flags) -> Result<(Raw, BTreeMap<&'static str, String>), SettingsError> {
    let file = file_of(flags)?;
    let environment = environment(|name| std::env::var(name).ok())?;
    let mut sources = BTreeMap::new();
    let mut figment = Figment::from(Serialized::defaults(Raw::default()));
    if let Some(file) = &file {
        let text = std::fs::read_to_string(file).map_err(|error| SettingsError {
            key: "config".to_owned(),
            source_name: None,
            reason: format!("cannot read {}: {error}", file.display()),
            hint: "name a file that can be read with --config, or leave it out".to_owned(),
        })?;
        let layer = Figment::from(Toml::string(&text));
        for key in KEYS {
            if layer.contains(key.path) {
                sources.insert(key.path, file.display().to_string());
            }
        }
        // Of this layer alone first, so that an error is of the file for sure.
        layer.extract::<Raw>().map_err(|error| of_figment(error, &file.display().to_string()))?;
        figment = figment.merge(Toml::string(&text));
    }
    for (key, _) in &environment {
        sources.insert(key.path, format!("environment {}", key.env));
    }
    for path in flags.values.keys().copied() {
        sources.insert(path, "flag".to_owned());
    }
    let values = environment.into_iter().map(|(key, value)| (key.path, value)).collect();
    let figment = figment.merge(Layer { name: "environment", values }).merge(Layer {
        name: "flags",
        values: flags.values.iter().map(|(path, value)| (*path, value.clone())).collect(),
    });
    let raw = figment.extract::<Raw>().map_err(|error| {
        let name = error.metadata.as_ref().map_or_else(String::new, |from| from.name.to_string());
        of_figment(error, &name)
    })?;
    Ok((raw, sources))
}

fn file_of(flags: &Flags) -> Result<Option<PathBuf>, SettingsError> {
    match &flags.config {
        Some(path) if path.is_file() => Ok(Some(path.clone())),
        Some(path) => Err(SettingsError {
            key: "config".to_owned(),
            source_name: Some("flag".to_owned()),
            reason: format!("there is no file {}", path.display()),
            hint: "look at the path, or leave --config out".to_owned(),
        }),
        None => Ok(Some(Path::new(FILE)).filter(|path| path.is_file()).map(Path::to_path_buf)),
    }
}

/// The settings that the environment has. Other variables are not ours to judge, whatever their names.
fn environment(look_up: impl Fn(&str) -> Option<String>) -> Result<Vec<(Key, Value)>, SettingsError> {
    let mut values = Vec::new();
    for key in KEYS {
        let Some(text) = look_up(key.env).filter(|text| !text.is_empty()) else { continue };
        let wrong = |what: &str| SettingsError {
            key: key.path.to_owned(),
            source_name: Some(format!("environment {}", key.env)),
            reason: format!("`{text}` is not {what}"),
            hint: format!("set {} to {what}, or unset it", key.env),
        };
        let value = match key.kind {
            Kind::Text => Value::from(text.clone()),
            Kind::Number => Value::from(text.trim().parse::<u64>().map_err(|_| wrong("a whole number"))?),
            Kind::Flag => match text.trim().to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" | "on" => Value::from(true),
                "false" | "0" | "no" | "off" => Value::from(false),
                _ => return Err(wrong("true or false")),
            },
        };
        values.push((key, value));
    }
    Ok(values)
}

/// A library's error in our words.
fn of_figment(error: figment::Error, source: &str) -> SettingsError {
    let mut path = error.path.clone();
    let source_name = (!source.is_empty()).then(|| source.to_owned());
    match &error.kind {
        Wrong::UnknownField(field, _) => {
            if path.last() != Some(field) {
                path.push(field.clone());
            }
            let key = path.join(".");
            let hint = match nearest(&key) {
                Some(name) => format!("did you mean `{name}`?"),
                None => "docs/operations.md lists the settings".to_owned(),
            };
            SettingsError { key, source_name, reason: "there is no such setting".to_owned(), hint }
        }
        Wrong::InvalidType(actual, expected) | Wrong::InvalidValue(actual, expected) => SettingsError {
            key: path.join("."),
            source_name,
            reason: format!("found {actual}, expected {expected}"),
            hint: "docs/operations.md lists the settings and what they hold".to_owned(),
        },
        other => SettingsError {
            key: if path.is_empty() { "vetrina.toml".to_owned() } else { path.join(".") },
            source_name,
            reason: other.to_string(),
            hint: "correct the file".to_owned(),
        },
    }
}

#[cfg(test)]
pub(super) fn environment_of(pairs: &[(&str, &str)]) -> Result<Vec<(&'static str, Value)>, SettingsError> {
    let look_up = |name: &str| pairs.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned());
    Ok(environment(look_up)?.into_iter().map(|(key, value)| (key.path, value)).collect())
}
