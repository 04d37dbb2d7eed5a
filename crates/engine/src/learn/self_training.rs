//! Self-training: photos of which nobody said what they show teach too, by what they are taken for.
//!
//! A space that finds the right product for a part of the photos can label them itself, be fitted to that, and do better in the next round
//! (Scudder 1965; pseudo-labels: Lee 2013). What keeps it from believing its own mistakes:
//! - some pictures are near to every photo. How near a picture is to all photos, its popularity, is taken off (inverted softmax, Smith et
//!   al. 2017), or such hubs would be guessed everywhere; a picture that nobody asks for is not rewarded for that;
//! - a guess counts only where photo and picture choose each other: the photo is among the few that are nearest to the picture;
//! - the few become more from round to round.

use std::collections::BTreeSet;

use super::Rows;
use super::ranking::{by_query, nearest};

/// Rounds of guessing and fitting. mAP of G-studio after 1 to 6 rounds: 73.2, 73.4, 74.3, 75.4, 75.4, 75.3 (Python copy, layers fused).
const ROUNDS: i32 = 4;
/// Photos a picture that count in the first round; half as many again in each one after it: 5, 8, 11, 17.
const FIRST: f32 = 5.0;
const GROWTH: f32 = 1.5;
/// Labelled photos from which on the first guesses are made by a head that was fitted to them: one that was fitted to a handful guesses worse than
/// the default one.
const ENOUGH_TO_GUESS: usize = 30;
/// How much the nearest photos count in a picture's popularity. 5 and 20 were within a point of 10 or below it.
const SHARPNESS: f32 = 10.0;
/// How many pictures of each photo count in what is the least popularity. Were it one, that of a hub which is nearest to all would be it.
const ASKED_FOR: usize = 3;

/// What is known, and what is not. Places are of the pictures that `fit` and `embed` of [`self_train`] know.
#[derive(Debug, Clone, Copy)]
pub struct SelfTraining<'a> {
    /// Pictures of a catalogue, among which photos are to be found.
    pub pictures: &'a [usize],
    /// The label of each picture. What is taken for one without a label is not learned from: that keeps photos of what is left out of a test
    /// from being taken for something else.
    pub picture_labels: &'a [Option<u32>],
    /// Everything of which the label is known: the pictures with a label, and photos of which somebody said what they show.
    pub known: &'a [usize],
    /// The label of each of them.
    pub known_labels: &'a [u32],
    /// How many of them are photos.
    pub labelled: usize,
    /// Photos of which nobody said it.
    pub photos: &'a [usize],
}

/// Fits a space to what is known and to what the photos are taken for, in rounds. `fit` makes a space of pictures and their labels, `embed` brings
/// pictures into it as vectors of unit length. The first guesses are made in a space that was fitted to what is known, or in `seed` where
/// fewer than 30 photos are labelled.
///
/// # Errors
/// Those of `fit` and `embed`.
pub fn self_train<S, E>(
    material: &SelfTraining<'_>,
    seed: S,
    fit: impl Fn(&[usize], &[u32]) -> Result<S, E>,
    embed: impl Fn(&S, &[usize]) -> Result<Rows, E>,
) -> Result<S, E> {
    let mut space =
        if material.labelled < ENOUGH_TO_GUESS { seed } else { fit(material.known, material.known_labels)? };
    for round in 0..ROUNDS {
        let most = (FIRST * GROWTH.powi(round)).round() as usize;
        let (photos, pictures) = (embed(&space, material.photos)?, embed(&space, material.pictures)?);
        let guesses = guess(&photos, &pictures, most);
        let (mut places, mut labels) = (material.known.to_vec(), material.known_labels.to_vec());
        for (&photo, picture) in material.photos.iter().zip(guesses) {
            let label = picture.and_then(|picture| material.picture_labels.get(picture).copied().flatten());
            let Some(label) = label else { continue };
            places.push(photo);
            labels.push(label);
        }
        space = fit(&places, &labels)?;
    }
    Ok(space)
}

