//! A workspace in a git repository, with a fly.toml for the simulator's app.

pub(crate) use landfall_testkit::git::git;
use landfall_testkit::sim::Sim;
use landfall_testkit::world::{Said, World};
use tempfile::TempDir;

use crate::XTASK;

pub(crate) const SCHEMA: &str =
    "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT);
CREATE TRIGGER touched AFTER INSERT ON customers BEGIN SELECT 1; END;
";

pub(crate) const REF: &str = "refs/landfall/deployed/simapp";

/// A workspace whose schema is [`SCHEMA`], committed.
pub(crate) fn shop() -> World {
    let world = World::new(XTASK, SCHEMA);
    world.write("fly.toml", fly_toml());
    world.write(".gitignore", "/target/\n/var/\n");
    git(&world.path(""), &["init", "--quiet"]);
    commit(&world);
    world
}

/// This project's own, for the simulator's app, where its machine is.
pub(crate) fn fly_toml() -> String {
    include_str!("../../../fly.toml").replace("landfall-customers", "simapp").replace("\"fra\"", "\"iad\"")
}

/// An origin for its repository, which is somebody's.
pub(crate) fn with_origin(world: &World) -> TempDir {
    let (origin, root) = (tempfile::tempdir().unwrap(), world.path(""));
    git(origin.path(), &["init", "--quiet", "--bare"]);
    git(&root, &["config", "user.email", "ada@example.com"]);
    git(&root, &["remote", "add", "origin", origin.path().to_str().unwrap()]);
    origin
}

/// The same, and what it needs to reach the simulator.
pub(crate) fn connected(world: World, sim: &Sim) -> World {
    sim.environment().into_iter().fold(world, |world, (name, value)| world.with_env(name, value))
}

/// Commits everything; the commit.
pub(crate) fn commit(world: &World) -> String {
    git(&world.path(""), &["add", "--all"]);
    git(&world.path(""), &["commit", "--quiet", "--allow-empty", "--message", "a state"]);
    git(&world.path(""), &["rev-parse", "HEAD"])
}

/// Records a commit as deployed, in this repository.
pub(crate) fn record(world: &World, commit: &str) {
    git(&world.path(""), &["update-ref", REF, commit]);
}

/// `verify-sync`, which must end with this code and change neither a file nor a ref.
#[track_caller]
pub(crate) fn verify_sync(world: &World, exit: i32, args: &[&str]) -> Said {
    let state = || {
        let root = world.path("");
        let database = std::fs::read(world.path("var/shop.sqlite")).ok();
        (git(&root, &["status", "--porcelain"]), git(&root, &["for-each-ref"]), database)
    };
    let before = state();
    let said = world.run(&[&["verify-sync"], args].concat());
    assert_eq!(said.exit, exit, "{said}");
    assert!(state() == before, "something was changed: {said}");
    said
}

/// The line about this, with what is told below it.
#[track_caller]
pub(crate) fn line(said: &Said, name: &str) -> String {
    let mut lines =
        said.stdout.lines().skip_while(|line| !line.get(10..).is_some_and(|rest| rest.starts_with(name)));
    let first = lines.next().unwrap_or_else(|| panic!("no line about {name}: {said}"));
    let below = lines.take_while(|line| line.starts_with("           ")).map(str::trim);
    [first].into_iter().chain(below).collect::<Vec<_>>().join("\n")
}
