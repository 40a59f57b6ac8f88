//! Help, and arguments that cannot be parsed.

use crate::world::{World, assert_said};

#[test]
fn help() {
    let world = World::new("");
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
fn no_command_prints_the_help() {
    let world = World::new("");
    assert_eq!(world.run(&[]).stdout, world.run(&["-h"]).stdout);
}

#[test]
fn wrong_usage() {
    let world = World::new("");
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
