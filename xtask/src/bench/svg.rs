//! Times against sizes, both on logarithmic scales, as an SVG: values in, text out.
//!
//! A pale ground of its own, since a page that shows it as an image hands neither colours nor fonts on.

use std::fmt::Write as _;

use super::format;
use super::line::Line;

/// One work.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Panel {
    /// Its name.
    pub(crate) title: &'static str,
    /// What its sizes count.
    pub(crate) unit: &'static str,
    /// A line each.
    pub(crate) series: Vec<Series>,
}

/// A line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Series {
    /// Whose.
    pub(crate) name: &'static str,
    /// Size and seconds, by size.
    pub(crate) points: Vec<(f64, f64)>,
}

/// How lines look, in the order of a panel's series.
const STYLES: [(&str, &str); 3] = [("#0b62b8", ""), ("#b8500b", ""), ("#6b7280", "4 3")];
/// Panels beside each other.
const ACROSS: usize = 3;
/// A panel with its margins, in pixels.
const PANEL: (f64, f64) = (320.0, 240.0);
/// Left, top, right, bottom of what is drawn in.
const MARGIN: (f64, f64, f64, f64) = (58.0, 30.0, 16.0, 58.0);
/// From one key to the next.
const KEY: f64 = 61.0;
/// Above all of it, for its title.
const HEAD: f64 = 44.0;

/// Each work that somebody does, as times against sizes.
pub(crate) fn panels(lines: &[Line]) -> Vec<Panel> {
    let mut panels: Vec<Panel> = Vec::new();
    for line in lines.iter().filter(|line| line.ours.is_some()) {
        if panels.last().is_none_or(|panel| panel.title != line.work) {
            let series = ["ours", "Atlas", line.limit_is].map(|name| Series { name, points: Vec::new() });
            panels.push(Panel { title: line.work, unit: line.unit, series: series.into() });
        }
        let times = [line.ours, line.atlas, line.limit];
        let series = panels.last_mut().into_iter().flat_map(|panel| &mut panel.series);
        for (series, times) in series.zip(times) {
            series.points.extend(times.map(|times| (line.size as f64, times.median)));
        }
    }
    panels
}

/// All of them on one sheet; times have the same scale everywhere, so that panels can be compared.
pub(crate) fn picture(panels: &[Panel]) -> String {
    let seconds = panels.iter().flat_map(|panel| &panel.series).flat_map(|series| &series.points);
    let y = Scale::of(seconds.map(|point| point.1), MARGIN.1, PANEL.1 - MARGIN.3).upwards();
    let (across, down) = (panels.len().clamp(1, ACROSS), panels.len().div_ceil(ACROSS));
    let (width, height) = (across as f64 * PANEL.0, HEAD + down as f64 * PANEL.1);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" role=\"img\" font-family=\"system-ui, sans-serif\" font-size=\"11\" fill=\"#1f2328\">\n\
         <title>The time of a change against the number of rows</title>\n\
         <rect width=\"{width}\" height=\"{height}\" rx=\"6\" fill=\"#fbfbf9\"/>\n\
         <text x=\"16\" y=\"26\" font-size=\"14\" font-weight=\"600\">The time of a change against the number of \
         rows, both logarithmic</text>\n"
    );
    for (number, panel) in panels.iter().enumerate() {
        let left = (number % ACROSS) as f64 * PANEL.0;
        let top = HEAD + (number / ACROSS) as f64 * PANEL.1;
        let _ = writeln!(out, "<g transform=\"translate({left} {top})\">\n{}</g>", drawn(panel, &y));
    }
    out.push_str("</svg>\n");
    out
}

fn drawn(panel: &Panel, y: &Scale) -> String {
    let sizes = panel.series.iter().flat_map(|series| &series.points).map(|point| point.0);
    let x = Scale::of(sizes, MARGIN.0, PANEL.0 - MARGIN.2);
    let mut out = format!(
        "<text x=\"{}\" y=\"18\" font-size=\"12\" font-weight=\"600\">{}</text>\n",
        MARGIN.0,
        escaped(panel.title)
    );
    let (left, right, top, bottom) = (MARGIN.0, PANEL.0 - MARGIN.2, MARGIN.1, PANEL.1 - MARGIN.3);
    for power in y.powers() {
        let at = y.at(power);
        let _ = writeln!(out, "<path d=\"M{left} {at:.1}H{right}\" stroke=\"#d8dade\"/>");
        let _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            left - 6.0,
            at + 4.0,
            time(power)
        );
    }
    for power in x.powers() {
        let at = x.at(power);
        let _ = writeln!(out, "<path d=\"M{at:.1} {top}V{bottom}\" stroke=\"#d8dade\"/>");
        let _ = writeln!(
            out,
            "<text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            bottom + 15.0,
            count(power)
        );
    }
    let middle = f64::midpoint(left, right);
    let _ = writeln!(
        out,
        "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
        bottom + 29.0,
        panel.unit
    );
    for (number, (series, (colour, dash))) in panel.series.iter().zip(STYLES).enumerate() {
        out.push_str(&line(series, colour, dash, &x, y));
        out.push_str(&key(series, colour, dash, left + KEY * number as f64, bottom + 46.0));
    }
    out
}

