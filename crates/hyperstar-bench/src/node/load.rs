//! Many who ask at once.

use std::time::{Duration, Instant};

use anyhow::Result;
use hyperstar_native::Host;
use tokio::task::JoinSet;

use super::hosted;
use crate::figures::{ms, percentile};
use crate::machine;

/// What came of a load.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Load {
    /// Answers a second.
    pub(crate) rate: f64,
    /// How long an answer took, in milliseconds.
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    /// Processor time of the whole program for each, in microseconds.
    pub(crate) cpu_us: f64,
}

/// Asks processes in turn, `in_flight` at once in all, for a while.
pub(crate) async fn run(
    host: &Host,
    names: &[String],
    in_flight: usize,
    load_for: Duration,
    handler: &'static str,
    body: fn(u64) -> String,
) -> Result<Load> {
    let mut tasks = JoinSet::new();
    let (began, cpu_ns) = (Instant::now(), machine::cpu_ns());
    for task in 0..in_flight {
        let host = host.clone();
        let address = hosted::address(&names[task % names.len()]);
        tasks.spawn(async move {
            let mut took_ms = Vec::new();
            let mut before = began.elapsed();
            // Numbers that no other task has.
            let mut number = (task as u64) << 32;
            while before < load_for {
                number += 1;
                hosted::ask(&host, &address, handler, &body(number)).await?;
                let now = began.elapsed();
                took_ms.push(ms(now - before));
                before = now;
            }
            anyhow::Ok(took_ms)
        });
    }
    let mut took_ms = Vec::new();
    while let Some(own) = tasks.join_next().await {
        took_ms.extend(own??);
    }
    let cpu_us = (machine::cpu_ns() - cpu_ns) as f64 / 1e3;
    Ok(Load {
        cpu_us: cpu_us / took_ms.len().max(1) as f64,
        rate: took_ms.len() as f64 / began.elapsed().as_secs_f64(),
        p50_ms: percentile(&took_ms, 50.0),
        p99_ms: percentile(&took_ms, 99.0),
    })
}
