//! fly (flyctl 0.4.80): the only way to Fly.io. What it prints is read as JSON where it has any.
//!
//! Its exit codes mislead both ways, and it waits for ever for an answer that does not come: each call has a deadline of ours, and
//! what is concluded from a failure is decided by whoever asked.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use landfall_engine::Interrupt;
use semver::Version;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::child::{Child, Program};
use super::programs;
use super::run::{self, Answer, Pace};
use crate::error::{Error, Kind};
use crate::name::{AppName, MachineId, PathThere, Region, Variable, VolumeId, VolumeName};
use crate::plain;
use crate::text;

mod json;
pub(crate) mod release;
mod there;

pub(crate) use json::{
    App, Concurrency, Event, Execution, Exit, Guest, Machine, MachineCheck, MachineConfig, MachineService,
    NewMachine, Port, Secret, Snapshot, Volume,
};
pub(crate) use there::CommandThere;

/// How long a call may take that only reads or asks for something to be done.
const LIMIT: Duration = Duration::from_secs(60);
/// How long a log may take: it is shown unasked.
const LOG_LIMIT: Duration = Duration::from_secs(15);
/// What a call may take beyond what it is given for a command on a machine.
const SLACK: Duration = Duration::from_secs(30);
/// How long a machine may take to be made: its host has to pull the image.
const RUN_LIMIT: Duration = Duration::from_secs(300);

/// How fast a file has to come: 10 kB/s. A worse connection has more, and a machine that drips keeps nobody waiting for longer than its file is large.
const FETCHING: Pace = Pace { least: 600_000, time: Duration::from_secs(60) };

/// Why Fly did not do what it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// There is no `fly` on this machine.
    Missing,
    /// It has no token.
    NoToken,
    /// Fly does not take the token.
    Rejected,
    /// The token has not the right to it.
    Forbidden,
    /// Fly knows no app of this name.
    NoApp,
    /// There is no way to Fly from here.
    Offline,
    /// No answer in time.
    Late,
    /// We were asked to stop.
    Interrupted,
    /// It printed without an end.
    Endless,
    /// Anything else, in its own words.
    Failed,
}

/// A call that failed.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    /// Why.
    pub(crate) reason: Reason,
    /// In words.
    pub(crate) message: String,
}

impl Failure {
    fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }

    /// The same, where it is about what this machine gave.
    fn of(self, machine: &MachineId) -> Self {
        match self.reason {
            Reason::Endless => Self::new(Reason::Endless, format!("machine {machine}, {self}")),
            _ => self,
        }
    }

    /// Whether the same question may be answered a moment later.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self.reason, Reason::Offline | Reason::Late | Reason::Failed)
    }

    /// What mends it.
    pub(crate) fn remedy(&self) -> &'static str {
        match self.reason {
            Reason::Missing => "install it: https://fly.io/docs/flyctl/install/",
            Reason::NoToken => "log in: fly auth login; or set FLY_API_TOKEN",
            Reason::Rejected => "take a new token: fly tokens create deploy; and set FLY_API_TOKEN to it",
            Reason::Forbidden => {
                "take a token that may do it: fly tokens create deploy; to make an app: fly tokens create org; and set FLY_API_TOKEN to it"
            }
            Reason::NoApp => "check the app's name in fly.toml, and whose token this is: fly apps list",
            Reason::Offline => "check the network",
            Reason::Late => "see https://status.flyio.net, then run the command again",
            Reason::Interrupted => "run the command again",
            Reason::Endless => {
                "see what runs there: cargo xtask status; and bring a release back that is well: cargo xtask rollback"
            }
            Reason::Failed => "see what it says itself: fly status",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let kind = if failure.reason == Reason::Interrupted { Kind::Interrupted } else { Kind::Failed };
        Self::new(kind, "fly", failure.message.clone()).remedy(failure.remedy())
    }
}

