//! The file of the columns beside the index: what spares a start the payload of every product, and soon after it the words of
//! every product. It has the lists of who says a word as well, which are read from it a list at a time.
//!
//! The file says up to which revision of the truth it knows every change, which the caller gives and gets back: it applies
//! again whatever is newer, to the index and to the columns alike. A file that is missing or damaged costs time only: then the
//! columns and the lists are made from the payload, and the lexicon from the truth.
//!
//! `head, columns, hash, words, hash, lists, hash, directory of the lists, hash, length of each of the four`. The words are read later,
//! so that a start need not wait for them, and are left out while they are not all known; the hash of the lists is looked at with
//! them.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::IndexError;
use super::embedded::Embedded;
use super::journal::write_durably;
use super::lexicon::Lexicon;
use super::postings::{self, Directory, Part, Run};
use super::table::Table;
use super::table::kept::{LAYOUT, put, take};
use super::wording::has_compounds;

const NAME: &str = "columns";
const MAGIC: &[u8; 16] = b"vetrina columns\n";
const BUFFER: usize = 1 << 20;
/// Bytes of a BLAKE3 hash.
const HASH: u64 = blake3::OUT_LEN as u64;
/// Bytes of the four lengths.
const LENGTHS: u64 = 32;

/// What a file brings.
pub(super) struct Kept {
    pub(super) table: Table,
    pub(super) postings: Run,
    /// Up to which the file is good.
    pub(super) revision: i64,
    pub(super) words: KeptWords,
}

/// The words in a file that was opened, and its lists; they can be read even when another file has taken its place.
#[derive(Debug)]
pub(super) struct KeptWords {
    file: File,
    /// Where they are, and their length.
    words: Option<(u64, u64)>,
    lists: (u64, u64),
}

/// The columns of a file; none where there is no file that can be used.
pub(super) fn read(dir: &Path) -> Option<Kept> {
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
        let (table, lexicon) = (self.table(), self.lexicon());
        let all_known = lexicon.products() == table.len();
        // Nothing that is said changes while the table is held.
        let parts = self.postings.write().freeze();
        let run = write(&self.dir, &table, Some(&*lexicon).filter(|_| all_known), &parts, revision)?;
        self.postings.write().replace(&parts, run);
        *kept = Some(revision);
        Ok(())
    }

    /// See [`super::Index::read_kept_words`].
    pub(super) fn read_kept_words(&self) -> bool {
        let Some(mut kept) = self.kept_words.lock().take() else { return false };
        let (at, length) = kept.lists;
        let all = |input: &mut In<'_>| std::io::copy(input, &mut std::io::sink()).map_err(|error| error.to_string());
        if let Err(reason) = read_section(&mut kept.file, at, length, all) {
            tracing::warn!(dir = %self.dir.display(), reason, "the lists of words beside the columns cannot be used and are made anew");
            if let Err(error) = self.reread_columns() {
                tracing::error!(dir = %self.dir.display(), %error, "the lists of words could not be made anew");
            }
        }
        let Some((at, length)) = kept.words else { return false };
        let compounds = has_compounds(&self.options().language);
        let read = read_section(&mut kept.file, at, length, |input| Lexicon::read(input, compounds));
        let mut words = match read {
            Ok(words) => words,
            Err(reason) => {
                tracing::warn!(dir = %self.dir.display(), reason, "the words beside the columns cannot be read and are made anew");
                return false;
            }
        };
        // Whoever searches holds the table first, too.
        let table = self.table();
        let mut lexicon = self.lexicon_mut();
        words.follow(&lexicon, |key| table.row(key).is_some());
        *lexicon = words;
        lexicon.products() == table.len()
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
        *self.kept_words.lock() = None;
        self.fill_table()
    }
}

fn path(dir: &Path) -> PathBuf {
    dir.join(NAME)
}

fn write(dir: &Path, table: &Table, words: Option<&Lexicon>, lists: &[Part], revision: i64) -> Result<Run, IndexError> {
    let path = path(dir);
    let (directory, at) = write_durably(&path, |mut file| {
        let ((), columns) = write_section(file, |out| {
            out.write_all(MAGIC)?;
            out.write_all(&LAYOUT.to_le_bytes())?;
            out.write_all(&revision.to_le_bytes())?;
            table.write(out).map_err(std::io::Error::other)
        })?;
        let words = match words {
            Some(words) => write_section(file, |out| words.write(out).map_err(std::io::Error::other))?.1,
            None => 0,
        };
        let (directory, lists) = write_section(file, |out| postings::merge(lists, out))?;
        let ((), directed) = write_section(file, |out| put(out, &directory).map_err(std::io::Error::other))?;
        [columns, words, lists, directed].iter().try_for_each(|length| file.write_all(&length.to_le_bytes()))?;
        Ok((directory, columns + HASH + with_hash(words)))
    })?;
    let file = File::open(&path).map_err(IndexError::io("cannot read", &path))?;
    Ok(Run::new(file, at, directory))
}

