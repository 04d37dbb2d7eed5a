//! Searches that cannot be done: each is answered with what is wrong and what to do, none breaks the server.

use std::fs;

use serde_json::{Value, json};

use super::shop::{Server, data_uri, demo_data, instant_camera};

/// Asks, and expects a problem document whose detail or hint says `says`.
#[track_caller]
fn refused(server: &Server, body: &str, says: &str) -> Value {
    let path = "/v1/catalogues/default/search";
    let answer = server.ask("POST", path, &[("content-type", "application/json")], body.to_owned().into_bytes());
    assert!((400..500).contains(&answer.status), "{body:.200}: {} {}", answer.status, answer.text());
    answer.problem(answer.status);
    let told = answer.json();
    let words = format!("{} {} {}", told["detail"], told["hint"], told["item"]);
    assert!(words.contains(says), "{body:.200}: {words} does not say {says}");
    told
}

#[test]
fn what_cannot_be_asked_is_told_and_nothing_breaks() {
    let data = demo_data();
    let server = Server::over(data.path());
    let picture = data_uri(&fs::read(instant_camera()).unwrap());
    let many = |count: usize, value: &str| vec![value; count].join(",");
    let cases: Vec<(String, &str)> = vec![
        (json!({"tekst": "camera"}).to_string(), "did you mean `text`?"),
        (json!({"text": "a", "fliter": "in_stock"}).to_string(), "did you mean `filter`?"),
        (json!({"images": [{"data": picture, "wieght": 1}]}).to_string(), "did you mean `weight`?"),
        (json!({"text": "a", "facets": ["brnad"]}).to_string(), "did you mean brand?"),
        (json!({"text": "a", "facets": ["title"]}).to_string(), "cannot be counted"),
        (json!({"text": "a", "sort": [{"prise": "asc"}]}).to_string(), "sort by score, price"),
        (json!({"text": "a", "sort": [{"price": "up"}]}).to_string(), "asc"),
        (json!({"text": "a", "sort": [{}]}).to_string(), "one field"),
        (json!({"images": [{"data": picture, "region": [0.9, 0.9, 0.5, 0.5]}]}).to_string(), "inside the picture"),
        (json!({"images": [{"data": picture, "region": [-0.1, 0.0, 0.5, 0.5]}]}).to_string(), "inside the picture"),
        (json!({"images": [{"data": picture, "region": [0.1, 0.1, 0.0, 0.5]}]}).to_string(), "above 0"),
        (json!({"images": [{"data": picture, "region": [0.1, 0.1, 0.5]}]}).to_string(), "length"),
        (json!({"images": [{"data": picture, "weight": 0}]}).to_string(), "images[0].weight"),
        (json!({"images": [{"data": picture, "weight": -1}]}).to_string(), "images[0].weight"),
        (r#"{"images": [{"data": "", "weight": NaN}]}"#.to_owned(), "line 1 column"),
        (r#"{"images": [{"data": "", "weight": 1e400}]}"#.to_owned(), "out of range"),
        (r#"{"images": [{"data": "", "weight": null}]}"#.to_owned(), "null"),
        (json!({"images": [{"data": "***"}]}).to_string(), "base64"),
        (json!({"images": [{"data": ""}]}).to_string(), "images[0]"),
        (json!({"images": [{}]}).to_string(), "exactly one of part, url and data"),
        (json!({"images": [{"part": 0}]}).to_string(), "no part 0"),
        (format!("{{\"images\": [{}]}}", many(50, r#"{"part": 0}"#)), "50 pictures; 10 are allowed"),
        (json!({"text": many(10_000, "word")}).to_string(), "2000 are allowed"),
        (json!({"text": "a", "not_text": many(10_000, "word")}).to_string(), "not_text"),
        (json!({"text": "a", "limit": 1_000_000_000_u64}).to_string(), "1 to 1000"),
        (json!({"text": "a", "limit": 0}).to_string(), "1 to 1000"),
        (json!({"text": "a", "limit": -1}).to_string(), "integer"),
        (json!({"text": "a", "offset": 1_000_000_000_u64}).to_string(), "10000"),
        (json!({"like": ["no-such-product"]}).to_string(), "no-such-product"),
        (json!({"text": "a", "not_like": ["no-such-product"]}).to_string(), "no-such-product"),
        (format!("{{\"like\": [{}]}}", many(51, "\"a\"")), "51 products; 50 are allowed"),
        (format!("{{\"text\": \"a\", \"facets\": [{}]}}", many(31, "\"brand\"")), "30 are allowed"),
        (json!({"text": "a", "per_brand": 0}).to_string(), "per_brand"),
        (json!({"text": "a", "diversity": 1.5}).to_string(), "diversity"),
        (json!({"colour": "purpel"}).to_string(), "did you mean purple"),
        (json!({"text": "a", "colour": ""}).to_string(), "black, white, grey"),
        (json!({"colour": "#12345"}).to_string(), "#rrggbb"),
        (json!({"colour": "x".repeat(100_000)}).to_string(), "#rrggbb"),
        (json!({"colour": 3}).to_string(), "string"),
        (json!({"filter": "picture_colour = \"navy\""}).to_string(), "blue"),
        (json!({"filter": "picture_colour = \"rde\""}).to_string(), "red"),
        (json!({"filter": "picture_colour ^= \"re\""}).to_string(), "start"),
        (json!({"not_text": "a"}).to_string(), "nothing is asked for"),
        (json!({"text": " ", "not_like": []}).to_string(), "nothing is asked for"),
        (json!({"text": "a", "rules": {"boost": [{"filter": "in_stock", "by": 3}]}}).to_string(), "rules.boost[0].by"),
        (json!({"text": "a", "rules": {"boost": [{"filter": "prise < 3", "by": 0.1}]}}).to_string(), "price"),
        (json!({"text": "a", "rules": {"decay": [{"field": "price", "half": 10, "by": 0.1}]}}).to_string(), "from"),
        (json!({"text": "a", "rules": {"floor": -1}}).to_string(), "rules.floor"),
        (json!({"text": "a", "min_band": "sure"}).to_string(), "exact"),
        ("[]".to_owned(), "nothing is asked for"),
        ("{".to_owned(), "line 1 column"),
        (String::new(), "query"),
        ("\u{0}".to_owned(), "query"),
    ];
    for (body, says) in &cases {
        refused(&server, body, says);
    }
    // Column and caret.
    for (filter, column, says) in [
        ("prise < 3", 1, "price"),
        ("price < 80 AND bramd = 'x'", 16, "brand"),
        ("price =< 80", 7, "<"),
        ("price LIKE 3", 7, ""),
        ("in_stock && price < 3", 10, "AND"),
        ("price < ", 9, ""),
    ] {
        let told = refused(&server, &json!({"filter": filter}).to_string(), says);
        assert_eq!(told["column"], column, "{told}");
    }
    let photo = fs::read(instant_camera()).unwrap();
    let fifty: Vec<&[u8]> = vec![&photo; 50];
    let answer = server.search_photos(&fifty, None);
    assert_eq!(answer.problem(413), "too-large");
    server.search(&json!({"text": "camera"})).is(200);
}

#[test]
fn an_empty_catalogue_answers_everything_with_nothing() {
    let data = demo_data();
    let server = Server::over(data.path());
    server.ask("PUT", "/v1/catalogues/empty", &[], Vec::new()).is(201);
    let picture = data_uri(&fs::read(instant_camera()).unwrap());
    for query in [
        json!({"text": "camera"}),
        json!({"filter": "price > 3", "facets": ["brand", "price", "colour"], "sort": [{"title": "asc"}]}),
        json!({"colour": "red", "facets": ["colour"]}),
        json!({"images": [{"data": picture}], "colour": "#123456", "filter": "colour = \"blue\""}),
        json!({"images": [{"data": picture}], "facets": ["category"], "diversity": 0.5, "per_brand": 1}),
        json!({"images": [{"data": picture}], "text": "camera", "sort": [{"price": "desc"}], "offset": 10_000}),
        json!({"text": "camera", "rules": {"pin": [{"products": ["no-such"]}], "out_of_stock": 0.3}, "explain": true}),
    ] {
        let answer = server.post("/v1/catalogues/empty/search", &query).is(200).json();
        assert_eq!((answer["hits"].as_array().unwrap().len(), &answer["total"]), (0, &json!(0)), "{query}");
    }
    let unknown = server.post("/v1/catalogues/empty/search", &json!({"like": ["no-such"]}));
    assert_eq!(unknown.problem(404), "no-such-product");
}
