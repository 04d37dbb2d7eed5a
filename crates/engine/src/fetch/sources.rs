//! The places where one feed's pictures are.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use data_url::DataUrl;
use url::Url;

use super::{Archive, SourceError};

/// Where a picture is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// At an address.
    Remote(String),
    /// In the `data:` URI itself.
    Data,
    /// In a file.
    File(PathBuf),
    /// In the feed's zip, under this name.
    Archive(String),
}

/// Where the relative sources of one feed are looked for: first the folder or zip of its pictures, then its own folder.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    folders: Vec<PathBuf>,
    /// Whether absolute paths and `file:` addresses may be used: only when the feed itself lies on this machine.
    anywhere: bool,
    archive: Option<Arc<Archive>>,
}

impl Sources {
    /// For feeds that come over the network: no file of this machine.
    #[must_use]
    pub fn nowhere() -> Self {
        Self::default()
    }

    /// For a feed of this machine, in this folder. Such a feed may also name files by absolute paths.
    #[must_use]
    pub fn beside(folder: &Path) -> Self {
        Self { folders: vec![folder.to_owned()], anywhere: true, archive: None }
    }

    /// With a folder of pictures that is looked at first.
    #[must_use]
    pub fn with_images(mut self, folder: &Path) -> Self {
        self.folders.insert(0, folder.to_owned());
        self
    }

    /// With a zip of pictures that is looked at first.
    ///
    /// # Errors
    /// [`SourceError::Archive`] when it cannot be read.
    pub fn with_archive(mut self, zip: &Path) -> Result<Self, SourceError> {
        self.archive = Some(Arc::new(Archive::open(zip)?));
        Ok(self)
    }

    /// With a zip that is open already.
    #[must_use]
    pub fn with_open_archive(mut self, zip: Archive) -> Self {
        self.archive = Some(Arc::new(zip));
        self
    }

    /// Finds out what a source means, and where its file is.
    ///
    /// # Errors
    /// [`SourceError`] when there is no such file, or it is none of the feed's business.
    pub fn resolve(&self, source: &str) -> Result<Source, SourceError> {
        let source = source.trim();
        if source.is_empty() {
            return Err(SourceError::Empty);
        }
        let scheme = source.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase()).unwrap_or_default();
        match scheme.as_str() {
            "http" | "https" => return Ok(Source::Remote(source.to_owned())),
            "data" => return Ok(Source::Data),
            _ => {}
        }
        // `//cdn.shop.com/a.jpg`, as pages write it.
        if source.starts_with("//") {
            return Ok(Source::Remote(format!("https:{source}")));
        }
        // Some other scheme: the fetcher says which ones there are.
        if source.contains("://") && scheme != "file" {
            return Ok(Source::Remote(source.to_owned()));
        }
        if let Some(archive) = &self.archive {
            if archive.has(source) {
                return Ok(Source::Archive(source.to_owned()));
            }
            if archive.refuses(source) {
                return Err(SourceError::Outside { name: shorten(source) });
            }
        }
        if self.folders.is_empty() && self.archive.is_none() {
            return Err(SourceError::NotAllowed { name: shorten(source) });
        }
        let path = match scheme.as_str() {
            "file" => Url::parse(source).ok().and_then(|url| url.to_file_path().ok()),
            _ => Some(PathBuf::from(source.replace('\\', "/"))),
        };
        let path = path.ok_or_else(|| SourceError::Outside { name: shorten(source) })?;
        if path.is_absolute() && self.anywhere && path.exists() {
            return Ok(Source::File(path));
        }
        self.find(&path, source)
    }

    /// Looks for a relative path: in each folder as it is and percent-decoded; then, when it is nowhere, for its last part
    /// alone. A path with `..` that leaves the folders is refused, even where its last part is there.
    fn find(&self, path: &Path, source: &str) -> Result<Source, SourceError> {
        let decoded = PathBuf::from(percent_decoded(&path.to_string_lossy()).replace('\\', "/"));
        let outside = || SourceError::Outside { name: shorten(source) };
        let names = [inside(path).ok_or_else(outside)?, inside(&decoded).ok_or_else(outside)?];
        let last = names.iter().filter_map(|name| name.file_name().map(PathBuf::from)).collect::<Vec<_>>();
        let found = [names.as_slice(), last.as_slice()].into_iter().find_map(|names| {
            let all = self.folders.iter().flat_map(|folder| names.iter().map(move |name| folder.join(name)));
            all.into_iter().find(|candidate| candidate.exists())
        });
        match found {
            Some(file) => Ok(Source::File(file)),
            None => Err(SourceError::Missing { name: shorten(source), looked_at: self.folders.clone() }),
        }
    }

    /// See [`Archive::packed`], of the feed's zip.
    #[must_use]
    pub fn packed(&self, name: &str) -> Option<(String, u64, i64)> {
        self.archive.as_ref()?.packed(name)
    }

    /// The bytes of a source that is not remote; `raw` is the source as the feed gives it.
    ///
    /// # Errors
    /// [`SourceError`].
    pub fn read(&self, source: &Source, raw: &str, max_bytes: u64) -> Result<Vec<u8>, SourceError> {
        match source {
            Source::File(path) => read_file(path, max_bytes),
            Source::Data => read_data(raw, max_bytes),
            Source::Archive(name) => match &self.archive {
                Some(archive) => archive.read(name, max_bytes),
                None => Err(SourceError::Missing { name: shorten(name), looked_at: Vec::new() }),
            },
            Source::Remote(_) => Err(SourceError::NotAllowed { name: shorten(raw) }),
        }
    }
}

