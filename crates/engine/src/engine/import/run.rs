//! The pipeline of an import: read → fetch → decode and embed → write.
//!
//! One thread reads rows and numbers them. Products with remote pictures go through threads that only wait for the network;
//! all go through as many threads as the machine has cores, which decode and embed; the calling thread puts the outcomes
//! back into the feed's order and writes them. What is on its way is bounded, so memory does not grow with the feed. Each
//! write carries the position in the feed: what is written and how far the job is are one transaction.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};
use parking_lot::Mutex;

use super::super::catalogue::{Catalogue, Change};
use super::super::picture_sources::{AtWork, Problem, Remote};
use super::super::prepare::{Candidate, Readied};
use super::super::{Engine, EngineError, ItemError};
use super::{Job, JobState, ReadyFeed, doubts};
use crate::catalogue::Product;
use crate::catalogue::feeds::{FeedRow, RowProblem};
use crate::catalogue::store::{put_job, put_job_error};
use crate::fetch::{Source, Sources};

/// Rows on their way between reader and writer.
const IN_FLIGHT: usize = 256;
/// Threads that wait for the network.
const FETCHERS: usize = 16;
/// Products of one write.
const BATCH: usize = 64;
/// Longest time a finished product waits to be written.
const WAIT: Duration = Duration::from_millis(200);
/// How often those who watch are told.
const TELL: Duration = Duration::from_millis(200);
/// Over how long the rate is measured.
const LATELY: Duration = Duration::from_secs(10);
/// Places in the ledger for one row.
const LEDGER_PER_ROW: u64 = 1 << 10;

/// Why a job should stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Stop {
    /// A person said so.
    Cancel,
    /// The process ends.
    Interrupt,
}

/// A job at work, as others see it.
#[derive(Debug)]
pub(in crate::engine) struct Run {
    stop: AtomicU8,
    job: Mutex<Job>,
}

impl Run {
    pub(in crate::engine) fn new(job: Job) -> Self {
        Self { stop: AtomicU8::new(0), job: Mutex::new(job) }
    }

    /// How it stands.
    pub(in crate::engine) fn job(&self) -> Job {
        self.job.lock().clone()
    }

    /// Asks it to stop; the first who asks says why.
    pub(in crate::engine) fn ask(&self, stop: Stop) {
        let why = if stop == Stop::Cancel { 1 } else { 2 };
        let _ = self.stop.compare_exchange(0, why, Ordering::AcqRel, Ordering::Acquire);
    }

    pub(in crate::engine) fn asked(&self) -> Option<Stop> {
        match self.stop.load(Ordering::Acquire) {
            0 => None,
            1 => Some(Stop::Cancel),
            _ => Some(Stop::Interrupt),
        }
    }

    pub(in crate::engine) fn set(&self, job: Job) {
        *self.job.lock() = job;
    }
}

/// A row on its way.
struct Task {
    number: u64,
    line: u64,
    product: Product,
    warnings: Vec<RowProblem>,
    fetched: HashMap<String, Result<Remote, Problem>>,
}

/// What became of a row.
enum Handled {
    Product { line: u64, warnings: Vec<RowProblem>, id: String, readied: Result<Readied, EngineError> },
    Rejected(ItemError),
}

/// What the reader has seen.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) ids: HashSet<u64>,
    pub(super) rows: u64,
    /// Rows whose id cannot be told.
    pub(super) nameless: u64,
    /// The feed ended before its end, on this line: what it does not have is not known.
    pub(super) cut: Option<u64>,
}

/// Everything a run works with.
pub(in crate::engine) struct Import<'a> {
    pub(in crate::engine) engine: &'a Engine,
    pub(in crate::engine) catalogue: &'a Catalogue,
    pub(in crate::engine) feed: &'a ReadyFeed,
    pub(in crate::engine) run: &'a Run,
    pub(in crate::engine) watch: &'a (dyn Fn(&Job) + Sync),
    pub(in crate::engine) vanished: Vanished,
}

/// What becomes of products that the feed does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Vanished {
    /// They stay.
    Keep,
    /// They are removed, unless something is wrong with the feed.
    Remove,
    /// They are removed whatever the feed looks like.
    Force,
}

