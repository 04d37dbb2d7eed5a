//! The file of the columns beside the index: what spares a start the payload of every product.
//!
//! The file says up to which revision of the truth it knows every change, which the caller gives and gets back: it applies
//! again whatever is newer, to the index and to the columns alike. A file that is missing or damaged costs time only: then the
//! columns are read from the payload.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use super::IndexError;
use super::embedded::Embedded;
use super::journal::write_durably;
use super::table::Table;
use super::table::kept::LAYOUT;

const NAME: &str = "columns";
const MAGIC: &[u8; 16] = b"vetrina columns\n";
const BUFFER: usize = 1 << 20;
/// Bytes of a BLAKE3 hash.
const HASH: usize = blake3::OUT_LEN;

/// The columns of a file and the revision they are good for; none where there is no file that can be used.
pub(super) fn read(dir: &Path) -> Option<(Table, i64)> {
    let path = path(dir);
    match read_file(&path) {
        Ok(read) => Some(read),
        Err(ReadError::Missing) => None,
        Err(ReadError::Unusable(reason)) => {
            tracing::warn!(file = %path.display(), reason, "the columns of the index cannot be read and are made anew");
            None
        }
    }
}

/// Removes the file, so that it is gone after a crash as well.
pub(super) fn remove(dir: &Path) -> Result<(), IndexError> {
    let path = path(dir);
    match fs::remove_file(&path) {
        Ok(()) => File::open(dir).and_then(|dir| dir.sync_all()).map_err(IndexError::io("cannot remove", path)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(IndexError::io("cannot remove", path)(error)),
    }
}

impl Embedded {
    /// See [`super::Index::columns_kept`].
    pub(super) fn columns_kept(&self) -> Option<i64> {
        *self.columns_kept.lock()
    }

    /// See [`super::Index::keep_columns`].
    pub(super) fn keep_columns(&self, revision: i64) -> Result<(), IndexError> {
        let mut kept = self.columns_kept.lock();
        write(&self.dir, &self.table(), revision)?;
        *kept = Some(revision);
        Ok(())
    }

    /// See [`super::Index::forget_columns`].
    pub(super) fn forget_columns(&self) -> Result<(), IndexError> {
        let mut kept = self.columns_kept.lock();
        remove(&self.dir)?;
        *kept = None;
        Ok(())
    }

    /// See [`super::Index::reread_columns`].
    pub(super) fn reread_columns(&self) -> Result<(), IndexError> {
        self.forget_columns()?;
        self.fill_table()
    }
}

fn path(dir: &Path) -> PathBuf {
    dir.join(NAME)
}

fn write(dir: &Path, table: &Table, revision: i64) -> Result<(), IndexError> {
    write_durably(&path(dir), |mut file| {
        // The buffer is outside of the hash: encoders write a few bytes at a time.
        let mut out = BufWriter::with_capacity(BUFFER, Hashed::new(file));
        out.write_all(MAGIC)?;
        out.write_all(&LAYOUT.to_le_bytes())?;
        out.write_all(&revision.to_le_bytes())?;
        table.write(&mut out).map_err(std::io::Error::other)?;
        let Hashed { hasher, .. } = out.into_inner().map_err(|error| error.into_error())?;
        file.write_all(hasher.finalize().as_bytes())
    })
}

enum ReadError {
    Missing,
    Unusable(String),
}

fn read_file(path: &Path) -> Result<(Table, i64), ReadError> {
    let unusable = |error: std::io::Error| ReadError::Unusable(error.to_string());
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(ReadError::Missing),
        Err(error) => return Err(unusable(error)),
    };
    let length = file.metadata().map_err(unusable)?.len();
    let body = length.saturating_sub(HASH as u64);
    let mut input = BufReader::with_capacity(BUFFER, Hashed::new((&mut file).take(body)));
    let mut head = [0; 28];
    input.read_exact(&mut head).map_err(unusable)?;
    let (magic, rest) = head.split_at(MAGIC.len());
    let (layout, revision) = rest.split_at(4);
    if magic != MAGIC || layout != LAYOUT.to_le_bytes() {
        return Err(ReadError::Unusable("it is of another version".to_owned()));
    }
    let revision = i64::from_le_bytes(revision.try_into().unwrap_or_default());
    let table = Table::read(&mut input).map_err(ReadError::Unusable)?;
    let (unread, Hashed { inner, hasher }) = (input.buffer().len(), input.into_inner());
    let (left, hash) = (inner.limit() + unread as u64, hasher.finalize());
    let mut expected = [0; HASH];
    file.read_exact(&mut expected).map_err(unusable)?;
    if left != 0 || hash != blake3::Hash::from_bytes(expected) {
        return Err(ReadError::Unusable("it was changed after it was written".to_owned()));
    }
    Ok((table, revision))
}

