//! Fetching over HTTP(S).

use std::io::{ErrorKind, Read as _, Write};
use std::time::{Duration, Instant, SystemTime};

use backon::{BackoffBuilder as _, ExponentialBuilder};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use percent_encoding::percent_decode_str;
use ureq::Agent;
use ureq::http::header::{
    AUTHORIZATION, ETAG, HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, LOCATION, RETRY_AFTER,
};
use ureq::http::{HeaderMap, Response};
use ureq::unversioned::resolver::Resolver;
use ureq::unversioned::transport::DefaultConnector;
use url::Url;

use super::FetchError;
use super::freshness::fresh_for;
use super::hosts::{Hosts, Permit, Refused};
use super::resolver::{Guard, Private};

/// Redirects that are followed.
const MOST_REDIRECTS: usize = 5;
/// Longest time a server's Retry-After is obeyed.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Time before a server's speed is judged.
const GRACE: Duration = Duration::from_secs(5);
/// Longest silence of a server, before its answer or in the middle of it.
const LONGEST_SILENCE: Duration = Duration::from_secs(30);
/// How often a pause between two tries looks whether it should end.
const LOOK: Duration = Duration::from_millis(200);
/// No download takes longer, however large it may be.
const LONGEST_DOWNLOAD: Duration = Duration::from_hours(1);

/// Limits of fetching.
#[derive(Debug, Clone)]
pub struct FetchOptions {
    /// Whether loopback, private and reserved addresses may be asked.
    pub allow_private: bool,
    /// Most bytes of one answer, unpacked.
    pub max_bytes: u64,
    /// Until a connection is there.
    pub connect_timeout: Duration,
    /// Until the whole answer is there.
    pub timeout: Duration,
    /// Fewer on average after five seconds are too few.
    pub least_bytes_per_second: u64,
    /// Requests to one host at a time.
    pub per_host: usize,
    /// How often a request that failed for a moment is repeated.
    pub retries: usize,
    /// What the servers read about who asks.
    pub user_agent: String,
}

