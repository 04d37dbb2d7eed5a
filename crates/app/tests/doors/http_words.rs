//! Words over HTTP: slips, codes, synonyms, suggestions.

use std::fs;

use serde_json::{Value, json};

use super::shop::{Server, ids};

const TITLES: [&str; 6] = [
    "Red leather handbag",
    "Blue leather belt",
    "White trainers for women",
    "Leggings",
    "女士红色真皮手提包",
    "Desk lamp",
];

/// A server whose catalogue has the products without pictures, `w-1` on.
fn shop(data: &std::path::Path, arguments: &[&str]) -> Server {
    let server = Server::with(data, arguments);
    for (number, title) in (1..).zip(TITLES) {
        let product = json!({
            "title": title, "brand": if number < 3 { "Lemaire" } else { "Acme" }, "category": ["Fashion", "Leather goods"],
            "gtin": format!("400638133393{number}"), "price": {"amount": "10.00", "currency": "EUR"},
        });
        server.put(&format!("/v1/catalogues/default/products/w-{number}"), &product).is(201);
    }
    server
}

fn suggested(server: &Server, query: &str) -> Vec<(String, String)> {
    let answer = server.get(&format!("/v1/catalogues/default/suggest?q={query}")).is(200).json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let suggestions = answer["suggestions"].as_array().unwrap().iter();
    suggestions.map(|suggestion| (text(&suggestion["kind"]), text(&suggestion["text"]))).collect()
}

fn has(suggestions: &[(String, String)], kind: &str, text: &str) -> bool {
    suggestions.iter().any(|(own, shown)| own == kind && shown == text)
}

#[test]
fn suggestions_complete_what_is_typed_and_follow_writes() {
    let data = tempfile::tempdir().unwrap();
    let server = shop(data.path(), &[]);
    let found = suggested(&server, "le");
    for (kind, text) in
        [("query", "leather"), ("category", "Leather goods"), ("brand", "Lemaire"), ("product", "Leggings")]
    {
        assert!(has(&found, kind, text), "{kind} {text}: {found:?}");
    }
    assert!(has(&suggested(&server, "blue%20be"), "query", "blue belt"));
    assert!(has(&suggested(&server, "bleu%20be"), "query", "blue belt"), "the first word's slip is corrected");
    assert!(!has(&suggested(&server, "red%20be"), "query", "red belt"), "no product says both");
    assert!(has(&suggested(&server, "%E6%89%8B%E6%8F%90"), "product", "女士红色真皮手提包"));
    server.delete("/v1/catalogues/default/products/w-4").is(204);
    assert!(!has(&suggested(&server, "legg"), "product", "Leggings"));
    assert!(!has(&suggested(&server, "legg"), "query", "leggings"));
    assert!(suggested(&server, "%20").is_empty() && suggested(&server, "zzzzzz").is_empty());
    drop(server);
    // The words are made from the truth again.
    let server = Server::over(data.path());
    assert!(has(&suggested(&server, "le"), "query", "leather"));
    assert!(suggested(&server, "legg").is_empty());
}

#[test]
fn suggestions_refuse_what_is_no_text() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::over(data.path());
    let long = "a".repeat(201);
    for (query, status) in [("", 400), ("?q=a&limit=21", 400), ("?q=a&colour=red", 400), (&format!("?q={long}"), 400)] {
        server.get(&format!("/v1/catalogues/default/suggest{query}")).is(status);
    }
    assert_eq!(server.get("/v1/catalogues/nothing/suggest?q=a").problem(404), "no-such-catalogue");
}

#[test]
fn slips_codes_and_synonyms_find_their_products() {
    let data = tempfile::tempdir().unwrap();
    let settings = data.path().join("settings.toml");
    fs::write(&settings, "[words]\nsynonyms = [[\"sneaker\", \"trainer\"]]").unwrap();
    let server = shop(&data.path().join("data"), &["--config", settings.to_str().unwrap()]);
    let found = |text: &str| server.search(&json!({"text": text, "limit": 3})).is(200).json();
    for (text, first) in [
        ("lether belt", "w-2"),
        ("red handbg", "w-1"),
        ("sneakers", "w-3"),
        ("4006381-333936", "w-6"),
        ("leather W-6", "w-6"),
        ("红色手提包", "w-5"),
    ] {
        assert_eq!(ids(&found(text)).first().map(String::as_str), Some(first), "{text}");
    }
    assert_eq!(found("lether belt")["did_you_mean"], "leather belt");
    assert!(found("leather belt").get("did_you_mean").is_none());
    let long = "leather ".repeat(10_000);
    server.search(&json!({"text": long})).is(400);
}
