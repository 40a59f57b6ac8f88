//! What every answer carries, so that a browser keeps a page from what it has no need of.

use axum::extract::Request;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, RETRY_AFTER,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;

/// Scripts, frames, foreign sources and devices are forbidden: the pages need none.
const HEADERS: [(HeaderName, &str); 7] = [
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), display-capture=(), geolocation=(), microphone=(), midi=(), payment=(), usb=()",
    ),
    (REFERRER_POLICY, "no-referrer"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
];

/// In seconds: when it is worth asking again, after whatever kept from an answer.
const AGAIN: HeaderValue = HeaderValue::from_static("5");

/// For a year only HTTPS.
const ENCRYPTED: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// `encrypted` is whether Fly says so: who came there over HTTPS shall not come without it again.
pub(super) fn add(response: &mut Response, encrypted: bool) {
    let unavailable = response.status() == StatusCode::SERVICE_UNAVAILABLE;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // Whatever does not say that it may be kept may carry data.
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if unavailable {
        headers.entry(RETRY_AFTER).or_insert(AGAIN);
    }
    if encrypted {
        headers.insert(STRICT_TRANSPORT_SECURITY, ENCRYPTED);
    }
}

/// As a proxy says; only Fly's is known to say the truth.
pub(super) fn came_over_https(request: &Request) -> bool {
    request.headers().get("x-forwarded-proto").is_some_and(|protocol| protocol == "https")
}
