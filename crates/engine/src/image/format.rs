//! What a file is, by its first bytes and never by its name.

use std::fmt;

/// The picture formats that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// Joint Photographic Experts Group, baseline and progressive.
    Jpeg,
    /// Portable Network Graphics.
    Png,
    /// WebP, lossy and lossless.
    WebP,
    /// Graphics Interchange Format; the first frame counts.
    Gif,
    /// Windows bitmap.
    Bmp,
    /// Tagged Image File Format; the first page counts.
    Tiff,
    /// No file: the pixels were made in memory.
    Pixels,
}

impl Format {
    /// Media type, as in `Content-Type`.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::WebP => "image/webp",
            Self::Gif => "image/gif",
            Self::Bmp => "image/bmp",
            Self::Tiff => "image/tiff",
            Self::Pixels => "application/octet-stream",
        }
    }

    /// The format whose signature `bytes` begin with.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0xFF, 0xD8, 0xFF, ..] => Some(Self::Jpeg),
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1A, b'\n', ..] => Some(Self::Png),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::WebP),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Self::Gif),
            // TIFF and BigTIFF, little and big endian.
            [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => Some(Self::Tiff),
            // "BM" alone also begins English text: the size of the second header must be one that exists.
            [b'B', b'M', ..] => match bytes.get(14..18) {
                Some(&[12 | 16 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0]) | None => Some(Self::Bmp),
                Some(_) => None,
            },
            _ => None,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::WebP => "WebP",
            Self::Gif => "GIF",
            Self::Bmp => "BMP",
            Self::Tiff => "TIFF",
            Self::Pixels => "pixel buffer",
        })
    }
}

/// How much of an unknown file is looked at to say what it may be.
const GLANCE: usize = 1024;

/// What a file that is no known picture seems to be, with its article, for the error message.
pub(super) fn looks_like(bytes: &[u8]) -> &'static str {
    let head = &bytes[..bytes.len().min(GLANCE)];
    if let Some(name) = by_signature(head) {
        return name;
    }
    let text = String::from_utf8_lossy(head).to_ascii_lowercase();
    let text = text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    if text.starts_with("<!doctype html") || text.starts_with("<html") || text.contains("<html") {
        return "an HTML page";
    }
    if text.contains("<svg") {
        return "an SVG drawing";
    }
    if text.starts_with("<?xml") {
        return "an XML document";
    }
    if text.starts_with("data:") {
        return "a data URI that was not decoded";
    }
    if text.starts_with(['{', '[']) {
        return "a JSON document";
    }
    if head.iter().all(|&byte| byte == 0) {
        return "nothing but zeros";
    }
    let control = head.iter().filter(|&&byte| byte < 9 || (14..32).contains(&byte)).count();
    let broken = text.chars().filter(|&c| c == char::REPLACEMENT_CHARACTER).count();
    if control == 0 && broken <= 1 { "text" } else { "unknown data" }
}

/// Other file kinds people mistake for pictures, or pictures nobody can read here.
fn by_signature(head: &[u8]) -> Option<&'static str> {
    if let Some(brand) = head.get(4..12).and_then(|b| b.strip_prefix(b"ftyp")) {
        return Some(match brand {
            b"avif" | b"avis" => "an AVIF picture",
            b"heic" | b"heix" | b"hevc" | b"heim" | b"heis" | b"mif1" | b"msf1" => "a HEIC picture",
            b"crx " => "a camera raw file",
            _ => "a video",
        });
    }
    let known: [(&[u8], &str); 20] = [
        (b"%PDF-", "a PDF document"),
        (b"%!PS", "a PostScript document"),
        (b"8BPS", "a Photoshop document"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"\x1f\x8b", "a gzip archive"),
        (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
        (b"Rar!", "a RAR archive"),
        (b"\x00\x00\x01\x00", "an icon file"),
        (b"\x00\x00\x00\x0cJXL ", "a JPEG XL picture"),
        (b"\xff\x0a", "a JPEG XL picture"),
        (b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 picture"),
        (b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
        (b"\x76\x2f\x31\x01", "an OpenEXR picture"),
        (b"#?RADIANCE", "a Radiance picture"),
        (b"qoif", "a QOI picture"),
        (b"RIFF", "a sound or video file"),
        (b"\x1a\x45\xdf\xa3", "a video"),
        (b"ID3", "a sound file"),
        (b"SQLite format 3", "a database"),
        (b"\x7fELF", "a program"),
    ];
    known.iter().find(|(magic, _)| head.starts_with(magic)).map(|&(_, name)| name)
}

impl Format {
    /// Whether so few bytes are left that even the signature is cut off.
    pub(super) fn signature_is_cut(bytes: &[u8]) -> bool {
        let signatures: [&[u8]; 8] =
            [b"\xFF\xD8\xFF", b"\x89PNG\r\n\x1A\n", b"GIF89a", b"GIF87a", b"II*\0", b"MM\0*", b"RIFF", b"BM"];
        let cut = |signature: &[u8]| bytes.len() < signature.len() && signature.starts_with(bytes);
        !bytes.is_empty() && (signatures.into_iter().any(cut) || (bytes.len() < 12 && bytes.starts_with(b"RIFF")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_people_send_instead_of_pictures() {
        let cases: [(&[u8], &str); 12] = [
            (b"\n<!DOCTYPE html><title>404</title>", "an HTML page"),
            (b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG drawing"),
            (b"<?xml version='1.0'?><rss/>", "an XML document"),
            (b"%PDF-1.7 ...", "a PDF document"),
            (b"\0\0\0\x1cftypavif....", "an AVIF picture"),
            (b"\0\0\0\x18ftypheic....", "a HEIC picture"),
            (b"\0\0\0\x18ftypisom....", "a video"),
            (b"{\"error\": 1}", "a JSON document"),
            ("Größe: 42".as_bytes(), "text"),
            (b"BMW is a car maker in Munich", "text"),
            (&[0; 64], "nothing but zeros"),
            (&[7, 200, 1, 255, 0, 3], "unknown data"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(Format::of(bytes), None, "{expected}");
            assert_eq!(looks_like(bytes), expected);
        }
    }

    #[test]
    fn a_signature_alone_names_the_format() {
        assert_eq!(Format::of(b"\xFF\xD8\xFF\xE0"), Some(Format::Jpeg));
        assert_eq!(Format::of(b"RIFF\x10\0\0\0WEBPVP8 "), Some(Format::WebP));
        assert_eq!(Format::of(b"MM\0*"), Some(Format::Tiff));
        assert_eq!(Format::of(b"GIF88a"), None);
    }
}
