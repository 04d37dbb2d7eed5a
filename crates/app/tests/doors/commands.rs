//! The command line: what it prints and how it ends.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::shop::{Server, demo, demo_data, ids, import_demo, instant_camera, png, product, ran, run, titles, vetrina};

#[test]
fn bad_arguments_end_with_2_and_say_why() {
    let data = tempfile::tempdir().unwrap();
    for arguments in [
        &["import"][..],
        &["search"],
        &["search", "--limit", "many"],
        &["search", "--text", "x", "--catalogue", "Not A Name"],
        &["search", "--text", "x", "--region", "0,0,1,1"],
        &["import", "a.csv", "b.csv", "--sync"],
        &["embed"],
        &["fly"],
    ] {
        let ran = run(data.path(), arguments).ends(2);
        assert!(!ran.err.is_empty() && ran.out.is_empty(), "{arguments:?}: {ran:?}");
    }
}

#[test]
fn what_is_not_there_ends_with_1() {
    let data = tempfile::tempdir().unwrap();
    let missing = run(data.path(), &["import", "/nowhere/feed.csv", "--json"]).ends(1);
    assert!(missing.json()["error"]["detail"].as_str().unwrap().contains("/nowhere/feed.csv"), "{missing:?}");
    assert!(missing.err.starts_with("error: "), "{missing:?}");
    run(data.path(), &["job", "show", "nothing"]).ends(1);
    run(data.path(), &["space", "show", "0000"]).ends(1);
    run(data.path(), &["search", "--image", "/nowhere/photo.jpg"]).ends(1);
    run(data.path(), &["search", "--text", "lamp", "--catalogue", "no-such"]).ends(1);
}

#[test]
fn the_demo_is_imported_and_the_second_time_costs_nothing() {
    let data = tempfile::tempdir().unwrap();
    let job = import_demo(data.path()).ends(0).json();
    assert_eq!(job["state"], "done");
    assert_eq!(job["dialect"], "vendure");
    assert_eq!(job["failed"], 0);
    assert_eq!(job["errors"], json!([]));
    assert_eq!(job["created"], job["total"]);
    assert!(job["embedded"].as_u64().unwrap() >= 50, "{job}");
    let again = import_demo(data.path()).ends(0).json();
    assert_eq!(
        (&again["created"], &again["updated"], &again["embedded"]),
        (&json!(0), &json!(0), &json!(0)),
        "{again}"
    );
    assert_eq!(again["skipped"], job["created"]);
    let jobs = run(data.path(), &["job", "list", "--json"]).ends(0).json();
    assert_eq!(jobs["jobs"].as_array().unwrap().len(), 2);
    let id = again["id"].as_str().unwrap();
    assert_eq!(jobs["jobs"][0]["id"], id, "the latest is first");
    assert_eq!(run(data.path(), &["job", "show", id, "--json"]).ends(0).json()["state"], "done");
    run(data.path(), &["job", "list"]).ends(0);
    run(data.path(), &["job", "resume", id]).ends(1);
}

#[test]
fn the_demo_shop_opens_and_opens_again_without_an_import() {
    let data = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let mut server = Server::demo(data.path());
        let page = server.get("/v1/catalogues/default/products?limit=1").is(200).json();
        assert_eq!(page["total"], 54);
        assert_eq!(page["products"][0]["price"]["currency"], "USD");
        assert_eq!(server.get("/v1/jobs").json()["jobs"].as_array().unwrap().len(), 1);
        server.signal("INT");
        assert_eq!(server.wait(), 0);
    }
    let missing = ran(vetrina()
        .args(["demo", "--listen", "127.0.0.1:0", "--data"])
        .arg(data.path().join("new"))
        .env("VETRINA_DEMO", "/nowhere"));
    assert!(missing.ends(1).err.contains("make setup"));
}

#[test]
fn a_dry_run_writes_nothing() {
    let data = tempfile::tempdir().unwrap();
    let (feed, images) = (demo().join("products.csv"), demo().join("images"));
    let arguments = ["import", feed.to_str().unwrap(), "--images", images.to_str().unwrap(), "--dry-run", "--json"];
    let report = run(data.path(), &arguments).json();
    assert_eq!(report["dialect"], "vendure");
    assert!(report["products"].as_u64().unwrap() >= 50 && report["fits"] == true, "{report}");
    assert_eq!(run(data.path(), &["job", "list", "--json"]).json()["jobs"], json!([]));
}

