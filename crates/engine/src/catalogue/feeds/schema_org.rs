//! schema.org's `Product` and `ProductGroup` as JSON-LD: a document, a sequence of documents or a top-level array of them, or
//! the scripts of an HTML page.
//!
//! <https://schema.org/Product>, <https://developers.google.com/search/docs/appearance/structured-data/product-variants>.
//! Each variant of a group is a product, with what it lacks taken from the group.

mod nodes;
mod offers;

use std::collections::VecDeque;
use std::io::Read as _;

use serde_json::Value;

use self::nodes::{Document, is_group, texts, unfolded};
use super::columns::{add_attribute, attribute_name, category, need, some, tidy_attributes};
use super::google::finish;
use super::html::{Script, page, plain_text};
use super::json_values::{Raw, Values, cut};
use super::text::Text;
use super::{FeedError, FeedOptions, FeedRow, Reading, RowProblem};
use crate::catalogue::{ImageRef, Product};

/// Largest HTML page, bytes; of it only the scripts are kept.
const LARGEST_PAGE: u64 = 64 << 20;
/// What is read of a product.
const FIELDS: [&str; 13] = [
    "sku",
    "name",
    "description",
    "image",
    "brand",
    "category",
    "offers",
    "gtin",
    "mpn",
    "url",
    "hasVariant",
    "color",
    "additionalProperty",
];

/// Reads documents.
pub(super) fn read(text: Text, options: &FeedOptions) -> Reading {
    let values = Values::new(text, options.max_record_bytes);
    let documents = values.map(|value| match value {
        Ok(Raw { line, bytes }) => (line, parsed(&bytes, line)),
        Err((line, problem)) => (line, Err(problem)),
    });
    reading(documents, options)
}

/// Reads a page.
///
/// # Errors
/// When it has no JSON-LD, or cannot be read.
pub(super) fn read_page(text: Text, name: &str, options: &FeedOptions) -> Result<Reading, FeedError> {
    let mut bytes = Vec::new();
    let unreadable = |reason: String| FeedError::Unreadable { name: name.to_owned(), reason };
    text.reader.take(LARGEST_PAGE + 1).read_to_end(&mut bytes).map_err(|error| unreadable(error.to_string()))?;
    if bytes.len() as u64 > LARGEST_PAGE {
        return Err(unreadable(format!("it is a page of more than {} MB", LARGEST_PAGE >> 20)));
    }
    let page = page(&String::from_utf8_lossy(&bytes));
    if page.scripts.is_empty() {
        let title = if page.title.is_empty() { "no title".to_owned() } else { format!("the title `{}`", page.title) };
        let found = format!("it is an HTML page with {title} and without products for machines (JSON-LD)");
        return Err(FeedError::Unrecognised { name: name.to_owned(), found });
    }
    let documents = page.scripts.into_iter().map(|Script { line, text, cut: unclosed }| {
        if unclosed {
            return (line, Err(cut()));
        }
        (line, parsed(bare(&text).as_bytes(), line))
    });
    Ok(reading(documents, options))
}

fn reading(documents: impl Iterator<Item = (u64, Parsed)> + Send + 'static, options: &FeedOptions) -> Reading {
    let rows = Products { documents, currency: options.default_currency.clone(), ready: VecDeque::new() };
    Reading { rows: Box::new(rows), fields: FIELDS.map(str::to_owned).into(), unknown: Vec::new() }
}

type Parsed = Result<Value, RowProblem>;

fn parsed(bytes: &[u8], line: u64) -> Parsed {
    serde_json::from_slice(bytes).map_err(|error| {
        let text = error.to_string();
        let what = text.split(" at line ").next().unwrap_or_default();
        let reason = format!("it is not JSON: {what}, on line {}", line + (error.line() as u64).saturating_sub(1));
        RowProblem::new("bad-json", None, reason, "look at it with a JSON checker, such as validator.schema.org")
    })
}

/// A script without the comment or CDATA marks that hide it from very old browsers.
fn bare(script: &str) -> &str {
    let mut text = script.trim();
    for (start, end) in [("<!--", "-->"), ("//<![CDATA[", "//]]>"), ("/*<![CDATA[*/", "/*]]>*/"), ("<![CDATA[", "]]>")]
    {
        text = text.strip_prefix(start).map_or(text, |text| text.trim().strip_suffix(end).unwrap_or(text)).trim();
    }
    text.trim_end_matches(';')
}

struct Products<Documents> {
    documents: Documents,
    currency: Option<String>,
    ready: VecDeque<FeedRow>,
}

impl<Documents: Iterator<Item = (u64, Parsed)>> Iterator for Products<Documents> {
    type Item = FeedRow;

    fn next(&mut self) -> Option<FeedRow> {
        loop {
            if let Some(row) = self.ready.pop_front() {
                return Some(row);
            }
            match self.documents.next()? {
                (line, Err(problem)) => return Some(FeedRow::Rejected { line, id: None, problem }),
                (line, Ok(value)) => {
                    let document = Document::new(&value);
                    let read = |(node, group)| finish(line, product(&document, node, group, self.currency.as_deref()));
                    self.ready.extend(document.products().into_iter().map(read));
                }
            }
        }
    }
}

