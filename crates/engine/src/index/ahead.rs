//! Graphs and vectors brought into the disk's cache before the first search walks over them.
//!
//! They are mapped files. The vector engine asks for a page of theirs when a search comes there, one after another: on a cold
//! cache the first searches would wait for thousands of single reads. It is cold at a start, and for every part that the engine builds: it
//! puts what it has written out of the cache (`MADV_PAGEOUT`) before searches go there.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use super::durable::{SEGMENTS, segments};
use super::embedded::Embedded;

/// Beginnings of the names of the folders that the engine has graphs in, and vectors.
const WALKED: [&str; 2] = ["vector_index", "vector_storage"];
/// Beginning of the names of the files with compressed vectors, where an index has them: whole ones are read for the best only.
const COMPRESSED: &str = "quantized";

/// Bytes that are read at once: in a third of the time that blocks of 8 KiB take while both cores are busy.
const BLOCK: usize = 1 << 20;
/// How often it is looked for new parts while the engine builds some: it opens a finished part, which takes longer, before searches go there.
const LOOK: Duration = Duration::from_millis(2);

impl Embedded {
    /// See [`super::Index::read_ahead`].
    pub(super) fn read_ahead(&self, stop: impl Fn() -> bool) {
        for part in parts(&self.shard_dir()) {
            read(&part, &stop);
        }
    }

    /// Does what makes new parts, and meanwhile reads each ahead as soon as it is there.
    pub(super) fn reading_ahead<T>(&self, building: impl FnOnce() -> T) -> T {
        let (done, read) = reading_new(&self.shard_dir(), building);
        tracing::debug!(dir = %self.dir.display(), bytes = read, "new parts read ahead");
        done
    }
}

/// What `building` gives, and how many bytes of the parts that it made were read ahead.
fn reading_new<T>(shard: &Path, building: impl FnOnce() -> T) -> (T, u64) {
    let mut known: HashSet<PathBuf> = parts(shard).collect();
    thread::scope(|scope| {
        let (built, is_built) = channel::<()>();
        let reader = thread::Builder::new().name("read-ahead".to_owned());
        let reading = reader.spawn_scoped(scope, move || {
            let mut bytes = 0;
            loop {
                // The last look is after the end.
                let over = is_built.recv_timeout(LOOK) != Err(RecvTimeoutError::Timeout);
                for part in parts(shard) {
                    if !known.contains(&part) {
                        bytes += read(&part, &|| false);
                        known.insert(part);
                    }
                }
                if over {
                    return bytes;
                }
            }
        });
        let done = building();
        drop(built);
        let bytes = match reading {
            Ok(reader) => reader.join().unwrap_or_default(),
            Err(error) => {
                tracing::warn!(%error, "there was no thread to read what was built ahead: the first searches over it wait for the disk");
                0
            }
        };
        (done, bytes)
    })
}

/// The folders of the parts of an index. Where they cannot be listed nothing is read ahead.
fn parts(shard: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let folder = shard.join(SEGMENTS);
    segments(shard).unwrap_or_default().into_iter().map(move |name| folder.join(name))
}

/// Reads what searches need of a part of the index; how many bytes that were.
fn read(part: &Path, stop: &dyn Fn() -> bool) -> u64 {
    let mut bytes = 0;
    for file in walked(part) {
        if stop() {
            break;
        }
        match File::open(&file).and_then(|file| io::copy(&mut BufReader::with_capacity(BLOCK, file), &mut io::sink())) {
            Ok(read) => bytes += read,
            // It costs time only: an optimisation may just have removed the file.
            Err(error) => tracing::debug!(file = %file.display(), %error, "not read ahead"),
        }
    }
    bytes
}

/// The files of a part that a walk over the graph reads: the graph, and of vectors the compressed ones where there are any.
fn walked(part: &Path) -> Vec<PathBuf> {
    let named = |path: &PathBuf, beginning: &str| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(beginning))
    };
    let is_walked = |folder: &PathBuf| WALKED.iter().any(|beginning| named(folder, beginning));
    let mut found = Vec::new();
    for folder in inside(part).filter(is_walked) {
        let (compressed, whole): (Vec<PathBuf>, Vec<PathBuf>) =
            files(&folder).into_iter().partition(|file| named(file, COMPRESSED));
        found.extend(if compressed.is_empty() { whole } else { compressed });
    }
    found
}

/// All files in a folder and in those inside of it.
fn files(folder: &Path) -> Vec<PathBuf> {
    let (folders, mut files): (Vec<PathBuf>, Vec<PathBuf>) = inside(folder).partition(|path| path.is_dir());
    files.extend(folders.iter().flat_map(|folder| self::files(folder)));
    files
}

/// What is in a folder; nothing where there is none.
fn inside(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::tests::{pictured, scattered};
    use crate::index::{Compression, Index, IndexOptions, IndexPoint, Tuning};

    #[test]
    fn the_files_of_a_graph_are_known_by_name_and_read_ahead_as_they_appear() {
        // As large a part as gets a graph, in few pictures.
        let dims = 4_096;
        let mut random = scattered(7);
        let points: Vec<IndexPoint> = (1..=1_400).map(|key| pictured(key, (0..dims).map(|_| random()))).collect();
        for compression in [Compression::None, Compression::Scalar] {
            let folder = tempfile::tempdir().unwrap();
            let tuning = Tuning { compression, ..Tuning::default() };
            let options = IndexOptions { tuning, ..IndexOptions::new(dims) };
            let index = Index::open(folder.path(), &options).unwrap().index;
            index.upsert(&points).unwrap();
            let shard = folder.path().join("shard");
            let (done, read) = reading_new(&shard, || index.optimize());
            assert!(done.unwrap());
            index.flush().unwrap();
            let files: Vec<PathBuf> = parts(&shard).flat_map(|part| walked(&part)).collect();
            let size = |name: &str| -> u64 {
                let named = files
                    .iter()
                    .filter(|file| file.file_name().is_some_and(|own| own.to_string_lossy().starts_with(name)));
                named.map(|file| file.metadata().unwrap().len()).sum()
            };
            assert!(size("links") > 1_400 * 8, "{files:?}");
            match compression {
                Compression::None => assert!(size("chunk_") >= 1_400 * dims as u64 * 2, "{files:?}"),
                _ => assert!(size("quantized.data") >= 1_400 * dims as u64, "{files:?}"),
            }
            // What the engine built was read while it built, all that a walk needs of it.
            assert!(
                read >= size("links")
                    + size(if compression == Compression::None { "chunk_" } else { "quantized.data" })
            );
            index.read_ahead(|| false);
        }
    }
}
