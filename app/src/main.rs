//! A small web service that keeps its data in one SQLite file. Landfall stands in front of it: when this starts, the database is there.

mod config;
mod customer;
mod log;
mod server;
mod stop;
mod store;
mod web;

use std::env;
use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser as _;

use config::{Cli, Config};
use store::Store;
use web::{Pages, Site};

fn main() -> ExitCode {
    Cli::parse();
    log::init();
    match serve(&|name| env::var_os(name)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => log::fail(&error),
    }
}

fn serve(lookup: &dyn Fn(&str) -> Option<OsString>) -> Result<()> {
    let config = Config::read(lookup)?;
    let stop = stop::stops()?;
    let listener = server::bind(config.address)?;
    let store = Store::open(&config.database)?;
    server::run(listener, stop, &Pages::of(Site::new(store, config)))
}
