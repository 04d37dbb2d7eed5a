//! Business rules: what a shop wants shown first, within what a shopper asked for.
//!
//! Rules change the order, never who is found (but for `hide`). They multiply the relevance of a hit by `1 + Σ by`, between
//! ½ and 1½ in all, and only among the hits at or above the *floor*, a share of the best hit's relevance: nothing below it rises
//! above anything that was above it, pinned or not. Hits keep their relevance as `score`.

use std::collections::HashSet;
use std::sync::{LazyLock, Mutex};

use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};

use super::filter::{Expr, Schema, parse};
use super::found::Search;
use super::rank::Candidate;
use super::{SearchError, SearchRequest};
use crate::index::fields::fold;
use crate::index::{Card, Table};

/// Cards that rules reorder.
pub(super) const RULED: usize = 400;
/// How far all rules together move the relevance of a hit.
const MOST: f32 = 0.5;
/// Share of the best hit's relevance below which rules do nothing, unless told otherwise.
const FLOOR: f32 = 0.5;
/// Most rules of one kind.
const MOST_RULES: usize = 50;
/// Most products of one rule.
const MOST_PRODUCTS: usize = 200;
/// Microseconds of a day.
const DAY: f64 = 86_400e6;

/// Rules, of the shop's settings or of one request.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// Products that pass a filter come earlier, or later.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub boost: Vec<Boost>,
    /// Products come the later the farther a value is from where it should be.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub decay: Vec<Decay>,
    /// Products that come first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pin: Vec<Named>,
    /// Products that are not found.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hide: Vec<Named>,
    /// How much of its relevance a product loses that is not in stock, 0 to 0.5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out_of_stock: Option<f32>,
    /// Share of the best hit's relevance below which rules do nothing, 0 to 1; 0.5 unless told otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub floor: Option<f32>,
    /// In a request: whether the shop's own rules count too. Yes unless told otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shop: Option<bool>,
}

/// A boost of products that pass a filter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Boost {
    /// Who is meant, in the filter language.
    pub filter: String,
    /// How much of its relevance a product gains, −0.5 to 0.5.
    pub by: f32,
}

/// A loss that grows with a distance: `by · (1 − 2^(−distance / half))`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decay {
    /// `added_at` or `price`.
    pub field: DecayField,
    /// For the price: where the distance is 0. For `added_at` that is now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<f64>,
    /// Distance at which half of `by` is lost: days, or money. Above 0.
    pub half: f64,
    /// The most that is lost, 0 to 0.5.
    pub by: f32,
}

/// What a decay looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecayField {
    /// Days since it was added; products without a date lose all.
    AddedAt,
    /// Distance of the price; products without a price lose all.
    Price,
}

/// Products by name, for a query or for all.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Named {
    /// The words of the query they are meant for, ignoring case; absent: every query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// Ids; pinned products come in this order.
    pub products: Vec<String>,
}

impl Named {
    fn meant_for(&self, text: Option<&str>) -> bool {
        self.query.as_deref().is_none_or(|query| text.is_some_and(|text| fold(text) == fold(query)))
    }
}

