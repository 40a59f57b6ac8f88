//! The real binary, from the outside: what a person, a visitor and a machine see of it.

#![allow(clippy::unwrap_used)]

mod boot;
mod children;
mod commands;
mod endless;
mod hostile;
mod in_sync;
mod last_change;
mod planted;
mod project;
mod pull;
mod restore;
mod rules;
mod start;
mod status;
mod stop;
mod unwritten;
