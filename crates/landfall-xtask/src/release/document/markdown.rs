//! A document as GitHub's Markdown.

mod escape;
mod section;

use landfall_engine::{Evidence, Hazard, Plan, Proposal, Report, Step, Timing};

use super::contents::Document;
use super::difference::{Difference, Hunk, Line};
use super::words::{self, Badge, Tone};
use crate::release::check::Check;
use crate::release::downtime::Downtime;
use crate::release::downtime::{Limit, Part};
use crate::text;
use escape::{block, code, fence, plain, prose, row};
use section::Section;

/// In bytes. GitHub refuses a comment of more than 65,536 characters; what is left belongs to whoever posts it.
const LIMIT: usize = 65_000;
/// How many lines a check may tell beyond its first.
const DETAILS: usize = 20;
/// In characters: the bar of the step that takes longest.
const BAR: f64 = 20.0;

/// The document, shortened where it has to be.
pub(super) fn of(document: &Document<'_>) -> String {
    let mut sections = vec![top(document), checks(document.checks)];
    sections.extend(document.difference().map(|difference| schema(&document.schema_path, &difference)));
    sections.extend(document.report.into_iter().flat_map(of_report));
    sections.extend(document.downtime.into_iter().flat_map(of_downtime));
    section::within(sections, LIMIT)
}

fn of_report(report: &Report) -> Vec<Section> {
    let messages = report.differences.iter().map(|difference| difference.message.as_str());
    let mut sections = vec![
        list("What differs", "difference", messages),
        list("Directives", "directive", report.idle_directives.iter().map(|d| d.message.as_str())),
        list("Notes", "note", report.notes.iter().map(String::as_str)),
    ];
    sections.extend(report.plan.iter().map(steps));
    sections.extend([
        hazards(report),
        proposals(&report.proposals),
        evidence(&report.evidence),
        times(report),
    ]);
    sections
}

fn of_downtime(downtime: &Downtime) -> [Section; 2] {
    [parts(downtime), limits(&downtime.limits)]
}

fn top(document: &Document<'_>) -> Section {
    let verdict = badge(words::verdict(document.verdict));
    let fact = |(name, text): &(&str, String)| format!("- **{}**: {}\n", plain(name), prose(text));
    Section {
        head: format!("## {}\n\n**{verdict}**: {}.\n\n", plain(&document.title), prose(&document.summary)),
        items: document.facts.iter().map(fact).collect(),
        item: "fact",
        stands_alone: true,
        ..Section::default()
    }
}

fn checks(checks: &[Check]) -> Section {
    let item = |check: &Check| {
        row(&[badge(words::verdict(check.verdict)), plain(check.name), seen(check), code(&check.remedy)])
    };
    Section {
        head: "### Checks\n\n| | check | what was seen | what mends it |\n| --- | --- | --- | --- |\n"
            .to_owned(),
        items: checks.iter().map(item).collect(),
        item: "check",
        ..Section::default()
    }
}

/// A line each.
fn seen(check: &Check) -> String {
    let shown = check.details.iter().take(DETAILS);
    let mut lines: Vec<_> = [&check.evidence].into_iter().chain(shown).map(|line| prose(line)).collect();
    let more = check.details.len().saturating_sub(DETAILS) as u64;
    if more > 0 {
        lines.push(format!("*{} left out*", text::count(more, "line")));
    }
    lines.join("<br>")
}

fn schema(path: &str, difference: &Difference) -> Section {
    let lines: Vec<_> = difference.hunks.iter().flat_map(unified).collect();
    let fence = fence(&lines.concat());
    Section {
        head: format!("### The change of {}\n\n{fence}diff\n", code(path)),
        items: lines,
        tail: fence + "\n",
        item: "line",
        ..Section::default()
    }
}

/// The lines of a hunk as `diff -u` writes them: within a change first what was, then what is.
fn unified(hunk: &Hunk) -> Vec<String> {
    let line = |mark: char, line: &Line| format!("{mark}{}\n", block(&line.text()));
    let mut lines = vec![unified_head(hunk)];
    for rows in hunk.rows.chunk_by(|one, other| one.is_changed == other.is_changed) {
        let is_changed = rows[0].is_changed;
        let before = rows.iter().filter_map(|row| row.before.as_ref());
        lines.extend(before.map(|before| line(if is_changed { '-' } else { ' ' }, before)));
        let after = rows.iter().filter(|_| is_changed).filter_map(|row| row.after.as_ref());
        lines.extend(after.map(|after| line('+', after)));
    }
    lines
}

/// `@@ -1,4 +1,5 @@`
fn unified_head(hunk: &Hunk) -> String {
    let range =
        |lines: Vec<&Line>| format!("{},{}", lines.first().map_or(0, |line| line.number), lines.len());
    let before = range(hunk.rows.iter().filter_map(|row| row.before.as_ref()).collect());
    let after = range(hunk.rows.iter().filter_map(|row| row.after.as_ref()).collect());
    format!("@@ -{before} +{after} @@\n")
}

fn list<'a>(title: &str, item: &'static str, texts: impl Iterator<Item = &'a str>) -> Section {
    Section {
        head: format!("### {title}\n\n"),
        items: texts.map(|text| format!("- {}\n", prose(text))).collect(),
        item,
        ..Section::default()
    }
}

fn steps(plan: &Plan) -> Section {
    Section {
        head: format!("### Plan\n\n{}\n\n<details>\n<summary>The steps</summary>\n\n", words::plan(plan)),
        items: (1..).zip(&plan.steps).map(|(number, step)| self::step(number, step)).collect(),
        tail: "</details>\n".to_owned(),
        item: "step",
        ..Section::default()
    }
}