#[test]
fn products_are_found_by_photo_words_likeness_and_filter() {
    let data = demo_data();
    let photo = instant_camera();
    let found =
        run(data.path(), &["search", "--image", photo.to_str().unwrap(), "--json", "--limit", "5"]).ends(0).json();
    assert_eq!(titles(&found)[0], "Instant Camera");
    assert_eq!(found["hits"].as_array().unwrap().len(), 5);
    assert!(found["took_ms"]["embed"].as_f64().unwrap() > 0.0, "{found}");

    let found = run(data.path(), &["search", "--text", "camera", "--json"]).ends(0).json();
    assert!(titles(&found).iter().take(3).all(|title| title.contains("Camera")), "{:?}", titles(&found));

    let camera = ids(&found)[0].clone();
    let alike = run(data.path(), &["search", "--like", &camera, "--json"]).ends(0).json();
    assert!(!ids(&alike).contains(&camera) || ids(&alike)[0] == camera, "{:?}", ids(&alike));
    assert!(titles(&alike).iter().take(4).any(|title| title.contains("Camera")), "{:?}", titles(&alike));

    let cheap = run(data.path(), &["search", "--filter", "price < 20 AND in_stock", "--sort", "price:asc", "--json"])
        .ends(0)
        .json();
    let prices: Vec<f64> = cheap["hits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hit| hit["product"]["price"]["amount"].as_str().unwrap().parse().unwrap())
        .collect();
    assert!(!prices.is_empty() && prices.iter().all(|price| *price < 20.0) && prices.is_sorted(), "{prices:?}");

    let counted = run(data.path(), &["search", "--text", "camera", "--facet", "brand", "--json"]).ends(0).json();
    assert!(counted["facets"]["brand"][0]["count"].as_u64().unwrap() >= 1, "{counted}");

    let table = run(data.path(), &["search", "--text", "camera"]).ends(0);
    assert!(table.out.contains("Instant Camera") && !table.out.contains('\u{1b}'), "{table:?}");
    let nothing = run(data.path(), &["search", "--text", "zzzzqqqq"]).ends(0);
    assert!(nothing.out.contains("Nothing found"), "{nothing:?}");
}

#[test]
fn what_no_product_shows_is_removed_when_asked_for() {
    let data = tempfile::tempdir().unwrap();
    let feed = write_feed(data.path(), 4, &[]);
    run(data.path(), &["import", feed.to_str().unwrap(), "--json"]).ends(0);
    let rows: Vec<String> = fs::read_to_string(&feed).unwrap().lines().skip(1).map(str::to_owned).collect();
    fs::write(&feed, rows.join("\n")).unwrap();
    run(data.path(), &["import", feed.to_str().unwrap(), "--sync", "--force", "--json"]).ends(0);
    let later = run(data.path(), &["tidy", "--json"]).ends(0).json();
    assert_eq!((&later["removed"], &later["kept"], &later["finished"]), (&json!(0), &json!(1), &json!(true)));
    let doctor = run(data.path(), &["doctor", "--json"]).ends(0).json();
    let pictures = doctor["checks"].as_array().unwrap().iter().find(|check| check["name"] == "pictures").unwrap();
    assert!(pictures["found"].as_str().unwrap().starts_with("1 without a product, 0."), "{pictures}");
    let now = run(data.path(), &["tidy", "--unused-days", "0"]).ends(0);
    assert!(now.out.starts_with("Removed 1 picture that no product shows: 0."), "{now:?}");
    let again = run(data.path(), &["tidy", "--unused-days", "0", "--json"]).ends(0).json();
    assert_eq!((&again["removed"], &again["bytes"]), (&json!(0), &json!(0)));
    run(data.path(), &["tidy", "--unused-days", "-1"]).ends(2);
}

#[test]
fn a_mistake_in_a_filter_is_pointed_at() {
    let data = demo_data();
    let ran = run(data.path(), &["search", "--filter", "prise < 20", "--json"]).ends(2);
    assert_eq!(ran.json()["error"]["column"], 1, "{ran:?}");
    assert!(ran.err.contains("  prise < 20\n  ^"), "{}", ran.err);
    let ran = run(data.path(), &["search", "--filter", "price < ", "--json"]).ends(2);
    assert!(ran.json()["error"]["column"].as_u64().unwrap() >= 8, "{ran:?}");
}

#[test]
fn embeddings_are_unit_vectors_and_errors_have_a_line_each() {
    let data = tempfile::tempdir().unwrap();
    let broken = data.path().join("broken.jpg");
    fs::write(&broken, b"not a picture").unwrap();
    let photo = instant_camera();
    let ran = run(data.path(), &["embed", photo.to_str().unwrap(), broken.to_str().unwrap(), "--json"]).ends(3);
    let lines = ran.lines();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["image"], photo.to_str().unwrap());
    let vector: Vec<f64> =
        lines[0]["embedding"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect();
    assert_eq!(vector.len(), 256);
    assert!((vector.iter().map(|value| value * value).sum::<f64>() - 1.0).abs() < 1e-3);
    assert!(lines[0]["space"].as_str().unwrap().len() >= 8);
    assert!(lines[1]["error"]["detail"].is_string() && lines[1].get("embedding").is_none(), "{}", lines[1]);

    let space = lines[0]["space"].as_str().unwrap();
    let spaces = run(data.path(), &["space", "list", "--json"]).ends(0).json();
    assert_eq!(spaces["spaces"][0]["id"], space);
    assert_eq!(run(data.path(), &["space", "show", space, "--json"]).ends(0).json()["dimensions"], 256);
}

#[test]
fn a_feeds_pictures_are_embedded_and_evaluated() {
    let data = tempfile::tempdir().unwrap();
    let feed = write_feed(data.path(), 6, &[]);
    let embedded = run(data.path(), &["embed", "--feed", feed.to_str().unwrap(), "--json"]).ends(0).lines();
    assert_eq!(embedded.len(), 6);
    assert!(
        embedded
            .iter()
            .all(|line| line["embedding"].as_array().unwrap().len() == 256 && line["product_id"].is_string())
    );

    let queries = data.path().join("queries.csv");
    fs::write(&queries, "image,product_id\n0.png,p-0\n1.png,p-1\n2.png,p-2\n").unwrap();
    let arguments = ["evaluate", "--gallery", feed.to_str().unwrap(), "--queries", queries.to_str().unwrap(), "--json"];
    let report = run(data.path(), &arguments).ends(0).json();
    assert_eq!((&report["queries"], &report["products"]), (&json!(3), &json!(6)));
    assert_eq!((&report["recall@1"], &report["map"]), (&json!(1.0), &json!(1.0)), "{report}");

    fs::write(&queries, "text,product_id\nNr0x,p-0\nNr1x,p-1\nnowhere,p-2\n").unwrap();
    let report = run(data.path(), &arguments).ends(0).json();
    assert!((report["recall@1"].as_f64().unwrap() - 2.0 / 3.0).abs() < 1e-3, "{report}");

    fs::write(&queries, "picture,id\na,b\n").unwrap();
    run(data.path(), &arguments).ends(2);
}

/// A JSONL feed with its pictures beside it; `broken` pictures are none.
fn write_feed(folder: &Path, count: u32, broken: &[u32]) -> std::path::PathBuf {
    let mut lines = String::new();
    for number in 0..count {
        let mut item = product(number);
        item["images"] = json!([{"source": format!("{number}.png")}]);
        lines.push_str(&format!("{item}\n"));
        let picture = if broken.contains(&number) { b"<html>not found</html>".to_vec() } else { png(number) };
        fs::write(folder.join(format!("{number}.png")), picture).unwrap();
    }
    let feed = folder.join("feed.jsonl");
    fs::write(&feed, lines).unwrap();
    feed
}

#[test]
fn item_errors_end_with_3_and_the_rest_is_imported() {
    let data = tempfile::tempdir().unwrap();
    let shop = tempfile::tempdir().unwrap();
    let feed = write_feed(shop.path(), 5, &[2]);
    let mut text = fs::read_to_string(&feed).unwrap();
    text.push_str("{\"id\": \"p-9\", \"title\": \"Cut off");
    fs::write(&feed, text).unwrap();
    let job = run(data.path(), &["import", feed.to_str().unwrap(), "--json"]).ends(3).json();
    assert_eq!(job["state"], "done", "{job}");
    let errors = job["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 2, "{job}");
    let line = |wanted: u64| errors.iter().find(|item| item["line"] == wanted).unwrap_or_else(|| panic!("{job}"));
    assert_eq!(line(3)["id"], "p-2");
    assert!(!line(6)["reason"].as_str().unwrap().is_empty());
    let found = run(data.path(), &["search", "--text", "lamp", "--json"]).ends(0).json();
    assert!(found["total"].as_u64().unwrap() >= 4, "{found}");
    let people = run(data.path(), &["import", feed.to_str().unwrap()]).ends(3);
    assert!(people.out.contains("line 6"), "{}", people.out);
}

#[test]
fn sync_removes_what_the_feed_no_longer_has() {
    let data = tempfile::tempdir().unwrap();
    let shop = tempfile::tempdir().unwrap();
    let feed = write_feed(shop.path(), 4, &[]);
    run(data.path(), &["import", feed.to_str().unwrap()]).ends(0);
    let feed = write_feed(shop.path(), 2, &[]);
    let job = run(data.path(), &["import", feed.to_str().unwrap(), "--sync", "--json"]).ends(0).json();
    assert_eq!(job["removed"], 2, "{job}");
    let found = run(data.path(), &["search", "--text", "lamp", "--json"]).ends(0).json();
    assert_eq!(found["total"], 2);
}

#[test]
fn an_import_stops_at_ctrl_c_and_is_resumed() {
    let data = tempfile::tempdir().unwrap();
    let shop = tempfile::tempdir().unwrap();
    let feed = write_feed(shop.path(), 400, &[]);
    let mut child = vetrina()
        .args(["import", feed.to_str().unwrap(), "--json", "--data"])
        .arg(data.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    thread::sleep(Duration::from_millis(1500));
    let stopped = Instant::now();
    assert!(std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let status = child.wait().unwrap();
    assert!(stopped.elapsed() < Duration::from_secs(10));
    assert_eq!(status.code(), Some(1));
    let jobs = run(data.path(), &["job", "list", "--json"]).ends(0).json();
    assert_eq!(jobs["jobs"][0]["state"], "cancelled", "{jobs}");
    let id = jobs["jobs"][0]["id"].as_str().unwrap();
    let job = run(data.path(), &["job", "resume", id, "--json"]).ends(0).json();
    assert_eq!(job["state"], "done", "{job}");
    let found = run(data.path(), &["search", "--filter", "brand = \"Lumen\"", "--json"]).ends(0).json();
    assert_eq!(found["total"], 400);
}

#[test]
fn without_onnx_runtime_words_are_found_and_photos_say_what_helps() {
    let data = demo_data();
    let without = |arguments: &[&str]| {
        ran(vetrina().args(arguments).arg("--data").arg(data.path()).env("VETRINA_ONNXRUNTIME", "/nowhere/lib.so"))
    };
    assert!(titles(&without(&["search", "--text", "camera", "--json"]).ends(0).json()).len() > 3);
    let photo = instant_camera();
    let refused = without(&["search", "--image", photo.to_str().unwrap()]).ends(1);
    assert!(refused.err.contains("make setup"), "{}", refused.err);
    let doctor = without(&["doctor", "--json"]).ends(1).json();
    assert_eq!(doctor["health"], "bad");
    let bad: Vec<&Value> =
        doctor["checks"].as_array().unwrap().iter().filter(|check| check["health"] == "bad").collect();
    assert!(bad.iter().any(|check| check["hint"].as_str().unwrap().contains("make setup")), "{bad:?}");
}

#[test]
fn the_doctor_finds_a_healthy_shop_healthy() {
    let data = demo_data();
    let doctor = run(data.path(), &["doctor", "--json"]).ends(0).json();
    assert_ne!(doctor["health"], "bad", "{doctor}");
    assert_eq!(doctor["settings"]["listen"], json!({"value": "127.0.0.1:7700", "source": "default"}));
    assert_eq!(doctor["settings"]["data"]["source"], "flag");
    let unsaid: Vec<_> =
        doctor["settings"].as_object().unwrap().iter().filter(|(_, setting)| setting["value"] == "").collect();
    assert!(unsaid.is_empty(), "{unsaid:?}");
    run(data.path(), &["doctor"]).ends(0);
}
