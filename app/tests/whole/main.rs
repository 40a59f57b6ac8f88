//! The real binary, from the outside: what a person, a visitor and a machine see of it.

#![allow(clippy::unwrap_used)]

mod api;
mod boot;
mod children;
mod commands;
mod cross_site;
mod edit;
mod endless;
mod headers;
mod host;
mod hostile;
mod in_sync;
mod killed;
mod last_change;
mod page;
mod password;
mod planted;
mod project;
mod pull;
mod request_log;
mod restore;
mod rules;
mod siege;
mod start;
mod status;
mod stop;
mod unwritten;
