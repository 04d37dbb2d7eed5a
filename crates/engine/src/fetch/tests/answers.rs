//! What servers answer: pictures, redirects, refusals, and what is asked again.

use std::io::Write as _;
use std::time::{Duration, Instant, SystemTime};

use super::super::{FetchError, FetchOptions, Fetcher, Validators};
use super::server::{Server, begin, send};
use super::{fetcher, local};

const JPEG: &[u8] = b"\xff\xd8\xff\xe0 not all of it";

#[test]
fn a_picture_comes_with_its_type_and_validators() {
    let server = Server::new(|_, to| {
        let headers =
            ["Content-Type: Image/JPEG; q=1", "ETag: \"one\"", "Last-Modified: Tue, 24 Nov 2026 04:00:00 GMT"];
        send(to, "200 OK", &headers, JPEG)
    });
    let fetched = fetcher().get(&server.url("/a.jpg")).unwrap();
    assert_eq!(fetched.bytes, JPEG);
    assert_eq!(fetched.media_type.as_deref(), Some("image/jpeg"));
    assert_eq!(fetched.validators.etag.as_deref(), Some("\"one\""));
    assert_eq!(fetched.validators.last_modified.as_deref(), Some("Tue, 24 Nov 2026 04:00:00 GMT"));
    assert_eq!(fetched.final_url, server.url("/a.jpg"));
}

#[test]
fn what_has_not_changed_is_not_sent_again() {
    let server = Server::new(|asked, to| {
        let same = asked.headers.get("if-none-match").map(String::as_str) == Some("\"one\"")
            && asked.headers.get("if-modified-since").map(String::as_str) == Some("Tue, 24 Nov 2026 04:00:00 GMT");
        if same { begin(to, "304 Not Modified", &[], None) } else { send(to, "200 OK", &["ETag: \"two\""], JPEG) }
    });
    let known =
        Validators { etag: Some("\"one\"".into()), last_modified: Some("Tue, 24 Nov 2026 04:00:00 GMT".into()) };
    assert_eq!(fetcher().get_if_changed(&server.url("/"), &known, &|| false).unwrap(), None);
    let other = Validators { etag: Some("\"none\"".into()), last_modified: None };
    let fetched = fetcher().get_if_changed(&server.url("/"), &other, &|| false).unwrap().unwrap();
    assert_eq!(fetched.validators.etag.as_deref(), Some("\"two\""));
}

#[test]
fn a_304_that_nobody_asked_for_is_an_error() {
    let server = Server::new(|_, to| begin(to, "304 Not Modified", &[], None));
    let error = fetcher().get(&server.url("/")).unwrap_err();
    assert!(matches!(error, FetchError::Status { status: 304, .. }), "{error:?}");
}

#[test]
fn an_error_page_called_a_picture_comes_as_it_is() {
    let page = b"<html><title>Not here</title>";
    let server = Server::new(move |_, to| send(to, "200 OK", &["Content-Type: image/jpeg"], page));
    let fetched = fetcher().get(&server.url("/a.jpg")).unwrap();
    assert_eq!((fetched.bytes.as_slice(), fetched.media_type.as_deref()), (page.as_slice(), Some("image/jpeg")));
}

#[test]
fn redirects_are_followed_to_the_end() {
    let server = Server::new(|asked, to| match asked.path.as_str() {
        "/1" => send(to, "301 Moved Permanently", &["Location: /2"], b"moved"),
        "/2" => send(to, "302 Found", &["Location: 3?x=y"], b""),
        "/3?x=y" => send(to, "307 Temporary Redirect", &["Location: /a.jpg"], b""),
        _ => send(to, "200 OK", &[], JPEG),
    });
    let fetched = fetcher().get(&server.url("/1")).unwrap();
    assert_eq!((fetched.bytes.as_slice(), fetched.final_url), (JPEG, server.url("/a.jpg")));
}

#[test]
fn circles_and_long_chains_of_redirects_end() {
    let circle = Server::new(|asked, to| {
        let to_other = if asked.path == "/a" { "Location: /b" } else { "Location: /a" };
        send(to, "302 Found", &[to_other], b"")
    });
    let error = fetcher().get(&circle.url("/a")).unwrap_err();
    assert_eq!((error.code(), circle.asked()), ("too-many-redirects", 2));

    let chain = Server::new(|asked, to| send(to, "302 Found", &[&format!("Location: /{}", asked.number)], b""));
    let error = fetcher().get(&chain.url("/a")).unwrap_err();
    assert_eq!((error.code(), chain.asked()), ("too-many-redirects", 6));
}

#[test]
fn redirects_to_other_schemes_and_to_nowhere_are_refused_at_once() {
    for (location, code) in [("Location: file:///etc/passwd", "bad-scheme"), ("X-Location: none", "bad-redirect")] {
        let server = Server::new(move |_, to| send(to, "302 Found", &[location], b""));
        let error = fetcher().get(&server.url("/")).unwrap_err();
        assert_eq!((error.code(), server.asked()), (code, 1));
    }
}

