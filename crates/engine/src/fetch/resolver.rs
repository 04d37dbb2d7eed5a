//! Names become addresses here, and only here: what is checked is what is connected to, so a name that resolves otherwise
//! the next time (DNS rebinding) gains nothing.

use std::fmt;
use std::sync::Arc;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use super::address::is_public;

/// The host of a request has no public address.
#[derive(Debug, thiserror::Error)]
#[error("{host} is a private, local or reserved address")]
pub(super) struct Private {
    pub(super) host: String,
}

/// How names are looked up: the system's way, or a test's.
type LookUp = dyn Fn(&Uri, &Config, NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> + Send + Sync;

/// Lets only public addresses through, unless private ones are allowed.
pub(super) struct Guard {
    pub(super) allow_private: bool,
    look_up: Arc<LookUp>,
}

impl Guard {
    pub(super) fn new(allow_private: bool) -> Self {
        let system = DefaultResolver::default();
        Self { allow_private, look_up: Arc::new(move |uri, config, timeout| system.resolve(uri, config, timeout)) }
    }

    /// A guard over a table of names, for tests: what the system says does not count.
    #[cfg(test)]
    pub(super) fn over(allow_private: bool, look_up: Arc<LookUp>) -> Self {
        Self { allow_private, look_up }
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Guard").field("allow_private", &self.allow_private).finish_non_exhaustive()
    }
}

impl Resolver for Guard {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = (self.look_up)(uri, config, timeout)?;
        if self.allow_private {
            return Ok(found);
        }
        let mut public = self.empty();
        for address in found.iter().filter(|address| is_public(address.ip())) {
            public.push(*address);
        }
        if public.is_empty() {
            let host = uri.host().unwrap_or_default().to_owned();
            return Err(ureq::Error::Other(Box::new(Private { host })));
        }
        Ok(public)
    }
}
