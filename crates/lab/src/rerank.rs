//! Re-ordering the first hits of a photo: by how its colours agree with theirs, and by the best pair of a part of the photo with
//! a part of the catalogue's picture. The tasks of QUALITY.md.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::Result;
use rayon::prelude::*;
use vetrina_engine::image::{ColourDescriptor, Picture, Region, Sketch};
use vetrina_engine::learn::{LdaOptions, Ranking, Rows, fit_lda};
use vetrina_engine::model::builtin_manifest;
use vetrina_engine::region::regions;
use vetrina_engine::search::{QueryColours, REORDERED};
use vetrina_engine::space::Space;

use crate::damage;
use crate::data;
use crate::features::Features;
use crate::section;
use crate::tasks::asking::{dot, ranking, reordered};
use crate::tasks::{Asking, at, embed, mean_average_precision, places, recall};

/// What colours count, as multiples of what they count in the product.
const TIMES: [f32; 5] = [0.25, 0.5, 1.0, 1.5, 2.0];
/// Weights of the best pair of parts beside the cosine.
const WEIGHTS: [f32; 3] = [0.1, 0.3, 0.5];
/// F-robust asks with every so many pictures.
const ROBUST_STEP: usize = 24;
/// Part of width and height that is the middle.
const MIDDLE: f32 = 0.6;
/// A region is looked at closely when it is at least this likely to frame one product.
const SURE: f32 = 0.5;

/// Photos that ask, and pictures that are asked.
struct Case {
    task: &'static str,
    queries: Rows,
    asked: Vec<QueryColours>,
    wanted: Vec<u32>,
    gallery: Side,
    /// Embeddings of parts of the photos.
    parts: Vec<Rows>,
}

/// Pictures of a catalogue.
#[derive(Clone, Default)]
struct Side {
    rows: Rows,
    labels: Vec<u32>,
    colours: Vec<ColourDescriptor>,
    /// Embeddings of their parts, one row a picture each.
    parts: Vec<Rows>,
}

impl Side {
    fn select(&self, rows: Rows, chosen: &[usize]) -> Self {
        Self {
            rows,
            labels: at(&self.labels, chosen),
            colours: chosen.iter().map(|&place| self.colours[place].clone()).collect(),
            parts: selected(&self.parts, chosen),
        }
    }
}

pub fn run(write: bool) -> Result<()> {
    let mut features = Features::open()?;
    let space = Space::default_for(builtin_manifest()?)?;
    let cases = cases(&mut features, &space)?;
    let mut tasks: Vec<&str> = cases.iter().map(|case| case.task).collect();
    tasks.dedup();
    let mut text = format!("| re-ordered by | {} |\n| --- |{}\n", tasks.join(" | "), " --- |".repeat(tasks.len()));
    let mut line = |name: &str, added: &(dyn Fn(&Case, usize, usize) -> f32 + Sync)| {
        let _ = write!(text, "| {name} |");
        for task in &tasks {
            let of_task = cases.iter().filter(|case| case.task == *task);
            let ranked: Vec<Ranking> = of_task.flat_map(|case| case.reordered(added)).collect();
            let (first, five, all) = (recall(&ranked, 1), recall(&ranked, 5), mean_average_precision(&ranked));
            let _ = write!(text, " {first:.1} / {five:.1} / {all:.1} |");
        }
        text.push('\n');
    };
    line("nothing", &|_, _, _| 0.0);
    for times in TIMES {
        let name = if times == 1.0 { "**colours**".to_owned() } else { format!("colours, × {times}") };
        line(&name, &|case, query, hit| -times * case.loss(query, hit));
    }
    for weight in WEIGHTS {
        line(&format!("cosine + {weight} × best pair of parts"), &|case, query, hit| {
            weight * case.best_pair(query, hit)
        });
    }
    println!("{text}");
    if write {
        let head = format!(
            "The first {REORDERED} hits re-ordered, default space but where a learned one is named; by `vetrina-lab rerank`, {}. R@1 / R@5 / mAP; F-robust is every \
             {ROBUST_STEP}th picture with each damage, and its mAP is of the one right picture. *colours*: what the product does; full disagreement takes 0.3 from the cosine, \
             0.15 before a busy background. *Parts*: the surest region (from {SURE} on) and the middle ({MIDDLE} of each side), on both sides; not tried on F-robust.\n\n",
            chrono::Utc::now().date_naive(),
        );
        section::write(section::EVALUATION, "Evaluation", "rerank", &format!("{head}{text}"))?;
    }
    Ok(())
}

