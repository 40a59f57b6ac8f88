//! What is wrong with a fly.toml, before anything is deployed with it: values in, values out. What Fly makes of a key is from
//! flyctl 0.4.80 (`internal/appconfig`) and <https://fly.io/docs/reference/configuration/>.

mod check;
mod environment;
mod facts;
mod key;
mod machine;
mod process;
mod service;
mod volume;

use std::fmt;

use toml::de::DeTable;

use super::table::{self, Entry, Table};
use super::{File, REMEDY, group};

/// What comes of a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Severity {
    /// Nothing is deployed with it.
    Refused,
    /// It is shown, and does not stop a deploy by itself.
    Told,
}

/// Something in fly.toml that is missing or wrong. Its Display is what a person is shown first; the remedy is the next line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The line, counted from 1; of what is missing, the line of the table that it belongs to, or the last one.
    pub(crate) line: usize,
    /// What comes of it.
    pub(crate) severity: Severity,
    /// What is wrong.
    pub(crate) message: String,
    /// What to write instead.
    pub(crate) remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fly.toml:{}: {}", self.line, self.message)
    }
}

/// All problems of the text of a fly.toml, in the order of its lines. Text without one that is [`Severity::Refused`] is one that
/// [`FlyToml::parse`](super::FlyToml::parse) takes.
pub(crate) fn lint(text: &str) -> Vec<Problem> {
    let mut problems = match DeTable::parse(text) {
        Ok(parsed) => Lint::of(text, parsed.get_ref()),
        Err(error) => vec![unreadable(text, &error)],
    };
    // A value of another type than Fly takes, which no rule looked at.
    if problems.iter().all(|problem| problem.severity == Severity::Told) {
        problems.extend(File::read(text).err().map(|error| unreadable(text, &error)));
    }
    problems.sort_by_key(|problem| problem.line);
    problems
}

fn unreadable(text: &str, error: &toml::de::Error) -> Problem {
    Problem {
        line: table::line_of(text, error),
        severity: Severity::Refused,
        message: error.message().trim().to_owned(),
        remedy: REMEDY.to_owned(),
    }
}

/// The file with what several rules have to know of it, and what was found.
struct Lint<'a> {
    file: Table<'a>,
    /// The last line: below it a table that is missing has to be written.
    end: usize,
    /// All process groups.
    groups: Vec<&'a str>,
    /// The group that a part which names none is for.
    default_group: &'a str,
    /// The group that the volume belongs to.
    group: &'a str,
    /// The port that the service listens on, where it is a port.
    port: Option<u16>,
    problems: Vec<Problem>,
}

impl<'a> Lint<'a> {
    fn of(text: &'a str, parsed: &'a DeTable<'a>) -> Vec<Problem> {
        let file = Table::file(text, parsed);
        let mut groups = facts::groups(file);
        let default_group = group::default(groups.iter().copied());
        if groups.is_empty() {
            groups.push(default_group);
        }
        let mut lint = Self {
            file,
            end: text.lines().count().max(1),
            default_group,
            group: facts::group(file).filter(|name| groups.contains(name)).unwrap_or(default_group),
            groups,
            port: facts::port(file),
            problems: Vec::new(),
        };
        lint.keys();
        lint.machine();
        lint.processes();
        lint.volume();
        lint.environment();
        lint.services();
        lint.checks();
        lint.problems
    }

    fn refuse(&mut self, line: usize, message: impl Into<String>, remedy: impl Into<String>) {
        self.found(line, Severity::Refused, message.into(), remedy.into());
    }

    fn tell(&mut self, line: usize, message: impl Into<String>, remedy: impl Into<String>) {
        self.found(line, Severity::Told, message.into(), remedy.into());
    }

    fn found(&mut self, line: usize, severity: Severity, message: String, remedy: String) {
        self.problems.push(Problem { line, severity, message, remedy });
    }

