//! Photos of which nobody said what they show.

use std::collections::HashMap;

use super::*;
use crate::engine::{Guesses, PhotoInput, ReviewInput, Verdict};

const PRODUCTS: u64 = 30;
/// Directions in which photos differ from studio pictures, each photo by another much.
const LIGHTS: usize = 60;

/// A photo of a product: the product's numbers, and light that a catalogue's picture knows nothing of.
fn photo(engine: &Engine, product: u64, number: u64, light: f32) -> ImageHash {
    let mut own = Random::new(9_000_000 + number);
    let mut numbers: Vec<f32> = feature(product, 5_000_000 + number, 0.2).into_iter().map(f32::from).collect();
    for direction in 0..LIGHTS as u64 {
        let (mut light_of, much) = (Random::new(77_000 + direction), light * noise(&mut own));
        numbers.iter_mut().take(256).for_each(|value| *value += much * noise(&mut light_of));
    }
    let numbers: Vec<f16> = numbers.into_iter().map(f16::from_f32).collect();
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    let hash = ImageHash::of(&bytes);
    let key = &engine.feature_key;
    engine.store.write(|sql| crate::catalogue::store::put_feature(sql, &hash, key, &numbers)).unwrap();
    let open = engine.catalogue(&CatalogueName::default()).unwrap();
    engine.store.put_photo(open.key, &hash).unwrap();
    hash
}

fn confirm(engine: &Engine, hash: ImageHash, product: u64) {
    let input = ReviewInput {
        photo: Some(PhotoInput::Hash(hash)),
        other: None,
        product: format!("p{product}"),
        verdict: Verdict::Confirmed,
        by: None,
    };
    engine.add_review(&CatalogueName::default(), input).unwrap();
}

fn confirmed() -> Learned {
    Learned { labels: None, confirmed: true }
}

#[test]
fn photos_that_nobody_labelled_are_learned_from_where_that_is_better() {
    let folder = tempfile::tempdir().unwrap();
    let engine = shop(folder.path(), PRODUCTS, PRODUCTS, 1, 0.2);
    let name = CatalogueName::default();
    for number in 0..60 {
        confirm(&engine, photo(&engine, number % PRODUCTS, number, 0.6), number % PRODUCTS);
    }
    // Too few to be worth a comparison.
    for number in 100..140 {
        photo(&engine, number % PRODUCTS, number, 0.6);
    }
    let few = train(&engine, confirmed()).unwrap();
    assert_eq!((few.report.unlabelled, few.report.pictures, few.report.products), (None, 90, 30));
    for number in 140..500 {
        photo(&engine, number % PRODUCTS, number, 0.6);
    }
    let trained = train(&engine, confirmed()).unwrap();
    let report = trained.report.unlabelled.as_ref().unwrap();
    assert_eq!((report.photos, trained.report.pairs, trained.report.products), (400, 60, 30));
    assert!(report.compared.fused, "{report:?}");
    let asked = |tasks: &[TaskReport]| tasks.iter().find(|task| task.task == Task::SameProduct).unwrap().clone();
    let task = asked(&report.compared.tasks);
    assert!(task.queries == 60 && task.new.map > task.current.map + 0.05, "{task:?}");
    assert_eq!(asked(&trained.report.tasks).new, task.new, "the figures are those of the head that is kept");
    let provenance = engine.space_of(&name, &trained.space.to_string()).unwrap().provenance.unwrap();
    assert_eq!(provenance.guesses, Some(if report.anchored { Guesses::LightlyAnchored } else { Guesses::Alone }));
    // In use, it is what the next training is compared with, made again from the same part.
    assert!(engine.promote_space(&name, &trained.space.to_string(), false, &|_, _| true).unwrap());
    let again = train(&engine, confirmed()).unwrap();
    assert_eq!(again.space, trained.space, "the same photos make the same space");
    assert!(asked(&again.report.tasks).map_difference.mean.abs() < 0.02, "{again:?}");
}

#[test]
fn photos_ask_for_pictures_of_the_catalogue_and_a_product_alone_with_its_picture_is_not_learned_by_heart() {
    let folder = tempfile::tempdir().unwrap();
    let engine = shop(folder.path(), 100, 100, 1, 0.2);
    for number in 0..90 {
        confirm(&engine, photo(&engine, number, number, 0.6), number);
    }
    let open = engine.catalogue(&CatalogueName::default()).unwrap();
    let request = TrainRequest { learned: confirmed(), ..TrainRequest::new(CatalogueName::default()) };
    let gathered = engine.material(&open, &request, &|_, _, _| true).unwrap().unwrap();
    let parts = parts::parts(&gathered, &confirmed());
    let mut asked = [0, 0];
    for (part, questions) in parts.iter().flat_map(|part| part.questions.iter().map(move |questions| (part, questions)))
    {
        let origin = |place: &usize| gathered.origins[*place];
        assert!(questions.queries.iter().all(|place| origin(place) == gather::Origin::Photo));
        assert!(questions.gallery.iter().all(|place| origin(place) == gather::Origin::Catalogue));
        assert_eq!((questions.asked_with, questions.gallery.len()), ("photos", 100), "all products are searched");
        let unseen = questions.task == Task::UnseenProduct;
        let of = |place: &usize| gathered.owners[*place];
        let learned: Vec<u32> = part.training.iter().map(of).collect();
        assert!(questions.queries.iter().all(|place| learned.contains(&of(place)) != unseen));
        asked[usize::from(unseen)] += questions.queries.len();
    }
    assert_eq!(asked, [90, 90], "each photo asks once for what was learned from and once for what was not");
    // Whose photo is held back is found as well as in the space in use, though all others have one.
    let trained = train(&engine, confirmed()).unwrap();
    let same = trained.report.tasks.iter().find(|task| task.task == Task::SameProduct).unwrap();
    assert!(trained.report.gate.passes && same.map_difference.mean > 0.02, "{trained:?}");
}

