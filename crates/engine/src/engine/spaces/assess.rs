//! Cross-validation: would a space that is made this way serve this catalogue better than the one in use?
//!
//! A space is never judged on what it was made from. The catalogue is divided; the new space is made from one part and asked
//! about the other. The space in use is asked the same questions; where it was itself trained here, it is made anew from
//! the same part, so that neither has seen the answers.
//!
//! - *same label*: products the space has not seen ask for products with their label among those it has.
//! - *unseen label*: the same with labels that were left out of the training wholly. A space that only learned to tell the
//!   labels it was shown would be found out here.
//! - *same product*: one picture of a product asks for its others. Where products have one picture each, damaged copies ask
//!   for the pictures they were made of.
//!
//! Where each product is a label of its own (`product`, confirmed matches), *same product* asks with pictures of products
//! the space knows other pictures of, and *unseen product* with products that were left out wholly.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::super::EngineError;
use super::gate::TaskVerdict;
use super::gather::Gathered;
use super::parts::{Part, Questions, parts};
use super::recipe::{self, Learned, Recipe};
use crate::learn::{Interval, bootstrap, rankings};
use crate::model::Manifest;
use crate::space::Space;

/// Most pictures a space is made from in one part of the test.
const MOST_TRAINING: usize = 20_000;
/// Fewer questions say nothing.
pub(super) const LEAST_QUERIES: usize = 10;
/// Everything random is drawn from this.
pub(super) const SEED: u64 = 20_260_101;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// The same product, from another picture of it.
    SameProduct,
    /// The same product, where neither it nor its pictures were learned from.
    UnseenProduct,
    /// A product with the same label, from a product that was not learned from.
    SameLabel,
    /// The same with labels that were not learned from.
    UnseenLabel,
}

impl Task {
    /// In words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::SameProduct => "same product",
            Self::UnseenProduct => "unseen product",
            Self::SameLabel => "same label",
            Self::UnseenLabel => "unseen label",
        }
    }
}

/// How a space answers; shares are 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Share of questions whose first answer is right.
    pub recall_at_1: f64,
    /// Mean average precision over the whole gallery.
    pub map: f64,
}

/// One task: the space in use against the new one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskReport {
    /// Which.
    pub task: Task,
    /// What the questions were: `pictures`, `photos`, `damaged copies`.
    pub asked_with: String,
    /// How many.
    pub queries: usize,
    /// The space in use.
    pub current: Figures,
    /// The new one.
    pub new: Figures,
    /// New − current in average precision, question by question: mean and 95 % interval.
    pub map_difference: Interval,
    /// The same for the first answer.
    pub recall_difference: Interval,
    /// What the gate says of it; reports of before do not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<TaskVerdict>,
}

/// A space that answers.
#[derive(Debug, Clone)]
pub(super) enum Way {
    /// It is what it is, and knows nothing of this catalogue.
    Fixed(Arc<Space>),
    /// It is made of each part's share of the catalogue, this way.
    Made(Recipe),
}

impl Way {
    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Made(one), Self::Made(other)) => one == other,
            (Self::Fixed(one), Self::Fixed(other)) => one.id() == other.id(),
            _ => false,
        }
    }
}

/// Average precision and whether the first answer is right, a question each.
type Answers = Vec<(f64, f64)>;

/// A space and its answers, by part and questions; `None` where a part has too little to make it from.
type Answered = (Way, Vec<Option<Vec<Answers>>>);

/// The questions, and what spaces answered. Each is made and asked once, however many others it is compared with.
pub(super) struct Assessment<'a> {
    manifest: &'a Manifest,
    gathered: &'a Gathered,
    parts: Vec<Part>,
    answered: Vec<Answered>,
}

impl<'a> Assessment<'a> {
    /// The questions to spaces that learn from this.
    pub(super) fn new(manifest: &'a Manifest, gathered: &'a Gathered, learned: &Learned) -> Self {
        Self { manifest, gathered, parts: parts(gathered, learned), answered: Vec::new() }
    }