impl Default for FetchOptions {
    fn default() -> Self {
        Self {
            allow_private: false,
            max_bytes: 32 << 20,
            connect_timeout: Duration::from_secs(10),
            timeout: Duration::from_mins(1),
            least_bytes_per_second: 1_000,
            per_host: 4,
            retries: 3,
            user_agent: concat!("vetrina/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

/// What tells whether an answer has changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Validators {
    /// The server's own tag.
    pub etag: Option<String>,
    /// When it was changed, as the server writes it.
    pub last_modified: Option<String>,
}

/// What an address gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The body, unpacked; empty where it was written elsewhere.
    pub bytes: Vec<u8>,
    /// What the server calls it, without parameters.
    pub media_type: Option<String>,
    /// For the next time.
    pub validators: Validators,
    /// For how long it need not be asked for again, as the server says; a day at most.
    pub fresh_for: Duration,
    /// Where it was in the end.
    pub final_url: String,
}

/// Fetches within limits. Can be shared by threads.
#[derive(Debug)]
pub struct Fetcher {
    options: FetchOptions,
    agent: Agent,
    hosts: Hosts,
    /// Time before a server's speed is judged.
    grace: Duration,
}

impl Fetcher {
    /// A fetcher with these limits. Proxies of the environment are not used: through a proxy nobody could say which address
    /// is asked in the end.
    #[must_use]
    pub fn new(options: FetchOptions) -> Self {
        let guard = Guard::new(options.allow_private);
        Self::with_resolver(options, guard)
    }

    pub(super) fn with_resolver(options: FetchOptions, resolver: impl Resolver) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .user_agent(options.user_agent.as_str())
            .timeout_connect(Some(options.connect_timeout))
            .timeout_recv_response(Some(options.timeout))
            .timeout_per_read(Some(LONGEST_SILENCE))
            .max_idle_connections_per_host(options.per_host)
            .build();
        let agent = Agent::with_parts(config, DefaultConnector::default(), resolver);
        Self { options, agent, hosts: Hosts::default(), grace: GRACE }
    }

    /// Judges servers sooner, so that tests need not wait.
    #[cfg(test)]
    pub(super) fn judging_after(self, grace: Duration) -> Self {
        Self { grace, ..self }
    }

    /// Fetches what is at an address.
    ///
    /// # Errors
    /// [`FetchError`].
    pub fn get(&self, url: &str) -> Result<Fetched, FetchError> {
        match self.get_if_changed(url, &Validators::default(), &|| false)? {
            Some(fetched) => Ok(fetched),
            None => Err(FetchError::Status { url: shown(url), status: 304, retry_after: None }),
        }
    }

    /// Fetches what is at an address unless it is as it was; `None` when it is. `stop` is asked while nothing but waiting is
    /// done: before a request and between two tries.
    ///
    /// # Errors
    /// [`FetchError`]; [`FetchError::Stopped`] when `stop` said so.
    pub fn get_if_changed(
        &self,
        url: &str,
        validators: &Validators,
        stop: &dyn Fn() -> bool,
    ) -> Result<Option<Fetched>, FetchError> {
        self.repeated(url, stop, || {
            let mut bytes = Vec::new();
            let limits = Limits { bytes: self.options.max_bytes, time: self.options.timeout };
            let fetched = self.once(url, validators, &mut bytes, limits, stop)?;
            Ok(fetched.map(|fetched| Fetched { bytes, ..fetched }))
        })
    }

    /// Writes what is at an address into `into`, at most `max_bytes`. Not repeated: what was written cannot be taken back.
    /// [`FetchOptions::timeout`] holds for the beginning of the answer; the whole may take as long as `max_bytes` take at
    /// [`FetchOptions::least_bytes_per_second`], but never more than an hour: a large feed is not a slow one.
    ///
    /// # Errors
    /// [`FetchError`].
    pub fn download(&self, url: &str, into: &mut dyn Write, max_bytes: u64) -> Result<Fetched, FetchError> {
        let seconds = max_bytes / self.options.least_bytes_per_second.max(1);
        let time = self.options.timeout.saturating_add(Duration::from_secs(seconds)).min(LONGEST_DOWNLOAD);
        let limits = Limits { bytes: max_bytes, time };
        let fetched = self.once(url, &Validators::default(), into, limits, &|| false)?;
        fetched.ok_or_else(|| FetchError::Status { url: shown(url), status: 304, retry_after: None })
    }

    /// Tries again after failures that may pass, with growing pauses.
    fn repeated<T>(
        &self,
        url: &str,
        stop: &dyn Fn() -> bool,
        attempt: impl Fn() -> Result<T, FetchError>,
    ) -> Result<T, FetchError> {
        let mut pauses = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(300))
            .with_max_delay(Duration::from_secs(10))
            .with_max_times(self.options.retries)
            .with_jitter()
            .build();
        loop {
            let error = match attempt() {
                Err(error) if error.is_temporary() => error,
                done => return done,
            };
            let Some(pause) = pauses.next() else { return Err(error) };
            let asked = match &error {
                FetchError::Status { retry_after: Some(seconds), .. } => Duration::from_secs(*seconds),
                _ => Duration::ZERO,
            };
            if asked > LONGEST_WAIT {
                return Err(error);
            }
            tracing::debug!(%error, ?pause, "fetching again");
            let until = Instant::now() + pause.max(asked);
            while Instant::now() < until {
                if stop() {
                    return Err(FetchError::Stopped { url: shown(url) });
                }
                std::thread::sleep(until.saturating_duration_since(Instant::now()).min(LOOK));
            }
        }
    }

