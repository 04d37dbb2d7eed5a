//! What a feed would bring and need, before anything is written.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::Instant;

use super::super::{Engine, EngineError, ItemError};
use super::run::{hash, item};
use super::{DryRun, ReadyFeed};
use crate::catalogue::feeds::FeedRow;
use crate::fetch::Source;
use crate::image::decode_at_least;
use crate::model::preprocess;

/// Problems that are listed; all are counted.
const MOST_PROBLEMS: usize = 100;
/// Pictures that are embedded to know how long one takes.
const SAMPLE: usize = 6;
/// Milliseconds of one picture on one core when none could be tried.
const USUAL_MS: f64 = 22.0;
/// Bytes of a remote picture, as long as nobody has seen it.
const USUAL_PICTURE: u64 = 150_000;
/// Bytes on disk for one new picture besides its file: feature, embedding in the index, rows.
const PER_PICTURE: u64 = 2_560 + 2 * 1_024 + 500;
/// Bytes on disk for one product: its JSON, words and payload in the index, rows.
const PER_PRODUCT: u64 = 6_000;
/// Bytes of memory for one product, above all what the index holds of it.
const MEMORY_PER_PRODUCT: u64 = 2_500;
/// Bytes of memory of the process at work with an empty catalogue: model, pipeline, caches.
const MEMORY_BASE: u64 = 500 << 20;
/// Bytes that must stay free on the disk.
const DISK_RESERVE: u64 = 200 << 20;

/// What reading through a feed has told.
#[derive(Debug, Default)]
pub(in crate::engine) struct Survey {
    pub(in crate::engine) dialect: String,
    pub(in crate::engine) rows: u64,
    products: u64,
    images: u64,
    /// Sources by the hash of their text: whether the store has to read them.
    distinct: HashMap<u64, bool>,
    new_bytes: u64,
    fields: Vec<String>,
    unknown_columns: Vec<String>,
    problems: Vec<ItemError>,
    problem_count: u64,
    rejected: u64,
    sample: Vec<Vec<u8>>,
    disk_free: Option<u64>,
    memory_free: Option<u64>,
    file_problems: HashSet<u64>,
}

impl Engine {
    /// Reads through a feed. `closely` looks at the files of the pictures too; else only what `fits` needs is gathered.
    pub(in crate::engine) fn survey(&self, feed: &ReadyFeed, closely: bool) -> Result<Survey, EngineError> {
        let rows = feed.open()?;
        let mut survey = Survey {
            dialect: rows.dialect().to_string(),
            fields: rows.fields().to_vec(),
            unknown_columns: rows.unknown_columns().to_vec(),
            disk_free: disk_free(&self.options.data),
            memory_free: memory_free(),
            ..Survey::default()
        };
        for row in rows {
            survey.rows += 1;
            match row {
                FeedRow::Rejected { line, id, problem } => {
                    survey.rejected += 1;
                    survey.problem(item(line, id, problem, false));
                }
                FeedRow::Product { line, product, warnings } => {
                    survey.products += 1;
                    for warning in warnings {
                        survey.problem(item(line, Some(product.id.clone()), warning, true));
                    }
                    if let Err(problem) = product.check() {
                        survey.rejected += 1;
                        survey.products -= 1;
                        survey.problem(ItemError {
                            line,
                            id: Some(product.id.clone()),
                            field: Some(problem.field.clone()),
                            code: problem.code.to_owned(),
                            reason: problem.to_string(),
                            hint: problem.hint.to_owned(),
                            warning: false,
                        });
                    }
                    for image in &product.images {
                        survey.images += 1;
                        self.look_at(&image.source, line, &product.id, feed, closely, &mut survey)?;
                    }
                }
            }
        }
        Ok(survey)
    }