    /// Asks these spaces, but for those that were asked before. `false` when `go_on` says no; it is told how many of the parts (the second
    /// number) are done.
    pub(super) fn ask(&mut self, ways: &[Way], go_on: &dyn Fn(usize, usize) -> bool) -> Result<bool, EngineError> {
        let mut new: Vec<Answered> = Vec::new();
        for way in ways {
            if !self.answered.iter().chain(&new).any(|(known, _)| known.is(way)) {
                new.push((way.clone(), Vec::new()));
            }
        }
        if new.is_empty() {
            return Ok(true);
        }
        for (done, part) in self.parts.iter().enumerate() {
            if !go_on(done, self.parts.len()) {
                return Ok(false);
            }
            for (way, answers) in &mut new {
                let made = match way {
                    Way::Fixed(space) => Some(Arc::clone(space)),
                    Way::Made(recipe) => {
                        recipe::fit(self.manifest, recipe, self.gathered, &part.training, MOST_TRAINING)
                            .ok()
                            .map(Arc::new)
                    }
                };
                let ask = |space: Arc<Space>| -> Result<Vec<Answers>, EngineError> {
                    part.questions.iter().map(|questions| ask(&space, self.gathered, questions)).collect()
                };
                answers.push(made.map(ask).transpose()?);
            }
        }
        self.answered.extend(new);
        Ok(true)
    }

    /// What two spaces answered to the same questions, task by task; what one of them was not asked is left out.
    fn both(&self, one: &Way, other: &Way) -> BTreeMap<Task, Pairs> {
        let of = |way: &Way| self.answered.iter().find(|(known, _)| known.is(way)).map(|(_, answers)| answers);
        let mut tasks: BTreeMap<Task, Pairs> = BTreeMap::new();
        let (Some(one), Some(other)) = (of(one), of(other)) else { return tasks };
        for (part, (one, other)) in self.parts.iter().zip(one.iter().zip(other)) {
            let (Some(one), Some(other)) = (one, other) else { continue };
            for (questions, (one, other)) in part.questions.iter().zip(one.iter().zip(other)) {
                let pairs = tasks.entry(questions.task).or_default();
                pairs.asked_with = questions.asked_with;
                pairs.answers.extend(one.iter().copied().zip(other.iter().copied()));
            }
        }
        tasks
    }

    /// One space against another: which is `current` in the report, which `new`.
    pub(super) fn between(&self, current: &Way, new: &Way) -> Vec<TaskReport> {
        self.both(current, new).iter().filter_map(|(task, pairs)| report(*task, pairs)).collect()
    }

    /// New − current in average precision over the questions of all tasks, each counted once.
    pub(super) fn overall(&self, current: &Way, new: &Way) -> Option<Interval> {
        let tasks = self.both(current, new);
        let each: Vec<f64> =
            tasks.values().flat_map(|pairs| &pairs.answers).map(|(current, new)| new.0 - current.0).collect();
        if each.len() < LEAST_QUERIES { None } else { bootstrap(&each, SEED) }
    }
}

/// What two spaces answered to the same questions of one task.
#[derive(Default)]
struct Pairs {
    asked_with: &'static str,
    answers: Vec<((f64, f64), (f64, f64))>,
}

fn ask(space: &Space, gathered: &Gathered, questions: &Questions) -> Result<Answers, EngineError> {
    let right = |places: &[usize]| -> Vec<u32> {
        let of = if questions.by_owner { &gathered.owners } else { &gathered.labels };
        places.iter().map(|&place| of[place]).collect()
    };
    let queries = recipe::embed(space, gathered, &questions.queries)?;
    let gallery = recipe::embed(space, gathered, &questions.gallery)?;
    let ranked = rankings(&queries, &right(&questions.queries), &gallery, &right(&questions.gallery));
    Ok(ranked
        .into_iter()
        .map(|ranking| (f64::from(ranking.average_precision), f64::from(u8::from(ranking.first == Some(0)))))
        .collect())
}

fn report(task: Task, Pairs { asked_with, answers }: &Pairs) -> Option<TaskReport> {
    let queries = answers.len();
    if queries < LEAST_QUERIES {
        return None;
    }
    let figures = |of: fn(&((f64, f64), (f64, f64))) -> (f64, f64)| {
        let (maps, firsts): (Vec<f64>, Vec<f64>) = answers.iter().map(of).unzip();
        let mean = |values: Vec<f64>| values.iter().sum::<f64>() / queries as f64;
        Figures { map: mean(maps), recall_at_1: mean(firsts) }
    };
    let differences = |of: fn(&(f64, f64)) -> f64| {
        let each: Vec<f64> = answers.iter().map(|(current, new)| of(new) - of(current)).collect();
        bootstrap(&each, SEED)
    };
    let map_difference = differences(|answer| answer.0)?;
    Some(TaskReport {
        task,
        asked_with: (*asked_with).to_owned(),
        queries,
        current: figures(|(current, _)| *current),
        new: figures(|(_, new)| *new),
        map_difference,
        recall_difference: differences(|answer| answer.1)?,
        verdict: Some(TaskVerdict::of(map_difference)),
    })
}
