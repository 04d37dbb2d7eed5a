//! Every dialect on small feeds of shops that do not exist, as the real platforms write them.

mod bad_input;
mod dialects;
mod encodings;
mod memory;

use std::io::Write as _;

use proptest::prelude::*;

use super::*;
use crate::catalogue::{AttributeValue, Availability};

fn options() -> FeedOptions {
    FeedOptions { default_currency: Some("EUR".into()), ..FeedOptions::default() }
}

fn read(text: &str) -> (Dialect, Vec<FeedRow>) {
    let feed = open_bytes(text.as_bytes().to_vec(), "feed.csv", &options()).unwrap();
    (feed.dialect(), feed.collect())
}

fn products(rows: &[FeedRow]) -> Vec<&Product> {
    rows.iter()
        .filter_map(|row| if let FeedRow::Product { product, .. } = row { Some(product) } else { None })
        .collect()
}

fn rejected(rows: &[FeedRow]) -> Vec<(u64, &'static str)> {
    rows.iter()
        .filter_map(
            |row| if let FeedRow::Rejected { line, problem, .. } = row { Some((*line, problem.code)) } else { None },
        )
        .collect()
}

/// A feed of `tests/fixtures/feeds`.
fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/feeds");
    std::fs::read(folder.join(name)).unwrap()
}

fn read_fixture(name: &str, options: &FeedOptions) -> (Dialect, Vec<FeedRow>) {
    let feed = open_bytes(fixture(name), "", options).unwrap();
    (feed.dialect(), feed.collect())
}

fn by_id<'a>(rows: &'a [FeedRow], id: &str) -> &'a Product {
    products(rows).into_iter().find(|product| product.id == id).unwrap_or_else(|| panic!("{id} in {rows:#?}"))
}

fn warned(rows: &[FeedRow]) -> Vec<(u64, &'static str)> {
    let of = |row: &FeedRow| match row {
        FeedRow::Product { line, warnings, .. } => warnings.iter().map(|warning| (*line, warning.code)).collect(),
        FeedRow::Rejected { .. } => Vec::new(),
    };
    rows.iter().flat_map(of).collect()
}

fn sources(product: &Product) -> Vec<&str> {
    product.images.iter().map(|image| image.source.as_str()).collect()
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::Text(value.into())
}

fn list(values: &[&str]) -> AttributeValue {
    AttributeValue::List(values.iter().map(|value| (*value).to_owned()).collect())
}

fn price(product: &Product) -> String {
    product.price.as_ref().map(|money| format!("{} {}", money.amount, money.currency)).unwrap_or_default()
}

#[test]
fn vendure_folds_variants_into_their_product() {
    let (dialect, rows) = read(
        "name      ,slug   ,description ,assets       ,facets                                  ,optionGroups ,optionValues ,sku ,price ,taxCategory,stockOnHand,trackInventory,variantAssets,variantFacets\n\
         Oak Desk  ,oak-desk,\"A desk, of oak\",a.jpg|b.jpg,category:Furniture|category:Desks|brand:Nord|color:brown,size|top,S|raw,D1,300.00,standard,2,,,\n\
         ,         ,        ,             ,                                        ,             ,L|raw        ,D2  ,250.50,standard   ,3          ,              ,c.jpg        ,color:black\n\
         Stool     ,stool   ,             ,s.jpg        ,category:Furniture                     ,             ,             ,S1  ,oops  ,standard   ,1          ,              ,             ,\n\
         Lamp      ,lamp    ,             ,l.jpg        ,                                        ,             ,             ,L1  ,9.99  ,standard   ,0          ,              ,             ,\n",
    );
    assert_eq!(dialect, Dialect::Vendure);
    let found = products(&rows);
    assert_eq!(found.len(), 2);
    let desk = found[0];
    assert_eq!((desk.id.as_str(), desk.title.as_str(), price(desk).as_str()), ("oak-desk", "Oak Desk", "250.50 EUR"));
    assert_eq!((desk.stock, desk.brand.as_deref()), (Some(5), Some("Nord")));
    assert_eq!(desk.category, ["Furniture", "Desks"]);
    assert_eq!(desk.images.iter().map(|image| image.source.as_str()).collect::<Vec<_>>(), ["a.jpg", "b.jpg", "c.jpg"]);
    assert_eq!(desk.attributes["size"], list(&["S", "L"]));
    assert_eq!(desk.attributes["top"], AttributeValue::Text("raw".into()));
    assert_eq!(desk.attributes["colour"], list(&["brown", "black"]));
    assert_eq!(found[1].availability, Availability::OutOfStock);
    assert_eq!(rejected(&rows), [(4, "bad-price")]);
}

