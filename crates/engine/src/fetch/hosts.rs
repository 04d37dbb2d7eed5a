//! How many requests go to one host at a time, and what is done when a host is in trouble.
//!
//! A host that asks to be left alone for a moment (Retry-After) is left alone by every thread, not only by the one that was
//! told. A host that fails again and again is asked by one request at a time; the others wait for it, and after
//! [`Patience::longest`] they are told at once that it is down. So an outage of a minute costs an import a minute and no
//! picture, and a host that is gone does not hold up an import for days.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// When a host counts as down, and how it is treated then.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// Failures in a row after which a host counts as down.
    pub(super) failures: u32,
    /// Time between two tries while it is down.
    pub(super) between: Duration,
    /// How long requests wait for a host that is down.
    pub(super) longest: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { failures: 8, between: Duration::from_secs(10), longest: Duration::from_mins(2) }
    }
}

/// Counts requests by host; who comes when a host has enough waits.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    known: Mutex<HashMap<String, Host>>,
    freed: Condvar,
    patience: Patience,
}

#[derive(Debug, Default)]
struct Host {
    at_work: usize,
    /// Failures since the last answer, and when they began.
    failures: u32,
    failing_since: Option<Instant>,
    /// Before this it is not asked.
    not_before: Option<Instant>,
}

/// The right to ask a host, until dropped.
#[derive(Debug)]
pub(super) struct Permit<'a> {
    hosts: &'a Hosts,
    host: String,
}

/// Why a host is not asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// It has been down for this long.
    Down(Duration),
    /// Whoever asks does not want to any more.
    Stopped,
}

impl Hosts {
    #[cfg(test)]
    fn with_patience(patience: Patience) -> Self {
        Self { patience, ..Self::default() }
    }

    /// Waits until `host` may be asked: fewer than `most` requests are at work, and it has not asked to be left alone.
    pub(super) fn enter(&self, host: &str, most: usize, stop: &dyn Fn() -> bool) -> Result<Permit<'_>, Refused> {
        /// How often `stop` is asked.
        const LOOK: Duration = Duration::from_millis(200);
        let mut hosts = self.known.lock();
        loop {
            if stop() {
                return Err(Refused::Stopped);
            }
            let now = Instant::now();
            let state = hosts.entry(host.to_owned()).or_default();
            let down = state.failures >= self.patience.failures.max(1);
            let early = state.not_before.is_some_and(|moment| moment > now);
            if down && early {
                let since = state.failing_since.map_or(Duration::ZERO, |since| now - since);
                if since >= self.patience.longest {
                    return Err(Refused::Down(since));
                }
            } else if !early && state.at_work < most.max(1) {
                if down {
                    // This one tries; the others wait until it is known how that went.
                    state.not_before = Some(now + self.patience.between);
                }
                state.at_work += 1;
                return Ok(Permit { hosts: self, host: host.to_owned() });
            }
            let until = state.not_before.filter(|_| early).map_or(LOOK, |moment| (moment - now).min(LOOK));
            self.freed.wait_for(&mut hosts, until);
        }
    }
}

impl Permit<'_> {
    /// The host answered.
    pub(super) fn answered(&self) {
        if let Some(state) = self.hosts.known.lock().get_mut(&self.host)
            && state.failures > 0
        {
            (state.failures, state.failing_since, state.not_before) = (0, None, None);
            self.hosts.freed.notify_all();
        }
    }

    /// The host did not answer, or not as it should.
    pub(super) fn failed(&self) {
        if let Some(state) = self.hosts.known.lock().get_mut(&self.host) {
            let now = Instant::now();
            state.failures = state.failures.saturating_add(1);
            state.failing_since.get_or_insert(now);
            if state.failures >= self.hosts.patience.failures.max(1) {
                state.not_before = Some(now + self.hosts.patience.between);
            }
        }
    }

    /// The host wants to be left alone for a time.
    pub(super) fn pause(&self, time: Duration) {
        if let Some(state) = self.hosts.known.lock().get_mut(&self.host) {
            let until = Instant::now() + time;
            state.not_before = Some(state.not_before.map_or(until, |moment| moment.max(until)));
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut hosts = self.hosts.known.lock();
        if let Some(state) = hosts.get_mut(&self.host) {
            state.at_work -= 1;
            // Nothing is remembered of a host that is well.
            let past = state.not_before.is_none_or(|moment| moment <= Instant::now());
            if state.at_work == 0 && state.failures == 0 && past {
                hosts.remove(&self.host);
            }
        }
        self.hosts.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEVER: &dyn Fn() -> bool = &|| false;

    #[test]
    fn a_host_that_is_down_is_waited_for_and_then_given_up() {
        let patience =
            Patience { failures: 2, between: Duration::from_millis(50), longest: Duration::from_millis(200) };
        let hosts = Hosts::with_patience(patience);
        for _ in 0..2 {
            hosts.enter("a", 4, NEVER).unwrap().failed();
        }
        let began = Instant::now();
        hosts.enter("a", 4, NEVER).unwrap().failed();
        assert!(began.elapsed() >= Duration::from_millis(45), "it waits for the next try");
        std::thread::sleep(Duration::from_millis(210));
        hosts.enter("a", 4, NEVER).unwrap().failed();
        assert!(matches!(hosts.enter("a", 4, NEVER), Err(Refused::Down(_))));
        assert!(hosts.enter("b", 4, NEVER).is_ok(), "another host is another host");
        std::thread::sleep(Duration::from_millis(60));
        hosts.enter("a", 4, NEVER).unwrap().answered();
        assert!(hosts.enter("a", 4, NEVER).is_ok());
        assert!(hosts.known.lock().is_empty(), "nothing is remembered of hosts that are well");
    }

    #[test]
    fn everybody_leaves_a_host_alone_that_asks_for_it() {
        let hosts = Hosts::default();
        hosts.enter("a", 4, NEVER).unwrap().pause(Duration::from_millis(120));
        let began = Instant::now();
        drop(hosts.enter("a", 4, NEVER).unwrap());
        assert!(began.elapsed() >= Duration::from_millis(100));
        hosts.enter("a", 4, NEVER).unwrap().pause(Duration::from_mins(1));
        assert_eq!(hosts.enter("a", 4, &|| true).unwrap_err(), Refused::Stopped);
    }
}
