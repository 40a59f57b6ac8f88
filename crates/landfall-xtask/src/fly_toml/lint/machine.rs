//! What is said of the app and its machine as a whole, how it is built, and how it is replaced.

use std::time::Duration;

use super::Lint;
use crate::fly_toml::table::{Entry, Table};
use crate::fly_toml::{APP, KILL_TIMEOUT, time};
use crate::name::AppName;

/// The signals at which the service ends in order: a migration is rolled back, requests under way end.
const SIGNALS: [&str; 2] = ["SIGINT", "SIGTERM"];
/// How long the service takes to end at most: 10 s for requests, 2 s for its database, and some room.
const SHORTEST: Duration = Duration::from_secs(15);
/// How long Fly waits at most.
const LONGEST: Duration = Duration::from_secs(300);
/// The strategies that replace the machine, which has the volume, and start no second one.
const IN_PLACE: [&str; 2] = ["rolling", "immediate"];
/// What `[build]` may say: of the push, not of the build; and what is refused by another rule.
const NOT_OF_A_BUILD: [&str; 3] = ["compose", "compression", "compression_level"];

impl<'a> Lint<'a> {
    pub(super) fn machine(&mut self) {
        self.app();
        self.region();
        self.kill_signal();
        self.kill_timeout();
        self.build();
        if let Some(table) = self.file.get("deploy").and_then(Entry::table) {
            self.release_command(table);
            self.strategy(table);
            self.wait_timeout(table);
        }
    }

    fn app(&mut self) {
        match self.file.get("app") {
            Some(app) if !app.is_empty() => {
                if self.is_string(app) && AppName::parse(app.plain()).is_none() {
                    self.refuse(app.line, "app is no name that Fly gives", format!("write {APP}"));
                }
            }
            given => {
                let line = given.map_or(1, |entry| entry.line);
                self.refuse(line, "no app is named", "write above the first table: app = \"NAME\"");
            }
        }
    }

    fn region(&mut self) {
        match self.file.get("primary_region") {
            Some(region) if !region.is_empty() => {
                self.is_string(region);
            }
            given => self.tell(
                given.map_or(1, |entry| entry.line),
                "there is no primary_region: Fly would make a machine, and an empty volume, wherever it likes",
                "write above the first table the region of the volume, as in: primary_region = \"fra\"",
            ),
        }
    }

    fn kill_signal(&mut self) {
        let Some(entry) = self.file.get("kill_signal") else { return };
        if !SIGNALS.contains(&entry.plain()) {
            let message = format!("the service ends in order at SIGTERM or SIGINT, not at {}", entry.plain());
            self.refuse(entry.line, message, "write: kill_signal = \"SIGTERM\"");
        }
    }

    fn kill_timeout(&mut self) {
        let remedy = "kill_timeout = \"30s\"";
        let Some(entry) = self.file.get("kill_timeout") else {
            let message = format!(
                "there is no kill_timeout, which makes it {} s: too short to roll a migration back",
                KILL_TIMEOUT.as_secs()
            );
            return self.tell(1, message, format!("write above the first table: {remedy}"));
        };
        match time::read(entry.string(), entry.integer(), time::SECOND) {
            None => self.refuse(entry.line, no_time(entry), format!("write it as in: {remedy}")),
            Some(given) if given < SHORTEST => {
                let message =
                    format!("kill_timeout = {} is too short to roll a migration back", entry.written());
                self.tell(entry.line, message, format!("write: {remedy}"));
            }
            Some(given) if given > LONGEST => {
                let message = format!(
                    "kill_timeout = {}, and Fly waits for {} s at most",
                    entry.written(),
                    LONGEST.as_secs()
                );
                self.tell(entry.line, message, "write: kill_timeout = \"300s\"");
            }
            Some(_) => {}
        }
    }

    fn build(&mut self) {
        let Some(table) = self.file.get("build").and_then(Entry::table) else { return };
        let first = table
            .entries()
            .filter(|entry| !NOT_OF_A_BUILD.contains(&entry.name))
            .min_by_key(|entry| entry.line);
        if let Some(entry) = first {
            let message =
                "[build] is not read: what is deployed is the image that Landfall builds from Dockerfile";
            self.tell(entry.line, message, "take it out; see: cargo xtask image --help");
        }
    }

    /// Whatever it does: nobody can tell that from its words, and it does it before the gate's plan runs, in another place.
    fn release_command(&mut self, deploy: Table<'a>) {
        let Some(entry) = deploy.get("release_command").filter(|entry| !entry.is_empty()) else { return };
        let message = "release_command runs on a machine without the volume: it never sees the database";
        self.refuse(
            entry.line,
            message,
            "take it out: `landfall start -- app` migrates, where the database is",
        );
    }

    fn strategy(&mut self, deploy: Table<'a>) {
        let Some(entry) = deploy.get("strategy").filter(|entry| !entry.is_empty()) else { return };
        let remedy = "write: strategy = \"rolling\"";
        if !IN_PLACE.contains(&entry.plain()) {
            let message = format!(
                "strategy = {} replaces no machine in place: a second one would start without the data",
                entry.written()
            );
            self.refuse(entry.line, message, remedy);
        } else if entry.plain() != "rolling" {
            let message = format!("strategy = {} waits for no check; a deploy is rolling", entry.written());
            self.tell(entry.line, message, remedy);
        }
    }

    fn wait_timeout(&mut self, deploy: Table<'a>) {
        if let Some(entry) = deploy.get("wait_timeout") {
            let message =
                "wait_timeout is not read: a deploy waits for as long as its own --wait-timeout says";
            self.tell(entry.line, message, "take it out");
        }
    }
}

