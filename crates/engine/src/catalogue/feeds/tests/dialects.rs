//! What each dialect reads from a feed in the real layout of its platform.

use super::*;

#[test]
fn google_tables() {
    let (dialect, rows) = read_fixture("google.tsv", &options());
    assert_eq!(dialect, Dialect::Google);
    assert!(rejected(&rows).is_empty() && warned(&rows).is_empty(), "{rows:#?}");
    let bag = by_id(&rows, "1");
    // A comma in an address is no separator.
    assert_eq!(sources(bag)[1..], ["https://shop.example/1b.jpg", "https://shop.example/w_1,h_2/1c.jpg"]);
    assert_eq!(bag.description, "Echt & grün");
    assert_eq!(bag.category, ["Taschen", "Handtaschen"]);
    assert_eq!(bag.attributes["colour"], list(&["grün", "weiß"]));
    assert_eq!(bag.attributes["size"], text("36/38"));
    assert_eq!(bag.attributes["verschluss"], text("Reißverschluss"));
    assert_eq!(bag.attributes["video link"], text("https://shop.example/v/1"));
    assert!(!bag.attributes.contains_key("shipping"));
    let belt = by_id(&rows, "2");
    assert_eq!(belt.description, "Zwei\nZeilen \"über\" Größe");
    assert_eq!((price(belt).as_str(), belt.availability), ("1299.00 EUR", Availability::Backorder));
    assert_eq!(belt.category, ["Apparel & Accessories", "Belts"]);
}

#[test]
fn google_as_rss() {
    let (dialect, rows) = read_fixture("google_rss.xml", &options());
    assert_eq!(dialect, Dialect::Google);
    let bag = by_id(&rows, "BAG-1");
    assert_eq!(bag.title, "Tasche \"Größe S\" & Gürtel");
    assert_eq!(bag.description, "Echtes Leder, rot gefärbt.\nmit Reißverschluss");
    assert_eq!(bag.link.as_deref(), Some("https://shop.example/p/1?a=1&b=2"));
    assert_eq!(
        sources(bag),
        ["https://shop.example/i/1.jpg", "https://shop.example/i/1,w_300.jpg", "https://shop.example/i/1c.jpg"]
    );
    assert_eq!(price(bag), "1299.00 EUR");
    assert_eq!(bag.sale_price.as_ref().unwrap().amount.to_string(), "999.00");
    assert_eq!(bag.category, ["Taschen", "Handtaschen"], "product_type goes before google_product_category");
    assert_eq!(
        (bag.brand.as_deref(), bag.gtin.as_deref(), bag.mpn.as_deref()),
        (Some("Müller"), Some("4006381333931"), Some("M-1"))
    );
    assert_eq!((bag.group.as_deref(), bag.availability), (Some("BAG"), Availability::InStock));
    for (name, value) in [
        ("condition", text("new")),
        ("colour", list(&["rot", "schwarz"])),
        ("gender", text("female")),
        ("material", list(&["Leder", "Wolle"])),
        ("pattern", text("uni")),
        ("size", text("36/38")),
        ("age group", text("adult")),
        ("custom label 0", text("frühling")),
        ("custom label 1", text("a/b")),
        ("custom label 2", text("2")),
        ("custom label 3", text("3")),
        ("custom label 4", text("4")),
        ("verschluss", text("Reißverschluss")),
        ("season", text("Sommer")),
    ] {
        assert_eq!(bag.attributes.get(name), Some(&value), "{name}");
    }
    assert_eq!(bag.attributes.len(), 14, "neither shipping nor what the shop pays: {:?}", bag.attributes);
    let pouch = by_id(&rows, "BAG-2");
    assert_eq!(pouch.link.as_deref(), Some("https://shop.example/p/2?a=1&b=2"), "an & that nobody has escaped");
    assert_eq!(pouch.description, "Baumwolle – weich\u{a0}und leicht");
    assert_eq!((pouch.sale_price.as_ref(), pouch.availability), (None, Availability::OutOfStock), "the sale is over");
    assert!(pouch.category.is_empty(), "a number says nothing to people");
    let hat = by_id(&rows, "BAG-6");
    assert_eq!((hat.title.as_str(), sources(hat)), ("Hut", vec!["https://shop.example/i/6.jpg"]));
    assert_eq!(rejected(&rows), [(63, "missing-id"), (67, "malformed-xml"), (73, "bad-price")]);
}

