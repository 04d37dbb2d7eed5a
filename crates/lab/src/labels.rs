//! Categories and attributes guessed from pictures: methods compared on fashion.

use anyhow::{Context, Result};
use rayon::prelude::*;
use vetrina_engine::image::{Palette, Sketch, Subject};
use vetrina_engine::learn::{LabelMethod, LabelOptions, Lessons, Rows, fit_labels, remembered};
use vetrina_engine::model::{Feature, builtin_manifest};
use vetrina_engine::space::Space;
use vetrina_engine::understand::{Described, Memory};

use crate::data::{self, FashionProduct};
use crate::features::{self, Features};
use crate::section::{self, EVALUATION};

/// Neighbours that vote in kNN, and the power of their similarity.
const NEIGHBOURS: usize = 9;
const POWER: i32 = 8;

/// A guess: how likely it is said to be, and whether it is right.
type Guess = (f32, bool);

/// Measures and writes docs/evaluation.md.
pub fn run(write: bool) -> Result<()> {
    let fashion = data::fashion()?;
    let paths: Vec<_> = fashion.products.iter().map(|product| product.image_link.clone()).collect();
    let whole = Features::open()?.whole_of(&paths)?;
    let pooled_len = builtin_manifest()?.outputs.pooled.dim;
    let space = Space::default_for(builtin_manifest()?)?;
    let palettes: Vec<Palette> = paths
        .par_iter()
        .map(|path| {
            let sketch = Sketch::of(&features::decode(path, 260)?);
            Ok(Palette::of(&sketch, &Subject::of(&sketch)))
        })
        .collect::<Result<_>>()?;
    let mut plain = Rows::new(space.dim());
    let mut rows: Option<(Rows, Rows)> = None;
    for (feature, palette) in whole.iter().zip(&palettes) {
        let embedding = space.embed(&Feature { pooled: feature.to_vec(), map: None })?;
        plain.push(embedding.vector());
        let seen = Described::of(feature, pooled_len, embedding.vector(), Some(palette));
        let wide = seen.wide.context("no layers")?;
        let (rows, all) = rows.get_or_insert_with(|| (Rows::new(seen.row.len()), Rows::new(wide.len())));
        rows.push(&seen.row);
        all.push(&wide);
    }
    let (rows, wide) = rows.context("no pictures")?;
    let asked: Vec<usize> = (0..rows.len()).filter(|place| fashion.checksums[*place] % 5 == 0).collect();
    let known: Vec<usize> = (0..rows.len()).filter(|place| fashion.checksums[*place] % 5 != 0).collect();
    let groups: Vec<u64> = known.iter().map(|place| u64::from(fashion.checksums[*place] / 5)).collect();
    let fields: [(&str, fn(&FashionProduct) -> &str); 5] = [
        ("category", |product| &product.product_type),
        ("colour", |product| &product.color),
        ("gender", |product| &product.gender),
        ("season", |product| &product.season),
        ("usage", |product| &product.usage),
    ];
    let mut table = Vec::new();
    for (name, value) in fields {
        let values: Vec<Option<String>> =
            known.iter().map(|place| Some(value(&fashion.products[*place]).to_owned())).collect();
        let truth: Vec<&str> = asked.iter().map(|place| value(&fashion.products[*place])).collect();
        let neighbours = nearest(&plain, &known, &asked, &values, &truth);
        table.push(line(name, "kNN, nine neighbours", &neighbours, None));
        for (method, called) in
            [(LabelMethod::Lda, "LDA"), (LabelMethod::Ridge, "ridge"), (LabelMethod::Logistic, "logistic")]
        {
            for (inputs, layers, neighbours, with) in [
                (&plain, None, false, ""),
                (&rows, None, false, " with palette"),
                (&rows, None, true, " with palette and neighbours"),
                (&rows, Some(&wide), true, " with palette and neighbours, or inner layers where better"),
            ] {
                if layers.is_some() && method != LabelMethod::Logistic {
                    continue;
                }
                let given = inputs.select(known.iter().copied());
                let told = layers.map(|wide| wide.select(known.iter().copied()));
                let lessons = Lessons { rows: &given, wide: told.as_ref(), groups: &groups };
                let cell = match fit_labels(Some(name), lessons, &values, LabelOptions { method, neighbours }) {
                    Ok(field) => {
                        let memory = Memory::of(given.select(remembered(given.len())).iter());
                        let guesses: Vec<Guess> = asked
                            .iter()
                            .zip(&truth)
                            .filter_map(|(place, truth)| {
                                let (row, wide) =
                                    (inputs.row(*place).to_vec(), layers.map(|_| wide.row(*place).to_vec()));
                                let seen = Described { row, wide };
                                let probabilities = field.probabilities(&seen, &memory.nearest(&seen.row))?;
                                let best = (0..probabilities.len())
                                    .max_by(|a, b| probabilities[*a].total_cmp(&probabilities[*b]))?;
                                Some((probabilities[best], field.values[best] == *truth))
                            })
                            .collect();
                        line(name, &format!("{called}{with}"), &guesses, Some(field.threshold))
                    }
                    Err(left_out) => format!("| {name} | {called}{with} | left out: {} | | | |", left_out.reason),
                };
                println!("{cell}");
                table.push(cell);
            }
        }
    }
    let text = format!(
        "Fitted on four fifths of fashion, asked about the others ({} pictures; split by CRC-32 of the id). ECE: expected calibration error in 15 steps \
         (Guo et al. 2017). Told: share of pictures where the likeliest value passes the threshold that was chosen on products held back of the training \
         part so that 85 % of what is told is right. Measured by `vetrina-lab labels` on {}.\n\n\
         | field | method | accuracy | ECE | told | right of what is told |\n| --- | --- | ---: | ---: | ---: | ---: |\n{}\n",
        asked.len(),
        chrono::Utc::now().date_naive(),
        table.join("\n")
    );
    if write { section::write(EVALUATION, "Evaluation", "labels", &text) } else { Ok(()) }
}

