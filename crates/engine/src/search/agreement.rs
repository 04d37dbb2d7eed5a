//! Hits, totals, facets, order and pages agree with plain loops over the products: random catalogues, searches and pages, on
//! real indexes that were written, changed, partly deleted and opened again.
//!
//! Vectors have small whole numbers, so that scores are exact and ties are ties on both sides.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;

use super::filter::tests::{any_expr, any_product, schema, small_text};
use super::found::{LOOKS_LIKE, MEANT, SOME_COLOUR};
use super::fusion::{coloured, fused, less_unwanted, likeness};
use super::query::{FacetField, Meaning, SortField};
use super::spread::diversify;
use super::{Expr, Query, SortOrder, Weighted, execute, rank};
use crate::catalogue::Product;
use crate::image::{Colour, FAMILIES, Palette};
use crate::index::fields::{category_paths, fold, fold_category};
use crate::index::{self, Column, Index, IndexOptions, IndexPoint};

const DIMS: usize = 4;

struct Shop {
    _folder: tempfile::TempDir,
    index: Index,
    /// By key.
    products: BTreeMap<u64, Made>,
}

/// A product, its pictures and the colours of the first.
type Made = (Product, Vec<Vec<f32>>, Option<Palette>);

fn any_vector() -> impl Strategy<Value = Vec<f32>> {
    proptest::collection::vec((-2_i8..3).prop_map(f32::from), DIMS)
}

/// A palette of one to three colours, far from each other; or none.
fn any_palette() -> impl Strategy<Value = Option<Palette>> {
    let hex = proptest::sample::select(vec!["#c81f2b", "#225fc4", "#1e284a", "#fafafa", "#121214", "#2f8f3c"]);
    let colours = proptest::collection::btree_map(hex, 1_u8..6, 1..4);
    proptest::option::weighted(0.8, colours).prop_map(|colours| {
        let mut colours: Vec<(&str, u8)> = colours?.into_iter().collect();
        colours.sort_by_key(|(_, share)| std::cmp::Reverse(*share));
        let total: f32 = colours.iter().map(|(_, share)| f32::from(*share)).sum();
        let pair = |(hex, share): (&str, u8)| serde_json::json!([hex, f32::from(share) / total]);
        Palette::from_payload(&colours.into_iter().map(pair).collect())
    })
}

/// Catalogues of none, one and many products.
static SHOPS: LazyLock<Vec<Shop>> = LazyLock::new(|| {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let any = (any_product(), proptest::collection::vec(any_vector(), 0..3), any_palette());
    [0, 1, 9, 60, 350]
        .into_iter()
        .map(|size| {
            let folder = tempfile::tempdir().unwrap();
            let index = Index::open(folder.path(), &IndexOptions::new(DIMS)).unwrap().index;
            let mut products = BTreeMap::new();
            let mut put = |products: &mut BTreeMap<u64, Made>, keys: &[u64]| {
                let points: Vec<IndexPoint> = keys
                    .iter()
                    .map(|key| {
                        let (product, vectors, palette) = any.new_tree(&mut runner).unwrap().current();
                        products.insert(*key, (product.clone(), vectors.clone(), palette.clone()));
                        IndexPoint::of(&product, *key, vectors).with_palette(palette.as_ref())
                    })
                    .collect();
                index.upsert(&points).unwrap();
            };
            // Neither dense nor in order.
            let keys: Vec<u64> = (0..size).map(|key| key * 7 % 1_009 + 3).collect();
            put(&mut products, &keys);
            put(&mut products, &keys.iter().copied().step_by(5).collect::<Vec<_>>());
            let gone: Vec<u64> = keys.iter().copied().skip(2).step_by(9).collect();
            index.delete(&gone).unwrap();
            products.retain(|key, _| !gone.contains(key));
            put(&mut products, &gone.iter().copied().step_by(2).collect::<Vec<_>>());
            let index = if size == 60 {
                drop(index);
                Index::open(folder.path(), &IndexOptions::new(DIMS)).unwrap().index
            } else {
                index
            };
            Shop { _folder: folder, index, products }
        })
        .collect()
});

