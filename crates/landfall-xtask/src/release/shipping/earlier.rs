//! A release that has served: what it takes to bring it back.

use anyhow::Result;
use landfall_engine::Declared;

use super::standing::Standing;
use super::{Shipping, is_same_image};
use crate::error::{Error, Kind};
use crate::name::{CommitId, Image, Revision};
use crate::release::audit::{self, Audit, Outcome, Recorded};
use crate::release::deployed;
use crate::release::image::short;
use crate::tool::git;

/// A release that has served.
#[derive(Debug)]
pub(crate) struct Earlier {
    /// Its commit, as its image says; none of an image that Landfall did not make.
    pub(crate) commit: Option<Revision>,
    /// Its image, by digest.
    pub(crate) image: Image,
    /// The text of its fly.toml.
    pub(crate) fly_toml: String,
    /// What its image declares, where that is known.
    pub(crate) declared: Option<Declared>,
}

impl Earlier {
    /// How it is called in sentences.
    pub(crate) fn name(&self) -> String {
        self.commit.as_deref().map_or_else(|| self.image.to_string(), short)
    }
}

/// The release that production runs; none where Fly does not tell its digest.
pub(crate) fn running(
    shipping: &Shipping<'_>,
    standing: &Standing,
    audit: &Audit,
) -> Result<Option<Earlier>> {
    let Some(image) = standing.machine.pinned_image() else { return Ok(None) };
    let recorded = audit.entries.iter().find(|recorded| is_of(recorded, &image));
    let commit = recorded.map(|recorded| recorded.entry.commit.clone()).or_else(|| standing.commit.clone());
    from(shipping, recorded, commit, image).map(Some)
}

/// The commit that was written down of the image that production runs.
pub(crate) fn commit(standing: &Standing, audit: &Audit) -> Option<CommitId> {
    let image = standing.machine.pinned_image()?;
    audit.entries.iter().find(|recorded| is_of(recorded, &image))?.entry.commit.commit().cloned()
}

/// The release to go back to: what production runs, unless nobody has proved it; else the last that was proved. Why there is none,
/// where there is none.
pub(crate) fn proved(
    shipping: &Shipping<'_>,
    standing: &Standing,
    audit: &Audit,
) -> Result<Result<Earlier, String>> {
    let Some(image) = standing.machine.pinned_image() else {
        return Ok(Err("which image ran before is not known".to_owned()));
    };
    match to_go_back_to(audit, &image) {
        Some(Back::Running) => {
            let running = running(shipping, standing, audit)?;
            Ok(running.ok_or_else(|| "which image ran before is not known".to_owned()))
        }
        Some(Back::Recorded(last)) => {
            let earlier = recorded(shipping, last)?;
            let what = standing.commit.as_deref().map_or(image.into(), short);
            shipping.ui.note(format!(
                "{what}, which production runs, was never proved: the release to go back to is {}",
                earlier.name()
            ));
            Ok(Ok(earlier))
        }
        None => Ok(Err("what ran before was never proved, and no release was proved before it".to_owned())),
    }
}

/// Which release to go back to.
#[derive(Debug, PartialEq)]
enum Back<'a> {
    /// What runs.
    Running,
    /// That of this entry.
    Recorded(&'a Recorded),
}

/// `image` is what runs. One that the audit does not know was there before Landfall.
fn to_go_back_to<'a>(audit: &'a Audit, image: &str) -> Option<Back<'a>> {
    let mut entries = audit.entries.iter();
    let is_known = entries.clone().any(|recorded| is_about(recorded, image));
    if !is_known || entries.clone().any(|recorded| is_of(recorded, image)) {
        return Some(Back::Running);
    }
    entries.find(|recorded| recorded.entry.outcome == Outcome::Served).map(Back::Recorded)
}

/// A release of the audit.
pub(crate) fn recorded(shipping: &Shipping<'_>, recorded: &Recorded) -> Result<Earlier> {
    let entry = &recorded.entry;
    let untold = || {
        let message = format!("the record of release {} names no image", recorded.number);
        Error::new(Kind::Failed, "production", message)
            .unchanged()
            .remedy("take another release: cargo xtask rollback --list")
    };
    let image = entry.image.clone().ok_or_else(untold)?;
    from(shipping, Some(recorded), Some(entry.commit.clone()), image)
}

