//! Production's live schema, and every way in which it cannot be read.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use landfall_testkit::sim::{Sim, inspect, running};
use landfall_testkit::world::{Said, World};
use serde_json::{Value, json};

use crate::shop::{SCHEMA, commit, connected, git, line, record, shop, verify_sync};

/// A workspace whose HEAD is deployed and recorded, beside a simulator in this scenario.
fn recorded(home: &std::path::Path, change: &Value) -> (World, Sim) {
    let world = shop();
    let a = commit(&world);
    record(&world, &a);
    let mut scenario = running(&a, SCHEMA);
    for (key, value) in change.as_object().unwrap() {
        scenario[key] = value.clone();
    }
    let sim = Sim::start(home, &scenario);
    (connected(world, &sim), sim)
}

fn without_machine(text: &str, sim: &Sim) -> String {
    sim.machines().iter().fold(text.to_owned(), |text, (id, _)| text.replace(id.as_str(), "[MACHINE]"))
}

#[test]
fn drift_in_production_is_named_object_by_object() {
    let Some(home) = landfall_testkit::requires::fly("drift_in_production_is_named_object_by_object") else {
        return;
    };
    let live = "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, email TEXT);
                CREATE INDEX by_hand ON customers (email);
                CREATE TRIGGER touched AFTER INSERT ON customers BEGIN SELECT 1; END;";
    let (world, sim) = recorded(&home, &json!({"exec": [inspect(live)]}));
    let said = verify_sync(&world, 4, &[]);
    let told = without_machine(&line(&said, "production"), &sim);
    let (first, rest) = told.split_once('\n').unwrap();
    assert!(first.starts_with("differs   production       machine [MACHINE] has drifted: 2 differences from the schema of commit "), "{said}");
    assert_eq!(
        rest,
        "column customers.name: NOT NULL is off, declared is on\nindex by_hand is not declared\n\
         mend it: declare it in schema.sql, or let the next deploy bring it there: cargo xtask deploy"
    );
    // The next boot changes that, and not what the commit says.
    let there = line(&said, "on production");
    assert_eq!(
        there.lines().take(3).collect::<Vec<_>>(),
        [
            "ok        on production    2 differences from production's own schema: 2 steps by builtin, reads rows; applied",
            "column customers.name: NOT NULL is off, declared is on",
            "index by_hand is not declared"
        ]
    );
}

