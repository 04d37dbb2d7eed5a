//! From a query to ranked products.
//!
//! - Pictures: the index's nearest products; exactly where the filter leaves few, else over the graph.
//! - Words: all products that say any of them, by BM25F.
//! - Both: the best of either side, scored on both sides, fused (see [`super::fusion`]).
//! - Neither: products in their own order, or sorted.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

use qdrant_edge::{Condition, Filter};
use serde_json::Value;

use super::filter::{Expr, has_keys};
use super::fusion::{fused, less_unwanted, likeness, relative, sort_by_score};
use super::query::{Query, Ranked, RankedHit, SortField};
use super::spread::{cap_brands, diversify};
use super::{SearchError, SortOrder, facets};
use crate::index::{Column, Index, Order, Scored};

/// Up to so many products are compared one by one rather than over the graph.
const SCANNED: usize = 20_000;
/// Most products that words can match; more are not counted.
const MOST_MATCHES: usize = 20_000;
/// Candidates from which hits are chosen when more than the score decides.
const DEPTH: usize = 400;
/// Most products that are sorted by reading their values; more are sorted by the index, by the first field only.
const SORTED: usize = 20_000;

/// Executes a search.
///
/// # Errors
/// [`SearchError::Index`] when the index fails.
pub fn execute(index: &Index, query: &Query) -> Result<Ranked, SearchError> {
    let exclude = excluded(index, query)?;
    let filter = narrowed(index, query.filter.as_ref(), &exclude, None)?;
    let need = query.offset + query.limit;
    let chosen = query.diversity.is_some() || query.per_brand.is_some() || !query.not_pictures.is_empty();
    let by_fit = query.sort.first().is_none_or(|(field, _)| *field == SortField::Score);
    let depth = if chosen || !by_fit { DEPTH.max(need * 2) } else { need };
    let (mut hits, total, total_is_exact) = match (query.pictures.is_empty(), query.text.as_deref()) {
        (true, None) => return listed(index, query, filter.as_ref(), &exclude),
        (true, Some(text)) => {
            let found = index.words(text, filter.as_ref(), MOST_MATCHES)?;
            let (total, all) = (found.len(), found.len() < MOST_MATCHES);
            (by_words(index, query, &found)?, total, all)
        }
        (false, text) => {
            let filter = with_picture(filter);
            let total = index.count(Some(&filter))?;
            let hits = match text {
                None => by_pictures(index, query, &filter, total, depth)?,
                Some(text) => by_both(index, query, text, &filter, total, DEPTH.max(need * 2))?,
            };
            (hits, total, true)
        }
    };
    sort_by_score(&mut hits);
    if let Some(most) = query.per_brand {
        cap_brands(index, &mut hits, most)?;
    }
    if let Some(diversity) = query.diversity {
        hits.truncate(depth);
        let keys: Vec<u64> = hits.iter().map(|hit| hit.key).collect();
        diversify(&mut hits, &index.vectors_of(&keys)?, diversity);
    }
    if !by_fit {
        sort_by_values(index, &mut hits, &query.sort)?;
    }
    Ok(Ranked {
        hits: hits.into_iter().skip(query.offset).take(query.limit).collect(),
        total,
        total_is_exact: total_is_exact && query.per_brand.is_none(),
        facets: count_facets(index, query, &exclude)?,
    })
}

/// The filter of a search: the expression, less what is excluded, within given products.
pub(super) fn narrowed(
    index: &Index,
    expr: Option<&Expr>,
    exclude: &[u64],
    within: Option<&[u64]>,
) -> Result<Option<Filter>, SearchError> {
    let mut filter = match expr {
        Some(expr) => Filter::new_must(Condition::Filter(expr.compile(index)?)),
        None => Filter::default(),
    };
    if let Some(keys) = within {
        filter.must.get_or_insert_default().push(has_keys(keys.iter().copied()));
    }
    if !exclude.is_empty() {
        filter.must_not = Some(vec![has_keys(exclude.iter().copied())]);
    }
    Ok((filter != Filter::default()).then_some(filter))
}