impl From<Failure> for anyhow::Error {
    fn from(failure: Failure) -> Self {
        Error::from(failure).into()
    }
}

/// Fly, for one app.
#[derive(Debug, Clone)]
pub(crate) struct Fly<'a> {
    binary: PathBuf,
    /// Empty where it is of none.
    app: &'a str,
    interrupt: &'a Interrupt,
    /// What no call may take longer than.
    longest: Duration,
    fetching: Pace,
}

impl<'a> Fly<'a> {
    /// With the `fly` (or `flyctl`) that is first on PATH.
    pub(crate) fn of(app: &'a AppName, interrupt: &'a Interrupt) -> Result<Self, Failure> {
        Ok(Self { app, ..Self::of_none(interrupt)? })
    }

    /// For questions that are about no app.
    pub(crate) fn of_none(interrupt: &'a Interrupt) -> Result<Self, Failure> {
        let binary = programs::find(&["fly", "flyctl"])
            .ok_or_else(|| Failure::new(Reason::Missing, "fly was not found on PATH"))?;
        Ok(Self { binary, app: "", interrupt, longest: Duration::MAX, fetching: FETCHING })
    }

    #[cfg(test)]
    pub(super) fn nowhere(app: &'a AppName, interrupt: &'a Interrupt) -> Self {
        Self { binary: PathBuf::from("fly"), app, interrupt, longest: Duration::MAX, fetching: FETCHING }
    }

    /// The app that it is asked about.
    pub(crate) fn app(&self) -> &str {
        self.app
    }

    /// The same, stopped by another request.
    pub(crate) fn with<'b>(&'b self, interrupt: &'b Interrupt) -> Fly<'b> {
        Fly { interrupt, ..self.clone() }
    }

    /// The same, of which no question takes longer than this: one that hangs can be asked again.
    pub(crate) fn within(&self, longest: Duration) -> Self {
        Self { longest, ..self.clone() }
    }

    /// All machines of the app.
    pub(crate) fn machines(&self) -> Result<Vec<Machine>, Failure> {
        self.json(&["machine", "list", "--json"], LIMIT)
    }

    /// Runs a command on a machine, as root, within so many seconds there. Words are split there as a shell splits them.
    pub(crate) fn exec(
        &self,
        machine: &MachineId,
        command: &CommandThere,
        seconds: u64,
    ) -> Result<Execution, Failure> {
        let timeout = seconds.to_string();
        let args = ["machine", "exec", machine, command.as_str(), "--timeout", &timeout, "--json"];
        self.json(&args, Duration::from_secs(seconds) + SLACK).map_err(|failure: Failure| failure.of(machine))
    }

    /// Starts a stopped machine, and waits until it has started.
    pub(crate) fn wake(&self, machine: &MachineId) -> Result<(), Failure> {
        self.start(machine)?;
        self.ask(&["machine", "wait", machine, "--state", "started", "--wait-timeout", "50s"], LIMIT)
            .map(drop)
    }

    /// Starts a stopped machine. It returns before the machine has started.
    pub(crate) fn start(&self, machine: &MachineId) -> Result<(), Failure> {
        self.ask(&["machine", "start", machine], LIMIT).map(drop)
    }

    /// Stops a machine, and waits until it has stopped.
    pub(crate) fn stop(&self, machine: &MachineId) -> Result<(), Failure> {
        self.ask(&["machine", "stop", machine, "--wait-timeout", "50s"], LIMIT).map(drop)
    }

    /// All volumes of the app.
    pub(crate) fn volumes(&self) -> Result<Vec<Volume>, Failure> {
        self.json(&["volumes", "list", "--json"], LIMIT)
    }

    /// Forks a volume: its blocks as they are at this moment, under another name.
    pub(crate) fn fork_volume(
        &self,
        volume: &VolumeId,
        name: &VolumeName,
        region: &Region,
    ) -> Result<Volume, Failure> {
        self.json(&["volumes", "fork", volume, "--name", name, "--region", region, "--json"], LIMIT)
    }

