//! Each fixture in each encoding that can hold it is the same feed, recognised by its content alone.

use encoding_rs::{GB18030, WINDOWS_1252};

use super::*;

const FIXTURES: [(&str, Dialect); 13] = [
    ("google.tsv", Dialect::Google),
    ("google_rss.xml", Dialect::Google),
    ("google_atom.xml", Dialect::Google),
    ("shopify_old.csv", Dialect::Shopify),
    ("shopify_new.csv", Dialect::Shopify),
    ("woocommerce.csv", Dialect::WooCommerce),
    ("vendure.csv", Dialect::Vendure),
    ("vision.csv", Dialect::Vision),
    ("product_group.jsonld", Dialect::SchemaOrg),
    ("product_page.html", Dialect::SchemaOrg),
    ("general.csv", Dialect::Csv),
    ("products.jsonl", Dialect::Jsonl),
    ("chinese.csv", Dialect::Google),
];

/// A text in each encoding that can hold all of it.
fn encoded(text: &str) -> Vec<(&'static str, Vec<u8>)> {
    let utf16 = |mark: bool, big: bool| {
        let units = mark.then_some(0xfeff).into_iter().chain(text.encode_utf16());
        units.flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect::<Vec<u8>>()
    };
    let mut all = vec![
        ("UTF-8", text.as_bytes().to_vec()),
        ("UTF-8 with a mark", [b"\xef\xbb\xbf", text.as_bytes()].concat()),
        ("UTF-16LE with a mark", utf16(true, false)),
        ("UTF-16BE with a mark", utf16(true, true)),
        ("UTF-16LE", utf16(false, false)),
        ("UTF-16BE", utf16(false, true)),
    ];
    // A page or document that says UTF-8 would be lying in another encoding.
    let free = !text.contains("UTF-8") && !text.contains("utf-8");
    let chinese = text.contains('红');
    if chinese {
        all.push(("GB18030", GB18030.encode(text).0.into_owned()));
    } else if free {
        let (bytes, _, lost) = WINDOWS_1252.encode(text);
        if !lost {
            all.push(("Windows-1252", bytes.into_owned()));
        }
    }
    all
}

#[test]
fn every_fixture_is_recognised_in_every_encoding() {
    let mapping: BTreeMap<String, String> = [("Art.-Nr.".to_owned(), "id".to_owned())].into();
    let options = FeedOptions { mapping, ..options() };
    let mut single_bytes = 0;
    for (name, expected) in FIXTURES {
        let text = String::from_utf8(fixture(name)).unwrap();
        let plain: Vec<FeedRow> = open_bytes(text.clone().into_bytes(), "", &options).unwrap().collect();
        for (encoding, bytes) in encoded(&text) {
            // The name must not matter.
            for file in ["feed.csv", "feed.xml", "feed.jsonl", ""] {
                let feed = open_bytes(bytes.clone(), file, &options)
                    .unwrap_or_else(|error| panic!("{name}, {encoding}: {error}"));
                assert_eq!(feed.dialect(), expected, "{name}, {encoding}");
                assert!(feed.eq(plain.clone()), "{name}, {encoding}");
            }
            single_bytes += usize::from(matches!(encoding, "Windows-1252" | "GB18030"));
        }
    }
    assert!(single_bytes >= 9, "{single_bytes} were tried");
}

#[test]
fn xml_in_the_encoding_it_declares() {
    let text = String::from_utf8(fixture("google_rss.xml")).unwrap();
    let plain: Vec<FeedRow> = open_bytes(text.clone().into_bytes(), "", &options()).unwrap().collect();
    for label in ["ISO-8859-1", "windows-1252", "GB18030", "macintosh"] {
        let encoding = encoding_rs::Encoding::for_label(label.as_bytes()).unwrap();
        let declared = text.replace("UTF-8", label);
        let (bytes, _, lost) = encoding.encode(&declared);
        assert!(!lost, "{label}");
        assert!(open_bytes(bytes.into_owned(), "", &options()).unwrap().eq(plain.clone()), "{label}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// What stands in a feed changes nothing of what it is recognised as.
    #[test]
    fn recognition_follows_the_layout_and_not_the_words(
        titles in proptest::collection::vec("[A-Za-zäöüßéè ,;:|<>&{}'-]{1,40}", 3..20),
        form in 0_usize..7,
        which in 0_usize..6,
    ) {
        let quoted = |title: &str| format!("\"{title}\"");
        let xml = |title: &str| title.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let rows = |row: &dyn Fn(usize, &str) -> String| {
            titles.iter().enumerate().map(|(number, title)| row(number, title)).collect::<String>()
        };
        let (text, expected) = match form {
            0 => (format!("id,title,image_link\n{}", rows(&|n, title| format!("{n},{},a.jpg\n", quoted(title)))), Dialect::Google),
            1 => (format!("Handle,Title,Variant Price\n{}", rows(&|n, title| format!("h{n},{},5\n", quoted(title)))), Dialect::Shopify),
            2 => (format!("ID,Type,SKU,Name,Images\n{}", rows(&|n, title| format!("{n},simple,s{n},{},a.jpg\n", quoted(title)))), Dialect::WooCommerce),
            3 => (format!("name;slug;assets;sku\n{}", rows(&|n, title| format!("{};s{n};a.jpg;{n}\n", quoted(title)))), Dialect::Vendure),
            4 => (format!("<rss><channel>{}</channel></rss>", rows(&|n, title| format!("<item><id>{n}</id><title>{}</title></item>", xml(title)))), Dialect::Google),
            5 => (rows(&|n, title| format!("{}\n", serde_json::json!({"id": n.to_string(), "title": title}))), Dialect::Jsonl),
            _ => (serde_json::json!({"@graph": titles.iter().enumerate().map(|(n, title)| serde_json::json!({"@type": "Product", "sku": n, "name": title})).collect::<Vec<_>>()}).to_string(), Dialect::SchemaOrg),
        };
        let encodings = encoded(&text);
        let (encoding, bytes) = &encodings[which % encodings.len().min(6)];
        let feed = open_bytes(bytes.clone(), "", &options()).unwrap();
        prop_assert_eq!(feed.dialect(), expected, "{} in {}", text, encoding);
    }
}