/// One product as plain loops see it.
#[derive(Debug, Clone, Copy)]
struct Seen<'s> {
    key: u64,
    product: &'s Product,
    pictures: &'s [Vec<f32>],
    palette: Option<&'s Palette>,
    /// How much of it has the colour that is asked for, as the index has it.
    colour: f32,
    score: f32,
}

fn group(seen: &Seen<'_>, collapse: bool) -> String {
    match index::group(seen.product) {
        Some(group) if collapse => format!("group {group}"),
        _ => format!("product {}", seen.key),
    }
}

/// Everything a query finds under a filter, with scores, best first.
fn found<'s>(shop: &'s Shop, query: &Query, filter: Option<&Expr>) -> Vec<Seen<'s>> {
    let scores = |text: &str| -> HashMap<u64, f32> {
        shop.index.words(text, 10_000).unwrap().into_iter().map(|scored| (scored.key, scored.score)).collect()
    };
    let mut asked: BTreeSet<u64> = query.exclude.iter().copied().collect();
    if query.collapse {
        let groups: BTreeSet<&str> = asked.iter().filter_map(|key| index::group(&shop.products.get(key)?.0)).collect();
        let alike =
            shop.products.iter().filter(|(_, (product, ..))| index::group(product).is_some_and(|g| groups.contains(g)));
        let alike: Vec<u64> = alike.map(|(key, _)| *key).collect();
        asked.extend(alike);
    }
    let table = shop.index.table();
    let colours = query.colour.as_ref().map(|colour| table.shares_of(colour));
    let unwanted = query.not_text.as_deref().map(scores).unwrap_or_default();
    let said = query.text.as_deref().map(scores);
    let base: Vec<Seen<'_>> = shop
        .products
        .iter()
        .filter(|(key, (product, _, palette))| {
            filter.is_none_or(|expr| expr.matches(product, palette.as_ref()))
                && !asked.contains(key)
                && !unwanted.contains_key(key)
        })
        .map(|(key, (product, pictures, palette))| {
            let colour = colours.as_ref().map_or(0.0, |colours| colours[table.row(*key).unwrap() as usize]);
            Seen { key: *key, product, pictures, palette: palette.as_ref(), colour, score: 0.0 }
        })
        .collect();
    let says = |seen: &Seen<'_>| said.as_ref().is_some_and(|said| said.contains_key(&seen.key));
    let meant = query.meaning.as_ref();
    let looks = |seen: &Seen<'_>| meant.and_then(|meaning| meaning.likeness(seen.pictures));
    let mut near: Vec<(f32, u64)> = base.iter().filter_map(|seen| Some((looks(seen)?, seen.key))).collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let last = near.get(MEANT).map(|(score, _)| *score);
    let near: BTreeSet<u64> = near
        .into_iter()
        .filter(|(score, _)| last.is_none_or(|last| *score > last) && *score >= LOOKS_LIKE)
        .map(|(_, key)| key)
        .collect();
    let mut found: Vec<Seen<'_>> = base
        .into_iter()
        .filter(|seen| match (query.pictures.is_empty(), said.is_some()) {
            (true, false) => colours.is_none() || seen.colour >= SOME_COLOUR,
            (true, true) => says(seen) || near.contains(&seen.key),
            (false, _) => !seen.pictures.is_empty() || says(seen),
        })
        .collect();
    let said = said.unwrap_or_default();
    let best = found.iter().filter_map(|seen| said.get(&seen.key)).copied().fold(f32::MIN_POSITIVE, f32::max);
    for seen in &mut found {
        let words = said.get(&seen.key).map(|score| score / best);
        let picture = likeness(&query.pictures, seen.pictures);
        let meaning = looks(seen).filter(|_| near.contains(&seen.key));
        let score = match (query.pictures.is_empty(), query.text.is_none()) {
            (true, true) if colours.is_some() => {
                // Sorted by a value, nothing but the colour is looked at.
                let by_fit = query.sort.is_empty() || query.sort == [(SortField::Score, SortOrder::Desc)];
                let unwanted = likeness(&query.not_pictures, seen.pictures).filter(|_| by_fit);
                seen.score = less_unwanted(seen.colour, unwanted) + 0.0;
                continue;
            }
            (true, true) => continue,
            (false, true) => picture.unwrap_or(0.0),
            (true, false) if meant.is_none() => words.unwrap_or(0.0),
            (true, false) => fused(None, words, meaning),
            (false, false) => fused(Some(picture.unwrap_or(0.0)), words, meaning),
        };
        // −0 and 0 are one score.
        let score = less_unwanted(score, likeness(&query.not_pictures, seen.pictures)) + 0.0;
        seen.score = if colours.is_some() { coloured(score, seen.colour) } else { score };
    }
    found.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.key.cmp(&b.key)));
    found
}

