//! `cargo xtask ci`: all checks.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::Path;
use std::time::Instant;
use std::{fs, io, mem, slice};

use anyhow::Result;
use clap::ValueEnum as _;
use landfall_xtask::tool::{atlas, cargo, docker, fly};
use landfall_xtask::{Error, Interrupt, Kind, Project, Task, Ui, text};
use xshell::Shell;

use crate::cli;
use crate::tested::{Output, Tests};

/// What is run, in this order.
const STAGES: [(&str, &[&str]); 4] = [
    ("formatting", &["fmt", "--all", "--check"]),
    ("lints", &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]),
    (TESTS, &["test", "--workspace"]),
    ("documentation", &["doc", "--workspace", "--no-deps"]),
];
const TESTS: &str = "tests";

/// A test that was skipped: its binary, its name, and what it needs, as `requires.rs` writes it.
type Skipped = BTreeSet<(String, String, String)>;

/// What is the same for every stage.
struct Run<'a> {
    root: &'a Path,
    /// The file with the tests that were skipped.
    list: &'a Path,
    keep_going: bool,
    verbose: bool,
}

impl Task for cli::Ci {
    const NAME: &'static str = "ci";

    fn run(self, project: &Project, interrupt: &Interrupt, ui: &mut Ui) -> Result<u8> {
        refuse_missing_components(interrupt)?;
        refuse_missing_tools(&self.require, interrupt)?;
        let sh = Shell::new()?;
        let folder = sh.create_temp_dir()?;
        let list = folder.path().join("skipped");
        sh.write_file(&list, "")?;
        let env = environment(&self, &list, ui);
        let run =
            Run { root: &project.root, list: &list, keep_going: self.keep_going, verbose: self.verbose };
        let begun = Instant::now();
        let (mut failed, mut tests) = (Vec::new(), Vec::new());
        for (name, words) in STAGES {
            let ended = stage(&run, (name, words), &env, interrupt, ui);
            match ended {
                Ok(done) => tests.extend(done),
                Err(_) if interrupt.is_raised() => return ended.map(|_| 1),
                Err(error) => failed.push((name, error)),
            }
            if !failed.is_empty() && !self.keep_going {
                break;
            }
        }
        let skipped = run.skipped()?;
        tell_skipped(&skipped, self.verbose, ui);
        refuse_failed(failed)?;
        let (names, seconds) = (STAGES.map(|(name, _)| name).join(", "), begun.elapsed().as_secs_f64());
        ui.status("Finished", format!("{names} in {seconds:.1} s; tests: {}", counted(&tests, &skipped)));
        Ok(0)
    }
}

