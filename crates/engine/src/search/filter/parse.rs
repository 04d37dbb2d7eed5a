//! From tokens to a tree, by recursive descent.

use super::lex::{Token, parse_date, tokens};
use super::{Check, Comparison, Expr, Field, FilterError, Literal, Schema, Test, closest};
use crate::image::{Colour, FAMILIES};
use crate::index::FieldKind;

/// Longest filter, in characters.
pub const MAX_LENGTH: usize = 10_000;
/// Deepest nesting of parentheses and NOT.
pub const MAX_DEPTH: usize = 32;
/// Most values in all lists and most tests together.
pub const MAX_VALUES: usize = 1_000;

/// Keywords that can follow a field.
const AFTER_FIELD: [&str; 6] = ["IN", "NOT", "BETWEEN", "STARTS", "EXISTS", "AND"];

/// Parses a filter against the names that `schema` has.
///
/// # Errors
/// [`FilterError`] with the column, what was expected, and a suggestion for names that are nearly right.
pub fn parse(text: &str, schema: &Schema) -> Result<Expr, FilterError> {
    if let Some((at, _)) = text.char_indices().nth(MAX_LENGTH) {
        let column = text[..at].chars().count() + 1;
        return Err(FilterError::at(column, format!("the filter is longer than {MAX_LENGTH} characters")));
    }
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens: &tokens, at: 0, schema, depth: 0, values: 0 };
    let expr = parser.or()?;
    let (column, token) = parser.here();
    match token {
        Token::End => Ok(expr),
        Token::Sign(")") => Err(FilterError::at(column, "this `)` has no `(`")),
        Token::Name(name) => {
            let error = FilterError::at(column, format!("unexpected `{name}`")).expected("AND, OR or the end");
            Err(error.suggest(closest(name, ["AND", "OR"].into_iter()).into_iter().next()))
        }
        other => {
            Err(FilterError::at(column, format!("unexpected {}", other.describe())).expected("AND, OR or the end"))
        }
    }
}

struct Parser<'a> {
    tokens: &'a [(usize, Token)],
    at: usize,
    schema: &'a Schema,
    depth: usize,
    values: usize,
}

impl<'a> Parser<'a> {
    fn here(&self) -> (usize, &'a Token) {
        match self.tokens.get(self.at).or(self.tokens.last()) {
            Some((column, token)) => (*column, token),
            None => (1, &Token::End),
        }
    }

