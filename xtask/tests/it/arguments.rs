//! Help, and arguments that cannot be parsed.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use landfall_testkit::assert_said;
use landfall_testkit::world::World;

use crate::XTASK;

#[test]
fn help() {
    let world = World::new(XTASK, "");
    for (name, args) in [
        ("help", &["--help"][..]),
        ("help dev", &["dev", "--help"]),
        ("help migrate", &["migrate", "--help"]),
        ("help verify-sync", &["verify-sync", "--help"]),
        ("help pull", &["pull", "--help"]),
        ("help rehearse", &["rehearse", "--help"]),
        ("help image", &["image", "--help"]),
        ("help doctor", &["doctor", "--help"]),
        ("help lock", &["lock", "--help"]),
        ("help lock status", &["lock", "status", "--help"]),
        ("help lock break", &["lock", "break", "--help"]),
        ("help status", &["status", "--help"]),
        ("help rollback", &["rollback", "--help"]),
        ("help ci", &["ci", "--help"]),
        ("help bench", &["bench", "--help"]),
    ] {
        let said = world.run(args);
        assert_eq!(said.exit, 0);
        assert_said!(name, said);
    }
}

#[test]
fn the_version_is_that_of_the_workspace() {
    let world = World::new(XTASK, "");
    for args in [["--version"], ["-V"]] {
        let said = world.run(&args);
        assert_eq!(
            (said.exit, said.stdout.as_str()),
            (0, concat!("xtask ", env!("CARGO_PKG_VERSION"), "\n")),
            "{said}"
        );
    }
}

#[test]
fn help_is_a_command_too() {
    let world = World::new(XTASK, "");
    for (args, flag) in [
        (&["help"][..], &["--help"][..]),
        (&["help", "migrate"], &["migrate", "--help"]),
        (&["help", "lock", "break"], &["lock", "break", "--help"]),
        (&["lock", "help"], &["lock", "--help"]),
    ] {
        let said = world.run(args);
        assert_eq!(said.exit, 0, "{said}");
        assert_eq!(said.stdout, world.run(flag).stdout);
    }
}

#[test]
fn a_cargo_that_cannot_be_started_is_told_as_such() {
    let world = World::new(XTASK, "");
    let run = |name: &str, value: &str| {
        let args = ["migrate", "--check"];
        world.said(&args, &world.command(&args).env(name, value).output().unwrap())
    };
    for (snapshot, said) in [
        ("no cargo on PATH", run("PATH", "/no/such/folder")),
        ("CARGO names no file", run("CARGO", "/no/such/cargo")),
        ("no toolchain", {
            let cargo = world.path("cargo");
            fs::write(&cargo, "#!/bin/sh\necho \"error: toolchain '1.95' is not installed\" >&2; exit 1\n")
                .unwrap();
            fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).unwrap();
            run("CARGO", cargo.to_str().unwrap())
        }),
    ] {
        assert_eq!(said.exit, 2, "{said}");
        assert_said!(snapshot, said);
    }
}

#[test]
fn no_command_prints_the_help() {
    let world = World::new(XTASK, "");
    assert_eq!(world.run(&[]).stdout, world.run(&["-h"]).stdout);
}

#[test]
fn wrong_usage() {
    let world = World::new(XTASK, "");
    for (name, args) in [
        ("unknown command", &["migrat"][..]),
        ("unknown flag", &["migrate", "--dryrun"]),
        ("unknown hazard", &["migrate", "--allow", "DROPS:t.a"]),
        ("hazard without object", &["migrate", "--allow", "DROPS_TABLE"]),
        ("hazard that nobody can approve", &["migrate", "--allow", "NEEDS_BACKFILL:*"]),
        ("unknown planner", &["migrate", "--planner", "liquibase"]),
        ("unknown proof", &["migrate", "--proof", "none"]),
        ("check and dry run", &["migrate", "--check", "--dry-run"]),
        ("keep none", &["pull", "--keep", "0"]),
        ("unknown tool", &["ci", "--require", "podman"]),
        ("unknown work", &["bench", "--only", "vacuum"]),
        ("no runs", &["bench", "--runs", "0"]),
        ("no rows", &["bench", "--rows", "100,0"]),
    ] {
        let said = world.run(args);
        assert_eq!(said.exit, 2, "{said}");
        assert_said!(name, said);
    }
}
