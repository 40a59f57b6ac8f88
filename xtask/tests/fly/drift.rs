//! The drift story, and everything that needs no production: git alone.

use landfall_testkit::assert_said;
use landfall_testkit::hostile;
use landfall_testkit::world::World;

use crate::XTASK;
use crate::shop::{REF, SCHEMA, commit, git, line, record, shop, verify_sync};

/// Every commit of the text, told by its place in this list.
fn without_commits(
    mut said: landfall_testkit::world::Said,
    commits: &[&str],
) -> landfall_testkit::world::Said {
    for (place, commit) in ["[A]", "[B]", "[C]"].iter().zip(commits) {
        for text in [&mut said.stdout, &mut said.stderr] {
            *text = text.replace(commit, place).replace(&commit[..12], place);
        }
    }
    said
}

#[test]
fn the_drift_story() {
    let world = shop();
    let a = commit(&world);
    record(&world, &a);
    let at_a = &format!("ok        local database   var/shop.sqlite is at the schema of commit {}", &a[..12]);

    world.run(&["migrate", "--auto-approve"]);
    assert_eq!(line(&verify_sync(&world, 0, &[]), "local"), format!("{at_a}, and at today's"));

    world.sql(
        "CREATE INDEX extra ON customers (name);
         ALTER TABLE customers DROP COLUMN email;
         DROP TRIGGER touched;
         CREATE TRIGGER touched AFTER INSERT ON customers BEGIN SELECT 2; END;",
    );
    let drifted = verify_sync(&world, 4, &[]);
    assert_said!("drifted", without_commits(drifted, &[&a]));

    assert_eq!(world.run(&["migrate", "--auto-approve"]).exit, 0);
    assert_eq!(line(&verify_sync(&world, 0, &[]), "local"), format!("{at_a}, and at today's"));

    world.declare(&SCHEMA.replace("email TEXT", "email TEXT, phone TEXT"));
    assert_eq!(line(&verify_sync(&world, 0, &[]), "local"), *at_a);
    assert_eq!(world.run(&["migrate", "--auto-approve"]).exit, 0);
    let today = verify_sync(&world, 0, &[]);
    assert_said!("at todays", without_commits(today, &[&a]));
}

#[test]
fn before_the_first_deploy_it_is_compared_with_an_empty_database() {
    let world = shop();
    let said = verify_sync(&world, 0, &[]);
    assert_said!("nothing deployed", said);
}

#[test]
fn a_hazard_needs_its_approval() {
    let world = shop();
    record(&world, &commit(&world));
    world.declare(&SCHEMA.replace(", email TEXT", ""));
    let refused = verify_sync(&world, 3, &[]);
    assert_eq!(
        line(&refused, "today's schema"),
        "refused   today's schema   1 hazard without approval\n\
         DROPS_COLUMN customers.email: column customers.email would be dropped with its values\n\
         mend it: write `-- @dropped email` inside CREATE TABLE customers, or approve DROPS_COLUMN:customers.email"
    );
    let allowed = verify_sync(&world, 0, &["--allow", "DROPS_COLUMN:customers.email"]);
    assert!(line(&allowed, "today's schema").contains("1 step by builtin, writes rows anew"), "{allowed}");
    assert!(line(&allowed, "applied again").starts_with("ok "), "{allowed}");
}

#[test]
fn what_no_statement_can_use_needs_its_approval_once() {
    let world = shop();
    record(&world, &commit(&world));
    world.declare(&format!("{SCHEMA}CREATE VIEW v AS SELECT nope FROM nowhere;"));
    let refused = verify_sync(&world, 3, &[]);
    let said = line(&refused, "today's schema");
    assert!(said.contains("UNUSABLE v: db/declared.sql:"), "{refused}");
    assert!(said.contains(": view v cannot be used: no such table: nowhere"), "{refused}");
    assert!(said.contains("approve UNUSABLE:v"), "{refused}");
    let allowed = verify_sync(&world, 0, &["--allow", "UNUSABLE:v"]);
    assert!(line(&allowed, "today's schema").contains("UNUSABLE v (approved): "), "{allowed}");
    // Once it is deployed, it is what production has already.
    record(&world, &commit(&world));
    let deployed = verify_sync(&world, 0, &[]);
    assert!(line(&deployed, "applied again").starts_with("ok "), "{deployed}");
    world.declare(&format!("{SCHEMA}CREATE VIEW v AS SELECT nope FROM nowhere; CREATE TABLE more (a);"));
    let more = verify_sync(&world, 0, &[]);
    assert!(!more.stdout.contains("UNUSABLE"), "{more}");
}

