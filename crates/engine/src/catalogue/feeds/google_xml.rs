//! Google Merchant Center as XML: RSS 2.0 and Atom, whose items have elements of Google's namespace under any prefix.
//!
//! <https://support.google.com/merchants/answer/160589>. Read as a stream: one item at a time is in memory. Entities that a
//! document declares are never expanded, and nothing outside of it is fetched.

use quick_xml::errors::{Error as XmlError, SyntaxError};
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;
use quick_xml::reader::NsReader;

use super::columns::{folded, some};
use super::google::{Meaning, finish, product};
use super::measured::{Measured, TOO_LONG};
use super::text::Text;
use super::{FeedOptions, FeedRow, Reading, RowProblem};

/// Google's elements that have parts, of which some are read.
const WITH_PARTS: [&str; 3] = ["product_detail", "structured_title", "structured_description"];
/// Tags inside of tags, of one item. What is deeper is no feed.
const DEEPEST: usize = 64;

pub(super) fn read(text: Text, options: &FeedOptions) -> Reading {
    let mut reader = NsReader::from_reader(Measured::new(text.reader, options.max_record_bytes));
    let config = reader.config_mut();
    // An item with tags that do not match is an item error; the reader itself goes on.
    config.check_end_names = false;
    config.allow_unmatched_ends = true;
    // `?a=1&b=2` in an address, which many exports forget to escape.
    config.allow_dangling_amp = true;
    let rows = Items {
        reader,
        buffer: Vec::new(),
        currency: options.default_currency.clone(),
        open: 0,
        closed: false,
        ended: false,
        max: options.max_record_bytes,
    };
    let fields = ["id", "title", "description", "link", "image_link", "price", "…"];
    Reading { rows: Box::new(rows), fields: fields.map(str::to_owned).into(), unknown: Vec::new() }
}

/// The name of the root element, if the beginning of a text is XML that far.
pub(super) fn root(beginning: &str) -> Option<String> {
    let mut reader = quick_xml::Reader::from_str(beginning);
    reader.config_mut().check_end_names = false;
    loop {
        match reader.read_event().ok()? {
            Event::Start(tag) | Event::Empty(tag) => {
                return Some(String::from_utf8_lossy(tag.local_name().as_ref()).into_owned());
            }
            Event::Eof => return None,
            _ => {}
        }
    }
}

struct Items {
    reader: NsReader<Measured>,
    buffer: Vec<u8>,
    currency: Option<String>,
    /// Elements that are open around items.
    open: usize,
    /// The root element has ended.
    closed: bool,
    ended: bool,
    max: u64,
}

/// Whose element it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Space {
    /// Google's attributes.
    Google,
    /// Google's namespace for a shop's own attributes.
    Custom,
    /// RSS, Atom, or none.
    Plain,
    /// Media RSS.
    Media,
    Other,
}

/// What the reader has come to.
enum Piece {
    /// `alone` elements end where they begin, and matter for their address: `<link href="…"/>`, `<enclosure url="…"/>`.
    Start {
        space: Space,
        name: String,
        address: Option<String>,
        alone: bool,
    },
    End {
        name: String,
    },
    Text(String),
    /// An entity that XML does not know.
    Unknown(String),
    Eof,
    /// A fault after which the reader goes on.
    Fault(String),
    /// A fault that ends the feed.
    Broken(RowProblem),
    Other,
}

/// One element of an item.
struct Field {
    space: Space,
    /// Local name; `product_detail` has its parts.
    name: String,
    text: String,
    parts: Vec<(String, String)>,
}

impl Field {
    fn has_parts(&self) -> bool {
        self.space == Space::Google && WITH_PARTS.contains(&self.name.as_str())
    }
}

impl Iterator for Items {
    type Item = FeedRow;