    fn take(&mut self) -> (usize, &'a Token) {
        let here = self.here();
        self.at += 1;
        here
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.here().1, Token::Name(name) if name.eq_ignore_ascii_case(word))
    }

    fn word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        self.at += usize::from(found);
        found
    }

    fn sign(&mut self, sign: &str) -> bool {
        let found = matches!(self.here().1, Token::Sign(here) if *here == sign);
        self.at += usize::from(found);
        found
    }

    fn or(&mut self) -> Result<Expr, FilterError> {
        let mut parts = vec![self.and()?];
        while self.word("OR") {
            parts.push(self.and()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Expr::Or(parts) })
    }

    fn and(&mut self) -> Result<Expr, FilterError> {
        let mut parts = vec![self.not()?];
        while self.word("AND") {
            parts.push(self.not()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Expr::And(parts) })
    }

    fn not(&mut self) -> Result<Expr, FilterError> {
        let (column, _) = self.here();
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(FilterError::at(column, format!("parentheses and NOT are nested deeper than {MAX_DEPTH}")));
        }
        let expr = if self.word("NOT") {
            Expr::Not(Box::new(self.not()?))
        } else if self.sign("(") {
            let inner = self.or()?;
            let (end, token) = self.here();
            if !self.sign(")") {
                let error = FilterError::at(end, format!("the `(` in column {column} is not closed"));
                let error = error.expected(format!("AND, OR or `)`, found {}", token.describe()));
                let suggestion = match token {
                    Token::Name(name) => closest(name, ["AND", "OR"].into_iter()).into_iter().next(),
                    _ => None,
                };
                return Err(error.suggest(suggestion));
            }
            inner
        } else {
            self.test()?
        };
        self.depth -= 1;
        Ok(expr)
    }

    fn test(&mut self) -> Result<Expr, FilterError> {
        let (column, field) = self.field()?;
        self.count(column)?;
        let (at, token) = self.here();
        let comparison = match token {
            Token::Sign("=") => Some(Comparison::Equal),
            Token::Sign("!=") => Some(Comparison::NotEqual),
            Token::Sign("<") => Some(Comparison::Less),
            Token::Sign("<=") => Some(Comparison::LessOrEqual),
            Token::Sign(">") => Some(Comparison::Greater),
            Token::Sign(">=") => Some(Comparison::GreaterOrEqual),
            _ => None,
        };
        let positive = |check| Ok(Expr::Test(Test { field: field.clone(), check }));
        let negative = |check| Ok(Expr::Not(Box::new(Expr::Test(Test { field: field.clone(), check }))));
        if let Some(comparison) = comparison {
            self.at += 1;
            let sized = !matches!(comparison, Comparison::Equal | Comparison::NotEqual);
            check_comparable(at, &field, comparison.symbol(), sized)?;
            let value = self.value(&field, sized)?;
            return positive(Check::Is(comparison, value));
        }
        if self.sign("^=") {
            return positive(self.prefix(at, &field)?);
        }
        if self.word("STARTS") {
            let (with, _) = self.here();
            if !self.word("WITH") {
                return Err(FilterError::at(with, "STARTS stands alone").expected("WITH"));
            }
            return positive(self.prefix(at, &field)?);
        }
        if self.word("IN") {
            return positive(self.list(&field)?);
        }
        if self.word("EXISTS") {
            return positive(Check::Exists);
        }
        if self.word("NOT") {
            let (after, found) = self.here();
            if self.word("IN") {
                return negative(self.list(&field)?);
            }
            if self.word("EXISTS") {
                return negative(Check::Exists);
            }
            return Err(
                FilterError::at(after, format!("unexpected {}", found.describe())).expected("IN or EXISTS after NOT")
            );
        }
        if self.word("BETWEEN") {
            check_comparable(at, &field, "BETWEEN", true)?;
            let low = self.value(&field, true)?;
            let (and, _) = self.here();
            if !self.word("AND") {
                return Err(FilterError::at(and, "BETWEEN has one value only").expected("AND and the second value"));
            }
            let high = self.value(&field, true)?;
            return positive(Check::Between(low, high));
        }
        if matches!(token, Token::Number(_) | Token::Day(_) | Token::Moment(_) | Token::Sign("..")) {
            check_comparable(at, &field, "..", true)?;
            return positive(self.range(&field)?);
        }
        if matches!(field, Field::InStock | Field::Attribute(_)) && ends_test(token) {
            return positive(Check::Set);
        }
        let error = FilterError::at(at, format!("nothing says what `{field}` must be, found {}", token.describe()));
        let suggestion = match token {
            Token::Name(name) => closest(name, AFTER_FIELD.into_iter()).into_iter().next(),
            _ => None,
        };
        Err(error
            .expected("= != < <= > >= ^= IN, NOT IN, BETWEEN, a range such as 10..50, or EXISTS")
            .suggest(suggestion))
    }

    /// `10..50`, `10..` or `..50`; the field is read already.
    fn range(&mut self, field: &Field) -> Result<Check, FilterError> {
        if self.sign("..") {
            return Ok(Check::Is(Comparison::LessOrEqual, self.value(field, true)?));
        }
        let low = self.value(field, true)?;
        let (column, token) = self.here();
        if !self.sign("..") {
            let error = FilterError::at(column, format!("unexpected {}", token.describe()));
            return Err(error.expected("`..` and the other end of the range, or an operator before the value"));
        }
        if matches!(self.here().1, Token::Number(_) | Token::Day(_) | Token::Moment(_) | Token::Text(_)) {
            Ok(Check::Between(low, self.value(field, true)?))
        } else {
            Ok(Check::Is(Comparison::GreaterOrEqual, low))
        }
    }

    fn prefix(&mut self, operator: usize, field: &Field) -> Result<Check, FilterError> {
        if !matches!(field, Field::Title | Field::Id | Field::Brand | Field::Category | Field::Attribute(_)) {
            let error = FilterError::at(operator, format!("`{field}` cannot be searched by its start"));
            return Err(error.expected("one of title, id, brand, category or an attribute before it"));
        }
        match self.take() {
            (column, Token::Text(text)) if text.trim().is_empty() => {
                Err(FilterError::at(column, "the start to look for is empty").expected("at least one character"))
            }
            (_, Token::Text(text)) => Ok(Check::StartsWith(text.clone())),
            (column, other) => {
                Err(FilterError::at(column, format!("unexpected {}", other.describe())).expected("text in quotes"))
            }
        }
    }

    fn list(&mut self, field: &Field) -> Result<Check, FilterError> {
        let (open, token) = self.here();
        let close = match token {
            Token::Sign("[") => "]",
            Token::Sign("(") => ")",
            other => {
                let error = FilterError::at(open, format!("IN is followed by {}", other.describe()));
                return Err(error.expected("a list such as [\"A\", \"B\"]"));
            }
        };
        self.at += 1;
        if *field == Field::Title {
            return Err(FilterError::at(open, "`title` can only be searched by its start").expected("^="));
        }
        let mut values = Vec::new();
        loop {
            let (column, _) = self.here();
            if self.sign(close) {
                if values.is_empty() {
                    return Err(FilterError::at(column, "the list is empty").expected("at least one value"));
                }
                return Ok(Check::In(values));
            }
            values.push(self.value(field, false)?);
            self.count(column)?;
            let (column, token) = self.here();
            if !self.sign(",") && !matches!(token, Token::Sign(sign) if *sign == close) {
                let error = FilterError::at(column, format!("the list that begins in column {open} is not closed"));
                return Err(error.expected(format!("`,` or `{close}`, found {}", token.describe())));
            }
        }
    }

    fn field(&mut self) -> Result<(usize, Field), FilterError> {
        let (column, token) = self.take();
        let Token::Name(name) = token else {
            let error = FilterError::at(column, format!("unexpected {}", token.describe()));
            let error = error.expected("a field such as price, brand or category, NOT, or `(`");
            return Err(match token {
                Token::Text(text) => error.suggest(Some(format!("title ^= {text:?}"))),
                _ => error,
            });
        };
        let mut name = name.clone();
        while self.sign(".") {
            match self.take() {
                (_, Token::Name(rest) | Token::Text(rest)) => {
                    name.push('.');
                    name.push_str(rest);
                }
                (column, other) => {
                    let error = FilterError::at(column, format!("unexpected {}", other.describe()));
                    return Err(error.expected("an attribute's name after `.`"));
                }
            }
        }
        match self.schema.field(&name) {
            Ok(field) => Ok((column, field)),
            Err(similar) => {
                let keyword = closest(&name, ["AND", "OR", "NOT", "IN", "EXISTS"].into_iter()).into_iter().next();
                let keyword = keyword.filter(|_| similar.is_empty());
                let error = FilterError::at(column, format!("unknown field `{name}`"));
                let list = || format!("one of {}", self.names());
                Err(if similar.is_empty() { error.expected(list()) } else { error }
                    .suggest(keyword.or_else(|| similar.first().map(|name| format!("`{name}`")))))
            }
        }
    }

    fn names(&self) -> String {
        let standard = Field::STANDARD.iter().map(|(name, _)| *name);
        let names: Vec<&str> = standard.chain(self.schema.attributes().iter().map(String::as_str)).collect();
        match names.len() {
            0..=20 => names.join(", "),
            more => format!("{} and {} more", names[..20].join(", "), more - 20),
        }
    }

    /// A value that fits the field. With `sized`, one that can be larger or smaller.
    fn value(&mut self, field: &Field, sized: bool) -> Result<Literal, FilterError> {
        let (column, token) = self.take();
        let flag = match token {
            Token::Name(name) if name.eq_ignore_ascii_case("true") => Some(true),
            Token::Name(name) if name.eq_ignore_ascii_case("false") => Some(false),
            _ => None,
        };
        let wrong = |expected: &str| {
            let error = FilterError::at(column, format!("`{field}` cannot be compared with {}", token.describe()));
            let quoted = match token {
                Token::Name(name) => Some(format!("\"{name}\"")),
                _ => None,
            };
            Err(error.expected(expected).suggest(quoted.filter(|_| expected.contains("text"))))
        };
        match (field.kind(), token) {
            (Some(FieldKind::Number), Token::Number(number)) | (None, Token::Number(number)) => {
                Ok(Literal::Number(*number))
            }
            (Some(FieldKind::Number), _) => wrong("a number"),
            (None, _) if sized => wrong("a number"),
            (Some(FieldKind::Flag), _) => flag.map_or_else(|| wrong("true or false"), |flag| Ok(Literal::Flag(flag))),
            (Some(FieldKind::Date), Token::Text(text)) => match parse_date(text) {
                Some(Token::Day(day)) => Ok(Literal::Day(day)),
                Some(Token::Moment(moment)) => Ok(Literal::Moment(moment)),
                _ => wrong("a date such as 2026-01-31 or 2026-01-31T12:00:00Z"),
            },
            (Some(FieldKind::Date), Token::Day(day)) => Ok(Literal::Day(*day)),
            (Some(FieldKind::Date), Token::Moment(moment)) => Ok(Literal::Moment(*moment)),
            (Some(FieldKind::Date), _) => wrong("a date such as 2026-01-31 or 2026-01-31T12:00:00Z"),
            (Some(FieldKind::Text) | None, Token::Text(text)) => text_value(column, field, text),
            (None, _) => {
                flag.map_or_else(|| wrong("text in quotes, a number, true or false"), |flag| Ok(Literal::Flag(flag)))
            }
            // `code = 4006381333931` and `brand = 7` mean the text.
            (Some(FieldKind::Text), Token::Number(number)) => Ok(Literal::Text(number.to_string())),
            (Some(FieldKind::Text), _) => wrong("text in quotes"),
        }
    }

    fn count(&mut self, column: usize) -> Result<(), FilterError> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(FilterError::at(column, format!("the filter has more than {MAX_VALUES} tests and values")));
        }
        Ok(())
    }
}

