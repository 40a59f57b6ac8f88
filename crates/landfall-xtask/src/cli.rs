//! Every flag, in one place.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::name::{self, Organization, Region, VolumeId};
use crate::ui::Format;
use clap::builder::{NonEmptyStringValueParser, PossibleValuesParser, TypedValueParser};
use clap::{Args, Command, Subcommand, ValueEnum, value_parser};
use landfall_engine::{Approval, PlannerChoice, ProofLevel};

/// `cargo xtask`, without its commands.
pub(crate) fn xtask() -> Command {
    Command::new("xtask")
        .bin_name("cargo xtask")
        .about("Ships a small web service that keeps its data in one SQLite file")
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .max_term_width(100)
}

/// What begins an approval of a machine that is made less than it was.
pub(crate) const CHANGES_MACHINE: &str = "CHANGES_MACHINE";
/// How many copies of an app are kept unless somebody says otherwise.
pub(crate) const KEEP: NonZeroUsize = NonZeroUsize::new(3).unwrap();

const DEV_HELP: &str = "\
Environment:
  PORT    the port to listen on [default: 8080]
  LISTEN  the address to listen on [default: 127.0.0.1]
  ATLAS   the Atlas binary [default: the one on PATH]";

const MIGRATE_HELP: &str = "\
Environment:
  ATLAS   the Atlas binary [default: the one on PATH]

Exit codes:
  0  done, or nothing to do
  1  failed, interrupted, or answered with no; nothing was changed unless the message says what
  2  wrong usage or configuration; or the question cannot be asked without a terminal
  3  refused because of a hazard; nothing was changed
  4  out of sync (--check)";

const VERIFY_SYNC_HELP: &str = "\
A fresh database is made from the schema.sql of the deployed commit, and everything is held
against it: the local database, production where it can be read, today's schema.sql. Nothing is
changed, neither here nor there.