#[test]
fn google_as_atom_with_another_prefix() {
    let (dialect, rows) = read_fixture("google_atom.xml", &options());
    assert_eq!(dialect, Dialect::Google);
    let pot = by_id(&rows, "7");
    assert_eq!((pot.title.as_str(), pot.description.as_str()), ("Théière émaillée", "Pour le thé, à l'ancienne"));
    assert_eq!((price(pot).as_str(), pot.availability), ("29.90 EUR", Availability::Preorder));
    assert_eq!(pot.link.as_deref(), Some("https://shop.example/produit/7?x=1&y=2"));
    assert_eq!(pot.attributes["colour"], text("bleu foncé"));
    assert_eq!(pot.added_at.unwrap().to_rfc3339(), "2026-05-01T06:00:00+00:00");
    let bowl = by_id(&rows, "urn:8");
    assert_eq!(bowl.description, "Grès\nété & hiver");
    assert_eq!(rows.len(), 2);
}

#[test]
fn google_prefixes_that_nobody_declared_or_declared_a_little_wrong() {
    for declaration in ["", "xmlns:g='http://base.google.com/ns/1.0/'", "xmlns:g='https://base.google.com/ns/1.0'"] {
        let feed = format!(
            "<rss {declaration}><channel><item><g:id>1</g:id><title>A</title><g:price>5 EUR</g:price></item></channel></rss>"
        );
        let (_, rows) = read(&feed);
        assert_eq!(price(by_id(&rows, "1")), "5 EUR", "{declaration}");
    }
    let plain = "<rss><channel><item><id>1</id><title>A</title><image_link>a.jpg</image_link></item></channel></rss>";
    assert_eq!(sources(by_id(&read(plain).1, "1")), ["a.jpg"]);
}

#[test]
fn shopify_of_the_old_generation() {
    let (dialect, rows) = read_fixture("shopify_old.csv", &options());
    assert_eq!(dialect, Dialect::Shopify);
    let jumper = by_id(&rows, "wollpullover");
    assert_eq!(jumper.description, "Aus weicher Wolle, über Jahre schön.\nGröße fällt klein aus.");
    assert_eq!(
        (price(jumper).as_str(), jumper.stock, jumper.brand.as_deref()),
        ("79.00 EUR", Some(8), Some("Schäfer & Söhne"))
    );
    assert_eq!(jumper.sale_price.as_ref().unwrap().amount.to_string(), "49.00");
    assert_eq!(
        sources(jumper),
        [
            "https://cdn.example/wp-front.jpg",
            "https://cdn.example/wp-back.jpg",
            "https://cdn.example/wp-detail.jpg",
            "https://cdn.example/wp-gruen.jpg",
            "https://cdn.example/wp-rot.jpg"
        ]
    );
    assert_eq!(jumper.category, ["Apparel & Accessories", "Clothing", "Sweaters"]);
    assert_eq!(jumper.attributes["colour"], list(&["Grün", "Rot"]));
    assert_eq!(jumper.attributes["größe"], list(&["S", "M"]));
    assert_eq!(jumper.attributes["tags"], list(&["Wolle", "Winter"]));
    assert_eq!(jumper.attributes["stoff"], list(&["Wolle", "Kaschmir"]));
    assert_eq!(jumper.attributes["gender"], text("female"));
    assert_eq!(jumper.attributes["custom label 0"], text("herbst"));
    assert_eq!(jumper.attributes["sku"], list(&["WP-G-S", "WP-G-M", "WP-R-S"]));
    assert_eq!(jumper.mpn.as_deref(), Some("WP"));
    assert!(!jumper.attributes.keys().any(|name| name.contains("cost")));
    // Without an inventory tracker the quantity is always 0 and means nothing.
    let cap = by_id(&rows, "muetze");
    assert_eq!((cap.stock, cap.availability, cap.category.join("")), (None, Availability::InStock, "Mützen".into()));
    let glove = by_id(&rows, "handschuh");
    assert_eq!(glove.availability, Availability::OutOfStock, "a draft cannot be bought");
    assert_eq!(rejected(&rows), [(8, "bad-price")]);
    assert_eq!(warned(&rows), [(2, "bad-gtin")]);
}