/// Places of the pictures that are among the `each` nearest of at least one photo, in their order: what photos can be taken for, where comparing them
/// with a whole catalogue in each round would take too long.
#[must_use]
pub fn shortlist(photos: &Rows, pictures: &Rows, each: usize) -> Vec<usize> {
    let of_photos = by_query(photos, pictures, photos.len(), |_, similarities| nearest(similarities, each));
    let places: BTreeSet<usize> = of_photos.into_iter().flatten().collect();
    places.into_iter().collect()
}

/// Place of the picture that each photo is taken for, however many others are nearer to it; `None` without pictures.
#[must_use]
pub fn taken_for(photos: &Rows, pictures: &Rows) -> Vec<Option<usize>> {
    guess(photos, pictures, photos.len())
}

/// How one picture is seen from all photos.
struct Asked {
    /// How near it is to all of them, the nearest counting most.
    popularity: f32,
    /// How near a photo has to be to be among those it would choose.
    least: f32,
}

/// The picture that each photo is taken for; `None` where more than `most` photos are nearer to it.
fn guess(photos: &Rows, pictures: &Rows, most: usize) -> Vec<Option<usize>> {
    let asked: Vec<Asked> = by_query(pictures, photos, pictures.len(), |_, similarities| {
        let mut nearest = similarities.to_vec();
        let least = match most.min(nearest.len()) {
            0 => f32::MAX,
            count => *nearest.select_nth_unstable_by(count - 1, |a, b| b.total_cmp(a)).1,
        };
        Asked { popularity: popularity(similarities), least }
    });
    let floor = least_popularity(photos, pictures, &asked);
    by_query(photos, pictures, photos.len(), |_, similarities| {
        let net = similarities.iter().zip(&asked).map(|(similarity, asked)| similarity - asked.popularity.max(floor));
        let (best, _) = net.enumerate().max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))?;
        (similarities[best] >= asked[best].least).then_some(best)
    })
}

/// How near a picture is to photos that are as similar to it as this.
fn popularity(similarities: &[f32]) -> f32 {
    // The largest exponent is taken out: similarities may be anything.
    let top = similarities.iter().copied().fold(f32::MIN, f32::max);
    let sum: f32 = similarities.iter().map(|value| ((value - top) * SHARPNESS).exp()).sum();
    top + (sum / similarities.len().max(1) as f32).ln() / SHARPNESS
}

