//! Whether a release is there and well: the machine, its image, its volume, what the service says of itself, its rows. Each was
//! seen to be wrong while flyctl said that all was well.

use std::thread;
use std::time::{Duration, Instant};

use migrate::{Interrupt, TableRows};

use super::standing::Status;
use super::{Shipping, is_same_image};
use crate::release::image;
use crate::release::probe::Version;
use crate::text;
use crate::tool::fly::{Exit, Failure, Machine};

/// Between two looks.
const TICK: Duration = Duration::from_millis(250);
/// So many good answers in a row, a tick apart each: a service that dies after its first answer is not well.
const STEADY: u32 = 3;
/// For how long rows are asked for: Fly's exec fails now and then.
const COUNTING: Duration = Duration::from_secs(20);
/// The exit codes of an app that would end the same way each time it starts: wrong usage, refused.
const FINAL: [i32; 2] = [2, 3];

/// What has to be found.
#[derive(Debug, Clone)]
pub(crate) struct Expected<'a> {
    /// What `/version` has to say; none of an image whose commit nobody knows.
    pub(crate) commit: Option<&'a str>,
    /// The image, by digest; none where it was not told.
    pub(crate) image: Option<&'a str>,
    /// The id of the volume; none where it was made just now.
    pub(crate) volume: Option<&'a str>,
    /// The fingerprint that live and declared schema have to have; none where the schema is kept as it is.
    pub(crate) schema: Option<&'a str>,
    /// The rows that were there before.
    pub(crate) rows: &'a [TableRows],
    /// Tables of which the change itself, or the service, takes rows away.
    pub(crate) fewer: &'a [String],
}

/// A release that is there and well.
#[derive(Debug)]
pub(crate) struct Proved {
    /// The machine.
    pub(crate) machine: Machine,
    /// What the service says of itself, where it had to say something.
    pub(crate) version: Option<Version>,
    /// Its rows and its room; none where Fly did not let us ask.
    pub(crate) status: Option<Status>,
}

impl Proved {
    /// `machine 148e21 serves 0123456789ab`.
    pub(crate) fn serves(&self) -> String {
        let commit = self.version.as_ref().map_or("", |version| &version.commit);
        format!("machine {} serves {}", self.machine.id, image::short(commit))
    }

    /// `12 rows`, of all tables; none where they were not counted.
    pub(crate) fn rows(&self) -> Option<String> {
        let tables = &self.status.as_ref()?.tables;
        Some(text::count(tables.iter().map(|table| table.rows).sum(), "row"))
    }
}

/// Why it is not.
#[derive(Debug)]
pub(crate) struct Unproved {
    /// What was seen.
    pub(crate) message: String,
    /// Whether the release itself refused: its exit code, where it ended by itself.
    pub(crate) exit_code: Option<i32>,
}

impl Unproved {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), exit_code: None }
    }
}

impl From<Failure> for Unproved {
    fn from(failure: Failure) -> Self {
        Self::new(failure.message)
    }
}