/// The line and a dot for each point, which tells its time to whoever points at it.
fn line(series: &Series, colour: &str, dash: &str, x: &Scale, y: &Scale) -> String {
    let places =
        series.points.iter().map(|(size, seconds)| format!("{:.1},{:.1}", x.at(*size), y.at(*seconds)));
    let mut out = format!(
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" stroke-dasharray=\"{dash}\"/>\n",
        places.collect::<Vec<_>>().join(" ")
    );
    for (size, seconds) in &series.points {
        let _ = writeln!(
            out,
            "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"{colour}\"><title>{}, {}: {}</title></circle>",
            x.at(*size),
            y.at(*seconds),
            escaped(series.name),
            count(*size),
            format::seconds(*seconds)
        );
    }
    out
}

/// What the colour means; nothing of a line that has no point.
fn key(series: &Series, colour: &str, dash: &str, x: f64, y: f64) -> String {
    if series.points.is_empty() {
        return String::new();
    }
    format!(
        "<path d=\"M{x} {:.1}h16\" stroke=\"{colour}\" stroke-width=\"2\" stroke-dasharray=\"{dash}\"/>\n\
         <text x=\"{}\" y=\"{y}\">{}</text>\n",
        y - 4.0,
        x + 21.0,
        escaped(series.name)
    )
}

/// From powers of ten to pixels.
#[derive(Debug)]
struct Scale {
    /// Logarithms of the least and the most that has a place.
    from: f64,
    to: f64,
    begin: f64,
    end: f64,
}

impl Scale {
    /// Of whole powers of ten around all of these values, which are above 0.
    fn of(values: impl Iterator<Item = f64>, begin: f64, end: f64) -> Self {
        let (least, most) = values
            .map(f64::log10)
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), log| (least.min(log), most.max(log)));
        let (from, to) = if least > most { (0.0, 1.0) } else { (least.floor(), most.ceil()) };
        // Of values that are all one power there is still an axis.
        Self { from, to: to.max(from + 1.0), begin, end }
    }

    /// The same with the most where the least was: y goes down on a sheet.
    fn upwards(self) -> Self {
        Self { begin: self.end, end: self.begin, ..self }
    }

    fn at(&self, value: f64) -> f64 {
        self.begin + (value.log10() - self.from) / (self.to - self.from) * (self.end - self.begin)
    }

    fn powers(&self) -> impl Iterator<Item = f64> {
        (self.from as i32..=self.to as i32).map(|power| 10_f64.powi(power))
    }
}

/// `0.1 ms`, `10 ms`, `1 s`: of a power of ten.
fn time(seconds: f64) -> String {
    if seconds < 0.5 { format!("{} ms", rounded(seconds * 1e3)) } else { format!("{} s", rounded(seconds)) }
}

/// `1`, `10k`, `1M`.
fn count(number: f64) -> String {
    match number {
        ..1e3 => rounded(number),
        ..1e6 => format!("{}k", rounded(number / 1e3)),
        _ => format!("{}M", rounded(number / 1e6)),
    }
}

