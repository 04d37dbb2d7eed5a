//! What the measures of damage say of good photos and of damaged ones, how long a look at a good photo takes, and the fit of what
//! repairs leave in features.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Result, anyhow};
use rayon::prelude::*;
use vetrina_engine::image::{Damage, Picture, Repair, covered, repaired};
use vetrina_engine::learn::{CorrectionOptions, Rows, fit_corrections};
use vetrina_engine::model::{ImageModel as _, builtin_manifest};
use vetrina_engine::photo::first_look;

use crate::features::Features;
use crate::{damage, data, features};

/// Of the pictures of fashion, those at these places are fitted to; F-robust's own are at multiples of 24.
const FASHION: (usize, usize) = (1, 8);
/// Every so many photos of clothing and of groceries.
const CLOTHING: usize = 16;
const GROCERIES: usize = 40;
/// Version of the damage that is drawn, and of the repairs: features are made anew when it changes.
const DRAWN: &str = "drawn 1";

pub fn run() -> Result<()> {
    let side = builtin_manifest()?.input.size;
    let (groceries, clothing, fashion) = (data::groceries()?, data::clothing()?, data::fashion()?);
    let fashion: Vec<PathBuf> = fashion.products.into_iter().step_by(24).map(|product| product.image_link).collect();
    let paths = |pictures: &[data::Picture], step| -> Vec<PathBuf> {
        pictures.iter().step_by(step).map(|picture| picture.path.clone()).collect()
    };
    let photos = damage::backgrounds(&paths(&clothing.photos, 20))?;
    let names = ["noise", "drawing", "blur", "burnt"].map(|name| format!("{name:>26}")).join(" ");
    println!("{:<34} {names}  repaired, milliseconds", "");
    let sets = [
        ("groceries, studio", paths(&groceries.studio, 1)),
        ("groceries, photos", paths(&groceries.photos, 10)),
        ("clothing", paths(&clothing.photos, 4)),
        ("fashion", fashion.clone()),
    ];
    for (name, paths) in &sets {
        row(name, side, paths, |_, picture| Some(picture))?;
    }
    for damage in &damage::ALL {
        row(damage.name, side, &fashion, |place, picture| damage.apply(place * 24, picture, &photos))?;
    }
    Ok(())
}

fn row(
    name: &str,
    side: u32,
    paths: &[PathBuf],
    change: impl Fn(usize, Picture) -> Option<Picture> + Sync,
) -> Result<()> {
    let each = paths.par_iter().enumerate().map(|(place, path)| {
        let Some(picture) = change(place, features::decode(path, side)?) else { return Ok(None) };
        let started = Instant::now();
        let repair = repaired(&picture, side).map(|(_, repair)| repair);
        let repair = repair.or_else(|| covered(&picture).map(|_| Repair::Uncovered));
        let time = started.elapsed().as_secs_f32() * 1000.0;
        Ok(Some((Damage::seen_at(&picture, side), repair, time)))
    });
    let each: Vec<_> = each.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect();
    let quantiles = |value: &dyn Fn(&Damage) -> Option<f32>| {
        let mut values: Vec<f32> = each.iter().filter_map(|(damage, ..)| value(damage)).collect();
        values.sort_by(f32::total_cmp);
        let at =
            |part: f32| values.get((part * (values.len().max(1) - 1) as f32) as usize).copied().unwrap_or(f32::NAN);
        format!("{:>6.2}{:>6.2}{:>6.2}{:>6.2}", at(0.02), at(0.5), at(0.95), at(0.99))
    };
    let mut counts = std::collections::BTreeMap::new();
    each.iter().for_each(|(_, repair, _)| *counts.entry(*repair).or_insert(0) += 1);
    let mut times: Vec<f32> = each.iter().map(|(.., time)| *time).collect();
    times.sort_by(f32::total_cmp);
    println!(
        "{name:<34} {:>26} {:>26} {:>26} {:>26}  {counts:?} {:.1}",
        quantiles(&|damage| damage.noise.map(|noise| noise.into_iter().fold(0.0, f32::max))),
        quantiles(&|damage| damage.drawing),
        quantiles(&|damage| damage.blur),
        quantiles(&|damage| Some(damage.burnt)),
        times.get(times.len() / 2).copied().unwrap_or_default(),
    );
    Ok(())
}

/// Damages pictures that F-robust does not ask with, and fits what the repairs leave in their features.
pub fn fit() -> Result<()> {
    let manifest = builtin_manifest()?;
    let (groceries, clothing, fashion) = (data::groceries()?, data::clothing()?, data::fashion()?);
    let mut paths: Vec<PathBuf> = Vec::new();
    paths.extend(fashion.products.into_iter().skip(FASHION.0).step_by(FASHION.1).map(|product| product.image_link));
    paths.extend(clothing.photos.into_iter().step_by(CLOTHING).map(|photo| photo.path));
    paths.extend(groceries.photos.into_iter().step_by(GROCERIES).map(|photo| photo.path));
    let mut features = Features::open()?;
    let clean = features.of(&paths)?;
    let mut pairs = Vec::new();
    for repair in Repair::ALL {
        // One that needed another repair, or none, teaches nothing; so does one whose damage failed.
        let looked = features.of_looked_at(&paths, &format!("{}, {DRAWN}", repair.name()), |model, places| {
            let side = model.manifest().input.size;
            let each = places.iter().map(|&place| {
                let seed = 1 + place as u64 + 100_000 * repair as u64;
                let picture = damage::drawn(repair, seed, features::decode(&paths[place], side)?);
                let picture = picture.ok_or_else(|| anyhow!("{}: not damaged", paths[place].display()))?;
                let look = first_look(model, &picture)?;
                let own = look.repair == Some(repair);
                Ok(if own { look.pooled } else { vec![0.0; look.pooled.len()] })
            });
            each.collect()
        })?;
        let own: Vec<usize> = (0..looked.len())
            .filter(|&place| looked.values()[place * looked.dim()..][..looked.dim()].iter().any(|value| *value > 0.0))
            .collect();
        let looked = features.pooled(&looked)?;
        println!("{}: {} of {} pictures", repair.name(), own.len(), paths.len());
        let at = |rows: &Rows| rows.select(own.iter().copied());
        pairs.push((repair, at(&looked), at(&clean)));
    }
    let options = CorrectionOptions::default();
    let corrections = fit_corrections(&manifest.sha256, &clean, &pairs, &options)?;
    let folder = Path::new("models/efficientnet-lite2");
    let bytes = corrections.to_bytes().map_err(|error| anyhow!(error))?;
    fs::write(folder.join("repairs.safetensors"), &bytes)?;
    let counts: Vec<String> =
        pairs.iter().map(|(repair, rows, _)| format!("{} = {}", repair.name(), rows.len())).collect();
    fs::write(
        folder.join("repairs.toml"),
        format!(
            "method = \"ridge regression within {} principal directions, penalty {} mean variances\"\n\
             fitted_on = \"{}\"\ncommand = \"vetrina-lab fit-repairs\"\n\
             data = \"fashion: every {}th picture from the second on; every {CLOTHING}th photo of clothing, every {GROCERIES}th of groceries; \
             damaged by a strength that is drawn, and repaired\"\n\
             pictures = {{ {} }}\nevaluation = \"docs/evaluation.md, F-robust\"\n",
            options.rank,
            options.penalty,
            chrono::Utc::now().date_naive(),
            FASHION.1,
            counts.join(", "),
        ),
    )?;
    println!("{} bytes; build again to take it in", bytes.len());
    Ok(())
}
