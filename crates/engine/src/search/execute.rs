//! From a query to one page of cards.
//!
//! The found set comes first (see [`super::found`]): its size in cards, its facets and its pages are three views of the same
//! bitmap, so they cannot disagree. Only then are products put in order, as deep as the page needs.

use std::collections::{BTreeMap, HashMap, HashSet};

use roaring::RoaringBitmap;

use super::bands::Judge;
use super::filter::Expr;
use super::found::{Found, Search};
use super::order::{foremost, ordered};
use super::query::{Query, Ranked, RankedHit};
use super::rank::{Candidate, rank};
use super::rerank::ColoursOf;
use super::rules::{RULED, Ruled};
use super::spread::{cap_brands, diversify};
use super::{FacetValue, SearchError, facets};
use crate::index::Index;

/// Cards that variety reorders; those behind stay in the order of fit.
pub(super) const VARIED: usize = 400;
/// Products that are ranked at least, so that the first pages come out of one list.
const LEAST: usize = 128;

/// Executes a search without a look at the colours of what is found.
///
/// # Errors
/// [`SearchError::Index`] when the index fails.
pub fn execute(index: &Index, query: &Query) -> Result<Ranked, SearchError> {
    executed(Search::new(index, query)?)
}

/// Executes a search. The first hits of one by pictures alone are put in order anew by their colours (`search/rerank.rs`).
///
/// # Errors
/// [`SearchError::Index`] when the index fails; [`SearchError::Store`] when colours cannot be read.
pub fn execute_with(index: &Index, query: &Query, colours_of: ColoursOf<'_>) -> Result<Ranked, SearchError> {
    executed(Search { colours_of: Some(colours_of), ..Search::new(index, query)? })
}

fn executed(search: Search<'_>) -> Result<Ranked, SearchError> {
    let query = search.query;
    let found = search.find(query.filter.as_ref())?;
    let total = total(&search, &found.set);
    let need = (query.offset + query.limit).min(total);
    let ruled = Ruled::of(&search)?;
    let Found { set, meant, ranking } = found;
    let (cards, judge) = match ranking {
        Some((ranking, judge)) if search.by_fit() => (arranged(&search, &set, ranking, ruled.as_ref())?, judge),
        Some((ranking, judge)) => (ordered(&search, ranking, &set, need)?, judge),
        None if search.by_fit() => by_fit(&search, &set, &meant, need, ruled.as_ref())?,
        None => (listed(&search, &set, need, ruled.as_ref())?, None),
    };
    let page = cards.into_iter().take(need).skip(query.offset);
    let hits = page.map(|candidate| hit(&search, &set, candidate, ruled.as_ref(), judge.as_ref())).collect();
    Ok(Ranked { hits, total, total_is_exact: true, facets: count_facets(&search, set)? })
}

/// How many cards can be paged through.
fn total(search: &Search<'_>, set: &RoaringBitmap) -> usize {
    let Some(most) = search.query.per_brand else { return search.table.cards(set, search.query.collapse) };
    let brands = search.table.cards_by_brand(set, search.query.collapse);
    brands.into_iter().map(|(brand, count)| if brand.is_some() { count.min(most) } else { count }).sum()
}

/// At least `need` cards of the set in the order of fit; fewer only when there are no more.
fn by_fit<'s>(
    search: &Search<'s>,
    set: &RoaringBitmap,
    meant: &HashMap<u32, f32>,
    need: usize,
    ruled: Option<&Ruled<'_>>,
) -> Result<(Vec<Candidate>, Option<Judge<'s>>), SearchError> {
    let query = search.query;
    let need = if query.diversity.is_some() { need.max(VARIED) } else { need };
    let need = if ruled.is_some() { need.max(RULED) } else { need };
    let mut depth = LEAST.max((need * 2).next_power_of_two());
    loop {
        let (candidates, complete) = rank(search, set, meant, depth)?;
        let judge = Judge::of(search, &candidates);
        let cards = arranged(search, set, candidates, ruled)?;
        if cards.len() >= need || complete {
            return Ok((cards, judge));
        }
        depth *= 4;
    }
}