#[test]
fn google_columns_go_where_they_belong() {
    let (dialect, rows) = read(
        "id\ttitle\tdescription\tlink\timage_link\tadditional_image_link\tavailability\tprice\tsale_price\tproduct_type\tgoogle_product_category\tbrand\tgtin\tcolor\tsize\titem_group_id\tcustom_label_0\n\
         1\tBag\t<p>Real &amp; red</p>\thttps://shop.example/1\thttps://shop.example/1.jpg\thttps://shop.example/1b.jpg,https://shop.example/1c.jpg\tin stock\t59.00 USD\t49.00 USD\tBags > Handbags\t166\tAalto\t4006381333931\tred/black\tM\tg1\tspring\n\
         2\tShoe\t\t\thttps://shop.example/2.jpg\t\tlater\t1.299,00 €\t\t\tApparel > Shoes\t\t\t\t\t\t\n\
         1\tAgain\t\t\tx.jpg\t\t\t\t\t\t\t\t\t\t\t\t\n\
         \tNo id\t\t\tx.jpg\t\t\t\t\t\t\t\t\t\t\t\t\n\
         5\t\t\t\tx.jpg\t\t\t\t\t\t\t\t\t\t\t\t\n",
    );
    assert_eq!(dialect, Dialect::Google);
    let found = products(&rows);
    let bag = found[0];
    assert_eq!((price(bag).as_str(), bag.description.as_str()), ("59.00 USD", "Real & red"));
    assert_eq!(bag.sale_price.as_ref().unwrap().amount.to_string(), "49.00");
    assert_eq!((bag.category.len(), bag.images.len(), bag.group.as_deref()), (2, 3, Some("g1")));
    assert_eq!(bag.attributes["colour"], AttributeValue::List(vec!["red".into(), "black".into()]));
    assert_eq!(bag.attributes["custom label 0"], AttributeValue::Text("spring".into()));
    assert_eq!((price(found[1]).as_str(), found[1].category.join("/")), ("1299.00 EUR", "Apparel/Shoes".into()));
    let warned = rows.iter().any(|row| matches!(row, FeedRow::Product { warnings, .. } if warnings.iter().any(|w| w.code == "unknown-availability")));
    assert!(warned);
    assert_eq!(rejected(&rows), [(4, "duplicate-id"), (5, "missing-id"), (6, "missing-title")]);
}