    /// Destroys a volume that no machine has.
    pub(crate) fn destroy_volume(&self, volume: &VolumeId) -> Result<(), Failure> {
        self.ask(&["volumes", "destroy", volume, "--yes"], LIMIT).map(drop)
    }

    /// Runs a machine without a service, which destroys itself when it ends; its id.
    pub(crate) fn run_machine(
        &self,
        new: &NewMachine<'_>,
        env: &[Variable],
        command: &[&'static str],
    ) -> Result<MachineId, Failure> {
        let NewMachine { name, image, region, volume, mounted_at, guest } = new;
        let (mount, cpus, memory) =
            (format!("{volume}:{mounted_at}"), guest.cpus.to_string(), guest.memory_mb.to_string());
        let env: Vec<_> = env.iter().map(Variable::pair).collect();
        let mut args = vec!["machine", "run", image, "--name", name, "--rm", "--restart", "no", "--detach"];
        args.extend(["--region", region, "--volume", &mount, "--skip-dns-registration"]);
        args.extend(["--vm-cpu-kind", &guest.cpu_kind, "--vm-cpus", &cpus, "--vm-memory", &memory]);
        args.extend(env.iter().flat_map(|pair| ["--env", pair]));
        args.extend(["-a", self.app, "--"]);
        args.extend(command);
        let output =
            self.outcome(&self.bare_command(args.iter().map(OsStr::new)), "fly machine run", RUN_LIMIT)?;
        let [stdout, stderr] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
        // Where there is a machine it is for the caller to see what becomes of it: one that ended at once is a failure of `run`, too.
        let id = stdout.lines().find_map(|line| line.trim().strip_prefix("Machine ID: "));
        id.and_then(MachineId::parse).ok_or_else(|| explain("fly machine run", &stderr))
    }

    /// Destroys a machine, whatever it does.
    pub(crate) fn destroy_machine(&self, machine: &MachineId) -> Result<(), Failure> {
        self.ask(&["machine", "destroy", machine, "--force"], LIMIT).map(drop)
    }

    /// The last lines that a machine logged.
    pub(crate) fn logs(&self, machine: &MachineId) -> Result<String, Failure> {
        self.ask(&["logs", "--no-tail", "--machine", machine], LOG_LIMIT)
            .map(|log| plain::text(&log))
            .map_err(|failure| failure.of(machine))
    }

    /// Fetches a file of a machine, as root, into the new file `local`, which may be there in part when it fails. It takes as long as
    /// it needs while that file grows to `most` bytes at the pace above; its size is told several times a second. Whether it is the same file is for others to see.
    pub(crate) fn sftp_get(
        &self,
        machine: &MachineId,
        remote: &PathThere,
        local: &Path,
        most: u64,
        mut arrived: impl FnMut(u64),
    ) -> Result<(), Failure> {
        let words = ["ssh", "sftp", "get", "--quiet", "--machine", machine, remote].map(OsStr::new);
        let command = self.command(words.into_iter().chain([local.as_os_str()]));
        let ended = run::while_it_moves(&command, self.fetching, self.interrupt, || {
            let bytes = fs::metadata(local).map_or(0, |facts| facts.len());
            arrived(bytes);
            let is_more = bytes > most;
            if is_more {
                Err(run::too_much(format!("it brought more than the {most} bytes that were made")))
            } else {
                Ok(bytes)
            }
        });
        let Pace { least, time } = self.fetching;
        let late = format!("brought less than {} in {} s, and was ended", text::size(least), time.as_secs());
        let output = outcome("fly ssh sftp get", ended, &late).map_err(|failure| failure.of(machine))?;
        printed("fly ssh sftp get", output).map(drop)
    }

    fn json<T: DeserializeOwned>(&self, args: &[&str], limit: Duration) -> Result<T, Failure> {
        parsed(&format!("fly {}", args.join(" ")), &self.ask(args, limit)?)
    }

    /// What it prints on stdout.
    fn ask(&self, args: &[&str], limit: Duration) -> Result<String, Failure> {
        let line = format!("fly {}", args.iter().take(2).copied().collect::<Vec<_>>().join(" "));
        let command = self.command(args.iter().map(OsStr::new));
        self.run(&command, &line, limit).map(|[stdout, _]| stdout)
    }

    /// What it prints on stdout, and on stderr.
    fn run(&self, command: &Child, line: &str, limit: Duration) -> Result<[String; 2], Failure> {
        printed(line, self.outcome(command, line, limit)?)
    }

    fn outcome(&self, command: &Child, line: &str, limit: Duration) -> Result<Output, Failure> {
        let limit = limit.min(self.longest);
        let late = format!("had no answer within {} s", limit.as_secs());
        outcome(line, run::within(command, limit, self.interrupt), &late)
    }

    /// Always with `-a`: FLY_APP in the environment is stronger than fly.toml.
    fn command<'w>(&'w self, words: impl Iterator<Item = &'w OsStr>) -> Child {
        self.bare_command(words.chain([OsStr::new("-a"), OsStr::new(self.app)]))
    }

