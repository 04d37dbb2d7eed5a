//! Which characters make a word, and the form in which words are compared.

use unicode_normalization::UnicodeNormalization;

use crate::index::fields::code;

/// Words longer than this many characters are cut: nobody types them, and hostile feeds have them.
pub(super) const LONGEST_WORD: usize = 64;

/// Which analyser a character belongs to. Digits and every script not named here go with Latin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Script {
    Other,
    Latin,
    Arabic,
    Cyrillic,
    Greek,
    Spaceless,
}

impl Script {
    pub(super) fn of(character: char) -> Self {
        match u32::from(character) {
            // Arabic vowel signs and the lengthening stroke are not letters, but must not cut a word.
            0x0640 | 0x064B..=0x065F | 0x0670 => Self::Arabic,
            // Likewise combining accents that NFKC could not compose, and vowel signs of Indic scripts.
            0x0300..=0x036F | 0x0900..=0x0DFF => Self::Latin,
            _ if !character.is_alphanumeric() => Self::Other,
            0x0370..=0x03FF | 0x1F00..=0x1FFF => Self::Greek,
            0x0400..=0x052F => Self::Cyrillic,
            0x0600..=0x06FF | 0x0750..=0x077F | 0x08A0..=0x08FF => Self::Arabic,
            // Thai, Lao, Myanmar, Khmer; Hangul; kana, ideographs and their extensions.
            0x0E00..=0x0EFF | 0x1000..=0x109F | 0x1780..=0x17FF | 0x1100..=0x11FF => Self::Spaceless,
            0x2E80..=0x312F | 0x3130..=0x318F | 0x31A0..=0x4DBF | 0x4E00..=0x9FFF => Self::Spaceless,
            0xAC00..=0xD7FF | 0xF900..=0xFAFF | 0x2_0000..=0x3_FFFF => Self::Spaceless,
            _ => Self::Latin,
        }
    }
}

/// Runs of one script with where they are, in order: [start, end) in bytes.
pub(super) fn runs(text: &str) -> impl Iterator<Item = (usize, usize, Script)> + '_ {
    let mut characters = text.char_indices().peekable();
    std::iter::from_fn(move || {
        loop {
            let (start, first) = characters.next()?;
            let script = Script::of(first);
            if script == Script::Other {
                continue;
            }
            let mut end = start + first.len_utf8();
            while let Some((at, character)) = characters.next_if(|(_, next)| Script::of(*next) == script) {
                end = at + character.len_utf8();
            }
            return Some((start, end, script));
        }
    })
}

/// At most [`LONGEST_WORD`] characters of a word.
pub(super) fn cut(word: &str) -> &str {
    match word.char_indices().nth(LONGEST_WORD) {
        None => word,
        Some((end, _)) => &word[..end],
    }
}

/// Words with inner punctuation (`T-Shirt`) with where they are, and as one word: `tshirt`.
pub(super) fn joined(text: &str) -> impl Iterator<Item = (usize, usize, String)> + '_ {
    text.split_whitespace().filter_map(|word| {
        let inner = word.trim_matches(|character: char| !character.is_alphanumeric());
        let joins = |character: char| matches!(character, '-' | '_' | '.' | '/' | '\'' | '’' | '+' | '&');
        if !inner.contains(joins) || inner.chars().count() > LONGEST_WORD {
            return None;
        }
        let start = inner.as_ptr() as usize - text.as_ptr() as usize;
        Some((start, start + inner.len(), code(inner)))
    })
}

/// The form in which words of the lexicon are compared: lower case, without accents, Arabic spellings made alike.
pub(super) fn key(word: &str, script: Script) -> String {
    let lower: String = word.chars().flat_map(char::to_lowercase).collect();
    if script == Script::Arabic {
        return arabic(&lower);
    }
    let mut plain = String::with_capacity(lower.len());
    for character in lower.nfd() {
        match character {
            'ß' => plain.push_str("ss"),
            'æ' => plain.push_str("ae"),
            'œ' => plain.push_str("oe"),
            'ø' => plain.push('o'),
            'ł' => plain.push('l'),
            'đ' | 'ð' => plain.push('d'),
            'ı' => plain.push('i'),
            other if matches!(u32::from(other), 0x0300..=0x036F) => {}
            other => plain.push(other),
        }
    }
    plain
}

/// Letters that are written alike are made alike (Lucene's `ArabicNormalizer`): no vowel signs, one alef, one yeh, one heh.
/// Then the article and what is written together with it goes (the prefixes of Larkey's light10 stemmer).
pub(super) fn arabic(word: &str) -> String {
    let plain: String = word
        .chars()
        .filter(|character| !matches!(u32::from(*character), 0x0640 | 0x064B..=0x065F | 0x0670))
        .map(|character| match character {
            'آ' | 'أ' | 'إ' | 'ٱ' => 'ا',
            'ى' | 'ی' => 'ي',
            'ة' => 'ه',
            'ک' => 'ك',
            other => other,
        })
        .collect();
    for prefix in ["وال", "بال", "كال", "فال", "ال", "لل"] {
        if let Some(rest) = plain.strip_prefix(prefix).filter(|rest| rest.chars().count() >= 3) {
            return rest.to_owned();
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_cut_where_the_script_changes() {
        let text = "Red T-Shirt 红色bag سجادة";
        let found: Vec<&str> = runs(text).map(|(start, end, _)| &text[start..end]).collect();
        assert_eq!(found, ["Red", "T", "Shirt", "红色", "bag", "سجادة"]);
        let whole: Vec<String> = joined(text).map(|(_, _, word)| word).collect();
        assert_eq!(whole, ["tshirt"]);
    }

    #[test]
    fn a_japanese_word_keeps_its_long_vowels() {
        let text = "スニーカー";
        assert_eq!(runs(text).count(), 1);
    }

    #[test]
    fn keys_have_no_case_and_no_accents() {
        assert_eq!(key("Größe", Script::Latin), "grosse");
        assert_eq!(key("CAFÉ", Script::Latin), "cafe");
        assert_eq!(key("ёлка", Script::Cyrillic), "елка");
        assert_eq!(key("الحقيبة", Script::Arabic), "حقيبه");
    }
}