impl Case {
    fn new(
        task: &'static str,
        space: &Space,
        asking: &Asking,
        wanted: Vec<u32>,
        gallery: Side,
        parts: Vec<Rows>,
    ) -> Result<Self> {
        let (queries, asked) = asking.asks(space, &gallery.rows)?;
        let asked = asked.into_iter().cloned().collect();
        Ok(Self { task, queries, asked, wanted, gallery, parts })
    }

    /// What disagreement of colours takes.
    fn loss(&self, query: usize, hit: usize) -> f32 {
        self.asked[query].loss([&self.gallery.colours[hit]]).map_or(0.0, |(loss, _)| loss)
    }

    fn best_pair(&self, query: usize, hit: usize) -> f32 {
        let of = |whole: &Rows, parts: &[Rows], place: usize| -> Vec<Vec<f32>> {
            std::iter::once(whole).chain(parts).filter_map(|rows| rows.iter().nth(place)).map(<[f32]>::to_vec).collect()
        };
        let hits = of(&self.gallery.rows, &self.gallery.parts, hit);
        let mut best = f32::MIN;
        for query in of(&self.queries, &self.parts, query) {
            best = hits.iter().map(|hit| dot(&query, hit)).fold(best, f32::max);
        }
        best
    }

    /// The rankings after the first hits were put in the order of cosine plus what is `added`.
    fn reordered(&self, added: &(dyn Fn(&Self, usize, usize) -> f32 + Sync)) -> Vec<Ranking> {
        let queries: Vec<&[f32]> = self.queries.iter().collect();
        let ranked = queries.par_iter().enumerate().map(|(query, row)| {
            let scores = reordered(row, &self.gallery.rows, &|_| true, &|place| -added(self, query, place));
            ranking(&scores, self.wanted[query], &self.gallery.labels)
        });
        ranked.collect()
    }
}