#[test]
fn any_table_with_telling_columns_is_read_and_others_can_be_mapped() {
    let (dialect, rows) = read("sku;name;preis;bild\nA1;Tasche;12,50;a.jpg\n");
    assert_eq!(dialect, Dialect::Csv);
    assert_eq!(price(products(&rows)[0]), "12.50 EUR");
    let mapping = [("Nr", "id"), ("Was", "title"), ("Ton", "colour")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    let options = FeedOptions { mapping: mapping.into(), ..options() };
    let rows: Vec<FeedRow> = open_bytes(b"Nr,Was,Ton\n7,Vase,blau\n".to_vec(), "", &options).unwrap().collect();
    let vase = products(&rows)[0];
    assert_eq!((vase.id.as_str(), vase.title.as_str()), ("7", "Vase"));
    assert_eq!(vase.attributes["colour"], AttributeValue::Text("blau".into()));
}

#[test]
fn json_lines_name_what_they_do_not_know() {
    let (dialect, rows) = read(
        "{\"id\": \"a\", \"title\": \"A\", \"category\": \"X > Y\", \"attributes\": {\"color\": \"red\"}}\n\n{\"id\": \"b\", \"titel\": \"B\"}\nnot json\n{\"id\": \"c\"}\n",
    );
    assert_eq!(dialect, Dialect::Jsonl);
    assert_eq!(products(&rows)[0].category, ["X", "Y"]);
    assert!(products(&rows)[0].attributes.contains_key("colour"));
    assert_eq!(rejected(&rows), [(3, "bad-product"), (4, "bad-json"), (5, "missing-title")]);
}

#[test]
fn shopify_rows_of_one_handle_are_one_product() {
    for header in [
        "Handle,Title,Body (HTML),Vendor,Type,Tags,Published,Option1 Name,Option1 Value,Variant SKU,Variant Inventory Qty,Variant Price,Variant Compare At Price,Image Src",
        "URL handle,Title,Description,Vendor,Type,Tags,Published on online store,Option1 name,Option1 value,SKU,Inventory quantity,Price,Compare-at price,Product image URL",
    ] {
        let (dialect, rows) = read(&format!(
            "{header}\nmug,Mug,<b>Big</b> mug,Potter,Cups,\"tea, gift\",true,Size,S,M-S,3,10.00,,https://shop.example/mug.jpg\n\
             mug,,,,,,,,L,M-L,4,8.00,12.00,https://shop.example/mug2.jpg\n\
             mug,,,,,,,,,,,,,https://shop.example/mug3.jpg\n\
             pot,Pot,,Potter,Pots,,true,Title,Default Title,P,0,free,,https://shop.example/pot.jpg\n"
        ));
        assert_eq!(dialect, Dialect::Shopify);
        let found = products(&rows);
        assert_eq!(found.len(), 1, "{rows:?}");
        assert_eq!((found[0].images.len(), found[0].stock, price(found[0]).as_str()), (3, Some(7), "12.00 EUR"));
        assert_eq!(found[0].sale_price.as_ref().unwrap().amount.to_string(), "8.00");
        assert_eq!(rejected(&rows), [(5, "bad-price")]);
    }
}

#[test]
fn woocommerce_variations_have_what_their_parent_has() {
    let (dialect, rows) = read(
        "ID,Type,SKU,Name,Published,Description,In stock?,Stock,Weight (kg),Sale price,Regular price,Categories,Images,Parent,Attribute 1 name,Attribute 1 value(s)\n\
         1,variable,TEE,Tee,1,<p>Soft</p>,1,,,,,\"Clothing, Clothing > Shirts\",\"a.jpg, b.jpg\",,Colour,\"Red, Blue\"\n\
         2,variation,TEE-R,Tee - Red,1,,1,5,0.2,,19.00,,,TEE,Colour,Red\n\
         3,variation,TEE-B,Tee - Blue,1,,0,0,0.2,15,19.00,,c.jpg,id:1,Colour,Blue\n\
         4,simple,CAP,Cap,1,,1,,,,9.50,Clothing,d.jpg,,,\n",
    );
    assert_eq!(dialect, Dialect::WooCommerce);
    let found = products(&rows);
    assert_eq!(found.iter().map(|product| product.id.as_str()).collect::<Vec<_>>(), ["TEE-R", "TEE-B", "CAP"]);
    assert_eq!((found[0].images.len(), found[0].category.join("/")), (2, "Clothing/Shirts".into()));
    assert_eq!((found[0].group.as_deref(), found[1].group.as_deref()), (Some("TEE"), Some("TEE")));
    assert_eq!(found[0].attributes["colour"], AttributeValue::Text("Red".into()));
    assert_eq!(found[1].availability, Availability::OutOfStock);
}

#[test]
fn vision_rows_of_one_product_are_one_product() {
    let (dialect, rows) = read(
        "gs://shop/a.jpg,i1,set,p1,homegoods-v2,Vase,\"colour=blue,style=plain\",\ngs://shop/b.jpg,i2,set,p1,homegoods-v2,,,\ngs://shop/c.jpg,i3,set,p2,homegoods-v2,Bowl,,\n",
    );
    assert_eq!(dialect, Dialect::Vision);
    let found = products(&rows);
    assert_eq!((found.len(), found[0].images.len(), found[0].title.as_str()), (2, 2, "Vase"));
    assert_eq!(found[0].attributes["colour"], AttributeValue::Text("blue".into()));
}

#[test]
fn a_folder_of_pictures_is_a_feed() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("Bags")).unwrap();
    std::fs::write(folder.path().join("Bags/red_bag.JPG"), b"x").unwrap();
    std::fs::write(folder.path().join("notes.txt"), b"x").unwrap();
    let rows: Vec<FeedRow> = open(folder.path(), &options()).unwrap().collect();
    let found = products(&rows);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].title.as_str(), found[0].category.join("/")), ("red bag", "Bags".into()));
}

