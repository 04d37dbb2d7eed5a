//! The documents say what is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::shop::{Server, ran, vetrina};

fn document(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name)).unwrap()
}

#[test]
fn the_documented_routes_are_the_described_ones() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::over(data.path());
    let description = server.get("/openapi.json").is(200).json();
    let mut described = BTreeSet::new();
    for (path, methods) in description["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            described.insert(format!("{} {}", method.to_uppercase(), path.replace("{catalogue}", "{c}")));
        }
    }
    let text = document("api.md");
    let mut documented = BTreeSet::new();
    for row in text.lines().filter(|line| line.starts_with("| `")) {
        let cell = row.split('|').nth(1).unwrap();
        for code in cell.split('`').skip(1).step_by(2) {
            if let Some((method, path)) = code.split_once(' ')
                && ["GET", "PUT", "POST", "DELETE"].contains(&method)
            {
                documented.insert(format!("{method} {}", path.split('?').next().unwrap()));
            }
        }
    }
    let outside: BTreeSet<String> =
        ["GET /openapi.json", "GET /docs", "GET /", "GET /import", "GET /label", "GET /sample-shop"]
            .map(str::to_owned)
            .into();
    let documented: BTreeSet<String> = documented.difference(&outside).cloned().collect();
    assert_eq!(documented, described);
}

#[test]
fn every_setting_stands_in_the_operators_guide() {
    let settings = ran(vetrina().args(["doctor", "--json", "--data", "/tmp"])).json()["settings"].clone();
    let text = document("operations.md");
    for name in settings.as_object().unwrap().keys() {
        assert!(text.contains(&format!("`{name}`")), "docs/operations.md does not have `{name}`");
    }
}

#[test]
fn help_says_what_there_is() {
    let help = ran(vetrina().arg("--help")).ends(0).out;
    for command in ["demo", "serve", "import", "search", "embed", "understand", "evaluate", "space", "job", "doctor"] {
        assert!(help.contains(command), "{help}");
        assert!(ran(vetrina().args([command, "--help"])).ends(0).out.contains("--json"));
    }
}
