//! Graphs and vectors brought into the disk's cache before the first search walks over them.
//!
//! They are mapped files. The vector engine asks for a page of theirs when a search comes there, one after another: on a cold
//! cache the first searches would wait for thousands of single reads.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::embedded::Embedded;

/// Beginnings of the names of the folders that the engine has graphs in, and vectors.
const WALKED: [&str; 2] = ["vector_index", "vector_storage"];
/// Beginning of the names of the files with compressed vectors, where an index has them: whole ones are read for the best only.
const COMPRESSED: &str = "quantized";

impl Embedded {
    /// See [`super::Index::read_ahead`].
    pub(super) fn read_ahead(&self, stop: impl Fn() -> bool) {
        for file in walked(&self.shard_dir().join("segments")) {
            if stop() {
                return;
            }
            // It costs time only: an optimisation may just have removed the file.
            if let Err(error) = File::open(&file).and_then(|mut open| io::copy(&mut open, &mut io::sink())) {
                tracing::debug!(file = %file.display(), %error, "not read ahead");
            }
        }
    }
}

/// The files that a walk over the graph reads: graphs, and of vectors the compressed ones where there are any.
fn walked(segments: &Path) -> Vec<PathBuf> {
    let named = |path: &PathBuf, beginning: &str| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(beginning))
    };
    let is_walked = |folder: &PathBuf| WALKED.iter().any(|beginning| named(folder, beginning));
    let mut found = Vec::new();
    for folder in inside(segments).flat_map(|segment| inside(&segment)).filter(is_walked) {
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
    use crate::index::{Compression, Fields, Index, IndexOptions, IndexPoint, Tuning};

    #[test]
    fn the_files_of_a_graph_are_known_by_name() {
        // As large a part as gets a graph, in few pictures.
        let dims = 4_096;
        let mut seed = 7_u64;
        let mut random = || {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (seed >> 40) as f32 / (1_u64 << 24) as f32 - 0.5
        };
        let points: Vec<IndexPoint> = (1..=1_400)
            .map(|key| {
                let numbers: Vec<f32> = (0..dims).map(|_| random()).collect();
                let length = numbers.iter().map(|number| number * number).sum::<f32>().sqrt();
                let vectors = vec![numbers.into_iter().map(|number| number / length).collect()];
                IndexPoint { key, vectors, words: Fields::default(), payload: serde_json::Map::new() }
            })
            .collect();
        for compression in [Compression::None, Compression::Scalar] {
            let folder = tempfile::tempdir().unwrap();
            let tuning = Tuning { compression, ..Tuning::default() };
            let options = IndexOptions { tuning, ..IndexOptions::new(dims) };
            let index = Index::open(folder.path(), &options).unwrap().index;
            index.upsert(&points).unwrap();
            index.optimize().unwrap();
            index.flush().unwrap();
            let files = walked(&folder.path().join("shard").join("segments"));
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
            index.read_ahead(|| false);
        }
    }
}
