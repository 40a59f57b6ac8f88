//! How the image boots: as production does, and where production goes wrong.

use std::thread;
use std::time::Instant;

use rusqlite::Connection;
use serde_json::Value;

use crate::container::{SCHEMA, USER, Volume, asked, fill, measured, stderr};
use crate::workspace::images;
use landfall_testkit::requires;

const ON_FLY: [(&str, &str); 2] = [("FLY_MACHINE_ID", "148e"), ("FLY_APP_NAME", "shop")];

#[test]
fn both_planners_migrate_inside_the_image() {
    if !requires::docker("both_planners_migrate_inside_the_image") {
        return;
    }
    let image = &images().old;
    let version = asked(&["run", "--rm", image, "atlas", "version"]);
    assert!(version.contains("v1.2.3"), "{version}");
    for planner in ["atlas", "builtin"] {
        let volume = Volume::new();
        let planned = format!("LANDFALL_PLANNER={planner}");
        let ran = volume.run(
            image,
            &["--env", &planned, "--read-only", "--tmpfs", "/tmp"],
            &["landfall", "migrate", "--format", "json"],
        );
        assert!(ran.status.success(), "{}", stderr(&ran));
        let document: Value = serde_json::from_slice(&ran.stdout).unwrap();
        assert_eq!(document["report"]["database"], "/data/db");
        assert_eq!(document["report"]["plan"]["planner"], planner);
        let again = volume.run(image, &["--env", &planned], &["landfall", "migrate", "--check"]);
        assert!(again.status.success(), "{}", stderr(&again));
    }
}

