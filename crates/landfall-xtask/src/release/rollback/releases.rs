//! The releases that there are to go back to: values in, text out.

use std::fmt;

use landfall_engine::fingerprint;
use serde::Serialize;

use crate::error::{Error, Kind as ErrorKind};
use crate::name::{Image, Region, Revision, VolumeId};
use crate::plain;
use crate::release::audit::{Audit, Kind, Outcome, Recorded};
use crate::release::image::short;
use crate::release::shipping::earlier::is_of;
use crate::release::temporary::look;
use crate::text;

/// A release that has served.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Release {
    /// Of its entry in the audit, from 1.
    pub(crate) number: usize,
    /// When it began to serve, as in RFC 3339.
    pub(crate) time: String,
    /// Who brought it.
    pub(crate) who: String,
    /// Of its image.
    pub(crate) commit: Revision,
    /// The fingerprint of its image's own schema.
    pub(crate) declared: Option<String>,
    /// The fingerprint of the schema that the database had under it.
    pub(crate) live: Option<String>,
    /// How it came.
    pub(crate) kind: Kind,
    /// Its image, by digest.
    #[serde(serialize_with = "crate::name::or_empty")]
    pub(crate) image: Option<Image>,
    /// Whether production runs it now; none where Fly does not tell.
    pub(crate) runs: Option<bool>,
}

/// All of them.
#[derive(Debug, Serialize)]
pub(crate) struct Releases {
    #[serde(skip)]
    pub(super) app: String,
    /// The newest first.
    pub(crate) releases: Vec<Release>,
    /// Volumes with data that was replaced.
    pub(super) set_aside: Vec<SetAside>,
}

/// A volume that a rollback set aside.
#[derive(Debug, Serialize)]
pub(super) struct SetAside {
    /// Its id.
    pub(super) volume: VolumeId,
    /// Where it is.
    pub(super) region: Region,
    /// In gigabytes.
    pub(super) size_gb: u32,
}

impl Releases {
    /// Of the audit. `image` is what production runs now.
    pub(super) fn of(audit: &Audit, app: &str, image: Option<&str>) -> Self {
        let mut running = served(audit).find(|recorded| image.is_some_and(|image| is_of(recorded, image)));
        let mut release = |recorded: &Recorded| {
            let runs = running.is_some_and(|running| running.number == recorded.number);
            if runs {
                running = None;
            }
            Release::of(recorded, image.map(|_| runs))
        };
        let releases = served(audit).map(&mut release).collect();
        Self { app: app.to_owned(), releases, set_aside: Vec::new() }
    }
}

impl Release {
    /// An entry, and whether production runs it now.
    pub(super) fn of(Recorded { number, entry, .. }: &Recorded, runs: Option<bool>) -> Self {
        Self {
            number: *number,
            time: entry.time.clone(),
            who: entry.who.clone(),
            commit: entry.commit.clone(),
            declared: entry.declared.clone(),
            live: entry.live.clone(),
            kind: entry.kind,
            image: entry.image.clone(),
            runs,
        }
    }

    fn row(&self) -> [String; 7] {
        let Self { number, time, who, commit, declared, live, kind, runs, .. } = self;
        let cut = |text: &Option<String>| text.as_deref().map_or("-", fingerprint::short).to_owned();
        let kind = match kind {
            Kind::Deploy => "deploy",
            Kind::Rollback => "rollback",
            Kind::DataBack => "data back",
        };
        let kind = if *runs == Some(true) { format!("{kind}, runs now") } else { kind.to_owned() };
        [number.to_string(), time.clone(), who.clone(), short(commit), cut(declared), cut(live), kind]
    }
}

/// As a table.
impl fmt::Display for Releases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.releases.is_empty() {
            writeln!(f, "no release of {} is written down yet", self.app)?;
        } else {
            self.write_table(f)?;
        }
        if !self.set_aside.is_empty() {
            writeln!(f, "\n{}", text::title("Set aside, with the data that was replaced"))?;
        }
        self.set_aside.iter().try_for_each(|SetAside { volume, region, size_gb }| {
            writeln!(f, "  volume {volume}, {size_gb} GB in {region}; see what it holds: {}", look(volume))
        })
    }
}

impl Releases {
    fn write_table(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const TITLES: [&str; 7] = ["no", "time", "who", "commit", "declared", "live", "what"];
        let rows: Vec<_> =
            [TITLES.map(str::to_owned)].into_iter().chain(self.releases.iter().map(Release::row)).collect();
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: [usize; 7] = std::array::from_fn(width);
        writeln!(f, "{}", text::title(&format!("Releases of {}", self.app)))?;
        for row in &rows {
            let number = format!("{:>1$}", row[0], widths[0]);
            let cells = row[1..].iter().zip(&widths[1..]).map(|(cell, width)| format!("{cell:width$}"));
            let line: Vec<_> = [number].into_iter().chain(cells).collect();
            writeln!(f, "  {}", line.join("  ").trim_end())?;
        }
        Ok(())
    }
}

