//! `[processes]` and whatever else says what a machine runs.

use std::path::Path;

use super::{Lint, facts};
use crate::fly_toml::table::Entry;

impl<'a> Lint<'a> {
    pub(super) fn processes(&mut self) {
        if let Some(entry) = self.file.get("processes") {
            match entry.table() {
                Some(table) => table.entries().for_each(|process| self.process(process)),
                None if entry.is_empty() => {}
                None => self.refuse(
                    entry.line,
                    "[processes] is no table",
                    "write below [processes]: app = \"landfall start -- app\"",
                ),
            }
        }
        self.replaced_start();
        self.other_containers();
        self.other_files();
        self.statics();
    }

    fn process(&mut self, process: Entry<'a>) {
        let Entry { name, line, .. } = process;
        if name != self.group {
            let message = format!("the group {name} has a machine of its own, without the volume");
            self.tell(line, message, "take it out, unless it needs no data");
        } else if !starts(process.plain()) {
            let message = format!(
                "{name} runs {}: only `landfall start -- COMMAND` migrates, and then serves",
                process.written()
            );
            self.refuse(line, message, format!("write: {name} = \"landfall start -- app\""));
        }
    }

    /// What stands in for the command of the image or of the group.
    fn replaced_start(&mut self) {
        let Some(table) = self.file.get("experimental").and_then(Entry::table) else { return };
        for entry in ["cmd", "entrypoint", "exec"].into_iter().filter_map(|name| table.get(name)) {
            let message =
                format!("{} replaces `landfall start -- app`, which migrates, and then serves", entry.name);
            self.refuse(entry.line, message, "take it out");
        }
    }

    /// What lets a machine run more than the image that was proved.
    fn other_containers(&mut self) {
        let inside = |table: &str, key: &str| self.file.get(table).and_then(Entry::table)?.get(key);
        let found = [
            self.file.get("machine_config"),
            self.file.get("container"),
            inside("experimental", "machine_config"),
            inside("build", "compose"),
        ];
        for entry in found.into_iter().flatten() {
            let message = format!("{} lets the machine run more than the image that was proved", entry.name);
            self.refuse(entry.line, message, "take it out");
        }
    }

    /// Fly writes them over what the image has, before it starts.
    fn other_files(&mut self) {
        for table in self.file.tables("files") {
            let path = table.get("guest_path").map_or("", |entry| entry.plain());
            if path.contains("..") || !FILES.iter().any(|folder| path.starts_with(folder)) {
                let message = format!("[[files]] puts {path} over the image that was proved");
                let remedy = "let the Dockerfile copy it into the image, or put it below /run/";
                self.refuse(table.line, message, remedy);
            }
        }
    }

    /// Fly's proxy answers with them to everybody, without asking the service.
    fn statics(&mut self) {
        let Some(folder) = facts::folder(self.file).map(Path::new) else { return };
        for table in self.file.tables("statics") {
            let path = table.get("guest_path").map_or("", |entry| entry.plain());
            if folder.starts_with(path) || Path::new(path).starts_with(folder) {
                let message = format!("[[statics]] shows {path} to everybody, where the database is");
                self.refuse(table.line, message, "name a folder of the image");
            }
        }
    }
}

/// Below these a file takes the place of none that the image has.
const FILES: [&str; 3] = ["/run/", "/secrets/", "/etc/secrets/"];

/// Where the image has `landfall`, and by which name it is found on the image's PATH.
const PROGRAMS: [&str; 2] = ["landfall", "/usr/local/bin/landfall"];

