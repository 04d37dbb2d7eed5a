//! The nodes of a JSON-LD document: which are products, and what a value says in words.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

/// Objects inside of objects that are looked into.
const DEEPEST: usize = 64;
/// Types that are products.
const PRODUCTS: [&str; 9] = [
    "Product",
    "IndividualProduct",
    "SomeProducts",
    "ProductModel",
    "Vehicle",
    "Car",
    "Motorcycle",
    "Book",
    "ProductCollection",
];
/// Properties that lead to products which the document is about.
const CONTAINERS: [&str; 11] = [
    "@graph",
    "@list",
    "@set",
    "mainEntity",
    "mainEntityOfPage",
    "itemListElement",
    "item",
    "itemOffered",
    "hasPart",
    "hasOfferCatalog",
    "makesOffer",
];

/// A document and the nodes that have an `@id`.
pub(super) struct Document<'a> {
    root: &'a Value,
    by_id: HashMap<&'a str, &'a Value>,
}

impl<'a> Document<'a> {
    pub(super) fn new(root: &'a Value) -> Self {
        let mut by_id = HashMap::new();
        gather(root, 0, &mut by_id);
        Self { root, by_id }
    }

    /// What a reference (`{"@id": …}` and nothing else) refers to; any other value itself.
    pub(super) fn resolve(&self, value: &'a Value) -> &'a Value {
        match reference(value) {
            Some(id) => self.by_id.get(id).copied().unwrap_or(value),
            None => value,
        }
    }

    /// The products, each with the group it is a variant of, in the document's order.
    pub(super) fn products(&self) -> Vec<(&'a Value, Option<&'a Value>)> {
        let mut groups = HashMap::new();
        self.groups(self.root, 0, &mut groups);
        let mut found = Found { groups, seen: HashSet::new(), products: Vec::new() };
        self.walk(self.root, 0, &mut found);
        found.products
    }

    /// Finds which group each variant is of, wherever it stands.
    fn groups(&self, value: &'a Value, depth: usize, into: &mut HashMap<*const Value, &'a Value>) {
        if depth > DEEPEST {
            return;
        }
        for variant in list(self, &value["hasVariant"]) {
            into.entry(std::ptr::from_ref(variant)).or_insert(value);
        }
        match value {
            Value::Array(values) => values.iter().for_each(|value| self.groups(value, depth + 1, into)),
            Value::Object(fields) => fields.values().for_each(|value| self.groups(value, depth + 1, into)),
            _ => {}
        }
    }

    fn walk(&self, value: &'a Value, depth: usize, found: &mut Found<'a>) {
        if depth > DEEPEST {
            return;
        }
        let value = self.resolve(value);
        match value {
            Value::Array(values) => values.iter().for_each(|value| self.walk(value, depth + 1, found)),
            Value::Object(_) => {
                let variants = list(self, &value["hasVariant"]);
                let described = |variant: &&Value| variant.is_object() && reference(variant).is_none();
                let variants: Vec<&'a Value> = variants.into_iter().filter(described).collect();
                if !variants.is_empty() {
                    for variant in variants {
                        found.add(variant, Some(value));
                    }
                } else if is_group(value) || is_product(value) {
                    let named = list(self, &value["isVariantOf"]).into_iter().next().filter(|group| group.is_object());
                    let group = found.groups.get(&std::ptr::from_ref(value)).copied().or(named);
                    found.add(value, group);
                } else {
                    for name in CONTAINERS {
                        self.walk(&value[name], depth + 1, found);
                    }
                }
            }
            _ => {}
        }
    }
}

struct Found<'a> {
    groups: HashMap<*const Value, &'a Value>,
    seen: HashSet<*const Value>,
    products: Vec<(&'a Value, Option<&'a Value>)>,
}

impl<'a> Found<'a> {
    fn add(&mut self, node: &'a Value, group: Option<&'a Value>) {
        if self.seen.insert(std::ptr::from_ref(node)) {
            self.products.push((node, group));
        }
    }
}

fn gather<'a>(value: &'a Value, depth: usize, into: &mut HashMap<&'a str, &'a Value>) {
    if depth > DEEPEST {
        return;
    }
    match value {
        Value::Array(values) => values.iter().for_each(|value| gather(value, depth + 1, into)),
        Value::Object(fields) => {
            if let Some(id) = value["@id"].as_str()
                && fields.len() > 1
            {
                into.entry(id).or_insert(value);
            }
            fields.values().for_each(|value| gather(value, depth + 1, into));
        }
        _ => {}
    }
}

/// The id of a value that is only a reference.
fn reference(value: &Value) -> Option<&str> {
    let fields = value.as_object().filter(|fields| fields.len() == 1)?;
    fields.get("@id")?.as_str()
}

