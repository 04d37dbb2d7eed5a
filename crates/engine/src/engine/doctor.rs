//! What is well and what is not, and what to do about it.

use std::fs;

use super::import::disk_free;
use super::{CatalogueName, Check, Engine, EngineError, EngineOptions, Health};
use crate::index::State;
use crate::model::{Outcome, RuntimeOptions, builtin_manifest, builtin_model, find_runtime, load_runtime};
use crate::space::Space;

/// Less than this free on the disk is worth a word.
const LOW_DISK: u64 = 2 << 30;

impl Engine {
    /// Looks at everything that Vetrina needs. Changes nothing but for making the data folder, and works when
    /// [`Engine::open`] does not.
    #[must_use]
    pub fn doctor(options: &EngineOptions) -> Vec<Check> {
        let mut checks = vec![check_runtime(options), check_model(options), check_space(), check_threads(options)];
        checks.extend(check_data(options));
        checks
    }
}

fn check(name: &str, health: Health, found: impl Into<String>, hint: Option<String>) -> Check {
    Check { name: name.to_owned(), health, found: found.into(), hint }
}

fn check_runtime(options: &EngineOptions) -> Check {
    let name = "ONNX Runtime";
    let search = find_runtime(options.onnxruntime.as_deref());
    let places: Vec<String> = search
        .tried
        .iter()
        .map(|tried| {
            let what = if tried.outcome == Outcome::Found { "found" } else { "nothing" };
            format!("{}: {what}", tried.path.display())
        })
        .collect();
    match load_runtime(options.onnxruntime.as_deref()) {
        Ok(runtime) => {
            check(name, Health::Good, format!("{} ({})", runtime.path().display(), runtime.build_info()), None)
        }
        Err(error) => {
            let found = format!("{error}. Looked at: {}", places.join("; "));
            check(name, Health::Bad, found, Some(error.hint().to_owned()))
        }
    }
}

fn check_model(options: &EngineOptions) -> Check {
    let name = "model";
    let manifest = match builtin_manifest() {
        Ok(manifest) => manifest,
        Err(error) => return check(name, Health::Bad, error.to_string(), Some(error.hint().to_owned())),
    };
    let runtime = RuntimeOptions { library: options.onnxruntime.clone(), threads: 1, sessions: 1 };
    match builtin_model(&runtime) {
        Ok(_) => {
            let size = manifest.input.size;
            let found = format!("{}, {size}×{size} pixels, {} numbers", manifest.name, manifest.outputs.pooled.dim);
            check(name, Health::Good, found, None)
        }
        Err(error) => {
            let found = format!("{} cannot be run: {error}", manifest.name);
            check(name, Health::Bad, found, Some(error.hint().to_owned()))
        }
    }
}

fn check_space() -> Check {
    let name = "space";
    let space = builtin_manifest()
        .map_err(|error| error.to_string())
        .and_then(|manifest| Space::default_for(manifest).map_err(|error| error.to_string()));
    match space {
        Ok(space) => check(name, Health::Good, format!("{}, {} numbers", space.id(), space.dim()), None),
        Err(error) => check(name, Health::Bad, error, Some("the build is damaged: build it again".into())),
    }
}

fn check_threads(options: &EngineOptions) -> Check {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = super::threads(options);
    let found = format!("{threads} of {cores} cores");
    if threads > cores {
        let hint = "more threads than cores only wait for each other: set threads lower".to_owned();
        return check("threads", Health::Warning, found, Some(hint));
    }
    check("threads", Health::Good, found, None)
}

fn check_data(options: &EngineOptions) -> Vec<Check> {
    let mut checks = Vec::new();
    let shown = options.data.display();
    let writable = fs::create_dir_all(&options.data).and_then(|()| tempfile::tempfile_in(&options.data).map(drop));
    if let Err(error) = writable {
        let hint = "give this user the right to write there, or name another folder with --data".to_owned();
        checks.push(check("data folder", Health::Bad, format!("{shown}: {error}"), Some(hint)));
        return checks;
    }
    checks.push(check("data folder", Health::Good, shown.to_string(), None));
    if let Some(free) = disk_free(&options.data) {
        let found = format!("{:.1} GB free", free as f64 / 1e9);
        if free < LOW_DISK {
            let hint = "imports stop when it is full (nothing acknowledged is lost): make room".to_owned();
            checks.push(check("disk", Health::Warning, found, Some(hint)));
        } else {
            checks.push(check("disk", Health::Good, found, None));
        }
    }
    match Engine::open(options.clone()) {
        Ok(engine) => checks.extend(engine.check_catalogues()),
        Err(error @ EngineError::InUse { .. }) => {
            let found = format!("{error}: catalogues were not looked at");
            checks.push(check("catalogues", Health::Warning, found, Some(error.hint())));
        }
        Err(error) => checks.push(check("catalogues", Health::Bad, error.to_string(), Some(error.hint()))),
    }
    checks
}

