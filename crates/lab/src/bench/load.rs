//! Load on a server of this machine, from as many threads as there are callers.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Barrier, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value;

use super::statistics::percentile;

/// A request of the load.
#[derive(Debug, Clone)]
pub struct Ask {
    pub content_type: String,
    pub body: Vec<u8>,
}

impl Ask {
    pub fn json(query: &Value) -> Self {
        Self { content_type: "application/json".to_owned(), body: query.to_string().into_bytes() }
    }

    /// A photo with a query beside it.
    pub fn photo(photo: &[u8], query: &Value) -> Self {
        const BOUNDARY: &str = "vetrina-lab-7d1f";
        let mut body = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\n{query}\r\n--{BOUNDARY}\r\n\
             Content-Disposition: form-data; name=\"image\"; filename=\"photo.jpg\"\r\nContent-Type: image/jpeg\r\n\r\n"
        )
        .into_bytes();
        body.extend_from_slice(photo);
        body.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
        Self { content_type: format!("multipart/form-data; boundary={BOUNDARY}"), body }
    }
}

/// What became of a load.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Milliseconds of requests that were answered with 200.
    pub accepted: Vec<f64>,
    /// Milliseconds of requests that were refused with 503.
    pub refused: Vec<f64>,
    /// Anything else, and broken connections.
    pub other: usize,
    /// Seconds of the whole load.
    pub seconds: f64,
}

impl Outcome {
    /// Answers of 200 a second.
    pub fn rate(&self) -> f64 {
        self.accepted.len() as f64 / self.seconds
    }

    /// p50, p95, p99 of the accepted, milliseconds.
    pub fn percentiles(&self) -> [f64; 3] {
        [50.0, 95.0, 99.0].map(|percent| percentile(&self.accepted, percent))
    }

    /// Adds another load's.
    pub fn add(&mut self, other: Self) {
        self.accepted.extend(other.accepted);
        self.refused.extend(other.refused);
        self.other += other.other;
        self.seconds += other.seconds;
    }
}

/// Who asks, and takes a refusal for an answer.
pub fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(Duration::from_mins(1)));
    config.build().new_agent()
}

/// One request: its status and answer.
pub fn once(url: &str, ask: &Ask) -> Result<Value> {
    let mut answer = agent().post(url).header("content-type", &ask.content_type).send(&ask.body[..])?;
    let text = answer.body_mut().with_config().limit(64 << 20).read_to_string()?;
    anyhow::ensure!(answer.status() == 200, "{url}: {} {text}", answer.status());
    serde_json::from_str(&text).context("the answer is not JSON")
}

/// `callers` that each ask again as soon as they are answered, `count` requests in all. One that was refused waits as long
/// as an answer takes before it asks again, as a client should.
pub fn closed(url: &str, asks: &[Ask], callers: usize, count: usize) -> Outcome {
    let next = AtomicUsize::new(0);
    let started = OnceLock::from(Instant::now());
    let work = || {
        let agent = agent();
        let mut outcome = Outcome::default();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return outcome;
            }
            let from = Instant::now();
            send(&agent, url, &asks[number % asks.len()], from, &mut outcome);
        }
    };
    together(callers, &started, work)
}

/// Requests that come at `rate` a second whatever becomes of them, for `seconds`. Times count from when a request was due,
/// so that a server that stops for a while is not forgiven. Before the first one is due every caller has asked `healthz` and is connected: a hundred
/// callers that begin at once take 0.2 s of the cores that the server needs, which shoppers, who have machines of their own, do not.
pub fn open(url: &str, healthz: &str, asks: &[Ask], rate: f64, seconds: f64, callers: usize) -> Outcome {
    let next = AtomicUsize::new(0);
    let count = (rate * seconds) as usize;
    let (connected, started) = (Barrier::new(callers), OnceLock::new());
    let work = || {
        let agent = agent();
        let mut outcome = Outcome::default();
        if !answers(&agent, healthz) {
            outcome.other += 1;
        }
        connected.wait();
        let began = *started.get_or_init(Instant::now);
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return outcome;
            }
            let due = began + Duration::from_secs_f64(number as f64 / rate);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            send(&agent, url, &asks[number % asks.len()], due, &mut outcome);
        }
    };
    together(callers, &started, work)
}

/// Whether an address answers with 200.
pub fn answers(agent: &ureq::Agent, url: &str) -> bool {
    let answer = agent.get(url).call();
    answer.is_ok_and(|mut answer| answer.status() == 200 && answer.body_mut().read_to_vec().is_ok())
}

/// What several callers at the same time saw, and the seconds since the load was `started`.
fn together(callers: usize, started: &OnceLock<Instant>, work: impl Fn() -> Outcome + Sync) -> Outcome {
    let mut all = Outcome::default();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..callers).map(|_| scope.spawn(&work)).collect();
        for thread in threads {
            // A thread that panicked has lost its figures; that is not hidden.
            match thread.join() {
                Ok(outcome) => all.add(outcome),
                Err(_) => all.other += 1,
            }
        }
    });
    all.seconds = started.get().map_or(0.0, |began| began.elapsed().as_secs_f64());
    all
}

fn send(agent: &ureq::Agent, url: &str, ask: &Ask, from: Instant, outcome: &mut Outcome) {
    let answer = agent.post(url).header("content-type", &ask.content_type).send(&ask.body[..]);
    let status = answer.ok().and_then(|mut answer| {
        // Read to the end: that is when the shopper has it, and the connection can be used again.
        answer.body_mut().with_config().limit(64 << 20).read_to_vec().ok()?;
        Some(answer.status().as_u16())
    });
    let milliseconds = from.elapsed().as_secs_f64() * 1000.0;
    match status {
        Some(200) => outcome.accepted.push(milliseconds),
        Some(503) => outcome.refused.push(milliseconds),
        _ => outcome.other += 1,
    }
}
