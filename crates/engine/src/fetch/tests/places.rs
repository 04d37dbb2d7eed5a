//! Sources of a feed: files beside it, `data:` URIs, and what is none of its business.

use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::super::{Source, SourceError, Sources};

/// `shop/secret.jpg`, `shop/feed/a.jpg`, `shop/feed/sub/b c.jpg`, `shop/pictures/a.jpg`, `shop/pictures/x.jpg`.
fn shop() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for name in ["secret.jpg", "feed/a.jpg", "feed/sub/b c.jpg", "pictures/a.jpg", "pictures/x.jpg", "feed/100%.jpg"] {
        let file = root.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, name).unwrap();
    }
    root
}

fn read(sources: &Sources, raw: &str) -> Result<String, SourceError> {
    let source = sources.resolve(raw)?;
    sources.read(&source, raw, 1_000).map(|bytes| String::from_utf8(bytes).unwrap())
}

#[test]
fn files_are_found_where_feeds_mean_them() {
    let root = shop();
    let beside = Sources::beside(&root.path().join("feed"));
    let both = beside.clone().with_images(&root.path().join("pictures"));
    for (name, found) in [
        ("a.jpg", "feed/a.jpg"),
        ("./a.jpg", "feed/a.jpg"),
        (" a.jpg ", "feed/a.jpg"),
        ("sub/../a.jpg", "feed/a.jpg"),
        ("sub/b c.jpg", "feed/sub/b c.jpg"),
        ("sub/b%20c.jpg", "feed/sub/b c.jpg"),
        ("sub\\b c.jpg", "feed/sub/b c.jpg"),
        ("sub%5Cb%20c.jpg", "feed/sub/b c.jpg"),
        ("100%.jpg", "feed/100%.jpg"),
        ("/a.jpg", "feed/a.jpg"),
        ("C:\\Users\\me\\a.jpg", "feed/a.jpg"),
        ("elsewhere/100%25.jpg", "feed/100%.jpg"),
    ] {
        assert_eq!(read(&beside, name).as_deref(), Ok(found), "{name}");
    }
    // The folder of pictures goes first, but a whole path goes before a mere file name.
    assert_eq!(read(&both, "a.jpg").as_deref(), Ok("pictures/a.jpg"));
    assert_eq!(read(&both, "any/where/x.jpg").as_deref(), Ok("pictures/x.jpg"));
    assert_eq!(read(&both, "sub/b c.jpg").as_deref(), Ok("feed/sub/b c.jpg"));
    // A feed of this machine may name any file of it.
    let secret = root.path().join("secret.jpg");
    assert_eq!(read(&both, secret.to_str().unwrap()).as_deref(), Ok("secret.jpg"));
    let address = url::Url::from_file_path(&secret).unwrap();
    assert_eq!(read(&both, address.as_str()).as_deref(), Ok("secret.jpg"));
}

#[test]
fn the_whole_path_wins_over_a_file_of_the_same_name() {
    let root = shop();
    fs::create_dir(root.path().join("feed/deep")).unwrap();
    fs::write(root.path().join("feed/deep/x.jpg"), "deep").unwrap();
    let both = Sources::beside(&root.path().join("feed")).with_images(&root.path().join("pictures"));
    assert_eq!(read(&both, "deep/x.jpg").as_deref(), Ok("deep"));
}

#[test]
fn what_leads_out_or_is_missing_is_refused() {
    let root = shop();
    let feed = root.path().join("feed");
    let beside = Sources::beside(&feed);
    for name in
        ["../secret.jpg", "sub/../../secret.jpg", "..\\secret.jpg", "%2e%2e/secret.jpg", "..%2fa.jpg", "../feed/a.jpg"]
    {
        assert!(matches!(beside.resolve(name), Err(SourceError::Outside { .. })), "{name}: {:?}", beside.resolve(name));
    }
    let missing = beside.resolve("no.jpg").unwrap_err();
    assert_eq!(missing, SourceError::Missing { name: "no.jpg".into(), looked_at: vec![feed.clone()] });
    assert_eq!(beside.resolve(" "), Err(SourceError::Empty));
    assert_eq!(read(&beside, "sub").unwrap_err(), SourceError::NotAFile { path: feed.join("sub") });
    let large = fs::write(feed.join("large.jpg"), [0; 1_001]);
    assert!(large.is_ok() && matches!(read(&beside, "large.jpg"), Err(SourceError::TooLarge { limit: 1_000, .. })));
}