Environment:
  FLY_API_TOKEN  what fly asks production with [default: its own login]
  LANDFALL_URL   where production answers [default: https://APP.fly.dev]
  ATLAS          the Atlas binary [default: the one on PATH]

Exit codes:
  0  fine, as far as could be looked
  1  could not tell: something was asked, and did not answer as it should
  2  wrong usage or configuration
  3  the change needs an approval
  4  out of sync; each line that differs says what mends it";

const PULL_HELP: &str = "\
The copy is made on production's machine while the service goes on, fetched to .data/pulled,
compared with what left the machine, and checked. Beside it lies what is known of it, as JSON.
On the machine it is removed again, also after a failure or Ctrl-C; where that cannot be done it
is told. It holds your customers' data: refused under CI.

Environment:
  FLY_API_TOKEN  what fly asks production with [default: its own login]

Exit codes:
  0  fetched, and checked
  1  failed, or interrupted; nothing was pulled
  2  wrong usage or configuration, or CI is set";

const REHEARSE_HELP: &str = "\
Without --data, --pull or --fork the newest copy that was pulled is used. The data itself is never
changed: a copy of it is, on the disk that cargo builds on, and goes away again. A fork and its
machine are destroyed on every way out.

Environment:
  FLY_API_TOKEN  what fly asks production with [default: its own login]
  LANDFALL_URL   where production answers [default: https://APP.fly.dev]
  ATLAS          the Atlas binary [default: the one on PATH]
  CI             where it is set, only --fork is accepted

Exit codes:
  0  the change goes through, and every row is there
  1  failed, or interrupted; nothing but a copy was changed
  2  wrong usage or configuration
  3  the change needs an approval, or rows stand against it";

const IMAGE_HELP: &str = "\
The image has the app, Atlas and schema.sql in it; fly.toml says where its data will be. After the
build it is booted on an empty volume, on a copy of the local database, and on a database at the
last deployed schema.

Exit codes:
  0  built, and proved
  1  failed; the message says at which step, and what is left
  2  wrong usage or configuration";

const DEPLOY_HELP: &str = "\
Preflight (git, fly.toml, one machine with one volume), the lock of the app, today's schema against
production's own, the image, a snapshot of the volume; then the machine is updated, and has to prove
itself: image, volume, health, commit, schema, rows. Whatever fails after that brings the release
before back, on the data as it is then.

Environment:
  FLY_API_TOKEN  what fly asks production with [default: its own login]
  LANDFALL_URL   where production answers [default: https://APP.fly.dev]
  APP_PASSWORD   of a first deploy: the password of the page [default: one is made]
  ATLAS          the Atlas binary [default: the one on PATH]

Exit codes:
  0  production serves it
  1  failed before anything was changed there, interrupted, or answered with no
  2  wrong usage or configuration; or the question cannot be asked without a terminal
  3  refused because of a hazard; nothing was changed
  5  failed; production serves the release before
  6  failed; production needs a person, the message says what to do";

const STATUS_HELP: &str = "\
Production is asked, and never woken; nothing is changed. Where there is no way to Fly, what git
knows is shown.

Environment:
  FLY_API_TOKEN  what fly asks production with [default: its own login]
  LANDFALL_URL   where production answers [default: https://APP.fly.dev]

Exit codes:
  0  well, as far as could be looked; or nothing is deployed yet
  1  could not tell: something was asked, and did not answer as it should
  2  wrong usage or configuration
  4  something is off; each line that differs says what mends it";

const ROLLBACK_HELP: &str = "\
The image of an earlier release comes back by its digest, with the fly.toml of its commit, onto
the schema that the data has now (LANDFALL_SCHEMA=keep). Where it does not fit that, its data has
to come back, too: --data copy puts the copy back that the next release's boot made beside the
database before it changed it; --data snapshot makes a volume and a machine of the snapshot that
was taken before the next deploy. What is lost is told and asked first; the present data is set
aside, and never removed. Whatever fails brings back what ran before.

Environment:
  FLY_API_TOKEN  what fly asks production with [default: its own login]
  LANDFALL_URL   where production answers [default: https://APP.fly.dev]

Exit codes:
  0  production serves it; or it was listed
  1  failed before anything was changed there, interrupted, or answered with no
  2  wrong usage or configuration; or the question cannot be asked without a terminal
  3  refused: it does not fit the live schema; nothing was changed
  5  failed; production serves what it served
  6  failed; production needs a person, the message says what to do";

const LOCK_HELP: &str = "\
A deploy holds the lock of its app: the ref refs/landfall/lock/APP at origin, renewed every 30 s,
and a file in this clone. Whoever dies renews it no more: after two minutes, and half a minute for
clocks that differ, the next deploy takes it over.

Exit codes:
  0  it was read, whatever its state; or it is broken; or there was nothing to break
  1  failed, interrupted, or answered with no; nothing was changed unless the message says what
  2  wrong usage or configuration; or the question cannot be asked without a terminal";

const DOCTOR_HELP: &str = "\
What is needed is needed by a deploy: dev and migrate need schema.sql alone. Every question has a
limit of ten seconds, and only whose token fly has is asked over the network.

Environment:
  FLY_API_TOKEN  what fly asks Fly with [default: its own login]
  DOCKER_HOST    where the Docker daemon answers [default: that of docker's context]
  ATLAS          the Atlas binary [default: the one on PATH]

Exit codes:
  0  everything is here, as far as could be looked
  1  something that is needed is not here, or could not be told
  2  wrong usage or configuration";

/// Migrate the local database, then build the app and serve it on http://127.0.0.1:8080
#[derive(Debug, Args)]
#[command(after_help = DEV_HELP)]
pub(crate) struct Dev {}

/// Bring a database to schema.sql: plan, prove, ask, apply, show the evidence
#[derive(Debug, Args)]
#[command(after_help = MIGRATE_HELP)]
pub(crate) struct Migrate {
    /// The database [default: local-db of the configuration, whose folder is made]
    #[arg(long, value_name = "PATH")]
    pub(crate) db: Option<PathBuf>,

    /// The declared schema [default: schema of the configuration]
    #[arg(long, value_name = "PATH")]
    pub(crate) schema: Option<PathBuf>,

    /// Apply without the question; hazards still need their approval
    #[arg(long)]
    pub(crate) auto_approve: bool,

    /// Plan and prove, change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Only compare; exit code 4 when there is a difference
    #[arg(long, conflicts_with_all = ["auto_approve", "dry_run"])]
    pub(crate) check: bool,

    /// Approve a hazard on an object: table, table.column or * (repeatable)
    #[arg(long, value_name = "HAZARD:OBJECT")]
    pub(crate) allow: Vec<Approval>,

    /// Who may propose a plan [default: planner of the configuration]
    #[arg(long, value_name = "PLANNER", value_parser = PossibleValuesParser::new(["auto", "atlas", "builtin"])
        .try_map(|word| word.parse::<PlannerChoice>()))]
    pub(crate) planner: Option<PlannerChoice>,

    /// What is proved of the rows afterwards [default: checksums of rewritten tables, counts of their relatives]
    #[arg(long, value_name = "LEVEL", value_parser = PossibleValuesParser::new(["counts", "content"])
        .try_map(|word| word.parse::<ProofLevel>()))]
    pub(crate) proof: Option<ProofLevel>,

    /// What stdout carries: text for a person, or one JSON document
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: Format,

    /// Let messages carry values of rows, not only rowids and counts (refused under CI)
    #[arg(long)]
    pub(crate) show_values: bool,

    /// How long to wait for another connection's lock
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds())]
    pub(crate) lock_wait: Duration,

    /// Also tell what is no difference: column order, directives that can be removed, cosmetic changes
    #[arg(long)]
    pub(crate) verbose: bool,
}

