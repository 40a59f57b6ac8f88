//! `[checks]`: how a deploy sees that the service is well, and how long it looks.

use std::time::Duration;

use super::Lint;
use super::machine::no_time;
use crate::fly_toml::table::{Entry, Table};
use crate::fly_toml::time;

/// The longest grace period, and the longest time of a single answer.
const MINUTE: Duration = Duration::from_secs(60);
/// The shortest interval that Fly takes.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(2);
/// What is answered without a password, and while data is migrated.
const OPEN: &str = "/healthz";

impl<'a> Lint<'a> {
    pub(super) fn checks(&mut self) {
        if let Some(entry) = self.file.get("machine_checks").filter(|entry| !entry.is_empty()) {
            self.machine_checks(entry);
        }
        let given = self.file.get("checks");
        let table = given.and_then(Entry::table);
        if let (Some(entry), None) = (given, table) {
            return self.refuse(entry.line, "[checks] is a list", "give each a name, as in: [checks.health]");
        }
        let checks: Vec<_> = table.into_iter().flat_map(|table| table.entries()).collect();
        let tables = || checks.iter().filter_map(|entry| Some((entry.name, entry.table()?)));
        if !tables().any(|(_, check)| asks(check, OPEN)) {
            let (line, port) = (given.map_or(self.end, |entry| entry.line), self.port.unwrap_or(8080));
            let message = format!("no check asks {OPEN}: a deploy could not see whether the service is well");
            let remedy =
                format!("add [checks.health] with type = \"http\", port = {port}, path = \"{OPEN}\"");
            self.refuse(line, message, remedy);
        }
        for (name, check) in tables() {
            self.check(name, check);
        }
    }

    fn check(&mut self, name: &str, check: Table<'a>) {
        self.kind(name, check);
        self.asked_port(name, check);
        self.asked_group(name, check);
        self.asked_path(name, check);
        for key in ["interval", "timeout", "grace_period"] {
            if let Some(entry) = check.get(key) {
                self.time(entry);
            }
        }
    }

    fn kind(&mut self, name: &str, check: Table<'a>) {
        match check.get("type") {
            Some(entry) if ["http", "tcp"].contains(&entry.plain()) => {}
            given => {
                let line = given.map_or(check.line, |entry| entry.line);
                self.refuse(
                    line,
                    format!("the check {name} is neither http nor tcp"),
                    "write: type = \"http\"",
                );
            }
        }
        if let Some(entry) = check.get("protocol").filter(|entry| entry.plain() != "http") {
            let message = format!("the check {name} speaks {}, and the service http", entry.plain());
            self.refuse(entry.line, message, "write: protocol = \"http\"");
        }
        let known = |entry: &Entry<'_>| ["GET", "HEAD"].contains(&entry.plain().to_uppercase().as_str());
        if let Some(entry) = check.get("method").filter(|entry| !known(entry)) {
            let message = format!("the check {name} asks with {}, which changes things", entry.plain());
            self.refuse(entry.line, message, "write: method = \"GET\"");
        }
    }

    fn asked_port(&mut self, name: &str, check: Table<'a>) {
        let Some(port) = self.port else { return };
        let remedy = format!("port = {port}");
        match check.get("port") {
            Some(entry) if entry.integer() != Some(port.into()) => {
                let message = format!(
                    "the check {name} asks port {}, and the service listens on {port}",
                    entry.plain()
                );
                self.refuse(entry.line, message, format!("write: {remedy}"));
            }
            // Fly takes the port of [http_service], and of nothing else.
            None if self.file.get("http_service").is_none() => {
                self.refuse(
                    check.line,
                    format!("the check {name} has no port"),
                    format!("add to it: {remedy}"),
                );
            }
            _ => {}
        }
    }