    fn look_at(
        &self,
        source: &str,
        line: u64,
        id: &str,
        feed: &ReadyFeed,
        closely: bool,
        survey: &mut Survey,
    ) -> Result<(), EngineError> {
        let key = hash(source);
        if survey.distinct.contains_key(&key) && !survey.file_problems.contains(&key) {
            return Ok(());
        }
        let mut trouble = None;
        let mut new = true;
        match feed.sources.resolve(source) {
            Ok(Source::Remote(url)) => {
                new = self.store.source(&url)?.is_none();
                survey.new_bytes += if new { USUAL_PICTURE } else { 0 };
            }
            Ok(Source::File(path)) => match std::fs::metadata(&path) {
                Ok(metadata) => {
                    let file = format!("file:{}", std::path::absolute(&path).unwrap_or(path.clone()).display());
                    new = self.store.source(&file)?.is_none();
                    survey.new_bytes += if new { metadata.len() } else { 0 };
                    if closely
                        && new
                        && survey.sample.len() < SAMPLE
                        && metadata.len() <= self.options.limits.file_bytes
                    {
                        survey.sample.extend(std::fs::read(&path).ok());
                    }
                }
                Err(error) => {
                    trouble = Some(("missing-picture".to_owned(), format!("{}: {error}", path.display()), ""))
                }
            },
            Ok(Source::Data) => survey.new_bytes += source.len() as u64 * 3 / 4,
            Ok(Source::Archive(_)) => survey.new_bytes += USUAL_PICTURE,
            Err(error) => trouble = Some((error.code().to_owned(), error.to_string(), error.hint())),
        }
        survey.distinct.insert(key, new && trouble.is_none());
        if let Some((code, reason, hint)) = trouble {
            survey.file_problems.insert(key);
            let (id, field) = (Some(id.to_owned()), Some(source.chars().take(200).collect()));
            survey.problem(ItemError { line, id, field, code, reason, hint: hint.to_owned(), warning: true });
        }
        Ok(())
    }

    /// What the survey comes to: how long, how much, whether it fits.
    pub(in crate::engine) fn reckon(&self, survey: Survey) -> DryRun {
        let new_images = survey.distinct.values().filter(|new| **new).count() as u64;
        let each = self.milliseconds_each(&survey.sample).unwrap_or(USUAL_MS);
        let seconds = new_images as f64 * each / 1000.0 / self.threads() as f64 + survey.products as f64 * 0.0008 + 0.2;
        let disk_bytes = survey.disk_bytes();
        let memory_bytes = survey.memory_bytes();
        let why = survey.why_not().unwrap_or_default();
        DryRun {
            dialect: survey.dialect,
            products: survey.products,
            images: survey.images,
            distinct_images: survey.distinct.len() as u64,
            fields: survey.fields,
            unknown_columns: survey.unknown_columns,
            problems: survey.problems,
            problem_count: survey.problem_count,
            rejected: survey.rejected,
            seconds,
            disk_bytes,
            memory_bytes,
            fits: why.is_empty(),
            why,
        }
    }

    /// Milliseconds of one picture on one core, by trying; nothing when there is no picture or no model.
    fn milliseconds_each(&self, sample: &[Vec<u8>]) -> Option<f64> {
        let model = self.model().ok()?;
        let mut times = Vec::new();
        for bytes in sample {
            let started = Instant::now();
            let Ok(picture) = decode_at_least(bytes, &self.options.limits, model.manifest().input.size) else {
                continue;
            };
            let tensor = preprocess(model.manifest(), &picture);
            model.features(&[tensor], false).ok()?;
            times.push(started.elapsed().as_secs_f64() * 1000.0);
        }
        times.sort_by(f64::total_cmp);
        // All cores worked on one picture at a time, and two at once gain a little more.
        times.get(times.len() / 2).map(|median| median * self.threads() as f64 * 0.85)
    }
}

impl Survey {
    fn problem(&mut self, problem: ItemError) {
        self.problem_count += 1;
        if self.problems.len() < MOST_PROBLEMS {
            self.problems.push(problem);
        }
    }

    fn disk_bytes(&self) -> u64 {
        let new_images = self.distinct.values().filter(|new| **new).count() as u64;
        self.new_bytes + new_images * PER_PICTURE + self.products * PER_PRODUCT
    }

    fn memory_bytes(&self) -> u64 {
        MEMORY_BASE + self.products * MEMORY_PER_PRODUCT
    }

    /// Why it does not fit, if it does not.
    pub(in crate::engine) fn why_not(&self) -> Option<String> {
        let (disk, memory) = (self.disk_bytes() + DISK_RESERVE, self.memory_bytes());
        if let Some(free) = self.disk_free.filter(|free| *free < disk) {
            return Some(format!(
                "the import needs about {} on disk and {} are free",
                megabytes(disk),
                megabytes(free)
            ));
        }
        if let Some(free) = self.memory_free.filter(|free| free + MEMORY_BASE < memory) {
            return Some(format!(
                "the import needs about {} of memory and {} are free",
                megabytes(memory),
                megabytes(free)
            ));
        }
        None
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{:.0} MB", bytes as f64 / 1e6)
}

/// Bytes that can be written to the disk of a folder; nothing where the system does not say.
pub(in crate::engine) fn disk_free(folder: &Path) -> Option<u64> {
    let stats = rustix::fs::statvfs(folder).ok()?;
    Some(stats.f_bavail.saturating_mul(stats.f_frsize))
}

/// Bytes of memory that are free or can be freed; nothing where the system does not say.
pub(in crate::engine) fn memory_free() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}
