//! G-studio, G-halves and G-adapted.

use anyhow::Result;
use vetrina_engine::learn::{LdaOptions, Method, Rows, SelfTraining, fit, fit_lda, self_train};
use vetrina_engine::model::{Feature, builtin_manifest};
use vetrina_engine::space::Space;

use super::{Asking, Figure, LAYERS, Shown, at, embed, figures, fused_space, given_spaces, places};
use crate::data::Groceries;
use crate::features::Features;

/// The column of heads that learned from photos of which nobody said what they show.
pub const UNLABELLED: &str = "taught by photos nobody labelled";
/// The column of the head that is fitted to the gallery's own pictures too.
pub const GALLERY_IN_FIT: &str = "learned head, gallery in the fit";

pub fn run(data: &Groceries, features: &mut Features) -> Result<Vec<Figure>> {
    let paths =
        |pictures: &[crate::data::Picture]| pictures.iter().map(|picture| picture.path.clone()).collect::<Vec<_>>();
    let labels = |pictures: &[crate::data::Picture]| pictures.iter().map(|picture| picture.label).collect::<Vec<_>>();
    let (whole_studio, studio_labels) = (features.whole_of(&paths(&data.studio))?, labels(&data.studio));
    let (whole_photos, photo_labels) = (features.whole_of(&paths(&data.photos))?, labels(&data.photos));
    let photos = features.pooled(&whole_photos)?;
    // Who asks, asks with a photo.
    let asking = Asking::of(features, &paths(&data.photos), "", |_, picture| picture)?;
    let (studio_colours, photo_colours) =
        (Features::colours(&paths(&data.studio))?, Features::colours(&paths(&data.photos))?);
    let first = places(photos.len(), |place| data.order[place].0 < data.order[place].1 / 2);
    let second = places(photos.len(), |place| data.order[place].0 >= data.order[place].1 / 2);
    let (first_labels, second_labels) = (at(&photo_labels, &first), at(&photo_labels, &second));
    let select = |rows: &Rows, places: &[usize]| rows.select(places.iter().copied());

    let later = asking.select(&second);
    let known_colours: Vec<_> = first.iter().map(|&place| photo_colours[place].clone()).collect();
    let known_features = select(&whole_photos, &first);
    let gallery = |space: &Space| Shown::of(space, &whole_studio, &studio_colours);
    let known = |space: &Space| Shown::of(space, &known_features, &known_colours);

    let mut found = Vec::new();
    for (column, space) in given_spaces()? {
        let studio = asking.rankings(&space, &photo_labels, &gallery(&space)?, &studio_labels)?;
        found.extend(figures("G-studio", column, &studio));
        let halves = later.rankings(&space, &second_labels, &known(&space)?, &first_labels)?;
        found.extend(figures("G-halves", column, &halves));
    }
    // Photos of one half teach, without a word of what they show; those of the other half ask, and the other way round.
    let mut studio = Vec::new();
    for (teaching, asked) in [(&first, &second), (&second, &first)] {
        let (none, photos) = (Rows::new(whole_studio.dim()), select(&whole_photos, teaching));
        let space = taught(&whole_studio, &studio_labels, (&none, &[]), &photos, true)?;
        let asking = asking.select(asked);
        studio.extend(asking.rankings(&space, &at(&photo_labels, asked), &gallery(&space)?, &studio_labels)?);
    }
    found.extend(figures("G-studio", UNLABELLED, &studio));
    let manifest = builtin_manifest()?;
    let head = fit_lda(&manifest.sha256, &select(&photos, &first), &first_labels, &LdaOptions::default())?;
    let space = Space::new(manifest, head)?;
    let mut both = |space: &Space, column| -> Result<()> {
        let halves = later.rankings(space, &second_labels, &known(space)?, &first_labels)?;
        found.extend(figures("G-halves", column, &halves));
        let adapted = later.rankings(space, &second_labels, &gallery(space)?, &studio_labels)?;
        found.extend(figures("G-adapted", column, &adapted));
        Ok(())
    };
    both(&space, "learned head")?;

    // The studio pictures' products are known, so they belong into the fit as much as the photos do.
    let mut labelled = known_features.clone();
    whole_studio.iter().for_each(|row| {
        labelled.push(row);
    });
    let known_labels: Vec<u32> = first_labels.iter().chain(&studio_labels).copied().collect();
    let method = Method::Supervised { labels: &known_labels, options: LdaOptions::default() };
    let space = Space::new(manifest, fit(&manifest.sha256, &features.pooled(&labelled)?, &method)?)?;
    both(&space, GALLERY_IN_FIT)?;
    both(&fused_space(&labelled, &known_labels, true, None)?, LAYERS)?;
    Ok(found)
}

/// The space that a catalogue's pictures, photos of which somebody said what they show, and photos of which nobody did teach, with layers, and where
/// it is `anchored` the default head's directions beside it, weighing as much: as `space train --confirmed` makes it of few photos; of many they weigh less.
pub fn taught(
    studio: &Rows,
    labels: &[u32],
    (known, known_labels): (&Rows, &[u32]),
    photos: &Rows,
    anchored: bool,
) -> Result<Space> {
    let manifest = builtin_manifest()?;
    let default = Space::default_for(manifest)?;
    let mut rows = studio.clone();
    known.iter().chain(photos.iter()).for_each(|row| {
        rows.push(row);
    });
    let told = studio.len() + known.len();
    let places: Vec<usize> = (0..rows.len()).collect();
    let all_labels = [labels, known_labels].concat();
    let picture_labels: Vec<Option<u32>> = labels.iter().copied().map(Some).collect();
    let material = SelfTraining {
        pictures: &places[..studio.len()],
        picture_labels: &picture_labels,
        known: &places[..told],
        known_labels: &all_labels,
        labelled: known.len(),
        photos: &places[told..],
    };
    let fit = |places: &[usize], labels: &[u32]| -> Result<Space> {
        let space = fused_space(&rows.select(places.iter().copied()), labels, true, None)?;
        if !anchored {
            return Ok(space);
        }
        let pictures = places.iter().map(|&place| (Feature { pooled: rows.row(place).to_vec(), map: None }, None));
        Ok(space.anchored(manifest, &default, 1.0, pictures)?)
    };
    self_train(&material, default.clone(), fit, |space, places| embed(space, &rows.select(places.iter().copied())))
}
