//! Operation numbers and the marker file.
//!
//! `qdrant-edge` numbers every write by its place in its write-ahead log and ignores a write whose number is lower than
//! the version a point already has. It never replays that log, never trims it, and takes the numbers from whatever is left
//! of it: a log that lost its end would make later writes disappear without an error. So the numbers are kept here.
//! `index.json` holds a bound that is always above every number used; opening throws the old log away and starts a new one
//! at that bound. The log is then of no further use, and its closed parts are freed after every flush.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Compression, IndexError, IndexOptions, Tuning};

/// Version of the layout of point, payload and words. Raise it when any of them changes: old indexes are then rebuilt.
const FORMAT: u32 = 2;
const MARKER: &str = "index.json";
/// How many operation numbers are reserved at a time. Numbers below 2³² are stored most compactly by the engine.
const BLOCK: u64 = 1 << 16;
/// Length of the header of a log file; a file of this length is a log without entries.
const LOG_HEADER: u64 = 8;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Marker {
    format: u32,
    dims: usize,
    language: String,
    /// Of [`Tuning`], what cannot be changed later.
    #[serde(default)]
    half: bool,
    #[serde(default = "compression_of_before")]
    compression: Compression,
    /// Above every operation number used so far.
    next_operation: u64,
    /// The segments that there were when an optimisation began that has not ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    optimising: Option<BTreeSet<String>>,
}

/// What indexes had that do not tell.
fn compression_of_before() -> Compression {
    Compression::Scalar
}

/// Hands out operation numbers, durably ahead of their use.
#[derive(Debug)]
pub(super) struct Journal {
    dir: PathBuf,
    marker: Marker,
    next: u64,
}

impl Journal {
    /// The journal of a new index.
    pub(super) fn create(dir: &Path, options: &IndexOptions) -> Result<Self, IndexError> {
        let marker = Marker {
            format: FORMAT,
            dims: options.dims,
            language: options.language.clone(),
            half: options.tuning.half,
            compression: options.tuning.compression,
            next_operation: 0,
            optimising: None,
        };
        let mut journal = Self { dir: dir.to_owned(), next: 0, marker };
        journal.reserve()?;
        Ok(journal)
    }

    /// Reads the journal of an existing index. `Ok(None)` when there is none; `Err` says why the index must be rebuilt.
    pub(super) fn read(dir: &Path, options: &IndexOptions) -> Result<Option<Self>, String> {
        let bytes = match fs::read(dir.join(MARKER)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("{MARKER} cannot be read: {error}")),
        };
        let marker: Marker =
            serde_json::from_slice(&bytes).map_err(|error| format!("{MARKER} cannot be understood: {error}"))?;
        if marker.format != FORMAT {
            return Err(format!("it has format {}, this version writes {FORMAT}", marker.format));
        }
        if marker.dims != options.dims || marker.language != options.language {
            return Err(format!(
                "it was made for {} dimensions and {}, now it is {} and {}",
                marker.dims, marker.language, options.dims, options.language
            ));
        }
        Ok(Some(Self { dir: dir.to_owned(), next: marker.next_operation, marker }))
    }

    /// What is wanted of an index, with vectors kept as they are: the vector engine opens no index as what it is not, and builds its graphs
    /// anew for another compression.
    pub(super) fn tuning(&self, wanted: Tuning) -> Tuning {
        Tuning { half: self.marker.half, compression: self.marker.compression, ..wanted }
    }

    /// Replaces the engine's log by an empty one whose first number is the reserved bound. The shard must be closed.
    pub(super) fn restart_log(&mut self, log: &Path) -> Result<(), IndexError> {
        if log.exists() {
            fs::remove_dir_all(log).map_err(IndexError::io("cannot remove", log))?;
        }
        fs::create_dir_all(log).map_err(IndexError::io("cannot create", log))?;
        self.reserve()?;
        // The engine's own form of a log that begins later: a closed file without entries, named after its first number.
        let seed = log.join(format!("closed-{}", self.next));
        write_durably(&seed, |mut file| file.write_all(b"wal\0vtrn"))
    }

    /// Counts one write, before the engine does.
    pub(super) fn advance(&mut self) -> Result<(), IndexError> {
        if self.next + 1 >= self.marker.next_operation {
            self.reserve()?;
        }
        self.next += 1;
        Ok(())
    }

    /// Notes, durably, that an optimisation of these segments begins. Everything must be on disk.
    pub(super) fn begin_optimising(&mut self, segments: BTreeSet<String>) -> Result<(), IndexError> {
        self.marker.optimising = Some(segments);
        self.write()
    }

    /// Notes, durably, that no optimisation runs and that everything is on disk.
    pub(super) fn end_optimising(&mut self) -> Result<(), IndexError> {
        let Some(segments) = self.marker.optimising.take() else { return Ok(()) };
        let written = self.write();
        if written.is_err() {
            self.marker.optimising = Some(segments);
        }
        written
    }

    /// The segments that there were when an optimisation began that did not come to its end.
    pub(super) fn optimising(&self) -> Option<&BTreeSet<String>> {
        self.marker.optimising.as_ref()
    }

    fn reserve(&mut self) -> Result<(), IndexError> {
        self.marker.next_operation = self.next + BLOCK;
        self.write()
    }

    fn write(&self) -> Result<(), IndexError> {
        let path = self.dir.join(MARKER);
        let json = serde_json::to_vec_pretty(&self.marker)
            .map_err(|error| IndexError::Engine { doing: "writing its marker", reason: error.to_string() })?;
        write_durably(&path, |mut file| file.write_all(&json))
    }
}

