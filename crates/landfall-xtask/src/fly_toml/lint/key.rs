//! Keys that Fly ignores without a word: most are misspelt.

use super::Lint;
use crate::fly_toml::table::{Entry, Table};

/// What may be in the file itself, and in the tables that matter to a deploy.
const FILE: &str = "app build checks console_command container deploy env experimental files host_dedication_id \
    http_service kill_signal kill_timeout machine_checks machine_config metric metrics mounts primary_region processes \
    restart services statics swap_size_mb vm";
const MOUNTS: &str = "source destination initial_size snapshot_retention scheduled_snapshots \
    auto_extend_size_threshold auto_extend_size_increment auto_extend_size_limit processes";
const SERVICE: &str = "internal_port protocol ports force_https auto_stop_machines auto_start_machines \
    min_machines_running processes concurrency tls_options http_options checks http_checks tcp_checks machine_checks";
const CHECK: &str = "port type interval timeout grace_period method path protocol tls_skip_verify tls_server_name \
    headers processes";
const DEPLOY: &str = "strategy max_unavailable wait_timeout release_command release_command_timeout \
    release_command_vm seed_command";
const VM: &str = "size memory memory_mb cpus cpu_kind gpus gpu_kind kernel_args host_dedication_id persist_rootfs \
    processes";
/// Old spellings that Fly still takes, and what Landfall reads.
const OLD: [(&str, &str); 3] = [("mount", "[[mounts]]"), ("compute", "[[vm]]"), ("computes", "[[vm]]")];

impl<'a> Lint<'a> {
    pub(super) fn keys(&mut self) {
        let checks = self.file.get("checks").and_then(Entry::table);
        let checks = checks.into_iter().flat_map(|table| table.entries()).filter_map(Entry::table);
        let mut tables = vec![(self.file, FILE)];
        tables.extend(checks.map(|check| (check, CHECK)));
        for (name, known) in [
            ("mounts", MOUNTS),
            ("http_service", SERVICE),
            ("services", SERVICE),
            ("deploy", DEPLOY),
            ("vm", VM),
        ] {
            tables.extend(self.file.tables(name).into_iter().map(|table| (table, known)));
        }
        for (table, known) in tables {
            self.unknown_keys(table, known);
        }
    }

    fn unknown_keys(&mut self, table: Table<'a>, known: &str) {
        let known: Vec<_> = known.split_whitespace().collect();
        for Entry { name, line, .. } in table.entries().filter(|entry| !known.contains(&entry.name)) {
            if name.starts_with("compute") && OLD.iter().any(|(old, _)| *old == name) {
                // Otherwise nobody compares the machine that it makes with the one that runs.
                let message = format!("{name} is an old spelling, which Fly obeys and nobody here reads");
                self.refuse(line, message, "write: [[vm]]");
                continue;
            }
            let (message, remedy) = match OLD.iter().find(|(old, _)| *old == name) {
                Some((_, new)) => (format!("{name} is an old spelling"), format!("write: {new}")),
                None => (format!("Fly does not know {name}, and ignores it"), remedy(name, &known)),
            };
            self.tell(line, message, remedy);
        }
    }
}

fn remedy(name: &str, known: &[&str]) -> String {
    let near = |known: &&&str| (strsim::jaro_winkler(name, known) * 1000.0) as u32;
    match known.iter().max_by_key(near) {
        Some(nearest) if near(&nearest) > 800 => format!("did you mean {nearest}?"),
        _ => "take it out; what there is: https://fly.io/docs/reference/configuration/".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use crate::fly_toml::lint::tests::told;

    #[test]
    fn a_key_that_fly_ignores_is_told_with_what_was_meant() {
        assert_snapshot!(told(&[
            ("kill_timeout =", "kill_timout ="),
            ("[[mounts]]", "[[mount]]"),
            ("[[vm]]", "[[compute]]"),
            ("[http_service]", "[http-service]"),
            ("auto_stop_machines", "auto_stop_machine"),
            ("grace_period", "grace"),
            ("[checks]", "[deploy]\n  stratgy = 'rolling'\n[checks]"),
            ("[checks]", "[scale]\n  count = 2\n[checks]"),
            ("  size =", "  count = 2\n  size ="),
        ]), @r#"
        kill_timout =
          Told fly.toml:1: there is no kill_timeout, which makes it 5 s: too short to roll a migration back
            write above the first table: kill_timeout = "30s"
          Told fly.toml:5: Fly does not know kill_timout, and ignores it
            did you mean kill_timeout?

        [[mount]]
          Told fly.toml:13: mount is an old spelling
            write: [[mounts]]
          Refused fly.toml:41: there is no [[mounts]]: data would be gone with the machine
            add one with source = "data" and destination = "/data"

        [[compute]]
          Refused fly.toml:38: compute is an old spelling, which Fly obeys and nobody here reads
            write: [[vm]]

        [http-service]
          Told fly.toml:18: Fly does not know http-service, and ignores it
            did you mean http_service?
          Refused fly.toml:41: there is no [http_service]: nobody would reach the service
            add it, with the port that the service listens on: internal_port = 8080

        auto_stop_machine
          Told fly.toml:23: Fly does not know auto_stop_machine, and ignores it
            did you mean auto_stop_machines?

        grace
          Told fly.toml:36: Fly does not know grace, and ignores it
            did you mean grace_period?

        [deploy]
          stratgy = 'rolling'
        [checks]
          Told fly.toml:29: Fly does not know stratgy, and ignores it
            did you mean strategy?

        [scale]
          count = 2
        [checks]
          Told fly.toml:28: Fly does not know scale, and ignores it
            take it out; what there is: https://fly.io/docs/reference/configuration/

        count = 2
          size =
          Told fly.toml:40: Fly does not know count, and ignores it
            take it out; what there is: https://fly.io/docs/reference/configuration/
        "#);
    }
}
