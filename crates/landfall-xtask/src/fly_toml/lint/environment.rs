//! `[env]`: where the database lies, and what must not be there.

use std::net::IpAddr;
use std::path::Path;

use super::{Lint, facts};
use crate::fly_toml::table::Entry;

/// What `deploy` and `rollback` set on a machine, for one change.
const OF_A_DEPLOY: [&str; 4] = ["LANDFALL_ALLOW", "LANDFALL_ALLOW_FOR", "LANDFALL_CREATE", "LANDFALL_SCHEMA"];
/// What the image says already: here it would hold against what was built and rehearsed.
const OF_THE_IMAGE: [&str; 6] = [
    "LANDFALL_COLUMN_ORDER",
    "LANDFALL_COMMIT",
    "LANDFALL_FAST_PATH",
    "LANDFALL_IGNORE",
    "LANDFALL_PLANNER",
    "SCHEMA_PATH",
];
/// What nobody but the service may know, and what mends it where others do.
const SECRETS: [(&str, &str); 2] = [
    ("APP_PASSWORD", "take it out, and set another one: fly secrets set APP_PASSWORD=…"),
    ("FLY_API_TOKEN", "take it out, and revoke it: fly tokens revoke"),
];

impl<'a> Lint<'a> {
    pub(super) fn environment(&mut self) {
        let table = self.file.get("env").and_then(Entry::table);
        self.database(
            table.and_then(|table| table.get("DB_PATH")),
            table.map_or(self.end, |table| table.line),
        );
        for entry in table.into_iter().flat_map(|table| table.entries()) {
            self.variable(entry);
        }
    }

    fn database(&mut self, entry: Option<Entry<'a>>, table: usize) {
        let folder = facts::folder(self.file);
        let remedy = format!("DB_PATH = \"{}/db\"", folder.unwrap_or("/data"));
        let Some(entry) = entry else {
            return self.refuse(table, "[env] has no DB_PATH", format!("write below [env]: {remedy}"));
        };
        if let Some(folder) =
            folder.filter(|folder| Path::new(entry.plain()).parent() != Some(Path::new(folder)))
        {
            let message = format!("DB_PATH is {}, and the volume is mounted at {folder}", entry.plain());
            self.refuse(entry.line, message, format!("let the database lie on the volume: {remedy}"));
        }
    }

    fn variable(&mut self, entry: Entry<'a>) {
        let Entry { name, line, .. } = entry;
        if OF_A_DEPLOY.contains(&name) {
            let message =
                format!("{name} is for one deploy, which sets it; here it would count for every start");
            self.refuse(line, message, "take it out");
        }
        if OF_THE_IMAGE.contains(&name) {
            let message =
                format!("{name} is in the image already; here it would hold against what was rehearsed");
            self.refuse(line, message, "take it out: the image has its own");
        }
        if let Some((_, remedy)) = SECRETS.iter().find(|(secret, _)| *secret == name) {
            let message = format!("{name} is a secret, and fly.toml is for everyone who sees the repository");
            self.refuse(line, message, *remedy);
        }
        if name == "PATH" || name.starts_with("LD_") {
            let message =
                format!("{name} decides which program starts: not the one of the image that was proved");
            self.refuse(line, message, "take it out: the image has its own");
        }
        match name {
            "PORT" => self.listens_on(entry),
            "LISTEN" => self.listens_at(entry),
            _ => {}
        }
    }

    fn listens_on(&mut self, entry: Entry<'a>) {
        if let Some(port) = self.port.filter(|port| entry.plain() != port.to_string()) {
            let message = format!("PORT is {}, and internal_port {port}", entry.plain());
            self.refuse(entry.line, message, "take it out: the image has the port of internal_port");
        }
    }

