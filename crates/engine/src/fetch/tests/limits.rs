//! Bytes, time and connections have limits, whatever a server does.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::super::{FetchOptions, Fetcher};
use super::server::{Server, begin, send};
use super::{fetcher, local};

fn gzip(bytes: usize) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    let zeros = vec![0; 1 << 20];
    for _ in 0..bytes >> 20 {
        packed.write_all(&zeros).unwrap();
    }
    packed.finish().unwrap()
}

#[test]
fn a_body_without_end_is_cut_at_the_limit() {
    let sent = Arc::new(AtomicUsize::new(0));
    let count = sent.clone();
    let server = Server::new(move |_, to| {
        begin(to, "200 OK", &[], None)?;
        let block = vec![7; 1 << 16];
        loop {
            to.write_all(&block)?;
            count.fetch_add(1 << 16, Ordering::SeqCst);
        }
    });
    let fetcher = Fetcher::new(FetchOptions { max_bytes: 1 << 20, ..local() });
    let error = fetcher.get(&server.url("/")).unwrap_err();
    assert_eq!((error.code(), error.is_temporary(), server.asked()), ("too-large-to-fetch", false, 1));
    // What lies in the sockets' buffers is sent too.
    assert!(sent.load(Ordering::SeqCst) < 20 << 20);
}

#[test]
fn a_length_over_the_limit_is_refused_before_the_body() {
    let server = Server::new(|_, to| {
        begin(to, "200 OK", &[], Some(1_001))?;
        thread::sleep(Duration::from_secs(10));
        Ok(())
    });
    let started = Instant::now();
    let error = Fetcher::new(FetchOptions { max_bytes: 1_000, ..local() }).get(&server.url("/")).unwrap_err();
    assert_eq!(error.code(), "too-large-to-fetch");
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn exactly_the_limit_is_allowed() {
    let server = Server::new(|_, to| send(to, "200 OK", &[], &[1; 1_000]));
    let fetcher = Fetcher::new(FetchOptions { max_bytes: 1_000, ..local() });
    assert_eq!(fetcher.get(&server.url("/")).unwrap().bytes.len(), 1_000);
    let fetcher = Fetcher::new(FetchOptions { max_bytes: u64::MAX, ..local() });
    assert_eq!(fetcher.get(&server.url("/")).unwrap().bytes.len(), 1_000);
}

#[test]
fn a_packed_answer_is_unpacked_and_a_bomb_is_not() {
    let small = gzip(1 << 20);
    let server = Server::new(move |_, to| send(to, "200 OK", &["Content-Encoding: gzip"], &small));
    assert_eq!(fetcher().get(&server.url("/")).unwrap().bytes, vec![0; 1 << 20]);

    let bomb = gzip(64 << 20);
    assert!(bomb.len() < 1 << 20, "{} packed bytes are under the limit", bomb.len());
    let server = Server::new(move |_, to| send(to, "200 OK", &["Content-Encoding: gzip"], &bomb));
    let error = Fetcher::new(FetchOptions { max_bytes: 1 << 20, ..local() }).get(&server.url("/")).unwrap_err();
    assert_eq!(error.code(), "too-large-to-fetch");
}

#[test]
fn a_server_that_drips_is_left() {
    let server = Server::new(|_, to| {
        begin(to, "200 OK", &[], Some(1_000))?;
        loop {
            to.write_all(b"x")?;
            thread::sleep(Duration::from_millis(250));
        }
    });
    let started = Instant::now();
    let error = fetcher().judging_after(Duration::from_secs(1)).get(&server.url("/")).unwrap_err();
    assert_eq!((error.code(), server.asked()), ("slow-server", 1));
    assert!((1..5).contains(&started.elapsed().as_secs()), "{:?}", started.elapsed());
}

#[test]
fn silence_ends_with_the_time() {
    let short = Duration::from_millis(600);
    let options = || FetchOptions { timeout: short, retries: 0, ..local() };
    let mute = Server::new(|_, _| {
        thread::sleep(Duration::from_secs(8));
        Ok(())
    });
    let started = Instant::now();
    assert_eq!(Fetcher::new(options()).get(&mute.url("/")).unwrap_err().code(), "timeout");
    let halting = Server::new(|_, to| {
        begin(to, "200 OK", &[], Some(10))?;
        to.write_all(b"begun")?;
        thread::sleep(Duration::from_secs(8));
        Ok(())
    });
    assert_eq!(Fetcher::new(options()).get(&halting.url("/")).unwrap_err().code(), "slow-server");
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
}

#[test]
fn redirects_share_one_time() {
    let server = Server::new(|asked, to| {
        thread::sleep(Duration::from_millis(400));
        send(to, "302 Found", &[&format!("Location: /{}", asked.number)], b"")
    });
    let started = Instant::now();
    let fetcher = Fetcher::new(FetchOptions { timeout: Duration::from_secs(1), retries: 0, ..local() });
    assert_eq!(fetcher.get(&server.url("/a")).unwrap_err().code(), "timeout");
    assert!(started.elapsed() < Duration::from_millis(1_900), "{:?}", started.elapsed());
}

#[test]
fn a_server_that_thinks_before_it_answers_is_not_slow() {
    let server = Server::new(|_, to| {
        thread::sleep(Duration::from_millis(1_500));
        send(to, "200 OK", &[], b"small")
    });
    let fetcher = fetcher().judging_after(Duration::from_secs(1));
    assert_eq!(fetcher.get(&server.url("/")).unwrap().bytes, b"small");
}

#[test]
fn a_download_may_take_longer_than_a_picture() {
    let server = Server::new(|_, to| {
        begin(to, "200 OK", &[], Some(40_000))?;
        for _ in 0..4 {
            to.write_all(&[b'x'; 10_000])?;
            thread::sleep(Duration::from_millis(400));
        }
        Ok(())
    });
    let fetcher = Fetcher::new(FetchOptions { timeout: Duration::from_secs(1), retries: 0, ..local() });
    assert_eq!(fetcher.get(&server.url("/")).unwrap_err().code(), "slow-server");
    let mut feed = Vec::new();
    fetcher.download(&server.url("/"), &mut feed, 1 << 20).unwrap();
    assert_eq!(feed.len(), 40_000);
}

#[test]
fn few_requests_go_to_one_host_at_a_time() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counted, highest) = (now.clone(), most.clone());
    let server = Server::new(move |_, to| {
        highest.fetch_max(counted.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        thread::sleep(Duration::from_millis(60));
        counted.fetch_sub(1, Ordering::SeqCst);
        send(to, "200 OK", &[], b"x")
    });
    let fetcher = Fetcher::new(FetchOptions { per_host: 3, ..local() });
    thread::scope(|scope| {
        for number in 0..12 {
            let (fetcher, url) = (&fetcher, server.url(&format!("/{number}")));
            scope.spawn(move || fetcher.get(&url).unwrap());
        }
    });
    assert_eq!((server.asked(), now.load(Ordering::SeqCst)), (12, 0));
    assert_eq!(most.load(Ordering::SeqCst), 3);
}
