//! Search over a real index, compared with what plain loops over the products say.

use std::collections::BTreeSet;

use serde_json::json;

use super::*;
use crate::catalogue::Product;
use crate::index::{Index, IndexOptions, IndexPoint};

struct Shop {
    _folder: tempfile::TempDir,
    index: Index,
    products: Vec<Product>,
    vectors: Vec<Vec<f32>>,
}

/// A number from 0 to 1 that is always the same.
fn noise(seed: u64) -> f32 {
    let hash = blake3::hash(&seed.to_le_bytes());
    f32::from(hash.as_bytes()[0]) / 255.0
}

fn shop(products: Vec<Product>) -> Shop {
    let vector = |key: u64| (0..8).map(|at| noise(key * 8 + at) - 0.5).collect();
    let vectors = (0..products.len() as u64).map(vector).collect();
    shop_of(products, vectors)
}

/// With pictures of these directions.
fn shop_of(products: Vec<Product>, mut vectors: Vec<Vec<f32>>) -> Shop {
    let folder = tempfile::tempdir().unwrap();
    let index = Index::open(folder.path(), &IndexOptions::new(8)).unwrap().index;
    for vector in &mut vectors {
        let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-6);
        vector.iter_mut().for_each(|x| *x /= length);
    }
    let points: Vec<IndexPoint> = (0..)
        .zip(&products)
        .zip(&vectors)
        .map(|((key, product), vector)| IndexPoint::of(product, key, vec![vector.clone()]))
        .collect();
    index.upsert(&points).unwrap();
    Shop { _folder: folder, index, products, vectors }
}

fn product(number: usize) -> Product {
    serde_json::from_value(json!({
        "id": format!("p{number}"),
        "title": format!("{} {}", ["red", "blue", "green"][number % 3], ["bag", "shoe", "lamp", "chair"][number % 4]),
        "brand": (["Aalto", "Braun"][number % 2]),
        "category": ([["Home", "Travel"][number % 2]]),
        "price": {"amount": format!("{}.50", number % 50), "currency": "EUR"},
        "stock": number % 5,
    }))
    .unwrap()
}

fn usual() -> Shop {
    shop((0..240).map(product).collect())
}

fn query(shop: &Shop, request: serde_json::Value) -> Query {
    let request: SearchRequest = serde_json::from_value(request).unwrap();
    Query::of(&request, &Schema::new(shop.index.attributes())).unwrap()
}

fn keys(ranked: &Ranked) -> Vec<u64> {
    ranked.hits.iter().map(|hit| hit.key).collect()
}

#[test]
fn a_picture_finds_exactly_the_nearest_under_every_filter() {
    let shop = usual();
    for filter in ["price >= 0", "brand = \"Aalto\"", "in_stock AND price < 10", "category = \"Home\" AND stock = 4"] {
        let mut query = query(&shop, json!({"filter": filter, "limit": 10}));
        let wanted = shop.vectors[7].clone();
        query.pictures.push(Weighted::one(wanted.clone()));
        let expr = query.filter.clone().unwrap();
        let mut expected: Vec<(u64, f32)> = (0..)
            .zip(&shop.products)
            .filter(|(_, product)| expr.matches(product, None))
            .map(|(key, _)| (key, wanted.iter().zip(&shop.vectors[key as usize]).map(|(a, b)| a * b).sum()))
            .collect();
        expected.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let found = execute(&shop.index, &query).unwrap();
        assert_eq!(found.total, expected.len(), "{filter}");
        assert!(found.total_is_exact);
        let expected: Vec<u64> = expected.iter().take(10).map(|(key, _)| *key).collect();
        assert_eq!(keys(&found), expected, "{filter}");
    }
}