    /// The token goes by the environment.
    fn bare_command<'w>(&self, words: impl Iterator<Item = &'w OsStr>) -> Child {
        let words = words.map(OsString::from);
        Child::new(Program::Fly, &self.binary, words).env("NO_COLOR", "1").env("FLY_NO_UPDATE_CHECK", "1")
    }
}

/// What it printed as JSON.
fn parsed<T: DeserializeOwned>(line: &str, stdout: &str) -> Result<T, Failure> {
    let other = |what: &str| {
        Failure::new(Reason::Failed, format!("`{line}` printed something else than was expected: {what}"))
    };
    let Some(mut document) = document(stdout) else {
        let first = plain::text(stdout.lines().find(|line| !line.trim().is_empty()).unwrap_or("nothing"));
        return Err(other(&text::cut(&first, 100)));
    };
    plain::json(&mut document);
    serde_json::from_value(document).map_err(|error| other(&error.to_string()))
}

/// The document that ends what was printed: flyctl writes its warnings to stdout, too, before it.
fn document(stdout: &str) -> Option<Value> {
    let mut rest = stdout.trim();
    loop {
        let begins = ["{", "[", "null"].iter().any(|begin| rest.starts_with(begin));
        if begins && let Ok(document) = serde_json::from_str(rest) {
            return Some(document);
        }
        rest = rest.split_once('\n')?.1;
    }
}

/// What came of a call that ended by itself; `late` says what it did not do in time.
fn outcome(line: &str, ended: io::Result<Answer>, late: &str) -> Result<Output, Failure> {
    let failed = |error: io::Error| match run::is_endless(&error) {
        true => Failure::new(Reason::Endless, format!("`{line}`: {error}")),
        false => Failure::new(Reason::Failed, format!("`{line}` cannot be run: {error}")),
    };
    match ended.map_err(failed)? {
        Answer::Exited(output) => Ok(output),
        Answer::Stopped => Err(Failure::new(Reason::Interrupted, format!("`{line}` was interrupted"))),
        Answer::Late => Err(Failure::new(Reason::Late, format!("`{line}` {late}"))),
    }
}

/// What a call printed on stdout, and on stderr; or why it failed.
fn printed(line: &str, output: Output) -> Result<[String; 2], Failure> {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    if output.status.success() {
        Ok([output.stdout, output.stderr].map(text))
    } else {
        Err(explain(line, &text(output.stderr)))
    }
}

/// Whether there is a `fly` on this machine.
#[must_use]
pub fn is_there() -> bool {
    programs::find(&["fly", "flyctl"]).is_some()
}