#[test]
fn a_directive_whose_change_is_deployed_fails_until_it_is_taken_out() {
    let world = shop();
    record(&world, &commit(&world));
    let renamed = SCHEMA.replace(", email TEXT", ",\n  mail TEXT -- @renamed from=email\n");
    assert_ne!(renamed, SCHEMA);
    world.declare(&renamed);
    let acts = verify_sync(&world, 0, &[]);
    assert!(!acts.stdout.contains("directives"), "{acts}");
    record(&world, &commit(&world));
    let idle = verify_sync(&world, 4, &[]);
    assert_eq!(
        line(&idle, "directives"),
        "differs   directives       the deployed commit has nothing left for them to do\n\
         db/declared.sql:2: @renamed from=email (customers.mail) has nothing left to do in this database; \
         take it out once no other database needs it\n\
         mend it: take them out of schema.sql: production has their change already"
    );
    world.declare(&renamed.replace(" -- @renamed from=email", ""));
    verify_sync(&world, 0, &[]);
}

#[test]
fn a_schema_that_cannot_be_read_ends_it_at_once() {
    let world = shop();
    record(&world, &commit(&world));
    world.declare("CREATE TABLE (");
    let said = verify_sync(&world, 1, &[]);
    assert!(said.stderr.contains("error: db/declared.sql:1:14: "), "{said}");
    assert_eq!(said.stdout, "");
}

#[test]
fn a_local_database_that_cannot_be_read_is_told_and_hides_nothing_else() {
    let world = shop();
    record(&world, &commit(&world));
    world.write("var/shop.sqlite", "this is not a database, whatever its name says");
    let said = verify_sync(&world, 1, &[]);
    assert!(line(&said, "local").starts_with("unknown   local database   the database "), "{said}");
    assert!(line(&said, "applied again").starts_with("ok "), "{said}");
}

#[test]
fn a_commit_with_another_schema_path_is_read_where_its_own_configuration_says() {
    let world = shop();
    let a = commit(&world);
    record(&world, &a);
    git(&world.path(""), &["mv", "db/declared.sql", "schema.sql"]);
    let manifest = std::fs::read_to_string(world.path("Cargo.toml")).unwrap();
    world.write("Cargo.toml", manifest.replace("schema = \"db/declared.sql\"\n", ""));
    let said = verify_sync(&world, 0, &[]);
    let fresh = line(&said, "fresh");
    assert_eq!(
        fresh,
        format!("ok        fresh database   db/declared.sql of commit {}: 1 table, 1 trigger", &a[..12])
    );
    commit(&world);
    assert_eq!(line(&verify_sync(&world, 0, &[]), "fresh"), fresh);
}

/// A repository that everybody pushes to, and a clone of it that has one commit only.
fn shallow(world: &World) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let origin = folder.path().join("origin.git");
    git(folder.path(), &["init", "--quiet", "--bare", "origin.git"]);
    git(&origin, &["config", "uploadpack.allowReachableSHA1InWant", "true"]);
    let root = world.path("");
    git(&root, &["remote", "add", "origin", &format!("file://{}", origin.display())]);
    git(&root, &["push", "--quiet", "origin", "HEAD:refs/heads/main", REF]);
    folder
}