#[test]
fn where_much_passes_a_filter_nothing_is_lost_even_when_the_nearest_do_not() {
    // More than are compared one by one. One in twelve looks like what is asked for.
    let near = |number: usize| number % 12 == 0;
    let products: Vec<Product> = (0..23_000)
        .map(|number| Product {
            brand: Some((if near(number) { "Near" } else { "Far" }).to_owned()),
            ..product(number)
        })
        .collect();
    let vectors = (0..products.len())
        .map(|number| {
            let first = if near(number) { 4.0 } else { -0.5 };
            let rest =
                (1..8).map(|at| noise((number * 8 + at) as u64) + noise((at * 77 + number) as u64) / 100.0 - 0.5);
            std::iter::once(first).chain(rest).collect()
        })
        .collect();
    let shop = shop_of(products, vectors);
    let mut wanted = vec![0.1; 8];
    wanted[0] = 1.0;
    for (filter, first_is_near) in [("price < 49", true), ("brand = \"Far\"", false)] {
        let mut query = query(&shop, json!({"filter": filter, "limit": 10}));
        query.pictures.push(Weighted::one(wanted.clone()));
        let found = execute(&shop.index, &query).unwrap();
        let expr = query.filter.clone().unwrap();
        let passing = shop.products.iter().filter(|product| expr.matches(product, None)).count();
        assert!(passing > 20_000 && found.total == passing, "{filter}: {passing}");
        let score = |key: usize| wanted.iter().zip(&shop.vectors[key]).map(|(a, b)| a * b).sum::<f32>();
        let mut expected: Vec<f32> =
            (0..shop.products.len()).filter(|key| expr.matches(&shop.products[*key], None)).map(score).collect();
        expected.sort_by(|a, b| b.total_cmp(a));
        assert_eq!(found.hits.len(), 10);
        for (hit, best) in found.hits.iter().zip(&expected) {
            // Vectors have 16 bits a number.
            assert!((hit.score - best).abs() < 1e-3, "{filter}: {} instead of {best}", hit.score);
        }
        assert_eq!(near(found.hits[0].key as usize), first_is_near, "{filter}");
    }
}

#[test]
fn words_find_what_says_them_and_pages_join_without_gap_or_repeat() {
    let shop = usual();
    let whole = execute(&shop.index, &query(&shop, json!({"text": "lamp", "limit": 1000}))).unwrap();
    let expected: BTreeSet<u64> = (0..240).filter(|number| number % 4 == 2).collect();
    assert_eq!(keys(&whole).into_iter().collect::<BTreeSet<_>>(), expected);
    assert_eq!(whole.total, expected.len());
    let pages: Vec<u64> = (0..6)
        .flat_map(|page| {
            keys(
                &execute(&shop.index, &query(&shop, json!({"text": "lamp", "limit": 10, "offset": page * 10})))
                    .unwrap(),
            )
        })
        .collect();
    assert_eq!(pages, keys(&whole));
}

#[test]
fn unwanted_words_and_asked_products_are_never_found() {
    let shop = usual();
    let mut query = query(&shop, json!({"text": "lamp", "not_text": "red", "limit": 1000}));
    query.exclude = vec![2];
    let found = execute(&shop.index, &query).unwrap();
    assert!(!found.hits.is_empty());
    assert!(keys(&found).iter().all(|key| *key != 2 && !shop.products[*key as usize].title.contains("red")));
}

#[test]
fn words_and_picture_together_prefer_what_fits_both() {
    let shop = usual();
    let mut query = query(&shop, json!({"text": "green lamp", "limit": 3}));
    // Product 2 is a green lamp; its own picture and its own words.
    query.pictures.push(Weighted::one(shop.vectors[2].clone()));
    let found = execute(&shop.index, &query).unwrap();
    let first = &found.hits[0];
    assert_eq!(first.key, 2);
    assert!(first.picture.unwrap() > 0.99 && first.words.unwrap() > 0.99 && first.score > 0.99);
}

#[test]
fn chinese_words_are_found_in_chinese_titles() {
    let titles = ["红色真皮手提包", "黑色运动鞋", "蓝色棉质衬衫"];
    let shop = shop(
        titles
            .iter()
            .enumerate()
            .map(|(number, title)| Product { id: format!("c{number}"), title: (*title).into(), ..Product::default() })
            .collect(),
    );
    for (text, first) in [("红色 手提包", 0), ("运动鞋", 1), ("衬衫", 2)] {
        let found = execute(&shop.index, &query(&shop, json!({"text": text}))).unwrap();
        assert_eq!(found.hits.first().map(|hit| hit.key), Some(first), "{text}");
    }
}

