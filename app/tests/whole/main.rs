//! The real binary, from the outside: what a person, a visitor and a machine see of it.

#![allow(clippy::unwrap_used)]

mod api;
mod cross_site;
mod edit;
mod headers;
mod host;
mod killed;
mod page;
mod password;
mod project;
mod request_log;
mod rules;
mod siege;
mod start;
mod stop;
