//! Jobs: started, watched, cancelled, resumed.

use std::collections::HashSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;

use chrono::Utc;
use serde::{Deserialize, Serialize};

use super::import::{FeedSource, Import, ReadyFeed, Run, Stop, Vanished, extension};
use super::{
    CatalogueName, DryRun, Engine, EngineError, ImportRequest, ItemError, Job, JobState, PromoteRequest, TrainRequest,
};
use crate::catalogue::store::{StoredJob, put_job};

/// Jobs that are remembered; the oldest that have ended go, with their ledgers.
const REMEMBERED: usize = 500;

/// What is kept of a job's request.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Kept {
    #[serde(flatten)]
    pub(super) task: Task,
    /// Of the feed the job began with: another feed is begun from its first row.
    #[serde(default)]
    fingerprint: Option<String>,
}

/// What a job does.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Task {
    /// Brings a feed in.
    Import(ImportRequest),
    /// Makes a space.
    Train(TrainRequest),
    /// Changes the active space.
    Promote(PromoteRequest),
}

pub(super) type KeptJob = StoredJob<Kept, Job>;

impl Engine {
    /// Reads a feed without writing anything, and says what it would bring, need and stumble over.
    ///
    /// # Errors
    /// When the feed cannot be read at all.
    pub fn inspect(&self, request: &ImportRequest) -> Result<DryRun, EngineError> {
        let folder = tempfile::tempdir_in(self.jobs_folder()?)
            .map_err(EngineError::io("cannot write to", &self.options.data))?;
        let feed = self.ready(request, folder.path())?;
        let survey = self.survey(&feed, &request.catalogue, true)?;
        Ok(self.reckon(survey))
    }

    /// Imports a feed in this thread; `watch` is called a few times a second with the job as it stands, and at the end.
    ///
    /// # Errors
    /// When the import could not begin or go on: the job is kept as failed and can be resumed. Failed items are no error: see
    /// [`Job::failed`] and [`Engine::job_errors`].
    pub fn import(&self, request: ImportRequest, watch: &(dyn Fn(&Job) + Sync)) -> Result<Job, EngineError> {
        let (stored, run) = self.begin(request)?;
        self.work(stored, &run, watch)
    }

    /// Starts an import in the background.
    ///
    /// # Errors
    /// When it could not begin: another import into the catalogue runs, the store refuses.
    pub fn start_import(self: &Arc<Self>, request: ImportRequest) -> Result<Job, EngineError> {
        let (stored, run) = self.begin(request)?;
        Ok(self.in_background(stored, run))
    }

    /// Goes on with a job that was cancelled, interrupted or failed, in the background.
    ///
    /// # Errors
    /// [`EngineError::NoSuchJob`]; [`EngineError::JobState`] when it runs or is done.
    pub fn resume_job(self: &Arc<Self>, id: &str) -> Result<Job, EngineError> {
        let (stored, run) = self.begin_again(id)?;
        Ok(self.in_background(stored, run))
    }

    /// As [`Engine::resume_job`], in this thread.
    ///
    /// # Errors
    /// As [`Engine::resume_job`] and [`Engine::import`].
    pub fn resume_job_here(&self, id: &str, watch: &(dyn Fn(&Job) + Sync)) -> Result<Job, EngineError> {
        let (stored, run) = self.begin_again(id)?;
        self.work(stored, &run, watch)
    }

    /// Asks a running job to stop; what it has done stays. Returns the job as it stands, which may be running for a moment.
    ///
    /// # Errors
    /// [`EngineError::NoSuchJob`]; [`EngineError::JobState`] when it does not run.
    pub fn cancel_job(&self, id: &str) -> Result<Job, EngineError> {
        let run = self.running.lock().get(id).cloned();
        let Some(run) = run else {
            let job = self.job(id)?;
            return Err(EngineError::JobState {
                id: id.to_owned(),
                state: job.state.as_str().to_owned(),
                asked: "cancelled",
            });
        };
        run.ask(Stop::Cancel);
        Ok(run.job())
    }