#[test]
fn facets_count_the_found_set_without_their_own_filter() {
    let shop = usual();
    let request =
        json!({"text": "lamp", "filter": "brand = \"Aalto\"", "facets": ["brand", "category", "price"], "limit": 1});
    let found = execute(&shop.index, &query(&shop, request)).unwrap();
    // Lamps have even numbers, and so has Aalto: Braun has none, and is not listed.
    let brands: Vec<(&str, usize)> =
        found.facets["brand"].iter().map(|value| (value.value.as_str(), value.count)).collect();
    assert_eq!(brands, [("Aalto", 60)]);
    let all =
        execute(&shop.index, &query(&shop, json!({"filter": "brand = \"Aalto\" AND price < 5", "facets": ["brand"]})))
            .unwrap();
    let cheap = |brand: usize| (0..240).filter(|number| number % 2 == brand && number % 50 < 5).count();
    let brands: Vec<(&str, usize)> =
        all.facets["brand"].iter().map(|value| (value.value.as_str(), value.count)).collect();
    assert_eq!(brands.into_iter().collect::<BTreeSet<_>>(), [("Aalto", cheap(0)), ("Braun", cheap(1))].into());
    let priced: usize = found.facets["price"].iter().map(|range| range.count).sum();
    assert_eq!(priced, 60);
}

#[test]
fn hits_are_sorted_by_what_was_asked() {
    let shop = usual();
    for (order, rising) in [("asc", true), ("desc", false)] {
        let request = json!({"filter": "in_stock", "sort": [{"price": order}], "limit": 200});
        let found = execute(&shop.index, &query(&shop, request)).unwrap();
        let prices: Vec<f64> = keys(&found)
            .iter()
            .map(|key| crate::index::effective_price(&shop.products[*key as usize]).unwrap())
            .collect();
        assert!(prices.windows(2).all(|pair| if rising { pair[0] <= pair[1] } else { pair[0] >= pair[1] }));
        assert_eq!(found.total, 192);
    }
}

#[test]
fn brands_are_capped() {
    let shop = usual();
    let mut query = query(&shop, json!({"filter": "price >= 0", "per_brand": 2, "limit": 50}));
    query.pictures.push(Weighted::one(shop.vectors[0].clone()));
    let found = execute(&shop.index, &query).unwrap();
    assert_eq!(found.hits.len(), 4);
}

#[test]
fn requests_that_cannot_be_used_name_the_field() {
    for (request, field) in [
        (json!({}), "request"),
        (json!({"text": "  "}), "request"),
        (json!({"text": "x".repeat(3_000)}), "text"),
        (json!({"text": "a", "limit": 0}), "limit"),
        (json!({"text": "a", "limit": 1_000_000_000}), "limit"),
        (json!({"text": "a", "offset": 1_000_000}), "offset"),
        (json!({"text": "a", "facets": ["prise"]}), "facets"),
        (json!({"text": "a", "sort": [{"weight": "asc"}]}), "sort"),
        (json!({"images": [{"part": 0, "url": "https://a.example/b"}]}), "images[0]"),
        (json!({"images": [{"part": 0, "weight": -1.0}]}), "images[0].weight"),
        (json!({"text": "a", "diversity": 2.0}), "diversity"),
        (json!({"text": "a", "colour": "rde"}), "colour"),
        (json!({"colour": "#12"}), "colour"),
        (json!({"filter": "prise < 3"}), "filter"),
    ] {
        let parsed: SearchRequest = serde_json::from_value(request.clone()).unwrap();
        let error = Query::of(&parsed, &Schema::new(Vec::<String>::new())).unwrap_err();
        assert_eq!(error.field(), Some(field), "{request}: {error}");
        assert!(!error.hint().is_empty());
    }
    assert!(serde_json::from_value::<SearchRequest>(json!({"tekst": "a"})).is_err());
}

/// Keys of the hits of a search with rules, and why the first is there.
fn ruled(shop: &Shop, request: serde_json::Value, pins: Vec<u64>) -> (Vec<u64>, Vec<String>) {
    let request: SearchRequest = serde_json::from_value(request).unwrap();
    let schema = Schema::new(shop.index.attributes());
    let mut query = Query::of(&request, &schema).unwrap();
    query.ruling = Ruling::of(&Rules::default(), &request, &schema).unwrap();
    query.ruling.pins = pins;
    if request.text.is_none() && request.filter.as_deref() == Some("price >= 0") {
        query.pictures.push(Weighted::one(shop.vectors[7].clone()));
    }
    let found = execute(&shop.index, &query).unwrap();
    (keys(&found), found.hits[0].rules.clone())
}