/// Products that are never found: those asked about, and those that say an unwanted word.
fn excluded(index: &Index, query: &Query) -> Result<Vec<u64>, SearchError> {
    let mut exclude = query.exclude.clone();
    if let Some(text) = &query.not_text {
        exclude.extend(index.words(text, None, MOST_MATCHES)?.into_iter().map(|scored| scored.key));
    }
    Ok(exclude)
}

/// The same filter for products that have a picture.
fn with_picture(filter: Option<Filter>) -> Filter {
    let mut filter = filter.unwrap_or_default();
    filter.must.get_or_insert_default().push(Index::has_picture());
    filter
}

fn by_words(index: &Index, query: &Query, found: &[Scored]) -> Result<Vec<RankedHit>, SearchError> {
    let words = relative(found);
    let mut hits: Vec<RankedHit> = found
        .iter()
        .map(|scored| {
            let words = words.get(&scored.key).copied();
            RankedHit { key: scored.key, score: words.unwrap_or(0.0), picture: None, words }
        })
        .collect();
    if !query.not_pictures.is_empty() {
        hits.truncate(DEPTH.max((query.offset + query.limit) * 2));
        push_away(index, query, &mut hits)?;
    }
    Ok(hits)
}

fn by_pictures(
    index: &Index,
    query: &Query,
    filter: &Filter,
    total: usize,
    depth: usize,
) -> Result<Vec<RankedHit>, SearchError> {
    let found = nearest(index, query, filter, total, depth)?;
    let hit =
        |scored: &Scored| RankedHit { key: scored.key, score: scored.score, picture: Some(scored.score), words: None };
    let mut hits: Vec<RankedHit> = found.iter().map(hit).collect();
    push_away(index, query, &mut hits)?;
    Ok(hits)
}

fn by_both(
    index: &Index,
    query: &Query,
    text: &str,
    filter: &Filter,
    total: usize,
    depth: usize,
) -> Result<Vec<RankedHit>, SearchError> {
    let alike = nearest(index, query, filter, total, depth)?;
    let mut said = index.words(text, Some(filter), depth)?;
    let words = relative(&said);
    let mut keys: Vec<u64> = alike.iter().chain(&said).map(|scored| scored.key).collect();
    said.clear();
    keys.sort_unstable();
    keys.dedup();
    let pictures = index.vectors_of(&keys)?;
    let mut hits: Vec<RankedHit> = keys
        .iter()
        .zip(&pictures)
        .map(|(key, pictures)| {
            let picture = likeness(&query.pictures, pictures);
            let words = words.get(key).copied();
            RankedHit { key: *key, score: fused(picture, words), picture, words }
        })
        .collect();
    push_away(index, query, &mut hits)?;
    Ok(hits)
}

/// The products nearest to the query's pictures; the score is the weighted mean of cosines.
fn nearest(
    index: &Index,
    query: &Query,
    filter: &Filter,
    total: usize,
    limit: usize,
) -> Result<Vec<Scored>, SearchError> {
    let sum: f32 = query.pictures.iter().map(|picture| picture.weight).sum();
    let scaled = |weight: f32, vector: &[f32]| vector.iter().map(|number| number * weight / sum).collect();
    let vectors: Vec<Vec<f32>> = query.pictures.iter().map(|picture| scaled(picture.weight, &picture.vector)).collect();
    Ok(index.nearest(&vectors, Some(filter), limit, total <= SCANNED)?)
}

/// Lowers the score of products that are like what was not wanted.
fn push_away(index: &Index, query: &Query, hits: &mut [RankedHit]) -> Result<(), SearchError> {
    if query.not_pictures.is_empty() {
        return Ok(());
    }
    let keys: Vec<u64> = hits.iter().map(|hit| hit.key).collect();
    for (hit, pictures) in hits.iter_mut().zip(index.vectors_of(&keys)?) {
        hit.score = less_unwanted(hit.score, likeness(&query.not_pictures, &pictures));
    }
    Ok(())
}

