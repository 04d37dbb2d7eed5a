//! What photos teach, through the front door: real catalogues are imported, a server is told of shoppers' photos, a space is trained, and photos that
//! nobody told of ask in it. All of it by the shipped binary.
//!
//! The first half of each product's photos in `groceries` may teach, the other half asks for the products. In a large catalogue the products of
//! `fashion` stand beside them.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rayon::prelude::*;
use serde_json::{Value, json};

use crate::bench::{Server, agent, binary};
use crate::data::{self, Groceries, Picture};
use crate::section::{self, EVALUATION};

/// What a shop knows of its shoppers' photos.
struct Case {
    /// The products of `fashion` are in the catalogue, too.
    large: bool,
    /// How many photos somebody confirmed: one each of so many products, or all that may teach.
    confirmed: usize,
    /// Whether the others that may teach came with events, so that nobody said what they show.
    others: bool,
}

const CASES: [Case; 8] = [
    Case { large: false, confirmed: 1303, others: false },
    Case { large: false, confirmed: 81, others: false },
    Case { large: false, confirmed: 81, others: true },
    Case { large: true, confirmed: 15, others: false },
    Case { large: true, confirmed: 30, others: false },
    Case { large: true, confirmed: 60, others: false },
    Case { large: true, confirmed: 81, others: false },
    Case { large: true, confirmed: 81, others: true },
];

impl Case {
    fn catalogue(&self) -> String {
        let size = if self.large { "large" } else { "small" };
        format!("{size}-{}{}", self.confirmed, if self.others { "-others" } else { "" })
    }

    /// The photos that somebody confirmed, and those of which nobody said what they show.
    fn photos<'g>(&self, groceries: &'g Groceries) -> (Vec<&'g Picture>, Vec<&'g Picture>) {
        let products = groceries.studio.len();
        // Every product has one before any has two; of fewer than there are products, spread over all of them.
        let chosen = |picture: &Picture, place: usize| {
            let at = picture.label as usize * self.confirmed;
            self.confirmed > products || place == 0 && at / products != (at + self.confirmed) / products
        };
        let may_teach =
            groceries.photos.iter().zip(&groceries.order).filter(|(_, (place, count))| place < &(count / 2));
        let (confirmed, others): (Vec<_>, Vec<_>) =
            may_teach.partition(|&(picture, &(place, _))| chosen(picture, place));
        let pictures = |photos: Vec<(&'g Picture, _)>| photos.into_iter().map(|(picture, _)| picture).collect();
        (pictures(confirmed), if self.others { pictures(others) } else { Vec::new() })
    }
}

/// The folder of a run, and the feeds.
struct Shop {
    data: PathBuf,
    groceries: String,
    fashion: String,
    /// Photos that ask, and the product of each.
    questions: String,
    ids: Vec<String>,
}

pub fn run(folder: Option<PathBuf>, write: bool) -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let shop = Shop::new(&folder.unwrap_or_else(|| scratch.path().to_owned()))?;
    let groceries = data::groceries()?;
    shop.write_questions(&groceries)?;
    for case in &CASES {
        shop.import(case)?;
    }
    let server = Server::over(&shop.data)?;
    for case in &CASES {
        shop.tell(&server, case, &groceries)?;
    }
    drop(server);
    let mut table = format!(
        "By `vetrina-lab front-door`, {}; commands of the shipped binary, one after another.\n\n\
         | products | confirmed | others, as events | seconds | *same product* (default space) | *unseen product* (default space) | gate | events \
         | R@1 / mAP of the photos that ask |\n\
         | ---: | ---: | ---: | ---: | ---: | ---: | --- | --- | ---: |\n",
        chrono::Utc::now().date_naive()
    );
    writeln!(table, "| | none: default space | | | | | | | {} |", shop.ask(None)?)?;
    for case in &CASES {
        let line = shop.train(case, &groceries)?;
        eprintln!("{line}");
        table += &line;
        table.push('\n');
    }
    print!("{table}");
    if write { section::write(EVALUATION, "Evaluation", "front-door", &table) } else { Ok(()) }
}

impl Shop {
    fn new(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let feed = |name: &str| text(&data::root().join(name).join("products.csv").canonicalize()?);
        let (groceries, fashion) = (feed("groceries")?, feed("fashion")?);
        let mut rows = csv::Reader::from_path(&groceries)?;
        let ids = rows.records().map(|row| Ok(row?.get(0).context("no id")?.to_owned())).collect::<Result<_>>()?;
        Ok(Self { data: folder.join("data"), groceries, fashion, questions: text(&folder.join("questions.csv"))?, ids })
    }

    fn write_questions(&self, groceries: &Groceries) -> Result<()> {
        let mut file = csv::Writer::from_path(&self.questions)?;
        file.write_record(["image", "product_id"])?;
        for (photo, (place, count)) in groceries.photos.iter().zip(&groceries.order) {
            if *place >= count / 2 {
                file.write_record([&text(&photo.path.canonicalize()?)?, &self.ids[photo.label as usize]])?;
            }
        }
        Ok(file.flush()?)
    }

