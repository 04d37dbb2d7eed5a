//! `kill -9` at random moments: what was acknowledged is found afterwards.

use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::shop::{Server, ids, product};

/// How often the process is killed, at least.
const ROUNDS: u32 = 6;
/// How often at most, on a machine that writes little before it is killed.
const MOST_ROUNDS: u32 = 30;
/// Products that have to be acknowledged.
const ENOUGH: usize = 10;

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let data = tempfile::tempdir().unwrap();
    let acknowledged: Mutex<BTreeSet<String>> = Mutex::default();
    let next = AtomicU32::new(0);
    for round in 0..MOST_ROUNDS {
        if round >= ROUNDS && acknowledged.lock().unwrap().len() > ENOUGH {
            break;
        }
        let mut server = Server::over(data.path());
        check(&server, &acknowledged.lock().unwrap());
        // A moment that is another one each time the test runs.
        let moment = 50 + RandomState::new().hash_one(round) % 1200;
        thread::scope(|scope| {
            let one = scope.spawn(|| put_one_by_one(&server, &next, &acknowledged));
            let many = scope.spawn(|| put_many(&server, &next, &acknowledged));
            if round % 2 == 1 {
                let feed: String = (0..200).map(|number| format!("{}\n", product(100_000 + number))).collect();
                let _ = server.try_ask("POST", "/v1/catalogues/feed/imports?name=feed.jsonl", &[], feed.into_bytes());
            }
            thread::sleep(Duration::from_millis(moment));
            server.signal("KILL");
            one.join().unwrap();
            many.join().unwrap();
        });
        server.kill();
    }
    let server = Server::over(data.path());
    let acknowledged = acknowledged.lock().unwrap();
    assert!(acknowledged.len() > ENOUGH, "only {} were written", acknowledged.len());
    check(&server, &acknowledged);
    finish_imports(&server);
}

fn put_one_by_one(server: &Server, next: &AtomicU32, acknowledged: &Mutex<BTreeSet<String>>) {
    loop {
        let item = product(next.fetch_add(1, Ordering::SeqCst));
        let id = item["id"].as_str().unwrap().to_owned();
        let path = format!("/v1/catalogues/shop/products/{id}");
        match server.try_ask("PUT", &path, &[], item.to_string().into_bytes()) {
            Ok(answer) if answer.status < 300 => acknowledged.lock().unwrap().insert(id),
            Ok(answer) => panic!("{}", answer.text()),
            Err(_) => return,
        };
    }
}

fn put_many(server: &Server, next: &AtomicU32, acknowledged: &Mutex<BTreeSet<String>>) {
    loop {
        let lines: String = (0..8).map(|_| format!("{}\n", product(next.fetch_add(1, Ordering::SeqCst)))).collect();
        let Ok(answer) = server.try_ask("POST", "/v1/catalogues/shop/products", &[], lines.into_bytes()) else {
            return;
        };
        for line in answer.text().lines() {
            let outcome: Value = serde_json::from_str(line).unwrap();
            assert!(outcome["outcome"].is_string(), "{outcome}");
            acknowledged.lock().unwrap().insert(outcome["id"].as_str().unwrap().to_owned());
        }
    }
}

/// Every product is there, and every product is found.
fn check(server: &Server, acknowledged: &BTreeSet<String>) {
    if acknowledged.is_empty() {
        return;
    }
    for id in acknowledged {
        server.get(&format!("/v1/catalogues/shop/products/{id}")).is(200);
    }
    let mut found = BTreeSet::new();
    loop {
        let query =
            json!({"filter": "brand = \"Lumen\"", "sort": [{"price": "asc"}], "limit": 100, "offset": found.len()});
        let page = ids(&server.post("/v1/catalogues/shop/search", &query).is(200).json());
        if page.is_empty() {
            break;
        }
        let before = found.len();
        found.extend(page);
        assert!(found.len() > before, "a page brought nothing new");
    }
    let lost: Vec<_> = acknowledged.difference(&found).collect();
    assert!(lost.is_empty(), "acknowledged and not found: {lost:?}");
}

/// The imports that were killed are interrupted; the last one is resumed to its end.
fn finish_imports(server: &Server) {
    let jobs = server.get("/v1/jobs").is(200).json();
    let jobs = jobs["jobs"].as_array().unwrap();
    assert!(!jobs.is_empty());
    let Some(job) = jobs.iter().find(|job| job["state"] == "interrupted") else {
        assert!(jobs.iter().any(|job| job["state"] == "done"), "{jobs:?}");
        return;
    };
    let path = format!("/v1/jobs/{}", job["id"].as_str().unwrap());
    server.post(&format!("{path}/resume"), &json!({})).is(200);
    for _ in 0..600 {
        let job = server.get(&path).json();
        if job["state"] == "done" {
            let total = &server.get("/v1/catalogues/feed/products?limit=1").json()["total"];
            assert_eq!(total, 200);
            return;
        }
        assert_eq!(job["state"], "running", "{job}");
        thread::sleep(Duration::from_millis(100));
    }
    panic!("the import did not end");
}