#[test]
fn rules_reorder_above_the_floor_and_never_below_it() {
    let shop = usual();
    let rules = |rules: serde_json::Value| json!({"filter": "price >= 0", "limit": 240, "rules": rules});
    let (plain, _) = ruled(&shop, rules(json!({})), vec![]);
    let scores: Vec<f32> = {
        let mut query = query(&shop, json!({"filter": "price >= 0", "limit": 240}));
        query.pictures.push(Weighted::one(shop.vectors[7].clone()));
        execute(&shop.index, &query).unwrap().hits.iter().map(|hit| hit.score).collect()
    };
    let above = scores.iter().filter(|score| **score >= 0.5 * scores[0]).count();
    assert!(above > 3 && above < 100, "{above}");
    let braun = |key: &u64| key % 2 == 1;
    let boosted = json!({"boost": [{"filter": "brand = \"braun\"", "by": 0.5}], "floor": 0.5});
    let (found, why) = ruled(&shop, rules(boosted), vec![]);
    assert_ne!(found, plain);
    assert!(why.iter().any(|why| why.contains("brand") && why.contains("+50 %")), "{why:?}");
    // Braun first among those above the floor; behind it, all as it was.
    assert_eq!(found[above..], plain[above..]);
    let first: Vec<u64> = found[..above].to_vec();
    let same: BTreeSet<u64> = first.iter().copied().collect();
    assert_eq!(same, plain[..above].iter().copied().collect());
    assert!(first.iter().position(|key| !braun(key)) >= Some(1));

    // A pin moves what is above the floor, and nothing that is below.
    let (pinned, why) = ruled(&shop, rules(json!({"floor": 0.5})), vec![plain[above + 5], plain[above - 1]]);
    assert_eq!(pinned[0], plain[above - 1]);
    assert_eq!(pinned[above + 5], plain[above + 5]);
    assert!(why.contains(&"rule: pinned".to_owned()));
    let (free, _) = ruled(&shop, rules(json!({"floor": 0.0})), vec![plain[above + 5]]);
    assert_eq!(free[0], plain[above + 5]);
}

#[test]
fn what_is_out_of_stock_dear_or_old_comes_later() {
    let shop = usual();
    let listed = |rules: serde_json::Value| {
        ruled(&shop, json!({"filter": "price < 9999", "limit": 240, "rules": rules}), vec![]).0
    };
    let stock = listed(json!({"out_of_stock": 0.3}));
    let gone: Vec<bool> = stock.iter().map(|key| key % 5 == 0).collect();
    assert!(gone.is_sorted() && gone[239] && !gone[0], "those in stock come first");
    let priced = listed(json!({"decay": [{"field": "price", "from": 20.0, "half": 5, "by": 0.4}]}));
    let distance = |key: &u64| ((*key % 50) as f64 + 0.5 - 20.0).abs();
    assert!(priced.windows(2).all(|pair| distance(&pair[0]) <= distance(&pair[1])));
}