#[test]
fn a_shallow_clone_gets_the_deployed_commit_and_nothing_else_from_origin() {
    let world = shop();
    let a = commit(&world);
    record(&world, &a);
    world.declare(&SCHEMA.replace("email TEXT", "email TEXT, phone TEXT"));
    for _ in 0..3 {
        commit(&world);
    }
    let folder = shallow(&world);
    let url = format!("file://{}/origin.git", folder.path().display());
    git(folder.path(), &["clone", "--quiet", "--depth=1", "--branch=main", &url, "clone"]);
    let clone = World::at(XTASK, &folder.path().join("clone"));
    let said = verify_sync(&clone, 0, &[]);
    assert_eq!(
        line(&said, "deployed").lines().next().unwrap(),
        format!("ok        deployed commit  {} by {REF} of origin", &a[..12])
    );
    assert!(line(&said, "fresh").contains("1 table, 1 trigger"), "{said}");
    assert!(line(&said, "today's").contains("1 difference from commit"), "{said}");
    // Its history is as long as before, and what was brought over is that commit's own.
    assert_eq!(git(&clone.path(""), &["rev-list", "--count", "HEAD"]), "1");
    assert_eq!(git(&clone.path(""), &["rev-list", "--count", &a]), "1");

    // A clone that is whole stays whole.
    git(folder.path(), &["clone", "--quiet", "--branch=main", &url, "whole"]);
    let whole = World::at(XTASK, &folder.path().join("whole"));
    let said = verify_sync(&whole, 0, &[]);
    assert!(line(&said, "deployed").contains(", 3 commits before HEAD"), "{said}");
    assert_eq!(git(&whole.path(""), &["rev-parse", "--is-shallow-repository"]), "false");
}

#[test]
fn without_an_answer_of_origin_the_ref_of_this_repository_counts() {
    let world = shop();
    let a = commit(&world);
    record(&world, &a);
    git(&world.path(""), &["remote", "add", "origin", "file:///nowhere/at/all.git"]);
    let said = verify_sync(&world, 0, &[]);
    assert!(
        line(&said, "deployed").contains(&format!("{} by {REF} (origin was not reached: ", &a[..12])),
        "{said}"
    );
}

#[test]
fn a_worktree_is_as_good_as_a_clone() {
    let world = shop();
    let a = commit(&world);
    record(&world, &a);
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    git(&world.path(""), &["worktree", "add", "--quiet", "--detach", tree.to_str().unwrap()]);
    let said = verify_sync(&World::at(XTASK, &tree), 0, &[]);
    assert!(line(&said, "deployed").contains(&format!("{} by {REF}, which is HEAD", &a[..12])), "{said}");
}

#[test]
fn a_workspace_in_a_folder_of_a_repository_is_found_in_the_deployed_commit() {
    let outer = tempfile::tempdir().unwrap();
    git(outer.path(), &["init", "--quiet"]);
    let world = shop();
    let inner = outer.path().join("services/shop");
    std::fs::create_dir_all(inner.parent().unwrap()).unwrap();
    std::fs::remove_dir_all(world.path(".git")).unwrap();
    assert!(
        std::process::Command::new("cp")
            .args(["-r", world.path("").to_str().unwrap()])
            .arg(&inner)
            .status()
            .unwrap()
            .success()
    );
    let world = World::at(XTASK, &inner);
    record(&world, &commit(&world));
    assert!(line(&verify_sync(&world, 0, &[]), "fresh").contains("1 table, 1 trigger"));
}

#[test]
fn a_given_commit_is_compared_with_whatever_is_recorded() {
    let world = shop();
    let a = commit(&world);
    world.declare(&SCHEMA.replace("email TEXT", "email TEXT, phone TEXT"));
    record(&world, &commit(&world));
    let said = verify_sync(&world, 0, &["--commit", &a[..8]]);
    assert!(
        line(&said, "deployed").contains(&format!(
            "{} by --commit {}, 1 commit before HEAD",
            &a[..12],
            &a[..8]
        )),
        "{said}"
    );
    assert!(line(&said, "today's").contains("1 difference from commit"), "{said}");
    let said = verify_sync(&world, 1, &["--commit", "nothing"]);
    assert_eq!(
        line(&said, "deployed"),
        "unknown   deployed commit  git knows no commit nothing\nmend it: see: git log --oneline"
    );
    assert!(line(&said, "today's").contains("not tried"), "{said}");
}

