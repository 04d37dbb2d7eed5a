//! Through the front doors: the real binary and real HTTP over loopback, on the demo catalogue.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::format_push_string,
    clippy::format_collect,
    missing_docs,
    reason = "a test stops at the first thing that is not as it must be"
)]

mod commands;
mod crash;
mod feeds;
mod http_documents;
mod http_jobs;
mod http_products;
mod http_search;
mod http_words;
mod interface;
mod limits;
mod settings;
mod shapes;
mod shop;
mod spaces;
