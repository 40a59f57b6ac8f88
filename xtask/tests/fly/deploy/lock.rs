//! One deploy at a time.

use std::path::Path;
use std::thread;
use std::time::Duration;

use landfall_testkit::world::World;

use super::{AUDIT, Begin, LOCK, QUICK, Ship, first, home};
use crate::XTASK;
use crate::front::Says;
use crate::shop::git;

/// Another clone of the workspace, on another machine.
fn clone(ship: &Ship, folder: &Path) -> World {
    git(ship.origin.path(), &["symbolic-ref", "HEAD", "refs/heads/main"]);
    git(folder, &["clone", "--quiet", ship.origin.path().to_str().unwrap(), "."]);
    git(folder, &["config", "user.email", "grace@example.com"]);
    ship.world
        .command(&[])
        .get_envs()
        .filter_map(|(name, value)| Some((name.to_str()?, value?)))
        .fold(World::at(XTASK, folder), |world, (name, value)| world.with_env(name, value))
}

#[test]
fn somebody_elses_lock_stops_it_and_tells_who_it_is() {
    let Some(home) = home("somebody_elses_lock_stops_it_and_tells_who_it_is") else { return };
    let ship = Ship::begin(&home, Begin::default());
    let folder = tempfile::tempdir().unwrap();
    let other = clone(&ship, folder.path());
    let told = std::sync::Mutex::new(String::new());
    let meanwhile = |ship: &Ship, _| {
        let said = other.run(&[["deploy"].as_slice(), &QUICK].concat());
        assert_eq!(said.exit, 1, "{said}");
        *told.lock().unwrap() = ship.error(&said);
    };
    let said = ship.deploy(&[], &[("Lock ", &meanwhile)]);
    ship.ended(&said, 0, "new");
    let told = told.into_inner().unwrap();
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    insta::with_settings!({ filters => vec![
        (r"process \d+", "process [PID]"), (r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "[TIME]"),
    ]}, { insta::assert_snapshot!(told.replace(&host, "[HOST]"), @"
    error: simapp is locked by ada@example.com on [HOST] (process [PID]), who deploys [NEW] since [TIME]; the lock expires at [TIME] unless it is renewed; nothing was changed
    wait for it: --lock-wait SECONDS
    look again: cargo xtask lock status
    where that process is gone: cargo xtask lock break
    "); });
}

#[test]
fn two_deploys_at_once_go_one_after_the_other() {
    let Some(home) = home("two_deploys_at_once_go_one_after_the_other") else { return };
    let ship = Ship::begin(&home, Begin::default());
    let folder = tempfile::tempdir().unwrap();
    let other = clone(&ship, folder.path());
    let args = [["deploy"].as_slice(), &QUICK, &["--lock-wait", "120"]].concat();
    let (one, two) = thread::scope(|scope| {
        let one = scope.spawn(|| other.run(&args));
        thread::sleep(Duration::from_millis(100));
        (ship.run(&args, &[]), one.join().unwrap())
    });
    assert_eq!((one.exit, two.exit), (0, 0), "{one}\n{two}");
    assert_eq!(
        [&one, &two].iter().filter(|said| said.stderr.contains("Waiting for the lock of simapp")).count(),
        1,
        "{one}\n{two}"
    );
    assert_eq!(ship.serves(), "new");
    assert_eq!(git(ship.origin.path(), &["for-each-ref", LOCK]), "");
    let log = git(ship.origin.path(), &["log", "--format=%s", AUDIT]);
    assert_eq!(log.lines().filter(|line| line.ends_with(": served")).count(), 2, "{log}");
    assert!(log.contains("grace@example.com") && log.contains("ada@example.com"), "{log}");
}

#[test]
fn of_two_first_deploys_at_once_one_makes_all_of_it_and_the_other_nothing() {
    let Some(home) = home("of_two_first_deploys_at_once_one_makes_all_of_it_and_the_other_nothing") else {
        return;
    };
    let ship = Ship::begin(&home, first::begin(&[("APP_PASSWORD", first::PASSWORD)], Says::default()));
    let folder = tempfile::tempdir().unwrap();
    let other = clone(&ship, folder.path());
    let args = [["deploy"].as_slice(), &QUICK, &["--create", "--lock-wait", "120"]].concat();
    let (one, two) = thread::scope(|scope| {
        let one = scope.spawn(|| other.run(&args));
        (ship.run(&args, &[]), one.join().unwrap())
    });
    let (made, refused) = if one.exit == 0 { (one, two) } else { (two, one) };
    assert_eq!((made.exit, refused.exit), (0, 1), "{made}\n{refused}");
    let told = "error: somebody made something of simapp just now; nothing was made\nrun it again: cargo xtask deploy";
    assert!(refused.stderr.contains(told), "{refused}");
    assert_eq!((ship.sim.machines().len(), ship.sim.volumes().len()), (1, 1));
    assert_eq!(ship.serves(), "new");
}
