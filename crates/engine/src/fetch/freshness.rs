//! How long an answer may be taken to be still what the server has (RFC 9111).

use std::time::{Duration, SystemTime};

use ureq::http::HeaderMap;
use ureq::http::header::{CACHE_CONTROL, EXPIRES, LAST_MODIFIED};

/// No answer is trusted longer without asking again, whatever the server says: shops do put new pictures at old addresses.
const LONGEST: Duration = Duration::from_hours(24);

/// Time for which an answer need not be asked for again: what `Cache-Control: max-age` or `Expires` says; else a tenth of
/// the time since it was changed, as RFC 9111 §4.2.2 suggests; else none. At most a day.
pub(super) fn fresh_for(headers: &HeaderMap, now: SystemTime) -> Duration {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let date = |name| text(name).and_then(|text| httpdate::parse_http_date(text).ok());
    let mut told = None;
    for directive in text(CACHE_CONTROL).unwrap_or_default().split(',') {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        match name.trim().to_ascii_lowercase().as_str() {
            "no-store" | "no-cache" => return Duration::ZERO,
            "max-age" => {
                told = Some(value.trim().trim_matches('"').parse().map_or(Duration::ZERO, Duration::from_secs))
            }
            _ => {}
        }
    }
    let expires =
        || text(EXPIRES).map(|_| date(EXPIRES).and_then(|at| at.duration_since(now).ok()).unwrap_or_default());
    let guessed = || date(LAST_MODIFIED).and_then(|changed| now.duration_since(changed).ok()).map(|age| age / 10);
    told.or_else(expires).or_else(guessed).unwrap_or_default().min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds since 1970.
    const NOW: u64 = 1_800_000_000;

    fn seconds(headers: &[(&'static str, String)]) -> u64 {
        let headers = headers.iter().map(|(name, value)| {
            (ureq::http::HeaderName::from_static(name), ureq::http::HeaderValue::from_str(value).unwrap())
        });
        fresh_for(&headers.collect(), now()).as_secs()
    }

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(NOW)
    }

    fn at(ago: i64) -> String {
        httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(NOW.wrapping_add_signed(-ago)))
    }

    #[test]
    fn servers_are_taken_at_their_word_for_a_day_at_most() {
        assert_eq!(seconds(&[]), 0);
        assert_eq!(seconds(&[("cache-control", "public, max-age=600".into())]), 600);
        assert_eq!(seconds(&[("cache-control", "Max-Age=\"600\"".into()), ("expires", at(-9))]), 600);
        assert_eq!(seconds(&[("cache-control", "max-age=31536000, immutable".into())]), 86_400);
        assert_eq!(seconds(&[("cache-control", "no-cache, max-age=600".into())]), 0);
        assert_eq!(seconds(&[("cache-control", "max-age=soon".into())]), 0);
        assert_eq!(seconds(&[("expires", at(-120))]), 120);
        assert_eq!(seconds(&[("expires", "0".into()), ("last-modified", at(1_000))]), 0);
        assert_eq!(seconds(&[("last-modified", at(1_000))]), 100);
        assert_eq!(seconds(&[("last-modified", at(-1_000))]), 0);
    }
}
