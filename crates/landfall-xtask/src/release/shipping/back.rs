//! Back where it was: the release before, onto the machine, on the schema that the data has now. Nothing asks it to stop: half
//! way back is no place to be.

use std::thread;
use std::time::Duration;

use anyhow::Result;

use super::earlier::Earlier;
use super::fit::{Change, Fit};
use super::inventory::Inventory;
use super::prove::{Expected, Sick, Unknown, Unproved};
use super::seen::Seen;
use super::ship::{Candidate, Shipped};
use super::standing::Standing;
use super::{Shipping, is_same_image};
use crate::error::{Error, Kind};
use crate::name::{Image, Variable};
use crate::release::production::Trouble;
use crate::tool::fly::{Failure, Machine};

/// How long a release may take to be well on a machine that was not touched.
const UNTOUCHED: Duration = Duration::from_secs(15);
/// How often it is tried to bring a release back: Fly refuses an update now and then.
const TRIES: usize = 3;
/// Between two of them.
const PAUSE: Duration = Duration::from_secs(5);
/// What a release is told that must not migrate.
pub(crate) const KEEP: (&str, &str) = ("LANDFALL_SCHEMA", "keep");

/// The same as a variable.
pub(crate) fn kept() -> Variable {
    Variable::of(KEEP.0, KEEP.1)
}

/// What was tried, for messages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempt<'a> {
    /// What failed: `the deploy of 0123456789ab`.
    pub(crate) what: &'a str,
    /// The image that was shipped, by digest.
    pub(crate) image: &'a Image,
    /// Why it failed, with the log's last lines.
    pub(crate) why: &'a str,
    /// How its boot ended by itself, where it did.
    pub(crate) exit_code: Option<i32>,
    /// What it may have made of the schema.
    pub(crate) change: Change<'a>,
    /// Tables that may have fewer rows than before.
    pub(crate) fewer: &'a [String],
    /// What was at Fly before it.
    pub(crate) inventory: &'a Inventory,
}

/// Where production is after an attempt that was not proved.
#[derive(Debug)]
pub(crate) struct Returned {
    /// The exit code's meaning: it serves the release before, or needs a person.
    pub(crate) kind: Kind,
    /// Whether the release before does not fit the data that the new one has made.
    pub(crate) does_not_fit: bool,
    /// Whether the attempt is known to have failed.
    has_failed: bool,
    /// The commit that production serves now, where that is known.
    pub(crate) serves: Option<String>,
    /// What production does now, in a sentence.
    pub(crate) state: String,
    /// What to type next.
    pub(crate) remedy: String,
}

impl Returned {
    /// This commit, proved.
    pub(super) fn served(commit: Option<&str>, state: impl Into<String>, remedy: impl Into<String>) -> Self {
        let serves = commit.map(str::to_owned);
        Self { kind: Kind::WentBack, serves, ..Self::stranded(state, remedy) }
    }

    pub(crate) fn stranded(state: impl Into<String>, remedy: impl Into<String>) -> Self {
        let (state, remedy) = (state.into(), remedy.into());
        Self { kind: Kind::Stranded, does_not_fit: false, has_failed: true, serves: None, state, remedy }
    }

    /// Nobody knows whether the attempt went well: it may serve, and is left as it is.
    pub(crate) fn unknown(unknown: &Unknown, remedy: impl Into<String>) -> Self {
        let state = format!("it may serve, so it was left as it is; {}", unknown.seen);
        Self { has_failed: false, ..Self::stranded(state, remedy) }
    }

    /// The end of the command.
    pub(crate) fn error(&self, attempt: &Attempt<'_>) -> Error {
        let Attempt { what, why, .. } = attempt;
        let ended = if self.has_failed { "failed" } else { "is not proved" };
        Error::new(self.kind, "production", format!("{what} {ended}: {why}\n{}", self.state))
            .remedy(&self.remedy)
    }

    /// With what the attempt left at Fly.
    fn with(mut self, left: &[String]) -> Self {
        self.state.extend(left.iter().map(|line| format!("\n{line}")));
        self
    }
}

