//! `vetrina space`: what embeddings are made in. There is one space now, the default one.

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use vetrina_engine::Engine;

use super::Context;
use super::embed::Scratch;
use crate::output::{Exit, Failure, Table, print, print_json};

/// Arguments of `space`.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the spaces
    List,
    /// Show one
    Show {
        /// Its id, or `default`
        #[arg(value_name = "ID")]
        id: String,
    },
}

/// Runs it.
pub fn run(context: &Context, arguments: Arguments) -> Result<Exit, Failure> {
    let scratch = Scratch::new(context)?;
    let engine = scratch.engine();
    let document = describe(engine);
    match arguments.action {
        Action::List if context.json => print_json(&json!({"spaces": [document]}))?,
        Action::List => {
            let mut table = Table::new(&["space", "model", "numbers", "active"]);
            table.row(["id", "model", "dimensions", "active"].map(|key| text(&document[key])));
            table.print()?;
        }
        Action::Show { id } => {
            only_default(engine, Some(&id))?;
            if context.json {
                print_json(&document)?;
            } else {
                for (key, value) in document.as_object().into_iter().flatten() {
                    print(&format!("{key:<12}{}", text(value)))?;
                }
            }
        }
    }
    Ok(Exit::Done)
}

fn describe(engine: &Engine) -> Value {
    let space = engine.space();
    json!({"id": space.id().to_string(), "model": space.model(), "dimensions": space.dim(), "head": "default", "active": true})
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        other => other.to_string(),
    }
}

/// Refuses a space that is not there.
///
/// # Errors
/// When `id` names another than the default space.
pub fn only_default(engine: &Engine, id: Option<&str>) -> Result<(), Failure> {
    let own = engine.space().id().to_string();
    match id {
        None | Some("default") => Ok(()),
        Some(id) if id == own => Ok(()),
        Some(id) => Err(Failure::new(
            "no-such-space",
            format!("there is no space `{id}`"),
            format!("the default space is {own}"),
        )
        .with_item(id)),
    }
}
