//! What the figures were measured on and with.

use std::fs;
use std::process::Command;

use anyhow::Result;
use vetrina_engine::model::{find_runtime, load_runtime};

use super::peers;

/// A table of machine and versions.
pub fn describe() -> Result<String> {
    let processor = line_of("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".to_owned());
    let cores = std::thread::available_parallelism()?.get();
    let memory =
        line_of("/proc/meminfo", "MemTotal").and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok());
    let flags = line_of("/proc/cpuinfo", "flags").unwrap_or_default();
    let vectors: Vec<&str> = ["avx2", "avx512f", "avx512_vnni", "amx_int8"]
        .into_iter()
        .filter(|flag| flags.split(' ').any(|has| has == *flag))
        .collect();
    let runtime = match (find_runtime(None).found, load_runtime(None)) {
        (Some(_), Ok(runtime)) => {
            // `ORT Build Info: git-branch=…, git-commit-id=…`; the folder of `make setup` carries the version.
            let folder = runtime.path().parent().and_then(|folder| folder.file_name());
            folder.map_or_else(|| runtime.build_info().to_owned(), |name| name.to_string_lossy().into_owned())
        }
        _ => "missing".to_owned(),
    };
    let rows = [
        ("processor", format!("{processor}, {cores} cores ({})", vectors.join(", "))),
        (
            "memory",
            memory
                .map_or_else(|| "unknown".to_owned(), |kilobytes| format!("{:.0} GiB", kilobytes / (1024.0 * 1024.0))),
        ),
        ("system", output("uname", &["-sr"])),
        ("compiler", output("rustc", &["--version"])),
        ("ONNX Runtime", runtime),
        ("Vetrina", format!("commit {}", output("git", &["describe", "--always", "--dirty", "--abbrev=10"]))),
        ("peers", peers::versions().unwrap_or_else(|| "not installed".to_owned())),
        ("written", chrono::Utc::now().format("%Y-%m-%d %H:%M UTC").to_string()),
    ];
    let mut text = "| | |\n| --- | --- |\n".to_owned();
    for (name, value) in rows {
        text.extend([format!("| {name} | {value} |\n")]);
    }
    Ok(text)
}

fn line_of(path: &str, key: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(key))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map_or_else(|_| "unknown".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