/// Bytes of the words and their hash, which they have where they are not left out.
fn with_hash(length: u64) -> u64 {
    if length == 0 { 0 } else { length.saturating_add(HASH) }
}

type Out<'f> = BufWriter<Hashed<&'f File>>;
type In<'f> = BufReader<Hashed<std::io::Take<&'f mut File>>>;

/// Writes a part and its hash; what came of writing it, and how long it is without the hash.
fn write_section<'f, T>(
    mut file: &'f File,
    contents: impl FnOnce(&mut Out<'f>) -> std::io::Result<T>,
) -> std::io::Result<(T, u64)> {
    // The buffer is outside of the hash: encoders write a few bytes at a time.
    let mut out = BufWriter::with_capacity(BUFFER, Hashed::new(file));
    let made = contents(&mut out)?;
    let Hashed { hasher, .. } = out.into_inner().map_err(std::io::IntoInnerError::into_error)?;
    file.write_all(hasher.finalize().as_bytes())?;
    Ok((made, hasher.count()))
}

/// Reads a part that begins at `at`, and checks its hash.
fn read_section<T>(
    file: &mut File,
    at: u64,
    length: u64,
    contents: impl FnOnce(&mut In<'_>) -> Result<T, String>,
) -> Result<T, String> {
    let failed = |error: std::io::Error| error.to_string();
    file.seek(SeekFrom::Start(at)).map_err(failed)?;
    let mut input = BufReader::with_capacity(BUFFER, Hashed::new((&mut *file).take(length)));
    let read = contents(&mut input)?;
    let (unread, Hashed { inner, hasher }) = (input.buffer().len(), input.into_inner());
    let (left, hash) = (inner.limit() + unread as u64, hasher.finalize());
    let mut expected = [0; HASH as usize];
    file.read_exact(&mut expected).map_err(failed)?;
    if left != 0 || hash != blake3::Hash::from_bytes(expected) {
        return Err("it was changed after it was written".to_owned());
    }
    Ok(read)
}

enum ReadError {
    Missing,
    Unusable(String),
}

fn read_file(path: &Path) -> Result<Kept, ReadError> {
    let unusable = |error: std::io::Error| ReadError::Unusable(error.to_string());
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(ReadError::Missing),
        Err(error) => return Err(unusable(error)),
    };
    let mut head = [0; 28];
    file.read_exact(&mut head).map_err(unusable)?;
    let (magic, rest) = head.split_at(MAGIC.len());
    let (layout, revision) = rest.split_at(4);
    if magic != MAGIC || layout != LAYOUT.to_le_bytes() {
        return Err(ReadError::Unusable("it is of another version".to_owned()));
    }
    let revision = i64::from_le_bytes(revision.try_into().unwrap_or_default());
    let end = file.seek(SeekFrom::End(-(LENGTHS as i64))).map_err(unusable)?;
    let mut lengths = [0; LENGTHS as usize];
    file.read_exact(&mut lengths).map_err(unusable)?;
    let [columns, words, lists, directed] = lengths_of(&lengths);
    let parts =
        [columns.saturating_add(HASH), with_hash(words), lists.saturating_add(HASH), directed.saturating_add(HASH)];
    let [words_at, lists_at, directed_at, all] = [1, 2, 3, 4].map(|part| sum(&parts[..part]));
    if all != end {
        return Err(ReadError::Unusable("its parts have other lengths than it says".to_owned()));
    }
    let table = read_section(&mut file, 0, columns, |input| {
        input.read_exact(&mut head).map_err(|error| error.to_string())?;
        Table::read(input)
    });
    let table = table.map_err(ReadError::Unusable)?;
    let directory = read_section(&mut file, directed_at, directed, |input| {
        take::<Directory>(&mut rmp_serde::Deserializer::new(input))
    });
    let directory = directory.map_err(ReadError::Unusable)?;
    if !directory.fits(lists) {
        return Err(ReadError::Unusable("its lists are not where it says".to_owned()));
    }
    let postings = Run::new(file.try_clone().map_err(unusable)?, lists_at, directory);
    let words = KeptWords { file, words: (words > 0).then_some((words_at, words)), lists: (lists_at, lists) };
    Ok(Kept { table, postings, revision, words })
}

