//! A small web service that keeps its data in one SQLite file, and brings that file to `schema.sql` before it serves.

mod about;
mod boot;
mod command;
mod config;
mod customer;
mod ending;
mod failure;
mod log;
mod server;
mod stop;
mod store;
mod web;

use std::env;
use std::process::ExitCode;

use config::{Command, Config};

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args_os().collect();
    match Config::read(&arguments, &|name| env::var_os(name)) {
        Ok(config) => run(&config),
        Err(code) => code,
    }
}

fn run(config: &Config) -> ExitCode {
    log::init();
    match &config.command {
        Command::Start(address) => boot::exit(boot::start(config, *address)),
        Command::Serve(address) => boot::exit(boot::serve(config, *address)),
        Command::Migrate(mode, format) => command::migrate::run(config, *mode).print("migrate", *format),
        Command::Inspect(format) => command::inspect::run(config).print("inspect", *format),
        Command::Backup(file, format) => command::backup::run(config, file).print("backup", *format),
        Command::Version(format) => command::version::run(config).print("version", *format),
    }
}
