//! `cargo xtask image` on a real Docker daemon: what is built, and how it boots.

#![allow(clippy::unwrap_used)]

mod boots;
mod builds;
mod container;
mod failures;
#[path = "../support/requires.rs"]
mod requires;
mod workspace;
