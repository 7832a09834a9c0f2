//! Two stores give each other what the other has not: over sockets, over streams that break, to peers that
//! lie, and while others write.
//!
//! `HYPERSTAR_SYNC_SEEDS` sets how many random histories, cuts and exchanges there are.

mod clones;
mod cuts;
mod gossip;
mod hostile;
mod names;
mod pipe;
mod random;
mod while_others;

use std::env;

const SEEDS: &str = "HYPERSTAR_SYNC_SEEDS";

/// The seeds to try: few unless somebody asked for more.
fn seeds(few: u64) -> std::ops::Range<u64> {
    0..env::var(SEEDS).map_or(few, |seeds| seeds.parse().unwrap())
}