impl Shipping<'_> {
    /// Brings the release before back, and proves it, where there is one that is known to fit; `earlier` is that, or why there is none.
    /// The machine is read once more before that.
    pub(crate) fn go_back(
        &self,
        before: &Standing,
        earlier: Result<&Earlier, &str>,
        attempt: &Attempt<'_>,
    ) -> Result<Returned> {
        let returned = self.undisturbed(|shipping| shipping.go_back_now(before, earlier, attempt))?;
        Ok(self.with_left(returned, before, attempt))
    }

    /// An attempt of which nobody knows how it went, as it was left.
    pub(crate) fn left_as_it_is(
        &self,
        unknown: &Unknown,
        before: &Standing,
        attempt: &Attempt<'_>,
        remedy: &str,
    ) -> Returned {
        self.with_left(Returned::unknown(unknown, remedy), before, attempt)
    }

    fn with_left(&self, returned: Returned, before: &Standing, attempt: &Attempt<'_>) -> Returned {
        returned.with(&self.left(attempt.inventory, &before.machine.id))
    }

    fn go_back_now(
        &self,
        before: &Standing,
        earlier: Result<&Earlier, &str>,
        attempt: &Attempt<'_>,
    ) -> Result<Returned> {
        let machine = match self.read_back() {
            Err(trouble) => return Ok(unread(&trouble, &before.machine)),
            Ok(None) => return Ok(not_one(&before.machine, &self.fly_toml.app)),
            Ok(Some(machine)) => machine,
        };
        if machine.id != before.machine.id {
            return Ok(replaced(&machine, &before.machine, &self.fly_toml.app));
        }
        if machine.instance_id == before.machine.instance_id {
            return Ok(self.untouched(before, attempt));
        }
        if !is_ours(&machine, attempt, earlier.ok()) {
            return Ok(somebody_elses(&machine));
        }
        let earlier = match earlier {
            Ok(earlier) => earlier,
            Err(why) => return Ok(nothing_to_go_back_to(&machine, why)),
        };
        match self.fit(&machine, before, earlier, attempt.change, attempt.exit_code)? {
            Fit::Fits => Ok(self.bring_back(before, earlier, &machine, attempt)),
            Fit::Misfits(misfits) => Ok(does_not_fit(&machine, earlier, &misfits)),
            Fit::Unknown(why) => Ok(may_not_fit(&machine, earlier, &why)),
        }
    }

    /// Ships it, with its own fly.toml, on the schema as it is.
    fn bring_back(
        &self,
        before: &Standing,
        earlier: &Earlier,
        now: &Machine,
        attempt: &Attempt<'_>,
    ) -> Returned {
        let (id, commit) = (&before.machine.id, earlier.name());
        self.ui.status("Going back", format!("to {commit} on machine {id}; this is not interrupted"));
        let shipped = match self.shipped_back(earlier, now) {
            Ok(shipped) => shipped,
            Err(error) => return not_back(now, &commit, &format!("{error:#}")),
        };
        let said = shipped.said.as_ref().err().map_or_else(String::new, |failure| format!(" ({failure})"));
        match &shipped.machine {
            Ok(Some(machine)) if is_same_update(machine, now) => {
                let why = said.trim_start_matches(" (").trim_end_matches(')');
                let why = if why.is_empty() { "`fly deploy` ended well, and updated nothing" } else { why };
                return not_back(machine, &commit, why);
            }
            Ok(_) => {}
            Err(trouble) => return maybe_back(now, &commit, &format!("{}{said}", trouble.message)),
        }
        let expected = expected(before, earlier, attempt);
        match self.prove(id, &expected, self.wait_timeout, self.interrupt) {
            Ok(_) => Returned::served(
                earlier.commit.as_deref(),
                format!("production serves {commit} again, on the data as it is now"),
                "mend what it failed of, then deploy again",
            ),
            Err(Unproved::Sick(Sick { exit_code: Some(3), .. })) => Returned {
                does_not_fit: true,
                ..Returned::stranded(
                    format!(
                        "production does not serve: {commit} does not fit the schema that the data has now"
                    ),
                    DATA_BACK,
                )
            },
            Err(Unproved::Unknown(unknown)) => {
                let Unknown { message, seen } = unknown;
                let state = format!(
                    "{commit} was brought back, and whether it serves is not known: {message}{said}; {seen}"
                );
                Returned::stranded(state, AS_SOON_AS)
            }
            Err(unproved) => Returned::stranded(
                format!(
                    "production is not as it was: {commit} was brought back, and {}{said}{}",
                    unproved.message(),
                    self.log(id)
                ),
                "see what there is: cargo xtask status; then bring a release back: cargo xtask rollback; \
                 or data with it: cargo xtask rollback --data copy",
            ),
        }
    }

    /// The update, tried again where Fly refused it.
    fn shipped_back(&self, earlier: &Earlier, now: &Machine) -> Result<Shipped> {
        let candidate = Candidate { image: &earlier.image, fly_toml: &earlier.fly_toml, env: &[kept()] };
        let mut shipped = self.ship(&candidate, self.interrupt)?;
        for _ in 1..TRIES {
            let Some(failure) = refused(&shipped, now) else { break };
            self.ui.note(format!("{failure}; it is tried again"));
            thread::sleep(PAUSE);
            shipped = self.ship(&candidate, self.interrupt)?;
        }
        Ok(shipped)
    }

    /// The update never reached the machine: what ran goes on running, if it did.
    fn untouched(&self, before: &Standing, attempt: &Attempt<'_>) -> Returned {
        let id = &before.machine.id;
        let commit = before.name();
        if before.machine.state != "started" {
            return Returned::stranded(
                format!(
                    "machine {id} was not changed: it is {} with {commit}, as it was, and serves nobody",
                    before.machine.state
                ),
                format!(
                    "start it: fly machine start {id} -a {}; then deploy again; Fly's own troubles: https://status.flyio.net",
                    self.fly_toml.app
                ),
            );
        }
        let expected = Expected {
            commit: before.commit.as_deref(),
            image: None,
            volume: Some(&before.volume.id),
            schema: None,
            rows: before.rows(),
            fewer: attempt.fewer,
        };
        match self.prove(id, &expected, UNTOUCHED, self.interrupt) {
            Ok(_) => Returned::served(
                before.commit.as_deref(),
                format!("machine {id} was not changed: production goes on with {commit}"),
                AGAIN,
            ),
            Err(Unproved::Unknown(Unknown { message, seen })) => Returned::stranded(
                format!(
                    "machine {id} was not changed, and whether it serves is not known: {message}; {seen}"
                ),
                AS_SOON_AS,
            ),
            Err(unproved) => Returned::stranded(
                format!("machine {id} was not changed, and it is not well: {}", unproved.message()),
                "see what there is: cargo xtask status",
            ),
        }
    }
}

