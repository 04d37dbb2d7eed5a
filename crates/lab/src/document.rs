//! Parts of docs/evaluation.md that are written by the lab, each between lines of its own.

use std::fs;

use anyhow::Result;

/// Puts `text` between the lines of `command`; they are added at the end, under a heading, when they are not there.
pub fn put(command: &str, text: &str) -> Result<()> {
    let path = "docs/evaluation.md";
    let begin = format!("<!-- written by vetrina-lab {command}: begin -->");
    let end = format!("<!-- written by vetrina-lab {command}: end -->");
    let mut old = fs::read_to_string(path)?;
    if !old.contains(&begin) {
        let mut heading = command.to_owned();
        heading[..1].make_ascii_uppercase();
        old = format!("{}\n\n## {heading}\n\n{begin}\n{end}\n", old.trim_end());
    }
    let (before, rest) = old.split_once(&begin).unwrap_or((&old, ""));
    let (_, after) = rest.split_once(&end).unwrap_or(("", "\n"));
    fs::write(path, format!("{before}{begin}\n{text}{end}{after}"))?;
    Ok(())
}
