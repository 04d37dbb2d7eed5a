//! How many requests go to one host at a time.

use std::collections::HashMap;

use parking_lot::{Condvar, Mutex};

/// Counts requests by host; who comes when a host has enough waits.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    at_work: Mutex<HashMap<String, usize>>,
    freed: Condvar,
}

/// The right to ask a host, until dropped.
#[derive(Debug)]
pub(super) struct Permit<'a> {
    hosts: &'a Hosts,
    host: String,
}

impl Hosts {
    /// Waits until fewer than `most` requests to `host` are at work.
    pub(super) fn enter(&self, host: &str, most: usize) -> Permit<'_> {
        let mut at_work = self.at_work.lock();
        while at_work.get(host).is_some_and(|count| *count >= most.max(1)) {
            self.freed.wait(&mut at_work);
        }
        *at_work.entry(host.to_owned()).or_default() += 1;
        Permit { hosts: self, host: host.to_owned() }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut at_work = self.hosts.at_work.lock();
        if let Some(count) = at_work.get_mut(&self.host) {
            *count -= 1;
            if *count == 0 {
                at_work.remove(&self.host);
            }
        }
        self.hosts.freed.notify_all();
    }
}
