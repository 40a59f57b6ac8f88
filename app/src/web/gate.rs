//! Who is let in to the data: whoever knows the password, or everybody where nobody else can come by.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use askama::Template;
use axum::Json;
use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::attempts::{Attempts, Given, Verdict};
use super::client::Client;
use super::page;
use super::problem::{Problem, is_api};
use crate::config::{Config, Fly, Password};

#[derive(Debug)]
pub(super) struct Gate {
    password: Option<Password>,
    fly: Option<Fly>,
    /// Which header tells who is in front of the proxy.
    client_header: Option<HeaderName>,
    attempts: Mutex<Attempts>,
}

/// Any user name will do: there is only one password.
const ASK: &str = "Basic realm=\"customers\", charset=\"UTF-8\"";

#[derive(Template)]
#[template(path = "closed.html")]
struct ClosedPage<'a> {
    app: &'a str,
}

impl Gate {
    pub(super) fn new(config: Config) -> Self {
        let Config { password, fly, client_header, .. } = config;
        Self { password, fly, client_header, attempts: Mutex::default() }
    }

    pub(super) fn is_on_fly(&self) -> bool {
        self.fly.is_some()
    }

    /// Whether everybody is let in who comes by.
    pub(super) fn is_open(&self) -> bool {
        self.password.is_none() && self.fly.is_none()
    }

    /// The answer to who is not let in.
    pub(super) fn refusal(&self, request: &Request) -> Option<Response> {
        let path = request.uri().path();
        match (&self.password, &self.fly) {
            (Some(password), _) => match self.judge(password, request) {
                Verdict::Pass => None,
                Verdict::Ask => Some(ask(path)),
                Verdict::Wait(time) => Some(wait(time, path)),
            },
            (None, Some(fly)) => Some(closed(fly, path)),
            (None, None) => None,
        }
    }

    fn judge(&self, password: &Password, request: &Request) -> Verdict {
        let client = Client::of(request, self.client_header.as_ref());
        let given = given(password, request.headers());
        // Attempts are whole after every call, also after one that panicked.
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        attempts.judge(client, given, Instant::now())
    }
}

fn given(password: &Password, headers: &HeaderMap) -> Given {
    match headers.get(AUTHORIZATION).map(typed) {
        None => Given::Nothing,
        Some(Some(typed)) if password.is(&typed) => Given::Right,
        Some(_) => Given::Wrong,
    }
}

/// The password of an `Authorization: Basic` header; nothing when it is not one.
fn typed(header: &HeaderValue) -> Option<Vec<u8>> {
    let (scheme, encoded) = header.to_str().ok()?.split_once(' ')?;
    let decoded = STANDARD.decode(encoded.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    Some(decoded[colon + 1..].to_vec())
}

fn ask(path: &str) -> Response {
    let text = "The password of this service is asked for; any user name will do.";
    let mut response = Problem::new(StatusCode::UNAUTHORIZED, "Password, please", text).at(path);
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(ASK));
    response
}

fn wait(time: Duration, path: &str) -> Response {
    let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    let text = format!(
        "Too many wrong passwords came, from your network or from many others. \
         Also the right one is only taken again in {seconds} s."
    );
    let mut response = Problem::new(StatusCode::TOO_MANY_REQUESTS, "Please wait", text).at(path);
    response.headers_mut().insert(RETRY_AFTER, seconds.into());
    response
}

/// On Fly without a password: how to set one, and nothing else.
fn closed(fly: &Fly, path: &str) -> Response {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    if !is_api(path) {
        return page::html(status, &ClosedPage { app: &fly.app });
    }
    let app = &fly.app;
    let text = format!(
        "No password is set, so nothing is shown and nothing can be changed. Set one with: \
         fly secrets set APP_PASSWORD=… --app {app} (a leading space keeps it out of the history of most shells), \
         or from stdin with: fly secrets import --app {app}"
    );
    (status, Json(json!({ "error": { "message": text } }))).into_response()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn typed_in(header: &str) -> Option<String> {
        typed(&header.parse().unwrap()).map(|typed| String::from_utf8(typed).unwrap())
    }

    #[test]
    fn the_password_is_all_that_follows_the_first_colon() {
        let basic = |text: &str| typed_in(&format!("bAsIc {}", STANDARD.encode(text)));
        assert_eq!(basic("ada:secret").unwrap(), "secret");
        assert_eq!(basic(":pä:ss ").unwrap(), "pä:ss ");
        assert_eq!(basic("ada:").unwrap(), "");
        assert_eq!(basic("secret"), None);
    }

    #[test]
    fn what_is_not_basic_holds_no_password() {
        for header in ["", "Basic", "Basic !", "Bearer YTpi", "BasicYTpi"] {
            assert_eq!(typed_in(header), None, "{header}");
        }
    }

    #[test]
    fn a_wait_is_told_in_whole_seconds_that_are_enough() {
        let after = |millis| wait(Duration::from_millis(millis), "/").headers()[RETRY_AFTER].clone();
        assert_eq!([1, 1000, 1001, 59_999].map(after), ["1", "1", "2", "60"]);
    }
}
