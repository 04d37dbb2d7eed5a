//! Pictures as they should not be: each ends in an item of the ledger that says what to do, and the job goes on.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::shop::{png, run};
use super::web::Web;

/// A feed of one product for each `(id, source)`.
pub fn feed(folder: &Path, products: &[(&str, String)]) -> String {
    let path = folder.join("feed.jsonl");
    let line = |(id, source): &(&str, String)| {
        json!({"id": id, "title": format!("Product {id}"), "images": [{"source": source}]}).to_string() + "\n"
    };
    fs::write(&path, products.iter().map(line).collect::<String>()).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Code of each failed product, by id.
fn codes(job: &Value) -> Vec<(String, String)> {
    let errors = job["errors"].as_array().unwrap();
    for error in errors {
        assert!(error["line"].as_u64().unwrap() >= 1, "{error}");
        for field in ["id", "code", "reason", "hint"] {
            assert!(error[field].as_str().is_some_and(|text| !text.is_empty()), "{field} in {error}");
        }
    }
    let text = |error: &Value, field: &str| error[field].as_str().unwrap().to_owned();
    errors.iter().map(|error| (text(error, "id"), text(error, "code"))).collect()
}

fn same(found: &[(String, String)], wanted: &[(&str, &str)]) {
    let found: Vec<(&str, &str)> = found.iter().map(|(id, code)| (id.as_str(), code.as_str())).collect();
    assert_eq!(found, wanted);
}

#[test]
fn bad_servers_cost_their_own_products_only() {
    let (data, shop, web) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), Web::new());
    let products: Vec<(&str, String)> = [
        ("good-1", "/pictures/1.png"),
        ("empty", "/empty.jpg"),
        ("html", "/error.jpg"),
        ("cut", "/cut.png"),
        ("drip", "/drip.jpg"),
        ("endless", "/endless.jpg"),
        ("loop", "/loop-a.jpg"),
        ("gone", "/gone.jpg"),
        ("busy", "/busy.png"),
        ("good-2", "/pictures/2.png"),
    ]
    .map(|(id, path)| (id, web.url(path)))
    .into();
    let feed = feed(shop.path(), &products);
    let began = Instant::now();
    let job = run(data.path(), &["import", &feed, "--json", "--allow-private-addresses"]).ends(3).json();
    assert!(began.elapsed() < Duration::from_secs(40), "{:?}", began.elapsed());
    assert_eq!((&job["state"], &job["created"], &job["failed"]), (&json!("done"), &json!(3), &json!(7)), "{job}");
    same(
        &codes(&job),
        &[
            ("empty", "empty-picture"),
            ("html", "not-a-picture"),
            ("cut", "truncated-picture"),
            ("drip", "slow-server"),
            ("endless", "too-large-to-fetch"),
            ("loop", "too-many-redirects"),
            ("gone", "http-status"),
        ],
    );
    let html = job["errors"][1]["reason"].as_str().unwrap();
    assert!(html.contains("HTML") && html.contains("image/jpeg"), "what it is, and what the server says: {html}");
    assert_eq!(web.asked("/busy.png"), 2, "asked again after the time that the server asked for");
    assert_eq!(web.asked("/gone.jpg"), 1, "what is gone is not asked for again");
    // The ledger as a table, from the command line.
    let id = job["id"].as_str().unwrap();
    let table = run(data.path(), &["job", "errors", id]).ends(0).out;
    assert!(table.starts_with("line,id,field,code,reason,hint,warning\n") && table.lines().count() == 8, "{table}");
}

#[test]
fn private_addresses_are_out_of_reach_of_feeds() {
    let (data, shop, web) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), Web::new());
    let products = [
        ("loopback", web.url("/1.png")),
        ("name", web.url("/1.png").replace("127.0.0.1", "localhost")),
        ("number", web.url("/1.png").replace("127.0.0.1", "2130706433")),
        ("metadata", "http://169.254.169.254/latest/meta-data/".to_owned()),
    ];
    let feed = feed(shop.path(), &products);
    let job = run(data.path(), &["import", &feed, "--json"]).ends(3).json();
    assert_eq!(web.asked("/1.png"), 0);
    let all = ["loopback", "name", "number", "metadata"].map(|id| (id, "private-address"));
    same(&codes(&job), &all);
}

