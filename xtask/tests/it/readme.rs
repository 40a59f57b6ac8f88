//! The README's transcripts are run, in order, in a fresh workspace: they cannot rot.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use landfall_testkit::world::{World, path_without_atlas};

use crate::XTASK;

const README: &str = include_str!("../../../README.md");
const SCHEMA: &str = include_str!("../../../schema.sql");

const MANIFEST: &str = "[workspace]\nresolver = \"3\"\nmembers = [\"shop\"]\n";

#[test]
fn the_transcripts_of_the_readme_are_what_the_commands_print() {
    let world = World::new(XTASK, "");
    world.write("Cargo.toml", MANIFEST);
    world.write("schema.sql", SCHEMA);
    put_xtask_behind_cargo(&world);
    // As after `cargo xtask dev`, which the README runs first.
    shell(&world, "cargo xtask migrate --auto-approve");
    let transcripts: Vec<_> = README.split("```console\n").skip(1).collect();
    assert!(!transcripts.is_empty());
    for transcript in transcripts {
        let transcript = transcript.split("```").next().unwrap();
        assert_eq!(run_again(&world, transcript), transcript);
    }
}

/// `cargo xtask …` runs the binary under test; any other cargo command is cargo's own.
fn put_xtask_behind_cargo(world: &World) {
    let cargo = env!("CARGO");
    let shim = format!(
        "#!/bin/sh\nif [ \"$1\" = xtask ]; then shift; exec '{XTASK}' \"$@\"; fi\nexec '{cargo}' \"$@\"\n"
    );
    world.write("bin/cargo", shim);
    fs::set_permissions(world.path("bin/cargo"), fs::Permissions::from_mode(0o755)).unwrap();
}

/// The transcript with the output that its commands have now.
fn run_again(world: &World, transcript: &str) -> String {
    let commands = transcript.lines().filter_map(|line| line.strip_prefix("$ "));
    commands.map(|command| format!("$ {command}\n{}", shell(world, command))).collect()
}

fn shell(world: &World, command: &str) -> String {
    let path = format!("{}:{}", world.path("bin").display(), path_without_atlas().display());
    let mut shell = Command::new("sh");
    shell
        .args(["-c", command])
        .current_dir(world.path(""))
        .env_clear()
        .env("PATH", path)
        .env("NO_COLOR", "1");
    for name in ["HOME", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN", "TMPDIR"] {
        shell.envs(std::env::var_os(name).map(|value| (name, value)));
    }
    let output = shell.stdin(Stdio::null()).output().unwrap();
    let mut text = String::from_utf8(output.stdout).unwrap();
    if !output.status.success() {
        text.push_str(&format!("[exit code {}]\n", output.status.code().unwrap()));
    }
    text
}
