//! Reports as text for a person: values in, text out.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use landfall_engine::{
    ApprovedBy, Counts, Disk, Evidence, Hazard, Plan, Planner, Report, Timing, Verdict, shown, shown_in_line,
    written,
};

use crate::highlight;
use crate::release::check::{self, Check};

const TITLE: Style = Style::new().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const GOOD: Style = AnsiColor::Green.on_default();
/// A plan of more steps than this has its changes counted in front of it, and ends after so many on a terminal.
pub(crate) const LONG: usize = 40;
const FAINT: Style = Style::new().dimmed();

/// Where a plan ends on a screen.
pub(crate) struct Cut {
    /// So many steps are shown.
    pub(crate) steps: usize,
    /// What shows the others.
    pub(crate) command: String,
}

/// Differences, idle directives, plan, hazards that do not stop it, and the planners' proposals; notes only when `verbose`.
pub(crate) fn plan(report: &Report, verbose: bool, cut: Option<&Cut>) -> String {
    let idle = report.idle_directives.iter().map(|directive| directive.message.as_str());
    let mut sections = vec![differences(report), list("Directives", idle)];
    if verbose {
        sections.push(list("Notes", report.notes.iter().map(String::as_str)));
    }
    if let Some(plan) = &report.plan {
        sections.push(statements(plan, cut));
    }
    sections.push(hazards(report));
    if report.plan.is_some() {
        sections.push(proposals(report));
    }
    sections.retain(|section| !section.is_empty());
    sections.join("\n")
}

/// `4 ms`, `1.84 s`, `42.0 s`, `5 min`, `3 min 12 s`, `1 h 4 min`.
pub(crate) fn seconds(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match seconds {
        ..0.001 => "under 1 ms".to_owned(),
        ..0.0995 => format!("{:.0} ms", seconds * 1e3),
        ..59.5 if seconds.fract() == 0.0 => format!("{seconds} s"),
        ..9.995 => format!("{seconds:.2} s"),
        ..59.5 => format!("{seconds:.1} s"),
        ..3599.5 => two(whole / 60, "min", whole % 60, "s"),
        _ => two(whole / 3600, "h", whole % 3600 / 60, "min"),
    }
}

fn two(large: u64, unit: &str, small: u64, small_unit: &str) -> String {
    let large = grouped(large);
    if small == 0 { format!("{large} {unit}") } else { format!("{large} {unit} {small} {small_unit}") }
}

/// Where the time of a change went, and the room that it took.
pub(crate) fn time(report: &Report) -> String {
    const BAR: usize = 30;
    let whole = report.seconds.unwrap_or_default().max(f64::MIN_POSITIVE);
    let width = report.timings.iter().map(|timing| timing.label.chars().count()).max().unwrap_or(0);
    let mut out = format!("{TITLE}Time{TITLE:#} from BEGIN to COMMIT: {whole:.2} s\n");
    for Timing { label, seconds, .. } in &report.timings {
        let share = seconds / whole;
        let bar = "█".repeat((share * BAR as f64).round() as usize);
        let _ = writeln!(out, "  {label:width$}  {seconds:>7.2} s  {:>3.0} %  {bar}", share * 100.0);
    }
    if let Some(Disk { before, peak, after }) = &report.disk {
        let (before, peak, after) = (size(*before), size(*peak), size(*after));
        let _ = writeln!(out, "  room on the disk: {before} before, {peak} at most, {after} afterwards");
    }
    out
}

/// What was looked at, a line a check; below it what there is to say, and what mends it.
pub(crate) fn checks(checks: &[Check]) -> String {
    let mut out = String::new();
    for Check { name, verdict, evidence, details, remedy } in checks {
        let (word, style) = match verdict {
            check::Verdict::Fine => ("ok", GOOD),
            check::Verdict::OutOfSync => ("differs", BAD),
            check::Verdict::Refused => ("refused", BAD),
            check::Verdict::Unknown => ("unknown", BAD),
            check::Verdict::Needed => ("needed", BAD),
            check::Verdict::Optional => ("optional", FAINT),
            check::Verdict::NotRead => ("not read", FAINT),
        };
        let _ = writeln!(out, "{style}{word:<8}{style:#}  {name:<15}  {}", shown(evidence));
        for detail in details {
            let _ = writeln!(out, "{:27}{}", "", shown(detail));
        }
        for line in remedy.lines() {
            let _ = writeln!(out, "{:27}{TITLE}mend it:{TITLE:#} {}", "", shown(line));
        }
    }
    out
}

/// Rows before and after, and whether the checksums agree.
pub(crate) fn evidence(evidence: &[Evidence]) -> String {
    let names: Vec<_> = evidence.iter().map(|e| written(&e.table)).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max("table".len());
    let mut out = format!("{TITLE}Evidence{TITLE:#}\n");
    if evidence.is_empty() {
        return format!("{out}  SQLite wrote to no table that had rows\n");
    }
    let _ = writeln!(out, "  {:width$}  {:>12}  {:>12}  checksum", "table", "rows before", "rows after");
    for (e, name) in evidence.iter().zip(&names) {
        let (before, after) = (grouped(e.rows_before), grouped(e.rows_after));
        let checksum = match (&e.checksum, e.sampled) {
            (Some(_), false) => "ok",
            (Some(_), true) => "ok (a sample by key)",
            (None, _) => "-",
        };
        let _ = writeln!(out, "  {name:width$}  {before:>12}  {after:>12}  {checksum}");
    }
    out
}

/// The line above a section.
#[must_use]
pub fn title(text: &str) -> String {
    format!("{TITLE}{}{TITLE:#}", shown_in_line(text))
}