impl Import<'_> {
    /// Imports from row `position` on and returns the job as it stands then: done, or stopped because it was asked to.
    pub(in crate::engine) fn run(&self, position: u64) -> Result<Job, EngineError> {
        let _referring = self.engine.referring.read();
        let feed = self.feed.open()?;
        let mut job = self.run.job();
        job.dialect = Some(feed.dialect().to_string());
        let at_work = AtWork::default();
        let workers = self.engine.threads();
        let (tokens, spent) = bounded::<()>(IN_FLIGHT);
        let (to_fetch, fetching) = bounded::<Task>(IN_FLIGHT);
        let (to_work, working) = bounded::<Task>(workers * 2);
        let (to_write, writing) = unbounded::<(u64, Handled)>();
        let failed = Mutex::new(None);
        let (mut writer, seen) = std::thread::scope(|scope| {
            let reader = {
                let (to_write, to_work) = (to_write.clone(), to_work.clone());
                scope.spawn(move || self.read(feed, position, &tokens, &to_fetch, &to_work, &to_write))
            };
            for _ in 0..FETCHERS {
                let (fetching, to_work) = (fetching.clone(), to_work.clone());
                scope.spawn(move || {
                    for mut task in fetching {
                        self.fetch(&mut task);
                        if self.run.asked().is_some() {
                            continue;
                        }
                        if to_work.send(task).is_err() {
                            break;
                        }
                    }
                });
            }
            for _ in 0..workers {
                let (working, to_write, at_work) = (working.clone(), to_write.clone(), &at_work);
                scope.spawn(move || {
                    for task in working {
                        // Whoever stops does not want to wait for what is on its way: it is done again the next time.
                        if self.run.asked().is_some() {
                            continue;
                        }
                        let handled = (task.number, self.prepare(task, at_work));
                        if to_write.send(handled).is_err() {
                            break;
                        }
                    }
                });
            }
            // Only the threads hold these now: when they are done, the channels end.
            drop((fetching, to_work, working, to_write));
            let mut writer = Writer::new(self, job, position, &at_work);
            if let Err(error) = writer.follow(&writing, &spent) {
                *failed.lock() = Some(error);
                self.run.ask(Stop::Interrupt);
            }
            // Without a writer nothing can go on: the threads see that their channels are closed.
            drop((writing, spent));
            (writer, reader.join())
        });
        if let Some(error) = failed.into_inner() {
            return Err(error);
        }
        let seen = seen.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        if self.run.asked().is_none() && self.vanished != Vanished::Keep {
            writer.remove_others(&seen)?;
        }
        writer.job.state = match self.run.asked() {
            None => JobState::Done,
            Some(Stop::Cancel) => JobState::Cancelled,
            Some(Stop::Interrupt) => JobState::Interrupted,
        };
        writer.write()?;
        Ok(writer.job)
    }

    fn read(
        &self,
        feed: crate::catalogue::feeds::Feed,
        position: u64,
        tokens: &Sender<()>,
        to_fetch: &Sender<Task>,
        to_work: &Sender<Task>,
        to_write: &Sender<(u64, Handled)>,
    ) -> Seen {
        let mut seen = Seen::default();
        for (number, row) in feed.enumerate() {
            let number = number as u64;
            if self.run.asked().is_some() {
                break;
            }
            seen.rows += 1;
            match &row {
                FeedRow::Product { product, .. } => {
                    seen.ids.insert(hash(&product.id));
                }
                FeedRow::Rejected { line, id, problem } => {
                    seen.ids.extend(id.as_deref().map(hash));
                    seen.nameless += u64::from(id.is_none());
                    if problem.is_end() {
                        seen.cut = Some(*line);
                    }
                }
            }
            if number < position {
                continue;
            }
            if tokens.send(()).is_err() {
                break;
            }
            let sent = match row {
                FeedRow::Rejected { line, id, problem } => {
                    to_write.send((number, Handled::Rejected(item(line, id, problem, false)))).is_ok()
                }
                FeedRow::Product { line, product, warnings } => {
                    let remote = product.images.iter().any(|image| is_remote(&self.feed.sources, &image.source));
                    let task = Task { number, line, product, warnings, fetched: HashMap::new() };
                    if remote { to_fetch.send(task).is_ok() } else { to_work.send(task).is_ok() }
                }
            };
            if !sent {
                break;
            }
        }
        seen
    }

    /// Fetches a product's remote pictures ahead, so that no core waits for the network.
    fn fetch(&self, task: &mut Task) {
        for image in &task.product.images {
            if self.run.asked().is_some() {
                return;
            }
            if let Ok(Source::Remote(url)) = self.feed.sources.resolve(&image.source)
                && !task.fetched.contains_key(&url)
            {
                let remote = self.engine.fetch(&url, false, &|| self.run.asked().is_some());
                task.fetched.insert(url, remote);
            }
        }
    }

    fn prepare(&self, task: Task, at_work: &AtWork) -> Handled {
        let Task { line, product, warnings, fetched, .. } = task;
        let id = product.id.clone();
        let sources = &self.feed.sources;
        let candidate = Candidate { line, product, sources, revalidate: false, understand: false, fetched };
        let readied = self.engine.prepare(self.catalogue, candidate, at_work);
        Handled::Product { line, warnings, id, readied }
    }
}