impl Rules {
    /// Checks numbers and lengths. `field` says where the rules stand, for the error.
    ///
    /// # Errors
    /// [`SearchError::Request`] with the rule at fault.
    pub fn validate(&self, field: &str) -> Result<(), SearchError> {
        let bad = |what: String, reason: String, hint: &str| Err(SearchError::request(&what, reason, hint));
        let within = |value: f32, least: f32| value >= least && value <= MOST;
        for (at, boost) in self.boost.iter().enumerate() {
            if !within(boost.by, -MOST) {
                return bad(format!("{field}.boost[{at}].by"), format!("{} is out of range", boost.by), "−0.5 to 0.5");
            }
        }
        for (at, decay) in self.decay.iter().enumerate() {
            let what = format!("{field}.decay[{at}]");
            if !within(decay.by, 0.0) {
                return bad(format!("{what}.by"), format!("{} is out of range", decay.by), "0 to 0.5");
            }
            if !(decay.half.is_finite() && decay.half > 0.0) {
                return bad(format!("{what}.half"), format!("{} is out of range", decay.half), "above 0");
            }
            if decay.field == DecayField::Price && !decay.from.is_some_and(f64::is_finite) {
                return bad(format!("{what}.from"), "it is missing".to_owned(), "say the price that is best");
            }
        }
        if let Some(value) = self.out_of_stock.filter(|value| !within(*value, 0.0)) {
            return bad(format!("{field}.out_of_stock"), format!("{value} is out of range"), "0 to 0.5");
        }
        if let Some(value) = self.floor.filter(|value| !(0.0..=1.0).contains(value)) {
            return bad(format!("{field}.floor"), format!("{value} is out of range"), "0 to 1");
        }
        let kinds = [self.boost.len(), self.decay.len(), self.pin.len(), self.hide.len()];
        if kinds.into_iter().any(|count| count > MOST_RULES) {
            return bad(field.to_owned(), format!("more than {MOST_RULES} rules of one kind"), "join some");
        }
        if self.pin.iter().chain(&self.hide).any(|named| named.products.len() > MOST_PRODUCTS) {
            return bad(field.to_owned(), format!("more than {MOST_PRODUCTS} products in one rule"), "use a filter");
        }
        Ok(())
    }

    /// Ids of the pinned products for a query, in order.
    pub(crate) fn pinned(&self, text: Option<&str>) -> impl Iterator<Item = &str> {
        Self::named(&self.pin, text.map(str::to_owned))
    }

    /// Ids of the products a query does not find.
    pub(crate) fn hidden(&self, text: Option<&str>) -> impl Iterator<Item = &str> {
        Self::named(&self.hide, text.map(str::to_owned))
    }

    fn named(rules: &[Named], text: Option<String>) -> impl Iterator<Item = &str> {
        let meant = rules.iter().filter(move |named| named.meant_for(text.as_deref()));
        meant.flat_map(|named| named.products.iter().map(String::as_str))
    }
}

/// The rules of one search, ready to be applied.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ruling {
    /// As written, as a tree, and by how much.
    boosts: Vec<(String, Expr, f32)>,
    decays: Vec<Decay>,
    out_of_stock: f32,
    floor: f32,
    /// Pinned products, the first one first.
    pub pins: Vec<u64>,
    /// Products that are not found.
    pub hidden: Vec<u64>,
}

impl Ruling {
    /// The shop's rules and the request's, as far as both count. A rule of the shop whose filter this catalogue does not
    /// understand (it has no such attribute) is left out and said in the log, once.
    ///
    /// # Errors
    /// [`SearchError`] for a rule of the request that cannot be used.
    pub fn of(shop: &Rules, request: &SearchRequest, schema: &Schema) -> Result<Self, SearchError> {
        let own = request.rules.clone().unwrap_or_default();
        own.validate("rules")?;
        let nothing = Rules::default();
        let shop = if own.shop == Some(false) { &nothing } else { shop };
        let mut boosts = Vec::new();
        for boost in &shop.boost {
            match parse(&boost.filter, schema) {
                Ok(expr) => boosts.push((boost.filter.clone(), expr, boost.by)),
                Err(error) => warn_once(&boost.filter, &error.to_string()),
            }
        }
        for boost in &own.boost {
            let filter = boost.filter.clone();
            let expr = parse(&filter, schema).map_err(|error| SearchError::Filter { error, filter: filter.clone() })?;
            boosts.push((filter, expr, boost.by));
        }
        Ok(Self {
            boosts,
            decays: shop.decay.iter().chain(&own.decay).cloned().collect(),
            out_of_stock: own.out_of_stock.or(shop.out_of_stock).unwrap_or(0.0),
            floor: own.floor.or(shop.floor).unwrap_or(FLOOR),
            pins: Vec::new(),
            hidden: Vec::new(),
        })
    }

    /// Whether the order may change.
    pub(super) fn reorders(&self) -> bool {
        !self.boosts.is_empty() || !self.decays.is_empty() || !self.pins.is_empty() || self.out_of_stock > 0.0
    }
}

fn warn_once(filter: &str, reason: &str) {
    static SAID: LazyLock<Mutex<HashSet<String>>> = LazyLock::new(Mutex::default);
    if SAID.lock().is_ok_and(|mut said| said.insert(filter.to_owned())) {
        tracing::warn!(filter, reason, "a rule of the settings is left out");
    }
}

