//! Search by colour, through every door: pictures of one colour and of two, so that anybody can tell the answer.

use serde_json::{Value, json};

use super::shop::{Server, data_uri, ids, ran, vetrina};

const RED: [u8; 3] = [0xc8, 0x1f, 0x2b];
const BLUE: [u8; 3] = [0x22, 0x5f, 0xc4];
const NAVY: [u8; 3] = [0x1e, 0x28, 0x4a];

/// A square of two colours, side by side, on white; the first has `share` of ten.
fn square(first: [u8; 3], second: [u8; 3], share: u32) -> Vec<u8> {
    let inside = |at: u32| (20..76).contains(&at);
    let picture = image::RgbImage::from_fn(96, 96, |x, y| {
        let colour = if (x - x.min(20)) * 10 < share * 56 { first } else { second };
        image::Rgb(if inside(x) && inside(y) { colour } else { [255; 3] })
    });
    let mut bytes = Vec::new();
    picture.write_to(&mut std::io::Cursor::new(&mut bytes), image::ImageFormat::Png).unwrap();
    bytes
}

fn product(id: &str, title: &str, picture: &[u8]) -> Value {
    json!({"title": title, "id": id, "price": {"amount": format!("{}", id.len() * 10), "currency": "EUR"},
           "images": [{"source": data_uri(picture)}]})
}

/// Five products whose titles say nothing of their colours.
fn shop() -> Vec<Value> {
    vec![
        product("red", "Square scarf", &square(RED, RED, 10)),
        product("blue", "Square scarf", &square(BLUE, BLUE, 10)),
        product("navy", "Square shawl", &square(NAVY, NAVY, 10)),
        product("mostly-red", "Square shawl", &square(RED, BLUE, 7)),
        json!({"id": "unseen", "title": "Square scarf"}),
    ]
}

fn put(server: &Server, products: &[Value]) {
    for product in products {
        let path = format!("/v1/catalogues/default/products/{}", product["id"].as_str().unwrap());
        server.put(&path, product).is(201);
    }
    // The server looks at the pictures right after it has taken them.
    let seen = || server.search(&json!({"filter": "picture_colour EXISTS"})).is(200).json()["total"].as_u64().unwrap();
    let pictured = || {
        let all = server.get("/v1/catalogues/default/products").is(200).json();
        let pictured = all["products"].as_array().unwrap().iter().filter(|product| product["images"][0].is_object());
        pictured.count() as u64
    };
    let began = std::time::Instant::now();
    while seen() < pictured() {
        assert!(began.elapsed().as_secs() < 300, "the pictures were not looked at");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}

#[test]
fn a_colour_ranks_alone_with_a_filter_and_beside_everything_else() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::over(data.path());
    put(&server, &shop());
    let found = |query: Value| server.search(&query).is(200).json();

    let red = found(json!({"colour": "red", "facets": ["colour"], "explain": true}));
    assert_eq!(ids(&red), ["red", "mostly-red"]);
    assert_eq!(red["total"], 2);
    let scores: Vec<f64> = red["hits"].as_array().unwrap().iter().map(|hit| hit["score"].as_f64().unwrap()).collect();
    assert!(scores[0] > 0.95 && (0.4..0.9).contains(&scores[1]), "{scores:?}");
    assert!(red["hits"][0].get("probability").is_none(), "a colour says nothing about the very product");
    let reasons = red["hits"][1]["reasons"].to_string();
    assert!(reasons.contains("% of it is red"), "{reasons}");
    let count = |answer: &Value, value: &str| {
        let values = answer["facets"]["colour"].as_array().unwrap();
        values.iter().find(|each| each["value"] == value).map_or(0, |each| each["count"].as_u64().unwrap())
    };
    assert_eq!((count(&red, "red"), count(&red, "blue"), count(&red, "green")), (2, 1, 0));

    // Every shade of a family, one shade only, a value, and names of other languages.
    assert_eq!(ids(&found(json!({"colour": "blau"}))), ["blue", "navy", "mostly-red"]);
    assert_eq!(ids(&found(json!({"colour": "navy"}))), ["navy"]);
    assert_eq!(ids(&found(json!({"colour": "#1e284a"}))), ["navy"]);
    assert_eq!(ids(&found(json!({"colour": "红色", "limit": 1}))), ["red"]);
    assert_eq!(ids(&found(json!({"colour": "red", "filter": "price > 50"}))), ["mostly-red"]);
    assert_eq!(ids(&found(json!({"colour": "red", "sort": [{"price": "desc"}]}))), ["mostly-red", "red"]);
    assert_eq!(ids(&found(json!({"colour": "red", "offset": 1}))), ["mostly-red"]);

    // Beside words, it orders what they find.
    let scarf = found(json!({"text": "scarf", "colour": "blue", "explain": true}));
    assert_eq!(scarf["total"], 3);
    assert_eq!(ids(&scarf)[0], "blue");
    assert!(scarf["hits"][0]["reasons"].to_string().contains("counts for 40 % of the score"), "{scarf}");
    // Beside a photo, as multipart: the red square, but in blue.
    let photo = square(RED, RED, 10);
    let plain =
        server.search_photos(&[&photo], Some(&json!({"images": [{"part": 0}], "explain": true}))).is(200).json();
    assert_eq!(ids(&plain)[0], "red");
    let query = json!({"images": [{"part": 0}], "colour": "blue", "explain": true});
    let blue = server.search_photos(&[&photo], Some(&query)).is(200).json();
    assert_eq!(blue["total"], plain["total"]);
    let place = |answer: &Value, id: &str| ids(answer).iter().position(|own| own == id).unwrap();
    assert!(place(&blue, "blue") <= place(&plain, "blue"));
    let score = |answer: &Value, id: &str| answer["hits"][place(answer, id)]["score"].as_f64().unwrap();
    let told = |answer: &Value, id: &str, before: &str| -> f64 {
        let reasons = answer["hits"][place(answer, id)]["reasons"].to_string();
        let after = reasons.split_once(before).unwrap_or_else(|| panic!("no `{before}` in {reasons}")).1;
        after.split_once(' ').unwrap().0.parse().unwrap()
    };
    let cosine = |answer: &Value, id: &str| told(answer, id, "picture: cosine ");
    assert!((score(&blue, "blue") - (0.6 * cosine(&plain, "blue") + 0.4)).abs() < 0.01, "{blue}");
    // The probability of being the very product does not ask what colour is wanted.
    let navy = json!({"images": [{"part": 0}], "colour": "navy"});
    let navy = server.search_photos(&[&photo], Some(&navy)).is(200).json();
    let probability = |answer: &Value| answer["hits"][place(answer, "red")]["probability"].as_f64().unwrap();
    assert_eq!(probability(&blue), probability(&navy));
    // Without a wanted colour, hits lose what their colours do not have of the photo's.
    let agreement = |id: &str| told(&plain, id, "colours: agree by ");
    assert!(agreement("red") > 98.0 && agreement("blue") < 30.0, "{plain}");
    assert!((score(&plain, "red") - cosine(&plain, "red")).abs() < 0.02, "{plain}");
    let lost = cosine(&plain, "blue") - score(&plain, "blue");
    assert!((lost - 0.3 * (1.0 - agreement("blue") / 100.0)).abs() < 0.02, "{lost}: {plain}");
    // Beside a product to be like.
    assert_eq!(ids(&found(json!({"like": ["mostly-red"], "colour": "navy", "limit": 3}))).len(), 3);
}