/// Products without a value come last in either direction.
fn by_value<T: PartialOrd>(a: Option<T>, b: Option<T>, order: SortOrder) -> Ordering {
    match (a, b) {
        (None, None) => Ordering::Equal,
        (None, _) => Ordering::Greater,
        (_, None) => Ordering::Less,
        (Some(a), Some(b)) => {
            let ordering = a.partial_cmp(&b).unwrap();
            if order == SortOrder::Asc { ordering } else { ordering.reverse() }
        }
    }
}

/// All cards in order.
fn cards<'s>(found: &[Seen<'s>], query: &Query) -> Vec<Seen<'s>> {
    let mut sorted = found.to_vec();
    sorted.sort_by(|a, b| {
        for (field, order) in &query.sort {
            let ordering = match field {
                SortField::Score => by_value(Some(a.score), Some(b.score), *order),
                SortField::Price => {
                    by_value(index::effective_price(a.product), index::effective_price(b.product), *order)
                }
                SortField::Stock => by_value(a.product.stock, b.product.stock, *order),
                SortField::AddedAt => {
                    let micros = |seen: &Seen<'_>| seen.product.added_at.map(|at| at.timestamp_micros());
                    by_value(micros(a), micros(b), *order)
                }
                SortField::Title => {
                    let title = |seen: &Seen<'_>| Some(index::folded_title(seen.product)).filter(|t| !t.is_empty());
                    by_value(title(a), title(b), *order)
                }
            };
            if ordering != Ordering::Equal {
                return ordering;
            }
        }
        b.score.total_cmp(&a.score).then(a.key.cmp(&b.key))
    });
    let mut seen = BTreeSet::new();
    sorted.retain(|each| seen.insert(group(each, query.collapse)));
    if let Some(most) = query.per_brand {
        let brand = |card: &Seen<'_>| {
            let of_card = found.iter().filter(|each| group(each, query.collapse) == group(card, query.collapse));
            index::brand(of_card.min_by_key(|each| each.key).unwrap().product).map(fold)
        };
        let mut counts: HashMap<String, usize> = HashMap::new();
        sorted.retain(|card| {
            brand(card).is_none_or(|brand| {
                let count = counts.entry(brand).or_default();
                *count += 1;
                *count <= most
            })
        });
    }
    let ranked = !query.pictures.is_empty() || query.text.is_some() || query.colour.is_some();
    let by_fit = ranked && (query.sort.is_empty() || query.sort == [(SortField::Score, SortOrder::Desc)]);
    if let Some(diversity) = query.diversity.filter(|_| by_fit) {
        let mut candidates: Vec<rank::Candidate> = (0..)
            .zip(&sorted)
            .map(|(row, card)| rank::Candidate { score: card.score, ..rank::Candidate::unranked(row, card.key) })
            .collect();
        let pictures: Vec<Vec<Vec<f32>>> = sorted.iter().map(|card| card.pictures.to_vec()).collect();
        diversify(&mut candidates, &pictures, diversity);
        return candidates.into_iter().map(|candidate| sorted[candidate.row as usize]).collect();
    }
    sorted
}

