//! What the environment asks for: read once, typed. A variable that is empty counts as unset.

mod password;
mod release;

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use anyhow::{Result, anyhow};
use axum::http::HeaderName;
use clap::Parser;

pub(crate) use password::Password;
pub(crate) use release::Release;

const ENVIRONMENT: &str = "\
Environment:
  DB_PATH                the database, which must be there [default: .data/db]
  PORT, LISTEN           where to serve [default: 8080, 127.0.0.1]
  APP_PASSWORD           the page and the API ask for it [default: open; closed on Fly.io]
  APP_CLIENT_IP_HEADER   the header with the client's address, of a proxy that nobody gets around
                         [default: none; Fly-Client-IP on Fly.io]
  LANDFALL_VERSION       what /version answers; `landfall start -- app` sets it

Exit codes: 0 asked to stop, 1 failed, 2 wrong usage";

/// A small web service on one SQLite file
#[derive(Debug, Parser)]
#[command(name = "app", version, after_help = ENVIRONMENT)]
pub(crate) struct Cli;

/// Everything that the service needs to know.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) database: PathBuf,
    pub(crate) address: SocketAddr,
    /// Whoever knows it sees the data and changes it.
    pub(crate) password: Option<Password>,
    /// The header that a proxy in front of the service sets to the address of its client; `None` believes none.
    pub(crate) client_header: Option<HeaderName>,
    /// The machine's platform, when that is Fly.
    pub(crate) fly: Option<Fly>,
    pub(crate) release: Release,
}

/// A machine on Fly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fly {
    /// The app's name, for the commands that a message names.
    pub(crate) app: String,
}

impl Config {
    /// `lookup` looks up a variable; a function, so that tests need not change the environment of their process.
    pub(crate) fn read(lookup: &dyn Fn(&str) -> Option<OsString>) -> Result<Self> {
        let environment = Environment(lookup);
        Ok(Self {
            database: environment.value("DB_PATH").map_or_else(|| ".data/db".into(), PathBuf::from),
            address: environment.address()?,
            password: environment.value("APP_PASSWORD").map(|text| Password::new(text.as_bytes())),
            client_header: environment.client_header()?,
            fly: environment.fly()?,
            release: environment.release()?,
        })
    }
}

struct Environment<'a>(&'a dyn Fn(&str) -> Option<OsString>);

