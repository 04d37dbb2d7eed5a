//! Feeds that are damaged, hostile, or no feeds: each ends in a clear error, and what is good of them is read.

use std::fmt::Write as _;

use super::*;

fn problem(rows: &[FeedRow], code: &str) -> RowProblem {
    let found = rows.iter().find_map(|row| match row {
        FeedRow::Rejected { problem, .. } if problem.code == code => Some(problem.clone()),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("no {code} in {rows:#?}"))
}

#[test]
fn a_feed_that_is_cut_says_so_and_what_came_before_is_read() {
    for (name, whole_rows) in [
        ("google.tsv", 2),
        ("google_rss.xml", 6),
        ("google_atom.xml", 2),
        ("shopify_old.csv", 4),
        ("woocommerce.csv", 7),
        ("vision.csv", 4),
        ("product_group.jsonld", 5),
        ("product_page.html", 4),
        ("general.csv", 2),
        ("products.jsonl", 3),
    ] {
        let options = FeedOptions { mapping: [("Art.-Nr.".to_owned(), "id".to_owned())].into(), ..options() };
        let whole = fixture(name);
        let whole = whole.trim_ascii_end();
        let mut told = 0;
        for cut in (whole.len() / 10..whole.len()).step_by(7) {
            let Ok(feed) = open_bytes(whole[..cut].to_vec(), "", &options) else { continue };
            let rows: Vec<FeedRow> = feed.collect();
            assert!(rows.len() <= whole_rows + 1, "{name} cut at {cut}: {rows:#?}");
            let ended =
                rows.iter().filter(|row| matches!(row, FeedRow::Rejected { problem, .. } if problem.is_end())).count();
            assert!(ended <= 1, "{name} cut at {cut}: {rows:#?}");
            told += ended;
        }
        assert!(told > 0, "{name}");
        // In the middle of the last record every dialect knows.
        let cut: &[u8] = match name {
            "google.tsv" => b"\tbackorder",
            "google_rss.xml" => b"<g:id>BAG-6",
            "google_atom.xml" => b"<id>urn:8",
            "shopify_old.csv" => b"handschuh,Hand",
            "woocommerce.csv" => b"51,simple",
            "vision.csv" => b"gs://my-bucket/vase-hinten",
            "product_group.jsonld" => b"\"Organiz",
            "product_page.html" => b"\"productID\"",
            "general.csv" => b"A-2;Tel",
            _ => b"{\"id\": \"c\"",
        };
        let at = whole.windows(cut.len()).position(|window| window == cut).unwrap() + cut.len();
        let rows: Vec<FeedRow> = open_bytes(whole[..at].to_vec(), "", &options).unwrap().collect();
        // A row of this form has no header that says how long it should be.
        if name != "vision.csv" {
            assert!(problem(&rows, "feed-cut").is_end(), "{name}");
        }
        assert!(!products(&rows).is_empty(), "{name}");
    }
}

#[test]
fn a_table_that_is_cut_inside_of_quotes_or_of_a_record() {
    let (_, rows) = read("id,title,image_link\n1,A,a.jpg\n2,B,\"b.j");
    assert_eq!((products(&rows).len(), rejected(&rows)), (1, vec![(3, "feed-cut")]));
    let (_, rows) = read("id,title,image_link\n1,A,a.jpg\n2,B");
    assert_eq!((products(&rows).len(), rejected(&rows)), (1, vec![(3, "feed-cut")]));
    // Rows that leave out empty cells at their end are no cut ones.
    let (_, rows) = read("id,title,image_link\n1,A\n2,B,b.jpg\n3,C");
    assert_eq!((products(&rows).len(), rejected(&rows)), (3, vec![]));
    let (_, rows) = read("id,title,image_link\n1,A,a.jpg\n2,B,\"b.jpg\"");
    assert_eq!((products(&rows).len(), rejected(&rows)), (2, vec![]));
}

#[test]
fn entities_of_a_dtd_are_not_expanded() {
    let mut laughs = "<?xml version=\"1.0\"?>\n<!DOCTYPE rss [\n<!ENTITY lol0 \"lol\">\n".to_owned();
    for level in 1..20 {
        let body = format!("&lol{};", level - 1).repeat(10);
        writeln!(laughs, "<!ENTITY lol{level} \"{body}\">").unwrap();
    }
    laughs.push_str("<!ENTITY file SYSTEM \"file:///etc/passwd\">\n]>\n<rss><channel>\n");
    laughs.push_str("<item><id>1</id><title>&lol19;</title></item>\n<item><id>2</id><title>&file;</title></item>\n");
    laughs.push_str("<item><id>3</id><title>Good &amp; plain</title></item>\n</channel></rss>");
    let (dialect, rows) = read(&laughs);
    assert_eq!(dialect, Dialect::Google);
    assert_eq!(by_id(&rows, "3").title, "Good & plain");
    assert_eq!(products(&rows).len(), 1);
    let codes: Vec<&str> = rejected(&rows).into_iter().map(|(_, code)| code).collect();
    assert_eq!(codes, ["unknown-entity", "unknown-entity"]);
    assert!(problem(&rows, "unknown-entity").reason.contains("&lol19;"));
}

#[test]
fn tags_that_never_end_end_the_feed_and_not_the_memory() {
    let small = FeedOptions { max_record_bytes: 100_000, ..options() };
    let read = |text: String| open_bytes(text.into_bytes(), "", &small).unwrap().collect::<Vec<_>>();
    let start = "<rss><channel><item><id>1</id><title>A</title></item>";
    for endless in [
        format!("{start}<item><id>2</id><description>{}", "x".repeat(3_000_000)),
        format!("{start}<!-- {}", "x".repeat(3_000_000)),
        format!("{start}{}", "<a>".repeat(1_000_000)),
        format!("{start}<item>{}", "<a>".repeat(1_000_000)),
        format!("{start}<item {}>", "a='b' ".repeat(500_000)),
    ] {
        let rows = read(endless);
        assert_eq!((products(&rows).len(), rejected(&rows).len()), (1, 1), "{rows:#?}");
        assert!(problem(&rows, "record-too-long").is_end());
    }
    let rows =
        read(format!("[{{\"@type\":\"Product\",\"sku\":\"1\",\"name\":\"A\"}},{{\"a\":\"{}", "x".repeat(3_000_000)));
    assert_eq!(rejected(&rows), [(1, "record-too-long")]);
}

#[test]
fn nested_documents_are_refused() {
    for text in [
        format!("{{\"@type\":\"Product\",\"sku\":\"1\",\"name\":{}", "[".repeat(100_000)),
        format!("{{\"@type\":\"Product\",\"sku\":\"1\",\"name\":{}1{}}}", "[".repeat(5_000), "]".repeat(5_000)),
    ] {
        let (_, rows) = read(&text);
        assert_eq!((products(&rows).len(), rejected(&rows).len()), (0, 1));
    }
    // References in a circle.
    let (_, rows) = read(
        "{\"@graph\": [{\"@id\": \"a\", \"@type\": \"Product\", \"sku\": \"1\", \"name\": {\"@id\": \"a\"}, \"isVariantOf\": {\"@id\": \"a\"}, \"hasVariant\": {\"@id\": \"a\"}}]}",
    );
    assert!(rows.len() <= 1, "{rows:?}");
}

#[test]
fn duplicate_ids_name_both_lines() {
    for text in [
        "id,title,image_link\nx,A,a.jpg\ny,B,b.jpg\nx,C,c.jpg\n",
        "{\"id\": \"x\", \"title\": \"A\"}\n\n\n{\"id\": \"x\", \"title\": \"C\"}\n",
        "<rss><channel>\n<item><id>x</id><title>A</title></item>\n\n<item><id>x</id><title>C</title></item></channel></rss>",
    ] {
        let (_, rows) = read(text);
        let FeedRow::Rejected { line: 4, id: Some(id), problem } = rows.last().unwrap() else { panic!("{rows:?}") };
        assert_eq!((id.as_str(), problem.code), ("x", "duplicate-id"));
        let first = if text.starts_with('{') { "on line 1" } else { "on line 2" };
        assert!(problem.reason.contains(first), "{}", problem.reason);
        assert_eq!(by_id(&rows, "x").title, "A", "the first one is kept");
    }
    // On one line they are told apart as well.
    let (_, rows) = read(
        "[{\"@type\":\"Product\",\"sku\":\"x\",\"name\":\"A\"},{\"@type\":\"Product\",\"sku\":\"x\",\"name\":\"B\"}]",
    );
    assert_eq!(rejected(&rows), [(1, "duplicate-id")]);
}

#[test]
fn nul_bytes_are_item_errors() {
    let (_, rows) = read("id,title,image_link\n1,A\0A,a.jpg\n2,B,b.jpg\n3\0,C,c.jpg\n4,D,d\0.jpg\n");
    assert_eq!(rejected(&rows), [(2, "nul-byte"), (4, "nul-byte"), (5, "nul-byte")]);
    assert_eq!(products(&rows).len(), 1);
    let (_, rows) = read("{\"id\": \"1\", \"title\": \"A\\u0000\"}\n{\"id\": \"2\", \"title\": \"B\"}\n");
    assert_eq!((products(&rows).len(), rejected(&rows)), (1, vec![(1, "nul-byte")]));
}

#[test]
fn a_hundred_thousand_columns() {
    let columns: Vec<String> = (0..100_000).map(|number| format!("column {number}")).collect();
    let header = format!("id,title,image_link,{}\n", columns.join(","));
    let empty = format!("1,A,a.jpg,{}\n", ",".repeat(99_999));
    let full = format!("2,B,b.jpg,{}\n", vec!["x"; 100_000].join(","));
    let (_, rows) = read(&format!("{header}{empty}{full}3,C,c.jpg\n"));
    assert_eq!(products(&rows).len(), 3);
    assert_eq!(by_id(&rows, "1").check(), Ok(()));
    assert_eq!(by_id(&rows, "2").check().unwrap_err().code, "too-many-attributes");
    assert_eq!(by_id(&rows, "3").check(), Ok(()));
    // Telling columns at the end of a long header are found as well.
    let (dialect, _) = read(&format!("{},id,title,image_link\n{}1,A,a.jpg\n", columns.join(","), ",".repeat(100_000)));
    assert_eq!(dialect, Dialect::Google);
}

#[test]
fn what_is_no_feed_says_what_it_is() {
    let zip = b"PK\x03\x04\x14\x00\x00\x00\x08\x00rest of it".to_vec();
    let noise: Vec<u8> = (0..20_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 11) as u8).collect();
    for (bytes, code, says) in [
        (Vec::new(), "feed-empty", "empty"),
        (b"\xef\xbb\xbf\r\n \n".to_vec(), "feed-empty", "empty"),
        (zip, "dialect-not-recognised", "Excel"),
        (b"\x1f\x8b\x08\x00\x00\x00".to_vec(), "dialect-not-recognised", "gzip"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF".to_vec(), "dialect-not-recognised", "JPEG"),
        (noise, "dialect-not-recognised", "not text"),
        (vec![0; 5_000], "dialect-not-recognised", "not text"),
        (fixture("page_without_products.html"), "dialect-not-recognised", "404 Not Found"),
        (b"<products><product/></products>".to_vec(), "dialect-not-recognised", "<products>"),
        (b"<".to_vec(), "dialect-not-recognised", "neither XML nor HTML"),
        (b"id,title,image_link\n".to_vec(), "feed-without-products", "no products"),
        (b"Handle,Title,Variant Price\n\n".to_vec(), "feed-without-products", "shopify"),
        (b"<rss version='2.0'><channel><title>x</title></channel></rss>".to_vec(), "feed-without-products", "google"),
        (
            b"{\"@context\": \"https://schema.org\", \"@type\": \"Organization\"}".to_vec(),
            "feed-without-products",
            "schema.org",
        ),
    ] {
        let error = open_bytes(bytes, "the-feed", &options()).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains(says) && error.to_string().contains("the-feed"), "{error}");
    }
    let empty = tempfile::tempdir().unwrap();
    assert_eq!(open(empty.path(), &options()).unwrap_err().code(), "feed-without-products");
}

#[test]
fn ten_megabytes_in_a_cell_are_an_item_error_and_the_rest_goes_on() {
    let long = "word \n".repeat(10 << 20 >> 2);
    let text = format!("id,title,image_link,description\n1,A,a.jpg,\"{}\"\n2,B,b.jpg,x\n", &long[..10 << 20]);
    let (_, rows) = read(&text);
    assert_eq!(by_id(&rows, "1").check().unwrap_err().code, "too-long");
    assert_eq!(by_id(&rows, "2").check(), Ok(()));
}

#[test]
fn a_handle_without_end_does_not_fill_the_memory() {
    let mut text = "Handle,Title,Variant Price,Option1 Name,Option1 Value\n".to_owned();
    for number in 0..variants::MOST_ROWS + 20 {
        writeln!(text, "h,T,5,Size,{number}").unwrap();
    }
    text.push_str("other,T,5,,\n");
    let (_, rows) = read(&text);
    assert_eq!(products(&rows).len(), 2);
    assert_eq!(rejected(&rows).len(), 20);
    assert!(rejected(&rows).iter().all(|(_, code)| *code == "too-many-variants"));
}
