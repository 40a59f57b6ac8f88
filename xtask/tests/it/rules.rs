//! The rules of the layout, read from the sources.

use std::fs;
use std::path::{Path, PathBuf};

use landfall_testkit::sources::{code, files};

use crate::sources::{self, root};

/// What is behind `cargo xtask`: the library and our own commands.
const OURS: [&str; 2] = ["crates/landfall-xtask/src", "xtask/src"];

fn library(path: &str) -> PathBuf {
    root().join(OURS[0]).join(path)
}

/// The sources behind `cargo xtask` that hold one of these words outside their tests, but for those below `allowed`.
fn offenders(words: &[&str], allowed: &str) -> Vec<PathBuf> {
    OURS.map(|src| landfall_testkit::sources::offenders(&root().join(src), words, &[allowed])).concat()
}

#[test]
fn only_ui_prints() {
    let words = ["print!(", "println!(", "io::stdout", "io::stderr", "indicatif", "anstream::std", "dbg!("];
    assert_eq!(offenders(&words, "ui.rs"), [] as [PathBuf; 0]);
}

#[test]
fn only_tool_starts_processes() {
    let words = ["process::Command", "Child::new", "duct::", "cmd!(", ".exec()"];
    assert_eq!(offenders(&words, "tool"), [] as [PathBuf; 0]);
}

/// Every child gets its environment there.
#[test]
fn what_is_started_is_started_by_run_with_what_child_lists() {
    let makes = ["duct::cmd", "cmd!(", "process::Command::", "MetadataCommand::new", "full_env("];
    assert_eq!(offenders(&makes, "tool/child.rs"), [] as [PathBuf; 0]);
    let starts = [
        ".start()",
        ".run()?",
        ".run()\n",
        ".run();",
        ".spawn()",
        ".output()",
        ".read()?",
        ".status()?",
        ".exec()",
    ];
    // Elsewhere such words are called on what is no process.
    let mut starting = offenders(&starts, "tool/run.rs");
    starting.retain(|file| file.components().any(|part| part.as_os_str() == "tool"));
    assert_eq!(starting, [] as [PathBuf; 0]);
    assert_eq!(offenders(&[".listed()"], "tool/run.rs"), [] as [PathBuf; 0]);
    // Each of them begins with the list.
    let run = code(&library("tool/run.rs"));
    assert_eq!(run.matches(".unchecked()").count(), run.matches(".listed()").count());
}

/// What it may take, and who asks to stop.
#[test]
fn whatever_runs_a_child_has_a_limit_and_hears_a_request_to_stop() {
    let run = code(&library("tool/run.rs"));
    let functions = run.split("pub(crate) fn ").skip(1).map(|rest| rest.split("\n}\n").next().unwrap());
    let running: Vec<_> = functions.filter(|text| text.contains("command: &Child")).collect();
    let names: Vec<_> = running.iter().map(|text| text.split(['(', '<']).next().unwrap()).collect();
    assert_eq!(names, ["within", "question", "while_it_moves", "observed", "to_end", "lines"]);
    for text in running {
        assert!(text.contains("interrupt: &Interrupt"), "{text}");
        assert!(
            ["limit: Duration", "pace: Pace", "_LIMIT", "is_late: "].iter().any(|word| text.contains(word)),
            "{text}"
        );
    }
    // Only what serves has none.
    assert_eq!(offenders(&["Duration::MAX"], "tool/landfall.rs"), [library("tool/fly.rs")]);
}

#[test]
fn only_xtask_calls_commands_and_no_command_calls_another() {
    let words = ["command::", "super::dev", "super::migrate", "Task::run", "from_arg_matches"];
    assert_eq!(offenders(&words, "xtask.rs"), [library("tool/outside.rs")], "a test that reads flags");
    let is_one = |file: &&PathBuf| code(file).matches("impl Task for ").count() == 1;
    let commands = files(&library("command"));
    let not_one: Vec<_> = commands.iter().filter(|file| !file.ends_with("mod.rs") && !is_one(file)).collect();
    assert_eq!(not_one, [] as [&PathBuf; 0]);
}

/// The library's public face: it grows by intent alone.
#[test]
fn an_adopters_command_may_use_these() {
    let words = ["pub fn ", "pub struct ", "pub enum ", "pub trait "];
    let mut face = Vec::new();
    for file in files(&library("")) {
        let text = fs::read_to_string(&file).unwrap();
        let items = text.lines().filter_map(|line| {
            let rest = words.iter().find_map(|word| line.trim_start().strip_prefix(word))?;
            rest.split(|c: char| !c.is_alphanumeric() && c != '_').next()
        });
        let items: Vec<_> = items.collect();
        let name = file.strip_prefix(library("")).unwrap().display();
        face.extend((!items.is_empty()).then(|| format!("{name}: {}", items.join(", "))));
    }
    face.sort();
    insta::assert_snapshot!(face.join("\n"));
}

#[test]
fn only_cli_has_flags() {
    assert_eq!(offenders(&["#[arg(", "#[command(", "env::args"], "cli.rs"), [library("xtask.rs")]);
}

#[test]
fn the_app_is_never_linked() {
    for src in OURS {
        let manifest = fs::read_to_string(root().join(src).with_file_name("Cargo.toml")).unwrap();
        assert!(!manifest.lines().any(|line| line.starts_with("app")), "{manifest}");
    }
}

