//! The part of a document that a command of the lab writes; all else there is written by hand.

use std::fs;
use std::path::Path;

use anyhow::Result;

/// Where figures of quality stand.
pub const EVALUATION: &str = "docs/evaluation.md";
/// Where figures of speed and memory stand.
pub const BENCHMARKS: &str = "docs/benchmarks.md";

/// Puts `text` between the markers of the command `name` in a document. A document without them gets them at its end.
pub fn write(path: &str, title: &str, name: &str, text: &str) -> Result<()> {
    let begin = format!("<!-- written by vetrina-lab {name}: begin -->");
    let end = format!("<!-- written by vetrina-lab {name}: end -->");
    let old = fs::read_to_string(path).unwrap_or_else(|_| format!("# {title}\n"));
    let new = match old.split_once(&begin).and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1))) {
        Some((before, after)) => format!("{before}{begin}\n{}\n{end}{after}", text.trim_end()),
        None => format!("{}\n\n{begin}\n{}\n{end}\n", old.trim_end(), text.trim_end()),
    };
    if let Some(folder) = Path::new(path).parent() {
        fs::create_dir_all(folder)?;
    }
    Ok(fs::write(path, new)?)
}
