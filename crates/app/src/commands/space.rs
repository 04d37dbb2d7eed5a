//! `vetrina space`: what a catalogue's embeddings are made in: trained, compared, promoted, rolled back.

use std::sync::Arc;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use vetrina_engine::engine::{
    CatalogueName, FusedReport, Job, JobState, Learned, PromoteRequest, SpaceInfo, TrainReport, TrainRequest, Trained,
    UnlabelledReport, WithWords, WordsReport,
};
use vetrina_engine::space::Space;
use vetrina_engine::{Engine, EngineError};

use super::interrupt::Interrupt;
use super::{Context, catalogue};
use crate::output::{Exit, Failure, ImportBar, Table, print, print_json};

/// Arguments of `space`.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
    /// The catalogue
    #[arg(long, short, global = true, default_value = "default", value_parser = catalogue, value_name = "C")]
    catalogue: CatalogueName,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the spaces of a catalogue
    List,
    /// Show one, with where it comes from and how it compared
    Show {
        /// Its id, `default` or `active`
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Make one the active space; searches go on all the while
    Promote {
        /// Its id, or `default`
        #[arg(value_name = "ID")]
        id: String,
        /// Even when it was found to be worse than the one in use
        #[arg(long)]
        force: bool,
    },
    /// Go back to the space before the last promotion
    Rollback,
    /// Make a space of what the catalogue has, and compare it with the one in use
    Train(Train),
}

#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools, reason = "flags of a command are what they are")]
struct Train {
    /// Learn from labels: category, brand, group, product, or the name of an attribute
    #[arg(long, value_name = "FIELD", conflicts_with = "unsupervised")]
    labels: Option<String>,
    /// Learn from the pictures alone
    #[arg(long, conflicts_with = "confirmed")]
    unsupervised: bool,
    /// Learn from matches that people confirmed or rejected, and from what shoppers did
    #[arg(long)]
    confirmed: bool,
    /// Bring words into the space, so that they find pictures; alone: into the active one
    #[arg(long)]
    words: bool,
    /// Promote it when it is no worse than the one in use
    #[arg(long)]
    promote: bool,
}

/// Runs it.
pub fn run(context: &Context, arguments: Arguments) -> Result<Exit, Failure> {
    let engine = context.engine()?;
    let name = arguments.catalogue;
    match arguments.action {
        Action::List => list(context, &engine, &name)?,
        Action::Show { id } => {
            let info = match engine.space_of(&name, &id) {
                // Without a catalogue there is the space of the build.
                Err(EngineError::NoSuchCatalogue { .. }) => {
                    let space = engine.find_space(&id)?;
                    print_json_or(context, &of_build(&space))?;
                    return Ok(Exit::Done);
                }
                info => info?,
            };
            show(context, &info)?;
        }
        Action::Promote { id, force } => {
            let request = PromoteRequest { catalogue: name, space: id, force };
            let job = watched(&engine, "promoting", |watch| engine.promote(request, watch))?;
            ended(&job)?;
            let result = job.result.unwrap_or_default();
            if context.json {
                print_json(&result)?;
            } else {
                print(&format!("space {} is active; `vetrina space rollback` goes back", text(&result["space"])))?;
            }
        }
        Action::Rollback => {
            let space = engine.rollback_space(&name)?;
            if context.json {
                print_json(&json!({"space": space}))?;
            } else {
                print(&format!("space {space} is active again"))?;
            }
        }
        Action::Train(train) => return run_training(context, &engine, name, train),
    }
    Ok(Exit::Done)
}