/// Without what the binary fraction adds to a power of ten.
fn rounded(number: f64) -> String {
    ((number * 1e6).round() / 1e6).to_string()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::line::{Lap, Laps};
    use crate::bench::work::WORKS;

    fn panel(title: &'static str, ours: &[(f64, f64)]) -> Panel {
        let series = |name, points: &[(f64, f64)]| Series { name, points: points.to_vec() };
        let limit = series("cp + fsync", &[(1e4, 0.002), (1e6, 0.2)]);
        Panel { title, unit: "rows", series: vec![series("ours", ours), series("Atlas", &[]), limit] }
    }

    /// Tags that are opened are closed, in order.
    fn assert_well_formed(svg: &str) {
        let mut open = Vec::new();
        for tag in svg.split('<').skip(1).map(|tag| tag.split('>').next().unwrap()) {
            match tag.strip_prefix('/') {
                Some(name) => assert_eq!(open.pop(), Some(name)),
                None if tag.ends_with('/') => {}
                None => open.push(tag.split_whitespace().next().unwrap()),
            }
            assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        }
        assert_eq!(open, [] as [&str; 0]);
    }

    #[test]
    fn a_power_of_ten_is_as_far_from_the_next_everywhere() {
        let scale = Scale::of([20.0, 3_000.0].into_iter(), 0.0, 300.0);
        assert_eq!([10.0, 100.0, 1_000.0, 10_000.0].map(|value| scale.at(value)), [0.0, 100.0, 200.0, 300.0]);
        let up = scale.upwards();
        assert_eq!([10.0, 10_000.0].map(|value| up.at(value)), [300.0, 0.0]);
        assert_eq!(up.powers().collect::<Vec<_>>(), [10.0, 100.0, 1_000.0, 10_000.0]);
    }

    #[test]
    fn one_value_and_no_value_have_an_axis() {
        assert_eq!(Scale::of([100.0].into_iter(), 0.0, 10.0).at(100.0), 0.0);
        assert_eq!(Scale::of(std::iter::empty(), 0.0, 10.0).powers().count(), 2);
        assert_well_formed(&picture(&[]));
    }

    #[test]
    fn every_point_is_a_dot_at_its_place_and_a_line_without_points_has_no_key() {
        let svg = picture(&[panel("drop <not> null", &[(1e4, 0.004), (1e6, 0.005)])]);
        assert_well_formed(&svg);
        assert_eq!(svg.matches("<circle").count(), 4);
        assert!(svg.contains("<title>ours, 1M: 5.00 ms</title>"), "{svg}");
        assert!(svg.contains("drop &lt;not&gt; null"), "{svg}");
        assert!(svg.contains(">cp + fsync</text>") && !svg.contains("Atlas"), "{svg}");
        // The first and the last power on either axis, with their units.
        for label in [">10k<", ">1M<", ">1 ms<", ">1 s<", ">rows<"] {
            assert!(svg.contains(label), "{label} in {svg}");
        }
    }

    #[test]
    fn panels_stand_three_abreast_and_share_their_times() {
        let panels = [1.0, 0.01, 0.01, 0.01].map(|seconds| panel("a", &[(1e4, seconds), (1e6, seconds)]));
        let svg = picture(&panels);
        assert_well_formed(&svg);
        assert!(svg.contains("translate(640 44)") && svg.contains("translate(0 284)"), "{svg}");
        assert_eq!(svg.matches(">1 s<").count(), 4, "{svg}");
    }

    #[test]
    fn what_a_limit_is_fits_beside_the_other_keys() {
        // Of a font of 11 pixels a letter is some 6.5 wide.
        let room = (PANEL.0 - MARGIN.0 - 2.0 * KEY - 21.0) / 6.5;
        let longest = WORKS.iter().map(|work| work.limit.told().len()).max().unwrap();
        assert!(longest as f64 <= room, "{longest} letters in {room}");
    }

    #[test]
    fn labels_are_short() {
        assert_eq!([1e-4, 1e-3, 1e-1, 1.0, 100.0].map(time), ["0.1 ms", "1 ms", "100 ms", "1 s", "100 s"]);
        assert_eq!([1.0, 60.0, 1e3, 1e4, 1e7].map(count), ["1", "60", "1k", "10k", "10M"]);
    }

    fn laps() -> Laps {
        let ours = Lap {
            seconds: 4.5,
            copy: 0.0,
            transaction: 2.0,
            parts: [0.1, 1.0, 0.5, 0.3, 0.1],
            peak: None,
            planner: None,
            prediction: None,
        };
        Laps { ours: vec![ours], limit: vec![1.0], ..Laps::default() }
    }

    #[test]
    fn each_work_that_somebody_does_is_drawn_in_all_its_sizes() {
        let work = |name: &str| WORKS.iter().find(|work| work.name == name).unwrap();
        let line = |name: &str, size| Line::new(work(name), size, &laps());
        let cp = Line::new(work("cp"), 10, &Laps { limit: vec![1.0], ..Laps::default() });
        let panels = panels(&[line("add-check", 10), line("add-check", 100), line("rewrite", 10), cp]);
        let told: Vec<_> = panels.iter().map(|panel| (panel.title, panel.unit)).collect();
        assert_eq!(told, [("add-check", "rows"), ("rewrite", "rows")]);
        let points = panels[0].series.iter().map(|series| (series.name, series.points.clone()));
        let ours = ("ours", vec![(10.0, 4.5), (100.0, 4.5)]);
        let limit = ("a bare scan", vec![(10.0, 1.0), (100.0, 1.0)]);
        assert_eq!(points.collect::<Vec<_>>(), [ours, ("Atlas", vec![]), limit]);
    }
}
