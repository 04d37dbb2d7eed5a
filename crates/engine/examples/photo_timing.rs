//! What looking at a shopper's photo costs beside the model, step by step: `taskset -c 0 cargo run --release --example
//! photo_timing -- FILE…`
//!
//! Prints milliseconds on one thread: for each step the median of 9 of a photo, then the mean over the photos.

use std::time::Instant;

use vetrina_engine::image::{
    ColourDescriptor, Limits, Palette, Picture, Sketch, Subject, covered, decode_at_least, repaired,
};
use vetrina_engine::model::{ImageModel, RuntimeOptions, builtin_model, preprocess};
use vetrina_engine::region::{Outlines, Proposer};
use vetrina_engine::understand::Seen;

const SIDE: u32 = 260;
const RUNS: usize = 9;

fn median_ms<T>(mut run: impl FnMut() -> T) -> f64 {
    let mut times: Vec<f64> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            let made = run();
            let time = start.elapsed().as_secs_f64() * 1e3;
            drop(made);
            time
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[RUNS / 2]
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let limits = Limits::default();
    let model = builtin_model(&RuntimeOptions { threads: 1, ..RuntimeOptions::default() })?;
    let fitted = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/efficientnet-lite2/proposals.safetensors");
    let proposer = Proposer::from_bytes(&std::fs::read(fitted)?).ok_or("proposals.safetensors cannot be read")?;
    let mut sums: Vec<(&str, f64)> = Vec::new();
    let mut photos = 0;
    for path in std::env::args().skip(1) {
        let bytes = std::fs::read(&path)?;
        let picture: Picture = decode_at_least(&bytes, &limits, SIDE)?;
        let sketch = Sketch::of(&picture);
        let subject = Subject::of(&sketch);
        let tensor = preprocess(model.manifest(), &picture);
        let map = model.features(std::slice::from_ref(&tensor), true)?.pop().and_then(|feature| feature.map);
        let seen = Seen::of(&picture, false);
        let times = [
            ("decode", median_ms(|| decode_at_least(&bytes, &limits, SIDE))),
            ("repaired", median_ms(|| repaired(&picture, SIDE))),
            ("preprocess", median_ms(|| preprocess(model.manifest(), &picture))),
            ("model", median_ms(|| model.features(std::slice::from_ref(&tensor), true))),
            ("covered", median_ms(|| covered(&picture))),
            ("seen", median_ms(|| Seen::of(&picture, false))),
            ("  sketch", median_ms(|| Sketch::of(&picture))),
            ("  subject", median_ms(|| Subject::of(&sketch))),
            ("  palette", median_ms(|| Palette::of(&sketch, &subject))),
            ("  outlines", median_ms(|| Outlines::of(&sketch))),
            ("  proposals", median_ms(|| map.as_ref().map(|map| proposer.proposals(map)))),
            ("regions, names", median_ms(|| seen.clone().with(map.as_ref()))),
            ("colours", median_ms(|| ColourDescriptor::of(&picture))),
        ];
        photos += 1;
        if sums.is_empty() {
            sums = times.iter().map(|(name, _)| (*name, 0.0)).collect();
        }
        sums.iter_mut().zip(times).for_each(|(sum, (_, time))| sum.1 += time);
    }
    for (name, sum) in sums {
        println!("{name:<16} {:>7.2}", sum / f64::from(photos));
    }
    Ok(())
}
