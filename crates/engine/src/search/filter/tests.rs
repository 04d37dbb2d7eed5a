//! The filter language: what it accepts, what it says about the rest, and that the index agrees with it.

use std::sync::LazyLock;

use proptest::prelude::*;
use rust_decimal::Decimal;

use super::*;
use crate::catalogue::{AttributeValue, Availability, Money, Product};
use crate::index::{Index, IndexOptions, IndexPoint};

pub(in crate::search) fn schema() -> Schema {
    Schema::new(["Colour", "size", "weight", "vegan", "Größe (cm)", "price"])
}

fn parsed(text: &str) -> Expr {
    parse(text, &schema()).unwrap_or_else(|error| panic!("{}\n{error}", error.pointed(text)))
}

fn error(text: &str) -> FilterError {
    match parse(text, &schema()) {
        Ok(expr) => panic!("{text} was understood as {expr}"),
        Err(error) => error,
    }
}

#[test]
fn the_contract_s_example_is_understood() {
    let expr = parsed(r#"price < 80 AND in_stock AND category = "Bags" AND brand IN ["A", "B"]"#);
    assert_eq!(expr.to_string(), r#"price < 80 AND in_stock AND category = "Bags" AND brand IN ["A", "B"]"#);
}

#[test]
fn every_form_has_one_way_to_be_written() {
    let cases = [
        ("PRICE<80", "price < 80"),
        ("price 10..50", "price BETWEEN 10 AND 50"),
        ("price 10 .. 50.5", "price BETWEEN 10 AND 50.5"),
        ("price 10..", "price >= 10"),
        ("price ..50", "price <= 50"),
        ("price between -3 and 50 and in_stock", "price BETWEEN -3 AND 50 AND in_stock"),
        ("not in_stock or (brand = 'x' and stock>=2)", r#"NOT in_stock OR (brand = "x" AND stock >= 2)"#),
        ("brand not in ('a','b',)", r#"NOT brand IN ["a", "b"]"#),
        ("title starts with 'red'", r#"title ^= "red""#),
        ("title ^= 'say \\'hi\\' \\\\'", r#"title ^= "say 'hi' \\""#),
        ("color = 'red'", r#"attributes.colour = "red""#),
        ("attributes.size > 40", "attributes.size > 40"),
        (r#"attributes."größe (CM)" = 40"#, r#"attributes."größe (cm)" = 40"#),
        ("attributes.price exists", "attributes.price EXISTS"),
        ("vegan", "attributes.vegan"),
        ("vegan = TRUE", "attributes.vegan = true"),
        ("brand not exists", "NOT brand EXISTS"),
        ("added_at >= 2026-01-31", "added_at >= 2026-01-31"),
        ("added_at 2026-01-01..2026-02-01", "added_at BETWEEN 2026-01-01 AND 2026-02-01"),
        ("added_at < '2026-01-31T12:00:00+02:00'", "added_at < 2026-01-31T10:00:00Z"),
        ("code = 4006381333931", r#"code = "4006381333931""#),
        ("availability = 'Out of stock'", r#"availability = "out_of_stock""#),
        ("((price = 1))", "price = 1"),
        ("价格 = 1 OR price = 2", ""),
    ];
    for (text, written) in cases {
        if written.is_empty() {
            assert!(parse(text, &schema()).is_err());
        } else {
            assert_eq!(parsed(text).to_string(), written, "{text}");
        }
    }
}

#[test]
fn and_binds_tighter_than_or_and_not_tightest() {
    let in_stock = || Expr::Test(Test { field: Field::InStock, check: Check::Set });
    let expected = Expr::Or(vec![Expr::And(vec![Expr::Not(Box::new(in_stock())), in_stock()]), in_stock()]);
    assert_eq!(parsed("NOT in_stock AND in_stock OR in_stock"), expected);
}

#[test]
fn errors_point_and_suggest() {
    let cases: &[(&str, usize, &str)] = &[
        ("prise < 80", 1, "`price`"),
        ("price < 80 AND bramd = 'x'", 16, "`brand`"),
        ("price < 80 ADN in_stock", 12, "AND"),
        ("(price < 80 ADN in_stock)", 13, "AND"),
        ("brand NIN ['x']", 7, "IN"),
        ("brand BETWIN 1 AND 2", 7, "BETWEEN"),
        ("attributes.colr = 'red'", 1, "`colour`"),
        ("price == 80", 7, "`=`"),
        ("in_stock && vegan", 10, "`AND`"),
        ("brand = Nike", 9, "\"Nike\""),
        ("availability = 'sold_out'", 16, ""),
        ("availability = 'instock'", 16, "\"in_stock\""),
        ("brand = “Nike”", 9, "straight quote"),
        ("\"red bag\"", 1, "title ^= \"red bag\""),
        ("", 1, ""),
        ("price", 6, ""),
        ("price <", 8, ""),
        ("price < 80€", 11, ""),
        ("price < 'x'", 9, ""),
        ("brand < 'x'", 7, ""),
        ("title = 'x'", 7, ""),
        ("stock ^= 'x'", 7, ""),
        ("brand IN []", 11, ""),
        ("brand IN ['a'", 14, ""),
        ("brand IN 'a'", 10, ""),
        ("brand = 'abc", 9, ""),
        ("brand = 'a\\qc'", 11, ""),
        ("(price = 1", 11, ""),
        ("price = 1)", 10, ""),
        ("added_at > 2026-13-31", 12, ""),
        ("added_at > 'soon'", 12, ""),
        ("größe < 3", 1, "`größe (cm)`"),
        ("brand = '日本' AND prise = 1", 18, "`price`"),
        ("price < 1 % 2", 11, ""),
        ("price BETWEEN 1 OR 2", 17, ""),
    ];
    for (text, column, suggestion) in cases {
        let error = error(text);
        assert_eq!(error.column, *column, "{text}: {error}");
        let suggested = error.suggestion.clone().unwrap_or_default();
        assert!(suggested.contains(suggestion), "{text}: {error}");
        assert!(suggestion.is_empty() == suggested.is_empty(), "{text}: {error}");
    }
}

#[test]
fn an_error_reads_well() {
    let found = error("price < 80 AND bramd = 'x'");
    assert_eq!(found.to_string(), "filter, column 16: unknown field `bramd`; did you mean `brand`?");
    assert_eq!(found.pointed("price < 80 AND bramd = 'x'"), "price < 80 AND bramd = 'x'\n               ^");
}

#[test]
fn size_and_depth_are_limited() {
    let deep = format!("{}price = 1{}", "(".repeat(5_000), ")".repeat(4_000));
    assert!(error(&deep).problem.contains("deeper"));
    let negated = format!("{}in_stock", "NOT ".repeat(1_000));
    assert!(error(&negated).problem.contains("deeper"));
    assert!(error(&"x".repeat(MAX_LENGTH + 1)).problem.contains("longer"));
    let list = format!("brand IN [{}]", "'a',".repeat(MAX_VALUES + 1));
    assert!(error(&list).problem.contains("more than"));
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,60}") {
        let _ = parse(&text, &schema());
    }

    #[test]
    fn nearly_filters_do_not_either(words in proptest::collection::vec(
        prop_oneof!["price", "brand", "AND", "OR", "NOT", "IN", "BETWEEN", "<", "=", "\\(", "\\)", "\\[", "'a'", "1", "\\.\\.", "2026-01-31", "EXISTS", ","], 0..12)) {
        let text = words.join(" ");
        if let Err(error) = parse(&text, &schema()) {
            prop_assert!(error.column >= 1 && error.column <= text.chars().count() + 1);
        }
    }

    #[test]
    fn what_is_written_is_read_back(expr in any_expr(any_text().boxed())) {
        let written = expr.to_string();
        if written.chars().count() <= MAX_LENGTH {
            let read = parse(&written, &schema());
            prop_assert_eq!(read, Ok(expr), "{}", written);
        }
    }
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-c]{1,3}", "\\PC{1,8}", Just("a\"b\\c\n'".to_owned())]
        .prop_filter("starts must not be blank", |text| !text.trim().is_empty())
}

fn any_day() -> impl Strategy<Value = Literal> {
    prop_oneof![
        (0_u64..4).prop_map(|day| Literal::Day(NaiveDate::from_ymd_opt(2026, 1, 1).unwrap() + chrono::Days::new(day))),
        (0_i64..4 * 24).prop_map(|hour| {
            let start = NaiveDate::from_ymd_opt(2026, 1, 1).unwrap().and_hms_micro_opt(0, 0, 0, 250_000).unwrap();
            Literal::Moment(start.and_utc() + chrono::TimeDelta::hours(hour))
        }),
    ]
}

fn any_number() -> impl Strategy<Value = Literal> {
    prop_oneof![(-2_i32..6).prop_map(f64::from), (-20_i32..60).prop_map(|tenth| f64::from(tenth) / 10.0)]
        .prop_map(Literal::Number)
}

fn any_comparison() -> impl Strategy<Value = Comparison> {
    use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
    proptest::sample::select(vec![Equal, NotEqual, Less, LessOrEqual, Greater, GreaterOrEqual])
}

fn any_test(texts: BoxedStrategy<String>) -> impl Strategy<Value = Test> {
    let text = texts.clone().prop_map(Literal::Text);
    let text_field = proptest::sample::select(vec![
        Field::Id,
        Field::Currency,
        Field::Brand,
        Field::Category,
        Field::Group,
        Field::Code,
        Field::attribute("colour"),
        Field::attribute("größe (cm)"),
    ]);
    let number_field = proptest::sample::select(vec![
        Field::Price,
        Field::Stock,
        Field::attribute("size"),
        Field::attribute("weight"),
    ]);
    let prefix_field = proptest::sample::select(vec![
        Field::Title,
        Field::Id,
        Field::Brand,
        Field::Category,
        Field::attribute("colour"),
    ]);
    let any_field = proptest::sample::select(
        Field::STANDARD.iter().map(|(_, field)| field.clone()).chain([Field::attribute("size")]).collect::<Vec<_>>(),
    );
    let equality = proptest::sample::select(vec![Comparison::Equal, Comparison::NotEqual]);
    let availability = proptest::sample::select(vec!["in_stock", "out_of_stock", "preorder", "backorder"]);
    prop_oneof![
        (text_field.clone(), equality.clone(), text.clone())
            .prop_map(|(field, comparison, value)| Test { field, check: Check::Is(comparison, value) }),
        (text_field, proptest::collection::vec(text, 1..4))
            .prop_map(|(field, list)| Test { field, check: Check::In(list) }),
        (equality.clone(), availability).prop_map(|(comparison, value)| Test {
            field: Field::Availability,
            check: Check::Is(comparison, Literal::Text(value.to_owned()))
        }),
        (number_field.clone(), any_comparison(), any_number())
            .prop_map(|(field, comparison, value)| Test { field, check: Check::Is(comparison, value) }),
        (number_field.clone(), any_number(), any_number())
            .prop_map(|(field, low, high)| Test { field, check: Check::Between(low, high) }),
        (number_field, proptest::collection::vec(any_number(), 1..4))
            .prop_map(|(field, list)| Test { field, check: Check::In(list) }),
        (any_comparison(), any_day())
            .prop_map(|(comparison, value)| Test { field: Field::AddedAt, check: Check::Is(comparison, value) }),
        (any_day(), any_day()).prop_map(|(low, high)| Test { field: Field::AddedAt, check: Check::Between(low, high) }),
        (prefix_field, texts).prop_map(|(field, start)| Test { field, check: Check::StartsWith(start) }),
        any_field.prop_map(|field| Test { field, check: Check::Exists }),
        (proptest::sample::select(vec![Field::InStock, Field::attribute("vegan")]), any::<bool>(), equality)
            .prop_map(|(field, flag, comparison)| Test { field, check: Check::Is(comparison, Literal::Flag(flag)) }),
        proptest::sample::select(vec![Field::InStock, Field::attribute("vegan")])
            .prop_map(|field| Test { field, check: Check::Set }),
    ]
}

pub(in crate::search) fn any_expr(texts: BoxedStrategy<String>) -> impl Strategy<Value = Expr> {
    any_test(texts).prop_map(Expr::Test).prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Expr::And),
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Expr::Or),
            inner.prop_map(|inner| Expr::Not(Box::new(inner))),
        ]
    })
}