#[test]
fn bad_files_cost_their_own_products_only() {
    let (data, shop) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let put = |name: &str, bytes: &[u8]| fs::write(shop.path().join(name), bytes).unwrap();
    put("good.png", &png(3));
    put("empty.jpg", b"");
    put("cut.png", &png(4)[..100]);
    put("huge.png", &one_colour_png(10_001, 10_000));
    put("wide.png", &one_colour_png(20_001, 2));
    let products: Vec<(&str, String)> = [
        ("good", "good.png"),
        ("empty", "empty.jpg"),
        ("cut", "cut.png"),
        ("huge", "huge.png"),
        ("wide", "wide.png"),
        ("nowhere", "nowhere.png"),
        ("outside", "../../../etc/passwd"),
        ("folder", "."),
        ("device", "/dev/zero"),
        ("data", "data:image/png;base64,@@@"),
        ("none", ""),
        ("also-good", "good.png"),
    ]
    .map(|(id, source)| (id, source.to_owned()))
    .into();
    let feed = feed(shop.path(), &products);
    let job = run(data.path(), &["import", &feed, "--json"]).ends(3).json();
    assert_eq!(job["state"], "done", "{job}");
    let found = codes(&job);
    let code = |id: &str| found.iter().find(|(own, _)| own == id).map(|(_, code)| code.as_str());
    for (id, wanted) in [
        ("empty", "empty-picture"),
        ("cut", "truncated-picture"),
        ("huge", "too-many-pixels"),
        ("wide", "side-too-long"),
        ("nowhere", "missing-picture"),
        ("outside", "outside-folder"),
        ("device", "not-a-file"),
        ("data", "bad-data-uri"),
    ] {
        assert_eq!(code(id), Some(wanted), "{id} in {found:?}");
    }
    assert!(code("folder").is_some() && code("good").is_none() && code("also-good").is_none(), "{found:?}");
    let there = run(data.path(), &["search", "--text", "product", "--json"]).ends(0).json();
    assert!(there["total"].as_u64().unwrap() >= 2, "{there}");
}

#[test]
fn zips_that_mean_harm_cost_their_own_products_only() {
    use zip::write::SimpleFileOptions;
    let (data, shop) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    // Beside the feed, and with its name: found by itself.
    let mut zip = zip::ZipWriter::new(File::create(shop.path().join("feed.zip")).unwrap());
    let good = png(5);
    for name in ["pictures/good.png", "../evil.png", "/etc/evil.png"] {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(&good).unwrap();
    }
    zip.start_file("bomb.png", SimpleFileOptions::default()).unwrap();
    let zeros = vec![0; 1 << 20];
    for _ in 0..256 {
        zip.write_all(&zeros).unwrap();
    }
    zip.finish().unwrap();
    let products = [
        ("good", "pictures/good.png".to_owned()),
        ("climbs", "../evil.png".to_owned()),
        ("absolute", "/etc/evil.png".to_owned()),
        ("bomb", "bomb.png".to_owned()),
    ];
    let feed = feed(shop.path(), &products);
    let job = run(data.path(), &["import", &feed, "--json"]).ends(3).json();
    assert_eq!((&job["state"], &job["created"], &job["embedded"]), (&json!("done"), &json!(1), &json!(1)), "{job}");
    same(&codes(&job), &[("climbs", "outside-folder"), ("absolute", "outside-folder"), ("bomb", "too-many-bytes")]);
    assert!(!shop.path().parent().unwrap().join("evil.png").exists());
    // Nothing of it changed: nothing is unpacked or embedded again.
    let again = run(data.path(), &["import", &feed, "--json"]).ends(3).json();
    assert_eq!(
        (&again["skipped"], &again["updated"], &again["embedded"]),
        (&json!(1), &json!(0), &json!(0)),
        "{again}"
    );
}

#[test]
fn remote_pictures_are_looked_at_again_as_their_server_wishes() {
    let (data, shop, web) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), Web::new());
    let products =
        [("tagged", web.url("/tagged/1.png")), ("kept", web.url("/kept/2.png")), ("plain", web.url("/plain/3.png"))];
    let feed = feed(shop.path(), &products);
    let import = || run(data.path(), &["import", &feed, "--json", "--allow-private-addresses"]).ends(0).json();
    let first = import();
    assert_eq!((&first["created"], &first["embedded"]), (&json!(3), &json!(3)), "{first}");
    let second = import();
    assert_eq!((&second["skipped"], &second["embedded"]), (&json!(3), &json!(0)), "{second}");
    assert_eq!(web.unchanged(), 1, "the tag was sent, and the picture was not");
    assert_eq!((web.asked("/kept/2.png"), web.asked("/plain/3.png")), (1, 2));
    web.shift.store(40, std::sync::atomic::Ordering::SeqCst);
    let third = import();
    assert_eq!(
        (&third["updated"], &third["skipped"], &third["embedded"]),
        (&json!(1), &json!(2), &json!(1)),
        "{third}"
    );
}

/// A PNG of one colour, small as a file and large as a picture.
fn one_colour_png(width: u32, height: u32) -> Vec<u8> {
    let picture = image::GrayImage::new(width, height);
    let mut bytes = Vec::new();
    let encoder = image::codecs::png::PngEncoder::new(&mut bytes);
    image::ImageEncoder::write_image(encoder, &picture, width, height, image::ExtendedColorType::L8).unwrap();
    bytes
}
