//! Pictures in zips, and zips that mean harm.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::super::{Archive, Source, SourceError, Sources};

/// A zip of these files, each holding its own name.
fn zip(folder: &Path, names: &[&str]) -> PathBuf {
    let path = folder.join("pictures.zip");
    let mut zip = ZipWriter::new(File::create(&path).unwrap());
    for name in names {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(name.as_bytes()).unwrap();
    }
    zip.finish().unwrap();
    path
}

fn read(archive: &Archive, name: &str) -> Result<String, SourceError> {
    archive.read(name, 1_000).map(|bytes| String::from_utf8(bytes).unwrap())
}

#[test]
fn files_are_found_by_name_then_by_capitals_then_by_last_part() {
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::open(&zip(
        folder.path(),
        &["shop/A.jpg", "shop/a.jpg", "shop/Only.JPG", "one/twin.jpg", "two/twin.jpg", "with space.jpg", "茶.jpg"],
    ))
    .unwrap();
    for (asked, found) in [
        ("shop/A.jpg", "shop/A.jpg"),
        ("shop/a.jpg", "shop/a.jpg"),
        ("./shop/a.jpg", "shop/a.jpg"),
        ("SHOP/only.jpg", "shop/Only.JPG"),
        ("only.jpg", "shop/Only.JPG"),
        ("else/where/Only.JPG", "shop/Only.JPG"),
        ("one\\twin.jpg", "one/twin.jpg"),
        ("with%20space.jpg", "with space.jpg"),
        ("茶.jpg", "茶.jpg"),
        ("%E8%8C%B6.jpg", "茶.jpg"),
        ("C:\\me\\Only.JPG", "shop/Only.JPG"),
    ] {
        assert_eq!(read(&archive, asked).as_deref(), Ok(found), "{asked}");
    }
    // Two files could be meant, so none is.
    for unclear in ["twin.jpg", "SHOP/A.JPG", "no.jpg", "", "shop", "shop/"] {
        assert_eq!(read(&archive, unclear).unwrap_err().code(), "missing-picture", "{unclear}");
    }
}

#[test]
fn names_that_leave_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let bad = ["../evil.jpg", "a/../../evil2.jpg", "/etc/evil3.jpg", "C:/evil4.jpg"];
    let path = zip(folder.path(), &[&bad[..], &["good.jpg"]].concat());
    let archive = Archive::open(&path).unwrap();
    let sources = Sources::nowhere().with_archive(&path).unwrap();
    for name in bad {
        assert_eq!(read(&archive, name).unwrap_err().code(), "outside-folder", "{name}");
        assert_eq!(sources.resolve(name).unwrap_err().code(), "outside-folder", "{name}");
    }
    for last in ["evil.jpg", "evil2.jpg", "evil3.jpg", "evil4.jpg", "../good.jpg", "%2e%2e/good.jpg"] {
        assert!(!archive.has(last), "{last}");
    }
    assert_eq!(read(&archive, "good.jpg").as_deref(), Ok("good.jpg"));
}

#[test]
fn a_bomb_is_unpacked_no_further_than_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bomb.zip");
    let mut zip = ZipWriter::new(File::create(&path).unwrap());
    zip.start_file("bomb.jpg", SimpleFileOptions::default()).unwrap();
    let zeros = vec![0; 1 << 20];
    for _ in 0..128 {
        zip.write_all(&zeros).unwrap();
    }
    zip.finish().unwrap();
    let archive = Archive::open(&path).unwrap();
    let error = archive.read("bomb.jpg", 1 << 20).unwrap_err();
    assert_eq!(error, SourceError::TooLarge { name: "bomb.jpg".into(), limit: 1 << 20 });
    assert_eq!(archive.read("bomb.jpg", u64::MAX).unwrap().len(), 128 << 20);
}

#[test]
fn damaged_zips_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let path = zip(folder.path(), &["a.jpg", "b.jpg"]);
    let whole = std::fs::read(&path).unwrap();
    for cut in [0, 1, 20, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&path, &whole[..cut]).unwrap();
        assert_eq!(Archive::open(&path).unwrap_err().code(), "bad-zip", "{cut}");
    }
    assert_eq!(Archive::open(&folder.path().join("none.zip")).unwrap_err().code(), "bad-zip");
    // One file's packed bytes are damaged: that file is refused, by its checksum, and the other is read.
    let mut damaged = whole.clone();
    let at = whole.windows(5).position(|window| window == b"a.jpg").unwrap() + 6;
    damaged[at] ^= 0xff;
    std::fs::write(&path, &damaged).unwrap();
    let archive = Archive::open(&path).unwrap();
    assert_eq!(read(&archive, "a.jpg").unwrap_err().code(), "bad-zip");
    assert_eq!(read(&archive, "b.jpg").as_deref(), Ok("b.jpg"));
}

#[test]
fn a_zip_is_looked_at_before_the_feeds_folder() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.jpg", "c.jpg"] {
        std::fs::write(folder.path().join(name), "on disk").unwrap();
    }
    let sources = Sources::beside(folder.path()).with_archive(&zip(folder.path(), &["a.jpg"])).unwrap();
    assert_eq!(sources.resolve("a.jpg"), Ok(Source::Archive("a.jpg".into())));
    assert_eq!(sources.resolve("c.jpg"), Ok(Source::File(folder.path().join("c.jpg"))));
    let read = sources.read(&Source::Archive("a.jpg".into()), "a.jpg", 100).unwrap();
    assert_eq!(read, b"a.jpg");
}
