//! Directives that no database of the deployed commit has anything left to do for.

use migrate::Report;

use super::{Fresh, line};
use crate::release::check::{Check, Verdict};

/// The line about them, where there are any. Before the first deploy there is no database that has done anything yet.
pub(super) fn idle_directives(fresh: Option<&Fresh>, change: Option<&Report>) -> Option<Check> {
    fresh?.commit.as_ref()?;
    let idle = &change?.idle_directives;
    let details = idle.iter().map(|directive| directive.message.clone()).collect();
    let evidence = "the deployed commit has nothing left for them to do";
    let remedy = "take them out of schema.sql: production has their change already";
    let check = Check { details, ..line("directives", Verdict::OutOfSync, evidence, remedy) };
    (!idle.is_empty()).then_some(check)
}
