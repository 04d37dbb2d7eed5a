//! The pictures of all catalogues as files, by hash, and their thumbnails.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::image::ImageHash;

/// The folders `images/` and `thumbnails/`. A file is there wholly or not at all: it appears by rename.
#[derive(Debug, Clone)]
pub(super) struct ImageFiles {
    images: PathBuf,
    thumbnails: PathBuf,
}

/// A file under `images/`.
#[derive(Debug)]
pub(super) struct ImageFile {
    path: PathBuf,
    /// Of its picture; `None` of one that was half written when the process ended.
    pub(super) hash: Option<ImageHash>,
    pub(super) bytes: u64,
}

impl ImageFile {
    /// Removes it, where it is still there.
    pub(super) fn remove(&self) -> io::Result<()> {
        optional(fs::remove_file(&self.path)).map(drop)
    }
}

impl ImageFiles {
    /// Makes the folders under the data folder.
    pub(super) fn open(data: &Path) -> io::Result<Self> {
        let files = Self { images: data.join("images"), thumbnails: data.join("thumbnails") };
        fs::create_dir_all(&files.images)?;
        fs::create_dir_all(&files.thumbnails)?;
        Ok(files)
    }

    /// Keeps a picture's bytes.
    pub(super) fn put(&self, hash: &ImageHash, bytes: &[u8]) -> io::Result<()> {
        if self.has(hash, bytes.len() as u64) { Ok(()) } else { write(&self.path(hash), bytes) }
    }

    /// The bytes of a picture; `None` when there is none of this hash.
    pub(super) fn get(&self, hash: &ImageHash) -> io::Result<Option<Vec<u8>>> {
        optional(fs::read(self.path(hash)))
    }

    /// Whether the picture is there with all its `bytes`: a power cut may leave less of a file that was just written.
    pub(super) fn has(&self, hash: &ImageHash, bytes: u64) -> bool {
        fs::metadata(self.path(hash)).is_ok_and(|file| file.len() == bytes)
    }

    /// A thumbnail that was kept before.
    pub(super) fn thumbnail(&self, hash: &ImageHash, width: u32) -> io::Result<Option<Vec<u8>>> {
        optional(fs::read(self.thumbnail_path(hash, width)))
    }

    /// Keeps a thumbnail. Losing one costs only the time to make it again.
    pub(super) fn put_thumbnail(&self, hash: &ImageHash, width: u32, bytes: &[u8]) -> io::Result<()> {
        write(&self.thumbnail_path(hash, width), bytes)
    }

    /// Removes a picture and its thumbnails of these widths, as far as they are there.
    pub(super) fn remove(&self, hash: &ImageHash, widths: &[u32]) -> io::Result<()> {
        let thumbnails = widths.iter().map(|width| self.thumbnail_path(hash, *width));
        // The picture goes last: while it is there, whoever tries again finds all of it.
        thumbnails.chain([self.path(hash)]).try_for_each(|path| optional(fs::remove_file(path)).map(drop))
    }

    /// The files of pictures whose hash begins with this byte that were last written at `before` or earlier.
    pub(super) fn written_before(&self, first: u8, before: SystemTime) -> io::Result<Vec<ImageFile>> {
        let mut files = Vec::new();
        for entry in optional(fs::read_dir(self.images.join(format!("{first:02x}"))))?.into_iter().flatten() {
            let entry = entry?;
            // Who writes may give it its name, or remove it, at this moment.
            let Some(known) = optional(entry.metadata())? else { continue };
            if known.is_file() && known.modified()? <= before {
                let hash = entry.file_name().to_str().and_then(|name| name.parse().ok());
                files.push(ImageFile { path: entry.path(), hash, bytes: known.len() });
            }
        }
        Ok(files)
    }

    fn path(&self, hash: &ImageHash) -> PathBuf {
        let name = hash.to_string();
        self.images.join(&name[..2]).join(name)
    }

    fn thumbnail_path(&self, hash: &ImageHash, width: u32) -> PathBuf {
        let name = hash.to_string();
        self.thumbnails.join(&name[..2]).join(format!("{name}-{width}.jpg"))
    }
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.persist(path)?;
    Ok(())
}

fn optional<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_is_there_and_the_rest_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let files = ImageFiles::open(folder.path()).unwrap();
        let hash = ImageHash::of(b"picture");
        assert_eq!(files.get(&hash).unwrap(), None);
        files.put(&hash, b"picture").unwrap();
        files.put(&hash, b"picture").unwrap();
        assert_eq!(files.get(&hash).unwrap().as_deref(), Some(&b"picture"[..]));
        assert!(files.has(&hash, 7) && !files.has(&hash, 8) && !files.has(&ImageHash::of(b"other"), 7));
        fs::write(files.path(&hash), "pic").unwrap();
        files.put(&hash, b"picture").unwrap();
        assert_eq!(files.get(&hash).unwrap().as_deref(), Some(&b"picture"[..]));
        files.put_thumbnail(&hash, 320, b"small").unwrap();
        assert_eq!(files.thumbnail(&hash, 320).unwrap().as_deref(), Some(&b"small"[..]));
        assert_eq!(files.thumbnail(&hash, 640).unwrap(), None);
        files.remove(&hash, &[320, 640]).unwrap();
        files.remove(&hash, &[320, 640]).unwrap();
        assert_eq!((files.get(&hash).unwrap(), files.thumbnail(&hash, 320).unwrap()), (None, None));
    }
    #[test]
    fn files_are_listed_by_the_first_byte_of_the_hash_and_by_age() {
        let folder = tempfile::tempdir().unwrap();
        let files = ImageFiles::open(folder.path()).unwrap();
        let hash = ImageHash::of(b"picture");
        let first = hash.as_bytes()[0];
        let (before, later) = (SystemTime::UNIX_EPOCH, SystemTime::now() + std::time::Duration::from_mins(1));
        assert!(files.written_before(first, later).unwrap().is_empty(), "there is no folder yet");
        files.put(&hash, b"picture").unwrap();
        fs::write(files.path(&hash).with_file_name(".tmpAb3"), "pic").unwrap();
        let mut found = files.written_before(first, later).unwrap();
        found.sort_by_key(|file| file.bytes);
        let found: Vec<_> = found.iter().map(|file| (file.hash, file.bytes)).collect();
        assert_eq!(found, [(None, 3), (Some(hash), 7)]);
        assert!(files.written_before(first, before).unwrap().is_empty());
        assert!(files.written_before(first.wrapping_add(1), later).unwrap().is_empty());
    }
}
