//! A bare repository as `origin`, and clones of it, in a folder that goes away.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

pub(crate) use landfall_testkit::git::git;

/// See the module.
pub(crate) struct Sandbox {
    folder: TempDir,
}

impl Sandbox {
    /// With one commit on the branch `main`.
    pub(crate) fn new() -> Self {
        let sandbox = Self { folder: tempfile::tempdir().unwrap() };
        git(sandbox.path(), &["init", "--quiet", "--bare", "origin.git"]);
        let first = sandbox.alone("first");
        git(&first, &["commit", "--quiet", "--allow-empty", "--message", "the first"]);
        git(&first, &["push", "--quiet", &sandbox.address(), "HEAD:refs/heads/main"]);
        sandbox
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn origin(&self) -> PathBuf {
        self.path().join("origin.git")
    }

    pub(crate) fn address(&self) -> String {
        format!("file://{}", self.origin().display())
    }

    /// A repository without an origin.
    pub(crate) fn alone(&self, name: &str) -> PathBuf {
        git(self.path(), &["init", "--quiet", name]);
        self.somebodys(name)
    }

    pub(crate) fn clone(&self, name: &str) -> PathBuf {
        git(self.path(), &["clone", "--quiet", &self.address(), name]);
        self.somebodys(name)
    }

    /// With the last commit alone.
    pub(crate) fn shallow_clone(&self, name: &str) -> PathBuf {
        git(self.path(), &["clone", "--quiet", "--depth=1", &self.address(), name]);
        self.somebodys(name)
    }

    fn somebodys(&self, name: &str) -> PathBuf {
        let root = self.path().join(name);
        git(&root, &["config", "user.email", &format!("{name}@example.com")]);
        root
    }

    /// What a ref of `origin` names.
    pub(crate) fn named(&self, name: &str) -> Option<String> {
        let named = git(&self.origin(), &["for-each-ref", "--format=%(objectname)", name]);
        Some(named).filter(|named| !named.is_empty())
    }

    /// Runs this script whenever something is pushed.
    pub(crate) fn on_push(&self, script: &str) {
        let hook = self.origin().join("hooks/pre-receive");
        fs::create_dir_all(hook.parent().unwrap()).unwrap();
        fs::write(&hook, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&hook, Permissions::from_mode(0o755)).unwrap();
    }

    /// `origin` cannot be reached until it comes back.
    pub(crate) fn origin_goes(&self) {
        fs::rename(self.origin(), self.path().join("gone.git")).unwrap();
    }

    pub(crate) fn origin_comes_back(&self) {
        fs::rename(self.path().join("gone.git"), self.origin()).unwrap();
    }
}
