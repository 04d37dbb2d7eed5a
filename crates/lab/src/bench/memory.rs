//! Memory of a process, as the kernel counts it.

use std::fs;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// Resident memory in MiB.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Resident {
    /// All of it.
    pub all: f64,
    /// What is the process's own: cannot be dropped.
    pub own: f64,
    /// The height of `all` so far.
    pub peak: f64,
}

/// Of a process; `self` is this one.
pub fn resident(process: &str) -> Result<Resident> {
    let path = format!("/proc/{process}/status");
    let text = fs::read_to_string(&path).with_context(|| path.clone())?;
    let mebibytes = |key: &str| -> f64 {
        let line = text.lines().find(|line| line.starts_with(key));
        let number = line.and_then(|line| line.split_whitespace().nth(1)).and_then(|number| number.parse::<f64>().ok());
        number.unwrap_or(0.0) / 1024.0
    };
    Ok(Resident { all: mebibytes("VmRSS:"), own: mebibytes("RssAnon:"), peak: mebibytes("VmHWM:") })
}
