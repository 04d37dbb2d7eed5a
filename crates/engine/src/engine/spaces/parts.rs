//! The questions of a comparison, and what may be learned from before they are asked.

use std::collections::{BTreeMap, BTreeSet};

use super::assess::{LEAST_QUERIES, SEED, Task};
use super::gather::{Gathered, NO_LABEL, Origin};
use super::recipe::Learned;
use super::sample::some;
use crate::learn::Random;

/// Parts the products are divided into.
const FOLDS: usize = 5;
/// Parts the labels are divided into.
const LABEL_FOLDS: usize = 3;
/// Most pictures that are searched in one part of the test.
const MOST_GALLERY: usize = 5_000;
/// Most questions in one part of the test.
const MOST_QUERIES: usize = 300;

/// Questions of one kind in one part of the test.
pub(super) struct Questions {
    pub(super) task: Task,
    pub(super) asked_with: &'static str,
    pub(super) queries: Vec<usize>,
    pub(super) gallery: Vec<usize>,
    /// Right is: the same product; else: the same label.
    pub(super) by_owner: bool,
}

/// One part of the test.
pub(super) struct Part {
    pub(super) training: Vec<usize>,
    pub(super) questions: Vec<Questions>,
}

/// The parts of a comparison of spaces that learn from this; those without a question are left out.
pub(super) fn parts(gathered: &Gathered, learned: &Learned) -> Vec<Part> {
    let mut parts = if learned.of_products() { parts_of_pictures(gathered) } else { parts_of_products(gathered) };
    if learned.supervised() {
        parts.extend(parts_of_labels(gathered, learned.of_products()));
    }
    for part in &mut parts {
        part.questions.retain(|questions| !questions.queries.is_empty() && !questions.gallery.is_empty());
    }
    parts.retain(|part| !part.questions.is_empty());
    parts
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
            Part { training, questions }
        })
        .collect()
}

/// Whether there are enough confirmed photos to ask with: then photos ask and the catalogue's pictures answer, as in a search.
fn photos_ask(gathered: &Gathered) -> bool {
    gathered.origins.iter().filter(|origin| **origin == Origin::Photo).count() >= LEAST_QUERIES
}

/// Pictures of each product are left out in turn.
fn parts_of_pictures(gathered: &Gathered) -> Vec<Part> {
    let with_photos = photos_ask(gathered);
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
            Part { training, questions: vec![questions] }
        })
        .collect()
}

/// Labels are left out in turn; half of their products ask for the other half, or photos of products that are left out for these.
fn parts_of_labels(gathered: &Gathered, of_products: bool) -> Vec<Part> {
    let with_photos = of_products && photos_ask(gathered);
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
                if with_photos {
                    return gathered.origins[place] == Origin::Photo;
                }
                let member = if of_products { place as u32 } else { gathered.owners[place] };
                members[&gathered.labels[place]].iter().position(|known| *known == member).is_some_and(|at| at % 2 == 1)
            };
            let (queries, answers): (Vec<usize>, Vec<usize>) = test.into_iter().partition(asks);
            // Nobody searches among photos that shoppers sent.
            let searched = |place: &usize| !with_photos || gathered.origins[*place] == Origin::Catalogue;
            let others: Vec<usize> = training.iter().copied().filter(searched).collect();
            let mut questions = Questions {
                task: if of_products { Task::UnseenProduct } else { Task::UnseenLabel },
                asked_with: if with_photos { "photos" } else { "pictures" },
                queries: some(queries, MOST_QUERIES, salt),
                gallery: gallery(some(answers, MOST_GALLERY / 2, salt), &others, salt),
                by_owner: false,
            };
            answerable(gathered, &mut questions);
            Part { training, questions: vec![questions] }
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
