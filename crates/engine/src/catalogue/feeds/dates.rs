//! Dates as feeds write them.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};

use super::RowProblem;

/// Reads a date with or without time and zone; without a zone it is taken for UTC.
pub(super) fn date(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    if let Ok(moment) = DateTime::parse_from_rfc3339(text).or_else(|_| DateTime::parse_from_rfc2822(text)) {
        return Some(moment.to_utc());
    }
    // Google writes `2026-02-24T13:00-0800`.
    let zoned = ["%Y-%m-%dT%H:%M%#z", "%Y-%m-%dT%H:%M:%S%#z", "%Y-%m-%d %H:%M:%S %#z"];
    if let Some(moment) = zoned.iter().find_map(|format| DateTime::parse_from_str(text, format).ok()) {
        return Some(moment.to_utc());
    }
    let plain = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"];
    if let Some(moment) = plain.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok()) {
        return Some(moment.and_utc());
    }
    Some(NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0)?.and_utc())
}

/// Reads when a product was added; what is no date is a warning.
pub(super) fn added_at(text: &str, warnings: &mut Vec<RowProblem>) -> Option<DateTime<Utc>> {
    let moment = date(text);
    if moment.is_none() {
        let reason = format!("`{}` is not a date and was left out", shortened(text));
        let hint = "write 2026-01-31 or 2026-01-31T12:00:00Z";
        warnings.push(RowProblem::new("bad-date", Some("added_at"), reason, hint));
    }
    moment
}

/// Whether a sale is on now: `start/end` (Google's `sale_price_effective_date`), either of which may be empty. What is no
/// period is a warning, and the sale is taken to be on.
pub(super) fn sale_is_on(period: &str, now: DateTime<Utc>, warnings: &mut Vec<RowProblem>) -> bool {
    let (start, end) = period.split_once('/').unwrap_or((period, ""));
    let mut read = |text: &str| {
        let moment = date(text);
        if moment.is_none() && !text.trim().is_empty() {
            let reason = format!("`{}` is not a period and was left out", shortened(period));
            let hint = "write 2026-02-24T13:00-0800/2026-02-29T15:30-0800";
            warnings.push(RowProblem::new("bad-date", Some("sale_price_effective_date"), reason, hint));
        }
        moment
    };
    let (start, end) = (read(start), read(end));
    start.is_none_or(|start| start <= now) && end.is_none_or(|end| now <= end)
}

/// A text as it is shown in a message.
pub(super) fn shortened(text: &str) -> String {
    text.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_as_feeds_write_them() {
        for text in [
            "2026-02-24T21:00:00Z",
            "2026-02-24T13:00-0800",
            "2026-02-24T13:00:00-08:00",
            "2026-02-24T21:00Z",
            "2026-02-24 21:00:00",
            "Tue, 24 Feb 2026 21:00:00 GMT",
        ] {
            assert_eq!(
                date(text).map(|moment| moment.to_rfc3339()).as_deref(),
                Some("2026-02-24T21:00:00+00:00"),
                "{text}"
            );
        }
        assert!(date("2026-02-24").is_some());
        assert_eq!(date("soon"), None);
    }

    #[test]
    fn a_sale_is_on_from_its_start_to_its_end() {
        let now = date("2026-03-01").unwrap();
        let mut warnings = Vec::new();
        for (period, on) in [
            ("2026-02-01/2026-04-01", true),
            ("2026-02-01T00:00+0100/2026-02-28T23:59+0100", false),
            ("2026-03-02/", false),
            ("/2026-03-02", true),
            ("", true),
        ] {
            assert_eq!(sale_is_on(period, now, &mut warnings), on, "{period}");
        }
        assert!(warnings.is_empty());
        assert!(sale_is_on("summer", now, &mut warnings));
        assert_eq!(warnings[0].code, "bad-date");
    }
}
