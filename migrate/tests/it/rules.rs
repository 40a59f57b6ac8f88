//! The rules of ARCHITECTURE.md, read from the sources.
use std::path::Path;

/// (file under `src`, its text without tests), for every source of the crate.
fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            // A test in a file of its own.
            } else if ["prediction/measured.rs", "inventory/stripped.rs", "schema/oracle.rs"]
                .iter()
                .any(|test| path.ends_with(test))
            {
                continue;
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let text = text.split("#[cfg(test)]").next().unwrap().to_owned();
                found.push((path.strip_prefix(&root).unwrap().display().to_string(), text));
            }
        }
    }
    assert!(found.len() > 20);
    found
}

/// Every use of one of these words outside the files that may.
fn uses(words: &[&str], but_in: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (file, text) in sources().iter().filter(|(file, _)| !but_in.contains(&file.as_str())) {
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap();
            if words.iter().any(|word| code.contains(word)) {
                found.push(format!("{file}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    found
}

const NONE: [String; 0] = [];

#[test]
fn only_the_atlas_adapter_starts_a_process() {
    assert_eq!(uses(&["duct::", "process::Command", "Command::new"], &["planner/atlas.rs"]), NONE);
}

#[test]
fn only_apply_backup_and_alone_open_a_users_database_for_writing() {
    // open.rs is the door; recovery of a hot journal is SQLite's own rollback, which only a writer may do. alone.rs writes nothing
    // but what was committed before, out of the log into the file.
    let may = ["alone.rs", "apply.rs", "proof.rs"];
    assert_eq!(uses(&["open::writing", "BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"], &may), NONE);
    assert_eq!(
        uses(&["Connection::open(", "open_with_flags"], &["open.rs", "backup.rs", "planner/atlas.rs"]),
        NONE
    );
}

#[test]
fn only_three_files_write_or_remove_files() {
    let may = ["apply.rs", "backup.rs", "planner/atlas.rs"];
    assert_eq!(uses(&["fs::write", "fs::remove", "OpenOptions", "File::create", "create_dir"], &may), NONE);
}

#[test]
fn nothing_prints_or_names_a_flag() {
    assert_eq!(
        uses(
            &["println!", "eprintln!", "print!(", " --allow", "--planner", "--schema", "--db", "cargo xtask"],
            &["planner/atlas.rs"]
        ),
        NONE
    );
}

#[test]
fn what_decides_knows_no_clock() {
    let may = [
        "apply.rs",
        "backup.rs",
        "calibration.rs",
        "disk.rs",
        "execute.rs",
        "open.rs",
        "planner/atlas.rs",
        "settings.rs",
        "stopwatch.rs",
        "watch.rs",
    ];
    assert_eq!(uses(&["Instant", "SystemTime", "Duration"], &may), NONE);
}

#[test]
fn nothing_that_leaves_the_process_is_written_by_debug() {
    // Names of fields and variants are nobody's contract. proof.rs keeps keys of its own by it, in memory; of a number it is the shortest
    // text that reads back as the same one.
    assert_eq!(uses(&[":?}", ":#?}"], &["conversion.rs", "proof.rs"]), NONE);
}

#[test]
fn the_crate_depends_on_neither_binary() {
    let manifest = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    assert!(!manifest.contains("xtask") && !manifest.contains("\napp"));
}
