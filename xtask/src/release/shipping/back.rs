//! Back where it was: the release before, onto the machine, on the schema that the data has now. Nothing asks it to stop: half
//! way back is no place to be.

use std::thread;
use std::time::Duration;

use anyhow::Result;

use super::earlier::Earlier;
use super::prove::{Expected, Unproved};
use super::ship::{Candidate, Shipped};
use super::standing::Standing;
use super::{Shipping, is_same_image};
use crate::error::{Error, Kind};
use crate::release::live::Replica;
use crate::release::production::{self, Trouble};
use crate::tool::fly::{Failure, Machine};

/// How long a release may take to be well on a machine that was not touched.
const UNTOUCHED: Duration = Duration::from_secs(15);
/// How often it is tried to bring a release back: Fly refuses an update now and then.
const TRIES: usize = 3;
/// Between two of them.
const PAUSE: Duration = Duration::from_secs(5);
/// What a release is told that must not migrate.
pub(crate) const KEEP: (&str, &str) = ("LANDFALL_SCHEMA", "keep");

/// What was tried, for messages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempt<'a> {
    /// What failed: `the deploy of 0123456789ab`.
    pub(crate) what: &'a str,
    /// The image that was shipped, by digest.
    pub(crate) image: &'a str,
    /// Why it failed, with the log's last lines.
    pub(crate) why: &'a str,
    /// Tables that may have fewer rows than before.
    pub(crate) fewer: &'a [String],
}

/// Where production is after an attempt that failed.
#[derive(Debug)]
pub(crate) struct Returned {
    /// The exit code's meaning: it serves the release before, or needs a person.
    pub(crate) kind: Kind,
    /// Whether the release before does not fit the data that the new one has made.
    pub(crate) does_not_fit: bool,
    /// What production does now, in a sentence.
    pub(crate) state: String,
    /// What to type next.
    pub(crate) remedy: String,
}

impl Returned {
    pub(super) fn served(state: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { kind: Kind::WentBack, does_not_fit: false, state: state.into(), remedy: remedy.into() }
    }

    pub(crate) fn stranded(state: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { kind: Kind::Stranded, does_not_fit: false, state: state.into(), remedy: remedy.into() }
    }

    /// The end of the command.
    pub(crate) fn error(&self, attempt: &Attempt<'_>) -> Error {
        let Attempt { what, why, .. } = attempt;
        Error::new(self.kind, "production", format!("{what} failed: {why}\n{}", self.state))
            .remedy(&self.remedy)
    }
}

