//! One line a request, when it is answered. Never a query, a header or a body: those are the visitors' own.

use std::time::Instant;

use axum::extract::Request;
use axum::http::{Method, StatusCode};
use tracing::{Level, debug, error, info, warn};

/// A request that is being answered.
#[derive(Debug)]
pub(super) struct Line {
    method: Method,
    path: String,
    asked: Instant,
}

impl Line {
    pub(super) fn of(request: &Request) -> Self {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        Self { method, path, asked: Instant::now() }
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn write(self, status: StatusCode) {
        let (Self { method, path, asked }, code) = (self, status.as_u16());
        let took = asked.elapsed().as_millis();
        tell(level(&path, status), &format!("{method} {path}: {code} in {took} ms"));
    }
}

/// Health checks come every few seconds, and whoever asks hears the reason.
fn level(path: &str, status: StatusCode) -> Level {
    match status {
        _ if path == "/healthz" => Level::DEBUG,
        StatusCode::SERVICE_UNAVAILABLE => Level::WARN,
        _ if status.is_server_error() => Level::ERROR,
        _ => Level::INFO,
    }
}

fn tell(level: Level, line: &str) {
    match level {
        Level::ERROR => error!("{line}"),
        Level::WARN => warn!("{line}"),
        Level::INFO => info!("{line}"),
        _ => debug!("{line}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_our_fault_is_louder_and_health_checks_are_quieter() {
        let level = |path, status: u16| level(path, StatusCode::from_u16(status).unwrap_or_default());
        assert_eq!([200, 303, 404, 422, 429].map(|status| level("/", status)), [Level::INFO; 5]);
        assert_eq!([500, 503].map(|status| level("/", status)), [Level::ERROR, Level::WARN]);
        assert_eq!([200, 503].map(|status| level("/healthz", status)), [Level::DEBUG; 2]);
    }
}
