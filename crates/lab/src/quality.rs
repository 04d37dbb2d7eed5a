//! All quality tasks, as a table on the terminal and in docs/evaluation.md.

use std::fmt::Write;
use std::fs;

use anyhow::Result;
use vetrina_engine::model::builtin_manifest;
use vetrina_engine::space::Space;

use crate::data;
use crate::features::Features;
use crate::section::{self, EVALUATION};
use crate::tasks::{self, Figure, clothing, fashion, groceries, robust};
use crate::{plot, worst};

const COLUMNS: [&str; 9] = [
    "raw",
    "default head",
    groceries::UNLABELLED,
    "learned head",
    groceries::GALLERY_IN_FIT,
    tasks::LAYERS,
    tasks::COLOURS,
    tasks::BOTH,
    robust::UNREPAIRED,
];

/// `robust_every` says of how many pictures one is damaged for F-robust; `None` leaves it out.
pub fn run(robust_every: Option<usize>, write: bool) -> Result<()> {
    let mut features = Features::open()?;
    let (groceries_data, clothing_data, fashion_data) = (data::groceries()?, data::clothing()?, data::fashion()?);
    let mut figures = groceries::run(&groceries_data, &mut features)?;
    figures.extend(clothing::run(&clothing_data, &mut features)?);
    figures.extend(fashion::run(&fashion_data, &mut features)?);
    if let Some(step) = robust_every {
        figures.extend(robust::run(&fashion_data, &clothing_data, &mut features, step)?);
    }
    let table = table(&figures);
    println!("{table}");
    if write {
        let space = Space::default_for(builtin_manifest()?)?;
        let head = format!(
            "Default space `{}`. Measured by `vetrina-lab quality` on {}.\n\n",
            space.id(),
            chrono::Utc::now().date_naive()
        );
        let robust = match robust_every {
            None => "\nF-robust was left out of this run.\n".to_owned(),
            Some(1) => String::new(),
            Some(step) => {
                format!("\nF-robust: every {step}th picture was damaged and looked for among all, to save time.\n")
            }
        };
        section::write(EVALUATION, "Evaluation", "quality", &format!("{head}{table}{robust}"))?;
        fs::write("docs/pictures/quality.svg", plot::svg(&figures))?;
        worst::write(&groceries_data, &clothing_data, &mut features)?;
    }
    Ok(())
}

fn table(figures: &[Figure]) -> String {
    let mut text =
        format!("| task | measure | {} |\n| --- | --- |{}\n", COLUMNS.join(" | "), " ---: |".repeat(COLUMNS.len()));
    let mut rows: Vec<(&str, &str)> = Vec::new();
    for figure in figures {
        if !rows.contains(&(figure.task, figure.measure)) {
            rows.push((figure.task, figure.measure));
        }
    }
    for (task, measure) in rows {
        let cell = |column: &&str| {
            let found = figures.iter().find(|f| f.task == task && f.measure == measure && f.column == *column);
            found.map_or_else(|| "–".to_owned(), |figure| format!("{:.1}", figure.value))
        };
        let cells: Vec<String> = COLUMNS.iter().map(cell).collect();
        // Writing into a string does not fail.
        let _ = writeln!(text, "| {task} | {measure} | {} |", cells.join(" | "));
    }
    text
}
