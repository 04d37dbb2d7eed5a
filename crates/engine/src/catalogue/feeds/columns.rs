//! Names of columns and values that mean the same.

use std::collections::BTreeMap;

use super::RowProblem;
use crate::catalogue::{AttributeValue, Availability, Money, Product, parse_price};

/// Columns of general tables that hold the id.
pub(super) const ID: &[&str] =
    &["id", "sku", "product id", "item id", "article number", "offer id", "code", "artikelnummer"];
/// Columns of general tables that hold the title.
pub(super) const TITLE: &[&str] = &["title", "name", "product name", "product title", "bezeichnung", "titel"];

/// A column's name as it is compared: small letters, `_` and `-` as spaces, no `g:` before it, no spaces around it.
pub(super) fn folded(name: &str) -> String {
    let name = name.trim().trim_start_matches('\u{feff}').to_lowercase().replace(['_', '-'], " ");
    let name = name.strip_prefix("g:").unwrap_or(&name);
    name.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The steps of a category path written with `>`; one step when there is none.
pub(super) fn category(path: &str) -> Vec<String> {
    path.split('>').map(str::trim).filter(|step| !step.is_empty()).map(str::to_owned).collect()
}

/// A text, if there is one.
pub(super) fn some(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// The name attributes go by: `color` is written `colour`.
pub(super) fn attribute_name(name: &str) -> String {
    let name = name.trim().to_lowercase();
    if name == "color" || name == "farbe" { "colour".to_owned() } else { name }
}

/// Reads an availability; an unknown one is a warning.
pub(super) fn availability(text: &str, warnings: &mut Vec<RowProblem>) -> Availability {
    match folded(text).as_str() {
        "" | "in stock" | "instock" | "available" | "yes" | "true" | "1" | "available for order" => {
            Availability::InStock
        }
        "out of stock" | "outofstock" | "sold out" | "no" | "false" | "0" | "discontinued" => Availability::OutOfStock,
        "preorder" | "pre order" => Availability::Preorder,
        "backorder" | "back order" | "onbackorder" => Availability::Backorder,
        _ => {
            warnings.push(RowProblem::new(
                "unknown-availability",
                Some("availability"),
                format!("`{}` is not known and was taken for in_stock", text.trim()),
                "write in_stock, out_of_stock, preorder or backorder",
            ));
            Availability::InStock
        }
    }
}

/// Reads a price, if there is one.
pub(super) fn price(text: &str, field: &str, default_currency: Option<&str>) -> Result<Option<Money>, RowProblem> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    parse_price(text, default_currency).map(Some).map_err(|error| {
        RowProblem::new("bad-price", Some(field), error.to_string(), "write the amount and the ISO code: 12.99 USD")
    })
}

/// Adds a value to an attribute; several become a list without repeats.
pub(super) fn add_attribute(attributes: &mut BTreeMap<String, AttributeValue>, name: &str, value: &str) {
    let (name, Some(value)) = (attribute_name(name), some(value)) else { return };
    if name.is_empty() {
        return;
    }
    let entry = attributes.entry(name).or_insert_with(|| AttributeValue::List(Vec::new()));
    if let AttributeValue::List(values) = entry
        && !values.contains(&value)
    {
        values.push(value);
    }
}

/// Lists of one become plain texts.
pub(super) fn tidy_attributes(product: &mut Product) {
    for value in product.attributes.values_mut() {
        if let AttributeValue::List(values) = value
            && values.len() == 1
        {
            *value = AttributeValue::Text(values.swap_remove(0));
        }
    }
    product.attributes.retain(|_, value| !matches!(value, AttributeValue::List(values) if values.is_empty()));
}

/// Rejects what has no id or no title.
pub(super) fn need(product: &Product) -> Result<(), RowProblem> {
    for (field, value, code) in [("id", &product.id, "missing-id"), ("title", &product.title, "missing-title")] {
        if value.trim().is_empty() {
            return Err(RowProblem::new(code, Some(field), format!("there is no {field}"), "fill it in"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_columns_are_compared_loosely() {
        assert_eq!(folded(" \u{feff}g:Image_Link "), "image link");
        assert_eq!(folded("Body (HTML)"), "body (html)");
        assert_eq!(category(" Bags >  Handbags>"), ["Bags", "Handbags"]);
    }
}