    fn next(&mut self) -> Option<FeedRow> {
        while !self.ended {
            let line = self.line();
            match self.piece() {
                Piece::Start { name, alone: false, .. } if is_item(&name) => {
                    self.reader.get_mut().begin();
                    return Some(self.item(line, &name));
                }
                // The reader itself keeps the names of what is open, so this is bounded by the bytes of a record.
                Piece::Start { alone, .. } => self.open += usize::from(!alone),
                Piece::End { .. } => {
                    self.open = self.open.saturating_sub(1);
                    self.closed |= self.open == 0;
                }
                Piece::Eof => {
                    self.ended = true;
                    if !self.closed {
                        return Some(rejected(line, None, cut()));
                    }
                }
                Piece::Broken(problem) => {
                    self.ended = true;
                    return Some(rejected(line, None, problem));
                }
                Piece::Text(_) | Piece::Unknown(_) | Piece::Fault(_) | Piece::Other => {}
            }
        }
        None
    }
}

impl Items {
    fn line(&self) -> u64 {
        self.reader.get_ref().line()
    }

    fn piece(&mut self) -> Piece {
        self.buffer.clear();
        let (reader, buffer) = (&mut self.reader, &mut self.buffer);
        let event = match reader.read_event_into(buffer) {
            Ok(event) => event,
            Err(error) => return fault(&error, self.max),
        };
        // The text is UTF-8 by now, whatever its declaration says.
        let utf8 = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match event {
            Event::Start(tag) => Piece::Start {
                space: space(&reader.resolve_element(tag.name()).0),
                name: utf8(tag.local_name().as_ref()),
                address: address(&tag),
                alone: false,
            },
            Event::Empty(tag) => Piece::Start {
                space: space(&reader.resolve_element(tag.name()).0),
                name: utf8(tag.local_name().as_ref()),
                address: address(&tag),
                alone: true,
            },
            Event::End(tag) => Piece::End { name: utf8(tag.local_name().as_ref()) },
            Event::Text(text) => Piece::Text(utf8(&text)),
            Event::CData(text) => Piece::Text(utf8(&text)),
            Event::GeneralRef(name) => match name.resolve_char_ref() {
                Ok(Some(character)) => Piece::Text(character.to_string()),
                Ok(None) => entity(&utf8(&name)),
                Err(_) => Piece::Unknown(utf8(&name)),
            },
            Event::Eof => Piece::Eof,
            Event::Comment(_) | Event::Decl(_) | Event::DocType(_) | Event::PI(_) => Piece::Other,
        }
    }

    /// Reads an item to its end.
    fn item(&mut self, line: u64, item: &str) -> FeedRow {
        let mut fields: Vec<Field> = Vec::new();
        let mut open: Vec<String> = Vec::new();
        let (mut part, mut problem) = (0, None);
        loop {
            match self.piece() {
                Piece::Start { space, name, address, alone } => {
                    match fields.last_mut() {
                        _ if open.is_empty() => {
                            let text = address.unwrap_or_default();
                            fields.push(Field { space, name: name.clone(), text, parts: Vec::new() });
                        }
                        Some(field) if field.has_parts() && open.len() == 1 => part = field.text.len(),
                        Some(field) if field.has_parts() => {}
                        // Markup that nobody has escaped; tags of a description are taken out later.
                        Some(field) => field.text.extend(["<", &name, ">"]),
                        None => {}
                    }
                    if !alone {
                        open.push(name);
                    }
                    if open.len() > DEEPEST {
                        problem.get_or_insert_with(|| malformed("tags are nested too deep"));
                        open.truncate(1);
                    }
                }
                Piece::End { name } if is_item(&name) && name == item => {
                    if let Some(open) = open.last() {
                        problem.get_or_insert_with(|| malformed(&format!("<{open}> is not closed")));
                    }
                    break;
                }
                Piece::End { name } => {
                    match open.pop() {
                        Some(opened) if opened == name => {}
                        Some(opened) => {
                            problem.get_or_insert_with(|| malformed(&format!("</{name}> closes <{opened}>")));
                        }
                        None => {
                            problem.get_or_insert_with(|| malformed(&format!("</{name}> closes nothing")));
                        }
                    }
                    match fields.last_mut() {
                        Some(field) if field.has_parts() && open.len() == 1 => {
                            let text = field.text.get(part..).unwrap_or_default().to_owned();
                            field.parts.push((name, text));
                        }
                        Some(field) if field.has_parts() => {}
                        Some(field) if !open.is_empty() => field.text.extend(["</", &name, ">"]),
                        _ => {}
                    }
                }
                Piece::Text(text) => {
                    if let (false, Some(field)) = (open.is_empty(), fields.last_mut()) {
                        field.text.push_str(&text);
                    }
                }
                Piece::Unknown(entity) => {
                    problem.get_or_insert_with(|| unknown_entity(&entity));
                }
                Piece::Fault(reason) => {
                    problem.get_or_insert_with(|| malformed(&reason));
                }
                Piece::Other => {}
                Piece::Eof => {
                    self.ended = true;
                    return rejected(line, id(&fields), cut());
                }
                Piece::Broken(problem) => {
                    self.ended = true;
                    return rejected(line, id(&fields), problem);
                }
            }
        }
        match problem {
            Some(problem) => rejected(line, id(&fields), problem),
            None => self.row(line, &fields),
        }
    }