fn run_training(context: &Context, engine: &Arc<Engine>, name: CatalogueName, train: Train) -> Result<Exit, Failure> {
    let space = train.labels.is_some() || train.unsupervised || train.confirmed;
    let words = match (train.words, space) {
        (false, _) => WithWords::No,
        (true, true) => WithWords::Also,
        (true, false) => WithWords::Only,
    };
    if !space && !train.words {
        return Err(Failure::arguments(
            "it was not said what to learn from",
            "--labels category|brand|group|ATTRIBUTE, --confirmed, --unsupervised, or --words",
        ));
    }
    let request = TrainRequest {
        catalogue: name,
        learned: Learned { labels: train.labels, confirmed: train.confirmed },
        promote: train.promote,
        words,
    };
    let job = watched(engine, "training", |watch| engine.train(request, watch))?;
    ended(&job)?;
    let result = job.result.unwrap_or_default();
    if context.json {
        print_json(&result)?;
        return Ok(Exit::Done);
    }
    if words == WithWords::Only {
        let report: WordsReport = serde_json::from_value(result["report"]["words"].clone())
            .map_err(|error| Failure::new("job", format!("the job's result cannot be read: {error}"), ""))?;
        print(&format!("words of space {}", text(&result["space"])))?;
        print_words(&report)?;
        return Ok(Exit::Done);
    }
    let trained: Trained = serde_json::from_value(result.clone())
        .map_err(|error| Failure::new("job", format!("the job's result cannot be read: {error}"), ""))?;
    print(&format!("space {} from {}", trained.space, trained.report.learned))?;
    print_report(&trained.report)?;
    match (result["promoted"].as_bool(), trained.report.gate.passes) {
        (Some(true), _) => print("It is active now; `vetrina space rollback` goes back."),
        (_, true) => print(&format!("`vetrina space promote {}` makes it the active one.", trained.space)),
        (_, false) => print("It would not be let through; `vetrina space promote ID --force` does it all the same."),
    }?;
    Ok(Exit::Done)
}

/// Lets a job run in this thread, with a bar, so that Ctrl-C cancels it.
fn watched(
    engine: &Arc<Engine>,
    what: &str,
    run: impl FnOnce(&(dyn Fn(&Job) + Sync)) -> Result<Job, EngineError>,
) -> Result<Job, Failure> {
    let interrupt = Interrupt::watch(engine)?;
    let bar = ImportBar::new(what);
    Ok(run(&|job| {
        interrupt.is_at(&job.id);
        bar.show(job);
    })?)
}

fn ended(job: &Job) -> Result<(), Failure> {
    if job.state == JobState::Done {
        return Ok(());
    }
    let hint = format!("`vetrina job resume {}` begins it again", job.id);
    Err(Failure::new("cancelled", "cancelled; nothing was changed", hint).with_item(job.id.clone()))
}

fn list(context: &Context, engine: &Engine, name: &CatalogueName) -> Result<(), Failure> {
    let spaces = match engine.spaces(name) {
        Err(EngineError::NoSuchCatalogue { .. }) if *name == CatalogueName::default() => vec![of_build(engine.space())],
        spaces => spaces?.iter().map(|info| json!(info)).collect(),
    };
    if context.json {
        return print_json(&json!({"catalogue": name, "spaces": spaces}));
    }
    let mut table = Table::new(&["space", "active", "from", "numbers", "pictures", "gate", "trained"]);
    for space in &spaces {
        let standing = if space["active"] == true {
            "active"
        } else if space["previous"] == true {
            "previous"
        } else {
            ""
        };
        let gate = match space["report"]["gate"]["passes"].as_bool() {
            Some(true) => "passes",
            Some(false) => "worse",
            None => "",
        };
        let from = space["report"]["learned"].as_str().unwrap_or("the build");
        let made = space["provenance"]["trained_at"].as_str().unwrap_or_default();
        table.row([
            text(&space["id"]),
            standing.to_owned(),
            space["trouble"].as_str().unwrap_or(from).to_owned(),
            text(&space["dimensions"]),
            text(&space["provenance"]["pictures"]),
            gate.to_owned(),
            made.get(..16).unwrap_or_default().replace('T', " "),
        ]);
    }
    table.print()
}

fn show(context: &Context, info: &SpaceInfo) -> Result<(), Failure> {
    if context.json {
        return print_json(info);
    }
    let document = json!(info);
    for key in ["id", "model", "dimensions", "head", "active", "previous", "trouble"] {
        if !document[key].is_null() {
            print(&format!("{key:<12}{}", text(&document[key])))?;
        }
    }
    for (key, value) in document["provenance"].as_object().into_iter().flatten() {
        print(&format!("{key:<12}{}", text(value)))?;
    }
    info.report.as_ref().map_or(Ok(()), print_report)
}

