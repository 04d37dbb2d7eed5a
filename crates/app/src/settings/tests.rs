use std::io::Write as _;

use figment::value::Value;

use super::layers::environment_of;
use super::{Flags, Settings};

fn with_file(text: &str) -> (tempfile::NamedTempFile, Flags) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let flags = Flags { config: Some(file.path().to_owned()), ..Flags::default() };
    (file, flags)
}

#[test]
fn the_file_is_over_the_defaults_and_flags_over_the_file() {
    let (_file, mut flags) = with_file(
        "threads = 3\nlanguage = \"German\"\n[limits]\nmegapixels = 7\n[feed]\nvariants = \"separate\"\n[feed.mapping]\nNr = \"id\"",
    );
    flags.values.insert("threads", Value::from(5_u64));
    let settings = Settings::load(&flags).unwrap();
    assert_eq!(settings.engine.threads, Some(5));
    assert_eq!(settings.engine.language, "german");
    assert_eq!(settings.engine.limits.pixels, 7_000_000);
    assert_eq!(settings.engine.feed_mapping["Nr"], "id");
    assert_eq!(settings.engine.feed_variants, vetrina_engine::catalogue::feeds::Variants::Separate);
    assert_eq!(settings.sources["threads"], "flag");
    assert!(settings.permits >= 1);
}

#[test]
fn synonyms_stand_in_the_file() {
    let (_file, flags) = with_file("[words]\nsynonyms = [[\"sofa\", \"couch\"]]\none_way = { jumper = [\"sweater\"] }");
    assert_eq!(Settings::load(&flags).unwrap().engine.synonyms.len(), 3);
    let (_file, flags) = with_file("[words]\nsynonyms = [[\"sofa\"]]");
    let error = Settings::load(&flags).unwrap_err();
    assert!(error.key == "words" && error.reason.contains("sofa"), "{error}");
    let (_file, flags) = with_file("[words]\nsynonym = []");
    assert_eq!(Settings::load(&flags).unwrap_err().hint, "did you mean `words.synonyms`?");
}

#[test]
fn unknown_settings_name_the_nearest() {
    let (_file, flags) = with_file("listn = \"127.0.0.1:1\"");
    let error = Settings::load(&flags).unwrap_err();
    assert_eq!(error.key, "listn");
    assert_eq!(error.hint, "did you mean `listen`?");
    let (_file, flags) = with_file("[limits]\nmegapixel = 3");
    let error = Settings::load(&flags).unwrap_err();
    assert_eq!((error.key.as_str(), error.hint.as_str()), ("limits.megapixel", "did you mean `limits.megapixels`?"));
}

#[test]
fn values_out_of_range_are_refused_by_name() {
    for (text, key) in [
        ("threads = 0", "threads"),
        ("permits = 0", "permits"),
        ("threads = \"many\"", "threads"),
        ("listen = \"nowhere\"", "listen"),
        ("default_currency = \"euro\"", "default_currency"),
        ("language = \"klingon\"", "language"),
        ("[feed]\nvariants = \"many\"", "feed.variants"),
        ("[log]\nformat = \"xml\"", "log.format"),
        ("[limits]\nside = 1", "limits.side"),
        ("data = \"\"", "data"),
    ] {
        let (_file, flags) = with_file(text);
        assert_eq!(Settings::load(&flags).unwrap_err().key, key, "{text}");
    }
}

#[test]
fn a_file_that_is_no_toml_or_not_there_is_an_error() {
    let (_file, flags) = with_file("data = ");
    assert!(Settings::load(&flags).is_err());
    let flags = Flags { config: Some("/nowhere/vetrina.toml".into()), ..Flags::default() };
    assert_eq!(Settings::load(&flags).unwrap_err().key, "config");
}

#[test]
fn the_environment_is_read_by_name_and_kind() {
    let values =
        environment_of(&[("VETRINA_DATA_DIR", "2024"), ("VETRINA_THREADS", "2"), ("VETRINA_DATA", "/x")]).unwrap();
    assert_eq!(values.len(), 2, "VETRINA_DATA belongs to tests and lab");
    assert!(environment_of(&[("VETRINA_THREADS", "two")]).is_err());
    assert!(environment_of(&[("VETRINA_ALLOW_PRIVATE_ADDRESSES", "perhaps")]).is_err());
    assert!(environment_of(&[("VETRINA_THREADS", "")]).unwrap().is_empty());
}
