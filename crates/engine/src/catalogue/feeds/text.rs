//! Bytes of any encoding become UTF-8, as a stream.

use std::io::{self, Cursor, Read};

use chardetng::EncodingDetector;
use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use encoding_rs_io::DecodeReaderBytesBuilder;

/// Bytes that are looked at to tell the encoding and the dialect.
const LOOKED_AT: usize = 64 << 10;
/// Bytes in which a document may declare its encoding.
const DECLARED_WITHIN: usize = 1 << 10;

/// A feed's text from its beginning.
pub(super) struct Text {
    /// The first part, for recognition; it is read again by `reader`.
    pub(super) beginning: String,
    /// All of it, in UTF-8 without a byte order mark.
    pub(super) reader: Box<dyn Read + Send>,
    /// What it is instead of text, if it is none.
    pub(super) binary: Option<&'static str>,
}

/// Decodes a stream: by its byte order mark; else UTF-16 by its zero bytes; else as its XML declaration says, unless the
/// bytes contradict it; else UTF-8 where it is; else the encoding that Chromium's detector says (GB18030 and Windows-1252
/// among them). Where the beginning is plain ASCII, the first other byte decides, however late it comes.
pub(super) fn decoded(mut bytes: Box<dyn Read + Send>) -> io::Result<Text> {
    let mut beginning = Vec::new();
    bytes.by_ref().take(LOOKED_AT as u64).read_to_end(&mut beginning)?;
    let encoding = encoding_of(&beginning);
    let text = encoding.decode(&beginning).0.into_owned();
    let binary = binary(&beginning, &text);
    let undecided = encoding == UTF_8 && beginning.is_ascii();
    let whole = Cursor::new(beginning).chain(bytes);
    let reader: Box<dyn Read + Send> =
        if undecided { Box::new(Undecided::Ascii(Box::new(whole))) } else { decoder(Box::new(whole), encoding, true) };
    Ok(Text { beginning: text, reader, binary })
}

fn decoder(bytes: Box<dyn Read + Send>, encoding: &'static Encoding, mark: bool) -> Box<dyn Read + Send> {
    let mut builder = DecodeReaderBytesBuilder::new();
    builder.encoding(Some(encoding)).bom_override(mark).strip_bom(mark);
    Box::new(builder.build(bytes))
}

fn encoding_of(beginning: &[u8]) -> &'static Encoding {
    if let Some((encoding, _)) = Encoding::for_bom(beginning) {
        return encoding;
    }
    if is_utf16(beginning, 0) {
        return encoding_rs::UTF_16LE;
    }
    if is_utf16(beginning, 1) {
        return encoding_rs::UTF_16BE;
    }
    let valid = is_utf8(beginning);
    if let Some(declared) = declared(beginning) {
        // Latin letters in UTF-8 read as Latin-1 become `Ã¤`: the declaration is wrong. Texts in other encodings may be
        // UTF-8 by chance when they are short.
        let contradicted = valid && declared.is_single_byte() && !beginning.is_ascii();
        if declared != UTF_8 && !contradicted {
            return declared;
        }
    }
    if valid { UTF_8 } else { guessed(beginning) }
}

/// Whether it is UTF-16 without a mark, `low` being where the low byte of each pair is: of Latin letters the other byte is
/// zero, and so it is beside each separator, however few Latin letters there are.
fn is_utf16(bytes: &[u8], low: usize) -> bool {
    let pairs = bytes.as_chunks::<2>().0.get(..2_000).unwrap_or(bytes.as_chunks::<2>().0);
    let count = |wanted: &dyn Fn(&[u8; 2]) -> bool| pairs.iter().filter(|pair| wanted(pair)).count();
    let (high_zeros, low_zeros) = (count(&|pair| pair[1 - low] == 0), count(&|pair| pair[low] == 0));
    let separators = |byte: u8| matches!(byte, b'\n' | b',' | b';' | b'\t' | b'"' | b'>' | b'<' | b':');
    let paired = count(&|pair| separators(pair[low]) && pair[1 - low] == 0);
    let alone = count(&|pair| (separators(pair[low]) && pair[1 - low] != 0) || separators(pair[1 - low]));
    pairs.len() > 4 && high_zeros * 10 > pairs.len() && low_zeros * 8 <= high_zeros && alone * 4 <= paired
}

