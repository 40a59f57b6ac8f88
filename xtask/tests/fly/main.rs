//! Commands that look at production: the real binary and the real `fly`, against a simulator of Fly's API.

#![allow(clippy::unwrap_used)]

mod deploy;
mod deployed;
mod doctor;
mod drift;
mod front;
mod hostile;
mod production;
mod pull;
mod rehearse;
mod remedies;
mod rollback;
mod shop;
#[allow(dead_code, reason = "the tests of the image use it, too")]
mod sim;
mod status;
#[path = "../it/world.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod world;
