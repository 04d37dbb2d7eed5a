//! `vetrina evaluate`: how well queries find their product.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use vetrina_engine::Engine;
use vetrina_engine::engine::{CatalogueName, FeedSource, ImportRequest, ItemError, JobState};
use vetrina_engine::image::ImageHash;
use vetrina_engine::learn::{Report, evaluate};
use vetrina_engine::search::SearchRequest;
use vetrina_engine::space::{Embedding, Space};

use super::Context;
use super::embed::{Scratch, beside};
use super::interrupt::Interrupt;
use crate::output::{Exit, Failure, ImportBar, Table, print, print_json, print_problems};

/// Arguments of `evaluate`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Feed of the products that are searched
    #[arg(long, value_name = "FEED")]
    gallery: PathBuf,
    /// CSV with the columns `image` or `text`, and `product_id`
    #[arg(long, value_name = "CSV")]
    queries: PathBuf,
    /// Folder or zip where the gallery's relative pictures are looked for first
    #[arg(long, value_name = "DIR")]
    images: Option<PathBuf>,
    /// Space to evaluate: id of a trained one; the default one unless told
    #[arg(long, value_name = "ID")]
    space: Option<String>,
}

/// Products at a time.
const PAGE: usize = 500;
/// How far down a text query is read, and what counts as not found.
const DEPTH: usize = 1000;

/// Runs it.
pub fn run(context: &Context, arguments: Arguments) -> Result<Exit, Failure> {
    let space = super::space::chosen(context, arguments.space.as_deref())?;
    let queries = Queries::read(&arguments.queries)?;
    let gallery = Gallery::read_with(context, &arguments.gallery, arguments.images.clone())?;
    let mut problems = gallery.problems()?;
    let report = match queries.kind {
        QueryKind::Image => by_image(&gallery, &space, &queries, &arguments.queries, &mut problems)?,
        QueryKind::Text => by_text(&gallery, &queries)?,
    };
    let space = space.id().to_string();
    if context.json {
        print_json(&json!({
            "queries": report.queries, "products": report.products,
            "recall@1": report.recall_at_1, "recall@5": report.recall_at_5, "recall@10": report.recall_at_10,
            "map": report.map, "median_rank": report.median_rank, "space": space, "errors": problems,
        }))?;
    } else {
        let mut table = Table::new(&["queries", "products", "recall@1", "recall@5", "recall@10", "map", "median rank"]);
        let share = |value: f32| format!("{value:.3}");
        table.row([
            report.queries.to_string(),
            report.products.to_string(),
            share(report.recall_at_1),
            share(report.recall_at_5),
            share(report.recall_at_10),
            share(report.map),
            report.median_rank.to_string(),
        ]);
        table.print()?;
        print(&format!("space {space}"))?;
        print_problems(&problems[..problems.len().min(20)], problems.len().saturating_sub(20) as u64)?;
    }
    Ok(if problems.is_empty() { Exit::Done } else { Exit::ItemErrors })
}

fn by_image(
    gallery: &Gallery,
    space: &Space,
    queries: &Queries,
    file: &Path,
    problems: &mut Vec<ItemError>,
) -> Result<Report, Failure> {
    let engine = gallery.engine();
    let mut rows: Vec<(String, Embedding)> = Vec::new();
    gallery.each_image(space, |product, image, result| {
        match result {
            Ok(embedding) => rows.push((product.to_owned(), embedding)),
            Err(failure) => problems.push(problem(0, product, image, &failure)),
        }
        Ok(())
    })?;
    let mut asked: Vec<(String, Embedding)> = Vec::new();
    for query in &queries.rows {
        let source = beside(file, &query.ask);
        match engine.read_picture(&source).and_then(|bytes| engine.embed_in(space, &bytes, None)) {
            Ok((embedding, _)) => asked.push((query.product.clone(), embedding)),
            Err(error) => problems.push(problem(query.line, &query.product, &query.ask, &error.into())),
        }
    }
    evaluate(&rows, &asked)
        .map_err(|error| Failure::new("nothing-to-evaluate", error.to_string(), "look at gallery and queries"))
}

/// Words are asked of the search itself, since they are ranked by the index and not by an embedding alone.
fn by_text(gallery: &Gallery, queries: &Queries) -> Result<Report, Failure> {
    let engine = gallery.engine();
    let products = engine.products(&gallery.catalogue, 1, 0)?.total as usize;
    let mut places = Vec::with_capacity(queries.rows.len());
    for query in &queries.rows {
        let text = Some(query.ask.clone());
        let request = SearchRequest { text, limit: DEPTH.min(products.max(1)), ..SearchRequest::default() };
        let response = engine.search(&gallery.catalogue, &request, &[])?;
        places.push(response.hits.iter().position(|hit| hit.product.id == query.product));
    }
    let share = |within: usize| {
        places.iter().filter(|place| place.is_some_and(|place| place < within)).count() as f32 / places.len() as f32
    };
    let mut ranks: Vec<usize> = places.iter().map(|place| place.unwrap_or(products) + 1).collect();
    ranks.sort_unstable();
    let precision: f64 = places.iter().map(|place| place.map_or(0.0, |place| 1.0 / (place + 1) as f64)).sum();
    Ok(Report {
        queries: places.len(),
        products,
        recall_at_1: share(1),
        recall_at_5: share(5),
        recall_at_10: share(10),
        map: (precision / places.len() as f64) as f32,
        median_rank: ranks[(ranks.len() - 1) / 2],
    })
}

