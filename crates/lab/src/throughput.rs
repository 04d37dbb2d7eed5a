//! Images a second and milliseconds a batch, by threads of the runtime, parallel callers, batch and outputs.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use vetrina_engine::model::{ImageModel, OnnxModel, RuntimeOptions, Tensor, builtin_model, preprocess};

use crate::data;
use crate::features::decode;

/// How long each setting is measured.
const TIME: Duration = Duration::from_secs(3);

pub fn run() -> Result<()> {
    println!("{:>7} {:>7} {:>5} {:>5} {:>9} {:>10}", "threads", "callers", "batch", "maps", "images/s", "ms a batch");
    let paths: Vec<PathBuf> = data::groceries()?.photos.into_iter().map(|photo| photo.path).take(8).collect();
    for threads in [1, 2] {
        for callers in [1, 2] {
            let options = RuntimeOptions { threads, sessions: callers, ..RuntimeOptions::default() };
            let model = builtin_model(&options).map_err(|error| anyhow::anyhow!("{error}; {}", error.hint()))?;
            let tensors = paths
                .iter()
                .map(|path| Ok(preprocess(model.manifest(), &decode(path, model.manifest().input.size)?)))
                .collect::<Result<Vec<_>>>()?;
            for (batch, maps) in [(1, false), (1, true), (4, false), (8, false)] {
                let batch_tensors = tensors.get(..batch).context("too few photos")?;
                let (images, latency) = measure(&model, batch_tensors, maps, callers)?;
                println!("{threads:>7} {callers:>7} {batch:>5} {maps:>5} {images:>9.1} {latency:>10.1}");
            }
        }
    }
    Ok(())
}

/// Images a second of all callers together, and the median milliseconds of one call.
fn measure(model: &OnnxModel, batch: &[Tensor], maps: bool, callers: usize) -> Result<(f64, f64)> {
    model.features(batch, maps)?;
    let start = Instant::now();
    let times: Vec<Vec<Duration>> = std::thread::scope(|scope| {
        let work = || -> Result<Vec<Duration>> {
            let mut times = Vec::new();
            while start.elapsed() < TIME {
                let begin = Instant::now();
                model.features(batch, maps)?;
                times.push(begin.elapsed());
            }
            Ok(times)
        };
        let handles: Vec<_> = (0..callers).map(|_| scope.spawn(work)).collect();
        handles
            .into_iter()
            .map(|handle| handle.join().map_err(|_| anyhow::anyhow!("a caller panicked"))?)
            .collect::<Result<_>>()
    })?;
    let elapsed = start.elapsed().as_secs_f64();
    let mut all: Vec<Duration> = times.into_iter().flatten().collect();
    all.sort_unstable();
    let median = all.get(all.len() / 2).context("nothing was measured")?;
    Ok(((all.len() * batch.len()) as f64 / elapsed, median.as_secs_f64() * 1e3))
}