/// Products in their own order, or sorted: a search that ranks nothing.
fn listed(index: &Index, query: &Query, filter: Option<&Filter>, exclude: &[u64]) -> Result<Ranked, SearchError> {
    let total = index.count(filter)?;
    let need = query.offset + query.limit;
    let hit = |key| RankedHit { key, score: 0.0, picture: None, words: None };
    let sort: Vec<_> = query.sort.iter().filter(|(field, _)| *field != SortField::Score).copied().collect();
    let mut hits: Vec<RankedHit> = match sort.first() {
        None if query.per_brand.is_none() => index.keys(filter, None, need)?.0.into_iter().map(hit).collect(),
        Some((field, order)) if total > SORTED => {
            let order = if *order == SortOrder::Asc { Order::Ascending } else { Order::Descending };
            let column = field.column().unwrap_or(Column::Price);
            index.ordered(&column, order, filter, need)?.into_iter().map(hit).collect()
        }
        _ => index.keys(filter, None, total.clamp(1, SORTED))?.0.into_iter().map(hit).collect(),
    };
    if !sort.is_empty() && total <= SORTED {
        sort_by_values(index, &mut hits, &sort)?;
    }
    if let Some(most) = query.per_brand {
        cap_brands(index, &mut hits, most)?;
    }
    Ok(Ranked {
        hits: hits.into_iter().skip(query.offset).take(query.limit).collect(),
        total,
        total_is_exact: query.per_brand.is_none(),
        facets: count_facets(index, query, exclude)?,
    })
}

/// Sorts by values of the products; those without come last in either direction, ties keep their order.
fn sort_by_values(
    index: &Index,
    hits: &mut Vec<RankedHit>,
    sort: &[(SortField, SortOrder)],
) -> Result<(), SearchError> {
    let columns: Vec<Column> = sort.iter().filter_map(|(field, _)| field.column()).collect();
    let keys: Vec<u64> = hits.iter().map(|hit| hit.key).collect();
    let values: HashMap<u64, Vec<Value>> = keys.iter().copied().zip(index.values(&keys, &columns)?).collect();
    hits.sort_by(|a, b| {
        let (mine, others) = (values.get(&a.key), values.get(&b.key));
        let mut column = 0;
        for (field, order) in sort {
            let compared = if *field == SortField::Score {
                directed(a.score.total_cmp(&b.score), *order)
            } else {
                let at = column;
                column += 1;
                let value = |values: Option<&Vec<Value>>| values.and_then(|values| values.get(at).cloned());
                compare(value(mine).unwrap_or_default(), value(others).unwrap_or_default(), *order)
            };
            if compared != Ordering::Equal {
                return compared;
            }
        }
        Ordering::Equal
    });
    Ok(())
}

fn compare(a: Value, b: Value, order: SortOrder) -> Ordering {
    match (&a, &b) {
        (Value::Null, Value::Null) => Ordering::Equal,
        (Value::Null, _) => Ordering::Greater,
        (_, Value::Null) => Ordering::Less,
        (Value::Number(a), Value::Number(b)) => {
            let number = |number: &serde_json::Number| number.as_f64().unwrap_or(f64::MAX);
            directed(number(a).total_cmp(&number(b)), order)
        }
        (Value::String(a), Value::String(b)) => directed(a.cmp(b), order),
        _ => Ordering::Equal,
    }
}

fn directed(ordering: Ordering, order: SortOrder) -> Ordering {
    if order == SortOrder::Asc { ordering } else { ordering.reverse() }
}

fn count_facets(
    index: &Index,
    query: &Query,
    exclude: &[u64],
) -> Result<BTreeMap<String, Vec<super::FacetValue>>, SearchError> {
    let words_only = query.pictures.is_empty();
    let within = |expr: Option<&Expr>| -> Result<Option<Vec<u64>>, SearchError> {
        let Some(text) = query.text.as_deref().filter(|_| words_only) else { return Ok(None) };
        let filter = narrowed(index, expr, exclude, None)?;
        let found = index.words(text, filter.as_ref(), MOST_MATCHES)?;
        Ok(Some(found.into_iter().map(|scored| scored.key).collect()))
    };
    query
        .facets
        .iter()
        .map(|(name, facet)| Ok((name.clone(), facets::count(index, query, facet, exclude, &within)?)))
        .collect()
}
