//! What a machine's image, a service, a ref or a person says that would be something else in a command line: it is never part of one.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use landfall_testkit::sim::{Sim, running, version};
use serde_json::json;

use crate::shop::{REF, SCHEMA, commit, connected, git, line, record, shop, verify_sync, with_origin};

/// Beside an origin that is a path, git would run the first; the second would write a ref here; no command line can hold the third.
fn hostile() -> [String; 3] {
    [
        "--upload-pack=touch x;git-upload-pack".to_owned(),
        "+refs/heads/evil:refs/landfall/deployed/other".to_owned(),
        "a".repeat(200_000),
    ]
}

#[test]
fn what_is_written_on_an_image_that_is_no_commit_is_told_and_reaches_no_command() {
    let Some(home) = landfall_testkit::requires::fly(
        "what_is_written_on_an_image_that_is_no_commit_is_told_and_reaches_no_command",
    ) else {
        return;
    };
    for hostile in hostile() {
        let world = shop();
        let origin = with_origin(&world);
        git(&world.path(""), &["push", "--quiet", "origin", "HEAD:refs/heads/evil"]);
        let sim = Sim::start(&home, &running(&hostile, SCHEMA));
        let world = connected(world, &sim);
        let said = verify_sync(&world, 1, &[]);
        let told =
            line(&said, "deployed").replace(&sim.url, "[URL]").replace(&sim.machines()[0].0, "[MACHINE]");
        assert!(told.starts_with("unknown   deployed commit  it was found nowhere\n"), "{said}");
        assert!(
            told.contains(
                "the image of machine [MACHINE]: its label org.opencontainers.image.revision is no commit\n"
            ),
            "{said}"
        );
        let bytes = if hostile.len() > 100_000 {
            "with more than 65536 bytes"
        } else {
            "bytes that are no version of a service"
        };
        assert!(told.contains(bytes), "{said}");
        assert!(told.ends_with("mend it: ship a commit: cargo xtask deploy"), "{said}");
        assert!(!said.to_string().contains(&hostile[..30]), "{said}");
        assert!(!world.path("x").exists() && !origin.path().join("x").exists());
        let status = world.run(&["status"]);
        assert!(!status.to_string().contains(&hostile[..30]), "{status}");
    }
}

#[test]
fn what_a_service_says_that_is_no_commit_is_left_out() {
    let Some(home) = landfall_testkit::requires::fly("what_a_service_says_that_is_no_commit_is_left_out")
    else {
        return;
    };
    for hostile in hostile() {
        let world = shop();
        let _origin = with_origin(&world);
        let a = commit(&world);
        let sim = Sim::start(&home, &running(&a, SCHEMA));
        sim.configure(&json!({"www": {"/version": version(&hostile)}}));
        let world = connected(world, &sim);
        let said = verify_sync(&world, 0, &[]);
        // What is too long is not read to its end.
        let why = if hostile.len() > 100_000 {
            "with more than 65536 bytes"
        } else {
            "bytes that are no version of a service"
        };
        assert!(line(&said, "deployed").contains(why), "{said}");
        assert!(!said.to_string().contains(&hostile[..30]), "{said}");
        assert!(!world.path("x").exists());
    }
}

#[test]
fn what_a_person_types_as_a_commit_is_never_an_option() {
    let Some(home) = landfall_testkit::requires::fly("what_a_person_types_as_a_commit_is_never_an_option")
    else {
        return;
    };
    let world = shop();
    let _origin = with_origin(&world);
    let a = commit(&world);
    record(&world, &a);
    let sim = Sim::start(&home, &running(&a, SCHEMA));
    let world = connected(world, &sim);
    for typed in &hostile()[..2] {
        let said = verify_sync(&world, 1, &[&format!("--commit={typed}")]);
        assert!(line(&said, "deployed").contains("git knows no commit"), "{said}");
        assert!(!world.path("x").exists());
    }
    assert_eq!(git(&world.path(""), &["rev-parse", REF]), a);
}

/// git itself lets little through: this is one that lets everything through that an `origin` may say.
#[test]
fn what_origin_names_that_is_no_commit_is_told_and_ends_no_command() {
    let id = "0123456789abcdef0123456789abcdef01234567";
    for named in hostile() {
        let world = shop();
        let _origin = with_origin(&world);
        let programs = tempfile::tempdir().unwrap();
        let (refs, git) = (programs.path().join("refs"), programs.path().join("git"));
        fs::write(&refs, format!("{named}\t{REF}\n{id}\trefs/landfall/deployed/{named}\n")).unwrap();
        let path = std::env::var("PATH").unwrap();
        let script = format!(
            "#!/bin/sh\nfor word; do if [ \"$word\" = ls-remote ]; then exec cat '{}'; fi; done\nPATH='{path}' exec git \"$@\"\n",
            refs.display()
        );
        fs::write(&git, script).unwrap();
        fs::set_permissions(&git, Permissions::from_mode(0o755)).unwrap();
        let world = world.with_env("PATH", format!("{}:{path}", programs.path().display()));
        let said = verify_sync(&world, 1, &[]);
        let told = line(&said, "deployed");
        assert!(told.starts_with("unknown   deployed commit"), "{said}");
        assert!(
            told.contains(&format!(
                "{REF} (origin was not reached: it answered something else than a commit)"
            )),
            "{said}"
        );
        assert!(told.contains("mend it: "), "{said}");
        assert!(!said.to_string().contains(&named[..30]), "{said}");
        assert!(!world.path("x").exists());
    }
}

#[test]
fn a_record_with_a_name_that_is_none_is_left_out_and_told() {
    for named in hostile() {
        for field in ["commit", "image", "tag", "machine", "volume", "snapshot"] {
            let world = shop();
            let origin = with_origin(&world);
            let mut entry = json!({
                "kind": "deploy", "outcome": "served", "time": "2026-08-01T10:00:00Z", "who": "ada", "host": "laptop", "app": "simapp",
                "commit": "", "from": null, "image": "", "declared": null, "live": null, "machine": null, "volume": null,
                "snapshot": null, "copy": null, "plan": null, "steps": [], "rows": [], "set_aside": [], "seconds": 1.0, "message": "",
            });
            entry[field] = json!(named);
            let message = world.path("message");
            fs::write(&message, format!("deploy\n\n{entry}\n")).unwrap();
            let root = world.path("");
            git(&root, &["commit", "--quiet", "--allow-empty", "--file", "message"]);
            git(&root, &["push", "--quiet", "origin", "HEAD:refs/landfall/audit/simapp"]);
            let said = world.run(&["rollback", "--list"]);
            assert_eq!(said.exit, 0, "{said}");
            assert!(said.stderr.contains("cannot be read by this version"), "{field}: {said}");
            assert!(!said.to_string().contains(&named[..30]), "{said}");
            assert!(!world.path("x").exists() && !origin.path().join("x").exists());
        }
    }
}
