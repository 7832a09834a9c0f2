//! Whose request it is: the address that [`Limits::streams_per_address_max`](crate::Limits) counts by.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::HeaderMap;

/// The network of an IPv6 address that one client has to itself, in bits: it may take any address of it
/// (RFC 6177, RFC 8981).
const V6_NETWORK_BITS: u32 = 64;

/// The address to count a request by; `None` if it does not tell clients apart.
///
/// Behind a proxy it is the last entry of `X-Forwarded-For`, which the proxy added: the entries before it
/// are what the client claims. Without one it is the peer, unless that is a loopback or private address:
/// then it is a proxy that nobody told us of, a load balancer or yourself.
pub(crate) fn counted(
    peer: Option<IpAddr>,
    headers: &HeaderMap,
    behind_proxy: bool,
) -> Option<IpAddr> {
    let told = behind_proxy.then(|| forwarded_for(headers)).flatten();
    let own = || peer.map(|peer| peer.to_canonical());
    told.or_else(|| own().filter(is_public)).map(network)
}

fn forwarded_for(headers: &HeaderMap) -> Option<IpAddr> {
    let last = headers.get_all("x-forwarded-for").iter().next_back()?;
    let entry = last.to_str().ok()?.rsplit(',').next()?.trim();
    let bare = entry.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse::<IpAddr>().ok();
    // Some proxies add the port.
    let address = address.or_else(|| Some(entry.parse::<SocketAddr>().ok()?.ip()));
    address.map(|address| address.to_canonical())
}

/// Whether it is an address of the internet, of one client or of those who share one there.
fn is_public(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            let is_shared = a == 100 && b & 0b1100_0000 == 64;
            !(v4.is_loopback()
                || v4.is_private()
                || v4.is_link_local()
                || v4.is_unspecified()
                || is_shared)
        }
        IpAddr::V6(v6) => {
            !(v6.is_loopback()
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
                || v6.is_unspecified())
        }
    }
}

/// The client's network, as an address.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => {
            let host_bits = Ipv6Addr::BITS - V6_NETWORK_BITS;
            Ipv6Addr::from_bits(v6.to_bits() >> host_bits << host_bits).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(peer: &str, forwarded: &[&str], behind_proxy: bool, expected: Option<&str>) {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        let counted = counted(peer.parse().ok(), &headers, behind_proxy);
        let expected = expected.map(|address| address.parse::<IpAddr>().unwrap());
        assert_eq!(counted, expected, "{peer} {forwarded:?} {behind_proxy}");
    }

    #[test]
    fn a_peer_on_the_internet_is_counted_and_one_of_ours_is_not() {
        check("198.51.100.7", &[], false, Some("198.51.100.7"));
        check("::ffff:198.51.100.7", &[], false, Some("198.51.100.7"));
        check("2001:db8:1:2:3:4:5:6", &[], false, Some("2001:db8:1:2::"));
        for ours in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "169.254.1.1",
            "::1",
            "fd00::1",
            "fe80::1",
            "::ffff:10.0.0.1",
            "",
        ] {
            check(ours, &[], false, None);
        }
        check("100.63.0.1", &[], false, Some("100.63.0.1"));
        check("172.32.0.1", &[], false, Some("172.32.0.1"));
    }

    #[test]
    fn only_what_the_trusted_proxy_added_is_believed() {
        let told = Some("198.51.100.7");
        check("127.0.0.1", &["198.51.100.7"], true, told);
        check("127.0.0.1", &["1.1.1.1, 198.51.100.7"], true, told);
        check(
            "127.0.0.1",
            &["1.1.1.1", "2.2.2.2,198.51.100.7 "],
            true,
            told,
        );
        check("127.0.0.1", &["198.51.100.7:4711"], true, told);
        check("127.0.0.1", &["::ffff:198.51.100.7"], true, told);
        let v6 = Some("2001:db8::");
        check("127.0.0.1", &["2001:db8::7"], true, v6);
        check("127.0.0.1", &["[2001:db8::7]"], true, v6);
        check("127.0.0.1", &["[2001:db8::7]:4711"], true, v6);
        // Of an intranet, and told as the client all the same.
        check("127.0.0.1", &["10.0.0.7"], true, Some("10.0.0.7"));
        for nothing in ["", "unknown", "1.1.1.1, ", "1.1.1.1, _hidden", "999.1.1.1"] {
            check("127.0.0.1", &[nothing], true, None);
            check("198.51.100.9", &[nothing], true, Some("198.51.100.9"));
        }
        check("127.0.0.1", &["198.51.100.7"], false, None);
        check(
            "198.51.100.9",
            &["198.51.100.7"],
            false,
            Some("198.51.100.9"),
        );
    }
}