/// Whether a command is `landfall start` with a service behind it; an empty one is the image's own command, which is that.
fn starts(command: &str) -> bool {
    let words: Vec<_> = command.split_whitespace().collect();
    match words.as_slice() {
        [] => true,
        [program, "start", "--", _service, ..] => PROGRAMS.contains(program),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use crate::fly_toml::lint::tests::told;

    #[test]
    fn what_starts_the_service_is_what_the_image_has() {
        let dockerfile = include_str!("../../../../../Dockerfile");
        let lines =
            |begin: &str| dockerfile.lines().filter(|line| line.starts_with(begin)).collect::<Vec<_>>();
        assert_eq!(lines("CMD"), ["CMD [\"landfall\", \"start\", \"--\", \"app\"]"]);
        assert_eq!(lines("ENTRYPOINT"), [""; 0]);
        assert!(
            dockerfile.contains(&format!("COPY --from=builder /image/landfall {}\n", super::PROGRAMS[1]))
        );
        for command in
            ["", "landfall start -- app", " /usr/local/bin/landfall  start -- node server.js --port 8080 "]
        {
            assert!(super::starts(command), "{command}");
        }
        for command in [
            "start",
            "sh start",
            "landfall",
            "landfall start",
            "landfall start --",
            "landfall start app",
            "landfall migrate -- app",
            "landfall migrate; landfall start -- app",
            "app",
            "/usr/bin/landfall start -- app",
            "./landfall start -- app",
            "npm start",
            "true landfall start -- app",
            "sh -c start",
            "'landfall' start -- app",
            "landfall START -- app",
        ] {
            assert!(!super::starts(command), "{command}");
        }
    }

    #[test]
    fn the_machine_of_the_volume_migrates_and_then_serves() {
        assert_snapshot!(told(&[
            ("\"landfall start -- app\"", "\"app\""),
            ("\"landfall start -- app\"", "\"start\""),
            ("\"landfall start -- app\"", "\"sh -c 'landfall start -- app'\""),
            ("\"landfall start -- app\"", "\"npm start\""),
            ("\"landfall start -- app\"", "3"),
            ("[processes]\n  app = \"landfall start -- app\"\n", "processes = [\"landfall start -- app\"]\n"),
            ("[processes]\n  app = \"landfall start -- app\"\n", "[processes]\n  app = \"landfall start -- app\"\n  worker = \"landfall backup /tmp/x\"\n"),
        ]), @r#"
        "app"
          Refused fly.toml:8: app runs "app": only `landfall start -- COMMAND` migrates, and then serves
            write: app = "landfall start -- app"

        "start"
          Refused fly.toml:8: app runs "start": only `landfall start -- COMMAND` migrates, and then serves
            write: app = "landfall start -- app"

        "sh -c 'landfall start -- app'"
          Refused fly.toml:8: app runs "sh -c 'landfall start -- app'": only `landfall start -- COMMAND` migrates, and then serves
            write: app = "landfall start -- app"

        "npm start"
          Refused fly.toml:8: app runs "npm start": only `landfall start -- COMMAND` migrates, and then serves
            write: app = "landfall start -- app"

        3
          Refused fly.toml:8: app runs 3: only `landfall start -- COMMAND` migrates, and then serves
            write: app = "landfall start -- app"

        processes = ["landfall start -- app"]
          Refused fly.toml:7: [processes] is no table
            write below [processes]: app = "landfall start -- app"

        [processes]
          app = "landfall start -- app"
          worker = "landfall backup /tmp/x"
          Told fly.toml:9: the group worker has a machine of its own, without the volume
            take it out, unless it needs no data
        "#);
    }

    #[test]
    fn what_runs_something_else_is_refused() {
        assert_snapshot!(told(&[
            ("[env]", "[experimental]\n  cmd = [\"app\", \"serve\"]\n  entrypoint = \"/bin/sh\"\n  machine_config = \"more.json\"\n[env]"),
            ("[env]", "[build.compose]\n  file = \"compose.yml\"\n[env]"),
            ("kill_signal", "container = \"web\"\nmachine_config = \"more.json\"\nkill_signal"),
        ]), @r#"
        [experimental]
          cmd = ["app", "serve"]
          entrypoint = "/bin/sh"
          machine_config = "more.json"
        [env]
          Refused fly.toml:11: cmd replaces `landfall start -- app`, which migrates, and then serves
            take it out
          Refused fly.toml:12: entrypoint replaces `landfall start -- app`, which migrates, and then serves
            take it out
          Refused fly.toml:13: machine_config lets the machine run more than the image that was proved
            take it out

        [build.compose]
          file = "compose.yml"
        [env]
          Refused fly.toml:10: compose lets the machine run more than the image that was proved
            take it out

        container = "web"
        machine_config = "more.json"
        kill_signal
          Refused fly.toml:4: container lets the machine run more than the image that was proved
            take it out
          Refused fly.toml:5: machine_config lets the machine run more than the image that was proved
            take it out
        "#);
    }

    #[test]
    fn nothing_is_put_over_the_image_and_nobody_sees_the_volume() {
        assert_snapshot!(told(&[
            ("[env]", "[[files]]\n  guest_path = \"/usr/local/bin/app\"\n  raw_value = \"eA==\"\n[env]"),
            ("[env]", "[[files]]\n  guest_path = \"/run/../usr/bin/x\"\n  local_path = \"x\"\n[env]"),
            ("[env]", "[[files]]\n  guest_path = \"/run/key\"\n  secret_name = \"KEY\"\n[env]"),
            ("[env]", "[[statics]]\n  guest_path = \"/data\"\n  url_prefix = \"/x\"\n[env]"),
            ("[env]", "[[statics]]\n  guest_path = \"/\"\n  url_prefix = \"/x\"\n[env]"),
            ("[env]", "[[statics]]\n  guest_path = \"/data/db\"\n  url_prefix = \"/x\"\n[env]"),
            ("[env]", "[[statics]]\n  guest_path = \"/srv/public\"\n  url_prefix = \"/x\"\n[env]"),
        ]), @r#"
        [[files]]
          guest_path = "/usr/local/bin/app"
          raw_value = "eA=="
        [env]
          Refused fly.toml:10: [[files]] puts /usr/local/bin/app over the image that was proved
            let the Dockerfile copy it into the image, or put it below /run/

        [[files]]
          guest_path = "/run/../usr/bin/x"
          local_path = "x"
        [env]
          Refused fly.toml:10: [[files]] puts /run/../usr/bin/x over the image that was proved
            let the Dockerfile copy it into the image, or put it below /run/

        [[files]]
          guest_path = "/run/key"
          secret_name = "KEY"
        [env]
          fine

        [[statics]]
          guest_path = "/data"
          url_prefix = "/x"
        [env]
          Refused fly.toml:10: [[statics]] shows /data to everybody, where the database is
            name a folder of the image

        [[statics]]
          guest_path = "/"
          url_prefix = "/x"
        [env]
          Refused fly.toml:10: [[statics]] shows / to everybody, where the database is
            name a folder of the image

        [[statics]]
          guest_path = "/data/db"
          url_prefix = "/x"
        [env]
          Refused fly.toml:10: [[statics]] shows /data/db to everybody, where the database is
            name a folder of the image

        [[statics]]
          guest_path = "/srv/public"
          url_prefix = "/x"
        [env]
          fine
        "#);
    }
}
