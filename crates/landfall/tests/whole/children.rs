//! What Atlas sees of the machine's environment.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::project::{CUSTOMERS, Project};
use landfall_testkit::server::ran;

#[test]
fn atlas_sees_no_secret_of_the_machine() {
    let project = Project::with_ada();
    let (atlas, seen) = (project.path("bin/atlas"), project.path("seen"));
    fs::create_dir_all(project.path("bin")).unwrap();
    fs::write(&atlas, format!("#!/bin/sh\n/usr/bin/env >'{}'\nexit 1\n", seen.display())).unwrap();
    fs::set_permissions(&atlas, fs::Permissions::from_mode(0o755)).unwrap();
    project.declare(&format!("{CUSTOMERS}\nCREATE TABLE orders (id INTEGER PRIMARY KEY);\n"));
    let mut migrate = project.landfall(&["migrate", "--dry-run"]);
    migrate.env("ATLAS", &atlas).env("LANDFALL_PLANNER", "atlas").env("HOME", "/nowhere");
    for name in ["APP_PASSWORD", "FLY_API_TOKEN", "FLY_MACHINE_VERSION", "SOMEBODYS_SECRET"] {
        migrate.env(name, "sesame");
    }
    let ran = ran(&mut migrate);
    let seen = fs::read_to_string(&seen).unwrap_or_else(|error| panic!("{error}: {}", ran.stderr));
    assert!(seen.contains("HOME=/nowhere") && seen.contains("ATLAS_NO_UPDATE_NOTIFIER=1"), "{seen}");
    assert!(!seen.contains("sesame"), "{seen}");
}
