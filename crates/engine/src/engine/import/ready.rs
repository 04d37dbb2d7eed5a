//! A feed made ready to be read: where its file is, and where its pictures are looked for.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::super::{Engine, EngineError};
use super::{FeedSource, ImportRequest};
use crate::catalogue::feeds::{self, Dialect, Feed, FeedOptions};
use crate::fetch::{Archive, Sources};

/// Largest feed that is fetched from an address.
const LARGEST_FEED: u64 = 8 << 30;
/// Extensions of feeds in a zip.
const FEEDS: [&str; 10] = [".csv", ".tsv", ".txt", ".xml", ".json", ".jsonl", ".ndjson", ".html", ".htm", ".jsonld"];

/// A feed on this machine.
pub(in crate::engine) struct ReadyFeed {
    /// The file or folder.
    pub(in crate::engine) path: PathBuf,
    /// How it is read.
    pub(in crate::engine) options: FeedOptions,
    /// Where its pictures are looked for.
    pub(in crate::engine) sources: Sources,
}

impl ReadyFeed {
    /// Opens the feed from its beginning.
    pub(in crate::engine) fn open(&self) -> Result<Feed, EngineError> {
        Ok(feeds::open(&self.path, &self.options)?)
    }

    /// What tells this feed from another at the same place: length and time of change. Of a folder only that it is one.
    pub(in crate::engine) fn fingerprint(&self) -> String {
        match fs::metadata(&self.path) {
            Ok(metadata) if metadata.is_file() => {
                let modified =
                    metadata.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
                format!("{} {}", metadata.len(), modified.map_or(0, |time| time.as_nanos()))
            }
            _ => "folder".to_owned(),
        }
    }
}

impl Engine {
    /// Brings a feed onto this machine and finds its pictures' places. `folder` is where what is fetched is kept.
    pub(in crate::engine) fn ready(&self, request: &ImportRequest, folder: &Path) -> Result<ReadyFeed, EngineError> {
        let dialect = match request.dialect.as_str() {
            "" | "auto" => None,
            name => Some(
                name.parse::<Dialect>()
                    .map_err(|error| EngineError::Request { field: "dialect".into(), reason: error.to_string() })?,
            ),
        };
        let options = FeedOptions {
            dialect,
            default_currency: request.currency.clone().or_else(|| self.options.default_currency.clone()),
            mapping: self.options.feed_mapping.clone(),
            variants: self.options.feed_variants,
            ..FeedOptions::default()
        };
        let (mut path, mut sources) = match &request.feed {
            FeedSource::File(path) => (path.clone(), beside(path)?),
            FeedSource::Upload { file, .. } => (file.clone(), Sources::nowhere()),
            FeedSource::Url(url) => (self.download(url, folder)?, Sources::nowhere()),
        };
        if is_zip(&path) {
            let zip = path.display().to_string();
            let archive = Archive::open(&path).map_err(|error| EngineError::Source { item: zip.clone(), error })?;
            path = unpacked(&archive, &zip, folder)?;
            sources = sources.with_open_archive(archive);
        }
        if let Some(images) = &request.images {
            sources = with_images(sources, images)?;
        }
        Ok(ReadyFeed { path, options, sources })
    }

    fn download(&self, url: &str, folder: &Path) -> Result<PathBuf, EngineError> {
        fs::create_dir_all(folder).map_err(EngineError::io("cannot make", folder))?;
        let address = url.split(['?', '#']).next().unwrap_or(url);
        let path = folder.join(format!("feed{}", extension(address)));
        // A job that goes on reads what it began with.
        if path.exists() {
            return Ok(path);
        }
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(EngineError::io("cannot write to", folder))?;
        self.fetcher.download(url, &mut file, LARGEST_FEED)?;
        file.persist(&path).map_err(|error| EngineError::io("cannot write", &path)(error.error))?;
        Ok(path)
    }
}

/// Whether a file is a zip, by its beginning.
fn is_zip(path: &Path) -> bool {
    let mut beginning = [0; 4];
    path.is_file()
        && fs::File::open(path).and_then(|mut file| file.read_exact(&mut beginning)).is_ok()
        && beginning == *b"PK\x03\x04"
}

/// The feed that a zip holds beside its pictures, unpacked into `folder`.
fn unpacked(archive: &Archive, zip: &str, folder: &Path) -> Result<PathBuf, EngineError> {
    let of_feed = |name: &&String| {
        let last = name.rsplit('/').next().unwrap_or(name);
        // What macOS adds to every zip is nobody's feed.
        !name.starts_with("__MACOSX/") && !last.starts_with('.') && FEEDS.contains(&extension(last).as_str())
    };
    let names = archive.names();
    let feeds: Vec<&String> = names.iter().filter(of_feed).collect();
    let problem = |reason: String| EngineError::Request { field: "feed".into(), reason };
    let name = match feeds.as_slice() {
        [] => return Err(problem(format!("the zip {zip} holds no feed: none of {}", FEEDS.join(", ")))),
        [one] => *one,
        many => {
            let all = many.iter().take(5).map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
            return Err(problem(format!("the zip {zip} holds several feeds: {all}; leave one in it")));
        }
    };
    fs::create_dir_all(folder).map_err(EngineError::io("cannot make", folder))?;
    let path = folder.join(format!("unpacked{}", extension(name)));
    // A job that goes on reads what it began with.
    if !path.exists() {
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(EngineError::io("cannot write to", folder))?;
        let failed = |error| EngineError::Source { item: zip.to_owned(), error };
        archive.copy(name, &mut file, LARGEST_FEED).map_err(failed)?;
        file.persist(&path).map_err(|error| EngineError::io("cannot write", &path)(error.error))?;
    }
    Ok(path)
}

/// The extension of a name, with its dot, as far as it is a plain one.
pub(in crate::engine) fn extension(name: &str) -> String {
    let plain =
        |extension: &&str| (1..=8).contains(&extension.len()) && extension.bytes().all(|b| b.is_ascii_alphanumeric());
    let extension = name.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map(|(_, extension)| extension);
    extension.filter(plain).map(|extension| format!(".{}", extension.to_ascii_lowercase())).unwrap_or_default()
}

/// Pictures of a feed of this machine: beside it, or in a zip of its name beside it.
fn beside(feed: &Path) -> Result<Sources, EngineError> {
    if feed.is_dir() {
        return Ok(Sources::beside(feed));
    }
    let folder = feed.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let sources = Sources::beside(folder);
    let zip = feed.with_extension("zip");
    if zip.is_file() { with_images(sources, &zip) } else { Ok(sources) }
}

fn with_images(sources: Sources, images: &Path) -> Result<Sources, EngineError> {
    if images.is_dir() {
        return Ok(sources.with_images(images));
    }
    let item = images.display().to_string();
    if !images.is_file() {
        let reason = format!("{item} is neither a folder nor a zip of pictures");
        return Err(EngineError::Request { field: "images".into(), reason });
    }
    sources.with_archive(images).map_err(|error| EngineError::Source { item, error })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_extensions_are_kept() {
        assert_eq!(extension("a/feed.XML"), ".xml");
        for none in ["feed", "a.b/c", "x.", "x.../../etc", "x.averylongone"] {
            assert_eq!(extension(none), "", "{none}");
        }
    }
}
