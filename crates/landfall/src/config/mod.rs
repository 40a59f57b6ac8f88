//! What the command line and the environment ask for: read once, typed.

mod cli;
mod command;
mod database;
mod environment;
mod scrub;
mod service;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use landfall_engine::{Declared, Error, Files, Settings};
use tracing::warn;

use crate::ending::Ending;
use crate::failure::Failure;
use cli::{Cli, Verb};
use environment::Environment;

pub(crate) use command::{Backup, Command, Mode};
pub(crate) use database::Database;
pub(crate) use environment::{Boot, Fly, Lookup};
pub(crate) use scrub::Scrub;
pub(crate) use service::Service;

/// Everything that a command needs to know.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) command: Command,
    pub(crate) database: Database,
    pub(crate) schema: PathBuf,
    pub(crate) commit: String,
    pub(crate) settings: Settings,
    pub(crate) boot: Boot,
    /// The machine's platform, when that is Fly.
    pub(crate) fly: Option<Fly>,
    /// The variables of the process that makes a copy: no password is among them.
    pub(crate) for_a_copier: Vec<(&'static str, PathBuf)>,
}

impl Config {
    /// Reads both, or prints why it cannot (on stdout, as JSON, where that was asked for) and gives the exit code.
    pub(crate) fn read(arguments: &[OsString], lookup: Lookup<'_>) -> Result<Self, ExitCode> {
        let format = cli::format_asked_for(arguments);
        let verb = match Cli::try_parse_from(arguments) {
            Ok(cli) => cli.verb,
            Err(error) => return Err(cli::explain(&error, arguments, format)),
        };
        let name = verb.name();
        Self::from(verb, &Environment(lookup))
            .map_err(|error| Ending::<&str>::failed(Failure::from(error)).print(name, format))
    }

    /// Reads `schema.sql`.
    pub(crate) fn declared(&self) -> Result<Declared, Error> {
        let named_here = |error: Error| {
            error.remedy(
                "write the CREATE statements of the database there, or name the file with SCHEMA_PATH",
            )
        };
        let files = Files::read(&self.schema)
            .map_err(|error| if self.schema.exists() { error } else { named_here(error) })?;
        Declared::of(files, &self.settings)
    }

    /// Where `schema.sql` is only of interest: one that cannot be read is told and left out.
    pub(crate) fn declared_if_readable(&self) -> Option<Declared> {
        let declared = self.declared();
        declared.inspect_err(|error| warn!("the declared schema is unknown: {}", error.message)).ok()
    }