    fn row(&self, line: u64, fields: &[Field]) -> FeedRow {
        let mut google: Vec<(Meaning, &str)> = Vec::new();
        let mut plain: Vec<(Meaning, &str)> = Vec::new();
        let mut pictures: Vec<(Meaning, &str)> = Vec::new();
        for field in fields {
            let text = field.text.as_str();
            let part = |name: &str| field.parts.iter().find(|(part, _)| part == name).map(|(_, text)| text.as_str());
            match (field.space, field.name.as_str()) {
                (Space::Google, "product_detail") => {
                    if let (Some(name), Some(value)) = (part("attribute_name"), part("attribute_value")) {
                        google.push((Meaning::Attribute(name.to_owned()), value));
                    }
                }
                (Space::Google, "structured_title") => {
                    google.extend(part("content").map(|text| (Meaning::Title, text)))
                }
                (Space::Google, "structured_description") => {
                    google.extend(part("content").map(|text| (Meaning::Description, text)));
                }
                (Space::Google, name) => google.push((meaning(name), text)),
                (Space::Custom, name) => google.push((Meaning::Attribute(folded(name)), text)),
                (Space::Plain, "enclosure") | (Space::Media, "content" | "thumbnail") => {
                    pictures.push((Meaning::Image, text));
                }
                (Space::Plain, name) => plain.extend(plain_meaning(name).map(|meaning| (meaning, text))),
                (Space::Media | Space::Other, _) => {}
            }
        }
        let has = |values: &[(Meaning, &str)], wanted: &Meaning| {
            values.iter().any(|(meaning, text)| meaning == wanted && !text.trim().is_empty())
        };
        // What Google's element says goes before the plain one of the same meaning.
        plain.retain(|(meaning, _)| !has(&google, meaning));
        let mut values = plain;
        values.extend(google);
        if !has(&values, &Meaning::Image) {
            values.extend(pictures.into_iter().filter(|(_, address)| is_picture(address)));
        }
        finish(line, product(values.iter().map(|(meaning, text)| (meaning, *text)), self.currency.as_deref()))
    }
}

fn is_item(name: &str) -> bool {
    matches!(name, "item" | "entry")
}

fn space(resolved: &ResolveResult<'_>) -> Space {
    match resolved {
        ResolveResult::Bound(namespace) => {
            let name = String::from_utf8_lossy(namespace.as_ref()).trim().to_ascii_lowercase();
            let name = name.trim_start_matches("https://").trim_start_matches("http://").trim_end_matches('/');
            match name {
                "base.google.com/ns/1.0" => Space::Google,
                "base.google.com/cns/1.0" => Space::Custom,
                "www.w3.org/2005/atom" | "purl.org/rss/1.0" | "purl.org/atom/ns#" => Space::Plain,
                "search.yahoo.com/mrss" => Space::Media,
                _ => Space::Other,
            }
        }
        ResolveResult::Unbound => Space::Plain,
        // Feeds that forget to declare the prefix.
        ResolveResult::Unknown(prefix) if prefix == b"g" => Space::Google,
        ResolveResult::Unknown(prefix) if prefix == b"c" => Space::Custom,
        ResolveResult::Unknown(_) => Space::Other,
    }
}

