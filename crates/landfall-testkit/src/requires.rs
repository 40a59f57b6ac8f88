//! Tools that a test needs and a machine may lack. Without one the test is skipped, and `cargo xtask ci` counts it;
//! with the tool listed in `LANDFALL_REQUIRE` (comma-separated) the test fails instead.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, thread};

/// All that a test may need: what `cargo xtask ci --require` knows.
pub const TOOLS: [&str; 10] =
    ["atlas", "corpus", "docker", "fly", "landfall", "mount", "proc", "root", "setpriv", "sqlite3"];

/// The Atlas binary (`$ATLAS`, then PATH), or `None` when the test `test` has to be skipped.
pub fn atlas(test: &str) -> Option<PathBuf> {
    let named = env::var_os("ATLAS").filter(|value| !value.is_empty()).map(PathBuf::from);
    let path = env::var_os("PATH").unwrap_or_default();
    let found = named.into_iter().chain(env::split_paths(&path).map(|folder| folder.join("atlas")));
    let found = found.into_iter().find_map(|file| fs::canonicalize(file).ok().filter(|file| file.is_file()));
    if found.is_none() {
        skip(test, "atlas");
    }
    found
}

/// The binary `landfall`, which lies beside the binary that is tested where the whole workspace is, or `None` when the test `test` has
/// to be skipped.
pub fn landfall(test: &str, beside: &Path) -> Option<PathBuf> {
    let found = Some(beside.with_file_name("landfall")).filter(|file| file.is_file());
    if found.is_none() {
        skip(test, "landfall");
    }
    found
}

/// Whether a Docker daemon answers, or the test `test` has to be skipped.
pub fn docker(test: &str) -> bool {
    let answers = Command::new("docker").arg("version").output().is_ok_and(|output| output.status.success());
    if !answers {
        skip(test, "docker");
    }
    answers
}

/// The folder of the simulator of Fly that the real `fly` talks to (`$FLYSIM`, or beside the workspace), or `None` when the test
/// `test` has to be skipped.
pub fn fly(test: &str) -> Option<PathBuf> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/lab/flysim");
    let folder = env::var_os("FLYSIM").map_or(beside, PathBuf::from);
    let found = fs::canonicalize(folder).ok().filter(|folder| folder.join("shim/fly").is_file());
    if found.is_none() {
        skip(test, "fly");
    }
    found
}

/// Whether this runs as root (without which no other user can be tried), or the test `test` has to be skipped.
pub fn root(test: &str) -> bool {
    let is_root = fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    if !is_root {
        skip(test, "root");
    }
    is_root
}

/// Records that `test` is skipped, whole or in part, for want of `tool`; panics where that tool is required.
pub fn skip(test: &str, tool: &str) {
    assert!(TOOLS.contains(&tool), "{test} needs {tool}, which is none of TOOLS");
    let required = env::var("LANDFALL_REQUIRE").unwrap_or_default();
    assert!(
        !required.split(',').any(|name| name == tool),
        "{test} needs {tool}, and LANDFALL_REQUIRE lists it"
    );
    eprintln!("skipped: {test}: needs {tool}");
    if let Some(list) = env::var_os("LANDFALL_SKIPPED") {
        let file = OpenOptions::new().create(true).append(true).open(list);
        file.and_then(|mut file| file.write_all(record(test, tool).as_bytes()))
            .expect("the list of skipped tests is writable");
    }
}

/// The binary, the test and the tool. A thread of the test harness has the whole name of its test, which is not another one's.
fn record(test: &str, tool: &str) -> String {
    let binary =
        env::current_exe().ok().and_then(|file| Some(file.file_name()?.to_owned())).unwrap_or_default();
    let thread = thread::current();
    let name = thread.name().filter(|name| name.ends_with(test)).unwrap_or(test);
    format!("{}\t{name}\t{tool}\n", binary.display())
}
