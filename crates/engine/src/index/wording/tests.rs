//! What shoppers type, on a real index.

use std::collections::BTreeMap;

use crate::catalogue::Product;
use crate::index::{Index, IndexOptions, IndexPoint, Synonyms};

struct Shop {
    index: Index,
    _dir: tempfile::TempDir,
}

impl Shop {
    fn new(language: &str, synonyms: Synonyms, titles: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let options = IndexOptions { language: language.into(), synonyms, ..IndexOptions::new(2) };
        let index = Index::open(dir.path(), &options).unwrap().index;
        let product = |(key, title): (u64, &&str)| {
            let product = Product {
                id: format!("SKU-{key}00"),
                title: (*title).into(),
                gtin: Some(format!("400638133393{key}")),
                ..Product::default()
            };
            IndexPoint::of(&product, key, Vec::new())
        };
        let points: Vec<IndexPoint> = (1..).zip(titles).map(product).collect();
        index.upsert(&points).unwrap();
        Self { index, _dir: dir }
    }

    /// Products in the order in which they say the query, as it is understood.
    fn found(&self, query: &str) -> Vec<u64> {
        let wording = self.index.wording(query);
        self.index.terms(&wording.terms, 99).unwrap().iter().map(|scored| scored.key).collect()
    }

    fn corrected(&self, query: &str) -> Option<String> {
        self.index.wording(query).corrected
    }
}

fn english(titles: &[&str]) -> Shop {
    Shop::new("english", Synonyms::default(), titles)
}

#[test]
fn slips_are_corrected_and_the_rest_stays_as_it_was_typed() {
    let shop = english(&["Red leather handbag", "Blue leather belt", "Weather station", "Red T-Shirt"]);
    assert_eq!(shop.found("lether handbag"), [1, 2]);
    assert_eq!(shop.corrected("Red  lether handbag"), Some("Red leather handbag".into()));
    assert_eq!(shop.corrected("haandbag, red"), Some("handbag, red".into()));
    assert_eq!(shop.found("tshrit")[0], 4);
    assert_eq!(shop.corrected("leatherbelt"), Some("leather belt".into()));
    for right in ["leather", "leathers", "red handbag", "the", "red leather ha", "", "!!", "hand bag"] {
        assert_eq!(shop.corrected(right), None, "{right}");
    }
}

#[test]
fn the_last_word_is_completed_while_it_is_typed() {
    let shop = english(&["Red leather handbag", "Blue leather belt", "Leggings"]);
    assert_eq!(shop.found("blue le")[0], 2);
    assert_eq!(shop.found("leg"), [3]);
    // A word that is there is meant as it is; one that is ended by a space is not a beginning any more.
    assert!(shop.found("hand ").is_empty() || shop.found("hand ")[0] == 1);
    assert_eq!(shop.found("hand bag"), [1]);
}

#[test]
fn a_slip_that_products_make_leads_to_the_right_word_too() {
    let mut titles = vec!["handbga"];
    titles.resize(200, "handbag");
    let shop = english(&titles);
    assert_eq!(shop.found("handbga")[0], 1);
    assert_eq!(shop.found("handbga").len(), 99);
    assert_eq!(shop.corrected("handbga"), Some("handbag".into()));
}

#[test]
fn synonyms_find_what_is_called_otherwise() {
    let group = ["sneaker", "trainer", "running shoe"].map(str::to_owned).to_vec();
    let one_way = BTreeMap::from([("jumper".to_owned(), vec!["knitted sweater".to_owned()])]);
    let synonyms = Synonyms::new(&[group], &one_way).unwrap();
    let shop = Shop::new("english", synonyms, &["White trainers", "Running shoes", "Knitted sweater", "Jumper"]);
    assert_eq!(shop.found("sneakers"), [1, 2]);
    assert_eq!(shop.found("running shoes")[0], 2);
    assert!(shop.found("running shoes").contains(&1));
    assert_eq!(shop.found("jumpers"), [4, 3]);
    assert_eq!(shop.found("sweater"), [3]);
}

