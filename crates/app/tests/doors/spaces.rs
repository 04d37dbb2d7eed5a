//! Spaces and people through the front doors: trained, promoted under search, rolled back, killed on the way; events, reviews.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::shop::{Server, data_uri, demo_data, ids, instant_camera, png, product, run};

/// Waits for a job's end.
fn ended(server: &Server, job: &Value) -> Value {
    let path = format!("/v1/jobs/{}", job["job"]["id"].as_str().unwrap());
    for _ in 0..1200 {
        let job = server.get(&path).is(200).json();
        if job["state"] != "running" {
            return job;
        }
        thread::sleep(Duration::from_millis(100));
    }
    panic!("the job did not end");
}

#[test]
fn a_space_is_trained_promoted_and_rolled_back_from_the_command_line() {
    let data = demo_data();
    let trained = run(data.path(), &["space", "train", "--labels", "category", "--json"]).ends(0).json();
    let (id, report) = (trained["space"].as_str().unwrap().to_owned(), &trained["report"]);
    assert!(report["pictures"].as_u64().unwrap() > 20, "{report}");
    let tasks: BTreeSet<&str> =
        report["tasks"].as_array().unwrap().iter().map(|task| task["task"].as_str().unwrap()).collect();
    assert!(tasks.contains("same_label") && tasks.contains("same_product"), "{report}");
    for task in report["tasks"].as_array().unwrap() {
        let difference = &task["map_difference"];
        assert!(difference["low"].as_f64() <= difference["mean"].as_f64(), "{task}");
        assert!(difference["mean"].as_f64() <= difference["high"].as_f64(), "{task}");
        assert!(["better", "no_worse", "unsure", "worse"].contains(&task["verdict"].as_str().unwrap()), "{task}");
    }
    let spaces = run(data.path(), &["space", "list", "--json"]).ends(0).json();
    let spaces = spaces["spaces"].as_array().unwrap();
    assert_eq!((spaces.len(), &spaces[0]["active"], &spaces[1]["id"]), (2, &json!(true), &json!(id)));
    let shown = run(data.path(), &["space", "show", &id, "--json"]).ends(0).json();
    assert_eq!(shown["provenance"]["learned"], json!({"labels": "category"}));

    // The gate: by what was measured, or by force.
    let promoted = run(data.path(), &["space", "promote", &id, "--json"]);
    if report["gate"]["passes"] == true {
        promoted.ends(0);
    } else {
        assert_eq!(promoted.ends(1).json()["error"]["code"], "space-is-worse");
        run(data.path(), &["space", "promote", &id, "--force", "--json"]).ends(0);
    }
    let camera = instant_camera();
    let camera = camera.to_str().unwrap();
    let found = run(data.path(), &["search", "--image", camera, "--json"]).ends(0).json();
    assert_eq!(found["space"], id);
    assert!(!ids(&found).is_empty());
    let embedded = run(data.path(), &["embed", camera, "--space", &id, "--json"]).ends(0).json();
    assert_eq!(embedded["space"], id);
    assert_ne!(embedded["embedding"].as_array().unwrap().len(), 256, "the numbers are of the trained space");
    let back = run(data.path(), &["space", "rollback", "--json"]).ends(0).json();
    assert_ne!(back["space"], id);
    assert_eq!(run(data.path(), &["search", "--image", camera, "--json"]).ends(0).json()["space"], back["space"]);
    let doctor = run(data.path(), &["doctor", "--json"]).ends(0);
    assert!(doctor.out.contains("space of default"), "{}", doctor.out);
}

#[test]
fn what_cannot_teach_is_refused_with_the_reason() {
    let data = tempfile::tempdir().unwrap();
    let feed = data.path().join("one.jsonl");
    std::fs::write(&feed, format!("{}\n", product(1))).unwrap();
    run(data.path(), &["import", feed.to_str().unwrap()]).ends(0);
    let refused = |arguments: &[&str], code: i32| -> Value {
        let arguments: Vec<&str> = ["space"].iter().chain(arguments).chain(&["--json"]).copied().collect();
        run(data.path(), &arguments).ends(code).json()["error"].clone()
    };
    let error = refused(&["train", "--labels", "category"], 1);
    assert_eq!(error["code"], "nothing-learned");
    assert!(error["detail"].as_str().unwrap().contains("at least two are needed"), "{error}");
    refused(&["train"], 2);
    assert_eq!(refused(&["rollback"], 1)["code"], "no-previous-space");
    assert_eq!(refused(&["promote", "0123456789abcdef"], 1)["code"], "no-such-space");
    // Two products of one label; then the same picture everywhere.
    std::fs::write(&feed, format!("{}\n{}\n", product(1), product(2))).unwrap();
    run(data.path(), &["import", feed.to_str().unwrap()]).ends(0);
    let error = refused(&["train", "--labels", "category"], 1);
    assert!(
        error["detail"].as_str().unwrap().starts_with("nothing was trained: nothing can be learned here"),
        "{error}"
    );
    let same = |number: u32| {
        let mut product = product(number);
        product["images"] = json!([{"source": data_uri(&png(1))}]);
        format!("{product}\n")
    };
    std::fs::write(&feed, (1..6).map(same).collect::<String>()).unwrap();
    run(data.path(), &["import", feed.to_str().unwrap(), "--sync"]).ends(0);
    let error = refused(&["train", "--unsupervised"], 1);
    assert!(error["detail"].as_str().unwrap().contains("all products show the same picture"), "{error}");
    let spaces = run(data.path(), &["space", "list", "--json"]).ends(0).json();
    assert_eq!(spaces["spaces"].as_array().unwrap().len(), 1, "nothing was kept");
}

