//! Regions: how many products of a composite are found, fitting of the judge, and pictures of what it finds.

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use rayon::prelude::*;
use vetrina_engine::image::{Region, Sketch};
use vetrina_engine::model::{ImageModel, OnnxModel, RuntimeOptions, builtin_model, features_of};
use vetrina_engine::region::{Candidate, MEASURES, RegionSeen, candidates, overlap, regions};

use crate::composites::{Composite, Kind, composite};
use crate::data::{self, Clothing, Fashion};
use crate::section::{self, EVALUATION};

/// Composites of each kind that are measured, and that the judge is fitted to; out of different pictures.
const MEASURED: usize = 100;
const FITTED: usize = 220;
/// Hidden units of the judge.
const UNITS: usize = 24;

fn model() -> Result<OnnxModel> {
    builtin_model(&RuntimeOptions::default()).map_err(|error| anyhow!("{error}; {}", error.hint()))
}

/// Sketch, regions or candidates of a composite.
fn seen<T>(
    model: &dyn ImageModel,
    composite: &Composite,
    with_map: bool,
    look: impl Fn(&Sketch, Option<&vetrina_engine::model::FeatureMap>) -> T,
) -> Result<T> {
    let sketch = Sketch::of(&composite.picture);
    if !with_map {
        return Ok(look(&sketch, None));
    }
    let feature = features_of(model, std::slice::from_ref(&composite.picture), true)?.pop().context("no feature")?;
    Ok(look(&sketch, feature.map.as_ref()))
}

/// What was found of the composites of one kind.
#[derive(Default)]
struct Found {
    products: usize,
    hit: usize,
    sure: usize,
    told: usize,
    right: usize,
}

/// Measures and writes docs/evaluation.md.
pub fn run(write: bool) -> Result<()> {
    let (fashion, clothing, model) = (data::fashion()?, data::clothing()?, model()?);
    let mut rows = Vec::new();
    for with_map in [true, false] {
        for kind in Kind::ALL {
            let each = (0..MEASURED).into_par_iter().map(|number| -> Result<Found> {
                let composite = composite(kind, number, 1, &fashion, &clothing)?;
                let regions = seen(&model, &composite, with_map, regions)?;
                Ok(count(&composite.boxes, &regions))
            });
            let total = each.collect::<Result<Vec<_>>>()?.into_iter().fold(Found::default(), |mut sum, one| {
                sum.products += one.products;
                sum.hit += one.hit;
                sum.sure += one.sure;
                sum.told += one.told;
                sum.right += one.right;
                sum
            });
            let share = |part: usize, of: usize| format!("{:.1}", 100.0 * part as f64 / of.max(1) as f64);
            let how = if with_map { "picture and feature map" } else { "picture alone" };
            rows.push(format!(
                "| {} | {how} | {} | {} | {} | {} |",
                kind.name(),
                total.products,
                share(total.hit, total.products),
                share(total.sure, total.products),
                share(total.right, total.told),
            ));
            println!("{}", rows[rows.len() - 1]);
        }
    }
    let cost = cost(&model, &fashion, &clothing)?;
    let text = format!(
        "Composites of 2 to 5 fashion pictures, {MEASURED} of each kind, out of pictures the judge was not fitted to. Found: a region among the first eight \
         overlaps the product's box by half or more (IoU). {cost} Measured by `vetrina-lab regions` on {}.\n\n\
         | canvas | from | products | found | found with confidence ≥ 0.5 | of regions with confidence ≥ 0.5, right |\n\
         | --- | --- | ---: | ---: | ---: | ---: |\n{}\n",
        chrono::Utc::now().date_naive(),
        rows.join("\n")
    );
    if write { section::write(EVALUATION, "Evaluation", "regions", &text) } else { Ok(()) }
}

