//! Where ONNX Runtime's library is looked for.

use std::env;
use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

/// What [`find_runtime`] looked at and found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeSearch {
    /// Every place that was looked at, in order, up to the one that was found.
    pub tried: Vec<Tried>,
    /// The library, where there is one. That the file exists does not say that it can be used: [`super::load_runtime`]
    /// tells.
    pub found: Option<PathBuf>,
}

/// One place that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// The file or folder.
    pub path: PathBuf,
    /// What was there.
    pub outcome: Outcome,
}

/// What was at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A file to be used.
    Found,
    /// Nothing.
    Missing,
    /// Something that is neither a file nor a folder with the library in it.
    NotALibrary,
}

impl fmt::Display for Tried {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = match self.outcome {
            Outcome::Found => "found",
            Outcome::Missing => "missing",
            Outcome::NotALibrary => "no library there",
        };
        write!(formatter, "{} ({outcome})", self.path.display())
    }
}

/// Looks for ONNX Runtime's library, in this order: `explicit` (a flag or setting: file or folder), the environment
/// variable `VETRINA_ONNXRUNTIME` (the same), next to the running program, `$XDG_DATA_HOME` or `~/.local/share` +
/// `/vetrina/onnxruntime`, `$XDG_CACHE_HOME` or `~/.cache` + `/vetrina/onnxruntime-*` (which `make setup` fills; newest
/// version first), and the folders the system's loader searches. What is named explicitly or by the environment is the
/// only place looked at: a wish that cannot be met is an error, not a reason to take another library.
#[must_use]
pub fn find_runtime(explicit: Option<&Path>) -> RuntimeSearch {
    let wished = explicit
        .map(Path::to_path_buf)
        .or_else(|| env::var_os("VETRINA_ONNXRUNTIME").filter(|value| !value.is_empty()).map(PathBuf::from));
    search(wished.as_deref(), &Places::of_this_process())
}

/// The folders that are searched when nothing was wished for.
struct Places {
    program: Option<PathBuf>,
    data: Option<PathBuf>,
    cache: Option<PathBuf>,
    system: Vec<PathBuf>,
}

impl Places {
    fn of_this_process() -> Self {
        let home = env::home_dir().filter(|home| home.is_absolute());
        let base = |variable: &str, below_home: &str| {
            // The base directory specification: a relative path is to be ignored.
            let set = env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
            set.or_else(|| home.as_ref().map(|home| home.join(below_home))).map(|path| path.join("vetrina"))
        };
        let mut system: Vec<PathBuf> = env::var_os("LD_LIBRARY_PATH")
            .map(|paths: OsString| env::split_paths(&paths).filter(|path| path.is_absolute()).collect())
            .unwrap_or_default();
        let target = format!("/usr/lib/{}-linux-gnu", env::consts::ARCH);
        system.extend(["/usr/local/lib", target.as_str(), "/usr/lib64", "/usr/lib"].map(PathBuf::from));
        Self {
            program: env::current_exe().ok().and_then(|program| Some(program.parent()?.to_path_buf())),
            data: base("XDG_DATA_HOME", ".local/share"),
            cache: base("XDG_CACHE_HOME", ".cache"),
            system,
        }
    }
}

fn search(wished: Option<&Path>, places: &Places) -> RuntimeSearch {
    let mut search = RuntimeSearch { tried: Vec::new(), found: None };
    if let Some(path) = wished {
        search.look_at(path);
        return search;
    }
    let folders = places
        .program
        .iter()
        .cloned()
        .chain(places.data.iter().map(|data| data.join("onnxruntime")))
        .chain(places.cache.iter().flat_map(|cache| versions_in(cache)))
        .chain(places.system.iter().cloned());
    for folder in folders {
        if search.look_at(&folder) {
            break;
        }
    }
    search
}

