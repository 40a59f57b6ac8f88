//! The automation of a workspace: what is behind `cargo xtask`.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod bench;
mod cli;
mod command;
mod environment;
mod error;
mod fly_toml;
mod highlight;
mod local;
mod name;
mod plain;
mod project;
mod release;
mod signal;
mod tested;
mod text;
mod tool;
mod ui;
mod wrap;

use std::env;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser as _;
use clap::error::ErrorKind::{DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand, DisplayVersion};

use crate::cli::{Cli, Command};
use crate::error::Error;
use crate::project::Project;
use crate::ui::{Format, Ui};

/// What `cargo xtask` does with its arguments.
pub fn main() -> ExitCode {
    let exit = match Cli::try_parse() {
        Ok(cli) => {
            let (name, mut ui) = (cli.command.name(), Ui::new(cli.command.format()));
            let ended = run(cli.command, &mut ui);
            ui.finish(Some(name), &ended)
        }
        Err(error) => not_parsed(&error),
    };
    exit.into()
}

fn run(command: Command, ui: &mut Ui) -> Result<u8> {
    let interrupt = signal::listen().context("cannot listen for signals")?;
    let here = env::current_dir().context("cannot read the working directory")?;
    let project = Project::new(tool::cargo::metadata(&here, &interrupt)?, &here)?;
    match command {
        Command::Dev => command::dev::run(&project, &interrupt, ui),
        Command::Migrate(args) => command::migrate::run(&project, args, &interrupt, ui),
        Command::Inspect(args) => command::inspect::run(&project, args, &interrupt, ui),
        Command::VerifySync(args) => command::verify_sync::run(&project, args, &interrupt, ui),
        Command::Pull(args) => command::pull::run(&project, &args, &interrupt, ui),
        Command::Rehearse(args) => command::rehearse::run(&project, args, &interrupt, ui),
        Command::Image(args) => command::image::run(&project, args, &interrupt, ui),
        Command::Deploy(args) => command::deploy::run(&project, *args, &interrupt, ui),
        Command::Status(args) => command::status::run(&project, &args, &interrupt, ui),
        Command::Rollback(args) => command::rollback::run(&project, args, &interrupt, ui),
        Command::Lock(args) => command::lock::run(&project, &args, &interrupt, ui),
        Command::Doctor(_) => command::doctor::run(&project, &interrupt, ui),
        Command::Ci(args) => command::ci::run(&project, &args, &interrupt, ui),
        Command::Bench(args) => command::bench::run(&project, &args, &interrupt, ui),
    }
}

/// Help and version end well; anything else is wrong usage, in the format that was asked for.
fn not_parsed(error: &clap::Error) -> u8 {
    let args: Vec<_> = env::args().skip(1).collect();
    if matches!(error.kind(), DisplayHelp | DisplayVersion | DisplayHelpOnMissingArgumentOrSubcommand) {
        return Ui::new(Format::Text).help(&error.render());
    }
    if !cli::wants_json(&args) {
        return Ui::new(Format::Text).wrong_usage(&error.render());
    }
    let text = error.render().to_string();
    let (message, remedy) = text.trim().split_once("\n\n").unwrap_or((text.trim(), ""));
    let usage = Error::usage("", message.trim_start_matches("error: ")).remedy(remedy);
    Ui::new(Format::Json).finish(cli::command_among(&args), &Err(usage.into()))
}