/// Whether it is UTF-8; a character may be cut at the end of what was looked at.
fn is_utf8(bytes: &[u8]) -> bool {
    match std::str::from_utf8(bytes) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none() && bytes.len() >= LOOKED_AT,
    }
}

/// The encoding of bytes that are not UTF-8.
fn guessed(bytes: &[u8]) -> &'static Encoding {
    let mut detector = EncodingDetector::new(chardetng::Iso2022JpDetection::Deny);
    detector.feed(bytes, true);
    match detector.guess(None, chardetng::Utf8Detection::Allow).name() {
        // GBK is what the detector says; GB18030 holds it and more.
        "GBK" => encoding_rs::GB18030,
        // It was found not to be UTF-8.
        "UTF-8" => WINDOWS_1252,
        name => Encoding::for_label(name.as_bytes()).unwrap_or(WINDOWS_1252),
    }
}

/// What an XML declaration or the head of an HTML page says of the encoding.
fn declared(beginning: &[u8]) -> Option<&'static Encoding> {
    let head = beginning.trim_ascii_start();
    let head = &head[..head.len().min(DECLARED_WITHIN)];
    let text = String::from_utf8_lossy(head).to_ascii_lowercase();
    let after = if text.starts_with("<?xml") {
        let (declaration, _) = text.split_once("?>")?;
        declaration.split_once("encoding")?.1.trim_start().strip_prefix('=')?.to_owned()
    } else if text.starts_with('<') {
        text.split_once("charset=")?.1.to_owned()
    } else {
        return None;
    };
    let label = after.trim_start().trim_start_matches(['"', '\'']);
    let end = label.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':' | '.')));
    let encoding = Encoding::for_label(&label.as_bytes()[..end.unwrap_or(label.len())])?;
    // These letters were read as single bytes, so it cannot be UTF-16.
    (encoding.is_ascii_compatible()).then_some(encoding)
}

/// What a file is that is no text.
fn binary(bytes: &[u8], text: &str) -> Option<&'static str> {
    let known: [(&[u8], &'static str); 13] = [
        (b"PK\x03\x04", "it is a zip archive or an Excel workbook; unpack it, or save it as CSV"),
        (b"\x1f\x8b", "it is compressed with gzip; unpack it"),
        (b"BZh", "it is compressed with bzip2; unpack it"),
        (b"\x28\xb5\x2f\xfd", "it is compressed with zstd; unpack it"),
        (b"\xfd7zXZ\0", "it is compressed with xz; unpack it"),
        (b"7z\xbc\xaf\x27\x1c", "it is a 7z archive; unpack it"),
        (b"\xd0\xcf\x11\xe0", "it is an old Excel or Word file; save it as CSV"),
        (b"%PDF", "it is a PDF"),
        (b"\xff\xd8\xff", "it is a JPEG picture; a folder of pictures is a feed, one picture is none"),
        (b"\x89PNG", "it is a PNG picture; a folder of pictures is a feed, one picture is none"),
        (b"GIF8", "it is a GIF picture; a folder of pictures is a feed, one picture is none"),
        (b"RIFF", "it is a RIFF file, a picture or a sound"),
        (b"SQLite format 3\0", "it is an SQLite database"),
    ];
    if let Some((_, what)) = known.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Some(what);
    }
    let odd = |c: char| c == '\u{fffd}' || (c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\x0c'));
    let (odd, all) = text.chars().fold((0_usize, 0_usize), |(odds, all), c| (odds + usize::from(odd(c)), all + 1));
    (odd * 20 > all).then_some("it is not text: too many bytes of it are none of any letter")
}

/// A text that is plain ASCII as far as it was read: every encoding that it could have is the same there.
enum Undecided {
    Ascii(Box<dyn Read + Send>),
    Decided(Box<dyn Read + Send>),
}

