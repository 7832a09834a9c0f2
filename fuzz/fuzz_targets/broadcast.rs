//! Groups: what the fuzzer chooses is published, joined, skipped and sent, and every client must read
//! exactly that, by decoders that know nothing of how it was coded.
//!
//! `cargo +nightly fuzz run broadcast`
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/hyperstar-sse/tests/it/broadcast/choices.rs"]
mod choices;
#[path = "../../crates/hyperstar-sse/tests/it/broadcast/decoders.rs"]
mod decoders;
#[path = "../../crates/hyperstar-sse/tests/it/broadcast/pages.rs"]
mod pages;
#[path = "../../crates/hyperstar-sse/tests/it/broadcast/schedule.rs"]
mod schedule;

/// Enough for some large frames; a fuzzer learns more from many small schedules.
const DECODED_BYTES: u64 = 4_000_000;

fuzz_target!(|bytes: &[u8]| {
    let mut choices = choices::Choices::of_bytes(bytes);
    if let Err(error) = schedule::play(&mut choices, DECODED_BYTES) {
        panic!("{error}");
    }
});