#[test]
fn codes_are_read_however_they_are_written() {
    let shop = english(&["lovely thing", "thing"]);
    let coded = |text: &str| shop.index.coded(&shop.index.wording(text).codes).unwrap();
    for text in ["SKU-100", "sku 100", "sku100", "4006381333931", "GTIN 4006381-333931 please"] {
        assert_eq!(coded(text), [1], "{text}");
    }
    assert!(coded("4006381333939").is_empty() && coded("a red bag").is_empty());
    let keys =
        |text: &str| -> Vec<u64> { shop.index.words(text, 9).unwrap().iter().map(|scored| scored.key).collect() };
    assert_eq!(keys("a lovely SKU-200"), [2, 1]);
}

#[test]
fn german_compounds_meet_their_parts() {
    let shop = Shop::new(
        "german",
        Synonyms::default(),
        &[
            "Rote Lederhandtasche für Damen",
            "Handtasche aus Kunstleder",
            "Herren-Lederjacke, schwarz",
            "Winterstiefel mit Fell",
            "Kinderschuhe mit Klettverschluss",
            "Damen Schuhe Größe 38",
            "Regenjacke wasserdicht",
        ],
    );
    assert_eq!(shop.found("Ich suche eine Handtasche aus Leder")[0], 1);
    assert!(shop.found("Handtaschen").starts_with(&[2]) && shop.found("Handtaschen").contains(&1));
    assert_eq!(shop.found("Stiefel für den Winter")[0], 4);
    assert_eq!(shop.found("Schuhe für Kinder")[0], 5);
    assert_eq!(shop.found("Damenschuhe in Groesse 38")[0], 6);
    assert_eq!(shop.found("schwarze Jacke aus Leder für Herren")[0], 3);
    assert_eq!(shop.corrected("Regenjakce"), Some("regenjacke".into()));
}

#[test]
fn whole_sentences_in_other_scripts_find_their_product() {
    let shop = english(&[
        "女士红色真皮手提包 大容量单肩包",
        "男士蓝色跑步鞋 透气轻便",
        "儿童防水雨衣 黄色",
        "レディース 本革 赤い ハンドバッグ 大容量",
        "メンズ ランニングシューズ 青 軽量",
        "子供用 レインコート 黄色 防水",
        "حقيبة يد نسائية جلدية حمراء",
        "حذاء رياضي رجالي أزرق للجري",
        "معطف مطر أصفر للأطفال",
        "빨간 가죽 핸드백 여성용",
    ]);
    for (sentence, expected) in [
        ("我想买一个红色的女士手提包", 1),
        ("有没有适合跑步的蓝色男鞋", 2),
        ("给孩子买的黄色雨衣", 3),
        ("赤い革のハンドバッグを探しています", 4),
        ("軽いランニングシューズはありますか", 5),
        ("子供のための黄色いレインコート", 6),
        ("أبحث عن حقيبة جلدية حمراء", 7),
        ("أريد حذاء رياضيا أزرق للرجال", 8),
        ("معاطف المطر للأطفال باللون الأصفر", 9),
        ("빨간 핸드백 찾아요", 10),
    ] {
        assert_eq!(shop.found(sentence).first(), Some(&expected), "{sentence}: {:?}", shop.found(sentence));
    }
    // A slip in Arabic.
    assert_eq!(shop.corrected("حقيبة جلديه حمارء"), Some("حقيبة جلديه حمراء".into()));
}

#[test]
fn long_and_strange_texts_are_answered() {
    let shop = english(&["Red leather handbag"]);
    for text in ["\u{0}\u{202e}", &"qwertz ".repeat(300), &"q".repeat(2_000), &"包".repeat(2_000), "👜👜 👜"] {
        let _ = shop.found(text);
    }
}