/// What an attribute of Google means; what is not known is an attribute of the product.
fn meaning(name: &str) -> Meaning {
    let name = folded(name);
    Meaning::of(&name).unwrap_or(Meaning::Attribute(name))
}

/// What an element of RSS or Atom means, or one of a feed that uses no namespace.
fn plain_meaning(name: &str) -> Option<Meaning> {
    match folded(name).as_str() {
        "guid" => Some(Meaning::Id),
        "summary" | "content" => Some(Meaning::Description),
        "published" | "pubdate" => Some(Meaning::AddedAt),
        "updated" | "author" | "comments" | "source" | "contributor" | "rights" => None,
        name => Some(meaning(name)),
    }
}

/// The address in `href` or `url`; of links only that of the page itself.
fn address(tag: &BytesStart<'_>) -> Option<String> {
    let mut address = None;
    for attribute in tag.attributes().with_checks(false).flatten() {
        let value = String::from_utf8_lossy(&attribute.value).into_owned();
        match attribute.key.as_ref() {
            b"rel" if value != "alternate" => return None,
            b"href" | b"url" => address = Some(html_escape::decode_html_entities(&value).into_owned()),
            _ => {}
        }
    }
    address
}

fn is_picture(address: &str) -> bool {
    let path = address.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    [".jpg", ".jpeg", ".png", ".webp", ".gif", ".tif", ".tiff", ".bmp"].iter().any(|end| path.ends_with(end))
}

fn entity(name: &str) -> Piece {
    // XML knows five; feeds use those of HTML as well.
    let written = format!("&{name};");
    let read = html_escape::decode_html_entities(&written);
    if read == written { Piece::Unknown(name.to_owned()) } else { Piece::Text(read.into_owned()) }
}

fn fault(error: &XmlError, max: u64) -> Piece {
    match error {
        XmlError::Io(error) if error.to_string() == TOO_LONG => {
            let reason = format!("an item, or what is between two, is longer than {max} bytes");
            Piece::Broken(RowProblem::new("record-too-long", None, reason, "look for a tag that is never closed"))
        }
        XmlError::Io(error) => Piece::Broken(unreadable(&error.to_string())),
        // The feed ends within a tag, a comment, CDATA.
        XmlError::Syntax(SyntaxError::InvalidBangMarkup) => Piece::Broken(unreadable(&error.to_string())),
        XmlError::Syntax(_) => Piece::Broken(cut()),
        other => Piece::Fault(other.to_string()),
    }
}

fn id(fields: &[Field]) -> Option<String> {
    let of = |space| fields.iter().find(|field| field.space == space && field.name == "id");
    of(Space::Google).or_else(|| of(Space::Plain)).and_then(|field| some(&field.text))
}

fn rejected(line: u64, id: Option<String>, problem: RowProblem) -> FeedRow {
    FeedRow::Rejected { line, id, problem }
}

fn cut() -> RowProblem {
    RowProblem::new("feed-cut", None, "the feed ends in the middle", "export the feed again, or fetch it again")
}

fn unreadable(reason: &str) -> RowProblem {
    RowProblem::new("feed-unreadable", None, format!("the rest cannot be read: {reason}"), "export the feed again")
}

fn malformed(reason: &str) -> RowProblem {
    let reason = format!("it is not well-formed XML: {reason}");
    RowProblem::new("malformed-xml", None, reason, "put texts with tags into <![CDATA[…]]>, or escape < and &")
}

fn unknown_entity(name: &str) -> RowProblem {
    let name: String = name.chars().take(40).collect();
    let reason = format!("the entity `&{name};` is none of XML's or HTML's; entities of a DTD are not expanded");
    RowProblem::new("unknown-entity", None, reason, "write the text itself, and & as &amp;")
}
