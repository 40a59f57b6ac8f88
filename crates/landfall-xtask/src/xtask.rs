//! The commands of `cargo xtask`, and the one that is asked for.

use std::env;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::ArgMatches;
use clap::error::ErrorKind::{DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand, DisplayVersion};
use landfall_engine::Interrupt;

use crate::cli;
use crate::error::Error;
use crate::project::Project;
use crate::signal;
use crate::task::Task;
use crate::tool;
use crate::ui::{Format, Ui};

/// The commands of `cargo xtask`: Landfall's own, and those that are added to them.
pub struct Xtask {
    commands: clap::Command,
    tasks: Vec<(&'static str, Run)>,
}

/// A [`Task`] whose type is forgotten.
type Run = fn(&ArgMatches, &Project, &Interrupt, &mut Ui) -> Result<u8>;

impl Xtask {
    /// Landfall's own commands.
    #[must_use]
    pub fn new() -> Self {
        Self { commands: cli::xtask(), tasks: Vec::new() }
            .task::<cli::Dev>()
            .task::<cli::Migrate>()
            .task::<cli::Inspect>()
            .task::<cli::VerifySync>()
            .task::<cli::Pull>()
            .task::<cli::Rehearse>()
            .task::<cli::Image>()
            .task::<cli::Deploy>()
            .task::<cli::Status>()
            .task::<cli::Rollback>()
            .task::<cli::Lock>()
            .task::<cli::Doctor>()
    }

    /// The same with this command, which comes last in the help.
    ///
    /// # Panics
    /// Where there is a command of this name already.
    #[must_use]
    pub fn task<T: Task>(mut self) -> Self {
        let is_new = self.tasks.iter().all(|(name, _)| *name != T::NAME);
        assert!(is_new, "there are two commands `cargo xtask {}`", T::NAME);
        self.commands = self.commands.subcommand(T::augment_args(clap::Command::new(T::NAME)));
        self.tasks.push((T::NAME, |flags, project, interrupt, ui| {
            T::from_arg_matches(flags)?.run(project, interrupt, ui)
        }));
        self
    }

    /// Runs the command that the arguments of this process name. All that is printed is printed when it returns.
    #[must_use]
    pub fn main(self) -> ExitCode {
        let exit = match self.commands.clone().try_get_matches() {
            Ok(asked) => self.answer(&asked),
            Err(error) => self.not_parsed(&error),
        };
        exit.into()
    }

    fn answer(&self, asked: &ArgMatches) -> u8 {
        let (name, flags) = innermost(asked);
        let mut ui = Ui::new(format(flags));
        let ended = self.run(asked, &mut ui);
        ui.finish(Some(&name), &ended)
    }

    fn run(&self, asked: &ArgMatches, ui: &mut Ui) -> Result<u8> {
        let (asked, flags) = asked.subcommand().context("clap asks for a command")?;
        let task = self.tasks.iter().find(|(name, _)| *name == asked);
        let (_, run) = task.context("clap knows no other command")?;
        let interrupt = signal::listen().context("cannot listen for signals")?;
        let here = env::current_dir().context("cannot read the working directory")?;
        let project = Project::new(tool::cargo::metadata(&here, &interrupt)?, &here)?;
        run(flags, &project, &interrupt, ui)
    }

    /// Help and version end well; anything else is wrong usage, in the format that was asked for.
    fn not_parsed(&self, error: &clap::Error) -> u8 {
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
        Ui::new(Format::Json).finish(self.command_among(&args), &Err(usage.into()))
    }

    /// The command that arguments which could not be parsed are for.
    fn command_among<'a>(&self, args: &'a [String]) -> Option<&'a str> {
        let is_known = |arg: &&String| self.tasks.iter().any(|(name, _)| name == arg);
        args.iter().find(is_known).map(String::as_str)
    }
}

impl Default for Xtask {
    fn default() -> Self {
        Self::new()
    }
}

/// The command as it is typed, such as `lock status`, and its flags.
fn innermost(asked: &ArgMatches) -> (String, &ArgMatches) {
    let (mut words, mut flags) = (Vec::new(), asked);
    while let Some((word, below)) = flags.subcommand() {
        words.push(word);
        flags = below;
    }
    (words.join(" "), flags)
}

/// What stdout carries: text where the command has no such flag.
fn format(flags: &ArgMatches) -> Format {
    flags.try_get_one("format").ok().flatten().copied().unwrap_or(Format::Text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Has a name that is taken.
    #[derive(clap::Args)]
    struct Other {}

    impl Task for Other {
        const NAME: &'static str = "migrate";

        fn run(self, _: &Project, _: &Interrupt, _: &mut Ui) -> Result<u8> {
            Ok(0)
        }
    }

    #[test]
    fn flags_are_consistent() {
        Xtask::new().commands.debug_assert();
    }

    #[test]
    #[should_panic(expected = "there are two commands `cargo xtask migrate`")]
    fn a_name_that_is_taken_is_refused() {
        let _ = Xtask::new().task::<Other>();
    }
}
