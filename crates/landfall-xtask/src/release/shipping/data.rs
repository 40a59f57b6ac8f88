//! Data back: the copy that a boot made before it changed the database, in the place of the database, for the release that it was
//! made under. What was the database is set aside beside it by `landfall restore`, and never removed.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::Shipping;
use super::back::{Returned, kept};
use super::earlier::Earlier;
use super::prove::{Expected, Proved, Sick, Unknown, Unproved};
use super::ship::Candidate;
use super::standing::{File, Standing, Status};
use crate::name::{MachineId, PathThere};
use crate::release::production::Trouble;
use crate::text;
use crate::tool::fly::{CommandThere, Failure};

/// Between two looks.
const TICK: Duration = Duration::from_millis(500);
/// How long a copy may take to be put back: every page of it is read, checked and written.
const RESTORING: Duration = Duration::from_secs(900);
/// How long a question about the machine may hang before it is asked again.
const HANGS: Duration = Duration::from_secs(15);
/// For how long it is looked whether a start whose answer was lost came through.
const LOST: Duration = Duration::from_secs(10);

/// A copy beside the database.
#[derive(Debug)]
pub(crate) struct Copy {
    /// Where it is there.
    pub(crate) file: PathThere,
    /// When it was made, as in RFC 3339.
    pub(crate) time: String,
    /// What is in it.
    pub(crate) status: Status,
}

/// Why a copy was not put back.
#[derive(Debug)]
pub(crate) struct Unrestored {
    /// What was seen.
    pub(crate) message: String,
    /// Whether the database is for certain what it was.
    pub(crate) is_as_it_was: bool,
}

impl Unrestored {
    fn untouched(message: impl Into<String>) -> Self {
        Self { message: message.into(), is_as_it_was: true }
    }

    fn unknown(message: impl Into<String>) -> Self {
        Self { message: message.into(), is_as_it_was: false }
    }

    /// In a sentence.
    pub(crate) fn told(&self, copy: &str) -> String {
        let Self { message, is_as_it_was } = self;
        if *is_as_it_was {
            format!("{copy} was not put back: {message}")
        } else {
            format!("whether {copy} was put back is not known: {message}")
        }
    }
}

