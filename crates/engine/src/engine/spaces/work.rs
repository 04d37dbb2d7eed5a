//! Training and promotion as jobs: watched, cancelled, begun again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::import::{Run, Stop};
use super::super::jobs::{KeptJob, Task};
use super::super::{CatalogueName, Engine, EngineError, Job, JobState};
use super::train::TrainRequest;
use super::words::WithWords;
use crate::catalogue::store::put_job;

/// How often those who watch are told.
const TELL: Duration = Duration::from_millis(200);

/// Which space is to become the active one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromoteRequest {
    /// Of which catalogue.
    pub catalogue: CatalogueName,
    /// Its id, or `default`.
    pub space: String,
    /// Even when the gate says no.
    #[serde(default)]
    pub force: bool,
}

impl Engine {
    /// Trains a space in this thread. What came of it is in [`Job::result`].
    ///
    /// # Errors
    /// [`EngineError::NothingLearned`] with the reason; [`EngineError::Busy`] when another job on the catalogue's spaces runs.
    pub fn train(&self, request: TrainRequest, watch: &(dyn Fn(&Job) + Sync)) -> Result<Job, EngineError> {
        let (stored, run) = self.begin_training(request)?;
        self.work(stored, &run, watch)
    }

    /// As [`Engine::train`], in the background.
    ///
    /// # Errors
    /// When it could not begin.
    pub fn start_training(self: &Arc<Self>, request: TrainRequest) -> Result<Job, EngineError> {
        let (stored, run) = self.begin_training(request)?;
        Ok(self.in_background(stored, run))
    }

    /// Makes a space the active one, in this thread; see [`Engine::promote_space`].
    ///
    /// # Errors
    /// As [`Engine::promote_space`]; [`EngineError::Busy`].
    pub fn promote(&self, request: PromoteRequest, watch: &(dyn Fn(&Job) + Sync)) -> Result<Job, EngineError> {
        let (stored, run) = self.begin_promotion(request)?;
        self.work(stored, &run, watch)
    }

    /// As [`Engine::promote`], in the background. The gate is asked before it returns.
    ///
    /// # Errors
    /// As [`Engine::promote`].
    pub fn start_promotion(self: &Arc<Self>, request: PromoteRequest) -> Result<Job, EngineError> {
        self.may_promote(&request.catalogue, &request.space, request.force)?;
        let (stored, run) = self.begin_promotion(PromoteRequest { force: true, ..request })?;
        Ok(self.in_background(stored, run))
    }

    fn begin_training(&self, request: TrainRequest) -> Result<(KeptJob, Arc<Run>), EngineError> {
        let catalogue = request.catalogue.clone();
        self.catalogue(&catalogue)?;
        let name = match request.words {
            WithWords::No => request.learned.words(),
            WithWords::Also => format!("{}, and words", request.learned.words()),
            WithWords::Only => "words".to_owned(),
        };
        self.begin_task("train", &catalogue, name, Task::Train(request))
    }

    fn begin_promotion(&self, request: PromoteRequest) -> Result<(KeptJob, Arc<Run>), EngineError> {
        let (catalogue, name) = (request.catalogue.clone(), request.space.clone());
        self.space_of(&catalogue, &name)?;
        self.begin_task("promote", &catalogue, name, Task::Promote(request))
    }

    /// The work of a training job.
    pub(in crate::engine) fn train_in(
        &self,
        job: Job,
        request: &TrainRequest,
        run: &Run,
        watch: &(dyn Fn(&Job) + Sync),
    ) -> Result<Job, EngineError> {
        let teller = Teller::new(job, run, watch);
        if request.words == WithWords::Only {
            let trained = self.train_only_words(&request.catalogue, &|doing, done, of| teller.step(doing, done, of))?;
            let result = trained.map(|(space, words)| json!({"space": space, "report": {"words": words}}));
            return self.end(&teller, result);
        }
        let trained = self.train_space(request, &|doing, done, of| teller.step(doing, done, of))?;
        let result = match trained {
            None => None,
            Some(trained) => {
                let mut result = json!({"space": trained.space, "report": trained.report});
                if request.promote {
                    let go_on = |done: u64, of: u64| teller.step("promoting", done, of);
                    let id = trained.space.to_string();
                    if trained.report.gate.passes {
                        let promoted = self.promote_space(&request.catalogue, &id, false, &go_on)?;
                        result["promoted"] = promoted.into();
                    } else {
                        result["promoted"] = false.into();
                    }
                }
                Some(result)
            }
        };
        self.end(&teller, result)
    }

    /// The work of a promotion job.
    pub(in crate::engine) fn promote_in(
        &self,
        job: Job,
        request: &PromoteRequest,
        run: &Run,
        watch: &(dyn Fn(&Job) + Sync),
    ) -> Result<Job, EngineError> {
        let teller = Teller::new(job, run, watch);
        let before = self.active_space(&request.catalogue)?.id();
        let go_on = |done: u64, of: u64| teller.step("indexing", done, of);
        let switched = self.promote_space(&request.catalogue, &request.space, request.force, &go_on)?;
        let now = self.active_space(&request.catalogue)?.id();
        self.end(&teller, switched.then(|| json!({"space": now, "previous": before})))
    }

    /// Writes how a job ended: done where it has a result, else stopped because somebody asked.
    fn end(&self, teller: &Teller<'_>, result: Option<serde_json::Value>) -> Result<Job, EngineError> {
        let mut job = teller.run.job();
        job.doing = None;
        job.finished_at = Some(Utc::now());
        job.state = match (&result, teller.run.asked()) {
            (Some(_), _) => JobState::Done,
            (None, Some(Stop::Cancel)) => JobState::Cancelled,
            (None, _) => JobState::Interrupted,
        };
        if let (JobState::Done, Some(total)) = (job.state, job.total) {
            job.done = total;
        }
        job.result = result;
        self.store.write(|sql| put_job(sql, &job.id, job.state.as_str(), &job, 0))?;
        teller.run.set(job.clone());
        Ok(job)
    }
}

/// Tells how a job stands, and hears whether it should stop.
struct Teller<'a> {
    run: &'a Run,
    watch: &'a (dyn Fn(&Job) + Sync),
    told: parking_lot::Mutex<Instant>,
}

impl<'a> Teller<'a> {
    fn new(job: Job, run: &'a Run, watch: &'a (dyn Fn(&Job) + Sync)) -> Self {
        run.set(job);
        Self { run, watch, told: parking_lot::Mutex::new(Instant::now()) }
    }

    /// Notes a step; false when somebody asked to stop.
    fn step(&self, doing: &str, done: u64, of: u64) -> bool {
        let mut job = self.run.job();
        job.doing = Some(doing.to_owned());
        (job.done, job.total) = (done, Some(of));
        self.run.set(job);
        let mut told = self.told.lock();
        if told.elapsed() >= TELL {
            *told = Instant::now();
            (self.watch)(&self.run.job());
        }
        self.run.asked().is_none()
    }
}
