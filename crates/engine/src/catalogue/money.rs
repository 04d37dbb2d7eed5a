//! Prices as shops write them.
//!
//! Amount and currency are kept exactly: digits become a decimal, never a float.

use iso_currency::Currency;
use rust_decimal::Decimal;

use super::Money;

/// Why a text is not a price.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a price: {reason}")]
pub struct PriceError {
    /// What was given, shortened.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// Reads a price: `12.99 USD`, `USD 12.99`, `$12.99`, `1.299,00 €`, `¥1,299`, `1 299,00 kr`, `CHF 1'299.–`, `12,99`,
/// `₹1,29,999.00`; digits may be Arabic-Indic (`١٢٫٩٩`), Persian, Devanagari or full-width.
///
/// The currency is the ISO 4217 code in the text; else what its symbol stands for (`$` is the default's when that is a dollar,
/// else USD; `¥` CNY when that is the default, else JPY; `kr` the default's when that is a krone, else SEK); else
/// `default_currency`; else empty. The last `.` or `,` is the decimal sign, unless it stands before exactly three digits
/// and could separate thousands; a sign that appears twice separates thousands.
///
/// # Errors
/// When there is no number, more than one, or it is negative or too long to be kept exactly.
pub fn parse_price(text: &str, default_currency: Option<&str>) -> Result<Money, PriceError> {
    let failed = |reason| PriceError { text: text.trim().chars().take(60).collect(), reason };
    let text: String = text.trim().chars().map(latin).collect();
    let text = text.as_str();
    if text.is_empty() {
        return Err(failed("it is empty"));
    }
    let is_number = |character: char| {
        character.is_ascii_digit() || matches!(character, '.' | ',' | '\'' | '’' | ' ' | '\u{a0}' | '\u{202f}')
    };
    let start = text.find(|character: char| character.is_ascii_digit()).ok_or_else(|| failed("it has no digits"))?;
    // `.99` means 0.99.
    let start = if text[..start].ends_with('.') { start - 1 } else { start };
    let rest = &text[start..];
    let end = rest.find(|character| !is_number(character)).unwrap_or(rest.len());
    let (digits, after) = rest.split_at(end);
    // `1'299.–` and `12,-` say that there are no cents.
    let after = after.trim_start_matches(['–', '—', '-']);
    if after.contains(|character: char| character.is_ascii_digit()) {
        return Err(failed("it has more than one number"));
    }
    let before = &text[..start];
    if before.contains('-') || before.contains('−') || before.contains('(') {
        return Err(failed("it is negative"));
    }
    let plain = plain_number(digits).ok_or_else(|| failed("its digits cannot be told apart"))?;
    let amount: Decimal = plain.parse().map_err(|_| failed("it has too many digits"))?;
    let words = format!("{before} {after}");
    let currency = currency(&words, default_currency).ok_or_else(|| failed("its currency is unknown"))?;
    Ok(Money { amount, currency })
}

/// A digit or sign of another script as the one that the rest of the world writes.
fn latin(character: char) -> char {
    let digit = |zero: u32| char::from_digit(character as u32 - zero, 10).unwrap_or(character);
    match character {
        '\u{660}'..='\u{669}' => digit(0x660),
        '\u{6f0}'..='\u{6f9}' => digit(0x6f0),
        '\u{966}'..='\u{96f}' => digit(0x966),
        '\u{ff10}'..='\u{ff19}' => digit(0xff10),
        // Arabic signs for decimals and thousands; full-width ones.
        '\u{66b}' | '\u{ff0e}' => '.',
        '\u{66c}' | '\u{ff0c}' => ',',
        other => other,
    }
}

/// Digits with `.` as the only sign.
fn plain_number(digits: &str) -> Option<String> {
    let spaceless: String = digits.chars().filter(|c| !matches!(c, '\'' | '’' | ' ' | '\u{a0}' | '\u{202f}')).collect();
    let trimmed = spaceless.trim_end_matches(['.', ',']);
    let count = |sign| trimmed.matches(sign).count();
    let decimal = match (trimmed.rfind('.'), trimmed.rfind(',')) {
        (None, None) => None,
        // Both: the last one is the decimal sign, if it is there once.
        (Some(point), Some(comma)) => {
            let (last, sign) = if point > comma { (point, '.') } else { (comma, ',') };
            if count(sign) > 1 {
                return None;
            }
            Some(last)
        }
        (Some(at), None) => (count('.') == 1).then_some(at),
        // One comma before three digits separates thousands (`1,299`), except after a lone zero (`0,125`).
        (None, Some(at)) => {
            let thousands = trimmed.len() - at == 4 && &trimmed[..at] != "0";
            (count(',') == 1 && !thousands).then_some(at)
        }
    };
    // One point before three digits is taken as thousands only when more groups follow; `1.299` alone is 1.299.
    let separators_stand_right = |part: &str| {
        let groups: Vec<&str> = part.split(['.', ',']).collect();
        groups.len() == 1 || (groups[1..].iter().all(|group| group.len() == 3) && (1..=3).contains(&groups[0].len()))
    };
    let (whole, fraction) = match decimal {
        Some(at) => (&trimmed[..at], Some(&trimmed[at + 1..])),
        None => (trimmed, None),
    };
    // Indian grouping (1,29,999.00) has groups of two.
    let indian = |part: &str| {
        let groups: Vec<&str> = part.split(',').collect();
        groups.len() > 2
            && groups.last().is_some_and(|group| group.len() == 3)
            && groups[1..groups.len() - 1].iter().all(|group| group.len() == 2)
    };
    if !separators_stand_right(whole) && !indian(whole) {
        return None;
    }
    let whole: String = whole.chars().filter(char::is_ascii_digit).collect();
    let whole = if whole.is_empty() { "0".to_owned() } else { whole };
    Some(match fraction {
        Some(fraction) if !fraction.is_empty() => format!("{whole}.{fraction}"),
        _ => whole,
    })
}

/// The currency that the words around a number name; the default's when they name none; `None` when they name an unknown one.
fn currency(words: &str, default: Option<&str>) -> Option<String> {
    let default_code = default.map(str::to_ascii_uppercase);
    let is_default = |codes: &[&str]| default_code.as_deref().filter(|code| codes.contains(code)).map(str::to_owned);
    let words = words.trim();
    if words.is_empty() {
        return Some(default_code.unwrap_or_default());
    }
    for word in words.split(|character: char| !character.is_ascii_alphabetic()).filter(|word| word.len() == 3) {
        let code = word.to_ascii_uppercase();
        if Currency::from_code(&code).is_some() {
            return Some(code);
        }
    }
    let dollars = ["USD", "CAD", "AUD", "NZD", "SGD", "HKD", "MXN", "TWD", "ARS", "CLP", "COP"];
    let has = |sign: &str| words.contains(sign);
    let lower = words.to_lowercase();
    let word = |name: &str| lower.split(|c: char| !c.is_alphabetic()).any(|word| word == name);
    let named = [
        ("US$", "USD"),
        ("A$", "AUD"),
        ("C$", "CAD"),
        ("CA$", "CAD"),
        ("NZ$", "NZD"),
        ("S$", "SGD"),
        ("HK$", "HKD"),
        ("NT$", "TWD"),
        ("R$", "BRL"),
        ("€", "EUR"),
        ("£", "GBP"),
        ("₹", "INR"),
        ("₩", "KRW"),
        ("₽", "RUB"),
        ("₺", "TRY"),
        ("₴", "UAH"),
        ("₪", "ILS"),
        ("₫", "VND"),
        ("฿", "THB"),
        ("₱", "PHP"),
        ("₦", "NGN"),
        ("zł", "PLN"),
        ("Kč", "CZK"),
    ];
    // Longer signs first: `US$` also has a `$`.
    if let Some((_, code)) = named.iter().filter(|(sign, _)| has(sign)).max_by_key(|(sign, _)| sign.len()) {
        return Some((*code).to_owned());
    }
    if has("$") {
        return Some(is_default(&dollars).unwrap_or_else(|| "USD".to_owned()));
    }
    if has("¥") || has("￥") {
        return Some(is_default(&["CNY", "JPY"]).unwrap_or_else(|| "JPY".to_owned()));
    }
    if has("元") || word("rmb") {
        return Some("CNY".to_owned());
    }
    if has("円") {
        return Some("JPY".to_owned());
    }
    if word("kr") {
        return Some(is_default(&["SEK", "NOK", "DKK", "ISK"]).unwrap_or_else(|| "SEK".to_owned()));
    }
    if word("fr") {
        return Some("CHF".to_owned());
    }
    if word("euro") || word("euros") {
        return Some("EUR".to_owned());
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str, default: Option<&str>) -> String {
        match parse_price(text, default) {
            Ok(money) => format!("{} {}", money.amount, money.currency),
            Err(error) => error.reason.to_owned(),
        }
    }

    #[test]
    fn prices_as_shops_write_them() {
        for (text, expected) in [
            ("12.99 USD", "12.99 USD"),
            ("USD 12.99", "12.99 USD"),
            ("$12.99", "12.99 USD"),
            ("1.299,00 €", "1299.00 EUR"),
            ("¥1,299", "1299 JPY"),
            ("1 299,00 kr", "1299.00 SEK"),
            ("CHF 1'299.–", "1299 CHF"),
            ("12,99 EUR", "12.99 EUR"),
            ("1,234,567.89 GBP", "1234567.89 GBP"),
            ("1.234.567 EUR", "1234567 EUR"),
            ("₹1,29,999.00", "129999.00 INR"),
            ("0,125 EUR", "0.125 EUR"),
            (".99 USD", "0.99 USD"),
            ("0", "0 "),
            ("59.00", "59.00 "),
            ("US$ 5", "5 USD"),
            ("R$ 10,50", "10.50 BRL"),
            ("100 元", "100 CNY"),
            ("12,- €", "12 EUR"),
            ("1\u{a0}299,50 zł", "1299.50 PLN"),
            ("1'299.00 CHF", "1299.00 CHF"),
            ("١٢٫٩٩ SAR", "12.99 SAR"),
            ("١٬٢٩٩٫٥٠ AED", "1299.50 AED"),
            ("۱۲۹۹ IRR", "1299 IRR"),
            ("￥１，２９９", "1299 JPY"),
            ("12,99", "12.99 "),
        ] {
            assert_eq!(read(text, None), expected, "{text}");
        }
    }

    #[test]
    fn the_default_decides_what_is_open() {
        assert_eq!(read("$5", Some("CAD")), "5 CAD");
        assert_eq!(read("¥5", Some("CNY")), "5 CNY");
        assert_eq!(read("5 kr", Some("NOK")), "5 NOK");
        assert_eq!(read("5", Some("eur")), "5 EUR");
        assert_eq!(read("€5", Some("USD")), "5 EUR");
    }

    #[test]
    fn what_is_no_price_says_why() {
        for (text, reason) in [
            ("", "it is empty"),
            ("free", "it has no digits"),
            ("-5 USD", "it is negative"),
            ("10-20 USD", "it has more than one number"),
            ("12.99 XXQ Q", "its currency is unknown"),
            ("1.2.3", "its digits cannot be told apart"),
            ("99999999999999999999999999999999999", "it has too many digits"),
        ] {
            assert_eq!(read(text, None), reason, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_price_or_an_error(text in ".{0,40}") {
            let _ = parse_price(&text, Some("EUR"));
        }

        #[test]
        fn plain_prices_come_back_exactly(units in 0_i64..10_000_000, cents in 0_i64..100) {
            let money = parse_price(&format!("{units}.{cents:02} EUR"), None).unwrap();
            prop_assert_eq!(money.amount, Decimal::new(units * 100 + cents, 2));
        }

        #[test]
        fn amounts_come_back_as_they_are_written_anywhere(
            units in 0_i64..100_000_000,
            cents in 0_i64..100,
            style in 0_usize..8,
            code in proptest::sample::select(vec!["EUR", "USD", "JPY", "CHF", "INR", "CNY", "KWD"]),
            before in any::<bool>(),
        ) {
            let grouped = |sign: &str| {
                let digits = units.to_string();
                let (mut text, length) = (String::new(), digits.len());
                for (at, digit) in digits.chars().enumerate() {
                    if at > 0 && (length - at) % 3 == 0 {
                        text.push_str(sign);
                    }
                    text.push(digit);
                }
                text
            };
            let indian = || {
                let digits = units.to_string();
                let (head, tail) = digits.split_at(digits.len().saturating_sub(3));
                let mut text = String::new();
                for (at, digit) in head.chars().enumerate() {
                    if at > 0 && (head.len() - at) % 2 == 0 {
                        text.push(',');
                    }
                    text.push(digit);
                }
                if head.is_empty() { tail.to_owned() } else { format!("{text},{tail}") }
            };
            let (number, exact) = match style {
                0 => (format!("{units}.{cents:02}"), true),
                1 => (format!("{}.{cents:02}", grouped(",")), true),
                2 => (format!("{},{cents:02}", grouped(".")), true),
                3 => (format!("{}.{cents:02}", grouped("'")), true),
                4 => (format!("{},{cents:02}", grouped("\u{202f}")), true),
                5 => (format!("{}.{cents:02}", indian()), true),
                6 => (grouped(","), false),
                _ => (format!("{units},-"), false),
            };
            let text = if before { format!("{code} {number}") } else { format!("{number} {code}") };
            let money = parse_price(&text, Some("SEK")).unwrap();
            let expected = if exact { Decimal::new(units * 100 + cents, 2) } else { Decimal::from(units) };
            prop_assert_eq!(money.amount, expected, "{}", text);
            prop_assert_eq!(money.currency, code);
            // Written as it is stored, it is read as it was.
            let again = parse_price(&format!("{} {}", money.amount, code), None).unwrap();
            prop_assert_eq!(again.amount, money.amount);
        }

        #[test]
        fn prices_are_never_negative(text in "[-0-9.,' €$]{1,20}") {
            if let Ok(money) = parse_price(&text, None) {
                prop_assert!(money.amount >= Decimal::ZERO);
            }
        }
    }
}