impl Shipping<'_> {
    /// Looks until all of it holds, or `limit` is over.
    pub(crate) fn prove(
        &self,
        machine: &str,
        expected: &Expected<'_>,
        limit: Duration,
        interrupt: &Interrupt,
    ) -> Result<Proved, Unproved> {
        let activity = self.ui.activity();
        activity.goes_on("waiting for good answers");
        let steady = self.steady(machine, expected, limit, interrupt)?;
        activity.goes_on("asking what it is");
        let version = expected.commit.map(|commit| self.version(commit, expected.schema)).transpose()?;
        activity.goes_on("counting rows");
        let status = self.counted(machine);
        if let Some(status) = &status {
            refuse_fewer(expected, &status.tables)?;
        }
        // Once more: what was well may have died while it was asked.
        let machine = self.by_id(machine)?;
        if machine.instance_id != steady.instance_id {
            return Err(Unproved::new(format!(
                "machine {} was updated by somebody else in the middle: it runs {} now",
                machine.id,
                machine.pinned_image().unwrap_or_else(|| "another image".to_owned())
            )));
        }
        if machine.state != "started" || !self.probe.is_well() {
            return Err(self.not_well(&machine, &steady));
        }
        Ok(Proved { machine, version, status })
    }

    /// The machine, once the service has given good answers for a while and nothing ended meanwhile.
    fn steady(
        &self,
        id: &str,
        expected: &Expected<'_>,
        limit: Duration,
        interrupt: &Interrupt,
    ) -> Result<Machine, Unproved> {
        let (begun, mut good, mut asleep) = (Instant::now(), 0, None);
        let mut machine = self.by_id(id)?;
        let mut ends = count_ends(&machine);
        refuse_other(&machine, expected, &self.fly_toml.volume)?;
        loop {
            if interrupt.is_raised() {
                return Err(Unproved::new("interrupted"));
            }
            good = if machine.state == "started" && self.probe.is_well() { good + 1 } else { 0 };
            if good >= STEADY {
                // The looks before were at the service alone.
                machine = self.by_id(id)?;
                refuse_other(&machine, expected, &self.fly_toml.volume)?;
                if machine.state == "started" && ends == count_ends(&machine) {
                    return Ok(machine);
                }
                (good, ends) = (0, count_ends(&machine));
            }
            if let Some(exit) = machine.ended().filter(|exit| is_final(exit) && machine.state != "started") {
                return Err(Unproved { message: ended(&machine, &exit), exit_code: Some(exit.exit_code) });
            }
            // Fly leaves a machine stopped that was stopped before its update.
            if machine.ended().is_none() && matches!(machine.state.as_str(), "stopped" | "suspended") {
                // Fly refuses that for a moment after an update.
                asleep = self.fly.wake(id).err();
                // It may have been up meanwhile, and ended.
                machine = self.by_id(id)?;
            }
            if begun.elapsed() > limit {
                let asleep = asleep.filter(|_| machine.ended().is_none());
                return Err(asleep.map_or_else(|| self.not_well(&machine, &machine), Unproved::from));
            }
            thread::sleep(TICK);
            if good == 0 {
                // Fly is asked less often than the service.
                thread::sleep(TICK * 3);
                machine = self.by_id(id)?;
                ends = count_ends(&machine);
            }
        }
    }

    fn not_well(&self, machine: &Machine, earlier: &Machine) -> Unproved {
        not_well(machine, earlier, self.probe.address())
    }

    fn version(&self, commit: &str, schema: Option<&str>) -> Result<Version, Unproved> {
        let version = self.probe.version().map_err(|error| Unproved::new(format!("{error:#}")))?;
        if version.commit != commit {
            return Err(Unproved::new(format!(
                "/version tells of commit {}, and {} was shipped",
                image::short(&version.commit),
                image::short(commit)
            )));
        }
        let Some(schema) = schema else { return Ok(version) };
        for (which, fingerprint) in [("declared", &version.schema.declared), ("live", &version.schema.live)] {
            if fingerprint.as_deref() != Some(schema) {
                return Err(Unproved::new(format!(
                    "/version tells of the {which} schema {}, and {} was shipped",
                    fingerprint.as_deref().map_or("unknown", cut),
                    cut(schema)
                )));
            }
        }
        Ok(version)
    }

    fn counted(&self, machine: &str) -> Option<Status> {
        let begun = Instant::now();
        loop {
            match self.status(machine) {
                Ok(status) => return Some(status),
                Err(trouble) if begun.elapsed() > COUNTING => {
                    self.ui.note(format!("its rows were not counted: {}", trouble.message));
                    return None;
                }
                Err(_) => thread::sleep(TICK),
            }
        }
    }

    /// A machine of the app. A call that fails once is asked again: a network that hiccups is no failed release.
    pub(super) fn by_id(&self, id: &str) -> Result<Machine, Unproved> {
        let machines = self.fly.machines().or_else(|_| {
            thread::sleep(TICK * 8);
            self.fly.machines()
        })?;
        let found = machines.into_iter().find(|machine| machine.id == id);
        found.ok_or_else(|| Unproved::new(format!("machine {id} is not there any more")))
    }
}

fn refuse_other(machine: &Machine, expected: &Expected<'_>, mounted_at: &str) -> Result<(), Unproved> {
    let (id, image) = (&machine.id, machine.pinned_image());
    if let (Some(wanted), Some(found)) = (expected.image, &image)
        && !is_same_image(wanted, found)
    {
        return Err(Unproved::new(format!("machine {id} runs {found}, and {wanted} was shipped")));
    }
    let volume = machine.volume_at(mounted_at);
    if let Some(wanted) = expected.volume
        && volume.as_deref() != Some(wanted)
    {
        let found = volume.map_or_else(|| "no volume".to_owned(), |volume| format!("volume {volume}"));
        return Err(Unproved::new(format!(
            "machine {id} has {found} at {mounted_at}, and the data is on {wanted}"
        )));
    }
    Ok(())
}

/// Fewer rows than before are a loss unless it is known why.
fn refuse_fewer(expected: &Expected<'_>, now: &[TableRows]) -> Result<(), Unproved> {
    let rows = |table: &str| now.iter().find(|t| t.table.eq_ignore_ascii_case(table)).map(|t| t.rows);
    for TableRows { table, rows: before } in expected.rows {
        if expected.fewer.iter().any(|known| known.eq_ignore_ascii_case(table)) {
            continue;
        }
        let now = rows(table);
        if now.unwrap_or(0) < *before {
            let now = now
                .map_or_else(|| "is not there".to_owned(), |now| format!("has {}", text::count(now, "row")));
            return Err(Unproved::new(format!(
                "table {table} had {} before, and {now} now",
                text::count(*before, "row")
            )));
        }
    }
    Ok(())
}

