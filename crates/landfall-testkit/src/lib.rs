//! What the tests of several crates share: tools that a machine may lack, schemas that are hard to read, git without anybody's configuration,
//! a workspace to run a command in, the simulator of Fly.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

pub mod busy;
pub mod git;
pub mod hostile;
pub mod nasty;
pub mod requires;
pub mod server;
pub mod sim;
pub mod sources;
pub mod world;
