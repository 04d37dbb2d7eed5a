//! `vetrina doctor`: looks at everything, changes nothing.

use serde_json::json;
use vetrina_engine::Engine;
use vetrina_engine::engine::Health;

use super::Context;
use crate::output::{Exit, Failure, print, print_json};
use crate::settings::{KEYS, Settings};

/// Runs it. Fails when something does not work.
pub fn run(context: &Context) -> Result<Exit, Failure> {
    let checks = Engine::doctor(&context.settings.engine);
    let worst = checks.iter().map(|check| check.health).max().unwrap_or(Health::Good);
    let settings = in_force(&context.settings);
    if context.json {
        let settings: serde_json::Map<_, _> = settings
            .iter()
            .map(|(name, value, source)| ((*name).to_owned(), json!({"value": value, "source": source})))
            .collect();
        print_json(&json!({
            "version": env!("CARGO_PKG_VERSION"), "health": worst, "checks": checks, "settings": settings,
        }))?;
    } else {
        print(&format!("vetrina {}", env!("CARGO_PKG_VERSION")))?;
        for check in &checks {
            let mark = match check.health {
                Health::Good => "ok  ",
                Health::Warning => "look",
                Health::Bad => "BAD ",
            };
            print(&format!("{mark}  {}: {}", check.name, check.found))?;
            if let Some(hint) = &check.hint {
                print(&format!("      {hint}"))?;
            }
        }
        print("settings")?;
        for (name, value, source) in &settings {
            print(&format!("      {name} = {value}  ({source})"))?;
        }
    }
    Ok(if worst == Health::Bad { Exit::Failed } else { Exit::Done })
}

/// Every setting: name, value, where it comes from.
fn in_force(settings: &Settings) -> Vec<(&'static str, String, String)> {
    const MIB: u64 = 1 << 20;
    let engine = &settings.engine;
    let optional = |value: Option<String>, otherwise: &str| value.unwrap_or_else(|| otherwise.to_owned());
    let percent = |share: f64| format!("{:.0}", share * 100.0);
    KEYS.iter()
        .map(|key| {
            let value = match key.path {
                "data" => engine.data.display().to_string(),
                "listen" => settings.listen.to_string(),
                "onnxruntime" => {
                    optional(engine.onnxruntime.as_ref().map(|path| path.display().to_string()), "searched for")
                }
                "threads" => {
                    optional(engine.threads.map(|threads| threads.to_string()), "one for each core, four at most")
                }
                "permits" => settings.permits.to_string(),
                "allow_private_addresses" => engine.allow_private_addresses.to_string(),
                "language" => engine.language.clone(),
                "default_currency" => optional(engine.default_currency.clone(), "none"),
                "limits.file_mib" => (engine.limits.file_bytes / MIB).to_string(),
                "limits.megapixels" => (engine.limits.pixels / 1_000_000).to_string(),
                "limits.side" => engine.limits.side.to_string(),
                "limits.decode_mib" => (engine.limits.decode_bytes / MIB).to_string(),
                "limits.request_mib" => (settings.request_bytes / MIB).to_string(),
                "limits.feed_mib" => (settings.feed_bytes / MIB).to_string(),
                "feed.variants" => format!("{:?}", engine.feed_variants).to_lowercase(),
                "pictures.keep_unused_days" => engine.keep_unused_days.to_string(),
                "freshness.retrain" => engine.freshness.retrain.to_string(),
                "freshness.every_days" => engine.freshness.every_days.to_string(),
                "freshness.drift_percent" => percent(engine.freshness.drift),
                "freshness.newer_percent" => percent(engine.freshness.newer),
                "log.level" => optional(settings.log.level.clone(), "info for servers, error for commands"),
                "log.format" => format!("{:?}", settings.log.format).to_lowercase(),
                _ => String::new(),
            };
            let source = settings.sources.get(key.path).cloned().unwrap_or_else(|| "default".to_owned());
            (key.path, value, source)
        })
        .collect()
}
