//! By which name this service is asked. A page of anybody's can give its own name the address 127.0.0.1 once it is loaded, and would then
//! be of this very site to the browser (DNS rebinding): the name in `Host` is what gives it away.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::http::{StatusCode, Uri};
use axum::response::Response;

use super::problem::Problem;

/// Every request names one host, once (RFC 9112, 3.2): what comes with none or two is read differently by different programs.
pub(super) fn unnamed(request: &Request) -> Option<Response> {
    if host(request).is_some() {
        return None;
    }
    let text = "A request has to name one host, and this one does not.";
    Some(Problem::new(StatusCode::BAD_REQUEST, "Not understood", text).at(request.uri().path()))
}

/// Where no password is asked for, only who is on this machine is answered, and calls it so.
pub(super) fn elsewhere(request: &Request) -> Option<Response> {
    if host(request).is_some_and(|host| is_loopback(&host)) {
        return None;
    }
    let text = "Without a password this service answers only by the names of this machine itself, as in \
                http://localhost. To be asked by another name, start it with APP_PASSWORD.";
    Some(Problem::new(StatusCode::MISDIRECTED_REQUEST, "Refused", text).at(request.uri().path()))
}

fn host(request: &Request) -> Option<Authority> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return None };
    let host: Authority = host.to_str().ok()?.parse().ok()?;
    // A whole address instead of a path names one, too.
    let same = |uri: &Uri| uri.authority().is_none_or(|named| *named == host);
    (!host.as_str().contains('@') && same(request.uri())).then_some(host)
}

fn is_loopback(host: &Authority) -> bool {
    let name = host.host();
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    name.eq_ignore_ascii_case("localhost")
        || address.is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use axum::body::Body;

    use super::*;

    fn named(uri: &str, hosts: &[&str]) -> Option<String> {
        let mut request = Request::builder().uri(uri);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        host(&request.body(Body::empty()).unwrap()).map(|host| host.to_string())
    }

    #[test]
    fn a_request_names_one_host_once() {
        assert_eq!(named("/", &["a:80"]).unwrap(), "a:80");
        assert_eq!(named("http://A/", &["a"]).unwrap(), "a");
        let none: [&[&str]; 6] = [&[], &["a", "a"], &["a", "b"], &[""], &["a b"], &["x@localhost"]];
        for hosts in none {
            assert_eq!(named("/", hosts), None, "{hosts:?}");
        }
        assert_eq!(named("http://b/", &["a"]), None);
    }

    #[test]
    fn only_the_names_of_this_machine_are_its_own() {
        let own = |host: &str| is_loopback(&host.parse().unwrap());
        for host in [
            "localhost",
            "LocalHost:8080",
            "127.0.0.1",
            "127.1.2.3:80",
            "[::1]",
            "[::1]:8080",
            "[::ffff:127.0.0.1]",
        ] {
            assert!(own(host), "{host}");
        }
        for host in [
            "localhost.evil.example",
            "evil.example:8080",
            "0.0.0.0",
            "192.0.2.1",
            "[::]",
            "127.0.0.1.evil.example",
            "2130706433",
        ] {
            assert!(!own(host), "{host}");
        }
    }
}