#[test]
fn a_feed_from_the_network_reads_no_file() {
    let root = shop();
    let secret = root.path().join("secret.jpg");
    let (plain, address) =
        (secret.to_str().unwrap().to_owned(), url::Url::from_file_path(&secret).unwrap().to_string());
    let nowhere = Sources::nowhere();
    for name in [plain.as_str(), &address, "a.jpg", "../a.jpg", "/etc/passwd", "file:///etc/passwd", "FILE:/etc/passwd"]
    {
        assert!(matches!(nowhere.resolve(name), Err(SourceError::NotAllowed { .. })), "{name}");
    }
    // With a folder of pictures it reads those, and still nothing else.
    let pictures = nowhere.with_images(&root.path().join("pictures"));
    assert_eq!(read(&pictures, "a.jpg").as_deref(), Ok("pictures/a.jpg"));
    assert_eq!(pictures.resolve(&plain).unwrap_err().code(), "missing-picture");
    assert_eq!(pictures.resolve(&address).unwrap_err().code(), "missing-picture");
}

#[test]
fn addresses_are_for_the_fetcher() {
    let nowhere = Sources::nowhere();
    for (source, url) in [
        ("https://shop.example/a.jpg", "https://shop.example/a.jpg"),
        ("HTTP://shop.example/", "HTTP://shop.example/"),
        ("//cdn.example/a.jpg", "https://cdn.example/a.jpg"),
        ("ftp://shop.example/a.jpg", "ftp://shop.example/a.jpg"),
    ] {
        assert_eq!(nowhere.resolve(source), Ok(Source::Remote(url.into())), "{source}");
    }
}

#[test]
fn data_uris_are_read_within_the_limit() {
    let nowhere = Sources::nowhere();
    assert_eq!(read(&nowhere, "data:image/png;base64,aGVsbG8=").as_deref(), Ok("hello"));
    assert_eq!(read(&nowhere, "DATA:image/svg+xml,%3Csvg%2F%3E").as_deref(), Ok("<svg/>"));
    for bad in ["data:image/png;base64,@@@@", "data:image/png;base64", "data:"] {
        assert_eq!(read(&nowhere, bad).unwrap_err().code(), "bad-data-uri", "{bad}");
    }
    for long in [format!("data:,{}", "x".repeat(1_001)), format!("data:,{}", "x".repeat(10_000))] {
        assert_eq!(read(&nowhere, &long).unwrap_err().code(), "too-many-bytes");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn pipes_and_devices_are_refused_without_waiting() {
    let root = shop();
    let pipe = root.path().join("feed/pipe.jpg");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let beside = Sources::beside(&root.path().join("feed"));
    assert_eq!(read(&beside, "pipe.jpg").unwrap_err(), SourceError::NotAFile { path: pipe });
    assert_eq!(read(&beside, "/dev/zero").unwrap_err().code(), "not-a-file");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever a feed from the network says, only files below its folder of pictures are named.
    #[test]
    fn relative_sources_never_leave_their_folders(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "..", ".", "a.jpg", "x.jpg", "sub", "secret.jpg", "%2e%2e", "%2E.", "..%2f", "%2fetc", "", "~", "C:", "file:", "\u{0}",
                "%00", "%252e%252e", "feed", "pictures", " ", "etc/passwd",
            ]),
            0..8,
        ),
        between in prop::sample::select(vec!["/", "\\", "//", "%2f", "%5c"]),
        leading in prop::sample::select(vec!["", "/", "\\", "file:///", "./"]),
    ) {
        let root = shop();
        let pictures = root.path().join("pictures");
        let sources = Sources::nowhere().with_images(&pictures);
        let source = format!("{leading}{}", parts.join(between));
        if let Ok(Source::File(path)) = sources.resolve(&source) {
            let real = fs::canonicalize(&path).unwrap();
            prop_assert!(real.starts_with(fs::canonicalize(&pictures).unwrap()), "{source:?} is {path:?}");
        }
    }

    /// Any text at all ends in an answer, and beside a feed what is relative stays below its folder.
    #[test]
    fn any_text_is_answered(source in "\\PC{0,40}") {
        let root = shop();
        let feed = root.path().join("feed");
        if let Ok(Source::File(path)) = Sources::beside(&feed).resolve(&source) {
            let absolute = Path::new(&source.trim().replace('\\', "/")).is_absolute() || source.trim().starts_with("file:");
            prop_assert!(absolute || fs::canonicalize(&path).unwrap().starts_with(fs::canonicalize(&feed).unwrap()));
        }
    }
}
