//! Regions: how many products of a composite are found, fitting of the judge, and pictures of what it finds.

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Result, anyhow};
use rayon::prelude::*;
use vetrina_engine::image::{Picture, Region, Sketch};
use vetrina_engine::model::{ImageModel, OnnxModel, RuntimeOptions, builtin_model};
use vetrina_engine::region::{Candidate, MEASURES, OF_PIXELS, Outlines, PROPOSED, RegionSeen, overlap, regions};

use crate::composites::{Kind, composite};
use crate::data::{self, Clothing, Fashion};
use crate::proposals::map_of;
use crate::scenes::{Behind, Sets, scene};
use crate::section::{self, EVALUATION};

/// Composites of each kind that are measured, and that the judge is fitted to; out of different pictures.
const MEASURED: usize = 100;
const FITTED: usize = 220;
/// Scenes of each kind that the judge is fitted to as well; the first that the proposals were not fitted to.
const SCENES: [(Behind, usize); 3] = [(Behind::Corner, 400), (Behind::Photo, 200), (Behind::Plain, 100)];
const FIRST_SCENE: usize = 10_000;
/// Hidden units of the judge.
const UNITS: usize = 24;

pub fn model() -> Result<OnnxModel> {
    builtin_model(&RuntimeOptions::default()).map_err(|error| anyhow!("{error}; {}", error.hint()))
}

/// Regions of a composite.
fn seen(model: &dyn ImageModel, picture: &Picture, with_map: bool) -> Result<Vec<RegionSeen>> {
    let map = with_map.then(|| map_of(model, picture)).transpose()?;
    Ok(regions(&Sketch::of(picture), map.as_ref()))
}

/// What was found of the composites of one kind.
#[derive(Default)]
struct Found {
    products: usize,
    hit: usize,
    exact: usize,
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
                let regions = seen(&model, &composite.picture, with_map)?;
                Ok(count(&composite.boxes, &regions))
            });
            let total = each.collect::<Result<Vec<_>>>()?.into_iter().fold(Found::default(), |mut sum, one| {
                sum.products += one.products;
                sum.hit += one.hit;
                sum.exact += one.exact;
                sum.sure += one.sure;
                sum.told += one.told;
                sum.right += one.right;
                sum
            });
            let share = |part: usize, of: usize| format!("{:.1}", 100.0 * part as f64 / of.max(1) as f64);
            let how = if with_map { "picture and feature map" } else { "picture alone" };
            rows.push(format!(
                "| {} | {how} | {} | {} | {} | {} | {} |",
                kind.name(),
                total.products,
                share(total.hit, total.products),
                share(total.exact, total.products),
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
         | canvas | from | products | found | at IoU 0.7 | found with confidence ≥ 0.5 | of regions with confidence ≥ 0.5, right |\n\
         | --- | --- | ---: | ---: | ---: | ---: | ---: |\n{}\n",
        chrono::Utc::now().date_naive(),
        rows.join("\n")
    );
    if write { section::write(EVALUATION, "Evaluation", "regions", &text) } else { Ok(()) }
}

