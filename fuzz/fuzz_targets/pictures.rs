//! Any bytes as a picture: never a panic, never more memory than the limits allow.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vetrina_engine::image::{Limits, decode, decode_at_least};

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { file_bytes: 1 << 20, pixels: 1_000_000, side: 4_000, decode_bytes: 64 << 20 };
    let _ = decode(bytes, &limits);
    let _ = decode_at_least(bytes, &limits, 64);
});
