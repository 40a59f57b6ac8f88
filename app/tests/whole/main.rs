//! The real binary, from the outside: what a person, a visitor and a machine see of it.

#![allow(clippy::unwrap_used)]

mod boot;
mod commands;
mod page;
mod project;
#[path = "../../../xtask/tests/support/requires.rs"]
mod requires;
mod start;
mod stop;
