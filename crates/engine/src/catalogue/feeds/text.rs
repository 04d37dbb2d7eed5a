//! Bytes of any encoding become UTF-8, as a stream.

use std::io::{self, Cursor, Read};

use chardetng::EncodingDetector;
use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use encoding_rs_io::DecodeReaderBytesBuilder;

/// Bytes that are looked at to tell the encoding and the dialect.
const LOOKED_AT: u64 = 64 << 10;

/// A feed's text from its beginning.
pub(super) struct Text {
    /// The first part, for recognition; it is read again by `reader`.
    pub(super) beginning: String,
    /// All of it, in UTF-8 without a byte order mark.
    pub(super) reader: Box<dyn Read + Send>,
}

/// Decodes a stream: by its byte order mark; else UTF-8 where it is; else UTF-16 by its zero bytes; else the encoding that
/// Chromium's detector says (GB18030 and Windows-1252 among them).
pub(super) fn decoded(mut bytes: Box<dyn Read + Send>) -> io::Result<Text> {
    let mut beginning = Vec::new();
    bytes.by_ref().take(LOOKED_AT).read_to_end(&mut beginning)?;
    let encoding = encoding_of(&beginning);
    let (text, _, _) = encoding.decode(&beginning);
    let text = text.into_owned();
    let whole = Cursor::new(beginning).chain(bytes);
    let reader =
        DecodeReaderBytesBuilder::new().encoding(Some(encoding)).bom_override(true).strip_bom(true).build(whole);
    Ok(Text { beginning: text, reader: Box::new(reader) })
}

fn encoding_of(beginning: &[u8]) -> &'static Encoding {
    if let Some((encoding, _)) = Encoding::for_bom(beginning) {
        return encoding;
    }
    // A character may be cut at the end of what was looked at.
    let valid = match std::str::from_utf8(beginning) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none() && beginning.len() as u64 == LOOKED_AT,
    };
    // Text has no zero bytes, but for UTF-16, where about every other byte of Latin text is one.
    let zeros = |first: usize| beginning.iter().skip(first).step_by(2).take(200).filter(|byte| **byte == 0).count();
    let pairs = (beginning.len() / 2).min(200);
    if pairs > 4 && zeros(1) * 3 > pairs && zeros(0) == 0 {
        return encoding_rs::UTF_16LE;
    }
    if pairs > 4 && zeros(0) * 3 > pairs && zeros(1) == 0 {
        return encoding_rs::UTF_16BE;
    }
    if valid {
        return UTF_8;
    }
    let mut detector = EncodingDetector::new(chardetng::Iso2022JpDetection::Deny);
    detector.feed(beginning, true);
    match detector.guess(None, chardetng::Utf8Detection::Allow).name() {
        // GBK is what the detector says; GB18030 holds it and more.
        "GBK" => encoding_rs::GB18030,
        // It was found not to be UTF-8.
        "UTF-8" => WINDOWS_1252,
        name => Encoding::for_label(name.as_bytes()).unwrap_or(WINDOWS_1252),
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
        let text = format!("{}ü{}", "x".repeat(LOOKED_AT as usize - 1), "y".repeat(10));
        assert_eq!(read(text.clone().into_bytes()).1, text);
    }
}
