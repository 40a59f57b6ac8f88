//! `cargo xtask image` on a real Docker daemon: what is built, how it boots, how its database is pulled, and how a change is rehearsed.

#![allow(clippy::unwrap_used)]

mod boots;
mod builds;
mod container;
mod deploy;
mod failures;
mod production;
mod pull;
mod rehearse;
mod workspace;
