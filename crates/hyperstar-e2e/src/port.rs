//! Ports for servers that must keep theirs over a restart.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};

/// Below the range from which systems give ports to outgoing connections, so that no connection
/// of a browser takes a port while its server restarts.
const FIRST: u32 = 12_000;
const COUNT: u32 = 18_000;

/// A port of loopback that nobody listens on, and that this process gives out only once.
///
/// # Errors
/// When all ports of the range are taken.
pub fn free_port() -> Result<u16> {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    // Test binaries that run at the same time start in different places.
    let start = std::process::id().wrapping_mul(97);
    (0..COUNT)
        .map(|_| {
            let offset = start.wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed)) % COUNT;
            u16::try_from(FIRST + offset).expect("the range ends below 65,536")
        })
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .context("no free port on loopback")
}
