//! What is described is what the engine says.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use vetrina_engine::catalogue as engine_catalogue;
use vetrina_engine::engine::{
    CatalogueInfo, DryRun, Forgotten, ItemError, Job, Outcome, ProductPage, Provenance, TrainReport, Written,
};
use vetrina_engine::search::{SearchRequest, SearchResponse, Suggestion, Suggestions};

fn described(name: &str) -> BTreeSet<String> {
    let (_, description) = crate::http::resources().split_for_parts();
    let description = serde_json::to_value(description).unwrap();
    let schema = &description["components"]["schemas"][name];
    schema["properties"].as_object().unwrap_or_else(|| panic!("{name}: {schema}")).keys().cloned().collect()
}

#[track_caller]
fn same(name: &str, value: &impl serde::Serialize) {
    let value = serde_json::to_value(value).unwrap();
    let own: BTreeSet<String> = value.as_object().unwrap().keys().cloned().collect();
    assert_eq!(own, described(name), "{name}");
}

fn product() -> engine_catalogue::Product {
    let money = json!({"amount": "1.50", "currency": "EUR"});
    serde_json::from_value(json!({
        "id": "a", "title": "t", "description": "d", "brand": "b", "category": ["c"], "price": money, "sale_price": money,
        "availability": "in_stock", "stock": 1, "group": "g", "link": "https://x", "gtin": "1", "mpn": "2",
        "attributes": {"size": ["S"]}, "added_at": "2026-01-31T12:00:00Z",
        "images": [{"source": "s", "hash": "h", "width": 1, "height": 2}],
    }))
    .unwrap()
}

fn item() -> ItemError {
    let text = String::new;
    ItemError { line: 1, id: None, field: None, code: text(), reason: text(), hint: text(), warning: false }
}

fn trained() -> (Provenance, TrainReport) {
    let space = "0123456789abcdef";
    let provenance = json!({
        "method": "lda", "learned": {}, "layers": true, "colours": false, "guesses": "alone", "model": "m", "model_sha256": "0", "pictures": 1, "products": 1,
        "labels": 1, "pairs": 0, "revision": 1, "last_product": 1, "seed": 1, "vetrina": "0", "trained_at": "2026-01-31T12:00:00Z",
    });
    let fused = json!({"fused": true, "tasks": []});
    let unlabelled = json!({"photos": 50, "anchored": true, "layers": true, "fused": true, "tasks": []});
    let words = json!({
        "products": 1, "vocabulary": 1, "queries": 1, "pictures": 1, "recall_at_1": 0.5, "recall_at_10": null, "chance": 0.1, "median_rank": 1,
        "used": true,
    });
    let report = json!({
        "learned": "labels: category", "products": 1, "pictures": 1, "labels": 1, "pairs": 0, "against": space, "tasks": [],
        "gate": {"passes": true, "reasons": []}, "notes": [], "layers": fused, "colours": fused, "unlabelled": unlabelled, "words": words, "seconds": 1.0,
    });
    (serde_json::from_value(provenance).unwrap(), serde_json::from_value(report).unwrap())
}

fn asked() -> SearchRequest {
    serde_json::from_value(json!({
        "text": "a", "not_text": "b", "images": [{"part": 0, "url": "u", "data": "d", "region": [0, 0, 1, 1], "weight": 1}],
        "like": ["a"], "not_like": ["b"], "colour": "red", "filter": "in_stock", "facets": ["brand"], "sort": [{"price": "asc"}],
        "limit": 1, "offset": 0, "min_band": "similar", "per_brand": 1, "diversity": 0.5, "collapse": false, "rules": {"floor": 0.5}, "user": "u", "explain": true, "understand": false,
    }))
    .unwrap()
}

fn found(product: engine_catalogue::Product) -> SearchResponse {
    serde_json::from_value(json!({
        "hits": [{"product": product, "score": 0.5, "probability": 0.5, "band": "exact", "variants": 2, "reasons": ["r"],
                  "image": {"url": "u", "region": [0, 0, 1, 1]}}],
        "total": 1, "total_is_exact": true, "facets": {"price": [{"value": "0..1", "count": 1, "from": 0.0, "to": 1.0}]},
        "did_you_mean": "b", "understood": understood(), "space": "s", "took_ms": {"decode": 0.0, "embed": 0.0, "search": 0.0, "total": 0.0},
    }))
    .unwrap()
}