fn step(number: usize, step: &Step) -> String {
    let sql = block(&step.sql);
    let (fence, about, cost) = (fence(&sql), plain(&step.label()), words::cost(&step.cost));
    format!("**{number}.** {about}: {cost}\n\n{fence}sql\n{sql};\n{fence}\n\n")
}

fn hazards(report: &Report) -> Section {
    let item = |hazard: &Hazard| {
        let (state, name, object) =
            (badge(words::hazard(hazard)), hazard.name.as_str(), code(&hazard.object));
        let remedy = match hazard.stops() && !hazard.remedy.is_empty() {
            true => format!("<br>{}", prose(&hazard.remedy)),
            false => String::new(),
        };
        format!("- **{state}**: {} {object}: {}{remedy}\n", code(name), prose(&hazard.message))
    };
    Section {
        head: "### Hazards\n\n".to_owned(),
        items: report.hazards().map(item).collect(),
        item: "hazard",
        ..Section::default()
    }
}

fn proposals(proposals: &[Proposal]) -> Section {
    let item = |proposal: &Proposal| {
        let became = badge(words::proposal(proposal.verdict));
        row(&[became, proposal.planner.to_string(), prose(&proposal.reason)])
    };
    Section {
        head: "### Planners\n\n| | planner | why |\n| --- | --- | --- |\n".to_owned(),
        items: proposals.iter().map(item).collect(),
        item: "proposal",
        ..Section::default()
    }
}

fn evidence(evidence: &[Evidence]) -> Section {
    let item = |evidence: &Evidence| {
        let [before, after] = [evidence.rows_before, evidence.rows_after].map(text::grouped);
        row(&[code(&evidence.table), before, after, badge(words::checksum(evidence))])
    };
    Section {
        head: "### Rows\n\n| table | before | after | checksum |\n| --- | ---: | ---: | --- |\n".to_owned(),
        items: evidence.iter().map(item).collect(),
        item: "table",
        ..Section::default()
    }
}

fn times(report: &Report) -> Section {
    let (whole, longest) = (words::whole(report), words::longest(report));
    let item = |timing: &Timing| {
        let (seconds, share) = (text::seconds(timing.seconds), words::share(timing.seconds, whole));
        row(&[plain(&timing.label), seconds, share, bar(timing.seconds, longest)])
    };
    let disk = report.disk.as_ref().map_or_else(String::new, |disk| format!("{}\n\n", words::disk(disk)));
    let head = "| part | time | share | |\n| --- | ---: | ---: | --- |\n";
    Section {
        head: format!("### Time\n\n{}\n\n{disk}{head}", words::times(report)),
        items: report.timings.iter().map(item).collect(),
        item: "part",
        ..Section::default()
    }
}

/// `██████`, as long as the part is of the longest one.
fn bar(part: f64, longest: f64) -> String {
    let blocks = if longest > 0.0 { (part / longest * BAR).round() } else { 0.0 };
    "█".repeat(blocks as usize)
}

fn parts(downtime: &Downtime) -> Section {
    let item = |part: &Part| row(&[plain(part.what), text::seconds(part.seconds), prose(&part.source)]);
    let head = "| what | time | stands on |\n| --- | ---: | --- |\n";
    Section {
        head: format!("### Predicted downtime\n\n{}\n\n{head}", words::downtime(downtime)),
        items: downtime.parts.iter().map(item).collect(),
        item: "part",
        stands_alone: true,
        ..Section::default()
    }
}

fn limits(limits: &[Limit]) -> Section {
    let item =
        |limit: &Limit| row(&[badge(words::limit(limit)), plain(&limit.what), text::seconds(limit.seconds)]);
    Section {
        head: "| | limit | time |\n| --- | --- | ---: |\n".to_owned(),
        items: limits.iter().map(item).collect(),
        item: "limit",
        ..Section::default()
    }
}

/// GitHub takes colours out; these signs bring their own.
fn badge(badge: Badge) -> String {
    let sign = match badge.tone {
        Tone::Good => "✅",
        Tone::Bad => "❌",
        Tone::Warning => "⚠️",
        Tone::Open => "❔",
        Tone::Quiet => "➖",
    };
    format!("{sign} {}", badge.word)
}

#[cfg(test)]
mod tests {
    use insta::{assert_snapshot, with_settings};

    use super::LIMIT;
    use crate::release::document::example::Example;

    #[test]
    fn the_whole_document_reads_well() {
        with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
            assert_snapshot!("whole-document", Example::new().whole().markdown());
        });
    }

    #[test]
    fn where_there_is_nothing_to_tell_there_is_no_section() {
        assert_snapshot!(Example::empty().markdown(), @"
        ## verify-sync of shop

        **✅ fine**: nothing to do.
        ");
    }

    #[test]
    fn five_thousand_steps_fit_into_a_comment_and_every_section_says_what_it_left_out() {
        let text = Example::huge().whole().markdown();
        assert!(text.len() <= LIMIT, "{}", text.len());
        let shown = text.lines().filter(|line| line.starts_with('#') || line.starts_with("*4,"));
        assert_snapshot!(shown.collect::<Vec<_>>().join("\n"), @"
        ## Rehearsal of shop: 4c1f2ab0 -> 9d0e1f2a
        ### Checks
        ### The change of `schema.sql`
        *4,765 lines left out: GitHub shows no more.*
        ### What differs
        *4,753 differences left out: GitHub shows no more.*
        ### Notes
        ### Plan
        *4,924 steps left out: GitHub shows no more.*
        ### Hazards
        ### Planners
        ### Rows
        *4,811 tables left out: GitHub shows no more.*
        ### Time
        *4,902 parts left out: GitHub shows no more.*
        ### Predicted downtime
        ");
        assert!(text.contains("<br>*4,980 lines left out* |"), "the details of a check");
        assert!(text.contains(" characters left out);\n```"), "a statement");
    }
}
