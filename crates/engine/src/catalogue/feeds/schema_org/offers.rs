//! Offers: what a product costs, and whether it can be bought.

use rust_decimal::Decimal;
use serde_json::Value;

use super::super::RowProblem;
use super::super::columns::some;
use super::nodes::{Document, list, texts, unfolded};
use crate::catalogue::{Availability, Money, parse_price};

/// Offers inside of offers that are looked into.
const DEEPEST: usize = 4;

/// What the offers of a product come to: the cheapest of those that can be bought.
#[derive(Debug, Default, Clone)]
pub(super) struct Offer {
    pub(super) price: Option<Money>,
    pub(super) sale_price: Option<Money>,
    pub(super) availability: Availability,
    /// A value of `availability` that is none of schema.org's.
    pub(super) unknown_availability: Option<String>,
    pub(super) stock: Option<i64>,
    pub(super) sku: Option<String>,
    pub(super) mpn: Option<String>,
    pub(super) link: Option<String>,
    pub(super) condition: Option<String>,
}

impl Offer {
    /// What the shopper pays.
    fn pays(&self) -> Option<Decimal> {
        self.sale_price.as_ref().or(self.price.as_ref()).map(|money| money.amount)
    }
}

/// Reads `offers`: one, a list, an `AggregateOffer`.
pub(super) fn read<'a>(
    document: &Document<'a>,
    offers: &'a Value,
    currency: Option<&str>,
) -> Result<Offer, RowProblem> {
    let mut all = Vec::new();
    gather(document, offers, currency, 0, &mut all)?;
    // Those that can be bought first, then by price; what has no price last.
    let order = |offer: &Offer| {
        let rank = match offer.availability {
            Availability::InStock => 0,
            Availability::Backorder | Availability::Preorder => 1,
            Availability::OutOfStock => 2,
        };
        (rank, offer.pays().is_none(), offer.pays())
    };
    Ok(all.into_iter().min_by_key(order).unwrap_or_default())
}

fn gather<'a>(
    document: &Document<'a>,
    offers: &'a Value,
    currency: Option<&str>,
    depth: usize,
    into: &mut Vec<Offer>,
) -> Result<(), RowProblem> {
    for offer in list(document, offers) {
        if !offer.is_object() {
            continue;
        }
        let inner = &offer["offers"];
        if depth < DEEPEST && !inner.is_null() {
            let before = into.len();
            gather(document, inner, currency, depth + 1, into)?;
            if into.len() > before {
                continue;
            }
        }
        into.push(one(document, offer, currency)?);
    }
    Ok(())
}

fn one<'a>(document: &Document<'a>, offer: &'a Value, currency: Option<&str>) -> Result<Offer, RowProblem> {
    let first = |value: &Value| texts(document, value).into_iter().find_map(|text| some(&text));
    let named = first(&offer["priceCurrency"]).map(|code| code.to_ascii_uppercase());
    let currency = named.as_deref().or(currency);
    let money = |value: &Value, currency: Option<&str>| -> Result<Option<Money>, RowProblem> {
        first(value).map(|text| amount(&text, currency)).transpose()
    };
    let mut now = money(&offer["price"], currency)?.or(money(&offer["lowPrice"], currency)?);
    let mut before = None;
    for specification in list(document, &offer["priceSpecification"]) {
        let code = first(&specification["priceCurrency"]).map(|code| code.to_ascii_uppercase());
        let value = money(&specification["price"], code.as_deref().or(currency))?;
        let kind = first(&specification["priceType"]).unwrap_or_default();
        match unfolded(&kind) {
            "ListPrice" | "StrikethroughPrice" | "SRP" | "MSRP" | "RegularPrice" => before = before.or(value),
            _ => now = now.or(value),
        }
    }
    let (price, sale_price) = match (now, before) {
        (Some(now), Some(before)) if before.amount > now.amount => (Some(before), Some(now)),
        (now, before) => (now.or(before), None),
    };
    let said = first(&offer["availability"]);
    let known = said.as_deref().map(|text| availability(unfolded(text)));
    let stock = stock(document, &offer["inventoryLevel"]);
    Ok(Offer {
        price,
        sale_price,
        availability: known.flatten().unwrap_or_default(),
        unknown_availability: said.filter(|_| known == Some(None)).map(|text| text.chars().take(60).collect()),
        stock,
        sku: first(&offer["sku"]),
        mpn: first(&offer["mpn"]),
        link: first(&offer["url"]),
        condition: first(&offer["itemCondition"]),
    })
}

fn stock(document: &Document<'_>, level: &Value) -> Option<i64> {
    let value = if level.is_object() { &level["value"] } else { level };
    let text = texts(document, value).into_iter().next()?;
    text.parse().ok().or_else(|| text.parse::<f64>().ok().map(|number| number as i64))
}

/// schema.org writes amounts with a point and nothing else; what is not written so is read as shops write prices.
fn amount(text: &str, currency: Option<&str>) -> Result<Money, RowProblem> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') && text.bytes().any(|byte| byte != b'.');
    if plain && let Ok(amount) = text.parse::<Decimal>() {
        return Ok(Money { amount, currency: currency.unwrap_or_default().to_owned() });
    }
    parse_price(text, currency).map_err(|error| {
        RowProblem::new(
            "bad-price",
            Some("price"),
            error.to_string(),
            "write `\"price\": 12.99, \"priceCurrency\": \"EUR\"`",
        )
    })
}

/// <https://schema.org/ItemAvailability>.
fn availability(word: &str) -> Option<Availability> {
    let folded: String = word.chars().filter(char::is_ascii_alphabetic).collect::<String>().to_ascii_lowercase();
    Some(match folded.as_str() {
        "instock" | "limitedavailability" | "onlineonly" | "instoreonly" => Availability::InStock,
        "outofstock" | "soldout" | "discontinued" | "reserved" => Availability::OutOfStock,
        "preorder" | "presale" => Availability::Preorder,
        "backorder" | "madetoorder" => Availability::Backorder,
        _ => return None,
    })
}
