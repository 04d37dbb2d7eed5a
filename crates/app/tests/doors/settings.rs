//! Settings through the binary: which layer wins, and what is refused.

use std::fs;

use super::shop::{ran, vetrina};

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("vetrina.toml"),
        "listen = \"127.0.0.1:1001\"\nlanguage = \"german\"\ndata = \"from-file\"",
    )
    .unwrap();
    let mut command = vetrina();
    command.current_dir(folder.path()).args(["doctor", "--json", "--data", "from-flag"]);
    command.env("VETRINA_DATA_DIR", "from-environment").env("VETRINA_LISTEN", "127.0.0.1:1002");
    // Tests and lab keep evaluation data there; the binary does not look at it.
    command.env("VETRINA_DATA", "/somewhere/else");
    let settings = ran(&mut command).json()["settings"].clone();
    assert_eq!(settings["data"]["value"], "from-flag");
    assert_eq!(settings["listen"]["value"], "127.0.0.1:1002");
    assert_eq!(settings["listen"]["source"], "environment VETRINA_LISTEN");
    assert_eq!(settings["language"]["value"], "german");
    assert!(settings["language"]["source"].as_str().unwrap().contains("vetrina.toml"));
}

#[test]
fn an_unknown_setting_is_refused_with_the_nearest_name() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("vetrina.toml"), "[limits]\nmegapixel = 5\n").unwrap();
    let ran = ran(vetrina().current_dir(folder.path()).args(["doctor", "--json"])).ends(2);
    assert!(
        ran.err.contains("limits.megapixel") && ran.err.contains("did you mean `limits.megapixels`?"),
        "{}",
        ran.err
    );
    assert_eq!(ran.json()["error"]["code"], "bad-setting");
}
