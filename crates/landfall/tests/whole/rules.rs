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
fn only_detach_starts_a_process_or_stops_one_and_only_exec_becomes_another() {
    // To boot never does: it is `landfall backup --detach` and `--discard` that do.
    let words = ["process::Command", "Command::new", "duct::", "cmd!(", "kill(", "send_signal"];
    assert_eq!(offenders(&words, &["detach.rs", "boot/exec.rs"]), NONE.map(PathBuf::from));
    assert_eq!(offenders(&["detach::"], &["command/backup.rs", "pull/mod.rs"]), NONE.map(PathBuf::from));
}

#[test]
fn only_a_few_files_make_or_remove_files() {
    let words =
        ["fs::write", "fs::remove", "fs::rename", "hard_link", "OpenOptions", "File::create", "create_dir"];
    let may = ["copy.rs", "discard.rs", "own_file.rs", "pull", "record.rs", "restore.rs", "volume.rs"];
    assert_eq!(offenders(&words, &may), NONE.map(PathBuf::from));
}

#[test]
fn only_owner_becomes_another_user() {
    assert_eq!(offenders(&["setuid", "setgid", "setgroups"], &["owner.rs"]), NONE.map(PathBuf::from));
}

#[test]
fn only_config_reads_the_environment() {
    // A function that looks variables up is handed over by main, so that tests need not change their process.
    assert_eq!(offenders(&["env::var"], &["main.rs"]), NONE.map(PathBuf::from));
}

#[test]
fn the_service_knows_nothing_of_the_automation() {
    let manifest = fs::read_to_string(Path::new(ROOT).join("Cargo.toml")).unwrap();
    assert!(!manifest.contains("xtask"));
}

#[test]
fn nothing_that_leaves_the_process_is_written_by_debug() {
    assert_eq!(offenders(&[":?}", ":#?}"], &[]), NONE.map(PathBuf::from));
}

#[test]
fn only_what_shows_text_as_text_writes_to_a_terminal_or_a_log() {
    let words = ["print!(", "println!(", "io::stdout", "io::stderr"];
    assert_eq!(offenders(&words, &["ending.rs", "log.rs"]), NONE.map(PathBuf::from));
}