/// Writes a file so that it is either the old or the new one after a crash.
pub(super) fn write_durably<T>(
    path: &Path,
    contents: impl FnOnce(&File) -> std::io::Result<T>,
) -> Result<T, IndexError> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let write = || {
        let file = tempfile::NamedTempFile::new_in(dir)?;
        let made = contents(file.as_file())?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        File::open(dir)?.sync_all()?;
        Ok(made)
    };
    write().map_err(IndexError::io("cannot write", path))
}

/// Frees the closed files of the engine's log: nothing ever reads them again. Returns the bytes freed.
pub(super) fn trim_log(log: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(log) else { return 0 };
    let mut freed = 0;
    for entry in entries.flatten() {
        let closed = entry.file_name().to_string_lossy().starts_with("closed-");
        let length = entry.metadata().map_or(0, |metadata| metadata.len());
        // The engine removes the empty one itself, and would fail if it were gone.
        if !closed || length <= LOG_HEADER {
            continue;
        }
        release(&entry.path(), length);
        if fs::remove_file(entry.path()).is_ok() {
            freed += length;
        }
    }
    freed
}

/// The engine keeps closed files mapped until it closes, so removing them frees nothing yet. A hole does, at once, on disk
/// and in memory, and reading the mapping stays harmless (it reads zeros).
#[cfg(target_os = "linux")]
fn release(path: &Path, length: u64) {
    use rustix::fs::{FallocateFlags, fallocate};
    if let Ok(file) = fs::OpenOptions::new().write(true).open(path) {
        // Not every file system can; then the space comes back when the index closes.
        let _ = fallocate(&file, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, 0, length);
    }
}

#[cfg(not(target_os = "linux"))]
fn release(_path: &Path, _length: u64) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_reserved_before_they_are_used() {
        let dir = tempfile::tempdir().unwrap();
        let options = IndexOptions::new(4);
        let mut journal = Journal::create(dir.path(), &options).unwrap();
        for _ in 0..BLOCK + 10 {
            journal.advance().unwrap();
            let read = Journal::read(dir.path(), &options);
            if journal.next.is_multiple_of(10_000) || journal.next >= BLOCK - 2 {
                assert!(read.unwrap().unwrap().next > journal.next);
            }
        }
    }

    #[test]
    fn a_foreign_or_broken_marker_says_why() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Journal::read(dir.path(), &IndexOptions::new(4)).unwrap().is_none());
        Journal::create(dir.path(), &IndexOptions::new(4)).unwrap();
        assert!(Journal::read(dir.path(), &IndexOptions::new(8)).unwrap_err().contains("4 dimensions"));
        fs::write(dir.path().join(MARKER), "{").unwrap();
        assert!(Journal::read(dir.path(), &IndexOptions::new(4)).is_err());
    }
}
