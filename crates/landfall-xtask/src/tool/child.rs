//! Another program, and what it sees of our environment: what is listed here for it. Secrets reach the one that needs them.

use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt as _;
use std::path::Path;

use duct::Expression;

/// A program that is started here: which it is decides what it sees of our environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Program {
    /// The program `landfall`, and the service that it becomes.
    Landfall,
    /// Atlas.
    Atlas,
    /// cargo.
    Cargo,
    /// Docker.
    Docker,
    /// flyctl, the one that has the token of Fly.
    Fly,
    /// git.
    Git,
    /// This one, from this workspace.
    Xtask,
    /// Any other: it sees where programs and files are, how text is written, and no secret.
    Other,
}

/// Where programs and files are, and how text is written.
const ALL: &[&str] = &[
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "LC_*", "TERM", "TMPDIR", "TZ", "XDG_*",
    "NO_COLOR",
];
/// The way out of this machine.
const NETWORK: &[&str] = &[
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "SSH_AUTH_SOCK",
];
/// What a compiler is told, and what the tests of this workspace need to find their tools.
const BUILD: &[&str] = &[
    "CARGO",
    "CARGO_*",
    "RUSTUP_*",
    "RUST*",
    "CC",
    "CC_*",
    "CXX",
    "CXX_*",
    "AR",
    "AR_*",
    "CFLAGS",
    "CFLAGS_*",
    "CPPFLAGS",
    "CXXFLAGS",
    "LDFLAGS",
    "PKG_CONFIG*",
    "LIBSQLITE3_*",
    "LD_LIBRARY_PATH",
    "SDKROOT",
    "MACOSX_DEPLOYMENT_TARGET",
    "INSTA_*",
    "CI",
    "COLUMNS",
    "ATLAS",
    "FLYSIM",
    "LANDFALL_ATLAS_IMAGE",
    "LANDFALL_BASE_IMAGE",
    "LANDFALL_BUILDER_IMAGE",
    "LANDFALL_PAIRS",
    "LANDFALL_PLANNER",
    "LANDFALL_REQUIRE",
    "LANDFALL_SEED",
    "LANDFALL_SEQUENCES",
    "LANDFALL_SKIPPED",
];
/// What cargo fetches dependencies with; no `GIT_CONFIG_*`, in which a CI may hand git a token.
const FETCH: &[&str] =
    &["GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM", "GIT_SSH", "GIT_SSH_COMMAND", "GIT_SSL_CAINFO"];
/// Where Docker is, without what opens a registry (`DOCKER_AUTH_CONFIG`).
const DAEMON: &[&str] = &[
    "DOCKER_API_VERSION",
    "DOCKER_BUILDKIT",
    "DOCKER_CERT_PATH",
    "DOCKER_CONFIG",
    "DOCKER_CONTEXT",
    "DOCKER_DEFAULT_PLATFORM",
    "DOCKER_HOST",
    "DOCKER_TLS_VERIFY",
    "BUILDKIT_*",
    "BUILDX_*",
];
const DOCKER: &[&str] = &["DOCKER_*", "BUILDKIT_*", "BUILDX_*"];
/// A token of GitHub's is git's where its helper for credentials asks for it.
const GIT: &[&str] = &[
    "GIT_*",
    "GH_TOKEN",
    "GITHUB_TOKEN",
    "GH_HOST",
    "SSH_ASKPASS",
    "SSH_ASKPASS_REQUIRE",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "GNUPGHOME",
];

impl Program {
    /// What it sees: names, and beginnings of names that end with `*`.
    fn sees(self) -> Vec<&'static str> {
        match self {
            // Its own variables, by which it is set up beside those that it is given.
            Self::Landfall => {
                [ALL, &["RUST_BACKTRACE", "RUST_LOG", "APP_*", "LANDFALL_*", "SQLITE_TMPDIR", "CI"]].concat()
            }
            Self::Atlas | Self::Other => ALL.to_vec(),
            Self::Cargo | Self::Xtask => [ALL, NETWORK, BUILD, DAEMON, FETCH].concat(),
            Self::Docker => [ALL, NETWORK, DOCKER].concat(),
            // It pushes the image through Docker.
            Self::Fly => [ALL, NETWORK, DOCKER, &["FLY_*", "FLYCTL_*", "CI"]].concat(),
            Self::Git => [ALL, NETWORK, GIT].concat(),
        }
    }

    fn environment(self, all: impl Iterator<Item = (OsString, OsString)>) -> Vec<(OsString, OsString)> {
        let sees = self.sees();
        let is_seen = |name: &OsStr| sees.iter().any(|known| matches(name, known));
        all.filter(|(name, _)| is_seen(name)).collect()
    }
}

fn matches(name: &OsStr, known: &str) -> bool {
    match known.strip_suffix('*') {
        Some(begin) => name.to_str().is_some_and(|name| name.starts_with(begin)),
        None => name == known,
    }
}

/// A program with its arguments, that is not started yet: `run` does that.
#[derive(Debug, Clone)]
pub struct Child {
    program: Program,
    call: Expression,
}

impl Child {
    /// `binary` is where the program is, or its name on PATH.
    pub fn new<A: Into<OsString>>(
        program: Program,
        binary: impl Into<OsString>,
        args: impl IntoIterator<Item = A>,
    ) -> Self {
        let args: Vec<OsString> = args.into_iter().map(Into::into).collect();
        #[cfg(test)]
        if let Some(call) = recorded::instead(program, &args) {
            return Self { program, call };
        }
        Self { program, call: duct::cmd(binary.into(), args) }
    }

