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

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::super::EngineError;
use super::gather::{Gathered, NO_LABEL, Origin};
use super::recipe::{self, Recipe};
use crate::learn::{Interval, Random, bootstrap, rankings};
use crate::model::Manifest;
use crate::space::Space;

/// Parts the products are divided into.
const FOLDS: usize = 5;
/// Parts the labels are divided into.
const LABEL_FOLDS: usize = 3;
/// Most pictures a space is made from in one part of the test.
const MOST_TRAINING: usize = 20_000;
/// Most pictures that are searched in one part of the test.
const MOST_GALLERY: usize = 5_000;
/// Most questions in one part of the test.
const MOST_QUERIES: usize = 300;
/// Fewer questions say nothing.
const LEAST_QUERIES: usize = 10;
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
}

/// The space in use.
pub(super) enum Current {
    /// It knows nothing of this catalogue.
    Fixed(Arc<Space>),
    /// It was made of this catalogue, this way.
    Made(Recipe),
}

/// What was answered: by the space in use, and by those that were made in other ways.
pub(super) struct Assessed(BTreeMap<Task, Answers>);

impl Assessed {
    /// The space in use against the one made in the way of this number.
    pub(super) fn against_current(&self, way: usize) -> Vec<TaskReport> {
        self.0
            .iter()
            .filter_map(|(task, answers)| report(*task, answers, &answers.current, answers.new.get(way)?))
            .collect()
    }

    /// New − current in average precision over the questions of all tasks, each counted once.
    pub(super) fn overall(&self, current: usize, new: usize) -> Option<Interval> {
        let of = |answers: &Answers| -> Option<Vec<f64>> {
            let (current, new) = (answers.new.get(current)?, answers.new.get(new)?);
            Some(new.iter().zip(current).map(|(new, current)| new.0 - current.0).collect())
        };
        let each: Vec<f64> = self.0.values().filter_map(of).flatten().collect();
        if each.len() < LEAST_QUERIES { None } else { bootstrap(&each, SEED) }
    }

    /// One way against another: which is `current` in the report, which `new`.
    pub(super) fn between(&self, current: usize, new: usize) -> Vec<TaskReport> {
        let of = |(task, answers): (&Task, &Answers)| {
            report(*task, answers, answers.new.get(current)?, answers.new.get(new)?)
        };
        self.0.iter().filter_map(of).collect()
    }
}

/// Questions of one kind in one part of the test.
struct Questions {
    task: Task,
    asked_with: &'static str,
    queries: Vec<usize>,
    gallery: Vec<usize>,
    /// Right is: the same product; else: the same label.
    by_owner: bool,
}

/// One part of the test.
struct Part {
    training: Vec<usize>,
    questions: Vec<Questions>,
}

/// Average precision and whether the first answer is right, a question each, for the space in use and for each new one.
#[derive(Default)]
struct Answers {
    asked_with: &'static str,
    current: Vec<(f64, f64)>,
    new: Vec<Vec<(f64, f64)>>,
}

/// Compares the space in use with spaces that are made in these ways, all of them from the same labels. `None` when `go_on` says no; it is told how many of the parts (the second number) are done.
pub(super) fn assess(
    manifest: &Manifest,
    gathered: &Gathered,
    ways: &[Recipe],
    current: &Current,
    go_on: &dyn Fn(usize, usize) -> bool,
) -> Result<Option<Assessed>, EngineError> {
    let Some(learned) = ways.first().map(|way| &way.learned) else { return Ok(Some(Assessed(BTreeMap::new()))) };
    let mut parts = if learned.of_products() { parts_of_pictures(gathered) } else { parts_of_products(gathered) };
    if learned.supervised() {
        parts.extend(parts_of_labels(gathered, learned.of_products()));
    }
    let mut answers: BTreeMap<Task, Answers> = BTreeMap::new();
    let count = parts.len();
    for (done, mut part) in parts.into_iter().enumerate() {
        if !go_on(done, count) {
            return Ok(None);
        }
        part.questions.retain(|questions| !questions.queries.is_empty() && !questions.gallery.is_empty());
        if part.questions.is_empty() {
            continue;
        }
        // A part with too little to learn from is left out; when all are, there is nothing to report.
        let made = ways.iter().map(|way| recipe::fit(manifest, way, gathered, &part.training));
        let Ok(made) = made.collect::<Result<Vec<_>, _>>() else { continue };
        let before = match current {
            Current::Fixed(space) => Arc::clone(space),
            Current::Made(way) => match recipe::fit(manifest, way, gathered, &part.training) {
                Ok(space) => Arc::new(space),
                Err(_) => continue,
            },
        };
        for questions in &part.questions {
            let entry = answers.entry(questions.task).or_default();
            entry.asked_with = questions.asked_with;
            entry.current.extend(ask(&before, gathered, questions)?);
            entry.new.resize_with(made.len(), Vec::new);
            for (answers, space) in entry.new.iter_mut().zip(&made) {
                answers.extend(ask(space, gathered, questions)?);
            }
        }
    }
    Ok(Some(Assessed(answers)))
}

