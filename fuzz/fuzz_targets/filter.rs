//! Any text as a filter: never a panic, and a filter that was read is read again as the same tree.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vetrina_engine::search::Schema;
use vetrina_engine::search::filter::parse;

fuzz_target!(|text: &str| {
    let schema = Schema::new(["colour", "size"]);
    match parse(text, &schema) {
        Ok(filter) => {
            let written = filter.to_string();
            let again = parse(&written, &schema).unwrap_or_else(|error| panic!("{written}: {error}"));
            assert_eq!(again.to_string(), written);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