/// What became of the tests that it ran.
fn stage(
    run: &Run<'_>,
    (name, words): (&str, &[&'static str]),
    env: &[(&'static str, OsString)],
    interrupt: &Interrupt,
    ui: &Ui,
) -> Result<Vec<Tests>> {
    let more: &[&'static str] = if name == TESTS && run.keep_going { &["--no-fail-fast"] } else { &[] };
    let words = [words, more].concat();
    ui.status("Checking", format!("{name}: cargo {}", words.join(" ")));
    let (begun, activity, mut output) = (Instant::now(), ui.activity(), Output::default());
    let show = |lines: Vec<String>| lines.iter().for_each(|line| activity.result(&format!("{line}\n")));
    let mut ran = Vec::new();
    let checked = cargo::check(run.root, &words, env, interrupt, |line| {
        activity.goes_on(line.trim());
        let lines = output.line(line);
        show(if run.verbose { vec![line.to_owned()] } else { lines });
        for tests in mem::take(&mut output.done) {
            activity.status(
                "Ran",
                format!(
                    "{}: {}",
                    tests.name,
                    counted(slice::from_ref(&tests), &run.skipped().unwrap_or_default())
                ),
            );
            ran.push(tests);
        }
    });
    show(if run.verbose { Vec::new() } else { output.end() });
    let seconds = begun.elapsed().as_secs_f64();
    match checked {
        Err(_) => activity.status("Failed", format!("{name} in {seconds:.1} s")),
        Ok(()) if name == TESTS && ran.is_empty() => activity.status("Skipped", "tests: there is none"),
        Ok(()) => activity.status("Passed", format!("{name} in {seconds:.1} s")),
    }
    checked.map(|()| ran)
}

impl Run<'_> {
    /// The tests that were skipped so far; one that asks for a tool twice is one.
    fn skipped(&self) -> io::Result<Skipped> {
        let list = fs::read_to_string(self.list)?;
        let entries = list.lines().filter_map(|line| {
            let (binary, rest) = line.split_once('\t')?;
            let (test, tool) = rest.split_once('\t')?;
            Some((binary.to_owned(), test.to_owned(), tool.to_owned()))
        });
        Ok(entries.collect())
    }
}

/// What the stages are told: read by rustdoc and by the tests' own `requires.rs`.
fn environment(args: &cli::Ci, list: &Path, ui: &Ui) -> Vec<(&'static str, OsString)> {
    let names = args.require.iter().filter_map(cli::Tool::to_possible_value);
    let required: Vec<_> = names.map(|value| value.get_name().to_owned()).collect();
    vec![
        ("CARGO_TERM_COLOR", if ui.has_colours() { "always" } else { "never" }.into()),
        ("RUSTDOCFLAGS", "-D warnings".into()),
        ("LANDFALL_REQUIRE", required.join(",").into()),
        ("LANDFALL_SKIPPED", list.into()),
    ]
}

fn tell_skipped(skipped: &Skipped, verbose: bool, ui: &Ui) {
    let mut tools = BTreeMap::<&str, Vec<&str>>::new();
    for (_, test, tool) in skipped {
        tools.entry(tool).or_default().push(test);
    }
    for (tool, names) in tools {
        let tests = text::count(names.len() as u64, "test");
        let require = format!("cargo xtask ci --require {tool}");
        ui.status(
            "Skipped",
            format!("{tests}, whole or in part, without {tool}; to fail instead: {require}"),
        );
        if verbose {
            ui.result(&names.iter().map(|name| format!("  {name}\n")).collect::<String>());
        }
    }
}

/// A test that was skipped passed for cargo, and did nothing.
fn counted(tests: &[Tests], skipped: &Skipped) -> String {
    let sum = |of: fn(&Tests) -> u64| tests.iter().map(of).sum::<u64>();
    let is_of = |binary: &str| tests.iter().any(|tests| tests.binary == binary);
    let names: BTreeSet<_> =
        skipped.iter().filter(|(binary, ..)| is_of(binary)).map(|(b, test, _)| (b, test)).collect();
    let (skipped, passed) = (names.len() as u64, sum(|tests| tests.passed));
    let numbers = [
        (passed.saturating_sub(skipped), "passed"),
        (sum(|tests| tests.failed), "failed"),
        (skipped, "skipped"),
        (sum(|tests| tests.ignored), "ignored"),
    ];
    let told: Vec<_> = numbers.iter().filter(|(number, _)| *number > 0).collect();
    let told: Vec<_> =
        told.iter().map(|(number, word)| format!("{} {word}", text::grouped(*number))).collect();
    if told.is_empty() { "none ran".to_owned() } else { told.join(", ") }
}

fn refuse_failed(mut failed: Vec<(&str, anyhow::Error)>) -> Result<()> {
    if failed.len() < 2 {
        return failed.pop().map_or(Ok(()), |(_, error)| Err(error));
    }
    let names: Vec<_> = failed.iter().map(|(name, _)| *name).collect();
    let message = format!("{} of {} checks failed: {}", names.len(), STAGES.len(), names.join(", "));
    Err(Error::new(Kind::Failed, names.join(","), message).remedy("the output of each is above").into())
}

fn refuse_missing_components(interrupt: &Interrupt) -> Result<()> {
    for (command, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        if !cargo::has(command, interrupt)? {
            let message = format!("{component} is not installed");
            return Err(Error::new(Kind::Failed, component, message)
                .remedy(format!("rustup component add {component}"))
                .into());
        }
    }
    Ok(())
}

fn refuse_missing_tools(required: &[cli::Tool], interrupt: &Interrupt) -> Result<()> {
    for tool in required {
        match tool {
            cli::Tool::Atlas if atlas::find()?.is_none() => {
                return Err(Error::new(Kind::Failed, "atlas", "--require atlas: Atlas was not found")
                    .remedy("put the atlas binary on PATH, or set ATLAS to it")
                    .into());
            }
            cli::Tool::Docker => docker::refuse_unfit(interrupt)?,
            cli::Tool::Fly if !fly::is_there() => {
                return Err(Error::new(Kind::Failed, "fly", "--require fly: fly was not found")
                    .remedy("put fly on PATH: https://fly.io/docs/flyctl/install/")
                    .into());
            }
            // Only the tests themselves can tell of the others.
            _ => {}
        }
    }
    Ok(())
}
