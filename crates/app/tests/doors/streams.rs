//! Long streams: nothing in the server grows with them, whether the client reads or not.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::shop::Server;

/// Lines of the stream.
const LINES: u64 = 100_000;
/// Different products among them; the others say again what was said.
const PRODUCTS: u64 = 400;
/// What the server may grow by, bytes: caches, and buffers of a fixed size. The stream itself is seven times as long.
const GROWTH: u64 = 40 << 20;

/// Bytes of memory that a process has.
fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap() * 1024
}

/// A line with an id so long that outcomes fill any buffer on their way too.
fn line(number: u64) -> String {
    let product = number % PRODUCTS;
    let id = format!("{product:0>400}");
    json!({"id": id, "title": format!("Stream {product}"), "description": format!("{product} ").repeat(500)})
        .to_string()
        + "\n"
}

#[test]
fn a_client_that_does_not_read_stops_its_stream_and_costs_no_memory() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::over(data.path());
    let address = server.url.trim_start_matches("http://").to_owned();
    let first: String = (0..PRODUCTS).map(line).collect();
    server.ask("POST", "/v1/catalogues/shop/products", &[], first.into_bytes()).is(200);
    thread::sleep(Duration::from_secs(1));
    let before = resident(server.id());

    let mut stream = TcpStream::connect(&address).unwrap();
    let head = "POST /v1/catalogues/shop/products HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let sent = Arc::new(AtomicU64::new(0));
    let (mut into, count) = (stream.try_clone().unwrap(), Arc::clone(&sent));
    let writer = thread::spawn(move || {
        for number in 0..LINES {
            let line = line(number);
            write!(into, "{:x}\r\n{line}\r\n", line.len()).unwrap();
            count.fetch_add(1, Ordering::SeqCst);
        }
        into.write_all(b"0\r\n\r\n").unwrap();
    });
    // Nobody reads: the stream comes to a halt.
    let mut halted = 0;
    loop {
        thread::sleep(Duration::from_millis(1500));
        let now = sent.load(Ordering::SeqCst);
        if now == halted && now > 0 {
            break;
        }
        halted = now;
    }
    assert!(halted < LINES / 2, "{halted} of {LINES} lines were taken although no outcome was read");
    let grown = resident(server.id()).saturating_sub(before);
    assert!(grown < GROWTH, "{grown} bytes more while nobody reads");
    // Others are served meanwhile.
    server.get("/v1/catalogues/shop/products?limit=1").is(200);
    server.post("/v1/catalogues/shop/search", &json!({"text": "stream"})).is(200);

    let mut outcomes = 0_u64;
    let mut most = 0;
    for text in BufReader::new(stream).lines() {
        let text = text.unwrap();
        // Lines between them are the head and the lengths of chunks.
        if !text.starts_with('{') {
            continue;
        }
        outcomes += 1;
        let outcome: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((outcome["line"].as_u64(), &outcome["outcome"]), (Some(outcomes), &json!("unchanged")), "{text}");
        if outcomes.is_multiple_of(5_000) {
            most = most.max(resident(server.id()));
        }
    }
    writer.join().unwrap();
    assert_eq!(outcomes, LINES);
    let grown = most.saturating_sub(before);
    assert!(grown < GROWTH, "{grown} bytes more over the stream");
}
