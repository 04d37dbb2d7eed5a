//! Limits: permits, bodies, ports.

use std::fs;
use std::net::TcpListener;
use std::sync::Mutex;
use std::thread;

use serde_json::json;

use super::shop::{Server, demo_data, instant_camera, product, ran, vetrina};

#[test]
fn a_full_house_says_come_again() {
    let data = demo_data();
    let settings = data.path().join("vetrina.toml");
    fs::write(&settings, "permits = 1\n").unwrap();
    let server = Server::with(data.path(), &["--config", settings.to_str().unwrap()]);
    let photo = fs::read(instant_camera()).unwrap();
    let answers = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| {
                let answer = server.search_photos(&[&photo], None);
                answers.lock().unwrap().push(answer);
            });
        }
    });
    let answers = answers.into_inner().unwrap();
    assert!(answers.iter().any(|answer| answer.status == 200));
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status != 200).collect();
    assert!(!refused.is_empty(), "twelve at once on one permit");
    for answer in refused {
        assert_eq!(answer.problem(503), "busy");
        assert!(answer.header("retry-after").parse::<u32>().unwrap() >= 1);
    }
    server.search(&json!({"text": "camera"})).is(200);
}

#[test]
fn what_is_too_large_is_refused_and_named() {
    let data = demo_data();
    let settings = data.path().join("vetrina.toml");
    fs::write(&settings, "[limits]\nrequest_mib = 2\nfile_mib = 1\nfeed_mib = 1\nmegapixels = 1\n").unwrap();
    let server = Server::with(data.path(), &["--config", settings.to_str().unwrap()]);
    let large = vec![b' '; 3 << 20];
    let json_head = [("content-type", "application/json")];
    let path = "/v1/catalogues/default/search";
    assert_eq!(server.ask("POST", path, &json_head, large.clone()).problem(413), "too-large");
    let picture = server.search_photos(&[&vec![0; (1 << 20) + 1]], None);
    assert_eq!(picture.problem(413), "too-large");
    assert_eq!(picture.json()["item"], "image 0");
    let wide = image::RgbImage::new(2000, 1000);
    let mut bytes = Vec::new();
    wide.write_to(&mut std::io::Cursor::new(&mut bytes), image::ImageFormat::Png).unwrap();
    let wide = server.search_photos(&[&bytes], None);
    assert!([413, 422].contains(&wide.status) && wide.text().contains("1000000"), "{}", wide.text());
    assert_eq!(server.ask("POST", "/v1/catalogues/default/imports", &[], large.clone()).problem(413), "too-large");
    let mut lines = large;
    lines.push(b'\n');
    lines.extend_from_slice(product(1).to_string().as_bytes());
    let answer = server.ask("POST", "/v1/catalogues/default/products", &[], lines).is(200);
    assert_eq!(answer.text().lines().count(), 2, "{}", answer.text());
    assert!(answer.text().lines().next().unwrap().contains("too-large"), "{}", answer.text());
    assert!(answer.text().lines().nth(1).unwrap().contains("created"), "{}", answer.text());
}

#[test]
fn a_taken_port_is_told_with_what_to_do() {
    let data = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for command in ["serve", "demo"] {
        let refused = ran(vetrina().args([command, "--listen", &address, "--json", "--data"]).arg(data.path())).ends(1);
        assert_eq!(refused.json()["error"]["code"], "port-taken");
        assert!(refused.err.contains(&format!("vetrina {command} --listen 127.0.0.1:")), "{}", refused.err);
    }
}

#[test]
fn a_stopped_server_ends_what_it_has_begun() {
    let data = demo_data();
    let mut server = Server::over(data.path());
    let photo = fs::read(instant_camera()).unwrap();
    thread::scope(|scope| {
        let asked = scope.spawn(|| {
            let mut done = 0;
            while let Ok(answer) =
                server.try_ask("POST", "/v1/catalogues/default/search", &[], b"{\"text\": \"camera\"}".to_vec())
            {
                assert_eq!(answer.status, 200, "{}", answer.text());
                done += 1;
            }
            done
        });
        thread::sleep(std::time::Duration::from_millis(400));
        server.search_photos(&[&photo], None).is(200);
        server.signal("TERM");
        assert!(asked.join().unwrap() > 0);
    });
    assert_eq!(server.wait(), 0);
}
