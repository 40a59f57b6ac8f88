//! What was measured as text: values in, text out.

use std::fmt::Write as _;

use landfall_xtask::text;

use super::format::{digits, scale, seconds};
use super::line::{Line, Measured, Parts, Times};
use super::work::On;

/// The space between two columns.
const GAP: &str = "  ";

/// The table of ratios, where ours went, the most memory, and what is to be told of Atlas's results.
pub(super) fn told(measured: &Measured) -> String {
    let Measured { runs, sqlite, atlas, lines } = measured;
    let atlas = atlas.as_ref().map_or_else(|| "no Atlas".to_owned(), |version| format!("Atlas {version}"));
    let heading =
        format!("Medians (min..max) of {}, SQLite {sqlite}, {atlas}", text::count(*runs as u64, "run"));
    let mut sections = vec![format!("{}\n{}", text::title(&heading), ratios(lines))];
    if lines.iter().any(|line| line.parts.is_some()) {
        sections.push(format!("{}\n{}", text::title("Where ours goes (medians)"), parts(lines)));
    }
    let notes = notes(lines);
    if !notes.is_empty() {
        sections.push(format!("{}\n{notes}", text::title("Notes")));
    }
    sections.join("\n")
}

/// `rewrite, 10,000 rows: ours 0.13 s, Atlas 98.2 ms, cp + fsync 5.10 ms`.
pub(super) fn line(line: &Line) -> String {
    let named = [("ours", line.ours), ("Atlas", line.atlas), (line.limit_is, line.limit)];
    let times = named.into_iter().filter_map(|(name, times)| Some((name, times?.median)));
    let times: Vec<_> = times.map(|(name, median)| format!("{name} {}", seconds(median))).collect();
    format!("{}, {}: {}", line.work, size(line), times.join(", "))
}

/// `10,000 rows`.
fn size(line: &Line) -> String {
    let on = if line.unit == On::Rows.unit() { On::Rows } else { On::Tables };
    on.counted(line.size)
}

fn ratios(lines: &[Line]) -> String {
    let titles = ["work", "size", "ours", "Atlas", "Atlas/ours", "limit", "ours/limit", "the limit is"];
    let mut rows = vec![titles.map(str::to_owned).to_vec()];
    for line in lines {
        rows.push(row(line, line.work, &size(line), line.ours));
        if line.without_copy.is_some() {
            rows.push(row(line, "  without its copy", "", line.without_copy));
        }
    }
    aligned(&rows, 1, 7)
}

fn row(line: &Line, work: &str, size: &str, ours: Option<Times>) -> Vec<String> {
    let ratio = |above: Option<Times>, below: Option<Times>| {
        let ratio = above.zip(below).map(|(above, below)| above.median / below.median);
        ratio.map_or_else(|| "-".to_owned(), digits)
    };
    let (atlas, limit) = (line.atlas, line.limit);
    let (by_atlas, by_limit) = (ratio(atlas, ours), ratio(ours, limit));
    let cells = [work, size, &times(ours), &times(atlas), &by_atlas, &times(limit), &by_limit, line.limit_is];
    cells.map(str::to_owned).to_vec()
}

fn parts(lines: &[Line]) -> String {
    let titles = ["work", "size", "process, planning", "copy", "look", "steps", "evidence", "keys", "commit"];
    let titles = titles.into_iter().chain(["the proof's share", "BEGIN to COMMIT"]);
    let mut rows = vec![titles.map(str::to_owned).collect::<Vec<_>>()];
    for (line, parts) in lines.iter().filter_map(|line| Some((line, line.parts?))) {
        let Parts { process, copy, look, step, evidence, keys, commit, transaction } = parts;
        let mut row = vec![line.work.to_owned(), size(line)];
        row.extend([process, copy, look, step, evidence, keys, commit].map(part));
        let prediction = line.prediction.map(|prediction| format!(", {prediction}")).unwrap_or_default();
        row.push(format!("{:.0} %", parts.proof() * 100.0));
        row.push(format!("{}{prediction}", seconds(transaction)));
        rows.push(row);
    }
    aligned(&rows, 1, 10)
}

fn part(taken: f64) -> String {
    if taken == 0.0 { "-".to_owned() } else { seconds(taken) }
}

fn notes(lines: &[Line]) -> String {
    let mut out = String::new();
    // Of the largest database: what grows with it would be seen there.
    let size_of = |line: &Line| (line.unit == On::Rows.unit(), line.size);
    let most = lines.iter().filter_map(|line| Some((line.peak?, line)));
    if let Some((peak, line)) = most.max_by_key(|(peak, line)| (size_of(line), *peak)) {
        let (peak, size) = (text::size(peak), size(line));
        let _ = writeln!(out, "  the most memory of ours at {size}: {peak} ({})", line.work);
    }
    for line in lines {
        for note in &line.notes {
            let _ = writeln!(out, "  {}, {}: {note}", line.work, size(line));
        }
    }
    if lines.iter().any(|line| line.without_copy.is_some()) {
        out.push_str("  a boot copies the database before a risky plan, which Atlas does not\n");
    }
    if lines.iter().any(|line| line.ours.is_some()) && lines.iter().all(|line| line.atlas.is_none()) {
        out.push_str("  Atlas was not timed: put it on PATH, or its path in ATLAS\n");
    }
    out
}