/// A relative path that stays where it is joined to, without `.` and inner `..`; `None` when it would leave, or is the folder.
fn inside(path: &Path) -> Option<PathBuf> {
    let mut kept = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => kept.push(part),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
            Component::ParentDir => {
                if !kept.pop() {
                    return None;
                }
            }
        }
    }
    (!kept.as_os_str().is_empty()).then_some(kept)
}

fn read_file(path: &Path, max_bytes: u64) -> Result<Vec<u8>, SourceError> {
    let failed = |error: std::io::Error| SourceError::Io { path: path.to_owned(), reason: error.to_string() };
    // Asked before it is opened: opening a pipe would wait for whoever writes into it.
    let metadata = fs::metadata(path).map_err(failed)?;
    if !metadata.is_file() {
        return Err(SourceError::NotAFile { path: path.to_owned() });
    }
    let too_large = || SourceError::TooLarge { name: path.display().to_string(), limit: max_bytes };
    if metadata.len() > max_bytes {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(metadata.len() as usize);
    File::open(path).and_then(|file| file.take(max_bytes.saturating_add(1)).read_to_end(&mut bytes)).map_err(failed)?;
    if bytes.len() as u64 > max_bytes { Err(too_large()) } else { Ok(bytes) }
}

fn read_data(uri: &str, max_bytes: u64) -> Result<Vec<u8>, SourceError> {
    // Base64 is a third longer than what it says, percent signs three times.
    if uri.len() as u64 > max_bytes.saturating_mul(3).saturating_add(1_000) {
        return Err(SourceError::TooLarge { name: shorten(uri), limit: max_bytes });
    }
    let bad = |reason: String| SourceError::BadData { reason };
    let uri = DataUrl::process(uri.trim()).map_err(|error| bad(format!("{error:?}")))?;
    let (bytes, _) = uri.decode_to_vec().map_err(|error| bad(format!("{error:?}")))?;
    if bytes.len() as u64 > max_bytes {
        return Err(SourceError::TooLarge { name: "the data: URI".into(), limit: max_bytes });
    }
    Ok(bytes)
}

fn percent_decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn shorten(source: &str) -> String {
    if source.chars().count() <= 120 { source.to_owned() } else { source.chars().take(120).chain(['…']).collect() }
}