    fn with(&self, call: Expression) -> Self {
        Self { program: self.program, call }
    }

    /// In this folder.
    #[must_use]
    pub fn dir(&self, folder: &Path) -> Self {
        self.with(self.call.dir(folder))
    }

    /// Beside what it sees of our own.
    #[must_use]
    pub fn env(&self, name: &str, value: impl Into<OsString>) -> Self {
        self.with(self.call.env(name, value.into()))
    }

    /// This is what it reads.
    #[must_use]
    pub fn input(&self, bytes: impl Into<Vec<u8>>) -> Self {
        self.with(self.call.stdin_bytes(bytes))
    }

    /// A file is what it reads.
    #[must_use]
    pub fn input_file(&self, file: &Path) -> Self {
        self.with(self.call.stdin_path(file))
    }

    /// What it prints on stdout is kept.
    pub(super) fn kept(&self) -> Self {
        self.with(self.call.stdout_capture())
    }

    /// In a process group of its own: no Ctrl-C reaches it, so that what it writes is written whole.
    pub(super) fn apart(&self) -> Self {
        self.with(self.call.before_spawn(|command| {
            command.process_group(0);
            Ok(())
        }))
    }

    /// With nothing in its environment but what is listed and what it was given.
    pub(super) fn listed(&self) -> Expression {
        // The outermost comes first in duct: what it was given is put on top of this.
        self.call.full_env(self.program.environment(env::vars_os()))
    }
}

/// Command lines that a test looks at, and that are never run.
#[cfg(test)]
pub(super) mod recorded {
    use std::cell::RefCell;

    use super::{Expression, OsString, Program};

    thread_local! {
        static CALLS: RefCell<Option<(&'static str, Calls)>> = const { RefCell::new(None) };
    }

    pub(in crate::tool) type Calls = Vec<(Program, Vec<String>)>;

    /// What `work` starts on this thread; each of it ends as the program `instead` does.
    pub(in crate::tool) fn of(instead: &'static str, work: impl FnOnce()) -> Calls {
        CALLS.set(Some((instead, Vec::new())));
        work();
        CALLS.take().map(|(_, calls)| calls).unwrap_or_default()
    }

    pub(super) fn instead(program: Program, args: &[OsString]) -> Option<Expression> {
        CALLS.with_borrow_mut(|calls| {
            let (instead, calls) = calls.as_mut()?;
            calls.push((program, args.iter().map(|arg| arg.to_string_lossy().into_owned()).collect()));
            Some(duct::cmd(*instead, [] as [&str; 0]))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: [Program; 8] = [
        Program::Landfall,
        Program::Atlas,
        Program::Cargo,
        Program::Docker,
        Program::Fly,
        Program::Git,
        Program::Xtask,
        Program::Other,
    ];

    fn sees(program: Program, name: &str) -> bool {
        !program.environment([(name.into(), "x".into())].into_iter()).is_empty()
    }

    #[test]
    fn a_secret_reaches_the_one_that_needs_it() {
        let who = |name: &str| EVERY.into_iter().filter(|program| sees(*program, name)).collect::<Vec<_>>();
        assert_eq!(who("APP_PASSWORD"), [Program::Landfall]);
        assert_eq!(who("FLY_API_TOKEN"), [Program::Fly]);
        assert_eq!(who("FLY_ACCESS_TOKEN"), [Program::Fly]);
        assert_eq!(who("GH_TOKEN"), [Program::Git]);
        assert_eq!(who("GIT_CONFIG_VALUE_0"), [Program::Git]);
        assert_eq!(who("DOCKER_AUTH_CONFIG"), [Program::Docker, Program::Fly]);
        assert_eq!(who("LANDFALL_URL"), [Program::Landfall]);
        for name in [
            "AWS_SECRET_ACCESS_KEY",
            "ATLAS_TOKEN",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
            "LD_PRELOAD",
            "SECRET",
            "PATHS",
            "path",
        ] {
            assert_eq!(who(name), [], "{name}");
        }
        assert_eq!(who("PATH"), EVERY);
        assert_eq!(who("LC_ALL"), EVERY);
        // cargo's own tokens are cargo's, and those of this workspace's tools.
        assert_eq!(who("CARGO_REGISTRY_TOKEN"), [Program::Cargo, Program::Xtask]);
    }

    #[test]
    fn what_a_child_is_given_is_on_top_of_what_it_sees() {
        let script = "env -0 | tr '\\0' '\\n' | grep -v -e ^PWD= -e ^SHLVL= -e ^_=";
        let child = Child::new(Program::Atlas, "sh", ["-c", script])
            .env("HOME", "/given")
            .env("SECRET_OF_OURS", "given");
        let printed = child.listed().stdout_capture().run().unwrap().stdout;
        let printed = String::from_utf8(printed).unwrap();
        let expected = Program::Atlas.environment(env::vars_os()).into_iter();
        let mut names: Vec<_> = expected.map(|(name, _)| name.into_string().unwrap()).collect();
        names.retain(|name| name != "HOME" && name != "SECRET_OF_OURS");
        names.extend(["HOME", "SECRET_OF_OURS"].map(str::to_owned));
        let mut seen: Vec<_> =
            printed.lines().filter_map(|line| Some(line.split_once('=')?.0.to_owned())).collect();
        names.sort();
        seen.sort();
        assert_eq!(seen, names);
        assert!(printed.lines().any(|line| line == "HOME=/given"));
    }
}
