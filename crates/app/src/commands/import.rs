//! `vetrina import`: feeds into a catalogue.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use vetrina_engine::engine::{CatalogueName, DryRun, FeedSource, ImportRequest, Job, JobState};
use vetrina_engine::{Engine, EngineError};

use super::interrupt::Interrupt;
use super::{Context, catalogue};
use crate::output::{Exit, Failure, ImportBar, UnderstandBar, print, print_job, print_json, print_problems};

/// How many problems people are shown.
const SHOWN: usize = 20;
/// How many items of the ledger are read at a time.
const PAGE: usize = 1000;

/// Arguments of `import`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct Arguments {
    /// Feed files, folders of pictures, or addresses of feeds
    #[arg(required = true, value_name = "FEED")]
    feeds: Vec<String>,
    /// Catalogue to import into; made when it is not there
    #[arg(long, short, default_value = "default", value_parser = catalogue, value_name = "C")]
    catalogue: CatalogueName,
    /// Kind of feed
    #[arg(long, default_value = "auto", value_name = "NAME")]
    dialect: String,
    /// Folder or zip where relative pictures are looked for first
    #[arg(long, value_name = "DIR")]
    images: Option<PathBuf>,
    /// Remove products that the feed no longer has
    #[arg(long)]
    sync: bool,
    /// With --sync: remove them even when the feed breaks off, is empty, or has nothing of what the catalogue has
    #[arg(long, requires = "sync")]
    force: bool,
    /// Read the feed and say what it would bring; change nothing
    #[arg(long)]
    dry_run: bool,
    /// End when all products can be found: colours, regions and quality of the new pictures are left to the server
    #[arg(long)]
    no_understand: bool,
}

/// Runs it.
pub fn run(context: &Context, arguments: Arguments) -> Result<Exit, Failure> {
    if arguments.sync && arguments.feeds.len() > 1 {
        return Err(Failure::arguments(
            "--sync takes one feed: each would remove the products of the others",
            "import the feeds without --sync, or join them to one",
        ));
    }
    let engine = context.engine()?;
    let mut exit = Exit::Done;
    let interrupt = if arguments.dry_run { Interrupt::default() } else { Interrupt::watch(&engine)? };
    for feed in &arguments.feeds {
        let request = ImportRequest {
            catalogue: arguments.catalogue.clone(),
            feed: source(feed),
            dialect: arguments.dialect.clone(),
            images: arguments.images.clone(),
            sync: arguments.sync,
            force: arguments.force,
            currency: None,
        };
        if arguments.dry_run {
            let report = engine.inspect(&request)?;
            if context.json {
                print_json(&report)?;
            } else {
                print_report(feed, &report)?;
            }
            if !report.fits {
                return Err(Failure::new("does-not-fit", report.why, "").with_item(feed));
            }
            if report.problem_count > 0 {
                exit = Exit::ItemErrors;
            }
            continue;
        }
        let bar = ImportBar::new(name(feed));
        let imported = engine.import(request, &|job| {
            interrupt.is_at(&job.id);
            bar.show(job);
        });
        let job = imported.map_err(|error| stopped(error, interrupt.job().as_deref()))?;
        drop(bar);
        if !arguments.no_understand {
            understand(&engine, &job, &interrupt)?;
        }
        exit = finish(context, &engine, &job)?.max(exit);
        if interrupt.asked() {
            break;
        }
    }
    Ok(exit)
}

/// Looks at what the new pictures show, which a server does by itself after an import: here the program ends.
pub fn understand(engine: &Engine, job: &Job, interrupt: &Interrupt) -> Result<(), Failure> {
    if job.state != JobState::Done {
        return Ok(());
    }
    let bar = UnderstandBar::new(job.embedded);
    engine.understand_all(&job.catalogue, &|count| {
        bar.show(count);
        !interrupt.asked()
    })?;
    Ok(())
}

/// Why an import did not go on, and how it can.
pub fn stopped(error: EngineError, job: Option<&str>) -> Failure {
    let mut failure = Failure::from(error);
    if let Some(job) = job {
        let then = if failure.hint.is_empty() { String::new() } else { format!("{}; then ", failure.hint) };
        failure.hint = format!("{then}`vetrina job resume {job}` goes on where it was");
    }
    failure
}

/// Where a feed named on the command line comes from.
pub fn source(feed: &str) -> FeedSource {
    if feed.starts_with("http://") || feed.starts_with("https://") {
        FeedSource::Url(feed.to_owned())
    } else {
        FeedSource::File(PathBuf::from(feed))
    }
}

/// The last part of a path or address.
fn name(feed: &str) -> &str {
    feed.trim_end_matches('/').rsplit('/').next().unwrap_or(feed)
}

/// Prints a job that has ended, with its ledger, and says how the command ends.
pub fn finish(context: &Context, engine: &Engine, job: &Job) -> Result<Exit, Failure> {
    if context.json {
        print_json(&document(engine, job)?)?;
    } else {
        print_job(job)?;
        let (problems, total) = engine.job_errors(&job.id, SHOWN, 0)?;
        print_problems(&problems, total.saturating_sub(problems.len() as u64))?;
    }
    let resume = || format!("`vetrina job resume {}` goes on where it was", job.id);
    match job.state {
        JobState::Failed => {
            let what = if job.message.is_empty() { "the import failed".to_owned() } else { job.message.clone() };
            Err(Failure::new("import-failed", what, resume()).with_item(job.name.clone()))
        }
        JobState::Cancelled | JobState::Interrupted => {
            let total = job.total.map(|total| format!(" of {total}")).unwrap_or_default();
            let what = format!("cancelled after {}{total} items; what was imported stays", job.done);
            Err(Failure::new("cancelled", what, resume()).with_item(job.name.clone()))
        }
        JobState::Running | JobState::Done if job.failed + job.warnings > 0 => Ok(Exit::ItemErrors),
        JobState::Running | JobState::Done => Ok(Exit::Done),
    }
}

/// A job with every item of its ledger.
pub fn document(engine: &Engine, job: &Job) -> Result<Value, Failure> {
    let mut document = json!(job);
    let mut errors = Vec::new();
    loop {
        let (page, _) = engine.job_errors(&job.id, PAGE, errors.len())?;
        let last = page.len() < PAGE;
        errors.extend(page.into_iter().map(|item| json!(item)));
        if last {
            break;
        }
    }
    document["errors"] = Value::Array(errors);
    Ok(document)
}

fn print_report(feed: &str, report: &DryRun) -> Result<(), Failure> {
    let mut text = format!(
        "{} ({}): {} products, {} pictures ({} different), {} rows refused, {} problems\n  \
         about {}, {} on disk, {} of memory",
        name(feed),
        report.dialect,
        report.products,
        report.images,
        report.distinct_images,
        report.rejected,
        report.problem_count,
        crate::output::time(report.seconds),
        mebibytes(report.disk_bytes),
        mebibytes(report.memory_bytes),
    );
    if !report.unknown_columns.is_empty() {
        let _ = write!(text, "\n  not used: {}", report.unknown_columns.join(", "));
    }
    print(&text)?;
    let shown = &report.problems[..report.problems.len().min(SHOWN)];
    print_problems(shown, report.problem_count.saturating_sub(shown.len() as u64))
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.0} MiB", (bytes as f64 / f64::from(1 << 20)).ceil())
}