#[test]
fn photos_that_are_compared_with_a_shortlist_teach_as_much() {
    let folder = tempfile::tempdir().unwrap();
    let engine = shop(folder.path(), PRODUCTS, PRODUCTS, 1, 0.2);
    for number in 0..60 {
        confirm(&engine, photo(&engine, number % PRODUCTS, number, 0.6), number % PRODUCTS);
    }
    for number in 100..460 {
        photo(&engine, number % PRODUCTS, number, 0.6);
    }
    let (manifest, open) = (builtin_manifest().unwrap(), engine.catalogue(&CatalogueName::default()).unwrap());
    let request = TrainRequest { learned: confirmed(), ..TrainRequest::new(CatalogueName::default()) };
    let mut gathered = engine.material(&open, &request, &|_, _, _| true).unwrap().unwrap();
    assert_eq!(gathered.shortlist, None, "a small catalogue is compared with wholly");
    let without = Way::Made(Recipe::new(&confirmed()));
    let with = Way::Made(Recipe { guesses: Some(Guesses::LightlyAnchored), ..Recipe::new(&confirmed()) });
    let gain = |gathered: &gather::Gathered| {
        let mut assessment = Assessment::new(manifest, gathered, &confirmed());
        assert!(assessment.ask(&[without.clone(), with.clone()], &|_, _| true).unwrap());
        assert!(
            assessment.ask(std::slice::from_ref(&with), &|_, _| panic!("what was asked is not asked again")).unwrap()
        );
        assessment.overall(&without, &with).unwrap().mean
    };
    let all = gain(&gathered);
    gathered.shortlist = recipe::shortlist(manifest, &gathered, 20).unwrap();
    let shortlist = gathered.shortlist.clone().unwrap();
    assert!(shortlist.iter().all(|&place| gathered.origins[place] == gather::Origin::Catalogue));
    let some = gain(&gathered);
    assert!(all > 0.05 && some > 0.8 * all, "{all} {some}");
    // What is on no shortlist is not guessed.
    gathered.shortlist = Some(Vec::new());
    assert!(gain(&gathered) < 0.5 * all);
}

#[test]
fn photos_of_a_product_that_is_left_out_of_a_part_are_left_out_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let engine = shop(folder.path(), PRODUCTS, PRODUCTS, 1, 0.2);
    let mut confirmed_photos = Vec::new();
    for number in 0..60 {
        let photo = photo(&engine, number % PRODUCTS, number, 0.6);
        confirm(&engine, photo, number % PRODUCTS);
        confirmed_photos.push(photo);
    }
    let shown: HashMap<ImageHash, u64> =
        (100..460).map(|number| (photo(&engine, number % PRODUCTS, number, 0.6), number % PRODUCTS)).collect();
    let (manifest, open) = (builtin_manifest().unwrap(), engine.catalogue(&CatalogueName::default()).unwrap());
    let request = TrainRequest { learned: confirmed(), ..TrainRequest::new(CatalogueName::default()) };
    let mut gathered = engine.material(&open, &request, &|_, _, _| true).unwrap().unwrap();
    let label_of = |product: u64| {
        let confirmed = confirmed_photos[product as usize];
        gathered.labels[gathered.hashes.iter().position(|hash| *hash == confirmed).unwrap()]
    };
    let right = gathered.taken.iter().filter(|&(&place, &label)| label == label_of(shown[&gathered.hashes[place]]));
    let (right, photos) = (right.count(), gathered.unlabelled().count());
    assert!(photos == 360 && right > 300, "{right} of {photos} photos are taken for what they show");
    // Were all photos of one product, a part without it would learn from none of them.
    let (one, alone) = (label_of(0), Recipe::new(&confirmed()));
    let guessing = Recipe { guesses: Some(Guesses::Alone), ..alone.clone() };
    let all: Vec<usize> = gathered.learnable().collect();
    let part: Vec<usize> = all.iter().copied().filter(|&place| gathered.labels[place] != one).collect();
    let fit = |recipe: &Recipe, gathered: &gather::Gathered, places: &[usize]| {
        recipe::fit(manifest, recipe, gathered, places, usize::MAX).unwrap().id()
    };
    gathered.taken = gathered.unlabelled().map(|place| (place, one)).collect();
    assert_eq!(fit(&guessing, &gathered, &part), fit(&alone, &gathered, &part));
    assert_ne!(fit(&guessing, &gathered, &all), fit(&alone, &gathered, &all));
    gathered.taken.clear();
    assert_ne!(fit(&guessing, &gathered, &part), fit(&alone, &gathered, &part));
}

#[test]
fn photos_of_nothing_that_the_shop_has_do_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let engine = shop(folder.path(), PRODUCTS, PRODUCTS, 1, 0.2);
    for number in 0..60 {
        confirm(&engine, photo(&engine, number % PRODUCTS, number, 0.2), number % PRODUCTS);
    }
    let alone = train(&engine, confirmed()).unwrap();
    for number in 1_000..1_300 {
        photo(&engine, number, number, 0.2);
    }
    let trained = train(&engine, confirmed()).unwrap();
    let report = trained.report.unlabelled.as_ref().unwrap();
    let map =
        |trained: &Trained| trained.report.tasks.iter().find(|task| task.task == Task::SameProduct).unwrap().new.map;
    assert!(map(&trained) >= map(&alone) - 1e-9, "{report:?}");
    assert!(report.compared.fused || trained.space == alone.space, "what is not learned from changes nothing");
}
