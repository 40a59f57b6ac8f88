//! This project's own workspace, copied and committed anew, and the image that is built from it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::{env, fs};

use landfall_testkit::git::git;
use serde_json::Value;
use tempfile::TempDir;

/// What a command said.
pub(crate) struct Said {
    pub(crate) exit: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

pub(crate) struct Workspace {
    folder: TempDir,
}

/// An image with this project's schema, and one that declares a constraint and an index more: every row is written anew, and
/// sorted.
pub(crate) struct Images {
    pub(crate) old: String,
    pub(crate) new: String,
}

/// Built once for all tests.
pub(crate) fn images() -> &'static Images {
    static IMAGES: OnceLock<Images> = OnceLock::new();
    IMAGES.get_or_init(|| {
        let workspace = Workspace::copied();
        let (old, new) = ("landfall-test:old".to_owned(), "landfall-test:new".to_owned());
        workspace.builds(&["--tag", &old, "--no-smoke"]);
        workspace.edit("schema.sql", |schema| {
            let rewritten = "last_name TEXT NOT NULL, sorted TEXT AS (lower(last_name)) STORED";
            schema.replace("last_name TEXT NOT NULL", rewritten)
                + "CREATE INDEX customers_by_name ON customers (last_name, first_name);\n"
        });
        workspace.builds(&["--tag", &new, "--no-smoke"]);
        Images { old, new }
    })
}

impl Workspace {
    /// Everything that git would commit here.
    pub(crate) fn copied() -> Self {
        let workspace = Self { folder: tempfile::tempdir().unwrap() };
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(1).unwrap();
        let files = git(here, &["ls-files", "--cached", "--others", "--exclude-standard"]);
        for file in files.lines().filter(|file| here.join(file).is_file()) {
            workspace.write(file, fs::read(here.join(file)).unwrap());
        }
        workspace.git(&["init", "--quiet"]);
        workspace.commit();
        workspace
    }

    /// A workspace of one program without dependencies, whose Dockerfile is this.
    pub(crate) fn tiny(dockerfile: &str) -> Self {
        let workspace = Self { folder: tempfile::tempdir().unwrap() };
        workspace.write("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"app\"]\n");
        workspace
            .write("app/Cargo.toml", "[package]\nname = \"app\"\nedition = \"2024\"\nversion = \"0.1.0\"\n");
        workspace.write("app/src/main.rs", "fn main() {}\n");
        workspace.write("schema.sql", "CREATE TABLE t (a);\n");
        workspace.write("fly.toml", include_str!("../../../fly.toml"));
        workspace.write("Dockerfile", dockerfile);
        workspace
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.folder.path().join(relative)
    }

    pub(crate) fn write(&self, relative: &str, text: impl AsRef<[u8]>) {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn edit(&self, relative: &str, edit: impl FnOnce(String) -> String) {
        let before = fs::read_to_string(self.path(relative)).unwrap();
        let after = edit(before.clone());
        assert_ne!(before, after, "{relative}");
        self.write(relative, after);
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        git(self.folder.path(), args)
    }

    /// Commits everything; the commit.
    pub(crate) fn commit(&self) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", "a state"]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// `cargo xtask image …` in this workspace.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        self.xtask(&[&["image"], args].concat())
    }

    /// `cargo xtask …` in this workspace.
    pub(crate) fn xtask(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.args(args).current_dir(self.folder.path());
        command.env("NO_COLOR", "1").env("CARGO", env!("CARGO")).stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Said {
        said(&self.command(args).output().unwrap())
    }

    /// Must succeed; the report of its JSON document, and the narration.
    #[track_caller]
    pub(crate) fn builds(&self, args: &[&str]) -> (Value, String) {
        let said = self.run(&[args, &["--format", "json"]].concat());
        assert_eq!(said.exit, 0, "{}", said.stderr);
        let document: Value = serde_json::from_str(&said.stdout).unwrap();
        assert_eq!(document["command"], "image");
        (document["report"].clone(), said.stderr)
    }
}

pub(crate) fn said(output: &Output) -> Said {
    Said {
        exit: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout.clone()).unwrap(),
        stderr: String::from_utf8(output.stderr.clone()).unwrap(),
    }
}
