//! No way leads to a private address: not a name, not a number, not a redirect, not a name that changes its mind.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use super::super::resolver::Guard;
use super::super::{FetchError, FetchOptions, Fetcher};
use super::server::{Server, send};

const PUBLIC: &str = "203.1.113.9";

/// Asks the guard as always, then leads what it let through to a server of this machine.
#[derive(Debug)]
struct Stage {
    guard: Guard,
    server: SocketAddr,
}

impl Resolver for Stage {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        self.guard.resolve(uri, config, timeout)?;
        let mut found = self.empty();
        found.push(self.server);
        Ok(found)
    }
}

/// A fetcher for which names have the addresses that `look_up` says, and every public address is `server`.
fn staged(server: &Server, look_up: impl Fn(&str) -> Vec<IpAddr> + Send + Sync + 'static) -> Fetcher {
    let look_up = move |uri: &Uri, _: &Config, _: NextTimeout| {
        let mut found = ResolvedSocketAddrs::from_fn(|_| SocketAddr::from(([0, 0, 0, 0], 0)));
        for address in look_up(uri.host().unwrap()) {
            found.push(SocketAddr::new(address, 80));
        }
        Ok(found)
    };
    let stage = Stage { guard: Guard::over(false, Arc::new(look_up)), server: server.address };
    Fetcher::with_resolver(FetchOptions::default(), stage)
}

fn addresses(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[test]
fn private_addresses_are_refused_however_they_are_written() {
    let server = Server::new(|_, to| send(to, "200 OK", &[], b"secret"));
    let port = server.address.port();
    let fetcher = Fetcher::new(FetchOptions::default());
    for host in [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
        "[::]",
        "[64:ff9b::127.0.0.1]",
        "[2002:7f00:1::]",
        "169.254.169.254",
        "10.0.0.1",
        "１２７.0.0.1",
        "user:pass@127.0.0.1",
    ] {
        let error = fetcher.get(&format!("http://{host}:{port}/")).unwrap_err();
        assert_eq!((error.code(), error.is_temporary()), ("private-address", false), "{host}: {error}");
    }
    assert_eq!(server.asked(), 0);
    // The same server is there when private addresses are allowed.
    assert_eq!(super::fetcher().get(&server.url("/")).unwrap().bytes, b"secret");
}

#[test]
fn a_redirect_to_a_private_address_is_refused() {
    for inside in ["http://127.0.0.1/", "http://metadata.internal/latest", "http://[fd00:ec2::254]/", "//10.0.0.1/a"] {
        let location = format!("Location: {inside}");
        let server = Server::new(move |_, to| send(to, "302 Found", &[&location], b""));
        let fetcher = staged(&server, |host| match host {
            "shop.example" => addresses(&[PUBLIC]),
            "metadata.internal" => addresses(&["169.254.169.254"]),
            literal => addresses(&[literal.trim_matches(['[', ']'])]),
        });
        let error = fetcher.get("http://shop.example/a.jpg").unwrap_err();
        assert!(matches!(error, FetchError::PrivateAddress { .. }), "{inside}: {error:?}");
        assert_eq!(server.asked(), 1, "{inside}");
    }
}

#[test]
fn a_redirect_to_another_public_host_is_followed_without_the_password() {
    let server = Server::new(|asked, to| match asked.headers.get("host").map(String::as_str) {
        Some("shop.example") if asked.headers.contains_key("authorization") => {
            send(to, "302 Found", &["Location: http://cdn.example/a.jpg"], b"")
        }
        Some("cdn.example") if !asked.headers.contains_key("authorization") => send(to, "200 OK", &[], b"picture"),
        _ => send(to, "400 Bad Request", &[], b""),
    });
    let fetched = staged(&server, |_| addresses(&[PUBLIC])).get("http://me:pass@shop.example/").unwrap();
    assert_eq!(
        (fetched.bytes.as_slice(), fetched.final_url.as_str()),
        (b"picture".as_slice(), "http://cdn.example/a.jpg")
    );
}

#[test]
fn a_name_that_becomes_private_is_refused_from_then_on() {
    let server = Server::new(|_, to| send(to, "200 OK", &[], b"x"));
    let times = AtomicUsize::new(0);
    let fetcher = staged(&server, move |_| match times.fetch_add(1, Ordering::SeqCst) {
        0 => addresses(&[PUBLIC]),
        _ => addresses(&["127.0.0.1"]),
    });
    assert_eq!(fetcher.get("http://rebind.example/").unwrap().bytes, b"x");
    assert_eq!(fetcher.get("http://rebind.example/").unwrap_err().code(), "private-address");
    assert_eq!(server.asked(), 1);
}

#[test]
fn of_several_addresses_only_the_public_ones_are_left() {
    let look_up = |_: &Uri, _: &Config, _: NextTimeout| {
        let mut found = ResolvedSocketAddrs::from_fn(|_| SocketAddr::from(([0, 0, 0, 0], 0)));
        for address in addresses(&["10.0.0.1", PUBLIC, "::1"]) {
            found.push(SocketAddr::new(address, 80));
        }
        Ok(found)
    };
    let guard = Guard::over(false, Arc::new(look_up));
    let uri = Uri::from_static("http://both.example/");
    let found = guard.resolve(&uri, &Config::default(), NextTimeout::default()).unwrap();
    assert_eq!(found.iter().map(SocketAddr::ip).collect::<Vec<_>>(), addresses(&[PUBLIC]));
}

#[test]
fn only_web_addresses_are_fetched() {
    let fetcher = super::fetcher();
    for (url, code) in [
        ("ftp://example.com/a.jpg", "bad-scheme"),
        ("file:///etc/passwd", "bad-scheme"),
        ("a.jpg", "bad-url"),
        ("http://", "bad-url"),
        ("", "bad-url"),
        ("javascript:alert(1)", "bad-scheme"),
        ("http://a b/", "bad-url"),
    ] {
        assert_eq!(fetcher.get(url).unwrap_err().code(), code, "{url}");
    }
}
