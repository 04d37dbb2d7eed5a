//! Pictures in a zip.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{BufReader, Read as _, Write};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use percent_encoding::percent_decode_str;
use zip::ZipArchive;

use super::SourceError;

/// An open zip. Names are looked up in it and nothing is ever unpacked to disk; still, files whose names are absolute or climb
/// with `..` are refused: no honest program makes them.
#[derive(Debug)]
pub struct Archive {
    path: PathBuf,
    /// Number of each file by its name as it stands.
    exact: HashMap<String, usize>,
    /// Number of each file by its name in small letters and by its last part; `None` where several files have it.
    folded: HashMap<String, Option<usize>>,
    /// Names of files that are not given out.
    refused: HashSet<String>,
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
        let (mut exact, mut refused) = (HashMap::new(), HashSet::new());
        let (mut folded, mut last_parts) = (HashMap::new(), HashMap::new());
        let note = |names: &mut HashMap<String, Option<usize>>, name: String, number: usize| {
            names.entry(name).and_modify(|known| *known = None).or_insert(Some(number));
        };
        for number in 0..zip.len() {
            let Some(name) = zip.name_for_index(number).map(|name| name.replace('\\', "/")) else { continue };
            if name.is_empty() || name.ends_with('/') {
                continue;
            }
            if leaves(&name) {
                refused.insert(name);
                continue;
            }
            let small = fold(&name);
            note(&mut last_parts, small.rsplit('/').next().unwrap_or(&small).to_owned(), number);
            note(&mut folded, small, number);
            exact.insert(name, number);
        }
        for (last, number) in last_parts {
            folded.entry(last).or_insert(number);
        }
        Ok(Self { path: path.to_owned(), exact, folded, refused, zip: Mutex::new(zip) })
    }

    /// Whether the zip has a file of this name: as it stands or percent-encoded; in other capitals; or its last part when no
    /// other has the same.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.number(name).is_some()
    }

    /// Whether the zip has a file of this name that is not given out, because the name leads out of the zip.
    #[must_use]
    pub fn refuses(&self, name: &str) -> bool {
        self.refused.contains(&name.replace('\\', "/"))
    }

    /// The bytes of a file. Unpacking stops at `max_bytes`, whatever the zip says about the size.
    ///
    /// # Errors
    /// [`SourceError::Missing`], [`SourceError::TooLarge`], [`SourceError::Archive`].
    pub fn read(&self, name: &str, max_bytes: u64) -> Result<Vec<u8>, SourceError> {
        if self.refuses(name) {
            return Err(SourceError::Outside { name: name.to_owned() });
        }
        let missing = || SourceError::Missing { name: name.to_owned(), looked_at: vec![self.path.clone()] };
        let number = self.number(name).ok_or_else(missing)?;
        let failed =
            |reason: String| SourceError::Archive { path: self.path.clone(), reason: format!("{name}: {reason}") };
        let mut zip = self.zip.lock();
        let file = zip.by_index(number).map_err(|error| failed(error.to_string()))?;
        let mut bytes = Vec::new();
        file.take(max_bytes.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| failed(error.to_string()))?;
        if bytes.len() as u64 > max_bytes {
            return Err(SourceError::TooLarge { name: name.to_owned(), limit: max_bytes });
        }
        Ok(bytes)
    }

    /// Names of all files that are given out, in the zip's order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<(&usize, &String)> = self.exact.iter().map(|(name, number)| (number, name)).collect();
        names.sort_unstable();
        names.into_iter().map(|(_, name)| name.clone()).collect()
    }

    /// Writes a file of the zip into `into`, at most `max_bytes`, whatever the zip says about its size.
    ///
    /// # Errors
    /// As [`Archive::read`]; [`SourceError::Io`] when it cannot be written.
    pub fn copy(&self, name: &str, into: &mut dyn Write, max_bytes: u64) -> Result<(), SourceError> {
        let missing = || SourceError::Missing { name: name.to_owned(), looked_at: vec![self.path.clone()] };
        let number = self.number(name).ok_or_else(missing)?;
        let failed =
            |reason: String| SourceError::Archive { path: self.path.clone(), reason: format!("{name}: {reason}") };
        let mut zip = self.zip.lock();
        let file = zip.by_index(number).map_err(|error| failed(error.to_string()))?;
        let copied = std::io::copy(&mut file.take(max_bytes.saturating_add(1)), into);
        match copied.map_err(|error| failed(error.to_string()))? {
            bytes if bytes > max_bytes => Err(SourceError::TooLarge { name: name.to_owned(), limit: max_bytes }),
            _ => Ok(()),
        }
    }

    /// What tells a file of the zip from another, without unpacking it: zip and name, length, and checksum (CRC-32) of its
    /// bytes. As the zip's directory says, so only good for telling whether something changed.
    #[must_use]
    pub fn packed(&self, name: &str) -> Option<(String, u64, i64)> {
        let number = self.number(name)?;
        let mut zip = self.zip.lock();
        let file = zip.by_index_raw(number).ok()?;
        let path = std::path::absolute(&self.path).unwrap_or_else(|_| self.path.clone());
        Some((format!("zip:{}!{}", path.display(), file.name()), file.size(), i64::from(file.crc32())))
    }

    fn number(&self, name: &str) -> Option<usize> {
        let plain = name.replace('\\', "/");
        let decoded = percent_decode_str(&plain).decode_utf8_lossy();
        if climbs(&plain) || climbs(&decoded) {
            return None;
        }
        [plain.as_str(), &decoded].into_iter().find_map(|name| {
            if let Some(number) = self.exact.get(name.trim_start_matches("./")) {
                return Some(*number);
            }
            let name = fold(name);
            let last = name.rsplit('/').next().unwrap_or(&name);
            // A name that several files have in other capitals is nobody's.
            self.folded.get(&name).or_else(|| self.folded.get(last)).copied().flatten()
        })
    }
}

/// A name as it is compared: small letters, no `/` or `./` at the beginning.
fn fold(name: &str) -> String {
    name.trim_start_matches("./").trim_start_matches('/').to_lowercase()
}

/// Whether a name, unpacked, would leave the folder it is unpacked to: absolute, with a drive, or with a `..` in it.
fn leaves(name: &str) -> bool {
    let drive = matches!(name.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic());
    name.starts_with('/') || drive || climbs(name)
}

fn climbs(name: &str) -> bool {
    name.split('/').any(|part| part == "..")
}