    fn listens_at(&mut self, entry: Entry<'a>) {
        if entry.plain().parse().is_ok_and(|address: IpAddr| address.is_loopback()) {
            let message = format!("LISTEN is {}: nothing outside of the machine reaches that", entry.plain());
            self.refuse(entry.line, message, "take it out: the image listens on every network");
        }
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use crate::fly_toml::lint::tests::told;

    #[test]
    fn the_database_lies_on_the_volume() {
        assert_snapshot!(told(&[
            ("  DB_PATH = \"/data/db\"\n", ""),
            ("[env]\n  DB_PATH = \"/data/db\"\n", ""),
            ("\"/data/db\"", "\"/var/db\""),
            ("\"/data/db\"", "\"/data/deep/db\""),
            ("\"/data/db\"", "\"db\""),
        ]), @r#"
        without DB_PATH = "/data/db"
          Refused fly.toml:10: [env] has no DB_PATH
            write below [env]: DB_PATH = "/data/db"

        without [env]
          DB_PATH = "/data/db"
          Refused fly.toml:39: [env] has no DB_PATH
            write below [env]: DB_PATH = "/data/db"

        "/var/db"
          Refused fly.toml:11: DB_PATH is /var/db, and the volume is mounted at /data
            let the database lie on the volume: DB_PATH = "/data/db"

        "/data/deep/db"
          Refused fly.toml:11: DB_PATH is /data/deep/db, and the volume is mounted at /data
            let the database lie on the volume: DB_PATH = "/data/db"

        "db"
          Refused fly.toml:11: DB_PATH is db, and the volume is mounted at /data
            let the database lie on the volume: DB_PATH = "/data/db"
        "#);
    }

    #[test]
    fn what_others_set_and_secrets_are_refused() {
        assert_snapshot!(told(&[
            ("[env]", "[env]\n  LANDFALL_ALLOW = \"1\""),
            ("[env]", "[env]\n  LANDFALL_ALLOW_FOR = \"1\""),
            ("[env]", "[env]\n  LANDFALL_CREATE = \"1\""),
            ("[env]", "[env]\n  LANDFALL_SCHEMA = \"1\""),
            ("[env]", "[env]\n  LANDFALL_PLANNER = \"1\""),
            ("[env]", "[env]\n  LANDFALL_COMMIT = \"1\""),
            ("[env]", "[env]\n  SCHEMA_PATH = \"1\""),
            ("[env]", "[env]\n  APP_PASSWORD = \"1\""),
            ("[env]", "[env]\n  FLY_API_TOKEN = \"1\""),
            ("[env]", "[env]\n  PATH = \"/data:/usr/bin\""),
            ("[env]", "[env]\n  LD_PRELOAD = \"/data/x.so\""),
        ]), @r#"
        [env]
          LANDFALL_ALLOW = "1"
          Refused fly.toml:11: LANDFALL_ALLOW is for one deploy, which sets it; here it would count for every start
            take it out

        [env]
          LANDFALL_ALLOW_FOR = "1"
          Refused fly.toml:11: LANDFALL_ALLOW_FOR is for one deploy, which sets it; here it would count for every start
            take it out

        [env]
          LANDFALL_CREATE = "1"
          Refused fly.toml:11: LANDFALL_CREATE is for one deploy, which sets it; here it would count for every start
            take it out

        [env]
          LANDFALL_SCHEMA = "1"
          Refused fly.toml:11: LANDFALL_SCHEMA is for one deploy, which sets it; here it would count for every start
            take it out

        [env]
          LANDFALL_PLANNER = "1"
          Refused fly.toml:11: LANDFALL_PLANNER is in the image already; here it would hold against what was rehearsed
            take it out: the image has its own

        [env]
          LANDFALL_COMMIT = "1"
          Refused fly.toml:11: LANDFALL_COMMIT is in the image already; here it would hold against what was rehearsed
            take it out: the image has its own

        [env]
          SCHEMA_PATH = "1"
          Refused fly.toml:11: SCHEMA_PATH is in the image already; here it would hold against what was rehearsed
            take it out: the image has its own

        [env]
          APP_PASSWORD = "1"
          Refused fly.toml:11: APP_PASSWORD is a secret, and fly.toml is for everyone who sees the repository
            take it out, and set another one: fly secrets set APP_PASSWORD=…

        [env]
          FLY_API_TOKEN = "1"
          Refused fly.toml:11: FLY_API_TOKEN is a secret, and fly.toml is for everyone who sees the repository
            take it out, and revoke it: fly tokens revoke

        [env]
          PATH = "/data:/usr/bin"
          Refused fly.toml:11: PATH decides which program starts: not the one of the image that was proved
            take it out: the image has its own

        [env]
          LD_PRELOAD = "/data/x.so"
          Refused fly.toml:11: LD_PRELOAD decides which program starts: not the one of the image that was proved
            take it out: the image has its own
        "#);
    }

    #[test]
    fn the_service_listens_where_fly_asks() {
        assert_snapshot!(told(&[
            ("[env]", "[env]\n  PORT = 80"),
            ("[env]", "[env]\n  PORT = \"8080\""),
            ("[env]", "[env]\n  LISTEN = \"127.0.0.1\""),
            ("[env]", "[env]\n  LISTEN = \"::\""),
        ]), @r#"
        [env]
          PORT = 80
          Refused fly.toml:11: PORT is 80, and internal_port 8080
            take it out: the image has the port of internal_port

        [env]
          PORT = "8080"
          fine

        [env]
          LISTEN = "127.0.0.1"
          Refused fly.toml:11: LISTEN is 127.0.0.1: nothing outside of the machine reaches that
            take it out: the image listens on every network

        [env]
          LISTEN = "::"
          fine
        "#);
    }
}
