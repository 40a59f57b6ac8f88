//! Directives that no database of the deployed commit has anything left to do for.

use landfall_engine::Report;

use crate::release::check::{Check, Verdict, line};

/// The line about them, where there are any. Before the first deploy there is no database that has done anything yet.
pub(super) fn idle_directives(is_deployed: bool, change: Option<&Report>) -> Option<Check> {
    let idle = &change?.idle_directives;
    let details = idle.iter().map(|directive| directive.message.clone()).collect();
    let evidence = "the deployed commit has nothing left for them to do";
    let remedy = "take them out of schema.sql: production has their change already";
    let check = Check { details, ..line("directives", Verdict::OutOfSync, evidence, remedy) };
    (is_deployed && !idle.is_empty()).then_some(check)
}
