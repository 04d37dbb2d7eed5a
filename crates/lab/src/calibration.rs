//! How far probabilities can be trusted: reliability and expected calibration error on held-out questions of each set, and how
//! often a product that is not there is called `exact`. Also fits the curves that are shipped.
//!
//! Each question is put to the catalogue as it is and to the catalogue without its answer, in equal numbers. `shipped` is fitted
//! on the other sets; `own` on half of the questions of the set itself, near the shipped curve, as a shop's own calibration
//! is; both are judged on the other half.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anyhow::Result;
use vetrina_engine::image::Picture;
use vetrina_engine::model::builtin_manifest;
use vetrina_engine::space::calibration::reliability;
use vetrina_engine::space::{CROWD_TO, Curve, EXACT, Example, Space, Standing};

use crate::damage;
use crate::data;
use crate::features::Features;
use crate::section;
use crate::tasks::{Asking, Shown, at};

/// Hits of each list that are judged.
const JUDGED: usize = 10;
/// Ranges of probability.
const BINS: usize = 15;
/// How many examples the shipped curve is worth, as in the engine.
const TRUST: f64 = 20.0;
/// Questions of one set, at most.
const QUESTIONS: usize = 600;
/// Damages that are taken in turn.
const DAMAGES: usize = 10;
/// Products of `fashion` that are asked for, and that are there.
const FASHION: usize = 2_000;

/// A hit of a list whose answer is known.
struct Judged {
    example: Example,
    /// A product of the kind that was asked for.
    alike: bool,
    question: usize,
    first: bool,
    /// The answer was there.
    closed: bool,
}

struct Set {
    name: &'static str,
    judged: Vec<Judged>,
    kinds: bool,
}

/// What came of judging one set by one curve.
struct Outcome {
    error: f64,
    error_of_first: f64,
    bins: Vec<(f64, f64, usize)>,
    exact: f64,
    precision: f64,
    false_exact: f64,
}

pub fn run(write: bool) -> Result<()> {
    let mut features = Features::open()?;
    let space = Space::default_for(builtin_manifest()?)?;
    let sets = sets(&mut features, &space)?;
    let start = Curve { weights: [-3.0, 0.0, 15.0, 4.0] };
    let fit = |judged: &mut dyn Iterator<Item = &Judged>, prior: &Curve, trust: f64| {
        Curve::fit(&judged.map(|each| each.example).collect::<Vec<_>>(), prior, trust)
    };
    let mut text = String::from(
        "| set | calibration | ECE, ten hits | ECE, first hit | `exact` when it is there | right of those | `exact` when it is not there |\n\
         | --- | --- | ---: | ---: | ---: | ---: | ---: |\n",
    );
    let mut pictures = Vec::new();
    for (at, set) in sets.iter().enumerate() {
        let others = || sets.iter().enumerate().filter(|(other, _)| *other != at).flat_map(|(_, set)| &set.judged);
        let shipped = fit(&mut others(), &start, 1.0);
        let own = fit(&mut set.judged.iter().filter(|each| each.question % 2 == 0), &shipped, TRUST);
        for (name, curve) in [("shipped", shipped), ("own", own)] {
            let outcome = judge(set.judged.iter().filter(|each| each.question % 2 == 1), &curve);
            // Writing into a string does not fail.
            let _ = writeln!(
                text,
                "| {} | {name} | {:.3} | {:.3} | {:.1} % | {:.1} % | {:.1} % |",
                set.name,
                outcome.error,
                outcome.error_of_first,
                outcome.exact * 100.0,
                outcome.precision * 100.0,
                outcome.false_exact * 100.0
            );
            pictures.push((format!("{}, {name}", set.name), outcome.bins));
        }
    }
    let all = || sets.iter().flat_map(|set| &set.judged);
    let same = fit(&mut all(), &start, 1.0);
    let kinds: Vec<Example> = sets
        .iter()
        .filter(|set| set.kinds)
        .flat_map(|set| &set.judged)
        .map(|each| Example { right: each.alike, ..each.example })
        .collect();
    let alike = Curve::fit(&kinds, &start, 1.0);
    println!("{text}\nshipped curves: same {:?}, alike {:?}", same.weights, alike.weights);
    if write {
        fs::create_dir_all("docs/pictures")?;
        fs::write("docs/pictures/calibration.svg", diagrams(&pictures))?;
        let head = format!(
            "## Calibration\n\nDefault space `{}`, {}, by `vetrina-lab calibration`. Half of the questions are put to the catalogue without their answer. \
             ECE: expected calibration error over {BINS} ranges. `exact` is from {EXACT} on. *shipped*: fitted on the other sets, what a new shop gets. \
             *own*: fitted on half of the set's questions, judged on the other half.\n\n",
            space.id(),
            chrono::Utc::now().date_naive(),
        );
        let tail = "\n![Reliability diagrams](pictures/calibration.svg)\n";
        section::write("docs/evaluation.md", "Evaluation", "calibration", &format!("{head}{text}{tail}"))?;
    }
    Ok(())
}