/// `12.8 GB`, `74.8 MB`, `1.2 kB`, `100 B`: in thousands, as Docker counts.
#[must_use]
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..100_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        100_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

/// The first so many characters, and whether there were more.
pub(crate) fn cut(text: &str, characters: usize) -> String {
    let cut: String = text.chars().take(characters).collect();
    if cut.len() < text.len() { format!("{cut}…") } else { cut }
}

/// `1 row`, `12,000 rows`.
#[must_use]
pub fn count(number: u64, what: &str) -> String {
    format!("{} {what}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// `3 tables, 1 index`.
pub(crate) fn counted(counts: Counts) -> String {
    let Counts { tables, indexes, views, triggers } = counts;
    let plural = |number: usize, one: &str, more: &str| match number {
        0 => None,
        1 => Some(format!("1 {one}")),
        _ => Some(format!("{number} {more}")),
    };
    let parts = [
        plural(tables, "table", "tables"),
        plural(indexes, "index", "indexes"),
        plural(views, "view", "views"),
        plural(triggers, "trigger", "triggers"),
    ];
    let told: Vec<_> = parts.into_iter().flatten().collect();
    if told.is_empty() { "empty".to_owned() } else { told.join(", ") }
}

/// What became of a proposal, in a word or two.
pub(crate) fn became(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Chosen => "chosen",
        Verdict::Proved => "not chosen",
        Verdict::Disproved => "disproved",
        Verdict::Unavailable => "no plan",
        Verdict::NotAsked => "not asked",
    }
}

fn differences(report: &Report) -> String {
    list("Differences", report.differences.iter().map(|difference| difference.message.as_str()))
}

fn list<'a>(title: &str, lines: impl Iterator<Item = &'a str>) -> String {
    let lines: String = lines.map(|line| format!("  {}\n", shown(line).replace('\n', "\n  "))).collect();
    if lines.is_empty() { lines } else { format!("{TITLE}{title}{TITLE:#}\n{lines}") }
}

/// Below the title, complete statements with everything else in comments: they can be pasted into a shell.
fn statements(plan: &Plan, cut: Option<&Cut>) -> String {
    let mut out = format!("{TITLE}Plan{TITLE:#} by {}: {}, {}\n", plan.planner, plan.cost, plan.prediction);
    let total = plan.steps.len();
    if total > LONG {
        let _ = writeln!(out, "-- {}", plan.summary());
    }
    let shown = cut.map_or(total, |cut| cut.steps.min(total));
    for (number, step) in (1..).zip(&plan.steps[..shown]) {
        let _ = writeln!(out, "{FAINT}-- {number}/{total} {}: {}{FAINT:#}", step.label(), step.cost);
        let _ = writeln!(out, "{};", highlight::sql(&landfall_engine::shown(&step.sql)));
    }
    if let Some(cut) = cut.filter(|_| shown < total) {
        let more = count((total - shown) as u64, "more step");
        let _ = writeln!(out, "-- {more}; to see all: {}", cut.command);
    }
    out
}

/// Those that do not stop the plan: the others are the error's, which says what to do about each.
fn hazards(report: &Report) -> String {
    let lines: Vec<_> = report.hazards().filter(|hazard| !hazard.stops()).map(hazard).collect();
    list("Hazards", lines.iter().map(String::as_str))
}

fn hazard(hazard: &Hazard) -> String {
    let state = match hazard.approved {
        Some(ApprovedBy::Schema) => " (approved in schema.sql)".to_owned(),
        Some(ApprovedBy::Caller) => " (approved by --allow)".to_owned(),
        None => String::new(),
    };
    format!("{} {}{state}\n  {}", hazard.name, hazard.object, hazard.message)
}

fn proposals(report: &Report) -> String {
    let lines: Vec<_> = report.proposals.iter().map(|p| proposal(p.planner, p.verdict, &p.reason)).collect();
    list("Planners", lines.iter().map(String::as_str))
}

fn proposal(planner: Planner, verdict: Verdict, reason: &str) -> String {
    let verdict = became(verdict);
    let reason = if reason.is_empty() { String::new() } else { format!(": {reason}") };
    format!("{planner}: {verdict}{reason}")
}

/// `12,000`.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A word as a shell takes it.
pub(crate) fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.:/".contains(c);
    if word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_approval_survives_the_shell() {
        assert_eq!(shell_word("DROPS_COLUMN:t.a"), "DROPS_COLUMN:t.a");
        assert_eq!(shell_word("DROPS_TABLE:my table's"), r"'DROPS_TABLE:my table'\''s'");
    }

    #[test]
    fn times_have_the_unit_that_reads_best() {
        let short = [0.0, 0.0042, 0.0999, 1.8449, 5.0, 42.04].map(seconds);
        assert_eq!(short, ["under 1 ms", "4 ms", "0.10 s", "1.84 s", "5 s", "42.0 s"]);
        let long = [59.9, 192.3, 3_599.4, 3_840.0, 4_000_000.0].map(seconds);
        assert_eq!(long, ["1 min", "3 min 12 s", "59 min 59 s", "1 h 4 min", "1,111 h 6 min"]);
    }

    #[test]
    fn sizes_have_the_unit_that_reads_best() {
        assert_eq!(
            [0, 999, 1_000, 99_900, 100_000, 74_800_000, 12_840_402_944].map(size),
            ["0 B", "999 B", "1.0 kB", "99.9 kB", "0.1 MB", "74.8 MB", "12.8 GB"]
        );
    }

    #[test]
    fn counts_are_grouped() {
        assert_eq!(count(0, "row"), "0 rows");
        assert_eq!(count(1, "row"), "1 row");
        assert_eq!(count(999, "row"), "999 rows");
        assert_eq!(count(1_234_567, "row"), "1,234,567 rows");
    }
}