fn count(boxes: &[Region], regions: &[RegionSeen]) -> Found {
    let told: Vec<&RegionSeen> = regions.iter().filter(|region| region.r#box != Region::WHOLE).collect();
    let near = |a: &Region, b: &Region| overlap(a, b) >= 0.5;
    let sure = |region: &&&RegionSeen| region.confidence >= 0.5;
    let found =
        |least: f32| boxes.iter().filter(|own| told.iter().any(|region| overlap(own, &region.r#box) >= least)).count();
    Found {
        products: boxes.len(),
        hit: found(0.5),
        exact: found(0.7),
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
            let map = map_of(model, &composite.picture)?;
            let started = Instant::now();
            let sketch = Sketch::of(&composite.picture);
            std::hint::black_box(regions(&sketch, Some(&map)));
            took.push(started.elapsed().as_secs_f64() * 1000.0);
        }
    }
    took.sort_by(f64::total_cmp);
    Ok(format!("Sketch and regions take {:.1} ms (median), {:.1} at most.", took[took.len() / 2], took[took.len() - 1]))
}

/// Fits the judge and writes it with its provenance.
pub fn fit() -> Result<()> {
    let (fashion, clothing, groceries, model) = (data::fashion()?, data::clothing()?, data::groceries()?, model()?);
    let sets = Sets { fashion: &fashion, clothing: &clothing, groceries: &groceries };
    let composites = Kind::ALL.iter().flat_map(|kind| (0..FITTED).map(|number| Source::Composite(*kind, number)));
    let scenes = SCENES
        .iter()
        .flat_map(|(behind, count)| (FIRST_SCENE..FIRST_SCENE + count).map(|number| Source::Scene(*behind, number)));
    let mut sources: Vec<Source> = composites.chain(scenes).collect();
    fastrand::Rng::with_seed(5).shuffle(&mut sources);
    // Of pieces and proposals with the maps, and of pieces alone as a model without a finer map has them.
    let examples: Vec<[Vec<Example>; 2]> = sources
        .par_iter()
        .map(|source| -> Result<_> {
            let (made, empty) = match *source {
                Source::Composite(kind, number) => (composite(kind, number, 0, &fashion, &clothing)?, kind.is_empty()),
                Source::Scene(behind, number) => (scene(behind, number, &sets)?, behind.is_empty()),
            };
            let map = map_of(&model, &made.picture)?;
            let outlines = Outlines::of(&Sketch::of(&made.picture));
            let found = [outlines.clone().candidates(Some(&map)), outlines.candidates(None)];
            Ok(found.map(|found| labelled(empty, &made.boxes, &found)))
        })
        .collect::<Result<_>>()?;
    // The curve is fitted to composites that the network has not seen.
    let (network, curve) = examples.split_at(examples.len() * 4 / 5);
    let folder = Path::new("models/efficientnet-lite2");
    let mut boxes = [0; 2];
    for (of, (file, measures)) in
        [("regions.safetensors", MEASURES), ("regions-alone.safetensors", OF_PIXELS)].into_iter().enumerate()
    {
        let [network, curve] = [network, curve]
            .map(|part| part.iter().flat_map(|each| each[of].iter().copied()).collect::<Vec<Example>>());
        boxes[of] = network.len() + curve.len();
        let mut judge = crate::network::fit(&network, measures, UNITS, 1);
        let right: Vec<(f32, bool)> = curve.iter().map(|(x, y)| (judge.overlap(x), *y >= 0.5)).collect();
        judge.curve = crate::network::curve(&right);
        fs::write(folder.join(file), judge.to_bytes().map_err(|error| anyhow!(error))?)?;
    }
    fs::write(
        folder.join("regions.toml"),
        format!(
            "method = \"one hidden layer of {UNITS} units over {MEASURES} measures of a box (regions-alone: the first {OF_PIXELS}), least squares to its overlap, then a logistic curve\"\n\
             fitted_on = \"{}\"\ncommand = \"vetrina-lab fit-regions\"\n\
             data = \"{} composites and scenes of pictures of fashion on white, on colours, on photos of clothing and on their corners, every second \
             picture of each\"\n\
             boxes = {}\nboxes_alone = {}\nevaluation = \"docs/evaluation.md, regions\"\n",
            chrono::Utc::now().date_naive(),
            examples.len(),
            boxes[0],
            boxes[1],
        ),
    )?;
    println!("{boxes:?} boxes of {} composites; build again to take it in", examples.len());
    Ok(())
}

/// Measures of a box, and its overlap with the nearest product.
type Example = ([f32; MEASURES], f32);

/// What the judge is fitted to.
#[derive(Clone, Copy)]
enum Source {
    Composite(Kind, usize),
    Scene(Behind, usize),
}

/// Measures and overlap of candidates. Of those that are wrong on a photo, and large or proposed by the maps, nobody knows whether they
/// frame what the photo shows: they are left out. Of the others that are wrong, a third is enough.
fn labelled(empty: bool, boxes: &[Region], found: &[Candidate]) -> Vec<Example> {
    let mut examples = Vec::new();
    for (place, candidate) in found.iter().enumerate() {
        let best = boxes.iter().map(|own| overlap(own, &candidate.r#box)).fold(0.0, f32::max);
        let large = candidate.r#box.width() * candidate.r#box.height() > 0.3;
        let proposed = candidate.measures[PROPOSED] > 0.3;
        if (!empty && ((large && best < 0.4) || (proposed && best < 0.1))) || (best < 0.3 && place % 3 != 0) {
            continue;
        }
        examples.push((candidate.measures, best));
    }
    examples
}