#[test]
fn an_old_image_serves_a_newer_schema_that_it_fits_and_refuses_one_that_it_does_not() {
    if !requires::docker("an_old_image_serves_a_newer_schema_that_it_fits_and_refuses_one_that_it_does_not") {
        return;
    }
    let (volume, folder) = (Volume::new(), tempfile::tempdir().unwrap());
    let old = volume.container(&images().old, &[("LANDFALL_SCHEMA", "keep")]);
    let database = folder.path().join("newer");
    fill(
        &database,
        &format!(
            "{SCHEMA}; ALTER TABLE customers ADD COLUMN phone TEXT; CREATE INDEX by_name ON customers (last_name)"
        ),
        3,
    );
    old.put(&database, USER);
    old.start().serves();
    let added =
        old.request("POST", "/api/customers", r#"{"first_name":"Ada","last_name":"Lovelace"}"#).unwrap();
    assert_eq!(added.0, 201, "{}", added.1);
    assert_eq!(old.stop(), 0);
    let kept = old.fetch(folder.path());
    assert_eq!(measured(&kept).0, 4);
    assert_eq!(kept.query_row("SELECT count(phone) FROM customers", [], |row| row.get(0)), Ok(0));
    kept.execute_batch("ALTER TABLE customers DROP COLUMN phone; ALTER TABLE customers RENAME COLUMN last_name TO family_name").unwrap();
    drop(kept);
    old.put(&folder.path().join("db"), USER);
    old.start();
    assert_eq!(old.exit(), 3);
    assert!(old.error().contains("column customers.last_name is missing"), "{}", old.error());
}

#[test]
fn killed_at_any_point_of_a_migration_the_next_boot_serves_every_row() {
    if !requires::docker("killed_at_any_point_of_a_migration_the_next_boot_serves_every_row") {
        return;
    }
    const KILLS: u32 = 50;
    const ROWS: u32 = 150_000;
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("before");
    fill(&database, SCHEMA, ROWS);
    let before = measured(&Connection::open(&database).unwrap());
    let volume = Volume::new();
    let container = volume.container(&images().new, &[]);
    container.put(&database, USER);
    // The second boot tells: the first one also reads everything from the disk.
    container.start().serves();
    container.signal("KILL");
    container.put(&database, USER);
    let mut whole = container.start().serves();
    let mut phases = [0_u32; 3];
    for kill in 0..KILLS {
        container.signal("KILL");
        container.put(&database, USER);
        // A log of a boot that was not killed would be taken for this one's.
        let since = container.log().len();
        container.start();
        thread::sleep(whole * (kill % 10) / 10);
        container.signal("KILL");
        let log = container.log()[since..].to_owned();
        let phase = usize::from(log.contains("integrity checked")) + usize::from(log.contains("serving on"));
        phases[phase] += 1;
        // A machine's speed changes: most kills should come before it serves.
        whole = whole.mul_f64(if phase == 2 { 0.8 } else { 1.03 });
        container.start().serves();
        let (status, body) = container.get("/api/customers").unwrap();
        // The latest one; how many there are is measured below, since the service counts no further than helps.
        assert!(status == 200 && body.contains(&format!("\"id\":{ROWS},")), "kill {kill}: {status} {body}");
        assert_eq!(container.stop(), 0);
        assert_eq!(measured(&container.fetch(folder.path())), before, "kill {kill}");
        container.start();
    }
    eprintln!("killed before the copy was complete, after it, after the migration: {phases:?}");
    assert!(phases[0] > 0 && phases[1] > 0, "{phases:?}");
}

#[test]
fn a_full_volume_is_told_and_the_old_image_still_boots() {
    if !requires::docker("a_full_volume_is_told_and_the_old_image_still_boots") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("before");
    fill(&database, SCHEMA, 50_000);
    let before = measured(&Connection::open(&database).unwrap());
    let bytes = database.metadata().unwrap().len();
    let mut errors = Vec::new();
    // Not enough for the copy; enough for the copy, and not for the migration.
    for percent in [150, 250] {
        let volume = Volume::small(&images().old, bytes * percent / 100 / 1024);
        let (new, old) = (volume.container(&images().new, &[]), volume.container(&images().old, &[]));
        new.put(&database, USER);
        new.start();
        assert_eq!(new.exit(), 1, "{}", new.log());
        errors.push(new.error());
        assert_eq!(measured(&new.fetch(folder.path())), before);
        old.start().serves();
        assert_eq!(old.stop(), 0);
        assert_eq!(measured(&old.fetch(folder.path())), before);
    }
    assert!(
        errors[0].contains("a copy of /data/db needs up to") && errors[0].contains("nothing was changed"),
        "{}",
        errors[0]
    );
    assert!(errors[1].contains("nothing was changed") && errors[1].contains("/data"), "{}", errors[1]);
}

#[test]
fn asked_to_stop_in_the_middle_of_a_migration_it_rolls_back_and_is_out_at_once() {
    if !requires::docker("asked_to_stop_in_the_middle_of_a_migration_it_rolls_back_and_is_out_at_once") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("before");
    fill(&database, SCHEMA, 1_000_000);
    let before = measured(&Connection::open(&database).unwrap());
    let volume = Volume::new();
    let (new, old) = (volume.container(&images().new, &[]), volume.container(&images().old, &[]));
    // While the copy is made, and while the rows are written anew.
    for phase in ["copying /data/db before its change", ": INSERT"] {
        new.put(&database, USER);
        new.start().wait_for(phase);
        assert_eq!(new.get("/healthz").map(|(status, _)| status), Some(503));
        let begun = Instant::now();
        new.signal("TERM");
        assert_eq!(new.exit(), 1, "{}", new.log());
        let seconds = begun.elapsed().as_secs_f64();
        eprintln!("asked to stop at \"{phase}\": out after {seconds:.2} s");
        assert!(new.error().contains("interrupted"), "{}", new.error());
        let files = volume.run(&images().old, &[], &["ls", "/data"]);
        assert_eq!(String::from_utf8(files.stdout).unwrap(), "db\ndb.lock\n", "something is left behind");
        old.start().serves();
        assert_eq!(old.stop(), 0);
        assert_eq!(measured(&old.fetch(folder.path())), before);
    }
}

#[test]
fn an_empty_volume_is_refused_on_fly_unless_a_database_may_be_made() {
    if !requires::docker("an_empty_volume_is_refused_on_fly_unless_a_database_may_be_made") {
        return;
    }
    let image = &images().old;
    let volume = Volume::new();
    let refused = volume.container(image, &ON_FLY);
    refused.start();
    assert_eq!(refused.exit(), 1);
    assert!(
        refused
            .error()
            .starts_with("error: there is no database at /data/db on this volume; nothing was changed")
    );
    let create = volume.container(image, &[&ON_FLY[..], &[("LANDFALL_CREATE", "1")]].concat());
    create.start().serves();
    let page = create.get("/").unwrap();
    assert!(page.0 == 503 && page.1.contains("fly secrets"), "{}", page.1);
    assert_eq!(create.stop(), 0);
    let unmounted = asked(&["create", "--env=FLY_MACHINE_ID=148e", image]);
    asked(&["start", &unmounted]);
    assert_eq!(asked(&["wait", &unmounted]), "1");
    let log = crate::container::docker(&["logs", &unmounted]);
    assert!(stderr(&log).contains("no volume is mounted at /data"), "{}", stderr(&log));
    asked(&["rm", &unmounted]);
}

#[test]
fn a_volume_that_root_wrote_is_refused_and_the_named_command_mends_it() {
    if !requires::docker("a_volume_that_root_wrote_is_refused_and_the_named_command_mends_it") {
        return;
    }
    let (image, volume, folder) = (&images().old, Volume::new(), tempfile::tempdir().unwrap());
    let database = folder.path().join("before");
    fill(&database, SCHEMA, 5);
    let container = volume.container(image, &[]);
    container.put(&database, 0);
    container.start();
    assert_eq!(container.exit(), 1);
    let error = container.error();
    assert_eq!(
        error,
        "error: /data/db belongs to root (user 0), and this process, user 65532, cannot write it; nothing was changed\n\
         as root, where the volume is: chown -R 65532:65532 /data"
    );
    let command: Vec<_> = error.rsplit(": ").next().unwrap().split(' ').collect();
    assert!(volume.run(image, &["--user", "0"], &command).status.success());
    container.start().serves();
    // Run as root beside the service, a command leaves no file that the service cannot use.
    let copied = volume.run(image, &["--user", "0"], &["landfall", "backup", "/data/copy"]);
    assert!(copied.status.success(), "{}", stderr(&copied));
    assert_eq!(
        asked(&["exec", &container.name, "stat", "--format=%u:%g:%a", "/data/copy"]),
        "65532:65532:600"
    );
    assert_eq!(container.stop(), 0);
}

#[test]
fn a_rewrite_fits_into_the_memory_of_the_smallest_machine_and_sorts_beside_the_database() {
    if !requires::docker(
        "a_rewrite_fits_into_the_memory_of_the_smallest_machine_and_sorts_beside_the_database",
    ) {
        return;
    }
    let (volume, folder) = (Volume::new(), tempfile::tempdir().unwrap());
    let database = folder.path().join("before");
    fill(&database, SCHEMA, 1_000_000);
    let before = measured(&Connection::open(&database).unwrap());
    // More to sort than the cache holds, and nowhere to write but on the volume.
    let container = volume.sealed(&images().new, &[("LANDFALL_PLANNER", "builtin")]);
    container.put(&database, USER);
    let ready = container.start().serves();
    eprintln!("1,000,000 rows written anew and sorted in 256 MB: served after {:.1} s", ready.as_secs_f64());
    assert_eq!(container.stop(), 0);
    assert_eq!(measured(&container.fetch(folder.path())), before);
}