#[test]
fn quoted_newlines_keep_the_line_numbers_right() {
    let (_, rows) = read("id,title,image_link,price\n1,\"two\nlines\",a.jpg,5\n2,B,b.jpg,oops\n");
    assert_eq!(products(&rows)[0].title, "two\nlines");
    assert_eq!(rejected(&rows), [(4, "bad-price")]);
}

#[test]
fn a_quote_that_is_never_closed_ends_the_feed_and_not_the_memory() {
    let mut text = b"id,title,image_link\n1,A,a.jpg\n2,\"never closed".to_vec();
    for number in 0..200_000 {
        writeln!(text, "{number},T,x.jpg").unwrap();
    }
    let options = FeedOptions { max_record_bytes: 100_000, ..options() };
    let rows: Vec<FeedRow> = open_bytes(text, "", &options).unwrap().collect();
    assert_eq!(products(&rows).len(), 1);
    assert_eq!(rejected(&rows), [(3, "record-too-long")]);
    assert!(matches!(&rows[1], FeedRow::Rejected { problem, .. } if problem.is_end()));
}

#[test]
fn a_cell_of_ten_megabytes_is_read() {
    let text =
        format!("id,title,image_link,description\n1,A,a.jpg,\"{}\"\n2,B,b.jpg,\n", "long \n".repeat(10 << 20 >> 3));
    let (_, rows) = read(&text);
    assert_eq!(products(&rows).len(), 2);
}

#[test]
fn feeds_that_are_none_say_what_to_do() {
    for (text, code) in [
        ("", "feed-empty"),
        ("   \n\n", "feed-empty"),
        ("colour,weight\nred,5\n", "dialect-not-recognised"),
        ("id,title,image_link\n", "feed-without-products"),
        ("<html><body>404</body></html>", "dialect-not-recognised"),
        ("[1,2]", "dialect-not-recognised"),
    ] {
        let error = open_bytes(text.as_bytes().to_vec(), "feed.csv", &options()).unwrap_err();
        assert_eq!(error.code(), code, "{text}");
        assert!(!error.hint().is_empty());
    }
    assert_eq!(open(Path::new("/nowhere/feed.csv"), &options()).unwrap_err().code(), "feed-unreadable");
    assert_eq!("klingon".parse::<Dialect>().unwrap_err().code(), "unknown-dialect");
    for dialect in Dialect::ALL {
        assert_eq!(dialect.name().parse::<Dialect>().unwrap(), dialect);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn any_bytes_end_without_panic_in_every_dialect(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        for dialect in Dialect::ALL.into_iter().filter(|dialect| *dialect != Dialect::Folder) {
            let options = FeedOptions { dialect: Some(dialect), ..options() };
            if let Ok(feed) = open_bytes(bytes.clone(), "", &options) {
                let _ = feed.count();
            }
        }
    }

    #[test]
    fn any_cells_end_without_panic(cells in proptest::collection::vec("[ -~äö红\n\"|>,;]{0,12}", 1..40)) {
        for header in [
            "name,slug,assets,facets,optionGroups,optionValues,sku,price,stockOnHand",
            "id,title,image_link,price,availability,color",
            "Handle,Title,Variant Price,Image Src,Option1 Name,Option1 Value",
            "ID,Type,SKU,Name,Regular price,Parent,Images,Attribute 1 name,Attribute 1 value(s)",
        ] {
            let width = header.split(',').count();
            let rows: Vec<String> = cells.chunks(width).map(|row| row.iter().map(|cell| format!("\"{}\"", cell.replace('"', "\"\""))).collect::<Vec<_>>().join(",")).collect();
            let text = format!("{header}\n{}\n", rows.join("\n"));
            let _ = open_bytes(text.into_bytes(), "", &options()).map(Iterator::count);
        }
    }
}