/// The types of a node, without the address before them.
fn types(node: &Value) -> impl Iterator<Item = &str> {
    let types: Vec<&str> = match &node["@type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    types.into_iter().map(unfolded)
}

pub(super) fn is_group(node: &Value) -> bool {
    types(node).any(|kind| kind == "ProductGroup")
}

fn is_product(node: &Value) -> bool {
    types(node).any(|kind| PRODUCTS.contains(&kind))
}

/// `InStock` of `https://schema.org/InStock` and of `schema:InStock`; other texts as they are.
pub(super) fn unfolded(text: &str) -> &str {
    let text = text.trim();
    let known =
        ["https://schema.org/", "http://schema.org/", "https://www.schema.org/", "http://www.schema.org/", "schema:"];
    known.iter().find_map(|start| text.strip_prefix(start)).unwrap_or(text)
}

/// The elements of a list, or the one value, with references followed; nothing for `null`.
pub(super) fn list<'v>(document: &Document<'v>, value: &'v Value) -> Vec<&'v Value> {
    match document.resolve(value) {
        Value::Null => Vec::new(),
        Value::Array(values) => values.iter().map(|value| document.resolve(value)).collect(),
        one => vec![one],
    }
}

/// What a value says in words: texts, numbers, the name of an object; of a list each.
pub(super) fn texts(document: &Document<'_>, value: &Value) -> Vec<String> {
    fn gather(document: &Document<'_>, value: &Value, depth: usize, into: &mut Vec<String>) {
        if depth > 8 {
            return;
        }
        let value = document.by_id.get(reference(value).unwrap_or_default()).copied().unwrap_or(value);
        match value {
            Value::Null => {}
            Value::String(text) => into.push(text.clone()),
            Value::Number(number) => into.push(number.to_string()),
            Value::Bool(flag) => into.push(flag.to_string()),
            Value::Array(values) => values.iter().for_each(|value| gather(document, value, depth + 1, into)),
            Value::Object(_) => {
                let named = ["@value", "name", "value", "title", "codeValue", "identifier", "url", "@id"];
                let known = named.iter().map(|name| &value[*name]).find(|value| !value.is_null());
                known.into_iter().for_each(|value| gather(document, value, depth + 1, into));
            }
        }
    }
    let mut into = Vec::new();
    gather(document, value, 0, &mut into);
    into
}

/// Amounts with their unit: `{"value": 2, "unitText": "kg"}` is `2 kg`; of a list each.
pub(super) fn measures<'a>(document: &Document<'a>, value: &'a Value) -> Vec<String> {
    let read = |value: &'a Value| match value {
        Value::Object(_) => {
            let amounts = texts(document, &value["value"]);
            let unit = texts(document, &value["unitText"]).into_iter().next();
            let unit =
                unit.or_else(|| texts(document, &value["unitCode"]).first().map(|code| unit_of(code).to_owned()));
            match unit {
                Some(unit) => amounts.into_iter().map(|amount| format!("{amount} {unit}")).collect(),
                None if amounts.is_empty() => texts(document, &value["name"]),
                None => amounts,
            }
        }
        other => texts(document, other),
    };
    list(document, value).into_iter().flat_map(read).collect()
}

/// The usual codes of UN/CEFACT Recommendation 20 as people write them.
fn unit_of(code: &str) -> &str {
    match code {
        "CMT" => "cm",
        "MMT" => "mm",
        "MTR" => "m",
        "INH" => "in",
        "FOT" => "ft",
        "GRM" => "g",
        "KGM" => "kg",
        "LBR" => "lb",
        "ONZ" => "oz",
        "LTR" => "l",
        "MLT" => "ml",
        other => other,
    }
}

/// Addresses of pictures: texts, or `ImageObject`s.
pub(super) fn images(document: &Document<'_>, value: &Value) -> Vec<String> {
    fn gather(document: &Document<'_>, value: &Value, depth: usize, into: &mut Vec<String>) {
        if depth > 8 {
            return;
        }
        let referred = document.by_id.get(reference(value).unwrap_or_default()).copied().unwrap_or(value);
        match referred {
            Value::String(address) => {
                let address = address.trim();
                if !address.is_empty() && !into.iter().any(|known| known == address) {
                    into.push(address.to_owned());
                }
            }
            Value::Array(values) => values.iter().for_each(|value| gather(document, value, depth + 1, into)),
            Value::Object(_) => {
                let named = ["contentUrl", "url", "@list", "image", "@id"];
                let known = named.iter().map(|name| &referred[*name]).find(|value| !value.is_null());
                known.into_iter().for_each(|value| gather(document, value, depth + 1, into));
            }
            _ => {}
        }
    }
    let mut into = Vec::new();
    gather(document, value, 0, &mut into);
    into
}

/// Google's word for an `OfferItemCondition`.
pub(super) fn condition(text: &str) -> String {
    let word = unfolded(text);
    word.strip_suffix("Condition").unwrap_or(word).to_lowercase()
}