impl Shipping<'_> {
    /// Brings the release before back, and proves it. `now` is the machine as it was read back after the attempt.
    pub(crate) fn go_back(
        &self,
        before: &Standing,
        earlier: &Earlier,
        now: &Result<Option<Machine>, Trouble>,
        attempt: &Attempt<'_>,
    ) -> Result<Returned> {
        self.undisturbed(|shipping| shipping.go_back_now(before, earlier, now, attempt))
    }

    fn go_back_now(
        &self,
        before: &Standing,
        earlier: &Earlier,
        now: &Result<Option<Machine>, Trouble>,
        attempt: &Attempt<'_>,
    ) -> Result<Returned> {
        let machine = match now {
            Err(trouble) => return Ok(unknown(trouble)),
            Ok(None) => return Ok(not_one(&before.machine, &self.fly_toml.app)),
            Ok(Some(machine)) => machine,
        };
        if machine.id != before.machine.id {
            return Ok(replaced(machine, &before.machine, &self.fly_toml.app));
        }
        if machine.instance_id == before.machine.instance_id {
            return Ok(self.untouched(before, earlier, attempt));
        }
        if !is_ours(machine, attempt, earlier) {
            return Ok(somebody_elses(machine));
        }
        // It may have been on its way up when it was read back: only while it runs it can be asked.
        let now = self.by_id(&machine.id).unwrap_or_else(|_| machine.clone());
        if let Some(misfits) = self.misfits(&now, earlier)? {
            return Ok(self.does_not_fit(&now, earlier, &misfits));
        }
        self.bring_back(before, earlier, machine, attempt)
    }

    /// Ships it, with its own fly.toml, on the schema as it is.
    fn bring_back(
        &self,
        before: &Standing,
        earlier: &Earlier,
        now: &Machine,
        attempt: &Attempt<'_>,
    ) -> Result<Returned> {
        let (id, commit) = (before.machine.id.as_str(), earlier.name());
        self.ui.status("Going back", format!("to {commit} on machine {id}; this is not interrupted"));
        let candidate = Candidate {
            image: &earlier.image,
            fly_toml: &earlier.fly_toml,
            env: &[(KEEP.0, KEEP.1.to_owned())],
        };
        let mut shipped = self.ship(&candidate, self.interrupt)?;
        for _ in 1..TRIES {
            let Some(failure) = refused(&shipped, now) else { break };
            self.ui.note(format!("{failure}; it is tried again"));
            thread::sleep(PAUSE);
            shipped = self.ship(&candidate, self.interrupt)?;
        }
        if let Some(failure) = refused(&shipped, now) {
            return Ok(Returned::stranded(
                format!(
                    "machine {id} still has the failed release: {commit} was not brought back: {failure}"
                ),
                "as soon as Fly takes updates again (https://status.flyio.net): cargo xtask rollback",
            ));
        }
        let expected = expected(before, earlier, attempt);
        Ok(match self.prove(id, &expected, self.wait_timeout, self.interrupt) {
            Ok(_) => Returned::served(
                format!("production serves {commit} again, on the data as it is now"),
                "mend what it failed of, then deploy again",
            ),
            Err(Unproved { exit_code: Some(3), .. }) => Returned {
                does_not_fit: true,
                ..Returned::stranded(
                    format!(
                        "production does not serve: {commit} does not fit the schema that the data has now"
                    ),
                    DATA_BACK,
                )
            },
            Err(unproved) => {
                let said = shipped.said.err().map_or_else(String::new, |failure| format!(" ({failure})"));
                Returned::stranded(
                    format!(
                        "production is not as it was: {commit} was brought back, and {}{said}{}",
                        unproved.message,
                        self.log(id)
                    ),
                    "see what there is: cargo xtask status; then bring a release back: cargo xtask rollback; \
                     or data with it: cargo xtask rollback --data copy",
                )
            }
        })
    }

    /// The update never reached the machine: what ran goes on running, if it did.
    fn untouched(&self, before: &Standing, earlier: &Earlier, attempt: &Attempt<'_>) -> Returned {
        let (id, commit) = (before.machine.id.as_str(), earlier.name());
        if before.machine.state != "started" {
            return Returned::stranded(
                format!(
                    "nothing was changed: machine {id} is {} with {commit}, as it was, and serves nobody",
                    before.machine.state
                ),
                format!(
                    "start it: fly machine start {id} -a {}; then deploy again; Fly's own troubles: https://status.flyio.net",
                    self.fly_toml.app
                ),
            );
        }
        match self.prove(id, &expected(before, earlier, attempt), UNTOUCHED, self.interrupt) {
            Ok(_) => {
                Returned::served(format!("nothing was changed: production goes on with {commit}"), AGAIN)
            }
            Err(unproved) => Returned::stranded(
                format!("machine {id} was not changed, and it is not well: {}", unproved.message),
                "see what there is: cargo xtask status",
            ),
        }
    }

    /// What the release before would miss; none where it fits, or where that cannot be told.
    fn misfits(&self, machine: &Machine, earlier: &Earlier) -> Result<Option<Vec<String>>> {
        let Some(declared) = earlier.declared.as_ref().filter(|_| machine.state == "started") else {
            return Ok(None);
        };
        let Ok(live) = production::live_schema(self.fly, &machine.id) else { return Ok(None) };
        let misfits = Replica::of(&live, self.settings)?.misfits(declared, self.settings)?;
        let told: Vec<_> = misfits.into_iter().map(|misfit| misfit.message).collect();
        Ok((!told.is_empty()).then_some(told))
    }

    fn does_not_fit(&self, machine: &Machine, earlier: &Earlier, misfits: &[String]) -> Returned {
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
}

/// What to do where the update never reached the machine.
const AGAIN: &str = "see that it stays so: cargo xtask status; then deploy again; Fly's own troubles: https://status.flyio.net";
/// What lets an image serve that does not fit.
const DATA_BACK: &str = "bring its data back with it: cargo xtask rollback --data copy (what was written since is set aside); \
                         or mend the release, and deploy it";

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
    let is_same = |machine: &Machine| machine.id == now.id && machine.instance_id == now.instance_id;
    matches!(&shipped.machine, Ok(Some(machine)) if is_same(machine)).then_some(failure)
}

fn is_ours(machine: &Machine, attempt: &Attempt<'_>, earlier: &Earlier) -> bool {
    let Some(now) = machine.pinned_image() else { return true };
    [attempt.image, &earlier.image].iter().any(|ours| is_same_image(ours, &now))
}

fn unknown(trouble: &Trouble) -> Returned {
    Returned::stranded(
        format!("what runs now is not known: {}", trouble.message),
        "as soon as Fly answers: cargo xtask status; and where it is the failed release: cargo xtask rollback",
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
    let image = machine.pinned_image().unwrap_or_else(|| "another image".to_owned());
    Returned::stranded(
        format!("somebody else put {image} on machine {} in the middle; it was left as it is", machine.id),
        "ask who it was; then see what there is: cargo xtask status",
    )
}