fn sets(features: &mut Features, space: &Space) -> Result<Vec<Set>> {
    let groceries = data::groceries()?;
    let paths = |pictures: &[data::Picture]| pictures.iter().map(|picture| picture.path.clone()).collect::<Vec<_>>();
    let labels = |pictures: &[data::Picture]| pictures.iter().map(|picture| picture.label).collect::<Vec<_>>();
    let (studio_paths, photo_paths) = (paths(&groceries.studio), paths(&groceries.photos));
    let photo_labels = labels(&groceries.photos);
    let as_is = |_: usize, picture: Picture| picture;
    let asking = Asking::of(features, &photo_paths, "", as_is)?;
    let every = |count: usize| (0..count).step_by((count / QUESTIONS).max(1)).collect::<Vec<_>>();
    let asked = every(photo_paths.len());
    let studio = Gallery {
        shown: Shown::of(space, &features.of(&studio_paths)?, &Features::colours(&studio_paths)?)?,
        products: labels(&groceries.studio),
        kinds: None,
    };
    let mut set = Set::new("groceries: photo → studio", false);
    set.ask(space, &asking.select(&asked), &at(&photo_labels, &asked), &studio)?;
    let mut sets = vec![set];
    let first = |place: &usize| groceries.order[*place].0 < groceries.order[*place].1 / 2;
    let (known, rest): (Vec<usize>, Vec<usize>) = (0..photo_paths.len()).partition(first);
    let asked: Vec<usize> = every(rest.len()).into_iter().map(|at| rest[at]).collect();
    let known_paths: Vec<PathBuf> = known.iter().map(|&place| photo_paths[place].clone()).collect();
    let photos = Gallery {
        shown: Shown::of(space, &features.of(&known_paths)?, &Features::colours(&known_paths)?)?,
        products: at(&photo_labels, &known),
        kinds: None,
    };
    let mut set = Set::new("groceries: photo → photos", false);
    set.ask(space, &asking.select(&asked), &at(&photo_labels, &asked), &photos)?;
    sets.push(set);
    let clothing = data::clothing()?;
    let backgrounds = damage::backgrounds(&paths(&clothing.photos[..50.min(clothing.photos.len())]))?;
    let kinds = labels(&clothing.photos);
    sets.push(damaged("clothing: damaged", &paths(&clothing.photos), kinds, &backgrounds, features, space)?);
    let fashion = data::fashion()?;
    let step = (fashion.products.len() / FASHION).max(1);
    let chosen: Vec<usize> = (0..fashion.products.len()).step_by(step).collect();
    let pictures: Vec<_> = chosen.iter().map(|place| fashion.products[*place].image_link.clone()).collect();
    sets.push(damaged("fashion: damaged", &pictures, at(&fashion.types, &chosen), &backgrounds, features, space)?);
    Ok(sets)
}

/// Asks for products with damaged copies of their only picture.
fn damaged(
    name: &'static str,
    paths: &[PathBuf],
    kinds: Vec<u32>,
    backgrounds: &[image::RgbImage],
    features: &mut Features,
    space: &Space,
) -> Result<Set> {
    let gallery = Gallery {
        shown: Shown::of(space, &features.of(paths)?, &Features::colours(paths)?)?,
        products: (0..).take(paths.len()).collect(),
        kinds: Some(kinds),
    };
    let places: Vec<usize> = (0..paths.len()).step_by((paths.len() / (QUESTIONS / 2)).max(1)).collect();
    let mut set = Set::new(name, true);
    for (turn, damage) in damage::ALL.iter().take(DAMAGES).enumerate() {
        let own: Vec<usize> = places.iter().copied().skip(turn).step_by(DAMAGES).collect();
        let of: Vec<PathBuf> = own.iter().map(|place| paths[*place].clone()).collect();
        let asking = Asking::of(features, &of, &format!("calibration {} {name}", damage.name), |at, picture| {
            damage.apply(own[at], picture.clone(), backgrounds).unwrap_or(picture)
        })?;
        set.ask(space, &asking, &at(&gallery.products, &own), &gallery)?;
    }
    Ok(set)
}

/// Pictures of products that are asked for.
struct Gallery {
    shown: Shown,
    /// The product of each picture; a product scores as its best picture does.
    products: Vec<u32>,
    /// The kind of each product, where kinds are known.
    kinds: Option<Vec<u32>>,
}

impl Set {
    fn new(name: &'static str, kinds: bool) -> Self {
        Self { name, judged: Vec::new(), kinds }
    }