impl Engine {
    /// How the catalogues and their indexes are.
    fn check_catalogues(&self) -> Vec<Check> {
        let open = self.open_catalogues();
        if open.is_empty() {
            let hint = "`vetrina demo` brings one, `vetrina import FEED` brings yours".to_owned();
            return vec![check("catalogues", Health::Good, "none yet", Some(hint))];
        }
        let mut checks: Vec<Check> = open
            .iter()
            .map(|catalogue| {
                let name = format!("catalogue {}", catalogue.name);
                let snapshot = catalogue.snapshot();
                let info = snapshot.index.info();
                let (products, images) = self.store.sizes(catalogue.key).unwrap_or_default();
                let found = format!(
                    "{products} products, {images} pictures; index: {} products in {} parts, {:.1} MB",
                    info.points,
                    info.segments,
                    info.disk_bytes as f64 / 1e6
                );
                if let State::Damaged { reason } = &snapshot.found {
                    let found = format!("{found}. The index was damaged ({reason}) and has been made again");
                    return check(&name, Health::Warning, found, Some("look at the disk".into()));
                }
                if info.points as u64 == products {
                    check(&name, Health::Good, found, None)
                } else {
                    let hint = "restart; if it stays, remove the folder `index` in the data folder: it is made again"
                        .to_owned();
                    check(&name, Health::Warning, found, Some(hint))
                }
            })
            .collect();
        for catalogue in &open {
            checks.extend(self.check_space_of(&catalogue.name));
        }
        checks.push(self.check_unused());
        checks
    }

    /// Pictures that nothing refers to.
    fn check_unused(&self) -> Check {
        match self.store.unused() {
            Ok(unused) => {
                let days = self.options.keep_unused_days;
                let found = match unused.images {
                    0 => "none without a product".to_owned(),
                    images => format!(
                        "{images} without a product, {:.1} MB, which a server removes after {days} days (`vetrina tidy --unused-days 0`: now)",
                        unused.bytes as f64 / 1e6
                    ),
                };
                check("pictures", Health::Good, found, None)
            }
            Err(error) => {
                let error = EngineError::from(error);
                check("pictures", Health::Bad, error.to_string(), Some(error.hint()))
            }
        }
    }

    /// The spaces of a catalogue: which is in use, how fresh it is, and files that cannot be used.
    fn check_space_of(&self, catalogue: &CatalogueName) -> Vec<Check> {
        let name = format!("space of {catalogue}");
        let spaces = match self.spaces(catalogue) {
            Ok(spaces) => spaces,
            Err(error) => return vec![check(&name, Health::Bad, error.to_string(), Some(error.hint()))],
        };
        let mut checks: Vec<Check> = spaces
            .iter()
            .filter_map(|space| {
                let trouble = space.trouble.clone()?;
                let hint = "restore the file from a backup, or train the space again".to_owned();
                Some(check(&name, Health::Warning, trouble, Some(hint)))
            })
            .collect();
        let active = spaces.iter().find(|space| space.active);
        let found = active.map_or_else(String::new, |space| {
            let from =
                space.report.as_ref().map_or_else(|| "the default one".to_owned(), |report| report.learned.clone());
            format!("{} ({from}), {} trained in all", space.id, spaces.len() - 1)
        });
        match self.freshness(catalogue) {
            Ok(Some(fresh)) => {
                let drift = fresh.drift.map_or_else(|| "not known".to_owned(), |drift| format!("{drift:.2}"));
                let found = format!(
                    "{found}; {:.0} days old, {:.0} % of the products are newer, drift {drift}",
                    fresh.days,
                    fresh.newer * 100.0
                );
                if fresh.reasons.is_empty() {
                    checks.push(check(&name, Health::Good, found, None));
                } else {
                    let hint = format!(
                        "train it again (`vetrina space train … --promote`), or let that be done by itself (`freshness.retrain`): {}",
                        fresh.reasons.join("; ")
                    );
                    checks.push(check(&name, Health::Warning, found, Some(hint)));
                }
            }
            Ok(None) => checks.push(check(&name, Health::Good, found, None)),
            Err(error) => checks.push(check(&name, Health::Bad, error.to_string(), Some(error.hint()))),
        }
        checks
    }
}