    fn from(verb: Verb, environment: &Environment<'_>) -> Result<Self, Error> {
        let mut settings = environment.settings()?;
        let command = match verb {
            Verb::Start { command } => {
                let service = environment.service(command);
                let address = || environment.address();
                Command::Start(service.map(|service| Ok::<_, Error>((service, address()?))).transpose()?)
            }
            Verb::Idle => Command::Idle,
            Verb::Migrate(flags) => {
                flags.adjust(&mut settings, environment)?;
                Command::Migrate(flags.mode(), flags.format)
            }
            Verb::Inspect { format } => Command::Inspect(format),
            Verb::Backup(flags) => {
                let format = flags.format;
                Command::Backup(flags.action(), format)
            }
            Verb::Restore { copy, format } => Command::Restore(copy, format),
            Verb::Discard { file, format } => Command::Discard(file, format),
            Verb::LastChange { format } => Command::LastChange(format),
            Verb::Status { file, format } => Command::Status(file, format),
            Verb::Version { format } => Command::Version(format),
        };
        Ok(Self {
            command,
            database: environment.database(),
            schema: environment.path("SCHEMA_PATH").unwrap_or_else(|| "schema.sql".into()),
            commit: environment.commit()?,
            settings,
            boot: environment.boot()?,
            fly: environment.fly()?,
            for_a_copier: environment.for_a_copier(),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::path::Path;

    use super::*;

    fn read(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Config, Error> {
        let arguments = [&["landfall"], arguments].concat();
        let lookup = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| value.into());
        Config::from(Cli::try_parse_from(arguments).unwrap().verb, &Environment(&lookup))
    }

    /// What `start -- serve` listens on.
    fn address(config: &Config) -> String {
        let Command::Start(Some((service, address))) = &config.command else { panic!("{config:?}") };
        assert_eq!(service.arguments, ["--port", "1"]);
        address.to_string()
    }

    const START: [&str; 5] = ["start", "--", "serve", "--port", "1"];

    #[test]
    fn without_any_variable_the_defaults_of_the_readme_count() {
        let config = read(&START, &[]).unwrap();
        assert_eq!(address(&config), "127.0.0.1:8080");
        assert_eq!(config.database.path, Path::new(".data/db"));
        assert!(config.database.by_default);
        assert_eq!(config.schema, Path::new("schema.sql"));
    }

    #[test]
    fn an_empty_variable_counts_as_unset() {
        let config = read(&START, &[("DB_PATH", ""), ("PORT", ""), ("LISTEN", "")]).unwrap();
        assert_eq!(address(&config), "127.0.0.1:8080");
        assert!(config.database.by_default);
    }

    #[test]
    fn every_variable_reaches_its_setting() {
        let config = read(
            &START,
            &[
                ("DB_PATH", "/data/db"),
                ("SCHEMA_PATH", "/etc/schema.sql"),
                ("PORT", "81"),
                ("LISTEN", "::"),
                ("LANDFALL_PLANNER", "builtin"),
                ("LANDFALL_COLUMN_ORDER", "exact"),
                ("LANDFALL_FAST_PATH", "off"),
                ("LANDFALL_IGNORE", "a_*, b"),
            ],
        )
        .unwrap();
        assert_eq!(address(&config), "[::]:81");
        assert_eq!(config.database.path, Path::new("/data/db"));
        assert!(!config.database.by_default);
        assert_eq!(config.schema, Path::new("/etc/schema.sql"));
        assert_eq!(config.settings.planner, landfall_engine::PlannerChoice::Builtin);
        assert_eq!(config.settings.column_order, landfall_engine::ColumnOrder::Exact);
        assert_eq!(config.settings.fast_path, landfall_engine::FastPath::Off);
        assert_eq!(config.settings.ignore, ["a_*", "b"]);
    }

    #[test]
    fn what_deploy_and_rollback_set_reaches_boot() {
        let boot = |variables: &[(&str, &str)]| read(&["start"], variables).unwrap().boot;
        assert_eq!(boot(&[]), Boot::Migrate { create: false });
        assert_eq!(boot(&[("LANDFALL_CREATE", "1")]), Boot::Migrate { create: true });
        assert_eq!(boot(&[("LANDFALL_SCHEMA", "keep")]), Boot::Keep);
    }

    #[test]
    fn an_approval_of_the_environment_counts_for_its_plan_and_a_flag_for_any() {
        let variables =
            [("LANDFALL_ALLOW", "DROPS_TABLE:a, DROPS_COLUMN:b.c"), ("LANDFALL_ALLOW_FOR", "0123")];
        let texts =
            |config: &Config| config.settings.allow.iter().map(ToString::to_string).collect::<Vec<_>>();
        let environment = read(&["start"], &variables).unwrap();
        assert_eq!(texts(&environment), ["DROPS_TABLE:a", "DROPS_COLUMN:b.c"]);
        assert_eq!(environment.settings.allow_for.as_deref(), Some("0123"));
        let flag = read(&["migrate", "--allow", "DROPS_TABLE:d"], &variables).unwrap();
        assert_eq!(texts(&flag), ["DROPS_TABLE:d"]);
        assert_eq!(flag.settings.allow_for, None);
    }

    #[test]
    fn fly_is_known_by_its_variables_and_a_copier_gets_no_secret() {
        let config = |variables: &[(&str, &str)]| read(&["inspect"], variables).unwrap();
        assert!(config(&[("FLY_MACHINE_ID", ""), ("FLY_APP_NAME", "shop")]).fly.is_none());
        assert_eq!(config(&[("FLY_MACHINE_ID", "1")]).fly.unwrap().app, "APP");
        assert_eq!(config(&[("FLY_MACHINE_ID", "1"), ("FLY_APP_NAME", "shop")]).fly.unwrap().app, "shop");
        let handed_on = config(&[
            ("APP_PASSWORD", "x"),
            ("FLY_API_TOKEN", "x"),
            ("DB_PATH", "/data/db"),
            ("SQLITE_TMPDIR", "/data"),
        ]);
        assert_eq!(
            handed_on.for_a_copier,
            [("DB_PATH", "/data/db".into()), ("SQLITE_TMPDIR", "/data".into())]
        );
    }

    #[test]
    fn a_flag_beats_its_variable() {
        let config = read(&["migrate", "--planner", "auto"], &[("LANDFALL_PLANNER", "builtin")]).unwrap();
        assert_eq!(config.settings.planner, landfall_engine::PlannerChoice::Auto);
    }

    #[test]
    fn a_wrong_address_stops_only_the_commands_that_listen() {
        assert!(read(&START, &[("PORT", "eighty")]).is_err());
        assert!(read(&["start"], &[("PORT", "eighty")]).is_ok());
        assert!(read(&["inspect"], &[("PORT", "eighty")]).is_ok());
    }
}