fn line(field: &str, method: &str, guesses: &[Guess], threshold: Option<f32>) -> String {
    let share = |right: usize, of: usize| 100.0 * right as f64 / of.max(1) as f64;
    let right = guesses.iter().filter(|(_, right)| *right).count();
    let told = threshold.map_or_else(
        || "| – | – |".to_owned(),
        |threshold| {
            let told: Vec<&Guess> = guesses.iter().filter(|(probability, _)| *probability >= threshold).collect();
            let right = told.iter().filter(|(_, right)| *right).count();
            format!("| {:.1} | {:.1} |", share(told.len(), guesses.len()), share(right, told.len()))
        },
    );
    format!("| {field} | {method} | {:.1} | {:.3} {told}", share(right, guesses.len()), calibration_error(guesses))
}

/// Mean distance between said and true probability over 15 steps, weighted by how many guesses fall into each.
fn calibration_error(guesses: &[Guess]) -> f64 {
    let mut steps = [(0.0_f64, 0.0_f64, 0_usize); 15];
    for (probability, right) in guesses {
        let step = &mut steps[((probability * 15.0) as usize).min(14)];
        step.0 += f64::from(*probability);
        step.1 += f64::from(u8::from(*right));
        step.2 += 1;
    }
    steps.iter().map(|(said, right, _)| (said - right).abs()).sum::<f64>() / guesses.len().max(1) as f64
}

/// Shares of the votes of the nearest products.
fn nearest(rows: &Rows, known: &[usize], asked: &[usize], values: &[Option<String>], truth: &[&str]) -> Vec<Guess> {
    let gallery = rows.select(known.iter().copied());
    let gallery: Vec<&[f32]> = gallery.iter().collect();
    let queries = rows.select(asked.iter().copied());
    let queries: Vec<&[f32]> = queries.iter().collect();
    queries
        .par_iter()
        .zip(truth)
        .map(|(query, truth)| {
            let likeness = |row: &&[f32]| query.iter().zip(*row).map(|(a, b)| a * b).sum::<f32>();
            let mut near: Vec<(f32, usize)> = gallery.iter().map(likeness).zip(0..).collect();
            near.select_nth_unstable_by(NEIGHBOURS - 1, |a, b| b.0.total_cmp(&a.0));
            let mut votes: Vec<(&str, f32)> = Vec::new();
            for (likeness, place) in &near[..NEIGHBOURS] {
                let value = values[*place].as_deref().unwrap_or_default();
                let weight = likeness.max(0.0).powi(POWER);
                match votes.iter_mut().find(|(own, _)| *own == value) {
                    Some((_, sum)) => *sum += weight,
                    None => votes.push((value, weight)),
                }
            }
            let total: f32 = votes.iter().map(|(_, weight)| weight).sum();
            let best = votes.iter().max_by(|a, b| a.1.total_cmp(&b.1)).copied().unwrap_or_default();
            (best.1 / total.max(1e-9), best.0 == *truth)
        })
        .collect()
}