    fn import(&self, case: &Case) -> Result<()> {
        let catalogue = case.catalogue();
        let mut words = vec!["import", "--catalogue", &catalogue, &self.groceries];
        words.extend(case.large.then_some(self.fashion.as_str()));
        self.vetrina(&words).map(drop)
    }

    /// Tells the server of the photos, with the words of its API.
    fn tell(&self, server: &Server, case: &Case, groceries: &Groceries) -> Result<()> {
        let (confirmed, others) = case.photos(groceries);
        ensure!(confirmed.len() == case.confirmed, "{}: {} photos", case.catalogue(), confirmed.len());
        let url = |what: &str| format!("{}/v1/catalogues/{}/{what}", server.url, case.catalogue());
        let photo =
            |picture: &Picture| -> Result<Value> { Ok(json!({"data": STANDARD.encode(fs::read(&picture.path)?)})) };
        let post = |url: &str, body: &Value| -> Result<()> {
            let mut answer = agent().post(url).header("content-type", "application/json").send(body.to_string())?;
            let text = answer.body_mut().read_to_string()?;
            ensure!(answer.status().is_success(), "{url}: {} {text}", answer.status());
            Ok(())
        };
        confirmed.par_iter().try_for_each(|picture| {
            let product = &self.ids[picture.label as usize];
            let review = json!({"photo": photo(picture)?, "product": product, "verdict": "confirmed", "by": "lab"});
            post(&url("reviews"), &review)
        })?;
        others.par_iter().try_for_each(|picture| {
            post(&url("events"), &json!({"type": "search", "photo": photo(picture)?, "user": "lab"}))
        })
    }

    /// Trains a space and asks in it: a line of the table.
    fn train(&self, case: &Case, groceries: &Groceries) -> Result<String> {
        let began = Instant::now();
        let trained = self.vetrina(&["space", "train", "--confirmed", "--catalogue", &case.catalogue()])?;
        let seconds = began.elapsed().as_secs_f64();
        let report = &trained["report"];
        let task = |name: &str| {
            let task = report["tasks"].as_array()?.iter().find(|task| task["task"] == name)?;
            let percent = |which: &str| Some(task[which]["map"].as_f64()? * 100.0);
            Some(format!("{:.1} ({:.1})", percent("new")?, percent("current")?))
        };
        let task = |name: &str| task(name).unwrap_or_else(|| "–".to_owned());
        let gate = if report["gate"]["passes"] == true { "passes" } else { "refuses" };
        let events = match (report["unlabelled"].is_object(), report["unlabelled"]["fused"] == true) {
            (true, true) if report["unlabelled"]["anchored"] == true => "learned from, with a light anchor",
            (true, true) => "learned from, alone",
            (true, false) => "not learned from",
            (false, _) => "",
        };
        let products = report["products"].as_u64().context("no products in the report")?;
        let found = self.ask(Some(trained["space"].as_str().context("no space was kept")?))?;
        Ok(format!(
            "| {products} | {} | {} | {seconds:.0} | {} | {} | {gate} | {events} | {found} |",
            case.confirmed,
            case.photos(groceries).1.len(),
            task("same_product"),
            task("unseen_product"),
        ))
    }

    /// R@1 and mAP of the photos that ask, per cent.
    fn ask(&self, space: Option<&str>) -> Result<String> {
        let space = space.unwrap_or("default");
        let asked = ["evaluate", "--space", space, "--gallery", &self.groceries, "--queries", &self.questions];
        let found = self.vetrina(&asked)?;
        let percent = |what: &str| Ok::<_, anyhow::Error>(100.0 * found[what].as_f64().context("no figure")?);
        Ok(format!("{:.1} / {:.1}", percent("recall@1")?, percent("map")?))
    }

    /// What a command of the binary answers.
    fn vetrina(&self, words: &[&str]) -> Result<Value> {
        let mut command = Command::new(binary()?);
        command.args(words).arg("--json").arg("--data").arg(&self.data);
        let Output { status, stdout, stderr } =
            command.stdin(Stdio::null()).env("VETRINA_LOG_LEVEL", "warn").output()?;
        ensure!(status.success(), "{words:?}: {status}\n{}", String::from_utf8_lossy(&stderr));
        // An import of two feeds answers with two documents: the last one is told.
        let answers = serde_json::Deserializer::from_slice(&stdout).into_iter::<Value>();
        answers.last().with_context(|| format!("{words:?} said nothing"))?.context("the answer is not JSON")
    }
}

/// A path as it stands in a table or on a command line.
fn text(path: &Path) -> Result<String> {
    Ok(path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))?.to_owned())
}
