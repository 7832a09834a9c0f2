//! Joins: viewers that come, see their first frame and leave.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::{PATIENCE, READ_BYTES, Request, Response, connect};
use crate::figures::ms;

/// What joins came to.
#[derive(Debug, Default)]
pub(crate) struct Joins {
    /// From before connecting until the first frame was whole, one figure a join.
    pub(crate) times_ms: Vec<f64>,
    pub(crate) took: Duration,
}

/// Joins at a steady pace for so long, one after the other: where one takes longer than its share of a
/// second, the pace falls, and the result tells. A first frame has so many bytes.
pub(crate) fn joins(
    address: SocketAddr,
    per_second: usize,
    duration: Duration,
    first_bytes: u64,
    mut until: impl FnMut() -> bool,
    request: impl Fn(usize) -> Request,
) -> Result<Joins> {
    let began = Instant::now();
    let mut joins = Joins::default();
    let mut buffer = vec![0; READ_BYTES];
    while began.elapsed() < duration && !until() {
        let number = joins.times_ms.len();
        let due = Duration::from_secs_f64(number as f64 / per_second.max(1) as f64);
        std::thread::sleep(due.saturating_sub(began.elapsed()));
        let since = Instant::now();
        join(address, &request(number), first_bytes, &mut buffer)
            .with_context(|| format!("join {number} failed"))?;
        joins.times_ms.push(ms(since.elapsed()));
    }
    joins.took = began.elapsed();
    Ok(joins)
}

fn join(address: SocketAddr, request: &Request, bytes: u64, buffer: &mut [u8]) -> Result<()> {
    let mut socket = connect(address)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.write_all(request.encode(address).as_bytes())?;
    let mut response = Response::new();
    while response.body_bytes < bytes {
        let count = socket.read(buffer)?;
        ensure!(
            count > 0,
            "the server closed the stream before its first frame"
        );
        response.feed(&buffer[..count], |_| {})?;
    }
    Ok(())
}