/// Folded values of a column of one product.
fn values(column: &Column, product: &Product, palette: Option<&Palette>) -> BTreeSet<String> {
    match column {
        Column::PictureColour => {
            palette.map(index::picture_colours).unwrap_or_default().into_iter().map(str::to_owned).collect()
        }
        Column::Brand => index::brand(product).map(fold).into_iter().collect(),
        Column::Category => category_paths(&product.category).iter().map(|path| fold_category(path)).collect(),
        Column::Availability => [index::availability(product).to_owned()].into(),
        Column::Group => index::group(product).map(str::to_owned).into_iter().collect(),
        Column::Attribute(name) => index::attributes(product)
            .remove(name)
            .map(|columns| columns.shown.iter().map(|text| fold(text)).collect())
            .unwrap_or_default(),
        other => panic!("{other}"),
    }
}

fn facets() -> Vec<(String, FacetField)> {
    let names = ["brand", "category", "availability", "group", "colour", "size", "picture_colour"];
    let mut facets: Vec<(String, FacetField)> =
        names.iter().map(|name| ((*name).to_owned(), super::query::facet(name, &schema()).unwrap())).collect();
    facets.push(("price".to_owned(), FacetField::Price));
    facets
}

fn weighted() -> impl Strategy<Value = Vec<Weighted>> {
    // The weights add up to powers of two, so that their mean is exact.
    prop_oneof![
        3 => Just(Vec::new()),
        2 => any_vector().prop_map(|vector| vec![Weighted::one(vector)]),
        1 => (any_vector(), any_vector())
            .prop_map(|(a, b)| vec![Weighted { vector: a, weight: 3.0, colours: None }, Weighted::one(b)]),
    ]
}

