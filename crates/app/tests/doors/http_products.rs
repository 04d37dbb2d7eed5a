//! Products, catalogues and images over HTTP.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use super::shop::{Server, demo_data, ids, product};

#[test]
fn a_product_can_be_found_as_soon_as_it_was_put() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::over(data.path());
    for id in ["plain", "with/slash", "mit Ümlaut & space", "50%"] {
        let path = format!("/v1/catalogues/shop/products/{}", encoded(id));
        let mut lamp = product(7);
        lamp.as_object_mut().unwrap().remove("id");
        let made = server.put(&path, &lamp).is(201);
        assert_eq!(made.header("location").to_lowercase(), path.to_lowercase());
        let made = made.json();
        assert_eq!((&made["outcome"], &made["product"]["id"]), (&json!("created"), &json!(id)));
        assert!(made["product"]["images"][0]["hash"].as_str().is_some_and(|hash| hash.len() == 64), "{made}");
        assert_eq!(server.get(&path).is(200).json()["id"], id);
        let found = server.post("/v1/catalogues/shop/search", &json!({"text": "lamp", "limit": 50})).is(200).json();
        assert!(ids(&found).contains(&id.to_owned()), "{found}");
        assert_eq!(server.put(&path, &lamp).is(200).json()["outcome"], "unchanged");
        lamp["title"] = "A chair".into();
        assert_eq!(server.put(&path, &lamp).is(200).json()["outcome"], "updated");
        server.delete(&path).is(204);
        server.get(&path).problem(404);
        server.delete(&path).problem(404);
        let found = server.post("/v1/catalogues/shop/search", &json!({"text": "chair", "limit": 50})).is(200).json();
        assert!(!ids(&found).contains(&id.to_owned()), "{found}");
    }
}

fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[test]
fn a_product_that_cannot_be_used_is_refused_and_nothing_is_written() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::over(data.path());
    let path = "/v1/catalogues/shop/products/a";
    server.put(path, &json!({"id": "b", "title": "x"})).problem(422);
    let unknown = server.put(path, &json!({"title": "x", "colour": "red"}));
    assert_eq!(unknown.problem(422), "bad-product");
    assert!(unknown.text().contains("colour"), "{}", unknown.text());
    server.put(path, &json!({"title": "x", "price": {"amount": "cheap", "currency": "EUR"}})).problem(422);
    server.ask("PUT", path, &[], b"{".to_vec()).problem(400);
    server.get(path).problem(404);
    let local = server.put(path, &json!({"title": "x", "images": [{"source": "/etc/passwd"}]}));
    assert!(!local.text().contains("root:"), "{}", local.text());
}

#[test]
fn the_list_goes_on_to_its_end() {
    let data = demo_data();
    let server = Server::over(data.path());
    let mut seen = Vec::new();
    let total =
        server.get("/v1/catalogues/default/products?limit=1").is(200).json()["total"].as_u64().unwrap() as usize;
    loop {
        let page =
            server.get(&format!("/v1/catalogues/default/products?limit=20&offset={}", seen.len())).is(200).json();
        let products = page["products"].as_array().unwrap();
        if products.is_empty() {
            break;
        }
        seen.extend(products.iter().map(|product| product["id"].as_str().unwrap().to_owned()));
    }
    assert_eq!(seen.len(), total);
    assert_eq!(seen.iter().collect::<std::collections::HashSet<_>>().len(), total);
    server.get("/v1/catalogues/default/products?limit=100000").problem(400);
    server.get("/v1/catalogues/default/products?limit=x").problem(400);
    server.get("/v1/catalogues/default/products?page=2").problem(400);
    server.get("/v1/catalogues/no-such/products").problem(404);
}