/// Why a machine is not well that gave no good answer; `earlier` is how it was found before.
fn not_well(machine: &Machine, earlier: &Machine, address: &str) -> Unproved {
    let no_answer = format!("{address}/healthz gives no good answer");
    let runs = machine.state == "started";
    let Some(exit) = machine.ended() else {
        return Unproved::new(match (runs, earlier.state == "started") {
            (true, true) => no_answer,
            (true, false) => format!("{no_answer} again"),
            (false, _) => format!("machine {} is {}", machine.id, machine.state),
        });
    };
    let ended = ended(machine, &exit);
    // One that ends each time it starts is found running now and then: why it ended is why it gives no answer.
    let message = if runs { format!("{ended}, and since then {no_answer}") } else { ended };
    Unproved { message, exit_code: Some(exit.exit_code) }
}

fn is_final(exit: &Exit) -> bool {
    FINAL.contains(&exit.exit_code)
}

fn count_ends(machine: &Machine) -> usize {
    machine.events.iter().filter(|event| event.kind == "exit").count()
}

fn ended(machine: &Machine, exit: &Exit) -> String {
    let Exit { exit_code, oom_killed, .. } = exit;
    let memory = if *oom_killed { ": its memory ran out" } else { "" };
    format!("on machine {} the release ended by itself with exit code {exit_code}{memory}", machine.id)
}

/// As many characters of a fingerprint as a person compares.
fn cut(fingerprint: &str) -> &str {
    fingerprint.get(..12).unwrap_or(fingerprint)
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use serde_json::json;

    use super::*;

    fn expected<'a>(rows: &'a [TableRows], fewer: &'a [String]) -> Expected<'a> {
        Expected { commit: None, image: None, volume: None, schema: None, rows, fewer }
    }

    fn rows(list: &[(&str, u64)]) -> Vec<TableRows> {
        list.iter().map(|(table, rows)| TableRows { table: (*table).to_owned(), rows: *rows }).collect()
    }

    #[test]
    fn fewer_rows_are_a_loss_unless_it_is_known_why() {
        let before = rows(&[("a", 2), ("b", 5), ("c", 0)]);
        let told = |now: &[(&str, u64)], fewer: &[&str]| {
            let fewer: Vec<_> = fewer.iter().map(|table| (*table).to_owned()).collect();
            refuse_fewer(&expected(&before, &fewer), &rows(now))
                .map_or_else(|error| error.message, |()| String::new())
        };
        assert_eq!(told(&[("A", 3), ("b", 5)], &[]), "");
        assert_snapshot!(told(&[("a", 1), ("b", 5)], &[]), @"table a had 2 rows before, and has 1 row now");
        assert_snapshot!(told(&[("b", 5)], &[]), @"table a had 2 rows before, and is not there now");
        assert_eq!(told(&[("b", 5)], &["a"]), "");
    }

    #[test]
    fn a_release_that_refused_is_told_so_where_fly_has_just_started_it_again() {
        let machine = |state: &str| -> Machine {
            serde_json::from_value(json!({
                "id": "m", "state": state,
                "events": [
                    {"type": "exit", "request": {"exit_event": {"exit_code": 3}}},
                    {"type": "update"},
                ],
            }))
            .unwrap()
        };
        let told = |state| {
            let unproved = not_well(&machine(state), &machine(state), "http://shop");
            (unproved.exit_code, unproved.message)
        };
        assert_eq!(
            told("stopped"),
            (Some(3), "on machine m the release ended by itself with exit code 3".to_owned())
        );
        let (exit_code, message) = told("started");
        assert_eq!(exit_code, Some(3));
        assert_snapshot!(message, @"on machine m the release ended by itself with exit code 3, and since then http://shop/healthz gives no good answer");
    }

    #[test]
    fn another_image_or_another_volume_is_found_out() {
        let machine: Machine = serde_json::from_value(json!({
            "id": "m", "state": "started",
            "image_ref": {"registry": "r", "repository": "shop", "digest": "sha256:1"},
            "config": {"mounts": [{"volume": "v", "path": "/data"}]},
        }))
        .unwrap();
        let told = |image, volume| {
            let expected = Expected { image: Some(image), volume, ..expected(&[], &[]) };
            refuse_other(&machine, &expected, "/data").map_or_else(|error| error.message, |()| String::new())
        };
        assert_eq!(told("elsewhere/shop@sha256:1", Some("v")), "");
        assert_snapshot!(told("r/shop@sha256:2", None), @"machine m runs r/shop@sha256:1, and r/shop@sha256:2 was shipped");
        assert_snapshot!(told("r/shop@sha256:1", Some("w")), @"machine m has volume v at /data, and the data is on w");
    }
}
