//! The environment. A variable that is empty counts as unset.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use landfall_engine::{Approval, Error, ErrorKind, Settings};

use super::database::Database;
use super::service::{Service, is_program, on_path};

/// Looks up a variable; a function, so that tests need not change the environment of their process.
pub(crate) type Lookup<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// What `start` may do with a database that is not what `schema.sql` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Boot {
    /// Bring it there.
    Migrate {
        /// Whether a database that is missing may be made, where one is expected.
        create: bool,
    },
    /// Leave it, and serve only if this release fits it: how an older release is gone back to.
    Keep,
}

/// A machine on Fly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fly {
    /// The app's name, for the commands that a message names.
    pub(crate) app: String,
}

pub(super) struct Environment<'a>(pub(super) Lookup<'a>);

impl Environment<'_> {
    pub(super) fn settings(&self) -> Result<Settings, Error> {
        let (allow, allow_for) = self.approvals()?;
        Ok(Settings {
            allow,
            allow_for,
            planner: self.word("LANDFALL_PLANNER")?.unwrap_or_default(),
            column_order: self.word("LANDFALL_COLUMN_ORDER")?.unwrap_or_default(),
            fast_path: self.word("LANDFALL_FAST_PATH")?.unwrap_or_default(),
            ignore: self.list("LANDFALL_IGNORE")?,
            atlas: self.atlas()?,
            ..Settings::default()
        })
    }

    pub(super) fn boot(&self) -> Result<Boot, Error> {
        let create = match self.text("LANDFALL_CREATE")?.as_deref() {
            None => false,
            Some("1") => true,
            Some(other) => {
                return Err(wrong("LANDFALL_CREATE", format!("LANDFALL_CREATE=\"{other}\" is not known"))
                    .remedy("set it to 1 where a missing database may be made, or unset it"));
            }
        };
        match self.text("LANDFALL_SCHEMA")?.as_deref() {
            None => Ok(Boot::Migrate { create }),
            Some("keep") => Ok(Boot::Keep),
            Some(other) => Err(wrong("LANDFALL_SCHEMA", format!("LANDFALL_SCHEMA=\"{other}\" is not known"))
                .remedy("set it to keep where the database must stay as it is, or unset it to migrate")),
        }
    }

    pub(super) fn database(&self) -> Database {
        match self.path("DB_PATH") {
            Some(path) => Database { path, by_default: false },
            None => Database { path: ".data/db".into(), by_default: true },
        }
    }

    pub(super) fn address(&self) -> Result<SocketAddr, Error> {
        let ip = match self.text("LISTEN")? {
            Some(text) => text.parse().map_err(|_| {
                wrong("LISTEN", format!("LISTEN=\"{text}\" is not an IP address"))
                    .remedy("for this machine only: LISTEN=127.0.0.1; for every network: LISTEN=0.0.0.0")
            })?,
            None => IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        let port = match self.text("PORT")? {
            Some(text) => text.parse().map_err(|_| {
                wrong("PORT", format!("PORT=\"{text}\" is not a port"))
                    .remedy("use a number from 1 to 65535, or 0 for any free one, for example: PORT=8080")
            })?,
            None => 8080,
        };
        Ok(SocketAddr::new(ip, port))
    }

    /// The commit this was built from; the image says it at run time, so that it never costs a build.
    pub(super) fn commit(&self) -> Result<String, Error> {
        Ok(match option_env!("LANDFALL_COMMIT") {
            Some(commit) if !commit.is_empty() => commit.to_owned(),
            _ => self.text("LANDFALL_COMMIT")?.unwrap_or_else(|| "unknown".to_owned()),
        })
    }

    /// What `start` becomes, of the words behind `--`.
    pub(super) fn service(&self, command: Vec<OsString>) -> Option<Service> {
        Service::new(command, self.value("PATH").unwrap_or_default())
    }

    pub(super) fn fly(&self) -> Result<Option<Fly>, Error> {
        if self.value("FLY_MACHINE_ID").is_none() {
            return Ok(None);
        }
        Ok(Some(Fly { app: self.text("FLY_APP_NAME")?.unwrap_or_else(|| "APP".to_owned()) }))
    }

    /// All that the process sees that makes a copy: where the database is, and where files are made.
    pub(super) fn for_a_copier(&self) -> Vec<(&'static str, PathBuf)> {
        let names = ["DB_PATH", "SQLITE_TMPDIR", "TMPDIR"];
        names.into_iter().filter_map(|name| Some((name, self.path(name)?))).collect()
    }

    pub(super) fn is_ci(&self) -> bool {
        self.value("CI").is_some()
    }

    pub(super) fn path(&self, name: &str) -> Option<PathBuf> {
        self.value(name).map(PathBuf::from)
    }

    /// Approvals, and the plan that they are for: without one they would pass for any later plan, too.
    fn approvals(&self) -> Result<(Vec<Approval>, Option<String>), Error> {
        let allow = Approval::list(&self.text("LANDFALL_ALLOW")?.unwrap_or_default());
        let allow = allow.map_err(|error| {
            wrong("LANDFALL_ALLOW", format!("LANDFALL_ALLOW: {}", error.message)).remedy(error.remedy)
        })?;
        let plan = self.text("LANDFALL_ALLOW_FOR")?;
        if plan.is_none() && !allow.is_empty() {
            return Err(wrong(
                "LANDFALL_ALLOW",
                "LANDFALL_ALLOW is set without LANDFALL_ALLOW_FOR".to_owned(),
            )
            .remedy("set LANDFALL_ALLOW_FOR to the fingerprint of the plan that it approves"));
        }
        Ok((allow, plan))
    }

    fn list(&self, name: &str) -> Result<Vec<String>, Error> {
        let text = self.text(name)?.unwrap_or_default();
        Ok(text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect())
    }

    fn atlas(&self) -> Result<Option<PathBuf>, Error> {
        if let Some(path) = self.path("ATLAS") {
            if is_program(&path) {
                return Ok(Some(path));
            }
            return Err(wrong("ATLAS", format!("ATLAS={} is not a program", path.display()))
                .remedy("name the Atlas binary, or unset ATLAS to look for it on PATH"));
        }
        Ok(on_path(Path::new("atlas"), &self.value("PATH").unwrap_or_default()))
    }

    fn word<T: FromStr<Err = Error>>(&self, name: &str) -> Result<Option<T>, Error> {
        let word = self.text(name)?.map(|text| text.parse()).transpose();
        word.map_err(|error: Error| wrong(name, format!("{name}: {}", error.message)).remedy(error.remedy))
    }

    fn text(&self, name: &str) -> Result<Option<String>, Error> {
        let text = self.value(name).map(OsString::into_string).transpose();
        text.map_err(|_| wrong(name, format!("{name} is not valid UTF-8")).remedy("set it anew, or unset it"))
    }

    fn value(&self, name: &str) -> Option<OsString> {
        (self.0)(name).filter(|value| !value.is_empty())
    }
}

