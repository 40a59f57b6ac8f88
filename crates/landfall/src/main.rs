//! What a machine does with its SQLite database: it brings it to `schema.sql`, copies it, puts copies back, and becomes the service.

mod about;
mod boot;
mod bring;
mod command;
mod config;
mod copy;
mod detach;
mod discard;
mod ending;
mod failure;
mod links;
mod lock;
mod log;
mod own_file;
mod owner;
mod pull;
mod record;
mod restore;
mod set_aside;
mod stamped;
mod stop;
mod volume;

use std::env;
use std::process::ExitCode;
use std::time::Instant;

use config::{Command, Config};
use failure::Failure;

fn main() -> ExitCode {
    let started = Instant::now();
    let arguments: Vec<_> = env::args_os().collect();
    match Config::read(&arguments, &|name| env::var_os(name)) {
        Ok(config) => run(&config, started),
        Err(code) => code,
    }
}

fn run(config: &Config, started: Instant) -> ExitCode {
    log::init();
    // Before anything else: later there are threads, and files. What touches no file comes up whatever there is.
    if !matches!(config.command, Command::Idle)
        && let Err(error) = owner::become_owner(&config.database)
    {
        return config.command.fail(error.into());
    }
    let served = |result: Result<(), Failure>| match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => config.command.fail(failure),
    };
    match &config.command {
        Command::Idle => served(stop::idle()),
        Command::Start(service) => served(boot::start(config, service.as_ref(), started)),
        Command::Migrate(mode, format) => {
            command::migrate::run(config, *mode, *format).print("migrate", *format)
        }
        Command::Inspect(format) => command::inspect::run(config, *format).print("inspect", *format),
        Command::Backup(backup, format) => command::backup::run(config, backup).print("backup", *format),
        Command::Restore(copy, format) => command::restore::run(config, copy).print("restore", *format),
        Command::Discard(file, format) => command::discard::run(config, file).print("discard", *format),
        Command::LastChange(format) => command::last_change::run(config).print("last-change", *format),
        Command::Status(file, format) => {
            command::status::run(config, file.as_deref()).print("status", *format)
        }
        Command::Version(format) => command::version::run(config).print("version", *format),
    }
}