fn cases(features: &mut Features, space: &Space) -> Result<Vec<Case>> {
    let as_is = |_: usize, picture: Picture| picture;
    let side = |features: &mut Features, paths: &[PathBuf], labels: Vec<u32>| -> Result<Side> {
        let close = embed(space, &features.of_changed(paths, "rerank: surest region", |_, picture| surest(&picture))?)?;
        let middle = embed(space, &features.of_changed(paths, "rerank: middle", |_, picture| middle(&picture))?)?;
        let rows = embed(space, &features.of(paths)?)?;
        Ok(Side { rows, labels, colours: Features::colours(paths)?, parts: vec![close, middle] })
    };
    let of = |pictures: &[data::Picture]| -> (Vec<PathBuf>, Vec<u32>) {
        (pictures.iter().map(|each| each.path.clone()).collect(), pictures.iter().map(|each| each.label).collect())
    };
    let manifest = builtin_manifest()?;
    let learned = |rows: &Rows, labels: &[u32]| -> Result<Space> {
        Ok(Space::new(manifest, fit_lda(&manifest.sha256, rows, labels, &LdaOptions::default())?)?)
    };
    let groceries = data::groceries()?;
    let (paths, labels) = of(&groceries.studio);
    let (studio, studio_features) = (side(features, &paths, labels)?, features.of(&paths)?);
    let (paths, labels) = of(&groceries.photos);
    let (photos, photo_features) = (side(features, &paths, labels)?, features.of(&paths)?);
    let asking = Asking::of(features, &paths, "", as_is)?;
    let (later, known): (Vec<usize>, Vec<usize>) =
        (0..paths.len()).partition(|&place| groceries.order[place].0 >= groceries.order[place].1 / 2);
    let half = photos.select(photos.rows.select(known.iter().copied()), &known);
    let (second, wanted) = (asking.select(&later), at(&photos.labels, &later));
    // Studio pictures and the first half of the photos are what a shop would have labelled.
    let mut labelled = photo_features.select(known.iter().copied());
    studio_features.iter().for_each(|row| {
        labelled.push(row);
    });
    let labels: Vec<u32> = half.labels.iter().chain(&studio.labels).copied().collect();
    let taught = learned(&labelled, &labels)?;
    let adapted = Side { rows: embed(&taught, &studio_features)?, parts: Vec::new(), ..studio.clone() };
    let parts = selected(&photos.parts, &later);
    let mut cases = vec![
        Case::new("G-studio", space, &asking, photos.labels.clone(), studio, photos.parts.clone())?,
        Case::new("G-halves", space, &second, wanted.clone(), half, parts)?,
        Case::new("G-adapted, learned", &taught, &second, wanted, adapted, Vec::new())?,
    ];
    let clothing = data::clothing()?;
    let (paths, labels) = of(&clothing.photos);
    let (all, rows) = (side(features, &paths, labels)?, features.of(&paths)?);
    let asking = Asking::of(features, &paths, "", as_is)?;
    let mut taught_cases = Vec::new();
    for fold in 0..5 {
        let queries = places(paths.len(), |place| clothing.folds[place] == fold);
        let known = places(paths.len(), |place| clothing.folds[place] != fold);
        let (asking, wanted) = (asking.select(&queries), at(&all.labels, &queries));
        let gallery = all.select(all.rows.select(known.iter().copied()), &known);
        let known_rows = rows.select(known.iter().copied());
        let taught = learned(&known_rows, &gallery.labels)?;
        let shown = Side { rows: embed(&taught, &known_rows)?, parts: Vec::new(), ..gallery.clone() };
        let parts = selected(&all.parts, &queries);
        cases.push(Case::new("C-kind", space, &asking, wanted.clone(), gallery, parts)?);
        taught_cases.push(Case::new("C-kind, learned", &taught, &asking, wanted, shown, Vec::new())?);
    }
    cases.extend(taught_cases);
    let fashion = data::fashion()?;
    let paths: Vec<PathBuf> = fashion.products.iter().map(|product| product.image_link.clone()).collect();
    let photos = damage::backgrounds(&clothing.photos.iter().map(|photo| photo.path.clone()).collect::<Vec<_>>())?;
    let (rows, colours) = (embed(space, &features.of(&paths)?)?, Features::colours(&paths)?);
    let whole = Side { rows, labels: (0..).take(paths.len()).collect(), colours, parts: Vec::new() };
    let own: Vec<usize> = (0..paths.len()).step_by(ROBUST_STEP).collect();
    let asked: Vec<PathBuf> = own.iter().map(|&place| paths[place].clone()).collect();
    for damage in &damage::ALL {
        let change =
            |place: usize, picture: Picture| damage.apply(own[place], picture.clone(), &photos).unwrap_or(picture);
        let asking = Asking::of(features, &asked, damage.name, change)?;
        cases.push(Case::new("F-robust", space, &asking, at(&whole.labels, &own), whole.clone(), Vec::new())?);
    }
    Ok(cases)
}

fn selected(parts: &[Rows], places: &[usize]) -> Vec<Rows> {
    parts.iter().map(|part| part.select(places.iter().copied())).collect()
}

/// The region that most surely frames one product; the picture itself where none does.
fn surest(picture: &Picture) -> Picture {
    let seen = regions(&Sketch::of(picture), None);
    let best = seen.iter().find(|region| region.r#box != Region::WHOLE && region.confidence >= SURE);
    best.map_or_else(|| picture.clone(), |region| picture.crop(&region.r#box))
}

fn middle(picture: &Picture) -> Picture {
    let edge = (1.0 - MIDDLE) / 2.0;
    Region::new(edge, edge, MIDDLE, MIDDLE).map_or_else(|_| picture.clone(), |region| picture.crop(&region))
}