#[test]
fn explain_names_what_was_done_to_the_photo() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::over(data.path());
    put(&server, &shop());
    let mut noisy = image::load_from_memory(&square(RED, RED, 10)).unwrap().to_rgb8();
    let mut state = 7_u32;
    for value in noisy.iter_mut() {
        // About normally distributed, σ 35: the sum of four even numbers.
        let sum = (0..4).map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as i32
        });
        *value = (i32::from(*value) + (sum.sum::<i32>() - 510) / 4).clamp(0, 255) as u8;
    }
    let mut photo = Vec::new();
    noisy.write_to(&mut std::io::Cursor::new(&mut photo), image::ImageFormat::Png).unwrap();
    for understand in [true, false] {
        let query = json!({"images": [{"part": 0}], "explain": true, "understand": understand});
        let found = server.search_photos(&[&photo], Some(&query)).is(200).json();
        let reasons = found["hits"][0]["reasons"].to_string();
        assert!(reasons.contains("photo 1: its noise was smoothed"), "{reasons}");
    }
}

#[test]
fn filter_and_facet_use_the_picture_until_the_catalogue_says_its_own_colours() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::over(data.path());
    put(&server, &shop());
    let found = |query: Value| server.search(&query).is(200).json();
    let by = |filter: &str| {
        let mut ids = ids(&found(json!({"filter": filter})));
        ids.sort_unstable();
        ids
    };
    assert_eq!(by("colour = \"red\""), ["mostly-red", "red"]);
    assert_eq!(by("color = \"Rot\" AND NOT colour = \"blue\""), ["red"]);
    assert_eq!(by("colour IN [\"red\", \"蓝色\"]"), ["blue", "mostly-red", "navy", "red"]);
    assert_eq!(by("colour NOT EXISTS"), ["unseen"]);
    let refused = server.search(&json!({"filter": "price > 1 AND colour = \"marine\""}));
    assert_eq!(refused.problem(400), "bad-filter");
    assert_eq!(refused.json()["column"], 24, "{}", refused.text());

    // One product with the attribute, and the word means the attribute.
    let mut own = product("own", "Square cap", &square(RED, RED, 10));
    own["attributes"] = json!({"colour": "cherry"});
    put(&server, &[own]);
    assert_eq!(by("colour = \"cherry\""), ["own"]);
    assert_eq!(by("colour = \"red\""), [""; 0]);
    assert_eq!(by("picture_colour = \"red\""), ["mostly-red", "own", "red"]);
    let counted = found(json!({"filter": "id EXISTS", "facets": ["colour", "picture_colour"]}));
    assert_eq!(counted["facets"]["colour"], json!([{"value": "cherry", "count": 1}]));
    assert_eq!(
        counted["facets"]["picture_colour"],
        json!([{"value": "blue", "count": 3}, {"value": "red", "count": 3}])
    );
}

#[test]
fn on_the_command_line_and_after_a_new_start() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::over(data.path());
    put(&server, &shop());
    drop(server);
    let search = |arguments: &[&str]| {
        let mut command = vetrina();
        command.arg("search").args(arguments).arg("--data").arg(data.path());
        ran(&mut command)
    };
    let red = search(&["--colour", "red", "--facet", "colour", "--json"]).ends(0).json();
    assert_eq!(ids(&red), ["red", "mostly-red"]);
    let told = search(&["--colour", "#c81f2b", "--explain"]).ends(0);
    assert!(told.out.contains("100 % of it is like #c81f2b (red)"), "{}", told.out);
    let unknown = search(&["--colour", "purpel"]).ends(2);
    assert!(unknown.err.contains("purple"), "{}", unknown.err);
}
