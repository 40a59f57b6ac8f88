//! Numbers as they are read.

use landfall_xtask::text;

/// Three digits that count: `0.85 ms`, `4.21 ms`, `123 ms`, `1.71 s`.
pub(super) fn seconds(seconds: f64) -> String {
    let (scale, unit) = scale(seconds);
    format!("{} {unit}", digits(seconds * scale))
}

/// By which seconds are to be multiplied, and the unit that they are in then.
pub(super) fn scale(seconds: f64) -> (f64, &'static str) {
    if seconds < 0.9995 { (1e3, "ms") } else { (1.0, "s") }
}

/// Three digits, where there are as many behind the point.
pub(super) fn digits(number: f64) -> String {
    match number {
        ..9.995 => format!("{number:.2}"),
        ..99.95 => format!("{number:.1}"),
        _ => text::grouped(number.round() as u64),
    }
}