/// What to do where the update never reached the machine.
const AGAIN: &str = "see that it stays so: cargo xtask status; then deploy again; Fly's own troubles: https://status.flyio.net";
/// What lets an image serve that does not fit.
const DATA_BACK: &str = "bring its data back with it: cargo xtask rollback --data copy (what was written since is set aside); \
                         or mend the release, and deploy it";
/// What to do where production could not be read.
const AS_SOON_AS: &str = "as soon as Fly answers (https://status.flyio.net), see what serves: cargo xtask status; and where that is not well: \
                          cargo xtask rollback";

fn expected<'a>(before: &'a Standing, earlier: &'a Earlier, attempt: &Attempt<'a>) -> Expected<'a> {
    Expected {
        commit: earlier.commit.as_deref(),
        image: Some(&earlier.image),
        volume: Some(&before.volume.id),
        schema: None,
        rows: before.rows(),
        fewer: attempt.fewer,
    }
}

/// Why the machine has not taken an update that was to replace `now`.
fn refused<'s>(shipped: &'s Shipped, now: &Machine) -> Option<&'s Failure> {
    let failure = shipped.said.as_ref().err()?;
    matches!(&shipped.machine, Ok(Some(machine)) if is_same_update(machine, now)).then_some(failure)
}

fn is_same_update(machine: &Machine, now: &Machine) -> bool {
    machine.id == now.id && machine.instance_id == now.instance_id
}