    fn asked_group(&mut self, name: &str, check: Table<'a>) {
        let groups = self.groups_of(check);
        if !groups.contains(&self.group) {
            let line = check.get("processes").map_or(check.line, |entry| entry.line);
            let message = format!(
                "the check {name} is for {}, and {} is what serves",
                groups.join(" and "),
                self.group
            );
            self.refuse(line, message, format!("write: processes = [\"{}\"]", self.group));
        }
    }

    fn asked_path(&mut self, name: &str, check: Table<'a>) {
        if check.get("type").is_none_or(|entry| entry.plain() != "http") || asks(check, OPEN) {
            return;
        }
        let (path, line) = check.get("path").map_or(("/", check.line), |entry| (entry.plain(), entry.line));
        let message =
            format!("the check {name} asks {path}, which may want a password; a deploy waits for it");
        self.tell(line, message, format!("write: path = \"{OPEN}\""));
    }

    fn time(&mut self, entry: Entry<'a>) {
        let Entry { name, line, .. } = entry;
        let Some(given) = time::read(entry.string(), entry.integer(), time::MILLISECOND) else {
            return self.refuse(line, no_time(entry), format!("write it as in: {name} = \"15s\""));
        };
        if entry.integer().is_some_and(|number| (1..1000).contains(&number)) {
            let message = format!("{name} = {0} is {0} milliseconds", entry.written());
            return self.refuse(line, message, format!("write: {name} = \"{}s\"", entry.written()));
        }
        match name {
            "interval" if given < SHORTEST_INTERVAL => {
                self.refuse(line, "Fly takes no interval below 2 s", "write: interval = \"15s\"");
            }
            "timeout" if given > MINUTE => {
                self.refuse(line, "Fly takes no timeout above 60 s", "write: timeout = \"5s\"");
            }
            "grace_period" if given > MINUTE => self.tell(
                line,
                "Fly cuts a grace_period to 60 s; how long a migration may take is what --wait-timeout says",
                "write: grace_period = \"60s\"",
            ),
            _ => {}
        }
    }
}