/// What is said of a value that is no time.
pub(super) fn no_time(entry: Entry<'_>) -> String {
    format!("{} = {} is no time", entry.name, entry.written())
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use crate::fly_toml::lint::tests::told;

    #[test]
    fn the_app_its_region_and_its_end_are_named() {
        assert_snapshot!(told(&[
            ("app = \"landfall-customers\"\n", ""),
            ("\"landfall-customers\"", "\"\""),
            ("\"landfall-customers\"", "7"),
            ("primary_region = \"fra\"\n", ""),
            ("\"fra\"", "\"\""),
            ("kill_signal = \"SIGTERM\"", "kill_signal = \"SIGKILL\""),
            ("kill_signal = \"SIGTERM\"", "kill_signal = \"SIGINT\""),
            ("kill_timeout = \"30s\"", ""),
            ("\"30s\"", "\"5s\""),
            ("\"30s\"", "5"),
            ("\"30s\"", "\"10m\""),
            ("\"30s\"", "\"soon\""),
            ("\"30s\"", "-1"),
        ]), @r#"
        without app = "landfall-customers"
          Refused fly.toml:1: no app is named
            write above the first table: app = "NAME"

        ""
          Refused fly.toml:2: no app is named
            write above the first table: app = "NAME"

        7
          Refused fly.toml:2: app = 7 is no text
            write it in quotes

        without primary_region = "fra"
          Told fly.toml:1: there is no primary_region: Fly would make a machine, and an empty volume, wherever it likes
            write above the first table the region of the volume, as in: primary_region = "fra"

        ""
          Told fly.toml:3: there is no primary_region: Fly would make a machine, and an empty volume, wherever it likes
            write above the first table the region of the volume, as in: primary_region = "fra"

        kill_signal = "SIGKILL"
          Refused fly.toml:4: the service ends in order at SIGTERM or SIGINT, not at SIGKILL
            write: kill_signal = "SIGTERM"

        kill_signal = "SIGINT"
          fine

        without kill_timeout = "30s"
          Told fly.toml:1: there is no kill_timeout, which makes it 5 s: too short to roll a migration back
            write above the first table: kill_timeout = "30s"

        "5s"
          Told fly.toml:5: kill_timeout = "5s" is too short to roll a migration back
            write: kill_timeout = "30s"

        5
          Told fly.toml:5: kill_timeout = 5 is too short to roll a migration back
            write: kill_timeout = "30s"

        "10m"
          Told fly.toml:5: kill_timeout = "10m", and Fly waits for 300 s at most
            write: kill_timeout = "300s"

        "soon"
          Refused fly.toml:5: kill_timeout = "soon" is no time
            write it as in: kill_timeout = "30s"

        -1
          Refused fly.toml:5: kill_timeout = -1 is no time
            write it as in: kill_timeout = "30s"
        "#);
    }

    #[test]
    fn the_machine_is_replaced_in_place_by_the_image_that_was_proved() {
        assert_snapshot!(told(&[
            ("[env]", "[build]\n  image = \"shop:1\"\n[env]"),
            ("[env]", "[build]\n  dockerfile = \"Dockerfile\"\n[env]"),
            ("[env]", "[build]\n  compression = \"zstd\"\n[env]"),
            ("[env]", "[deploy]\n  release_command = \"landfall migrate\"\n[env]"),
            ("[env]", "[deploy]\n  release_command = \"\"\n[env]"),
            ("[env]", "[deploy]\n  strategy = \"bluegreen\"\n[env]"),
            ("[env]", "[deploy]\n  strategy = \"canary\"\n[env]"),
            ("[env]", "[deploy]\n  strategy = \"immediate\"\n[env]"),
            ("[env]", "[deploy]\n  strategy = \"rolling\"\n[env]"),
            ("[env]", "[deploy]\n  wait_timeout = \"10m\"\n[env]"),
        ]), @r#"
        [build]
          image = "shop:1"
        [env]
          Told fly.toml:11: [build] is not read: what is deployed is the image that Landfall builds from Dockerfile
            take it out; see: cargo xtask image --help

        [build]
          dockerfile = "Dockerfile"
        [env]
          Told fly.toml:11: [build] is not read: what is deployed is the image that Landfall builds from Dockerfile
            take it out; see: cargo xtask image --help

        [build]
          compression = "zstd"
        [env]
          fine

        [deploy]
          release_command = "landfall migrate"
        [env]
          Refused fly.toml:11: release_command runs on a machine without the volume: it never sees the database
            take it out: `landfall start -- app` migrates, where the database is

        [deploy]
          release_command = ""
        [env]
          fine

        [deploy]
          strategy = "bluegreen"
        [env]
          Refused fly.toml:11: strategy = "bluegreen" replaces no machine in place: a second one would start without the data
            write: strategy = "rolling"

        [deploy]
          strategy = "canary"
        [env]
          Refused fly.toml:11: strategy = "canary" replaces no machine in place: a second one would start without the data
            write: strategy = "rolling"

        [deploy]
          strategy = "immediate"
        [env]
          Told fly.toml:11: strategy = "immediate" waits for no check; a deploy is rolling
            write: strategy = "rolling"

        [deploy]
          strategy = "rolling"
        [env]
          fine

        [deploy]
          wait_timeout = "10m"
        [env]
          Told fly.toml:11: wait_timeout is not read: a deploy waits for as long as its own --wait-timeout says
            take it out
        "#);
    }
}