/// Puts outcomes back into order and writes them.
struct Writer<'a> {
    import: &'a Import<'a>,
    at_work: &'a AtWork,
    job: Job,
    /// Rows that are written, from the feed's beginning.
    position: u64,
    /// Outcomes that came before their turn.
    early: BTreeMap<u64, Handled>,
    /// Outcomes that wait to be written, and since when.
    change: Change,
    ledger: Vec<(u64, ItemError)>,
    rows: u64,
    since: Option<Instant>,
    /// How many rows were done at moments of the last seconds.
    lately: VecDeque<(Instant, u64)>,
    told: Instant,
}

impl<'a> Writer<'a> {
    fn new(import: &'a Import<'a>, job: Job, position: u64, at_work: &'a AtWork) -> Self {
        let now = Instant::now();
        let lately = [(now, job.done)].into();
        Self {
            import,
            at_work,
            job,
            position,
            early: BTreeMap::new(),
            change: Change::default(),
            ledger: Vec::new(),
            rows: 0,
            since: None,
            lately,
            told: now,
        }
    }

    fn follow(&mut self, writing: &Receiver<(u64, Handled)>, spent: &Receiver<()>) -> Result<(), EngineError> {
        loop {
            let wait = self.since.map_or(WAIT, |since| WAIT.saturating_sub(since.elapsed()));
            match writing.recv_timeout(wait) {
                Ok((number, handled)) => {
                    self.early.insert(number, handled);
                    while let Some(handled) = self.early.remove(&(self.position + self.rows)) {
                        self.take(handled)?;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            let waited = self.since.is_some_and(|since| since.elapsed() >= WAIT);
            if self.rows >= BATCH as u64 || waited {
                let rows = self.rows;
                self.write()?;
                for _ in 0..rows {
                    let _ = spent.try_recv();
                }
            }
            self.tell();
        }
        self.write()
    }

    fn take(&mut self, handled: Handled) -> Result<(), EngineError> {
        let number = self.position + self.rows;
        let mut place = number * LEDGER_PER_ROW;
        let mut note = |ledger: &mut Vec<(u64, ItemError)>, error: ItemError| {
            ledger.push((place, error));
            place += 1;
        };
        match handled {
            Handled::Rejected(error) => {
                self.job.failed += 1;
                note(&mut self.ledger, error);
            }
            Handled::Product { line, warnings, id, readied } => {
                for warning in warnings {
                    self.job.warnings += 1;
                    note(&mut self.ledger, item(line, Some(id.clone()), warning, true));
                }
                match readied? {
                    Readied::Unchanged { sources, left_out, .. } => {
                        self.job.skipped += 1;
                        self.change.sources.extend(sources);
                        for error in left_out {
                            self.job.warnings += 1;
                            note(&mut self.ledger, error);
                        }
                    }
                    Readied::Failed(error) => {
                        self.job.failed += 1;
                        note(&mut self.ledger, error);
                    }
                    Readied::Write(prepared, left_out) => {
                        self.job.embedded += prepared.embedded;
                        self.change.put.push(*prepared);
                        for error in left_out {
                            self.job.warnings += 1;
                            note(&mut self.ledger, error);
                        }
                    }
                }
            }
        }
        self.rows += 1;
        self.since.get_or_insert_with(Instant::now);
        Ok(())
    }

    /// Writes what waits, with the job as it stands, in one transaction.
    fn write(&mut self) -> Result<(), EngineError> {
        let change = std::mem::take(&mut self.change);
        let ledger = std::mem::take(&mut self.ledger);
        let new: Vec<_> = change.put.iter().flat_map(|product| &product.pictures).map(|picture| picture.hash).collect();
        self.position += self.rows;
        self.job.done += self.rows;
        self.rows = 0;
        self.since = None;
        let rate = self.rate();
        self.job.per_second = Some(rate);
        self.job.seconds_left =
            self.job.total.filter(|_| rate > 0.0).map(|total| total.saturating_sub(self.job.done) as f64 / rate);
        if self.job.state != JobState::Running {
            self.job.finished_at = Some(chrono::Utc::now());
            self.job.seconds_left = None;
        }
        let position = self.position;
        let job = Mutex::new(self.job.clone());
        self.import.engine.wait_for_index(self.import.catalogue, &|| self.import.run.asked().is_none());
        self.import.catalogue.commit(&self.import.engine.store, change, |sql, changed| {
            let mut job = job.lock();
            let created = changed.created.iter().filter(|created| **created).count() as u64;
            job.created += created;
            job.updated += changed.created.len() as u64 - created;
            job.removed += changed.removed.iter().filter(|removed| **removed).count() as u64;
            for (place, error) in &ledger {
                put_job_error(sql, &job.id, *place, error)?;
            }
            put_job(sql, &job.id, job.state.as_str(), &*job, position)
        })?;
        self.job = job.into_inner();
        self.at_work.forget(new.iter());
        self.import.run.set(self.job.clone());
        Ok(())
    }

    fn tell(&mut self) {
        if self.told.elapsed() >= TELL {
            self.told = Instant::now();
            (self.import.watch)(&self.job);
        }
    }

    /// Rows a second over the last seconds.
    fn rate(&mut self) -> f64 {
        let now = Instant::now();
        self.lately.push_back((now, self.job.done));
        while self.lately.get(1).is_some_and(|(moment, _)| now - *moment >= LATELY) {
            self.lately.pop_front();
        }
        let (since, done) = self.lately.front().copied().unwrap_or((now, self.job.done));
        (self.job.done - done) as f64 / (now - since).as_secs_f64().max(1e-3)
    }

    /// Removes what the feed no longer has, unless something is wrong with the feed.
    fn remove_others(&mut self, seen: &Seen) -> Result<(), EngineError> {
        let (catalogue, store) = (self.import.catalogue, &self.import.engine.store);
        if self.import.vanished != Vanished::Force {
            let (mut kept, mut missing, mut after) = (0, 0, 0);
            loop {
                let page = store.ids(catalogue.key, after, 1_000)?;
                let Some((last, _)) = page.last() else { break };
                after = *last;
                let here = page.iter().filter(|(_, id)| seen.ids.contains(&hash(id))).count() as u64;
                (kept, missing) = (kept + here, missing + page.len() as u64 - here);
            }
            let kept = kept.saturating_sub(self.job.created);
            if let Some(error) = doubts::about_removing(seen, kept, missing) {
                self.job.message = error.reason.clone();
                self.job.warnings += 1;
                self.ledger.push((self.position * LEDGER_PER_ROW, error));
                return Ok(());
            }
        }
        let mut after = 0;
        while self.import.run.asked().is_none() {
            let page = store.ids(catalogue.key, after, 1_000)?;
            let Some((last, _)) = page.last() else { break };
            after = *last;
            self.change.remove.extend(page.into_iter().map(|(_, id)| id).filter(|id| !seen.ids.contains(&hash(id))));
            if !self.change.remove.is_empty() {
                self.write()?;
            }
            self.tell();
        }
        Ok(())
    }
}

/// A problem of a row as an item of the ledger.
pub(in crate::engine) fn item(line: u64, id: Option<String>, problem: RowProblem, warning: bool) -> ItemError {
    let RowProblem { field, code, reason, hint } = problem;
    ItemError { line, id, field, code: code.to_owned(), reason, hint, warning }
}

fn is_remote(sources: &Sources, source: &str) -> bool {
    matches!(sources.resolve(source), Ok(Source::Remote(_)))
}

/// 64 bits of the hash of an id: a million ids in 16 MB. That two of them are alike has odds of one in 30 million.
pub(in crate::engine) fn hash(id: &str) -> u64 {
    let bytes = blake3::hash(id.as_bytes());
    u64::from_le_bytes(bytes.as_bytes().first_chunk().copied().unwrap_or_default())
}
