//! Who asks: the address that attempts are counted by.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use axum::extract::Request;

use super::visit::Visit;

/// An IPv4 address, or the /64 of an IPv6 one: whoever has one address there has them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Client(IpAddr);

impl Client {
    /// Behind Fly's proxy its header counts, which nobody but the proxy can set there; elsewhere anybody could.
    pub(super) fn of(request: &Request, on_fly: bool) -> Self {
        let told = request.headers().get("fly-client-ip").filter(|_| on_fly);
        let told = told.and_then(|address| address.to_str().ok()?.parse().ok());
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use axum::body::Body;
    use tokio::sync::watch;

    use super::*;

    fn client(address: &str) -> Client {
        Client::new(address.parse().unwrap())
    }

    fn asks(peer: Option<&str>, header: Option<&str>, on_fly: bool) -> Client {
        let mut request = Request::new(Body::empty());
        if let Some(header) = header {
            request.headers_mut().insert("fly-client-ip", header.parse().unwrap());
        }
        if let Some(peer) = peer {
            let (_, stop) = watch::channel(false);
            request.extensions_mut().insert(Visit { peer: peer.parse().unwrap(), stop });
        }
        Client::of(&request, on_fly)
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
    fn the_header_of_fly_counts_only_there() {
        let (peer, header) = (Some("192.0.2.1:1234"), Some("198.51.100.7"));
        assert_eq!(asks(peer, header, true), client("198.51.100.7"));
        assert_eq!(asks(peer, header, false), client("192.0.2.1"));
        assert_eq!(asks(peer, None, true), client("192.0.2.1"));
        assert_eq!(asks(peer, Some("nonsense"), true), client("192.0.2.1"));
    }

    #[test]
    fn without_an_address_all_are_one_client() {
        assert_eq!(asks(None, None, false), asks(None, None, true));
        assert_ne!(asks(None, None, false), client("192.0.2.1"));
    }
}
