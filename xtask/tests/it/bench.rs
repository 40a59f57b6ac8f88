//! `cargo xtask bench`, on few rows, with the binaries as the tests have built them.

use std::fs;
use std::path::{Path, PathBuf};

use landfall_testkit::requires;
use landfall_testkit::world::{Said, World};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::XTASK;

const WORKS: [&str; 14] = [
    "no-drift",
    "xtask-no-drift",
    "drop-not-null",
    "add-not-null",
    "add-check",
    "change-fk-action",
    "change-default",
    "add-column",
    "rename-column",
    "drop-column",
    "rewrite",
    "rewrite-full",
    "cp",
    "count",
];

/// The workspace that this test is of, with a target folder of its own: nothing is built, and databases are made there.
struct Track {
    world: World,
    target: TempDir,
}

/// None where the test has to be skipped.
fn track(test: &str) -> Option<Track> {
    requires::landfall(test, Path::new(XTASK)).map(|_| {
        let (target, root) = (tempfile::tempdir().unwrap(), Path::new(env!("CARGO_MANIFEST_DIR")));
        let world =
            World::at(XTASK, root.ancestors().nth(1).unwrap()).with_env("CARGO_TARGET_DIR", target.path());
        Track { world, target }
    })
}

impl Track {
    fn with_atlas(self, atlas: PathBuf) -> Self {
        Self { world: self.world.with_atlas(atlas), ..self }
    }

    /// Whatever it is, nothing of it is left.
    #[track_caller]
    fn bench(&self, args: &[&str]) -> Said {
        let said = self.world.run(&[&["bench", "--no-build", "--rows", "100", "--runs", "1"], args].concat());
        assert_eq!(fs::read_dir(self.target.path()).unwrap().count(), 0, "{said}");
        said
    }
}

#[track_caller]
fn lines(said: &Said) -> Vec<Value> {
    assert_eq!(said.exit, 0, "{said}");
    let document: Value = serde_json::from_str(&said.stdout).unwrap();
    document["report"]["lines"].as_array().unwrap().clone()
}

#[test]
fn every_work_is_timed_beside_its_limit_and_drawn() {
    let Some(track) = track("every_work_is_timed_beside_its_limit_and_drawn") else { return };
    let folder = tempfile::tempdir().unwrap();
    let picture = folder.path().join("bench.svg");
    let lines = lines(&track.bench(&["--format", "json", "--svg", picture.to_str().unwrap()]));
    let mut works: Vec<_> = lines.iter().map(|line| line["work"].as_str().unwrap()).collect();
    works.dedup();
    assert_eq!(works, WORKS);
    for line in &lines {
        let work = line["work"].as_str().unwrap();
        let is_positive = |who: &str| line[who]["median"].as_f64().is_some_and(|seconds| seconds > 0.0);
        assert!(is_positive("limit"), "{line:#}");
        assert_eq!(is_positive("ours"), !["cp", "count"].contains(&work), "{line:#}");
        assert_eq!(line["parts"].is_object(), is_positive("ours") && !work.ends_with("no-drift"), "{line:#}");
        assert_eq!(line["atlas"], Value::Null, "{line:#}");
    }
    let sizes = |work: &str| -> Vec<_> {
        let of_work = lines.iter().filter(|line| line["work"] == work);
        of_work.map(|line| format!("{} {}", line["size"], line["unit"].as_str().unwrap())).collect()
    };
    assert_eq!(sizes("no-drift"), ["1 tables", "60 tables", "500 tables"]);
    assert_eq!(sizes("rewrite"), ["100 rows"]);
    let rewrite = lines.iter().find(|line| line["work"] == "rewrite").unwrap();
    assert!(rewrite["without_copy"]["median"].as_f64() < rewrite["ours"]["median"].as_f64(), "{rewrite:#}");
    let svg = fs::read_to_string(picture).unwrap();
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"), "{svg}");
    // A panel for each work that somebody does.
    assert_eq!(svg.matches("<g ").count(), WORKS.len() - 2, "{svg}");
}

#[test]
fn atlas_is_timed_on_the_same_file_and_what_it_loses_is_counted() {
    const NAME: &str = "atlas_is_timed_on_the_same_file_and_what_it_loses_is_counted";
    let (Some(track), Some(atlas)) = (track(NAME), requires::atlas(NAME)) else { return };
    let said = track.with_atlas(atlas).bench(&["--only", "rename-column,add-column", "--format", "json"]);
    let told: Vec<_> = lines(&said).iter().map(|line| line["notes"].clone()).collect();
    assert_eq!(told, [json!([]), json!(["after Atlas 100 rows are not where remark IS NOT NULL"])]);
    assert!(lines(&said).iter().all(|line| line["atlas"]["median"].as_f64() > Some(0.0)), "{said}");
}

#[test]
fn without_atlas_one_line_says_so() {
    let Some(track) = track("without_atlas_one_line_says_so") else { return };
    let said = track.bench(&["--only", "add-column"]);
    assert_eq!(said.exit, 0, "{said}");
    assert_eq!(said.stdout.matches("Atlas was not timed").count(), 1, "{said}");
}

#[test]
fn an_atlas_that_does_not_do_the_work_has_no_time() {
    for (atlas, note) in [
        ("/bin/true", "Atlas did not do it: column accounts.phone is missing"),
        ("/bin/false", "Atlas failed: it said nothing"),
    ] {
        let Some(track) = track("an_atlas_that_does_not_do_the_work_has_no_time") else { return };
        let lines =
            lines(&track.with_atlas(atlas.into()).bench(&["--only", "add-column", "--format", "json"]));
        assert_eq!((&lines[0]["atlas"], &lines[0]["notes"]), (&Value::Null, &json!([note])));
    }
}

/// A time of what went wrong is worth nothing.
#[test]
fn a_change_of_ours_that_does_not_happen_is_an_error() {
    let Some(track) = track("a_change_of_ours_that_does_not_happen_is_an_error") else { return };
    let world = track.world.with_env("LANDFALL_COLUMN_ORDER", "nonsense");
    let said = Track { world, ..track }.bench(&["--only", "add-column"]);
    assert_eq!((said.exit, said.stdout.as_str()), (1, ""), "{said}");
    assert!(said.stderr.contains("error: add-column at 100 rows is not what it has to be"), "{said}");
}

#[test]
fn a_picture_without_its_folder_is_refused_before_anything_is_timed() {
    let said = World::new(XTASK, "").run(&["bench", "--svg", "no/such/bench.svg"]);
    assert_eq!((said.exit, said.stdout.as_str()), (2, ""), "{said}");
    assert!(said.stderr.contains("there is no folder no/such for the picture"), "{said}");
}
