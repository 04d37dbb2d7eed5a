//! Why a command ended, in two or three calm lines.

use std::ops::{Deref, DerefMut};
use std::process::ExitCode;

use serde_json::{Value, json};
use vetrina_engine::EngineError;
use vetrina_engine::engine::ErrorKind;

use super::{colours, say};
use crate::settings::SettingsError;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// 0: done.
    Done,
    /// 1: failed.
    Failed,
    /// 2: bad arguments.
    BadArguments,
    /// 3: done, with item errors.
    ItemErrors,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::BadArguments => 2,
            Exit::ItemErrors => 3,
        })
    }
}

/// Why a command ended. Boxed, so that a result that went well is not as large as one that did not.
#[derive(Debug)]
pub struct Failure(Box<Details>);

/// What happened, to which item, and what to do.
#[derive(Debug)]
pub struct Details {
    /// How the program ends.
    pub exit: Exit,
    /// Kebab-case name.
    pub code: String,
    /// What happened.
    pub what: String,
    /// The item at fault.
    pub item: Option<String>,
    /// What to do; may be empty.
    pub hint: String,
    /// Column of the filter that is at fault, from 1.
    pub column: Option<usize>,
    /// The filter with a caret under that column.
    pub pointed: Option<String>,
    /// Nothing is to be said: whoever reads has gone.
    silent: bool,
}

impl Deref for Failure {
    type Target = Details;

    fn deref(&self) -> &Details {
        &self.0
    }
}

impl DerefMut for Failure {
    fn deref_mut(&mut self) -> &mut Details {
        &mut self.0
    }
}

impl Failure {
    /// A command that failed.
    pub fn new(code: &str, what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self(Box::new(Details {
            exit: Exit::Failed,
            code: code.to_owned(),
            what: what.into(),
            item: None,
            hint: hint.into(),
            column: None,
            pointed: None,
            silent: false,
        }))
    }

    /// Arguments that cannot be used.
    pub fn arguments(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new("bad-arguments", what, hint).with_exit(Exit::BadArguments)
    }

    /// Standard output cannot be written. A closed pipe (`vetrina … | head`) is not worth a word.
    pub fn output(error: &std::io::Error) -> Self {
        let mut failure = Self::new("output", format!("cannot write the output: {error}"), "");
        failure.silent = error.kind() == std::io::ErrorKind::BrokenPipe;
        failure
    }

    /// Names the item at fault.
    #[must_use]
    pub fn with_item(mut self, item: impl Into<String>) -> Self {
        self.item = Some(item.into());
        self
    }

    fn with_exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// The error document of `--json`.
    pub fn document(&self) -> Value {
        let mut error = json!({"code": self.code, "detail": self.what});
        for (key, value) in
            [("item", self.item.clone()), ("hint", Some(self.hint.clone()).filter(|hint| !hint.is_empty()))]
        {
            if let Some(value) = value {
                error[key] = value.into();
            }
        }
        if let Some(column) = self.column {
            error["column"] = column.into();
        }
        error
    }

    /// Tells people, and with `json` programs too.
    pub fn tell(&self, json: bool) {
        if self.silent {
            return;
        }
        let (red, dim, plain) = if colours() { ("\x1b[31m", "\x1b[2m", "\x1b[0m") } else { ("", "", "") };
        say(&format!("{red}error:{plain} {}", self.what));
        if let Some(pointed) = &self.pointed {
            for line in pointed.lines() {
                say(&format!("  {line}"));
            }
        }
        if let Some(item) = self.item.as_ref().filter(|item| !self.what.contains(item.as_str())) {
            say(&format!("  {dim}item:{plain} {item}"));
        }
        if !self.hint.is_empty() {
            say(&format!("  {dim}hint:{plain} {}", self.hint));
        }
        if json {
            let _ = super::print_json(&json!({"error": self.document()}));
        }
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        let mut failure = Self::new(error.code(), sentence(&error), error.hint());
        failure.item = error.item();
        if let EngineError::Search(search) = &error {
            failure.column = search.column();
            failure.item = failure.item.take().or_else(|| search.field().map(str::to_owned));
            if failure.column.is_some() {
                // What to do about a filter is to look at the place: the hint is the filter with a caret under it.
                failure.pointed = Some(std::mem::take(&mut failure.hint));
            }
        }
        if error.kind() == ErrorKind::BadRequest {
            failure.exit = Exit::BadArguments;
        }
        failure
    }
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        Self::new("bad-setting", error.to_string(), error.hint.clone())
            .with_exit(Exit::BadArguments)
            .with_item(error.key)
    }
}

/// An error and what caused it, where the causes say more.
fn sentence(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let more = inner.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = inner.source();
    }
    text
}
