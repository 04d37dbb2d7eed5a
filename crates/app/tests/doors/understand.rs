//! What a picture shows, through both doors.

use std::fs;

use serde_json::{Value, json};

use super::shop::{Answer, Server, demo_data, instant_camera, ran, vetrina};

fn ask(server: &Server, catalogue: &str, parts: &[(&str, &[u8])]) -> Answer {
    let mut body = Vec::new();
    for (name, content) in parts {
        let head = format!("--b0undary\r\ncontent-disposition: form-data; name=\"{name}\"; filename=\"p.jpg\"\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--b0undary--\r\n");
    let head = [("content-type", "multipart/form-data; boundary=b0undary")];
    server.ask("POST", &format!("/v1/catalogues/{catalogue}/understand"), &head, body)
}

/// A photograph of an instant camera: what anybody would say of it.
#[track_caller]
fn is_a_camera(understood: &Value) {
    let names: Vec<&str> =
        understood["names"].as_array().unwrap().iter().map(|name| name["name"].as_str().unwrap()).collect();
    assert!(names.iter().any(|name| name.contains("camera")), "{names:?}");
    let shares = understood["colours"].as_array().unwrap().iter().map(|colour| colour["share"].as_f64().unwrap());
    assert!((shares.sum::<f64>() - 1.0).abs() < 1e-3, "{}", understood["colours"]);
    let regions = understood["regions"].as_array().unwrap();
    assert!(regions.iter().any(|region| region["box"] == json!([0.0, 0.0, 1.0, 1.0])), "{regions:?}");
    for region in regions {
        assert!((0.0..=1.0).contains(&region["confidence"].as_f64().unwrap()), "{region}");
    }
}

#[test]
fn over_http_and_in_a_search() {
    let data = demo_data();
    let server = Server::over(data.path());
    let photo = fs::read(instant_camera()).unwrap();
    let understood = ask(&server, "default", &[("image", &photo)]).is(200).json();
    is_a_camera(&understood);
    assert!(understood["quality"]["width"].as_u64().unwrap() > 100);
    assert!(understood["findings"].is_array());

    let found = server.search_photos(&[&photo], None).is(200).json();
    is_a_camera(&found["understood"]);
    assert!(found["understood"]["quality"].is_null());
    let without = server.search_photos(&[&photo], Some(&json!({"images": [{"part": 0}], "understand": false})));
    assert!(without.is(200).json()["understood"].is_null());

    ask(&server, "default", &[]).problem(400);
    ask(&server, "default", &[("image", &photo), ("image", &photo)]).problem(400);
    ask(&server, "default", &[("image", b"<html></html>")]).problem(415);
    assert_eq!(ask(&server, "no-such", &[("image", &photo)]).problem(404), "no-such-catalogue");
    assert_eq!(server.post("/v1/catalogues/default/understand", &json!({})).problem(400), "bad-multipart");
}

#[test]
fn on_the_command_line_without_any_catalogue() {
    let empty = tempfile::tempdir().unwrap();
    let data = empty.path().join("none");
    let photo = instant_camera();
    let command = || {
        let mut command = vetrina();
        command.arg("understand").arg(&photo).arg("--data").arg(&data);
        command
    };
    let told = ran(command().arg("--json")).ends(0).json();
    is_a_camera(&told);
    assert_eq!(told["categories"], json!([]));
    assert!(!data.exists(), "who only asks leaves nothing behind");
    let out = ran(&mut command()).ends(0).out;
    assert!(out.contains("region") && out.contains("colour") && out.contains("pixels"), "{out}");
    ran(vetrina().args(["understand", "no-such.jpg", "--data"]).arg(&data)).ends(1);
}