/// Hashes what goes through.
struct Hashed<T> {
    inner: T,
    hasher: blake3::Hasher,
}

impl<T> Hashed<T> {
    fn new(inner: T) -> Self {
        Self { inner, hasher: blake3::Hasher::new() }
    }
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(bytes)?;
        self.hasher.update(&bytes[..read]);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Product;
    use crate::index::{Column, Index, IndexOptions, IndexPoint};

    fn point(key: u64, brand: &str) -> IndexPoint {
        let product = Product { id: format!("p{key}"), brand: Some(brand.to_owned()), ..Product::default() };
        IndexPoint::of(&product, key, vec![vec![0.0, 1.0]])
    }

    fn open(dir: &Path) -> Index {
        Index::open(dir, &IndexOptions::new(2)).unwrap().index
    }

    fn brands(index: &Index) -> Vec<(String, usize)> {
        let table = index.table();
        let counts = table.facet(&Column::Brand, table.all(), false, 9);
        counts.into_iter().map(|found| (found.value, found.count)).collect()
    }

    #[test]
    fn columns_are_read_from_their_file_and_made_anew_where_it_cannot_be_used() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("index");
        let index = open(&dir);
        index.upsert(&(0..10).map(|key| point(key, "Nike")).collect::<Vec<_>>()).unwrap();
        assert_eq!(index.columns_kept(), None);
        index.flush().unwrap();
        index.keep_columns(7).unwrap();
        // What comes after the file: the index has it on disk, the file has not.
        index.upsert(&[point(3, "Puma"), point(11, "Puma")]).unwrap();
        index.delete(&[4]).unwrap();
        index.flush().unwrap();
        drop(index);

        let index = open(&dir);
        assert_eq!(
            (index.columns_kept(), brands(&index)),
            (Some(7), vec![("Nike".to_owned(), 10)]),
            "as at revision 7"
        );
        index.upsert(&[point(3, "Puma"), point(11, "Puma")]).unwrap();
        index.delete(&[4]).unwrap();
        let expected = vec![("Nike".to_owned(), 8), ("Puma".to_owned(), 2)];
        assert_eq!(brands(&index), expected);
        assert!(index.made_good().unwrap());
        drop(index);

        // Whole but too old, and the number of products does not tell: only who knows the revision can.
        let index = open(&dir);
        assert_eq!((index.table().len(), brands(&index)), (10, vec![("Nike".to_owned(), 10)]));
        index.reread_columns().unwrap();
        assert_eq!((index.columns_kept(), brands(&index)), (None, expected.clone()));
        index.keep_columns(9).unwrap();
        drop(index);

        let file = path(&dir);
        let good = fs::read(&file).unwrap();
        let mut changed = good.clone();
        changed[good.len() / 2] ^= 1;
        let mut foreign = good.clone();
        foreign[16] += 1;
        for bytes in [&changed[..], &foreign, &good[..good.len() - 1], &good[..20], b""] {
            fs::write(&file, bytes).unwrap();
            let index = open(&dir);
            assert_eq!((index.columns_kept(), brands(&index)), (None, expected.clone()), "{} bytes", bytes.len());
        }
        fs::write(&file, &good).unwrap();
        let index = open(&dir);
        assert_eq!((index.columns_kept(), brands(&index)), (Some(9), expected));
        index.clear().unwrap();
        assert!(!file.exists() && brands(&index).is_empty());
    }

    #[test]
    fn columns_that_miss_a_product_are_made_anew_before_the_index_is_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let index = open(folder.path());
        index.upsert(&[point(1, "Nike")]).unwrap();
        index.flush().unwrap();
        index.keep_columns(1).unwrap();
        index.upsert(&[point(2, "Puma")]).unwrap();
        index.flush().unwrap();
        drop(index);
        let index = open(folder.path());
        assert!(index.is_doubtful());
        assert!(index.made_good().unwrap());
        assert_eq!(index.table().len(), 2);
    }
}