fn understood() -> Value {
    let background = json!({"kind": "white", "hex": "#ffffff", "unevenness": 0.1});
    let exposure = json!({"subject": 0.5, "lightest": 1.0, "darkest": 0.0, "burnt": 0.0, "drowned": 0.0});
    let subject = json!({"found": true, "box": [0, 0, 1, 1], "area": 0.5, "off_centre": 0.0, "sides_reached": 0});
    json!({
        "regions": [{"box": [0, 0, 1, 1], "confidence": 1.0}], "categories": [{"path": "a", "probability": 0.5}],
        "attributes": {"season": [{"value": "summer", "probability": 0.5}]},
        "colours": [{"name": "navy", "family": "blue", "hex": "#1e284a", "share": 1.0}],
        "names": [{"name": "cup", "probability": 0.5}], "repair": "denoised", "second_look": [0, 0, 0.5, 0.5], "findings": [{"code": "c", "says": "s", "hint": "h"}],
        "quality": {"width": 1, "height": 1, "blur": 1.0, "noise": 1.0, "blocks": 1.0, "exposure": exposure, "background": background,
                    "subject": subject, "frame": [0.0, 0.0, 0.0, 0.0], "text": 0.0},
    })
}

#[test]
fn the_description_has_the_fields_of_the_engines_types() {
    let product = product();
    same("Product", &product);
    same("ImageRef", &product.images[0]);
    same("Money", &product.price);
    same("ItemError", &item());
    same("ProductPage", &ProductPage { products: Vec::new(), total: 0 });
    same("Written", &Written { product: product.clone(), outcome: Outcome::Created, warnings: vec![item()] });
    same("Catalogue", &CatalogueInfo { name: "a".parse().unwrap(), products: 0, images: 0 });
    let job: Job = serde_json::from_value(json!({
        "id": "", "kind": "", "catalogue": "a", "name": "", "state": "running", "dialect": null, "total": null, "done": 0, "created": 0,
        "updated": 0, "skipped": 0, "failed": 0, "warnings": 0, "removed": 0, "embedded": 0, "per_second": null, "seconds_left": null, "doing": "d", "result": {},
        "message": "", "created_at": "2026-01-31T12:00:00Z", "finished_at": null,
    }))
    .unwrap();
    same("Job", &job);
    same("Forgotten", &Forgotten::default());
    let report = DryRun {
        dialect: String::new(),
        products: 0,
        new_products: 0,
        images: 0,
        distinct_images: 0,
        new_images: 0,
        fields: Vec::new(),
        unknown_columns: Vec::new(),
        problems: Vec::new(),
        problem_count: 0,
        rejected: 0,
        seconds: 0.0,
        disk_bytes: 0,
        memory_bytes: 0,
        fits: true,
        why: String::new(),
    };
    same("DryRun", &report);
    let suggestion: Suggestion = serde_json::from_value(json!({
        "kind": "product", "text": "t", "id": "a", "value": "v", "image": "/v1/images/h", "products": 1,
    }))
    .unwrap();
    same("Suggestion", &suggestion);
    same("Suggestions", &Suggestions { suggestions: vec![suggestion] });
    let (provenance, report) = trained();
    same("Provenance", &provenance);
    same("TrainReport", &report);
    same("FusedReport", &report.layers);
    same("UnlabelledReport", &report.unlabelled);
    same("SearchRequest", &asked());
    same("QueryImage", &asked().images[0]);
    let found = found(product);
    same("SearchResponse", &found);
    same("Hit", &found.hits[0]);
    same("HitImage", &found.hits[0].image);
    same("FacetCount", &found.facets["price"][0]);
    let understood = found.understood.unwrap_or_default();
    same("Understood", &understood);
    same("RegionSeen", &understood.regions[0]);
    same("CategoryGuess", &understood.categories[0]);
    same("Guess", &understood.attributes["season"][0]);
    same("PaletteColour", &understood.colours[0]);
    same("NamedThing", &understood.names[0]);
    same("Quality", &understood.quality);
    same("Finding", &understood.findings.unwrap_or_default()[0]);
    let mut problem = crate::http::problem::Problem::busy().item("x");
    problem.column = Some(1);
    same("Problem", &problem);
}

#[test]
fn every_reference_of_the_description_leads_somewhere() {
    let (_, description) = crate::http::resources().split_for_parts();
    let description = serde_json::to_value(description).unwrap();
    let text = description.to_string();
    for reference in text.split("\"#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(!matches!(description["components"]["schemas"][reference], Value::Null), "{reference}");
    }
}
