//! Peers: programs in other languages, driven line by line, so that they can be measured in turns with Vetrina.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

const FOLDER: &str = "crates/lab/peers";

/// A program that answers lines of JSON with lines of JSON.
pub struct Peer {
    name: String,
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Peer {
    /// Starts a script of `crates/lab/peers` in the peers' environment. Its first line is its greeting.
    pub fn python(script: &str, arguments: &[String]) -> Result<(Self, Value)> {
        let python = environment()?.join("bin/python");
        let mut command = Command::new(python);
        command.arg(Path::new(FOLDER).join(script)).args(arguments);
        Self::start(&format!("{script} {}", arguments.first().map_or("", String::as_str)), &mut command)
    }

    /// Starts a program. Its first line is its greeting.
    pub fn start(name: &str, command: &mut Command) -> Result<(Self, Value)> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{name} cannot be started"))?;
        let input = child.stdin.take().context("no input")?;
        let output = BufReader::new(child.stdout.take().context("no output")?);
        let mut peer = Self { name: name.to_owned(), child, input, output };
        let greeting = peer.read()?;
        Ok((peer, greeting))
    }

    /// Asks and waits for the answer.
    pub fn ask(&mut self, question: &Value) -> Result<Value> {
        writeln!(self.input, "{question}").with_context(|| format!("{} has ended", self.name))?;
        self.read()
    }

    fn read(&mut self) -> Result<Value> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            bail!("{} ended without an answer: {}", self.name, self.child.wait()?);
        }
        serde_json::from_str(&line).with_context(|| format!("{} said {line:?}", self.name))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Waited for, so that its processor time is known to be ours.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A number of an answer.
pub fn number(answer: &Value, key: &str) -> Result<f64> {
    answer.get(key).and_then(Value::as_f64).with_context(|| format!("no {key} in {answer}"))
}

/// The Python environment, made when it is not there.
fn environment() -> Result<PathBuf> {
    let folder = super::cache()?.join("peers");
    let status = Command::new(Path::new(FOLDER).join("environment.sh")).arg(&folder).status()?;
    ensure!(status.success(), "the peers' Python environment could not be made (python3 with venv and pip is needed)");
    Ok(folder)
}

/// Names and versions of the peers, when they are installed.
pub fn versions() -> Option<String> {
    let installed = super::cache().ok()?.join("peers/installed.txt");
    let text = std::fs::read_to_string(installed).ok()?;
    let lines: Vec<String> =
        text.lines().filter(|line| line.contains("==")).map(|line| line.replace("==", " ")).collect();
    Some(lines.join(", "))
}
