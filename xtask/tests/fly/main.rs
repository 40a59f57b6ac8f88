//! Commands that look at production: the real binary and the real `fly`, against a simulator of Fly's API.

#![allow(clippy::unwrap_used)]

mod deploy;
mod deployed;
mod doctor;
mod drift;
#[path = "../../../migrate/tests/it/support/hostile.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod evil;
mod front;
#[path = "../support/git.rs"]
mod git;
mod hostile;
mod production;
mod pull;
mod rehearse;
mod remedies;
#[path = "../support/requires.rs"]
mod requires;
mod rollback;
mod shop;
#[allow(dead_code, reason = "the tests of the image use it, too")]
mod sim;
mod status;
#[path = "../it/world.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod world;