fn any_query() -> impl Strategy<Value = Query> {
    let words = || proptest::option::of(proptest::sample::select(vec!["a", "größe", "b 包", "true 1", "zzz"]));
    let field = proptest::sample::select(vec![
        SortField::Score,
        SortField::Price,
        SortField::AddedAt,
        SortField::Stock,
        SortField::Title,
    ]);
    let order = proptest::sample::select(vec![SortOrder::Asc, SortOrder::Desc]);
    let sort = prop_oneof![2 => Just(Vec::new()), 3 => proptest::collection::vec((field, order), 1..3)];
    let filter = proptest::option::of(any_expr(small_text().boxed()));
    let first = (words(), proptest::option::of(any_vector()), weighted(), weighted(), filter, sort);
    let second = (
        1_usize..30,
        prop_oneof![Just(0_usize), 0_usize..60],
        proptest::option::of(1_usize..4),
        prop_oneof![3 => Just(None), 1 => Just(Some(0.5_f32))],
        any::<bool>(),
        proptest::option::of(proptest::sample::select(vec!["b", "x"])),
        proptest::collection::vec(0_u64..1_000, 0..3),
        proptest::option::of(proptest::sample::select([&FAMILIES[..], &["navy", "#c02030", "#8090a0"]].concat())),
    );
    (first, second).prop_map(|(first, second)| Query {
        meaning: first.1.filter(|_| first.0.is_some()).map(|vector| Meaning { vector, told: None }),
        text: first.0.map(str::to_owned),
        pictures: first.2,
        not_pictures: first.3,
        filter: first.4,
        sort: first.5,
        limit: second.0,
        offset: second.1,
        per_brand: second.2,
        diversity: second.3,
        collapse: second.4,
        not_text: second.5.map(str::to_owned),
        exclude: second.6,
        colour: second.7.map(|colour| Colour::parse(colour).unwrap()),
        facets: facets(),
        ..Query::default()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    #[test]
    fn a_search_agrees_with_plain_loops(which in 0_usize..5, query in any_query()) {
        let shop = &SHOPS[which];
        let ranked = execute(&shop.index, &query).unwrap();
        let expected = found(shop, &query, query.filter.as_ref());
        let all = cards(&expected, &query);
        prop_assert_eq!(ranked.total, all.len());
        prop_assert!(ranked.total_is_exact);
        let page: Vec<Seen<'_>> = all.into_iter().skip(query.offset).take(query.limit).collect();
        let keys: Vec<u64> = ranked.hits.iter().map(|hit| hit.key).collect();
        prop_assert_eq!(keys, page.iter().map(|seen| seen.key).collect::<Vec<_>>());
        for (hit, seen) in ranked.hits.iter().zip(&page) {
            prop_assert_eq!(hit.score, seen.score);
            let alike = expected.iter().filter(|each| group(each, query.collapse) == group(seen, query.collapse));
            prop_assert_eq!(hit.variants, alike.count());
        }
        for (name, facet) in &query.facets {
            let filter = query.filter.as_ref().and_then(|filter| filter.without(facet.field()));
            let within = found(shop, &query, filter.as_ref());
            match facet {
                FacetField::Values(column, _) => {
                    let mut counts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
                    for seen in &within {
                        for value in values(column, seen.product, seen.palette) {
                            counts.entry(value).or_default().insert(group(seen, query.collapse));
                        }
                    }
                    let expected: BTreeMap<String, usize> =
                        counts.into_iter().map(|(value, cards)| (value, cards.len())).collect();
                    let folded = |value: &str| match column {
                        Column::Category => fold_category(value),
                        Column::Group => value.to_owned(),
                        _ => fold(value),
                    };
                    let counted: BTreeMap<String, usize> =
                        ranked.facets[name].iter().map(|value| (folded(&value.value), value.count)).collect();
                    prop_assert_eq!(counted.len(), expected.len().min(100), "{}", name);
                    for (value, count) in &counted {
                        prop_assert_eq!(Some(count), expected.get(value), "{}: {}", name, value);
                    }
                    let least = counted.values().min().copied().unwrap_or_default();
                    let left_out = expected.iter().filter(|(value, _)| !counted.contains_key(*value));
                    prop_assert!(left_out.map(|(_, count)| *count).max().unwrap_or_default() <= least, "{}", name);
                }
                FacetField::Price => {
                    let ranges = &ranked.facets[name];
                    for (at, range) in ranges.iter().enumerate() {
                        let inside = |seen: &&Seen<'_>| {
                            index::effective_price(seen.product).is_some_and(|price| {
                                let last = at + 1 == ranges.len();
                                price >= range.from.unwrap() && (price < range.to.unwrap() || (last && price <= range.to.unwrap()))
                            })
                        };
                        let inside: BTreeSet<String> =
                            within.iter().filter(inside).map(|seen| group(seen, query.collapse)).collect();
                        prop_assert_eq!(range.count, inside.len(), "{:?}", range);
                    }
                    let priced = within.iter().filter(|seen| index::effective_price(seen.product).is_some()).count();
                    prop_assert!(ranges.iter().map(|range| range.count).sum::<usize>() <= priced);
                    prop_assert_eq!(ranges.is_empty(), priced == 0);
                }
            }
        }
    }

    #[test]
    fn a_facet_s_count_is_the_total_that_a_click_on_it_brings(which in 0_usize..5, query in any_query()) {
        let shop = &SHOPS[which];
        let query = Query { filter: None, per_brand: None, sort: Vec::new(), meaning: None, ..query };
        let ranked = execute(&shop.index, &query).unwrap();
        for brand in &ranked.facets["brand"] {
            let chosen = super::filter::parse(&format!("brand = {:?}", brand.value), &schema());
            let chosen = Query { filter: Some(chosen.unwrap()), ..query.clone() };
            prop_assert_eq!(execute(&shop.index, &chosen).unwrap().total, brand.count, "{}", brand.value);
        }
    }

    #[test]
    fn pages_join_without_gap_or_repeat(which in 0_usize..5, query in any_query()) {
        let shop = &SHOPS[which];
        let page = |offset, limit| {
            let query = Query { offset, limit, facets: Vec::new(), ..query.clone() };
            execute(&shop.index, &query).unwrap().hits.iter().map(|hit| hit.key).collect::<Vec<_>>()
        };
        let whole = page(0, 1_000);
        let joined: Vec<u64> = (0..1_000).step_by(37).flat_map(|offset| page(offset, 37)).collect();
        prop_assert_eq!(whole, joined);
    }
}