impl Environment<'_> {
    fn address(&self) -> Result<SocketAddr> {
        let ip = match self.text("LISTEN")? {
            Some(text) => text.parse().map_err(|_| {
                anyhow!(
                    "LISTEN=\"{text}\" is not an IP address\n\
                     for this machine only: LISTEN=127.0.0.1; for every network: LISTEN=0.0.0.0"
                )
            })?,
            None => IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        let port = match self.text("PORT")? {
            Some(text) => text.parse().map_err(|_| {
                anyhow!(
                    "PORT=\"{text}\" is not a port\n\
                     use a number from 1 to 65535, or 0 for any free one, for example: PORT=8080"
                )
            })?,
            None => 8080,
        };
        Ok(SocketAddr::new(ip, port))
    }

    /// On Fly nobody but its proxy can set the header of its name. Anywhere else a client could.
    fn client_header(&self) -> Result<Option<HeaderName>> {
        const NAME: &str = "APP_CLIENT_IP_HEADER";
        let on_fly = || self.value("FLY_MACHINE_ID").map(|_| HeaderName::from_static("fly-client-ip"));
        match self.text(NAME)? {
            None => Ok(on_fly()),
            Some(text) => text.parse().map(Some).map_err(|_| {
                anyhow!(
                    "{NAME}=\"{text}\" is not the name of a header\n\
                     name the header that the proxy sets, for example: {NAME}=X-Forwarded-For"
                )
            }),
        }
    }

    fn fly(&self) -> Result<Option<Fly>> {
        if self.value("FLY_MACHINE_ID").is_none() {
            return Ok(None);
        }
        Ok(Some(Fly { app: self.text("FLY_APP_NAME")?.unwrap_or_else(|| "APP".to_owned()) }))
    }

    fn release(&self) -> Result<Release> {
        const NAME: &str = "LANDFALL_VERSION";
        let Some(text) = self.text(NAME)? else { return Ok(Release::default()) };
        serde_json::from_str(&text).map_err(|error| {
            anyhow!("{NAME} is not what landfall says of itself: {error}\nunset it, or start with: landfall start -- app")
        })
    }

    fn text(&self, name: &str) -> Result<Option<String>> {
        let text = self.value(name).map(OsString::into_string).transpose();
        text.map_err(|_| anyhow!("{name} is not valid UTF-8\nset it to another value, or unset it"))
    }

    fn value(&self, name: &str) -> Option<OsString> {
        (self.0)(name).filter(|value| !value.is_empty())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::path::Path;

    use insta::assert_snapshot;

    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Config> {
        Config::read(&|name| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| value.into()))
    }

    #[test]
    fn without_any_variable_or_with_empty_ones_the_defaults_count() {
        let empty = ["DB_PATH", "PORT", "LISTEN", "APP_PASSWORD", "FLY_MACHINE_ID", "LANDFALL_VERSION"];
        for variables in [vec![], empty.map(|name| (name, "")).to_vec()] {
            let config = read(&variables).unwrap();
            assert_eq!(config.address.to_string(), "127.0.0.1:8080");
            assert_eq!(config.database, Path::new(".data/db"));
            assert!(config.password.is_none() && config.fly.is_none() && config.client_header.is_none());
        }
    }

    #[test]
    fn every_variable_reaches_its_setting() {
        let config = read(&[
            ("DB_PATH", "/data/db"),
            ("PORT", "81"),
            ("LISTEN", "::"),
            ("APP_PASSWORD", " pä "),
            ("FLY_MACHINE_ID", "1"),
            ("FLY_APP_NAME", "shop"),
        ]);
        let config = config.unwrap();
        assert_eq!(config.address.to_string(), "[::]:81");
        assert_eq!(config.database, Path::new("/data/db"));
        assert!(config.password.unwrap().is(" pä ".as_bytes()));
        assert_eq!(config.fly.unwrap().app, "shop");
        assert_eq!(read(&[("FLY_MACHINE_ID", "1")]).unwrap().fly.unwrap().app, "APP");
    }

    #[test]
    fn the_header_of_fly_is_believed_there_and_elsewhere_only_the_one_that_is_named() {
        let header = |variables: &[(&str, &str)]| {
            read(variables).unwrap().client_header.map(|header| header.to_string())
        };
        assert_eq!(header(&[]), None);
        assert_eq!(header(&[("FLY_MACHINE_ID", "1")]).unwrap(), "fly-client-ip");
        let named = ("APP_CLIENT_IP_HEADER", "X-Forwarded-For");
        assert_eq!(header(&[named]).unwrap(), "x-forwarded-for");
        assert_eq!(header(&[named, ("FLY_MACHINE_ID", "1")]).unwrap(), "x-forwarded-for");
    }

    #[test]
    fn a_variable_that_means_nothing_is_named_with_what_it_may_be() {
        let error = |name, value| read(&[(name, value)]).unwrap_err().to_string();
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
        assert_snapshot!(error("APP_CLIENT_IP_HEADER", "X Real IP"), @r#"
        APP_CLIENT_IP_HEADER="X Real IP" is not the name of a header
        name the header that the proxy sets, for example: APP_CLIENT_IP_HEADER=X-Forwarded-For
        "#);
        assert_snapshot!(error("LANDFALL_VERSION", "{}"), @"
        LANDFALL_VERSION is not what landfall says of itself: missing field `commit` at line 1 column 2
        unset it, or start with: landfall start -- app
        ");
    }
}
