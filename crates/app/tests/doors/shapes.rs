//! The shapes of JSON that programs rely on.

use serde_json::json;

use super::shop::{Server, product};

#[test]
fn a_written_product_a_hit_and_a_problem() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::over(data.path());
    let mut lamp = product(7);
    lamp["attributes"] = json!({"colour": "red", "size": ["S", "M"], "watts": 7.5, "dimmable": true});
    lamp["stock"] = 3.into();
    let written = server.put("/v1/catalogues/shop/products/p-7", &lamp).is(201).json();
    insta::assert_json_snapshot!(written, {".product.images[].source" => "[data]", ".product.images[].hash" => "[hash]"}, @r#"
    {
      "product": {
        "id": "p-7",
        "title": "Lamp Nr7x",
        "brand": "Lumen",
        "category": [
          "Home",
          "Lamps"
        ],
        "price": {
          "amount": "17.50",
          "currency": "EUR"
        },
        "availability": "in_stock",
        "stock": 3,
        "attributes": {
          "colour": "red",
          "dimmable": true,
          "size": [
            "S",
            "M"
          ],
          "watts": 7.5
        },
        "images": [
          {
            "source": "[data]",
            "hash": "[hash]",
            "width": 48,
            "height": 48
          }
        ]
      },
      "outcome": "created",
      "warnings": []
    }
    "#);
    let found =
        server.post("/v1/catalogues/shop/search", &json!({"filter": "stock = 3", "facets": ["brand"]})).is(200).json();
    insta::assert_json_snapshot!(found, {
        ".hits[].product" => "[product]", ".hits[].image.url" => "[url]", ".space" => "[space]", ".took_ms.*" => 0,
    }, @r#"
    {
      "hits": [
        {
          "product": "[product]",
          "score": 0.0,
          "image": {
            "url": "[url]",
            "region": [
              0.0,
              0.0,
              1.0,
              1.0
            ]
          }
        }
      ],
      "total": 1,
      "total_is_exact": true,
      "facets": {
        "brand": [
          {
            "value": "Lumen",
            "count": 1
          }
        ]
      },
      "space": "[space]",
      "took_ms": {
        "decode": 0,
        "embed": 0,
        "search": 0,
        "total": 0
      }
    }
    "#);
    insta::assert_json_snapshot!(server.get("/v1/catalogues/shop/products/p-8").json(), @r#"
    {
      "type": "urn:vetrina:problem:no-such-product",
      "title": "There is no such thing",
      "status": 404,
      "detail": "there is no product `p-8` in catalogue `shop`",
      "item": "p-8",
      "code": "no-such-product",
      "hint": "look at the id as the feed writes it; capital letters count"
    }
    "#);
}