    /// One try, redirects followed, all of it within `time` (waiting for other requests to the same host not counted).
    fn once(
        &self,
        url: &str,
        validators: &Validators,
        into: &mut dyn Write,
        limits: Limits,
        stop: &dyn Fn() -> bool,
    ) -> Result<Option<Fetched>, FetchError> {
        let mut here = parse(url)?;
        let mut seen = vec![here.clone()];
        let mut left = limits.time;
        loop {
            let host = here.host_str().unwrap_or_default().to_owned();
            let permit = self.hosts.enter(&host, self.options.per_host, stop).map_err(|refused| match refused {
                Refused::Down(since) => {
                    FetchError::HostDown { url: shown(url), host: host.clone(), seconds: since.as_secs() }
                }
                Refused::Stopped => FetchError::Stopped { url: shown(url) },
            })?;
            let started = Instant::now();
            let mut request = self.agent.get(anonymous(&here).as_str()).config().timeout_global(Some(left)).build();
            if let Some(value) = authorization(&here) {
                request = request.header(AUTHORIZATION, value);
            }
            for (name, value) in [(IF_NONE_MATCH, &validators.etag), (IF_MODIFIED_SINCE, &validators.last_modified)] {
                if let Some(value) = value {
                    request = request.header(name, value);
                }
            }
            let called = request.call().map_err(|error| failure(url, &error));
            let mut answer = called.inspect_err(|error| note(&permit, error))?;
            let status = answer.status().as_u16();
            // A body has yet to come; until then nothing is known of a 200.
            if status != 200 && status < 500 && status != 429 {
                permit.answered();
            }
            if status == 304 && *validators != Validators::default() {
                return Ok(None);
            }
            if matches!(status, 301 | 302 | 303 | 307 | 308) {
                here = next(&here, &answer, url)?;
                if seen.len() > MOST_REDIRECTS || seen.contains(&here) {
                    return Err(FetchError::TooManyRedirects { url: shown(url), limit: MOST_REDIRECTS });
                }
                seen.push(here.clone());
                left = left.saturating_sub(started.elapsed());
                continue;
            }
            if status != 200 {
                let retry_after = retry_after(answer.headers());
                let error = FetchError::Status { url: shown(url), status, retry_after };
                note(&permit, &error);
                return Err(error);
            }
            if answer.body().content_length().is_some_and(|length| length > limits.bytes) {
                permit.answered();
                return Err(FetchError::TooLarge { url: shown(url), limit: limits.bytes });
            }
            let headers = answer.headers().clone();
            self.body(&mut answer, url, into, limits.bytes).inspect_err(|error| note(&permit, error))?;
            permit.answered();
            let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
            let media_type = text(ureq::http::header::CONTENT_TYPE)
                .map(|text| text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
                .filter(|text| !text.is_empty());
            let validators = Validators { etag: text(ETAG), last_modified: text(LAST_MODIFIED) };
            return Ok(Some(Fetched {
                bytes: Vec::new(),
                media_type,
                validators,
                fresh_for: fresh_for(&headers, SystemTime::now()),
                final_url: anonymous(&here).into(),
            }));
        }
    }

    /// Reads a body within bytes and time.
    fn body(
        &self,
        answer: &mut Response<ureq::Body>,
        url: &str,
        into: &mut dyn Write,
        max_bytes: u64,
    ) -> Result<(), FetchError> {
        // The time a server thinks before it answers says nothing about its speed.
        let started = Instant::now();
        // The reader's own limit would only say that there is one; this one says which.
        let mut reader = answer.body_mut().with_config().limit(max_bytes.saturating_add(1)).reader();
        let mut buffer = vec![0; 64 << 10];
        let mut total = 0_u64;
        loop {
            let read = match reader.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(read_failure(url, error, max_bytes)),
            };
            total += read as u64;
            if total > max_bytes {
                return Err(FetchError::TooLarge { url: shown(url), limit: max_bytes });
            }
            let bytes = buffer.get(..read).unwrap_or_default();
            into.write_all(bytes).map_err(|error| FetchError::Write { url: shown(url), reason: error.to_string() })?;
            let elapsed = started.elapsed();
            if elapsed > self.grace && total < self.options.least_bytes_per_second.saturating_mul(elapsed.as_secs()) {
                return Err(FetchError::SlowServer { url: shown(url) });
            }
        }
    }
}

/// Most bytes and longest time of one answer.
#[derive(Debug, Clone, Copy)]
struct Limits {
    bytes: u64,
    time: Duration,
}

/// Notes what an error says of its host.
fn note(permit: &Permit<'_>, error: &FetchError) {
    match error {
        FetchError::Status { status, .. } if *status < 500 => {}
        FetchError::Status { .. }
        | FetchError::Timeout { .. }
        | FetchError::SlowServer { .. }
        | FetchError::Network { .. } => permit.failed(),
        FetchError::TooLarge { .. } => permit.answered(),
        _ => {}
    }
    if let FetchError::Status { retry_after: Some(seconds), .. } = error
        && *seconds <= LONGEST_WAIT.as_secs()
    {
        permit.pause(Duration::from_secs(*seconds));
    }
}

