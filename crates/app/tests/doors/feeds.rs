//! Feeds of every dialect through the binary: recognised, read, imported, and what is bad of them reported.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::shop::{Ran, png, ran, run, vetrina};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/tests/fixtures/feeds").join(name)
}

fn dry_run(data: &Path, feed: &Path) -> Ran {
    run(data, &["import", feed.to_str().unwrap(), "--dry-run", "--json", "--default-currency", "EUR"])
}

#[test]
fn every_dialect_is_recognised_and_its_bad_rows_are_named() {
    let data = tempfile::tempdir().unwrap();
    for (name, dialect, products, rejected) in [
        ("google.tsv", "google", 2, 0),
        ("google_rss.xml", "google", 3, 3),
        ("google_atom.xml", "google", 2, 0),
        ("shopify_old.csv", "shopify", 3, 1),
        ("shopify_new.csv", "shopify", 2, 0),
        ("woocommerce.csv", "woocommerce", 6, 1),
        ("vendure.csv", "vendure", 2, 0),
        ("vision.csv", "vision", 3, 1),
        ("product_group.jsonld", "schema.org", 3, 2),
        ("product_page.html", "schema.org", 3, 1),
        ("products.jsonl", "jsonl", 2, 1),
        ("chinese.csv", "google", 2, 0),
    ] {
        let found = dry_run(data.path(), &fixture(name)).json();
        let seen = (&found["dialect"], &found["products"], &found["rejected"]);
        assert_eq!(seen, (&json!(dialect), &json!(products), &json!(rejected)), "{name}: {found}");
    }
}

#[test]
fn what_is_no_feed_ends_with_an_error_that_says_why() {
    let data = tempfile::tempdir().unwrap();
    let page = dry_run(data.path(), &fixture("page_without_products.html"));
    assert_eq!(page.code, 1, "{page:?}");
    assert!(page.json()["error"]["detail"].as_str().unwrap().contains("404 Not Found"), "{page:?}");
    let empty = data.path().join("empty.csv");
    fs::write(&empty, "id,title,image_link\n").unwrap();
    let ran = dry_run(data.path(), &empty);
    assert!(ran.code == 1 && ran.err.contains("no products"), "{ran:?}");
}

#[test]
fn a_feed_cut_in_the_middle_brings_what_it_has_and_removes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (data, feed) = (folder.path().join("data"), folder.path().join("feed.xml"));
    fs::write(folder.path().join("a.png"), png(1)).unwrap();
    let item =
        |id: u32| format!("<item><g:id>{id}</g:id><title>Lamp {id}</title><g:image_link>a.png</g:image_link></item>\n");
    let start = "<?xml version=\"1.0\"?>\n<rss xmlns:g=\"http://base.google.com/ns/1.0\"><channel>\n";
    fs::write(&feed, format!("{start}{}{}</channel></rss>", item(1), item(2))).unwrap();
    let import = |arguments: &[&str]| run(&data, &[&["import", feed.to_str().unwrap(), "--json"], arguments].concat());
    let whole = import(&[]).ends(0).json();
    assert_eq!((&whole["created"], &whole["failed"]), (&json!(2), &json!(0)), "{whole}");
    fs::write(&feed, format!("{start}{}<item><g:id>3", item(1))).unwrap();
    let cut = import(&["--sync"]).ends(3).json();
    assert_eq!((&cut["removed"], &cut["failed"]), (&json!(0), &json!(1)), "{cut}");
    assert_eq!(cut["errors"][0]["code"], "feed-cut", "{cut}");
    assert_eq!(cut["errors"][0]["line"], 4, "{cut}");
}

#[test]
fn columns_and_variants_follow_the_settings_file() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.png"), png(1)).unwrap();
    fs::write(folder.path().join("feed.csv"), "Nr;Was;Foto;Ton\n7;Vase;a.png;blau\n").unwrap();
    fs::write(
        folder.path().join("vetrina.toml"),
        "default_currency = \"EUR\"\n[feed]\nvariants = \"separate\"\n[feed.mapping]\nNr = \"id\"\nWas = \"title\"\nFoto = \"image_link\"\nTon = \"colour\"\n",
    )
    .unwrap();
    let at_home = |arguments: &[&str]| ran(vetrina().current_dir(folder.path()).args(arguments)).json();
    let job = at_home(&["import", "feed.csv", "--json"]);
    assert_eq!((&job["dialect"], &job["created"], &job["failed"]), (&json!("csv"), &json!(1), &json!(0)), "{job}");
    let found = at_home(&["search", "--text", "Vase", "--filter", "colour = \"blau\"", "--json"]);
    assert_eq!(found["hits"].as_array().map(Vec::len), Some(1), "{found}");
    let shopify = "Handle,Title,Option1 Name,Option1 Value,Variant SKU,Variant Price,Variant Image\n\
                   mug,Mug,Size,S,M-S,5,a.png\nmug,,,L,M-L,7,a.png\n";
    fs::write(folder.path().join("shopify.csv"), shopify).unwrap();
    let job: Value = at_home(&["import", "shopify.csv", "--json", "--catalogue", "mugs"]);
    assert_eq!((&job["dialect"], &job["created"]), (&json!("shopify"), &json!(2)), "{job}");
}