/// Only numbers and dates have a size; titles can only be searched by their start.
fn check_comparable(column: usize, field: &Field, operator: &str, sized: bool) -> Result<(), FilterError> {
    if *field == Field::Title {
        return Err(FilterError::at(column, "`title` can only be searched by its start").expected("^="));
    }
    let has_size = !matches!(field.kind(), Some(FieldKind::Text | FieldKind::Flag));
    if sized && !has_size {
        let error = FilterError::at(column, format!("`{field}` has no size, so `{operator}` cannot be asked of it"));
        return Err(error.expected("=, != or IN"));
    }
    Ok(())
}

/// Whether a bare field may end here.
fn ends_test(token: &Token) -> bool {
    match token {
        Token::End | Token::Sign(")") => true,
        Token::Name(name) => ["AND", "OR"].iter().any(|word| name.eq_ignore_ascii_case(word)),
        _ => false,
    }
}

/// A text value that the field can have.
fn text_value(column: usize, field: &Field, text: &str) -> Result<Literal, FilterError> {
    match field {
        Field::Availability => availability(column, text),
        Field::PictureColour => picture_colour(column, text),
        _ => Ok(Literal::Text(text.to_owned())),
    }
}

/// A basic colour, in English whatever the language it was given in. What pictures show is kept by basic colours only.
fn picture_colour(column: usize, text: &str) -> Result<Literal, FilterError> {
    let basic = || format!("one of {}", FAMILIES.join(", "));
    match Colour::parse(text) {
        Ok(colour) if colour.is_family() => Ok(Literal::Text(colour.shade().name.to_owned())),
        Ok(colour) => {
            let family = colour.shade().family;
            let error =
                FilterError::at(column, format!("{text:?} is a shade, and pictures are filtered by basic colours"));
            Err(error
                .expected(format!("{}; to rank by a shade, ask for it as `colour` of the search", basic()))
                .suggest(Some(format!("{family:?}"))))
        }
        Err(error) => {
            let near = error.near.first().and_then(|near| Colour::parse(near).ok());
            let family = near.map(|colour| format!("{:?}", colour.shade().family));
            Err(FilterError::at(column, format!("{text:?} is no colour")).expected(basic()).suggest(family))
        }
    }
}

/// One of the four availabilities.
fn availability(column: usize, text: &str) -> Result<Literal, FilterError> {
    const KNOWN: [&str; 4] = ["in_stock", "out_of_stock", "preorder", "backorder"];
    let plain = crate::index::fields::fold(text).replace(' ', "_");
    if KNOWN.contains(&plain.as_str()) {
        return Ok(Literal::Text(plain));
    }
    let error = FilterError::at(column, format!("no product's availability is {text:?}"));
    let error = error.expected("in_stock, out_of_stock, preorder or backorder");
    Err(error.suggest(closest(&plain, KNOWN.into_iter()).into_iter().next().map(|name| format!("{name:?}"))))
}
