//! Ledgers of jobs as CSV, for the command line and for HTTP.

use std::io;

use vetrina_engine::engine::ItemError;

/// Rows of a ledger, after the headings where they are the first.
///
/// # Errors
/// Never, as things stand: it writes to memory.
pub fn ledger_csv(items: &[ItemError], headings: bool) -> io::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    if headings {
        writer.write_record(["line", "id", "field", "code", "reason", "hint", "warning"])?;
    }
    for item in items {
        let line = if item.line == 0 { String::new() } else { item.line.to_string() };
        let warning = if item.warning { "true" } else { "false" };
        let (id, field) = (item.id.as_deref().unwrap_or_default(), item.field.as_deref().unwrap_or_default());
        writer.write_record([&line, id, field, &item.code, &item.reason, &item.hint, warning])?;
    }
    writer.into_inner().map_err(|error| io::Error::other(error.to_string()))
}
