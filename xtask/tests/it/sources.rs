//! The sources of this workspace, for the rules that read them.

use std::fs;
use std::path::{Path, PathBuf};

/// The workspace's folder.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// `src` of every crate, wherever it is.
pub(crate) fn crates() -> Vec<PathBuf> {
    let library = fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap().path());
    let all = library.chain(fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().path()));
    let mut all: Vec<_> = all.filter(|folder| folder.join("Cargo.toml").is_file()).collect();
    all.sort();
    all.into_iter().map(|folder| folder.join("src")).collect()
}

#[test]
fn every_crate_is_found() {
    let crates = crates();
    let names = crates.iter().map(|src| src.parent().unwrap().strip_prefix(root()).unwrap());
    let names: Vec<_> = names.map(|name| name.to_str().unwrap().to_owned()).collect();
    let manifest = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let packages = manifest.split("[[package]]").filter(|package| !package.contains("source = "));
    let ours = packages.filter(|package| package.contains("name = ")).count();
    assert_eq!(names.len(), ours, "{names:?}");
    for known in
        ["app", "crates/landfall-engine", "crates/landfall-testkit", "crates/landfall-xtask", "xtask"]
    {
        assert!(names.iter().any(|name| name == known), "{names:?}");
    }
}