/// Write the schema.sql of an existing database to stdout: its own statements, in an order that executes
#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// The database [default: local-db of the configuration]
    #[arg(long, value_name = "PATH")]
    pub(crate) db: Option<PathBuf>,

    /// What stdout carries: the SQL, or one JSON document with the SQL and its fingerprint
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: Format,

    /// How long to wait for another connection's lock
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds())]
    pub(crate) lock_wait: Duration,
}

/// Is everything in sync with the last deployed commit, and does the change apply?
#[derive(Debug, Args)]
#[command(after_help = VERIFY_SYNC_HELP)]
pub(crate) struct VerifySync {
    /// Compare with this commit [default: the deployed one]; also to take over an app that was deployed without Landfall
    #[arg(long, value_name = "REV")]
    pub(crate) commit: Option<String>,

    /// Read the schema of a machine that does not run, on a fork of its volume that is gone afterwards
    #[arg(long)]
    pub(crate) fork: bool,

    /// Write a report for people who were not there; Markdown (.md) or a page (.html)
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,

    /// Approve a hazard on an object: table, table.column or * (repeatable)
    #[arg(long, value_name = "HAZARD:OBJECT")]
    pub(crate) allow: Vec<Approval>,

    /// What stdout carries: text for a person, or one JSON document
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: Format,
}

/// Fetch a consistent copy of production's database, for its owner alone
#[derive(Debug, Args)]
#[command(after_help = PULL_HELP)]
pub(crate) struct Pull {
    /// Run the statements of `scrub` in the configuration on the copy, before it leaves the machine
    #[arg(long)]
    pub(crate) scrub: bool,

    /// How many copies of this app are kept, the newest first; older ones are removed
    #[arg(long, value_name = "N", default_value_t = KEEP, value_parser = at_least_one)]
    pub(crate) keep: NonZeroUsize,

    /// What stdout carries: text for a person, or one JSON document
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: Format,
}

/// Make today's change on a copy of real data: evidence, time, predicted downtime
#[derive(Debug, Args)]
#[command(after_help = REHEARSE_HELP)]
pub(crate) struct Rehearse {
    /// On a copy of this database
    #[arg(long, value_name = "FILE", conflicts_with_all = ["pull", "fork"])]
    pub(crate) data: Option<PathBuf>,

    /// On a copy of production that is pulled now
    #[arg(long, conflicts_with = "fork")]
    pub(crate) pull: bool,

    /// On a fork of production's volume, at Fly, where the data already is
    #[arg(long)]
    pub(crate) fork: bool,

    /// In the image that is going to be shipped, booted as in production (--fork always does)
    #[arg(long)]
    pub(crate) image: bool,

    /// Approve a hazard on an object: table, table.column or * (repeatable)
    #[arg(long, value_name = "HAZARD:OBJECT")]
    pub(crate) allow: Vec<Approval>,

    /// How long a deploy is going to wait: what the predicted downtime is held against
    #[arg(long, value_name = "SECONDS", default_value = "300", value_parser = seconds())]
    pub(crate) wait_timeout: Duration,

    /// Write a report for people who were not there; Markdown (.md) or a page (.html)
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) bases: Bases,

    /// What stdout carries: text for a person, or one JSON document
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: Format,
}

/// Build the image that is shipped, and prove it by booting it
#[derive(Debug, Args)]
#[command(after_help = IMAGE_HELP)]
pub(crate) struct Image {
    /// The image's name [default: the app of fly.toml and the commit, as in shop:0123456789ab]
    #[arg(long, value_name = "NAME:TAG")]
    pub(crate) tag: Option<name::Image>,

    /// Only build it
    #[arg(long)]
    pub(crate) no_smoke: bool,

    #[command(flatten)]
    pub(crate) bases: Bases,

