//! C-kind.

use anyhow::Result;
use vetrina_engine::learn::{LdaOptions, Ranking, fit_lda};
use vetrina_engine::model::builtin_manifest;
use vetrina_engine::space::Space;

use super::{Asking, Figure, LAYERS, Shown, at, figures, fused_space, given_spaces, places};
use crate::data::Clothing;
use crate::features::Features;

pub fn run(data: &Clothing, features: &mut Features) -> Result<Vec<Figure>> {
    let paths: Vec<_> = data.photos.iter().map(|photo| photo.path.clone()).collect();
    let labels: Vec<u32> = data.photos.iter().map(|photo| photo.label).collect();
    let whole = features.whole_of(&paths)?;
    let rows = features.pooled(&whole)?;
    let asking = Asking::of(features, &paths, "", |_, picture| picture)?;
    let colours = Features::colours(&paths)?;
    let manifest = builtin_manifest()?;
    let ranked = |space_for: &dyn Fn(&[usize]) -> Result<Space>| -> Result<Vec<Ranking>> {
        let mut all = Vec::new();
        for fold in 0..5 {
            let queries = places(rows.len(), |place| data.folds[place] == fold);
            let gallery = places(rows.len(), |place| data.folds[place] != fold);
            let space = space_for(&gallery)?;
            let known: Vec<_> = gallery.iter().map(|&place| colours[place].clone()).collect();
            let known = Shown::of(&space, &whole.select(gallery.iter().copied()), &known)?;
            let asking = asking.select(&queries);
            all.extend(asking.rankings(&space, &at(&labels, &queries), &known, &at(&labels, &gallery))?);
        }
        Ok(all)
    };
    let mut found = Vec::new();
    for (column, space) in given_spaces()? {
        found.extend(figures("C-kind", column, &ranked(&|_| Ok(space.clone()))?));
    }
    let learned = ranked(&|gallery| {
        let known = rows.select(gallery.iter().copied());
        let head = fit_lda(&manifest.sha256, &known, &at(&labels, gallery), &LdaOptions::default())?;
        Ok(Space::new(manifest, head)?)
    })?;
    found.extend(figures("C-kind", "learned head", &learned));
    let layered =
        ranked(&|gallery| fused_space(&whole.select(gallery.iter().copied()), &at(&labels, gallery), true, None))?;
    found.extend(figures("C-kind", LAYERS, &layered));
    Ok(found)
}