/// Whether it is a check by HTTP of this path.
fn asks(check: Table<'_>, path: &str) -> bool {
    let is = |key: &str, value: &str| check.get(key).is_some_and(|entry| entry.string() == Some(value));
    is("type", "http") && is("path", path)
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use crate::fly_toml::lint::tests::told;

    #[test]
    fn a_check_has_to_ask_healthz_of_the_machine_that_serves() {
        assert_snapshot!(told(&[
            ("[checks]\n  [checks.health]\n", "[checked]\n  [checked.health]\n"),
            ("path = \"/healthz\"", "path = \"/\""),
            ("    path = \"/healthz\"\n", ""),
            ("type = \"http\"\n    processes = [\"app\"]\n    port = 8080\n    path", "type = \"tcp\"\n    processes = [\"app\"]\n    port = 8080\n    path"),
            ("    type = \"http\"\n", ""),
            ("\"http\"\n    processes", "\"https\"\n    processes"),
            ("    port = 8080\n    path", "    port = 9090\n    path"),
            ("    port = 8080\n", ""),
            ("type = \"http\"\n    processes = [\"app\"]", "type = \"http\"\n    processes = [\"web\"]"),
            ("type = \"http\"", "type = \"http\"\n    protocol = \"https\"\n    method = \"post\""),
            ("[[vm]]", "[checks.page]\n  type = \"http\"\n  path = \"/api\"\n  port = 8080\n[[vm]]"),
            ("[[vm]]", "[checks.port]\n  type = \"tcp\"\n  port = 8080\n[[vm]]"),
            ("[checks]\n  [checks.health]\n", "[[checks]]\n    name = \"health\"\n"),
            ("[[vm]]", "[[machine_checks]]\n  command = [\"curl\"]\n[[vm]]"),
        ]), @r#"
        [checked]
          [checked.health]
          Told fly.toml:28: Fly does not know checked, and ignores it
            did you mean checks?
          Refused fly.toml:41: no check asks /healthz: a deploy could not see whether the service is well
            add [checks.health] with type = "http", port = 8080, path = "/healthz"

        path = "/"
          Refused fly.toml:28: no check asks /healthz: a deploy could not see whether the service is well
            add [checks.health] with type = "http", port = 8080, path = "/healthz"
          Told fly.toml:33: the check health asks /, which may want a password; a deploy waits for it
            write: path = "/healthz"

        without path = "/healthz"
          Refused fly.toml:28: no check asks /healthz: a deploy could not see whether the service is well
            add [checks.health] with type = "http", port = 8080, path = "/healthz"
          Told fly.toml:29: the check health asks /, which may want a password; a deploy waits for it
            write: path = "/healthz"

        type = "tcp"
            processes = ["app"]
            port = 8080
            path
          Refused fly.toml:28: no check asks /healthz: a deploy could not see whether the service is well
            add [checks.health] with type = "http", port = 8080, path = "/healthz"

        without type = "http"
          Refused fly.toml:28: no check asks /healthz: a deploy could not see whether the service is well
            add [checks.health] with type = "http", port = 8080, path = "/healthz"
          Refused fly.toml:29: the check health is neither http nor tcp
            write: type = "http"

        "https"
            processes
          Refused fly.toml:28: no check asks /healthz: a deploy could not see whether the service is well
            add [checks.health] with type = "http", port = 8080, path = "/healthz"
          Refused fly.toml:30: the check health is neither http nor tcp
            write: type = "http"

        port = 9090
            path
          Refused fly.toml:32: the check health asks port 9090, and the service listens on 8080
            write: port = 8080

        without port = 8080
          fine

        type = "http"
            processes = ["web"]
          Refused fly.toml:31: the check health is for web, and app is what serves
            write: processes = ["app"]

        type = "http"
            protocol = "https"
            method = "post"
          Refused fly.toml:31: the check health speaks https, and the service http
            write: protocol = "http"
          Refused fly.toml:32: the check health asks with post, which changes things
            write: method = "GET"

        [checks.page]
          type = "http"
          path = "/api"
          port = 8080
        [[vm]]
          Told fly.toml:40: the check page asks /api, which may want a password; a deploy waits for it
            write: path = "/healthz"

        [checks.port]
          type = "tcp"
          port = 8080
        [[vm]]
          fine

        [[checks]]
            name = "health"
          Refused fly.toml:28: [checks] is a list
            give each a name, as in: [checks.health]

        [[machine_checks]]
          command = ["curl"]
        [[vm]]
          Told fly.toml:38: machine_checks start one more machine in the middle of a deploy, without the volume
            take them out; [checks] look at the machine itself
        "#);
    }

    #[test]
    fn the_times_of_a_check_are_times() {
        assert_snapshot!(told(&[
            ("\"60s\"", "60"),
            ("\"60s\"", "60000"),
            ("\"60s\"", "\"5m\""),
            ("\"15s\"", "\"1s\""),
            ("timeout = \"5s\"", "timeout = \"2m\""),
            ("timeout = \"5s\"", "timeout = \"soon\""),
            ("timeout = \"5s\"", "timeout = 5"),
        ]), @r#"
        60
          Refused fly.toml:36: grace_period = 60 is 60 milliseconds
            write: grace_period = "60s"

        60000
          fine

        "5m"
          Told fly.toml:36: Fly cuts a grace_period to 60 s; how long a migration may take is what --wait-timeout says
            write: grace_period = "60s"

        "1s"
          Refused fly.toml:34: Fly takes no interval below 2 s
            write: interval = "15s"

        timeout = "2m"
          Refused fly.toml:35: Fly takes no timeout above 60 s
            write: timeout = "5s"

        timeout = "soon"
          Refused fly.toml:35: timeout = "soon" is no time
            write it as in: timeout = "15s"

        timeout = 5
          Refused fly.toml:35: timeout = 5 is 5 milliseconds
            write: timeout = "5s"
        "#);
    }
}
