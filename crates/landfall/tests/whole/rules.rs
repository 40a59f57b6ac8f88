//! The rules of ARCHITECTURE.md, read from the sources.

use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let nested = entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] });
    nested.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}

/// The sources that hold one of these words outside their tests, but for those that may.
fn offenders(words: &[&str], may: &[&str]) -> Vec<PathBuf> {
    let src = Path::new(ROOT).join("src");
    let files =
        sources(&src).into_iter().filter(|file| !may.iter().any(|name| file.starts_with(src.join(name))));
    let holds = |file: &PathBuf| {
        let text = fs::read_to_string(file).unwrap();
        let code = text.split("mod tests {").next().unwrap();
        words.iter().any(|word| code.contains(word))
    };
    files.filter(holds).collect()
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