/// The lengths of the four parts, from the end of a file.
fn lengths_of(end: &[u8]) -> [u64; 4] {
    let mut lengths = [0; 4];
    for (length, bytes) in lengths.iter_mut().zip(end.as_chunks::<8>().0) {
        *length = u64::from_le_bytes(*bytes);
    }
    lengths
}

fn sum(lengths: &[u64]) -> u64 {
    lengths.iter().fold(0, |sum, length| sum.saturating_add(*length))
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
    fn words_are_read_after_the_start_without_what_is_gone_and_with_what_is_newer() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("index");
        let index = open(&dir);
        index.upsert(&(0..10).map(|key| point(key, "Nike")).collect::<Vec<_>>()).unwrap();
        index.flush().unwrap();
        assert!(!index.read_kept_words(), "there is no file");
        index.keep_columns(7).unwrap();
        drop(index);
        let file = path(&dir);
        let good = fs::read(&file).unwrap();
        let said =
            |index: &Index, word: &str| index.lexicon().word(word).map_or(0, crate::index::lexicon::Word::products);

        let index = open(&dir);
        assert_eq!((said(&index, "nike"), index.lexicon().products()), (0, 0), "not yet");
        index.upsert(&[point(3, "Puma"), point(11, "Puma")]).unwrap();
        index.delete(&[4]).unwrap();
        // Another file in its place does not matter to who has opened it.
        fs::remove_file(&file).unwrap();
        fs::write(&file, b"").unwrap();
        assert!(index.read_kept_words());
        assert_eq!((said(&index, "nike"), said(&index, "puma"), index.lexicon().products()), (8, 2, 10));
        assert!(!index.read_kept_words(), "once");
        drop(index);

        // The last byte of the words, before their hash and the two parts behind them.
        let [columns, words, ..] = lengths_of(&good[good.len() - LENGTHS as usize..]);
        let mut changed = good.clone();
        changed[(columns + HASH + words) as usize - 1] ^= 1;
        fs::write(&file, &changed).unwrap();
        let index = open(&dir);
        assert_eq!((index.columns_kept(), index.read_kept_words(), said(&index, "nike")), (Some(7), false, 0));
        drop(index);
        // As long as words are missing they are not kept.
        fs::write(&file, &good).unwrap();
        let index = open(&dir);
        index.keep_columns(8).unwrap();
        drop(index);
        let index = open(&dir);
        assert_eq!((index.columns_kept(), index.read_kept_words(), said(&index, "nike")), (Some(8), false, 0));
    }

    #[test]
    fn lists_of_words_are_read_from_the_file_and_made_anew_where_they_were_changed() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("index");
        let index = open(&dir);
        let points: Vec<IndexPoint> =
            (0..400).map(|key| point(key, if key % 3 == 0 { "Nike" } else { "Puma" })).collect();
        index.upsert(&points).unwrap();
        let found = |index: &Index| ["nike", "puma", "p7"].map(|text| index.words(text, 999).unwrap());
        let expected = found(&index);
        assert_eq!(expected.each_ref().map(Vec::len), [134, 266, 1]);
        index.flush().unwrap();
        index.keep_columns(1).unwrap();
        assert_eq!(found(&index), expected, "from the file that was just written");
        drop(index);
        let index = open(&dir);
        assert_eq!(found(&index), expected, "from the file that was found");
        assert!(index.read_kept_words());
        index.upsert(&[point(1, "Nike")]).unwrap();
        index.delete(&[0]).unwrap();
        assert_eq!(found(&index).map(|found| found.len()), [134, 265, 1]);
        index.keep_columns(2).unwrap();
        assert_eq!(found(&index).map(|found| found.len()), [134, 265, 1]);
        index.flush().unwrap();
        drop(index);

        let file = path(&dir);
        let mut changed = fs::read(&file).unwrap();
        let [columns, words, ..] = lengths_of(&changed[changed.len() - LENGTHS as usize..]);
        let lists = (columns + HASH + with_hash(words)) as usize;
        changed[lists + 2] ^= 1;
        fs::write(&file, &changed).unwrap();
        let index = open(&dir);
        assert_eq!(index.columns_kept(), Some(2), "its start does not read them");
        assert!(index.read_kept_words(), "what else it has is good");
        assert_eq!(index.columns_kept(), None);
        assert_eq!(found(&index).map(|found| found.len()), [134, 265, 1]);
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