#[test]
fn searches_and_writes_go_on_while_spaces_change_over_http() {
    let data = demo_data();
    let server = Server::over(data.path());
    let home = "/v1/catalogues/default/spaces";
    let default = server.get(&format!("{home}/active")).is(200).json()["id"].as_str().unwrap().to_owned();
    assert_eq!(server.post(home, &json!({})).problem(400), "bad-request");
    assert_eq!(server.post(home, &json!({"unsupervised": true, "labels": "brand"})).problem(400), "bad-request");
    let job = ended(&server, &server.post(home, &json!({"unsupervised": true})).is(202).json());
    assert_eq!(job["state"], "done", "{job}");
    let id = job["result"]["space"].as_str().unwrap().to_owned();
    let (stop, written) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        let searcher = scope.spawn(|| {
            let mut seen = BTreeSet::new();
            while !stop.load(Ordering::Relaxed) {
                let answer = server.post("/v1/catalogues/default/products/p-x/similar", &json!({}));
                assert_eq!(answer.status, 405);
                let first = server.get("/v1/catalogues/default/products?limit=1").is(200).json();
                let like = first["products"][0]["id"].as_str().unwrap();
                let answer = server.search(&json!({"like": [like], "limit": 5})).is(200).json();
                assert_eq!(ids(&answer).len(), 5, "{answer}");
                seen.insert(answer["space"].as_str().unwrap().to_owned());
            }
            seen
        });
        let writer = scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let number = written.fetch_add(1, Ordering::Relaxed) as u32;
                let item = product(5_000 + number);
                let path = format!("/v1/catalogues/default/products/{}", item["id"].as_str().unwrap());
                server.put(&path, &item).is(201);
            }
        });
        for _ in 0..2 {
            let wish = server.post(&format!("{home}/{id}/promote"), &json!({"force": true})).is(202).json();
            assert_eq!(ended(&server, &wish)["state"], "done");
            thread::sleep(Duration::from_millis(200));
            assert_eq!(server.post(&format!("{home}/rollback"), &json!({})).is(200).json()["space"], default);
            thread::sleep(Duration::from_millis(200));
        }
        stop.store(true, Ordering::Relaxed);
        writer.join().unwrap();
        let seen = searcher.join().unwrap();
        assert!(seen.len() == 2 && seen.contains(&id) && seen.contains(&default), "{seen:?}");
    });
    let wish = server.post(&format!("{home}/{id}/promote"), &json!({"force": true})).is(202).json();
    ended(&server, &wish);
    let found = server.search(&json!({"filter": "brand = \"Lumen\"", "limit": 1})).is(200).json();
    assert_eq!(found["total"].as_u64().unwrap() as usize, written.load(Ordering::Relaxed), "no write is lost");
    assert_eq!(found["space"], id);
}

