//! How much of the machine other programs had while a bench ran.

use std::fs;
use std::time::Instant;

use anyhow::{Context, Result};
use rustix::time::{ClockId, clock_gettime};

/// Counts from its start.
pub struct Watch {
    began: Instant,
    busy: u64,
    own: u64,
}

impl Watch {
    pub fn start() -> Result<Self> {
        Ok(Self { began: Instant::now(), busy: busy()?, own: own()? })
    }

    /// A sentence for the page.
    pub fn note(&self) -> Result<String> {
        let seconds = self.began.elapsed().as_secs_f64();
        let cores = std::thread::available_parallelism()?.get() as f64;
        // Kernel ticks of 1/100 s.
        let (busy, own) = (busy()?.saturating_sub(self.busy) as f64, own()?.saturating_sub(self.own) as f64);
        let others = ((busy - own) / 100.0 / (seconds * cores)).clamp(0.0, 1.0);
        let shared = if others > 0.05 {
            "The machine was shared: times are too long and rates too low."
        } else {
            "The machine was quiet."
        };
        Ok(format!(
            "*Measured {}, in {:.0} s; other programs had {:.0} % of the processor. {shared}*",
            chrono::Utc::now().format("%Y-%m-%d"),
            seconds,
            others * 100.0
        ))
    }
}

/// Ticks in which any program ran, of all cores.
fn busy() -> Result<u64> {
    let text = fs::read_to_string("/proc/stat")?;
    let line = text.lines().next().context("/proc/stat is empty")?;
    let fields: Vec<u64> = line.split_whitespace().skip(1).filter_map(|field| field.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal
    Ok([0, 1, 2, 5, 6, 7].iter().filter_map(|&place| fields.get(place)).sum())
}

/// Ticks of this process and of its children that have ended.
fn own() -> Result<u64> {
    let text = fs::read_to_string("/proc/self/stat")?;
    let rest = text.rsplit_once(')').context("/proc/self/stat is not as expected")?.1;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    // Fields 14 to 17 of proc(5), counted here from the third.
    Ok(fields.get(11..15).context("too few fields")?.iter().filter_map(|field| field.parse::<u64>().ok()).sum())
}

/// Processor seconds of this process, all threads.
pub fn own_seconds() -> f64 {
    seconds(ClockId::ProcessCPUTime)
}

/// Processor seconds of this thread.
pub fn thread_seconds() -> f64 {
    seconds(ClockId::ThreadCPUTime)
}

fn seconds(clock: ClockId) -> f64 {
    let time = clock_gettime(clock);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