/// Why a call failed, told by its last error line. flyctl 0.4.80 has no other way to say it.
fn explain(line: &str, stderr: &str) -> Failure {
    let told = stderr.lines().rfind(|line| line.starts_with("Error")).or_else(|| stderr.lines().last());
    let told = plain::text(told.unwrap_or("it said nothing"));
    let told = told.trim_start_matches("Error: ").trim();
    let has = |words: &[&str]| words.iter().any(|word| told.contains(word));
    if has(&["no access token available"]) {
        Failure::new(Reason::NoToken, "fly has no token")
    } else if has(&["unauthenticated", "must be authenticated"]) {
        Failure::new(Reason::Rejected, format!("Fly does not accept the token: `{line}` was refused"))
    } else if has(&["unauthorized", "ot authorized", "permission_denied", "orbidden"]) {
        let message = format!("Fly refuses `{line}`: the token has no right to {}", right(line));
        Failure::new(Reason::Forbidden, message)
    } else if has(&["app not found", "Could not find App"]) {
        Failure::new(Reason::NoApp, "Fly knows no app of this name, or the token is not for it")
    } else if has(&["deadline_exceeded"]) {
        Failure::new(Reason::Late, format!("`{line}`: the machine had no answer in time"))
    } else if has(&[
        "no such host",
        "connection refused",
        "network is unreachable",
        "i/o timeout",
        "server misbehaving",
    ]) {
        Failure::new(Reason::Offline, "there is no way to Fly from here")
    } else {
        Failure::new(Reason::Failed, format!("`{line}` failed: {}", without_ids(told)))
    }
}

/// What a call needs to be allowed: Fly says no more than that it refuses.
fn right(line: &str) -> &'static str {
    let begins = |words: &[&str]| words.iter().any(|word| line.starts_with(&format!("fly {word}")));
    if begins(&["machine exec", "ssh"]) {
        "run commands on the app's machines"
    } else if begins(&["apps", "auth"]) {
        "see or make apps of the organization"
    } else if begins(&[
        "machine list",
        "volumes list",
        "volumes snapshots list",
        "releases",
        "logs",
        "secrets list",
    ]) {
        "read what the app has"
    } else if begins(&["volumes"]) {
        "change the app's volumes"
    } else {
        "change the app"
    }
}

/// Without the request's numbers, which help nobody here.
fn without_ids(told: &str) -> &str {
    told.find(" (Request ID").map_or(told, |at| &told[..at])
}

/// The version whose texts are known here.
pub(crate) const KNOWN: Version = Version::new(0, 4, 80);
/// What brings a newer one.
pub(crate) const UPGRADE: &str = "fly version upgrade";

/// How long a question about the client or its token may take.
const QUESTION_LIMIT: Duration = Duration::from_secs(10);

/// What the client tells of itself.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Client {
    /// Its version; of a build of somebody's own the day of that build.
    pub(crate) version: Version,
    #[serde(default)]
    environment: String,
}

impl Client {
    /// Whether its words may be others than those that are known here.
    pub(crate) fn is_too_old(&self) -> bool {
        self.is_release() && self.version < KNOWN
    }

    /// Whether it is one of Fly's own releases, so that its version tells something.
    pub(crate) fn is_release(&self) -> bool {
        self.environment == "production"
    }
}

#[derive(Deserialize)]
struct User {
    email: String,
}

