//! One line of `verify-sync`, `status` and `doctor`: what was looked at, what came of it, and what mends it.

use serde::Serialize;

/// What came of a check. Its name in JSON is the kebab-case of the variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Verdict {
    /// As it should be.
    Fine,
    /// Two things that should be the same are not: exit code 4.
    OutOfSync,
    /// The change needs an approval, or cannot be made: exit code 3.
    Refused,
    /// It was asked, and there was no answer to trust: exit code 1.
    Unknown,
    /// Something that a deploy needs is not here, or cannot be used: exit code 1.
    Needed,
    /// Something is not here that nothing needs: counts for nothing.
    Optional,
    /// There was nobody to ask, or nothing to ask about: counts for nothing.
    NotRead,
}

/// One line of `verify-sync`, `status` or `doctor`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Check {
    /// What was looked at: `deployed commit`.
    pub(crate) name: &'static str,
    /// What came of it.
    pub(crate) verdict: Verdict,
    /// In one line, what was seen and where.
    pub(crate) evidence: String,
    /// One line each: the differences, the steps, the sources that disagree.
    pub(crate) details: Vec<String>,
    /// The command that mends it; empty where nothing has to be mended.
    pub(crate) remedy: String,
}

/// A line that is as it should be.
pub(crate) fn fine(name: &'static str, evidence: impl Into<String>) -> Check {
    line(name, Verdict::Fine, evidence, "")
}

/// A line that nobody could be asked about.
pub(crate) fn not_read(name: &'static str, evidence: impl Into<String>) -> Check {
    line(name, Verdict::NotRead, evidence, "")
}

/// A line.
pub(crate) fn line(
    name: &'static str,
    verdict: Verdict,
    evidence: impl Into<String>,
    remedy: impl Into<String>,
) -> Check {
    Check { name, verdict, evidence: evidence.into(), details: Vec::new(), remedy: remedy.into() }
}

/// What is known to be wrong comes before what is not known.
pub(crate) fn verdict(checks: &[Check]) -> Verdict {
    let order = [Verdict::OutOfSync, Verdict::Refused, Verdict::Unknown];
    let any = |verdict: &Verdict| checks.iter().any(|check| check.verdict == *verdict);
    order.into_iter().find(any).unwrap_or(Verdict::Fine)
}
