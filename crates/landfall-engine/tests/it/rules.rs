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
            } else if ["faulty.rs", "prediction/measured.rs", "inventory/stripped.rs", "schema/oracle.rs"]
                .iter()
                .any(|test| path.ends_with(test))
            {
                continue;
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let text = text.split("\nmod tests {").next().unwrap().to_owned();
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
fn only_four_files_write_or_remove_files() {
    // open.rs makes a database that is not there yet, its owner's alone.
    let may = ["apply.rs", "backup.rs", "open.rs", "planner/atlas.rs"];
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

/// What makes something else of an error, whichever it was.
const SWALLOWS: &[&str] = &[
    ".ok()",
    ".err()",
    ".is_ok()",
    ".is_err()",
    ".is_ok_and(",
    ".is_err_and(",
    "let Ok(",
    "Err(_)",
    "Result::ok",
    "map_or_else(|_|",
    "unwrap_or_else(|_|",
    "or_else(|_|",
];

/// What asks SQLite, and what makes something else of an error there.
const ASKS: &[&str] = &[".prepare", ".query", ".execute", "pragma_query", ".exists("];
const DEFAULTS: &[&str] = &["unwrap_or", "map_or(", ".flatten()", "drop(", "let _ ="];

/// What tells an answer from an error, by SQLite's code (`answer.rs`).
const ANSWERS: &[&str] = &["or_refusal(", "or_one_of(", "count(self.conn"];

/// What asks nobody: text, numbers and locks of our own.
const OURS: &[&str] =
    &["tokenize(", "token.ok()", "from_utf8(", "try_from(", ".lock()", ".parse()", "write!("];

/// Where an error is no answer either: what follows asks again, or only tells, or ends with that very error.
const MAY_SWALLOW: &[(&str, &str)] = &[
    // Without a trace, if that can be done: else `reading` asks, and tells.
    ("open.rs", "let found = read(&conn.ok()?).ok()?"),
    ("open.rs", "File::open(path).ok()"),
    ("open.rs", "file.read_exact(&mut header).ok()?"),
    ("open.rs", "file.metadata().ok()?"),
    ("open.rs", "facts.modified().ok()?"),
    // Which of two errors is told.
    ("open.rs", "free_bytes(path).is_ok_and("),
    ("declared/read.rs", "pristine.prepare(as_written).err().unwrap_or(error)"),
    // Nothing is known of the file, so it is read again.
    ("reader.rs", "version(&self.conn).is_ok_and("),
    ("reader.rs", "fs::metadata(path).ok()"),
    // The room that a change took is only told.
    ("disk.rs", "fs::metadata(file).ok())"),
    ("disk.rs", "fs::read_link(file).is_ok_and("),
    // A directive that cannot act is refused before there is a plan.
    ("prepare.rs", "Err(_) => Ok(Due::default())"),
    // Behind `or_refusal` and `count` there are answers alone.
    ("as_stored.rs", "Err(_) => Ok(None),"),
    ("inventory.rs", "Err(_) => Ok(Some(false))"),
    ("hazards/rows.rs", "let Ok(rows) = rows else { return Ok(None) }"),
    ("hazards/rows.rs", "Err(_) => self.context.count("),
    ("schema.rs", "Err(_) => HashSet::new()"),
    // It is over, and what went wrong is on its way up.
    ("alone.rs", "drop(conn.execute_batch(\"ROLLBACK\"))"),
    ("apply.rs", "if result.is_err()"),
    ("apply.rs", "fs::metadata(&path).is_ok_and(|facts| facts.len() == 0)"),
    // The file is made next, and that tells.
    ("backup.rs", "Err(_) => Ok(())"),
    // A search among words.
    ("token.rs", ".is_ok()"),
];

/// A closure that is called and whose error becomes a default: `there().unwrap_or(false)`.
fn defaults_a_call(code: &str) -> bool {
    code.match_indices("().unwrap_or").any(|(at, _)| {
        let before = code[..at].trim_end_matches(|c: char| c.is_alphanumeric() || c == '_');
        !before.ends_with('.') && before.len() < at
    })
}

#[test]
fn an_error_is_not_an_answer() {
    let has = |code: &str, words: &[&str]| words.iter().any(|word| code.contains(word));
    let mut found = Vec::new();
    for (file, text) in sources() {
        let code: Vec<_> = text.lines().map(|line| line.split("//").next().unwrap()).collect();
        let swallows = |line: &&&str| has(line, SWALLOWS) || defaults_a_call(line);
        found.extend(code.iter().filter(swallows).map(|line| (file.clone(), line.trim().to_owned())));
        let code = code.join("\n");
        let statements = code.split(';').filter(|statement| has(statement, ASKS) && has(statement, DEFAULTS));
        found.extend(statements.map(|s| (file.clone(), s.split_whitespace().collect::<Vec<_>>().join(" "))));
    }
    found.retain(|(_, code)| !has(code, ANSWERS) && !has(code, OURS));
    let is_listed = |(file, code): &(String, String), (listed, part): &(&str, &str)| {
        file == listed && code.contains(part)
    };
    let dead: Vec<_> =
        MAY_SWALLOW.iter().filter(|listed| !found.iter().any(|place| is_listed(place, listed))).collect();
    assert!(dead.is_empty(), "listed and not there: {dead:?}");
    found.retain(|place| !MAY_SWALLOW.iter().any(|listed| is_listed(place, listed)));
    assert_eq!(found, []);
}

#[test]
fn the_rule_about_errors_sees_what_it_is_about() {
    assert!(defaults_a_call("let there = there().unwrap_or(false);"));
    assert!(!defaults_a_call("let literal = pattern.split(' ').next().unwrap_or_default();"));
}

#[test]
fn nothing_that_leaves_the_process_is_written_by_debug() {
    // Names of fields and variants are nobody's contract. proof.rs keeps keys of its own by it, in memory; of a number it is the shortest
    // text that reads back as the same one.
    assert_eq!(uses(&[":?}", ":#?}"], &["hazards/conversion.rs", "proof.rs"]), NONE);
}

/// Where SQLite has a code or an API, that is asked.
#[test]
fn what_sqlite_says_in_words_alone_is_read_in_one_place() {
    let reading = ["starts_with", "strip_prefix", "contains", "find", "split_once", "== "];
    let words = ["no such ", "unknown tokenizer", "incomplete input", ", which only the service registers"];
    let forms: Vec<_> = reading
        .iter()
        .flat_map(|how| words.map(|words| format!("{how}(\"{words}").replace("== (", "== ")))
        .collect();
    let forms: Vec<_> = forms.iter().map(String::as_str).collect();
    assert_eq!(uses(&forms, &["words.rs"]), NONE);
    assert_eq!(uses(&["which only the service registers\""], &["words.rs"]), NONE);
    assert_eq!(uses(&["\"incomplete input\"", "\"unknown tokenizer"], &["words.rs"]), NONE);
}

/// Whoever planned a step says what it does (`operation.rs`); what others planned is read in one place.
#[test]
fn what_a_step_does_is_not_read_in_its_statement() {
    let reads = uses(&["step.sql.", "s.sql.get", "s.sql.starts"], &[]);
    let reads: Vec<_> = reads.into_iter().filter(|line| !line.contains("step.sql.clone()")).collect();
    assert_eq!(reads, NONE);
    // The proof asks how much SQLite would make of each statement: no step is believed.
    assert_eq!(uses(&["tokenize(&step.sql", "Sql::of(&step.sql"], &["proof.rs"]), NONE);
    assert_eq!(uses(&["read::statement", "read::reported"], &["planner/atlas.rs", "plan.rs"]), NONE);
    let of_steps =
        ["apply.rs", "catalogue.rs", "execute", "operation.rs", "plan.rs", "prediction.rs", "tuning.rs"];
    let knows = uses(&["tokenize", "Tokens", "ddl"], &[]);
    let knows: Vec<_> =
        knows.iter().filter(|line| of_steps.iter().any(|file| line.starts_with(file))).collect();
    assert_eq!(knows, NONE.iter().collect::<Vec<_>>());
}

#[test]
fn the_crate_depends_on_neither_binary() {
    let manifest = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    assert!(!manifest.contains("xtask") && !manifest.contains("\napp"));
}
