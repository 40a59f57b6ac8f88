//! One line of `verify-sync`: what was looked at, what came of it, and what mends it.

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
    /// There was nobody to ask, or nothing to ask about: counts for nothing.
    NotRead,
}

/// One line of `verify-sync`.
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
