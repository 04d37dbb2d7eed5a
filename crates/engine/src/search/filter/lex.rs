//! From characters to tokens, each with its column.

use chrono::{DateTime, NaiveDate, Utc};

use super::FilterError;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A name or keyword, as written.
    Name(String),
    Text(String),
    Number(f64),
    Day(NaiveDate),
    Moment(DateTime<Utc>),
    /// `= != < <= > >= ^= .. ( ) [ ] , .`
    Sign(&'static str),
    End,
}

impl Token {
    /// As a person would name it in "found …".
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Name(name) => format!("`{name}`"),
            Self::Text(text) => format!("the text {text:?}"),
            Self::Number(number) => format!("the number {number}"),
            Self::Day(day) => format!("the date {day}"),
            Self::Moment(moment) => format!("the date {}", moment.to_rfc3339()),
            Self::Sign(sign) => format!("`{sign}`"),
            Self::End => "the end".to_owned(),
        }
    }
}

/// Longest first, so that `<=` is not read as `<`.
const SIGNS: [&str; 14] = ["!=", "<=", ">=", "^=", "..", "=", "<", ">", "(", ")", "[", "]", ",", "."];

/// What people write from other languages, and what it is here.
const FOREIGN: [(&str, &str); 9] = [
    ("==", "`=`"),
    ("=<", "`<=`"),
    ("=>", "`>=`"),
    ("<>", "`!=`"),
    ("&&", "`AND`"),
    ("||", "`OR`"),
    ("!", "`NOT` or `!=`"),
    (":", "`=`"),
    ("~", "`^=`"),
];

fn starts_name(character: char) -> bool {
    character.is_alphabetic() || character == '_'
}

fn continues_name(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '-')
}

/// Whether a name can be written without quotes.
pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(starts_name) && text.chars().all(continues_name)
}

/// All tokens with their columns; the last one is [`Token::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<(usize, Token)>, FilterError> {
    let mut lexer = Lexer { rest: text, column: 1 };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_space();
        let column = lexer.column;
        let token = lexer.token()?;
        let done = token == Token::End;
        tokens.push((column, token));
        if done {
            return Ok(tokens);
        }
    }
}

struct Lexer<'a> {
    rest: &'a str,
    column: usize,
}

impl<'a> Lexer<'a> {
    fn skip_space(&mut self) {
        let trimmed = self.rest.trim_start();
        self.take(self.rest.len() - trimmed.len());
    }