fn print_report(report: &TrainReport) -> Result<(), Failure> {
    print(&format!(
        "{} products, {} pictures, {} labels, {} pairs; {:.1} s; compared with {}",
        report.products, report.pictures, report.labels, report.pairs, report.seconds, report.against
    ))?;
    for line in report.gate.reasons.iter().chain(&report.notes) {
        print(&format!("  {line}"))?;
    }
    if let Some(layers) = &report.layers {
        print_fused("The model's inner layers", "what inner layers of the model say", layers)?;
    }
    if let Some(colours) = &report.colours {
        print_fused("Colours", "the colours of the subject", colours)?;
    }
    if let Some(unlabelled) = &report.unlabelled {
        print_unlabelled(unlabelled)?;
    }
    report.words.as_ref().map_or(Ok(()), print_words)
}

fn print_fused(what: &str, seen: &str, report: &FusedReport) -> Result<(), Failure> {
    print(&if report.fused {
        format!("  {what} are fused: beside the pooled vector the head sees {seen}. With them against without:")
    } else {
        format!(
            "  {what} are not fused: with them it would not be better on the whole, or worse on one task. With them against without:"
        )
    })?;
    print_tasks(report)
}

fn print_unlabelled(report: &UnlabelledReport) -> Result<(), Failure> {
    let photos = report.photos;
    let beside = if report.anchored { ", with directions of the default head beside what they teach" } else { "" };
    let layers = if report.layers { "; the head sees the model's inner layers" } else { "" };
    print(&if report.compared.fused {
        format!(
            "  {photos} photos that nobody labelled are learned from, too, by what they are taken for{beside}{layers}. With them against without:"
        )
    } else {
        format!(
            "  {photos} photos that nobody labelled are not learned from: with them it would not be better, or not pass. With them against without:"
        )
    })?;
    print_tasks(&report.compared)
}

fn print_tasks(report: &FusedReport) -> Result<(), Failure> {
    for task in &report.tasks {
        let points = |share: f64| share * 100.0;
        print(&format!(
            "    {}: mAP {:.1} against {:.1}, difference {:+.1} [{:+.1}, {:+.1}]",
            task.task.words(),
            points(task.new.map),
            points(task.current.map),
            points(task.map_difference.mean),
            points(task.map_difference.low),
            points(task.map_difference.high),
        ))?;
    }
    Ok(())
}

fn print_words(report: &WordsReport) -> Result<(), Failure> {
    print(&format!("  {} words and word pairs from {} products", report.vocabulary, report.products))?;
    if let Some(found) = report.recall_at_10 {
        print(&format!(
            "  {} titles that were left out, {} pictures: the very product among the first ten for {:.0} % ({:.0} to {:.0}; chance {:.1})",
            report.queries,
            report.pictures,
            found.mean * 100.0,
            found.low * 100.0,
            found.high * 100.0,
            report.chance * 100.0
        ))?;
    }
    print(match (report.used, report.recall_at_10) {
        (true, _) => "  Words find pictures in this space.",
        (false, Some(_)) => "  That is not clearly more than chance: words are not used.",
        (false, None) => "  Too few products to try it: words are not used.",
    })
}

/// The space of the build as a document, where there is no catalogue.
fn of_build(space: &Space) -> Value {
    json!({"id": space.id(), "model": space.model(), "dimensions": space.dim(), "head": "default", "active": true, "previous": false})
}

fn print_json_or(context: &Context, document: &Value) -> Result<(), Failure> {
    if context.json {
        return print_json(document);
    }
    for (key, value) in document.as_object().into_iter().flatten() {
        print(&format!("{key:<12}{}", text(value)))?;
    }
    Ok(())
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// The space that a command was told to embed in: the one of the build unless told, a trained one by its id.
///
/// # Errors
/// When there is no such space, or its file is damaged.
pub fn chosen(context: &Context, id: Option<&str>) -> Result<Arc<Space>, Failure> {
    Ok(Engine::find_space_in(&context.settings.engine.data, id.unwrap_or("default"))?)
}