#[test]
fn a_deployed_commit_without_a_schema_is_told() {
    let world = shop();
    git(&world.path(""), &["rm", "--quiet", "--cached", "db/declared.sql"]);
    git(&world.path(""), &["commit", "--quiet", "--message", "without"]);
    let a = git(&world.path(""), &["rev-parse", "HEAD"]);
    record(&world, &a);
    let said = verify_sync(&world, 1, &[]);
    assert_eq!(
        line(&said, "fresh"),
        format!(
            "unknown   fresh database   commit {} has no db/declared.sql\n\
             mend it: name a commit that has one: cargo xtask verify-sync --commit REV",
            &a[..12]
        )
    );
}

#[test]
fn without_git_or_a_fly_toml_it_says_what_is_missing() {
    let world = World::new(XTASK, SCHEMA);
    let said = world.run(&["verify-sync"]);
    assert_eq!(said.exit, 2, "{said}");
    assert!(
        said.stderr.contains("error: there is no fly.toml in [DIR]\nwrite one, or make it with: fly launch"),
        "{said}"
    );
    world.write("fly.toml", include_str!("../../../fly.toml"));
    let said = world.run(&["verify-sync"]);
    assert_eq!(said.exit, 0, "{said}");
    assert!(line(&said, "deployed").contains("there is none yet"), "{said}");
}

#[test]
fn json_is_one_document_with_every_line_and_the_change() {
    let world = shop();
    let a = commit(&world);
    record(&world, &a);
    world.declare(&SCHEMA.replace("email TEXT", "email TEXT, phone TEXT"));
    let said = verify_sync(&world, 0, &["--format", "json"]);
    let document: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!((&document["command"], &document["exit"]), (&"verify-sync".into(), &0.into()));
    let report = &document["report"];
    assert_eq!(report["commit"], a.as_str());
    let names: Vec<_> =
        report["checks"].as_array().unwrap().iter().map(|check| check["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "deployed commit",
            "fresh database",
            "local database",
            "production",
            "today's schema",
            "applied again",
            "atlas",
            "sqlite"
        ]
    );
    assert_eq!(report["checks"][3]["verdict"], "not-read");
    assert_eq!(report["change"]["outcome"], "applied");
    assert_eq!(report["change"]["differences"][0]["object"], "customers.phone");
}

#[test]
fn on_github_the_change_is_told_on_the_lines_of_the_schema() {
    let world = shop().with_env("GITHUB_ACTIONS", "true");
    record(&world, &commit(&world));
    world.declare(
        "CREATE TABLE customers (\n  id INTEGER PRIMARY KEY,\n  name TEXT NOT NULL,\n  phone TEXT\n);\n",
    );
    let said = verify_sync(&world, 3, &["--format", "json"]);
    let annotations: Vec<_> = said.stderr.lines().filter(|line| line.starts_with("::")).collect();
    insta::assert_snapshot!(annotations.join("\n"));
    assert!(serde_json::from_str::<serde_json::Value>(&said.stdout).is_ok());
}

#[test]
fn a_hostile_schema_is_told_to_github_in_commands_of_ours_and_in_reports_as_text() {
    let world = shop().with_env("GITHUB_ACTIONS", "true");
    world.declare(&hostile::schema("one"));
    record(&world, &commit(&world));
    world.declare(&format!("{}CREATE TABLE \"::error::x\" (a TEXT);\n", hostile::schema("two")));
    world.sql(&hostile::schema("three"));
    let said = verify_sync(&world, 4, &["--report", "var/report.md"]);
    verify_sync(&world, 4, &["--report", "var/report.html"]);
    const OURS: &str = "::notice file=db/declared.sql,line=";
    let ours = said.stderr.lines().filter(|line| line.starts_with(OURS));
    assert!(ours.count() > hostile::EVIL.len(), "{said}");
    let [markdown, html] =
        ["var/report.md", "var/report.html"].map(|file| std::fs::read_to_string(world.path(file)).unwrap());
    let shown = [said.stdout.as_str(), &markdown, &html].map(|text| hostile::harm(text, "")).concat();
    assert_eq!([shown, hostile::harm(&said.stderr, OURS)].concat(), [] as [String; 0]);
    assert!(!html.contains("<b>@everyone"), "{html}");
}