impl Fly<'_> {
    /// Where the client is.
    pub(crate) fn binary(&self) -> &Path {
        &self.binary
    }

    /// What the client tells of itself. Fly is not asked.
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        self.question(&["version", "--json"])
    }

    /// Whose token it has.
    pub(crate) fn whoami(&self) -> Result<String, Failure> {
        self.question::<User>(&["auth", "whoami", "--json"]).map(|user| user.email)
    }

    /// Of no app: these commands know no `-a`.
    fn question<T: DeserializeOwned>(&self, args: &[&str]) -> Result<T, Failure> {
        let line = format!("fly {}", args.join(" "));
        let command = self.bare_command(args.iter().map(OsStr::new));
        let [stdout, _] = self.run(&command, &line, QUESTION_LIMIT)?;
        parsed(&line, &stdout)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// The last line of real answers, of flyctl 0.4.80.
    #[test]
    fn why_a_call_failed_is_read_from_its_last_error_line() {
        let told = |stderr: &str| {
            let failure = explain("fly machine list", stderr);
            (failure.reason, failure.message)
        };
        let reason = |stderr: &str| told(stderr).0;
        assert_eq!(
            reason("Error: no access token available. Please login with 'flyctl auth login'\n"),
            Reason::NoToken
        );
        assert_eq!(
            reason("Error: failed to list VMs: unauthenticated (Request ID: 01M8-sim)\n"),
            Reason::Rejected
        );
        assert_eq!(
            reason(
                "Error: failed retrieving current user: failed to run query { viewer }: You must be authenticated to view this.\n"
            ),
            Reason::Rejected
        );
        let refused = |line: &str, stderr: &str| explain(line, stderr).message;
        let stderr = "Error: failed to list VMs: permission_denied: no (Request ID: 01M8-sim)\n";
        assert_eq!(
            refused("fly machine list", stderr),
            "Fly refuses `fly machine list`: the token has no right to read what the app has"
        );
        assert_eq!(reason(stderr), Reason::Forbidden);
        assert_eq!(
            refused("fly apps create", "Error: failed to run query: Not authorized to access this app\n"),
            "Fly refuses `fly apps create`: the token has no right to see or make apps of the organization"
        );
        assert_eq!(
            refused("fly volumes snapshots", "Error: failed to snapshot vol_1: unauthorized\n"),
            "Fly refuses `fly volumes snapshots`: the token has no right to change the app's volumes"
        );
        assert_eq!(
            reason("Error: failed to get app: failed to run query (...): Could not find App\n"),
            Reason::NoApp
        );
        assert_eq!(
            reason("Error: failed to list VMs: app not found (Request ID: 01M8-sim)\n"),
            Reason::NoApp
        );
        assert_eq!(
            reason("Error: Get \"https://api\": dial tcp 127.0.0.1:9: connect: connection refused"),
            Reason::Offline
        );
        assert_eq!(
            reason("Error: failed to exec on VM 1: deadline_exceeded: context deadline exceeded"),
            Reason::Late
        );
        assert_eq!(
            told(
                "WARN something\nError: internal: simulated server error (Request ID: 01M8-sim) (Trace ID: cc)\n"
            ),
            (Reason::Failed, "`fly machine list` failed: internal: simulated server error".to_owned())
        );
        assert_eq!(told(""), (Reason::Failed, "`fly machine list` failed: it said nothing".to_owned()));
    }

    #[test]
    fn what_flyctl_says_before_its_json_is_skipped() {
        let read =
            |stdout: &str| parsed::<Vec<String>>("fly a --json", stdout).map_err(|failure| failure.message);
        let expected = Ok(vec!["a".to_owned(), "b".to_owned()]);
        assert_eq!(read("[\"a\", \"b\"]\n"), expected);
        let warned =
            "\u{1b}[33mWARN\u{1b}[0m the config has [x]\n[x] is old\nINFO {\n\n[\n  \"a\",\n  \"b\"\n]\n";
        assert_eq!(read(warned), expected);
        assert_eq!(read("[\"\\u001b[2Ja\", \"b\"]"), expected, "and cleaned");
        let other =
            |what: &str| Err(format!("`fly a --json` printed something else than was expected: {what}"));
        assert_eq!(read("\n\u{1b}[2JWARN only\n"), other("WARN only"));
        assert_eq!(read(""), other("nothing"));
        assert_eq!(read("{\"a\": 1}"), other("invalid type: map, expected a sequence"));
    }

    #[test]
    fn what_a_machine_gives_without_an_end_is_ended_and_told_of_that_machine() {
        let (app, never, folder) =
            ("shop".parse().unwrap(), Interrupt::default(), tempfile::tempdir().unwrap());
        let machine: MachineId = "148e".parse().unwrap();
        let file = folder.path().join("copy");
        let script =
            format!("#!/bin/sh\ncase $2 in sftp) exec yes > '{}' ;; *) exec yes ;; esac\n", file.display());
        let binary = folder.path().join("fly");
        fs::write(&binary, script).unwrap();
        fs::set_permissions(&binary, Permissions::from_mode(0o755)).unwrap();
        let fly = Fly { binary, ..Fly::nowhere(&app, &never) };
        let told = |failure: Failure| format!("{failure}\n{}", failure.remedy());
        let command = CommandThere::new("landfall status");
        insta::assert_snapshot!(told(fly.exec(&machine, &command, 60).unwrap_err()), @r"
        machine 148e, `fly machine exec`: it printed more than 64 MiB, and was ended
        see what runs there: cargo xtask status; and bring a release back that is well: cargo xtask rollback
        ");
        insta::assert_snapshot!(told(fly.logs(&machine).unwrap_err()), @r"
        machine 148e, `fly logs --no-tail`: it printed more than 64 MiB, and was ended
        see what runs there: cargo xtask status; and bring a release back that is well: cargo xtask rollback
        ");
        let remote = "/data/db.pull-x".parse().unwrap();
        let fetched = fly.sftp_get(&machine, &remote, &file, 1_000_000, |_| ());
        insta::assert_snapshot!(told(fetched.unwrap_err()), @r"
        machine 148e, `fly ssh sftp get`: it brought more than the 1000000 bytes that were made
        see what runs there: cargo xtask status; and bring a release back that is well: cargo xtask rollback
        ");
    }

    #[test]
    fn a_file_that_drips_is_ended_and_one_that_keeps_its_pace_is_not() {
        let (app, never, folder) =
            ("shop".parse().unwrap(), Interrupt::default(), tempfile::tempdir().unwrap());
        let (binary, file) = (folder.path().join("fly"), folder.path().join("copy"));
        let fetching = Pace { least: 1_000, time: Duration::from_secs(2) };
        let fetched = |times: u32, bytes: u32| {
            fs::write(&file, "").unwrap();
            let each = format!("head -c {bytes} /dev/zero >>'{}'; sleep 0.1", file.display());
            let script = format!("#!/bin/sh\ni=0; while [ $i -lt {times} ]; do i=$((i + 1)); {each}; done\n");
            fs::write(&binary, script).unwrap();
            fs::set_permissions(&binary, Permissions::from_mode(0o755)).unwrap();
            let fly = Fly { binary: binary.clone(), fetching, ..Fly::nowhere(&app, &never) };
            let (machine, remote) = ("148e".parse().unwrap(), "/data/db.pull-x".parse().unwrap());
            fly.sftp_get(&machine, &remote, &file, 1_000_000, |_| ())
        };
        let dripping = fetched(6000, 1).unwrap_err();
        assert_eq!(dripping.reason, Reason::Late);
        assert_eq!(dripping.to_string(), "`fly ssh sftp get` brought less than 1.0 kB in 2 s, and was ended");
        // For longer than it may take to bring so much.
        fetched(30, 1_000).unwrap();
        assert_eq!(file.metadata().unwrap().len(), 30_000);
    }

    #[test]
    fn what_is_absent_in_its_json_is_nothing() {
        let machine: Machine =
            serde_json::from_str(r#"{"id": "1", "state": "stopped", "region": "fra"}"#).unwrap();
        assert!(machine.is_reachable() && !machine.is_in_group("app"));
        assert_eq!(machine.label("a"), None);
        let done: Execution = serde_json::from_str(r#"{"stdout": "x"}"#).unwrap();
        assert_eq!(done.stdout, "x");
    }
}