/// The rules at work in one search.
pub(super) struct Ruled<'s> {
    ruling: &'s Ruling,
    boosts: Vec<(&'s str, RoaringBitmap, f32)>,
    pins: Vec<Card>,
    collapse: bool,
    now: f64,
}

impl<'s> Ruled<'s> {
    /// `None` when no rule would change anything.
    pub(super) fn of(search: &Search<'s>) -> Result<Option<Self>, SearchError> {
        let ruling = &search.query.ruling;
        if !ruling.reorders() {
            return Ok(None);
        }
        let boost = |(filter, expr, by): &'s (String, Expr, f32)| {
            Ok((filter.as_str(), expr.select(search.index, &search.table)?, *by))
        };
        Ok(Some(Self {
            ruling,
            boosts: ruling.boosts.iter().map(boost).collect::<Result<_, SearchError>>()?,
            pins: ruling.pins.iter().filter_map(|key| Some(search.card(search.table.row(*key)?))).collect(),
            collapse: search.query.collapse,
            now: chrono::Utc::now().timestamp_micros() as f64,
        }))
    }

    /// What each rule does to a product, as a share of its relevance.
    fn effects(&self, table: &Table, row: u32) -> Vec<(String, f32)> {
        let mut effects = Vec::new();
        for (filter, rows, by) in &self.boosts {
            if rows.contains(row) {
                effects.push(((*filter).to_owned(), *by));
            }
        }
        for decay in &self.ruling.decays {
            let (name, distance) = match decay.field {
                DecayField::AddedAt => ("age", table.added_at(row).map(|at| ((self.now - at as f64) / DAY).max(0.0))),
                DecayField::Price => {
                    ("distance of the price", table.price(row).map(|price| (price - decay.from.unwrap_or(0.0)).abs()))
                }
            };
            let lost = distance.map_or(1.0, |distance| 1.0 - (-distance / decay.half).exp2());
            effects.push((name.to_owned(), -decay.by * lost as f32));
        }
        if self.ruling.out_of_stock > 0.0 && !table.in_stock().contains(row) {
            effects.push(("out of stock".to_owned(), -self.ruling.out_of_stock));
        }
        effects
    }

    /// What the relevance of a product is multiplied by.
    pub(super) fn factor(&self, table: &Table, row: u32) -> f32 {
        1.0 + self.effects(table, row).iter().map(|(_, by)| by).sum::<f32>().clamp(-MOST, MOST)
    }

    /// Reorders cards that come in the order of relevance.
    pub(super) fn apply(&self, table: &Table, cards: &mut [Candidate]) {
        let floor = self.ruling.floor * cards.first().map_or(0.0, |card| card.score);
        let ruled = cards.iter().take(RULED).take_while(|card| card.score >= floor && card.score > 0.0).count();
        let ruled = &mut cards[..ruled];
        let value = |card: &Candidate| card.score * self.factor(table, card.row);
        ruled.sort_by_cached_key(|card| (std::cmp::Reverse(ordered(value(card))), card.key));
        self.pin(table, ruled);
    }

    /// Moves pinned cards to the front, the first pin first.
    pub(super) fn pin(&self, table: &Table, cards: &mut [Candidate]) {
        for pinned in self.pins.iter().rev() {
            if let Some(at) = cards.iter().position(|card| table.card(card.row, self.collapse) == *pinned) {
                cards[..=at].rotate_right(1);
            }
        }
    }

    /// What the rules did, in words.
    pub(super) fn why(&self, table: &Table, row: u32) -> Vec<String> {
        let said = |(name, by): (String, f32)| format!("rule: {name} {:+.0} %", by * 100.0);
        let mut why: Vec<String> =
            self.effects(table, row).into_iter().filter(|(_, by)| by.abs() >= 0.005).map(said).collect();
        if self.pins.contains(&table.card(row, self.collapse)) {
            why.push("rule: pinned".to_owned());
        }
        why
    }
}

/// A number whose integer order is that of the floats (IEEE 754, total order).
fn ordered(value: f32) -> i32 {
    let bits = value.to_bits() as i32;
    bits ^ (((bits >> 31) as u32) >> 1) as i32
}
