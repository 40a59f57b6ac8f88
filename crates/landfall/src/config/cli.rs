//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use landfall_engine::{Approval, Error, ErrorKind, PlannerChoice, ProofLevel, Settings};

use super::command::{Backup, Mode};
use super::environment::Environment;
use super::scrub::Scrub;
use crate::ending::{self, Ending, Format};
use crate::failure::Failure;

const ENVIRONMENT: &str = "\
Environment:
  DB_PATH                the database [default: .data/db]
  SCHEMA_PATH            the declared schema: a file, a folder or a list [default: schema.sql]
  PORT, LISTEN           where start answers, and the service after it [default: 8080, 127.0.0.1]
  LANDFALL_PLANNER       auto, atlas or builtin [default: auto]
  ATLAS                  the Atlas binary [default: atlas on PATH]
  LANDFALL_IGNORE        tables that no step sees, as GLOB patterns with commas between
  LANDFALL_COLUMN_ORDER  report or exact [default: report]
  LANDFALL_FAST_PATH     proved, full or off: changes that write no row anew [default: proved]
  LANDFALL_COMMIT        the commit of this release
  LANDFALL_SCHEMA        keep: start migrates nothing, and runs COMMAND only where this release fits
  LANDFALL_CREATE        1: a database that is missing on Fly's volume may be made
  LANDFALL_ALLOW         hazards that are approved, as HAZARD:OBJECT with commas between …
  LANDFALL_ALLOW_FOR     … for the plan with this fingerprint, and no other

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused for a hazard, 4 out of sync (migrate --check)";

