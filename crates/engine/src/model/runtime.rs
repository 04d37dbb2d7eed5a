//! ONNX Runtime in this process: found, checked and loaded once.

use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use super::{ModelError, find_runtime, library_file};

/// The runtime of this process. A process loads one library; it stays until the end.
#[derive(Debug, Clone)]
pub struct Runtime {
    path: PathBuf,
    environment: ort::environment::Environment,
}

impl Runtime {
    /// The library's file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the library says of its build: version, compiler.
    #[must_use]
    pub fn build_info(&self) -> &'static str {
        ort::info()
    }

    pub(super) fn environment(&self) -> &ort::environment::Environment {
        &self.environment
    }
}

static LOADED: Mutex<Option<Runtime>> = Mutex::new(None);

/// Loads ONNX Runtime's library, found by [`find_runtime`], or gives the one this process has loaded before (then
/// `explicit` is not looked at). A failed attempt can be repeated with another path.
///
/// # Errors
/// [`ModelError::RuntimeMissing`] with every place looked at; [`ModelError::RuntimeRefused`] when the file is not a
/// library, truncated, for another machine, not ONNX Runtime, or older than 1.17.
pub fn load_runtime(explicit: Option<&Path>) -> Result<Runtime, ModelError> {
    let mut loaded = LOADED.lock();
    if let Some(runtime) = loaded.as_ref() {
        return Ok(runtime.clone());
    }
    let search = find_runtime(explicit);
    let Some(path) = search.found else {
        return Err(ModelError::RuntimeMissing { tried: search.tried });
    };
    let refused = |reason: String| ModelError::RuntimeRefused { path: path.clone(), reason };
    library_file::check(&path).map_err(refused)?;
    let environment = ort::init_from(&path)
        .map_err(|error| refused(error.to_string()))?
        .with_name("vetrina")
        .with_telemetry(false)
        .build()
        .map_err(|error| refused(error.to_string()))?;
    tracing::debug!(path = %path.display(), "ONNX Runtime loaded");
    let runtime = Runtime { path, environment };
    *loaded = Some(runtime.clone());
    Ok(runtime)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Loads in a process of its own, since a process loads only one library: the test binary runs itself again.
    fn load_in_child(path: &Path) -> String {
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "model::runtime::tests::child", "--ignored", "--nocapture"])
            .env("VETRINA_ONNXRUNTIME", path)
            .env("RUST_BACKTRACE", "0")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{:?}\n{text}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
        text
    }

    #[test]
    #[ignore = "run by the other tests in a process of its own"]
    fn child() {
        match load_runtime(None) {
            Ok(runtime) => println!("loaded {} {}", runtime.path().display(), runtime.build_info()),
            Err(error) => println!("{}: {error}; {}", error.code(), error.hint()),
        }
    }

    fn library() -> PathBuf {
        find_runtime(None).found.expect("ONNX Runtime's library is missing: run `make setup`")
    }

    #[test]
    fn the_library_of_make_setup_loads() {
        assert!(load_in_child(&library()).contains("loaded"));
    }

    #[test]
    fn a_missing_library_names_path_and_command() {
        let text = load_in_child(Path::new("/nowhere/libonnxruntime.so"));
        assert!(
            text.contains("runtime-missing") && text.contains("/nowhere/") && text.contains("make setup"),
            "{text}"
        );
    }

    #[test]
    fn a_text_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("libonnxruntime.so");
        fs::write(&file, "this is not a library\n").unwrap();
        let text = load_in_child(&file);
        assert!(text.contains("runtime-refused") && text.contains("make setup"), "{text}");
        fs::write(&file, "").unwrap();
        assert!(load_in_child(&file).contains("runtime-refused"));
    }

    #[test]
    fn a_truncated_library_is_refused_at_any_length() {
        let folder = tempfile::tempdir().unwrap();
        let whole = fs::read(library()).unwrap();
        for length in [20, 64, 300, 4096, whole.len() / 2, whole.len() * 9 / 10] {
            let file = folder.path().join(format!("{length}.so"));
            fs::write(&file, &whole[..length]).unwrap();
            let text = load_in_child(&file);
            assert!(text.contains("runtime-refused"), "{length}: {text}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn another_library_is_refused() {
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        let libc = maps.split_whitespace().find(|word| word.ends_with("/libc.so.6")).unwrap();
        let text = load_in_child(Path::new(libc));
        assert!(text.contains("runtime-refused") && text.contains("OrtGetApiBase"), "{text}");
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_or_folder_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        assert!(load_in_child(folder.path()).contains("runtime-missing"));
        assert!(load_in_child(Path::new("/dev/zero")).contains("runtime-missing"));
    }
}
