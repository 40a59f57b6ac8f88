//! A program that never ends, whichever it is: whoever asks the command to stop is heard, and nothing of it stays.

use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use landfall_testkit::world::World;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::XTASK;

const SCHEMA: &str = "CREATE TABLE customers (id INTEGER PRIMARY KEY);\n";
const FLY_TOML: &str = include_str!("../../../fly.toml");
const DAEMON: &str = r#"{"Version":"28.2.2","Os":"linux","Arch":"amd64"}"#;

const IMAGE: &str = r#"{"Id":"sha256:0123","Size":1,"Config":{},"Os":"linux","Architecture":"amd64"}"#;

/// A workspace whose `program` never ends once a word of its command line is `word`, and tells its number first.
fn machine(program: &str, word: &str) -> World {
    let world = World::new(XTASK, SCHEMA);
    world.write("fly.toml", FLY_TOML);
    world.write("Dockerfile", "FROM scratch\n");
    for (name, then) in [
        ("docker", format!("case $1 in version) echo '{DAEMON}' ;; image) echo '{IMAGE}' ;; esac")),
        ("git", "exit 1".to_owned()),
        ("cargo", format!("exec '{}' \"$@\"", env!("CARGO"))),
    ] {
        let hang = format!(
            "for w in \"$@\"; do [ \"$w\" != {word} ] || {{ echo $$ >'{0}'.new; mv '{0}'.new '{0}'; exec sleep 600; }}; done",
            world.path("hangs").display()
        );
        let hang = if name == program { hang } else { String::new() };
        let file = format!("bin/{name}");
        world.write(&file, format!("#!/bin/sh\n{hang}\n{then}\n"));
        fs::set_permissions(world.path(&file), Permissions::from_mode(0o755)).unwrap();
    }
    let path = env::var_os("PATH").unwrap();
    let folders: Vec<_> = [world.path("bin")].into_iter().chain(env::split_paths(&path)).collect();
    let cargo = world.path("bin/cargo");
    world.with_env("PATH", env::join_paths(folders).unwrap()).with_env("CARGO", cargo)
}

#[test]
fn a_signal_ends_whatever_program_hangs() {
    for (program, word, args) in [
        ("cargo", "metadata", &["image", "--no-smoke"][..]),
        ("cargo", "--version", &["ci"]),
        ("git", "rev-parse", &["image", "--no-smoke"]),
        ("docker", "version", &["image", "--no-smoke"]),
        ("docker", "build", &["image", "--no-smoke"]),
        ("docker", "inspect", &["image", "--no-smoke"]),
        ("docker", "history", &["image", "--no-smoke"]),
    ] {
        let world = machine(program, word);
        let mut child = world.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let number = loop {
            if let Ok(number) = fs::read_to_string(world.path("hangs")) {
                break number;
            }
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none(), "{program} {word} was not run: {ended:?}");
            thread::sleep(Duration::from_millis(10));
        };
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        let said = world.said(args, &child.wait_with_output().unwrap());
        assert_eq!(said.exit, 1, "{program} {word}: {said}");
        assert!(said.stderr.contains("interrupted"), "{program} {word}: {said}");
        let number = Pid::from_raw(number.trim().parse().unwrap()).unwrap();
        assert_eq!(test_kill_process(number), Err(Errno::SRCH), "{program} {word} is still there");
    }
}
