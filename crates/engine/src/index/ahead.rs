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

/// The files that a walk over the graph reads.
fn walked(segments: &Path) -> Vec<PathBuf> {
    let is_walked = |folder: &PathBuf| {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        WALKED.iter().any(|beginning| name.starts_with(beginning))
    };
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = inside(segments).flat_map(|segment| inside(&segment)).filter(is_walked).collect();
    while let Some(folder) = folders.pop() {
        let (inner, files): (Vec<PathBuf>, Vec<PathBuf>) = inside(&folder).partition(|path| path.is_dir());
        folders.extend(inner);
        found.extend(files);
    }
    found
}

/// What is in a folder; nothing where there is none.
fn inside(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::{Fields, Index, IndexOptions, IndexPoint};

    #[test]
    fn the_files_of_a_graph_are_known_by_name() {
        let folder = tempfile::tempdir().unwrap();
        // As large a part as gets a graph, in few pictures.
        let dims = 4_096;
        let index = Index::open(folder.path(), &IndexOptions::new(dims)).unwrap().index;
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
        index.upsert(&points).unwrap();
        index.optimize().unwrap();
        index.flush().unwrap();
        let files = walked(&folder.path().join("shard").join("segments"));
        let size = |name: &str| -> u64 {
            let named =
                files.iter().filter(|file| file.file_name().is_some_and(|own| own.to_string_lossy().starts_with(name)));
            named.map(|file| file.metadata().unwrap().len()).sum()
        };
        assert!(size("links") > 1_400 * 8, "{files:?}");
        assert!(size("chunk_") >= 1_400 * dims as u64 * 2, "{files:?}");
        index.read_ahead(|| false);
    }
}
