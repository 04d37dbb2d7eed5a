//! `vetrina job`: imports that run, ran, or stopped on the way.

use clap::{Args, Subcommand};
use serde_json::json;
use vetrina_engine::Engine;

use super::Context;
use super::import::{document, finish, stopped, understand};
use super::interrupt::Interrupt;
use crate::output::{Exit, Failure, ImportBar, ledger_csv, print, print_job, print_jobs, print_json, print_problems};

/// Items of a ledger that are read at a time.
const PAGE: usize = 1000;

/// Arguments of `job`.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List all jobs, latest first
    List,
    /// Show one, with its ledger of failed items
    Show(Which),
    /// Print the ledger of one as CSV: line, id, field, code, reason, hint, warning
    Errors(Which),
    /// Stop one; what it has done stays
    Cancel(Which),
    /// Go on with one that was cancelled, interrupted or failed
    Resume(Which),
}

#[derive(Debug, Args)]
struct Which {
    /// Id of the job
    #[arg(value_name = "ID")]
    id: String,
}

/// The whole ledger, read in pages.
fn print_ledger(engine: &Engine, id: &str) -> Result<(), Failure> {
    let mut offset = 0;
    loop {
        let (page, _) = engine.job_errors(id, PAGE, offset)?;
        let text = ledger_csv(&page, offset == 0).map_err(|error| Failure::output(&error))?;
        if !text.is_empty() {
            print(String::from_utf8_lossy(&text).trim_end())?;
        }
        if page.len() < PAGE {
            return Ok(());
        }
        offset += PAGE;
    }
}

/// Runs it.
pub fn run(context: &Context, arguments: Arguments) -> Result<Exit, Failure> {
    let engine = context.engine()?;
    match arguments.action {
        Action::List => {
            let jobs = engine.jobs()?;
            if context.json { print_json(&json!({"jobs": jobs}))? } else { print_jobs(&jobs)? }
        }
        Action::Show(Which { id }) => {
            let job = engine.job(&id)?;
            if context.json {
                print_json(&document(&engine, &job)?)?;
            } else {
                print_job(&job)?;
                let (problems, total) = engine.job_errors(&id, 100, 0)?;
                print_problems(&problems, total.saturating_sub(problems.len() as u64))?;
            }
        }
        Action::Errors(Which { id }) => print_ledger(&engine, &id)?,
        Action::Cancel(Which { id }) => {
            let job = engine.cancel_job(&id)?;
            if context.json { print_json(&job)? } else { print_job(&job)? }
        }
        Action::Resume(Which { id }) => {
            let interrupt = Interrupt::watch(&engine)?;
            let bar = ImportBar::new(&id);
            let resumed = engine.resume_job_here(&id, &|job| {
                interrupt.is_at(&job.id);
                bar.show(job);
            });
            drop(bar);
            let job = resumed.map_err(|error| stopped(error, interrupt.job().as_deref()))?;
            understand(&engine, &job, &interrupt)?;
            return finish(context, &engine, &job);
        }
    }
    Ok(Exit::Done)
}