impl Shipping<'_> {
    /// The copy with a release's data, as the running machine tells of it: of those that are later than that release, the newest that
    /// has its schema; where none is known to have it, the newest with the schema that the first change after it found.
    pub(crate) fn copy_of(
        &self,
        machine: &MachineId,
        release: &Earlier,
        is_later: impl Fn(&File) -> bool,
    ) -> Result<Option<Copy>, Trouble> {
        let later = self.status(machine)?.copies.into_iter().filter(is_later);
        let copies = later
            .map(|File { file, time, .. }| Ok(Copy { status: self.status_of(machine, &file)?, file, time }));
        let copies: Vec<_> = copies.collect::<Result<_, Trouble>>()?;
        // Of a copy the machine reads the schema alone, unless it is just what its own release declares.
        let declared = release.declared.as_ref();
        let is_its = |copy: &&Copy| {
            declared.is_some_and(|declared| {
                let schema = &copy.status.schema;
                *schema == declared.fingerprint_without_rows() || schema == declared.fingerprint()
            })
        };
        let its_own = copies.iter().find(is_its);
        let schema = its_own.or(copies.last()).map(|copy| copy.status.schema.clone());
        Ok(copies.into_iter().find(|copy| Some(&copy.status.schema) == schema.as_ref()))
    }

    /// Puts it in the place of the database. The machine is stopped meanwhile, and afterwards. It can be interrupted until
    /// the copy is under way.
    pub(crate) fn restore(&self, machine: &MachineId, copy: &PathThere) -> Result<(), Unrestored> {
        let untouched = |failure: Failure| Unrestored::untouched(failure.message);
        self.fly.stop(machine).map_err(untouched)?;
        self.fly.run_once(machine, &CommandThere::new("landfall restore").file(copy)).map_err(untouched)?;
        self.read_back().map_err(|trouble| Unrestored::untouched(trouble.message))?;
        if self.interrupt.is_raised() {
            return Err(Unrestored::untouched("it was interrupted"));
        }
        self.undisturbed(|shipping| shipping.start_restoring(machine))
    }

    fn start_restoring(&self, machine: &MachineId) -> Result<(), Unrestored> {
        let started = self.fly.start(machine);
        self.restored(machine, started.err().as_ref())
    }

    /// Waits until `landfall restore` has ended by itself. `unanswered` is why its start may not have come through.
    fn restored(&self, machine: &MachineId, unanswered: Option<&Failure>) -> Result<(), Unrestored> {
        let (begun, fly) = (Instant::now(), self.fly.within(HANGS));
        let limit = if unanswered.is_some() { LOST } else { RESTORING };
        let activity = self.ui.activity();
        activity.goes_on("waiting for landfall restore");
        loop {
            let now = fly.machines().map(|machines| machines.into_iter().find(|known| known.id == *machine));
            let is_late = begun.elapsed() > limit;
            let is_silent = begun.elapsed() > limit.max(self.wait_timeout);
            match now {
                Ok(Some(now)) if now.state == "stopped" => match (now.ended(), unanswered) {
                    (Some(exit), _) if exit.exit_code == 0 => return Ok(()),
                    (Some(exit), _) => {
                        let (code, log) = (exit.exit_code, self.log(machine));
                        return Err(Unrestored::untouched(format!(
                            "`landfall restore` ended with exit code {code}{log}"
                        )));
                    }
                    (None, Some(why)) if is_late => return Err(Unrestored::untouched(why.to_string())),
                    (None, None) if is_late => return Err(late(machine, limit)),
                    (None, _) => {}
                },
                Ok(_) if is_late => return Err(late(machine, limit)),
                Err(failure) if is_silent => return Err(Unrestored::unknown(failure.message)),
                _ => {}
            }
            thread::sleep(TICK);
        }
    }

    /// The release of a copy that was put back, on it, and proved; or why it does not serve. Nothing asks it to stop.
    pub(crate) fn serve_copy(
        &self,
        before: &Standing,
        release: &Earlier,
        copy: &Copy,
    ) -> Result<Result<Proved, Unproved>> {
        self.undisturbed(|shipping| shipping.serve_copy_now(before, release, copy))
    }

    fn serve_copy_now(
        &self,
        before: &Standing,
        release: &Earlier,
        copy: &Copy,
    ) -> Result<Result<Proved, Unproved>> {
        let id = &before.machine.id;
        let candidate = Candidate { image: &release.image, fly_toml: &release.fly_toml, env: &[kept()] };
        let shipped = match self.ship(&candidate, self.interrupt) {
            Ok(shipped) => shipped,
            Err(error) => {
                return Ok(Err(Unproved::Sick(Sick::new(format!("it was not shipped: {error:#}")))));
            }
        };
        let expected = Expected {
            commit: release.commit.as_deref(),
            image: Some(&release.image),
            volume: Some(&before.volume.id),
            schema: None,
            rows: Some(&copy.status.tables),
            fewer: &[],
        };
        Ok(self.prove(id, &expected, self.wait_timeout, self.interrupt).map_err(|unproved| {
            let said = shipped.said.err().map_or_else(String::new, |failure| format!(" ({failure})"));
            match unproved {
                Unproved::Sick(sick) => {
                    let message = format!("{}{said}{}", sick.message, self.log(id));
                    Unproved::Sick(Sick { message, ..sick })
                }
                Unproved::Unknown(unknown) => {
                    Unproved::Unknown(Unknown { message: format!("{}{said}", unknown.message), ..unknown })
                }
                Unproved::Interrupted => Unproved::Interrupted,
            }
        }))
    }

    /// After a deploy whose change stays: the copy that its own boot made, and the release before on it.
    pub(crate) fn put_copy_back(&self, before: &Standing, earlier: &Earlier) -> Result<Returned> {
        self.undisturbed(|shipping| shipping.put_copy_back_now(before, earlier))
    }

    fn put_copy_back_now(&self, before: &Standing, earlier: &Earlier) -> Result<Returned> {
        let id = &before.machine.id;
        let Ok(known) = before.status.as_ref().map(|status| &status.copies) else {
            return Ok(no_copy("which copies there were before is not known"));
        };
        let copy = match self.copy_of(id, earlier, |copy| !known.contains(copy)) {
            Ok(Some(copy)) => copy,
            Ok(None) => return Ok(no_copy("the boot made no copy")),
            Err(trouble) => return Ok(no_copy(&trouble.message)),
        };
        let commit = earlier.name();
        self.ui.status("Data back", format!("{} of {}; this is not interrupted", copy.file, copy.time));
        if let Err(unrestored) = self.restore(id, &copy.file) {
            return Ok(Returned::stranded(
                unrestored.told(&copy.file),
                "see what there is: cargo xtask status; then: cargo xtask rollback --data snapshot",
            ));
        }
        Ok(match self.serve_copy(before, earlier, &copy)? {
            Ok(_) => Returned::served(
                earlier.commit.as_deref(),
                format!(
                    "production serves {commit} again, on its data of {}; what was written since is set aside beside it",
                    copy.time
                ),
                "mend what it failed of, then deploy again",
            ),
            Err(unproved) => {
                let why = format!(": {}", unproved.message());
                on_copy(&copy, &commit, &unproved, &why)
            }
        })
    }
}

/// Where the copy is in place, and the release is not proved on it; `why` is told there where nothing else tells it.
pub(crate) fn on_copy(copy: &Copy, commit: &str, unproved: &Unproved, why: &str) -> Returned {
    let database = format!("its database is now what {} is, what it was is set aside beside it", copy.file);
    if let Unproved::Unknown(Unknown { seen, .. }) = unproved {
        return Returned::stranded(
            format!("{database}, and whether {commit} serves on it is not known{why}; {seen}"),
            "as soon as Fly answers (https://status.flyio.net), see what serves: cargo xtask status; and where that is not well, bring a \
             release onto this data: cargo xtask rollback",
        );
    }
    Returned::stranded(
        format!("production does not serve: {database}, and {commit} is not well on it{why}"),
        "see what there is: cargo xtask status; then bring a release onto this data: cargo xtask rollback; what was set aside is \
         listed by `landfall status` on the machine, and put back by `landfall restore`",
    )
}

fn no_copy(why: &str) -> Returned {
    Returned::stranded(
        format!(
            "the release before does not fit the schema that the new one has made, and no copy was put back: {why}"
        ),
        "bring the snapshot of before back: cargo xtask rollback --data snapshot; or mend the release, and deploy it",
    )
}

fn late(machine: &MachineId, limit: Duration) -> Unrestored {
    Unrestored::unknown(format!(
        "`landfall restore` on machine {machine} has not ended within {}",
        text::seconds(limit.as_secs_f64())
    ))
}