/// Few different values, so that filters hit.
pub(in crate::search) fn small_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[aAbB]{1,2}",
        "[ab] > [ab]",
        "[0-4]",
        "[0-3]\\.[05]",
        Just("Größe".to_owned()),
        Just("GRÖSSE  x".to_owned()),
        Just("包".to_owned()),
        Just("true".to_owned()),
    ]
}

pub(in crate::search) fn any_product() -> impl Strategy<Value = Product> {
    let attribute = prop_oneof![
        small_text().prop_map(AttributeValue::Text),
        (0_i32..5).prop_map(|number| AttributeValue::Number(f64::from(number) / 2.0)),
        any::<bool>().prop_map(AttributeValue::Flag),
        proptest::collection::vec(small_text(), 0..3).prop_map(AttributeValue::List),
    ];
    let name = proptest::sample::select(vec!["Colour", "size", "weight", "vegan", "Größe (cm)", "price"]);
    let money = (-1_i64..60, proptest::sample::select(vec!["EUR", "a", ""]))
        .prop_map(|(cents, currency)| Money { amount: Decimal::new(cents, 1), currency: currency.to_owned() });
    let availability = proptest::sample::select(vec![
        Availability::InStock,
        Availability::OutOfStock,
        Availability::Preorder,
        Availability::Backorder,
    ]);
    use proptest::option::of as some;
    let first = (
        small_text(),
        small_text(),
        some(small_text()),
        proptest::collection::vec(small_text(), 0..3),
        some(money.clone()),
    );
    let second = (some(money), availability, some(-1_i64..5), some(small_text()), some("[0-3]{1,2}"));
    let third = (proptest::collection::btree_map(name.prop_map(str::to_owned), attribute, 0..4), some(0_i64..4 * 24));
    (first, second, third).prop_map(|(first, second, third)| Product {
        id: first.0,
        title: first.1,
        brand: first.2,
        category: first.3,
        price: first.4,
        sale_price: second.0,
        availability: second.1,
        stock: second.2,
        group: second.3,
        gtin: second.4,
        attributes: third.0,
        added_at: third.1.map(|hour| {
            let start = NaiveDate::from_ymd_opt(2026, 1, 1).unwrap().and_hms_nano_opt(0, 0, 0, 250_000_700).unwrap();
            start.and_utc() + chrono::TimeDelta::hours(hour)
        }),
        ..Product::default()
    })
}