    /// The groups that a part is for.
    fn groups_of(&self, part: Table<'a>) -> Vec<&'a str> {
        let named = part.words("processes");
        if named.is_empty() { vec![self.default_group] } else { named }
    }

    /// Whether a value that has to be a string is one; told where not.
    fn is_string(&mut self, entry: Entry<'a>) -> bool {
        let fine = entry.string().is_some();
        if !fine {
            let message = format!("{} = {} is no text", entry.name, entry.written());
            self.refuse(entry.line, message, "write it in quotes");
        }
        fine
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::fly_toml::FlyToml;

    const GOOD: &str = include_str!("../../../../../fly.toml");

    /// What is said of this workspace's fly.toml after each of these edits: what is replaced, and what by.
    #[track_caller]
    pub(super) fn told(edits: &[(&str, &str)]) -> String {
        let cases = edits.iter().map(|(old, new)| {
            assert_ne!(GOOD.matches(old).count(), 0, "{old}");
            let edit = match new.trim() {
                "" => format!("without {}", old.trim()),
                new => new.to_owned(),
            };
            format!("{edit}\n{}", of(&GOOD.replacen(old, new, 1)))
        });
        cases.collect::<Vec<_>>().join("\n")
    }

    /// Each problem with its remedy; what is not refused has to be text that is read.
    fn of(text: &str) -> String {
        let problems = lint(text);
        let refused = problems.iter().any(|problem| problem.severity == Severity::Refused);
        assert!(refused || FlyToml::parse(text).is_ok(), "{text}\n{:?}", FlyToml::parse(text));
        let lines = problems.iter().map(|problem| {
            let Problem { severity, remedy, .. } = problem;
            format!("  {severity:?} {problem}\n    {remedy}\n")
        });
        if problems.is_empty() { "  fine\n".to_owned() } else { lines.collect() }
    }

    #[test]
    fn the_fly_toml_of_this_workspace_has_no_problem_whatever_its_line_ends() {
        assert_eq!(lint(GOOD), []);
        assert_eq!(lint(&GOOD.replace('\n', "\r\n")), []);
    }

    #[test]
    fn either_spelling_is_fine() {
        let services = "[[services]]\n  protocol = \"tcp\"\n  tcp_checks = []\n";
        for (old, new) in [
            ("[[mounts]]", "[mounts]"),
            ("[[vm]]", "[vm]"),
            ("[http_service]\n", services),
            ("auto_stop_machines = \"off\"", "auto_stop_machines = false"),
            ("  auto_stop_machines = \"off\"", ""),
            ("kill_timeout = \"30s\"", "kill_timeout = 30"),
            ("interval = \"15s\"", "interval = 15000"),
            ("app = \"landfall start -- app\"", "app = \"/usr/local/bin/landfall start -- app\""),
            ("app = \"landfall start -- app\"", "app = \"\""),
            ("[processes]\n  app = \"landfall start -- app\"\n", ""),
            ("[processes]\n  app = \"landfall start -- app\"\n", "processes = []\n"),
            ("type = \"http\"\n    processes = [\"app\"]", "type = \"http\""),
        ] {
            assert!(GOOD.contains(old), "{old}");
            assert_eq!(of(&GOOD.replacen(old, new, 1)), "  fine\n", "{new}");
        }
        let other_group =
            GOOD.replace("[\"app\"]", "[\"web\"]").replace("  app = \"landfall", "  web = \"landfall");
        assert_eq!(of(&other_group), "  fine\n");
    }

    #[test]
    fn several_problems_are_told_at_once_in_the_order_of_the_lines() {
        let text = GOOD
            .replace("app = \"landfall-customers\"", "app = \"\"")
            .replace("DB_PATH", "DATABASE")
            .replace("source", "volume")
            .replace("\"/healthz\"", "\"/\"")
            .replace('\n', "\r\n");
        assert_snapshot!(of(&text), @r#"
        Refused fly.toml:2: no app is named
          write above the first table: app = "NAME"
        Refused fly.toml:10: [env] has no DB_PATH
          write below [env]: DB_PATH = "/data/db"
        Refused fly.toml:13: [[mounts]] has no source, the name of the volume
          add to it: source = "data"
        Told fly.toml:14: Fly does not know volume, and ignores it
          take it out; what there is: https://fly.io/docs/reference/configuration/
        Refused fly.toml:28: no check asks /healthz: a deploy could not see whether the service is well
          add [checks.health] with type = "http", port = 8080, path = "/healthz"
        Told fly.toml:33: the check health asks /, which may want a password; a deploy waits for it
          write: path = "/healthz"
        "#);
    }

    #[test]
    fn what_is_missing_is_told_where_it_belongs() {
        assert_snapshot!(of(""), @r#"
        Refused fly.toml:1: no app is named
          write above the first table: app = "NAME"
        Told fly.toml:1: there is no primary_region: Fly would make a machine, and an empty volume, wherever it likes
          write above the first table the region of the volume, as in: primary_region = "fra"
        Told fly.toml:1: there is no kill_timeout, which makes it 5 s: too short to roll a migration back
          write above the first table: kill_timeout = "30s"
        Refused fly.toml:1: there is no [[mounts]]: data would be gone with the machine
          add one with source = "data" and destination = "/data"
        Refused fly.toml:1: [env] has no DB_PATH
          write below [env]: DB_PATH = "/data/db"
        Refused fly.toml:1: there is no [http_service]: nobody would reach the service
          add it, with the port that the service listens on: internal_port = 8080
        Refused fly.toml:1: no check asks /healthz: a deploy could not see whether the service is well
          add [checks.health] with type = "http", port = 8080, path = "/healthz"
        "#);
    }

    #[test]
    fn text_that_is_no_toml_is_told_with_its_line() {
        assert_snapshot!(told(&[("[env]", "[env"), ("app =", "app"), ("[env]", "app = 'b'\n[processes]\n[env]"), ("processes = [", "processes = 'app' # [")]), @"
        [env
          Refused fly.toml:10: unclosed table, expected `]`
            see: fly config validate

        app
          Refused fly.toml:2: key with no value, expected `=`
            see: fly config validate

        app = 'b'
        [processes]
        [env]
          Refused fly.toml:10: duplicate key
            see: fly config validate

        processes = 'app' # [
          Refused fly.toml:13: a value in this table is not of the type that Fly takes
            see: fly config validate
        ");
    }
}
