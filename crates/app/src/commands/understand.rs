//! `vetrina understand`: what a picture shows.

use clap::Args;
use vetrina_engine::engine::CatalogueName;
use vetrina_engine::image::Quality;
use vetrina_engine::understand::Understood;
use vetrina_engine::{Engine, EngineError};

use super::embed::Scratch;
use super::{Context, catalogue};
use crate::output::{Exit, Failure, Table, harmless, print, print_json};

/// Arguments of `understand`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The picture: a file or an address
    #[arg(value_name = "IMAGE")]
    image: String,
    /// Catalogue whose categories and attributes are guessed [default: `default`, where there is one]
    #[arg(long, short, value_parser = catalogue, value_name = "C")]
    catalogue: Option<CatalogueName>,
}

/// Runs it.
pub fn run(context: &Context, arguments: Arguments) -> Result<Exit, Failure> {
    let understood = match &arguments.catalogue {
        Some(name) => understand(&*context.engine()?, Some(name), &arguments.image)?,
        None => by_default(context, &arguments.image)?,
    };
    if context.json {
        print_json(&understood)?
    } else {
        print_all(&understood)?
    }
    Ok(Exit::Done)
}

/// With the default catalogue where there is one that nobody else has open; else without any.
fn by_default(context: &Context, image: &str) -> Result<Understood, Failure> {
    let name = super::catalogue("default").map_err(|error| Failure::arguments(error, "see --help"))?;
    if context.settings.engine.data.join("vetrina.db").is_file() {
        match Engine::open(context.settings.engine.clone()) {
            Ok(engine) => {
                let there = engine.catalogues()?.iter().any(|catalogue| catalogue.name == name);
                return understand(&engine, there.then_some(&name), image);
            }
            Err(EngineError::InUse { path }) => {
                let path = path.display();
                eprintln!("{path} is in use by another process: no categories and attributes; ask its server instead");
            }
            Err(error) => return Err(error.into()),
        }
    }
    understand(Scratch::new(context)?.engine(), None, image)
}

fn understand(engine: &Engine, catalogue: Option<&CatalogueName>, image: &str) -> Result<Understood, Failure> {
    let bytes = engine.read_picture(image)?;
    engine.understand(catalogue, &bytes).map_err(|error| Failure::from(error).with_item(image))
}

fn print_all(understood: &Understood) -> Result<(), Failure> {
    let mut table = Table::new(&["what", "", "likely"]);
    table.right(2);
    let percent = |share: f32| format!("{:.0} %", share * 100.0);
    for region in &understood.regions {
        let [x, y, width, height] = <[f32; 4]>::from(region.r#box);
        table.row(["region".into(), format!("{x:.2},{y:.2},{width:.2},{height:.2}"), percent(region.confidence)]);
    }
    for category in &understood.categories {
        table.row(["category".into(), category.path.clone(), percent(category.probability)]);
    }
    for (name, values) in &understood.attributes {
        for guess in values {
            table.row([name.clone(), guess.value.clone(), percent(guess.probability)]);
        }
    }
    for colour in &understood.colours {
        table.row(["colour".into(), format!("{} {}", colour.hex, colour.name), percent(colour.share)]);
    }
    for name in &understood.names {
        table.row(["looks like".into(), name.name.clone(), percent(name.probability)]);
    }
    table.print()?;
    if let Some(quality) = &understood.quality {
        print(&measures(quality))?;
    }
    for finding in understood.findings.iter().flatten() {
        print(&harmless(&format!("{}: {}; {}", finding.code, finding.says, finding.hint)))?;
    }
    Ok(())
}

/// The measures in one line.
fn measures(quality: &Quality) -> String {
    let figure =
        |name: &str, value: Option<f32>| value.map_or_else(String::new, |value| format!(", {name} {value:.1}"));
    format!(
        "{} × {} pixels{}{}{}, subject {:.0} % of the picture, background {}",
        quality.width,
        quality.height,
        figure("blur σ", quality.blur),
        figure("noise σ", quality.noise),
        figure("JPEG blocks", quality.blocks),
        quality.subject.area * 100.0,
        match quality.background.kind {
            vetrina_engine::image::Behind::White => "white",
            vetrina_engine::image::Behind::Plain => "of one colour",
            vetrina_engine::image::Behind::Busy => "busy",
        }
    )
}
