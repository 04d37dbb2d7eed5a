//! Search over HTTP.

use std::fs;

use serde_json::json;

use super::shop::{Server, data_uri, demo_data, ids, instant_camera, titles};

#[test]
fn a_photo_is_found_however_it_is_sent() {
    let data = demo_data();
    let server = Server::over(data.path());
    let photo = fs::read(instant_camera()).unwrap();
    for answer in [
        server.search_photos(&[&photo], Some(&json!({"images": [{"part": 0}], "limit": 3}))),
        server.search_photos(
            &[&photo],
            Some(&json!({"images": [{"part": 0, "region": [0.05, 0.05, 0.9, 0.9]}], "limit": 3})),
        ),
        server.search_photos(&[&photo], None),
        server.search(&json!({"images": [{"data": data_uri(&photo).split_once(',').unwrap().1}], "limit": 3})),
    ] {
        let found = answer.is(200).json();
        assert_eq!(titles(&found)[0], "Instant Camera");
        let hit = &found["hits"][0];
        assert!(hit["score"].as_f64().unwrap() > 0.5, "{hit}");
        let url = hit["image"]["url"].as_str().unwrap();
        assert!(url.starts_with("/v1/images/"), "{url}");
        for step in ["decode", "embed", "search", "total"] {
            assert!(found["took_ms"][step].as_f64().unwrap() >= 0.0, "{}", found["took_ms"]);
        }
        assert!(found["space"].as_str().is_some_and(|space| !space.is_empty()));
    }
}

#[test]
fn words_filters_facets_sorting_and_pages_work_together() {
    let data = demo_data();
    let server = Server::over(data.path());
    let all = server
        .search(&json!({"filter": "in_stock OR NOT in_stock", "limit": 100, "facets": ["brand", "category"]}))
        .is(200)
        .json();
    assert_eq!(all["total"].as_u64().unwrap() as usize, ids(&all).len());
    assert!(
        all["facets"]["category"].as_array().unwrap().iter().any(|count| count["count"].as_u64().unwrap() > 3),
        "{}",
        all["facets"]
    );

    let sorted =
        server.search(&json!({"filter": "price > 0", "sort": [{"price": "desc"}], "limit": 10})).is(200).json();
    let second = server
        .search(&json!({"filter": "price > 0", "sort": [{"price": "desc"}], "limit": 5, "offset": 5}))
        .is(200)
        .json();
    assert_eq!(ids(&sorted)[5..], ids(&second)[..]);

    let words = server.search(&json!({"text": "camera", "limit": 3})).is(200).json();
    assert!(titles(&words).iter().all(|title| title.contains("Camera")), "{:?}", titles(&words));
    let both = server.search(&json!({"text": "camera", "filter": "price < 100"})).is(200).json();
    assert!(both["total"].as_u64().unwrap() < all["total"].as_u64().unwrap());
}

#[test]
fn similar_products_leave_the_product_itself_out() {
    let data = demo_data();
    let server = Server::over(data.path());
    let camera = ids(&server.search(&json!({"text": "instant camera", "limit": 1})).json())[0].clone();
    let alike = server.get(&format!("/v1/catalogues/default/products/{camera}/similar?limit=5")).is(200).json();
    assert_eq!(ids(&alike).len(), 5);
    assert!(!ids(&alike).contains(&camera));
    assert!(titles(&alike).iter().any(|title| title.contains("Camera")), "{:?}", titles(&alike));
    assert_eq!(server.get("/v1/catalogues/default/products/no-such/similar").problem(404), "no-such-product");
}

#[test]
fn what_cannot_be_searched_is_a_problem_with_its_reason() {
    let data = demo_data();
    let server = Server::over(data.path());
    for (query, status) in [
        (json!({}), 400),
        (json!({"txet": "camera"}), 400),
        (json!({"text": 3}), 400),
        (json!({"images": [{"part": 0}]}), 400),
        (json!({"images": [{"url": "http://127.0.0.1:9/x.jpg"}]}), 422),
        (json!({"like": ["no-such"]}), 404),
    ] {
        let answer = server.search(&query);
        assert!(answer.status == status || (answer.status == 422 && status == 400), "{query}: {}", answer.text());
        answer.problem(answer.status);
    }
    let bad = server.search(&json!({"filter": "price < 10 ANDD in_stock"}));
    let code = bad.problem(bad.status);
    assert!(bad.status == 400 || bad.status == 422, "{code}");
    assert_eq!(bad.json()["column"], 12, "{}", bad.text());

    server.search_photos(&[b"<html>no picture</html>"], Some(&json!({"images": [{"part": 0}]}))).problem(415);
    let photo = fs::read(instant_camera()).unwrap();
    let cut = server.search_photos(&[&photo[..photo.len() / 2]], Some(&json!({"images": [{"part": 0}]})));
    assert!([200, 415, 422].contains(&cut.status), "{}", cut.text());
    let answer =
        server.search_photos(&[&photo], Some(&json!({"images": [{"part": 0, "region": [0.9, 0.9, 0.5, 0.5]}]})));
    assert!([400, 422].contains(&answer.status), "{}", answer.text());
    let unknown = server.post("/v1/catalogues/no-such/search", &json!({"text": "x"}));
    assert_eq!(unknown.problem(404), "no-such-catalogue");
}
