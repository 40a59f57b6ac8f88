//! Tools that a test needs and a machine may lack. Without one the test is skipped, and `cargo xtask ci` names it;
//! with the tool listed in `LANDFALL_REQUIRE` (comma-separated) the test fails instead.
//!
//! Included with `#[path]` by the tests of several crates, so that no crate has to export it.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

/// The Atlas binary (`$ATLAS`, then PATH), or `None` when the test `test` has to be skipped.
#[allow(dead_code, reason = "each test file uses its part")]
pub(crate) fn atlas(test: &str) -> Option<PathBuf> {
    let named = env::var_os("ATLAS").filter(|value| !value.is_empty()).map(PathBuf::from);
    let path = env::var_os("PATH").unwrap_or_default();
    let found = named.into_iter().chain(env::split_paths(&path).map(|folder| folder.join("atlas")));
    let found = found.into_iter().find_map(|file| fs::canonicalize(file).ok().filter(|file| file.is_file()));
    if found.is_none() {
        skip(test, "atlas");
    }
    found
}

/// Whether the app of this workspace lies beside the binary `xtask`, as it does where the whole workspace is tested, or the
/// test `test` has to be skipped.
#[allow(dead_code, reason = "each test file uses its part")]
pub(crate) fn app(test: &str, xtask: &str) -> bool {
    let is_there = PathBuf::from(xtask).with_file_name("app").is_file();
    if !is_there {
        skip(test, "app");
    }
    is_there
}

/// Whether a Docker daemon answers, or the test `test` has to be skipped.
#[allow(dead_code, reason = "each test file uses its part")]
pub(crate) fn docker(test: &str) -> bool {
    let answers = Command::new("docker").arg("version").output().is_ok_and(|output| output.status.success());
    if !answers {
        skip(test, "docker");
    }
    answers
}

/// The folder of the simulator of Fly that the real `fly` talks to (`$FLYSIM`, or beside the workspace), or `None` when the test
/// `test` has to be skipped.
#[allow(dead_code, reason = "each test file uses its part")]
pub(crate) fn fly(test: &str) -> Option<PathBuf> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/lab/flysim");
    let folder = env::var_os("FLYSIM").map_or(beside, PathBuf::from);
    let found = fs::canonicalize(folder).ok().filter(|folder| folder.join("shim/fly").is_file());
    if found.is_none() {
        skip(test, "fly");
    }
    found
}

/// Whether this runs as root (without which no other user can be tried), or the test `test` has to be skipped.
#[allow(dead_code, reason = "each test file uses its part")]
pub(crate) fn root(test: &str) -> bool {
    let is_root = fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    if !is_root {
        skip(test, "root");
    }
    is_root
}

/// Records that `test` is skipped for want of `tool`; panics where that tool is required.
#[allow(dead_code, reason = "each test file uses its part")]
pub(crate) fn skip(test: &str, tool: &str) {
    let required = env::var("LANDFALL_REQUIRE").unwrap_or_default();
    assert!(
        !required.split(',').any(|name| name == tool),
        "{test} needs {tool}, and LANDFALL_REQUIRE lists it"
    );
    let line = format!("{test}: needs {tool}\n");
    eprint!("skipped: {line}");
    if let Some(list) = env::var_os("LANDFALL_SKIPPED") {
        let file = OpenOptions::new().create(true).append(true).open(list);
        file.and_then(|mut file| file.write_all(line.as_bytes()))
            .expect("the list of skipped tests is writable");
    }
}