    /// What stdout carries: text for a person, or one JSON document
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: Format,
}

/// Other images to build from, for every command that builds.
#[derive(Debug, Clone, Args)]
pub(crate) struct Bases {
    /// Where the app is compiled [default: BUILDER_IMAGE of the Dockerfile]
    #[arg(long, value_name = "IMAGE", env = "LANDFALL_BUILDER_IMAGE", hide_env_values = true)]
    pub(crate) builder_image: Option<String>,

    /// Where Atlas comes from [default: atlas.image of the configuration, or ATLAS_IMAGE of the Dockerfile]
    #[arg(long, value_name = "IMAGE", env = "LANDFALL_ATLAS_IMAGE", hide_env_values = true)]
    pub(crate) atlas_image: Option<String>,

    /// What the app runs on [default: BASE_IMAGE of the Dockerfile]
    #[arg(long, value_name = "IMAGE", env = "LANDFALL_BASE_IMAGE", hide_env_values = true)]
    pub(crate) base_image: Option<String>,
}

/// What a deploy may do that it does not do unasked.
#[derive(Debug, Clone)]
pub(crate) enum Allowed {
    /// A hazard of the engine's.
    Hazard(Approval),
    /// Less of something for the machine: `memory`, `env.NAME`.
    Machine(String),
}

impl FromStr for Allowed {
    type Err = landfall_engine::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix(CHANGES_MACHINE).and_then(|rest| rest.strip_prefix(':')) {
            Some(what) if !what.is_empty() => Ok(Self::Machine(what.to_owned())),
            _ => text.parse().map(Self::Hazard),
        }
    }
}

/// Ship it: check, build, back up, update the machine, prove it; or back where it was
#[derive(Debug, Args)]
#[command(after_help = DEPLOY_HELP)]
#[expect(clippy::struct_excessive_bools, reason = "flags are")]
pub(crate) struct Deploy {
    /// Deploy without the question; hazards still need their approval
    #[arg(long)]
    pub(crate) auto_approve: bool,

    /// Check everything, tell every step and command, change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Approve a hazard on an object: table, table.column or *; or less for the machine, as in `CHANGES_MACHINE:memory`, :cpus,
    /// :env.NAME (repeatable)
    #[arg(long, value_name = "HAZARD:OBJECT")]
    pub(crate) allow: Vec<Allowed>,

    /// Deploy a commit that does not have what production runs
    #[arg(long)]
    pub(crate) allow_older: bool,

    /// Make what a first deploy needs: app, volume, machine, APP_PASSWORD
    #[arg(long)]
    pub(crate) create: bool,

    /// The organization that the app is made in
    #[arg(long, value_name = "SLUG", default_value = "personal")]
    pub(crate) org: Organization,

    /// Deploy a work tree that is not committed, or a commit that is not pushed
    #[arg(long)]
    pub(crate) allow_dirty: bool,

    /// Go on where production's schema cannot be read
    #[arg(long)]
    pub(crate) unverified: bool,

    /// Do not rehearse a change with hazards or rewrites on a fork first
    #[arg(long)]
    pub(crate) no_rehearsal: bool,

    /// Do not boot the image here first
    #[arg(long)]
    pub(crate) no_smoke: bool,

    /// Also pull a checked copy of the database before (refused under CI)
    #[arg(long)]
    pub(crate) backup: bool,

    /// Where the release before does not fit the changed data any more, bring the data back with it
    #[arg(long)]
    pub(crate) restore_data: bool,

    /// How long flyctl may wait, for the state and for health each; and how long answers of Fly are waited for
    #[arg(long, value_name = "SECONDS", default_value = "300", value_parser = seconds())]
    pub(crate) wait_timeout: Duration,

    /// How long Fly may take to make the snapshot of the volume
    #[arg(long, value_name = "SECONDS", default_value = "900", value_parser = seconds())]
    pub(crate) snapshot_timeout: Duration,

    /// How long to wait for somebody else's deploy
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = seconds())]
    pub(crate) lock_wait: Duration,

    #[command(flatten)]
    pub(crate) bases: Bases,

    /// What stdout carries: text for a person, or one JSON document
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: Format,
}

impl Deploy {
    /// The hazards that are approved.
    pub(crate) fn hazards(&self) -> Vec<Approval> {
        let hazard = |allowed: &Allowed| match allowed {
            Allowed::Hazard(approval) => Some(approval.clone()),
            Allowed::Machine(_) => None,
        };
        self.allow.iter().filter_map(hazard).collect()
    }