#[test]
fn shopify_variants_can_be_products_of_one_group() {
    let separate = FeedOptions { variants: Variants::Separate, ..options() };
    let (_, rows) = read_fixture("shopify_old.csv", &separate);
    let red = by_id(&rows, "WP-R-S");
    assert_eq!((red.group.as_deref(), red.title.as_str()), (Some("wollpullover"), "Pullover für den Winter"));
    assert_eq!(sources(red), ["https://cdn.example/wp-rot.jpg"]);
    assert_eq!((price(red).as_str(), red.stock), ("79.00 EUR", Some(5)));
    assert_eq!((&red.attributes["colour"], &red.attributes["größe"]), (&text("Rot"), &text("S")));
    let green = by_id(&rows, "WP-G-M");
    assert_eq!((price(green).as_str(), green.sale_price.as_ref()), ("59.00 EUR", None));
    assert_eq!(green.availability, Availability::OutOfStock);
    assert_eq!(by_id(&rows, "WP-G-S").gtin.as_deref(), Some("4006381333931"));
    // One variant is no group.
    assert_eq!(by_id(&rows, "muetze").group, None);
}

#[test]
fn shopify_of_the_new_generation() {
    let (dialect, rows) = read_fixture("shopify_new.csv", &options());
    assert_eq!(dialect, Dialect::Shopify);
    let cup = by_id(&rows, "tasse-a-the");
    assert_eq!((cup.title.as_str(), cup.description.as_str()), ("Tasse à thé", "Émaillée à la main"));
    assert_eq!((price(cup).as_str(), cup.stock), ("10.00 EUR", Some(7)));
    assert_eq!(cup.attributes["taille"], list(&["Petite", "Grande"]));
    assert_eq!(cup.attributes["colour"], list(&["bleu", "vert foncé"]));
    assert_eq!((cup.images.len(), cup.mpn.as_deref(), cup.category.len()), (4, Some("MPN-9"), 3));
    let pot = by_id(&rows, "theiere");
    assert_eq!((pot.availability, pot.stock, pot.mpn.as_deref()), (Availability::InStock, None, Some("TH-1")));
    assert_eq!(rows.len(), 2);
}

#[test]
fn woocommerce() {
    let (dialect, rows) = read_fixture("woocommerce.csv", &options());
    assert_eq!(dialect, Dialect::WooCommerce);
    let belt = by_id(&rows, "guertel");
    assert_eq!((belt.title.as_str(), price(belt).as_str()), ("-20 % Gürtel", "12.99 EUR"));
    assert_eq!((belt.sale_price.as_ref(), belt.stock), (None, Some(7)), "the sale is over");
    assert_eq!((belt.gtin.as_deref(), &belt.attributes["weight (kg)"]), (Some("4006381333931"), &text(".2")));
    let blue = by_id(&rows, "hemd-blau");
    assert_eq!((blue.group.as_deref(), blue.brand.as_deref()), (Some("hemd"), Some("Müller")));
    assert_eq!(blue.description, "Größe fällt\naus.");
    assert_eq!(blue.category, ["Kleidung", "Hemden", "Weiß, bügelfrei"]);
    assert_eq!(sources(blue), ["https://shop.example/hemd-blau.jpg"]);
    assert_eq!((&blue.attributes["colour"], &blue.attributes["größe"]), (&text("Blau"), &list(&["S", "M", "L"])));
    assert_eq!((price(blue).as_str(), blue.sale_price.as_ref().unwrap().amount.to_string().as_str()), ("20 EUR", "15"));
    let green = by_id(&rows, "hemd-gruen");
    assert_eq!((green.images.len(), green.availability), (2, Availability::OutOfStock));
    assert_eq!(by_id(&rows, "leer").title, "Mütze ohne Größen", "a parent without variations is shown all the same");
    assert_eq!(by_id(&rows, "extern").link.as_deref(), Some("https://other.example/buch"));
    assert!(!products(&rows).iter().any(|product| product.id == "hemd"));
    assert_eq!(warned(&rows), [(8, "parent-not-found")]);
    assert_eq!(rejected(&rows), [(9, "bad-price")]);
}

