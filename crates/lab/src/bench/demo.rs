//! The shop window as a new user has it: size of the binary, first import, start, memory, and a search by photo.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::load::{Ask, once};
use super::server::{Server, binary};
use super::statistics::{figure, median, percentile};
use super::{Plan, Section};

const SEARCHES: usize = 30;

pub fn run(plan: &Plan) -> Result<Section> {
    let demo = std::env::var_os("VETRINA_DEMO")
        .map_or_else(|| super::cache().map(|cache| cache.with_file_name("demo")), |folder| Ok(PathBuf::from(folder)))?;
    let binary = binary()?;
    let size = std::fs::metadata(&binary)?.len() as f64 / f64::from(1 << 20);
    let (mut imports, mut opens, mut readies) = (Vec::new(), Vec::new(), Vec::new());
    let shops = tempfile::tempdir()?;
    for turn in 0..if plan.quick { 1 } else { 5 } {
        let data = shops.path().join(turn.to_string());
        imports.push(import(&binary, &demo, &data)?);
        let server = Server::over(&data)?;
        opens.push(server.open * 1000.0);
        readies.push(server.ready * 1000.0);
    }
    let photos = photos(&demo)?;
    let server = Server::over(&shops.path().join("0"))?;
    let ask = |number: usize| Ask::photo(&photos[number % photos.len()], &json!({"images": [{"part": 0}]}));
    let first = once(&server.search(), &ask(0))?;
    ensure!(first["hits"].as_array().is_some_and(|hits| !hits.is_empty()), "nothing was found: {first}");
    let memory = server.resident()?;
    let mut took: [Vec<f64>; 4] = Default::default();
    for number in 0..SEARCHES {
        let answer = once(&server.search(), &ask(number))?;
        for (times, key) in took.iter_mut().zip(["decode", "embed", "search", "total"]) {
            times.push(answer["took_ms"][key].as_f64().with_context(|| format!("no {key} in {}", answer["took_ms"]))?);
        }
    }
    let [decode, embed, search, total] = &took;
    let rows = [
        ("binary, the model inside".to_owned(), format!("{size:.1} MiB")),
        ("import of the demo catalogue, the whole command".to_owned(), format!("{} s", figure(median(&imports)))),
        ("start over it until it listens".to_owned(), format!("{:.0} ms", median(&opens))),
        ("start until it is ready for photos (model loaded)".to_owned(), format!("{:.0} ms", median(&readies))),
        (
            "resident memory of `vetrina serve` after one search by photo".to_owned(),
            format!("{:.0} MiB (own {:.0})", memory.all, memory.own),
        ),
        (format!("search by photo, `took_ms`, median of {SEARCHES}: decode"), format!("{} ms", figure(median(decode)))),
        ("… embed".to_owned(), format!("{} ms", figure(median(embed)))),
        ("… search".to_owned(), format!("{} ms", figure(median(search)))),
        ("… total (p95)".to_owned(), format!("{} ms ({})", figure(median(total)), figure(percentile(total, 95.0)))),
    ];
    let mut text = "| the demo shop | |\n| --- | ---: |\n".to_owned();
    for (what, value) in rows {
        text.extend([format!("| {what} | {value} |\n")]);
    }
    Ok(Section { text })
}

/// Where `make setup` puts the demo catalogue.
pub fn folder() -> Result<PathBuf> {
    let given = std::env::var_os("VETRINA_DEMO").map(PathBuf::from);
    given.map_or_else(|| Ok(super::cache()?.with_file_name("demo")), Ok)
}

/// Seconds of `vetrina import` of the demo catalogue.
fn import(binary: &Path, demo: &Path, data: &Path) -> Result<f64> {
    let began = Instant::now();
    let mut command = Command::new(binary);
    command.arg("import").arg(demo.join("products.csv")).arg("--images").arg(demo.join("images"));
    command.args(["--default-currency", "USD", "--json", "--data"]).arg(data);
    let output = command.output()?;
    ensure!(output.status.success(), "the import failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(began.elapsed().as_secs_f64())
}

fn photos(demo: &Path) -> Result<Vec<Vec<u8>>> {
    let folder = demo.join("images");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(&folder)
        .with_context(|| format!("{}: run `make setup`", folder.display()))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    paths.sort();
    paths.iter().map(|path| Ok(std::fs::read(path)?)).collect()
}
