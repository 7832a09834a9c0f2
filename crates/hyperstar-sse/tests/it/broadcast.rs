//! Groups: whatever is published in whatever order, every client of every encoding reads exactly that,
//! by decoders that know nothing of how it was coded.
//!
//! `HYPERSTAR_BROADCAST_MB` says how much is to be decoded in all (4), `HYPERSTAR_BROADCAST_SEED` with
//! which schedule to begin (0). `cargo xtask soak broadcast` does much, and optimised.

mod choices;
mod decoders;
mod pages;
mod schedule;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

pub(crate) use choices::Choices;
pub(crate) use decoders::Decoder;
use schedule::{Tally, play};

/// One schedule decodes this much, so that many setups have their turn.
const SCHEDULE_BYTES: u64 = 8_000_000;
/// Schedules of that size that found something once: 5685 makes brotli's encoder panic.
const FOUND_SOMETHING: [u64; 1] = [5685];

fn setting(name: &str, default: u64) -> u64 {
    let value = std::env::var(name);
    value.map_or(default, |value| value.parse().expect(name))
}

#[test]
fn every_client_reads_what_was_published() {
    let decoded_bytes = setting("HYPERSTAR_BROADCAST_MB", 4) * 1_000_000;
    let schedule_bytes = SCHEDULE_BYTES.min(decoded_bytes / 16 + 1);
    let seed = AtomicU64::new(setting("HYPERSTAR_BROADCAST_SEED", 0));
    let done = AtomicU64::new(0);
    if schedule_bytes == SCHEDULE_BYTES {
        for seed in FOUND_SOMETHING {
            let played = play(&mut Choices::of_seed(seed), schedule_bytes);
            played.unwrap_or_else(|error| panic!("schedule {seed}: {error}"));
        }
    }
    let began = Instant::now();
    let work = || {
        let mut tally = Tally::default();
        while done.load(Ordering::Relaxed) < decoded_bytes {
            let seed = seed.fetch_add(1, Ordering::Relaxed);
            match play(&mut Choices::of_seed(seed), schedule_bytes) {
                Ok(more) => {
                    done.fetch_add(more.decoded_bytes, Ordering::Relaxed);
                    tally += more;
                }
                Err(error) => panic!(
                    "schedule {seed}: {error}; again with HYPERSTAR_BROADCAST_SEED={seed} \
                     HYPERSTAR_BROADCAST_MB={}",
                    decoded_bytes / 1_000_000
                ),
            }
        }
        tally
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let tally = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut tally = Tally::default();
        for thread in threads {
            match thread.join() {
                Ok(more) => tally += more,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        tally
    });
    println!(
        "broadcast: {:.2} GB decoded and compared in {:.0} s, {} schedules, {} frames, {} clients, \
         {} times several changes at once",
        tally.decoded_bytes as f64 / 1e9,
        began.elapsed().as_secs_f64(),
        seed.into_inner(),
        tally.frames,
        tally.clients,
        tally.combined,
    );
}
