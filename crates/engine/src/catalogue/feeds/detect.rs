//! Which dialect a feed is written in: by what is in it, never by its name.

use super::columns::{ID, TITLE};
use super::table::{Table, delimiter, first_record};
use super::text::Text;
use super::{Dialect, FeedError, FeedOptions, google_xml, vendure};

/// How a feed is built; which table it is, its header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Jsonl,
    JsonLd,
    /// An HTML page.
    Page,
    /// RSS or Atom.
    Xml,
    Vision,
    /// A table with a header, and its separator.
    Table(u8),
}

/// Recognises the form by the beginning of the text, or follows the options.
pub(super) fn form(text: &Text, name: &str, options: &FeedOptions) -> Result<Form, FeedError> {
    let unrecognised = |found: &str| FeedError::Unrecognised { name: name.to_owned(), found: found.to_owned() };
    let beginning = text.beginning.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    if beginning.is_empty() {
        return Err(FeedError::Empty { name: name.to_owned() });
    }
    if let Some(what) = text.binary {
        return Err(unrecognised(what));
    }
    let delimiter = delimiter(beginning);
    let marked = beginning.starts_with('<');
    let json = beginning.starts_with(['{', '[']);
    if let Some(dialect) = options.dialect {
        return match dialect {
            Dialect::Jsonl => Ok(Form::Jsonl),
            Dialect::Vision => Ok(Form::Vision),
            Dialect::SchemaOrg if marked => Ok(Form::Page),
            Dialect::SchemaOrg => Ok(Form::JsonLd),
            Dialect::Google if marked => marked_up(beginning).map_err(|found| unrecognised(&found)),
            _ if marked => Err(unrecognised("it begins with a tag, and this dialect is a table")),
            _ if json => Err(unrecognised("it begins with a bracket of JSON, and this dialect is a table")),
            _ => Ok(Form::Table(delimiter)),
        };
    }
    if marked {
        return marked_up(beginning).map_err(|found| unrecognised(&found));
    }
    if json {
        // Inside of a text the quotes would be escaped.
        let linked = ["\"@type\"", "\"@context\"", "\"@graph\"", "\"@id\""].iter().any(|key| beginning.contains(key));
        return match (linked, beginning.starts_with('{')) {
            (true, _) => Ok(Form::JsonLd),
            (false, true) => Ok(Form::Jsonl),
            (false, false) => {
                Err(unrecognised("it is a JSON array that is no JSON-LD; one JSON object a line is read"))
            }
        };
    }
    let first = first_record(beginning, b',');
    if first.len() >= 4 && first.first().is_some_and(|cell| cell.trim().starts_with("gs://")) {
        return Ok(Form::Vision);
    }
    Ok(Form::Table(delimiter))
}

/// Which of those that begin with a tag.
fn marked_up(beginning: &str) -> Result<Form, String> {
    let start: String = beginning.chars().take(15).collect::<String>().to_ascii_lowercase();
    if start.starts_with("<!doctype html") || start.starts_with("<html") {
        return Ok(Form::Page);
    }
    match google_xml::root(beginning).as_deref() {
        Some("rss" | "feed" | "RDF" | "channel") => Ok(Form::Xml),
        Some(root) if root.eq_ignore_ascii_case("html") => Ok(Form::Page),
        Some(root) if ["head", "body", "script", "div", "title", "meta"].contains(&root) => Ok(Form::Page),
        Some(root) => {
            let root: String = root.chars().take(40).collect();
            Err(format!("its first tag is <{root}>; XML is read as RSS 2.0 (<rss>) or Atom (<feed>)"))
        }
        None => Err("it begins with a tag, but it is neither XML nor HTML".to_owned()),
    }
}

/// Recognises a table's dialect by its header, or follows the options.
pub(super) fn table(table: &Table, name: &str, options: &FeedOptions) -> Result<Dialect, FeedError> {
    if let Some(dialect) = options.dialect {
        return needed(dialect, table, name, options);
    }
    let has = |names: &[&str]| table.column(names).is_some();
    let slug = has(&["slug"]) || vendure::language(table, "slug").is_some();
    Ok(if slug && has(&["assets"]) && has(&["sku"]) {
        Dialect::Vendure
    } else if has(&["handle", "url handle"]) && has(&["title"]) {
        Dialect::Shopify
    } else if has(&["type"]) && has(&["sku"]) && has(&["name"]) && has(&["images", "regular price", "parent"]) {
        Dialect::WooCommerce
    } else if has(&["id"]) && has(&["title"]) && has(&["image link", "link", "availability", "additional image link"]) {
        Dialect::Google
    } else if general(table, options) {
        Dialect::Csv
    } else {
        let shown: Vec<String> =
            table.written.iter().take(12).map(|column| column.chars().take(40).collect()).collect();
        let more =
            if table.written.len() > 12 { format!(" and {} more", table.written.len() - 12) } else { String::new() };
        let found = format!("its first line has {}{more}", shown.join(", "));
        return Err(FeedError::Unrecognised { name: name.to_owned(), found });
    })
}

fn general(table: &Table, options: &FeedOptions) -> bool {
    let mapped = |field: &str| options.mapping.values().any(|mapped| super::columns::folded(mapped) == field);
    (mapped("id") || table.column(ID).is_some()) && (mapped("title") || table.column(TITLE).is_some())
}

/// A dialect that was named needs at least its columns for id and title.
fn needed(dialect: Dialect, table: &Table, name: &str, options: &FeedOptions) -> Result<Dialect, FeedError> {
    let needs: [&[&str]; 2] = match dialect {
        Dialect::Vendure if vendure::language(table, "name").is_some() => return Ok(dialect),
        Dialect::Vendure => [&["slug", "sku"], &["name"]],
        Dialect::Shopify => [&["handle", "url handle"], &["title"]],
        Dialect::WooCommerce => [&["sku", "id"], &["name"]],
        _ if general(table, options) => return Ok(dialect),
        _ => [ID, TITLE],
    };
    match needs.iter().find(|names| table.column(names).is_none()) {
        None => Ok(dialect),
        Some(names) => Err(FeedError::MissingColumn {
            name: name.to_owned(),
            missing: names.first().map(|name| (*name).to_owned()).unwrap_or_default(),
            columns: table.written.iter().take(50).cloned().collect(),
        }),
    }
}