fn wrong(name: &str, message: String) -> Error {
    Error::new(ErrorKind::Usage, name, message)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::env;
    use std::fs::{self, File};
    use std::os::unix::fs::PermissionsExt as _;

    use insta::assert_snapshot;

    use super::*;

    fn error(name: &str, value: &str) -> String {
        let lookup = |asked: &str| (asked == name).then(|| value.into());
        let environment = Environment(&lookup);
        environment
            .settings()
            .map(drop)
            .and_then(|()| environment.address().map(drop))
            .and_then(|()| environment.boot().map(drop))
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn a_variable_that_means_nothing_is_named_with_what_it_may_be() {
        assert_snapshot!(error("PORT", "eighty"), @r#"
        PORT="eighty" is not a port
        use a number from 1 to 65535, or 0 for any free one, for example: PORT=8080
        "#);
        assert_snapshot!(error("PORT", "65536"), @r#"
        PORT="65536" is not a port
        use a number from 1 to 65535, or 0 for any free one, for example: PORT=8080
        "#);
        assert_snapshot!(error("LISTEN", "localhost"), @r#"
        LISTEN="localhost" is not an IP address
        for this machine only: LISTEN=127.0.0.1; for every network: LISTEN=0.0.0.0
        "#);
        assert_snapshot!(error("LANDFALL_PLANNER", "magic"), @r#"
        LANDFALL_PLANNER: planner "magic" is not known
        use one of: auto atlas builtin
        "#);
        assert_snapshot!(error("LANDFALL_COLUMN_ORDER", "any"), @r#"
        LANDFALL_COLUMN_ORDER: column-order "any" is not known
        use one of: report exact
        "#);
        assert_snapshot!(error("LANDFALL_ALLOW", "DROPS_TABLE:t"), @"
        LANDFALL_ALLOW is set without LANDFALL_ALLOW_FOR
        set LANDFALL_ALLOW_FOR to the fingerprint of the plan that it approves
        ");
        assert_snapshot!(error("LANDFALL_ALLOW", "DROPS:t"), @r#"
        LANDFALL_ALLOW: hazard "DROPS" is not known
        write HAZARD:OBJECT, where HAZARD is one of DROPS_TABLE, DROPS_COLUMN, CHANGES_VALUES, LOOKS_LIKE_RENAME, RENUMBERS_ROWIDS, UNUSABLE
        "#);
        assert_snapshot!(error("LANDFALL_SCHEMA", "leave"), @r#"
        LANDFALL_SCHEMA="leave" is not known
        set it to keep where the database must stay as it is, or unset it to migrate
        "#);
        assert_snapshot!(error("LANDFALL_CREATE", "yes"), @r#"
        LANDFALL_CREATE="yes" is not known
        set it to 1 where a missing database may be made, or unset it
        "#);
        assert_snapshot!(error("ATLAS", "/nowhere/atlas"), @r#"
        ATLAS=/nowhere/atlas is not a program
        name the Atlas binary, or unset ATLAS to look for it on PATH
        "#);
    }

    #[test]
    fn atlas_is_the_first_program_of_that_name_on_path() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (folder.path().join("first"), folder.path().join("second"));
        for (folder, mode) in [(&first, 0o644), (&second, 0o755)] {
            fs::create_dir(folder).unwrap();
            let file = File::create(folder.join("atlas")).unwrap();
            file.set_permissions(fs::Permissions::from_mode(mode)).unwrap();
        }
        let path = env::join_paths([&first, &second]).unwrap();
        let lookup = |name: &str| (name == "PATH").then(|| path.clone());
        assert_eq!(Environment(&lookup).settings().unwrap().atlas, Some(second.join("atlas")));
    }
}
