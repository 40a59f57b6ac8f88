//! `[http_service]` and `[[services]]`: what Fly's proxy does with visitors and with the machine.

use super::Lint;
use super::facts::{port_of, services};
use crate::fly_toml::table::{Entry, Table};

const REMEDY: &str = "internal_port = 8080";
/// Lists of checks that belong to a service.
const CHECKS: [&str; 3] = ["checks", "http_checks", "tcp_checks"];

impl<'a> Lint<'a> {
    pub(super) fn services(&mut self) {
        let services = services(self.file);
        if services.is_empty() {
            let message = "there is no [http_service]: nobody would reach the service";
            self.refuse(
                self.end,
                message,
                format!("add it, with the port that the service listens on: {REMEDY}"),
            );
        }
        for (name, service) in services {
            self.internal_port(name, service);
            self.serving_group(name, service);
            self.service_checks(name, service);
            self.auto_stop(service);
            self.auto_start(name, service);
            self.min_machines(service);
        }
    }

    fn internal_port(&mut self, name: &str, service: Table<'a>) {
        let Some(entry) = service.get("internal_port") else {
            let message = format!("{name} has no internal_port, the port that the service listens on");
            return self.refuse(service.line, message, format!("add to it: {REMEDY}"));
        };
        match (port_of(entry), self.port) {
            (None, _) => {
                let message = format!("internal_port = {} is no port", entry.written());
                self.refuse(entry.line, message, format!("write it as in: {REMEDY}"));
            }
            (Some(port), Some(first)) if port != first => {
                let message = format!("internal_port = {port}, and the service listens on {first} alone");
                self.refuse(entry.line, message, format!("write: internal_port = {first}"));
            }
            _ => {}
        }
    }

    fn serving_group(&mut self, name: &str, service: Table<'a>) {
        let line = service.get("processes").map_or(service.line, |entry| entry.line);
        let named = service.words("processes");
        let message = if named.is_empty() && self.file.get("processes").is_some_and(|entry| !entry.is_empty())
        {
            format!("{name} is for no group, which Fly takes only where there is no [processes]")
        } else if self.groups_of(service) != [self.group] {
            format!(
                "{name} is for {}, and the volume for {}",
                self.groups_of(service).join(" and "),
                self.group
            )
        } else {
            return;
        };
        self.refuse(line, message, format!("write: processes = [\"{}\"]", self.group));
    }

    fn service_checks(&mut self, name: &str, service: Table<'a>) {
        let given = CHECKS.into_iter().filter_map(|list| service.get(list));
        for entry in given.filter(|entry| !entry.is_empty()) {
            let message = format!(
                "a check of {name}: while it fails, the proxy hides the page that says \"back in a moment\""
            );
            self.refuse(entry.line, message, "move it to [checks.health], which the proxy does not look at");
        }
        if let Some(entry) = service.get("machine_checks").filter(|entry| !entry.is_empty()) {
            self.machine_checks(entry);
        }
    }

    /// A machine that is started to look at the one that was replaced.
    pub(super) fn machine_checks(&mut self, entry: Entry<'a>) {
        let message = "machine_checks start one more machine in the middle of a deploy, without the volume";
        self.tell(entry.line, message, "take them out; [checks] look at the machine itself");
    }

    fn auto_stop(&mut self, service: Table<'a>) {
        let Some(entry) = service.get("auto_stop_machines") else { return };
        if !["off", "false"].contains(&entry.plain()) {
            let message = "the proxy stops a machine that nobody visits, in the middle of a migration, too";
            self.tell(entry.line, message, "write: auto_stop_machines = \"off\"");
        }
    }

    fn auto_start(&mut self, name: &str, service: Table<'a>) {
        let message =
            "the proxy starts the machine at the next visit, even where it was stopped to put data back";
        match service.get("auto_start_machines") {
            Some(entry) if entry.plain() == "false" => {}
            Some(entry) => self.tell(entry.line, message, "write: auto_start_machines = false"),
            None => self.tell(service.line, message, format!("add to {name}: auto_start_machines = false")),
        }
    }

