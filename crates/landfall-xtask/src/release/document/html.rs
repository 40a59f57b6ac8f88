//! A document as one page that loads nothing.

use askama::Template;
use landfall_engine::{Part, Report, Timing, shown};

use super::contents::Document;
use super::difference::Difference;
use super::words::{self, Badge, Tone};
use crate::release::downtime::Downtime;
use crate::release::downtime::Limit;
use crate::text;

/// What the template is filled with. Askama escapes whatever it writes.
#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    document: &'a Document<'a>,
    difference: Option<Difference>,
}

/// The document as a page.
pub(super) fn of(document: &Document<'_>) -> askama::Result<String> {
    let page = Page { document, difference: document.difference() }.render()?;
    Ok(shown(&page).into_owned())
}

/// How wide the bar of a step is, in percent of the longest one's.
fn width(timing: &Timing, report: &Report) -> String {
    percent(timing.seconds, words::longest(report))
}

/// The class that gives that bar its colour.
fn kind(timing: &Timing) -> &'static str {
    if timing.part == Part::Step { "step" } else { "proof" }
}

/// Where on the axis of a downtime some seconds are, in percent: it ends at the last of what is marked on it.
fn place(seconds: f64, downtime: &Downtime) -> String {
    percent(seconds, end(downtime))
}

/// Whether that is beyond the middle, so that there is no room for words to the right of it.
fn is_late(limit: &Limit, downtime: &Downtime) -> bool {
    limit.seconds > end(downtime) / 2.0
}

fn end(downtime: &Downtime) -> f64 {
    downtime.limits.iter().map(|limit| limit.seconds).fold(downtime.high, f64::max)
}

fn percent(part: f64, whole: f64) -> String {
    let percent = if whole > 0.0 { part / whole * 100.0 } else { 0.0 };
    format!("{percent:.2}%")
}

/// The sign of a tone: black and white, and in every font.
fn sign(badge: &Badge) -> &'static str {
    match badge.tone {
        Tone::Good => "✓",
        Tone::Bad => "✗",
        Tone::Warning => "!",
        Tone::Open => "?",
        Tone::Quiet => "–",
    }
}

/// The class that gives a tone its colour.
fn class(badge: &Badge) -> &'static str {
    match badge.tone {
        Tone::Good => "good",
        Tone::Bad => "bad",
        Tone::Warning => "warning",
        Tone::Open => "open",
        Tone::Quiet => "quiet",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]

    use super::*;
    use crate::release::document::example::Example;

    /// The headings, in order, without the markup in them.
    fn headings(page: &str) -> Vec<String> {
        let headings = page.split("<h2>").skip(1).map(|rest| rest.split("</h2>").next().unwrap());
        headings.map(|heading| heading.replace("<code>", "").replace("</code>", "")).collect()
    }

    /// The tags that are closed where another one is open, or never.
    fn misnested(page: &str) -> Vec<String> {
        let mut open = Vec::new();
        let mut wrong = Vec::new();
        for tag in page.split('<').skip(1).map(|rest| rest.split('>').next().unwrap()) {
            let name = tag.split_whitespace().next().unwrap();
            match name.strip_prefix('/') {
                Some(closed) if open.last() == Some(&closed) => drop(open.pop()),
                Some(closed) => wrong.push(closed.to_owned()),
                None if ["!doctype", "meta", "col"].contains(&name) => {}
                None => open.push(name),
            }
        }
        wrong.extend(open.into_iter().map(str::to_owned));
        wrong
    }

    #[test]
    fn every_tag_is_closed_where_it_belongs() {
        let (whole, huge) = (Example::new(), Example::huge());
        for document in [whole.whole(), huge.whole(), Example::empty()] {
            assert_eq!(misnested(&document.html().unwrap()), [] as [String; 0]);
        }
        assert_eq!(misnested("<p><b></p></b>"), ["p", "p"]);
    }

    #[test]
    fn names_out_of_a_database_stay_text() {
        let page = Example::new().whole().html().unwrap();
        assert_eq!(page.matches("&#60;script&#62;alert(1)&#60;/script&#62;").count(), 6, "{page}");
        assert!(!page.contains("<script"), "{page}");
    }

    #[test]
    fn the_page_loads_nothing() {
        let page = Example::new().whole().html().unwrap();
        for word in ["http:", "https:", "src=", "href=", "url(", "@import"] {
            assert!(!page.contains(word), "{word} in {page}");
        }
    }

    #[test]
    fn there_is_a_section_for_all_there_is_to_tell() {
        let all = [
            "Checks",
            "The change of schema.sql",
            "What differs",
            "Notes",
            "Plan",
            "Hazards",
            "Planners",
            "Rows",
            "Time",
            "Predicted downtime",
        ];
        assert_eq!(headings(&Example::new().whole().html().unwrap()), all);
    }

    #[test]
    fn where_there_is_nothing_to_tell_there_is_no_section() {
        let page = Example::empty().html().unwrap();
        assert_eq!(headings(&page), [] as [&str; 0]);
        assert!(page.contains("</span> fine</span> nothing to do.</p>"), "{page}");
    }

    #[test]
    fn a_schema_that_did_not_change_has_no_section() {
        let example = Example::new();
        let document = Document { before: Some(&example.after), ..example.whole() };
        assert!(!document.html().unwrap().contains("The change of"));
    }

    #[test]
    fn what_changed_in_a_line_is_marked() {
        let page = Example::new().whole().html().unwrap();
        assert!(page.contains("<del>  email TEXT,</del>"), "{page}");
        assert!(page.contains("<ins>  email TEXT<mark> COLLATE NOCASE UNIQUE</mark>,</ins>"), "{page}");
    }

    #[test]
    fn only_a_hazard_that_stops_the_plan_tells_its_remedy() {
        let page = Example::new().whole().html().unwrap();
        assert_eq!(page.matches("class=\"remedy\"").count(), 1, "{page}");
    }

    #[test]
    fn the_axis_of_a_downtime_ends_at_the_last_of_its_marks() {
        let mut downtime = Example::new().downtime;
        assert_eq!([5.0, 300.0, 600.0].map(|limit| place(limit, &downtime)), ["0.83%", "50.00%", "100.00%"]);
        downtime.limits.clear();
        assert_eq!(place(downtime.high, &downtime), "100.00%");
        downtime.high = 0.0;
        assert_eq!(place(0.0, &downtime), "0.00%");
    }

    #[test]
    #[ignore = "for eyes: writes the example to where the system keeps what is temporary"]
    fn the_whole_document_looks_well() {
        let example = Example::new();
        let path = std::env::temp_dir().join("landfall-report.html");
        std::fs::write(path, example.whole().html().unwrap()).unwrap();
    }
}