/// A product and the group it is a variant of.
fn product<'a>(
    document: &Document<'a>,
    node: &'a Value,
    group: Option<&'a Value>,
    currency: Option<&str>,
) -> Result<(Product, Vec<RowProblem>), (Option<String>, RowProblem)> {
    let get = |node: &Value, names: &[&str]| {
        names.iter().flat_map(|name| texts(document, &node[*name])).find_map(|text| some(&text))
    };
    let own = |names: &[&str]| get(node, names);
    let shared = |names: &[&str]| own(names).or_else(|| group.and_then(|group| get(group, names)));
    let present = |name: &str| -> &'a Value {
        match (&node[name], group) {
            (Value::Null, Some(group)) => &group[name],
            (value, _) => value,
        }
    };
    let mut warnings = Vec::new();
    let offer = offers::read(document, present("offers"), currency);
    let gtin = own(&["gtin", "gtin13", "gtin14", "gtin12", "gtin8", "isbn"]);
    let id = own(&["sku", "productID"])
        .or_else(|| offer.as_ref().ok().and_then(|offer| offer.sku.clone()))
        .or_else(|| gtin.clone())
        .or_else(|| own(&["mpn", "@id", "url"]))
        .or_else(|| offer.as_ref().ok().and_then(|offer| offer.link.clone()))
        .unwrap_or_default();
    let offer = offer.map_err(|problem| (some(&id), problem))?;
    if let Some(unknown) = &offer.unknown_availability {
        warnings.push(RowProblem::new(
            "unknown-availability",
            Some("availability"),
            format!("`{unknown}` is not known and was taken for in_stock"),
            "write an ItemAvailability of schema.org",
        ));
    }
    let of_group = |group: &Value| get(group, &["productGroupID", "sku", "@id", "url", "name"]);
    let mut product = Product {
        title: plain_text(&shared(&["name"]).unwrap_or_default()),
        description: plain_text(&shared(&["description"]).unwrap_or_default()),
        // An address says nothing to people.
        brand: shared(&["brand", "manufacturer"])
            .filter(|brand| !brand.contains("://"))
            .map(|brand| plain_text(&brand)),
        category: path(&texts(document, present("category"))),
        price: offer.price,
        sale_price: offer.sale_price,
        availability: offer.availability,
        stock: offer.stock,
        group: group.and_then(of_group).or_else(|| own(&["inProductGroupWithID"])),
        link: own(&["url"]).or(offer.link),
        mpn: own(&["mpn"]).or_else(|| offer.mpn.clone()),
        gtin,
        images: nodes::images(document, present("image"))
            .into_iter()
            .map(|source| ImageRef { source, ..ImageRef::default() })
            .collect(),
        id,
        ..Product::default()
    };
    if is_group(node) && product.group.is_none() {
        product.group = of_group(node);
    }
    for (field, name) in ATTRIBUTES {
        for value in texts(document, present(field)) {
            add_attribute(&mut product.attributes, name, &plain_text(unfolded(&value)));
        }
    }
    for field in ["weight", "width", "height", "depth"] {
        for value in nodes::measures(document, present(field)) {
            add_attribute(&mut product.attributes, field, &value);
        }
    }
    for keyword in texts(document, present("keywords")).iter().flat_map(|words| words.split(',')) {
        add_attribute(&mut product.attributes, "tags", keyword);
    }
    if let Some(condition) = offer.condition.or_else(|| own(&["itemCondition"])) {
        add_attribute(&mut product.attributes, "condition", &nodes::condition(&condition));
    }
    for audience in nodes::list(document, present("audience")) {
        for gender in texts(document, &audience["suggestedGender"]) {
            add_attribute(&mut product.attributes, "gender", &unfolded(&gender).to_lowercase());
        }
    }
    // The variant's own properties go before those of its group.
    for node in [Some(node), group].into_iter().flatten() {
        let known: Vec<String> = product.attributes.keys().cloned().collect();
        for property in nodes::list(document, &node["additionalProperty"]) {
            let name = get(property, &["name", "propertyID"]).unwrap_or_default();
            if !known.contains(&attribute_name(&name)) {
                for value in nodes::measures(document, property) {
                    add_attribute(&mut product.attributes, &name, &value);
                }
            }
        }
    }
    tidy_attributes(&mut product);
    match need(&product) {
        Ok(()) => Ok((product, warnings)),
        Err(mut problem) => {
            if problem.code == "missing-id" {
                problem.hint = "give each product a `sku`".to_owned();
            }
            Err((some(&product.id), problem))
        }
    }
}

/// Properties that become attributes, and under which name.
const ATTRIBUTES: [(&str, &str); 8] = [
    ("color", "colour"),
    ("material", "material"),
    ("pattern", "pattern"),
    ("size", "size"),
    ("model", "model"),
    ("gender", "gender"),
    ("countryOfOrigin", "country of origin"),
    ("additionalType", "type"),
];

/// A category path: several texts are its steps; one text has `>`, or ` / `, between them.
fn path(texts: &[String]) -> Vec<String> {
    match texts {
        [one] if one.contains('>') => category(&plain_text(one)),
        [one] if one.contains(" / ") => one.split(" / ").filter_map(some).collect(),
        several => {
            several.iter().filter(|text| !text.contains("://")).filter_map(|text| some(&plain_text(text))).collect()
        }
    }
}
