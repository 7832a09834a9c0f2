//! Pages of trees as another store sends them: whatever is read has these bytes and no others.
//!
//! `cargo +nightly fuzz run pages`
#![no_main]

use hyperstar_store::sync::probe_page;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // What the page above says of it: how many entries, and how heavy.
    let Some((count, rest)) = bytes.split_first_chunk::<4>() else {
        return;
    };
    let Some((weight, page)) = rest.split_first_chunk::<4>() else {
        return;
    };
    let [count, weight] = [count, weight].map(|number| u64::from(u32::from_le_bytes(*number)));
    probe_page(page, count, weight);
});
