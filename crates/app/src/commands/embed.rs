//! `vetrina embed`: embeddings of pictures, one line each.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};
use vetrina_engine::Engine;
use vetrina_engine::space::Embedding;

use super::Context;
use super::evaluate::Gallery;
use crate::output::{Exit, Failure, print, print_json};

/// Arguments of `embed`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Pictures: files or addresses
    #[arg(value_name = "IMAGE", required_unless_present = "feed", conflicts_with = "feed")]
    images: Vec<String>,
    /// The pictures of a feed instead
    #[arg(long, value_name = "FEED")]
    feed: Option<PathBuf>,
    /// Space of the embeddings: id of a trained one; the default one unless told
    #[arg(long, value_name = "ID")]
    space: Option<String>,
}

/// Runs it.
pub fn run(context: &Context, arguments: Arguments) -> Result<Exit, Failure> {
    let space = super::space::chosen(context, arguments.space.as_deref())?;
    match &arguments.feed {
        None => {
            let scratch = Scratch::new(context)?;
            let engine = scratch.engine();
            engine.warm_up()?;
            let mut exit = Exit::Done;
            for image in &arguments.images {
                let result = engine.read_picture(image).and_then(|bytes| engine.embed_in(&space, &bytes, None));
                let result = result.map(|(embedding, _)| embedding).map_err(Failure::from);
                exit = exit.max(line(context, image, None, result)?);
            }
            Ok(exit)
        }
        Some(feed) => {
            let gallery = Gallery::read(context, feed)?;
            let mut exit = Exit::Done;
            gallery.each_image(&space, |product, image, result| {
                exit = exit.max(line(context, image, Some(product), result)?);
                Ok(())
            })?;
            for problem in gallery.problems()? {
                let item = problem.field.clone().or_else(|| problem.id.clone()).unwrap_or_default();
                let failure = Failure::new(&problem.code, problem.reason, problem.hint);
                exit = exit.max(line(context, &item, problem.id.as_deref(), Err(failure))?);
            }
            Ok(exit)
        }
    }
}

/// Prints one picture's line.
fn line(
    context: &Context,
    image: &str,
    product: Option<&str>,
    result: Result<Embedding, Failure>,
) -> Result<Exit, Failure> {
    let mut document = json!({"image": image});
    if let Some(product) = product {
        document["product_id"] = product.into();
    }
    match result {
        Ok(embedding) => {
            if context.json {
                document["space"] = embedding.space().to_string().into();
                document["embedding"] = Value::from(embedding.vector().to_vec());
                print_json(&document)?;
            } else {
                let numbers: Vec<String> = embedding.vector().iter().map(ToString::to_string).collect();
                print(&format!("{}\t{}\t{}", crate::output::harmless(image), embedding.space(), numbers.join(" ")))?;
            }
            Ok(Exit::Done)
        }
        Err(failure) => {
            if context.json {
                document["error"] = failure.document();
                print_json(&document)?;
            } else {
                failure.with_item(image).tell(false);
            }
            Ok(Exit::ItemErrors)
        }
    }
}

/// An engine over an empty folder that goes when it is dropped: for commands that read pictures, not catalogues.
#[derive(Debug)]
pub struct Scratch {
    engine: std::sync::Arc<Engine>,
    // After the engine, so that the folder is there until it is closed.
    _folder: tempfile::TempDir,
}

impl Scratch {
    /// Opens one with the settings of the command.
    ///
    /// # Errors
    /// When there is no room for temporary files.
    pub fn new(context: &Context) -> Result<Self, Failure> {
        let folder = tempfile::Builder::new().prefix("vetrina-").tempdir().map_err(|error| {
            Failure::new("disk", format!("cannot make a temporary folder: {error}"), "look at the disk, or set TMPDIR")
        })?;
        let mut options = context.settings.engine.clone();
        folder.path().clone_into(&mut options.data);
        Ok(Self { engine: Engine::open(options)?, _folder: folder })
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The engine, to be shared.
    pub fn shared(&self) -> &std::sync::Arc<Engine> {
        &self.engine
    }
}

/// A source of a picture that stands beside the file which names it.
pub fn beside(file: &Path, source: &str) -> String {
    let path = Path::new(source);
    if source.contains("://") || source.starts_with("data:") || path.is_absolute() || path.is_file() {
        return source.to_owned();
    }
    file.parent().unwrap_or(Path::new("")).join(path).to_string_lossy().into_owned()
}
