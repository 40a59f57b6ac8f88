//! A workspace in a temporary folder, with other names than the sample's, and the binary run in it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::{env, fs};

use rusqlite::Connection;
use tempfile::TempDir;

/// The manifest of the workspace.
pub const MANIFEST: &str = r#"[workspace]
resolver = "3"
members = ["shop"]

[workspace.metadata.landfall]
app = "shop"
schema = "db/declared.sql"
local-db = "var/shop.sqlite"
"#;

const PACKAGE: &str = r#"[package]
name = "shop"
version = "0.1.0"
edition = "2024"
"#;

/// A workspace, and the binary that is run in it.
pub struct World {
    /// Goes away with it, where it is its own.
    _folder: Option<TempDir>,
    root: PathBuf,
    binary: String,
    atlas: Option<PathBuf>,
    env: Vec<(String, OsString)>,
}

/// What a command said.
pub struct Said {
    line: String,
    /// Its exit code.
    pub exit: i32,
    /// Without the folders of this machine.
    pub stdout: String,
    /// Likewise.
    pub stderr: String,
}

impl World {
    /// A workspace whose declared schema is this.
    pub fn new(binary: &str, schema: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_owned();
        let world = Self { _folder: Some(folder), ..Self::at(binary, &root) };
        world.write("Cargo.toml", MANIFEST);
        world.write("shop/Cargo.toml", PACKAGE);
        world.write("shop/src/main.rs", "//! Sells.\n\nfn main() {}\n");
        world.declare(schema);
        world
    }

    /// A workspace that is there already.
    pub fn at(binary: &str, root: &Path) -> Self {
        Self { _folder: None, root: root.to_owned(), binary: binary.to_owned(), atlas: None, env: Vec::new() }
    }

    /// The same with this Atlas on its machine.
    pub fn with_atlas(mut self, atlas: PathBuf) -> Self {
        self.atlas = Some(atlas);
        self
    }

    /// The same with this in its environment.
    pub fn with_env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.env.push((name.to_owned(), value.into()));
        self
    }

    /// The absolute path of something in it.
    pub fn path(&self, name: &str) -> PathBuf {
        // The working directory that a process reads back has its symbolic links resolved.
        fs::canonicalize(&self.root).unwrap().join(name)
    }

    /// Writes a file, and makes its folder.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let file = self.path(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    /// Declares this schema.
    pub fn declare(&self, schema: &str) {
        self.write("db/declared.sql", schema);
    }

    /// The local database; made when it is not there.
    pub fn database(&self) -> Connection {
        fs::create_dir_all(self.path("var")).unwrap();
        Connection::open(self.path("var/shop.sqlite")).unwrap()
    }

    /// Runs this in the local database.
    pub fn sql(&self, sql: &str) {
        self.database().execute_batch(sql).unwrap();
    }

    /// The rows of a query, each as text.
    pub fn rows(&self, query: &str) -> Vec<String> {
        let database = self.database();
        let mut statement = database.prepare(query).unwrap();
        let columns = statement.column_count();
        let row = |row: &rusqlite::Row<'_>| {
            let values = (0..columns).map(|column| row.get::<_, rusqlite::types::Value>(column));
            values.map(|value| value.map(|value| text(&value))).collect::<Result<Vec<_>, _>>()
        };
        let rows = statement.query_map([], row).unwrap();
        rows.map(|row| row.unwrap().join("|")).collect()
    }

    /// The local database.
    pub fn bytes(&self) -> Vec<u8> {
        fs::read(self.path("var/shop.sqlite")).unwrap()
    }

    /// The binary with this program in front (if any), in an environment of nothing but what cargo needs.
    pub fn command_under(&self, front: &[&str], args: &[&str]) -> Command {
        let binary = self.binary.as_str();
        let words: Vec<_> = front.iter().chain([&binary]).chain(args).collect();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).current_dir(self.path("")).env_clear().stdin(Stdio::null());
        for name in ["HOME", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN", "TMPDIR"] {
            command.envs(env::var_os(name).map(|value| (name, value)));
        }
        command.env("PATH", path_without_atlas()).env("NO_COLOR", "1");
        command.envs(self.atlas.as_ref().map(|file| ("ATLAS", file)));
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    /// The binary with these arguments.
    pub fn command(&self, args: &[&str]) -> Command {
        self.command_under(&[], args)
    }

    /// Runs the binary with these arguments.
    pub fn run(&self, args: &[&str]) -> Said {
        self.said(args, &self.command(args).output().unwrap())
    }

    /// What a command with these arguments said.
    pub fn said(&self, args: &[&str], output: &Output) -> Said {
        let text = |bytes: &[u8]| self.normal(std::str::from_utf8(bytes).unwrap());
        Said {
            line: format!("$ cargo xtask {}", args.join(" ")),
            exit: output.status.code().unwrap_or(-1),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }

    /// Text without this machine's folders.
    pub fn normal(&self, text: &str) -> String {
        text.replace(self.path("").to_str().unwrap().trim_end_matches('/'), "[DIR]")
    }

    /// Asserts that `run` ends with this code and leaves the local database byte by byte as it was.
    #[track_caller]
    pub fn run_unchanged(&self, exit: i32, args: &[&str]) -> Said {
        let before = self.bytes();
        let said = self.run(args);
        assert_eq!(said.exit, exit, "{said}");
        assert!(self.bytes() == before, "the database changed: {said}");
        said
    }
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { line, exit, stdout, stderr } = self;
        write!(f, "{line}\n--- exit code {exit}\n--- stdout\n{stdout}--- stderr\n{stderr}")
    }
}

/// Compares what was said with its snapshot, without times and fingerprints.
#[macro_export]
macro_rules! assert_said {
    ($name:expr, $said:expr) => {
        ::insta::with_settings!({ filters => vec![
            (r"predicted (below )?[\d.]+ \w+( \([^)]*\))?", "predicted [TIME]"),
            (r"\d+\.\d+ s\b", "[TIME] s"),
            (r"\b(v1-)?[0-9a-f]{64}\b", "[FINGERPRINT]"),
            (r"\b[0-9a-f]{32}\b", "[CHECKSUM]"),
            (r#""(seconds|low|high)": [0-9.e-]+"#, r#""$1": "[TIME]""#),
            (r#""(before|peak|after)": \d+"#, r#""$1": "[BYTES]""#),
        ], omit_expression => true, prepend_module_to_snapshot => false }, {
            ::insta::assert_snapshot!($name.replace(' ', "-"), $said.to_string());
        });
    };
}
/// Tests decide themselves whether there is an Atlas.
pub fn path_without_atlas() -> OsString {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).filter(|folder| !has_atlas(folder));
    env::join_paths(folders).unwrap()
}

fn has_atlas(folder: &Path) -> bool {
    folder.join("atlas").exists()
}

fn text(value: &rusqlite::types::Value) -> String {
    use rusqlite::types::Value;
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Text(text) => text.clone(),
        Value::Blob(bytes) => format!("{bytes:02x?}"),
    }
}
