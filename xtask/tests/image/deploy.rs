//! The whole story of a service, with the real image and the real `fly`: first deploy, a customer, a change, back, forward, a bad
//! change, and the data back from both kinds of backup.

use std::collections::BTreeMap;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::production::{Production, names};
use crate::workspace::Said;
use landfall_testkit::requires;

const TAG: &str = "landfall-test:deploy";
/// Of `anybody:sesame`, for HTTP Basic.
const ANYBODY: &str = "Basic YW55Ym9keTpzZXNhbWU=";
const COLUMN: &str = "last_name TEXT NOT NULL, phone TEXT";

/// A service of which nothing is at Fly yet, with an origin.
fn begun(home: &std::path::Path) -> Production {
    let shop = Production::nothing(home, "first_deploy_no_volume", TAG, |workspace| {
        // The simulator hands no secret to its machines.
        workspace.edit("Dockerfile", |text| text + "ENV APP_PASSWORD=sesame\n");
    });
    let origin = shop.workspace.path(".data/origin.git");
    shop.workspace.git(&["init", "--quiet", "--bare", origin.to_str().unwrap()]);
    shop.workspace.git(&["remote", "add", "origin", origin.to_str().unwrap()]);
    push(&shop);
    shop
}

fn push(shop: &Production) {
    shop.workspace.git(&["push", "--quiet", "origin", "HEAD:main"]);
    shop.workspace.git(&["fetch", "--quiet", "origin"]);
}

/// Declares this schema; the commit, which is pushed.
fn declare(shop: &Production, schema: &str) -> String {
    shop.workspace.write("schema.sql", schema);
    let commit = shop.workspace.commit();
    push(shop);
    commit
}

#[track_caller]
fn deploy(shop: &Production, args: &[&str]) -> (Value, Said) {
    shop.ends(0, &[&["deploy", "--auto-approve", "--no-smoke"], args].concat())
}

fn post(shop: &Production, form: &str) {
    let answer = ureq::post(format!("{}/_sim/www/customers", shop.sim.url))
        .config()
        // It sends a browser on to the page, which is somewhere else here.
        .max_redirects(0)
        .build()
        .header("Authorization", ANYBODY)
        .header("Content-Type", "application/x-www-form-urlencoded")
        .send(form);
    assert_eq!(answer.unwrap().status(), 303);
}

fn page(shop: &Production) -> String {
    let asked = ureq::get(format!("{}/_sim/www/", shop.sim.url)).header("Authorization", ANYBODY).call();
    asked.unwrap().body_mut().read_to_string().unwrap()
}

fn version(shop: &Production) -> String {
    let text =
        ureq::get(format!("{}/_sim/www/version", shop.sim.url)).call().unwrap().body_mut().read_to_string();
    let version: Value = serde_json::from_str(&text.unwrap()).unwrap();
    version["commit"].as_str().unwrap().to_owned()
}

/// The one machine, which runs, and its volume.
fn machine_and_volume(shop: &Production) -> (String, String) {
    let there = there(shop);
    assert!(shop.sim.machines().contains(&(there.0.clone(), "started".to_owned())));
    there
}

/// The one machine, whatever it does, and its volume.
fn there(shop: &Production) -> (String, String) {
    let machines: Vec<_> =
        shop.sim.machines().into_iter().filter(|(_, state)| state != "destroyed").collect();
    assert_eq!(machines.len(), 1, "{machines:?}");
    let volume = shop.sim.volume_of(&machines[0].0);
    (machines[0].0.clone(), volume)
}

fn database(shop: &Production) -> Connection {
    let (_, volume) = machine_and_volume(shop);
    let conn = Connection::open(shop.workspace.path(".data/docker/volumes").join(volume).join("db")).unwrap();
    conn.busy_timeout(std::time::Duration::from_secs(30)).unwrap();
    conn
}

fn rows(shop: &Production) -> BTreeMap<String, Option<String>> {
    let conn = database(shop);
    let phone = if conn.prepare("SELECT phone FROM customers").is_ok() { "phone" } else { "NULL" };
    let mut statement = conn.prepare(&format!("SELECT last_name, {phone} FROM customers")).unwrap();
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
}

fn named(list: &[(&str, Option<&str>)]) -> BTreeMap<String, Option<String>> {
    list.iter().map(|(name, phone)| ((*name).to_owned(), phone.map(str::to_owned))).collect()
}

