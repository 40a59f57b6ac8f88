//! What GitHub shows beside the lines of `schema.sql`
//! (<https://docs.github.com/actions/reference/workflow-commands-for-github-actions>): values in, values out.

use std::path::{Path, PathBuf};

use migrate::{Declared, Hazard, HazardName};

use super::sync::Found;

/// One workflow command for each hazard and each difference of today's change, in that order.
///
/// `in_repository` gives a file of the schema its path in the repository.
pub(crate) fn of(
    found: &Found,
    declared: &Declared,
    in_repository: impl Fn(&Path) -> PathBuf,
) -> Vec<String> {
    let Some(change) = &found.change else { return Vec::new() };
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
    let of_table = || match migrate::names(object).as_slice() {
        [table, _] => declared.line_of(&migrate::written(table)),
        _ => None,
    };
    declared.line_of(object).or_else(of_table).unwrap_or_else(|| declared.beginning())
}

fn command(level: &str, file: &Path, line: usize, title: &str, message: &str) -> String {
    let file = property(&file.display().to_string());
    format!("::{level} file={file},line={line},title={}::{}", property(title), data(message))
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_command_is_escaped() {
        assert_eq!(
            command("error", Path::new("a,b.sql"), 3, "HAZARD t.c: 1", "10 %\nof it: a, b"),
            "::error file=a%2Cb.sql,line=3,title=HAZARD t.c%3A 1::10 %25%0Aof it: a, b"
        );
    }
}