    /// Whether the machine may have less of this.
    pub(crate) fn allows_less_of(&self, what: &str) -> bool {
        self.allow.iter().any(|allowed| matches!(allowed, Allowed::Machine(less) if less == what))
    }
}

/// What runs where, with which data and which way back: one table
#[derive(Debug, Args)]
#[command(after_help = STATUS_HELP)]
pub(crate) struct Status {
    /// Only what this volume holds, read on a fork that is gone afterwards
    #[arg(long, value_name = "ID")]
    pub(crate) volume: Option<VolumeId>,

    /// What stdout carries: text for a person, or one JSON document
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: Format,
}

/// Where the data of an earlier release comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Data {
    Copy,
    Snapshot,
    Newest,
}

/// Bring an earlier release back, with its data if asked; --list tells which there are
#[derive(Debug, Args)]
#[command(after_help = ROLLBACK_HELP)]
pub(crate) struct Rollback {
    /// The release: its number of --list, or how its commit begins [default: the newest that production does not run now]
    #[arg(value_name = "RELEASE", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) release: Option<String>,

    /// Only tell which releases there are
    #[arg(long, conflicts_with_all = ["release", "data", "region", "auto_approve", "dry_run"])]
    pub(crate) list: bool,

    /// Bring its data back, too: from the copy beside the database, or from the snapshot of the volume; where the host is gone, from
    /// the newest snapshot, on another host
    #[arg(long, value_name = "SOURCE")]
    pub(crate) data: Option<Data>,

    /// Where the volume is made that `--data newest` makes [default: where the old one is]
    #[arg(long, value_name = "REGION", requires = "data")]
    pub(crate) region: Option<Region>,

    /// Roll back without the question
    #[arg(long)]
    pub(crate) auto_approve: bool,

    /// Check everything, tell every step and what is lost, change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// How long flyctl may wait, for the state and for health each; and how long answers of Fly are waited for
    #[arg(long, value_name = "SECONDS", default_value = "300", value_parser = seconds())]
    pub(crate) wait_timeout: Duration,

    /// How long to wait for somebody else's deploy
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = seconds())]
    pub(crate) lock_wait: Duration,

    /// What stdout carries: text for a person, or one JSON document
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: Format,
}

/// Who deploys right now, and what to do with a lock that a dead process has left
#[derive(Debug, Args)]
#[command(after_help = LOCK_HELP)]
pub(crate) struct Lock {
    #[command(subcommand)]
    pub(crate) command: LockCommand,
}

/// What there is to do with a lock.
#[derive(Debug, Subcommand)]
pub(crate) enum LockCommand {
    /// Who holds the lock, since when, and for what
    Status(LockStatus),
    /// Take the lock from a holder that is gone
    Break(LockBreak),
}

/// Flags of `cargo xtask lock status`.
#[derive(Debug, Args)]
pub(crate) struct LockStatus {
    /// What stdout carries: text for a person, or one JSON document
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: Format,
}

/// Flags of `cargo xtask lock break`.
#[derive(Debug, Args)]
pub(crate) struct LockBreak {
    /// Break it without the question
    #[arg(long)]
    pub(crate) auto_approve: bool,

    /// Show the holder, change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// What stdout carries: text for a person, or one JSON document
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: Format,
}

/// What this machine lacks to ship, each with the command that gets it; installs nothing
#[derive(Debug, Args)]
#[command(after_help = DOCTOR_HELP)]
pub(crate) struct Doctor {
    /// What stdout carries: text for a person, or one JSON document
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: Format,
}

fn seconds() -> impl TypedValueParser<Value = Duration> {
    value_parser!(u32).map(|seconds| Duration::from_secs(seconds.into()))
}

fn at_least_one(text: &str) -> Result<NonZeroUsize, &'static str> {
    text.parse().map_err(|_| "a number from 1 on is wanted")
}

/// Whether arguments that could not be parsed ask for JSON.
pub(crate) fn wants_json(args: &[String]) -> bool {
    let flag_and_value = args.windows(2).any(|pair| pair[0] == "--format" && pair[1] == "json");
    flag_and_value || args.iter().any(|arg| arg == "--format=json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_seen_in_either_spelling() {
        let json = |line: &str| wants_json(&line.split(' ').map(str::to_owned).collect::<Vec<_>>());
        assert!(json("migrate --format json --nonsense"));
        assert!(json("migrate --nonsense --format=json"));
        assert!(!json("migrate --format text json"));
    }
}