/// Of what a deploy took, all but the image and flyctl's own update: in seconds.
fn overhead(document: &Value) -> f64 {
    let phases = document["report"]["phases"].as_array().unwrap();
    let own = phases.iter().filter(|phase| !["Image", "Ship"].contains(&phase["phase"].as_str().unwrap()));
    own.map(|phase| phase["seconds"].as_f64().unwrap()).sum()
}

#[test]
fn the_whole_story_from_the_first_deploy_to_data_that_comes_back() {
    const TEST: &str = "the_whole_story_from_the_first_deploy_to_data_that_comes_back";
    let Some(home) = requires::fly(TEST).filter(|_| requires::docker(TEST)) else { return };
    let shop = begun(&home);
    let first = shop.commit.clone();

    let (document, said) = deploy(&shop, &["--create"]);
    assert_eq!(document["report"]["serves"], first.as_str());
    assert!(said.stderr.contains("APP_PASSWORD is "), "{}", said.stderr);
    assert_eq!((version(&shop), shop.sim.volumes().len()), (first.clone(), 1));
    let there = machine_and_volume(&shop);
    post(&shop, "first_name=Ada&last_name=Lovelace");

    let second = adds_a_column(&shop);
    assert_eq!(machine_and_volume(&shop), there);

    goes_back_and_forward(&shop, &first, &second);
    assert_eq!(machine_and_volume(&shop), there);

    let third = loses_phones(&shop);
    comes_back_by_the_copy(&shop, &second);
    assert_eq!(machine_and_volume(&shop), there);

    let third = comes_back_by_the_deploy_itself(&shop, &second, &third);
    deploy(&shop, &["--allow", "DROPS_COLUMN:customers.phone"]);
    assert_eq!(version(&shop), third);
    comes_back_by_the_snapshot(&shop, &second, &there);
}

fn adds_a_column(shop: &Production) -> String {
    let schema = std::fs::read_to_string(shop.workspace.path("schema.sql")).unwrap();
    let second = declare(shop, &schema.replace("last_name TEXT NOT NULL", COLUMN));
    let (document, _) = deploy(shop, &[]);
    println!("overhead beyond the image and `fly deploy`: {:.2} s", overhead(&document));
    println!("{}", serde_json::to_string_pretty(&document["report"]["phases"]).unwrap());
    assert_eq!(document["report"]["serves"], second.as_str());
    assert_eq!(document["report"]["rows"][0]["rows"], 1);
    assert_eq!(version(shop), second);
    assert!(page(shop).contains("Lovelace"));
    database(shop).execute("UPDATE customers SET phone = '1815'", []).unwrap();
    shop.ends(0, &["verify-sync"]);
    shop.ends(0, &["status"]);
    second
}

fn goes_back_and_forward(shop: &Production, first: &str, second: &str) {
    let (document, _) = shop.ends(0, &["rollback", "--auto-approve"]);
    assert_eq!(document["report"]["serves"], first);
    assert_eq!(version(shop), first);
    assert!(page(shop).contains("Lovelace"));
    // The release without the column writes, too, and what it does not know stays.
    post(shop, "first_name=Grace&last_name=Hopper");
    assert_eq!(rows(shop), named(&[("Lovelace", Some("1815")), ("Hopper", None)]));
    deploy(shop, &[]);
    assert_eq!(version(shop), second);
    assert_eq!(rows(shop), named(&[("Lovelace", Some("1815")), ("Hopper", None)]));
}

/// A change that is approved, and regretted.
fn loses_phones(shop: &Production) -> String {
    let schema = std::fs::read_to_string(shop.workspace.path("schema.sql")).unwrap();
    let third = declare(shop, &schema.replace(COLUMN, "last_name TEXT NOT NULL"));
    let (_, refused) = shop.ends(3, &["deploy", "--auto-approve", "--no-smoke"]);
    assert!(refused.stderr.contains("--allow DROPS_COLUMN:customers.phone"), "{}", refused.stderr);
    let (document, _) = deploy(shop, &["--allow", "DROPS_COLUMN:customers.phone"]);
    assert_eq!(document["report"]["serves"], third.as_str());
    assert_eq!(rows(shop), named(&[("Lovelace", None), ("Hopper", None)]));
    post(shop, "first_name=Mary&last_name=Shelley");
    third
}