/// The entry of the release that is wanted: by number, by the beginning of its commit; else the newest whose image is another one
/// than `image`, which runs now.
///
/// # Errors
/// When there is none, with a list of those that there are.
pub(super) fn choose<'a>(
    audit: &'a Audit,
    app: &str,
    wanted: Option<&str>,
    image: Option<&str>,
) -> Result<&'a Recorded, Error> {
    let Some(wanted) = wanted else {
        // After an attempt that was not proved what is on the machine is no release that serves, whichever it is.
        let last = audit.entries.first().map(|last| last.entry.outcome);
        let unproved = matches!(last, Some(Outcome::Stranded | Outcome::Shipping));
        let other = |recorded: &&Recorded| unproved || !image.is_some_and(|image| is_of(recorded, image));
        return served(audit).find(other).ok_or_else(|| {
            let message = format!("there is no release of {app} to go back to");
            Error::new(ErrorKind::Failed, app, message)
                .unchanged()
                .remedy("see which there are: cargo xtask rollback --list; or mend what runs, and deploy it")
        });
    };
    let numbered =
        wanted.parse().ok().and_then(|number: usize| served(audit).find(|known| known.number == number));
    if let Some(numbered) = numbered {
        return Ok(numbered);
    }
    let begin = || served(audit).filter(|known| known.entry.commit.starts_with(wanted));
    let refused = |what: String| {
        // An error has no colours.
        let list = plain::text(&Releases::of(audit, app, image).to_string());
        let message = format!("{what}\n{}", list.trim_end());
        Error::usage(wanted, message)
            .unchanged()
            .remedy("take one of these, by its number or the beginning of its commit")
    };
    let newest = begin().next().ok_or_else(|| refused(format!("{app} has no release {wanted}")))?;
    if begin().any(|known| known.entry.commit != newest.entry.commit) {
        return Err(refused(format!("the commits of several releases of {app} begin with {wanted}")));
    }
    Ok(newest)
}

fn served(audit: &Audit) -> impl Iterator<Item = &Recorded> {
    audit.entries.iter().filter(|recorded| recorded.entry.outcome == Outcome::Served)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::name::CommitId;

    fn recorded(number: usize, outcome: &str, commit: &str, digest: &str) -> Recorded {
        let entry = json!({
            "kind": "deploy", "outcome": outcome, "time": "2026-08-01T10:00:00Z", "who": "ada", "host": "laptop", "app": "shop",
            "commit": format!("{commit:0<40}"), "from": null, "image": format!("r/shop@sha256:{digest}"), "declared": null, "live": null,
            "machine": null, "volume": null, "snapshot": null, "copy": null, "plan": null, "steps": [], "rows": [],
            "set_aside": [], "seconds": 1.0, "message": "",
        });
        Recorded {
            id: CommitId::parse(&"0".repeat(40)).unwrap(),
            number,
            entry: serde_json::from_value(entry).unwrap(),
        }
    }

    fn audit() -> Audit {
        let entries = vec![
            recorded(5, "served", "22ab", "b"),
            recorded(4, "stranded", "33ab", "d"),
            recorded(3, "served", "22ab", "b"),
            recorded(2, "served", "11ab", "a"),
            recorded(1, "served", "5cab", "c"),
            recorded(0, "served", "5cad", "e"),
        ];
        Audit { entries, reason: None }
    }

    fn chosen(wanted: Option<&str>, image: Option<&str>) -> Option<usize> {
        choose(&audit(), "shop", wanted, image).ok().map(|recorded| recorded.number)
    }

    #[test]
    fn unnamed_it_is_the_newest_with_another_image_than_what_runs() {
        assert_eq!(chosen(None, Some("r/shop@sha256:b")), Some(2));
        assert_eq!(chosen(None, Some("r/shop@sha256:a")), Some(5));
        assert_eq!(chosen(None, None), Some(5));
    }

    #[test]
    fn unnamed_it_is_the_newest_that_served_where_the_last_attempt_needs_a_person() {
        let mut audit = audit();
        audit.entries.insert(0, recorded(9, "stranded", "c9", "f"));
        let newest = served(&audit).next().unwrap();
        let image = newest.entry.image.clone();
        assert_eq!(choose(&audit, "shop", None, image.as_deref()).unwrap().number, newest.number);
    }

    #[test]
    fn it_is_named_by_its_number_or_by_its_commit_and_never_one_that_did_not_serve() {
        assert_eq!(chosen(Some("3"), None), Some(3));
        assert_eq!(chosen(Some("22"), None), Some(5));
        assert_eq!(chosen(Some("5"), None), Some(5));
        assert_eq!(chosen(Some("5cab"), None), Some(1));
        assert_eq!((chosen(Some("11"), None), chosen(Some("1"), None)), (Some(2), Some(1)));
        assert_eq!([chosen(Some("4"), None), chosen(Some("33"), None), chosen(Some("9"), None)], [None; 3]);
        assert_eq!(chosen(Some("5ca"), None), None, "two begin like this");
    }

    #[test]
    fn only_the_newest_with_the_image_that_runs_is_marked() {
        let releases = Releases::of(&audit(), "shop", Some("r/shop@sha256:b"));
        let marks: Vec<_> = releases.releases.iter().map(|release| (release.number, release.runs)).collect();
        assert_eq!(
            marks,
            [(5, Some(true)), (3, Some(false)), (2, Some(false)), (1, Some(false)), (0, Some(false))]
        );
        let unknown = serde_json::to_value(Releases::of(&audit(), "shop", None)).unwrap();
        assert_eq!(unknown["releases"][0]["runs"], Value::Null);
    }
}