#[test]
fn deploy_and_rollback_share_shipping_and_know_nothing_of_each_other() {
    let release = library("release");
    for (folder, other) in [
        ("deploy", "rollback::"),
        ("rollback", "deploy::"),
        ("shipping", "deploy::"),
        ("shipping", "rollback::"),
    ] {
        let files = files(&release.join(folder)).into_iter();
        let knowing: Vec<_> = files.filter(|file| code(file).contains(other)).collect();
        assert_eq!(knowing, [] as [PathBuf; 0], "{other}");
    }
}

/// The help tells exit codes. Sentences of comments are not told to anybody.
#[test]
fn what_was_changed_is_put_in_words_in_one_place() {
    let forms = [
        "nothing was changed",
        "nothing is changed",
        "nothing has been changed",
        "nothing changed",
        "; nothing was ",
        "and nothing was ",
    ];
    let all: Vec<_> = sources::crates().iter().flat_map(|src| files(src)).collect();
    let is_telling = |file: &PathBuf| {
        let code = code(file);
        let lines: Vec<_> = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        // A string may go on in the next line.
        let text = lines.join(" ").replace('\\', " ").split_whitespace().collect::<Vec<_>>().join(" ");
        forms.iter().any(|form| text.contains(form))
    };
    let telling = all.iter().filter(|file| is_telling(file));
    let mut telling: Vec<_> = telling.map(|file| file.strip_prefix(root()).unwrap()).collect();
    telling.sort();
    let expected =
        ["crates/landfall-engine/src/changed.rs", "crates/landfall-xtask/src/cli.rs"].map(Path::new);
    assert_eq!(telling, expected);
}

/// A message is finished when it is made: what it is about, and what was changed, are fields.
#[test]
fn no_finished_message_is_read_or_edited() {
    let words = ["message.contains(", "message.push_str(", "message.replace(", ".message = "];
    assert_eq!(offenders(&words, "none"), [] as [PathBuf; 0]);
}

#[test]
fn nothing_that_leaves_the_process_is_written_by_debug() {
    assert_eq!(offenders(&[":?}", ":#?}"], "none"), [] as [PathBuf; 0]);
}

/// What goes into the command line of another program is a name with a grammar (`src/name.rs`), or a word of the source.
#[test]
fn no_text_of_others_gets_into_tool_but_as_a_name() {
    // By file and function: what takes text, and why that reaches no command line.
    let allowed = [
        ("atlas.rs", "child", "is called with words of the source, and with paths behind what names them"),
        ("atlas.rs", "download", "makes a line for a person"),
        ("child.rs", "env", "goes by the environment"),
        ("child.rs", "input", "goes by standard input"),
        ("child.rs", "new", "takes what the others here make of names"),
        ("docker.rs", "builds", "compares what Docker said"),
        ("docker.rs", "read", "reads what Docker said"),
        ("docker.rs", "remedy", "looks at what Docker said"),
        ("fly/json.rs", "is_in_group", "compares"),
        ("git/object.rs", "commit", "goes by the environment, and by standard input"),
        ("git/object.rs", "tree", "goes by standard input"),
        ("git/origin.rs", "ambiguous", "makes a sentence"),
        ("run.rs", "too_much", "makes an error"),
    ];
    let tools = OURS.map(|src| root().join(src).join("tool"));
    let mut found = Vec::new();
    for file in tools
        .iter()
        .flat_map(|tool| files(tool))
        .filter(|file| !file.ends_with("outside.rs") && !file.ends_with("sandbox.rs"))
    {
        let name = tools.iter().find_map(|tool| file.strip_prefix(tool).ok()).unwrap().display().to_string();
        let code = code(&file);
        let functions = code.split("pub(crate) fn ").skip(1);
        let signatures = functions.map(|rest| rest.split(['{', ';']).next().unwrap());
        let taken =
            signatures.map(|signature| signature.split("->").next().unwrap().split_once('(').unwrap());
        // What is handed to a caller's closure is not taken.
        let taken = taken.map(|(function, taken)| {
            (function, taken.replace("FnMut(&str)", "").replace("FnOnce(String)", ""))
        });
        found.extend(
            taken
                .filter(|(_, taken)| is_text(taken))
                .map(|(function, _)| (name.clone(), function.split('<').next().unwrap().to_owned())),
        );
        // A struct that borrows is what a function takes many things by.
        let structs = code.split("pub(crate) struct ").skip(1).map(|rest| rest.split("\n}").next().unwrap());
        let borrowing = structs.filter(|text| text.lines().next().unwrap().contains("<'"));
        let fields =
            borrowing.filter(|text| text.lines().any(|line| line.contains("pub(crate)") && is_text(line)));
        found.extend(fields.map(|text| (name.clone(), text.split('<').next().unwrap().to_owned())));
    }
    found.sort();
    let expected = allowed.map(|(file, function, _)| (file.to_owned(), function.to_owned()));
    assert_eq!(found, expected);
}

/// Whether a type of text is in it that has no grammar and is no word of the source.
fn is_text(types: &str) -> bool {
    let types = types.replace("&'static str", "").replace("OsString", "");
    ["&str", "&'a str", "String", "impl Into<", "&OsStr"].iter().any(|word| types.contains(word))
}