#[test]
fn vision_rows_of_a_product_may_stand_anywhere() {
    let (dialect, rows) = read_fixture("vision.csv", &options());
    assert_eq!(dialect, Dialect::Vision);
    let vase = by_id(&rows, "p1");
    assert_eq!((vase.title.as_str(), vase.category.join("")), ("Vase für Blumen", "homegoods".into()));
    assert_eq!(
        sources(vase),
        [
            "https://storage.googleapis.com/my-bucket/vase-vorne.jpg",
            "https://storage.googleapis.com/my-bucket/vase-hinten.jpg"
        ]
    );
    assert_eq!(vase.attributes["colour"], list(&["blau", "grün"]));
    assert_eq!(by_id(&rows, "p2").images.len(), 1, "two boxes of one picture");
    assert_eq!(by_id(&rows, "p3").title, "p3");
    assert_eq!(rejected(&rows), [(6, "missing-id")]);
}

#[test]
fn vendure_as_its_documentation_pads_it() {
    let (dialect, rows) = read_fixture("vendure.csv", &options());
    assert_eq!(dialect, Dialect::Vendure);
    assert!(rejected(&rows).is_empty(), "{rows:#?}");
    let oil = by_id(&rows, "oel-fuer-moebel");
    assert_eq!(oil.description, "Pflegt Holz, natürlich & schön");
    assert_eq!((price(oil).as_str(), oil.stock, oil.brand.as_deref()), ("9.50 EUR", Some(15), Some("Grün")));
    assert_eq!(sources(oil), ["oel.jpg", "klein.jpg", "gross.jpg"]);
    assert_eq!((&oil.attributes["größe"], &oil.attributes["duft"]), (&list(&["klein", "groß"]), &text("Zitrone")));
    assert_eq!(by_id(&rows, "buerste").availability, Availability::OutOfStock);
    let separate = FeedOptions { variants: Variants::Separate, ..options() };
    let (_, rows) = read_fixture("vendure.csv", &separate);
    let large = by_id(&rows, "OEL-G");
    assert_eq!(
        (price(large).as_str(), large.group.as_deref(), sources(large)),
        ("15.00 EUR", Some("oel-fuer-moebel"), vec!["gross.jpg"])
    );
}

#[test]
fn vendure_in_several_languages() {
    let (dialect, rows) = read("name:en,name:de,slug:en,slug:de,assets,sku,price\nCup,Tasse,cup,tasse,a.jpg,C1,5\n");
    assert_eq!((dialect, by_id(&rows, "cup").title.as_str()), (Dialect::Vendure, "Cup"));
}

#[test]
fn schema_org_documents() {
    let (dialect, rows) = read_fixture("product_group.jsonld", &options());
    assert_eq!(dialect, Dialect::SchemaOrg);
    let green = by_id(&rows, "44E01-M-V");
    assert_eq!((green.title.as_str(), green.description.as_str()), ("Manteau vert, petit", "Laine & cachemire"));
    assert_eq!(
        (price(green).as_str(), green.sale_price.as_ref().unwrap().amount.to_string().as_str()),
        ("180 EUR", "139.99")
    );
    assert_eq!((green.group.as_deref(), green.brand.as_deref()), (Some("44E01"), Some("Élégance")));
    assert_eq!(
        (sources(green), green.gtin.as_deref()),
        (vec!["https://shop.example/vert.jpg"], Some("98766051104214"))
    );
    assert_eq!(green.link.as_deref(), Some("https://shop.example/manteau?v=1"));
    assert_eq!(green.category, ["Vêtements", "Manteaux"]);
    for (name, value) in [
        ("colour", "vert"),
        ("size", "petit"),
        ("material", "laine"),
        ("condition", "new"),
        ("gender", "female"),
        ("lavage", "à la main"),
        ("longueur", "110 cm"),
    ] {
        assert_eq!(green.attributes.get(name), Some(&text(value)), "{name}");
    }
    let blue = by_id(&rows, "44E01-L-B");
    assert_eq!(blue.title, "Manteau d'hiver doublé");
    assert_eq!((price(blue).as_str(), blue.availability, blue.stock), ("150.00 EUR", Availability::Backorder, Some(3)));
    assert_eq!((&blue.attributes["lavage"], &blue.attributes["size"]), (&text("à sec"), &text("grand")));
    assert_eq!(sources(blue), ["https://shop.example/manteau.jpg"]);
    let pot = by_id(&rows, "12345");
    assert_eq!((price(pot).as_str(), &pot.attributes["weight"]), ("29.90 EUR", &text("1.2 kg")));
    assert_eq!((pot.brand.as_deref(), pot.category.join("/")), (Some("Élégance"), "Cuisine/Thé".into()));
    assert_eq!(rejected(&rows), [(56, "missing-id"), (57, "bad-price")]);
}

