//! The real binary, from the outside: what a person, a visitor and a machine see of it.

#![allow(clippy::unwrap_used)]

mod api;
mod commands;
mod edit;
mod page;
mod project;
mod start;
mod stop;