    /// All jobs, latest first, 1,000 at most.
    ///
    /// # Errors
    /// When the store fails.
    pub fn jobs(&self) -> Result<Vec<Job>, EngineError> {
        let stored: Vec<KeptJob> = self.store.jobs()?;
        let running = self.running.lock();
        Ok(stored.into_iter().map(|stored| running.get(&stored.job.id).map_or(stored.job, |run| run.job())).collect())
    }

    /// One job.
    ///
    /// # Errors
    /// [`EngineError::NoSuchJob`]; when the store fails.
    pub fn job(&self, id: &str) -> Result<Job, EngineError> {
        let running = self.running.lock().get(id).map(|run| run.job());
        match running {
            Some(job) => Ok(job),
            None => Ok(self.stored_job(id)?.job),
        }
    }

    /// The ledger of a job, in the feed's order, and how many items it has.
    ///
    /// # Errors
    /// [`EngineError::NoSuchJob`]; when the store fails.
    pub fn job_errors(&self, id: &str, limit: usize, offset: usize) -> Result<(Vec<ItemError>, u64), EngineError> {
        self.job(id)?;
        Ok(self.store.job_errors(id, limit, offset)?)
    }

    fn stored_job(&self, id: &str) -> Result<KeptJob, EngineError> {
        self.store.job(id)?.ok_or_else(|| EngineError::NoSuchJob { id: id.chars().take(80).collect() })
    }

    /// The folder of what jobs keep.
    fn jobs_folder(&self) -> Result<PathBuf, EngineError> {
        let folder = self.options.data.join("jobs");
        fs::create_dir_all(&folder).map_err(EngineError::io("cannot make", &folder))?;
        Ok(folder)
    }

    /// Forgets the oldest jobs, and removes what is kept for jobs that are done or unknown: feeds, half-fetched ones.
    pub(super) fn sweep_jobs(&self) -> Result<(), EngineError> {
        self.store.write(|sql| {
            sql.execute(
                "DELETE FROM jobs WHERE state <> 'running' AND id NOT IN (SELECT id FROM jobs ORDER BY id DESC LIMIT ?1)",
                [REMEMBERED as i64],
            )
        })?;
        let resumable: HashSet<String> = self.store.read(|sql| {
            sql.prepare("SELECT id FROM jobs WHERE state <> 'done'")?.query_map([], |row| row.get(0))?.collect()
        })?;
        let Ok(entries) = fs::read_dir(self.options.data.join("jobs")) else { return Ok(()) };
        for entry in entries.flatten() {
            if entry.file_name().to_str().is_none_or(|name| !resumable.contains(name)) {
                let path = entry.path();
                let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
                if let Err(error) = removed {
                    tracing::warn!(path = %path.display(), %error, "what an old job kept could not be removed");
                }
            }
        }
        Ok(())
    }

    /// Writes a new job and marks it as running.
    fn begin(&self, mut request: ImportRequest) -> Result<(KeptJob, Arc<Run>), EngineError> {
        let job = new_job(IMPORT, &request.catalogue, request.feed.name());
        let id = job.id.clone();
        let run = self.claim(&job)?;
        let mut create = || {
            if let FeedSource::Upload { name, file } = &mut request.feed {
                let folder = self.jobs_folder()?.join(&id);
                fs::create_dir_all(&folder).map_err(EngineError::io("cannot make", &folder))?;
                let kept = folder.join(format!("feed{}", extension(name)));
                fs::rename(&*file, &kept)
                    .or_else(|_| fs::copy(&*file, &kept).map(drop))
                    .map_err(EngineError::io("cannot keep the feed in", &kept))?;
                *file = kept;
            } else if let FeedSource::File(path) = &mut request.feed {
                // A job may be resumed from another folder.
                *path = std::path::absolute(&*path).map_err(EngineError::io("cannot find", path))?;
            }
            if let Some(images) = &mut request.images {
                *images = std::path::absolute(&*images).map_err(EngineError::io("cannot find", images))?;
            }
            self.store_new(&job, Task::Import(request.clone()))
        };
        match create() {
            Ok(stored) => Ok((stored, run)),
            Err(error) => {
                self.running.lock().remove(&id);
                Err(error)
            }
        }
    }

