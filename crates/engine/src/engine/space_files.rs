//! Heads of trained spaces as files: `spaces/<number of the catalogue>/<space id>/head.safetensors` in the data folder.
//!
//! The id of a space is a hash of its head, so that a file that was changed, or that belongs to another space, shows when it
//! is read.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use super::EngineError;
use crate::model::Manifest;
use crate::space::{Head, Space, SpaceError, SpaceId};

/// Name of a head in the folder of its space.
const HEAD: &str = "head.safetensors";
/// No head file is larger: 4,096 × 65,536 numbers of 16 bits would be 512 MiB.
const LARGEST: u64 = 600 << 20;

/// The files under one data folder.
#[derive(Debug, Clone)]
pub(super) struct SpaceFiles {
    root: PathBuf,
}

impl SpaceFiles {
    pub(super) fn new(data: &Path) -> Self {
        Self { root: data.join("spaces") }
    }

    /// The folder of a catalogue's spaces.
    pub(super) fn folder(&self, catalogue: i64) -> PathBuf {
        self.root.join(catalogue.to_string())
    }

    /// Reads the space `id` of a catalogue.
    ///
    /// # Errors
    /// [`EngineError::Space`] when the file is missing, damaged, of another model, or makes another space.
    pub(super) fn load(&self, catalogue: i64, id: &str, manifest: &Manifest) -> Result<Space, EngineError> {
        load(&self.folder(catalogue).join(id).join(HEAD), id, manifest)
    }

    /// Reads the space `id` of whichever catalogue has it: the same id is the same map.
    ///
    /// # Errors
    /// [`EngineError::NoSuchSpace`]; as [`SpaceFiles::load`].
    pub(super) fn find(&self, id: &str, manifest: &Manifest) -> Result<Space, EngineError> {
        let unknown = || EngineError::NoSuchSpace { id: id.chars().take(80).collect() };
        id.parse::<SpaceId>().map_err(|_| unknown())?;
        let catalogues = fs::read_dir(&self.root).into_iter().flatten().flatten();
        let file = catalogues.map(|entry| entry.path().join(id).join(HEAD)).find(|file| file.is_file());
        let file = file.ok_or_else(unknown)?;
        load(&file, id, manifest)
    }

    /// Keeps a space's head with notes on where it comes from. When this returns it survives a power cut.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(super) fn save(&self, catalogue: i64, space: &Space, notes: &[(String, String)]) -> Result<(), EngineError> {
        let folder = self.folder(catalogue).join(space.id().to_string());
        let bytes = space.head().to_bytes(notes)?;
        write_durably(&folder, HEAD, &bytes)
    }

    /// Removes a space with everything that belongs to it.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(super) fn remove(&self, catalogue: i64, id: &str) -> Result<(), EngineError> {
        let folder = self.folder(catalogue).join(id);
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(EngineError::io("cannot remove", &folder)(error))
            }
            _ => Ok(()),
        }
    }
}

/// Writes a file so that it is wholly there or not at all.
///
/// # Errors
/// When the disk refuses.
pub(super) fn write_durably(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), EngineError> {
    let path = folder.join(name);
    let write = || {
        fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(&path)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(EngineError::io("cannot write", &path))
}

fn load(path: &Path, id: &str, manifest: &Manifest) -> Result<Space, EngineError> {
    let origin = path.display().to_string();
    let unusable = |reason: String| SpaceError::Head { origin: origin.clone(), reason };
    let expected = id.parse().map_err(|_| EngineError::NoSuchSpace { id: id.chars().take(80).collect() })?;
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LARGEST).read_to_end(&mut bytes))
        .map_err(|error| unusable(error.to_string()))?;
    let space = Space::new(manifest, Head::from_bytes(&bytes, &origin)?)?;
    if space.id() != expected {
        return Err(SpaceError::OtherSpace { origin, expected, found: space.id() }.into());
    }
    Ok(space)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::builtin_manifest;

    fn space(scale: f32) -> Space {
        let manifest = builtin_manifest().unwrap();
        let projection: Vec<f32> = (0..2560).map(|i| scale * (i % 13) as f32).collect();
        let head = Head::linear(&manifest.sha256, &[0.25; 1280], &projection).unwrap();
        Space::new(manifest, head).unwrap()
    }

    #[test]
    fn a_space_comes_back_and_what_is_no_longer_it_is_refused() {
        let data = tempfile::tempdir().unwrap();
        let files = SpaceFiles::new(data.path());
        let manifest = builtin_manifest().unwrap();
        let (own, other) = (space(0.5), space(0.75));
        let id = own.id().to_string();
        files.save(3, &own, &[("by".into(), "a test".into())]).unwrap();
        assert_eq!(files.load(3, &id, manifest).unwrap().head(), own.head());
        assert_eq!(files.find(&id, manifest).unwrap().id(), own.id());
        assert!(matches!(files.find("0123456789abcdef", manifest), Err(EngineError::NoSuchSpace { .. })));
        assert!(matches!(files.find("../../etc/passwd", manifest), Err(EngineError::NoSuchSpace { .. })));

        let file = files.folder(3).join(&id).join(HEAD);
        let refused = |bytes: &[u8]| {
            fs::write(&file, bytes).unwrap();
            files.load(3, &id, manifest).unwrap_err().to_string()
        };
        let good = own.head().to_bytes(&[]).unwrap();
        let mut flipped = good.clone();
        let last = flipped.len() - 3;
        flipped[last] ^= 1;
        for (bytes, says) in [
            (&good[..good.len() / 2], "not a head that can be used"),
            (&flipped, "makes space"),
            (&other.head().to_bytes(&[]).unwrap(), &format!("makes space {}", other.id())),
            (b"no safetensors at all", "not a head that can be used"),
            (b"", "not a head that can be used"),
        ] {
            let error = refused(bytes);
            assert!(error.contains(says), "{error}");
        }
        files.remove(3, &id).unwrap();
        files.remove(3, &id).unwrap();
        assert!(files.load(3, &id, manifest).unwrap_err().to_string().contains("No such file"));
    }
}
