//! Problem documents, the page, the description, and what an operator looks at.

use serde_json::Value;

use super::shop::{Server, demo_data};

#[test]
fn every_error_is_a_problem_document() {
    let data = demo_data();
    let server = Server::over(data.path());
    assert_eq!(server.get("/nowhere").problem(404), "no-such-route");
    assert_eq!(server.get("/v1/").problem(404), "no-such-route");
    let wrong = server.ask("PATCH", "/v1/catalogues", &[], Vec::new());
    assert_eq!(wrong.problem(405), "method-not-allowed");
    assert!(wrong.header("allow").contains("GET"), "{wrong:?}");
    assert_eq!(server.get("/assets/nothing.js").problem(404), "no-such-file");
    let json = [("content-type", "application/json")];
    let path = "/v1/catalogues/default/search";
    assert_eq!(server.ask("POST", path, &json, b"{\"text\": }".to_vec()).problem(400), "bad-json");
    assert_eq!(server.ask("POST", path, &json, b" ".to_vec()).problem(400), "bad-json");
    let form = [("content-type", "multipart/form-data")];
    assert_eq!(server.ask("POST", path, &form, b"x".to_vec()).problem(400), "bad-multipart");
    let form = [("content-type", "multipart/form-data; boundary=b")];
    let part = b"--b\r\ncontent-disposition: form-data; name=\"photo\"\r\n\r\nx\r\n--b--\r\n".to_vec();
    assert_eq!(server.ask("POST", path, &form, part).problem(400), "bad-multipart");
    server.get("/v1/catalogues/default/products/%FF").problem(400);
    let answer = server.get("/v1/jobs/nothing");
    assert_eq!(answer.problem(404), "no-such-job");
    assert_eq!(answer.json()["item"], "nothing");
}

#[test]
fn requests_have_names_and_answers_say_how_to_be_taken() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::over(data.path());
    let named = server.ask("GET", "/healthz", &[("x-request-id", "abc-1")], Vec::new()).is(200);
    assert_eq!(named.header("x-request-id"), "abc-1");
    let answer = server.get("/v1/catalogues").is(200);
    assert!(!answer.header("x-request-id").is_empty());
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert!(answer.header("content-security-policy").contains("default-src 'none'"));
}

#[test]
fn the_page_and_what_it_is_made_of() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::over(data.path());
    for path in ["/", "/import"] {
        let page = server.get(path).is(200);
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        assert!(page.header("content-security-policy").contains("script-src 'self'"));
        assert!(!page.header("content-security-policy").contains("unsafe"));
        for asset in page.text().split("\"/assets/").skip(1).map(|rest| rest.split('"').next().unwrap()) {
            let file = server.get(&format!("/assets/{asset}")).is(200);
            let tag = file.header("etag").to_owned();
            assert!(!tag.is_empty() && !file.body.is_empty());
            server.ask("GET", &format!("/assets/{asset}"), &[("if-none-match", &tag)], Vec::new()).is(304);
        }
    }
    let script = server.get("/assets/app.js").is(200);
    assert!(script.header("content-type").starts_with("text/javascript"), "{}", script.header("content-type"));
    server.get("/assets/tests/shop.mjs").problem(404);
    let answer =
        server.raw("GET /assets/app.js HTTP/1.1\r\nhost: x\r\naccept-encoding: gzip\r\nconnection: close\r\n\r\n");
    assert!(String::from_utf8_lossy(&answer).contains("content-encoding: gzip"));
}

#[test]
fn every_described_path_is_there_and_the_description_has_a_page() {
    let data = demo_data();
    let server = Server::over(data.path());
    let description = server.get("/openapi.json").is(200).json();
    let paths = description["paths"].as_object().unwrap();
    assert!(paths.len() >= 14, "{}", paths.len());
    for (path, methods) in paths {
        let path = path.replace("{catalogue}", "default").replace("{hash}", &"0".repeat(64)).replace("{id}", "x");
        for method in methods.as_object().unwrap().keys().filter(|key| *key != "parameters") {
            // Removing the catalogue comes with the test of catalogues.
            if method == "delete" && path.ends_with("/default") {
                continue;
            }
            let answer = server.ask(&method.to_uppercase(), &path, &[], Vec::new());
            let code = if answer.status >= 400 { answer.json()["code"].clone() } else { Value::Null };
            assert!(code != "no-such-route" && code != "method-not-allowed", "{method} {path}: {answer:?}");
        }
    }
    references_lead_somewhere(&description, &description);
    assert_eq!(server.get("/docs").is(200).header("content-type"), "text/html");
    assert!(server.get("/docs/swagger-initializer.js").is(200).text().contains("/openapi.json"));
}

fn references_lead_somewhere(part: &Value, whole: &Value) {
    if let Some(reference) = part.get("$ref").and_then(Value::as_str) {
        let pointer = reference.trim_start_matches('#');
        assert!(whole.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    match part {
        Value::Object(map) => map.values().for_each(|value| references_lead_somewhere(value, whole)),
        Value::Array(list) => list.iter().for_each(|value| references_lead_somewhere(value, whole)),
        _ => {}
    }
}

#[test]
fn figures_for_prometheus() {
    let data = demo_data();
    let server = Server::over(data.path());
    server.get("/v1/catalogues").is(200);
    server.get("/v1/catalogues/default/products/no-such").problem(404);
    let figures = server.get("/metrics").is(200);
    let text = figures.text();
    assert!(
        text.contains("vetrina_requests_total{method=\"GET\",route=\"/v1/catalogues\",status=\"200\"} 1"),
        "{text}"
    );
    assert!(text.contains("route=\"/v1/catalogues/{catalogue}/products/{id}\",status=\"404\""), "{text}");
    assert!(text.contains("vetrina_request_seconds_bucket{"), "{text}");
    assert!(text.contains("vetrina_catalogue_products{catalogue=\"default\"}"), "{text}");
    assert!(text.contains("vetrina_permits "), "{text}");
    assert!(!text.contains("no-such"), "ids must not become series");
}