#[test]
fn every_line_of_a_batch_has_its_outcome_in_order() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::over(data.path());
    let mut lines = String::new();
    for number in 0..40 {
        lines.push_str(&format!("{}\n", product(number)));
    }
    lines.push_str("not json\n\n{\"title\": \"no id\"}\n{\"id\": \"odd\", \"price\": 3}\n");
    lines.push_str(&product(40).to_string());
    let head = [("content-type", "application/x-ndjson")];
    let answer = server.ask("POST", "/v1/catalogues/shop/products", &head, lines.into_bytes()).is(200);
    assert_eq!(answer.header("content-type"), "application/x-ndjson");
    let outcomes: Vec<Value> = answer.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(outcomes.len(), 44);
    for (number, outcome) in outcomes[..40].iter().enumerate() {
        assert_eq!(outcome, &json!({"line": number + 1, "id": format!("p-{number}"), "outcome": "created"}));
    }
    assert_eq!(outcomes[40]["line"], 41);
    assert_eq!(outcomes[40]["error"]["code"], "bad-json");
    assert_eq!(outcomes[41]["line"], 43);
    assert_eq!(outcomes[41]["error"]["code"], "no-id");
    assert_eq!(outcomes[42]["id"], "odd");
    assert_eq!(outcomes[43], json!({"line": 45, "id": "p-40", "outcome": "created"}));
    assert_eq!(server.get("/v1/catalogues/shop/products?limit=1").json()["total"], 41);
}

#[test]
fn outcomes_come_while_the_batch_is_still_being_sent() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::over(data.path());
    let mut stream = TcpStream::connect(server.url.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
        .write_all(b"POST /v1/catalogues/shop/products HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n")
        .unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    for number in 0..3 {
        let line = format!("{}\n", product(number));
        write!(stream, "{:x}\r\n{line}\r\n", line.len()).unwrap();
        // The answer to this line is read before the next one is sent.
        let mut text = String::new();
        while !text.contains(&format!("\"p-{number}\"")) {
            text.clear();
            assert!(reader.read_line(&mut text).unwrap() > 0, "the answer ended early");
        }
        assert!(text.contains("created"), "{text}");
    }
    stream.write_all(b"0\r\n\r\n").unwrap();
    let mut rest = String::new();
    reader.read_to_string(&mut rest).unwrap();
}

#[test]
fn a_new_shop_has_an_empty_window() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::over(data.path());
    let page = server.get("/v1/catalogues/default/products").is(200).json();
    assert_eq!(page, json!({"products": [], "total": 0}));
    let everything = server.search(&json!({"filter": "in_stock OR NOT in_stock"})).is(200).json();
    assert_eq!(everything["total"], 0);
}

#[test]
fn catalogues_are_made_listed_and_removed() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::over(data.path());
    server.put("/v1/catalogues/spring", &json!({})).is(201);
    server.put("/v1/catalogues/spring", &json!({})).is(200);
    server.put("/v1/catalogues/spring/products/p-1", &product(1)).is(201);
    let list = server.get("/v1/catalogues").is(200).json();
    let spring = list["catalogues"].as_array().unwrap().iter().find(|info| info["name"] == "spring").unwrap().clone();
    assert_eq!((&spring["products"], &spring["images"]), (&json!(1), &json!(1)));
    server.delete("/v1/catalogues/spring").is(204);
    server.delete("/v1/catalogues/spring").problem(404);
    server.get("/v1/catalogues/spring/products/p-1").problem(404);
    assert_eq!(server.put("/v1/catalogues/Not%20A%20Name", &json!({})).problem(400), "bad-catalogue-name");
}

#[test]
fn images_come_small_or_as_they_were_and_are_kept_for_ever() {
    let data = demo_data();
    let server = Server::over(data.path());
    let page = server.get("/v1/catalogues/default/products?limit=1").json();
    let hash = page["products"][0]["images"][0]["hash"].as_str().unwrap().to_owned();
    let small = server.get(&format!("/v1/images/{hash}?w=100")).is(200);
    assert_eq!(small.header("content-type"), "image/jpeg");
    assert!(small.header("cache-control").contains("immutable"));
    assert!((100..=320).contains(&image::load_from_memory(&small.body).unwrap().width()));
    let tag = small.header("etag").to_owned();
    let again = server.ask("GET", &format!("/v1/images/{hash}?w=100"), &[("if-none-match", &tag)], Vec::new()).is(304);
    assert!(again.body.is_empty());
    let whole = server.get(&format!("/v1/images/{hash}")).is(200);
    assert_eq!(whole.header("x-content-type-options"), "nosniff");
    assert_eq!(whole.header("content-type"), "image/jpeg");
    assert!(whole.body.len() > small.body.len());
    server.get(&format!("/v1/images/{hash}?w=0")).problem(400);
    server.get(&format!("/v1/images/{hash}?w=99999")).problem(400);
    server.get(&format!("/v1/images/{}", "0".repeat(64))).problem(404);
    server.get("/v1/images/..%2f..%2fetc%2fpasswd").problem(404);
}