#[test]
fn schema_org_in_a_page() {
    let (dialect, rows) = read_fixture("product_page.html", &options());
    assert_eq!(dialect, Dialect::SchemaOrg);
    assert_eq!(
        products(&rows).iter().map(|product| product.id.as_str()).collect::<Vec<_>>(),
        ["ST-R", "ST-B", "TISCH"]
    );
    let red = by_id(&rows, "ST-R");
    assert_eq!((red.group.as_deref(), red.brand.as_deref()), (Some("ST"), Some("Müller & Söhne")));
    assert_eq!((sources(red), price(red).as_str()), (vec!["https://shop.example/rot.jpg"], "49.00 EUR"));
    assert_eq!(by_id(&rows, "ST-B").group.as_deref(), Some("ST"));
    let table = by_id(&rows, "TISCH");
    assert_eq!((table.title.as_str(), table.images.len()), ("Tisch & Bänke", 2));
    assert_eq!(rejected(&rows), [(19, "bad-json")], "one broken script, and the others go on");
}

#[test]
fn schema_org_a_document_a_line() {
    let line = |id: u32| {
        format!("{{\"@context\":\"https://schema.org\",\"@type\":\"Product\",\"sku\":\"{id}\",\"name\":\"A\"}}\n")
    };
    let (dialect, rows) = read(&format!("{}{{\"@type\": \"Product\", oops}}\n{}{}", line(1), line(2), line(1)));
    assert_eq!(dialect, Dialect::SchemaOrg);
    assert_eq!(products(&rows).len(), 2);
    assert_eq!(rejected(&rows), [(2, "bad-json"), (4, "duplicate-id")]);
}

#[test]
fn general_tables() {
    let mapping = [("Art.-Nr.", "id"), ("Bestand", "stock"), ("Höhe", "height")];
    let mapping = mapping.map(|(column, field)| (column.to_owned(), field.to_owned())).into();
    let (dialect, rows) = read_fixture("general.csv", &FeedOptions { mapping, ..options() });
    assert_eq!(dialect, Dialect::Csv);
    let cup = by_id(&rows, "A-1");
    assert_eq!((price(cup).as_str(), cup.stock, cup.description.as_str()), ("12.50 EUR", Some(5), "Weiß und groß"));
    assert_eq!((&cup.attributes["colour"], &cup.attributes["height"]), (&text("weiß"), &text("10 cm")));
    assert!(!cup.attributes.contains_key("einkaufspreis"), "what the shop pays is nobody's business");
    assert_eq!(price(by_id(&rows, "A-2")), "1299.00 EUR");
}

#[test]
fn json_lines() {
    let (dialect, rows) = read_fixture("products.jsonl", &options());
    assert_eq!(dialect, Dialect::Jsonl);
    assert_eq!((products(&rows).len(), price(by_id(&rows, "a"))), (2, "12.99 EUR".to_owned()));
    assert_eq!(rejected(&rows), [(3, "bad-product")]);
}

#[test]
fn a_named_dialect_goes_before_the_recognised_one() {
    let csv = FeedOptions { dialect: Some(Dialect::Csv), ..options() };
    let (dialect, rows) = read_fixture("google.tsv", &csv);
    assert_eq!((dialect, products(&rows).len()), (Dialect::Csv, 2));
    for (name, wrong, code) in [
        ("google.tsv", Dialect::Shopify, "missing-column"),
        ("google.tsv", Dialect::Vendure, "missing-column"),
        ("google_rss.xml", Dialect::WooCommerce, "dialect-not-recognised"),
        ("product_group.jsonld", Dialect::Google, "dialect-not-recognised"),
        ("page_without_products.html", Dialect::SchemaOrg, "dialect-not-recognised"),
    ] {
        let error = open_bytes(fixture(name), "", &FeedOptions { dialect: Some(wrong), ..options() }).unwrap_err();
        assert_eq!(error.code(), code, "{name} as {wrong}: {error}");
    }
}