fn is_ours(machine: &Machine, attempt: &Attempt<'_>, earlier: Option<&Earlier>) -> bool {
    let Some(now) = machine.pinned_image() else { return true };
    let earlier = earlier.map(|earlier| earlier.image.as_str());
    [Some(attempt.image.as_str()), earlier].into_iter().flatten().any(|ours| is_same_image(ours, &now))
}

fn nothing_to_go_back_to(machine: &Machine, why: &str) -> Returned {
    Returned::stranded(
        format!(
            "machine {} still has the failed release: there is none to go back to, for {why}; {}",
            machine.id,
            Seen::of(machine)
        ),
        "see what there is: cargo xtask status; then mend it, and deploy again: cargo xtask deploy",
    )
}

fn unread(trouble: &Trouble, before: &Machine) -> Returned {
    let seen = Seen::of(before);
    Returned::stranded(
        format!(
            "nothing was brought back, for what runs now is not known: {}; before the attempt {seen}",
            trouble.message
        ),
        AS_SOON_AS,
    )
}

/// It was not brought back, and that is known.
fn not_back(machine: &Machine, commit: &str, why: &str) -> Returned {
    Returned::stranded(
        format!(
            "machine {} still has the failed release: {commit} was not brought back: {why}; {}",
            machine.id,
            Seen::of(machine)
        ),
        "as soon as Fly takes updates again (https://status.flyio.net): cargo xtask rollback",
    )
}

/// An update was asked for, and what came of it was not read.
fn maybe_back(machine: &Machine, commit: &str, why: &str) -> Returned {
    Returned::stranded(
        format!("whether {commit} was brought back is not known: {why}; before that {}", Seen::of(machine)),
        AS_SOON_AS,
    )
}

fn does_not_fit(machine: &Machine, earlier: &Earlier, misfits: &[String]) -> Returned {
    let reasons: String = misfits.iter().map(|misfit| format!("\n  {misfit}")).collect();
    Returned {
        does_not_fit: true,
        ..Returned::stranded(
            format!(
                "machine {} still has the new release: {} does not fit the schema that it has made{reasons}",
                machine.id,
                earlier.name()
            ),
            DATA_BACK,
        )
    }
}

fn may_not_fit(machine: &Machine, earlier: &Earlier, why: &str) -> Returned {
    Returned::stranded(
        format!(
            "machine {} still has the new release: whether {} fits the schema that the data has now is not known: {why}; {}",
            machine.id,
            earlier.name(),
            Seen::of(machine)
        ),
        "see what there is: cargo xtask status; where it does not serve: cargo xtask rollback (an image that does not fit refuses to start, \
         and changes nothing); or its data with it: cargo xtask rollback --data snapshot",
    )
}

fn not_one(before: &Machine, app: &str) -> Returned {
    Returned::stranded(
        format!(
            "the app {app} has not exactly one machine any more; the one with the data was {}",
            before.id
        ),
        format!("see what is there, and touch no volume: fly machine list -a {app}"),
    )
}

fn replaced(machine: &Machine, before: &Machine, app: &str) -> Returned {
    Returned::stranded(
        format!(
            "machine {} is there in the place of machine {}; it was left as it is",
            machine.id, before.id
        ),
        format!("ask who it was, and see which volume it has: fly machine list -a {app}"),
    )
}

fn somebody_elses(machine: &Machine) -> Returned {
    let image = machine.pinned_image().map_or_else(|| "another image".to_owned(), String::from);
    Returned::stranded(
        format!("somebody else put {image} on machine {} in the middle; it was left as it is", machine.id),
        "ask who it was; then see what there is: cargo xtask status",
    )
}
