//! A consistent copy of production's database: made on its machine while the service goes on, fetched, held against what left the
//! machine, checked, and kept for its owner alone.
//!
//! The copy on the machine is removed, also after a failure or Ctrl-C (where that cannot be done it is told, and a later pull or
//! start does it). Here is either all of it or nothing.

mod folder;
mod remote;

use std::fmt;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use landfall_engine::{Backup, Interrupt};
use serde::{Deserialize, Serialize};

use self::folder::{Folder, NOTHING, Unfinished};
use self::remote::Remote;
use super::deployed;
use super::production;
use crate::environment;
use crate::error::{Error, Kind};
use crate::fly_toml::FlyToml;
use crate::name::{CommitId, PathThere};
use crate::project::Project;
use crate::text;
use crate::tool::fly::{Failure, Fly, Machine, Reason};
use crate::ui::{Activity, Ui};

/// What is asked for.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// Run the configured statements on the copy before it leaves the machine.
    pub(crate) scrub: bool,
    /// How many copies of this app are kept.
    pub(crate) keep: NonZeroUsize,
}

/// A copy that was fetched and checked.
#[derive(Debug, Serialize)]
pub(crate) struct Pulled {
    /// Where it is, as a path for messages.
    pub(crate) file: PathBuf,
    /// What is known of it.
    pub(crate) record: Record,
}

/// What is known of a copy; as JSON it lies beside it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The app on Fly.
    pub(crate) app: String,
    /// The machine whose database it is of.
    pub(crate) machine: String,
    /// When the pull began, as in RFC 3339: it has what was committed before, and some of what came after.
    pub(crate) time: String,
    /// The commit of the image that made it, where its label says so.
    pub(crate) commit: Option<CommitId>,
    /// Its size in bytes.
    pub(crate) bytes: u64,
    /// SHA-256 of the file, in hexadecimal.
    pub(crate) sha256: String,
    /// How long the machine took to make it, in seconds.
    pub(crate) seconds: f64,
    /// Whether the configured statements ran on it.
    pub(crate) scrubbed: bool,
}

/// Fetches a copy, and removes those that are too many.
pub(crate) fn run(project: &Project, wanted: &Wanted, interrupt: &Interrupt, ui: &Ui) -> Result<Pulled> {
    refuse_under_ci()?;
    let scrub = statements(project, wanted)?;
    let fly_toml = FlyToml::read(&project.root)?;
    let pull = |fly: &Fly<'_>| {
        let machine = production::running(&fly_toml, fly)?;
        let pull = Pull { project, fly_toml: &fly_toml, fly, machine: &machine, scrub, interrupt, ui };
        pull.run(wanted.keep)
    };
    let fly = Fly::of(&fly_toml.app, interrupt).map_err(Error::from)?;
    pull(&fly).map_err(|error| if interrupt.is_raised() { interrupted().into() } else { error })
}

/// The newest copy of an app that was pulled and is still there, with a record that can be read.
pub(crate) fn newest(project: &Project, app: &str) -> Result<Option<Pulled>> {
    let Some((file, record)) = folder::newest(&project.pulled, app)? else { return Ok(None) };
    let record = serde_json::from_slice(&record)
        .with_context(|| format!("the record of {} cannot be read", file.display()))?;
    Ok(Some(Pulled { file, record }))
}

/// Disks and logs of CI are read by many.
fn refuse_under_ci() -> Result<(), Error> {
    if !environment::is_ci() {
        return Ok(());
    }
    let message = "pull is refused under CI: your customers' data would lie on its disk";
    Err(Error::usage("CI", message)
        .changed(NOTHING)
        .remedy("rehearse where the data is: cargo xtask rehearse --fork"))
}

/// The configured statements, where they are asked for.
fn statements(project: &Project, wanted: &Wanted) -> Result<Option<String>, Error> {
    if wanted.scrub && project.scrub.is_empty() {
        let message = "--scrub has nothing to run: `scrub` is not configured";
        let example = "scrub = [\"UPDATE customers SET last_name = 'L' || id\"]";
        return Err(Error::usage("scrub", message)
            .changed(NOTHING)
            .remedy(format!("add it to [workspace.metadata.landfall] in Cargo.toml, as in: {example}")));
    }
    Ok(wanted.scrub.then(|| project.scrub.join(";\n")))
}

