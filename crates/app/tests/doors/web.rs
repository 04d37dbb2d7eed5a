//! A web server of this machine that behaves as badly as some do: each path has its way.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::shop::png;

/// How often each path was asked for, and how often the answer was that nothing changed.
#[derive(Debug, Default)]
struct Counts {
    asked: BTreeMap<String, usize>,
    unchanged: usize,
}

/// The server, until dropped.
#[derive(Debug)]
pub struct Web {
    address: SocketAddr,
    counts: Arc<Mutex<Counts>>,
    /// Added to the numbers of pictures: they change.
    pub shift: Arc<std::sync::atomic::AtomicU32>,
    stop: Arc<AtomicBool>,
}

impl Web {
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let web = Self {
            address: listener.local_addr().unwrap(),
            counts: Arc::default(),
            shift: Arc::default(),
            stop: Arc::default(),
        };
        let (stop, counts, shift) = (web.stop.clone(), web.counts.clone(), web.shift.clone());
        thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { return };
                let (counts, shift, stop) = (counts.clone(), shift.clone(), stop.clone());
                thread::spawn(move || {
                    let _ = answer(stream, &counts, shift.load(Ordering::SeqCst), &stop);
                });
            }
        });
        web
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn asked(&self, path: &str) -> usize {
        self.counts.lock().unwrap().asked.get(path).copied().unwrap_or(0)
    }

    pub fn unchanged(&self) -> usize {
        self.counts.lock().unwrap().unchanged
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

fn answer(mut stream: TcpStream, counts: &Mutex<Counts>, shift: u32, stop: &AtomicBool) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let path = lines.next().unwrap()?.split(' ').nth(1).unwrap().to_owned();
    let mut tag = None;
    for line in lines {
        let line = line?.to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        tag = line.strip_prefix("if-none-match:").map(|tag| tag.trim().to_owned()).or(tag);
    }
    let asked = {
        let mut counts = counts.lock().unwrap();
        let asked = counts.asked.entry(path.clone()).or_default();
        *asked += 1;
        *asked
    };
    let mut send = |status: &str, headers: &str, body: &[u8]| {
        let length = body.len();
        write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n")?;
        stream.write_all(body)
    };
    let number = |path: &str| path.trim_matches(|c: char| !c.is_ascii_digit()).parse::<u32>().unwrap_or(0);
    match path.as_str() {
        "/empty.jpg" => send("200 OK", "Content-Type: image/jpeg\r\n", b""),
        "/error.jpg" => {
            let page = b"<!DOCTYPE html><html><title>Something went wrong</title><p>Please try again later.</html>";
            send("200 OK", "Content-Type: image/jpeg\r\n", page)
        }
        "/cut.png" => send("200 OK", "Content-Type: image/png\r\n", &png(1)[..90]),
        "/loop-a.jpg" => send("302 Found", "Location: /loop-b.jpg\r\n", b""),
        "/loop-b.jpg" => send("302 Found", "Location: /loop-a.jpg\r\n", b""),
        "/gone.jpg" => send("404 Not Found", "", b"gone"),
        "/private.jpg" => send("302 Found", "Location: http://169.254.169.254/latest/meta-data/\r\n", b""),
        // The first answer asks for a second's patience.
        "/busy.png" if asked == 1 => send("503 Service Unavailable", "Retry-After: 1\r\n", b"busy"),
        "/drip.jpg" => {
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: 100000\r\n\r\n")?;
            while !stop.load(Ordering::SeqCst) {
                stream.write_all(b"x")?;
                thread::sleep(Duration::from_secs(1));
            }
            Ok(())
        }
        "/endless.jpg" => {
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nConnection: close\r\n\r\n")?;
            let block = vec![0; 1 << 16];
            while !stop.load(Ordering::SeqCst) {
                stream.write_all(&block)?;
            }
            Ok(())
        }
        // `/tagged/N.png`: with an ETag; the picture changes with `shift`.
        tagged if tagged.starts_with("/tagged/") => {
            let number = number(tagged) + shift;
            let own = format!("\"v{number}\"");
            if tag.as_deref() == Some(own.as_str()) {
                counts.lock().unwrap().unchanged += 1;
                return write!(stream, "HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n");
            }
            send("200 OK", &format!("Content-Type: image/png\r\nETag: {own}\r\n"), &png(number))
        }
        // `/kept/N.png`: to be trusted for an hour.
        other => {
            let header = if other.starts_with("/kept/") { "Cache-Control: max-age=3600\r\n" } else { "" };
            send("200 OK", &format!("Content-Type: image/png\r\n{header}"), &png(number(other)))
        }
    }
}
