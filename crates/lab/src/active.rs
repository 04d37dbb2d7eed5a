//! How much a label teaches: G-adapted by the number of labelled photos, chosen by active learning or at random.
//!
//! The first half of each product's photos can be labelled; a label says which product a photo shows. The head is fitted to
//! the studio pictures and the photos labelled so far, as `space train --confirmed` does; the second half of the photos asks
//! for the studio pictures, as in G-adapted. Active learning labels in rounds: each round asks about the photos that stand for
//! most of what the space of the round before is unsure of.
//!
//! *the others unlabelled*: the photos that were not labelled are learned from, too, by what they are taken for, and inner layers of the model are
//! seen, as `space train --confirmed` does where it is better.

use std::fmt::Write as _;
use std::fs;

use anyhow::Result;
use vetrina_engine::learn::{LdaOptions, Rows, fit_lda, most_telling, rankings};
use vetrina_engine::model::builtin_manifest;
use vetrina_engine::space::Space;

use crate::data::{self, Picture};
use crate::features::Features;
use crate::section::{self, EVALUATION};
use crate::tasks::groceries::taught;
use crate::tasks::{at, embed, mean_average_precision, places, recall};

/// Labelled photos a product, on average.
const BUDGETS: [usize; 5] = [0, 1, 2, 4, 8];
/// Rounds of active learning for one photo a product.
const ROUNDS: usize = 4;
/// Random choices that are averaged.
const DRAWS: u64 = 5;

const PLOT: &str = "docs/pictures/active-learning.svg";

/// R@1 and mAP, in per cent.
type Score = (f64, f64);

struct Shop {
    studio: Rows,
    studio_labels: Vec<u32>,
    photos: Rows,
    /// Studio pictures and photos with what inner layers say.
    whole: (Rows, Rows),
    labels: Vec<u32>,
    /// Photos that can be labelled, and photos that ask.
    pool: Vec<usize>,
    asking: Vec<usize>,
}