#[test]
fn a_busy_server_is_asked_again_when_it_says() {
    let in_a_second = || httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(2));
    for by_date in [false, true] {
        let server = Server::new(move |asked, to| match asked.number {
            0 if by_date => send(to, "503 Busy", &[&format!("Retry-After: {}", in_a_second())], b""),
            0 => send(to, "429 Too Many Requests", &["Retry-After: 1"], b""),
            _ => send(to, "200 OK", &[], JPEG),
        });
        let started = Instant::now();
        assert_eq!(fetcher().get(&server.url("/")).unwrap().bytes, JPEG);
        assert!(started.elapsed() >= Duration::from_secs(1), "{:?}", started.elapsed());
        assert_eq!(server.asked(), 2);
    }
}

#[test]
fn a_server_that_wants_to_be_left_alone_for_long_is_not_waited_for() {
    let server = Server::new(|_, to| send(to, "429 Too Many Requests", &["Retry-After: 3600"], b""));
    let started = Instant::now();
    let error = fetcher().get(&server.url("/")).unwrap_err();
    assert!(matches!(error, FetchError::Status { status: 429, retry_after: Some(3600), .. }), "{error:?}");
    assert!(error.is_temporary() && started.elapsed() < Duration::from_secs(5) && server.asked() == 1);
}

#[test]
fn a_server_in_trouble_is_asked_again_and_one_that_says_no_is_not() {
    let trouble = Server::new(|asked, to| match asked.number {
        0 => send(to, "500 Internal Server Error", &[], b""),
        1 => send(to, "502 Bad Gateway", &[], b""),
        _ => send(to, "200 OK", &[], JPEG),
    });
    assert_eq!(fetcher().get(&trouble.url("/")).unwrap().bytes, JPEG);
    assert_eq!(trouble.asked(), 3);

    let never = Server::new(|_, to| send(to, "503 Service Unavailable", &[], b""));
    let fetcher = Fetcher::new(FetchOptions { retries: 1, ..local() });
    assert!(matches!(fetcher.get(&never.url("/")).unwrap_err(), FetchError::Status { status: 503, .. }));
    assert_eq!(never.asked(), 2);

    let gone = Server::new(|_, to| send(to, "404 Not Found", &[], b"no"));
    let error = fetcher.get(&gone.url("/")).unwrap_err();
    assert!(matches!(error, FetchError::Status { status: 404, .. }) && !error.is_temporary(), "{error:?}");
    assert_eq!(gone.asked(), 1);
}

#[test]
fn an_answer_that_is_cut_off_is_asked_for_again() {
    let server = Server::new(|asked, to| {
        begin(to, "200 OK", &[], Some(JPEG.len()))?;
        to.write_all(if asked.number == 0 { &JPEG[..5] } else { JPEG })
    });
    assert_eq!(fetcher().get(&server.url("/")).unwrap().bytes, JPEG);
    assert_eq!(server.asked(), 2);
}

#[test]
fn what_is_not_http_is_a_network_error() {
    let server = Server::new(|_, to| to.write_all(b"SSH-2.0-OpenSSH_9.9\r\n"));
    let error = Fetcher::new(FetchOptions { retries: 0, ..local() }).get(&server.url("/")).unwrap_err();
    assert_eq!(error.code(), "network");
}

#[test]
fn user_and_password_go_to_the_server_and_nowhere_else() {
    let server = Server::new(|asked, to| match asked.headers.get("authorization").map(String::as_str) {
        // `shop:p w`, RFC 7617.
        Some("Basic c2hvcDpwIHc=") => send(to, "200 OK", &[], JPEG),
        _ => send(to, "401 Unauthorized", &[], b""),
    });
    let address = server.address;
    let fetched = fetcher().get(&format!("http://shop:p%20w@{address}/a.jpg")).unwrap();
    assert_eq!(fetched.final_url, server.url("/a.jpg"));
    let error = fetcher().get(&format!("http://shop:secret@{address}/a.jpg")).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
}

#[test]
fn passwords_are_never_shown() {
    for url in [
        "http://user:secret@exa mple.com/a.jpg",
        "ftp://user:secret@example.com/a.jpg",
        "http://user:secret@:80/",
        "http://user:secret@[::1/a",
        "//user:secret@host",
        "http://user:sec/ret@host:x/",
    ] {
        let error = fetcher().get(url).unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(!text.contains("secret") && !text.contains("user:sec/"), "{url}: {text}");
    }
}

#[test]
fn a_feed_is_written_as_it_comes() {
    let server = Server::new(|_, to| send(to, "200 OK", &["Content-Type: text/csv"], &vec![b'x'; 300_000]));
    let mut feed = Vec::new();
    let fetched = fetcher().download(&server.url("/feed.csv"), &mut feed, 300_000).unwrap();
    assert_eq!((feed.len(), fetched.bytes.len(), fetched.media_type.as_deref()), (300_000, 0, Some("text/csv")));
    let error = fetcher().download(&server.url("/feed.csv"), &mut Vec::new(), 299_999).unwrap_err();
    assert_eq!(error.code(), "too-large-to-fetch");
}

#[test]
fn a_full_disk_is_not_the_servers_fault() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let server = Server::new(|_, to| send(to, "200 OK", &[], JPEG));
    assert_eq!(fetcher().download(&server.url("/"), &mut Full, 1_000).unwrap_err().code(), "disk");
}
