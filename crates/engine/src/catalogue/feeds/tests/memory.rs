//! Large feeds are read as streams: what is held does not grow with them.

use std::io::{Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// A feed that is made while it is read, and how much of it has been.
struct Made<Row> {
    row: Row,
    rows: u64,
    next: u64,
    now: Cursor<Vec<u8>>,
    end: Option<&'static str>,
    read: Arc<AtomicUsize>,
}

impl<Row: Fn(u64) -> String> Read for Made<Row> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        loop {
            let read = self.now.read(buffer)?;
            if read > 0 {
                self.read.fetch_add(read, Ordering::Relaxed);
                return Ok(read);
            }
            self.now = Cursor::new(if self.next < self.rows {
                self.next += 1;
                (self.row)(self.next).into_bytes()
            } else if let Some(end) = self.end.take() {
                end.as_bytes().to_vec()
            } else {
                return Ok(0);
            });
        }
    }
}

/// Reads a feed of so many rows, and looks after each how far ahead of it the reader was.
fn furthest_ahead(
    start: &'static str,
    row: impl Fn(u64) -> String + Send + 'static,
    end: &'static str,
    rows: u64,
) -> usize {
    let read = Arc::new(AtomicUsize::new(0));
    let size = row(rows).len();
    let made = Made {
        row,
        rows,
        next: 0,
        now: Cursor::new(start.as_bytes().to_vec()),
        end: Some(end),
        read: Arc::clone(&read),
    };
    let feed = open_reader(Box::new(made), "", &options()).unwrap();
    let (mut furthest, mut count) = (0, 0);
    for row in feed {
        assert!(matches!(row, FeedRow::Product { .. }), "{row:?}");
        count += 1;
        furthest = furthest.max(read.load(Ordering::Relaxed).saturating_sub(count * size));
    }
    assert_eq!(count as u64, rows);
    furthest
}

#[test]
fn no_dialect_reads_far_ahead() {
    let rows = 20_000;
    let ahead = 400 << 10;
    let xml = |n: u64| {
        format!(
            "<item><g:id>{n:07}</g:id><title>T</title><g:image_link>a.jpg</g:image_link><g:price>5.00 EUR</g:price></item>\n"
        )
    };
    assert!(
        furthest_ahead("<rss xmlns:g='http://base.google.com/ns/1.0'><channel>", xml, "</channel></rss>", rows) < ahead
    );
    let json = |n: u64| {
        format!("{{\"@context\":\"https://schema.org\",\"@type\":\"Product\",\"sku\":\"{n:07}\",\"name\":\"T\"}},\n")
    };
    assert!(furthest_ahead("[", json, "]", rows) < ahead);
    assert!(furthest_ahead("", |n| format!("{{\"id\": \"{n:07}\", \"title\": \"T\"}}\n"), "", rows) < ahead);
    assert!(furthest_ahead("id,title,image_link\n", |n| format!("{n:07},A title,a.jpg\n"), "", rows) < ahead);
    assert!(furthest_ahead("Handle,Title,Variant Price\n", |n| format!("h{n:07},A title,5\n"), "", rows) < ahead);
    assert!(
        furthest_ahead("name,slug,assets,sku,price\n", |n| format!("A title,s{n:07},a.jpg,{n:07},5\n"), "", rows)
            < ahead
    );
    assert!(
        furthest_ahead("ID,Type,SKU,Name,Images\n", |n| format!("{n:07},simple,s{n:07},A title,a.jpg\n"), "", rows)
            < ahead
    );
}