    /// Writes a new job that needs nothing but its request, and marks it as running.
    pub(super) fn begin_task(
        &self,
        kind: &str,
        catalogue: &CatalogueName,
        name: String,
        task: Task,
    ) -> Result<(KeptJob, Arc<Run>), EngineError> {
        let job = new_job(kind, catalogue, name);
        let run = self.claim(&job)?;
        let stored = self.store_new(&job, task);
        if stored.is_err() {
            self.running.lock().remove(&job.id);
        }
        Ok((stored?, run))
    }

    fn store_new(&self, job: &Job, task: Task) -> Result<KeptJob, EngineError> {
        let kept = Kept { task, fingerprint: None };
        self.store.create_job(&job.id, job.state.as_str(), &kept, job)?;
        Ok(StoredJob { request: kept, job: job.clone(), position: 0 })
    }

    fn begin_again(&self, id: &str) -> Result<(KeptJob, Arc<Run>), EngineError> {
        let state = self.job(id)?.state;
        if matches!(state, JobState::Running | JobState::Done) {
            let state = state.as_str().to_owned();
            return Err(EngineError::JobState { id: id.to_owned(), state, asked: "resumed" });
        }
        let mut stored = self.stored_job(id)?;
        stored.job.state = JobState::Running;
        stored.job.message = String::new();
        stored.job.finished_at = None;
        let run = self.claim(&stored.job)?;
        Ok((stored, run))
    }

    /// One import of a catalogue at a time: two would only wait for each other. Beside it may run one job on its spaces.
    fn claim(&self, job: &Job) -> Result<Arc<Run>, EngineError> {
        let mut running = self.running.lock();
        if let Some(other) = running
            .values()
            .map(|run| run.job())
            .find(|other| other.catalogue == job.catalogue && (other.kind == IMPORT) == (job.kind == IMPORT))
        {
            return Err(EngineError::Busy { id: other.id, catalogue: job.catalogue.to_string() });
        }
        let run = Arc::new(Run::new(job.clone()));
        running.insert(job.id.clone(), Arc::clone(&run));
        Ok(run)
    }

    pub(super) fn in_background(self: &Arc<Self>, stored: KeptJob, run: Arc<Run>) -> Job {
        let engine = Arc::clone(self);
        let job = stored.job.clone();
        let handle = std::thread::spawn(move || {
            let id = stored.job.id.clone();
            if let Err(error) = engine.work(stored, &run, &|_| {}) {
                tracing::error!(job = id, %error, hint = error.hint(), "the job failed");
            }
        });
        let mut workers = self.background.lock();
        workers.retain(|worker| !worker.is_finished());
        workers.push(handle);
        job
    }