/// Products and the index of them, once for all cases: making a shard costs more than asking it.
static SHOP: LazyLock<(tempfile::TempDir, Index, Vec<Product>)> = LazyLock::new(|| {
    use proptest::strategy::ValueTree as _;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let products: Vec<Product> = (0..400).map(|_| any_product().new_tree(&mut runner).unwrap().current()).collect();
    let dir = tempfile::tempdir().unwrap();
    let index = Index::open(dir.path(), &IndexOptions::new(4)).unwrap().index;
    let points: Vec<IndexPoint> =
        (0_u64..).zip(&products).map(|(key, product)| IndexPoint::of(product, key, Vec::new())).collect();
    index.upsert(&points).unwrap();
    (dir, index, products)
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]
    #[test]
    fn the_index_agrees_with_the_meaning(expr in any_expr(small_text().boxed())) {
        let (_, index, products) = &*SHOP;
        let expected: Vec<u64> =
            (0_u64..).zip(products).filter(|(_, product)| expr.matches(product, None)).map(|(key, _)| key).collect();
        let table = index.table();
        let mut rows: Vec<u64> = expr.select(index, &table).unwrap().iter().map(|row| table.key(row)).collect();
        rows.sort_unstable();
        prop_assert_eq!(&rows, &expected, "{}", expr);
    }
}
