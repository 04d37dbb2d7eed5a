//! Through the front doors: the real binary and real HTTP over loopback, on the demo catalogue.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::format_push_string,
    clippy::format_collect,
    missing_docs,
    reason = "a test stops at the first thing that is not as it must be"
)]

mod bad_pictures;
mod colour;
mod commands;
mod crash;
mod feeds;
mod full_disk;
mod http_bad_search;
mod http_documents;
mod http_jobs;
mod http_products;
mod http_search;
mod http_words;
mod interface;
mod kills;
mod limits;
mod settings;
mod shapes;
mod shop;
mod spaces;
mod streams;
mod understand;
mod web;
