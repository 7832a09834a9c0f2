//! Ports for servers that must keep theirs over a restart.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};

/// Below the range from which systems give ports to outgoing connections, so that no connection
/// of a browser takes a port while its server restarts.
const FIRST: u32 = 12_000;
const COUNT: u32 = 18_000;

/// The first of `count` consecutive ports of loopback on which nobody listens, and which this
/// process gives out only once.
///
/// # Errors
/// When there are none.
pub fn free_ports(count: u16) -> Result<u16> {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    // Test binaries that run at the same time start in different places.
    let start = std::process::id().wrapping_mul(97);
    let step = u32::from(count.max(1));
    (0..COUNT / step)
        .map(|_| start.wrapping_add(GIVEN.fetch_add(step, Ordering::Relaxed)) % COUNT)
        .filter_map(|offset| u16::try_from(FIRST + offset).ok())
        .find(|first| (*first..first.saturating_add(count)).all(is_free))
        .with_context(|| format!("no {count} free ports in a row on loopback"))
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_given_out_once() {
        let (one, four, again) = (free_ports(1), free_ports(4), free_ports(1));
        let (one, four, again) = (one.unwrap(), four.unwrap(), again.unwrap());
        assert!(one != again && !(four..four + 4).contains(&one));
        assert!(!(four..four + 4).contains(&again));
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, one)).unwrap();
        assert!(!is_free(taken.local_addr().unwrap().port()));
    }
}
