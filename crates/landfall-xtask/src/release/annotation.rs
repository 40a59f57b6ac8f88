//! What GitHub shows beside the lines of `schema.sql`
//! (<https://docs.github.com/actions/reference/workflow-commands-for-github-actions>): values in, values out.

use std::fmt;
use std::path::{Path, PathBuf};

use landfall_engine::{Declared, Hazard, HazardName, Report, shown, shown_in_line};

/// A line that is a command to the runner of a workflow: nothing in it ends it, or begins another.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Annotation(String);

impl fmt::Display for Annotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One workflow command for each hazard and each difference of today's change, in that order.
///
/// `in_repository` gives a file of the schema its path in the repository.
pub(crate) fn of(
    change: Option<&Report>,
    declared: &Declared,
    in_repository: impl Fn(&Path) -> PathBuf,
) -> Vec<Annotation> {
    let Some(change) = change else { return Vec::new() };
    let told = |hazard: &Hazard| {
        let level = if hazard.stops() { "error" } else { "notice" };
        let remedy = if hazard.stops() { format!("\n{}", hazard.remedy) } else { String::new() };
        let title = format!("{} {}", hazard.name, hazard.object);
        // It was planned on a database without rows: how many there are is another question.
        let message = match hazard.name {
            HazardName::RewritesTable => format!("table {} is written anew", hazard.object),
            _ => format!("{}{remedy}", hazard.message),
        };
        let (file, line) = place(declared, &hazard.object);
        command(level, &in_repository(file), line, &title, &message)
    };
    let differences = change.differences.iter().map(|difference| {
        let (file, line) = place(declared, &difference.object);
        command("notice", &in_repository(file), line, "to be changed", &difference.message)
    });
    change.hazards().map(told).chain(differences).collect()
}

/// What is not declared any more is told where its table is, or at the top.
fn place<'d>(declared: &'d Declared, object: &str) -> (&'d Path, usize) {
    let of_table = || match landfall_engine::names(object).as_slice() {
        [table, _] => declared.line_of(&landfall_engine::written(table)),
        _ => None,
    };
    declared.line_of(object).or_else(of_table).unwrap_or_else(|| declared.beginning())
}

fn command(level: &str, file: &Path, line: usize, title: &str, message: &str) -> Annotation {
    let file = property(&file.display().to_string());
    Annotation(format!("::{level} file={file},line={line},title={}::{}", property(title), data(message)))
}

fn data(text: &str) -> String {
    shown(text).replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(&shown_in_line(text)).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_command_is_escaped() {
        assert_eq!(
            command("error", Path::new("a,b.sql"), 3, "HAZARD t.c: 1", "10 %\nof it: a, b").0,
            "::error file=a%2Cb.sql,line=3,title=HAZARD t.c%3A 1::10 %25%0Aof it: a, b"
        );
        assert_eq!(
            command("error", Path::new("a\nb"), 1, "x\r::y\u{202e}", "a\r\n::b\r\u{1b}[2J").0,
            r"::error file=a\nb,line=1,title=x\r%3A%3Ay\u{202e}::a%0D%0A\u{3a}:b\r\u{1b}[2J"
        );
    }
}
