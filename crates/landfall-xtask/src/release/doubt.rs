//! Whether it is certain that an app was never deployed, where git names no commit of it: a wrong name in fly.toml, and a token for
//! another app, look just the same.

use std::path::Path;

use anyhow::Result;
use landfall_engine::Interrupt;

use super::agreement::COMMIT;
use super::check::{Check, Verdict, line};
use super::production::Production;
use super::{audit, deployed};
use crate::name::{AppName, RefName};
use crate::tool::fly::{Failure, Fly, Reason};
use crate::tool::git;

/// What speaks against it, as the line about the deployed commit; none where it is certain.
pub(crate) fn of(
    root: &Path,
    app: &AppName,
    fly: &Result<Fly<'_>, Failure>,
    production: &Production,
    interrupt: &Interrupt,
) -> Result<Option<Check>> {
    let unknown = |evidence: String, remedy: String| Some(line(COMMIT, Verdict::Unknown, evidence, remedy));
    let names = git::refs(root, interrupt)?;
    if names.contains(&audit::ref_name(app)) {
        return Ok(unknown(
            format!("releases of {app} are written down, and none of them as deployed"),
            format!(
                "see which there are: cargo xtask rollback --list; and what is there: fly status -a {app}"
            ),
        ));
    }
    let recorded = names.iter().filter(|name| name.starts_with(deployed::REFS));
    let others: Vec<_> = recorded.map(RefName::app).collect();
    if !others.is_empty() {
        return Ok(unknown(
            format!("nothing is written down of {app}, and there is of {}", others.join(", ")),
            format!(
                "see whether the name in fly.toml is right: app = \"{app}\"; to deploy it for the first time: cargo xtask deploy --create"
            ),
        ));
    }
    let (Ok(fly), Production::Absent(_)) = (fly, production) else { return Ok(None) };
    Ok(match fly.machines() {
        Err(failure) if failure.reason == Reason::NoApp => {
            let is_there = fly.apps()?.iter().any(|known| *app == *known.name);
            is_there.then(|| line(COMMIT, Verdict::Unknown, failure.message.as_str(), failure.remedy()))
        }
        Err(failure) => Some(line(COMMIT, Verdict::Unknown, failure.message.as_str(), failure.remedy())),
        Ok(_) if fly.was_released()? => unknown(
            format!("{app} had releases, and git names none of them"),
            format!(
                "see what is there: fly releases -a {app}; then name the commit: cargo xtask verify-sync --commit REV"
            ),
        ),
        Ok(_) => None,
    })
}
