//! What a running service says of itself.

use std::env;
use std::time::{Duration, SystemTime};

use anyhow::{Result, anyhow};
use serde::{Deserialize, Serialize};
use ureq::Agent;

use crate::name::Revision;
use crate::plain;

/// How long one answer may take, from the question about its address to its last byte.
const LIMIT: Duration = Duration::from_secs(5);
/// As many bytes an answer may have: `/version` has some hundred.
const SIZE: u64 = 64 * 1024;

/// `/version` of a service.
#[derive(Debug, Deserialize)]
pub(crate) struct Version {
    /// The commit that it was built from.
    pub(crate) commit: Revision,
    /// Fingerprints of its schemas.
    pub(crate) schema: Schemas,
    /// The SQLite that it was built with.
    #[serde(default)]
    pub(crate) sqlite: String,
    /// From the start of its process to its first answer, in seconds.
    pub(crate) ready_seconds: Option<f64>,
}

/// Fingerprints of schemas; `None` is one that it could not read.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
pub(crate) struct Schemas {
    /// What its `schema.sql` says.
    pub(crate) declared: Option<String>,
    /// What its database has.
    pub(crate) live: Option<String>,
}

/// What `/healthz` showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Health {
    /// It answered 200.
    Good,
    /// It answered with another status.
    Bad(u16),
    /// It did not answer; why.
    Silent(String),
}

/// A service at an address.
#[derive(Debug, Clone)]
pub(crate) struct Probe {
    base: String,
    /// The same as it may be shown.
    address: String,
    agent: Agent,
}

impl Probe {
    /// Of the service at this base, such as `http://127.0.0.1:8080`.
    pub(crate) fn new(base: String) -> Self {
        Self::within(base, LIMIT)
    }

    /// It follows nobody elsewhere: a redirect is an answer with its status, as any other.
    fn within(base: String, limit: Duration) -> Self {
        let settings = Agent::config_builder()
            .timeout_global(Some(limit))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None);
        let address = without_credentials(&base);
        Self { base, address, agent: settings.build().into() }
    }

    /// Of the service of this app, as the public reaches it: LANDFALL_URL, or its name at Fly.
    pub(crate) fn public(app: &str) -> Self {
        let given = env::var("LANDFALL_URL").ok().filter(|url| !url.is_empty());
        let base = given.unwrap_or_else(|| format!("https://{app}.fly.dev"));
        Self::new(base.trim_end_matches('/').to_owned())
    }

    /// The address that is asked, without what opens it.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// `/healthz`.
    pub(crate) fn health(&self) -> Health {
        match self.get("/healthz") {
            Ok((200, _)) => Health::Good,
            Ok((status, _)) => Health::Bad(status),
            Err(error) => Health::Silent(format!("{error:#}")),
        }
    }

    /// Whether `/healthz` answers 200. One that cannot be reached is not well.
    pub(crate) fn is_well(&self) -> bool {
        self.health() == Health::Good
    }

    /// What time it is where it runs, as its answers tell; none where they do not.
    pub(crate) fn time(&self) -> Option<SystemTime> {
        let answer = self.agent.get(format!("{}/healthz", self.base)).call().ok()?;
        httpdate::parse_http_date(answer.headers().get("date")?.to_str().ok()?).ok()
    }

    /// `/version`. What it answered is never part of an error: it may be anything.
    pub(crate) fn version(&self) -> Result<Version> {
        let (status, answer) = self.get("/version")?;
        let document = serde_json::from_slice(&answer).ok().filter(|_| status == 200);
        let version = document.and_then(|mut document| {
            plain::json(&mut document);
            serde_json::from_value(document).ok()
        });
        version.ok_or_else(|| {
            let bytes = answer.len();
            anyhow!(
                "{}/version answered {status} with {bytes} bytes that are no version of a service",
                self.address
            )
        })
    }

    /// Its status and all that it answered.
    fn get(&self, path: &str) -> Result<(u16, Vec<u8>)> {
        let address = format!("{}{path}", self.address);
        // An address that is none is in the error about it.
        let shown = |error: ureq::Error| anyhow!(error.to_string().replace(&self.base, &self.address));
        let mut answer = self
            .agent
            .get(format!("{}{path}", self.base))
            .call()
            .map_err(|error| shown(error).context(format!("cannot ask {address}")))?;
        let status = answer.status().as_u16();
        let read = answer.body_mut().with_config().limit(SIZE).read_to_vec();
        let body = read.map_err(|error| match error {
            ureq::Error::BodyExceedsLimit(_) => {
                anyhow!("{address} answered {status} with more than {SIZE} bytes")
            }
            other => anyhow!("{address} answered {status}, and its answer could not be read: {other}"),
        })?;
        Ok((status, body))
    }
}