/// What a machine does with its SQLite database
#[derive(Debug, Parser)]
#[command(name = "landfall", version, after_help = ENVIRONMENT)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Bring the database to schema.sql, then become COMMAND; meanwhile every request is answered with 503
    Start {
        /// The service and its arguments; it gets DB_PATH, LISTEN and PORT [default: none, only migrate]
        #[arg(last = true)]
        command: Vec<OsString>,
    },
    /// Bring the database to schema.sql
    Migrate(MigrateFlags),
    /// Touch nothing until asked to stop: for a machine on whose volume other commands look at what there is
    Idle,
    /// Print the live schema as the text of a schema.sql
    Inspect {
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Make a consistent copy of the database while it is in use
    Backup(BackupFlags),
    /// Put a copy back in the place of the database, which is set aside
    Restore {
        /// A complete copy beside the database; it stays
        copy: PathBuf,
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Remove a database that was set aside
    Discard {
        /// One of those that `status` lists
        file: PathBuf,
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Print what the last change of the database did, and how long it took
    LastChange {
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Print what is in the database, how much room is left, and what lies beside it
    Status {
        /// Another database file beside it [default: the database]
        file: Option<PathBuf>,
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Print what this is: commit, version, declared schema, SQLite
    Version {
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
}

#[derive(Debug, Args)]
pub(super) struct BackupFlags {
    /// The new file; an existing one is refused
    #[arg(required_unless_present = "list")]
    file: Option<PathBuf>,
    /// SQL statements, as base64, that run on the copy alone; what they change is nowhere in it
    #[arg(long, value_name = "BASE64", conflicts_with_all = ["status", "discard", "list"])]
    scrub: Option<Scrub>,
    #[command(flatten)]
    how: How,
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: Format,
}

#[derive(Debug, Args)]
#[group(multiple = false)]
struct How {
    /// Make the copy in a process of its own and end at once; FILE is named DB_PATH.pull-NAME
    #[arg(long)]
    detach: bool,
    #[arg(long, hide = true)]
    detached: bool,
    /// Tell how far a detached copy is
    #[arg(long)]
    status: bool,
    /// Stop and remove a detached copy, and all that is left of it
    #[arg(long)]
    discard: bool,
    /// List all copies named DB_PATH.pull-NAME
    #[arg(long, conflicts_with = "file")]
    list: bool,
}

#[derive(Debug, Args)]
pub(super) struct MigrateFlags {
    /// Show the plan and write nothing
    #[arg(long, conflicts_with = "check")]
    dry_run: bool,
    /// Only compare: exit 4 when out of sync
    #[arg(long)]
    check: bool,
    /// Approve a hazard on an object: table, table.column or * (repeatable)
    #[arg(long, value_name = "HAZARD:OBJECT")]
    allow: Vec<Approval>,
    /// Who plans: auto, atlas or builtin
    #[arg(long)]
    planner: Option<PlannerChoice>,
    /// How much of the rows is proved: counts or content
    #[arg(long, value_name = "LEVEL")]
    proof: Option<ProofLevel>,
    /// Let messages carry values of your rows (refused under CI)
    #[arg(long)]
    show_values: bool,
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: Format,
}

impl Verb {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Start { .. } => "start",
            Self::Migrate(_) => "migrate",
            Self::Idle => "idle",
            Self::Inspect { .. } => "inspect",
            Self::Backup(_) => "backup",
            Self::Restore { .. } => "restore",
            Self::Discard { .. } => "discard",
            Self::LastChange { .. } => "last-change",
            Self::Status { .. } => "status",
            Self::Version { .. } => "version",
        }
    }
}

impl BackupFlags {
    pub(super) fn action(self) -> Backup {
        let Self { file, scrub, how, .. } = self;
        // Only a list is asked for without a file.
        let Some(file) = file else { return Backup::List };
        match how {
            How { detach: true, .. } => Backup::Detach(file, scrub),
            How { detached: true, .. } => Backup::Detached(file, scrub),
            How { status: true, .. } => Backup::Status(file),
            How { discard: true, .. } => Backup::Discard(file),
            _ => Backup::Here(file, scrub),
        }
    }
}

impl MigrateFlags {
    pub(super) fn mode(&self) -> Mode {
        match (self.check, self.dry_run) {
            (true, _) => Mode::Check,
            (_, true) => Mode::DryRun,
            _ => Mode::Apply,
        }
    }

    pub(super) fn adjust(&self, settings: &mut Settings, environment: &Environment<'_>) -> Result<(), Error> {
        if self.show_values && environment.is_ci() {
            return Err(Error::new(
                ErrorKind::Usage,
                "--show-values",
                "--show-values is refused under CI: values of your rows would end up in its log",
            )
            .remedy("leave it out, or run it where CI is not set"));
        }
        settings.show_values = self.show_values;
        if !self.allow.is_empty() {
            settings.allow.clone_from(&self.allow);
            settings.allow_for = None;
        }
        settings.planner = self.planner.unwrap_or(settings.planner);
        settings.proof = self.proof.unwrap_or(settings.proof);
        Ok(())
    }
}

/// The format, found before the command line is known to be right: a wrong one is answered in it, too.
pub(super) fn format_asked_for(arguments: &[OsString]) -> Format {
    // What follows belongs to the service.
    let ours = arguments.split(|argument| argument == "--").next().unwrap_or_default();
    let asked = ours.iter().any(|a| a == "--format=json")
        || ours.windows(2).any(|pair| pair[0] == "--format" && pair[1] == "json");
    if asked { Format::Json } else { Format::Text }
}

/// Prints help, the version, or what is wrong with the command line.
pub(super) fn explain(error: &clap::Error, arguments: &[OsString], format: Format) -> ExitCode {
    if !error.use_stderr() || format == Format::Text {
        return ending::exit(if error.use_stderr() { 2 } else { 0 }, None, error.print());
    }
    let text = error.to_string();
    let message = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
    let verb = arguments.get(1).map(|verb| verb.to_string_lossy()).unwrap_or_default();
    let error = Error::new(ErrorKind::Usage, "", message).remedy("every command and flag: landfall --help");
    Ending::<&str>::failed(Failure::from(error)).print(&verb, format)
}
