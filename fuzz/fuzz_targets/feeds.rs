//! Any bytes as a feed: the first byte says in which dialect, or that it is to be recognised. Nothing may panic, each
//! product that comes out has an id and a title, and after the end of a feed nothing comes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vetrina_engine::catalogue::feeds::{Dialect, FeedOptions, FeedRow, Variants, open_bytes};

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    let dialect = Dialect::ALL.get(usize::from(first & 15)).copied().filter(|dialect| *dialect != Dialect::Folder);
    let variants = if first & 16 == 0 { Variants::Joined } else { Variants::Separate };
    let options = FeedOptions { dialect, variants, max_record_bytes: 1 << 16, ..FeedOptions::default() };
    let Ok(feed) = open_bytes(rest.to_vec(), "", &options) else { return };
    let mut ended = false;
    for row in feed {
        match row {
            FeedRow::Product { line, product, .. } => {
                assert!(line > 0 && !product.id.trim().is_empty() && !product.title.trim().is_empty());
            }
            // A page goes on behind a script that is cut, since nothing but the script can be cut there.
            FeedRow::Rejected { problem, .. } => {
                assert!(!ended || !problem.is_end(), "two ends");
                ended |= problem.is_end();
            }
        }
    }
});