#[test]
fn kill_9_in_the_middle_leaves_the_old_space_or_the_new_one() {
    let data = demo_data();
    let mut server = Server::over(data.path());
    let home = "/v1/catalogues/default/spaces";
    let job = ended(&server, &server.post(home, &json!({"unsupervised": true})).is(202).json());
    let new = job["result"]["space"].as_str().unwrap().to_owned();
    let camera = std::fs::read(instant_camera()).unwrap();
    let mut seen = BTreeSet::new();
    for round in 0_u64..6 {
        let before = server.get(&format!("{home}/active")).is(200).json()["id"].as_str().unwrap().to_owned();
        let other = if before == new { "default".to_owned() } else { new.clone() };
        let path = format!("{home}/{other}/promote");
        server.post(home, &json!({"labels": "category"})); // a training that may be on its way too
        let _ = server.try_ask("POST", &path, &[("content-type", "application/json")], br#"{"force": true}"#.to_vec());
        thread::sleep(Duration::from_millis(round * 60));
        server.kill();
        server = Server::over(data.path());
        let active = server.get(&format!("{home}/active")).is(200).json();
        let id = active["id"].as_str().unwrap().to_owned();
        assert!(id == before || id == new || active["head"] == "default", "{active}");
        let found = server.search_photos(&[&camera], None).is(200).json();
        assert_eq!(found["space"], id);
        assert!(ids(&found).len() > 5, "{found}");
        let spaces = server.get(home).is(200).json();
        assert!(spaces["spaces"].as_array().unwrap().iter().all(|space| space["trouble"].is_null()), "{spaces}");
        let jobs = server.get("/v1/jobs").is(200).json();
        assert!(jobs["jobs"].as_array().unwrap().iter().all(|job| job["state"] != "running"), "{jobs}");
        seen.insert(id);
    }
    assert!(!seen.is_empty());
}

#[test]
fn events_and_reviews_come_in_and_the_next_training_knows_them() {
    let data = demo_data();
    let server = Server::over(data.path());
    let home = "/v1/catalogues/default";
    let listed = server.get(&format!("{home}/products?limit=30")).is(200).json();
    let products: Vec<String> = listed["products"]
        .as_array()
        .unwrap()
        .iter()
        .map(|product| product["id"].as_str().unwrap().to_owned())
        .collect();
    // A photo of each of some products: here its own picture, smaller, as a shopper might have taken it.
    let mut photos = Vec::new();
    for product in listed["products"].as_array().unwrap().iter().take(12) {
        let hash = product["images"][0]["hash"].as_str().unwrap();
        let small = server.get(&format!("/v1/images/{hash}?w=160")).is(200).body;
        let uri = data_uri(&small);
        let lines = format!(
            "{}\n{}\nnot json\n{}\n",
            json!({"type": "search", "photo": {"data": uri}}),
            json!({"type": "click", "product": product["id"], "photo": {"data": uri}, "user": "u-1"}),
            json!({"type": "click"}),
        );
        let head = [("content-type", "application/x-ndjson")];
        let answer = server.ask("POST", &format!("{home}/events"), &head, lines.into_bytes()).is(200).json();
        assert_eq!(answer["accepted"], 2, "{answer}");
        let outcomes = answer["outcomes"].as_array().unwrap();
        assert_eq!(outcomes[0]["photo"], outcomes[1]["photo"]);
        assert_eq!(
            (&outcomes[2]["error"]["code"], &outcomes[3]["error"]["code"]),
            (&json!("bad-json"), &json!("bad-request"))
        );
        photos.push((outcomes[0]["photo"].as_str().unwrap().to_owned(), product["id"].as_str().unwrap().to_owned()));
    }
    let one = json!({"type": "purchase", "product": products[0], "photo": {"hash": photos[0].0}});
    assert_eq!(server.post(&format!("{home}/events"), &one).is(200).json()["accepted"], 1);

    let next = server.get(&format!("{home}/reviews/next?limit=5")).is(200).json();
    assert_eq!((next["questions"].as_array().unwrap().len(), &next["progress"]["photos"]), (5, &json!(12)));
    assert!(next["questions"].as_array().unwrap().iter().all(|question| question["photo"].is_string()), "{next}");
    for (photo, product) in &photos {
        let review = json!({"photo": {"hash": photo}, "product": product, "verdict": "confirmed", "by": "ann"});
        server.post(&format!("{home}/reviews"), &review).is(201);
    }
    let pair = json!({"other": products[1], "product": products[0], "verdict": "rejected"});
    let review = server.post(&format!("{home}/reviews"), &pair).is(201).json();
    assert_eq!(server.get(&format!("{home}/reviews")).is(200).json()["total"], 13);
    server.delete(&format!("{home}/reviews/{}", review["id"])).is(204);
    assert_eq!(server.delete(&format!("{home}/reviews/{}", review["id"])).problem(404), "no-such-review");
    for wrong in [
        json!({"product": products[0], "verdict": "confirmed"}),
        json!({"product": products[0], "other": products[0], "verdict": "confirmed"}),
        json!({"product": products[0], "photo": {"data": "%%%"}, "verdict": "confirmed"}),
        json!({"product": products[0], "photo": {"hash": photos[0].0}, "verdict": "perhaps"}),
    ] {
        let status = server.post(&format!("{home}/reviews"), &wrong).status;
        assert_eq!(status, 400, "{wrong}");
    }
    let nowhere = json!({"product": "nowhere", "photo": {"hash": photos[0].0}, "verdict": "confirmed"});
    assert_eq!(server.post(&format!("{home}/reviews"), &nowhere).problem(404), "no-such-product");
    let next = server.get(&format!("{home}/reviews/next?limit=100")).is(200).json();
    assert_eq!(next["progress"]["answered"], 12);
    assert!(
        next["questions"].as_array().unwrap().iter().all(|question| question["photo"].is_null()),
        "all were answered"
    );
    let job = ended(&server, &server.post(&format!("{home}/spaces"), &json!({"confirmed": true})).is(202).json());
    assert_eq!((&job["state"], &job["result"]["report"]["pairs"]), (&json!("done"), &json!(12)), "{job}");
    assert!(server.get("/label").is(200).text().contains("label.js"));

    // A shopper who wants to be forgotten is, with the photos and what was said of them.
    assert_eq!(server.delete(&format!("{home}/events")).status, 400);
    let none = json!({"events": 0, "photos": 0, "finished": true});
    assert_eq!(server.delete(&format!("{home}/events?user=u-2")).is(200).json(), none);
    assert_eq!(server.get(&format!("/v1/images/{}", photos[0].0)).status, 200);
    let forgotten = server.delete(&format!("{home}/events?user=u-1")).is(200).json();
    // Of each photo a search and a click, of one a purchase.
    assert_eq!(forgotten, json!({"events": 25, "photos": 12, "finished": true}));
    for (photo, _) in &photos {
        assert_eq!(server.get(&format!("/v1/images/{photo}")).problem(404), "no-such-image");
    }
    assert_eq!(server.get(&format!("{home}/reviews")).is(200).json()["total"], 0);
    assert_eq!(server.delete(&format!("{home}/events?user=u-1")).is(200).json(), none);
    let hash = listed["products"][0]["images"][0]["hash"].as_str().unwrap();
    assert_eq!(server.get(&format!("/v1/images/{hash}")).status, 200);
}

/// A picture of stripes, dots or nothing on a colour, a little different for each number.
fn pattern(colour: [u8; 3], kind: usize, number: u32) -> Vec<u8> {
    let shift = number * 3 % 16;
    let pixel = |x: u32, y: u32| {
        let (x, y) = (x + shift, y + number % 5);
        let inside = match kind {
            0 => (x / 12) % 2 == 0,
            1 => (x % 24).abs_diff(12).pow(2) + (y % 24).abs_diff(12).pow(2) < 50,
            _ => true,
        };
        image::Rgb(if inside { colour } else { [255; 3] })
    };
    let mut bytes = Vec::new();
    let picture = image::RgbImage::from_fn(96, 96, pixel);
    picture.write_to(&mut std::io::Cursor::new(&mut bytes), image::ImageFormat::Png).unwrap();
    bytes
}

#[test]
fn a_product_without_words_is_found_by_what_it_looks_like() {
    let data = tempfile::tempdir().unwrap();
    let colours =
        [("red", [200, 20, 30]), ("green", [20, 150, 60]), ("blue", [30, 60, 200]), ("yellow", [240, 210, 40])];
    let kinds = ["striped", "dotted", "plain"];
    let mut lines = String::new();
    for number in 0..120_u32 {
        let (colour, rgb) = colours[number as usize % 4];
        let kind = number as usize / 4 % 3;
        // Every tenth says nothing of what it shows.
        let title = if number % 10 == 3 { format!("Nr {number}") } else { format!("{colour} {} shirt", kinds[kind]) };
        let product = json!({"id": format!("s-{number}"), "title": title,
            "images": [{"source": data_uri(&pattern(rgb, kind, number))}]});
        lines.push_str(&format!("{product}\n"));
    }
    let feed = data.path().join("shirts.jsonl");
    std::fs::write(&feed, lines).unwrap();
    run(data.path(), &["import", feed.to_str().unwrap()]).ends(0);
    let silent = |text: &str| -> Vec<String> {
        let found = run(data.path(), &["search", "--text", text, "--limit", "120", "--json"]).ends(0).json();
        ids(&found).into_iter().filter(|id| id[2..].parse::<u32>().unwrap() % 10 == 3).collect()
    };
    assert!(silent("yellow dotted shirt").is_empty());
    let trained = run(data.path(), &["space", "train", "--words", "--json"]).ends(0).json();
    let report = &trained["report"]["words"];
    assert_eq!(report["used"], true, "{report}");
    let found = silent("yellow plain shirt");
    assert!(!found.is_empty(), "no product without words was found");
    let number: usize = found[0][2..].parse().unwrap();
    assert!(number % 4 == 3 || number / 4 % 3 == 2, "s-{number} is neither yellow nor plain: {found:?}");
    let both = run(data.path(), &["search", "--text", "yellow plain shirt", "--explain", "--json"]).ends(0).json();
    assert!(both["hits"][0]["reasons"].to_string().contains("looks like it"), "{}", both["hits"][0]);
}