fn problem(line: u64, product: &str, field: &str, failure: &Failure) -> ItemError {
    ItemError {
        line,
        id: Some(product.to_owned()),
        field: Some(field.to_owned()),
        code: failure.code.clone(),
        reason: failure.what.clone(),
        hint: failure.hint.clone(),
        warning: false,
    }
}

/// A feed, imported into a folder that goes afterwards.
#[derive(Debug)]
pub struct Gallery {
    scratch: Scratch,
    catalogue: CatalogueName,
    job: String,
}

impl Gallery {
    /// Imports a feed.
    ///
    /// # Errors
    /// When the feed cannot be read.
    pub fn read(context: &Context, feed: &Path) -> Result<Self, Failure> {
        Self::read_with(context, feed, None)
    }

    fn read_with(context: &Context, feed: &Path, images: Option<PathBuf>) -> Result<Self, Failure> {
        let scratch = Scratch::new(context)?;
        let catalogue = CatalogueName::default();
        let request = ImportRequest {
            catalogue: catalogue.clone(),
            feed: FeedSource::File(feed.to_owned()),
            dialect: "auto".to_owned(),
            images,
            sync: false,
            force: false,
            currency: None,
        };
        let interrupt = Interrupt::watch(scratch.shared())?;
        let bar = ImportBar::new(&feed.file_name().unwrap_or_default().to_string_lossy());
        let job = scratch.engine().import(request, &|job| {
            interrupt.is_at(&job.id);
            bar.show(job);
        })?;
        drop(bar);
        interrupt.forget();
        if job.state != JobState::Done {
            let what = if job.message.is_empty() { "the feed was not read to its end".to_owned() } else { job.message };
            return Err(Failure::new("gallery", what, "").with_item(feed.display().to_string()));
        }
        Ok(Self { scratch, catalogue, job: job.id })
    }

    /// The engine over it.
    pub fn engine(&self) -> &Engine {
        self.scratch.engine()
    }

    /// What could not be used.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn problems(&self) -> Result<Vec<ItemError>, Failure> {
        let mut problems = Vec::new();
        loop {
            let (page, _) = self.engine().job_errors(&self.job, PAGE, problems.len())?;
            let last = page.len() < PAGE;
            problems.extend(page);
            if last {
                return Ok(problems);
            }
        }
    }

    /// Calls `each` with product, source and embedding of every picture.
    ///
    /// # Errors
    /// Those of `each`, and of the store.
    pub fn each_image(
        &self,
        space: &Space,
        mut each: impl FnMut(&str, &str, Result<Embedding, Failure>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let engine = self.engine();
        let mut offset = 0;
        loop {
            let page = engine.products(&self.catalogue, PAGE, offset)?;
            for product in &page.products {
                for image in &product.images {
                    let Some(hash) = image.hash.as_deref().and_then(|hash| hash.parse::<ImageHash>().ok()) else {
                        continue;
                    };
                    let result = engine.image(&hash).and_then(|stored| engine.embed_in(space, &stored.bytes, None));
                    each(&product.id, &image.source, result.map(|(embedding, _)| embedding).map_err(Failure::from))?;
                }
            }
            offset += page.products.len();
            if page.products.is_empty() || offset as u64 >= page.total {
                return Ok(());
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum QueryKind {
    Image,
    Text,
}

#[derive(Debug)]
struct Query {
    line: u64,
    ask: String,
    product: String,
}

#[derive(Debug)]
struct Queries {
    kind: QueryKind,
    rows: Vec<Query>,
}

impl Queries {
    fn read(file: &Path) -> Result<Self, Failure> {
        let name = file.display().to_string();
        let unreadable = |error: csv::Error| {
            Failure::new(
                "bad-queries",
                format!("cannot read the queries: {error}"),
                "a CSV with the columns image,product_id",
            )
            .with_item(name.clone())
        };
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(file).map_err(unreadable)?;
        let headings: Vec<String> = reader
            .headers()
            .map_err(unreadable)?
            .iter()
            .map(|heading| heading.trim_start_matches('\u{feff}').to_lowercase())
            .collect();
        let column = |name: &str| headings.iter().position(|heading| heading == name);
        let (kind, ask) = match (column("image"), column("text")) {
            (Some(column), _) => (QueryKind::Image, column),
            (None, Some(column)) => (QueryKind::Text, column),
            (None, None) => {
                let what = format!("the queries have no column `image` or `text`; they have {}", headings.join(", "));
                return Err(
                    Failure::arguments(what, "name the columns image,product_id or text,product_id").with_item(name)
                );
            }
        };
        let Some(product) = column("product_id") else {
            let what = "the queries have no column `product_id`";
            return Err(Failure::arguments(what, "it names the product that each query should find").with_item(name));
        };
        let mut rows = Vec::new();
        for row in reader.records() {
            let row = row.map_err(unreadable)?;
            let (Some(ask), Some(product)) = (row.get(ask), row.get(product)) else { continue };
            if !ask.is_empty() && !product.is_empty() {
                let line = row.position().map_or(0, csv::Position::line);
                rows.push(Query { line, ask: ask.to_owned(), product: product.to_owned() });
            }
        }
        if rows.is_empty() {
            return Err(
                Failure::new("bad-queries", "there are no queries in the file", "one query a row").with_item(name)
            );
        }
        Ok(Self { kind, rows })
    }
}
