//! The real server, started and stopped.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::load::{agent, answers};
use super::memory::{Resident, resident};

/// How long a start may take.
const PATIENCE: Duration = Duration::from_mins(10);

/// `vetrina serve` over a data folder.
pub struct Server {
    child: Child,
    /// `http://127.0.0.1:PORT`.
    pub url: String,
    /// Seconds from the start of the process until it listens with its catalogues open.
    pub open: f64,
    /// Seconds until it says that it is ready: the model is loaded too.
    pub ready: f64,
}

/// The shipped binary, built beside this one.
pub fn binary() -> Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name("vetrina");
    ensure!(path.exists(), "{} is missing: cargo build --release --package vetrina", path.display());
    Ok(path)
}

impl Server {
    /// Starts it on a free port of this machine and waits until it is ready.
    pub fn over(data: &Path) -> Result<Self> {
        let began = Instant::now();
        let mut command = Command::new(binary()?);
        command.args(["serve", "--json", "--listen", "127.0.0.1:0", "--data"]).arg(data);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).env("VETRINA_LOG_LEVEL", "warn").spawn()?;
        let mut line = String::new();
        let output = child.stdout.take().context("no output")?;
        BufReader::new(output).read_line(&mut line)?;
        let said: Value = serde_json::from_str(&line).with_context(|| format!("the server said {line:?}"))?;
        let url = said["listening"].as_str().context("no address")?.to_owned();
        let mut server = Self { child, url, open: began.elapsed().as_secs_f64(), ready: 0.0 };
        let (agent, readyz) = (agent(), format!("{}/readyz", server.url));
        while !answers(&agent, &readyz) {
            if began.elapsed() > PATIENCE {
                bail!("the server is not ready after {} s", PATIENCE.as_secs());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        server.ready = began.elapsed().as_secs_f64();
        Ok(server)
    }

    /// Memory of the process.
    pub fn resident(&self) -> Result<Resident> {
        resident(&self.child.id().to_string())
    }

    /// Where searches of the default catalogue go.
    pub fn search(&self) -> String {
        format!("{}/v1/catalogues/default/search", self.url)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // As an operator would, so that it writes down what it has; it ends by itself.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}
