//! What both forms of a document say alike: words, numbers and sentences without any markup.

use landfall_engine::{ApprovedBy, Cost, CostClass, Disk, Evidence, Hazard, Part, Plan, Report};

use crate::release::check::Verdict;
use crate::release::downtime::{Basis, Downtime, Limit};
use crate::text;

/// How good that is. Shown as a sign and a colour beside a word, so that neither is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Good,
    Bad,
    Warning,
    Open,
    Quiet,
}

/// A word with its tone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Badge {
    pub(super) tone: Tone,
    pub(super) word: &'static str,
}

/// A part of a sentence: messages have SQL and commands between backticks.
#[derive(Debug, PartialEq)]
pub(super) struct Span<'a> {
    pub(super) text: &'a str,
    pub(super) is_code: bool,
}

pub(super) fn verdict(verdict: Verdict) -> Badge {
    let (tone, word) = match verdict {
        Verdict::Fine => (Tone::Good, "fine"),
        Verdict::OutOfSync => (Tone::Warning, "out of sync"),
        Verdict::Refused => (Tone::Bad, "refused"),
        Verdict::Unknown => (Tone::Open, "unknown"),
        Verdict::Needed => (Tone::Bad, "needed"),
        Verdict::Optional => (Tone::Quiet, "optional"),
        Verdict::NotRead => (Tone::Quiet, "not read"),
    };
    Badge { tone, word }
}

pub(super) fn hazard(hazard: &Hazard) -> Badge {
    let (tone, word) = match hazard.approved {
        Some(ApprovedBy::Schema) => (Tone::Good, "approved in schema.sql"),
        Some(ApprovedBy::Caller) => (Tone::Good, "approved by --allow"),
        None if hazard.stops() => (Tone::Bad, "stops the plan"),
        None => (Tone::Quiet, "only told"),
    };
    Badge { tone, word }
}

pub(super) fn proposal(verdict: landfall_engine::Verdict) -> Badge {
    let tone = match verdict {
        landfall_engine::Verdict::Chosen => Tone::Good,
        landfall_engine::Verdict::Disproved => Tone::Bad,
        landfall_engine::Verdict::Proved
        | landfall_engine::Verdict::Unavailable
        | landfall_engine::Verdict::NotAsked => Tone::Quiet,
    };
    Badge { tone, word: text::became(verdict) }
}

pub(super) fn checksum(evidence: &Evidence) -> Badge {
    // The engine commits nothing where it took checksums and they differ.
    match evidence.checksum {
        Some(_) if evidence.sampled => Badge { tone: Tone::Good, word: "equal (sample)" },
        Some(_) => Badge { tone: Tone::Good, word: "equal" },
        None => Badge { tone: Tone::Quiet, word: "not taken" },
    }
}

pub(super) fn limit(limit: &Limit) -> Badge {
    match limit.fits {
        true => Badge { tone: Tone::Good, word: "fits" },
        false => Badge { tone: Tone::Bad, word: "does not fit" },
    }
}

/// Who planned how much, as a sentence.
pub(super) fn plan(plan: &Plan) -> String {
    let steps = text::count(plan.steps.len() as u64, "step");
    format!("{steps}, planned by {}: {}, {}.", plan.planner, cost(&plan.cost), plan.prediction)
}

/// `a rewrite of 128,400 rows`.
pub(super) fn cost(cost: &Cost) -> String {
    let rows = text::count(cost.rows, "row");
    match cost.class {
        CostClass::Constant => "constant time".to_owned(),
        CostClass::Scan => format!("a scan of {rows}"),
        CostClass::Rewrite => format!("a rewrite of {rows}"),
    }
}

/// A part of the whole, `71%`.
pub(super) fn share(part: f64, whole: f64) -> String {
    let percent = if whole > 0.0 { part / whole * 100.0 } else { 0.0 };
    if percent < 0.5 { "under 1%".to_owned() } else { format!("{percent:.0}%") }
}

/// What the time from BEGIN to COMMIT went to, as a sentence.
pub(super) fn times(report: &Report) -> String {
    let sum = |is_of: fn(Part) -> bool| -> f64 {
        report.timings.iter().filter(|timing| is_of(timing.part)).map(|timing| timing.seconds).sum()
    };
    format!(
        "{} from BEGIN to COMMIT: {} for the steps, {} for the proof that nothing is lost, {} for the commit.",
        text::seconds(whole(report)),
        text::seconds(sum(|part| part == Part::Step)),
        text::seconds(sum(|part| matches!(part, Part::Look | Part::Evidence | Part::Keys))),
        text::seconds(sum(|part| part == Part::Commit)),
    )
}

/// The time from BEGIN to COMMIT, in seconds.
pub(super) fn whole(report: &Report) -> f64 {
    report.seconds.unwrap_or_else(|| report.timings.iter().map(|timing| timing.seconds).sum())
}

/// The longest of the parts, in seconds.
pub(super) fn longest(report: &Report) -> f64 {
    report.timings.iter().map(|timing| timing.seconds).fold(0.0, f64::max)
}

/// How much room it took, as a sentence.
pub(super) fn disk(disk: &Disk) -> String {
    let Disk { before, peak, after } = *disk;
    let [before, at_most, after] = [before, peak, after].map(text::size);
    let more = text::size(peak.saturating_sub(disk.before));
    format!("On the disk: {before} before, {at_most} at most ({more} more), {after} afterwards.")
}

/// How long, and what that stands on, as a sentence.
pub(super) fn downtime(downtime: &Downtime) -> String {
    let basis = match downtime.basis {
        Basis::Fork => "measured on a copy of production's machine and data",
        Basis::Production => "from what production itself took",
        Basis::Local => "local estimate",
    };
    let [expected, low, high] = [downtime.seconds, downtime.low, downtime.high].map(text::seconds);
    format!("{expected}, between {low} and {high} ({basis}).")
}

/// The text cut at its backticks; whole where they do not come in pairs.
pub(super) fn spans(text: &str) -> Vec<Span<'_>> {
    let parts: Vec<_> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return vec![Span { text, is_code: false }];
    }
    let spans = parts.iter().enumerate().map(|(index, text)| Span { text, is_code: index % 2 == 1 });
    spans.filter(|span| !span.text.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_never_say_nothing_and_never_divide_by_nothing() {
        assert_eq!(share(0.001, 1.0), "under 1%");
        assert_eq!(share(0.714, 1.0), "71%");
        assert_eq!(share(0.0, 0.0), "under 1%");
    }

    #[test]
    fn a_downtime_says_what_it_stands_on() {
        let on = |basis| {
            downtime(&Downtime { basis, parts: vec![], seconds: 3.5, low: 2.9, high: 4.0, limits: vec![] })
        };
        let fork = "3.50 s, between 2.90 s and 4 s (measured on a copy of production's machine and data).";
        assert_eq!(on(Basis::Fork), fork);
        let production = "3.50 s, between 2.90 s and 4 s (from what production itself took).";
        assert_eq!(on(Basis::Production), production);
        assert_eq!(on(Basis::Local), "3.50 s, between 2.90 s and 4 s (local estimate).");
    }

    #[test]
    fn what_is_between_backticks_is_code_where_they_come_in_pairs() {
        let plain = |text| Span { text, is_code: false };
        assert_eq!(spans("write `-- @x`"), [plain("write "), Span { text: "-- @x", is_code: true }]);
        assert_eq!(spans("a`b"), [plain("a`b")]);
    }
}
