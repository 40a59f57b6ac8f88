//! `cargo xtask ci`: all checks.

use std::ffi::OsString;
use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use clap::ValueEnum as _;
use migrate::Interrupt;
use xshell::Shell;

use crate::cli;
use crate::error::{Error, Kind};
use crate::project::Project;
use crate::tool::{atlas, cargo, docker, fly};
use crate::ui::Ui;

/// What is run, in this order; the first failure ends it.
const STAGES: [(&str, &[&str]); 4] = [
    ("formatting", &["fmt", "--all", "--check"]),
    ("lints", &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]),
    ("tests", &["test", "--workspace"]),
    ("documentation", &["doc", "--workspace", "--no-deps"]),
];

/// Returns the exit code.
pub(crate) fn run(project: &Project, args: &cli::Ci, interrupt: &Interrupt, ui: &Ui) -> Result<u8> {
    refuse_missing_components()?;
    refuse_missing_tools(&args.require)?;
    let sh = Shell::new()?;
    let folder = sh.create_temp_dir()?;
    let list = folder.path().join("skipped");
    sh.write_file(&list, "")?;
    let begun = Instant::now();
    let ended = stages(project, &environment(args, &list), interrupt, ui);
    for skipped in sh.read_file(&list)?.lines() {
        ui.status("Skipped", skipped);
    }
    ended?;
    let seconds = begun.elapsed().as_secs_f64();
    ui.status(
        "Finished",
        format!("{} in {seconds:.1} s: all passed", STAGES.map(|(name, _)| name).join(", ")),
    );
    Ok(0)
}

fn stages(project: &Project, env: &[(&str, OsString)], interrupt: &Interrupt, ui: &Ui) -> Result<()> {
    for (name, args) in STAGES {
        ui.status("Checking", format!("{name}: cargo {}", args.join(" ")));
        let begun = Instant::now();
        cargo::check(&project.root, args, env, interrupt)?;
        ui.status("Passed", format!("{name} in {:.1} s", begun.elapsed().as_secs_f64()));
    }
    Ok(())
}

/// What the stages are told: read by rustdoc and by the tests' own `requires.rs`.
fn environment(args: &cli::Ci, list: &Path) -> Vec<(&'static str, OsString)> {
    let names = args.require.iter().filter_map(cli::Tool::to_possible_value);
    let required: Vec<_> = names.map(|value| value.get_name().to_owned()).collect();
    vec![
        ("RUSTDOCFLAGS", "-D warnings".into()),
        ("LANDFALL_REQUIRE", required.join(",").into()),
        ("LANDFALL_SKIPPED", list.into()),
    ]
}

fn refuse_missing_components() -> Result<()> {
    for (command, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        if !cargo::has(command)? {
            let message = format!("{component} is not installed");
            return Err(Error::new(Kind::Failed, component, message)
                .remedy(format!("rustup component add {component}"))
                .into());
        }
    }
    Ok(())
}

fn refuse_missing_tools(required: &[cli::Tool]) -> Result<()> {
    for tool in required {
        match tool {
            cli::Tool::Atlas if atlas::find()?.is_none() => {
                return Err(Error::new(Kind::Failed, "atlas", "--require atlas: Atlas was not found")
                    .remedy("put the atlas binary on PATH, or set ATLAS to it")
                    .into());
            }
            cli::Tool::Docker => docker::refuse_unfit(&Interrupt::default())?,
            cli::Tool::Fly if !fly::is_there() => {
                return Err(Error::new(Kind::Failed, "fly", "--require fly: fly was not found")
                    .remedy("put fly on PATH: https://fly.io/docs/flyctl/install/")
                    .into());
            }
            cli::Tool::Fly => {}
            cli::Tool::Atlas => {}
        }
    }
    Ok(())
}