fn ask(space: &Space, gathered: &Gathered, questions: &Questions) -> Result<Vec<(f64, f64)>, EngineError> {
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

fn report(task: Task, answers: &Answers, current: &[(f64, f64)], new: &[(f64, f64)]) -> Option<TaskReport> {
    let queries = new.len();
    if queries < LEAST_QUERIES {
        return None;
    }
    let figures = |answers: &[(f64, f64)]| {
        let mean = |of: fn(&(f64, f64)) -> f64| answers.iter().map(of).sum::<f64>() / answers.len() as f64;
        Figures { map: mean(|answer| answer.0), recall_at_1: mean(|answer| answer.1) }
    };
    let differences = |of: fn(&(f64, f64)) -> f64| {
        let each: Vec<f64> = new.iter().zip(current).map(|(new, current)| of(new) - of(current)).collect();
        bootstrap(&each, SEED)
    };
    Some(TaskReport {
        task,
        asked_with: answers.asked_with.to_owned(),
        queries,
        current: figures(current),
        new: figures(new),
        map_difference: differences(|answer| answer.0)?,
        recall_difference: differences(|answer| answer.1)?,
    })
}

/// At most `most` of them, drawn at random, in their order.
fn some(mut places: Vec<usize>, most: usize, salt: u64) -> Vec<usize> {
    if places.len() > most {
        Random::new(SEED ^ salt).shuffle(&mut places);
        places.truncate(most);
        places.sort_unstable();
    }
    places
}

/// A part each number belongs to, in turns of a random order, so that the parts are of a size.
fn dealt(numbers: impl Iterator<Item = u32>, parts: usize) -> BTreeMap<u32, usize> {
    let distinct: BTreeSet<u32> = numbers.collect();
    let mut order: Vec<u32> = distinct.into_iter().collect();
    Random::new(SEED).shuffle(&mut order);
    order.into_iter().enumerate().map(|(place, number)| (number, place % parts)).collect()
}

/// The gallery that fits: what has to be in it, and as many others as there is room for.
fn gallery(must: Vec<usize>, others: &[usize], salt: u64) -> Vec<usize> {
    let room = MOST_GALLERY.saturating_sub(must.len());
    let mut gallery = some(others.to_vec(), room, salt);
    gallery.extend(must);
    gallery
}

/// Products are left out in turn, with their whole family.
fn parts_of_products(gathered: &Gathered) -> Vec<Part> {
    let family = |place: usize| gathered.products[gathered.owners[place] as usize].family;
    let dealt = dealt((0..gathered.rows.len()).map(family), FOLDS);
    let counts = pictures_of(gathered);
    // Questions with damaged copies only where products with several pictures are too few to ask with.
    let several = counts.values().filter(|pictures| pictures.len() > 1).count();
    (0..FOLDS)
        .map(|fold| {
            let salt = fold as u64;
            let (test, training): (Vec<usize>, Vec<usize>) =
                gathered.learnable().partition(|&place| dealt[&family(place)] == fold);
            let labelled: Vec<usize> =
                test.iter().copied().filter(|&place| gathered.labels[place] != NO_LABEL).collect();
            let mut questions = vec![Questions {
                task: Task::SameLabel,
                asked_with: "pictures",
                queries: some(labelled, MOST_QUERIES, salt),
                gallery: gallery(Vec::new(), &training, salt),
                by_owner: false,
            }];
            questions.push(if several >= LEAST_QUERIES {
                let owners: BTreeSet<u32> = test.iter().map(|&place| gathered.owners[place]).collect();
                let queries = owners.iter().filter_map(|owner| counts.get(owner)).filter(|pictures| pictures.len() > 1);
                let queries =
                    some(queries.filter_map(|pictures| pictures.last().copied()).collect(), MOST_QUERIES, salt);
                let asked: BTreeSet<usize> = queries.iter().copied().collect();
                let rest = test.iter().copied().filter(|place| !asked.contains(place)).collect();
                let gallery = gallery(some(rest, MOST_GALLERY / 2, salt), &training, salt);
                Questions { task: Task::SameProduct, asked_with: "pictures", queries, gallery, by_owner: true }
            } else {
                let queries = (0..gathered.rows.len())
                    .filter(|&place| gathered.origins[place] == Origin::Copy && dealt[&family(place)] == fold);
                let queries = some(queries.collect(), MOST_QUERIES, salt);
                let gallery = gallery(some(test, MOST_GALLERY / 2, salt), &training, salt);
                Questions { task: Task::SameProduct, asked_with: "damaged copies", queries, gallery, by_owner: true }
            });
            // Of a label nobody else has there is no right answer.
            for questions in &mut questions {
                answerable(gathered, questions);
            }
            Part { training: some(training, MOST_TRAINING, salt), questions }
        })
        .collect()
}

/// Pictures of each product are left out in turn. Where people confirmed photos, the photos ask and the catalogue answers.
fn parts_of_pictures(gathered: &Gathered) -> Vec<Part> {
    let photos = gathered.origins.iter().filter(|origin| **origin == Origin::Photo).count();
    let with_photos = photos >= LEAST_QUERIES;
    let asks = |place: usize| !with_photos || gathered.origins[place] == Origin::Photo;
    let mut turn: BTreeMap<usize, usize> = BTreeMap::new();
    for pictures in pictures_of(gathered).values() {
        let asking: Vec<usize> = pictures.iter().copied().filter(|&place| asks(place)).collect();
        // A product with one picture is only ever learned from and found.
        if asking.len() > 1 || (with_photos && !asking.is_empty()) {
            let begin = Random::new(SEED ^ asking[0] as u64).below(FOLDS);
            turn.extend(asking.iter().enumerate().map(|(number, &place)| (place, (begin + number) % FOLDS)));
        }
    }
    (0..FOLDS)
        .map(|fold| {
            let salt = fold as u64;
            let (test, training): (Vec<usize>, Vec<usize>) =
                gathered.learnable().partition(|place| turn.get(place) == Some(&fold));
            let shown: Vec<usize> = if with_photos {
                gathered.learnable().filter(|&place| gathered.origins[place] == Origin::Catalogue).collect()
            } else {
                training.clone()
            };
            let mut questions = Questions {
                task: Task::SameProduct,
                asked_with: if with_photos { "photos" } else { "pictures" },
                queries: some(test, MOST_QUERIES, salt),
                gallery: Vec::new(),
                by_owner: true,
            };
            questions.gallery = with_answers(gathered, &questions, &shown, salt);
            answerable(gathered, &mut questions);
            Part { training: some(training, MOST_TRAINING, salt), questions: vec![questions] }
        })
        .collect()
}

/// Labels are left out in turn; half of their products ask for the other half.
fn parts_of_labels(gathered: &Gathered, of_products: bool) -> Vec<Part> {
    let mut members: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
    for place in gathered.learnable().filter(|&place| gathered.labels[place] != NO_LABEL) {
        // What asks and answers for a label: its products, or for one product its pictures.
        let member = if of_products { place as u32 } else { gathered.owners[place] };
        members.entry(gathered.labels[place]).or_default().insert(member);
    }
    let several = members.iter().filter(|(_, members)| members.len() > 1).map(|(label, _)| *label);
    let dealt = dealt(several, LABEL_FOLDS);
    if dealt.len() < 2 * LABEL_FOLDS {
        return Vec::new();
    }
    (0..LABEL_FOLDS)
        .map(|fold| {
            let salt = 100 + fold as u64;
            let (test, training): (Vec<usize>, Vec<usize>) =
                gathered.learnable().partition(|&place| dealt.get(&gathered.labels[place]) == Some(&fold));
            let asks = |&place: &usize| {
                let member = if of_products { place as u32 } else { gathered.owners[place] };
                members[&gathered.labels[place]].iter().position(|known| *known == member).is_some_and(|at| at % 2 == 1)
            };
            let (queries, answers): (Vec<usize>, Vec<usize>) = test.into_iter().partition(asks);
            let mut questions = Questions {
                task: if of_products { Task::UnseenProduct } else { Task::UnseenLabel },
                asked_with: "pictures",
                queries: some(queries, MOST_QUERIES, salt),
                gallery: gallery(some(answers, MOST_GALLERY / 2, salt), &training, salt),
                by_owner: false,
            };
            answerable(gathered, &mut questions);
            Part { training: some(training, MOST_TRAINING, salt), questions: vec![questions] }
        })
        .collect()
}

/// A gallery that has the right answers to the questions, and others.
fn with_answers(gathered: &Gathered, questions: &Questions, shown: &[usize], salt: u64) -> Vec<usize> {
    let asked: BTreeSet<u32> = questions.queries.iter().map(|&place| gathered.owners[place]).collect();
    let (right, others): (Vec<usize>, Vec<usize>) =
        shown.iter().partition(|&&place| asked.contains(&gathered.owners[place]));
    gallery(some(right, MOST_GALLERY / 2, salt), &others, salt)
}

/// Leaves out questions without a right answer in the gallery.
fn answerable(gathered: &Gathered, questions: &mut Questions) {
    let of = if questions.by_owner { &gathered.owners } else { &gathered.labels };
    let there: BTreeSet<u32> = questions.gallery.iter().map(|&place| of[place]).collect();
    questions.queries.retain(|&place| of[place] != NO_LABEL && there.contains(&of[place]));
}

/// The pictures of each product, damaged copies left out.
fn pictures_of(gathered: &Gathered) -> BTreeMap<u32, Vec<usize>> {
    let mut pictures: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for place in gathered.learnable() {
        pictures.entry(gathered.owners[place]).or_default().push(place);
    }
    pictures
}
