//! The rules of ARCHITECTURE.md, read from the sources.

use std::fs;
use std::path::{Path, PathBuf};

use landfall_testkit::sources;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn offenders(words: &[&str], may: &[&str]) -> Vec<PathBuf> {
    sources::offenders(&Path::new(ROOT).join("src"), words, may)
}

const NONE: [&str; 0] = [];

#[test]
fn the_service_starts_no_process_makes_no_file_and_becomes_nobody_else() {
    for words in [
        &["process::Command", "Command::new", "duct::", "cmd!(", "kill(", "send_signal"][..],
        &["fs::write", "fs::remove", "fs::rename", "hard_link", "OpenOptions", "File::create", "create_dir"],
        &["setuid", "setgid", "setgroups"],
    ] {
        assert_eq!(offenders(words, &[]), NONE.map(PathBuf::from));
    }
}

#[test]
fn only_config_reads_the_environment() {
    // A function that looks variables up is handed over by main, so that tests need not change their process.
    assert_eq!(offenders(&["env::var"], &["main.rs"]), NONE.map(PathBuf::from));
}

#[test]
fn the_service_knows_nothing_of_the_automation_the_engine_or_the_machine() {
    let manifest = fs::read_to_string(Path::new(ROOT).join("Cargo.toml")).unwrap();
    let dependencies = manifest.split("[dev-dependencies]").next().unwrap();
    assert!(!["xtask", "landfall"].iter().any(|name| dependencies.contains(name)), "{manifest}");
}

#[test]
fn nothing_that_leaves_the_process_is_written_by_debug() {
    assert_eq!(offenders(&[":?}", ":#?}"], &[]), NONE.map(PathBuf::from));
}

#[test]
fn only_what_shows_text_as_text_writes_to_a_terminal_or_a_log() {
    let words = ["print!(", "println!(", "io::stdout", "io::stderr"];
    assert_eq!(offenders(&words, &["log/lines.rs"]), NONE.map(PathBuf::from));
}
