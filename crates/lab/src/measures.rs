//! Measures of picture quality: each must react to its own damage and not to the others. And the names of colours.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::Result;
use rayon::prelude::*;
use vetrina_engine::image::{Palette, Picture, Quality, Sketch, Subject, findings};

use crate::damage;
use crate::data;
use crate::features;
use crate::section::{self, EVALUATION};

/// Pictures that are damaged.
const PICTURES: usize = 300;
/// Measures that are shown.
const MEASURES: [&str; 8] = ["blur σ", "noise σ", "blocks", "lightest", "burnt", "area", "off centre", "sides"];
/// Findings that are counted.
const FINDINGS: [&str; 9] =
    ["blurred", "noisy", "compressed", "dark", "burnt-out", "busy-background", "cut-off", "frame", "text"];

/// Measures and writes docs/evaluation.md.
pub fn run(write: bool) -> Result<()> {
    let fashion = data::fashion()?;
    let photos: Vec<_> = data::clothing()?.photos.iter().step_by(20).map(|photo| photo.path.clone()).collect();
    let photos = damage::backgrounds(&photos)?;
    let paths: Vec<_> = fashion
        .products
        .iter()
        .step_by(fashion.products.len() / PICTURES)
        .map(|product| product.image_link.clone())
        .collect();
    let mut measured = vec![row("none", &quality(&paths, |_, picture| Some(picture))?)];
    for damage in &damage::ALL {
        measured.push(row(damage.name, &quality(&paths, |place, picture| damage.apply(place, picture, &photos))?));
        println!("{}\n{}", measured[measured.len() - 1].0, measured[measured.len() - 1].1);
    }
    let (medians, counts): (Vec<String>, Vec<String>) = measured.into_iter().unzip();
    let text = format!(
        "Every {}th picture of fashion, damaged as in F-robust. Medians of the measures:\n\n| damage | {} |\n| --- |{}\n{}\n\n\
         Share of the pictures, in percent, with a finding (fashion pictures have 224 pixels, so `small` is said of all of them and left out here):\n\n\
         | damage | {} |\n| --- |{}\n{}\n\n{}\n\nMeasured by `vetrina-lab measures` on {}.\n",
        fashion.products.len() / PICTURES,
        MEASURES.join(" | "),
        " ---: |".repeat(MEASURES.len()),
        medians.join("\n"),
        FINDINGS.join(" | "),
        " ---: |".repeat(FINDINGS.len()),
        counts.join("\n"),
        colours(&fashion)?,
        chrono::Utc::now().date_naive()
    );
    if write { section::write(EVALUATION, "Evaluation", "measures", &text) } else { Ok(()) }
}

fn quality(
    paths: &[std::path::PathBuf],
    change: impl Fn(usize, Picture) -> Option<Picture> + Sync,
) -> Result<Vec<Quality>> {
    let each = paths.par_iter().enumerate().map(|(place, path)| {
        let picture = change(place, features::decode(path, 260)?);
        Ok(picture.map(|picture| {
            let sketch = Sketch::of(&picture);
            Quality::of(&picture, &sketch, &Subject::of(&sketch))
        }))
    });
    Ok(each.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
}

/// One row of medians and one of counts.
fn row(name: &str, measured: &[Quality]) -> (String, String) {
    let median = |value: &dyn Fn(&Quality) -> Option<f32>| {
        let mut values: Vec<f32> = measured.iter().filter_map(value).collect();
        values.sort_by(f32::total_cmp);
        values.get(values.len() / 2).map_or_else(|| "–".to_owned(), |value| format!("{value:.2}"))
    };
    let medians = [
        median(&|q| q.blur),
        median(&|q| q.noise),
        median(&|q| q.blocks),
        median(&|q| Some(q.exposure.lightest)),
        median(&|q| Some(q.exposure.burnt)),
        median(&|q| Some(q.subject.area)),
        median(&|q| Some(q.subject.off_centre)),
        median(&|q| Some(f32::from(q.subject.sides_reached))),
    ];
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    measured.iter().flat_map(findings).for_each(|finding| *counts.entry(finding.code).or_default() += 1);
    let share =
        |code: &&str| format!("{:.0}", 100.0 * *counts.get(*code).unwrap_or(&0) as f64 / measured.len().max(1) as f64);
    let counted: Vec<String> = FINDINGS.iter().map(share).collect();
    (format!("| {name} | {} |", medians.join(" | ")), format!("| {name} | {} |", counted.join(" | ")))
}

/// How often the shop's own name of a colour is that of the palette's first, or one of its colours; and what it costs.
fn colours(fashion: &data::Fashion) -> Result<String> {
    let asked: Vec<_> =
        fashion.products.iter().filter_map(|product| Some((product, family(&product.color)?))).collect();
    let each = asked.par_iter().map(|(product, family)| {
        let picture = features::decode(&product.image_link, 260)?;
        let started = Instant::now();
        let sketch = Sketch::of(&picture);
        let subject = Subject::of(&sketch);
        let palette = Palette::of(&sketch, &subject);
        let colours = started.elapsed().as_secs_f64() * 1000.0;
        std::hint::black_box(Quality::of(&picture, &sketch, &subject));
        let all = started.elapsed().as_secs_f64() * 1000.0;
        let families = palette.families(0.1);
        Ok((families.first() == Some(family), families.contains(family), colours, all))
    });
    let each = each.collect::<Result<Vec<(bool, bool, f64, f64)>>>()?;
    let share = |count: usize| 100.0 * count as f64 / each.len().max(1) as f64;
    let median = |value: fn(&(bool, bool, f64, f64)) -> f64| {
        let mut values: Vec<f64> = each.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or_default()
    };
    Ok(format!(
        "Colours: of {} pictures whose shop names a colour that belongs to one family, the palette's first family is the shop's for {:.1} %, and it is one of those with a tenth \
         of the subject for {:.1} %. Nothing is fitted to the shop's names. Sketch, subject and palette take {:.1} ms (median), with the measures {:.1} ms.",
        each.len(),
        share(each.iter().filter(|(first, ..)| *first).count()),
        share(each.iter().filter(|(_, one, ..)| *one).count()),
        median(|(_, _, colours, _)| *colours),
        median(|(.., all)| *all),
    ))
}

/// The family of a shop's colour, as the name has it; names of no single family (multi, metallic) have none.
fn family(name: &str) -> Option<&'static str> {
    Some(match name {
        "Black" => "black",
        "White" | "Off White" => "white",
        "Grey" | "Silver" | "Steel" | "Charcoal" | "Grey Melange" => "grey",
        "Red" | "Maroon" | "Burgundy" => "red",
        "Orange" | "Peach" => "orange",
        "Yellow" | "Mustard" | "Gold" => "yellow",
        "Green" | "Olive" | "Sea Green" | "Fluorescent Green" | "Teal" => "green",
        "Blue" | "Navy Blue" | "Turquoise Blue" => "blue",
        "Purple" | "Lavender" | "Mauve" => "purple",
        "Pink" | "Magenta" => "pink",
        "Brown" | "Coffee Brown" | "Rust" | "Copper" | "Bronze" | "Taupe" => "brown",
        "Beige" | "Cream" | "Tan" | "Khaki" => "beige",
        _ => return None,
    })
}
