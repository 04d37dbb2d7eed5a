//! G-studio, G-halves and G-adapted.

use anyhow::Result;
use vetrina_engine::learn::{LdaOptions, Rows, fit_lda, rankings};
use vetrina_engine::model::builtin_manifest;
use vetrina_engine::space::Space;

use super::{Figure, at, embed, figures, given_spaces, places};
use crate::data::Groceries;
use crate::features::Features;

pub fn run(data: &Groceries, features: &mut Features) -> Result<Vec<Figure>> {
    let paths =
        |pictures: &[crate::data::Picture]| pictures.iter().map(|picture| picture.path.clone()).collect::<Vec<_>>();
    let labels = |pictures: &[crate::data::Picture]| pictures.iter().map(|picture| picture.label).collect::<Vec<_>>();
    let (studio, studio_labels) = (features.of(&paths(&data.studio))?, labels(&data.studio));
    let (photos, photo_labels) = (features.of(&paths(&data.photos))?, labels(&data.photos));
    let first = places(photos.len(), |place| data.order[place].0 < data.order[place].1 / 2);
    let second = places(photos.len(), |place| data.order[place].0 >= data.order[place].1 / 2);
    let (first_labels, second_labels) = (at(&photo_labels, &first), at(&photo_labels, &second));
    let select = |rows: &Rows, places: &[usize]| rows.select(places.iter().copied());

    let mut found = Vec::new();
    for (column, space) in given_spaces()? {
        let (gallery, queries) = (embed(&space, &studio)?, embed(&space, &photos)?);
        found.extend(figures("G-studio", column, &rankings(&queries, &photo_labels, &gallery, &studio_labels)));
        let halves = rankings(&select(&queries, &second), &second_labels, &select(&queries, &first), &first_labels);
        found.extend(figures("G-halves", column, &halves));
    }
    let manifest = builtin_manifest()?;
    let head = fit_lda(&manifest.sha256, &select(&photos, &first), &first_labels, &LdaOptions::default())?;
    let space = Space::new(manifest, head)?;
    let (gallery, queries) = (embed(&space, &select(&photos, &first))?, embed(&space, &select(&photos, &second))?);
    found.extend(figures("G-halves", "learned head", &rankings(&queries, &second_labels, &gallery, &first_labels)));
    let adapted = rankings(&queries, &second_labels, &embed(&space, &studio)?, &studio_labels);
    found.extend(figures("G-adapted", "learned head", &adapted));
    Ok(found)
}