fn without_credentials(base: &str) -> String {
    let (scheme, rest) = base.split_once("://").map_or(("", base), |(scheme, rest)| (scheme, rest));
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if scheme.is_empty() { format!("{host}{path}") } else { format!("{scheme}://{host}{path}") }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::sync::mpsc::{self, Receiver};
    use std::thread;

    use insta::assert_snapshot;

    use super::*;

    const VERSION: &str = r#"{"commit": "0123456789abcdef0123456789abcdef01234567", "schema": {"declared": "a", "live": null}}"#;

    /// A service that gives this answer to whoever asks; its address, and the first line of each question.
    fn service(answer: impl Fn(&mut TcpStream) + Send + 'static) -> (String, Receiver<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (asked, questions) = mpsc::channel();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, mut head) = (stream.unwrap(), [0; 4096]);
                let read = stream.read(&mut head).unwrap_or(0);
                let line =
                    String::from_utf8_lossy(&head[..read]).lines().next().unwrap_or_default().to_owned();
                let _ = asked.send(line);
                answer(&mut stream);
            }
        });
        (address, questions)
    }

    fn says(head: &str, body: &str) -> (String, Receiver<String>) {
        let answer =
            format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
        service(move |stream| drop(stream.write_all(answer.as_bytes())))
    }

    /// Why there is no version, with `HOST` for the address.
    fn refusal(base: &str) -> String {
        format!("{:#}", Probe::new(base.to_owned()).version().unwrap_err()).replace(base, "HOST")
    }

    #[test]
    fn a_redirect_is_an_answer_and_nobody_is_asked_elsewhere() {
        let (elsewhere, asked_there) = says("200 OK", VERSION);
        let (base, asked) = says(&format!("302 Found\r\nLocation: {elsewhere}/version"), "");
        assert_snapshot!(refusal(&base), @"HOST/version answered 302 with 0 bytes that are no version of a service");
        assert_eq!(Probe::new(base).health(), Health::Bad(302));
        assert_eq!(asked.try_iter().count(), 2, "once each");
        assert_eq!(asked_there.try_iter().count(), 0);
    }

    #[test]
    fn what_was_answered_is_never_told() {
        for body in ["<b>secret</b>", r#"{"commit": "secret"}"#, r#"{"commit": {"secret": 1}}"#, "\"secret\""]
        {
            let (base, _asked) = says("200 OK", body);
            let told = refusal(&base);
            assert!(
                told.starts_with("HOST/version answered 200 with ") && !told.contains("secret"),
                "{told}"
            );
        }
        let (base, _asked) = says("500 No", VERSION);
        assert_snapshot!(refusal(&base), @"HOST/version answered 500 with 97 bytes that are no version of a service");
    }

    #[test]
    fn an_answer_without_end_is_not_read_to_its_end() {
        let (base, _asked) = service(|stream| {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
            while stream.write_all(&[b' '; 8192]).is_ok() {}
        });
        assert_snapshot!(refusal(&base), @"HOST/version answered 200 with more than 65536 bytes");
        let (base, _asked) = says("200 OK", &"x".repeat(200_000));
        assert_snapshot!(refusal(&base), @"HOST/version answered 200 with more than 65536 bytes");
    }

    #[test]
    fn an_answer_that_comes_byte_by_byte_ends_with_the_time_for_all_of_it() {
        let (base, asked) = service(|stream| {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
            while stream.write_all(b" ").is_ok() {
                thread::sleep(Duration::from_millis(5));
            }
        });
        let probe = Probe::within(base, Duration::from_millis(300));
        let told = format!("{:#}", probe.version().unwrap_err());
        assert!(told.contains("answered 200, and its answer could not be read: timeout"), "{told}");
        assert_eq!(asked.try_iter().count(), 1, "it is asked once");
    }

    #[test]
    fn what_opens_an_address_is_not_shown() {
        for base in ["http://ada:S3CRET@127.0.0.1:1", "http://ada:S3CRET@127.0.0.1:x", "ada:S3CRET@host/a@b"]
        {
            let probe = Probe::new(base.to_owned());
            let Health::Silent(why) = probe.health() else { panic!("{base} answered") };
            let version = format!("{:#}", probe.version().unwrap_err());
            for text in [probe.address(), &why, &version] {
                assert!(!text.contains("S3CRET") && !text.contains("ada"), "{text}");
            }
        }
        assert_eq!(Probe::new("https://a:b@shop.fly.dev/x".to_owned()).address(), "https://shop.fly.dev/x");
    }
}
