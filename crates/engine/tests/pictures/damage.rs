//! Files that were cut short, flipped or mixed up: never a panic, always a typed error or a picture of the right size.

use proptest::prelude::*;
use vetrina_engine::image::{Limits, PictureError, decode_at_least, probe};

use super::{all_fixtures, fixture, read};

#[test]
fn every_prefix_is_an_error_or_the_whole_picture() {
    for (name, bytes) in all_fixtures() {
        let whole = read(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut shortest = bytes.len();
        for length in 0..bytes.len() {
            match read(&bytes[..length]) {
                // Trailing bytes that carry no pixels: checksums, end markers, a later frame, a directory's slack.
                Ok(picture) => {
                    // No assert_eq: it would print both pictures.
                    assert!(picture.rgb() == whole.rgb(), "{name} cut at {length} shows something else");
                    shortest = shortest.min(length);
                }
                Err(PictureError::Empty) => assert_eq!(length, 0, "{name}"),
                Err(PictureError::Truncated | PictureError::Damaged { .. }) => {}
                Err(error) => panic!("{name} cut at {length}: {error}"),
            }
            let _ = probe(&bytes[..length], &Limits::default());
        }
        // An animation may be cut after its first frame.
        if !name.starts_with("animated") {
            assert!(shortest + 128 > bytes.len(), "{name} is read whole from {shortest} of {} bytes", bytes.len());
        }
    }
}

#[test]
fn a_file_cut_in_the_middle_says_so() {
    for (name, bytes) in all_fixtures() {
        if name.starts_with("animated") || name.ends_with(".tif") {
            // A TIFF's directory may stand at the end: what is left is no TIFF at all rather than half of one.
            continue;
        }
        let error = read(&bytes[..bytes.len() * 2 / 3]).expect_err(&name);
        assert_eq!(error, PictureError::Truncated, "{name}");
        assert_eq!(error.code(), "truncated-picture");
    }
}

#[test]
fn the_name_of_a_format_is_in_its_content() {
    assert_eq!(read(b""), Err(PictureError::Empty));
    let error = read(b"<!doctype html><html><body>Not found</body></html>").expect_err("HTML");
    assert_eq!(error, PictureError::NotAPicture { looks_like: "an HTML page" });
    assert_eq!(error.to_string(), "this is no picture that can be read: it looks like an HTML page");
    assert!(error.hint().contains("link"));
}

#[test]
fn trailing_rubbish_after_a_picture_is_no_matter() {
    for (name, mut bytes) in all_fixtures() {
        let whole = read(&bytes).expect(&name);
        bytes.extend([0u8; 37]);
        bytes.extend(b"\xff\xd8\xff trailing");
        let picture = read(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(picture.rgb() == whole.rgb(), "{name}");
    }
}

#[test]
fn bytes_between_segments_and_a_damaged_scan_are_survived_with_a_note() {
    let bytes = fixture("baseline-420.jpg");
    let whole = read(&bytes).expect("a JPEG");
    let mut stray = bytes[..20].to_vec();
    stray.extend([1, 2, 3, 4, 5, 6]);
    stray.extend(&bytes[20..]);
    assert!(read(&stray).expect("readable").rgb() == whole.rgb());
    // Restart markers let the rest of a scan survive a fault.
    let mut broken = fixture("restart.jpg");
    let at = broken.len() - 40;
    broken[at] ^= 0x5A;
    assert!(matches!(read(&broken), Ok(_) | Err(PictureError::Damaged { .. })));
}

proptest! {
    #[test]
    fn flipped_bytes_never_panic_or_change_the_promise(
        pick in any::<prop::sample::Index>(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
    ) {
        let files = all_fixtures();
        let (name, mut bytes) = files[pick.index(files.len())].clone();
        for (at, value) in &flips {
            let at = at.index(bytes.len());
            bytes[at] = *value;
        }
        // Small limits, so that a flipped size costs no time.
        let limits = Limits { pixels: 1_000_000, side: 4_000, decode_bytes: 16 << 20, ..Limits::default() };
        if let Ok(picture) = decode_at_least(&bytes, &limits, 8) {
            prop_assert!(picture.width() > 0 && picture.height() > 0, "{}", name);
            prop_assert_eq!(picture.rgb().len(), picture.width() as usize * picture.height() as usize * 3);
            let header = probe(&bytes, &limits).expect("what decodes has a header");
            prop_assert_eq!((header.width, header.height), picture.original_size());
        }
    }

    #[test]
    fn any_bytes_after_a_signature_never_panic(
        signature in prop::sample::select(vec![
            b"\xff\xd8\xff".to_vec(), b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec(), b"GIF89a".to_vec(),
            b"II*\0\x08\0\0\0".to_vec(), b"MM\0*\0\0\0\x08".to_vec(), b"RIFF\x10\0\0\0WEBPVP8L".to_vec(), b"BM".to_vec(),
        ]),
        rest in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        let limits = Limits { pixels: 1_000_000, side: 4_000, decode_bytes: 16 << 20, ..Limits::default() };
        let bytes = [signature, rest].concat();
        if let Err(error) = decode_at_least(&bytes, &limits, 8) {
            prop_assert!(!error.code().is_empty() && !error.hint().is_empty());
        }
    }
}