impl RuntimeSearch {
    /// Looks at a file, or at a folder for the library in it.
    fn look_at(&mut self, path: &Path) -> bool {
        let library = if path.is_dir() { library_in(path) } else { Some(path.to_path_buf()) };
        let (path, outcome) = match library {
            Some(file) if file.is_file() => (file, Outcome::Found),
            Some(other) if other.exists() => (other, Outcome::NotALibrary),
            Some(absent) => (absent, Outcome::Missing),
            None => (path.to_path_buf(), Outcome::NotALibrary),
        };
        if outcome == Outcome::Found {
            // An absolute path, so that the loader does not look anywhere else.
            self.found = Some(std::path::absolute(&path).unwrap_or_else(|_| path.clone()));
        }
        self.tried.push(Tried { path, outcome });
        self.found.is_some()
    }
}

/// `libonnxruntime.so`, or else the newest `libonnxruntime.so.1.2.3`, in a folder.
fn library_in(folder: &Path) -> Option<PathBuf> {
    let plain = folder.join(format!("{DLL_PREFIX}onnxruntime{DLL_SUFFIX}"));
    if plain.is_file() {
        return Some(plain);
    }
    let prefix = format!("{DLL_PREFIX}onnxruntime{DLL_SUFFIX}.");
    newest(folder, &prefix).into_iter().find(|path| path.is_file())
}

/// The folders of `make setup`, newest version first; the pattern itself where there is none, so that it is listed.
fn versions_in(cache: &Path) -> Vec<PathBuf> {
    let found = newest(cache, "onnxruntime-");
    if found.is_empty() { vec![cache.join("onnxruntime-*")] } else { found }
}

/// What is in `folder` and begins with `prefix`, highest version first.
fn newest(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    let mut versions: Vec<(Vec<u64>, PathBuf)> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.strip_prefix(prefix)?.to_owned();
            let numbers = version.split('.').map(|part| part.parse().unwrap_or(0)).collect();
            Some((numbers, entry.path()))
        })
        .collect();
    versions.sort_unstable_by(|a, b| b.cmp(a));
    versions.into_iter().map(|(_, path)| path).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn places(root: &Path) -> Places {
        Places {
            program: Some(root.join("bin")),
            data: Some(root.join("data")),
            cache: Some(root.join("cache")),
            system: vec![root.join("usr")],
        }
    }

    fn put(path: &Path) -> PathBuf {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, b"").unwrap();
        path.to_path_buf()
    }

    #[test]
    fn the_order_is_program_data_cache_system() {
        let root = tempfile::tempdir().unwrap();
        let name = format!("{DLL_PREFIX}onnxruntime{DLL_SUFFIX}");
        let mut last = None;
        for folder in ["usr", "cache/onnxruntime-1.9.0", "cache/onnxruntime-1.32.0", "data/onnxruntime", "bin"] {
            let file = put(&root.path().join(folder).join(&name));
            let search = search(None, &places(root.path()));
            assert_eq!(search.found.as_ref(), Some(&file), "{search:?}");
            last = Some(file);
        }
        assert!(last.is_some());
    }

    #[test]
    fn a_wish_is_the_only_place() {
        let root = tempfile::tempdir().unwrap();
        put(&root.path().join("bin").join(format!("{DLL_PREFIX}onnxruntime{DLL_SUFFIX}")));
        let wish = root.path().join("nowhere.so");
        let search = search(Some(&wish), &places(root.path()));
        assert_eq!(search.found, None);
        assert_eq!(search.tried, [Tried { path: wish, outcome: Outcome::Missing }]);
    }

    #[test]
    fn a_folder_may_be_wished_for_and_versioned_names_count() {
        let root = tempfile::tempdir().unwrap();
        let library = put(&root.path().join(format!("{DLL_PREFIX}onnxruntime{DLL_SUFFIX}.1.32.0")));
        put(&root.path().join(format!("{DLL_PREFIX}onnxruntime{DLL_SUFFIX}.1.4.0")));
        assert_eq!(search(Some(root.path()), &places(root.path())).found, Some(library));
    }

    #[test]
    fn everything_tried_is_listed() {
        let root = tempfile::tempdir().unwrap();
        let search = search(None, &places(root.path()));
        assert_eq!(search.found, None);
        let listed: Vec<String> = search.tried.iter().map(ToString::to_string).collect();
        assert_eq!(listed.len(), 4, "{listed:?}");
        assert!(listed[2].contains("onnxruntime-*"), "{listed:?}");
    }
}