fn interrupted() -> Error {
    Error::new(Kind::Interrupted, "", "interrupted").changed(NOTHING).remedy("run the command again")
}

/// What a pull works with.
struct Pull<'a> {
    project: &'a Project,
    fly_toml: &'a FlyToml,
    fly: &'a Fly<'a>,
    machine: &'a Machine,
    scrub: Option<String>,
    interrupt: &'a Interrupt,
    ui: &'a Ui,
}

impl Pull<'_> {
    fn run(&self, keep: NonZeroUsize) -> Result<Pulled> {
        let folder = Folder::open(&self.project.pulled, &self.fly_toml.app)?;
        let (begun, dead) = folder.begin()?;
        let remote = Remote::new(self.fly, &self.machine.id, &self.fly_toml.db_path);
        remote.sweep(&dead, self.ui)?;
        let made = self.bring(&remote, &begun)?;
        let pulled = self.finish(begun, made)?;
        folder.keep(keep, self.ui);
        Ok(pulled)
    }

    /// Makes the copy on the machine and fetches it. It is removed there, however this ends.
    fn bring(&self, remote: &Remote<'_>, begun: &Unfinished) -> Result<Backup> {
        let activity = self.ui.activity();
        let copy = remote.copy(begun.token());
        let fetched = copy.make(self.scrub.as_deref(), self.interrupt, &activity).and_then(|made| {
            self.fetch(copy.file(), &made, begun.file(), &activity)?;
            Ok(made)
        });
        if let Err(left) = copy.discard() {
            activity.note(left);
        }
        fetched
    }

    fn fetch(&self, remote: &PathThere, made: &Backup, local: &Path, activity: &Activity<'_>) -> Result<()> {
        landfall_engine::make_sure_of_room(local, &format!("a copy of {remote}"), made.bytes)?;
        let size = text::size(made.bytes);
        activity.status("Fetching", format!("{size} from machine {}", self.machine.id));
        let tell = |bytes| activity.goes_on(&format!("{} of {size} have arrived", text::size(bytes)));
        self.fly
            .sftp_get(&self.machine.id, remote, local, made.bytes, tell)
            .map_err(|failure| self.not_fetched(failure))?;
        activity.status("Checking", "that it is what was made, and sound");
        landfall_engine::verify(local, made, &self.project.settings(self.interrupt))
            .map_err(|error| error.changed(NOTHING).into())
    }

    fn not_fetched(&self, failure: Failure) -> Error {
        let reason = failure.reason;
        let error = Error::from(failure).changed(NOTHING);
        if !matches!(reason, Reason::Failed | Reason::Late) {
            return error;
        }
        // A tunnel that is not well is not told from anything else.
        let remedy = "run the command again; where that fails too, see whether ssh works: fly ssh console -a";
        error.remedy(format!("{remedy} {}", self.fly_toml.app))
    }

    /// Writes down what is known of it, and gives both their names.
    fn finish(&self, begun: Unfinished, made: Backup) -> Result<Pulled> {
        let record = Record {
            app: self.fly_toml.app.to_string(),
            machine: self.machine.id.to_string(),
            time: begun.time(),
            commit: deployed::revision(self.machine),
            bytes: made.bytes,
            sha256: made.sha256,
            seconds: made.seconds,
            scrubbed: self.scrub.is_some(),
        };
        let file = begun.finish(&serde_json::to_vec_pretty(&record)?)?;
        Ok(Pulled { file, record })
    }
}

impl fmt::Display for Pulled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, record } = self;
        let commit = record.commit.as_deref().unwrap_or("that its image does not tell");
        let values = if record.scrubbed { "scrubbed" } else { "as in production" };
        writeln!(f, "{}", text::title(&file.display().to_string()))?;
        writeln!(f, "  machine  {} of {}, commit {commit}", record.machine, record.app)?;
        writeln!(f, "  made     {}, in {:.2} s there", record.time, record.seconds)?;
        writeln!(f, "  size     {}, SHA-256 {}", text::size(record.bytes), record.sha256)?;
        writeln!(f, "  values   {values}")
    }
}