    /// Does the work of a job and writes how it ended.
    pub(super) fn work(
        &self,
        stored: KeptJob,
        run: &Arc<Run>,
        watch: &(dyn Fn(&Job) + Sync),
    ) -> Result<Job, EngineError> {
        let id = stored.job.id.clone();
        // Whatever happens, the job ends, and is known to have ended.
        let ended = catch_unwind(AssertUnwindSafe(|| match stored.request.task.clone() {
            Task::Import(import) => self.import_from(stored, import, run, watch),
            Task::Train(request) => self.train_in(stored.job, &request, run, watch),
            Task::Promote(request) => self.promote_in(stored.job, &request, run, watch),
        }));
        let ended = ended.unwrap_or_else(|panic| Err(EngineError::Panicked { reason: words_of(panic.as_ref()) }));
        let ended = ended.inspect_err(|error| {
            let mut job = run.job();
            job.state = if matches!(run.asked(), Some(Stop::Interrupt)) && self.closing() {
                JobState::Interrupted
            } else {
                JobState::Failed
            };
            job.message = match error.hint() {
                hint if hint.is_empty() => error.to_string(),
                hint => format!("{error}: {hint}"),
            };
            job.finished_at = Some(Utc::now());
            let position: Option<KeptJob> = self.store.job(&id).ok().flatten();
            let position = position.map_or(0, |stored| stored.position);
            // A full disk may refuse this too; the job is then found interrupted at the next start.
            if let Err(unwritten) = self.store.write(|sql| put_job(sql, &id, job.state.as_str(), &job, position)) {
                tracing::error!(job = id, %unwritten, "how the job ended could not be written");
            }
            run.set(job);
        });
        self.running.lock().remove(&id);
        let job = run.job();
        if job.state == JobState::Done
            && let Ok(folder) = self.jobs_folder()
        {
            // The feed that was kept for resuming is not needed any more.
            let _ = fs::remove_dir_all(folder.join(&id));
        }
        watch(&job);
        self.keepers.wake();
        ended
    }

    fn import_from(
        &self,
        stored: KeptJob,
        import: ImportRequest,
        run: &Run,
        watch: &(dyn Fn(&Job) + Sync),
    ) -> Result<Job, EngineError> {
        let StoredJob { request: mut kept, mut job, mut position } = stored;
        // Before anything is read: without the model no picture can be.
        self.model()?;
        let feed: ReadyFeed = self.ready(&import, &self.jobs_folder()?.join(&job.id))?;
        let fingerprint = feed.fingerprint();
        if kept.fingerprint.as_ref() != Some(&fingerprint) {
            position = 0;
            (job.done, job.created, job.updated, job.skipped) = (0, 0, 0, 0);
            (job.failed, job.warnings, job.removed, job.embedded) = (0, 0, 0, 0);
            kept.fingerprint = Some(fingerprint);
        }
        let survey = self.survey(&feed, &import.catalogue, false)?;
        if let Some(why) = survey.why_not() {
            return Err(EngineError::DoesNotFit { why });
        }
        (job.total, job.dialect) = (Some(survey.rows), Some(survey.dialect));
        let text = serde_json::to_string(&kept)
            .map_err(|error| EngineError::Request { field: "request".into(), reason: error.to_string() })?;
        self.store.write(|sql| {
            if position == 0 {
                sql.execute("DELETE FROM job_errors WHERE job = ?1", [&job.id])?;
            }
            sql.execute("UPDATE jobs SET request = ?2 WHERE id = ?1", [&job.id, &text])?;
            put_job(sql, &job.id, job.state.as_str(), &job, position)
        })?;
        run.set(job);
        let catalogue = self.catalogue_or_new(&import.catalogue)?;
        let vanished = match (import.sync, import.force) {
            (false, _) => Vanished::Keep,
            (true, false) => Vanished::Remove,
            (true, true) => Vanished::Force,
        };
        Import { engine: self, catalogue: &catalogue, feed: &feed, run, watch, vanished }.run(position)
    }
}

/// The kind of job that brings feeds in.
pub(super) const IMPORT: &str = "import";

/// A job that is about to run.
fn new_job(kind: &str, catalogue: &CatalogueName, name: String) -> Job {
    Job {
        // Ids of version 7 grow with time.
        id: uuid::Uuid::now_v7().to_string(),
        kind: kind.to_owned(),
        catalogue: catalogue.clone(),
        name,
        state: JobState::Running,
        dialect: None,
        total: None,
        done: 0,
        created: 0,
        updated: 0,
        skipped: 0,
        failed: 0,
        warnings: 0,
        removed: 0,
        embedded: 0,
        per_second: None,
        seconds_left: None,
        message: String::new(),
        doing: None,
        result: None,
        created_at: Utc::now(),
        finished_at: None,
    }
}

/// What a panic says.
fn words_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a word").to_owned()
}