/// Cards of a ranking: one for each group, capped by brand, with the shop's rules and variety.
fn arranged(
    search: &Search<'_>,
    set: &RoaringBitmap,
    mut cards: Vec<Candidate>,
    ruled: Option<&Ruled<'_>>,
) -> Result<Vec<Candidate>, SearchError> {
    let query = search.query;
    one_per_card(search, &mut cards);
    if let Some(most) = query.per_brand {
        cap_brands(&search.table, set, &mut cards, query.collapse, most);
    }
    if let Some(ruled) = ruled {
        ruled.apply(&search.table, &mut cards);
    }
    if let Some(diversity) = query.diversity {
        let rest = cards.split_off(cards.len().min(VARIED));
        let keys: Vec<u64> = cards.iter().map(|candidate| candidate.key).collect();
        diversify(&mut cards, &search.index.vectors_of(&keys)?, diversity);
        cards.extend(rest);
    }
    Ok(cards)
}

/// Cards of a search that ranks nothing: as they came, or sorted by value. Rules count only where no value is sorted by.
fn listed(
    search: &Search<'_>,
    set: &RoaringBitmap,
    need: usize,
    ruled: Option<&Ruled<'_>>,
) -> Result<Vec<Candidate>, SearchError> {
    let ruled = ruled.filter(|_| search.query.sort.is_empty());
    // Ties are broken by score, so the rules' factor, or the colour, decides where nothing else does.
    let score = |row| search.colour(row).or(ruled.map(|ruled| ruled.factor(&search.table, row))).unwrap_or(0.0);
    let candidate = |row| Candidate {
        score: score(row),
        colour: search.colour(row),
        ..Candidate::unranked(row, search.table.key(row))
    };
    // A pinned card may come from far behind.
    let mut cards = match ruled {
        Some(_) => ordered(search, set.iter().map(candidate).collect(), set, set.len() as usize)?,
        None => ordered(search, foremost(search, set, need).iter().map(candidate).collect(), set, need)?,
    };
    if let Some(ruled) = ruled {
        ruled.pin(&search.table, &mut cards);
    }
    cards.iter_mut().for_each(|card| card.score = card.colour.unwrap_or(0.0));
    Ok(cards)
}

/// Keeps the first product of each card: of a group, the variant that fits best.
pub(super) fn one_per_card(search: &Search<'_>, candidates: &mut Vec<Candidate>) {
    if search.query.collapse {
        let mut seen = HashSet::with_capacity(candidates.len());
        candidates.retain(|candidate| seen.insert(search.table.card(candidate.row, true)));
    }
}

fn hit(
    search: &Search<'_>,
    set: &RoaringBitmap,
    candidate: Candidate,
    ruled: Option<&Ruled<'_>>,
    judge: Option<&Judge<'_>>,
) -> RankedHit {
    let Candidate { row, key, score, picture, words, meaning, colour, agreement, unwanted, likeness: _ } = candidate;
    let variants = if search.query.collapse { search.table.variants(row, set) } else { 1 };
    let rules = ruled.map_or_else(Vec::new, |ruled| ruled.why(&search.table, row));
    let judged = judge.map(|judge| judge.judge(search, &candidate));
    let (probability, band) = (judged.map(|(probability, _)| probability), judged.and_then(|(_, band)| band));
    RankedHit { key, score, picture, words, meaning, colour, agreement, unwanted, variants, rules, probability, band }
}

/// Counts every facet over what the query finds without the facet's own filter, so that a shopper who chose one brand sees
/// what the others would bring.
fn count_facets(search: &Search<'_>, set: RoaringBitmap) -> Result<BTreeMap<String, Vec<FacetValue>>, SearchError> {
    let whole = search.query.filter.as_ref();
    let mut sets: Vec<(Option<Expr>, RoaringBitmap)> = vec![(whole.cloned(), set)];
    let mut counted = BTreeMap::new();
    for (name, facet) in &search.query.facets {
        let filter = whole.and_then(|filter| filter.without(facet.field()));
        let at = match sets.iter().position(|(known, _)| *known == filter) {
            Some(at) => at,
            None => {
                let set = search.find(filter.as_ref())?.set;
                sets.push((filter, set));
                sets.len() - 1
            }
        };
        counted.insert(name.clone(), facets::count(&search.table, &sets[at].1, facet, search.query.collapse));
    }
    Ok(counted)
}