#[test]
fn whether_production_has_the_declared_rows_is_known_by_the_fingerprint_that_it_tells() {
    let Some(home) = landfall_testkit::requires::fly(
        "whether_production_has_the_declared_rows_is_known_by_the_fingerprint_that_it_tells",
    ) else {
        return;
    };
    let tables = format!("{SCHEMA}\nCREATE TABLE plans (id INTEGER PRIMARY KEY, name TEXT);");
    let schema = format!("{tables}\nINSERT INTO plans (id, name) VALUES (1, 'free');");
    let path = std::path::Path::new("schema.sql");
    let declared =
        landfall_engine::Declared::parse(path, &schema, &landfall_engine::Settings::default()).unwrap();
    let told = |exit: i32, fingerprint: &str| {
        let world = shop();
        world.declare(&schema);
        let a = commit(&world);
        record(&world, &a);
        let status = json!({"file": "/data/db", "bytes": 1, "tables": [], "schema": fingerprint, "disk": {"free": 1, "total": 1}});
        let status = json!({"command": "status", "exit": 0, "report": status, "error": null});
        let status = json!({"match": "landfall status", "exit_code": 0, "stdout": status.to_string()});
        let mut scenario = running(&a, SCHEMA);
        scenario["exec"] = json!([inspect(&tables), status]);
        let sim = Sim::start(&home, &scenario);
        let said = verify_sync(&connected(world, &sim), exit, &[]);
        without_machine(&line(&said, "production"), &sim).replace(&a[..12], "[COMMIT]")
    };
    insta::assert_snapshot!(told(0, declared.fingerprint()), @"ok        production       machine [MACHINE] has the schema of commit [COMMIT], with the rows that it declares");
    insta::assert_snapshot!(told(4, &declared.fingerprint_without_rows()), @"
    differs   production       machine [MACHINE] has the schema of commit [COMMIT], and not the rows that it declares
    mend it: declare the rows that production has, or let the next deploy bring them: cargo xtask deploy
    ");
    insta::assert_snapshot!(told(0, &"a".repeat(64)), @"ok        production       machine [MACHINE] has the schema of commit [COMMIT]; whether it has the rows that it declares was not told");
}

#[test]
fn what_fly_answers_otherwise_is_told_with_what_mends_it() {
    let Some(home) = landfall_testkit::requires::fly("what_fly_answers_otherwise_is_told_with_what_mends_it")
    else {
        return;
    };
    let told = |exit: i32, change: Value| {
        let (world, sim) = recorded(&home, &change);
        let said = verify_sync(&world, exit, &[]);
        assert_eq!(sim.writes().iter().filter(|write| !write.ends_with("/exec")).count(), 0, "{said}");
        without_machine(&line(&said, "production"), &sim)
    };
    insta::assert_snapshot!(told(1, json!({"base": "host_unreachable"})), @"
    unknown   production       the host of machine [MACHINE] is unreachable
    mend it: wait for Fly: https://status.flyio.net; or bring its newest snapshot to another host: cargo xtask rollback --data newest
    ");
    insta::assert_snapshot!(told(1, json!({"base": "token_rejected"})), @"
    unknown   production       Fly does not accept the token: `fly machine list` was refused
    mend it: take a new token: fly tokens create deploy; and set FLY_API_TOKEN to it
    ");
    insta::assert_snapshot!(told(1, json!({"base": "app_not_found"})), @"
    unknown   production       a deploy was recorded, and Fly knows no app of this name, or the token is not for it
    mend it: check what is there: fly status -a simapp
    ");
    insta::assert_snapshot!(told(1, json!({"base": "first_deploy"})), @"
    unknown   production       a deploy was recorded, and the app simapp has no machine
    mend it: check what is there: fly status -a simapp
    ");
    insta::assert_snapshot!(told(1, json!({"base": "two_machines"})), @"
    unknown   production       the app simapp has 2 machines ([MACHINE], [MACHINE]), each with data of its own
    mend it: find out which one has the data, before anything else: fly machine list -a simapp
    ");
    insta::assert_snapshot!(told(1, json!({"base": "exec_timeout"})), @"
    unknown   production       `fly machine exec`: the machine had no answer in time
    mend it: see https://status.flyio.net, then run the command again
    ");
    insta::assert_snapshot!(told(1, json!({"exec": [{"match": "landfall", "exit_code": 1, "stdout": "{\"command\":\"inspect\",\"exit\":1,\"report\":null,\"error\":{\"kind\":\"database\",\"object\":\"\",\"message\":\"there is no database /data/db\",\"remedy\":\"name a database file that exists\"}}"}]})), @r#"
    unknown   production       `landfall inspect --format json` failed on [MACHINE], which says: "there is no database /data/db (name a database file that exists)"
    mend it: look at the machine: fly machine status [MACHINE] -a simapp
    "#);
}

#[test]
fn a_wrong_name_of_the_app_is_no_app_that_was_never_deployed() {
    let Some(home) =
        landfall_testkit::requires::fly("a_wrong_name_of_the_app_is_no_app_that_was_never_deployed")
    else {
        return;
    };
    let told = |scenario: Value, recorded: &str| {
        let sim = Sim::start(&home, &scenario);
        let world = connected(shop(), &sim);
        if !recorded.is_empty() {
            git(&world.path(""), &["update-ref", recorded, "HEAD"]);
        }
        let said = verify_sync(&world, 1, &[]);
        let status = world.run(&["status"]);
        assert!(status.exit != 0 && !status.stderr.contains("Nothing is deployed"), "{status}");
        let lines = [line(&said, "deployed"), line(&said, "fresh"), line(&status, "deployed")].join("\n");
        let head = git(&world.path(""), &["rev-parse", "HEAD"]);
        lines.replace(&sim.url, "[URL]").replace(&head[..12], "[COMMIT]")
    };
    let gone = json!({"machines": 0, "volumes": []});
    insta::assert_snapshot!(told(json!({"base": "app_not_found"}), "refs/landfall/deployed/shop"), @r#"
    unknown   deployed commit  nothing is written down of simapp, and there is of shop
    the machine's image: Fly knows no app of this name, or the token is not for it
    refs/landfall/deployed/simapp: there is no such ref
    [URL]/_sim/www/version: not asked: no machine is known
    mend it: see whether the name in fly.toml is right: app = "simapp"; to deploy it for the first time: cargo xtask deploy --create
    not read  fresh database   not made: the commit is not known
    unknown   deployed commit  nothing is written down of simapp, and there is of shop
    mend it: see whether the name in fly.toml is right: app = "simapp"; to deploy it for the first time: cargo xtask deploy --create
    "#);
    insta::assert_snapshot!(told(json!({"base": "app_not_found"}), "refs/landfall/audit/simapp"), @"
    unknown   deployed commit  releases of simapp are written down, and none of them as deployed
    the machine's image: Fly knows no app of this name, or the token is not for it
    refs/landfall/deployed/simapp: there is no such ref
    [URL]/_sim/www/version: not asked: no machine is known
    mend it: see which there are: cargo xtask rollback --list; and what is there: fly status -a simapp
    not read  fresh database   not made: the commit is not known
    unknown   deployed commit  releases of simapp are written down, and none of them as deployed
    mend it: see which there are: cargo xtask rollback --list; and what is there: fly status -a simapp
    ");
    insta::assert_snapshot!(told(gone, ""), @"
    unknown   deployed commit  simapp had releases, and git names none of them
    the machine's image: the app simapp has no machine
    refs/landfall/deployed/simapp: there is no such ref
    [URL]/_sim/www/version: not asked: no machine is known
    mend it: see what is there: fly releases -a simapp; then name the commit: cargo xtask verify-sync --commit REV
    not read  fresh database   not made: the commit is not known
    unknown   deployed commit  simapp had releases, and git names none of them
    mend it: see what is there: fly releases -a simapp; then name the commit: cargo xtask verify-sync --commit REV
    ");
    insta::assert_snapshot!(told(json!({"base": "first_deploy"}), crate::shop::REF), @"
    ok        deployed commit  [COMMIT] by refs/landfall/deployed/simapp, which is HEAD
    the machine's image: the app simapp has no machine
    [URL]/_sim/www/version: not asked: no machine is known
    ok        fresh database   db/declared.sql of commit [COMMIT]: 1 table, 1 trigger
    ok        deployed commit  [COMMIT] by refs/landfall/deployed/simapp, which is HEAD
    the machine's image: the app simapp has no machine
    [URL]/_sim/www/version: not asked: no machine is known
    ");
}

#[test]
fn before_the_first_deploy_there_may_be_no_app_at_all() {
    let Some(home) = landfall_testkit::requires::fly("before_the_first_deploy_there_may_be_no_app_at_all")
    else {
        return;
    };
    for scenario in ["app_not_found", "first_deploy"] {
        let sim = Sim::start(&home, &json!({"base": scenario}));
        let said = verify_sync(&connected(shop(), &sim), 0, &[]);
        assert!(line(&said, "deployed").contains("there is none yet"), "{said}");
        assert!(line(&said, "production").contains("nothing is there yet"), "{said}");
    }
}

#[test]
fn a_stopped_machine_is_not_woken() {
    let Some(home) = landfall_testkit::requires::fly("a_stopped_machine_is_not_woken") else { return };
    let (world, sim) = recorded(&home, &json!({"machine_state": "stopped"}));
    let said = verify_sync(&world, 0, &[]);
    assert_eq!(
        without_machine(&line(&said, "production"), &sim),
        "not read  production       machine [MACHINE] is stopped, and its volume was not read: cargo xtask verify-sync --fork"
    );
    assert!(
        line(&said, "deployed").contains("the image of machine"),
        "its label is read all the same: {said}"
    );
    assert_eq!((sim.machines()[0].1.as_str(), sim.writes()), ("stopped", Vec::new()));
}

#[test]
fn the_volume_of_a_stopped_machine_is_read_on_a_fork_that_is_gone_afterwards() {
    let Some(home) = landfall_testkit::requires::fly(
        "the_volume_of_a_stopped_machine_is_read_on_a_fork_that_is_gone_afterwards",
    ) else {
        return;
    };
    let idle = json!({"oneshot": {"after": 60}});
    let (world, sim) = recorded(&home, &json!({"machine_state": "stopped", "behavior": idle}));
    let said = verify_sync(&world, 0, &["--fork"]);
    assert!(line(&said, "production").starts_with("ok        production       machine "), "{said}");
    let there: Vec<_> = sim.machines().into_iter().filter(|(_, state)| state != "destroyed").collect();
    assert_eq!((there.len(), there[0].1.as_str(), sim.volumes().len()), (1, "stopped", 1));
}

#[test]
fn without_fly_or_a_way_to_it_git_alone_is_enough() {
    let Some(home) = landfall_testkit::requires::fly("without_fly_or_a_way_to_it_git_alone_is_enough") else {
        return;
    };
    let (world, sim) = recorded(&home, &json!({}));
    sim.stop();
    let said = verify_sync(&world, 0, &[]);
    assert_eq!(
        line(&said, "production"),
        "not read  production       not asked: there is no way to Fly from here"
    );
    let world = shop().with_env("PATH", "/usr/bin:/bin");
    record(&world, &commit(&world));
    let said = verify_sync(&world.with_env("CARGO", env!("CARGO")), 0, &[]);
    assert_eq!(line(&said, "production"), "not read  production       not asked: fly was not found on PATH");
}

#[test]
fn the_token_is_never_told() {
    let Some(home) = landfall_testkit::requires::fly("the_token_is_never_told") else { return };
    let (world, sim) = recorded(&home, &json!({"base": "token_rejected"}));
    let env = fs::read_to_string(sim.folder().join("env")).unwrap();
    fs::write(sim.folder().join("env"), env.replace("FLY_API_TOKEN=fake", "FLY_API_TOKEN=very-secret"))
        .unwrap();
    let said = verify_sync(&world, 1, &[]);
    assert!(!said.to_string().contains("very-secret"), "{said}");
}

/// A `fly` that has a machine, and no answer from it: `begun` is there once it is asked.
const SILENT: &str = r#"#!/bin/sh
case "$2" in
list) echo '[{"id": "1", "state": "started", "region": "iad", "config": {"metadata": {"fly_process_group": "app"}}}]' ;;
exec) touch "$(dirname "$0")/begun"; exec sleep 600 ;;
esac
"#;

/// What a command says that is interrupted while it waits for the machine.
pub(crate) fn interrupted(command: &str) -> Said {
    let world = shop();
    record(&world, &commit(&world));
    world.write("target/bin/fly", SILENT);
    fs::set_permissions(world.path("target/bin/fly"), fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", world.path("target/bin").display(), std::env::var("PATH").unwrap());
    let world = world.with_env("PATH", path).with_env("LANDFALL_URL", "http://127.0.0.1:9");
    let child = world.command(&[command]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while !world.path("target/bin/begun").exists() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    world.said(&[command], &child.wait_with_output().unwrap())
}

#[test]
fn an_interrupt_ends_it_and_tells_nothing_half_known() {
    let said = interrupted("verify-sync");
    assert_eq!((said.exit, said.stdout.as_str()), (1, ""), "{said}");
    assert_eq!(said.stderr, "error: interrupted; nothing was changed\n");
}