impl Read for Undecided {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let inner = match self {
            Self::Decided(reader) => return reader.read(buffer),
            Self::Ascii(inner) => inner,
        };
        let read = inner.read(buffer)?;
        let Some(ascii) = buffer[..read].iter().position(|byte| !byte.is_ascii()) else { return Ok(read) };
        let mut held = buffer[ascii..read].to_vec();
        let mut rest = std::mem::replace(inner, Box::new(io::empty()));
        let more = LOOKED_AT.saturating_sub(held.len()) as u64;
        rest.by_ref().take(more).read_to_end(&mut held)?;
        let encoding = if is_utf8(&held) { UTF_8 } else { guessed(&held) };
        let mut decided = decoder(Box::new(Cursor::new(held).chain(rest)), encoding, false);
        let read = if ascii == 0 { decided.read(buffer)? } else { ascii };
        *self = Self::Decided(decided);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: Vec<u8>) -> (String, String) {
        let mut text = decoded(Box::new(Cursor::new(bytes))).unwrap();
        let mut all = String::new();
        text.reader.read_to_string(&mut all).unwrap();
        (text.beginning, all)
    }

    #[test]
    fn encodings_are_told_apart() {
        let german = "id\ttitle\n1\tGrößere Tasche für schöne Füße, überall geprüft\n";
        let chinese = "id,title\n1,红色真皮手提包，时尚女士单肩斜挎小方包新款百搭\n2,黑色休闲运动鞋男士透气跑步鞋\n";
        let utf16 = |text: &str, mark: bool, big: bool| {
            let units = mark.then_some(0xfeff).into_iter().chain(text.encode_utf16());
            units.flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect::<Vec<u8>>()
        };
        for (bytes, expected) in [
            (german.as_bytes().to_vec(), german),
            ([b"\xef\xbb\xbf", german.as_bytes()].concat(), german),
            (WINDOWS_1252.encode(german).0.into_owned(), german),
            (encoding_rs::GB18030.encode(chinese).0.into_owned(), chinese),
            (utf16(german, true, false), german),
            (utf16(german, true, true), german),
            (utf16(german, false, false), german),
            (utf16(german, false, true), german),
        ] {
            assert_eq!(read(bytes), (expected.to_owned(), expected.to_owned()));
        }
    }

    #[test]
    fn long_texts_cut_in_a_character_are_still_utf8() {
        let text = format!("{}ü{}", "x".repeat(LOOKED_AT - 1), "y".repeat(10));
        assert_eq!(read(text.clone().into_bytes()).1, text);
    }

    #[test]
    fn the_first_letter_that_is_not_ascii_decides_however_late_it_comes() {
        let text = format!("{}Größe der schönen Tasche\n", "plain line\n".repeat(LOOKED_AT / 5));
        assert_eq!(read(WINDOWS_1252.encode(&text).0.into_owned()).1, text);
        assert_eq!(read(text.clone().into_bytes()).1, text);
        let chinese =
            format!("{}红色真皮手提包，时尚女士单肩斜挎小方包新款百搭\n", "plain line\n".repeat(LOOKED_AT / 5));
        assert_eq!(read(encoding_rs::GB18030.encode(&chinese).0.into_owned()).1, chinese);
    }

    #[test]
    fn a_declaration_is_followed_unless_the_bytes_contradict_it() {
        for (label, encoding, word) in [
            ("ISO-8859-1", WINDOWS_1252, "é"),
            ("iso-8859-15", encoding_rs::ISO_8859_15, "5 €"),
            ("GBK", encoding_rs::GBK, "联通"),
            ("GB2312", encoding_rs::GBK, "红色"),
            ("Shift_JIS", encoding_rs::SHIFT_JIS, "かばん"),
            ("UTF-8", UTF_8, "é 包"),
        ] {
            let text = format!("<?xml version='1.0' encoding='{label}' ?>\n<rss>{word}</rss>");
            assert_eq!(read(encoding.encode(&text).0.into_owned()).1, text, "{label}");
        }
        let wrong = "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><rss>größer</rss>";
        assert_eq!(read(wrong.as_bytes().to_vec()).1, wrong);
        let page = "<html><head><meta charset=\"windows-1251\"><title>Сумка</title>";
        assert_eq!(read(encoding_rs::WINDOWS_1251.encode(page).0.into_owned()).1, page);
    }

    #[test]
    fn what_is_no_text_is_named() {
        let binary = |bytes: &[u8]| decoded(Box::new(Cursor::new(bytes.to_vec()))).unwrap().binary;
        assert!(binary(b"PK\x03\x04....").unwrap().contains("zip"));
        assert!(binary(&[0; 500]).is_some());
        let noise: Vec<u8> = (0..5_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        assert!(binary(&noise).is_some());
        assert_eq!(binary(b"id,title\n1,A \0 B, and some more of it\n"), None);
        assert_eq!(binary(b""), None);
    }
}