/// Somebody ships by hand what does not fit, and it ends with 3 until Fly starts it no more.
fn refuses_to_start(shop: &Production, commit: &str) {
    let (document, _) = shop.ends(0, &["rollback", "--list"]);
    let releases = document["report"]["releases"].as_array().unwrap();
    let image = &releases.iter().find(|release| release["commit"] == commit).unwrap()["image"];
    let keep = ["-e", "LANDFALL_SCHEMA=keep", "--wait-timeout", "5s"];
    shop.fly(&[&["deploy", "--image", image.as_str().unwrap(), "--ha=false"], keep.as_slice()].concat());
    let has_given_up = || {
        let event = &shop.sim.app()["machines"][there(shop).0]["events"][0];
        event["request"]["exit_event"]["restarting"] == false
            && event["request"]["exit_event"]["exit_code"] == 3
    };
    while !has_given_up() {
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}

fn comes_back_by_the_copy(shop: &Production, second: &str) {
    // Its data is gone: the image alone would not fit.
    let (_, refused) = shop.ends(3, &["rollback", "--auto-approve"]);
    assert!(refused.stderr.contains("--data"), "{}", refused.stderr);
    refuses_to_start(shop, second);
    let (_, volume) = there(shop);
    let (document, _) = shop.ends(0, &["status", "--volume", &volume]);
    assert_eq!(document["report"]["database"]["tables"][0], json!({"table": "customers", "rows": 3}));
    let (document, said) = shop.ends(0, &["rollback", second, "--data", "copy", "--auto-approve"]);
    assert!(said.stderr.contains("Reading a fork of volume "), "{}", said.stderr);
    assert_eq!(document["report"]["serves"], second, "{}", said.stderr);
    assert_eq!(version(shop), second);
    assert_eq!(rows(shop), named(&[("Lovelace", Some("1815")), ("Hopper", None)]));
    let (_, volume) = machine_and_volume(shop);
    let files = names(&shop.workspace.path(".data/docker/volumes").join(volume));
    assert!(files.iter().any(|file| file.starts_with("db.set-aside-")), "{files:?}");
    post(shop, "first_name=Emmy&last_name=Noether");
}

/// A release that migrates, and then is not where it is looked for. The commit that is as the bad one was without that.
fn comes_back_by_the_deploy_itself(shop: &Production, second: &str, third: &str) -> String {
    shop.workspace.edit("Dockerfile", |text| text + "ENV PORT=9999\n");
    let dropped = "-- @dropped phone\n  last_name TEXT NOT NULL";
    let schema = shop.workspace.git(&["show", &format!("{third}:schema.sql")]);
    declare(shop, &schema.replace("last_name TEXT NOT NULL", dropped));
    let args = ["deploy", "--auto-approve", "--no-smoke", "--no-rehearsal", "--restore-data"];
    let (document, said) = shop.ends(5, &[args.as_slice(), &["--wait-timeout", "15"]].concat());
    assert_eq!(document["report"]["serves"], second, "{}", said.stderr);
    assert_eq!(version(shop), second);
    assert!(rows(shop).contains_key("Noether"));
    assert_eq!(rows(shop)["Lovelace"].as_deref(), Some("1815"));
    shop.workspace.edit("Dockerfile", |text| text.replace("ENV PORT=9999\n", ""));
    declare(shop, &schema)
}

fn comes_back_by_the_snapshot(shop: &Production, second: &str, before: &(String, String)) {
    let (document, said) = shop.ends(0, &["rollback", "--data", "snapshot", "--auto-approve"]);
    assert_eq!(document["report"]["serves"], second, "{}", said.stderr);
    assert_eq!(version(shop), second);
    assert_eq!(rows(shop), named(&[("Lovelace", Some("1815")), ("Hopper", None), ("Noether", None)]));
    let after = machine_and_volume(shop);
    assert!(after.0 != before.0 && after.1 != before.1, "{after:?}");
    // Set aside, and known to be: the next deploy goes on.
    assert!(shop.sim.volumes().iter().any(|(id, _)| *id == before.1));
    deploy(shop, &["--allow", "DROPS_COLUMN:customers.phone"]);
    assert_eq!(rows(shop), named(&[("Lovelace", None), ("Hopper", None), ("Noether", None)]));
}
