//! A sync in which the fuzzer has its way with the messages: nobody panics, and both stores stay whole.
//!
//! `cargo +nightly fuzz run sync`
#![no_main]

use hyperstar_store::sync::{Next, Session, SyncError, SyncOptions};
use hyperstar_store::{Bytes, Store, StoreError};
use libfuzzer_sys::fuzz_target;

/// What is done to a message, as bytes of the input.
const CHOICE_BYTES: usize = 5;

fuzz_target!(|bytes: &[u8]| {
    let (one, other) = (Store::memory(), Store::memory());
    fill(&one, 1).expect("memory can be written");
    fill(&other, 2).expect("memory can be written");
    // Whether it is a lie from the first byte on, or a sync that is tampered with.
    match bytes.split_first() {
        Some((kind, rest)) if kind % 4 == 0 => drop(say(&one, rest)),
        Some((_, rest)) => drop(tamper(&one, &other, rest)),
        None => {}
    }
    for store in [one, other] {
        let report = store.verify(|_| ()).expect("memory can be read");
        assert!(report.is_whole(), "{report:?}");
    }
});

fn fill(store: &Store, seed: u8) -> Result<(), StoreError> {
    store.set("shared", "the same on both")?;
    for step in 0..3 {
        store.transaction(|tx| {
            (0..40).try_for_each(|n| {
                let value = vec![seed.wrapping_mul(n); 200];
                tx.set_bytes(&format!("n/{step}/{n}"), value)
            })?;
            tx.set_bytes("blob", vec![seed; 70_000 + usize::from(step as u8)])
        })?;
    }
    let tip = store.head_id();
    store.branch(&format!("own/{seed}"), tip)?;
    store.tag(&format!("tag/{seed}"), tip)
}

/// Messages one after the other, each after its length in two bytes.
fn say(store: &Store, mut bytes: &[u8]) -> Result<(), SyncError> {
    let options = SyncOptions::default();
    let (_, hello) = Session::lead(store, &options)?;
    let mut session = Session::serve(store, &options)?;
    session.receive(hello)?;
    while let Some((length, rest)) = bytes.split_first_chunk::<2>() {
        let length = usize::from(u16::from_le_bytes(*length)).min(rest.len());
        let (message, rest) = rest.split_at(length);
        session.receive(Bytes::copy_from_slice(message))?;
        bytes = rest;
    }
    Ok(())
}

fn tamper(one: &Store, other: &Store, bytes: &[u8]) -> Result<(), SyncError> {
    let options = SyncOptions::default();
    let (mut leads, first) = Session::lead(one, &options)?;
    let mut serves = Session::serve(other, &options)?;
    let mut choices = bytes.chunks_exact(CHOICE_BYTES);
    let mut choice = choices.next();
    let (mut message, mut to_leader) = (Some(first), false);
    for index in 0_u8..=255 {
        let Some(mut passing) = message.take() else {
            break;
        };
        while let Some([at, kind, low, high, byte]) = choice
            && *at == index
        {
            let place = usize::from(u16::from_le_bytes([*low, *high]));
            passing = change(&passing, *kind, place, *byte);
            choice = choices.next();
        }
        let receiver = if to_leader { &mut leads } else { &mut serves };
        message = match receiver.receive(passing)? {
            Next::Send(next) => Some(next),
            Next::End(last) => last,
        };
        to_leader = !to_leader;
    }
    Ok(())
}

fn change(message: &Bytes, kind: u8, place: usize, byte: u8) -> Bytes {
    let mut bytes = message.to_vec();
    let place = place % bytes.len().max(1);
    match kind % 4 {
        0 => bytes.truncate(place),
        1 => bytes.insert(place.min(bytes.len()), byte),
        _ => {
            if let Some(found) = bytes.get_mut(place) {
                *found = byte;
            }
        }
    }
    bytes.into()
}