pub fn run(write: bool) -> Result<()> {
    let shop = Shop::open()?;
    let default = Space::default_for(builtin_manifest()?)?;
    let start = shop.score(&default)?;
    let active = shop.active(&default)?;
    let mut text = String::from(
        "| labelled photos a product | active: R@1 | active: mAP | random: R@1 | random: mAP (lowest, highest of 5 draws) | \
         active, the others unlabelled: R@1 | mAP |\n\
         | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    let with_others = shop.with_others(&[])?;
    writeln!(
        text,
        "| 0 (default head) | {:.1} | {:.1} | {:.1} | {:.1} | {:.1} | {:.1} |",
        start.0, start.1, start.0, start.1, with_others.0, with_others.1
    )?;
    let (mut active_line, mut random_line) = (vec![(0.0, start.1)], vec![(0.0, start.1)]);
    let mut others_line = vec![(0.0, with_others.1)];
    for (&budget, (score, labelled)) in BUDGETS.iter().skip(1).zip(active) {
        let with_others = shop.with_others(&labelled)?;
        others_line.push((budget as f64, with_others.1));
        let draws: Vec<Score> = (0..DRAWS).map(|seed| shop.random(budget, seed)).collect::<Result<_>>()?;
        let mean = |of: fn(&Score) -> f64| draws.iter().map(of).sum::<f64>() / draws.len() as f64;
        let (recall, map) = (mean(|score| score.0), mean(|score| score.1));
        let low = draws.iter().map(|score| score.1).fold(f64::MAX, f64::min);
        let high = draws.iter().map(|score| score.1).fold(f64::MIN, f64::max);
        writeln!(
            text,
            "| {budget} | {:.1} | {:.1} | {recall:.1} | {map:.1} ({low:.1}, {high:.1}) | {:.1} | {:.1} |",
            score.0, score.1, with_others.0, with_others.1
        )?;
        active_line.push((budget as f64, score.1));
        random_line.push((budget as f64, map));
    }
    println!("{text}");
    if write {
        fs::write(
            PLOT,
            plot(&[
                ("active, the others unlabelled", "#009e73", &others_line),
                ("active", "#0072b2", &active_line),
                ("random", "#d55e00", &random_line),
            ]),
        )?;
        let head = format!("Measured by `vetrina-lab active-learning` on {}.\n\n", chrono::Utc::now().date_naive());
        let picture = "\n![G-adapted mAP by labelled photos a product](pictures/active-learning.svg)\n";
        section::write(EVALUATION, "Evaluation", "active-learning", &format!("{head}{text}{picture}"))?;
    }
    Ok(())
}

impl Shop {
    fn open() -> Result<Self> {
        let data = data::groceries()?;
        let mut features = Features::open()?;
        let paths = |pictures: &[Picture]| pictures.iter().map(|picture| picture.path.clone()).collect::<Vec<_>>();
        let labels = |pictures: &[Picture]| pictures.iter().map(|picture| picture.label).collect::<Vec<_>>();
        let half = |place: usize| data.order[place].0 < data.order[place].1 / 2;
        Ok(Self {
            whole: (features.whole_of(&paths(&data.studio))?, features.whole_of(&paths(&data.photos))?),
            studio: features.of(&paths(&data.studio))?,
            studio_labels: labels(&data.studio),
            photos: features.of(&paths(&data.photos))?,
            labels: labels(&data.photos),
            pool: places(data.photos.len(), half),
            asking: places(data.photos.len(), |place| !half(place)),
        })
    }

    fn score(&self, space: &Space) -> Result<Score> {
        let queries = embed(space, &self.photos.select(self.asking.iter().copied()))?;
        let found =
            rankings(&queries, &at(&self.labels, &self.asking), &embed(space, &self.studio)?, &self.studio_labels);
        Ok((recall(&found, 1), mean_average_precision(&found)))
    }

    fn fit(&self, labelled: &[usize]) -> Result<Space> {
        let mut rows = self.studio.clone().unit();
        for row in self.photos.select(labelled.iter().copied()).unit().iter() {
            rows.push(row);
        }
        let labels = [self.studio_labels.clone(), at(&self.labels, labelled)].concat();
        let manifest = builtin_manifest()?;
        Ok(Space::new(manifest, fit_lda(&manifest.sha256, &rows, &labels, &LdaOptions::default())?)?)
    }

    /// The score of what these photos teach with their labels, and the others of the pool without.
    fn with_others(&self, labelled: &[usize]) -> Result<Score> {
        let (studio, photos) = &self.whole;
        let of = |places: &[usize]| photos.select(places.iter().copied());
        let others: Vec<usize> = self.pool.iter().copied().filter(|place| !labelled.contains(place)).collect();
        let known = (&of(labelled), at(&self.labels, labelled));
        let space = taught(studio, &self.studio_labels, (known.0, &known.1), &of(&others), labelled.is_empty())?;
        let queries = embed(&space, &of(&self.asking))?;
        let found = rankings(&queries, &at(&self.labels, &self.asking), &embed(&space, studio)?, &self.studio_labels);
        Ok((recall(&found, 1), mean_average_precision(&found)))
    }

    /// Photos at random.
    fn random(&self, budget: usize, seed: u64) -> Result<Score> {
        let mut order = self.pool.clone();
        fastrand::Rng::with_seed(seed).shuffle(&mut order);
        order.truncate(budget * self.studio.len());
        self.score(&self.fit(&order)?)
    }

    /// The photos that stand for most of the doubt, round by round; the scores at each budget but the first, and the photos that were labelled.
    fn active(&self, default: &Space) -> Result<Vec<(Score, Vec<usize>)>> {
        let mut space = default.clone();
        let (mut labelled, mut scores) = (Vec::new(), Vec::new());
        let most = BUDGETS[BUDGETS.len() - 1];
        for round in 1..=most * ROUNDS {
            let wanted = self.studio.len() * round / ROUNDS - labelled.len();
            let left: Vec<usize> = self.pool.iter().copied().filter(|place| !labelled.contains(place)).collect();
            let photos = embed(&space, &self.photos.select(left.iter().copied()))?;
            let studio = embed(&space, &self.studio)?;
            let unsure: Vec<f32> = photos
                .iter()
                .map(|photo| {
                    let mut cosines: Vec<f32> =
                        studio.iter().map(|own| own.iter().zip(photo).map(|(a, b)| a * b).sum()).collect();
                    cosines.sort_unstable_by(|a, b| b.total_cmp(a));
                    1.0 - (cosines[0] - cosines[1]).clamp(0.0, 1.0)
                })
                .collect();
            let vectors: Vec<&[f32]> = photos.iter().collect();
            let answered = embed(&space, &self.photos.select(labelled.iter().copied()))?;
            let answered: Vec<&[f32]> = answered.iter().collect();
            let chosen = most_telling(&unsure, &vectors, &answered, wanted);
            labelled.extend(chosen.into_iter().map(|place| left[place]));
            space = self.fit(&labelled)?;
            if round % ROUNDS == 0 && BUDGETS.contains(&(round / ROUNDS)) {
                scores.push((self.score(&space)?, labelled.clone()));
            }
        }
        Ok(scores)
    }
}

/// Lines as SVG; across 0 to 8 photos, up 40 to 100 per cent.
fn plot(lines: &[(&str, &str, &Vec<(f64, f64)>)]) -> String {
    let (x, y) = (|value: f64| 60.0 + value * 65.0, |value: f64| 300.0 - (value - 40.0) * 4.5);
    let mut svg = String::from(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 640 350\" font-family=\"sans-serif\" font-size=\"13\">\
         <rect width=\"640\" height=\"350\" fill=\"#fff\"/>",
    );
    for value in (40..=100).step_by(10).map(f64::from) {
        let at = y(value);
        let _ = write!(
            svg,
            "<path d=\"M60 {at}H580\" stroke=\"#ddd\"/><text x=\"52\" y=\"{}\" text-anchor=\"end\">{value}</text>",
            at + 4.0
        );
    }
    for budget in BUDGETS {
        let _ = write!(svg, "<text x=\"{}\" y=\"320\" text-anchor=\"middle\">{budget}</text>", x(budget as f64));
    }
    svg.push_str("<text x=\"320\" y=\"342\" text-anchor=\"middle\">labelled photos a product</text>");
    svg.push_str("<text x=\"60\" y=\"20\">G-adapted, mAP</text>");
    for (place, (name, colour, points)) in lines.iter().enumerate() {
        let path: Vec<String> = points.iter().map(|(across, up)| format!("{:.1} {:.1}", x(*across), y(*up))).collect();
        let _ = write!(
            svg,
            "<path d=\"M{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2.5\"/>\
             <text x=\"580\" y=\"{}\" text-anchor=\"end\" fill=\"{colour}\">{name}</text>",
            path.join("L"),
            250 + place * 20
        );
        for (across, up) in *points {
            let _ = write!(svg, "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"4\" fill=\"{colour}\"/>", x(*across), y(*up));
        }
    }
    svg.push_str("</svg>\n");
    svg
}