    /// Puts every question with and without its answer.
    fn ask(&mut self, space: &Space, asking: &Asking, answers: &[u32], gallery: &Gallery) -> Result<()> {
        let before = self.judged.last().map_or(0, |last| last.question + 1);
        let count = gallery.products.iter().max().map_or(0, |most| *most as usize + 1);
        for closed in [true, false] {
            let keep = |photo: usize, place: usize| closed || gallery.products[place] != answers[photo];
            let scores = asking.scores_among(space, &gallery.shown, &keep)?;
            for (question, (scores, answer)) in scores.iter().zip(answers).enumerate() {
                let mut best = vec![f32::MIN; count];
                for (score, product) in scores.iter().zip(&gallery.products) {
                    let held = &mut best[*product as usize];
                    *held = held.max(*score);
                }
                let mut list: Vec<u32> =
                    (0..count as u32).filter(|product| best[*product as usize] > f32::MIN).collect();
                list.sort_unstable_by(|a, b| best[*b as usize].total_cmp(&best[*a as usize]).then(a.cmp(b)));
                list.truncate(CROWD_TO);
                let scores: Vec<f32> = list.iter().map(|product| best[*product as usize]).collect();
                let crowd = Standing::of(&scores);
                for (place, product) in list.iter().take(JUDGED).enumerate() {
                    let standing = crowd.standing(scores[place], place == 0);
                    let kinds = gallery.kinds.as_ref();
                    let alike = kinds.is_some_and(|kinds| kinds[*product as usize] == kinds[*answer as usize]);
                    let example = Example { standing, right: product == answer, weight: 1.0 };
                    let question = before + question;
                    self.judged.push(Judged { example, alike, question, first: place == 0, closed });
                }
            }
        }
        Ok(())
    }
}

fn judge<'j>(judged: impl Iterator<Item = &'j Judged>, curve: &Curve) -> Outcome {
    let judged: Vec<(&Judged, f32)> = judged.map(|each| (each, curve.probability(each.example.standing))).collect();
    let pairs = |keep: &dyn Fn(&Judged) -> bool| -> Vec<(f32, bool)> {
        judged.iter().filter(|(each, _)| keep(each)).map(|(each, p)| (*p, each.example.right)).collect()
    };
    let (error, bins) = reliability(&pairs(&|_| true), BINS);
    let (error_of_first, _) = reliability(&pairs(&|each| each.first), BINS);
    let firsts = |closed: bool| pairs(&move |each: &Judged| each.first && each.closed == closed);
    let exact = |pairs: &[(f32, bool)]| pairs.iter().filter(|(p, _)| *p >= EXACT).count();
    let (there, absent) = (firsts(true), firsts(false));
    let right = there.iter().filter(|(p, right)| *p >= EXACT && *right).count();
    let share = |part: usize, whole: usize| part as f64 / whole.max(1) as f64;
    Outcome {
        error,
        error_of_first,
        bins,
        exact: share(exact(&there), there.len()),
        precision: share(right, exact(&there)),
        false_exact: share(exact(&absent), absent.len()),
    }
}

/// One square for each: mean probability across, share that was right upwards; the dots' areas are the numbers of hits.
fn diagrams(pictures: &[(String, Vec<(f64, f64, usize)>)]) -> String {
    const SIDE: f64 = 200.0;
    const GAP: f64 = 40.0;
    let columns = 4.min(pictures.len().max(1));
    let rows = pictures.len().div_ceil(columns);
    let (width, height) = (columns as f64 * (SIDE + GAP) + GAP, rows as f64 * (SIDE + GAP + 20.0) + GAP);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>\n"
    );
    for (at, (name, bins)) in pictures.iter().enumerate() {
        let (x, y) = (GAP + (at % columns) as f64 * (SIDE + GAP), GAP + (at / columns) as f64 * (SIDE + GAP + 20.0));
        // Writing into a string does not fail.
        let _ = writeln!(
            svg,
            "<g transform=\"translate({x},{y})\"><text y=\"-8\">{name}</text><rect width=\"{SIDE}\" height=\"{SIDE}\" fill=\"none\" stroke=\"#999\"/>\
             <path d=\"M0 {SIDE}L{SIDE} 0\" stroke=\"#bbb\" stroke-dasharray=\"4 4\"/>"
        );
        let most = bins.iter().map(|(_, _, count)| *count).max().unwrap_or(1) as f64;
        let points: Vec<String> =
            bins.iter().map(|(p, share, _)| format!("{:.1} {:.1}", p * SIDE, (1.0 - share) * SIDE)).collect();
        let _ = writeln!(svg, "<path d=\"M{}\" fill=\"none\" stroke=\"#2463a4\"/>", points.join("L"));
        for (probability, share, count) in bins {
            let radius = 2.0 + 5.0 * (*count as f64 / most).sqrt();
            let (cx, cy) = (probability * SIDE, (1.0 - share) * SIDE);
            let _ = writeln!(
                svg,
                "<circle cx=\"{cx:.1}\" cy=\"{cy:.1}\" r=\"{radius:.1}\" fill=\"#2463a4\"><title>{count} hits: {:.0} % said, {:.0} % right</title></circle>",
                probability * 100.0,
                share * 100.0
            );
        }
        svg.push_str("</g>\n");
    }
    svg.push_str("</svg>\n");
    svg
}
