//! C-kind.

use anyhow::Result;
use vetrina_engine::learn::{LdaOptions, Ranking, fit_lda};
use vetrina_engine::model::builtin_manifest;
use vetrina_engine::space::Space;

use super::{
    Asking, Figure, LAYERS, Shown, at, figures, fused_space, given_spaces, mean_average_precision, places, recall,
};
use crate::data::Clothing;
use crate::features::Features;

/// Splits into folds by chance, beside the protocol's.
const OTHER_SPLITS: u64 = 12;

pub fn run(data: &Clothing, features: &mut Features) -> Result<Vec<Figure>> {
    let paths: Vec<_> = data.photos.iter().map(|photo| photo.path.clone()).collect();
    let labels: Vec<u32> = data.photos.iter().map(|photo| photo.label).collect();
    let whole = features.whole_of(&paths)?;
    let rows = features.pooled(&whole)?;
    let asking = Asking::of(features, &paths, "", |_, picture| picture)?;
    let colours = Features::colours(&paths)?;
    let manifest = builtin_manifest()?;
    let split = |folds: &[usize], space_for: &dyn Fn(&[usize]) -> Result<Space>| -> Result<Vec<Ranking>> {
        let mut all = Vec::new();
        for fold in 0..5 {
            let queries = places(rows.len(), |place| folds[place] == fold);
            let gallery = places(rows.len(), |place| folds[place] != fold);
            let space = space_for(&gallery)?;
            let known: Vec<_> = gallery.iter().map(|&place| colours[place].clone()).collect();
            let known = Shown::of(&space, &whole.select(gallery.iter().copied()), &known)?;
            let asking = asking.select(&queries);
            all.extend(asking.rankings(&space, &at(&labels, &queries), &known, &at(&labels, &gallery))?);
        }
        Ok(all)
    };
    let ranked = |space_for: &dyn Fn(&[usize]) -> Result<Space>| split(&data.folds, space_for);
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
    let layers =
        |gallery: &[usize]| fused_space(&whole.select(gallery.iter().copied()), &at(&labels, gallery), true, None);
    found.extend(figures("C-kind", LAYERS, &ranked(&layers)?));
    // A thousand photos in one split are a matter of chance: a point either way.
    let others = (0..OTHER_SPLITS).map(|seed| split(&data.folds_by_chance(seed), &layers));
    let others = others.collect::<Result<Vec<_>>>()?.concat();
    let mean = |measure, value| Figure { task: "C-kind", column: LAYERS, measure, value };
    found.push(mean("R@1, twelve other splits", recall(&others, 1)));
    found.push(mean("mAP, twelve other splits", mean_average_precision(&others)));
    Ok(found)
}
