//! A small HTTP server on 127.0.0.1: each connection carries one request and what the test answers to it.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

/// What came.
pub(super) struct Asked {
    /// How many requests came before.
    pub(super) number: usize,
    pub(super) path: String,
    /// By their names in small letters.
    pub(super) headers: HashMap<String, String>,
}

pub(super) struct Server {
    pub(super) address: SocketAddr,
    asked: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
}

impl Server {
    /// Answers requests by `answer`, which writes the whole answer; errors (the client went away) end the connection.
    pub(super) fn new(answer: impl Fn(&Asked, &mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, stopped, answer) = (asked.clone(), stop.clone(), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let (Ok(mut stream), count, answer) = (stream, count.clone(), answer.clone()) else { return };
                thread::spawn(move || {
                    if let Some(mut request) = read(&stream) {
                        request.number = count.fetch_add(1, Ordering::SeqCst);
                        let _ = answer(&request, &mut stream);
                    }
                });
            }
        });
        Self { address, asked, stop }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// How many requests came.
    pub(super) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let headers = lines.take_while(|line| !line.is_empty());
    let headers = headers.filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_ascii_lowercase(), value.trim().to_owned()))
    });
    Some(Asked { number: 0, path, headers: headers.collect() })
}

/// A whole answer: status line, further header lines, body.
pub(super) fn send(to: &mut impl Write, status: &str, headers: &[&str], body: &[u8]) -> std::io::Result<()> {
    begin(to, status, headers, Some(body.len()))?;
    to.write_all(body)
}

/// The head of an answer; without a length the body ends with the connection.
pub(super) fn begin(to: &mut impl Write, status: &str, headers: &[&str], length: Option<usize>) -> std::io::Result<()> {
    let length = length.map(|length| format!("Content-Length: {length}"));
    let first = format!("HTTP/1.1 {status}");
    let lines = [first.as_str(), "Connection: close"].into_iter().chain(headers.iter().copied());
    let head = lines.chain(length.as_deref()).chain(["\r\n"]).collect::<Vec<_>>().join("\r\n");
    to.write_all(head.as_bytes())
}
