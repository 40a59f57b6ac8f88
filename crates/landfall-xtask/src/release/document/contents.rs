//! What a document has to tell.

use landfall_engine::Report;

use super::difference::Difference;
use crate::release::check::{Check, Verdict};
use crate::release::downtime::Downtime;

/// All there is to tell. What is empty or `None` has no section.
///
/// The report must be one that was made without `Settings::show_values`: documents are sent around, so no value of a row may be in them.
pub(crate) struct Document<'a> {
    /// What this is about: `Rehearsal of shop: 4c1f2ab0… -> 9d0e1f2a…`.
    pub(crate) title: String,
    /// What came of the whole.
    pub(crate) verdict: Verdict,
    /// That in a sentence without its full stop: `2 differences, applied in 1.84 s, every row is there`.
    pub(crate) summary: String,
    /// What it stands on, each a name and a line: `data` -> `a copy of production`.
    pub(crate) facts: Vec<(&'static str, String)>,
    /// The lines of `verify-sync`; none for a rehearsal.
    pub(crate) checks: &'a [Check],
    /// The path of `schema.sql` in the workspace.
    pub(crate) schema_path: String,
    /// Its text as deployed; `None` where there is none to compare with, empty before the first deploy.
    pub(crate) before: Option<&'a str>,
    /// Its text today.
    pub(crate) after: &'a str,
    /// What the engine found and did.
    pub(crate) report: Option<&'a Report>,
    /// How long the service will not answer.
    pub(crate) downtime: Option<&'a Downtime>,
}

impl Document<'_> {
    /// How `schema.sql` changed, if it did.
    pub(super) fn difference(&self) -> Option<Difference> {
        let difference = Difference::between(self.before?, self.after);
        (!difference.hunks.is_empty()).then_some(difference)
    }
}
