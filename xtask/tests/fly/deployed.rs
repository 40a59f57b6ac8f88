//! Which commit is deployed: each place that tells it, and what is said when they disagree.

use landfall_testkit::sim::{Sim, inspect, running, version};
use serde_json::json;

use crate::shop::{REF, SCHEMA, commit, connected, line, record, shop, verify_sync};

/// What is said of the deployed commit, without this run's addresses and machines.
#[track_caller]
fn told(said: &landfall_testkit::world::Said, sim: &Sim, commits: &[(&str, &str)]) -> String {
    let mut told =
        line(said, "deployed").replace(&sim.url, "[URL]").replace(&sim.machines()[0].0, "[MACHINE]");
    for (commit, name) in commits {
        told = told.replace(commit, name).replace(&commit[..12], name);
    }
    told
}

#[test]
fn all_three_places_agree() {
    let Some(home) = landfall_testkit::requires::fly("all_three_places_agree") else { return };
    let world = shop();
    let a = commit(&world);
    record(&world, &a);
    let sim = Sim::start(&home, &running(&a, SCHEMA));
    let world = connected(world, &sim);
    let said = verify_sync(&world, 0, &[]);
    assert_eq!(
        told(&said, &sim, &[(&a, "[A]")]),
        format!(
            "ok        deployed commit  [A] by the image of machine [MACHINE], and {REF}, and [URL]/_sim/www/version, which is HEAD"
        )
    );
    assert!(line(&said, "production").starts_with("ok        production       machine "), "{said}");
    assert_eq!(line(&said, "sqlite"), "ok        sqlite           3.54.1 here and in production");
    assert_eq!(sim.writes().len(), 1, "only landfall inspect was run: {:?}", sim.writes());
}

#[test]
fn each_place_alone_is_enough() {
    let Some(home) = landfall_testkit::requires::fly("each_place_alone_is_enough") else { return };
    let world = shop();
    let a = commit(&world);
    let sim = Sim::start(&home, &running(&a, SCHEMA));
    let world = connected(world, &sim);

    sim.configure(&json!({"www": {"/version": "gone"}}));
    let said = verify_sync(&world, 0, &[]);
    assert!(
        told(&said, &sim, &[(&a, "[A]")])
            .starts_with("ok        deployed commit  [A] by the image of machine [MACHINE], which is HEAD\n"),
        "{said}"
    );

    sim.configure(&json!({"images": {}, "www": {"/version": version(&a)}}));
    let unlabelled = Sim::start(
        &home,
        &json!({"base": "fast", "exec": [inspect(SCHEMA)], "www": {"/version": version(&a)}}),
    );
    let world = connected(world, &unlabelled);
    let said = verify_sync(&world, 0, &[]);
    assert!(
        told(&said, &unlabelled, &[(&a, "[A]")])
            .starts_with("ok        deployed commit  [A] by [URL]/_sim/www/version, which is HEAD\n"),
        "{said}"
    );

    record(&world, &a);
    unlabelled.configure(&json!({"www": {"/version": "gone"}}));
    let said = verify_sync(&world, 0, &[]);
    assert!(
        told(&said, &unlabelled, &[(&a, "[A]")])
            .starts_with(&format!("ok        deployed commit  [A] by {REF}, which is HEAD\n")),
        "{said}"
    );
}

#[test]
fn when_they_disagree_each_is_named_with_what_mends_it() {
    let Some(home) = landfall_testkit::requires::fly("when_they_disagree_each_is_named_with_what_mends_it")
    else {
        return;
    };
    let world = shop();
    let a = commit(&world);
    let b = commit(&world);
    record(&world, &a);
    let sim = Sim::start(&home, &running(&b, SCHEMA));
    let world = connected(world, &sim);
    let commits = [(a.as_str(), "[A]"), (b.as_str(), "[B]")];
    let said = verify_sync(&world, 4, &[]);
    assert_eq!(
        told(&said, &sim, &commits),
        format!(
            "differs   deployed commit  [B] runs, by the image of machine [MACHINE], and others say otherwise\n\
             the image of machine [MACHINE]: [B]\n{REF}: [A]\n[URL]/_sim/www/version: [B]\n\
             mend it: git update-ref {REF} [B]"
        )
    );
    // Following it mends it.
    record(&world, &b);
    verify_sync(&world, 0, &[]);
    sim.configure(&json!({"www": {"/version": version(&a)}}));
    let said = verify_sync(&world, 4, &[]);
    assert!(
        told(&said, &sim, &commits).ends_with(
            "mend it: see whether a deploy is under way, and whose address that is: fly status -a simapp"
        ),
        "{said}"
    );
}

#[test]
fn an_image_with_changes_that_were_never_committed_is_out_of_sync() {
    let Some(home) =
        landfall_testkit::requires::fly("an_image_with_changes_that_were_never_committed_is_out_of_sync")
    else {
        return;
    };
    let world = shop();
    let a = commit(&world);
    let sim = Sim::start(&home, &running(&format!("{a}-dirty"), SCHEMA));
    let said = verify_sync(&connected(world, &sim), 4, &[]);
    let told = told(&said, &sim, &[(&a, "[A]")]);
    assert!(told.contains("[A]-dirty by the image of machine"), "{said}");
    assert!(told.contains("its image holds changes that were never committed"), "{said}");
    assert!(line(&said, "fresh").contains("1 table, 1 trigger"), "{said}");
}

#[test]
fn an_app_that_was_deployed_without_landfall_is_taken_over_by_naming_its_commit() {
    let Some(home) = landfall_testkit::requires::fly(
        "an_app_that_was_deployed_without_landfall_is_taken_over_by_naming_its_commit",
    ) else {
        return;
    };
    let world = shop();
    let a = commit(&world);
    let none = json!({"match": "landfall", "exit_code": 127, "stderr": "sh: landfall: not found\n"});
    let sim = Sim::start(&home, &json!({"base": "fast", "exec": [none]}));
    let world = connected(world, &sim);
    let said = verify_sync(&world, 1, &[]);
    let unnamed = told(&said, &sim, &[]);
    assert!(
        unnamed.starts_with(
            "unknown   deployed commit  something is deployed, and nothing says which commit it is\n"
        ),
        "{said}"
    );
    assert!(
        unnamed
            .ends_with("mend it: name it, once, to take the app over: cargo xtask verify-sync --commit REV"),
        "{said}"
    );
    let said = verify_sync(&world, 1, &["--commit", &a]);
    assert!(line(&said, "fresh").contains("1 table, 1 trigger"), "{said}");
    let production = line(&said, "production").replace(&sim.machines()[0].0, "[MACHINE]");
    assert_eq!(
        production,
        "unknown   production       `landfall inspect --format json` does not work on [MACHINE]: it ended with 127, and without a report\n\
         mend it: the image there was not made by Landfall: it can be told apart again after the next deploy"
    );
}

#[test]
fn a_commit_that_runs_and_is_in_no_repository_here_is_told() {
    let Some(home) =
        landfall_testkit::requires::fly("a_commit_that_runs_and_is_in_no_repository_here_is_told")
    else {
        return;
    };
    let sim = Sim::start(&home, &running("0123456789abcdef0123456789abcdef01234567", SCHEMA));
    let said = verify_sync(&connected(shop(), &sim), 1, &[]);
    let fresh = line(&said, "fresh");
    assert!(
        fresh.starts_with("unknown   fresh database   commit 0123456789ab is not in this repository: "),
        "{said}"
    );
    assert!(fresh.ends_with("mend it: git fetch origin 0123456789abcdef0123456789abcdef01234567"), "{said}");
}
