//! Any text as a price: never a panic, never below zero, and what was read is read again as it was.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vetrina_engine::catalogue::parse_price;

fuzz_target!(|text: &str| {
    for default in [None, Some("EUR"), Some("CNY")] {
        let Ok(money) = parse_price(text, default) else { continue };
        assert!(!money.amount.is_sign_negative());
        let again = parse_price(&format!("{} {}", money.amount, money.currency), None).expect("what was read is a price");
        assert_eq!((again.amount, again.currency), (money.amount, money.currency));
    }
});