    fn min_machines(&mut self, service: Table<'a>) {
        let Some(entry) = service.get("min_machines_running") else { return };
        if entry.integer().is_some_and(|count| count > 1) {
            let message =
                format!("min_machines_running = {}, and there is one: that of the volume", entry.written());
            self.tell(entry.line, message, "write: min_machines_running = 1");
        }
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use crate::fly_toml::lint::tests::told;

    #[test]
    fn the_service_is_that_of_the_volume_and_listens_on_one_port() {
        assert_snapshot!(told(&[
            ("[http_service]\n  processes = [\"app\"]\n", "[old_service]\n  processes = [\"app\"]\n"),
            ("  internal_port = 8080\n", ""),
            ("internal_port = 8080", "internal_port = 0"),
            ("internal_port = 8080", "internal_port = \"8080\""),
            ("min_machines_running = 1\n", "min_machines_running = 1\n[[services]]\n  processes = [\"app\"]\n  internal_port = 9090\n  auto_start_machines = false\n"),
            ("[http_service]\n  processes = [\"app\"]\n", "[http_service]\n"),
            ("[http_service]\n  processes = [\"app\"]\n", "[http_service]\n  processes = [\"web\"]\n"),
            ("[http_service]\n  processes = [\"app\"]\n", "[http_service]\n  processes = [\"app\", \"web\"]\n"),
        ]), @r#"
        [old_service]
          processes = ["app"]
          Told fly.toml:18: Fly does not know old_service, and ignores it
            did you mean services?
          Refused fly.toml:41: there is no [http_service]: nobody would reach the service
            add it, with the port that the service listens on: internal_port = 8080

        without internal_port = 8080
          Refused fly.toml:18: [http_service] has no internal_port, the port that the service listens on
            add to it: internal_port = 8080

        internal_port = 0
          Refused fly.toml:20: internal_port = 0 is no port
            write it as in: internal_port = 8080

        internal_port = "8080"
          Refused fly.toml:20: internal_port = "8080" is no port
            write it as in: internal_port = 8080

        min_machines_running = 1
        [[services]]
          processes = ["app"]
          internal_port = 9090
          auto_start_machines = false
          Refused fly.toml:28: internal_port = 9090, and the service listens on 8080 alone
            write: internal_port = 8080

        [http_service]
          Refused fly.toml:18: [http_service] is for no group, which Fly takes only where there is no [processes]
            write: processes = ["app"]

        [http_service]
          processes = ["web"]
          Refused fly.toml:19: [http_service] is for web, and the volume for app
            write: processes = ["app"]

        [http_service]
          processes = ["app", "web"]
          Refused fly.toml:19: [http_service] is for app and web, and the volume for app
            write: processes = ["app"]
        "#);
    }

    #[test]
    fn a_check_of_a_service_is_refused() {
        assert_snapshot!(told(&[
            ("min_machines_running = 1\n", "min_machines_running = 1\n[[http_service.checks]]\n  path = \"/healthz\"\n"),
            ("[http_service]\n  processes = [\"app\"]\n", "[[services]]\n  processes = [\"app\"]\n  http_checks = [{ path = \"/healthz\" }]\n  tcp_checks = [{ interval = \"15s\" }]\n"),
            ("[http_service]\n  processes = [\"app\"]\n", "[[services]]\n  processes = [\"app\"]\n  checks = [{ path = \"/healthz\" }]\n"),
            ("min_machines_running = 1\n", "min_machines_running = 1\n[[http_service.machine_checks]]\n  command = [\"curl\"]\n"),
        ]), @r#"
        min_machines_running = 1
        [[http_service.checks]]
          path = "/healthz"
          Refused fly.toml:26: a check of [http_service]: while it fails, the proxy hides the page that says "back in a moment"
            move it to [checks.health], which the proxy does not look at

        [[services]]
          processes = ["app"]
          http_checks = [{ path = "/healthz" }]
          tcp_checks = [{ interval = "15s" }]
          Refused fly.toml:20: a check of [[services]]: while it fails, the proxy hides the page that says "back in a moment"
            move it to [checks.health], which the proxy does not look at
          Refused fly.toml:21: a check of [[services]]: while it fails, the proxy hides the page that says "back in a moment"
            move it to [checks.health], which the proxy does not look at

        [[services]]
          processes = ["app"]
          checks = [{ path = "/healthz" }]
          Refused fly.toml:20: a check of [[services]]: while it fails, the proxy hides the page that says "back in a moment"
            move it to [checks.health], which the proxy does not look at

        min_machines_running = 1
        [[http_service.machine_checks]]
          command = ["curl"]
          Told fly.toml:26: machine_checks start one more machine in the middle of a deploy, without the volume
            take them out; [checks] look at the machine itself
        "#);
    }

    #[test]
    fn what_the_proxy_would_do_with_the_machine_is_told() {
        assert_snapshot!(told(&[
            ("\"off\"", "\"stop\""),
            ("\"off\"", "\"suspend\""),
            ("\"off\"", "true"),
            ("auto_start_machines = false", "auto_start_machines = true"),
            ("  auto_start_machines = false\n", ""),
            ("min_machines_running = 1\n", "min_machines_running = 2\n"),
        ]), @r#"
        "stop"
          Told fly.toml:23: the proxy stops a machine that nobody visits, in the middle of a migration, too
            write: auto_stop_machines = "off"

        "suspend"
          Told fly.toml:23: the proxy stops a machine that nobody visits, in the middle of a migration, too
            write: auto_stop_machines = "off"

        true
          Told fly.toml:23: the proxy stops a machine that nobody visits, in the middle of a migration, too
            write: auto_stop_machines = "off"

        auto_start_machines = true
          Told fly.toml:24: the proxy starts the machine at the next visit, even where it was stopped to put data back
            write: auto_start_machines = false

        without auto_start_machines = false
          Told fly.toml:18: the proxy starts the machine at the next visit, even where it was stopped to put data back
            add to [http_service]: auto_start_machines = false

        min_machines_running = 2
          Told fly.toml:25: min_machines_running = 2, and there is one: that of the volume
            write: min_machines_running = 1
        "#);
    }
}
