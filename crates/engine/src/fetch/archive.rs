//! Pictures in a zip.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use zip::ZipArchive;

use super::SourceError;

/// An open zip. Names are looked up in it; nothing is ever unpacked to disk, so `../` in a name leads nowhere.
#[derive(Debug)]
pub struct Archive {
    path: PathBuf,
    /// Number of each file by its name in small letters, and by its last part where that is unambiguous.
    names: HashMap<String, usize>,
    zip: Mutex<ZipArchive<BufReader<File>>>,
}

impl Archive {
    /// Opens a zip and reads its directory.
    ///
    /// # Errors
    /// [`SourceError::Archive`].
    pub fn open(path: &Path) -> Result<Self, SourceError> {
        let failed = |reason: String| SourceError::Archive { path: path.to_owned(), reason };
        let file = File::open(path).map_err(|error| failed(error.to_string()))?;
        let zip = ZipArchive::new(BufReader::new(file)).map_err(|error| failed(error.to_string()))?;
        let mut names = HashMap::new();
        let mut last_parts: HashMap<String, Option<usize>> = HashMap::new();
        for number in 0..zip.len() {
            let Some(name) = zip.name_for_index(number).map(fold) else { continue };
            if name.is_empty() || name.ends_with('/') {
                continue;
            }
            let last = name.rsplit('/').next().unwrap_or(&name).to_owned();
            last_parts.entry(last).and_modify(|known| *known = None).or_insert(Some(number));
            names.entry(name).or_insert(number);
        }
        for (last, number) in last_parts {
            if let Some(number) = number {
                names.entry(last).or_insert(number);
            }
        }
        Ok(Self { path: path.to_owned(), names, zip: Mutex::new(zip) })
    }

    /// Whether the zip has a file of this name: its whole path, or its last part when no other has the same.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.number(name).is_some()
    }

    /// The bytes of a file. Unpacking stops at `max_bytes`, whatever the zip says about the size.
    ///
    /// # Errors
    /// [`SourceError::Missing`], [`SourceError::TooLarge`], [`SourceError::Archive`].
    pub fn read(&self, name: &str, max_bytes: u64) -> Result<Vec<u8>, SourceError> {
        let missing = || SourceError::Missing { name: name.to_owned(), looked_at: vec![self.path.clone()] };
        let number = self.number(name).ok_or_else(missing)?;
        let failed =
            |reason: String| SourceError::Archive { path: self.path.clone(), reason: format!("{name}: {reason}") };
        let mut zip = self.zip.lock();
        let file = zip.by_index(number).map_err(|error| failed(error.to_string()))?;
        let mut bytes = Vec::new();
        file.take(max_bytes + 1).read_to_end(&mut bytes).map_err(|error| failed(error.to_string()))?;
        if bytes.len() as u64 > max_bytes {
            return Err(SourceError::TooLarge { name: name.to_owned(), limit: max_bytes });
        }
        Ok(bytes)
    }

    fn number(&self, name: &str) -> Option<usize> {
        let name = fold(name);
        let last = name.rsplit('/').next().unwrap_or(&name);
        self.names.get(&name).or_else(|| self.names.get(last)).copied()
    }
}

/// A name as it is compared: small letters, forward slashes, no `./` at the beginning.
fn fold(name: &str) -> String {
    name.replace('\\', "/").trim_start_matches("./").trim_start_matches('/').to_lowercase()
}
