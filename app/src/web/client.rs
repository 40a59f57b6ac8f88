//! Who asks: the address that attempts are counted by.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName};

use super::visit::Visit;

/// An IPv4 address, or the /64 of an IPv6 one: whoever has one address there has them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Client(IpAddr);

impl Client {
    /// By the header that the proxy in front sets, where one was named; by the other end of the connection elsewhere, for anybody could
    /// send the header there.
    pub(super) fn of(request: &Request, header: Option<&HeaderName>) -> Self {
        let told = header.and_then(|header| told(request.headers(), header));
        let peer = Visit::of(request).map(|visit| visit.peer.ip());
        // Without any address all are one.
        Self::new(told.or(peer).unwrap_or(Ipv4Addr::UNSPECIFIED.into()))
    }

    pub(super) fn new(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
            address => address,
        })
    }
}

/// The last address that a header tells: a proxy adds the one it sees to what the client says.
fn told(headers: &HeaderMap, header: &HeaderName) -> Option<IpAddr> {
    let last = headers.get_all(header).iter().next_back()?.to_str().ok()?;
    last.rsplit(',').next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use axum::body::Body;
    use tokio::sync::watch;

    use super::*;

    fn client(address: &str) -> Client {
        Client::new(address.parse().unwrap())
    }

    fn asks(peer: Option<&str>, headers: &[&str], believed: Option<&str>) -> Client {
        let mut request = Request::new(Body::empty());
        for header in headers {
            request.headers_mut().append("x-forwarded-for", header.parse().unwrap());
        }
        if let Some(peer) = peer {
            let (_, stop) = watch::channel(false);
            request.extensions_mut().insert(Visit { peer: peer.parse().unwrap(), stop });
        }
        Client::of(&request, believed.map(|name| name.parse().unwrap()).as_ref())
    }

    #[test]
    fn an_ipv6_address_counts_by_its_64_and_an_ipv4_one_by_itself() {
        assert_eq!(client("2001:db8:1:2::1"), client("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(client("2001:db8:1:2::1"), client("2001:db8:1:3::1"));
        assert_ne!(client("192.0.2.1"), client("192.0.2.2"));
        assert_eq!(client("::ffff:192.0.2.1"), client("192.0.2.1"));
        assert_ne!(client("::ffff:192.0.2.1"), client("::ffff:192.0.2.2"));
    }

    #[test]
    fn only_the_header_that_was_named_counts_and_of_it_what_the_proxy_added() {
        let (peer, believed) = (Some("192.0.2.1:1234"), Some("x-forwarded-for"));
        assert_eq!(asks(peer, &["198.51.100.7"], believed), client("198.51.100.7"));
        assert_eq!(asks(peer, &["203.0.113.1, 198.51.100.7"], believed), client("198.51.100.7"));
        assert_eq!(asks(peer, &["203.0.113.1", "198.51.100.7"], believed), client("198.51.100.7"));
        for other in
            [asks(peer, &["198.51.100.7"], None), asks(peer, &["198.51.100.7"], Some("fly-client-ip"))]
        {
            assert_eq!(other, client("192.0.2.1"));
        }
        for none in [&[][..], &["nonsense"], &["198.51.100.7, "]] {
            assert_eq!(asks(peer, none, believed), client("192.0.2.1"));
        }
    }

    #[test]
    fn without_an_address_all_are_one_client() {
        assert_eq!(asks(None, &[], None), asks(None, &[], Some("x-forwarded-for")));
        assert_ne!(asks(None, &[], None), client("192.0.2.1"));
    }
}