fn parse(url: &str) -> Result<Url, FetchError> {
    let parsed =
        Url::parse(url.trim()).map_err(|error| FetchError::BadUrl { url: shown(url), reason: error.to_string() })?;
    if !matches!(parsed.scheme(), "http" | "https") {
        return Err(FetchError::Scheme { url: shown(url) });
    }
    if parsed.host_str().is_none_or(str::is_empty) {
        return Err(FetchError::BadUrl { url: shown(url), reason: "it names no host".into() });
    }
    Ok(parsed)
}

/// Where a redirect leads. From `https` never back to `http`: what was private on the way would not be any more.
fn next(here: &Url, answer: &Response<ureq::Body>, url: &str) -> Result<Url, FetchError> {
    let location = answer.headers().get(LOCATION).and_then(|location| location.to_str().ok());
    let bad = |reason: &str| FetchError::BadRedirect { url: shown(url), reason: reason.to_owned() };
    let there = location.and_then(|location| here.join(location).ok()).ok_or_else(|| bad("it leads nowhere"))?;
    let there = parse(there.as_str())?;
    if here.scheme() == "https" && there.scheme() == "http" {
        return Err(bad("it leads from https to http"));
    }
    Ok(there)
}

/// Seconds of a Retry-After, which is a number or a date.
fn retry_after(headers: &HeaderMap) -> Option<u64> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    text.parse().ok().or_else(|| {
        let date = httpdate::parse_http_date(text).ok()?;
        Some(date.duration_since(SystemTime::now()).unwrap_or_default().as_secs())
    })
}

fn failure(url: &str, error: &ureq::Error) -> FetchError {
    let url = shown(url);
    match error {
        ureq::Error::Other(other) if other.is::<Private>() => {
            let host = other.downcast_ref::<Private>().map(|private| private.host.clone()).unwrap_or_default();
            FetchError::PrivateAddress { url, host }
        }
        ureq::Error::Timeout(_) => FetchError::Timeout { url },
        ureq::Error::HostNotFound => FetchError::Network { url, reason: "there is no such host".into() },
        // ureq's own words may repeat the address with its password.
        ureq::Error::BadUri(_) => FetchError::BadUrl { url, reason: "the host or the path is not valid".into() },
        other => FetchError::Network { url, reason: other.to_string() },
    }
}

fn read_failure(url: &str, error: std::io::Error, limit: u64) -> FetchError {
    let text = error.to_string();
    match ureq::Error::from(error) {
        ureq::Error::BodyExceedsLimit(_) => FetchError::TooLarge { url: shown(url), limit },
        ureq::Error::Timeout(_) => FetchError::SlowServer { url: shown(url) },
        _ => FetchError::Network { url: shown(url), reason: text },
    }
}

/// The address without user and password.
fn anonymous(url: &Url) -> Url {
    let mut url = url.clone();
    // Fails only where there can be no user and password.
    let _ = url.set_username("").and_then(|()| url.set_password(None));
    url
}

/// User and password of an address, as a header (RFC 7617). A redirect to another host has none, unless it says so itself.
fn authorization(url: &Url) -> Option<String> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let mut pair = percent_decode_str(url.username()).collect::<Vec<u8>>();
    pair.push(b':');
    pair.extend(percent_decode_str(url.password().unwrap_or_default()));
    Some(format!("Basic {}", BASE64.encode(pair)))
}

/// An address as it may be shown: without user and password, not too long.
fn shown(url: &str) -> String {
    let plain = match Url::parse(url.trim()) {
        Ok(parsed) => anonymous(&parsed).into(),
        Err(_) => without_user(url),
    };
    if plain.chars().count() <= 300 { plain } else { plain.chars().take(300).chain(['…']).collect() }
}

/// Something that is not an address, without what stands before an `@`: it may be a password.
fn without_user(url: &str) -> String {
    let Some((before, after)) = url.rsplit_once('@') else { return url.to_owned() };
    let scheme = before.split_once("//").map(|(scheme, _)| format!("{scheme}//")).unwrap_or_default();
    format!("{scheme}…@{after}")
}
