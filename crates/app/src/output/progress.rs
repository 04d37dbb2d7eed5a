//! Progress of long work, on standard error; nothing when that is not a terminal.

use std::fmt::Write as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use vetrina_engine::engine::Job;

/// How far an import is.
#[derive(Debug)]
pub struct ImportBar {
    bar: ProgressBar,
}

impl ImportBar {
    /// A bar that shows nothing yet.
    pub fn new(name: &str) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        bar.set_style(style("{spinner} {prefix}: reading {msg}"));
        bar.set_prefix(name.to_owned());
        bar.enable_steady_tick(Duration::from_millis(120));
        Self { bar }
    }

    /// Shows a job as it stands.
    pub fn show(&self, job: &Job) {
        if let Some(total) = job.total
            && self.bar.length() != Some(total)
        {
            self.bar.set_length(total);
            self.bar.set_style(style("{spinner} {prefix} {bar:32} {pos}/{len} {msg}"));
        }
        self.bar.set_position(job.done);
        let mut message = String::new();
        if let Some(doing) = &job.doing {
            message.clone_from(doing);
        }
        if let Some(speed) = job.per_second {
            message = format!("{speed:.1}/s");
        }
        if let Some(seconds) = job.seconds_left.filter(|seconds| seconds.is_finite() && *seconds >= 0.5) {
            let _ = write!(message, ", {} left", time(seconds));
        }
        if job.failed > 0 {
            let _ = write!(message, ", {} failed", job.failed);
        }
        self.bar.set_message(message);
    }
}

impl Drop for ImportBar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// How many new pictures have been understood after an import.
#[derive(Debug)]
pub struct UnderstandBar(ProgressBar);

impl UnderstandBar {
    /// A bar over about so many pictures.
    pub fn new(pictures: u64) -> Self {
        let bar = ProgressBar::with_draw_target(Some(pictures), ProgressDrawTarget::stderr());
        bar.set_style(style("{spinner} colours, regions, quality {bar:32} {pos}/{len}"));
        Self(bar)
    }

    /// Shows how many are done.
    pub fn show(&self, done: u64) {
        self.0.set_position(done);
    }
}

impl Drop for UnderstandBar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// `45 s`, `3 min`, `2 h 10 min`.
pub fn time(seconds: f64) -> String {
    let seconds = seconds.clamp(0.0, 1e9) as u64;
    match seconds {
        0..60 => format!("{} s", seconds.max(1)),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::time;

    #[test]
    fn times_are_short() {
        assert_eq!(time(0.2), "1 s");
        assert_eq!(time(75.0), "1 min 15 s");
        assert_eq!(time(7800.0), "2 h 10 min");
    }
}