fn count(boxes: &[Region], regions: &[RegionSeen]) -> Found {
    let told: Vec<&RegionSeen> = regions.iter().filter(|region| region.r#box != Region::WHOLE).collect();
    let near = |a: &Region, b: &Region| overlap(a, b) >= 0.5;
    let sure = |region: &&&RegionSeen| region.confidence >= 0.5;
    Found {
        products: boxes.len(),
        hit: boxes.iter().filter(|own| told.iter().any(|region| near(own, &region.r#box))).count(),
        sure: boxes.iter().filter(|own| told.iter().filter(sure).any(|region| near(own, &region.r#box))).count(),
        told: told.iter().filter(sure).count(),
        right: told.iter().filter(sure).filter(|region| boxes.iter().any(|own| near(own, &region.r#box))).count(),
    }
}

/// Median milliseconds that regions take beside the model, one caller.
fn cost(model: &dyn ImageModel, fashion: &Fashion, clothing: &Clothing) -> Result<String> {
    let mut took = Vec::new();
    for kind in Kind::ALL {
        for number in 0..10 {
            let composite = composite(kind, number, 1, fashion, clothing)?;
            let feature =
                features_of(model, std::slice::from_ref(&composite.picture), true)?.pop().context("no feature")?;
            let started = Instant::now();
            let sketch = Sketch::of(&composite.picture);
            std::hint::black_box(regions(&sketch, feature.map.as_ref()));
            took.push(started.elapsed().as_secs_f64() * 1000.0);
        }
    }
    took.sort_by(f64::total_cmp);
    Ok(format!("Sketch and regions take {:.1} ms (median), {:.1} at most.", took[took.len() / 2], took[took.len() - 1]))
}

/// Fits the judge and writes it with its provenance.
pub fn fit() -> Result<()> {
    let (fashion, clothing, model) = (data::fashion()?, data::clothing()?, model()?);
    let mut kinds: Vec<(Kind, usize)> =
        Kind::ALL.iter().flat_map(|kind| (0..FITTED).map(|number| (*kind, number))).collect();
    fastrand::Rng::with_seed(5).shuffle(&mut kinds);
    let examples: Vec<Vec<([f32; MEASURES], f32)>> = kinds
        .par_iter()
        .map(|(kind, number)| {
            let composite = composite(*kind, *number, 0, &fashion, &clothing)?;
            let found = seen(&model, &composite, true, candidates)?;
            Ok(labelled(*kind, &composite.boxes, &found))
        })
        .collect::<Result<_>>()?;
    // The curve is fitted to composites that the network has not seen.
    let (network, curve) = examples.split_at(examples.len() * 4 / 5);
    let network: Vec<_> = network.iter().flatten().copied().collect();
    let curve: Vec<_> = curve.iter().flatten().copied().collect();
    let mut judge = crate::network::fit(&network, UNITS, 1);
    judge.curve = crate::network::curve(&curve.iter().map(|(x, y)| (judge.overlap(x), *y >= 0.5)).collect::<Vec<_>>());
    let folder = Path::new("models/efficientnet-lite2");
    fs::write(folder.join("regions.safetensors"), judge.to_bytes().map_err(|error| anyhow!(error))?)?;
    fs::write(
        folder.join("regions.toml"),
        format!(
            "method = \"one hidden layer of {UNITS} units over {MEASURES} measures of a box, least squares to its overlap, then a logistic curve\"\n\
             fitted_on = \"{}\"\ncommand = \"vetrina-lab fit-regions\"\n\
             data = \"{} composites of pictures of fashion on white, on colours and on photos of clothing, every second picture of each\"\n\
             boxes = {}\nevaluation = \"docs/evaluation.md, regions\"\n",
            chrono::Utc::now().date_naive(),
            examples.len(),
            network.len() + curve.len(),
        ),
    )?;
    println!("{} boxes of {} composites; build again to take it in", network.len() + curve.len(), examples.len());
    Ok(())
}

/// Measures and overlap of candidates. Of those that are wrong and large on a photo, nobody knows whether they frame what the
/// photo shows: they are left out. Of the others that are wrong, a third is enough.
fn labelled(kind: Kind, boxes: &[Region], found: &[Candidate]) -> Vec<([f32; MEASURES], f32)> {
    let photo = matches!(kind, Kind::Photo | Kind::Cards);
    let mut examples = Vec::new();
    for (place, candidate) in found.iter().enumerate() {
        let best = boxes.iter().map(|own| overlap(own, &candidate.r#box)).fold(0.0, f32::max);
        let large = candidate.r#box.width() * candidate.r#box.height() > 0.3;
        if (photo && large && best < 0.4) || (best < 0.3 && place % 3 != 0) {
            continue;
        }
        examples.push((candidate.measures, best));
    }
    examples
}
