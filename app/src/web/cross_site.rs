//! Writes that another site makes a visitor's browser send are refused, before their body is read.
//!
//! By what browsers say of themselves and no page can forge, as CrossOriginProtection of Go's net/http does.

use axum::extract::Request;
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::Response;

use super::problem::Problem;

pub(super) fn refusal(request: &Request) -> Option<Response> {
    if reads(request.method()) || is_of_this_site(request.headers()) {
        return None;
    }
    let text = "Another site asked for this change, so it was refused. Nothing was saved.";
    Some(Problem::new(StatusCode::FORBIDDEN, "Refused", text).at(request.uri().path()))
}

fn reads(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS].contains(method)
}

/// Whether this site's pages, the visitor directly or no browser at all sends it.
fn is_of_this_site(headers: &HeaderMap) -> bool {
    match headers.get("sec-fetch-site").map(HeaderValue::as_bytes) {
        Some(b"same-origin" | b"none") => true,
        Some(_) => false,
        None => headers.get(ORIGIN).is_none_or(|origin| is_host(origin, headers.get(HOST))),
    }
}

/// An older browser: the host of its page, with the port, is the one that it asks.
fn is_host(origin: &HeaderValue, host: Option<&HeaderValue>) -> bool {
    let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    let host = host.and_then(|host| host.to_str().ok());
    origin.zip(host).is_some_and(|((_, origin), host)| origin.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn passes(headers: &[(&'static str, &str)]) -> bool {
        let headers = headers.iter().map(|(name, value)| {
            (axum::http::HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        });
        is_of_this_site(&headers.collect())
    }

    #[test]
    fn what_sec_fetch_site_says_counts_whatever_the_origin() {
        for site in ["same-origin", "none"] {
            assert!(passes(&[("sec-fetch-site", site), ("host", "a"), ("origin", "https://b")]), "{site}");
        }
        for site in ["same-site", "cross-site", "Same-Origin", ""] {
            assert!(!passes(&[("sec-fetch-site", site), ("host", "a"), ("origin", "https://a")]), "{site}");
            assert!(!passes(&[("sec-fetch-site", site)]), "{site}");
        }
    }

    #[test]
    fn without_it_the_origin_must_be_the_host_with_its_port() {
        assert!(passes(&[("host", "a:8080"), ("origin", "http://a:8080")]));
        assert!(passes(&[("host", "A"), ("origin", "https://a")]));
        for origin in
            ["http://a", "http://a:80801", "http://b:8080", "null", "a:8080", "http://a:8080/", "://", ""]
        {
            assert!(!passes(&[("host", "a:8080"), ("origin", origin)]), "{origin}");
        }
        assert!(!passes(&[("origin", "http://a")]));
    }

    #[test]
    fn without_either_it_is_no_browser() {
        assert!(passes(&[("host", "a")]));
        assert!(passes(&[]));
    }

    #[test]
    fn every_method_that_may_write_is_looked_at() {
        assert!([Method::GET, Method::HEAD, Method::OPTIONS].iter().all(reads));
        assert!(![Method::POST, Method::PUT, Method::DELETE, Method::PATCH].iter().any(reads));
        assert!(!reads(&Method::from_bytes(b"get").unwrap()));
    }
}
