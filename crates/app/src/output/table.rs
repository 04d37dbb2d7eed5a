//! Tables for people.

use std::fmt::Write as _;

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ContentArrangement};
use vetrina_engine::engine::{ItemError, Job, JobState};

use super::{Failure, print};

/// A plain table: columns, no lines.
#[derive(Debug)]
pub struct Table(comfy_table::Table);

impl Table {
    /// An empty table with these headings.
    pub fn new(headings: &[&str]) -> Self {
        let mut table = comfy_table::Table::new();
        table.load_preset(NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_header(headings);
        Self(table)
    }

    /// Adds a row. Characters that would move a terminal's cursor are left out: they come from feeds.
    pub fn row<I: IntoIterator<Item = String>>(&mut self, cells: I) {
        self.0.add_row(cells.into_iter().map(|cell| harmless(&cell)));
    }

    /// Numbers stand at the right.
    pub fn right(&mut self, column: usize) {
        if let Some(column) = self.0.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }

    /// Writes it to standard output.
    ///
    /// # Errors
    /// When standard output is gone.
    pub fn print(&self) -> Result<(), Failure> {
        let text = self.0.to_string();
        print(&text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n"))
    }
}

/// Text without control characters.
pub fn harmless(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

/// A job's state as a word.
fn state(job: &Job) -> &'static str {
    match job.state {
        JobState::Running => "running",
        JobState::Done => "done",
        JobState::Failed => "failed",
        JobState::Cancelled => "cancelled",
        JobState::Interrupted => "interrupted",
    }
}

/// One job in a few lines.
///
/// # Errors
/// When standard output is gone.
pub fn print_job(job: &Job) -> Result<(), Failure> {
    if job.kind != "import" {
        let mut text = format!("{} {} of catalogue {}: {}", job.kind, harmless(&job.name), job.catalogue, state(job));
        for more in [job.doing.as_deref().unwrap_or_default(), &job.message] {
            if !more.is_empty() {
                let _ = write!(text, "\n  {}", harmless(more));
            }
        }
        let _ = write!(text, "\n  job {}", job.id);
        return print(&text);
    }
    let mut text = format!("{} into catalogue {}: {}", harmless(&job.name), job.catalogue, state(job));
    if let Some(dialect) = &job.dialect {
        let _ = write!(text, " ({dialect})");
    }
    let _ = write!(
        text,
        "\n  {} new, {} changed, {} unchanged, {} removed, {} failed, {} warnings; {} pictures embedded",
        job.created, job.updated, job.skipped, job.removed, job.failed, job.warnings, job.embedded
    );
    if let Some(total) = job.total.filter(|total| *total != job.done) {
        let _ = write!(text, "\n  {} of {total} items done", job.done);
    }
    if !job.message.is_empty() {
        let _ = write!(text, "\n  {}", harmless(&job.message));
    }
    let _ = write!(text, "\n  job {}", job.id);
    print(&text)
}

/// All jobs, one a row.
///
/// # Errors
/// When standard output is gone.
pub fn print_jobs(jobs: &[Job]) -> Result<(), Failure> {
    let mut table = Table::new(&["job", "state", "catalogue", "what", "done", "failed", "made"]);
    for job in jobs {
        let done = job.total.map_or_else(|| job.done.to_string(), |total| format!("{}/{total}", job.done));
        let made = job.created_at.format("%Y-%m-%d %H:%M").to_string();
        table.row([
            job.id.clone(),
            state(job).to_owned(),
            job.catalogue.to_string(),
            job.name.clone(),
            done,
            job.failed.to_string(),
            made,
        ]);
    }
    table.print()
}

/// Items of a ledger: line, id, what, hint.
///
/// # Errors
/// When standard output is gone.
pub fn print_problems(problems: &[ItemError], left_out: u64) -> Result<(), Failure> {
    for problem in problems {
        let kind = if problem.warning { "warning" } else { "error" };
        let line = if problem.line > 0 { format!("line {}: ", problem.line) } else { String::new() };
        let id = problem.id.as_deref().map(|id| format!("{id}: ")).unwrap_or_default();
        let hint = if problem.hint.is_empty() { String::new() } else { format!(" ({})", problem.hint) };
        print(&harmless(&format!("  {kind}: {line}{id}{}{hint}", problem.reason)))?;
    }
    if left_out > 0 {
        print(&format!("  … and {left_out} more"))?;
    }
    Ok(())
}
