//! G-studio, G-halves and G-adapted.

use anyhow::Result;
use vetrina_engine::learn::{LdaOptions, Method, Rows, fit, fit_lda};
use vetrina_engine::model::builtin_manifest;
use vetrina_engine::space::Space;

use super::{Asking, Figure, LAYERS, Shown, at, figures, fused_space, given_spaces, places};
use crate::data::Groceries;
use crate::features::Features;

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
