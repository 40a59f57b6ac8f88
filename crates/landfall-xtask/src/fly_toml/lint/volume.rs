//! `[[mounts]]`: one machine, one volume, one database.

use super::Lint;
use super::facts::is_folder;
use crate::fly_toml::size;
use crate::fly_toml::table::Table;

const REMEDY: &str = "add one with source = \"data\" and destination = \"/data\"";

/// For how many days Fly keeps a snapshot at most.
const LONGEST_KEPT: i64 = 60;

impl<'a> Lint<'a> {
    pub(super) fn volume(&mut self) {
        let mounts = self.file.tables("mounts");
        let Some((first, others)) = mounts.split_first() else {
            let line = self.file.get("mounts").map_or(self.end, |entry| entry.line);
            return self.refuse(line, "there is no [[mounts]]: data would be gone with the machine", REMEDY);
        };
        self.source(*first);
        self.destination(*first);
        self.mounting_groups(*first);
        self.making(*first);
        for other in others {
            self.refuse(
                other.line,
                "a second [[mounts]]: the service has one machine with one volume",
                "take it out",
            );
        }
    }

    fn source(&mut self, mount: Table<'a>) {
        match mount.get("source") {
            Some(source) if !source.is_empty() => {
                self.is_string(source);
            }
            given => self.refuse(
                given.map_or(mount.line, |entry| entry.line),
                "[[mounts]] has no source, the name of the volume",
                "add to it: source = \"data\"",
            ),
        }
    }

    fn destination(&mut self, mount: Table<'a>) {
        let remedy = "add to it: destination = \"/data\"";
        let Some(entry) = mount.get("destination").filter(|entry| !entry.is_empty()) else {
            return self.refuse(
                mount.line,
                "[[mounts]] has no destination, the folder of the volume",
                remedy,
            );
        };
        if !is_folder(entry.plain()) {
            let message = format!("destination = {}: no volume can be mounted there", entry.written());
            self.refuse(entry.line, message, "write it as in: destination = \"/data\"");
        }
    }

    /// What counts only when the volume is made.
    fn making(&mut self, mount: Table<'a>) {
        if let Some(entry) =
            mount.get("initial_size").filter(|entry| size::gigabytes(entry.plain()).is_none())
        {
            self.refuse(entry.line, format!("initial_size = {} is no size", entry.written()), size::REMEDY);
        }
        let is_kept = |days: i64| (1..=LONGEST_KEPT).contains(&days);
        if let Some(entry) =
            mount.get("snapshot_retention").filter(|entry| !entry.integer().is_some_and(is_kept))
        {
            let message =
                format!("snapshot_retention = {} is no number of days that Fly takes", entry.written());
            self.refuse(entry.line, message, "write a number from 1 to 60: snapshot_retention = 5");
        }
    }

    fn mounting_groups(&mut self, mount: Table<'a>) {
        let Some(entry) = mount.get("processes") else { return };
        let named = mount.words("processes");
        let message = match named.as_slice() {
            [] => return,
            [only] if self.groups.contains(only) => return,
            [only] => format!("[[mounts]] is for {only}, which is no process group"),
            several => format!(
                "[[mounts]] is for {}: the machines of each would have a volume, and a database, of their own",
                several.join(" and ")
            ),
        };
        self.refuse(entry.line, message, format!("write: processes = [\"{}\"]", self.group));
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use crate::fly_toml::lint::tests::told;

    const ALL: &str = "[[mounts]]\n  source = \"data\"\n  destination = \"/data\"\n  processes = [\"app\"]\n";

    #[test]
    fn one_volume_of_one_machine_is_wanted() {
        assert_snapshot!(told(&[
            (ALL, ""),
            (ALL, "[mounts]\n"),
            ("  source = \"data\"\n", ""),
            ("source = \"data\"", "source = \"\""),
            ("source = \"data\"", "source = 3"),
            ("destination = \"/data\"", "destination = \"data\""),
            ("destination = \"/data\"", "destination = \"/\""),
            ("[http_service]", "[[mounts]]\n  source = \"more\"\n  destination = \"/more\"\n[http_service]"),
            ("/data\"\n  processes = [\"app\"]", "/data\"\n  processes = [\"app\", \"web\"]"),
            ("/data\"\n  processes = [\"app\"]", "/data\"\n  processes = [\"web\"]"),
            ("destination = \"/data\"", "destination = \"/data\"\n  initial_size = \"1tb\"\n  snapshot_retention = 61"),
            ("destination = \"/data\"", "destination = \"/data\"\n  initial_size = \"10gb\"\n  snapshot_retention = 14"),
        ]), @r#"
        without [[mounts]]
          source = "data"
          destination = "/data"
          processes = ["app"]
          Refused fly.toml:37: there is no [[mounts]]: data would be gone with the machine
            add one with source = "data" and destination = "/data"

        [mounts]
          Refused fly.toml:13: [[mounts]] has no source, the name of the volume
            add to it: source = "data"
          Refused fly.toml:13: [[mounts]] has no destination, the folder of the volume
            add to it: destination = "/data"

        without source = "data"
          Refused fly.toml:13: [[mounts]] has no source, the name of the volume
            add to it: source = "data"

        source = ""
          Refused fly.toml:14: [[mounts]] has no source, the name of the volume
            add to it: source = "data"

        source = 3
          Refused fly.toml:14: source = 3 is no text
            write it in quotes

        destination = "data"
          Refused fly.toml:15: destination = "data": no volume can be mounted there
            write it as in: destination = "/data"

        destination = "/"
          Refused fly.toml:15: destination = "/": no volume can be mounted there
            write it as in: destination = "/data"

        [[mounts]]
          source = "more"
          destination = "/more"
        [http_service]
          Refused fly.toml:18: a second [[mounts]]: the service has one machine with one volume
            take it out

        /data"
          processes = ["app", "web"]
          Refused fly.toml:16: [[mounts]] is for app and web: the machines of each would have a volume, and a database, of their own
            write: processes = ["app"]

        /data"
          processes = ["web"]
          Refused fly.toml:16: [[mounts]] is for web, which is no process group
            write: processes = ["app"]

        destination = "/data"
          initial_size = "1tb"
          snapshot_retention = 61
          Refused fly.toml:16: initial_size = "1tb" is no size
            write it as in: initial_size = "10gb"
          Refused fly.toml:17: snapshot_retention = 61 is no number of days that Fly takes
            write a number from 1 to 60: snapshot_retention = 5

        destination = "/data"
          initial_size = "10gb"
          snapshot_retention = 14
          fine
        "#);
    }
}