fn is_about(recorded: &Recorded, image: &str) -> bool {
    recorded.entry.image.as_ref().is_some_and(|own| is_same_image(own, image))
}

/// Whether an entry is about a release with this image that has served.
pub(crate) fn is_of(recorded: &Recorded, image: &str) -> bool {
    recorded.entry.outcome == Outcome::Served && is_about(recorded, image)
}

/// With the files that were written down with it; else with those of its commit.
fn from(
    shipping: &Shipping<'_>,
    recorded: Option<&Recorded>,
    commit: Option<Revision>,
    image: Image,
) -> Result<Earlier> {
    let root = &shipping.project.root;
    let file =
        |name| recorded.map_or(Ok(None), |recorded| audit::file(root, recorded, name, shipping.interrupt));
    let built_of = commit.as_ref().and_then(Revision::commit);
    let mut fly_toml = file("fly.toml")?;
    let mut schema = file("schema.sql")?;
    if let (Some(commit), true) = (built_of, fly_toml.is_none() || schema.is_none())
        && deployed::make_available(root, commit, shipping.interrupt)?.is_ok()
    {
        fly_toml = fly_toml.map_or_else(
            || git::show(root, commit, "fly.toml".as_ref(), shipping.interrupt),
            |text| Ok(Some(text)),
        )?;
        schema = schema.map_or_else(
            || {
                Ok::<_, anyhow::Error>(
                    deployed::schema(shipping.project, commit, shipping.interrupt)?
                        .map(|files| files.text().to_owned()),
                )
            },
            |text| Ok(Some(text)),
        )?;
    }
    let fly_toml = match fly_toml {
        Some(text) => text,
        None => {
            shipping.ui.note(format!("the fly.toml of {image} is not known: today's goes with it"));
            crate::fly_toml::text(root)?
        }
    };
    // One that cannot be read any more tells nothing: then the boot decides whether it fits.
    let declared = schema
        .and_then(|text| Declared::parse(&shipping.project.schema_in_root, &text, shipping.settings).ok());
    Ok(Earlier { commit, image, fly_toml, declared })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::name::CommitId;

    fn recorded(number: usize, outcome: &str, digest: &str) -> Recorded {
        let entry = json!({
            "kind": "deploy", "outcome": outcome, "time": "2026-08-01T10:00:00Z", "who": "ada", "host": "laptop", "app": "shop",
            "commit": "", "from": null, "image": format!("r/shop@sha256:{digest}"), "declared": null, "live": null,
            "machine": null, "volume": null, "snapshot": null, "copy": null, "plan": null, "steps": [], "rows": [],
            "set_aside": [], "seconds": 1.0, "message": "",
        });
        Recorded {
            id: CommitId::parse(&"0".repeat(40)).unwrap(),
            number,
            entry: serde_json::from_value(entry).unwrap(),
        }
    }

    #[test]
    fn what_nobody_proved_is_no_release_to_go_back_to() {
        let entries = vec![
            recorded(5, "shipping", "c"),
            recorded(4, "stranded", "d"),
            recorded(3, "served", "b"),
            recorded(2, "shipping", "b"),
            recorded(1, "served", "a"),
        ];
        let audit = Audit { entries, reason: None };
        let back = |digest: &str| match to_go_back_to(&audit, &format!("r/shop@sha256:{digest}")) {
            Some(Back::Running) => "what runs".to_owned(),
            Some(Back::Recorded(recorded)) => recorded.number.to_string(),
            None => "none".to_owned(),
        };
        assert_eq!([back("b"), back("a"), back("older than Landfall")], ["what runs"; 3]);
        assert_eq!([back("c"), back("d")], ["3", "3"]);
        let first = Audit { entries: vec![recorded(1, "shipping", "c")], reason: None };
        assert_eq!(to_go_back_to(&first, "r/shop@sha256:c"), None);
    }
}
