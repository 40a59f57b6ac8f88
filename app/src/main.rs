//! A small web service that keeps its data in one SQLite file, and brings that file to `schema.sql` before it serves.

mod about;
mod boot;
mod bring;
mod command;
mod config;
mod copy;
mod customer;
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
mod server;
mod set_aside;
mod stamped;
mod stop;
mod store;
mod volume;
mod web;

use std::env;
use std::process::ExitCode;
use std::time::Instant;

use config::{Command, Config};
use failure::Failure;

fn main() -> ExitCode {
    let started = Instant::now();
    let arguments: Vec<_> = env::args_os().collect();
    match Config::read(&arguments, &|name| env::var_os(name)) {
        Ok(config) => run(config, started),
        Err(code) => code,
    }
}

fn run(config: Config, started: Instant) -> ExitCode {
    log::init();
    // Before anything else: later there are threads, and files. What touches no file comes up whatever there is.
    if !matches!(config.command, Command::Idle)
        && let Err(error) = owner::become_owner(&config.database)
    {
        return config.command.fail(error.into());
    }
    let command = config.command.clone();
    let served = |result: Result<(), Failure>| match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => command.fail(failure),
    };
    match command {
        Command::Idle => served(stop::idle()),
        Command::Start(address) => served(boot::start(config, address, started)),
        Command::Serve(address) => served(boot::serve(config, address, started)),
        Command::Migrate(mode, format) => {
            command::migrate::run(&config, mode, format).print("migrate", format)
        }
        Command::Inspect(format) => command::inspect::run(&config, format).print("inspect", format),
        Command::Backup(backup, format) => command::backup::run(&config, &backup).print("backup", format),
        Command::Restore(copy, format) => command::restore::run(&config, &copy).print("restore", format),
        Command::Discard(file, format) => command::discard::run(&config, &file).print("discard", format),
        Command::LastChange(format) => command::last_change::run(&config).print("last-change", format),
        Command::Status(file, format) => {
            command::status::run(&config, file.as_deref()).print("status", format)
        }
        Command::Version(format) => command::version::run(&config).print("version", format),
    }
}