fn times(times: Option<Times>) -> String {
    let Some(Times { median, min, max }) = times else { return "-".to_owned() };
    let (scale, unit) = scale(median);
    let [median, min, max] = [median, min, max].map(|seconds| digits(seconds * scale));
    format!("{median} {unit} ({min}..{max})")
}

/// Rows of cells as text: columns before `left` and from `right` on begin, those between end, where their widest does.
fn aligned(rows: &[Vec<String>], left: usize, right: usize) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<_> = (0..columns).map(width).collect();
    let mut out = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            if column < left || column >= right {
                format!("{cell:<width$}")
            } else {
                format!("{cell:>width$}")
            }
        });
        let _ = writeln!(out, "  {}", cells.collect::<Vec<_>>().join(GAP).trim_end());
    }
    out
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use landfall_engine::{Planner, Prediction};

    use super::*;

    fn line(work: &'static str, size: u64, unit: &'static str) -> Line {
        let times = |median: f64| Some(Times { median, min: median * 0.9, max: median * 1.2 });
        Line {
            work,
            size,
            unit,
            ours: times(0.0042),
            without_copy: None,
            atlas: times(1.714),
            limit: times(0.0031),
            limit_is: "a durable commit",
            planner: None,
            parts: None,
            prediction: None,
            peak: None,
            notes: [].into(),
        }
    }

    fn rewrite() -> Line {
        let times = |median: f64| Some(Times { median, min: median, max: median });
        let parts = Parts {
            process: 0.1,
            copy: 0.5,
            look: 0.05,
            step: 3.2,
            evidence: 0.45,
            keys: 0.3,
            commit: 0.0009,
            transaction: 4.0,
        };
        Line {
            ours: times(4.6),
            without_copy: times(4.1),
            atlas: times(5.0),
            limit: times(0.4),
            limit_is: "cp + fsync",
            planner: Some(Planner::Builtin),
            parts: Some(parts),
            prediction: Some(Prediction { seconds: 1.4, low: 0.5, high: 4.2 }),
            peak: Some(41_200_000),
            notes: ["after Atlas 10,000 rows are not where remark IS NOT NULL".to_owned()].into(),
            ..line("rewrite", 1_000_000, "rows")
        }
    }

    fn measured(lines: Vec<Line>) -> String {
        let atlas = lines.iter().any(|line| line.atlas.is_some()).then(|| "1.2.3".to_owned());
        let measured = Measured { runs: 5, sqlite: "3.54.1", atlas, lines };
        anstream::adapter::strip_str(&told(&measured)).to_string()
    }

    #[test]
    fn everything_is_told() {
        let limit = Line { ours: None, atlas: None, ..line("cp", 10_000, "rows") };
        assert_snapshot!(measured(vec![Line { peak: Some(50_000_000), ..line("no-drift", 1, "tables") }, rewrite(), limit]), @"
        Medians (min..max) of 5 runs, SQLite 3.54.1, Atlas 1.2.3
          work                          size                  ours                Atlas  Atlas/ours                 limit  ours/limit  the limit is
          no-drift                   1 table  4.20 ms (3.78..5.04)  1.71 s (1.54..2.06)         408  3.10 ms (2.79..3.72)        1.35  a durable commit
          rewrite             1,000,000 rows   4.60 s (4.60..4.60)  5.00 s (5.00..5.00)        1.09     400 ms (400..400)        11.5  cp + fsync
            without its copy                   4.10 s (4.10..4.10)  5.00 s (5.00..5.00)        1.22     400 ms (400..400)        10.2  cp + fsync
          cp                     10,000 rows                     -                    -           -  3.10 ms (2.79..3.72)           -  a durable commit

        Where ours goes (medians)
          work               size  process, planning    copy     look   steps  evidence    keys   commit  the proof's share  BEGIN to COMMIT
          rewrite  1,000,000 rows             100 ms  500 ms  50.0 ms  3.20 s    450 ms  300 ms  0.90 ms               11 %  4.00 s, predicted 1.4 s (0.5 to 4.2 s)

        Notes
          the most memory of ours at 1,000,000 rows: 41.2 MB (rewrite)
          rewrite, 1,000,000 rows: after Atlas 10,000 rows are not where remark IS NOT NULL
          a boot copies the database before a risky plan, which Atlas does not
        ");
    }

    #[test]
    fn without_atlas_its_column_is_empty_and_one_line_says_so() {
        let line = Line { atlas: None, ..line("no-drift", 60, "tables") };
        assert_snapshot!(measured(vec![line]), @"
        Medians (min..max) of 5 runs, SQLite 3.54.1, no Atlas
          work           size                  ours  Atlas  Atlas/ours                 limit  ours/limit  the limit is
          no-drift  60 tables  4.20 ms (3.78..5.04)      -           -  3.10 ms (2.79..3.72)        1.35  a durable commit

        Notes
          Atlas was not timed: put it on PATH, or its path in ATLAS
        ");
    }

    #[test]
    fn times_have_three_digits() {
        let told = [0.000_85, 0.004_214, 0.099_9, 0.123_4, 0.999_6, 1.714, 42.04, 192.3].map(seconds);
        assert_eq!(told, ["0.85 ms", "4.21 ms", "99.9 ms", "123 ms", "1.00 s", "1.71 s", "42.0 s", "192 s"]);
    }
}