/// What no picture's popularity falls below. Where pictures are more than photos, many are what no photo shows and far from all of them, and to be
/// rewarded for that made them the best guess: there it is the median of those that photos are nearest to (decision 82).
fn least_popularity(photos: &Rows, pictures: &Rows, asked: &[Asked]) -> f32 {
    if pictures.len() <= photos.len() {
        return f32::MIN;
    }
    let of_photos = by_query(photos, pictures, photos.len(), |_, similarities| nearest(similarities, ASKED_FOR));
    let mut popularities: Vec<f32> = of_photos.into_iter().flatten().map(|place| asked[place].popularity).collect();
    let middle = popularities.len() / 2;
    if popularities.is_empty() { f32::MIN } else { *popularities.select_nth_unstable_by(middle, f32::total_cmp).1 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::{FitError, LdaOptions, Random, fit_lda};
    use crate::model::{FakeModel, Feature, ImageModel};
    use crate::space::{Head, Space};

    fn unit(vectors: &[Vec<f32>]) -> Rows {
        Rows::from_vectors(vectors.iter().map(Vec::as_slice)).unwrap().unit()
    }

    #[test]
    fn a_photo_is_taken_for_its_picture_and_not_for_the_one_that_is_near_to_all() {
        // The third picture lies between the others: nearest to every photo.
        let pictures = unit(&[vec![1.0, 0.0, 0.2], vec![0.0, 1.0, 0.2], vec![0.5, 0.5, 1.0]]);
        let photos = unit(&[vec![0.8, 0.2, 1.0], vec![0.7, 0.2, 1.0], vec![0.2, 0.8, 1.0], vec![0.2, 0.7, 1.0]]);
        assert_eq!(guess(&photos, &pictures, 2), [Some(0), Some(0), Some(1), Some(1)]);
        // With one photo a picture it is the nearer one that counts.
        let one = guess(&photos, &pictures, 1);
        assert_eq!(one.iter().flatten().count(), 2);
        assert_eq!((one[0], one[2]), (Some(0), Some(1)));
    }

    #[test]
    fn a_picture_that_nobody_asks_for_is_not_guessed() {
        // Directions: two products, the light of the shop, and three products that no photo shows. The first photo is a little nearer to the first
        // of these than the others are.
        let pictures = unit(&[
            vec![1.0, 0.0, 0.5, 0.0, 0.0, 0.0],
            vec![0.0, 1.0, 0.5, 0.0, 0.0, 0.0],
            vec![0.0, 0.0, -0.2, 1.0, 0.0, 0.0],
            vec![0.0, 0.0, -0.2, 0.0, 1.0, 0.0],
            vec![0.0, 0.0, -0.2, 0.0, 0.0, 1.0],
        ]);
        let photos = unit(&[
            vec![0.6, 0.0, 1.0, 0.3, 0.0, 0.0],
            vec![0.5, 0.0, 1.0, 0.0, 0.0, 0.0],
            vec![0.0, 0.6, 1.0, 0.0, 0.0, 0.0],
            vec![0.0, 0.5, 1.0, 0.0, 0.0, 0.0],
        ]);
        assert_eq!(guess(&photos, &pictures, 2), [Some(0), Some(0), Some(1), Some(1)]);
        assert_eq!(taken_for(&photos, &pictures), [Some(0), Some(0), Some(1), Some(1)]);
        // And still not the one that is near to all.
        let hub = vec![0.3, 0.3, 1.0, 0.0, 0.0, 0.0];
        let rows = [pictures.row(0), pictures.row(1), pictures.row(2), pictures.row(3), &hub];
        let with_hub = unit(&rows.map(<[f32]>::to_vec));
        assert_eq!(taken_for(&photos, &with_hub), [Some(0), Some(0), Some(1), Some(1)]);
    }

    #[test]
    fn what_a_photo_is_taken_for_needs_no_picture_to_choose_it() {
        let pictures = unit(&[vec![1.0, 0.0], vec![0.0, 1.0]]);
        let photos = unit(&[vec![1.0, 0.0], vec![0.9, 0.1], vec![0.8, 0.2], vec![0.0, 1.0]]);
        assert_eq!(guess(&photos, &pictures, 1).iter().flatten().count(), 2);
        assert_eq!(taken_for(&photos, &pictures), [Some(0), Some(0), Some(0), Some(1)]);
        assert_eq!(taken_for(&photos, &Rows::new(2)), [None; 4]);
        assert!(taken_for(&Rows::new(2), &pictures).is_empty());
    }

    #[test]
    fn the_nearest_of_each_photo_are_looked_at() {
        let pictures = unit(&[vec![1.0, 0.0], vec![0.9, 0.1], vec![0.5, 0.5], vec![0.1, 0.9], vec![0.0, 1.0]]);
        let photos = unit(&[vec![1.0, 0.0], vec![0.99, 0.0], vec![0.05, 0.95]]);
        assert_eq!(shortlist(&photos, &pictures, 1), [0, 4]);
        assert_eq!(shortlist(&photos, &pictures, 2), [0, 1, 3, 4]);
        assert_eq!(shortlist(&photos, &pictures, 9), [0, 1, 2, 3, 4]);
        assert!(shortlist(&photos, &Rows::new(2), 2).is_empty() && shortlist(&Rows::new(2), &pictures, 2).is_empty());
    }

    #[test]
    fn nothing_is_guessed_of_nothing() {
        let some = unit(&[vec![1.0, 0.0]]);
        assert!(guess(&Rows::new(2), &some, 5).is_empty());
        assert_eq!(guess(&some, &Rows::new(2), 5), [None]);
        assert_eq!(guess(&some, &some, 0), [None]);
    }

    /// Twelve products, each a picture and twenty photos in the light of a shop.
    #[test]
    fn photos_that_nobody_labelled_teach_what_photos_are_like() {
        let (dim, products, each) = (24, 12, 20);
        let mut random = Random::new(4);
        let mut number = move || (random.bits() >> 40) as f32 / (1_u64 << 24) as f32 - 0.5;
        let own: Vec<Vec<f32>> = (0..products).map(|_| (0..dim).map(|_| number()).collect()).collect();
        let shop: Vec<f32> = (0..dim).map(|_| number()).collect();
        let lights: [Vec<f32>; 3] = std::array::from_fn(|_| (0..dim).map(|_| number()).collect());
        let mut rows: Vec<Vec<f32>> = own.clone();
        let mut truth: Vec<u32> = (0..products as u32).collect();
        for (product, own) in own.iter().enumerate() {
            for _ in 0..each {
                let much = 1.0 + number();
                let bright: [f32; 3] = std::array::from_fn(|_| 5.0 * number());
                let seen = |at: usize| {
                    let light: f32 = bright.iter().zip(&lights).map(|(bright, light)| bright * light[at]).sum();
                    own[at] + much * shop[at] + light
                };
                rows.push((0..dim).map(|at| seen(at) + 0.5 * number()).collect());
                truth.push(product as u32);
            }
        }
        let rows = Rows::from_vectors(rows.iter().map(Vec::as_slice)).unwrap();
        let mut manifest = FakeModel::new().manifest().clone();
        manifest.outputs.pooled.dim = dim;
        let embed = |space: &Space, places: &[usize]| -> Result<Rows, FitError> {
            let one = |&place: &usize| {
                space.embed(&Feature { pooled: rows.row(place).to_vec(), map: None }).unwrap().into_vector()
            };
            let all: Vec<Vec<f32>> = places.iter().map(one).collect();
            Ok(Rows::from_vectors(all.iter().map(Vec::as_slice)).unwrap())
        };
        let fit = |places: &[usize], labels: &[u32]| -> Result<Space, FitError> {
            let head = fit_lda(&manifest.sha256, &rows.select(places.iter().copied()), labels, &LdaOptions::default())?;
            Ok(Space::new(&manifest, head).unwrap())
        };
        let pictures: Vec<usize> = (0..products).collect();
        let labels = &truth[..products];
        let picture_labels: Vec<Option<u32>> = labels.iter().copied().map(Some).collect();
        // Every second photo teaches, the others ask.
        let (photos, asking): (Vec<usize>, Vec<usize>) = (products..rows.len()).partition(|place| place % 2 == 0);
        let right = |space: &Space| {
            let (asked, shown) = (embed(space, &asking).unwrap(), embed(space, &pictures).unwrap());
            let wanted: Vec<u32> = asking.iter().map(|&place| truth[place]).collect();
            let found = crate::learn::rankings(&asked, &wanted, &shown, labels);
            found.iter().filter(|found| found.first == Some(0)).count() as f64 / asking.len() as f64
        };
        let seed = Space::new(&manifest, Head::identity(dim)).unwrap();
        let before = right(&seed);
        let material = SelfTraining {
            pictures: &pictures,
            picture_labels: &picture_labels,
            known: &pictures,
            known_labels: labels,
            labelled: 0,
            photos: &photos,
        };
        let taught = self_train(&material, seed, fit, embed).unwrap();
        assert!(before < 0.7 && right(&taught) > before + 0.2, "{before} {}", right(&taught));
        // What is taken for a picture without a label is left out: here all of it.
        let unknown = vec![None; products];
        let none = SelfTraining { picture_labels: &unknown, ..material };
        let seed = Space::new(&manifest, Head::identity(dim)).unwrap();
        assert!(matches!(self_train(&none, seed, fit, embed), Err(FitError::TooLittle { .. })));
        // Without a photo there is nothing that one picture a product could teach.
        let none = SelfTraining { photos: &[], ..material };
        let seed = Space::new(&manifest, Head::identity(dim)).unwrap();
        assert!(matches!(self_train(&none, seed, fit, embed), Err(FitError::TooLittle { .. })));
    }
}
