//! What decoding and letterboxing cost: `taskset -c 0 cargo run --release --example picture_timing -- FILE…`
//!
//! Prints milliseconds (median of 15) of a full decode, a decode for a 260-pixel square, and the letterbox after each;
//! then how far the two squares differ.

use std::time::Instant;

use vetrina_engine::image::{Limits, Picture, decode, decode_at_least, letterbox};

const SIDE: u32 = 260;
const RUNS: usize = 15;

fn median_ms(mut run: impl FnMut()) -> f64 {
    let mut times: Vec<f64> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[RUNS / 2]
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let limits = Limits::default();
    println!(
        "{:>24} {:>11} {:>9} {:>9} | {:>11} {:>9} {:>9} | {:>7} {:>4}",
        "file", "full", "decode", "square", "reduced", "decode", "square", "mean", "most"
    );
    for path in std::env::args().skip(1) {
        let bytes = std::fs::read(&path)?;
        let full = decode(&bytes, &limits)?;
        let small = decode_at_least(&bytes, &limits, SIDE)?;
        let squares = [&full, &small].map(|picture| letterbox(picture, SIDE, [255; 3]));
        let differences = squares[0].iter().zip(&squares[1]).map(|(a, b)| a.abs_diff(*b));
        let mean = differences.clone().map(f64::from).sum::<f64>() / squares[0].len() as f64;
        let size = |picture: &Picture| format!("{}x{}", picture.width(), picture.height());
        let decode_full = median_ms(|| drop(decode(&bytes, &limits)));
        let decode_small = median_ms(|| drop(decode_at_least(&bytes, &limits, SIDE)));
        let [square_full, square_small] =
            [&full, &small].map(|picture| median_ms(|| drop(letterbox(picture, SIDE, [255; 3]))));
        println!(
            "{:>24} {:>11} {decode_full:>9.2} {square_full:>9.2} | {:>11} {decode_small:>9.2} {square_small:>9.2} | {mean:>7.3} {:>4}",
            path.rsplit('/').next().unwrap_or_default(),
            size(&full),
            size(&small),
            differences.max().unwrap_or(0)
        );
    }
    Ok(())
}
