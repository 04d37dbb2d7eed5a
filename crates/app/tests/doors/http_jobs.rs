//! Imports and jobs over HTTP.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::shop::{Server, data_uri, demo, demo_data, png, product, run};

fn jsonl(count: u32) -> Vec<u8> {
    (0..count).map(|number| format!("{}\n", product(number))).collect::<String>().into_bytes()
}

fn ended(server: &Server, id: &str) -> Value {
    let until = Instant::now() + Duration::from_mins(1);
    loop {
        let job = server.get(&format!("/v1/jobs/{id}")).is(200).json();
        if job["state"] != "running" {
            return job;
        }
        assert!(Instant::now() < until, "{job}");
        thread::sleep(Duration::from_millis(50));
    }
}

fn import(server: &Server, query: &str, body: Vec<u8>) -> Value {
    let answer = server.ask("POST", &format!("/v1/catalogues/shop/imports{query}"), &[], body).is(202);
    let job = answer.json()["job"].clone();
    assert_eq!(answer.header("location"), format!("/v1/jobs/{}", job["id"].as_str().unwrap()));
    ended(server, job["id"].as_str().unwrap())
}

#[test]
fn a_feed_is_looked_into_imported_and_watched() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::over(data.path());
    let mut feed = jsonl(6);
    let bad = json!({"id": "bad", "title": "Bad", "images": [{"source": data_uri(b"no picture")}]});
    feed.extend_from_slice(format!("{bad}\nnot json\n").as_bytes());

    let report = server
        .ask("POST", "/v1/catalogues/shop/imports?dry_run=true&name=feed.jsonl", &[], feed.clone())
        .is(200)
        .json();
    assert!(report["products"].as_u64().unwrap() >= 6 && report["fits"] == true, "{report}");
    assert!(report["problem_count"].as_u64().unwrap() >= 1, "{report}");
    assert_eq!(server.get("/v1/jobs").json()["jobs"], json!([]));

    let job = import(&server, "?name=feed.jsonl", feed.clone());
    assert_eq!(job["state"], "done", "{job}");
    assert_eq!(job["name"], "feed.jsonl");
    assert_eq!(server.get("/v1/jobs").is(200).json()["jobs"][0]["id"], job["id"]);
    let path = format!("/v1/jobs/{}/errors", job["id"].as_str().unwrap());
    let ledger = server.get(&format!("{path}?limit=10")).is(200).json();
    assert_eq!(ledger["total"], ledger["errors"].as_array().unwrap().len());
    assert!(ledger["errors"].as_array().unwrap().iter().any(|item| item["line"] == 8), "{ledger}");
    let table = server.get(&format!("{path}?format=csv")).is(200);
    assert!(table.header("content-type").starts_with("text/csv"));
    assert!(table.header("content-disposition").contains("attachment"));
    assert!(table.text().starts_with("line,id,field,code,reason,hint,warning\n"), "{}", table.text());
    assert_eq!(table.text().lines().count(), 1 + ledger["errors"].as_array().unwrap().len());
    server.get(&format!("{path}?format=xml")).problem(400);

    let again = import(&server, "?name=feed.jsonl&sync=true", jsonl(3));
    assert_eq!((&again["skipped"], &again["embedded"]), (&json!(3), &json!(0)), "{again}");
    assert!(again["removed"].as_u64().unwrap() >= 3, "{again}");
    assert!(
        fs::read_dir(data.path().join("incoming")).map_or(0, Iterator::count) == 0,
        "nothing is left of what came in"
    );
}

#[test]
fn feeds_that_are_none_are_refused() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::over(data.path());
    let empty = server.ask("POST", "/v1/catalogues/shop/imports", &[], Vec::new());
    assert_eq!(empty.problem(400), "empty-feed");
    let private =
        server.post("/v1/catalogues/shop/imports?dry_run=true", &json!({"url": "http://127.0.0.1:9/feed.csv"}));
    assert!((400..600).contains(&private.status), "{}", private.text());
    private.problem(private.status);
    server.ask("POST", "/v1/catalogues/shop/imports?dryrun=1", &[], jsonl(1)).problem(400);
    let unknown = server.ask("POST", "/v1/catalogues/shop/imports?dialect=klingon&dry_run=true", &[], jsonl(1));
    assert!((400..500).contains(&unknown.status), "{}", unknown.text());
    unknown.problem(unknown.status);
}

#[test]
fn a_job_is_cancelled_and_resumed() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::over(data.path());
    let answer = server.ask("POST", "/v1/catalogues/shop/imports?name=feed.jsonl", &[], jsonl(300)).is(202).json();
    let id = answer["job"]["id"].as_str().unwrap().to_owned();
    thread::sleep(Duration::from_millis(300));
    server.post(&format!("/v1/jobs/{id}/cancel"), &json!({})).is(200);
    let job = ended(&server, &id);
    assert_eq!(job["state"], "cancelled", "{job}");
    assert!(job["done"].as_u64().unwrap() < 300, "{job}");
    server.post(&format!("/v1/jobs/{id}/resume"), &json!({})).is(200);
    let job = ended(&server, &id);
    assert_eq!(job["state"], "done", "{job}");
    assert_eq!(server.get("/v1/catalogues/shop/products?limit=1").json()["total"], 300);
    server.post(&format!("/v1/jobs/{id}/cancel"), &json!({})).problem(409);
}

#[test]
fn a_stopped_server_leaves_its_import_to_be_resumed() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::over(data.path());
    let answer = server.ask("POST", "/v1/catalogues/shop/imports?name=feed.jsonl", &[], jsonl(300)).is(202).json();
    let id = answer["job"]["id"].as_str().unwrap().to_owned();
    thread::sleep(Duration::from_millis(300));
    server.signal("TERM");
    assert_eq!(server.wait(), 0);
    let server = Server::over(data.path());
    let job = server.get(&format!("/v1/jobs/{id}")).is(200).json();
    assert!(job["state"] == "interrupted" || job["state"] == "cancelled", "{job}");
    server.post(&format!("/v1/jobs/{id}/resume"), &json!({})).is(200);
    assert_eq!(ended(&server, &id)["state"], "done");
    assert_eq!(server.get("/v1/catalogues/shop/products?limit=1").json()["total"], 300);
}

#[test]
fn the_demo_feed_comes_in_over_http_too() {
    let data = demo_data();
    let server = Server::over(data.path());
    let feed = fs::read(demo().join("products.csv")).unwrap();
    let report =
        server.ask("POST", "/v1/catalogues/default/imports?dry_run=true&name=products.csv", &[], feed).is(200).json();
    assert_eq!(report["dialect"], "vendure");
}

#[test]
fn a_running_server_has_the_folder_to_itself() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::over(data.path());
    let feed = data.path().join("feed.jsonl");
    fs::write(&feed, jsonl(1)).unwrap();
    let refused = run(data.path(), &["import", feed.to_str().unwrap(), "--json"]).ends(1);
    assert_eq!(refused.json()["error"]["code"], "data-folder-in-use");
    assert!(refused.err.contains("hint"), "{}", refused.err);
    drop(server);
    run(data.path(), &["import", feed.to_str().unwrap()]).ends(0);
    assert!(!png(1).is_empty());
}