#[test]
fn hidden_products_are_not_found_and_queries_choose_their_rules() {
    let shop = usual();
    let mut query = query(&shop, json!({"text": "lamp", "limit": 1000}));
    query.ruling.hidden = vec![2, 6];
    let found = execute(&shop.index, &query).unwrap();
    assert_eq!((found.total, keys(&found).contains(&2)), (58, false));
    let rules: Rules =
        serde_json::from_value(json!({"pin": [{"query": "Red  BAG", "products": ["a", "b"]}, {"products": ["c"]}]}))
            .unwrap();
    assert_eq!(rules.pinned(Some("red bag")).collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!(rules.pinned(Some("bag")).collect::<Vec<_>>(), ["c"]);
    assert_eq!(rules.pinned(None).collect::<Vec<_>>(), ["c"]);
}

#[test]
fn variants_are_one_card_that_shows_the_one_that_fits() {
    let mut products: Vec<Product> = (0..240).map(product).collect();
    for (number, product) in products.iter_mut().enumerate() {
        product.group = (number < 60).then(|| format!("g{}", number / 6));
    }
    let shop = shop(products);
    let mut query = query(&shop, json!({"filter": "price >= 0", "limit": 1000, "facets": ["group", "brand"]}));
    query.pictures.push(Weighted::one(shop.vectors[33].clone()));
    let found = execute(&shop.index, &query).unwrap();
    assert_eq!((found.hits[0].key, found.hits[0].variants, found.total), (33, 6, 190));
    assert_eq!(found.hits.len(), 190);
    assert!(found.facets["group"].iter().all(|value| value.count == 1));
    let brands: usize = found.facets["brand"].iter().map(|value| value.count).sum();
    assert_eq!(brands, 200, "each of the ten groups has both brands");
    query.collapse = false;
    assert_eq!(execute(&shop.index, &query).unwrap().total, 240);
}

#[test]
fn bands_cut_the_set_and_the_total() {
    let shop = usual();
    let ask = |min_band: Option<&str>, facets: bool| {
        let mut request =
            json!({"filter": "price >= 0", "limit": 1000, "facets": if facets { json!(["brand"]) } else { json!([]) }});
        if let Some(band) = min_band {
            request["min_band"] = json!(band);
        }
        let mut query = query(&shop, request);
        query.pictures.push(Weighted::one(shop.vectors[7].clone()));
        query.calibration = Some(std::sync::Arc::new(crate::space::Calibration::shipped("x")));
        execute(&shop.index, &query).unwrap()
    };
    let all = ask(None, false);
    assert!(all.hits.iter().all(|hit| hit.probability.is_some_and(|p| (0.0..=1.0).contains(&p))));
    assert!(all.hits[0].probability > all.hits[1].probability);
    for (name, least) in [("similar", Band::Similar), ("exact", Band::Exact)] {
        let expected: Vec<u64> = all.hits.iter().filter(|hit| hit.band >= Some(least)).map(|hit| hit.key).collect();
        let found = ask(Some(name), true);
        assert_eq!((keys(&found), found.total), (expected.clone(), expected.len()), "{name}");
        assert!(!expected.is_empty() && expected.len() < 240, "{name}: {}", expected.len());
        assert_eq!(found.facets["brand"].iter().map(|value| value.count).sum::<usize>(), expected.len());
    }
}

#[test]
fn a_large_set_is_sorted_as_if_all_of_it_were() {
    use super::found::Search;
    use super::order::{foremost, ordered};
    use super::rank::Candidate;

    let mut shop = shop(Vec::new());
    // Many alike, some without a value, some in groups whose best variant is anywhere.
    let product = |number: u64| -> Product {
        let price =
            (number % 11 > 0).then(|| json!({"amount": format!("{}.00", number * 7_919 % 97), "currency": "EUR"}));
        serde_json::from_value(json!({
            "id": format!("p{number}"), "title": format!("Thing of kind {}", number * 31 % 57), "price": price,
            "stock": (number % 3 == 0).then_some(number % 5), "group": (number % 4 < 2).then(|| format!("g{}", number / 9)),
            "added_at": (number % 7 > 0).then(|| format!("2026-0{}-11T00:00:00Z", 1 + number % 9)),
        }))
        .unwrap()
    };
    shop.products = (0..6_000).map(product).collect();
    let points: Vec<IndexPoint> =
        (0..).zip(&shop.products).map(|(key, product)| IndexPoint::of(product, key, vec![])).collect();
    shop.index.upsert(&points).unwrap();
    for sort in [
        json!([]),
        json!([{"price": "asc"}]),
        json!([{"price": "desc"}, {"title": "asc"}]),
        json!([{"stock": "desc"}]),
        json!([{"added_at": "asc"}]),
        json!([{"title": "desc"}]),
    ] {
        for (collapse, need) in [(true, 24), (false, 24), (true, 4_000), (false, 5_999)] {
            let query = query(&shop, json!({"filter": "not brand = \"Aalto\"", "sort": sort, "collapse": collapse}));
            let search = Search::new(&shop.index, &query).unwrap();
            let set = search.table.all().clone();
            let all = |rows: &roaring::RoaringBitmap| -> Vec<u64> {
                let candidates = rows.iter().map(|row| Candidate::unranked(row, search.table.key(row))).collect();
                let cards = ordered(&search, candidates, &set, need).unwrap();
                cards.iter().take(need).map(|card| card.key).collect()
            };
            let few = foremost(&search, &set, need);
            assert!(few.len() < 6_000 || need > 1_000, "{sort}: {} were not left out", 6_000 - few.len());
            assert_eq!(all(&few), all(&set), "{sort}, {need}, {collapse}");
        }
    }
}