    /// Takes so many bytes, which end at a character.
    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        self.column += taken.chars().count();
        taken
    }

    fn take_while(&mut self, keep: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|character| !keep(character)).unwrap_or(self.rest.len());
        self.take(end)
    }

    fn token(&mut self) -> Result<Token, FilterError> {
        let Some(first) = self.rest.chars().next() else { return Ok(Token::End) };
        if first == '"' || first == '\'' {
            return self.text(first);
        }
        let digit_follows = self.rest[first.len_utf8()..].starts_with(|next: char| next.is_ascii_digit());
        if first.is_ascii_digit() || (matches!(first, '-' | '+') && digit_follows) {
            return self.number();
        }
        if starts_name(first) {
            return Ok(Token::Name(self.take_while(continues_name).to_owned()));
        }
        for (foreign, here) in FOREIGN {
            // `!=` is ours although `!` is not.
            if self.rest.starts_with(foreign) && !self.rest.starts_with("!=") {
                let error = FilterError::at(self.column, format!("`{foreign}` is not part of the filter language"));
                return Err(error.suggest(Some(here.to_owned())));
            }
        }
        match SIGNS.iter().find(|sign| self.rest.starts_with(**sign)) {
            Some(sign) => {
                self.take(sign.len());
                Ok(Token::Sign(sign))
            }
            None => {
                let suggestion = match first {
                    '“' | '”' | '„' | '«' | '»' | '「' => Some("a straight quote: \"".to_owned()),
                    '‘' | '’' | '‚' => Some("a straight quote: '".to_owned()),
                    _ => None,
                };
                Err(FilterError::at(self.column, format!("the character {first:?} cannot stand here"))
                    .suggest(suggestion))
            }
        }
    }

    fn text(&mut self, quote: char) -> Result<Token, FilterError> {
        let start = self.column;
        self.take(1);
        let mut text = String::new();
        loop {
            text.push_str(self.take_while(|character| character != quote && character != '\\'));
            let Some(next) = self.rest.chars().next() else {
                let error = FilterError::at(start, "this text has no closing quote");
                return Err(error.expected(format!("`{quote}` at the end of the text")));
            };
            self.take(next.len_utf8());
            if next == quote {
                return Ok(Token::Text(text));
            }
            let column = self.column - 1;
            let Some(escaped) = self.rest.chars().next() else { continue };
            self.take(escaped.len_utf8());
            text.push(match escaped {
                '\\' | '"' | '\'' => escaped,
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                other => {
                    let error = FilterError::at(column, format!("`\\{other}` is not an escape"));
                    return Err(error.expected(r#"one of \\ \" \' \n \t \r"#));
                }
            });
        }
    }

    /// A number, a day or a moment.
    fn number(&mut self) -> Result<Token, FilterError> {
        let start = self.column;
        if let Some(date) = self.date() {
            return date;
        }
        let sign = self.rest.len() - self.rest.trim_start_matches(['-', '+']).len();
        let digits = self.rest[sign..].find(|character: char| !character.is_ascii_digit());
        let mut end = digits.map_or(self.rest.len(), |digits| sign + digits);
        // `10..50` is a range, `10.5` a number.
        if let Some(fraction) =
            self.rest[end..].strip_prefix('.').filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        {
            end += 1 + fraction.find(|character: char| !character.is_ascii_digit()).unwrap_or(fraction.len());
        }
        let text = self.take(end);
        if self.rest.starts_with(|next: char| continues_name(next) && next != '-')
            || self.rest.starts_with(['€', '$', '£', '¥'])
        {
            let error =
                FilterError::at(self.column, format!("the number {text} is followed by something that is not one"));
            return Err(error.expected("a plain number such as 80 or 79.90, or text in quotes"));
        }
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Token::Number(number)),
            _ => Err(FilterError::at(start, format!("{text} is not a number that fits"))),
        }
    }

    /// A date when there is one here: `2026-01-31` or `2026-01-31T12:00:00Z`.
    fn date(&mut self) -> Option<Result<Token, FilterError>> {
        let bytes = self.rest.as_bytes();
        let shape = b"dddd-dd-dd";
        let fits = bytes.len() >= shape.len()
            && shape
                .iter()
                .zip(bytes)
                .all(|(shape, byte)| if *shape == b'd' { byte.is_ascii_digit() } else { byte == shape });
        if !fits {
            return None;
        }
        let column = self.column;
        let word = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | ':' | '.' | '+');
        let end = self.rest.find(|character| !word(character)).unwrap_or(self.rest.len());
        // `..` after a day belongs to a range, not to the day.
        let end = self.rest[..end].find("..").unwrap_or(end);
        let word = self.take(end);
        Some(parse_date(word).ok_or_else(|| {
            FilterError::at(column, format!("{word} is not a date"))
                .expected("a date such as 2026-01-31 or 2026-01-31T12:00:00Z")
        }))
    }
}

/// A day or a moment, as the language writes them.
pub(super) fn parse_date(text: &str) -> Option<Token> {
    if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return (text.len() == 10).then_some(Token::Day(day));
    }
    let moment = DateTime::parse_from_rfc3339(text).ok()?.with_timezone(&Utc);
    // Payloads keep microseconds.
    DateTime::from_timestamp_micros(moment.timestamp_micros()).map(Token::Moment)
}
